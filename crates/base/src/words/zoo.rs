//! What the zoo says: names and limits of the systems, notes on preparation, measurements, errors.

use crate::text::Text;

// ---- Names of systems ----------------------------------------------------------------------

/// `xrv-densenet121-res224-*`, by what it was trained on.
pub const fn densenet_name(trained_on: Trained) -> Text {
    match trained_on {
        Trained::All => Text::fixed(
            "TorchXRayVision DenseNet121, seven data sets",
            "TorchXRayVision DenseNet121（七个数据集）",
        ),
        Trained::Nih => Text::fixed(
            "TorchXRayVision DenseNet121, NIH ChestX-ray14",
            "TorchXRayVision DenseNet121（NIH ChestX-ray14）",
        ),
        Trained::PadChest => Text::fixed(
            "TorchXRayVision DenseNet121, PadChest",
            "TorchXRayVision DenseNet121（PadChest）",
        ),
        Trained::CheXpert => Text::fixed(
            "TorchXRayVision DenseNet121, CheXpert",
            "TorchXRayVision DenseNet121（CheXpert）",
        ),
        Trained::Rsna => Text::fixed(
            "TorchXRayVision DenseNet121, RSNA Pneumonia Challenge",
            "TorchXRayVision DenseNet121（RSNA 肺炎挑战赛）",
        ),
        Trained::MimicNegBio => Text::fixed(
            "TorchXRayVision DenseNet121, MIMIC-CXR (NegBio labels)",
            "TorchXRayVision DenseNet121（MIMIC-CXR，NegBio 标注）",
        ),
        Trained::MimicCheXpert => Text::fixed(
            "TorchXRayVision DenseNet121, MIMIC-CXR (CheXpert labels)",
            "TorchXRayVision DenseNet121（MIMIC-CXR，CheXpert 标注）",
        ),
    }
}

/// The data a DenseNet of TorchXRayVision was trained on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trained {
    /// NIH, PadChest, CheXpert, MIMIC-CXR, Google, OpenI, RSNA.
    All,
    /// NIH ChestX-ray14.
    Nih,
    /// PadChest.
    PadChest,
    /// CheXpert.
    CheXpert,
    /// RSNA Pneumonia Challenge.
    Rsna,
    /// MIMIC-CXR with NegBio labels.
    MimicNegBio,
    /// MIMIC-CXR with CheXpert labels.
    MimicCheXpert,
}

/// Name of `xrv-resnet50-res512-all`.
pub const RESNET50_NAME: Text = Text::fixed(
    "TorchXRayVision ResNet50, 512 pixels, five data sets",
    "TorchXRayVision ResNet50（512 像素，五个数据集）",
);
/// Name of `xrv-pspnet-anatomy`.
pub const PSPNET_NAME: Text =
    Text::fixed("ChestX-Det PSPNet, 14 structures", "ChestX-Det PSPNet（14 个解剖结构）");
/// Name of `xrv-resnet101-autoencoder`.
pub const AUTOENCODER_NAME: Text =
    Text::fixed("TorchXRayVision ResNet101 autoencoder", "TorchXRayVision ResNet101 自编码器");

// ---- Cards ---------------------------------------------------------------------------------

/// Licence of the weights in TorchXRayVision's release.
pub const XRV_WEIGHTS_LICENCE: Text = Text::fixed(
    "No licence of its own was published with the weights; the terms of the training data apply.",
    "权重文件未单独声明许可；须遵守训练数据集各自的使用条款。",
);
/// What the classifiers are for.
pub const CLASSIFIER_USE: Text = Text::fixed(
    "Research: scores for findings on frontal chest radiographs of adults.",
    "科研用途：成人正位胸部 X 线片的征象评分。",
);
/// What the classifiers cannot do.
pub const CLASSIFIER_LIMITS: Text = Text::fixed(
    "Trained on labels mined from report texts. Scores are scaled so that 0.5 is the operating \
     point; they are not probabilities. Not for lateral views, not for children, not for images \
     with markings burnt in. A negative score does not rule a finding out.",
    "训练标签由报告文本自动提取。评分经缩放，判定阈值为 0.5，不是概率。\
     不适用于侧位片、儿童及带有烧录标记的图像。评分为阴性不能排除病变。",
);
/// What the anatomy model is for.
pub const ANATOMY_USE: Text = Text::fixed(
    "Research: outlines of 14 structures on frontal chest radiographs.",
    "科研用途：正位胸部 X 线片 14 个解剖结构的轮廓分割。",
);
/// What the anatomy model cannot do.
pub const ANATOMY_LIMITS: Text = Text::fixed(
    "Trained on ChestX-Det; no accuracy was published with the weights. Outlines overlap. Large \
     effusions, collapse and devices shift them. Only the central square of the image is seen.",
    "基于 ChestX-Det 训练，权重未附公开精度。各结构轮廓可相互重叠。大量胸腔积液、肺不张及体内装置会使轮廓移位。\
     仅分析图像中央的正方形区域。",
);
/// What the autoencoder is for.
pub const AUTOENCODER_USE: Text = Text::fixed(
    "Research: how well an image can be rebuilt from what the network knows of chest radiographs.",
    "科研用途：衡量网络能在多大程度上重建该胸部 X 线片。",
);
/// What the autoencoder cannot do.
pub const AUTOENCODER_LIMITS: Text = Text::fixed(
    "No threshold was published. The error is comparable only with errors of this same model on \
     images known to be in its domain; collect such a local set before acting on it.",
    "无公开阈值。重建误差只能与同一模型在已知适用图像上的误差比较；使用前应先在本地收集参考图像集。",
);

// ---- Notes ---------------------------------------------------------------------------------

/// MONOCHROME1 was inverted for the network.
pub const INVERTED: Text = Text::fixed(
    "The image is stored inverted (MONOCHROME1) and was turned over for the network.",
    "图像以反相方式存储（MONOCHROME1），输入网络前已反转。",
);

/// The central square was cut out.
pub fn cropped(side: usize, width: usize, height: usize) -> Text {
    Text::filled(
        format!(
            "The network sees only the central {side}×{side} pixels of the {width}×{height} image."
        ),
        format!("网络仅分析 {width}×{height} 图像中央的 {side}×{side} 像素区域。"),
    )
}

/// A part that is no square was cut out.
pub fn cropped_to(columns: usize, rows: usize, width: usize, height: usize) -> Text {
    Text::filled(
        format!("The network sees only the central {columns}×{rows} pixels of {width}×{height}."),
        format!("网络仅分析 {width}×{height} 像素中央的 {columns}×{rows} 像素区域。"),
    )
}

/// Colour was taken out.
pub const COLOUR_TO_GREY: Text = Text::fixed(
    "The image is in colour; the network sees its brightness.",
    "图像为彩色；网络仅使用其亮度。",
);

/// The case does not know its spacing and the model cannot do without.
pub const SPACING_UNKNOWN: Text = Text::fixed(
    "The model needs to know the distance between pixels; the file does not give it.",
    "该模型需要像素间距，而文件未提供。",
);

/// The model's own measure says that it never saw anything like the case.
pub const UNLIKE_TRAINING: Text = Text::fixed(
    "The image does not look like the films the model was trained on.",
    "该影像与模型的训练影像差异明显。",
);

/// An image between two steps.
pub fn step_too_large(columns: usize, rows: usize) -> Text {
    Text::filled(
        format!("a step of the preparation would make an image of {columns}×{rows} pixels"),
        format!("预处理步骤将生成 {columns}×{rows} 像素的图像，超出限制"),
    )
}
/// An image without pixels.
pub const EMPTY_IMAGE: Text =
    Text::fixed("an image without pixels came up during preparation", "预处理过程中出现空图像");
/// The first step, not a later one.
pub const VALUES_COME_FIRST: Text = Text::fixed(
    "the step that says which values are meant must be the first",
    "指明像素值来源的步骤必须为第一步",
);

/// The image was smaller than the network's input.
pub fn enlarged(side: usize, input: usize) -> Text {
    Text::filled(
        format!("The image is smaller ({side} pixels) than the network's input ({input} pixels)."),
        format!("图像尺寸（{side} 像素）小于网络输入尺寸（{input} 像素），已放大。"),
    )
}

/// Stored values beyond what the header allows.
pub fn out_of_range(low: f32, high: f32, max: f32) -> Text {
    Text::filled(
        format!(
            "Stored values run from {low} to {high}; 0 to {max} was expected. They were clipped."
        ),
        format!("像素存储值范围为 {low} 至 {high}，预期为 0 至 {max}，超出部分已截断。"),
    )
}

/// The values use little of their range.
pub const NARROW_RANGE: Text = Text::fixed(
    "The pixel values use only a small part of their range; the network expects the whole.",
    "像素值仅占其量程的一小部分，与网络预期的全量程不符。",
);
/// All pixels are equal.
pub const FLAT_IMAGE: Text =
    Text::fixed("All pixels of the image have the same value.", "图像所有像素值相同。");
/// Colour image: only one channel is used.
pub const FIRST_CHANNEL: Text = Text::fixed(
    "The image is in colour; the network sees its first channel, as in the original program.",
    "图像为彩色；与原程序一致，网络仅使用其第一个通道。",
);

/// More than one frame.
pub fn first_frame(frames: usize) -> Text {
    Text::filled(
        format!("The file holds {frames} frames; the first was read."),
        format!("文件含 {frames} 帧，仅分析第一帧。"),
    )
}

/// More bits than the original program takes.
pub fn deep_picture(bits: u16) -> Text {
    Text::filled(
        format!(
            "The picture has {bits} bits per sample; the original program reads 8-bit pictures \
             only. It was scaled by its full range."
        ),
        format!("图像为每样本 {bits} 位；原程序仅支持 8 位图像，此处按全量程缩放。"),
    )
}

/// The scores' meaning.
pub const SCORE_MEANING: Text = Text::fixed(
    "Scores are scaled so that the model's operating point is 0.5. They are not probabilities.",
    "评分已缩放，使模型的判定阈值为 0.5；评分不是概率。",
);
/// Explanation maps' meaning.
pub const MAP_MEANING: Text = Text::fixed(
    "An explanation map shows what moved the score, not where the finding is.",
    "关注区域图显示影响评分的区域，并不等同于病变位置。",
);

/// A structure was not found.
pub fn not_outlined(name: &Text) -> Text {
    Text::filled(
        format!("{}: nothing was outlined.", name.en()),
        format!("{}：未分割出该结构。", name.zh()),
    )
}

/// Anatomy that cannot be.
pub const LUNGS_EXCHANGED: Text = Text::fixed(
    "The right lung was outlined on the right of the picture: the image may be mirrored.",
    "右肺轮廓位于图像右侧：图像可能左右翻转。",
);
/// Lung area too small or too large.
pub fn odd_lung_area(percent: f64) -> Text {
    Text::filled(
        format!("The outlined lungs cover {percent:.0} % of the image, which is unusual."),
        format!("肺野轮廓占图像的 {percent:.0}%，不符合常规。"),
    )
}
/// The outline touches the border of what the network saw.
pub const LUNGS_CUT: Text = Text::fixed(
    "The lungs reach the edge of what the network saw; widths may be too small.",
    "肺野轮廓触及网络视野边缘，横径测量值可能偏小。",
);
/// CTR needs PA.
pub const CTR_NEEDS_PA: Text = Text::fixed(
    "The cardiothoracic ratio holds for upright PA films in full inspiration; the header does not \
     say that this is one.",
    "心胸比仅适用于立位、充分吸气的后前位片；文件头未说明本片为后前位。",
);
/// CTR on an AP film.
pub const CTR_ON_AP: Text = Text::fixed(
    "This is an AP film: the heart appears larger, the cardiothoracic ratio is too high.",
    "本片为前后位：心影放大，心胸比偏高。",
);
/// How the CTR was measured.
pub const CTR_METHOD: Text = Text::fixed(
    "Cardiothoracic ratio: greatest width of the heart's outline over the greatest width of both \
     lungs' outlines together, largest connected part of each.",
    "心胸比：心脏轮廓最大横径除以双肺轮廓合并后的最大横径，均取各自最大连通区域。",
);
/// Name of the measurement.
pub const CTR_NAME: Text = Text::fixed("Cardiothoracic ratio", "心胸比");
/// Name of the measurement.
pub const HEART_WIDTH_NAME: Text = Text::fixed("Heart width", "心脏最大横径");
/// Name of the measurement.
pub const THORAX_WIDTH_NAME: Text = Text::fixed("Width across both lungs", "双肺最大横径");
/// Name of the measurement.
pub const RECONSTRUCTION_NAME: Text = Text::fixed("Mean reconstruction error", "平均重建误差");
/// How the out-of-domain sign is measured.
pub const RECONSTRUCTION_METHOD: Text = Text::fixed(
    "Mean absolute difference between the image and its reconstruction by the autoencoder, as a \
     share of the value range. No threshold was published: compare with local images known to fit.",
    "自编码器重建图像与原图像的平均绝对差，以值域占比表示。无公开阈值，应与本地已知适用的图像比较。",
);

// ---- Errors --------------------------------------------------------------------------------

/// The weights are not this model's. `detail` lists names as "2 missing: …; 1 wrong: …; 1 left
/// over: …".
pub fn weights_mismatch(model: &str, detail: &str) -> Text {
    let detail_zh = detail
        .replace(" missing: ", " 个缺失：")
        .replace(" wrong: ", " 个不符：")
        .replace(" left over: ", " 个多余：")
        .replace("; ", "；");
    Text::filled(
        format!("the weights do not fit {model}: {detail}"),
        format!("权重文件与 {model} 不符：{detail_zh}"),
    )
}
/// The weights cannot be read.
pub fn weights_broken(detail: &str) -> Text {
    Text::filled(format!("broken weights file: {detail}"), format!("权重文件已损坏：{detail}"))
}
/// The weights' format is not known.
pub fn weights_unsupported(detail: &str) -> Text {
    Text::filled(
        format!("this kind of weights file cannot be read: {detail}"),
        format!("无法读取此类权重文件：{detail}"),
    )
}
/// A limit was reached.
pub fn engine_limit(detail: &str) -> Text {
    Text::filled(format!("a limit was reached: {detail}"), format!("超出限制：{detail}"))
}
/// The file system said no.
pub fn engine_io(detail: &str) -> Text {
    Text::filled(format!("cannot be read: {detail}"), format!("无法读取：{detail}"))
}
/// A defect of the program.
pub fn engine_bug(detail: &str) -> Text {
    Text::filled(
        format!("the program made a mistake while computing: {detail}"),
        format!("程序计算出错：{detail}"),
    )
}
/// No weights for a model in a folder.
pub fn weights_not_found(model: &str) -> Text {
    Text::filled(
        format!("no weights for {model} were found here"),
        format!("此处未找到 {model} 的权重文件"),
    )
}
/// Where the weights are published.
pub fn weights_hint(file: &str, url: &str) -> Text {
    Text::filled(
        format!("expected the file {file}, published at {url}"),
        format!("需要文件 {file}，下载地址：{url}"),
    )
}
/// Several files could be the model's.
pub fn weights_ambiguous(model: &str, files: &str) -> Text {
    Text::filled(
        format!("several files could be the weights of {model}: {files}"),
        format!("有多个文件可能是 {model} 的权重：{files}"),
    )
}
/// Say which.
pub fn name_the_file(model: &str) -> Text {
    Text::filled(
        format!("say which: --weights {model}=FILE"),
        format!("请指明文件：--weights {model}=文件"),
    )
}
/// The network answered with values that are no numbers.
pub fn not_a_number(model: &str) -> Text {
    Text::filled(
        format!("{model} gave values that are not numbers; the weights may be damaged"),
        format!("{model} 输出了非数值结果，权重可能已损坏"),
    )
}
