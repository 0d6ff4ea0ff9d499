//! What is said of MeshNet and by it.

use crate::Text;

texts! {
    const:
    /// Name.
    NAME = "MeshNet of brainchop (brain on T1)", "MeshNet（brainchop，T1 脑分割）";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "MIT, with the code; trained on T1 of the Human Connectome Project and others with labels of FreeSurfer", "随代码以 MIT 许可发布；以 HCP 等 T1 影像及 FreeSurfer 标签训练";
    /// What it is for.
    USE = "Outlines tissues, structures or parcels of the brain on T1-weighted MRI; with 'mindgrab' the brain on MRI of any contrast, CT and PET.", "在 T1 加权 MRI 上勾画脑组织、脑结构或皮层分区；选用 mindgrab 时可在任意序列 MRI、CT 及 PET 上提取脑。";
    /// What it cannot do.
    LIMITS = "Sides are not told apart but by 'aparc-104'. It learned from labels that FreeSurfer made, mistakes included; lesions, tumours and post-operative heads were not trained for. The head is brought to 1 mm and to 256 grey values first. Only the largest piece of what is found is kept. No table of its accuracy is published with these weights.", "除 aparc-104 外不区分左右。训练标签由 FreeSurfer 自动生成，含其误差；未针对病灶、肿瘤及术后头部训练。判读前影像会重采样至 1 mm 并量化为 256 级灰度。结果仅保留最大连通块。所发布权重未附精度表。";
    /// Choice.
    FAST = "the same 17 structures with two thirds of the features", "同样的 17 个结构，特征数为三分之二，更快";
    /// Choice.
    TISSUE = "white and grey matter", "白质与灰质";
    /// Choice.
    TISSUE_LIGHT = "white and grey matter with five features a layer: seconds", "白质与灰质，每层仅 5 个特征，数秒完成";
    /// Choice.
    APARC_50 = "49 structures and parcels of both sides together (needs the light model of tissues as well)", "49 个结构与皮层分区，不分左右（另需轻量组织模型）";
    /// Choice.
    APARC_104 = "103 structures and parcels (needs the light model of tissues as well)", "103 个结构与皮层分区（另需轻量组织模型）";
    /// Choice.
    BRAIN = "the brain on T1", "T1 脑提取";
    /// Choice.
    MINDGRAB = "the brain on MRI of any contrast, CT and PET", "任意序列 MRI、CT 及 PET 的脑提取";
    /// Wrong use.
    ONE_MODEL = "MeshNet reads with one model at a time: name one choice", "MeshNet 每次仅用一个模型，请只选一项";
    /// Remark.
    RESAMPLED = "The network read the head at 1 mm; the label map was brought to the image's own voxels, the nearest each.", "网络在 1 mm 分辨率下判读；标签图已按最近邻还原到原始体素。";
    /// Remark.
    NOTHING = "Nothing was found: the image is probably no head.", "未检出任何结构：该影像可能不是头部影像。";
    /// The image holds no head.
    NO_HEAD = "nothing in the image stands out from its background: there is no head to cut out", "影像中没有高于背景的区域，无法截取头部";
}

/// A layer that no MeshNet has.
pub fn other_layer(class: &str, name: &str) -> Text {
    Text::filled(
        format!(
            "the layer {class} '{name}' is not of a MeshNet: read are chains of Conv3D (stride 1, padding same) and Activation (relu, elu, gelu)"
        ),
        format!(
            "层 {class}“{name}”不属于 MeshNet：仅支持由 Conv3D（步长 1、same 填充）与 Activation（relu、elu、gelu）组成的链式网络"
        ),
    )
}

/// The file is of another model.
pub fn other_classes(folder: &str, wanted: usize, found: usize) -> Text {
    Text::filled(
        format!("{folder} tells {wanted} classes apart, this file {found}: it is another model's"),
        format!("{folder} 应有 {wanted} 个类别，该文件为 {found} 个：属于其他模型"),
    )
}
