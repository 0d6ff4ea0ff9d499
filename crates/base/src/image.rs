//! Two-dimensional images. Row-major, row 0 at the top, column 0 at the left of the picture.

/// Planar image of 32-bit floats: `data[(channel * height + row) * width + column]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    width: usize,
    height: usize,
    channels: usize,
    data: Vec<f32>,
}

impl Image {
    /// `None` unless `data.len() == channels * height * width` and no extent is zero.
    pub fn new(width: usize, height: usize, channels: usize, data: Vec<f32>) -> Option<Image> {
        let samples = width.checked_mul(height)?.checked_mul(channels)?;
        (samples > 0 && data.len() == samples).then_some(Image { width, height, channels, data })
    }

    /// One channel from rows of samples; same conditions as [`Image::new`].
    pub fn gray(width: usize, height: usize, data: Vec<f32>) -> Option<Image> {
        Image::new(width, height, 1, data)
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1 (grey) or 3 (red, green, blue); masks with an alpha channel are flattened when read.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All samples, plane after plane.
    pub fn data(&self) -> &[f32] {
        &self.data
    }

    /// All samples, to change.
    pub fn data_mut(&mut self) -> &mut [f32] {
        &mut self.data
    }

    /// One channel's samples, `[height][width]`. Panics when there is no such channel.
    pub fn plane(&self, channel: usize) -> &[f32] {
        let plane = self.width * self.height;
        &self.data[channel * plane..(channel + 1) * plane]
    }

    /// The samples without the image.
    pub fn into_data(self) -> Vec<f32> {
        self.data
    }
}

/// An 8-bit picture to look at, interleaved: `data[(row * width + column) * channels + channel]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    data: Vec<u8>,
}

impl Picture {
    /// `None` unless `channels` is 1 or 3 and `data` has exactly the samples for it.
    pub fn new(width: usize, height: usize, channels: usize, data: Vec<u8>) -> Option<Picture> {
        let samples = width.checked_mul(height)?.checked_mul(channels)?;
        (samples > 0 && data.len() == samples && (channels == 1 || channels == 3))
            .then_some(Picture { width, height, channels, data })
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1 (grey) or 3 (red, green, blue).
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// All samples.
    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

/// A yes/no picture: `bits[row * width + column]` is 0 or 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    width: usize,
    height: usize,
    bits: Vec<u8>,
}

impl Mask {
    /// `None` unless `bits.len() == width * height`; any value but 0 counts as inside.
    pub fn new(width: usize, height: usize, mut bits: Vec<u8>) -> Option<Mask> {
        let pixels = width.checked_mul(height)?;
        if pixels == 0 || bits.len() != pixels {
            return None;
        }
        bits.iter_mut().for_each(|bit| *bit = u8::from(*bit != 0));
        Some(Mask { width, height, bits })
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// 0 or 1 for each pixel.
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// Number of pixels inside.
    pub fn area_px(&self) -> usize {
        self.bits.iter().filter(|&&bit| bit == 1).count()
    }
}

/// A rectangle in pixel coordinates of the original image; may lie between pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge, columns.
    pub x: f32,
    /// Top edge, rows.
    pub y: f32,
    /// Columns covered.
    pub width: f32,
    /// Rows covered.
    pub height: f32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_exactly_its_samples() {
        assert!(Image::gray(2, 3, vec![0.0; 6]).is_some());
        assert!(Image::gray(2, 3, vec![0.0; 5]).is_none());
        assert!(Image::gray(0, 3, vec![]).is_none());
        assert!(Image::new(usize::MAX, 2, 2, vec![]).is_none());
        assert!(Picture::new(1, 1, 2, vec![0; 2]).is_none());
    }

    #[test]
    fn a_mask_counts_what_is_inside() {
        let mask = Mask::new(2, 2, vec![0, 255, 1, 0]).unwrap();
        assert_eq!(mask.bits(), [0, 1, 1, 0]);
        assert_eq!(mask.area_px(), 2);
    }
}
