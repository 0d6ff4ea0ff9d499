//! What data sets are and what is wrong with them.

use crate::text::Text;

texts! { static:
    /// Command.
    DATASETS = "Say what a published data set holds: list the kinds, show counts, check that every file is there.\nA data set is named KIND:PATH, where the path is a folder, or a zip or tar archive as it was fetched:\nnothing is unpacked. With --out the truth is written as truth.csv, which score takes (--group patient),\nwhere the files lie as files.csv, and boxes as boxes.json (COCO).",
        "说明已发表数据集的内容：list 列出支持的种类，show 给出计数，check 核对文件是否齐全。\n数据集写作 种类:路径，路径可为文件夹，也可为下载所得的 zip 或 tar 压缩包（无需解压）。给出 --out 时写出\ntruth.csv（可供 score 使用，加 --group patient）、文件位置 files.csv，以及检测框 boxes.json（COCO 格式）。";
    /// Flag.
    FLAG_READERS = "Boxes of several readers: majority (fused, default),\nall, or the name of one.", "多位医师标注的框：majority（多数一致者合并，默认）、\nall（全部）或某位医师的编号。";
    /// Kind.
    COCO = "COCO: one JSON file, or annotations/*.json and images", "COCO：单个 JSON 文件，或 annotations/*.json 及影像";
    /// Kind.
    YOLO = "YOLO: data.yaml (or classes.txt), images and label texts", "YOLO：data.yaml（或 classes.txt）、影像及标注文本";
    /// Kind.
    VOC = "Pascal VOC: Annotations/*.xml and images", "Pascal VOC：Annotations/*.xml 及影像";
    /// Kind.
    MIMIC_DICOM = "MIMIC-CXR in DICOM: cxr-record-list.csv.gz, files/, reports", "MIMIC-CXR（DICOM）：cxr-record-list.csv.gz、files/ 及报告";
    /// Kind.
    PADCHEST = "PadChest: its table and the folders or archives 0 to 54", "PadChest：标签表及 0–54 号文件夹或压缩包";
    /// Kind.
    SIIM = "SIIM-ACR Pneumothorax 2019: train-rle.csv and DICOM images", "SIIM-ACR 气胸 2019：train-rle.csv 及 DICOM 影像";
    /// Remark.
    NO_LABELS_IS_UNKNOWN = "A film without labels is unknown, not normal: normal is a label of its own.", "没有标签的影像为未知，而非正常：normal 是单独的标签。";
    /// Remark.
    MASKED_WORDS = "___ stands for a word that was taken out.", "___ 表示被去标识化的词。";
    /// Remark.
    RUNS = "Masks are runs down the columns, each start counted from the end of the last run; -1 means none.", "掩膜为按列游程编码，起点相对于上一游程末尾；-1 表示无。";
    /// Remark.
    SOME_CUT_OFF = "Some JPEG files of the set are cut off as published; check names them.", "该数据集部分 JPEG 文件发布时即不完整，check 会列出。";
    /// Files disagree.
    CATEGORIES_DIFFER = "the categories differ from those of the other files", "类别与其他文件不一致";
    /// Nothing to judge by.
    NO_BOXES = "no image there was looked at for boxes", "其中没有标注过检测框的影像";
    /// Flag.
    FLAG_SPLIT = "Only the cases of this official split.", "仅取该官方划分的病例。";
    /// Flag.
    FLAG_OUT = "Folder for truth.csv and files.csv.", "写出 truth.csv 与 files.csv 的文件夹。";
    /// Usage.
    USAGE = "datasets takes: list, show KIND:PATH, or check KIND:PATH; KIND: may be left out where the layout tells it", "datasets 的用法：list、show 种类:路径 或 check 种类:路径；布局可辨认时可省略 种类:";
    /// No kind has such files.
    NO_KIND_FITS = "the layout is that of no known kind of data set", "其布局不属于任何已知的数据集种类";
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
    CHESTXRAY14_GOOGLE = "four findings of ChestX-ray14 images as radiologists read them (Majkowska et al. 2020)", "放射科医师重新标注的 ChestX-ray14 四种征象（Majkowska 等 2020）";
    /// Kind.
    CHEXPERT = "CheXpert v1.0: train.csv, valid.csv and images", "CheXpert v1.0：train.csv、valid.csv 及影像";
    /// Kind.
    CHEXPERT_PLUS = "CheXpert Plus: df_chexpert_plus_240401.csv, chexbert_labels/ and PNG or DICOM images", "CheXpert Plus：df_chexpert_plus_240401.csv、chexbert_labels/ 及 PNG 或 DICOM 影像";
    /// Remark.
    PNG_NOT_JPG = "The table names JPEG files; the set was published as PNG and DICOM, which are looked for under the same names.", "表中所列为 JPEG 文件名；该数据集以 PNG 与 DICOM 发布，按相同名称查找。";
    /// Remark.
    WITHOUT_CHEXBERT = "chexbert_labels/ is not there: the fourteen labels are unknown, only the texts can be judged.", "缺少 chexbert_labels/：十四项标签均为未知，仅可评价报告文本。";
    /// Kind.
    MIMIC = "MIMIC-CXR-JPG 2.0: its three tables and files/", "MIMIC-CXR-JPG 2.0：三个表格及 files/";
    /// Kind.
    MIMIC_NEGBIO = "MIMIC-CXR-JPG 2.0 with NegBio's labels instead of CheXpert's", "MIMIC-CXR-JPG 2.0，采用 NegBio 标签而非 CheXpert 标签";
    /// Kind.
    PNEUMONIA = "RSNA Pneumonia 2018: stage_2_train_labels.csv and images", "RSNA 肺炎 2018：stage_2_train_labels.csv 及影像";
    /// Kind.
    VINDR = "VinDr-CXR of PhysioNet (annotations/, train/, test/) or of Kaggle (train.csv)", "VinDr-CXR：PhysioNet 版（annotations/、train/、test/）或 Kaggle 版（train.csv）";
    /// Kind.
    IU = "IU X-ray: the library's reports in XML and images, or Kaggle's tables and images", "IU X-ray：NLM 的 XML 报告及影像，或 Kaggle 版表格及影像";
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
    ADJUDICATED = "Several radiologists read each image and settled what they disagreed on; only these images are cases.", "每幅影像由多位放射科医师判读，分歧经讨论裁定；仅这些影像作为病例。";
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

/// An archive that cannot be looked into.
pub fn archive_unreadable(name: &str, why: &Text) -> Text {
    Text::filled(format!("{name}: {}", why.en()), format!("{name}：{}", why.zh()))
}

/// More than an archive may hold.
pub fn too_many_entries(count: usize, most: usize) -> Text {
    Text::filled(
        format!("the archive has {count} entries, at most {most} are read"),
        format!("压缩包含 {count} 个条目，最多读取 {most} 个"),
    )
}

/// A line that holds no box.
pub fn no_box(what: &str, line: usize) -> Text {
    let what: String = what.chars().take(80).collect();
    Text::filled(
        format!("line {line} holds no box of the listed classes inside the image: {what:?}"),
        format!("第 {line} 行不是所列类别在图像内的有效框：{what:?}"),
    )
}

/// A split without cases.
pub fn empty_split(split: &str) -> Text {
    Text::filled(format!("no case is in the split {split:?}"), format!("划分 {split:?} 中没有病例"))
}

/// Which splits there are.
pub fn splits_there(splits: &[String]) -> Text {
    if splits.is_empty() {
        return Text::fixed("the data set has no splits here", "该数据集在此没有划分");
    }
    Text::filled(
        format!("its splits: {}", splits.join(", ")),
        format!("可用划分：{}", splits.join("、")),
    )
}

/// A broken file of annotations.
pub fn not_xml(line: usize) -> Text {
    Text::filled(format!("not XML: line {line}"), format!("不是有效的 XML：第 {line} 行"))
}

/// A split that is named but not there.
pub fn split_not_there(split: &str, place: &str) -> Text {
    Text::filled(
        format!("the split {split} is named but not there: {place}"),
        format!("划分 {split} 已声明但不存在：{place}"),
    )
}

/// Boxes as shares of an image that cannot be read.
pub fn size_unknown(name: &str) -> Text {
    Text::filled(
        format!("{name}: the size of the image cannot be read, so its boxes stay unknown"),
        format!("{name}：无法读取图像尺寸，其检测框视为未知"),
    )
}

/// How many images have boxes.
pub fn boxes(looked_at: usize, with: usize) -> Text {
    Text::filled(
        format!("boxes: {looked_at} images were looked at, {with} have some"),
        format!("检测框：已标注影像 {looked_at} 幅，其中 {with} 幅有框"),
    )
}

/// Files without their end.
pub fn cut_off(count: usize) -> Text {
    Text::filled(format!("files cut off: {count}"), format!("不完整的文件：{count}"))
}

/// Films known to be broken.
pub fn known_broken(count: usize) -> Text {
    Text::filled(
        format!("{count} films known to be missing or broken as published are left out"),
        format!("已知发布时缺失或损坏的 {count} 幅影像未纳入"),
    )
}

/// Films that are not to be used.
pub fn excluded(count: usize) -> Text {
    Text::filled(
        format!("{count} films are labelled `exclude`: their truth is unknown"),
        format!("{count} 幅影像标注为 exclude：其参考标准视为未知"),
    )
}

/// Ages that nobody has.
pub fn strange_ages(count: usize) -> Text {
    Text::filled(
        format!("{count} ages above 120 years are taken as unknown"),
        format!("{count} 个超过 120 岁的年龄视为未知"),
    )
}

/// Studies with a second truth.
pub fn read_again(count: usize) -> Text {
    Text::filled(
        format!("{count} studies have labels by radiologists, which are taken instead"),
        format!("{count} 次检查采用放射科医师标注的标签"),
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

/// Which of the label files was read.
pub fn chexbert(file: &str) -> Text {
    Text::filled(
        format!(
            "The labels are CheXbert's of {file}: read from reports by a program, and often wrong."
        ),
        format!("标签为 CheXbert 由 {file} 提取，系程序自动标注，错误较多。"),
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
