//! What reading and writing DICOM segmentations may have to say.

texts! {
    const:
    /// Series description, before the model's name.
    SERIES = "Segmentation, research use only", "分割结果，仅供科研使用";
    /// Content description.
    CONTENT = "Automatic segmentation, research use only", "自动分割结果，仅供科研使用";
    /// Nothing to refer to.
    NO_REFERENCE = "the images have no identifiers, so that no DICOM segmentation can refer to them",
        "图像缺少唯一标识，无法生成引用它们的 DICOM 分割对象";
    /// Remark.
    OWN_FRAME_OF_REFERENCE = "The images name no frame of reference; the DICOM segmentation got one that follows from their series.",
        "图像未给出参考坐标系标识；DICOM 分割对象采用由其序列派生的标识。";
    /// Wrong use.
    NOT_OF_THE_SERIES = "the labels are not on the grid of the series", "标签图与该序列的网格不一致";
    /// More than 4 GiB of pixel data.
    TOO_MANY_FRAMES = "the frames do not fit into one DICOM file; write the label map instead", "帧数据超出单个 DICOM 文件的容量，请改用标签图形式";
    /// Remark.
    NOTHING_MARKED = "No structure was found, so no DICOM segmentation was written: it would have no frames.",
        "未检出任何结构，因此未生成 DICOM 分割对象（否则将不含任何帧）。";
    /// Remark.
    WITHOUT_PATIENT = "The DICOM segmentation carries no patient's name or number; with --with-patient it takes those of the images.",
        "DICOM 分割对象未写入患者姓名与编号；使用 --with-patient 时沿用原图像中的信息。";
    /// Slides.
    SLIDE = "a segmentation of a slide, in the coordinates of the slide and not of the patient", "该分割对象属于病理切片，使用切片坐标而非患者坐标";
    /// No place in the patient.
    UNPLACED = "the segmentation does not say where its frames lie in the patient (Plane Position or Plane Orientation is missing)",
        "该分割对象未说明各帧在患者体内的位置（缺少 Plane Position 或 Plane Orientation）";
    /// Frames at different angles.
    SEVERAL_ORIENTATIONS = "the frames of the segmentation do not have one orientation", "分割对象各帧的方向不一致";
    /// Frames that are no even stack.
    UNEVEN = "the frames of the segmentation do not lie in an even stack", "分割对象各帧未构成等间距层面";
    /// Two frames of one segment at one place.
    FRAME_TWICE = "two frames of one segment lie at the same place", "同一分割段存在位置重复的两帧";
    /// Frames that name no segment.
    NO_SEGMENT = "a frame names no segment of the Segment Sequence (0062,0002)", "存在未对应 Segment Sequence (0062,0002) 中任何分割段的帧";
    /// Broken header.
    BAD_SEGMENTS = "the Segment Sequence (0062,0002) is missing, or numbers a segment twice", "缺少 Segment Sequence (0062,0002)，或分割段编号重复";
    /// Unknown type.
    BAD_TYPE = "Segmentation Type (0062,0001) is none of BINARY, FRACTIONAL, LABELMAP, or does not fit the pixels",
        "Segmentation Type (0062,0001) 不是 BINARY、FRACTIONAL 或 LABELMAP，或与像素数据不符";
    /// Remedy.
    EXPORT_AGAIN = "export the segmentation again, or give the label map as NIfTI", "请重新导出分割对象，或提供 NIfTI 格式的标签图";
    /// Remark.
    SEGMENTS_OVERLAP = "segments overlap: the volume has one frame for each segment", "分割段之间存在重叠：三维影像中每个分割段各占一帧";
    /// Remark.
    FRACTIONS = "fractional segmentation: values from 0 to 1, one frame for each segment", "小数型分割：取值 0 至 1，每个分割段各占一帧";
    /// Remark.
    BACKGROUND_MOVED = "the file's background is not 0; background became 0, and segment 0 took the background's number",
        "文件中背景值不为 0；现已将背景置为 0，并将原 0 号分割段改用原背景编号";
    /// Label of a table.
    SEGMENTS = "segments", "分割段";
}
