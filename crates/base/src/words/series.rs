//! What putting a DICOM series together may have to say.

use crate::text::Text;

texts! {
    const:
    /// Nothing usable in the folder.
    NO_IMAGES = "the folder holds no DICOM images that lie in space", "该文件夹中没有带空间位置信息的 DICOM 图像";
    /// Remedy.
    GIVE_SERIES = "give the folder of one CT or MR series", "请提供单个 CT 或 MR 序列所在的文件夹";
    /// Remedy when there are several.
    CHOOSE_SERIES = "put the series you want into a folder of its own", "请将所需序列单独放入一个文件夹";
    /// No Image Position or Orientation.
    NO_POSITION = "the images do not say where they lie (Image Position and Image Orientation (Patient) are missing)",
        "图像缺少空间位置信息（无 Image Position / Image Orientation (Patient)）";
    /// Not orthonormal cosines.
    BAD_ORIENTATION = "the direction cosines are no right angle", "方向余弦不相互垂直";
    /// No pixel spacing.
    NO_SPACING = "the images have no usable Pixel Spacing (0028,0030)", "图像缺少有效的像素间距（Pixel Spacing 0028,0030）";
    /// Colour.
    COLOUR = "colour images are not put together to a volume", "彩色图像不能组成三维影像";
    /// Derived objects.
    NO_IMAGE_OBJECT = "segmentations, dose grids and slides are no image series", "分割、剂量网格及病理切片对象不是影像序列";
    /// Slices that do not lie behind one another.
    NOT_IN_LINE = "the slices are shifted against each other; they do not lie in one line", "各层面相互错位，不在同一直线上";
    /// Remedy for gaps.
    SEND_AGAIN = "send the series again from its source; slices are never made up", "请从来源处重新发送该序列；本程序不会插补缺失层面";
    /// Same image twice.
    DUPLICATES_DROPPED = "images that occur twice were used once", "重复图像仅使用一次";
    /// Different rescales.
    RESCALED = "rescale differs from slice to slice; each was applied to its own slice", "各层缩放参数不同，已逐层应用";
    /// Uneven within tolerance.
    SLIGHTLY_UNEVEN = "slice positions are slightly uneven; their mean distance was used", "层面位置略有不均，已采用平均层距";
    /// One slice only.
    SINGLE_SLICE = "a single slice; its thickness was taken as the third voxel size", "仅有一层图像，以层厚作为第三方向体素大小";
    /// Single slice without thickness.
    NO_THICKNESS = "a single slice without thickness; 1 mm was assumed", "仅有一层图像且无层厚，按 1 mm 处理";
    /// Small bright.
    MONOCHROME1 = "MONOCHROME1: stored values were kept, small values are bright", "MONOCHROME1：保留原始存储值，数值小者为亮";
}

/// A tilted gantry, in degrees.
pub fn tilted(degrees: f64) -> Text {
    Text::filled(
        format!(
            "the slices are tilted by {degrees:.1}° against their stacking (gantry tilt); the volume keeps this shear"
        ),
        format!("层面相对堆叠方向倾斜 {degrees:.1}°（机架倾角），影像保留该剪切关系"),
    )
}

/// Slices that are not there.
pub fn missing_slices(count: usize, at_mm: f64) -> Text {
    Text::filled(
        format!("{count} slices are missing, the first at {at_mm:.2} mm along the stack"),
        format!("缺失 {count} 层，首个缺失位置位于堆叠方向 {at_mm:.2} mm 处"),
    )
}

/// Distances that differ.
pub fn uneven(smallest_mm: f64, largest_mm: f64) -> Text {
    Text::filled(
        format!("slice distances are uneven: from {smallest_mm:.3} to {largest_mm:.3} mm"),
        format!("层距不均匀：{smallest_mm:.3} 至 {largest_mm:.3} mm"),
    )
}

/// More than one image at a place.
pub fn duplicate_positions(count: usize) -> Text {
    Text::filled(
        format!(
            "{count} images lie at places where another one lies, and nothing in their headers tells them apart"
        ),
        format!("{count} 幅图像与其他图像位置重复，且文件头信息无法加以区分"),
    )
}

/// Files that could not be read.
pub fn unreadable_files(count: usize) -> Text {
    Text::filled(
        format!("{count} DICOM files of the folder could not be read"),
        format!("文件夹中有 {count} 个 DICOM 文件无法读取"),
    )
}

/// More than one volume.
pub fn several_series(list: &str) -> Text {
    Text::filled(
        format!("the folder holds more than one series: {list}"),
        format!("文件夹包含多个序列：{list}"),
    )
}

/// Other images of the folder.
pub fn left_out(count: usize) -> Text {
    Text::filled(
        format!("{count} other images of the folder (scouts, other series) were left out"),
        format!("文件夹中另有 {count} 幅图像（定位像或其他序列）未纳入"),
    )
}
