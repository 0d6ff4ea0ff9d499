//! What is said of SynthSeg and by it.

use crate::Text;

texts! {
    const:
    /// Name.
    NAME = "SynthSeg 2.0 (brain, any contrast)", "SynthSeg 2.0（脑分割，任意对比度）";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "Apache-2.0, with the code", "随代码以 Apache-2.0 许可发布";
    /// What it is for.
    USE = "Outlines 32 structures of the brain on MRI of any contrast and resolution, and on CT; gives their volumes, on request the parcels of the cortex and scores of quality.", "在任意对比度与分辨率的 MRI 及 CT 上勾画 32 个脑结构并给出体积；可选皮层分区与质控评分。";
    /// What it cannot do.
    LIMITS = "Lesions, tumours and post-operative cavities are no structure of their own and are given to their surroundings. Parcels follow the outline of the cortex, not the image. Scores of quality are the network's guess of its own overlap, no measure of the scan. Volumes are not adjusted for age or sex. Accuracy is published by contrast in figures only.", "病灶、肿瘤及术后残腔不单独成类，会并入周围结构。皮层分区依据皮层轮廓而非影像本身。质控评分为网络对自身重叠度的估计，并非扫描质量指标。体积未按年龄与性别校正。精度仅以各对比度的图示发表。";
    /// Choice.
    FAST = "without the mirrored reading and without keeping one piece of each structure: half the time", "不做镜像判读，也不对各结构取最大连通块，耗时减半";
    /// Choice.
    ROBUST = "for clinical scans of low quality: through tissues (weights of their own)", "适用于质量较低的临床影像，先分组织再分结构（需另一权重）";
    /// Choice.
    VERSION_ONE = "version 1.0 (weights of its own)", "1.0 版（需另一权重）";
    /// Choice.
    PARC = "divides the cortex into 68 parcels (further weights)", "将皮层细分为 68 个分区（需附加权重）";
    /// Choice.
    QC = "scores of quality for eight groups (further weights)", "给出八组结构的质控评分（需附加权重）";
    /// Choice.
    CT = "the image is a CT, whatever its header says: 0 to 80 HU are kept", "按 CT 处理（不论文件头）：仅保留 0–80 HU";
    /// Choice.
    ORIGINAL_TABLES = "volumes of parcels as version 2 writes them, made to sum to the white matter by a slip", "分区体积沿用 v2 原表（因原程序缺陷按白质总量归一）";
    /// Wrong use.
    ROBUST_IS_TWO = "SynthSeg has no robust version 1: choose one of 'v1' and 'robust'", "SynthSeg 1.0 没有 robust 版，“v1”与“robust”请二选一";
    /// Remark.
    CT_WINDOW = "The image was read as CT: values below 0 and above 80 HU were cut off.", "按 CT 判读：0–80 HU 以外的数值已截断。";
    /// Remark.
    RESAMPLED = "The networks read the head at 1 mm. The label map was brought to the image's own voxels, the nearest each; the volumes in synthseg-volumes.csv are those at 1 mm.", "网络在 1 mm 分辨率下判读；标签图已按最近邻还原到原始体素，synthseg-volumes.csv 中的体积为 1 mm 分辨率下的结果。";
    /// The number.
    INTRACRANIAL = "Total intracranial volume (soft)", "颅内总体积（软体积）";
    /// Remark.
    NOTHING = "No structure was found: the image is probably no head.", "未检出任何结构：该影像可能不是头部影像。";
}

/// Identifiers and names of the scores, in the order of the groups.
pub static QUALITY: [(&str, Text); 8] = [
    ("quality-white-matter", Text::fixed("Quality score: white matter", "质控评分：白质")),
    ("quality-grey-matter", Text::fixed("Quality score: grey matter", "质控评分：灰质")),
    ("quality-csf", Text::fixed("Quality score: cerebrospinal fluid", "质控评分：脑脊液")),
    ("quality-cerebellum", Text::fixed("Quality score: cerebellum", "质控评分：小脑")),
    ("quality-brainstem", Text::fixed("Quality score: brainstem", "质控评分：脑干")),
    ("quality-thalamus", Text::fixed("Quality score: thalamus", "质控评分：丘脑")),
    (
        "quality-putamen-pallidum",
        Text::fixed("Quality score: putamen and pallidum", "质控评分：壳核与苍白球"),
    ),
    (
        "quality-hippocampus-amygdala",
        Text::fixed("Quality score: hippocampus and amygdala", "质控评分：海马与杏仁核"),
    ),
];
