//! What the command line says: help, progress, errors of usage and of files.

use crate::text::Text;
use std::fmt::Display;
use std::path::Path;

texts! {
    static:
    /// Before an error.
    ERROR = "error: ", "错误：";
    /// First line of the help.
    PROGRAM = "Consilium: a panel of published models reads a medical image.\nResearch use only; a physician decides.",
        "会诊（Consilium）：由多个已发表的模型共同判读医学影像。\n仅供科研使用，诊断由医师作出。";
    /// Title.
    USAGE_TITLE = "Usage", "用法";
    /// Title.
    COMMANDS_TITLE = "Commands", "命令";
    /// Title.
    FLAGS_TITLE = "Options", "选项";
    /// Title.
    EXAMPLES_TITLE = "Examples", "示例";
    /// Exit codes.
    EXIT_CODES = "Exit codes: 0 done, 1 something failed, 2 wrong usage, 3 every case was refused,\n130 broken off (Ctrl-C).",
        "退出码：0 完成；1 有失败；2 用法错误；3 所有病例均被拒绝判读；130 被用户中断（Ctrl-C）。";
    /// Command.
    READ = "Read films with one or more models.\nWrites result.json, report.html and pictures to the output folder; with several inputs a\nfolder for each, index.html and results.jsonl. Inputs are files or folders.",
        "用一个或多个模型判读影像。\n在输出文件夹中写出 result.json、report.html 及图像；输入多个时，每例一个文件夹，\n并写出 index.html 与 results.jsonl。输入可以是文件或文件夹。";
    /// Command.
    INSPECT = "Say what a file is: modality, body part, view, geometry, coding, warnings; of a volume\n(NIfTI, NRRD, MetaImage, MGH, a folder with a DICOM series) size, orientation, values; of a weights\nfile the container and the models it fits. With --out a preview picture is written too.",
        "说明文件的内容：检查类型、部位、体位、几何信息、编码及警告；\n若为三维影像（NIfTI、NRRD、MetaImage、MGH 或含 DICOM 序列的文件夹），说明尺寸、方向及数值范围；\n若为权重文件，则说明其格式及适用模型。给出 --out 时同时写出预览图。";
    /// Command.
    MODELS = "List the models and the catalogue of systems, or show one: what it reads, where its weights are,\nits licence and limits; recommend what suits a purpose on this machine; export the catalogue.\nFor a model of your own: new writes a card to fill in, check says what is wrong with a folder.",
        "列出模型与系统目录，或显示某一项：适用范围、权重来源、许可及局限；\n按用途与本机配置推荐（recommend）；导出目录（export）。\n自带模型：new 写出待填写的模型卡，check 检查模型文件夹的问题。";
    /// Command.
    VERSION = "Print the version.", "显示版本。";
    /// Flag.
    FLAG_MODEL = "Models to ask, see `consilium models`, folders\nof your own, trained nnU-Net models and MONAI\nbundles (folder or zip), models in the store.\nDefault: all whose weights are given.", "参加判读的模型（见 `consilium models`）、自带模型的文件夹，\n训练好的 nnU-Net 模型或 MONAI bundle（文件夹或 zip），\n或权重库中的模型。默认：所有已给出权重的模型。";
    /// Flag.
    FLAG_WEIGHTS = "Weights as published: a file, a folder of files,\nor one model's file; may be repeated.", "作者发布的权重：文件、文件夹，\n或为某一模型指定的文件；可重复给出。";
    /// Flag.
    FLAG_OUT = "Output folder (default consilium-out).", "输出文件夹（默认 consilium-out）。";
    /// Flag.
    FLAG_LANG = "Language.", "语言。";
    /// Flag.
    FLAG_THREADS = "Threads (default: all cores).", "线程数（默认：全部核心）。";
    /// Flag.
    FLAG_DEVICE = "Device; this build has cpu.", "运算设备；本版本为 cpu。";
    /// Flag.
    FLAG_EXPLAIN = "Explanation maps for the N leading findings\n(default 3).", "为评分最高的 N 个征象生成模型关注区域图\n（默认 3）。";
    /// Flag.
    FLAG_DESPITE = "Read a case although its header names another modality,\nbody part or view, or several frames; the report says so.", "文件头标注的检查类型、部位、体位或帧数与模型不符时\n仍予判读，报告中注明。";
    /// Flag.
    FLAG_TTA = "Volumes: read mirrored copies too and average, as\nnnU-Net does (up to eight times the work).", "三维影像：同时判读镜像并取平均（nnU-Net 的默认做法，\n耗时最多为八倍）。";
    /// Flag.
    FLAG_STATISTICS = "Volumes: median, percentiles, axes, surface and parts of\nevery structure (result.json, statistics.csv).", "三维影像：输出各结构的中位数、百分位数、主轴、表面积与\n连通块（result.json、statistics.csv）。";
    /// Flag.
    FLAG_PROBABILITIES = "Volumes: the shares of all classes of an nnU-Net model as\na 4-D file.", "三维影像：将 nnU-Net 模型各类别的概率图输出为四维文件。";
    /// Flag.
    FLAG_FAST = "Volumes: coarser and faster, where a system can\n(TotalSegmentator at 3 mm; the same as ID:fast).", "三维影像：以较低分辨率快速计算（如 TotalSegmentator 的 3 mm\n模式，等同于 ID:fast）。";
    /// Flag.
    FLAG_MASKS = "Bone density: a label map with the vertebrae of the case,\nor a folder with one for each case; no weights are needed.", "骨密度评估：该病例的椎骨标签图，或每例一图的文件夹；\n无需权重。";
    /// Flag.
    FLAG_LOCALIZER = "Spines: a label map that the system made of a localizer,\nto count levels from; or a folder with one for each case.", "脊柱影像：由定位像所得的标签图，据此计数节段；\n或每例一图的文件夹。";
    /// Flag.
    FLAG_ROI = "Volumes: keep only these structures.", "三维影像：仅保留所列结构。";
    /// Flag.
    FLAG_MEMORY_LIMIT = "Volumes: refuse a case that needs more memory (default:\nwhat the system has available).", "三维影像：所需内存超出此值的病例不予判读\n（默认：系统可用内存）。";
    /// Flag.
    FLAG_SEG = "DICOM series: form of the DICOM segmentation to write\n(default: binary).", "DICOM 序列：输出的 DICOM 分割形式\n（默认 binary）。";
    /// Flag.
    FLAG_WITH_PATIENT = "DICOM results carry the patient's name and number and the\nstudy's data of the images.", "DICOM 结果沿用原图像中的患者姓名、\n编号及检查信息。";
    /// Flag.
    FLAG_EXACT = "Convolutions and matrix products as plain sums:\nslower, rounding errors up to fifteen times smaller.", "卷积与矩阵乘法逐项求和：较慢，\n舍入误差最多可降至默认的十五分之一。";
    /// Flag.
    FLAG_ISA = "Instruction set of the kernels: portable, avx2+fma,\navx512, amx or neon (default: the fastest there is).", "运算所用指令集：portable、avx2+fma、avx512、\namx 或 neon（默认：本机最快者）。";
    /// Flag.
    FLAG_JSON = "Print JSON on standard output and nothing else;\none line for each case when there are several.", "仅在标准输出打印 JSON；\n多个病例时每例一行。";
    /// Flag.
    FLAG_VERBOSE = "Say what is done and how long it took.", "显示各步骤及耗时。";
    /// Flag.
    FLAG_QUIET = "No progress, no summary.", "不显示进度与摘要。";
    /// Flag.
    FLAG_SYSTEM = "The model, see `consilium models`.", "模型，参见 `consilium models`。";
    /// Flag.
    FLAG_OUTPUT = "Where the output goes; NAME=Y.npy for a certain one,\nmay be repeated.", "输出文件；NAME=Y.npy 表示指定的输出，\n可重复给出。";
    /// Flag.
    FLAG_REPEAT = "Time N runs.", "计时运行 N 次。";
    /// An array beyond the limits.
    NPY_TOO_LARGE = "the array has more than 8 axes or more than 268435456 values", "数组超过 8 个维度或 268435456 个元素";
    /// Flag.
    FLAG_HELP = "This help.", "显示本帮助。";
    /// Nothing to read.
    NO_INPUT = "no input given", "未给出输入文件";
    /// Nothing found in the folders.
    NO_FILES = "no image file found in the inputs", "输入中未找到影像文件";
    /// Title line of the model list.
    MODELS_HEAD = "Models this build runs (weights are not included, but for those called Consilium)", "本版本可运行的模型（除“会诊”自带模型外均不含权重）";
    /// Title line of the list of systems for volumes.
    VOLUME_MODELS_HEAD = "On volumes (CT, MRI); besides these any trained nnU-Net model, by its folder", "用于体积数据（CT、MRI）；此外可用文件夹直接运行任何训练好的 nnU-Net 模型";
    /// Label.
    SHOW_WEIGHTS = "weights", "权重文件";
    /// Label.
    SHOW_FROM = "from", "下载地址";
    /// Label.
    SHOW_LICENCE = "licence of the weights", "权重许可";
    /// Label.
    SHOW_CODE = "licence of the code", "代码许可";
    /// Label.
    SHOW_USE = "made for", "用途";
    /// Label.
    SHOW_LIMITS = "limits", "局限";
    /// Label.
    SHOW_LABELS = "outputs", "输出";
    /// Label.
    SHOW_PAPER = "paper", "论文";
    /// Label.
    SHOW_EVIDENCE = "published results", "已发表的结果";
    /// Inspect.
    FORMAT = "format", "格式";
    /// Inspect.
    TRANSFER_SYNTAX = "transfer syntax", "传输语法";
    /// Inspect.
    SIZE = "size", "尺寸";
    /// Inspect.
    BITS = "bits", "位深";
    /// Inspect.
    PHOTOMETRIC = "photometric", "光度解释";
    /// Inspect.
    MODALITY = "modality", "检查类型";
    /// Inspect.
    BODY_PART = "body part", "部位";
    /// Inspect.
    VIEW = "view", "体位";
    /// Inspect.
    SPACING = "pixel spacing", "像素间距";
    /// Fact.
    SEGMENT = "segment", "分割段";
    /// Inspect.
    DEVICE = "device", "设备";
    /// Inspect.
    WARNING = "note", "说明";
    /// What to do when a header is wrong.
    DESPITE_HEADER_HINT = "if the header is wrong, --despite-header reads the case all the same", "若文件头标注有误，可用 --despite-header 仍予判读";
    /// Ctrl-C.
    BROKEN_OFF = "broken off; nothing half-written was left behind", "已中断，未留下不完整的文件";
    /// Inspect.
    NO_PREVIEW = "not written; give a folder with --out", "未写出；请用 --out 指定文件夹";
    /// Inspect.
    IS_WEIGHTS = "weights of a network, no image", "神经网络权重文件，不是图像";
    /// Inspect.
    TENSORS = "tensors", "张量";
    /// Inspect.
    VALUES = "values", "数值个数";
    /// Inspect.
    SHA256 = "SHA-256 of the file", "文件 SHA-256";
    /// Inspect.
    FITS = "fits", "适用模型";
    /// Inspect.
    FITS_NONE = "none of the models of this build, neither by name nor by tensors", "按文件名和张量均不属于本版本的任何模型";
    /// Inspect.
    PREVIEW = "preview", "预览图";
    /// Inspect, pixel units.
    FRAMES = "frames", "帧";
    /// Inspect, volumes.
    VOXEL_TYPE = "voxel type", "体素类型";
    /// Inspect, volumes.
    VOXEL_SIZE = "voxel size", "体素大小";
    /// Inspect, volumes.
    EXTENT = "extent", "范围";
    /// Inspect, volumes.
    ORIENTATION = "orientation", "方向";
    /// Inspect, volumes.
    FIRST_VOXEL = "first voxel at (RAS+)", "首个体素位置（RAS+）";
    /// Inspect, volumes.
    GEOMETRY = "geometry from", "几何信息来源";
    /// Inspect, volumes.
    VALUE_RANGE = "values", "数值范围";
    /// Inspect, volumes.
    IMAGES = "images", "图像数";
    /// Inspect, volumes.
    NO_VOLUME = "no volume", "不能组成三维影像";
    /// Where an axis goes.
    TOWARD_RIGHT = "right", "右";
    /// Where an axis goes.
    TOWARD_LEFT = "left", "左";
    /// Where an axis goes.
    TOWARD_FRONT = "front", "前";
    /// Where an axis goes.
    TOWARD_BACK = "back", "后";
    /// Where an axis goes.
    TOWARD_HEAD = "head", "头";
    /// Where an axis goes.
    TOWARD_FEET = "feet", "足";
}

/// Flag with something that is no number.
pub fn not_a_number(flag: &str, value: &str) -> Text {
    Text::filled(
        format!("{flag} takes a whole number from 1 to 1024, not '{value}'"),
        format!("{flag} 的取值应为 1 至 1024 的整数，而不是“{value}”"),
    )
}

/// `--lang fr`.
pub fn unknown_language(value: &str) -> Text {
    Text::filled(
        format!("--lang takes en or zh, not '{value}'"),
        format!("--lang 的取值为 en 或 zh，而不是“{value}”"),
    )
}

/// A flag without its value.
pub fn needs_value(flag: &str) -> Text {
    Text::filled(format!("{flag} needs a value"), format!("{flag} 缺少取值"))
}

/// No such flag.
pub fn unknown_flag(flag: &str) -> Text {
    Text::filled(format!("there is no option {flag}"), format!("没有选项 {flag}"))
}

/// No such command.
pub fn unknown_command(name: &str, all: &str) -> Text {
    Text::filled(
        format!("there is no command '{name}'; there are: {all}"),
        format!("没有命令“{name}”；可用命令：{all}"),
    )
}

/// A near miss.
pub fn did_you_mean(name: &str) -> Text {
    Text::filled(format!("did you mean {name}?"), format!("是否想输入 {name}？"))
}

/// A model that is part of the program, and that nobody named, does not fit the case.
pub fn unasked_refused(id: &str, reason: &Text) -> Text {
    Text::filled(
        format!(
            "No model was named, and {id}, which is part of the program, does not read this case: {} Name a model with --model and its weights with --weights; 'consilium models recommend' helps to choose.",
            reason.en()
        ),
        format!(
            "未指定模型，而随程序提供的 {id} 不适用于该病例：{}请用 --model 指定模型、用 --weights 指定权重；可用 consilium models recommend 协助选择。",
            reason.zh()
        ),
    )
}

/// Where to look.
pub fn see_help(command: &str) -> Text {
    let line = format!("consilium {command} --help").replace("  ", " ");
    Text::filled(format!("see `{line}`"), format!("参见 `{line}`"))
}

/// What the argument parser says.
pub fn usage(error: &dyn Display) -> Text {
    Text::filled(format!("{error}"), format!("参数有误：{error}"))
}

/// Standard output is gone.
pub fn cannot_print(error: &dyn Display) -> Text {
    Text::filled(
        format!("cannot write to standard output: {error}"),
        format!("无法写入标准输出：{error}"),
    )
}

/// `--device cuda:0`.
pub fn device(device: &str) -> Text {
    Text::filled(
        format!("this build runs on the cpu; there is no device '{device}'"),
        format!("本版本仅支持 cpu，没有设备“{device}”"),
    )
}

/// `--isa sse9`.
pub fn no_instruction_set(name: &str, available: &str) -> Text {
    Text::filled(
        format!("this processor has no instruction set '{name}'; it has {available}"),
        format!("本机处理器没有指令集“{name}”；可用：{available}"),
    )
}

/// No such model.
pub fn unknown_model(id: &str) -> Text {
    Text::filled(
        format!("there is no model '{id}'; `consilium models` lists them"),
        format!("没有模型“{id}”；可用 `consilium models` 查看"),
    )
}

/// A model without weights.
pub fn weights_missing(id: &str, file: &str, url: &str) -> Text {
    Text::filled(
        format!("no weights given for {id}: expected the file {file}, published at {url}"),
        format!("未给出 {id} 的权重：应为文件 {file}，发布于 {url}"),
    )
}

/// A weights file that no model claims.
pub fn weights_unknown() -> Text {
    Text::fixed(
        "the file fits none of the models by name or by tensors; name the model with --model, or give ID=PATH",
        "按文件名或张量均无法判断该文件属于哪个模型；请用 --model 指定模型，或以 ID=PATH 形式给出",
    )
}

/// A file that cannot be written.
pub fn cannot_write(error: &dyn Display) -> Text {
    Text::filled(format!("cannot write: {error}"), format!("无法写入：{error}"))
}

/// A file or folder that cannot be read.
pub fn cannot_read(error: &dyn Display) -> Text {
    Text::filled(format!("cannot read: {error}"), format!("无法读取：{error}"))
}

/// Remedy for both.
pub fn choose_out() -> Text {
    Text::fixed(
        "choose another folder with --out, or free some space",
        "请用 --out 指定其他文件夹，或释放磁盘空间",
    )
}

/// Where the report is.
pub fn report_at(path: &Path) -> Text {
    Text::filled(format!("report: {}", path.display()), format!("报告：{}", path.display()))
}

/// End of a batch.
pub fn batch(read: usize, refused: usize, failed: usize) -> Text {
    Text::filled(
        format!("{read} read, {refused} refused, {failed} failed"),
        format!("已判读 {read} 例，拒绝 {refused} 例，失败 {failed} 例"),
    )
}

/// A step and its time.
pub fn took(what: &str, seconds: f64) -> Text {
    Text::filled(
        format!("{what}: {:.0} ms", seconds * 1000.0),
        format!("{what}：{:.0} 毫秒", seconds * 1000.0),
    )
}

/// Files in a folder that are no images.
pub fn skipped(count: usize) -> Text {
    Text::filled(format!("{count} other files skipped"), format!("已跳过 {count} 个其他文件"))
}

/// A broken NPY file; the detail is technical and stays English.
pub fn npy_broken(detail: &str) -> Text {
    Text::filled(format!("no sound NPY file: {detail}"), format!("NPY 文件无效：{detail}"))
}

/// An NPY file of the wrong length.
pub fn npy_length(expected: usize, found: usize) -> Text {
    Text::filled(
        format!("the NPY header promises {expected} bytes of values, the file has {found}"),
        format!("NPY 文件头声明数据为 {expected} 字节，实际为 {found} 字节"),
    )
}

/// A flag that a command cannot do without.
pub fn flag_missing(flag: &str) -> Text {
    Text::filled(format!("{flag} is missing"), format!("缺少 {flag}"))
}

/// `NAME=Y.npy` with a name the network does not have.
pub fn no_such_name(name: &str, all: &str) -> Text {
    Text::filled(
        format!("the network has no '{name}'; it has: {all}"),
        format!("网络没有“{name}”；现有：{all}"),
    )
}

/// An input of another shape.
pub fn wrong_shape(expected: &[usize], found: &[usize]) -> Text {
    Text::filled(
        format!("expected an array of shape {expected:?}, found {found:?}"),
        format!("数组形状应为 {expected:?}，实际为 {found:?}"),
    )
}

/// Times of repeated runs. The first line is a contract with scripts: the same in both languages.
pub fn timing(median_ms: f64, min_ms: f64, peak_mib: Option<f64>) -> Text {
    let times = format!("median {median_ms:.1} ms  min {min_ms:.1} ms");
    match peak_mib {
        Some(mib) => Text::filled(
            format!("{times}\npeak memory {mib:.0} MiB"),
            format!("{times}\n内存峰值 {mib:.0} MiB"),
        ),
        None => Text::same(times),
    }
}

/// A panic: our fault.
pub fn bug(place: &str) -> Text {
    Text::filled(
        format!("this is a bug in consilium ({place}); please report it"),
        format!("程序内部错误（{place}），请反馈给开发者"),
    )
}
