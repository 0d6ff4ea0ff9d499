//! What the tables of the catalogue and the exported survey say.

use crate::Text;

texts! {
    static:
    // ---- Tables and their columns ----
    /// Column.
    SYSTEM = "system", "系统";
    /// Column.
    HERE = "in this build", "本版本";
    /// Column.
    MODALITY = "modality", "影像类型";
    /// Column.
    BODY_PART = "body part", "部位";
    /// Column.
    TASK = "task", "任务";
    /// Column.
    EFFORT = "effort", "部署难度";
    /// Column.
    CHINESE_TITLE = "Chinese", "中文";
    /// Column.
    ACCESS_TITLE = "how to get it", "获取方式";
    /// Column.
    CODE_LICENCE = "licence of the code", "代码许可";
    /// Column.
    WEIGHTS_LICENCE = "licence of the weights", "权重许可";
    /// Label.
    LICENCE_NOTE = "about the licences", "许可说明";
    /// Column.
    HARDWARE = "needs", "硬件要求";
    /// Column.
    CLAIM = "the survey says", "综述原文";
    /// Column.
    CORRECTION = "correction", "更正";
    /// Label.
    WORKING = "goal in Consilium", "会诊中的目标";
    /// Label.
    SUCCESSORS = "can be had in its place", "可替代者";
    /// Title.
    FACTS = "Verified", "核实情况";
    /// Title.
    CLEARANCES = "Clearances", "审批";
    /// Title.
    RESULTS = "Published results", "已发表的结果";
    /// Title.
    FILES = "Files", "权重文件";
    /// Title.
    LINKS_TITLE = "Links", "链接";
    /// Title.
    NETWORKS = "Networks in this build", "本版本包含的网络";
    /// Title.
    ROWS = "The catalogue", "系统目录";
    /// What this build can do.
    HERE_RUNS = "runs", "可运行";
    /// What this build can do.
    HERE_TRAINED = "runs trained models", "可运行其训练的模型";
    /// What this build can do.
    HERE_BUNDLES = "runs bundles (UNet, SegResNet, DynUNet, SwinUNETR, VISTA3D, RetinaNet)", "可运行 bundle（UNet、SegResNet、DynUNet、SwinUNETR、VISTA3D、RetinaNet）";
    /// What this build can do.
    HERE_DESCRIBED = "described", "仅收录";
    /// Nothing passes.
    NONE_FOUND = "No system has all that was asked for.", "没有符合全部条件的系统。";
    /// Label.
    PURPOSE = "purpose", "用途";
    /// Title.
    DOES_NOT_FIT = "Would suit, but does not fit this machine:", "适合用途，但本机无法运行：";
    /// Between items.
    LIST_COMMA = ", ", "、";
    /// Between parts.
    SEMICOLON = "; ", "；";
    /// After a label.
    COLON = ": ", "：";
    /// Stands wherever results do.
    RESEARCH_ONLY_LINE = "Research use only; a physician decides.", "仅供科研使用，诊断由医师作出。";

    // ---- The command line ----
    /// Flag.
    FLAG_TASK = "Only systems for this task: classification,\nsegmentation, detection, report, …", "仅列出该任务的系统：classification、segmentation、\ndetection、report 等。";
    /// Flag.
    FLAG_MODALITY = "Only for this modality: x-ray, ct, mri, …", "仅列出该影像类型：x-ray、ct、mri 等。";
    /// Flag.
    FLAG_BODY_PART = "Only for this part of the body: chest, knee, …", "仅列出该部位：chest、knee 等。";
    /// Flag.
    FLAG_LANGUAGE = "Only systems that know this language.", "仅列出支持该语言的系统。";
    /// Flag.
    FLAG_LICENCE = "Only under this licence, or commercial: code and\nweights may be used commercially.", "仅列出该许可的系统；commercial 表示代码与权重\n均可商业使用。";
    /// Flag.
    FLAG_CLEARANCE = "Only cleared by this authority (FDA, NMPA, …), or any.", "仅列出获该机构审批者（FDA、NMPA 等），或 any。";
    /// Flag.
    FLAG_EFFORT = "At most this effort (1 to 3).", "部署难度上限（1～3）。";
    /// Flag.
    FLAG_MEMORY = "At most so many GB of GPU memory.", "显存上限（GB）。";
    /// Flag.
    FLAG_RUNS = "Only what runs in this build.", "仅列出本版本可运行者。";
    /// Flag.
    FLAG_FOR = "Purpose: prototype, research, segmentation,\nclassification, reports, orthopaedics, chinese.", "用途：prototype（快速原型）、research（科研）、\nsegmentation、classification、reports、\northopaedics（骨科）、chinese（中文）。";
    /// Flag.
    FLAG_RAM = "As if the machine had so many GB of memory.", "按该内存容量（GB）推荐。";
    /// Flag.
    FLAG_GPU = "As if it had a GPU with so many GB.", "按该显存容量（GB）推荐。";
    /// Flag.
    FLAG_FORMAT = "Format of the export (default md).", "导出格式（默认 md）。";
    /// Flag.
    FLAG_BENCH = "Measurements of `consilium bench`, for columns of\ntime and memory.", "`consilium bench` 的结果文件，用于时间与内存列。";
    /// Flag.
    FLAG_EXPORT_OUT = "Where to write it (default: standard output).", "写出位置（默认：标准输出）。";

    // ---- The survey, exported ----
    /// Title.
    EXPORT_TITLE = "Medical imaging AI: a living survey", "医学影像 AI 系统综述（持续更新版）";
    /// How to read it.
    HOW_TO_READ = "The survey of January 2025 named 49 systems. Each stands here with what the survey says, what was verified since and where the two differ. What this build can do with a system is derived from its code. What could not be verified is marked so.",
        "2025 年 1 月的综述列出 49 个系统。本文逐一列出综述原文、其后的核实情况及两者的差异。“本版本”一列由程序代码自动得出。未能核实之处均已标注。";
    /// Title.
    OVERVIEW = "Overview", "概览";
    /// Column.
    SECTION = "part", "部分";
    /// Column.
    COUNT = "systems", "系统数";
    /// Column.
    COUNT_RUNS = "run in this build", "本版本可运行";
    /// Column.
    COUNT_STOOD_IN = "another runs in their place", "有可运行的替代";
    /// Row.
    TOTAL = "all", "合计";
    /// Column.
    VERIFIED_COLUMN = "verified or corrected", "核实或更正";
    /// Title.
    ALL_SYSTEMS = "Every system", "各系统详情";
    /// Title.
    UPDATE_LOG = "Update log", "更新记录";
    /// Title.
    CHOOSING = "How to choose", "如何选择";
    /// How the ranks come about.
    HOW_CHOSEN = "Ranked by what runs here, how it is to be had, effort, licence, clearance and verified evidence; `consilium models recommend` does the same for your machine and says why.",
        "按能否在此运行、获取方式、部署难度、许可、审批及已核实的证据排序；`consilium models recommend` 可结合本机配置给出推荐及理由。";
    /// Column.
    SUITING = "systems that suit, best first", "适合的系统（由优到次）";
    /// Column.
    KIND_OF_MODEL = "kind of model", "模型类型";
    /// Column.
    GPU_MEMORY = "GPU memory (the survey)", "显存（综述）";
    /// Column.
    MEMORY = "memory (the survey)", "内存（综述）";
    /// Title.
    MEASURED = "Measured on one machine", "本机实测";
    /// How it was measured.
    HOW_MEASURED = "Time, and peak memory of the process, on made-up weights and input, from consilium bench: of networks for films one run, of systems for volumes a whole case from the image to the label map.",
        "耗时与进程内存峰值，由 consilium bench 以生成的权重和输入测得：平片网络为单次运行，体数据系统为一例从影像到标签图的全过程。";
    /// Column.
    NETWORK = "network", "网络";
    /// Column.
    SECONDS = "seconds", "秒";
    /// Column.
    PEAK_MEMORY = "peak memory, MiB", "内存峰值，MiB";
    /// Title.
    DATA_SETS_TITLE = "Data sets", "数据集";
    /// Column.
    DATA_SET = "data set", "数据集";
    /// Column.
    SIZE = "size", "规模";
    /// Title.
    RULES_TITLE = "Rules", "法规与要求";
    /// Title.
    LIMITS_TITLE = "Limits", "局限";
    /// Title.
    PRACTICE_TITLE = "Good practice", "最佳实践";
}

/// Of a machine.
pub fn cores(number: u64) -> Text {
    let plural = if number == 1 { "" } else { "s" };
    Text::filled(format!("{number} core{plural}"), format!("{number} 核"))
}

/// Of a run.
pub fn threads(number: u64) -> Text {
    let plural = if number == 1 { "" } else { "s" };
    Text::filled(format!("{number} thread{plural}"), format!("{number} 线程"))
}

/// What the survey says models need: kind, GPU memory, memory.
pub static NEEDS: &[(Text, Text, Text)] = &[
    (
        Text::fixed("light classifiers", "轻量分类模型"),
        Text::fixed("4 to 8 GB", "4～8 GB"),
        Text::fixed("-", "-"),
    ),
    (
        Text::fixed("segmentation", "分割模型"),
        Text::fixed("8 to 16 GB", "8～16 GB"),
        Text::fixed("-", "-"),
    ),
    (
        Text::fixed("large language models", "大语言模型"),
        Text::fixed("16 to 24 GB and more", "16～24 GB 及以上"),
        Text::fixed("-", "-"),
    ),
    (
        Text::fixed("3-D CT and MRI", "三维 CT 与 MRI"),
        Text::fixed("12 to 24 GB", "12～24 GB"),
        Text::fixed("32 to 64 GB", "32～64 GB"),
    ),
];

/// Data sets the survey names: name, size as counted or published, how to get it.
pub static DATA_SETS: &[(&str, Text, Text)] = &[
    (
        "MIMIC-CXR",
        Text::fixed(
            "377,110 images, 227,827 studies, reports",
            "377110 张图像、227827 次检查，含报告",
        ),
        Text::fixed(
            "PhysioNet, credentialed; not to be sent to third-party interfaces",
            "PhysioNet，须资质认证；不得发送给第三方接口",
        ),
    ),
    (
        "CheXpert",
        Text::fixed("223,414 training images (counted)", "训练图像 223414 张（实际计数）"),
        Text::fixed("Stanford, research use agreement", "斯坦福大学，须签科研使用协议"),
    ),
    (
        "NIH ChestX-ray14",
        Text::fixed(
            "112,120 images, 30,805 patients (counted)",
            "112120 张图像、30805 名患者（实际计数）",
        ),
        Text::fixed("open; cite", "公开，须引用"),
    ),
    (
        "RSNA Bone Age",
        Text::fixed(
            "12,611 training, 1,425 validation, 200 test",
            "训练 12611、验证 1425、测试 200",
        ),
        Text::fixed("research use", "科研使用"),
    ),
    (
        "BraTS",
        Text::fixed("500 and more a year (the survey)", "每年 500 例以上（综述）"),
        Text::fixed("Synapse, registration", "Synapse，须注册"),
    ),
    (
        "Medical Segmentation Decathlon",
        Text::fixed("ten tasks", "10 项任务"),
        Text::fixed("open, CC BY-SA 4.0", "公开，CC BY-SA 4.0"),
    ),
    (
        "MURA",
        Text::fixed("40,561 images, 14,863 studies", "40561 张图像、14863 次检查"),
        Text::fixed("Stanford, research use agreement", "斯坦福大学，须签科研使用协议"),
    ),
    (
        "FracAtlas",
        Text::fixed("4,083 images, 717 with fractures", "4083 张图像，717 张有骨折"),
        Text::fixed("open, figshare", "公开，figshare"),
    ),
];

/// What the survey says of rules.
pub static RULES: &[Text] = &[
    Text::fixed(
        "A system that reaches patients needs a clearance for that very purpose, country and version; the numbers stand with each system where they were verified.",
        "用于患者的系统须就其具体用途、国家与版本获得审批；凡已核实的批准编号均列于各系统。",
    ),
    Text::fixed(
        "China: software that supports diagnostic decisions is Class III, data processing alone Class II (NMPA Announcement 47, 2021-07-08).",
        "中国：辅助诊断决策的软件按第三类管理，仅作数据处理者按第二类管理（国家药监局 2021 年第 47 号通告，2021-07-08）。",
    ),
    Text::fixed(
        "Privacy: HIPAA in the USA, the PIPL in China. Patients' images do not leave the hospital unasked.",
        "隐私：美国 HIPAA，中国《个人信息保护法》。患者影像未经许可不得离院。",
    ),
    Text::fixed(
        "Every result needs a physician's review, and every system a prospective validation on the patients it is meant for.",
        "所有结果须经医师复核；系统应在目标人群中作前瞻性验证。",
    ),
];

/// What the survey says of limits.
pub static LIMITS: &[Text] = &[
    Text::fixed(
        "Domain shift: another hospital or scanner can cost more accuracy than lies between two models.",
        "域偏移：更换医院或设备造成的精度损失可能大于模型之间的差异。",
    ),
    Text::fixed(
        "Distribution shift: patients change, and so does prevalence.",
        "分布偏移：患者构成与患病率会变化。",
    ),
    Text::fixed(
        "Rare diseases are missing from the training data and from the test sets.",
        "罕见病在训练集与测试集中均缺失。",
    ),
    Text::fixed(
        "Explanations are weak: a map shows where a network looked, not why.",
        "可解释性不足：热图显示网络关注的区域，而非原因。",
    ),
];

/// What the survey advises.
pub static PRACTICE: &[Text] = &[
    Text::fixed(
        "Ask several models, and look where they disagree.",
        "同时使用多个模型，重点审视分歧之处。",
    ),
    Text::fixed(
        "Ask for uncertainty: from ensembles or Bayesian methods.",
        "给出不确定性：采用集成或贝叶斯方法。",
    ),
    Text::fixed(
        "Validate on local data before use, and again after every change.",
        "使用前及每次变更后，均以本地数据验证。",
    ),
    Text::fixed(
        "Design who looks when: the work of physician and program together.",
        "设计人机协作流程：明确医师与程序各自的环节。",
    ),
];

/// How many.
pub fn systems(count: usize) -> Text {
    Text::filled(
        if count == 1 { "1 system".to_owned() } else { format!("{count} systems") },
        format!("共 {count} 个系统"),
    )
}

/// What this build can do.
pub fn here_stood_in(ids: &str) -> Text {
    Text::filled(format!("in its place: {ids}"), format!("可替代：{ids}"))
}

/// GPU memory.
pub fn gpu_memory(least: f32, most: f32) -> Text {
    let range = if least == most { format!("{least}") } else { format!("{least}-{most}") };
    Text::filled(format!("{range} GB of GPU memory"), format!("显存 {range} GB"))
}

/// Memory.
pub fn ram(gb: f32) -> Text {
    Text::filled(format!("{gb} GB of memory"), format!("内存 {gb} GB"))
}

/// A remark in brackets.
pub fn doubt(what: &Text) -> Text {
    Text::filled(format!(" [{}]", what.en()), format!("【{}】", what.zh()))
}

/// A source in brackets. Sources stay in the language they are cited in.
pub fn sourced(source: &str) -> Text {
    Text::filled(format!(" ({source})"), format!("（{source}）"))
}

/// What a machine has.
pub fn this_machine(cores: usize, ram_gb: Option<f32>, gpu_gb: Option<f32>) -> Text {
    let ram = ram_gb.map_or(("memory unknown".into(), "内存未知".into()), |gb| {
        (format!("{gb:.1} GB of memory"), format!("内存 {gb:.1} GB"))
    });
    let gpu = gpu_gb.map_or(("no GPU found".into(), "未发现 GPU".into()), |gb| {
        (format!("a GPU with {gb:.0} GB"), format!("GPU 显存 {gb:.0} GB"))
    });
    Text::filled(
        format!("this machine: {cores} cores, {}, {}", ram.0, gpu.0),
        format!("本机：{cores} 核，{}，{}", ram.1, gpu.1),
    )
}

/// The sum behind a rank.
pub fn points(points: i32) -> Text {
    Text::filled(format!("{points} points"), format!("{points} 分"))
}

/// What is not shown.
pub fn and_more(count: usize) -> Text {
    Text::filled(
        format!("and {count} more; --json lists all"),
        format!("另有 {count} 个；--json 可列出全部"),
    )
}

/// Which state of the catalogue this is.
pub fn state(version: &str, date: &str) -> Text {
    Text::filled(
        format!("Written by Consilium {version}; catalogue of {date}."),
        format!("由会诊（Consilium）{version} 生成；目录更新于 {date}。"),
    )
}

/// A file that `bench` did not write.
pub fn no_bench() -> Text {
    Text::fixed(
        "expected the JSON file of `consilium bench`: {\"networks\": [{\"id\", \"median_s\", …}]}",
        "应为 `consilium bench` 写出的 JSON 文件：{\"networks\": [{\"id\", \"median_s\", …}]}",
    )
}
