//! What `evaluate` says: a data set, the models run over it, what came of it.

use crate::text::Text;

texts! { static:
    /// Command.
    EVALUATE = "Run models over a data set and judge them.\nThe data set is named KIND:PATH as for `datasets`. Predictions are kept as Parquet files; a run that\nwas broken off continues where it stopped when the same command is given again, and gives the same\nbytes. The folder of each model holds run.json, predictions/, what was judged, and scores.json; beside\nthem evaluation.json, evaluation.csv and evaluation.html with the worst cases.",
        "用一个或多个模型判读整个数据集并给出评价。\n数据集写作 种类:路径，与 `datasets` 相同。预测结果以 Parquet 文件保存；运行中断后再次执行同一命令\n即可从中断处继续，所得文件逐字节一致。每个模型的文件夹含 run.json、predictions/、参与评价的数据及\nscores.json；同级另有 evaluation.json、evaluation.csv 及附最差病例图像的 evaluation.html。";
    /// Flag.
    FLAG_DATASET = "The data set, see `consilium datasets`.", "数据集，参见 `consilium datasets`。";
    /// Flag.
    FLAG_MODEL = "Models to judge, of one kind: for films or for volumes.", "参加评价的模型，须同为胸片等平片模型或同为三维影像模型。";
    /// Flag.
    FLAG_LABELS = "What to judge. Films: LABEL or LABEL=FINDING, labels of\nthe set and findings of the models. Masks: N or N=NAME\n(default: all that both sides have).",
        "评价内容。平片：标签 或 标签=征象（数据集的标签、\n模型的征象）。掩膜：N 或 N=名称\n（默认：双方共有者）。";
    /// Flag.
    FLAG_SHARD = "Cases that one file of predictions holds (default: 64\nfilms, 1 volume).", "每个预测文件所含病例数（默认：平片 64，三维影像 1）。";
    /// Flag.
    FLAG_OUT = "Folder of the evaluation (default consilium-out).", "评价结果文件夹（默认 consilium-out）。";
    /// Flag.
    FLAG_JSON = "Print JSON on standard output and nothing else.", "仅在标准输出打印 JSON。";
    /// No data set.
    WHICH_DATASET = "--dataset KIND:PATH says which data set", "请用 --dataset 种类:路径 指定数据集";
    /// No model.
    WHICH_MODEL = "--model says which models to judge", "请用 --model 指定参加评价的模型";
    /// No case of the split has a known truth.
    NO_TRUTH = "no case with known truth", "没有带参考标准的病例";
    /// No uncertain label was foreseen.
    UNCERTAIN = "the truth holds -1 (uncertain): --uncertain ignore, zeros or ones says what it means", "参考标准中含 -1（不确定）：请用 --uncertain ignore、zeros 或 ones 说明其处理方式";
    /// The set has no masks.
    NO_MASKS = "the data set has no masks of the truth; models for volumes are judged by masks", "该数据集没有参考掩膜；三维影像模型须以掩膜评价";
    /// The model gives no scores.
    NO_SCORES = "the model gives neither scores nor values that a table of labels could judge", "该模型既不输出评分也不输出数值，无法用标签表评价";
    /// A case without file.
    NO_FILE = "the data set names no file for it", "数据集未给出该病例的文件";
    /// The model left a label out.
    NO_ANSWER = "the model gave no score", "模型未给出评分";
    /// Nothing was answered.
    NOTHING_ANSWERED = "no case was answered by the model; there is nothing to judge", "模型未回答任何病例，无可评价";
    /// Numbers stand for themselves.
    BY_NUMBER = "The data set has no names of its labels: a label of the model is taken for the label of the same number.", "该数据集没有标签名称：模型的标签按编号与之对应。";
    /// Another run.
    OTHER_RUN_HINT = "give another folder with --out, or remove this one", "请用 --out 指定其他文件夹，或删除此文件夹";
    /// Status.
    ANSWERED = "answered", "已判读";
    /// Status.
    PARTLY = "partly", "部分判读";
    /// Status.
    REFUSED = "refused", "拒绝判读";
    /// Status.
    FAILED = "failed", "失败";
    /// Title.
    PAGE_TITLE = "Evaluation", "模型评价";
    /// Title.
    DATA_SET = "Data set", "数据集";
    /// Title.
    KIND = "kind", "种类";
    /// Title.
    SPLIT = "split", "划分";
    /// Title.
    HASH = "SHA-256 of what was judged", "评价数据的 SHA-256";
    /// Title.
    WEIGHTS = "SHA-256 of the weights", "权重的 SHA-256";
    /// Title.
    OVERVIEW = "Overview", "概览";
    /// Title.
    LABEL = "label", "标签";
    /// Title.
    UNANSWERED = "Cases without a complete answer", "未完整判读的病例";
    /// Title.
    CASE = "case", "病例";
    /// Title.
    REASON = "reason", "原因";
    /// Title.
    STATUS = "status", "状态";
    /// Title.
    PUBLISHED = "Published by others", "他人发表的结果";
    /// Under the title.
    PUBLISHED_NOTE = "Not measured here. Each number has its own data set, its own cases and its own n; none is ranked with the numbers above.", "以下均非本次测得。各数值有其自身的数据集、病例与样本量，不与上述结果一并排名。";
    /// Title.
    SYSTEM = "system", "系统";
    /// Title.
    SOURCE = "source", "来源";
    /// A number that was not read in its source.
    RECALLED = "restated", "转述";
    /// Title.
    WORST = "Worst cases in pictures", "最差病例图像";
    /// Legend.
    CONTOURS = "Solid line: truth. Dashed line: prediction. The slice with most voxels on which they disagree.", "实线：参考标准；虚线：模型预测。所示为两者不一致体素最多的层面。";
    /// Legend.
    WRONG_SIDE = "Of each label the cases furthest on the wrong side of the threshold, up to three of each kind; of values those furthest from the truth.", "各标签中偏离阈值最远的误判病例，漏诊与误诊各至多三例；数值类为与参考相差最大者。";
    /// Truth of a film.
    TRUE_POSITIVE = "truth: present", "参考：有";
    /// Truth of a film.
    TRUE_NEGATIVE = "truth: absent", "参考：无";
    /// Case with no picture.
    NO_PICTURE = "no picture", "无图像";
    /// Title.
    COMMAND = "The same numbers without running a model", "不运行模型复算";
    /// No cases left out.
    ALL_ANSWERED = "Every case was answered.", "所有病例均已判读。";
}

/// A remote model on data that must stay.
pub fn credentialed(kind: &str, model: &str) -> Text {
    Text::filled(
        format!(
            "{kind} is given out under an agreement that bars sending it to others, and {model} runs elsewhere"
        ),
        format!("{kind} 的数据使用协议禁止向他人发送数据，而 {model} 在外部运行"),
    )
}

/// A system of the catalogue that runs elsewhere and is no part of this build.
pub fn elsewhere(model: &str) -> Text {
    Text::filled(
        format!("{model} runs elsewhere and is not connected in this build"),
        format!("{model} 在外部运行，本版本未接入"),
    )
}

/// Films of another part of the body.
pub fn other_part(kind: &str, model: &str, parts: &str) -> Text {
    Text::filled(
        format!("{kind} holds films of bones and joints; {model} reads {parts} only"),
        format!("{kind} 为骨与关节影像；{model} 仅判读 {parts}"),
    )
}

/// No label in common.
pub fn nothing_common(set: &[String], model: &[String]) -> Text {
    Text::filled(
        format!(
            "the data set and the model have no label in common; the set's: {}; the model's: {}",
            listed(set, ", "),
            listed(model, ", ")
        ),
        format!(
            "数据集与模型没有共同的标签；数据集：{}；模型：{}",
            listed(set, "、"),
            listed(model, "、")
        ),
    )
}

/// How to name them.
pub fn labels_hint(example: &str) -> Text {
    Text::filled(
        format!("--labels says what belongs together: --labels {example}"),
        format!("可用 --labels 指定对应关系：--labels {example}"),
    )
}

/// A label that is not there.
pub fn no_such_label(name: &str, known: &[String]) -> Text {
    Text::filled(
        format!("--labels: there is no {name:?}; known: {}", listed(known, ", ")),
        format!("--labels：没有 {name:?}；已知：{}", listed(known, "、")),
    )
}

/// Labels that the model does not give.
pub fn lacking(names: &[String]) -> Text {
    Text::filled(
        format!(
            "Labels of the data set that the model does not give, not judged: {}.",
            names.join(", ")
        ),
        format!("模型不输出、未评价的数据集标签：{}。", names.join("、")),
    )
}

/// What the model gives and the set does not know.
pub fn unjudged(names: &[String]) -> Text {
    Text::filled(
        format!("What the model gives and the data set has no truth for: {}.", names.join(", ")),
        format!("模型输出但数据集无参考标准者：{}。", names.join("、")),
    )
}

/// Cases that were not judged.
pub fn counted(answered: usize, refused: usize, failed: usize) -> Text {
    Text::filled(
        format!("answered: {answered}; refused: {refused}; failed: {failed}"),
        format!("已判读 {answered} 例；拒绝判读 {refused} 例；失败 {failed} 例"),
    )
}

/// The scores are of fewer cases.
pub fn not_all(missing: usize, all: usize) -> Text {
    Text::filled(
        format!(
            "{missing} of {all} cases have no answer; the numbers are of the others, and such a run is not ranked with one that answered them."
        ),
        format!(
            "{all} 例中有 {missing} 例未得到回答；以下数值仅含其余病例，此类结果不与回答了这些病例的结果一并排名。"
        ),
    )
}

/// Cases that were left out beforehand.
pub fn without_truth(count: usize) -> Text {
    Text::filled(
        format!("{count} cases without known truth were not given to the models."),
        format!("{count} 例无参考标准，未交由模型判读。"),
    )
}

/// A run in the folder that is another.
pub fn other_run(differences: &[String]) -> Text {
    Text::filled(
        format!("the folder holds another run: {}", differences.join("; ")),
        format!("该文件夹属于另一次运行：{}", differences.join("；")),
    )
}

/// How many cases were done before.
pub fn continued(done: usize, all: usize) -> Text {
    Text::filled(
        format!("continuing: {done} of {all} cases were done before"),
        format!("继续运行：{all} 例中已完成 {done} 例"),
    )
}

/// A file of predictions that is not what its name says.
pub fn damaged(name: &str) -> Text {
    Text::filled(
        format!("{name} is damaged; its cases are predicted again"),
        format!("{name} 已损坏，将重新预测其中病例"),
    )
}

/// Films of a study that were not read.
pub fn films_left_out(read: usize, all: usize, why: &Text) -> Text {
    Text::filled(
        format!("{read} of {all} films read; {}", why.en()),
        format!("{all} 张片中判读 {read} 张；{}", why.zh()),
    )
}

/// A film's score.
pub fn score(value: f64) -> Text {
    Text::filled(format!("score {value:.4}"), format!("评分 {value:.4}"))
}

/// A film's grades.
pub fn grades(truth: f64, predicted: f64) -> Text {
    Text::filled(
        format!("true grade {truth}, predicted {predicted}"),
        format!("参考 {truth} 级，预测 {predicted} 级"),
    )
}

/// A film's value.
pub fn values(truth: f64, predicted: f64) -> Text {
    Text::filled(
        format!("truth {truth}, predicted {predicted:.2}"),
        format!("参考 {truth}，预测 {predicted:.2}"),
    )
}

/// Which slice.
pub fn slice(number: usize, of: usize) -> Text {
    Text::filled(format!("slice {number} of {of}"), format!("第 {number}/{of} 层"))
}

fn listed(names: &[String], comma: &str) -> String {
    let mut text = names.iter().take(30).cloned().collect::<Vec<_>>().join(comma);
    if names.len() > 30 {
        text += " …";
    }
    text
}
