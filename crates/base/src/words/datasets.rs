//! What data sets are and what is wrong with them.

use crate::text::Text;

texts! { static:
    /// Command.
    DATASETS = "Say what a published data set holds: list the kinds, show counts, check that every file is there.\nA data set is named KIND:PATH. With --out the truth is written as truth.csv, which score takes\n(--group patient), and where the files lie as files.csv.",
        "说明已发表数据集的内容：list 列出支持的种类，show 给出计数，check 核对文件是否齐全。\n数据集写作 种类:路径。给出 --out 时写出 truth.csv（可供 score 使用，加 --group patient）及\n文件位置 files.csv。";
    /// Flag.
    FLAG_SPLIT = "Only the cases of this official split.", "仅取该官方划分的病例。";
    /// Flag.
    FLAG_OUT = "Folder for truth.csv and files.csv.", "写出 truth.csv 与 files.csv 的文件夹。";
    /// Usage.
    USAGE = "datasets takes: list, show KIND:PATH, or check KIND:PATH", "datasets 的用法：list、show 种类:路径 或 check 种类:路径";
    /// Hint.
    SEE_LIST = "`consilium datasets list` names the kinds", "`consilium datasets list` 列出支持的种类";
    /// Nothing in it.
    NO_CASES = "no case found there", "未找到病例";
    /// A mark.
    CREDENTIALED = "[agreement: never to models outside]", "［须签署协议：不得发送给外部模型］";
    /// Kind.
    TABLE = "table.csv (id, patient, split, file, labels) beside its images", "table.csv（id、patient、split、file、标签）及同一文件夹内的影像";
    /// Kind.
    NIFTI = "images/ and labels/ with the same names", "images/ 与 labels/ 中的同名文件";
    /// Kind.
    NNUNET = "an nnU-Net raw data set: dataset.json, imagesTr, labelsTr", "nnU-Net 原始数据集：dataset.json、imagesTr、labelsTr";
    /// Kind.
    MSD = "a task of the Medical Segmentation Decathlon", "医学分割十项全能（MSD）的一个任务";
    /// Kind.
    BRATS = "BraTS, a folder a patient, any year", "BraTS，每位患者一个文件夹，各年份均可";
    /// Kind.
    CHESTXRAY14 = "NIH ChestX-ray14: Data_Entry_2017*.csv and images", "NIH ChestX-ray14：Data_Entry_2017*.csv 及影像";
    /// Kind.
    CHEXPERT = "CheXpert v1.0: train.csv, valid.csv and images", "CheXpert v1.0：train.csv、valid.csv 及影像";
    /// Kind.
    MIMIC = "MIMIC-CXR-JPG 2.0: its three tables and files/", "MIMIC-CXR-JPG 2.0：三个表格及 files/";
    /// Kind.
    PNEUMONIA = "RSNA Pneumonia 2018: stage_2_train_labels.csv and images", "RSNA 肺炎 2018：stage_2_train_labels.csv 及影像";
    /// Kind.
    VINDR = "VinDr-CXR of PhysioNet: annotations/, train/, test/", "VinDr-CXR（PhysioNet）：annotations/、train/、test/";
    /// Kind.
    IU = "IU X-ray in Kaggle's layout: indiana_reports.csv and images", "IU X-ray（Kaggle 版）：indiana_reports.csv 及影像";
    /// Kind.
    BONEAGE = "RSNA Bone Age 2017, in months", "RSNA 骨龄 2017（以月计）";
    /// Kind.
    MURA = "MURA v1.1, by study", "MURA v1.1（按检查）";
    /// Kind.
    GRAZ = "GRAZPEDWRI-DX: dataset.csv and images", "GRAZPEDWRI-DX：dataset.csv 及影像";
    /// Kind.
    FRACATLAS = "FracAtlas: images/ by folder, the official split", "FracAtlas：images/ 按文件夹，官方划分";
    /// Remark.
    TEXT_MINED = "The labels were read from reports by a program and are often wrong.", "标签由程序从报告文本中提取，错误较多。";
    /// Remark.
    UNCERTAIN = "An empty label is not mentioned, not negative; -1 is uncertain: score --uncertain says what to do with it.", "空白标签表示未提及，而非阴性；-1 表示不确定，评价时用 score --uncertain 指定处理方式。";
    /// Remark.
    VIEWS_BY_MAX = "A case is an image; the set's own measure takes the maximum over the views of a study.", "每例为一幅影像；该数据集的官方指标对同一检查的各体位取最大值。";
    /// Remark.
    MAJORITY = "Three readers an image in the training part: a label holds when most say so. Patients are not told apart.", "训练部分每幅影像由三位医师标注，多数同意者为阳性；数据未区分患者。";
    /// Remark.
    STUDIES_BY_MEAN = "A case is a study; the set's own measure takes the mean over its films.", "每例为一次检查；官方指标对其各片取均值。";
    /// Remark.
    NO_SPLIT = "The set has no official split; blank booleans mean no.", "该数据集没有官方划分；布尔列的空白表示否。";
    /// Remark.
    DEIDENTIFIED_WORDS = "XXXX stands for a word that was taken out.", "XXXX 表示被去标识化的词。";
    /// Remark.
    BRATS_OLD = "Labels until 2021: 1 necrosis and non-enhancing core, 2 oedema, 4 enhancing tumour; no 3.", "2021 年及以前的标签：1 坏死及非强化核心，2 水肿，4 强化肿瘤；无 3。";
    /// Remark.
    BRATS_NEW = "Labels since 2023: 1 necrosis (non-enhancing core), 2 oedema (FLAIR), 3 enhancing tumour, 4 resection cavity where there is one.", "2023 年起的标签：1 坏死（非强化核心），2 水肿（FLAIR），3 强化肿瘤，4 切除腔（如有）。";
    /// Count.
    UNCERTAIN_COUNT = "uncertain", "不确定";
    /// Count.
    VALUES = "values", "数值";
    /// Count.
    TEXTS = "texts", "文本";
}

/// A file or folder that the layout has.
pub fn lacks(name: &str) -> Text {
    Text::filled(format!("not there: {name}"), format!("缺少：{name}"))
}

/// A column that the table has.
pub fn lacks_column(name: &str) -> Text {
    Text::filled(format!("the table has no column {name}"), format!("表格缺少列 {name}"))
}

/// A label that the layout does not have.
pub fn strange_label(column: &str, value: &str, line: usize) -> Text {
    Text::filled(
        format!("line {line}: {value:?} is no value of {column}"),
        format!("第 {line} 行：{value:?} 不是 {column} 的有效取值"),
    )
}

/// No such kind.
pub fn unknown_kind(name: &str) -> Text {
    Text::filled(
        format!("no kind of data set is called {name:?}"),
        format!("没有名为 {name:?} 的数据集种类"),
    )
}

/// Patients on both sides of a split.
pub fn patients_shared(count: usize) -> Text {
    Text::filled(
        format!("{count} patients occur in more than one split: scores on them flatter"),
        format!("{count} 名患者同时出现在多个划分中：所得评分会偏高"),
    )
}

/// Files that are not there.
pub fn missing(files: usize, cases: usize) -> Text {
    Text::filled(
        format!("files missing: {files}; cases without any file: {cases}"),
        format!("缺失文件：{files}；没有文件的病例：{cases}"),
    )
}

/// `dataset.json` claims another number of cases.
pub fn count_differs(claimed: u64, found: usize) -> Text {
    Text::filled(
        format!("dataset.json speaks of {claimed} training cases, {found} are there"),
        format!("dataset.json 声明训练病例 {claimed} 例，实际 {found} 例"),
    )
}

/// Numbers and names of labels.
pub fn label_map(labels: &str) -> Text {
    Text::filled(format!("labels: {labels}"), format!("标签：{labels}"))
}
