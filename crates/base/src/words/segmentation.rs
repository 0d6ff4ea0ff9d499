//! What is said of label maps of volumes.

use crate::Text;

texts! {
    static:
    /// Title of the page.
    TITLE = "Segmentation of a volume", "三维影像分割结果";
    /// Under a model's name.
    UNCHECKED = "Drawn by the model, unchecked. Volumes and values are those of the voxels it marked; the label map lies on the grid of the original.", "由模型勾画，未经核对。体积与数值均取自模型所标体素；标签图与原始影像网格一致。";
    /// Below the heading, where a model gives volumes of its own.
    UNCHECKED_EXPECTED = "Drawn by the model, unchecked. Volumes are those it expects (sums of its probabilities), grey values those of the voxels it marked; the label map lies on the grid of the original.", "由模型勾画，未经核对。体积为模型的期望体积（概率之和），灰度值取自模型所标体素；标签图与原始影像网格一致。";
    /// Column: volume by intracranial volume.
    SHARE = "of intracranial", "占颅内容积";
    /// Column: (left - right) by their mean.
    ASYMMETRY = "left − right", "左右差";
    /// Column: expected overlap with the truth.
    QUALITY = "quality", "质量";
    /// Beside a quality that is too low.
    LOW = "too low", "过低";
    /// Instead of a volume.
    WITHHELD = "withheld", "未给出";
    /// What the picture shows.
    PLANES = "Axial, coronal and sagittal plane through the middle of what was marked; the patient's right is on the left of the axial and coronal plane.", "通过标记区域中心的轴位、冠状位与矢状位；轴位与冠状位图像左侧为患者右侧。";
    /// Instead of the picture.
    PLANES_ALT = "Three planes of the volume with the structures in colour", "三个方位的截面，各结构以颜色标出";
    /// What the picture shows where boxes were found.
    BEST_BOX = "Axial, coronal and sagittal plane through the box with the highest score; the patient's right is on the left of the axial and coronal plane.", "通过评分最高的检出框中心的轴位、冠状位与矢状位；轴位与冠状位图像左侧为患者右侧。";
    /// Heading.
    BOXES = "Boxes", "检出框";
    /// Below it.
    BOXES_NOTE = "Scores are the model's own and no probabilities; the label map marks each box, not what lies in it. Places are millimetres to the patient's right (R), front (A) and head (S); patient coordinates of DICOM have the opposite sign along the first two.", "评分为模型自身输出，并非概率；标签图标记的是检出框范围，而非病灶轮廓。坐标单位为毫米，依次向患者右侧（R）、前方（A）、头侧（S）为正；DICOM 患者坐标的前两轴符号相反。";
    /// Column.
    CENTRE = "Centre (R, A, S)", "中心（R, A, S）";
    /// Column.
    EXTENT = "Extent (R × A × S)", "大小（R × A × S）";
    /// Column.
    LABEL = "Label", "标签值";
    /// Column.
    VOLUME = "Volume", "体积";
    /// Column.
    VALUES = "Mean ± SD", "均值 ± 标准差";
    /// Column.
    RANGE = "Range", "范围";
    /// Fact.
    FORMAT = "Format", "格式";
    /// Fact.
    FILE_SIZE = "File size", "文件大小";
    /// Fact.
    VOXELS = "Voxels (i × j × k)", "体素（i × j × k）";
    /// Fact.
    SPACING = "Spacing (i × j × k)", "体素间距（i × j × k）";
    /// Fact.
    GEOMETRY = "Geometry from", "几何信息来源";
    /// Wrong use.
    ONE_KIND = "models for volumes (nnU-Net) and for pictures cannot read the same case together", "三维分割模型（nnU-Net）与平片模型不能同时判读同一病例";
    /// Error.
    NO_VOLUMES = "there is no volume among the inputs: NIfTI, NRRD, MetaImage, MGH files or folders with a DICOM series", "输入中没有三维影像：可用 NIfTI、NRRD、MetaImage、MGH 文件或含 DICOM 序列的文件夹";
    /// Wrong use.
    ONE_LABEL_MAP = "--localizer and --masks both name the label map that comes with a case: give one of them", "--localizer 与 --masks 均指定随病例给出的标签图，请只用其一";
    /// Remark.
    SHARES = "The file of probabilities holds one frame for each class in the model's order, the background first where the model has one. They are the network's own shares and not calibrated; where the model's axes are in another order, the file's are, too, and its voxels lie where the image's lie.", "概率文件按模型的类别顺序每类一帧（若有背景则在首位）。数值为网络直接输出，未经校准；若模型轴序与影像不同，文件亦采用模型轴序，体素空间位置不变。";
    /// Remark.
    NAMES_AS_GIVEN = "Structures whose names are the same in both languages are called as the model's own label table calls them.", "中英文名称相同的结构沿用模型自带标签表中的名称。";
}

/// A channel file that is missing, and those that were found.
pub fn channels_wanted(wanted: usize, names: &str, found: usize) -> Text {
    Text::filled(
        format!(
            "the model takes {wanted} images a case ({names}), named CASE_0000, CASE_0001, …; {found} found"
        ),
        format!(
            "该模型每例需 {wanted} 幅影像（{names}），文件名形如 CASE_0000、CASE_0001……；实际 {found} 幅"
        ),
    )
}

/// Channels on different grids.
pub fn grids_differ(name: &str) -> Text {
    Text::filled(
        format!("'{name}' does not lie on the grid of the case's first image; resample it first"),
        format!("“{name}”与该病例第一幅影像的网格不一致，请先重采样"),
    )
}

/// A structure that a model does not have.
pub fn no_structure(name: &str, model: &str, known: &str) -> Text {
    Text::filled(
        format!("'{name}' is no structure of {model}; it has: {known}"),
        format!("{model} 没有名为“{name}”的结构，可选：{known}"),
    )
}

/// A form of DICOM segmentation that does not exist.
pub fn unknown_form(name: &str) -> Text {
    Text::filled(
        format!("'{name}' is no form of DICOM segmentation: binary, labelmap or none"),
        format!("“{name}”不是有效的 DICOM 分割形式，可选 binary、labelmap 或 none"),
    )
}

/// How long a case took to read and unpack.
pub fn took_reading(case: &str, seconds: f64) -> Text {
    Text::filled(format!("{case}: reading {seconds:.2} s"), format!("{case}：读取 {seconds:.2} 秒"))
}

/// How long a model took to load and to read a case, its networks apart where they are told apart.
pub fn took_model(model: &str, load: f64, network: Option<f64>, run: f64) -> Text {
    match network {
        Some(network) => {
            let rest = run - network;
            Text::filled(
                format!(
                    "{model}: loading {load:.2} s, networks {network:.2} s, everything else {rest:.2} s"
                ),
                format!(
                    "{model}：加载 {load:.2} 秒，网络推理 {network:.2} 秒，其余步骤 {rest:.2} 秒"
                ),
            )
        }
        None => Text::filled(
            format!("{model}: loading {load:.2} s, reading the case {run:.2} s"),
            format!("{model}：加载 {load:.2} 秒，判读 {run:.2} 秒"),
        ),
    }
}

/// A case was prepared for a model while the case before it was read.
pub fn prepared_ahead(case: &str, model: &str, seconds: f64) -> Text {
    Text::filled(
        format!("{case}: prepared for {model} in {seconds:.2} s while the case before was read"),
        format!("{case}：在读取上一病例期间已为 {model} 完成预处理，用时 {seconds:.2} 秒"),
    )
}

/// A case was not prepared ahead, for want of memory.
pub fn not_prepared_ahead(case: &str, model: &str) -> Text {
    Text::filled(
        format!("{case}: not prepared for {model} ahead, for two cases do not fit into memory"),
        format!("{case}：内存不足以同时容纳两个病例，未提前为 {model} 进行预处理"),
    )
}

/// How long pictures, and tables and files took.
pub fn took_writing(case: &str, pictures: f64, files: f64) -> Text {
    Text::filled(
        format!("{case}: pictures {pictures:.2} s, files {files:.2} s"),
        format!("{case}：生成图像 {pictures:.2} 秒，写入文件 {files:.2} 秒"),
    )
}

/// Boxes that the page leaves out.
pub fn more_boxes(more: usize) -> Text {
    Text::filled(
        format!("{more} further boxes with lower scores stand in boxes.csv."),
        format!("另有 {more} 个评分较低的检出框，见 boxes.csv。"),
    )
}

/// A line for the terminal.
pub fn found(structures: usize, total: usize) -> Text {
    Text::filled(
        format!("{structures} of {total} structures found"),
        format!("检出 {structures}/{total} 个结构"),
    )
}

/// A folder of label maps without one for the case.
pub fn labels_absent(folder: &str) -> Text {
    Text::filled(
        format!("No label map for this case lies in {folder}: it was read without."),
        format!("{folder} 中没有该病例的标签图，判读时未使用。"),
    )
}

/// Several label maps for one case.
pub fn several_labels(name: &str, first: &str, second: &str) -> Text {
    Text::filled(
        format!(
            "several label maps fit {name}: {first}, {second}; name one file, or give one the image's own name"
        ),
        format!("有多个标签图与 {name} 相符：{first}、{second}；请直接指定文件，或使其与影像同名"),
    )
}
