//! What is said of SPINEPS and by it.

use crate::Text;

texts! {
    const:
    /// Name.
    NAME = "SPINEPS (every vertebra, its parts, discs, cord and canal)", "SPINEPS（单个椎骨及其各部分、椎间盘、脊髓与椎管）";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "Published with the code (Apache-2.0); no separate licence for the weights was seen", "随代码（Apache-2.0）发布；未见单独的权重许可";
    /// What it is for.
    USE = "Outlines every vertebra by itself on sagittal T2-weighted or T1-weighted MRI or on CT, with its disc and endplates, cord, canal and sacrum, and names the levels where the weights of VERIDAH are given.", "在矢状位 T2 加权、T1 加权 MRI 或 CT 上逐一勾画各椎骨及其椎间盘、终板，以及脊髓、椎管与骶骨；提供 VERIDAH 权重时标注椎体节段。";
    /// What it cannot do.
    LIMITS = "Each contrast has a model of its own: choose the one of the scan. Without the weights of VERIDAH vertebrae are counted from above and have no anatomical name; with them, names rest on a network's view of each vertebra and on their order, and an additional or missing vertebra may be named wrongly. The original first crops large scans, above all CT, with another model (VIBESegmentator); here the whole scan is read. Upper and lower endplates are not told apart. Lesions and implants are no structure of their own.", "各序列对应独立的模型，请按扫描序列选择。无 VERIDAH 权重时，椎骨仅自上而下计数，不给出解剖节段；有权重时，节段依据网络对各椎骨的判读及其顺序推定，椎体数目变异者可能标错。原程序对较大的扫描（主要为 CT）先用另一模型（VIBESegmentator）裁剪，此处判读完整扫描。不区分上、下终板。病灶与植入物不单独成类。";
    /// Choice.
    T2W = "the model for T2-weighted MRI", "T2 加权 MRI 模型";
    /// Choice.
    T1W = "the model for T1-weighted MRI", "T1 加权 MRI 模型";
    /// Choice.
    VIBE = "the model for VIBE (Dixon) MRI", "VIBE（Dixon）MRI 模型";
    /// Choice.
    CT = "the models for CT", "CT 模型";
    /// Choice.
    PARTS = "the map of phase 1, cleaned: arch, spinous, transverse and articular processes, body, disc, endplate, cord, canal", "第一阶段的分割图（已清理）：椎弓、棘突、横突、关节突、椎体、椎间盘、终板、脊髓、椎管";
    /// Choice.
    NO_N4 = "reads MR images without correcting their bias field (the original's -non4)", "不做 MR 偏场校正（即原程序的 -non4）";
    /// Choice.
    NO_LABELLING = "counts from above even where the weights of VERIDAH are there (the original's -model_labeling none)", "即使有 VERIDAH 权重也只自上而下计数（即原程序的 -model_labeling none）";
    /// Choice.
    TWELVE = "takes exactly twelve thoracic vertebrae for granted (the original's -no_tltv_labeling)", "按恰有 12 节胸椎推定（即原程序的 -no_tltv_labeling）";
    /// An entry of the configuration.
    AXES = "three axes, such as P, I, R", "三个方向，如 P、I、R";
    /// An entry of the configuration.
    ONE_INPUT = "one input: models that read several images of a case are not built", "一个输入：暂不支持每例读取多幅影像的模型";
    /// An entry of the configuration.
    A_LABEL = "a label: a whole number, or a name of the original's", "标签：整数或原程序所用名称";
    /// An entry of the configuration.
    PIR_ONLY = "P, I, R: cut-outs are read along these axes", "P、I、R：局部图块按此方向读取";
    /// An entry of the configuration.
    CUTOUT = "extents that are multiples of 8, in all at most 2^27 voxels", "各边须为 8 的倍数，总计不超过 2^27 体素";
    /// A network of phase 1 that gives no answer there.
    NOT_SEMANTIC = "phase 1 is a trained nnU-Net model; the original reads no other network there, either", "第一阶段为 nnU-Net 模型；原程序亦不支持其他网络";
    /// The network of phase 2.
    NO_UNET = "no network of phase 2: four classes, ten or eleven channels", "并非第二阶段网络：应为 4 类、10 或 11 通道";
    /// Several contrasts.
    ONE_CONTRAST = "spineps reads one contrast a run: choose one of t2w, t1w, vibe and ct", "spineps 每次仅用一个序列的模型：请在 t2w、t1w、vibe、ct 中选择其一";
    /// Nothing found.
    NOTHING = "Nothing of a spine was found; the label map is empty.", "未检出脊柱结构，标签图为空。";
    /// Nothing found.
    NO_BODY = "No vertebral body was found: vertebrae cannot be told apart, and no label is given.", "未检出椎体，无法区分各椎骨，未给出标注。";
    /// Nothing found.
    NO_VERTEBRA = "Bodies were marked, but no vertebra was told apart: no label is given.", "虽有椎体标记，但未能区分出单个椎骨，未给出标注。";
    /// Vertebrae have no names.
    COUNTED = "Vertebrae are counted from above; without the weights of VERIDAH they have no anatomical name.", "椎骨自上而下计数；无 VERIDAH 权重，不给出解剖节段。";
    /// Vertebrae have no names.
    NOT_NAMED = "Vertebrae are counted from above: VERIDAH could not fit their number between C1 and L6.", "椎骨自上而下计数：其数目与 C1 至 L6 不符，VERIDAH 未能命名。";
    /// The checkpoint of phase 3.
    NO_PATCH = "expected hyper_parameters.opt.final_size: three extents from 16 to 512", "应有 hyper_parameters.opt.final_size：三个 16 至 512 的边长";
    /// The checkpoint of phase 3.
    NO_HEAD = "none of the heads VERT, VERTEXACT, VERTEX and VERTGRP is there: vertebrae cannot be named", "缺少 VERT、VERTEXACT、VERTEX、VERTGRP 任一输出头，无法命名椎骨";
    /// The whole scan.
    NO_REGION = "VIBESegmentator, by which such a scan is cropped to the spine, saw no spine in it: the whole scan was read, which the original does not do.", "用于将此类扫描裁剪至脊柱的 VIBESegmentator 未检出脊柱：已判读完整扫描，原程序不作此处理。";
    /// A disc without a vertebra.
    DISC_ALONE = "Intervertebral disc (its vertebra is not marked)", "椎间盘（未标注所属椎骨）";
    /// A structure.
    ARCH = "Vertebral arch", "椎弓";
    /// A structure.
    SPINOUS = "Spinous process", "棘突";
    /// A structure.
    COSTAL_LEFT = "Transverse (costal) process, left", "左侧横突（肋突）";
    /// A structure.
    COSTAL_RIGHT = "Transverse (costal) process, right", "右侧横突（肋突）";
    /// A structure.
    SUPERIOR_LEFT = "Superior articular process, left", "左侧上关节突";
    /// A structure.
    SUPERIOR_RIGHT = "Superior articular process, right", "右侧上关节突";
    /// A structure.
    INFERIOR_LEFT = "Inferior articular process, left", "左侧下关节突";
    /// A structure.
    INFERIOR_RIGHT = "Inferior articular process, right", "右侧下关节突";
    /// A structure.
    DENS = "Dens of the axis", "枢椎齿突";
    /// A structure.
    ENDPLATE = "Vertebral endplate", "椎体终板";
    /// A structure.
    RIB_LEFT = "Rib, left", "左侧肋骨";
    /// A structure.
    RIB_RIGHT = "Rib, right", "右侧肋骨";
    /// A structure.
    OTHER_PART = "Another part of the spine", "脊柱其他部分";
}

/// A vertebra by its number.
pub fn counted(number: u16) -> Text {
    Text::filled(format!("Vertebra {number} from above"), format!("自上而下第 {number} 节椎骨"))
}

/// The disc below a vertebra by its number.
pub fn disc_below(number: u16) -> Text {
    Text::filled(
        format!("Disc below vertebra {number} from above"),
        format!("自上而下第 {number} 节椎骨下方椎间盘"),
    )
}

/// The disc above the uppermost vertebra.
pub const DISC_ABOVE: Text =
    Text::fixed("Disc above the uppermost vertebra", "最上方椎骨上方椎间盘");

/// Endplates of a vertebra by its number.
pub fn endplates_of_counted(number: u16) -> Text {
    Text::filled(
        format!("Endplates of vertebra {number} from above"),
        format!("自上而下第 {number} 节椎骨的终板"),
    )
}

/// Endplates that the original gives to a vertebra.
pub fn endplates_of(level: &str) -> Text {
    Text::filled(format!("Endplates at {level}"), format!("{level} 终板"))
}

/// A model is absent.
pub fn no_model(en: &str, zh: &str, file: &str, url: &str) -> Text {
    Text::filled(
        format!(
            "no model for {en} here: expected {file}, or the folder that it unpacks to with its inference_config.json, published at {url}"
        ),
        format!(
            "此处无{zh}模型：应有 {file} 或其解压文件夹（含 inference_config.json），发布于 {url}"
        ),
    )
}

/// The weights beside a configuration are absent.
pub fn no_weights(pattern: &str) -> Text {
    Text::filled(
        format!("expected one file {pattern} beside inference_config.json"),
        format!("inference_config.json 旁应有一个 {pattern} 文件"),
    )
}

/// What models are for.
pub const PHASES: [Text; 3] = [
    Text::fixed("phase 1 (parts of vertebrae)", "第一阶段（椎骨各部分）"),
    Text::fixed("phase 2 (single vertebrae)", "第二阶段（单个椎骨）"),
    Text::fixed("names of vertebrae", "椎体节段命名"),
];

/// The whole scan was read, for the weights of the model that crops it are not there.
pub fn uncropped(file: &str, url: &str) -> Text {
    Text::filled(
        format!(
            "The original crops such a scan to the spine with VIBESegmentator before it reads it. Its weights ({file}, {url}) do not lie beside the others: the whole scan was read."
        ),
        format!(
            "原程序对此类扫描先用 VIBESegmentator 裁剪至脊柱后判读。其权重（{file}，{url}）不在其他权重旁，故判读了完整扫描。"
        ),
    )
}
