//! What reading an image file may have to say.

use crate::text::Text;

texts! {
    const:
    /// Nothing in the file.
    EMPTY_FILE = "the file is empty; expected an image", "文件为空，应为图像文件";
    /// A folder was given.
    IS_FOLDER = "is a folder; expected a file", "这是文件夹，应为文件";
    /// Remedy for cut files.
    COPY_AGAIN = "copy or export the file again from its source", "请从来源处重新复制或导出该文件";
    /// Content says nothing we know.
    UNKNOWN_FORMAT = "the content is no image this program can read", "文件内容不是本程序可读取的图像";
    /// Remedy.
    KNOWN_FORMATS = "give a DICOM, PNG, JPEG, TIFF or WebP file", "请提供 DICOM、PNG、JPEG、TIFF 或 WebP 文件";
    /// A DICOM object without an image.
    NO_PIXEL_DATA = "the DICOM file has no pixel data (a report, plan, structure set or directory?)", "该 DICOM 文件不含像素数据（可能是报告、计划、结构集或目录文件）";
    /// Remedy.
    GIVE_IMAGE = "give the image object of the study", "请提供该检查中的图像对象";
    /// Zero rows or columns.
    ZERO_SIZE = "the image has zero rows or columns", "图像的行数或列数为零";
    /// JPEG of a kind not built in.
    EXPORT_UNCOMPRESSED = "export the image uncompressed (Explicit VR Little Endian) and try again", "请以未压缩格式（显式 VR 小端）导出图像后重试";
    /// Wanted and offered value types differ.
    PALETTE_BROKEN = "the palette lookup table is broken; indices are shown as grey", "调色板查找表已损坏，按灰度显示索引值";
    /// Modality LUT unusable.
    MODALITY_LUT_BROKEN = "the Modality LUT is broken and was not applied", "模态查找表（Modality LUT）已损坏，未应用";
    /// VOI LUT unusable.
    VOI_LUT_BROKEN = "the VOI LUT is broken and was not applied", "VOI 查找表已损坏，未应用";
    /// Window unusable.
    WINDOW_BROKEN = "the window is not usable and was not applied", "窗宽窗位无效，未应用";
    /// Rescale unusable.
    RESCALE_BROKEN = "rescale slope or intercept is not usable and was not applied", "缩放斜率或截距无效，未应用";
    /// No window in the header.
    NO_WINDOW = "no window in the header; shown from the smallest to the largest value", "文件头无窗宽窗位信息，按最小值至最大值显示";
    /// MONOCHROME1.
    INVERTED = "MONOCHROME1: shown inverted, so that air is dark", "MONOCHROME1 图像：已反转灰度显示，使含气区呈黑色";
    /// Without preamble.
    NO_PREAMBLE = "the DICOM file has no preamble", "该 DICOM 文件缺少前导部分";
    /// Without transfer syntax.
    NO_TRANSFER_SYNTAX = "the DICOM file does not name its transfer syntax; it was recognised from the content", "该 DICOM 文件未注明传输语法，已根据内容判定";
    /// Pixel data cut but decodable.
    PIXEL_DATA_CUT = "the pixel data end early", "像素数据提前结束";
    /// Lossy compression.
    LOSSY = "the image was compressed with loss", "图像经过有损压缩";
    /// Spacing not usable.
    SPACING_BROKEN = "the pixel spacing is not usable and was left out", "像素间距无效，已忽略";
    /// Remedy for pictures of an odd depth.
    KNOWN_DEPTHS = "save the picture with 8 or 16 bits per sample", "请将图片另存为每样本 8 位或 16 位";
    /// A TIFF of several pages.
    FIRST_PAGE = "the file holds several pages; only the first was read", "文件含多页图像，仅读取第一页";
    /// Alpha.
    ALPHA_FLATTENED = "transparency was laid over black", "透明通道已与黑色背景合成";
    /// Burned-in.
    BURNED_IN = "the header says that identifying text is burned into the pixels", "文件头注明图像中含有烧录的身份信息";
    /// Attributes that rest on one another.
    HEADER_PARTLY = "part of the header could not be read", "文件头的一部分无法读取";
    /// A JPEG that the header calls by another name.
    COLOUR_CONFORMED = "the JPEG stream says another colour space than the header; the stream was believed", "JPEG 码流的色彩空间与文件头不符，以码流为准";
}

/// The system's own words.
pub fn cannot_read(why: &str) -> Text {
    Text::filled(format!("cannot be read: {why}"), format!("无法读取：{why}"))
}

/// Limit on the file.
pub fn file_too_large(found: u64, limit: u64) -> Text {
    Text::filled(
        format!("has {found} bytes; the limit is {limit}"),
        format!("文件大小为 {found} 字节，上限为 {limit} 字节"),
    )
}

/// Limit on a frame.
pub fn too_many_pixels(columns: u64, rows: u64, limit: u64) -> Text {
    Text::filled(
        format!("claims {columns} × {rows} pixels; the limit is {limit} pixels a frame"),
        format!("声明尺寸为 {columns} × {rows} 像素，每帧上限为 {limit} 像素"),
    )
}

/// Limit on memory.
pub fn too_many_bytes(found: u64, limit: u64) -> Text {
    Text::filled(
        format!("needs {found} bytes of memory; the limit is {limit}"),
        format!("需要 {found} 字节内存，上限为 {limit} 字节"),
    )
}

/// Limit on frames.
pub fn too_many_frames(found: u64, limit: usize) -> Text {
    Text::filled(
        format!("claims {found} frames; the limit is {limit}"),
        format!("声明 {found} 帧，上限为 {limit} 帧"),
    )
}

/// Limit on nesting.
pub fn too_deep(limit: usize) -> Text {
    Text::filled(
        format!("sequences are nested deeper than {limit} levels"),
        format!("序列嵌套超过 {limit} 层"),
    )
}

/// Limit on elements.
pub fn too_many_elements(limit: usize) -> Text {
    Text::filled(
        format!("the header has more than {limit} elements"),
        format!("文件头元素超过 {limit} 个"),
    )
}

/// A header that ends inside an element.
pub fn header_cut(at: usize) -> Text {
    Text::filled(
        format!("the DICOM header ends inside the element at byte {at}"),
        format!("DICOM 文件头在字节 {at} 处的元素中提前结束"),
    )
}

/// An item was expected.
pub fn sequence_broken(at: usize) -> Text {
    Text::filled(
        format!("expected a sequence item at byte {at}, found something else"),
        format!("字节 {at} 处应为序列条目，实际内容不符"),
    )
}

/// An attribute the image cannot be read without.
pub fn missing(attribute: &str) -> Text {
    Text::filled(
        format!("{attribute} is missing or not a number"),
        format!("缺少 {attribute} 或其值不是数字"),
    )
}

/// An attribute with a value that makes no sense.
pub fn bad_value(attribute: &str, expected: &str, found: &str) -> Text {
    Text::filled(
        format!("{attribute}: expected {expected}, found {found}"),
        format!("{attribute}：应为 {expected}，实为 {found}"),
    )
}

/// Fewer bytes than the header promises.
pub fn pixel_data_short(expected: u64, found: u64) -> Text {
    Text::filled(
        format!("pixel data are cut short: expected {expected} bytes, found {found}"),
        format!("像素数据不完整：应有 {expected} 字节，实有 {found} 字节"),
    )
}

/// A codec this build lacks.
pub fn unsupported_syntax(uid: &str, name: &str) -> Text {
    Text::filled(
        format!("transfer syntax {uid} ({name}) is not supported"),
        format!("不支持传输语法 {uid}（{name}）"),
    )
}

/// A photometric interpretation this build lacks.
pub fn unsupported_photometric(found: &str) -> Text {
    Text::filled(
        format!("photometric interpretation {found} is not supported"),
        format!("不支持光度解释 {found}"),
    )
}

/// A decoder's complaint.
pub fn decoder(codec: &str, why: &str) -> Text {
    Text::filled(
        format!("the {codec} data cannot be decoded: {why}"),
        format!("{codec} 数据无法解码：{why}"),
    )
}

/// A stream of another size than the header says.
pub fn size_differs(
    codec: &str,
    stream: (usize, usize, usize),
    header: (usize, usize, usize),
) -> Text {
    let of = |(c, r, s): (usize, usize, usize)| format!("{c} × {r} × {s}");
    Text::filled(
        format!(
            "the {codec} stream holds {} (columns × rows × samples), the header says {}",
            of(stream),
            of(header)
        ),
        format!("{codec} 码流尺寸为 {}（列 × 行 × 样本数），文件头为 {}", of(stream), of(header)),
    )
}

/// No such frame.
pub fn no_frame(asked: usize, frames: usize) -> Text {
    Text::filled(
        format!("frame {asked} was asked for; the file has {frames}"),
        format!("请求第 {asked} 帧，文件共有 {frames} 帧"),
    )
}

/// Frames in the stream and in the header differ.
pub fn frames_differ(stream: usize, header: usize) -> Text {
    Text::filled(
        format!("the header says {header} frames, the pixel data hold {stream}"),
        format!("文件头声明 {header} 帧，像素数据实有 {stream} 帧"),
    )
}

/// The system's own words.
pub fn cannot_write(why: &str) -> Text {
    Text::filled(format!("cannot be written: {why}"), format!("无法写入：{why}"))
}
