//! What is said of models that a user brings: what is wrong with a card, what a check found, what
//! stands beside a result.

use crate::text::Text;

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $en:literal, $zh:literal;)*) => {
        $($(#[$doc])* pub static $name: Text = Text::fixed($en, $zh);)*
    };
}

/// A commented card in English, to fill in.
pub const TEMPLATE_EN: &str = include_str!("model_card.en.toml");
/// The same with comments in Chinese.
pub const TEMPLATE_ZH: &str = include_str!("model_card.zh.toml");

texts! {
    // ---- What a value should be ----
    /// Kind of value.
    A_TABLE = "a table, { … }", "表 { … }";
    /// Kind of value.
    A_LIST = "a list, [ … ]", "列表 [ … ]";
    /// Kind of value.
    A_TEXT = "a text in quotation marks", "带引号的文本";
    /// Kind of value.
    A_NUMBER = "a number", "数值";
    /// Kind of value.
    YES_OR_NO = "true or false", " true 或 false";
    /// Kind of value.
    TWO_NUMBERS = "two numbers, the lower first: [0, 255]", "由小到大的两个数值，如 [0, 255]";
    /// Kind of value.
    TWO_EXTENTS = "rows and columns: [224, 224]", "行数与列数，如 [224, 224]";
    /// Kind of value.
    ONE_OR_THREE = "one number, or three for red, green and blue", "一个数值，或红、绿、蓝三个数值";
    /// Kind of value.
    A_STEP = "the name of a step, or { step = \"name\", … }", "步骤名称，或 { step = \"名称\", … }";
    /// Kind of value.
    A_CODE_STRING = "a DICOM code string in capitals, such as \"CHEST\"", "大写的 DICOM 代码，如 \"CHEST\"";

    // ---- What cannot be done yet ----
    /// Three-dimensional input.
    VOLUMES = "the card asks for a 3-D input; models that read volumes (CT, MR) cannot be brought yet, only 2-D ones: size = [rows, columns], layout NCHW or NHWC",
        "模型卡要求三维输入；目前仅支持自带二维模型，尚不支持读取容积数据（CT、MR）的模型：size = [行, 列]，layout 为 NCHW 或 NHWC";
    /// Detection.
    DETECTION = "models that give boxes (detection) cannot be brought yet; possible are classification, segmentation and regression",
        "目前尚不支持自带目标检测（输出边框）模型；可用任务为 classification、segmentation、regression";

    // ---- Steps ----
    /// The first step.
    VALUES_FIRST = "the first step must say which values are meant: stored-values, modality-values or displayed-values",
        "第一步必须指明使用哪种像素值：stored-values、modality-values 或 displayed-values";
    /// Twice turned over.
    INVERTED_ALREADY = "displayed-values are turned over already where the image is MONOCHROME1; leave invert-monochrome1 out",
        "displayed-values 已对 MONOCHROME1 图像作反转，请删去 invert-monochrome1";
    /// Window.
    NARROW_WINDOW = "a window is at least 1 wide; above 0 with shape = \"linear-exact\"",
        "窗宽至少为 1；shape = \"linear-exact\" 时须大于 0";
    /// Resize.
    ONE_EXTENT = "a resize takes one of size, shorter and longer", "resize 只能使用 size、shorter、longer 之一";
    /// Clip.
    LOW_BELOW_HIGH = "low must be below high", "low 必须小于 high";
    /// Segmentation.
    MAPS_COME_BACK = "a segmentation needs resize-back once, and ends with threshold or argmax",
        "分割任务须有一次 resize-back，并以 threshold 或 argmax 结束";
    /// Segmentation.
    SOFTMAX_FIRST = "with threshold, softmax must stand before resize-back", "使用 threshold 时，softmax 必须位于 resize-back 之前";
    /// Doubt.
    RESIZED_AFTER_RESAMPLED = "a resize after resample changes the spacing again; centre-crop and pad-square keep it",
        "resample 之后的 resize 会再次改变像素间距；centre-crop 与 pad-square 则不会";
    /// Orientation.
    ORIENTATION = "input.orientation and the steps mirror and upside-down contradict each other",
        "input.orientation 与步骤 mirror、upside-down 相互矛盾";
    /// Operating points.
    POINTS_NEED_THRESHOLDS = "operating-points needs a threshold with the labels", "使用 operating-points 时，标签须给出 threshold";

    // ---- Network ----
    /// Channels.
    ONE_OR_THREE_CHANNELS = "input.channels is 1 (grey) or 3 (colour)", "input.channels 应为 1（灰度）或 3（彩色）";
    /// Architecture.
    ARCHITECTURE_INPUT = "a known architecture takes layout = \"NCHW\" and dtype = \"float32\"",
        "已知架构要求 layout = \"NCHW\"、dtype = \"float32\"";
    /// Architecture.
    ARCHITECTURE_TASK = "densenet121 and resnet50 give one number per label (classification, regression), pspnet-resnet101 gives maps (segmentation)",
        "densenet121 与 resnet50 为每个标签输出一个数值（classification、regression），pspnet-resnet101 输出分割图（segmentation）";
    /// Architecture.
    ARCHITECTURE_OUTPUT = "network.output names an output of an ONNX file; a known architecture has only one",
        "network.output 用于指定 ONNX 文件的输出；已知架构只有一个输出";

    // ---- Labels ----
    /// None.
    NO_LABELS = "no labels: what the outputs mean must be said with [[labels]], one for each output, in the network's order",
        "缺少标签：须用 [[labels]] 按网络输出顺序逐一说明各输出的含义";

    /// Nothing to say.
    ALL_IGNORED = "every label is left out with ignore = true; nothing would be said of a case",
        "所有标签均设为 ignore = true，病例将没有任何结果";

    // ---- Check ----
    /// Good.
    CHECK_PASSED = "The card and the network fit together.", "模型卡与网络相符。";
    /// A case that is no file.
    CHECK_IMAGE = "on a made-up image", "在一幅模拟图像上";
    /// Network's answers.
    CHECK_NOT_FINITE = "the network answers the made-up image with values that are not numbers", "网络对模拟图像输出了非数值结果";
    /// Hint after scores.
    ADD_ACTIVATION = "is \"sigmoid\" or \"softmax\" missing in steps.after?", "steps.after 中是否缺少 \"sigmoid\" 或 \"softmax\"？";

    // ---- Beside a result ----
    /// Scores of a user's model.
    SCORES = "The scores are this model's own numbers. They are not probabilities.", "评分为该模型自身的输出，不是概率。";
    /// Title of a problem's list.
    DOUBT = "warning: ", "警告：";
}

fn with_near(text: Text, near: Option<&str>) -> Text {
    match near {
        Some(near) => Text::filled(
            format!("{}; did you mean {near}?", text.en()),
            format!("{}；是否想写 {near}？", text.zh()),
        ),
        None => text,
    }
}

// ---- Reading a card ------------------------------------------------------------------------

/// The file is no TOML.
pub fn syntax(detail: &str) -> Text {
    Text::filled(format!("no valid TOML: {detail}"), format!("TOML 语法有误：{detail}"))
}

/// Syntax errors that are not shown.
pub fn more_syntax(more: usize) -> Text {
    Text::filled(
        format!("and {more} more errors of syntax, which may follow from these"),
        format!("另有 {more} 处语法错误，可能由上述错误引起"),
    )
}

/// The file is too large.
pub fn card_too_large(bytes: usize, most: usize) -> Text {
    Text::filled(
        format!("the card has {bytes} bytes; at most {most} are read"),
        format!("模型卡为 {bytes} 字节，最多读取 {most} 字节"),
    )
}

/// A key that means nothing.
pub fn unknown_key(path: &str, near: Option<&str>) -> Text {
    let text = Text::filled(format!("{path} is no known entry"), format!("{path} 不是已知条目"));
    with_near(text, near)
}

/// A key that must be there.
pub fn missing(path: &str) -> Text {
    Text::filled(format!("{path} is missing"), format!("缺少 {path}"))
}

/// A table that must be there.
pub fn missing_table(key: &str) -> Text {
    Text::filled(format!("the table [{key}] is missing"), format!("缺少表 [{key}]"))
}

/// A text without characters.
pub fn empty(path: &str) -> Text {
    Text::filled(format!("{path} is empty"), format!("{path} 为空"))
}

/// Another kind of value.
pub fn expected(path: &str, what: &Text) -> Text {
    Text::filled(format!("{path} should be {}", what.en()), format!("{path} 应为{}", what.zh()))
}

/// A whole number out of bounds.
pub fn expected_count(path: &str, low: usize, high: usize) -> Text {
    Text::filled(
        format!("{path} should be a whole number from {low} to {high}"),
        format!("{path} 应为 {low} 至 {high} 的整数"),
    )
}

/// A word that is none of those that have a meaning.
pub fn unknown_word(path: &str, found: &str, all: &str, near: Option<&str>) -> Text {
    let text = Text::filled(
        format!("{path}: \"{found}\" is none of {all}"),
        format!("{path}：“{found}”不在可用值之中：{all}"),
    );
    with_near(text, near)
}

/// A text in one language.
pub fn both_languages(path: &str) -> Text {
    Text::filled(
        format!("{path} is needed in both languages: {{ en = \"…\", zh = \"…\" }}"),
        format!("{path} 须给出中英文：{{ en = \"…\", zh = \"…\" }}"),
    )
}

/// A list too long.
pub fn too_many(path: &str, most: usize) -> Text {
    Text::filled(format!("{path} has more than {most} entries"), format!("{path} 超过 {most} 项"))
}

/// A number that must be positive.
pub fn above_zero(path: &str) -> Text {
    Text::filled(format!("{path} must be above 0"), format!("{path} 必须大于 0"))
}

/// Percentiles.
pub fn percentiles(path: &str) -> Text {
    Text::filled(format!("{path} must lie between 0 and 100"), format!("{path} 应在 0 至 100 之间"))
}

// ---- Steps ---------------------------------------------------------------------------------

/// A second source of values.
pub fn values_twice(name: &str) -> Text {
    Text::filled(format!("{name} can only be the first step"), format!("{name} 只能作为第一步"))
}

/// A step of another task.
pub fn not_for_task(name: &str, task: &str, all: &str) -> Text {
    Text::filled(
        format!("{name} means nothing after a {task} network; possible are {all}"),
        format!("{name} 不适用于 {task} 任务；可用步骤：{all}"),
    )
}

/// The same step again.
pub fn step_twice(name: &str) -> Text {
    Text::filled(
        format!("{name} stands twice in steps.after"),
        format!("{name} 在 steps.after 中重复出现"),
    )
}

/// Steps that end at another size.
pub fn steps_give_size(
    found: (usize, usize),
    wanted: (usize, usize),
    from: (usize, usize),
) -> Text {
    let ((a, b), (c, d), (e, f)) = (found, wanted, from);
    Text::filled(
        format!(
            "input.size is [{c}, {d}], but the steps make [{a}, {b}] of an image of {e} rows and \
             {f} columns"
        ),
        format!("input.size 为 [{c}, {d}]，而各步骤将 {e} 行 {f} 列的图像变为 [{a}, {b}]"),
    )
}

/// Steps that end with other channels.
pub fn steps_give_channels(found: usize, wanted: usize, from: usize) -> Text {
    let (en, zh) = if from == 1 { ("a grey", "灰度") } else { ("a colour", "彩色") };
    Text::filled(
        format!(
            "input.channels is {wanted}, but the steps give {found} for {en} image; the steps grey, \
             first-channel and rgb change that"
        ),
        format!(
            "input.channels 为 {wanted}，而{zh}图像经各步骤后为 {found} 个通道；可用步骤 grey、\
             first-channel、rgb 调整"
        ),
    )
}

/// Steps that end at another spacing.
pub fn steps_give_spacing(found: Option<f32>, wanted: f32) -> Text {
    match found {
        Some(found) => Text::filled(
            format!("input.spacing_mm is {wanted}, but the steps resample to {found}"),
            format!("input.spacing_mm 为 {wanted}，而步骤重采样至 {found}"),
        ),
        None => Text::filled(
            format!("input.spacing_mm is {wanted}, but no step resamples to it"),
            format!("input.spacing_mm 为 {wanted}，但没有 resample 步骤"),
        ),
    }
}

// ---- Identity, file, labels ----------------------------------------------------------------

/// An identifier of another form.
pub fn id_form(found: &str) -> Text {
    Text::filled(
        format!("id \"{found}\" should be small letters, digits and hyphens, at most 64"),
        format!("id “{found}” 只能包含小写字母、数字和连字符，最长 64 个字符"),
    )
}

/// An identifier of a published system.
pub fn id_taken(id: &str) -> Text {
    Text::filled(
        format!("id \"{id}\" belongs to a model that comes with the program; choose another"),
        format!("id “{id}” 已被程序自带的模型使用，请另选"),
    )
}

/// A path out of the folder.
pub fn outside(file: &str) -> Text {
    Text::filled(
        format!(
            "network.file \"{file}\" must lie inside the model's folder: no \"..\", no absolute path"
        ),
        format!("network.file “{file}” 必须位于模型文件夹内：不可使用“..”或绝对路径"),
    )
}

/// A checkpoint without an architecture.
pub fn architecture_needed(file: &str, all: &str) -> Text {
    Text::filled(
        format!(
            "\"{file}\" is no .onnx file: a checkpoint needs network.architecture, one of {all}"
        ),
        format!("“{file}”不是 .onnx 文件：使用权重文件时须给出 network.architecture，可为 {all}"),
    )
}

/// A card for no modality.
pub fn no_modality(path: &str) -> Text {
    Text::filled(
        format!(
            "{path} must name at least one modality, such as [\"CR\", \"DX\"]: a case of another is refused"
        ),
        format!("{path} 至少须列出一种检查类型，如 [\"CR\", \"DX\"]；其他检查类型的病例将被拒绝"),
    )
}

/// No or too many labels.
pub fn label_count(found: usize, most: usize) -> Text {
    Text::filled(
        format!("{found} labels; 1 to {most} are possible"),
        format!("标签数为 {found}，应为 1 至 {most}"),
    )
}

/// A code again.
pub fn label_twice(code: &str) -> Text {
    Text::filled(format!("the label {code} stands twice"), format!("标签 {code} 重复"))
}

/// A code of another form.
pub fn code_form(found: &str) -> Text {
    Text::filled(
        format!(
            "the label's code \"{found}\" should be small letters, digits and hyphens, at most 64"
        ),
        format!("标签代码“{found}”只能包含小写字母、数字和连字符，最长 64 个字符"),
    )
}

/// Names the program has itself.
pub fn names_known(code: &str, name: &Text) -> Text {
    Text::filled(
        format!(
            "{code} is known to the program as \"{}\" / \"{}\"; its own names are used",
            name.en(),
            name.zh()
        ),
        format!("{code} 为程序已知的征象（“{}”/“{}”），将使用程序自带的名称", name.zh(), name.en()),
    )
}

/// Names the program does not have.
pub fn names_needed(code: &str, near: Option<&str>) -> Text {
    let text = Text::filled(
        format!(
            "the label {code} is new to the program and needs names in both languages, en and zh"
        ),
        format!("标签 {code} 不是程序已知的征象，须用 en 与 zh 给出中英文名称"),
    );
    with_near(text, near)
}

/// A threshold that decides nothing.
pub fn threshold_bounds(path: &str) -> Text {
    Text::filled(
        format!("{path} must lie above 0 and below 1, on the scale after sigmoid or softmax"),
        format!("{path} 应大于 0 且小于 1（sigmoid 或 softmax 之后的尺度）"),
    )
}

/// A regression without a unit.
pub fn unit_needed(path: &str) -> Text {
    Text::filled(
        format!(
            "{path} is missing: the number's unit as UCUM writes it, such as \"mm\" or \"mo\", \"1\" for none"
        ),
        format!("缺少 {path}：数值的 UCUM 单位，如 \"mm\"、\"mo\"，无单位时为 \"1\""),
    )
}

/// A regression with a threshold.
pub fn no_threshold(path: &str) -> Text {
    Text::filled(
        format!("{path}: a number with a unit has no threshold"),
        format!("{path}：带单位的数值不设阈值"),
    )
}

/// A score with a unit.
pub fn no_unit(path: &str) -> Text {
    Text::filled(
        format!("{path}: only a regression's numbers have a unit"),
        format!("{path}：只有 regression 任务的数值带单位"),
    )
}

// ---- Folder and network --------------------------------------------------------------------

/// A folder without a card.
pub fn no_card(card: &str) -> Text {
    Text::filled(format!("no {card} in this folder"), format!("该文件夹中没有 {card}"))
}

/// How to get one.
pub fn write_card() -> Text {
    Text::fixed(
        "`consilium models new DIR` writes one to fill in",
        "可用 `consilium models new 文件夹` 生成待填写的模型卡",
    )
}

/// A card with problems.
pub fn card_broken(problems: usize, first: &Text) -> Text {
    let more = problems.saturating_sub(1);
    match more {
        0 => Text::filled(
            format!("the model card is not right: {}", first.en()),
            format!("模型卡有误：{}", first.zh()),
        ),
        _ => Text::filled(
            format!("the model card is not right: {} (and {more} more)", first.en()),
            format!("模型卡有误：{}（另有 {more} 处）", first.zh()),
        ),
    }
}

/// How to see all of it.
pub fn see_check(folder: &str) -> Text {
    Text::filled(
        format!("`consilium models check {folder}` lists everything"),
        format!("`consilium models check {folder}` 可列出全部问题"),
    )
}

/// The network's file is not there.
pub fn file_missing(file: &str) -> Text {
    Text::filled(
        format!("network.file \"{file}\" is not in the folder"),
        format!("文件夹中没有 network.file 所指的“{file}”"),
    )
}

/// A link that leads out of the folder.
pub fn file_outside(file: &str) -> Text {
    Text::filled(
        format!("network.file \"{file}\" leads out of the model's folder"),
        format!("network.file “{file}”指向模型文件夹之外"),
    )
}

/// Two models of one name.
pub fn model_twice(id: &str) -> Text {
    Text::filled(
        format!("two models are called {id}; results could not be told apart"),
        format!("有两个模型的 id 均为 {id}，结果将无法区分"),
    )
}

/// An ONNX file with other inputs.
pub fn one_input(names: &str) -> Text {
    Text::filled(
        format!("the network must take one input, the image; it takes: {names}"),
        format!("网络应只有一个输入（图像），实际输入为：{names}"),
    )
}

/// Another shape than the card says.
pub fn input_shape(name: &str, found: &str, wanted: &[usize]) -> Text {
    Text::filled(
        format!(
            "the network's input {name} is {found}, the card says {wanted:?}; look at input.size, input.channels and input.layout"
        ),
        format!(
            "网络输入 {name} 为 {found}，而模型卡为 {wanted:?}；请检查 input.size、input.channels 与 input.layout"
        ),
    )
}

/// An input that is a volume.
pub fn input_is_volume(name: &str, found: &str) -> Text {
    Text::filled(
        format!("the network's input {name} is {found}: {}", VOLUMES.en()),
        format!("网络输入 {name} 为 {found}：{}", VOLUMES.zh()),
    )
}

/// Another type than the card says.
pub fn input_type(name: &str, found: &str, wanted: &str) -> Text {
    Text::filled(
        format!("the network's input {name} takes {found}, input.dtype is {wanted}"),
        format!("网络输入 {name} 的类型为 {found}，而 input.dtype 为 {wanted}"),
    )
}

/// No output of that name.
pub fn no_output(name: &str, all: &str) -> Text {
    Text::filled(
        format!("the network has no output \"{name}\"; it has: {all}"),
        format!("网络没有名为“{name}”的输出；现有：{all}"),
    )
}

/// Outputs and labels differ.
pub fn output_labels(shape: &[usize], labels: usize) -> Text {
    Text::filled(
        format!(
            "the network answers with the shape {shape:?}, the card has {labels} labels; expected [1, {labels}]"
        ),
        format!("网络输出形状为 {shape:?}，而模型卡有 {labels} 个标签；应为 [1, {labels}]"),
    )
}

/// Maps and labels differ.
pub fn output_maps(shape: &[usize], labels: usize) -> Text {
    Text::filled(
        format!(
            "the network answers with the shape {shape:?}, the card has {labels} labels; expected [1, {labels}, rows, columns]"
        ),
        format!("网络输出形状为 {shape:?}，而模型卡有 {labels} 个标签；应为 [1, {labels}, 行, 列]"),
    )
}

/// Prepared values beyond what the card promises.
pub fn beyond_range(low: f32, high: f32, range: (f32, f32)) -> Text {
    Text::filled(
        format!(
            "the steps give values from {low} to {high}, input.range is [{}, {}]",
            range.0, range.1
        ),
        format!("各步骤所得数值为 {low} 至 {high}，而 input.range 为 [{}, {}]", range.0, range.1),
    )
}

/// Scores that are none.
pub fn beyond_scores(code: &str, score: f32) -> Text {
    Text::filled(
        format!(
            "the score of {code} is {score}; scores lie between 0 and 1; {}",
            ADD_ACTIVATION.en()
        ),
        format!("{code} 的评分为 {score}，应在 0 至 1 之间；{}", ADD_ACTIVATION.zh()),
    )
}

/// An image could not be prepared or read.
pub fn run_failed(detail: &Text) -> Text {
    Text::filled(
        format!("the made-up image could not be read: {}", detail.en()),
        format!("无法判读模拟图像：{}", detail.zh()),
    )
}

/// Time and memory of a run.
pub fn ran(load_seconds: f64, seconds: f64, mib: f64) -> Text {
    let (load, run) = (load_seconds * 1e3, seconds * 1e3);
    Text::filled(
        format!("loaded in {load:.0} ms; one image in {run:.0} ms; {mib:.0} MiB planned"),
        format!("加载 {load:.0} 毫秒；单幅图像 {run:.0} 毫秒；计划内存 {mib:.0} MiB"),
    )
}

/// What the network is.
pub fn network_is(file: &str, what: &str, sha256: &str) -> Text {
    Text::filled(
        format!("{file}: {what}, SHA-256 {sha256}"),
        format!("{file}：{what}，SHA-256 {sha256}"),
    )
}

/// The end of a check.
pub fn problems(count: usize) -> Text {
    let en = if count == 1 { "1 problem".to_owned() } else { format!("{count} problems") };
    Text::filled(format!("{en} in the model's folder"), format!("模型文件夹存在 {count} 处问题"))
}

/// A card is there already.
pub fn card_exists(card: &str) -> Text {
    Text::filled(
        format!("there is a {card} already; it was left as it is"),
        format!("已存在 {card}，未作改动"),
    )
}

/// A new card.
pub fn card_written(path: &str, folder: &str) -> Text {
    Text::filled(
        format!(
            "written: {path}\nfill it in, put the network beside it, then: consilium models check {folder}"
        ),
        format!(
            "已写出：{path}\n填写后将网络文件放在同一文件夹，再运行：consilium models check {folder}"
        ),
    )
}

// ---- Beside a result -----------------------------------------------------------------------

/// Whose model this is.
pub fn own_model(licence: &str) -> Text {
    Text::filled(
        format!(
            "This model and its card were brought by the user; what the card says was not checked by \
             the program's authors. Licence of the model: {licence}."
        ),
        format!("该模型及其模型卡由用户自行提供，其内容未经本程序作者核实。模型许可：{licence}。"),
    )
}

/// The licence, as a report shows it.
pub fn licence(licence: &str) -> Text {
    Text::filled(
        format!("{licence} (as the user's card says)"),
        format!("{licence}（据用户模型卡）"),
    )
}
