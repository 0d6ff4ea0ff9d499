//! What is said about systems for volumes and by them.

use crate::text::Text;

/// An internal mistake.
pub const OTHER_GRID: Text =
    Text::fixed("a label map does not lie on its image's grid", "标签图与影像网格不一致");

/// The file says another modality.
pub fn other_modality(id: &str, wanted: &str, found: &str) -> Text {
    Text::filled(
        format!("{id} reads {wanted}; the header says {found}"),
        format!("{id} 适用于 {wanted}；文件头标示为 {found}"),
    )
}

/// The system reads one image a case.
pub fn one_image(id: &str, found: usize) -> Text {
    Text::filled(
        format!("{id} reads one image a case; {found} found (frames of one file count)"),
        format!("{id} 每例仅读取 1 幅影像；实际 {found} 幅（同一文件的多帧亦计入）"),
    )
}

/// Something a system was asked for that it does not have.
pub fn unknown_choice(id: &str, asked: &str, known: &str) -> Text {
    match known.is_empty() {
        true => Text::filled(
            format!("{id} has nothing to choose; '{asked}' was asked for"),
            format!("{id} 无可选项；收到“{asked}”"),
        ),
        false => Text::filled(
            format!("{id} knows {known}; '{asked}' was asked for"),
            format!("{id} 的可选项为 {known}；收到“{asked}”"),
        ),
    }
}

/// Weights that were not given.
pub fn weights_missing(id: &str, file: &str, url: &str) -> Text {
    Text::filled(
        format!("no weights given for {id}: download {file} from {url} and name it with --weights"),
        format!("未提供 {id} 的权重：请从 {url} 下载 {file}，并用 --weights 指定"),
    )
}

/// Weights that are not where they were said to be.
pub fn weights_absent(file: &str, url: &str) -> Text {
    Text::filled(
        format!("expected {file} here, published at {url}"),
        format!("此处应有 {file}，发布于 {url}"),
    )
}

/// The system hands on no shares of its classes.
pub const NO_SHARES: Text = Text::fixed(
    "this system gives no shares of its classes; --probabilities is for trained nnU-Net models, HD-BET 2 and TotalSpineSeg",
    "该系统不提供各类别概率图；--probabilities 仅适用于 nnU-Net 模型、HD-BET 2 与 TotalSpineSeg",
);

/// The system neither counts nor measures in given labels.
pub const NO_LABELS: Text = Text::fixed(
    "this system has no use for a label map; --localizer is for TotalSpineSeg, --masks for bone density",
    "该系统不使用随病例给出的标签图；--localizer 适用于 TotalSpineSeg，--masks 适用于骨密度评估",
);

/// The image is the same everywhere.
pub const FLAT: Text = Text::fixed(
    "the image has one value everywhere (or none that is a number); there is nothing to segment",
    "影像各处数值相同（或无有效数值），无可分割内容",
);

/// The image is thinner than one voxel of the model.
pub const TOO_SMALL: Text = Text::fixed(
    "the image is thinner along an axis than one voxel at the model's spacing",
    "影像在某一方向上的厚度小于模型分辨率下的一个体素",
);
