//! What else the judge says: of uncertain labels that are predicted or a class of their own, of data sets
//! that no model answers.

use super::score::both;
use crate::text::Text;

texts! { static:
    /// U-MultiClass.
    THREE_CLASSES = "Uncertain (-1) is a class of its own: each label is judged among its certain cases by P(present) / (P(present) + P(absent)), and LABEL:uncertain says how well uncertain cases are told from the others.",
        "不确定（-1）单独作为一类：各标签仅在确定的病例中按 P(有)/(P(有)+P(无)) 评价，LABEL:uncertain 则评价不确定病例与其他病例的区分能力。";
    /// U-SelfTrained with the predictions that are judged.
    JUDGES_ITSELF = "the predictions that are judged cannot stand for the truth: --uncertain selftrained takes those of another model",
        "被评价的预测不能同时充当参考：--uncertain selftrained 须使用另一模型的预测";
    /// Title.
    OPERATING_POINTS = "Operating points, chosen on these very cases, hence optimistic", "工作点（阈值在本数据上选定，结果偏乐观）";
    /// Beside the Brier score.
    BRIER_PARTS = "Brier score = reliability − resolution + uncertainty", "Brier 评分 = 可靠性 − 分辨度 + 不确定性";
    /// Point of the ROC curve.
    YOUDEN = "Youden", "Youden";
    /// Above a table.
    FULL_TABLES = "all metrics of the subgroups", "各亚组全部指标";
    /// Legend.
    BOX_OUTLINES = "Solid line: truth. Dashed line: prediction, at most the ten surest boxes.", "实线：参考标准；虚线：模型预测（至多显示评分最高的 10 个框）。";
    /// Estimate.
    HODGES_LEHMANN = "Hodges-Lehmann", "Hodges-Lehmann 估计";
    /// A data set of boxes.
    ONLY_BOXES = "the truth of this data set are boxes, and no model of this build gives boxes", "该数据集的参考为检测框，而本版本没有输出检测框的模型";
    /// A data set of reports.
    ONLY_REPORTS = "the truth of this data set are reports, and no model of this build writes reports", "该数据集的参考为报告文本，而本版本没有撰写报告的模型";
    /// No three classes.
    ONE_SCORE = "--uncertain multiclass needs three scores a label, and the models that `evaluate` runs give one; `score` judges such tables",
        "--uncertain multiclass 要求每个标签有三个评分，而 evaluate 运行的模型只给出一个；此类表格请用 score 评价";
}

/// What a test is called.
pub fn test(name: &str) -> Text {
    match name {
        "delong" => Text::fixed("DeLong", "DeLong"),
        "mcnemar" => Text::fixed("McNemar", "McNemar"),
        "wilcoxon" => Text::fixed("Wilcoxon", "Wilcoxon 符号秩"),
        "sign_flip" => Text::fixed("sign flips", "符号翻转置换"),
        "swap" => Text::fixed("answers swapped", "模型结果互换置换"),
        other => Text::same(other),
    }
}

/// A point of the ROC curve by what was asked of it: `sensitivity_0.90`.
pub fn operating_point(name: &str) -> Text {
    match name.split_once('_') {
        Some(("sensitivity", at)) => {
            Text::filled(format!("sensitivity ≥ {at}"), format!("敏感度 ≥ {at}"))
        }
        Some(("specificity", at)) => {
            Text::filled(format!("specificity ≥ {at}"), format!("特异度 ≥ {at}"))
        }
        _ => YOUDEN.clone(),
    }
}

/// How many labels of the truth are predictions.
pub fn relabelled(count: usize) -> Text {
    Text::filled(
        format!(
            "{count} uncertain labels (-1) were replaced by another model's predictions at 0.5: to that extent the judgement measures agreement with that model."
        ),
        format!(
            "{count} 个不确定标签（-1）已按另一模型的预测（阈值 0.5）替换；在此范围内，结果反映的是与该模型的一致性。"
        ),
    )
}

/// Uncertain labels that nobody predicted.
pub fn not_relabelled(column: &str, rows: &[String]) -> Text {
    let (en, zh) = both(rows);
    Text::filled(
        format!("column {column:?}: no prediction from 0 to 1 for the uncertain labels in {en}"),
        format!("列 {column:?}：以下行的不确定标签没有 0–1 的预测：{zh}"),
    )
}

/// Labels without the columns of three classes.
pub fn three_columns(labels: &[String]) -> Text {
    let (en, zh) = both(labels);
    Text::filled(
        format!(
            "--uncertain multiclass needs the predictions' columns LABEL, LABEL:absent and LABEL:uncertain; they are not there for {en}"
        ),
        format!(
            "--uncertain multiclass 要求预测表含 LABEL、LABEL:absent 与 LABEL:uncertain 三列，以下标签缺少：{zh}"
        ),
    )
}

/// Chances of two classes whose share in each other is none.
pub fn bad_shares(column: &str, rows: &[String]) -> Text {
    let (en, zh) = both(rows);
    Text::filled(
        format!(
            "column {column:?}: the scores of three classes must be finite, not below 0, and those of present and absent not both 0, but are not in {en}"
        ),
        format!(
            "列 {column:?}：三类评分须为有限的非负数，且“有”“无”不得同时为 0；以下行不符：{zh}"
        ),
    )
}

/// Two folders have no splits.
pub fn no_splits(split: &str) -> Text {
    Text::filled(
        format!("--split {split} needs a data set as KIND:PATH; a folder of masks has no splits"),
        format!("--split {split} 须配合 种类:路径 的数据集使用，掩膜文件夹没有划分"),
    )
}

/// A label with too few cases of one class for a comparison.
pub fn small_label(label: &str) -> Text {
    Text::filled(
        format!("{label}: too small to trust, fewer than 10 positive or 10 negative cases"),
        format!("{label}：阳性或阴性少于 10 例，结果不可靠"),
    )
}

/// How answers of other programs are judged.
pub fn judge_others(place: &str, task: &str) -> Text {
    let line = match task {
        "detection" => format!("consilium score --task detection PREDICTIONS.json {place}"),
        task => format!(
            "consilium datasets show {place} --out DIR && consilium score --task {task} PREDICTIONS.csv DIR/truth.csv"
        ),
    };
    Text::filled(
        format!("answers of other programs are judged by: {line}"),
        format!("其他程序的结果可用以下命令评价：{line}"),
    )
}
