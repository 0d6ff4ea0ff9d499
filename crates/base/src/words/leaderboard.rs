//! What `leaderboard` says.

use crate::text::Text;

texts! { static:
    /// Command.
    LEADERBOARD = "Keep a local leaderboard of finished `evaluate` runs, in one SQLite file.\nadd takes the folder of an evaluation, or of one model in it; a board takes only runs over the very\nsame cases and contents (the data set's hash), with the same task and settings. list names the boards,\nshow ranks one with intervals, export writes it as a page. Published results stand apart, unranked.",
        "本地排行榜：保存已完成的 `evaluate` 运行结果（单个 SQLite 文件）。\nadd 收录一次评价的文件夹或其中一个模型的文件夹；同一榜单只接受病例与内容完全相同（数据集哈希一致）、\n任务与设置相同的结果。list 列出榜单，show 给出带置信区间的排名，export 写出网页。\n已发表的结果单独列出，不参与排名。";
    /// Flag.
    FLAG_FILE = "File of the leaderboard (default: the variable\nCONSILIUM_LEADERBOARD, else leaderboard.sqlite).", "排行榜文件（默认：变量 CONSILIUM_LEADERBOARD，\n否则为 leaderboard.sqlite）。";
    /// Flag.
    FLAG_BOARD = "Name of the board (add: default kind-split-task of the\nrun).", "榜单名称（add 默认：数据集种类-划分-任务）。";
    /// Flag.
    FLAG_METRIC = "Metric to rank by, as JSON spells it (default: AUROC,\nDice or MAE by the task).", "用于排名的指标（JSON 中的名称；默认按任务取\nAUROC、Dice 或 MAE）。";
    /// Flag.
    FLAG_LABEL = "Label or structure to rank by (default: the mean over\nall labels).", "用于排名的标签或结构（默认：全部标签的均值）。";
    /// Flag.
    FLAG_OUT = "File of the page (default leaderboard.html).", "网页文件（默认 leaderboard.html）。";
    /// Usage.
    USAGE = "leaderboard takes: add FOLDER…, list, show [NAME], or export [NAME]", "leaderboard 的用法：add 文件夹…、list、show [名称] 或 export [名称]";
    /// Not a run.
    NO_RUN = "no finished run of `evaluate` is there: scores.json, run.json and the files of predictions belong to one", "该处没有已完成的 `evaluate` 运行：应含 scores.json、run.json 及预测文件";
    /// Predictions changed.
    CHANGED = "scores.json does not belong to the predictions that lie beside it; give the evaluate command again", "scores.json 与其旁的预测文件不符；请重新执行 evaluate 命令";
    /// Data base of something else.
    NOT_A_BOARD = "not a leaderboard of this program", "不是本程序的排行榜文件";
    /// Nothing on it.
    EMPTY = "the leaderboard is empty", "排行榜为空";
    /// Title.
    TITLE = "Leaderboard", "排行榜";
    /// Title.
    BOARD = "board", "榜单";
    /// Title.
    RANK = "rank", "名次";
    /// Title.
    RUNS = "runs", "结果数";
    /// Title.
    ADDED = "added", "收录日期";
    /// Title.
    VERSION = "version", "版本";
    /// Why an entry has no rank.
    OTHER_CASES = "unranked: answered other cases", "不参与排名：所回答的病例不同";
    /// Why an entry has no rank.
    OTHER_LABELS = "unranked: mean over other labels", "不参与排名：均值所含标签不同";
    /// Why an entry has no rank.
    NO_VALUE = "unranked: no value", "不参与排名：无数值";
    /// What the range of ranks is.
    RANK_NOTE = "Rank, and in brackets the ranks that the intervals allow: a model is surely better only where its whole interval is. `consilium compare` tests differences case by case.",
        "名次后括号内为置信区间所允许的名次范围：仅当整个区间更优时方可认定更优。逐病例的差异检验请用 `consilium compare`。";
}

/// Another data set on the same board.
pub fn other_data(board: &str, theirs: &str, ours: &str) -> Text {
    Text::filled(
        format!(
            "the board {board} is of the data set {theirs}…, this run is of {ours}…: other cases or other contents"
        ),
        format!("榜单 {board} 的数据集哈希为 {theirs}…，本次运行为 {ours}…：病例或内容不同"),
    )
}

/// Another setting on the same board.
pub fn other_settings(board: &str, differences: &[String]) -> Text {
    Text::filled(
        format!("the board {board} judges otherwise: {}", differences.join("; ")),
        format!("榜单 {board} 的评价设置不同：{}", differences.join("；")),
    )
}

/// What to do then.
pub fn name_hint() -> Text {
    Text::fixed("--board NAME makes a board of its own", "可用 --board 名称 另建榜单")
}

/// It is on the board.
pub fn added(model: &str, board: &str) -> Text {
    Text::filled(format!("{model}: added to {board}"), format!("{model}：已收录至 {board}"))
}

/// It was on the board before.
pub fn already(model: &str, board: &str) -> Text {
    Text::filled(
        format!("{model}: this run is on {board} already"),
        format!("{model}：该结果已在 {board} 中"),
    )
}

/// No such board.
pub fn no_board(name: &str, known: &[String]) -> Text {
    Text::filled(
        format!("no board is called {name:?}; there are: {}", known.join(", ")),
        format!("没有名为 {name:?} 的榜单；现有：{}", known.join("、")),
    )
}

/// Several boards.
pub fn which_board(known: &[String]) -> Text {
    Text::filled(
        format!("which board? {}", known.join(", ")),
        format!("请指定榜单：{}", known.join("、")),
    )
}

/// Nothing to rank by.
pub fn no_metric(metric: &str, label: &str, known: &[String]) -> Text {
    let of = if label.is_empty() { String::new() } else { format!(" ({label})") };
    Text::filled(
        format!("no run has {metric}{of}; there are: {}", known.join(", ")),
        format!("没有结果含 {metric}{of}；现有：{}", known.join("、")),
    )
}

/// The data base says no.
pub fn database(error: &dyn std::fmt::Display) -> Text {
    Text::filled(
        format!("the leaderboard cannot be used: {error}"),
        format!("排行榜无法使用：{error}"),
    )
}
