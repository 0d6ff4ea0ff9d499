//! What is said of TotalSegmentator and by it.

use crate::text::Text;

texts! {
    const:
    /// Name.
    NAME = "TotalSegmentator (structures of the whole body on CT and MR)", "TotalSegmentator（CT 与 MR 全身结构分割）";
    /// Licence of the weights.
    WEIGHTS_LICENCE = "Apache-2.0 for the open tasks; tasks marked as licensed need a licence number of their makers (free for non-commercial use); brain_aneurysm CC BY-NC 4.0", "公开任务为 Apache-2.0；标注“需许可”的任务须向作者申请许可号（非商业用途免费）；brain_aneurysm 为 CC BY-NC 4.0";
    /// What it is for.
    USE = "Outlines organs, bones, vessels and muscles on CT (or MR with the tasks ending in _mr), for volumes, densities and further processing.", "在 CT（或以 _mr 结尾的任务对应的 MR）上勾画器官、骨骼、血管与肌肉，用于体积、密度测量及后续处理。";
    /// What it cannot do.
    LIMITS = "Trained on routine examinations of one Swiss hospital group; children, rare anatomy, large tumours, implants and heavy artefacts are less reliable, and the fast ways lose small structures. It names no disease except where a task says so. Vertebrae may be counted wrongly when the image shows only part of the spine. Of the original's tasks those with their own rules for vertebrae (vertebrae_pp) and those of its reports are not built.", "训练数据为瑞士一家医院集团的常规检查；儿童、少见解剖变异、巨大肿瘤、植入物及明显伪影时可靠性下降，快速模式会丢失细小结构。除任务名称所示外不提示疾病。影像仅含部分脊柱时，椎体计数可能有误。原软件中带有专门椎体规则的任务（vertebrae_pp）及其报告类任务未实现。";
    /// Choice.
    FAST = "works at 3 mm (body: 6 mm)", "以 3 mm 分辨率计算（body 任务为 6 mm）";
    /// Choice.
    FASTEST = "works at 6 mm", "以 6 mm 分辨率计算";
    /// Wrong use.
    ONE_TASK = "TotalSegmentator carries out one task at a time", "TotalSegmentator 每次仅执行一项任务";
    /// Remark.
    FIRST_FRAME = "The image has several frames; only the first was read.", "影像含多帧，仅读取第一帧。";
    /// Remark.
    NOTHING = "No structure was found: the image may be of another modality, unit or part of the body.", "未检出任何结构：影像的模态、单位或部位可能不符。";
}

/// What a task outlines.
pub fn task(structures: usize, licensed: bool) -> Text {
    let (en, zh) = if licensed { ("; licensed weights", "；权重需许可") } else { ("", "") };
    Text::filled(
        format!("task of {structures} structure(s){en}"),
        format!("任务，含 {structures} 个结构{zh}"),
    )
}

/// The coarse model did not find what the image is cropped to.
pub fn region_not_found(parts: &[&str]) -> Text {
    let names: Vec<Text> = parts.iter().map(|part| super::structures::structure(part)).collect();
    let en: Vec<&str> = names.iter().map(Text::en).collect();
    let zh: Vec<&str> = names.iter().map(Text::zh).collect();
    Text::filled(
        format!(
            "The region of this task was not found in the image ({}); nothing was marked.",
            en.join(", ")
        ),
        format!("影像中未找到该任务所需区域（{}），未作任何标记。", zh.join("、")),
    )
}
