//! What is said of OAI_analysis_2 and by it.

use crate::case::Laterality;
use crate::text::Text;
use crate::words::report;

texts! {
    const:
    /// Name.
    NAME = "OAI_analysis_2 (knee cartilage and its thickness on DESS MRI)", "OAI_analysis_2（膝关节 DESS MRI 软骨分割与厚度测量）";
    /// Choice.
    LEFT = "the knee is a left one, whatever the file says", "按左膝处理（不论文件标注）";
    /// Choice.
    RIGHT = "the knee is a right one, whatever the file says", "按右膝处理（不论文件标注）";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "published with the code (its licence file says Apache-2.0, its package MIT)", "随代码发布（许可文件为 Apache-2.0，软件包标注为 MIT）";
    /// What it is for.
    USE = "Marks femoral and tibial cartilage on sagittal DESS MRI of one knee and measures how thick it is.", "在单膝矢状位 DESS MRI 上分割股骨与胫骨软骨并测量其厚度。";
    /// What it cannot do.
    LIMITS = "Trained on the Osteoarthritis Initiative's DESS of 3 T (0.36 × 0.36 × 0.7 mm); other sequences and resolutions were not tested by its authors. Patellar cartilage and menisci are not marked. What lies within 16 voxels of the border (8 along the slices) is never marked, as its authors have it. Thickness is the distance to the nearest place of the opposite side, which is less than the thickness along a normal where cartilage is uneven; lost cartilage does not count as 0 mm.",
        "训练数据为骨关节炎倡议（OAI）的 3T DESS 序列（0.36×0.36×0.7 mm），其他序列与分辨率未经作者验证。不标记髌软骨与半月板。与作者一致，距图像边缘 16 个体素（层面方向 8 层）以内不作标记。厚度为到对侧表面的最近距离，软骨不平整处小于法线方向厚度；软骨缺失区不计为 0 mm。";
    /// Error.
    BOTH_SIDES = "a knee is either left or right; both were asked for", "左膝与右膝只能选择其一";
    /// Refused.
    WHICH_SIDE = "whether the knee is a left or a right one is said neither by the header nor by the file's name, and the network knows left knees only: right ones are mirrored", "文件头与文件名均未注明左右侧；该网络仅以左膝训练，右膝须先作镜像";
    /// Remedy.
    SAY_SIDE = "ask for oai-analysis:left or oai-analysis:right", "请使用 oai-analysis:left 或 oai-analysis:right 指定侧别";
    /// Remark.
    NOTHING = "No cartilage large enough to be measured was found: the image is probably no DESS of a knee.", "未找到可测量的软骨：该影像可能不是膝关节 DESS 序列。";
    /// Remark.
    RAGGED = "The outline is as ragged as noise and was not measured: the image is probably no DESS of a knee.", "勾画边界零乱如噪声，未予测量：该影像可能不是膝关节 DESS 序列。";
    /// Remark.
    NO_FEMORAL = "No femoral cartilage large enough to be measured was found.", "未找到可测量的股骨软骨。";
    /// Remark.
    NO_TIBIAL = "No tibial cartilage large enough to be measured was found.", "未找到可测量的胫骨软骨。";
    /// Remark.
    NO_PLATEAUS = "The medial and the lateral tibial cartilage are not apart, or only one of them was found; they are measured together.", "胫骨内、外侧软骨未能分开，或仅找到其一，故合并测量。";
    /// Remark.
    THICKNESS = "Thickness is measured at the points of one side of the cartilage, to the nearest place of the other, on a smoothed surface; near the rim both sides meet, and the smallest value is near 0. Pieces of surface of 3000 triangles or fewer are left out.", "厚度在平滑后的软骨表面上测量：自一侧表面各点至另一侧表面的最近距离；软骨边缘处两侧相接，故最小值接近 0。不超过 3000 个三角形的碎片不计入。";
    /// Instead of the picture.
    PICTURE_ALT = "Thickness of the cartilage in colour", "软骨厚度彩色图";
    /// Below the picture.
    PICTURE = "Thickness of the cartilage, 0 mm (dark violet) to 4 mm and more (yellow). First the femoral cartilage unrolled about its axis, the front above; then the tibial cartilage from above, the front above. Lateral is on the left, medial on the right.",
        "软骨厚度：0 mm（深紫）至 4 mm 及以上（黄）。左图为股骨软骨沿其轴展开，上方为前；右图为胫骨软骨上面观，上方为前。图左为外侧，图右为内侧。";
}

/// Which knee is read.
pub fn side(side: Laterality) -> Text {
    let name = report::laterality(side);
    Text::filled(format!("Read as a {} knee.", name.en()), format!("按{}膝关节处理。", name.zh()))
}

/// Voxels unlike those of the training, sorted.
pub fn other_spacing(found: [f64; 3]) -> Text {
    let [a, b, c] = found;
    Text::filled(
        format!(
            "The voxels are {a:.2} × {b:.2} × {c:.2} mm; the network was trained on 0.36 × 0.36 × 0.7 mm and is given them as they are."
        ),
        format!("体素为 {a:.2}×{b:.2}×{c:.2} mm；该网络以 0.36×0.36×0.7 mm 训练，且不作重采样。"),
    )
}

/// Mean thickness of a region.
pub fn mean(region: &Text) -> Text {
    Text::filled(format!("{}, mean thickness", region.en()), format!("{}平均厚度", region.zh()))
}

/// Smallest thickness of a region.
pub fn smallest(region: &Text) -> Text {
    Text::filled(format!("{}, smallest thickness", region.en()), format!("{}最小厚度", region.zh()))
}

/// Largest thickness of a region.
pub fn largest(region: &Text) -> Text {
    Text::filled(format!("{}, largest thickness", region.en()), format!("{}最大厚度", region.zh()))
}
