//! What resampling may have to say.

use crate::text::Text;

texts! {
    const:
    /// A volume or target without samples.
    ZERO_EXTENT = "cannot resample: an extent is zero", "无法重采样：某一维的大小为零";
    /// A target that no memory holds.
    TOO_LARGE = "cannot resample: the target is larger than this machine can address", "无法重采样：目标尺寸超出本机可寻址的范围";
    /// A method that looks at the whole volume.
    NOT_IN_SLABS = "cannot resample in slabs: this method needs the whole volume", "无法分块重采样：该方法需要完整的体积数据";
    /// A grid without volume.
    SINGULAR_GRID = "cannot resample: the image geometry is singular or not finite", "无法重采样：图像几何参数退化或不是有限值";
}

/// Length and shape do not go together.
pub fn not_the_shape(length: usize, shape: &[usize]) -> Text {
    let shape = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
    Text::filled(
        format!("cannot resample: {length} values are no volume of {shape}"),
        format!("无法重采样：{length} 个数值与 {shape} 的体积不符"),
    )
}

/// A slab outside the result.
pub fn not_the_planes(start: usize, end: usize, planes: usize) -> Text {
    Text::filled(
        format!("cannot resample: planes {start} to {end} of {planes}, or room of another size"),
        format!("无法重采样：请求第 {start} 至 {end} 层（共 {planes} 层），或输出缓冲区大小不符"),
    )
}
