//! PNG files for reports, and smaller copies of pictures.

use base::Picture;

/// An 8-bit grey or RGB PNG, compressed for speed.
pub fn encode(picture: &Picture) -> Vec<u8> {
    let mut out = Vec::with_capacity(picture.data().len() / 2 + 1024);
    // Writing to memory fails only for sizes beyond PNG's 31 bits; the picture is then left out.
    if write(picture, &mut out).is_err() {
        out.clear();
    }
    out
}

fn write(picture: &Picture, out: &mut Vec<u8>) -> Result<(), png::EncodingError> {
    let too_large = |_| std::io::Error::other("picture too large for PNG");
    let width = u32::try_from(picture.width()).map_err(too_large)?;
    let height = u32::try_from(picture.height()).map_err(too_large)?;
    let mut encoder = png::Encoder::new(out, width, height);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_color(match picture.channels() {
        1 => png::ColorType::Grayscale,
        _ => png::ColorType::Rgb,
    });
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture.data())?;
    writer.finish()
}

/// The picture with its longer side at most `longest` pixels, every new pixel the mean of the area
/// it covers (whole pixels; no fractions). A smaller picture comes back as it is.
pub fn shrink(picture: &Picture, longest: usize) -> Picture {
    let (w, h, c) = (picture.width(), picture.height(), picture.channels());
    let side = w.max(h);
    if side <= longest || longest == 0 {
        return picture.clone();
    }
    let scaled = |extent: usize| ((extent * longest + side / 2) / side).max(1);
    let (nw, nh) = (scaled(w), scaled(h));
    let mut out = Vec::with_capacity(nw * nh * c);
    let mut sums = vec![0u32; nw * c];
    let column: Vec<(usize, usize)> =
        (0..nw).map(|x| (x * w / nw, ((x + 1) * w / nw).max(x * w / nw + 1))).collect();
    for y in 0..nh {
        let (y0, y1) = (y * h / nh, ((y + 1) * h / nh).max(y * h / nh + 1));
        sums.fill(0);
        for row in picture.data()[y0 * w * c..y1 * w * c].chunks_exact(w * c) {
            for (sum, &(x0, x1)) in sums.chunks_exact_mut(c).zip(&column) {
                for pixel in row[x0 * c..x1 * c].chunks_exact(c) {
                    for (s, &v) in sum.iter_mut().zip(pixel) {
                        *s += u32::from(v);
                    }
                }
            }
        }
        for (sum, &(x0, x1)) in sums.chunks_exact(c).zip(&column) {
            let area = ((y1 - y0) * (x1 - x0)) as u32;
            out.extend(sum.iter().map(|&s| ((s + area / 2) / area) as u8));
        }
    }
    Picture::new(nw, nh, c, out).unwrap_or_else(|| picture.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_survives_png() {
        let data: Vec<u8> = (0..7 * 5 * 3).map(|i| (i * 37 % 251) as u8).collect();
        let picture = Picture::new(7, 5, 3, data.clone()).unwrap();
        let decoded = image::load_from_memory(&encode(&picture)).unwrap();
        assert_eq!(decoded.to_rgb8().into_raw(), data);
    }

    #[test]
    fn shrinking_keeps_the_mean_and_the_shape() {
        let data: Vec<u8> = (0..64).map(|i| if i % 2 == 0 { 0 } else { 200 }).collect();
        let small = shrink(&Picture::new(8, 8, 1, data).unwrap(), 4);
        assert_eq!((small.width(), small.height()), (4, 4));
        assert!(small.data().iter().all(|&v| v == 100));
        let tall = shrink(&Picture::new(3, 300, 1, vec![9; 900]).unwrap(), 100);
        assert_eq!((tall.width(), tall.height()), (1, 100));
    }
}
