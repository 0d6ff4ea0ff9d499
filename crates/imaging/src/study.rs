//! A study as read: facts, and frames on demand.

use crate::dicom::{DicomImage, display};
use base::words::imaging as words;
use base::{CaseFacts, Error, FileFacts, Image, Kind, PatientFacts, Picture, Result};

/// Samples as stored, one vector for all channels, interleaved:
/// `[(row * columns + column) * channels + channel]`.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Samples {
    /// 1 to 8 bits, unsigned.
    U8(Vec<u8>),
    /// 1 to 8 bits, signed.
    I8(Vec<i8>),
    /// 9 to 16 bits, unsigned.
    U16(Vec<u16>),
    /// 9 to 16 bits, signed.
    I16(Vec<i16>),
    /// 17 to 32 bits, unsigned.
    U32(Vec<u32>),
    /// 17 to 32 bits, signed.
    I32(Vec<i32>),
    /// Float Pixel Data.
    F32(Vec<f32>),
    /// Double Float Pixel Data.
    F64(Vec<f64>),
}

/// Runs an expression on the vector inside, whatever its type.
macro_rules! each {
    ($samples:expr, $v:ident => $body:expr) => {
        match $samples {
            $crate::Samples::U8($v) => $body,
            $crate::Samples::I8($v) => $body,
            $crate::Samples::U16($v) => $body,
            $crate::Samples::I16($v) => $body,
            $crate::Samples::U32($v) => $body,
            $crate::Samples::I32($v) => $body,
            $crate::Samples::F32($v) => $body,
            $crate::Samples::F64($v) => $body,
        }
    };
}

impl Samples {
    /// How many, all channels together.
    pub fn len(&self) -> usize {
        each!(self, v => v.len())
    }

    /// True for no samples at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name NumPy gives the type: `uint8`, `int16`, `float32`, …
    pub fn dtype(&self) -> &'static str {
        match self {
            Samples::U8(_) => "uint8",
            Samples::I8(_) => "int8",
            Samples::U16(_) => "uint16",
            Samples::I16(_) => "int16",
            Samples::U32(_) => "uint32",
            Samples::I32(_) => "int32",
            Samples::F32(_) => "float32",
            Samples::F64(_) => "float64",
        }
    }

    /// All samples as little-endian bytes.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        each!(self, v => v.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    /// One sample; exact for every type. `None` beyond the end.
    pub fn get(&self, index: usize) -> Option<f64> {
        #[allow(clippy::unnecessary_cast)]
        {
            each!(self, v => v.get(index).map(|&x| x as f64))
        }
    }

    /// Samples as 32-bit floats (values beyond 2^24 are rounded), interleaved as stored.
    pub(crate) fn to_f32(&self) -> Vec<f32> {
        #[allow(clippy::unnecessary_cast)]
        {
            each!(self, v => v.iter().map(|&x| x as f32).collect())
        }
    }
}

/// One decoded frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    pub(crate) channels: usize,
    pub(crate) samples: Samples,
}

impl Frame {
    /// Columns.
    pub fn width(&self) -> usize {
        self.columns
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.rows
    }

    /// 1 or 3. Palette colour has 1: its indices.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The samples as the reference decoder gives them: `pydicom.pixels.pixel_array` with default
    /// settings for DICOM (YBR is converted to RGB, unused bits are cleared or sign-extended),
    /// the file's own samples for pictures.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Stored values, planar.
    pub fn to_image(&self) -> Image {
        self.image_of(self.samples.to_f32())
    }

    /// Planar image from interleaved values of this frame's shape.
    pub(crate) fn image_of(&self, interleaved: Vec<f32>) -> Image {
        let planar = if self.channels == 1 {
            interleaved
        } else {
            let mut planar = Vec::with_capacity(interleaved.len());
            for channel in 0..self.channels {
                planar.extend(interleaved.iter().skip(channel).step_by(self.channels));
            }
            planar
        };
        // The shape was checked when the frame was made; one black pixel stands in otherwise.
        Image::new(self.columns, self.rows, self.channels, planar)
            .or_else(|| Image::gray(1, 1, vec![0.0]))
            .unwrap_or_else(|| unreachable!("one pixel is an image"))
    }
}

/// What a file holds.
#[derive(Clone, Debug)]
pub struct Study {
    /// De-identified facts.
    pub facts: CaseFacts,
    pub(crate) source: Source,
}

#[derive(Clone, Debug)]
pub(crate) enum Source {
    Picture(Frame),
    Dicom(Box<DicomImage>),
}

impl Study {
    /// A study of a picture that is no file: made up to try something. Nothing is known of it but
    /// its pixels.
    pub fn from_picture(picture: &Picture, name: &str) -> Study {
        let (columns, rows) = (picture.width(), picture.height());
        let samples = Samples::U8(picture.data().to_vec());
        let frame = Frame { columns, rows, channels: picture.channels(), samples };
        let facts = CaseFacts {
            name: name.to_owned(),
            file: FileFacts {
                format: "PNG",
                bytes: picture.data().len() as u64,
                sha256: crate::dicom::sha256(picture.data()),
                transfer_syntax: None,
                photometric: None,
                bits: (8, 8),
                signed: false,
            },
            size_px: (columns, rows, 1),
            modality: None,
            body_part: None,
            view: None,
            laterality: None,
            spacing: None,
            patient: PatientFacts::default(),
            device: None,
            notes: Vec::new(),
        };
        Study { facts, source: Source::Picture(frame) }
    }

    /// Frames in the file.
    pub fn frames(&self) -> usize {
        self.facts.size_px.2
    }

    /// Decodes frame `index`, from 0.
    ///
    /// Errors: `Usage` when there is no such frame, `BrokenInput`, `Unsupported` and `Limit` from
    /// decoding.
    pub fn frame(&self, index: usize) -> Result<Frame> {
        if index >= self.frames() {
            return Err(Error::new(Kind::Usage, words::no_frame(index, self.frames())));
        }
        match &self.source {
            Source::Picture(frame) => Ok(frame.clone()),
            Source::Dicom(image) => image.frame(index),
        }
    }

    /// 2^BitsStored − 1: the largest value the header allows for unsigned samples.
    pub fn stored_max(&self) -> f64 {
        2f64.powi(i32::from(self.facts.file.bits.1)) - 1.0
    }

    /// Small values are bright.
    pub fn is_monochrome1(&self) -> bool {
        self.facts.file.photometric.as_deref() == Some("MONOCHROME1")
    }

    /// Values after Modality LUT or rescale (PS3.3 C.11.1), in f32. Colour and pictures come back
    /// as stored.
    pub fn modality_values(&self, index: usize) -> Result<Image> {
        let frame = self.frame(index)?;
        match &self.source {
            Source::Picture(_) => Ok(frame.to_image()),
            Source::Dicom(image) => Ok(frame.image_of(display::modality(image, &frame, index))),
        }
    }

    /// The frame as a person looks at it: modality LUT, VOI LUT or window, presentation (PS3.3
    /// C.11), palette resolved, 8 bit. Without a window the full range of values is shown, pixel
    /// padding left out.
    pub fn picture(&self, index: usize) -> Result<Picture> {
        let frame = self.frame(index)?;
        match &self.source {
            Source::Picture(_) => display::of_picture(&frame, self.facts.file.bits.1),
            Source::Dicom(image) => display::of_dicom(image, &frame, index),
        }
    }
}
