//! What reading and writing volumes may have to say.

use crate::text::Text;

texts! {
    const:
    /// Content says nothing we know.
    UNKNOWN_FORMAT = "the content is no volume this program can read", "文件内容不是本程序可读取的三维影像";
    /// Remedy.
    KNOWN_FORMATS = "give a NIfTI (.nii, .nii.gz, .hdr/.img), Analyze, NRRD, MetaImage or MGH file, or a folder with one DICOM series",
        "请提供 NIfTI（.nii、.nii.gz、.hdr/.img）、Analyze、NRRD、MetaImage 或 MGH 文件，或含单个 DICOM 序列的文件夹";
    /// Remedy for formats we refuse by name.
    CONVERT = "convert it to NIfTI first", "请先转换为 NIfTI 格式";
    /// Remedy for types we refuse by name.
    CONVERT_TYPE = "save it with whole numbers or real floating-point numbers of at most 64 bits",
        "请另存为不超过 64 位的整数或实数浮点类型";
    /// A header that promises more than the file can hold.
    HEADER_LIES = "the header claims more voxels than the file can hold", "文件头声明的体素数超过文件实际可容纳的数量";
    /// Remedy for a geometry that is none.
    MEND_GEOMETRY = "export the volume again with a valid orientation and voxel size", "请重新导出该影像，并确保方向与体素大小有效";
    /// No way from voxels to the patient.
    NO_GEOMETRY = "the header gives no usable geometry: voxel size zero, not a number, or axes in one plane",
        "文件头未提供可用的几何信息：体素大小为零或不是数值，或各轴共面";
    /// sform unusable.
    SFORM_BROKEN = "the sform is not usable; the qform or the voxel size was used", "sform 无效，已改用 qform 或体素大小";
    /// qform unusable.
    QFORM_BROKEN = "the qform is not usable; the voxel size was used", "qform 无效，已改用体素大小";
    /// sform and qform contradict each other.
    FORMS_DIFFER = "sform and qform place the volume differently; the sform was used, other programs may use the qform",
        "sform 与 qform 给出的位置不一致；已采用 sform，其他软件可能采用 qform";
    /// Neither code is set.
    NO_FORM = "the file does not say how the volume lies in the patient; left and right cannot be told",
        "文件未说明影像在患者体内的方位，无法区分左右";
    /// Negative spacing.
    NEGATIVE_SPACING = "a voxel size is negative; its amount was used", "体素大小为负值，已取其绝对值";
    /// Zero spacing across a single slice.
    SINGLE_SLICE_SPACING = "no slice thickness for a single slice; 1 mm was assumed", "单层影像未给出层厚，按 1 mm 处理";
    /// Metres or micrometres.
    UNITS_CONVERTED = "lengths were converted to millimetres", "长度单位已换算为毫米";
    /// Trailing bytes.
    TRAILING = "the file holds more bytes than its voxels need", "文件字节数多于体素所需";
    /// gzip end missing although all voxels are there.
    GZIP_END = "the compressed file ends early; all voxels are there, its checksum is not", "压缩文件提前结束：体素完整，但缺少校验和";
    /// A voxel offset that makes no sense.
    VOX_OFFSET = "vox_offset points into the header; voxels were read behind it", "vox_offset 指向文件头内部，已从文件头之后读取体素";
    /// More than four axes.
    MORE_AXES = "axes beyond the fourth were laid one after another", "第四轴之后的各轴已依次展开";
    /// Analyze has no orientation.
    ANALYZE = "Analyze files do not say reliably which side is left; SPM's convention was used",
        "Analyze 文件不能可靠区分左右，已按 SPM 约定处理";
    /// Volume without space.
    MATRIX = "this NIfTI file holds a matrix or a table (CIFTI), no volume in space", "该 NIfTI 文件为矩阵或数据表（CIFTI），并非空间影像";
    /// No orientation in the header of a NRRD.
    NO_SPACE = "the file names no space; its axes were taken as left, posterior, superior, as ITK does",
        "文件未注明坐标空间，按 ITK 惯例视为左、后、上方向";
    /// goodRASFlag is 0.
    NO_RAS = "the file does not say how the volume lies in the patient; FreeSurfer's default (coronal, 1 mm) was used",
        "文件未说明影像方位，已采用 FreeSurfer 默认设置（冠状位，1 mm）";
    /// Intercept not finite.
    SCALE_BROKEN = "scl_inter is not a number although scl_slope is set", "已设置 scl_slope，但 scl_inter 不是有效数值";
    /// Not gzip where gzip was promised.
    GZIP_BROKEN = "the compressed voxels are damaged", "压缩的体素数据已损坏";
}

/// Voxels end early.
pub fn voxels_short(expected: u64, found: u64) -> Text {
    Text::filled(
        format!("the voxels are cut short: expected {expected} bytes, found {found}"),
        format!("体素数据不完整：应有 {expected} 字节，实有 {found} 字节"),
    )
}

/// Limit on a volume.
pub fn too_large(found: u128, limit: u64) -> Text {
    Text::filled(
        format!("the volume needs {found} bytes; the limit is {limit}"),
        format!("该影像需要 {found} 字节，上限为 {limit} 字节"),
    )
}

/// The machine has not that much memory.
pub fn no_memory(bytes: u64) -> Text {
    Text::filled(
        format!("there is no memory for {bytes} bytes of voxels"),
        format!("内存不足，无法容纳 {bytes} 字节的体素数据"),
    )
}

/// The header itself ends early.
pub fn header_short(format: &str, expected: usize) -> Text {
    Text::filled(
        format!("the {format} header is cut short: expected {expected} bytes"),
        format!("{format} 文件头不完整：应有 {expected} 字节"),
    )
}

/// A type of voxel this program refuses by name.
pub fn voxel_type(name: &str) -> Text {
    Text::filled(
        format!("voxels of type {name} are not supported"),
        format!("不支持 {name} 类型的体素"),
    )
}

/// A number that stands for no type of the standard.
pub fn voxel_type_unknown(code: &str) -> Text {
    Text::filled(
        format!("{code} is no voxel type of the format"),
        format!("{code} 不是该格式定义的体素类型"),
    )
}

/// A format this program refuses by name.
pub fn format_refused(name: &str) -> Text {
    Text::filled(format!("{name} files are not supported"), format!("不支持 {name} 格式"))
}

/// A coding this program refuses by name.
pub fn encoding_refused(name: &str) -> Text {
    Text::filled(
        format!("voxels in the encoding “{name}” are not supported"),
        format!("不支持体素编码方式“{name}”"),
    )
}

/// The file with the voxels is not there.
pub fn no_data_file(names: &str) -> Text {
    Text::filled(
        format!("the voxels should lie beside it in {names}; no such file"),
        format!("体素应存于同一文件夹中的 {names}，但未找到该文件"),
    )
}

/// NaN and infinite voxels.
pub fn not_finite(count: u64) -> Text {
    Text::filled(
        format!("{count} voxels are not a number or infinite"),
        format!("{count} 个体素为非数值（NaN）或无穷大"),
    )
}

/// A line of a text header.
pub fn header_line(line: usize) -> Text {
    Text::filled(
        format!("line {line} of the header makes no sense"),
        format!("文件头第 {line} 行无法解析"),
    )
}

/// A line of a text header that never ends.
pub fn header_line_long(limit: usize) -> Text {
    Text::filled(
        format!("a line of the header is longer than {limit} bytes"),
        format!("文件头中有一行超过 {limit} 字节"),
    )
}
