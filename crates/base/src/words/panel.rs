//! What the panel says about fit, agreement and doubt.

use crate::case::{BodyPart, Modality, View};
use crate::text::Text;

/// Weights were made on the spot.
pub static PLACEHOLDER_WEIGHTS: Text = Text::fixed(
    "Placeholder weights, made on the spot to show how the program works: the numbers mean nothing.",
    "占位权重：本次使用的权重为演示用临时生成，所有数值均无任何意义。",
);

/// The header rules the case out and the user asked for a reading all the same.
pub fn despite_header(reason: &Text) -> Text {
    Text::filled(
        format!(
            "Read at the user's request although the header speaks against it. {}",
            reason.en()
        ),
        format!("文件头与模型适用范围不符，按用户要求仍予判读。{}", reason.zh()),
    )
}

/// A model's own measure calls the case strange.
pub static OUT_OF_DOMAIN: Text = Text::fixed(
    "The image is unlike those the models were trained on; do not rely on the scores.",
    "该图像与模型的训练数据差异较大，评分不可采信。",
);

/// Models that did not answer.
pub fn refused(refused: usize, all: usize) -> Text {
    Text::filled(
        format!("{refused} of {all} models refused this case."),
        format!("{all} 个模型中有 {refused} 个拒绝判读本病例。"),
    )
}

/// Models vote differently on a finding.
pub fn disagree(finding: &Text, positive: usize, voting: usize) -> Text {
    Text::filled(
        format!("The models disagree on {}: {positive} of {voting} say yes.", finding.en()),
        format!("各模型对“{}”意见不一：{voting} 个模型中 {positive} 个判为阳性。", finding.zh()),
    )
}

/// The header names another modality.
pub fn wrong_modality(found: &Modality, accepted: &[Modality]) -> Text {
    let found = modality(found);
    let of = list(accepted.iter().filter(|one| **one != Modality::Ot).map(modality));
    let radiographs = accepted
        .iter()
        .all(|one| matches!(one, Modality::Cr | Modality::Dx | Modality::Rg | Modality::Ot));
    if radiographs {
        return Text::filled(
            format!("The model reads radiographs ({of}); the header says {found}."),
            format!(
                "该模型仅适用于 X 线摄影（{}），而文件头标注的检查类型为 {found}。",
                of.replace(", ", "、")
            ),
        );
    }
    Text::filled(
        format!("The model reads images of modality {of}; the header says {found}."),
        format!(
            "该模型仅适用于检查类型 {}，而文件头标注的检查类型为 {found}。",
            of.replace(", ", "、")
        ),
    )
}

/// The header names another body part.
pub fn wrong_body_part(found: &BodyPart, accepted: &[BodyPart]) -> Text {
    let found = body_part(found);
    if accepted == [BodyPart::Chest] {
        return Text::filled(
            format!("The model reads chest films; the header says body part {found}."),
            format!("该模型仅适用于胸片，而文件头标注的检查部位为 {found}。"),
        );
    }
    let of = list(accepted.iter().map(body_part));
    Text::filled(
        format!("The model reads images of {of}; the header says body part {found}."),
        format!(
            "该模型仅适用于部位 {}，而文件头标注的检查部位为 {found}。",
            of.replace(", ", "、")
        ),
    )
}

/// The header says lateral.
pub static WRONG_VIEW: Text = Text::fixed(
    "The model reads frontal chest films; the header says lateral.",
    "该模型仅适用于胸部正位片，而文件头标注为侧位。",
);

/// The header names another projection.
pub fn wrong_view(found: &View, accepted: &[View]) -> Text {
    let found = view(found);
    let of = list(accepted.iter().map(view));
    Text::filled(
        format!("The model reads projections {of}; the header says {found}."),
        format!("该模型仅适用于 {} 投照，而文件头标注为 {found}。", of.replace(", ", "、")),
    )
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

fn modality(modality: &Modality) -> &str {
    match modality {
        Modality::Cr => "CR",
        Modality::Dx => "DX",
        Modality::Rg => "RG",
        Modality::Ct => "CT",
        Modality::Mr => "MR",
        Modality::Us => "US",
        Modality::Mg => "MG",
        Modality::Ot => "OT",
        Modality::Other(name) => name,
    }
}

fn body_part(part: &BodyPart) -> &str {
    match part {
        BodyPart::Chest => "CHEST",
        BodyPart::Knee => "KNEE",
        BodyPart::Other(name) => name,
    }
}

fn view(view: &View) -> &str {
    match view {
        View::Pa => "PA",
        View::Ap => "AP",
        View::Lateral => "LATERAL",
        View::Other(name) => name,
    }
}

/// More than one frame.
pub fn several_frames(frames: usize) -> Text {
    Text::filled(
        format!("The model reads one film at a time; the file holds {frames} frames."),
        format!("该模型每次判读一幅胸片，而文件含有 {frames} 帧图像。"),
    )
}

/// Nothing says what kind of image this is.
pub static MODALITY_UNKNOWN: Text = Text::fixed(
    "The file does not say how the image was made; that it is a chest radiograph is assumed.",
    "文件未标注检查类型，按胸部 X 线片处理。",
);

/// AP projection.
pub static VIEW_AP: Text = Text::fixed(
    "AP projection: the heart and the mediastinum look larger than on a PA film.",
    "前后位（AP）投照：心影及纵隔较后前位（PA）有放大。",
);

/// A projection that is neither PA nor AP.
pub fn view_unusual(found: &str) -> Text {
    Text::filled(
        format!("View position {found}: the models were trained on PA and AP films."),
        format!("投照体位为 {found}，而模型以后前位及前后位胸片训练。"),
    )
}

/// A child.
pub static CHILD: Text = Text::fixed(
    "A child's film: the models were trained mostly on adults.",
    "儿童胸片：模型的训练数据以成人为主，结果需谨慎对待。",
);

/// Black and white look exchanged.
pub static LOOKS_INVERTED: Text = Text::fixed(
    "Black and white seem to be exchanged (the picture fits a frontal chest film only as its negative); the scores are not to be relied on.",
    "图像黑白可能反相（反相后才符合胸部正位片），评分不可采信。",
);

/// Does not look like a frontal chest film.
pub fn not_frontal_chest(similarity: f64, threshold: f64) -> Text {
    Text::filled(
        format!(
            "The picture does not look like a frontal chest film (similarity {similarity:.2}, expected at least {threshold:.2}); the scores are not to be relied on."
        ),
        format!(
            "图像不像胸部正位片（相似度 {similarity:.2}，应不低于 {threshold:.2}），评分不可采信。"
        ),
    )
}

/// A colour picture.
pub static COLOURED: Text = Text::fixed(
    "The picture is in colour; a radiograph is not.",
    "该图像为彩色图像，而 X 线片应为灰度图像。",
);
