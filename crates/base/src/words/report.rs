//! Words of the report: headings, explanations, units in a sentence.
//!
//! Chinese keeps clear of the wording of a signed diagnosis: the models "suggest" (模型提示).

use crate::case::{BodyPart, Laterality, Modality, PatientFacts, Sex, SpacingSource, View};
use crate::note::Severity;
use crate::reading::{ExplanationMethod, Side};
use crate::text::Text;

texts! {
    static:
    /// The line on top and at the foot of every result.
    RESEARCH_USE = "Research use only; a physician decides.", "仅供科研使用，诊断由医师作出。";
    /// The longer form in `result.json`.
    DISCLAIMER = "Research use only; a physician decides. Scores are not probabilities unless marked as calibrated, and no finding above its operating point does not exclude disease.", "仅供科研使用，诊断由医师作出。除标明已校准者外，评分不是概率；未见超过判定阈值的征象不能排除疾病。";
    /// Title of the page.
    TITLE = "Model consultation", "模型会诊结果";
    /// Marks one model with placeholder weights.
    PLACEHOLDER_SHORT = "placeholder weights", "占位权重";
    /// Heading.
    CASE = "Case", "病例";
    /// Heading.
    WARNINGS = "Warnings", "警示";
    /// Heading.
    OPINION = "The panel's opinion", "模型综合印象";
    /// Beside the heading.
    OPINION_NATURE = "model output, not a diagnosis", "非诊断意见";
    /// Column of the opinion.
    POSITIVE = "At or above the operating point", "模型提示（达到或超过判定阈值）";
    /// Column of the opinion.
    DISAGREE = "Models disagree", "模型意见不一致";
    /// Column of the opinion.
    NOT_ASSESSED = "Not assessed", "未评估";
    /// Nothing above.
    NONE_POSITIVE = "No finding reaches the operating point of every model here. This does not exclude disease.", "没有征象在全部模型中达到判定阈值。这不能排除疾病。";
    /// No operating points at all.
    NONE_VOTING = "No model here has an operating point: scores only, no yes or no.", "所用模型均未设判定阈值：仅给出评分，不作阳性或阴性判断。";
    /// Nothing scored.
    NONE_SCORED = "No model scored any finding.", "没有模型给出征象评分。";
    /// No disagreement.
    NONE_DISAGREE = "None.", "无。";
    /// Only one model voted.
    ONE_MODEL = "Only one model: there is nothing to compare.", "仅有一个模型，无从比较。";
    /// What chest classifiers do not look at.
    OUTSIDE_SCOPE = "Anything not listed among the findings: tubes, lines and devices, free abdominal gas, change since earlier images, the clinical question.", "征象列表以外的一切内容：导管、引流管及植入物，腹腔游离气体，与既往影像的对比，以及临床问题。";
    /// Under "not assessed" where no chest film was read.
    OUTSIDE_SCOPE_OTHER = "Anything not listed among the findings: other disease, fractures and implants, change since earlier images, the clinical question.", "征象列表以外的一切内容：其他病变，骨折与植入物，与既往影像的对比，以及临床问题。";
    /// Findings nobody scored.
    NOT_SCORED = "Scored by no model: ", "无模型评分：";
    /// Heading.
    IMAGE = "Image", "影像";
    /// Alt text.
    IMAGE_ALT = "The image as read, reduced for the page", "所读影像（为页面显示已缩小）";
    /// Caption of the film.
    SIDES_ASSUMED = "Sides follow the convention of a frontal film: the patient's right is on the left of the picture. Check against the marker on the film.", "左右按正位片惯例显示：患者右侧位于图像左侧。请与片上标记核对。";
    /// One letter.
    RIGHT_MARK = "R", "右";
    /// One letter.
    LEFT_MARK = "L", "左";
    /// Heading.
    FINDINGS = "Findings and scores", "影像所见（模型评分）";
    /// Under the chart when every operating point is 0.5.
    SCORE_HALF = "A score is not a probability unless it is marked as calibrated; 0.5 is the model's operating point. A filled marker is at or above the operating point, a hollow one below.", "除标明已校准者外，评分不是患病概率；0.5 为模型的判定阈值。实心标记表示达到或超过阈值，空心标记表示低于阈值。";
    /// Under the chart otherwise.
    SCORE_TICKS = "A score is not a probability unless it is marked as calibrated; the upright tick in a model's lane is its operating point. A filled marker is at or above it, a hollow one below; a dotted outline has no operating point.", "除标明已校准者外，评分不是患病概率；竖线为该模型的判定阈值。实心标记表示达到或超过阈值，空心标记表示低于阈值，虚线标记表示无判定阈值。";
    /// Group in the chart.
    GROUP_POSITIVE = "At or above the operating point in at least one model", "至少一个模型达到或超过判定阈值";
    /// Group in the chart.
    GROUP_NEGATIVE = "Below the operating point in every model", "全部模型均低于判定阈值";
    /// Group in the chart of one model.
    GROUP_POSITIVE_ONE = "At or above the operating point", "达到或超过判定阈值";
    /// Group in the chart of one model.
    GROUP_NEGATIVE_ONE = "Below the operating point", "低于判定阈值";
    /// Group in the chart.
    GROUP_UNDECIDED = "No operating point", "无判定阈值";
    /// Column.
    FINDING = "Finding", "征象";
    /// Column.
    SCORE = "Score", "评分";
    /// Column.
    MEAN_RANGE = "Mean (range)", "均值（范围）";
    /// Column.
    AGREEMENT = "Agreement", "一致性";
    /// Column.
    READS_AS = "Reads as", "判定";
    /// One model says yes.
    YES = "above", "高于阈值";
    /// One model says no.
    NO = "below", "低于阈值";
    /// No operating point.
    UNDECIDED = "no operating point", "无阈值";
    /// Word.
    OPERATING_POINT = "operating point", "判定阈值";
    /// Word.
    CALIBRATED = "calibrated", "已校准";
    /// Legend of the chart.
    MODELS_LEGEND = "Markers", "标记";
    /// Heading.
    ANATOMY = "Anatomy outlines", "解剖结构轮廓";
    /// Alt text.
    ANATOMY_ALT = "Outlines of structures over the image; the numbers are explained in the table", "影像上的解剖结构轮廓，编号见表";
    /// Column.
    STRUCTURE = "Structure", "结构";
    /// Column.
    AREA = "Area", "面积";
    /// Column.
    MEAN_SCORE = "Mean score", "平均评分";
    /// The mask is empty.
    NOT_FOUND = "not found", "未检出";
    /// Caption of the outlines.
    ANATOMY_NOTE = "Outlines drawn by the model, unchecked. Areas are of the projection at the plane named under pixel spacing.", "轮廓由模型绘制，未经核对。面积为投影面积，比例见像素间距所注平面。";
    /// Heading.
    EXPLANATIONS = "Explanation maps", "模型关注区域图";
    /// Caption.
    EXPLANATION_NOTE = "Shows where the model looked, not where the disease is.", "仅表示模型关注的区域，不代表病变所在位置。";
    /// Scale of the map.
    EXPLANATION_SCALE = "Colour from 0 (clear) to the map's own maximum (yellow); dashed line at half of it.", "颜色由 0（透明）至该图最大值（黄色），虚线为最大值的一半。";
    /// The map is all zero.
    EXPLANATION_EMPTY = "The map is zero everywhere: nothing in the image speaks for this finding.", "该图处处为零：影像中没有支持该征象的区域。";
    /// Heading.
    VALUES = "Measurements", "测量值";
    /// Column.
    MEASURE = "Measurement", "测量项目";
    /// Column.
    VALUE = "Value", "数值";
    /// Column.
    INTERVAL = "Interval", "区间";
    /// Column.
    MODEL = "Model", "模型";
    /// Heading.
    DOMAIN = "Fit with the training data", "与训练数据的符合程度";
    /// Column.
    SIGN = "Sign", "指标";
    /// Column.
    LIMIT = "Limit", "界限";
    /// Out of domain.
    STRANGE = "out of domain", "超出训练范围";
    /// In domain.
    FAMILIAR = "within the limit", "未超界限";
    /// No limit known.
    NO_LIMIT = "no limit known", "无已知界限";
    /// Row.
    UNCERTAINTY = "Uncertainty", "不确定性";
    /// Heading.
    MODELS = "The models", "参与模型";
    /// Label.
    REFUSED = "Refused", "拒绝作答";
    /// Label.
    ANSWERED = "Answered", "已作答";
    /// Label.
    LIMITS = "Limits", "局限性";
    /// Label.
    INTENDED_USE = "Intended use", "用途";
    /// Label.
    LICENCE = "Licence of the weights", "权重许可";
    /// Heading of a text a model wrote.
    MODEL_TEXT = "Text written by the model", "模型生成的文字";
    /// Heading.
    ALL_SCORES = "All scores", "全部评分";
    /// Footnote of the table of scores.
    ALL_SCORES_NOTE = "Score / operating point. A dash: the model was not trained for it.", "评分 / 判定阈值。短横线表示该模型未针对此征象训练。";
    /// Heading.
    MANIFEST = "Run manifest", "运行记录";
    /// Row.
    VERSION = "Program", "程序版本";
    /// Row.
    CREATED = "Created (UTC)", "生成时间（UTC）";
    /// Row.
    CPU = "Instruction set", "指令集";
    /// Row.
    THREADS = "Threads", "线程数";
    /// Row.
    SETTINGS = "Settings", "设置";
    /// Row.
    DEFAULTS = "all defaults", "均为默认值";
    /// Row.
    DECODE = "Reading the file", "读取文件";
    /// Row.
    INPUT_HASH = "Input file, SHA-256", "输入文件 SHA-256";
    /// Column.
    WEIGHTS = "Weights", "权重文件";
    /// Column.
    CONTAINER = "Container", "格式";
    /// Column.
    LOAD = "Load", "加载";
    /// Column.
    RUN = "Run", "运行";
    /// Column.
    MEMORY = "Network buffers", "网络内存";
    /// Heading.
    SIGNATURE = "Review by the physician", "医师审阅";
    /// Line.
    NAME = "Name", "姓名";
    /// Line.
    DATE = "Date", "日期";
    /// Line.
    SIGN_HERE = "Signature", "签名";
    /// Box.
    AGREE = "I agree", "同意";
    /// Box.
    PARTLY = "I agree in part", "部分同意";
    /// Box.
    REJECT = "I disagree", "不同意";
    /// Line.
    COMMENT = "Comment", "意见";
    /// Row.
    MODALITY = "Modality", "检查设备类型";
    /// Row.
    BODY_PART = "Body part", "检查部位";
    /// Row.
    VIEW = "View", "投照体位";
    /// Row.
    LATERALITY = "Laterality", "侧别";
    /// Row.
    SIZE = "Size", "图像尺寸";
    /// Row.
    SPACING = "Pixel spacing", "像素间距";
    /// Row.
    PATIENT = "Patient", "患者";
    /// Row.
    DEVICE = "Device", "设备";
    /// Row.
    FILE = "File", "文件";
    /// Value.
    NOT_STATED = "not stated", "未注明";
    /// Title of the overview page.
    OVERVIEW = "Model consultations", "模型会诊一览";
    /// Column.
    OVERVIEW_FINDINGS = "Leading findings", "主要模型提示";
    /// Column.
    STATE_COLUMN = "State", "状态";
    /// State.
    STATE_READ = "read", "已读";
    /// State.
    STATE_REFUSED = "refused", "拒绝";
    /// State.
    STATE_FAILED = "failed", "失败";
    /// Value.
    NONE_LEADING = "none at or above its operating point", "无达到判定阈值的征象";
}

/// Name of a severity.
pub fn severity(severity: Severity) -> Text {
    match severity {
        Severity::Info => Text::fixed("Note", "提示"),
        Severity::Warning => Text::fixed("Warning", "警告"),
        Severity::Serious => Text::fixed("Serious", "严重警告"),
    }
}

/// Name of a modality.
pub fn modality(modality: &Modality) -> Text {
    match modality {
        Modality::Cr => Text::fixed("Computed radiography (CR)", "计算机 X 线摄影（CR）"),
        Modality::Dx => Text::fixed("Digital radiography (DX)", "数字 X 线摄影（DX）"),
        Modality::Rg => Text::fixed("Conventional radiography (RG)", "普通 X 线摄影（RG）"),
        Modality::Ct => Text::fixed("Computed tomography (CT)", "CT"),
        Modality::Mr => Text::fixed("Magnetic resonance (MR)", "磁共振（MR）"),
        Modality::Us => Text::fixed("Ultrasound (US)", "超声（US）"),
        Modality::Mg => Text::fixed("Mammography (MG)", "乳腺 X 线摄影（MG）"),
        Modality::Ot => Text::fixed("Other (OT)", "其他（OT）"),
        Modality::Other(value) => Text::same(value.clone()),
    }
}

/// Name of a part of the body.
pub fn body_part(part: &BodyPart) -> Text {
    match part {
        BodyPart::Chest => Text::fixed("Chest", "胸部"),
        BodyPart::Knee => Text::fixed("Knee", "膝关节"),
        BodyPart::Other(value) => Text::same(value.clone()),
    }
}

/// Name of a projection.
pub fn view(view: &View) -> Text {
    match view {
        View::Pa => Text::fixed("Posteroanterior (PA)", "后前位（PA）"),
        View::Ap => Text::fixed("Anteroposterior (AP)", "前后位（AP）"),
        View::Lateral => Text::fixed("Lateral", "侧位"),
        View::Other(value) => Text::same(value.clone()),
    }
}

/// Name of a laterality.
pub fn laterality(laterality: Laterality) -> Text {
    match laterality {
        Laterality::Right => Text::fixed("right", "右侧"),
        Laterality::Left => Text::fixed("left", "左侧"),
        Laterality::Both => Text::fixed("both sides", "双侧"),
    }
}

/// Name of a side of the patient.
pub fn side(side: Side) -> Text {
    match side {
        Side::Right => laterality(Laterality::Right),
        Side::Left => laterality(Laterality::Left),
        Side::Both => laterality(Laterality::Both),
    }
}

/// Age and sex in a few words; `None` when neither is known.
pub fn patient(patient: &PatientFacts) -> Option<Text> {
    let sex = patient.sex.map(|sex| match sex {
        Sex::Female => Text::fixed("female", "女"),
        Sex::Male => Text::fixed("male", "男"),
        Sex::Other => Text::fixed("other sex", "其他性别"),
    });
    let age = patient.age_years.map(|age| match age {
        90.. => Text::fixed("90 years or over", "90 岁及以上"),
        _ => Text::filled(format!("{age} years"), format!("{age} 岁")),
    });
    match (sex, age) {
        (Some(sex), Some(age)) => Some(Text::filled(
            format!("{}, {}", sex.en(), age.en()),
            format!("{}，{}", sex.zh(), age.zh()),
        )),
        (sex, age) => sex.or(age),
    }
}

/// Where a pixel spacing is from.
pub fn spacing_source(source: SpacingSource) -> Text {
    match source {
        SpacingSource::PixelSpacing => {
            Text::fixed("from Pixel Spacing", "取自 Pixel Spacing（像素间距）")
        }
        SpacingSource::ImagerPixelSpacing => Text::fixed(
            "at the detector, from Imager Pixel Spacing: larger than in the patient",
            "探测器平面，取自 Imager Pixel Spacing：测量值大于体内实际大小",
        ),
        SpacingSource::NominalScannedPixelSpacing => Text::fixed(
            "of the digitised film, from Nominal Scanned Pixel Spacing",
            "数字化胶片，取自 Nominal Scanned Pixel Spacing",
        ),
        SpacingSource::PictureResolution => Text::fixed(
            "from the picture's resolution tag: seldom the true scale",
            "取自图片分辨率标签：多非真实比例",
        ),
    }
}

/// Name of an explanation's method.
pub fn method(method: ExplanationMethod) -> Text {
    match method {
        ExplanationMethod::GradCam => Text::fixed("Grad-CAM", "Grad-CAM"),
        ExplanationMethod::Occlusion => Text::fixed("Occlusion", "遮挡法"),
    }
}

/// "2 of 3 above", for the agreement column.
pub fn votes(positive: usize, voting: usize) -> Text {
    Text::filled(format!("{positive} of {voting} above"), format!("{positive}/{voting} 高于阈值"))
}

/// Width, height and frames.
pub fn size(width: usize, height: usize, frames: usize) -> Text {
    match frames {
        0 | 1 => Text::same(format!("{width} × {height} px")),
        _ => Text::filled(
            format!("{width} × {height} px, {frames} frames (the first is shown)"),
            format!("{width} × {height} px，{frames} 帧（显示首帧）"),
        ),
    }
}

/// One marker of the chart for a screen reader.
pub fn marker(model: &Text, score: &str, operating_point: Option<&str>) -> Text {
    match operating_point {
        Some(point) => Text::filled(
            format!("{}: {score} (operating point {point})", model.en()),
            format!("{}：{score}（判定阈值 {point}）", model.zh()),
        ),
        None => Text::filled(
            format!("{}: {score} (no operating point)", model.en()),
            format!("{}：{score}（无判定阈值）", model.zh()),
        ),
    }
}

/// Share of findings on which all models agree.
pub fn unanimity(percent: u32) -> Text {
    Text::filled(
        format!("All voting models agree on {percent} % of the findings that two or more scored."),
        format!("由两个及以上模型评分的征象中，意见完全一致者占 {percent}%。"),
    )
}

/// Models that refused.
pub fn refusals(count: usize) -> Text {
    Text::filled(
        format!(
            "{count} {} refused to answer; see the models.",
            if count == 1 { "model" } else { "models" }
        ),
        format!("{count} 个模型拒绝作答，原因见“参与模型”。"),
    )
}

/// Counts on the overview page.
pub fn overview(read: usize, refused: usize, failed: usize) -> Text {
    Text::filled(
        format!("{read} read, {refused} refused, {failed} failed"),
        format!("已读 {read} 例，拒绝 {refused} 例，失败 {failed} 例"),
    )
}

/// Alt text of an explanation map.
pub fn map_alt(finding: &Text, method: &Text, model: &Text) -> Text {
    Text::filled(
        format!("{} map of {} for {}", method.en(), model.en(), finding.en()),
        format!("{}的{}关注区域图（{}）", model.zh(), finding.zh(), method.zh()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages() {
        for text in ALL {
            assert!(
                !text.en().trim().is_empty() && text.en().is_ascii() || text.en().contains('×')
            );
            let marks = text == &&RIGHT_MARK || text == &&LEFT_MARK;
            assert!(marks || text.zh().chars().any(|c| c as u32 >= 0x4e00), "{}", text.en());
            assert_ne!(text.en(), text.zh());
        }
    }

    #[test]
    fn a_patient_of_ninety_is_not_told_apart() {
        let facts = PatientFacts { age_years: Some(90), sex: Some(Sex::Female) };
        let text = patient(&facts).unwrap();
        assert_eq!(text.en(), "female, 90 years or over");
        assert_eq!(text.zh(), "女，90 岁及以上");
        assert_eq!(patient(&PatientFacts::default()), None);
    }
}
