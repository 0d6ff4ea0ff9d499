//! What the judge says: undefined values, metrics, complaints about predictions.

use crate::text::Text;
use std::fmt::Display;

pub use super::metric_names::metric;

texts! { static:
    /// Command.
    SCORE = "Judge anybody's predictions against the truth; runs no model.\nTables (--task classification, regression, report): PREDICTIONS.csv TRUTH.csv, first column id, then\none column a label, the same header in both; an empty cell of the truth means unknown, not negative.\nMasks (--task segmentation): PRED_DIR TRUTH_DIR, the same file names. Boxes (--task detection):\nPREDICTIONS.json as COCO writes them, and as truth COCO's JSON, a folder in YOLO's or Pascal VOC's\nlayout, or a data set as KIND:PATH (see `datasets`), whose masks may be the truth too. What has no value\nis named, never a number.",
        "依据参考标准评价任何来源的预测结果，不运行模型。\n表格（--task classification、regression、report）：预测.csv 参考.csv，首列为 id，其后每列一个标签，\n两表表头相同；参考表中的空白表示未知，而非阴性。掩膜（--task segmentation）：预测文件夹 参考文件夹，\n文件名相同。检测框（--task detection）：COCO 格式的 预测.json；\n参考可为 COCO JSON、YOLO 或 Pascal VOC 文件夹，或数据集 种类:路径（见 datasets），其掩膜亦可作参考。\n无法计算的指标给出原因，不给数值。";
    /// Command.
    COMPARE = "Put models side by side on the same cases: A B … TRUTH, files or folders as for `score`.\nDifferences with intervals from the same resampled patients, paired tests with Holm's adjustment,\nrankings and how firm they are.",
        "在相同病例上比较多个模型：A B … 参考，文件或文件夹与 `score` 相同。\n给出差值及其置信区间（各模型使用同一批重抽样患者）、经 Holm 校正的配对检验、排名及其稳定性。";
    /// Flag.
    FLAG_TASK = "classification, regression, segmentation, detection\nor report.", "classification（分类）、regression（回归）、\nsegmentation（分割）、detection（检测）或 report（报告文本）。";
    /// Flag.
    FLAG_GROUP = "Column with the patient: all cases of a patient are\ndrawn together when intervals are made. Of another table:\nFILE.csv/COLUMN, whose first column is id (needed for masks).", "患者所在的列：计算置信区间时\n同一患者的病例一并抽取。列在另一表格中时写作\n文件.csv/列名（该表首列为 id；掩膜须用此写法）。";
    /// Flag.
    FLAG_BY = "Columns of the truth to make subgroups of\n(sex, age, view, …), separated by commas; also\nFILE.csv/COLUMN. Ages and other numbers are banded.", "用于亚组分析的列（性别、年龄、体位等），\n以逗号分隔；也可写作 文件.csv/列名。\n年龄等数值自动分段。";
    /// Flag.
    FLAG_THRESHOLD = "Scores at or above it are called positive\n(default 0.5 when all scores lie in 0 to 1).", "评分不低于该阈值判为阳性\n（评分均在 0–1 时默认 0.5）。";
    /// Flag.
    FLAG_POOL = "Films of one study are one case, by the highest score or\nthe mean: study=max (CheXpert), study=mean (MURA).", "同一检查的多幅影像合为一例，取最高分或均值：\nstudy=max（CheXpert）、study=mean（MURA）。";
    /// Flag.
    FLAG_PREVALENCE = "Also give predictive values at this prevalence.", "另给出该患病率下的预测值。";
    /// Flag.
    FLAG_UNCERTAIN = "What -1 (uncertain) in the truth means: ignore, zeros,\nones, selftrained=FILE.csv (another model's scores) or\nmulticlass (LABEL, LABEL:absent, LABEL:uncertain in the\npredictions); without it -1 is an error.", "参考中 -1（不确定）的处理：ignore（忽略）、zeros（视为阴性）、\nones（视为阳性）、selftrained=文件.csv（以另一模型的评分代替）\n或 multiclass（预测表须含 LABEL、LABEL:absent、\nLABEL:uncertain）；未指定时 -1 视为错误。";
    /// Flag.
    FLAG_RESAMPLES = "Resamples of the bootstrap (default 2000).", "自助法重抽样次数（默认 2000）。";
    /// Flag.
    FLAG_SEED = "Seed of the resamples (default 0), stored with the result.", "重抽样随机种子（默认 0），随结果保存。";
    /// Flag.
    FLAG_LEVEL = "Level of the intervals (default 0.95).", "置信水平（默认 0.95）。";
    /// Flag.
    FLAG_TOLERANCE = "Tolerance of the surface Dice in mm (default 1).", "表面 Dice 的容差（毫米，默认 1）。";
    /// Flag.
    FLAG_LABELS = "Labels to judge, N or N=NAME, separated by commas;\nany other label is an error (default: those of the truth).", "需评价的标签，N 或 N=名称，以逗号分隔；\n出现其他标签则报错（默认：参考中的标签）。";
    /// Flag.
    FLAG_RESAMPLE = "Bring masks of another grid onto the truth's (nearest\nneighbour) instead of refusing them.", "将网格不同的预测掩膜重采样到参考网格（最近邻），\n而不是拒绝。";
    /// Flag.
    FLAG_MORE = "Masks: also cl_dice, panoptic_quality,\nlesion_wise=gli|men|met, separated by commas.", "掩膜：另计算 cl_dice、panoptic_quality、\nlesion_wise=gli|men|met，以逗号分隔。";
    /// Flag.
    FLAG_TOKENS = "How reports are cut into words: ptb (coco-caption's\ntokeniser), space or char (Chinese; default where the\ntruth is mostly Chinese, otherwise ptb).", "报告文本的分词方式：ptb（coco-caption 分词）、\nspace（空格）或 char（逐字，中文；参考以中文为主时默认，\n否则为 ptb）。";
    /// Flag.
    FLAG_WORDNET = "Folder with WordNet (index.*, data.*, *.exc): METEOR\nalso matches synonyms.", "WordNet 文件夹（index.*、data.*、*.exc）：\nMETEOR 同时匹配同义词。";
    /// Hint.
    WORDNET_FOLDER = "--wordnet names a folder with WordNet's own files: index.*, data.* and *.exc of noun, verb, adj and adv",
        "--wordnet 应指向含 WordNet 原始文件的文件夹：noun、verb、adj、adv 的 index.*、data.* 与 *.exc";
    /// Flag.
    FLAG_MARGIN = "Non-inferiority margin, in units of the metric.", "非劣效界值（与指标同单位）。";
    /// Flag.
    FLAG_OUT_SCORE = "Folder for the result as JSON, as a page with plots and,\nof score, as CSV; nothing is written without it.", "写出 JSON 结果、图表网页及（score）CSV 的文件夹；\n不指定则不写文件。";
    /// Above the numbers.
    RESEARCH = "Research use only; a physician decides.", "仅供科研使用，诊断由医师作出。";
    /// There is no case at all.
    NO_CASES = "no cases", "无病例";
    /// No case has the finding.
    NO_POSITIVES = "no positive case or target", "无阳性病例或目标";
    /// Every case has the finding.
    NO_NEGATIVES = "no negative case", "无阴性病例";
    /// Precision without positives.
    NOTHING_CALLED_POSITIVE = "nothing was called positive", "无任何病例被判为阳性";
    /// NPV without negatives.
    NOTHING_CALLED_NEGATIVE = "nothing was called negative", "无任何病例被判为阴性";
    /// All values are the same.
    NO_SPREAD = "all values are the same", "所有数值相同，无变异";
    /// Fewer cases than the formula needs.
    TOO_FEW = "too few cases", "病例数过少";
    /// Scores outside 0…1.
    NOT_PROBABILITIES = "scores outside 0 to 1 are no probabilities", "评分超出 0–1，不能视为概率";
    /// A forecast of exactly 0 or 1.
    CERTAIN_FORECAST = "a probability of exactly 0 or 1 has no logit", "概率恰为 0 或 1，无法取 logit";
    /// Perfect separation.
    SEPARATED = "the scores separate the classes perfectly; the estimate does not converge",
        "评分将两类完全分开，估计不收敛";
    /// Both masks empty.
    BOTH_EMPTY = "reference and prediction are both empty", "参考与预测均为空";
    /// Structure not found.
    MISSED = "the structure is present and was missed", "结构存在但被漏诊";
    /// Structure made up.
    SPURIOUS = "something was marked where nothing is", "结构不存在却被标出（假阳性）";
    /// An interval without width.
    ALL_ALIKE = "every resample gave the same value: this interval does not say how certain it is", "各次重抽样结果完全相同，该区间不能反映其不确定性";
    /// Resamples without value.
    UNSTABLE_RESAMPLES = "too many resamples had no value", "过多重抽样样本无法计算该指标";
    /// Nothing reaches what was asked.
    NOT_REACHED = "no threshold reaches it", "没有阈值能达到该要求";
    /// No part matches.
    NOTHING_MATCHED = "no predicted part matches one of the reference", "预测与参考之间没有匹配的部分";
    /// Larger than can be measured.
    TOO_LARGE = "larger than can be measured", "尺寸过大，无法测量";
    /// The tasks.
    WHICH_TASK = "--task says what is judged: classification, regression, segmentation, detection or report",
        "请用 --task 指定评价任务：classification、regression、segmentation、detection 或 report";
    /// Two inputs.
    TWO_INPUTS = "two inputs are needed: the predictions, then the truth", "需要两个输入：先预测，后参考";
    /// Three inputs.
    THREE_INPUTS = "at least three inputs are needed: the predictions of two models, then the truth",
        "至少需要三个输入：两个模型的预测，最后是参考";
    /// Policies.
    WHICH_POLICY = "--uncertain takes ignore, zeros, ones, selftrained=FILE.csv or multiclass", "--uncertain 的取值为 ignore、zeros、ones、selftrained=文件.csv 或 multiclass";
    /// Tokenisers.
    WHICH_TOKENS = "--tokens takes ptb, space or char", "--tokens 的取值为 ptb、space 或 char";
    /// No rows.
    EMPTY_SPLIT = "there is no case to judge", "没有可评价的病例";
    /// What a table looks like.
    TABLE_SHAPE = "a table has a first column id, then one column a label, separated by commas, in UTF-8",
        "表格应为 UTF-8 编码、以逗号分隔，首列为 id，其后每列一个标签";
    /// No UTF-8.
    NOT_UTF8 = "not UTF-8 text", "不是 UTF-8 文本";
    /// Nothing in it.
    EMPTY_FILE = "the file is empty", "文件为空";
    /// Open quote.
    OPEN_QUOTE = "a quoted cell is not closed before the end of the file", "带引号的单元格在文件结束前未闭合";
    /// No labels.
    NO_LABELS = "no column with a label beside id", "除 id 外没有标签列";
    /// Blank truth.
    UNCERTAIN_HINT = "an empty cell means unknown; --uncertain ignore|zeros|ones says what -1 means",
        "空白表示未知；用 --uncertain ignore|zeros|ones 说明 -1 的含义";
    /// Masks have no columns.
    COLUMN_BESIDE = "give the column of a table whose first column is id as FILE.csv/COLUMN; ids are the names of the cases",
        "请写作 文件.csv/列名（该表首列为 id，取值为病例名）";
    /// Other grid.
    RESAMPLE_HINT = "--resample brings the prediction onto the grid of the truth", "可用 --resample 将预测重采样到参考网格";
    /// Whole numbers.
    NOT_LABELS = "values of a mask must be whole numbers from 0 to 65535", "掩膜的值必须为 0 至 65535 的整数";
    /// Time axis.
    NOT_3D = "a mask must have three axes, without a time axis", "掩膜必须是三维，不含时间轴";
    /// Title.
    CASES = "cases", "病例数";
    /// Title.
    UNITS = "patients", "患者数";
    /// Title.
    POSITIVES = "positive", "阳性";
    /// Title.
    NEGATIVES = "negative", "阴性";
    /// Title.
    UNKNOWN = "unknown", "未知";
    /// Title.
    ALL_LABELS = "all labels", "全部标签";
    /// Title.
    SUBGROUP = "subgroup", "亚组";
    /// A subgroup too small.
    SMALL_SUBGROUP = "too small to trust: fewer than 10 positive or 10 negative cases", "样本过少，结果不可靠：阳性或阴性少于 10 例";
    /// A subgroup too small, without classes.
    FEW_CASES = "too small to trust: fewer than 10 independent cases", "样本过少，结果不可靠：独立病例少于 10 例";
    /// Why there is no table at a threshold.
    NO_THRESHOLD = "scores lie outside 0 to 1: give --threshold for sensitivity, specificity and the like",
        "评分超出 0–1：如需敏感度、特异度等，请用 --threshold 指定阈值";
    /// Title.
    MODEL = "model", "模型";
    /// Title.
    DIFFERENCE = "difference", "差值";
    /// Title.
    RANKS = "ranks", "排名";
    /// Instable ranking.
    UNSTABLE_RANKING = "the ranking is not firm: Kendall's tau of the resamples is below 0.9", "排名不稳定：重抽样排名的 Kendall τ 低于 0.9";
    /// How failures count.
    FAILURES = "Means include failures: a structure that was missed or made up counts 0 for Dice, IoU and surface Dice, and the diagonal of the image for distances; mean_ok leaves them out. Cases without the structure on both sides are counted apart.",
        "均值包含失败病例：漏诊或假阳性的结构，Dice、交并比和表面 Dice 计 0，距离计为图像对角线长度；mean_ok 不含这些病例。两者均无该结构的病例另行计数。";
    /// What text metrics do not say.
    WORDS_NOT_FINDINGS = "These numbers say how alike the words are, not whether the findings are right.",
        "这些指标只反映文字的相似程度，不说明所述征象是否正确。";
    /// Title.
    TARGETS = "targets", "目标数";
    /// Title.
    BOXES = "boxes", "检测框数";
    /// Plot.
    PLOT_ROC = "ROC curve with bootstrap band", "ROC 曲线及自助法置信带";
    /// Plot.
    PLOT_PR = "Precision over recall; dashed: prevalence", "精确率–召回率曲线；虚线：患病率";
    /// Plot.
    PLOT_RELIABILITY = "Reliability with Wilson intervals", "校准图及 Wilson 区间";
    /// Plot.
    PLOT_DECISION = "Net benefit; dashed: treat all, none", "决策曲线净获益；虚线：全部处理、均不处理";
    /// Plot.
    PLOT_FROC = "Free-response ROC at IoU 0.5", "FROC 曲线（IoU 0.5）";
    /// Plot.
    PLOT_FROC_LESIONS = "Free-response ROC of lesions, a case", "逐病灶 FROC 曲线（每例）";
    /// How lesions are matched.
    LESIONS_HOW = "As picai_eval: connected parts (26 neighbours), an overlap (IoU) of at least 0.1, as many matches as possible; a candidate that overlaps a lesion enough counts as no false positive. AP over lesions, AUROC over cases by their highest confidence, the score is the mean of both.",
        "与 picai_eval 一致：26 邻域连通分量，交并比不低于 0.1，匹配数最大化；与病灶重叠足够的候选不计为假阳性。AP 按病灶、AUROC 按病例（取最高置信度），总分为两者均值。";
    /// Maps of lesions.
    NOT_CONFIDENCES = "values of a detection map must be finite and not below 0", "检测图的值必须为有限的非负数";
    /// Plot.
    PLOT_DICE = "Dice, case by case", "各病例 Dice";
    /// Plot.
    PLOT_HD95 = "HD95, case by case", "各病例 HD95";
    /// Plot.
    PLOT_SURFACE = "Surface Dice, case by case", "各病例表面 Dice";
    /// Plot.
    BLAND_ALTMAN = "Bland-Altman with intervals", "Bland-Altman 图及置信区间";
    /// Axis.
    AXIS_FPR = "1 − specificity", "1 − 特异度";
    /// Axis.
    AXIS_SENSITIVITY = "sensitivity", "敏感度";
    /// Axis.
    AXIS_PPV = "positive predictive value", "阳性预测值";
    /// Axis.
    AXIS_FORECAST = "forecast probability", "预测概率";
    /// Axis.
    AXIS_OBSERVED = "observed share", "实际比例";
    /// Axis.
    AXIS_THRESHOLD = "threshold probability", "阈值概率";
    /// Axis.
    AXIS_BENEFIT = "net benefit", "净获益";
    /// Axis.
    AXIS_FALSE_POSITIVES = "false positives an image", "每图假阳性数";
    /// Axis.
    AXIS_MEAN = "mean of predicted and true", "预测与参考的均值";
    /// Axis.
    AXIS_DIFFERENCE = "predicted − true", "预测 − 参考";
    /// Axis.
    AXIS_DICE = "Dice", "Dice";
    /// Axis.
    AXIS_MM = "mm", "毫米";
    /// Axis.
    STRUCTURE = "structure", "结构";
    /// Title.
    COMPARISON_TITLE = "Comparison", "模型比较";
    /// Beside a number.
    THRESHOLD = "threshold", "阈值";
    /// Title.
    CONFUSION = "Confusion matrix (rows: truth, columns: prediction)", "混淆矩阵（行：参考；列：预测）";
    /// Title.
    WORST_CASES = "Worst cases", "最差病例";
    /// On the page of a table, boxes or reports.
    NO_PICTURES = "The worst cases are named, not pictured: what was judged holds no images. `consilium evaluate`, which reads the images of a data set itself, shows them.", "此处仅列出最差病例的编号，不附图像：所评价的文件不含影像。consilium evaluate 自行读取数据集影像，会附图展示。";
    /// Title.
    PAGE_TITLE = "Scores", "评价结果";
    /// Title.
    FLAGGED = "note", "说明";
    /// Title.
    VALUE = "value", "数值";
    /// Title.
    INTERVAL = "interval", "置信区间";
    /// Title.
    METRIC = "metric", "指标";
    /// Title.
    STATUS_OK = "present in both", "两者均有";
    /// Title.
    STATUS_BOTH_EMPTY = "both empty", "两者均空";
    /// Title.
    STATUS_MISSED = "missed", "漏诊";
    /// Title.
    STATUS_SPURIOUS = "spurious", "假阳性";
}

/// How many are named in a list before it is cut.
const MOST_NAMED: usize = 10;

/// `a, b, c … (12 in all)`.
fn listed(names: &[String], all: [&str; 2], comma: &str) -> String {
    let mut text = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(comma);
    if names.len() > MOST_NAMED {
        text += &format!(" … ({}{}{})", all[0], names.len(), all[1]);
    }
    text
}

/// The list in both languages.
pub(super) fn both(names: &[String]) -> (String, String) {
    (listed(names, ["", " in all"], ", "), listed(names, ["共 ", " 个"], "、"))
}

/// A row has more or fewer cells than the header.
pub fn row_width(line: usize, expected: usize, found: usize) -> Text {
    Text::filled(
        format!("line {line} has {found} cells, the header has {expected}"),
        format!("第 {line} 行有 {found} 个单元格，表头有 {expected} 个"),
    )
}

/// The first column is not called id.
pub fn first_column(found: &str) -> Text {
    Text::filled(
        format!("the first column must be called id, not {found:?}"),
        format!("首列列名应为 id，而不是 {found:?}"),
    )
}

/// A header twice.
pub fn column_twice(name: &str) -> Text {
    Text::filled(format!("the column {name:?} occurs twice"), format!("列 {name:?} 重复出现"))
}

/// Headers differ.
pub fn headers_differ(only_predicted: &[String], only_truth: &[String]) -> Text {
    let (p, t) = (both(only_predicted), both(only_truth));
    let part = |names: &[String], text: &str, list: &str| {
        if names.is_empty() { String::new() } else { format!("{text}{list}") }
    };
    Text::filled(
        format!(
            "the tables have different columns{}{}",
            part(only_predicted, "; only in the predictions: ", &p.0),
            part(only_truth, "; only in the truth: ", &t.0)
        ),
        format!(
            "两表的列不同{}{}",
            part(only_predicted, "；仅预测表有：", &p.1),
            part(only_truth, "；仅参考表有：", &t.1)
        ),
    )
}

/// The same id in several rows.
pub fn ids_twice(names: &[String]) -> Text {
    let (en, zh) = both(names);
    Text::filled(format!("ids that occur more than once: {en}"), format!("重复出现的 id：{zh}"))
}

/// Ids of one side only.
pub fn ids_differ(missing: &[String], extra: &[String]) -> Text {
    let (m, e) = (both(missing), both(extra));
    let mut text = (Vec::new(), Vec::new());
    if !missing.is_empty() {
        text.0.push(format!("ids of the truth without prediction: {}", m.0));
        text.1.push(format!("参考中有而预测中缺失的 id：{}", m.1));
    }
    if !extra.is_empty() {
        text.0.push(format!("ids of the predictions that the truth does not have: {}", e.0));
        text.1.push(format!("预测中有而参考中没有的 id：{}", e.1));
    }
    Text::filled(text.0.join("; "), text.1.join("；"))
}

/// An empty id.
pub fn empty_id(line: usize) -> Text {
    Text::filled(format!("line {line} has no id"), format!("第 {line} 行没有 id"))
}

/// Cells that are no usable number.
pub fn bad_scores(column: &str, rows: &[String]) -> Text {
    let (en, zh) = both(rows);
    Text::filled(
        format!("column {column:?}: not a finite number in {en}"),
        format!("列 {column:?}：以下行不是有限数值：{zh}"),
    )
}

/// Cells of the truth that are no label.
pub fn bad_truth(column: &str, rows: &[String]) -> Text {
    let (en, zh) = both(rows);
    Text::filled(
        format!("column {column:?}: labels must be 0 or 1, but are not in {en}"),
        format!("列 {column:?}：标签应为 0 或 1，以下行不符：{zh}"),
    )
}

/// Which METEOR it is.
pub fn meteor(synonyms: bool) -> Text {
    let (en, zh) = match synonyms {
        true => {
            ("words matched by form, stem and WordNet synonym", "按词形、词干及 WordNet 同义词匹配")
        }
        false => {
            ("words matched by form and stem, without synonyms", "按词形和词干匹配，不含同义词")
        }
    };
    Text::filled(
        format!(
            "METEOR is that of Lavie and Agarwal 2007 (as NLTK computes it): {en}. It is not coco-caption's METEOR 1.5, whose paraphrase table, function words and weights are no part of this program; the two cannot be compared."
        ),
        format!(
            "METEOR 采用 Lavie 与 Agarwal 2007 年的定义（与 NLTK 一致）：{zh}；不同于 coco-caption 的 METEOR 1.5（其释义表、虚词表与权重未包含在本程序中），两者不可比较。"
        ),
    )
}

/// Cases that a table beside them does not have.
pub fn cases_without(column: &str, cases: &[String]) -> Text {
    let (en, zh) = both(cases);
    Text::filled(
        format!("cases without a value of {column:?}: {en}"),
        format!("以下病例缺少 {column:?} 的取值：{zh}"),
    )
}

/// Films of one study that say different things.
pub fn studies_differ(studies: &[String]) -> Text {
    let (en, zh) = both(studies);
    Text::filled(
        format!("films of one study differ in their truth or description: {en}"),
        format!("以下检查的各影像参考或描述不一致：{zh}"),
    )
}

/// A run of a mask beyond the film.
pub fn run_outside(side: usize) -> Text {
    Text::filled(
        format!("a run of the mask leaves the film of {side} × {side} pixels"),
        format!("掩膜游程超出 {side} × {side} 像素的图像"),
    )
}

/// A flag that the task does not read.
pub fn flag_not_for(flag: &str, task: &str) -> Text {
    Text::filled(
        format!("{flag} does nothing with --task {task}"),
        format!("--task {task} 不使用 {flag}"),
    )
}

/// A line that WordNet does not have.
pub fn bad_wordnet(line: usize) -> Text {
    Text::filled(
        format!("line {line} is no entry of WordNet's index"),
        format!("第 {line} 行不是 WordNet 索引条目"),
    )
}

/// Images of a data set without boxes.
pub fn without_boxes(count: usize) -> Text {
    Text::filled(
        format!("{count} images that nobody looked at for boxes are left out"),
        format!("未标注检测框的 {count} 幅影像未纳入"),
    )
}

/// How a row is named: by line and id.
pub fn row(line: usize, id: &str) -> String {
    format!("{line} ({id})")
}

/// A column that is not there.
pub fn no_column(flag: &str, name: &str) -> Text {
    Text::filled(
        format!("{flag} names the column {name:?}, which no table has"),
        format!("{flag} 指定的列 {name:?} 不存在"),
    )
}

/// Patients differ between the tables.
pub fn groups_differ(rows: &[String]) -> Text {
    let (en, zh) = both(rows);
    Text::filled(
        format!("the patient differs between the tables in {en}"),
        format!("两表的患者不一致：{zh}"),
    )
}

/// A table beyond the limits.
pub fn table_too_large(what: &str, most: u64) -> Text {
    Text::filled(format!("more than {most} {what}"), format!("超过上限：{what} > {most}"))
}

/// A flag's value that is out of range.
pub fn bad_value(flag: &str, value: &str, range: &str) -> Text {
    Text::filled(
        format!("{flag} takes {range}, not {value:?}"),
        format!("{flag} 的取值应为 {range}，而不是 {value:?}"),
    )
}

/// Masks of one folder only.
pub fn files_differ(missing: &[String], extra: &[String]) -> Text {
    let (m, e) = (both(missing), both(extra));
    let mut text = (Vec::new(), Vec::new());
    if !missing.is_empty() {
        text.0.push(format!("files of the truth without prediction: {}", m.0));
        text.1.push(format!("参考中有而预测中缺失的文件：{}", m.1));
    }
    if !extra.is_empty() {
        text.0.push(format!("predictions that the truth does not have: {}", e.0));
        text.1.push(format!("预测中有而参考中没有的文件：{}", e.1));
    }
    Text::filled(text.0.join("; "), text.1.join("；"))
}

/// A mask lies on another grid.
pub fn grids_differ(predicted: &dyn Display, truth: &dyn Display) -> Text {
    Text::filled(
        format!("the mask lies on another grid than its truth: {predicted}, the truth {truth}"),
        format!("掩膜与参考的网格不同：预测为 {predicted}，参考为 {truth}"),
    )
}

/// Labels that are not among those judged.
pub fn labels_outside(labels: &[String], files: &[String]) -> Text {
    let (l, f) = (both(labels), both(files));
    Text::filled(
        format!("labels outside the set: {} in {}", l.0, f.0),
        format!("出现集合之外的标签：{}，见 {}", l.1, f.1),
    )
}

/// No JSON.
pub fn not_json(line: usize, column: usize) -> Text {
    Text::filled(
        format!("not JSON from line {line}, column {column} on (NaN and Infinity are no JSON)"),
        format!("从第 {line} 行第 {column} 列起不是合法的 JSON（NaN 与 Infinity 不是 JSON）"),
    )
}

/// A part of a COCO file is missing.
pub fn coco_lacks(key: &str) -> Text {
    Text::filled(
        format!("no list {key:?}, which a COCO file has"),
        format!("缺少 COCO 文件应有的列表 {key:?}"),
    )
}

/// Entries that are no usable box.
pub fn bad_boxes(entries: &[String]) -> Text {
    let (en, zh) = both(entries);
    Text::filled(
        format!(
            "entries (from 1) without a known image_id and category_id, four finite numbers as bbox and, \
             where predicted, a score: {en}"
        ),
        format!(
            "以下条目（从 1 起）缺少已知的 image_id、category_id、四个有限数的 bbox 或（预测的）score：{zh}"
        ),
    )
}

/// Boxes that are given twice.
pub fn boxes_twice(entries: &[String]) -> Text {
    let (en, zh) = both(entries);
    Text::filled(
        format!("entries (from 1) that repeat an earlier box and score: {en}"),
        format!("与先前条目完全重复的检测框（从 1 起）：{zh}"),
    )
}

/// Non-inferiority.
pub fn non_inferior(new: usize, old: usize, holds: bool) -> Text {
    if holds {
        Text::filled(
            format!("[{new}] is not inferior to [{old}] by more than the margin"),
            format!("[{new}] 非劣于 [{old}]（在界值内）"),
        )
    } else {
        Text::filled(
            format!("not shown that [{new}] is not inferior to [{old}]"),
            format!("未能证明 [{new}] 非劣于 [{old}]"),
        )
    }
}

/// Percent of an interval.
pub fn interval_of(level: f64) -> Text {
    let percent = level * 100.0;
    Text::filled(format!("{percent}% interval"), format!("{percent}% 置信区间"))
}

/// How intervals were made.
pub fn how(resamples: usize, seed: u64, units: usize, patients: bool) -> Text {
    let (en, zh) = if patients { ("patients", "名患者") } else { ("cases", "个病例") };
    Text::filled(
        format!("Bootstrap intervals: {resamples} resamples of {units} {en}, seed {seed}."),
        format!("自助法置信区间：对 {units} {zh}重抽样 {resamples} 次，种子 {seed}。"),
    )
}

/// Cases left out of a label because the truth is blank.
pub fn left_out(label: &str, count: usize) -> Text {
    Text::filled(
        format!("{label}: {count} cases without known truth are left out"),
        format!("{label}：{count} 个病例的参考未知，未计入"),
    )
}

/// Labels without value in the means of some metrics.
pub fn labels_without_value(metrics: &[Text], count: usize) -> Text {
    let joined = |name: fn(&Text) -> &str, comma: &str| {
        metrics.iter().map(name).collect::<Vec<_>>().join(comma)
    };
    Text::filled(
        format!(
            "the mean of {} leaves out {count} labels that have no value",
            joined(Text::en, ", ")
        ),
        format!("{}的均值未计入 {count} 个无法计算的标签", joined(Text::zh, "、")),
    )
}

/// What a task is called.
pub fn task(name: &str) -> Text {
    let zh = match name {
        "classification" => "分类",
        "regression" => "回归",
        "segmentation" => "分割",
        "detection" => "检测",
        "report" => "报告文本",
        other => other,
    };
    Text::filled(name, zh)
}

/// At which distance surfaces count as the same.
pub fn tolerance(mm: f64) -> Text {
    Text::filled(
        format!("Surface Dice at a tolerance of {mm} mm."),
        format!("表面 Dice 的容差为 {mm} 毫米。"),
    )
}

/// What a way of ranking is called.
pub fn ranking(name: &str) -> Text {
    match name {
        "aggregate_then_rank" => Text::fixed("mean, then rank", "先平均后排名"),
        "rank_then_aggregate" => Text::fixed("rank by case, then mean rank", "逐例排名后平均"),
        "test_then_rank" => Text::fixed("wins in paired tests", "按配对检验获胜次数"),
        other => Text::same(other),
    }
}

/// How an interval was made.
pub fn method(name: &str) -> Text {
    let zh = match name {
        "bootstrap percentile" => "自助法百分位数",
        "bootstrap, all resamples alike" => "自助法，各次重抽样结果相同",
        "wilson" => "Wilson 法",
        "wald" => "Wald 法",
        "wald by patient" => "按患者聚类的 Wald 法",
        "t" => "t 分布",
        "F" => "F 分布",
        "z transform" => "z 变换",
        "score (Newcombe 2006)" => "得分法（Newcombe 2006）",
        "score by patient (Newcombe 2006)" => "按患者的得分法（Newcombe 2006）",
        other => other,
    };
    Text::filled(name, zh)
}

/// An image whose boxes went wrong.
pub fn boxes_wrong(missed: usize, targets: usize, alarms: usize) -> Text {
    Text::filled(
        format!("missed {missed} of {targets} targets at IoU 0.5; boxes on nothing: {alarms}"),
        format!("IoU 0.5 时漏检 {missed}/{targets} 个目标；误检框 {alarms} 个"),
    )
}
