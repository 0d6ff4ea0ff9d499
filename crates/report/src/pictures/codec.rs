//! PNG, JPEG and base64 writers. The same picture gives the same bytes.

use base::Picture;

/// A lossless PNG, quick rather than small.
pub fn png(picture: &Picture) -> Vec<u8> {
    let colour = match picture.channels() {
        1 => png::ColorType::Grayscale,
        _ => png::ColorType::Rgb,
    };
    encode(picture.width(), picture.height(), colour, None, picture.data())
}

/// A PNG of palette indices; `palette` is RGB, `alpha` one byte per colour.
pub(crate) fn png_indexed(
    width: usize,
    height: usize,
    indices: &[u8],
    palette: &[[u8; 3]],
    alpha: &[u8],
) -> Vec<u8> {
    encode(width, height, png::ColorType::Indexed, Some((palette, alpha)), indices)
}

fn encode(
    width: usize,
    height: usize,
    colour: png::ColorType,
    palette: Option<(&[[u8; 3]], &[u8])>,
    data: &[u8],
) -> Vec<u8> {
    let (Ok(columns), Ok(rows)) = (u32::try_from(width), u32::try_from(height)) else {
        return Vec::new();
    };
    let mut out = Vec::with_capacity(data.len() / 2 + 1024);
    let mut encoder = png::Encoder::new(&mut out, columns, rows);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Up);
    if let Some((colours, alpha)) = palette {
        encoder.set_palette(colours.concat());
        encoder.set_trns(alpha.to_vec());
    }
    // Writing to memory fails only for sizes that no `Picture` has.
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(data));
    match written {
        Ok(()) => out,
        Err(_) => Vec::new(),
    }
}

/// A baseline JPEG; `quality` 1..=100. Empty for sides over 65 535.
pub fn jpeg(picture: &Picture, quality: u8) -> Vec<u8> {
    let (Ok(width), Ok(height)) = (u16::try_from(picture.width()), u16::try_from(picture.height()))
    else {
        return Vec::new();
    };
    let colour = match picture.channels() {
        1 => image::ExtendedColorType::L8,
        _ => image::ExtendedColorType::Rgb8,
    };
    let mut out = Vec::with_capacity(picture.data().len() / 6 + 1024);
    let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, quality);
    match encoder.encode(picture.data(), width.into(), height.into(), colour) {
        Ok(()) => out,
        Err(_) => Vec::new(),
    }
}

/// RFC 4648 base64 with padding.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, i| word << 8 | u32::from(*group.get(i).unwrap_or(&0)));
        for i in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= group.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_follows_the_vectors_of_rfc_4648() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, coded) in vectors {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn a_png_gives_back_its_samples() {
        for channels in [1, 3] {
            let data: Vec<u8> = (0..37 * 11 * channels).map(|i| (i * 7 % 251) as u8).collect();
            let picture = Picture::new(37, 11, channels, data.clone()).unwrap();
            let bytes = png(&picture);
            assert_eq!(bytes, png(&picture));
            let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
            let mut back = vec![0; reader.output_buffer_size().unwrap()];
            reader.next_frame(&mut back).unwrap();
            assert_eq!(back, data);
        }
    }

    #[test]
    fn a_jpeg_is_near_its_samples() {
        let data: Vec<u8> = (0..64 * 64).map(|i| (i % 64 * 2 + i / 64) as u8).collect();
        let picture = Picture::new(64, 64, 1, data.clone()).unwrap();
        let back = image::load_from_memory(&jpeg(&picture, 90)).unwrap().into_luma8();
        assert_eq!(back.dimensions(), (64, 64));
        for (a, b) in back.as_raw().iter().zip(&data) {
            assert!(a.abs_diff(*b) <= 6);
        }
    }
}
