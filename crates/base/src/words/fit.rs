//! Whether a volume fits a model and the machine.

use crate::text::Text;

texts! {
    const:
    /// Remedy.
    GIVE_VOLUME = "give the whole volume, or a model for single slices", "请提供完整的三维影像，或使用二维模型";
    /// Remedy.
    DESPITE = "if the header is wrong, --despite-header reads the case all the same", "若文件头有误，可用 --despite-header 强制判读";
    /// Error.
    NO_NUMBERS = "no voxel of the volume is a number", "该影像的所有体素均非有效数值";
    /// Remedy.
    EXPORT_AGAIN = "export it again from its source", "请从来源处重新导出";
    /// Remedy.
    LESS_MEMORY = "free memory, cut the volume to the region of interest, or raise --memory-limit (none for no limit)",
        "请释放内存、裁剪至感兴趣区，或提高 --memory-limit（none 表示不限制）";
    /// Seen from the front and from the left.
    SURFACE = "Surfaces of the structures on a coarse grid, from the front (the patient's right is on the left) and from the patient's left.",
        "各结构表面（粗网格重建）：左图为前面观（图像左侧为患者右侧），右图为患者左侧观。";
    /// The same of a brain.
    SURFACE_BRAIN = "Surfaces of the structures on a coarse grid, from the front (the patient's right is on the left) and from the patient's left; the fluid around the brain is left out.",
        "各结构表面（粗网格重建，未显示脑外脑脊液）：左图为前面观（图像左侧为患者右侧），右图为患者左侧观。";
    /// Instead of the picture.
    SURFACE_ALT = "Surfaces of the structures in colour", "各结构的彩色表面重建";
    /// Column.
    MEDIAN = "Median", "中位数";
    /// Column.
    PERCENTILES = "5 % … 95 %", "5%～95% 百分位";
    /// Column.
    AXES = "Axes", "主轴长度";
    /// Column.
    AREA = "Surface area", "表面积";
    /// Column.
    PARTS = "Parts", "连通块数";
    /// Heading.
    DETAILS = "Statistics", "统计";
    /// What the columns are.
    DETAILS_NOTE = "Median and percentiles of the image's values; lengths of the principal axes (four times the standard deviation along each); area of the surface of its voxels, their edges cut (up to a tenth more than a smooth surface); parts that do not touch.",
        "中位数与百分位数为影像值；主轴长度为各主方向标准差的四倍；表面积按体素表面（棱角切平）计算，比光滑表面最多高约一成；连通块数为互不相连的部分数目。";
    /// Heading.
    FILES = "Files", "文件";
}

/// One slice.
pub fn single_slice([i, j, k]: [usize; 3]) -> Text {
    Text::filled(
        format!(
            "the file holds a single slice ({i} × {j} × {k} voxels), and the model reads volumes"
        ),
        format!("该文件仅含单层图像（{i} × {j} × {k} 体素），而该模型用于三维影像"),
    )
}

/// The header names another kind of image.
pub fn other_modality(wanted: &str, found: &str) -> Text {
    Text::filled(
        format!("the model was trained on {wanted}, and the header says that this is {found}"),
        format!("该模型以 {wanted} 训练，而文件头标明本例为 {found}"),
    )
}

/// No air, no fat.
pub fn not_hounsfield(low: f64, high: f64) -> Text {
    Text::filled(
        format!(
            "The model was trained on CT, and the values ({low} … {high}) do not look like Hounsfield units: the result may be meaningless."
        ),
        format!(
            "该模型以 CT 训练，而本例影像值（{low}～{high}）不像 CT 值（HU），结果可能无意义。"
        ),
    )
}

/// Air at −1000.
pub fn looks_like_ct(low: f64, high: f64) -> Text {
    Text::filled(
        format!(
            "The model was trained on MR, and the values ({low} … {high}) look like Hounsfield units of a CT: the result may be meaningless."
        ),
        format!(
            "该模型以 MR 训练，而本例影像值（{low}～{high}）似为 CT 值（HU），结果可能无意义。"
        ),
    )
}

/// NaN and infinite values.
pub fn replaced(count: u64) -> Text {
    Text::filled(
        format!(
            "{count} voxels that are no numbers were read as the smallest value of the volume."
        ),
        format!("{count} 个非数值体素已按影像最小值处理。"),
    )
}

/// Several volumes in one file.
pub fn frames_unwanted(frames: usize, wanted: usize) -> Text {
    Text::filled(
        format!(
            "the file holds {frames} volumes one after another (4-D), and the model takes {wanted} image(s) a case: give one of them as a file of its own"
        ),
        format!(
            "该文件含 {frames} 个依次排列的三维影像（4-D），而该模型每例需 {wanted} 幅：请单独提供其中一个"
        ),
    )
}

/// `--memory-limit`.
pub fn bad_size(text: &str) -> Text {
    Text::filled(
        format!("'{text}' is no amount of memory: 4G, 512M, a number of bytes, or none"),
        format!("“{text}”不是有效的内存大小：可写 4G、512M、字节数或 none"),
    )
}

/// A case that does not fit.
pub fn too_much_memory(need_mib: u64, most_mib: u64) -> Text {
    Text::filled(
        format!(
            "this case needs about {need_mib} MiB, and {most_mib} MiB are allowed or available"
        ),
        format!("本例约需 {need_mib} MiB 内存，而允许或可用内存为 {most_mib} MiB"),
    )
}
