//! Broken and lying files are errors that name the fault, never panics.
#![allow(clippy::unwrap_used)]

use base::Kind;
use imaging::dicom::{Radiograph, write_radiograph};
use imaging::{Limits, Study, read, read_bytes};

/// Reads everything there is to read.
fn all(study: Study) -> base::Result<()> {
    study.frame(0)?;
    study.modality_values(0)?;
    study.picture(study.frames() - 1)?;
    Ok(())
}

fn film() -> Vec<u8> {
    let folder = testkit::temp_dir("hostile");
    let samples = (0..64 * 48).map(|i| (i * 7 % 4096) as u16).collect();
    let path = folder.join("film.dcm");
    write_radiograph(&path, &Radiograph::chest(64, 48, samples)).unwrap();
    std::fs::read(path).unwrap()
}

/// An element as Explicit VR Little Endian writes it.
fn element(tag: u32, vr: &str, value: &[u8]) -> Vec<u8> {
    let mut out = vec![(tag >> 16) as u8, (tag >> 24) as u8, tag as u8, (tag >> 8) as u8];
    out.extend(vr.as_bytes());
    if matches!(vr, "OW" | "OB" | "SQ" | "UN") {
        out.extend([0, 0]);
        out.extend((value.len() as u32).to_le_bytes());
    } else {
        out.extend((value.len() as u16).to_le_bytes());
    }
    out.extend(value);
    out
}

fn us(tag: u32, value: u16) -> Vec<u8> {
    element(tag, "US", &value.to_le_bytes())
}

struct Header {
    rows: u16,
    columns: u16,
    allocated: u16,
    stored: u16,
    samples: u16,
    frames: &'static str,
    extra: Vec<u8>,
    pixels: Vec<u8>,
}

impl Default for Header {
    fn default() -> Header {
        Header {
            rows: 4,
            columns: 4,
            allocated: 8,
            stored: 8,
            samples: 1,
            frames: "1 ",
            extra: Vec::new(),
            pixels: (0..16).collect(),
        }
    }
}

impl Header {
    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0; 128];
        out.extend(b"DICM");
        out.extend(element(0x0002_0010, "UI", b"1.2.840.10008.1.2.1\0"));
        out.extend(us(0x0028_0002, self.samples));
        out.extend(element(0x0028_0004, "CS", b"MONOCHROME2 "));
        out.extend(element(0x0028_0008, "IS", self.frames.as_bytes()));
        out.extend(us(0x0028_0010, self.rows));
        out.extend(us(0x0028_0011, self.columns));
        out.extend(us(0x0028_0100, self.allocated));
        out.extend(us(0x0028_0101, self.stored));
        out.extend(us(0x0028_0103, 0));
        out.extend(&self.extra);
        out.extend(element(0x7fe0_0010, "OW", &self.pixels));
        out
    }

    fn kind(&self) -> Option<Kind> {
        read_bytes(self.bytes(), "x", &Limits::default()).and_then(all).err().map(|e| e.kind())
    }
}

#[test]
fn headers_that_lie_are_errors() {
    assert_eq!(Header::default().kind(), None);
    let broken = Some(Kind::BrokenInput);
    assert_eq!(Header { rows: 0, ..Header::default() }.kind(), broken);
    assert_eq!(Header { columns: 5, ..Header::default() }.kind(), broken);
    assert_eq!(Header { allocated: 16, stored: 16, ..Header::default() }.kind(), broken);
    assert_eq!(Header { allocated: 7, ..Header::default() }.kind(), broken);
    assert_eq!(Header { stored: 0, ..Header::default() }.kind(), broken);
    assert_eq!(Header { stored: 9, ..Header::default() }.kind(), broken);
    assert_eq!(Header { samples: 2, ..Header::default() }.kind(), broken);
    assert_eq!(Header { frames: "2 ", ..Header::default() }.kind(), broken);
    assert_eq!(Header { frames: "1A", ..Header::default() }.kind(), broken);
    assert_eq!(Header { pixels: vec![], ..Header::default() }.kind(), broken);
    let vast = Header { rows: 60_000, columns: 60_000, ..Header::default() };
    assert_eq!(vast.kind(), Some(Kind::Limit));
    assert_eq!(Header { frames: "99999999", ..Header::default() }.kind(), Some(Kind::Limit));
}

#[test]
fn no_file_and_no_image_are_errors() {
    let folder = testkit::temp_dir("none");
    let limits = Limits::default();
    assert_eq!(read(folder.path(), &limits).unwrap_err().kind(), Kind::Io);
    assert_eq!(read(&folder.join("absent"), &limits).unwrap_err().kind(), Kind::Io);
    std::fs::write(folder.join("empty.dcm"), b"").unwrap();
    let error = read(&folder.join("empty.dcm"), &limits).unwrap_err();
    assert_eq!(error.kind(), Kind::BrokenInput);
    assert!(error.path().is_some() && error.hint_text().is_some());
    assert_eq!(
        read_bytes(b"hello, world, this is text".to_vec(), "x", &limits).unwrap_err().kind(),
        Kind::Unsupported
    );
    let small = Limits { max_file_bytes: 100, ..Limits::default() };
    std::fs::write(folder.join("film.dcm"), film()).unwrap();
    assert_eq!(read(&folder.join("film.dcm"), &small).unwrap_err().kind(), Kind::Limit);
}

#[test]
fn nesting_without_end_reaches_the_limit() {
    let mut extra = Vec::new();
    for _ in 0..50_000 {
        extra.extend([0x08, 0x00, 0x40, 0x11, b'S', b'Q', 0, 0, 0xff, 0xff, 0xff, 0xff]);
        extra.extend([0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff]);
    }
    assert_eq!(Header { extra, ..Header::default() }.kind(), Some(Kind::Limit));
}

#[test]
fn a_broken_lookup_table_is_noted_and_left_out() {
    let mut item = element(0x0028_3002, "US", &[0, 1, 0, 0, 8, 0]);
    item.extend(element(0x0028_3006, "OW", &[1, 2, 3, 4]));
    let mut sequence = vec![0xfe, 0xff, 0x00, 0xe0];
    sequence.extend((item.len() as u32).to_le_bytes());
    sequence.extend(item);
    for (tag, code) in [(0x0028_3000, "modality-lut-broken"), (0x0028_3010, "voi-lut-broken")] {
        let header = Header { extra: element(tag, "SQ", &sequence), ..Header::default() };
        let study = read_bytes(header.bytes(), "x", &Limits::default()).unwrap();
        assert!(study.facts.notes.iter().any(|note| note.code == code), "{:?}", study.facts.notes);
        all(study).unwrap();
    }
}

#[test]
fn a_film_cut_anywhere_is_an_error() {
    let film = film();
    assert!(read_bytes(film.clone(), "x", &Limits::default()).and_then(all).is_ok());
    for sixteenth in 0..16 {
        let cut = film[..film.len() * sixteenth / 16].to_vec();
        let error = read_bytes(cut, "x", &Limits::default()).and_then(all).unwrap_err();
        assert!(!error.what().en().is_empty() && !error.what().zh().is_empty());
    }
}

/// xorshift64*, so that every run damages the same bytes.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % sides
    }
}

fn damage(bytes: &[u8], rounds: usize, dice: &mut Dice) {
    // Small limits: what is asked of the machine is what is being tested.
    let limits = Limits { max_pixels: 1 << 20, max_total_bytes: 8 << 20, ..Limits::default() };
    for _ in 0..rounds {
        let mut copy = bytes.to_vec();
        for _ in 0..=dice.roll(6) {
            let at = dice.roll(copy.len());
            copy[at] = dice.roll(256) as u8;
        }
        if dice.roll(4) == 0 {
            copy.truncate(dice.roll(copy.len()).max(1));
        }
        let _ = read_bytes(copy, "x", &limits).and_then(all);
    }
}

#[test]
fn a_damaged_film_never_panics() {
    let mut dice = Dice(1);
    damage(&film(), 1000, &mut dice);
    damage(&Header::default().bytes(), 2000, &mut dice);
}

#[test]
fn damaged_real_files_never_panic() {
    let files = [
        "JPEGLSNearLossless_16.dcm",
        "JPEGLSNearLossless_08.dcm",
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_implicit.dcm",
        "SC_rgb_small_odd_jpeg.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "SC_rgb_jls_lossy_sample.dcm",
        "SC_rgb_rle_2frame.dcm",
        "rtdose_rle.dcm",
    ];
    let mut dice = Dice(2);
    for file in files {
        let Some(path) = testkit::data(&format!("dicom/pydicom/{file}")) else { return };
        let bytes = std::fs::read(path).unwrap();
        damage(&bytes, 120, &mut dice);
        for sixteenth in 1..16 {
            let cut = bytes[..bytes.len() * sixteenth / 16].to_vec();
            let _ = read_bytes(cut, "x", &Limits::default()).and_then(all);
        }
    }
}

#[test]
fn damaged_small_files_never_panic() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/small");
    let mut dice = Dice(4);
    for entry in std::fs::read_dir(folder).unwrap() {
        damage(&std::fs::read(entry.unwrap().path()).unwrap(), 200, &mut dice);
    }
}

#[test]
fn a_hundred_megapixels_are_read_and_more_than_the_limit_is_not() {
    // 10 000 x 10 000 of 8 bit: as DICOM, and as a PNG that takes 100 KB on disk.
    let side = 10_000;
    let pixels = vec![9; side * side];
    let dicom = Header { rows: 10_000, columns: 10_000, pixels, ..Header::default() };
    let study = read_bytes(dicom.bytes(), "x", &Limits::default()).unwrap();
    assert_eq!(study.frame(0).unwrap().samples().len(), side * side);
    let png = |side: u32| {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&vec![0; (side as usize).div_ceil(8) * side as usize]).unwrap();
        drop(writer);
        bytes
    };
    let small = png(10_000);
    assert!(small.len() < 1 << 20, "{}", small.len());
    assert_eq!(read_bytes(small, "x", &Limits::default()).unwrap().facts.size_px.0, side);
    let error = read_bytes(png(12_000), "x", &Limits::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Limit);
}

#[test]
fn damaged_pictures_never_panic() {
    let picture =
        base::Picture::new(20, 10, 3, (0..600).map(|i| (i % 251) as u8).collect()).unwrap();
    let mut bytes = Vec::new();
    let png = image::codecs::png::PngEncoder::new(&mut bytes);
    let rgb = image::ExtendedColorType::Rgb8;
    image::ImageEncoder::write_image(png, picture.data(), 20, 10, rgb).unwrap();
    let study = read_bytes(bytes.clone(), "x", &Limits::default()).unwrap();
    assert_eq!(study.picture(0).unwrap(), picture);
    damage(&bytes, 500, &mut Dice(3));
    // A PNG that claims 100 000 x 100 000 pixels.
    let mut vast = bytes;
    vast[16..24].copy_from_slice(&[0, 1, 0x86, 0xa0, 0, 1, 0x86, 0xa0]);
    assert!(read_bytes(vast, "x", &Limits::default()).is_err());
}
