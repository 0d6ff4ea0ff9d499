//! What is said of TotalSpineSeg and by it.

use crate::Text;

texts! {
    const:
    /// Name.
    NAME = "TotalSpineSeg (vertebrae, discs, cord and canal)", "TotalSpineSeg（椎体、椎间盘、脊髓与椎管）";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "LGPL-3.0 with the code; no separate licence for the weights was seen", "随代码以 LGPL-3.0 发布；未见单独的权重许可";
    /// What it is for.
    USE = "Names every vertebra and disc from C1 to the sacrum and outlines cord and canal, on MRI of any contrast and on CT, of a part of the spine or the whole.", "在任意序列 MRI 及 CT 上标注 C1 至骶骨的各椎体与椎间盘，并勾画脊髓与椎管；适用于部分或全脊柱。";
    /// What it cannot do.
    LIMITS = "Levels are counted from discs that the network knows by themselves (C2-C3, C7-T1, T12-L1, L5-S): a scan without one of them is not labelled unless a localizer shows its discs (--localizer), and one mistaken landmark shifts every level. Five lumbar and twelve thoracic vertebrae are taken for granted above the first landmark; variants of number may be named wrongly. Lesions and implants are no structure of their own. Without --tta mirrored copies are not read, nor does the original.", "节段从网络可独立识别的椎间盘（C2-C3、C7-T1、T12-L1、L5-S）起计数：扫描范围内若无此类标志，除非有定位像（--localizer）显示其椎间盘，否则不予标注；标志误判会使所有节段移位。首个标志以上按 12 节胸椎、5 节腰椎推定，椎体数目变异者可能标错。病灶与植入物不单独成类。未指定 --tta 时不读取镜像副本，原程序亦不读取。";
    /// Choice.
    STEP_ONE = "the first step alone: discs by name, cord, canal, and all vertebrae as one", "仅第一步：标注椎间盘、脊髓与椎管，椎体合为一类";
    /// Why nothing is counted.
    NO_CANAL = "No spinal canal was found: nothing can be counted along it, and no label is given.", "未检出椎管，无法沿其计数，未给出标注。";
    /// Why nothing is counted.
    NO_DISC = "No intervertebral disc was found: no label is given.", "未检出椎间盘，未给出标注。";
    /// Why nothing is counted.
    NO_VERTEBRA = "No vertebra was found: no label is given.", "未检出椎体，未给出标注。";
    /// Why nothing is counted.
    NO_LANDMARK = "None of the discs from which levels are counted (C2-C3, C7-T1, T12-L1, L5-S) was found with confidence: no label is given.", "未能可靠识别用于计数的椎间盘（C2-C3、C7-T1、T12-L1、L5-S），未给出标注。";
    /// Why nothing is counted.
    UNUSUAL_LANDMARK = "The uppermost disc that the localizer shows is none that levels are counted from upwards (a sixth lumbar disc, or no disc of this system): no label is given.", "定位像所示最上方椎间盘不可用于向上计数（如第六腰椎间盘，或并非本系统的标签），未给出标注。";
    /// Remark.
    SOFT_MAPS = "The two frames of the file of probabilities are the spinal cord and the spinal canal (cord included) as step 1 sees them, within a voxel of their labels.", "概率文件的两帧依次为第一步网络所见的脊髓与椎管（含脊髓），仅保留其标签及邻近一个体素的范围。";
    /// Why nothing is counted.
    TOO_MANY_VERTEBRAE = "More vertebrae than usual stand above the first disc that was named: levels cannot be counted, and no label is given.", "首个可命名椎间盘以上的椎体数超出常规，无法计数节段，未给出标注。";
}

/// The scan has several frames.
pub fn mean_of_frames(count: usize) -> Text {
    Text::filled(
        format!("The file holds {count} frames; their mean was read."),
        format!("文件含 {count} 帧，按其均值判读。"),
    )
}
