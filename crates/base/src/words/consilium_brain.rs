//! What is said of the project's own brain reader and by it.

use crate::text::Text;

texts! {
    const:
    /// Name.
    NAME = "Consilium brain (structures and volumes, any MRI contrast)", "会诊·脑结构（任意 MRI 对比度的分割与体积测量）";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "Apache-2.0, part of this program; trained on the label maps of SynthSeg (Apache-2.0)", "Apache-2.0，随本程序提供；训练数据为 SynthSeg 标签图（Apache-2.0）";
    /// What it is for.
    USE = "Outlines 32 structures of the brain on one MRI of the head of any contrast, and gives their volumes, their share of the intracranial volume and the asymmetry of the two sides. Needs no download.", "在单个任意对比度的头部 MRI 上分割 32 个脑结构，给出体积、占颅内容积的比例及左右不对称性。无需下载权重。";
    /// What it cannot do.
    LIMITS = "Trained on 16 heads of adults, none with a tumour, a haemorrhage or an operation; lesions are drawn into the nearest healthy structure. Volumes have no reference ranges by age and sex. Not for CT, not for children, not for diagnosis. Held-out results stand in training/brain/README.md.", "仅以 16 例成人头部标签图训练，均无肿瘤、出血或术后改变；病灶会被归入邻近正常结构。体积无年龄、性别参考范围。不适用于 CT 与儿童，不得用于诊断。留出集结果见 training/brain/README.md。";
    /// Error.
    ATLAS_BROKEN = "the head atlas in the program cannot be read", "程序内置的头部图谱无法读取";
    /// Error.
    NO_BRAIN = "no brain was found in this volume: it shows another part of the body, or too little of the head", "该影像中未找到脑组织：可能为其他部位，或头部范围过小";
    /// Number.
    INTRACRANIAL = "Intracranial volume", "颅内容积";
    /// Number.
    BRAIN = "Brain volume (without ventricles and fluid)", "脑实质体积（不含脑室及脑脊液）";
    /// Number.
    SHARE = "Brain by intracranial volume", "脑实质占颅内容积比例";
    /// Remark.
    QUALITY_MEANING = "Quality is the overlap (Dice) with the truth that the network expects of its own outline, from its probabilities on the head and its mirror image; it is not calibrated on patients. Volumes are expected volumes, sums of these probabilities.", "“质量”为网络依据其在原图与镜像图上的概率，对自身轮廓与真值重叠度（Dice）的估计，未经患者数据校准。体积为期望体积，即概率之和。";
}

/// Structures whose volume is not given.
pub fn withheld(count: usize) -> Text {
    Text::filled(
        match count {
            1 => "the volume of one structure is withheld: the network is not sure enough of its outline"
                .into(),
            _ => format!(
                "the volumes of {count} structures are withheld: the network is not sure enough of their outlines"
            ),
        },
        format!("{count} 个结构的体积未给出：网络对其轮廓把握不足"),
    )
}

/// A volume that adults do not have.
pub fn implausible(found_ml: f64, [low, high]: [f64; 2]) -> Text {
    Text::filled(
        format!(
            "the intracranial volume of {found_ml:.0} mL is outside {low:.0} to {high:.0} mL: part of the head is missing, or the spacing in the file is wrong"
        ),
        format!(
            "颅内容积 {found_ml:.0} mL 超出 {low:.0}–{high:.0} mL：头部范围不完整，或文件中的体素间距有误"
        ),
    )
}
