//! What the catalogue of systems says: its vocabulary, the licences it knows, titles of its tables.

pub mod survey;

pub use survey::*;

use crate::Text;

/// A word of the catalogue: as its files write it, and as a reader sees it.
#[derive(Debug, PartialEq, Eq)]
pub struct Term {
    /// As `catalog/*.toml` and filters write it.
    pub id: &'static str,
    /// As it is shown.
    pub name: Text,
}

macro_rules! terms {
    ($($(#[$doc:meta])* $list:ident: $($id:literal = $en:literal, $zh:literal;)*)*) => {
        $($(#[$doc])* pub static $list: &[Term] =
            &[$(Term { id: $id, name: Text::fixed($en, $zh) }),*];)*
        /// All lists of words.
        pub static VOCABULARY: &[&[Term]] = &[$($list),*];
    };
}

terms! {
    /// Parts of the survey, in its order; open successors that it does not list come last.
    SECTIONS:
        "ready" = "Ready to use", "可直接使用";
        "open" = "Open and deployable", "开源可部署";
        "orthopaedics" = "Orthopaedics", "骨科专题";
        "text" = "Reports and text", "报告与文本";
        "paper" = "Papers only", "仅有论文";
        "successor" = "Open successors", "开源后继";
        "own" = "Part of Consilium", "会诊自带";
    /// How Consilium reaches a system.
    CONNECTIONS:
        "native" = "run natively", "本地运行";
        "remote" = "a remote interface", "远程接口";
        "vendor" = "a vendor's product over open standards", "厂商产品（经开放标准接入）";
        "paper" = "a paper; its results as a row", "论文（仅收录其结果）";
    /// How it is to be had.
    ACCESS:
        "weights" = "weights, open download", "权重可直接下载";
        "built-in" = "part of the program", "随程序提供";
        "gated-weights" = "weights after agreeing to terms", "同意条款后可下载权重";
        "requested-weights" = "weights on request", "须申请权重";
        "train" = "a framework; weights come with each project", "框架，权重随各项目发布";
        "api" = "public programming interface", "公开 API";
        "product" = "commercial product", "商业产品";
        "code" = "open code, no weights needed", "代码开放，无需权重";
        "none" = "nothing to download or call", "无可下载或可调用的内容";
    /// Kinds of image, and text.
    MODALITIES:
        "x-ray" = "X-ray", "X 线";
        "ct" = "CT", "CT";
        "mri" = "MRI", "MRI";
        "ultrasound" = "ultrasound", "超声";
        "mammography" = "mammography", "乳腺 X 线";
        "fundus" = "fundus photograph", "眼底彩照";
        "oct" = "OCT", "OCT";
        "pathology" = "pathology", "病理";
        "dermatology" = "skin photograph", "皮肤照片";
        "endoscopy" = "endoscopy", "内镜";
        "text" = "text", "文本";
    /// Parts of the body.
    BODY_PARTS:
        "any" = "any", "不限";
        "chest" = "chest", "胸部";
        "head" = "head and brain", "头颅与脑";
        "neck" = "neck", "颈部";
        "abdomen" = "abdomen", "腹部";
        "pelvis" = "pelvis and hip", "骨盆与髋";
        "spine" = "spine", "脊柱";
        "hand" = "hand", "手";
        "wrist" = "wrist", "腕";
        "shoulder" = "shoulder", "肩";
        "knee" = "knee", "膝";
        "leg" = "leg and foot", "下肢";
        "arm" = "arm", "上肢";
        "eye" = "eye", "眼";
        "breast" = "breast", "乳腺";
        "whole-body" = "whole body", "全身";
    /// What a system does.
    TASKS:
        "classification" = "classification", "分类";
        "segmentation" = "segmentation", "分割";
        "detection" = "detection", "检测";
        "regression" = "measurement", "定量测量";
        "grading" = "grading", "分级";
        "triage" = "triage", "危急值分诊";
        "report" = "report generation", "报告生成";
        "dialogue" = "questions and dialogue", "问答与对话";
        "features" = "image features", "影像特征";
        "zero-shot" = "image-text matching", "图文匹配（零样本）";
        "reconstruction" = "familiarity of an image", "图像重建（域外提示）";
        "labelling" = "labels from reports", "报告标签提取";
        "entities" = "entities and relations", "实体与关系抽取";
        "language" = "language features", "文本特征";
        "framework" = "framework", "框架";
        "evaluation" = "evaluation", "评测";
    /// Chinese input and output of the original system.
    CHINESE:
        "yes" = "yes", "支持";
        "partly" = "partly", "部分支持";
        "no" = "no", "不支持";
        "unknown" = "not stated", "未说明";
    /// What a link leads to.
    LINKS:
        "code" = "code", "代码";
        "paper" = "paper", "论文";
        "weights" = "weights", "权重";
        "card" = "model card", "模型卡";
        "data" = "data", "数据";
        "docs" = "documentation", "文档";
        "product" = "product", "产品";
        "clearance" = "clearance", "审批文件";
    /// What stands before a download.
    GATES:
        "terms" = "sign in at the hub and agree to the terms", "须在平台登录并同意条款";
        "request" = "ask the authors", "须向作者申请";
        "credentialed" = "credentialed access", "须通过资质认证";
        "licence-key" = "a licence number", "须有许可编号";
    /// Who cleared it.
    AUTHORITIES:
        "FDA" = "FDA (USA)", "FDA（美国）";
        "CE" = "CE (EU)", "CE（欧盟）";
        "NMPA" = "NMPA (China)", "NMPA（中国）";
        "MFDS" = "MFDS (Korea)", "MFDS（韩国）";
        "HC" = "Health Canada", "加拿大卫生部";
        "TGA" = "TGA (Australia)", "TGA（澳大利亚）";
    /// Purposes the survey names.
    SCENARIOS:
        "prototype" = "a quick prototype", "快速原型";
        "research" = "research and development", "科研与开发";
        "segmentation" = "research: segmentation", "科研：分割";
        "classification" = "research: classification", "科研：分类";
        "reports" = "research: reports", "科研：报告";
        "orthopaedics" = "orthopaedics", "骨科";
        "chinese" = "Chinese", "中文支持";
    /// Languages asked for.
    LANGUAGES:
        "en" = "English", "英文";
        "zh" = "Chinese", "中文";
}

/// The word of that name in a list.
pub fn term(list: &'static [Term], id: &str) -> Option<&'static Term> {
    list.iter().find(|term| term.id == id)
}

texts! {
    static:
    /// Licence.
    NO_LICENCE = "none stated", "未声明许可";
    /// Licence.
    NO_WEIGHTS = "no weights published", "未发布权重";
    /// Licence.
    NO_CODE = "no code published", "未发布代码";
    /// Licence.
    PROPRIETARY = "proprietary", "专有";
    /// Licence.
    RESEARCH_ONLY = "research only", "仅限科研";
    /// Licence.
    OWN_TERMS = "the project's own terms", "项目自有条款";
    /// Licence.
    TRAINING_DATA = "none of its own; the terms of the training data apply", "未单独声明，须遵守训练数据的使用条款";
    /// Licence.
    UNKNOWN_LICENCE = "not verified", "未核实";
    /// Licence.
    VARIES = "depends on the model", "因模型而异";
    /// Licence.
    MSRLA = "Microsoft Research licence, research only", "微软研究许可，仅限科研";
    /// Licence.
    HAI_DEF = "Health AI Developer Foundations terms", "Health AI Developer Foundations 条款";
    /// Licence.
    NVIDIA_NC = "NVIDIA non-commercial", "NVIDIA 非商业许可";
    /// Licence.
    STANFORD_NC = "Stanford, non-commercial", "斯坦福大学非商业许可";
    /// Licence.
    OXFORD_NC = "Oxford, non-commercial", "牛津大学非商业许可";
    /// Licence.
    OULU_NC = "University of Oulu, research only, no commercial use", "奥卢大学，仅限科研，禁止商业使用";
    /// Licence.
    PHYSIONET = "PhysioNet credentialed terms", "PhysioNet 资质认证条款";
    /// Licence.
    LLAMA_V1 = "LLaMA v1 terms, research only", "LLaMA v1 条款，仅限科研";
    /// Licence.
    PUBLIC_DOMAIN = "public domain", "公有领域";
    // ---- Reasons of a recommendation ----
    /// Reason.
    RUNS_TRAINED = "runs in this build: any model trained with it", "本版本可运行由其训练的任意模型";
    /// Reason.
    RUNS_BUNDLES = "runs in this build: bundles for volumes with UNet, SegResNet, DynUNet, SwinUNETR, VISTA3D or RetinaNet", "本版本可运行采用 UNet、SegResNet、DynUNet、SwinUNETR、VISTA3D 或 RetinaNet 的体数据 bundle";
    /// Reason.
    FITS_CPU = "fits this machine, on the processor", "本机可运行（CPU）";
    /// Reason.
    FITS_CPU_SLOWLY = "light enough for the processor of this machine, with its own program", "规模较小，可用其自带程序在本机 CPU 上运行";
    /// Reason.
    FITS_ELSEWHERE = "runs elsewhere; nothing is needed here", "在远端运行，对本机无要求";
    /// Reason.
    FITS_UNKNOWN = "its needs are not stated", "未说明硬件要求";
    /// Reason.
    COMMERCIAL = "licences of code and weights allow commercial use", "代码与权重许可均允许商业使用";
    /// Reason.
    NOT_COMMERCIAL = "its weights are not for commercial use", "权重不得商业使用";
    /// Reason.
    EVIDENCE_VERIFIED = "published results with a verified source", "有来源已核实的发表结果";
    /// Reason.
    CORRECTED = "the survey is corrected: see `models show`", "综述说法有更正：见 `models show`";

    /// An unverified fact.
    UNVERIFIED = "not verified", "未核实";
}

/// An error in a file of the catalogue is at its line.
pub fn unknown_id(id: &str) -> Text {
    Text::filled(
        format!("the catalogue has no system '{id}'; `consilium models` lists them"),
        format!("目录中没有系统“{id}”；可用 `consilium models` 查看"),
    )
}

/// An address that is none.
pub fn no_url(path: &str) -> Text {
    Text::filled(
        format!("{path} should be an address: https://…, without spaces"),
        format!("{path} 应为网址：https://…，不含空格"),
    )
}

/// A hash of another form.
pub fn no_hash(path: &str, digits: usize) -> Text {
    Text::filled(
        format!("{path} should be {digits} lower-case hexadecimal digits"),
        format!("{path} 应为 {digits} 位小写十六进制数"),
    )
}

/// A date of another form.
pub fn no_date(path: &str) -> Text {
    Text::filled(
        format!("{path} should be a date like 2026-01-31"),
        format!("{path} 应为日期，如 2026-01-31"),
    )
}

/// A name with other characters.
pub fn no_id(path: &str) -> Text {
    Text::filled(
        format!("{path} should be lower-case letters, digits and hyphens"),
        format!("{path} 只能由小写字母、数字和连字符组成"),
    )
}

/// The file's name and its id differ.
pub fn other_file(id: &str) -> Text {
    Text::filled(
        format!("id is \"{id}\", which should be the file's name too"),
        format!("id 为“{id}”，应与文件名一致"),
    )
}

/// A word that a filter does not know.
pub fn unknown_word(flag: &str, found: &str, all: &str) -> Text {
    Text::filled(
        format!("{flag}: there is no '{found}'; there are: {all}"),
        format!("{flag}：没有“{found}”；可用：{all}"),
    )
}

/// Memory.
pub fn too_little_ram(needed_gb: f32, there_gb: f32) -> Text {
    Text::filled(
        format!("needs {needed_gb:.0} GB of memory; this machine has {there_gb:.1} GB"),
        format!("需内存 {needed_gb:.0} GB，本机为 {there_gb:.1} GB"),
    )
}

/// GPU memory.
pub fn too_little_gpu(needed_gb: f32, there_gb: Option<f32>) -> Text {
    let (en, zh) = match there_gb {
        Some(gb) => (format!("the largest here has {gb:.0} GB"), format!("本机最大为 {gb:.0} GB")),
        None => ("this machine has none that was found".into(), "本机未发现 GPU".into()),
    };
    Text::filled(
        format!("needs a GPU with {needed_gb:.0} GB of memory; {en}"),
        format!("需 {needed_gb:.0} GB 显存的 GPU，{zh}"),
    )
}

/// GPU memory.
pub fn fits_gpu(needed_gb: f32, there_gb: f32) -> Text {
    Text::filled(
        format!("fits this machine's GPU: {needed_gb:.0} of {there_gb:.0} GB"),
        format!("本机 GPU 可运行：需 {needed_gb:.0} GB，共 {there_gb:.0} GB"),
    )
}

/// Reason.
pub fn runs_here(networks: usize) -> Text {
    Text::filled(
        match networks {
            1 => "runs in this build: one network".to_owned(),
            many => format!("runs in this build: {many} networks"),
        },
        format!("本版本可运行：{networks} 个网络"),
    )
}

/// Reason.
pub fn stood_in_for(ids: &str) -> Text {
    Text::filled(
        format!("does not run here itself; in its place runs {ids}"),
        format!("自身不能在此运行，可由 {ids} 替代"),
    )
}

/// Reason.
pub fn effort(stars: u8) -> Text {
    let stars = "★".repeat(usize::from(stars));
    Text::filled(format!("effort {stars}"), format!("部署难度 {stars}"))
}

/// Reason.
pub fn cleared(numbers: &str) -> Text {
    Text::filled(format!("cleared: {numbers}"), format!("已获审批：{numbers}"))
}

/// Reason.
pub fn chinese(how_far: &Text) -> Text {
    Text::filled(format!("Chinese: {}", how_far.en()), format!("中文：{}", how_far.zh()))
}
