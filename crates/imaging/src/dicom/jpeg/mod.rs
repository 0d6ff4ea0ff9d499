//! JPEG as DICOM uses it (ITU-T T.81): baseline and extended sequential with 8 and 12 bits,
//! lossless with 2 to 16 bits and every predictor. Huffman coding only. No colour is converted here.

mod huffman;
mod lossless;
mod sequential;

use super::image::{Decoded, DicomImage};
use crate::study::Samples;
use base::words::imaging as words;
use base::{Error, Kind, Result};
use huffman::Table;

struct Component {
    id: u8,
    h: usize,
    v: usize,
    quantizer: usize,
}

struct Frame {
    lossless: bool,
    precision: u32,
    columns: usize,
    rows: usize,
    components: Vec<Component>,
    h_max: usize,
    v_max: usize,
}

/// What a scan header says: component, DC table, AC table; predictor or spectral start; point
/// transform.
struct ScanHeader {
    members: Vec<(usize, usize, usize)>,
    predictor: u8,
    point_transform: u32,
}

#[derive(Default)]
struct Tables {
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    quantizers: [Option<[u16; 64]>; 4],
    restart: usize,
}

fn broken(why: &str) -> Error {
    Error::new(Kind::BrokenInput, words::decoder("JPEG", why)).hint(words::COPY_AGAIN)
}

fn unsupported(why: &str) -> Error {
    Error::new(Kind::Unsupported, words::decoder("JPEG", why)).hint(words::EXPORT_UNCOMPRESSED)
}

pub(crate) fn decode(image: &DicomImage, stream: &[u8]) -> Result<Decoded> {
    let mut at = stream
        .windows(2)
        .take(1024)
        .position(|two| two == [0xff, 0xd8])
        .ok_or_else(|| broken("no start marker"))?
        + 2;
    let mut tables = Tables::default();
    let mut frame: Option<Frame> = None;
    let mut planes: Vec<Vec<u16>> = Vec::new();
    let mut decoded = [false; 4];
    let mut jfif = false;
    loop {
        // Markers may be padded, and garbage between segments is skipped.
        while at + 1 < stream.len() && (stream[at] != 0xff || matches!(stream[at + 1], 0 | 0xff)) {
            at += 1;
        }
        let Some(&marker) = stream.get(at + 1) else { break };
        at += 2;
        match marker {
            0xd9 => break,
            0xd0..=0xd8 | 0x01 => continue,
            _ => {}
        }
        let length = match stream.get(at..at + 2) {
            Some(two) => usize::from(two[0]) * 256 + usize::from(two[1]),
            None => break,
        };
        let body = stream
            .get(at + 2..at + length.max(2))
            .ok_or_else(|| broken("a marker segment reaches beyond the end"))?;
        at += length.max(2);
        match marker {
            0xc4 => tables.huffman(body)?,
            0xdb => tables.quantizers(body)?,
            0xdd => match body {
                [high, low, ..] => tables.restart = usize::from(*high) * 256 + usize::from(*low),
                _ => return Err(broken("a short restart interval")),
            },
            0xe0 => jfif |= body.starts_with(b"JFIF"),
            0xc0 | 0xc1 | 0xc3 if frame.is_none() => {
                let found = Frame::read(body, marker == 0xc3)?;
                let shape = (found.columns, found.rows, found.components.len());
                if shape != image.shape() {
                    let text = words::size_differs("JPEG", shape, image.shape());
                    return Err(Error::new(Kind::BrokenInput, text));
                }
                frame = Some(found);
            }
            0xc2 => return Err(unsupported("progressive coding is not supported")),
            0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Err(unsupported("hierarchical and arithmetic coding are not supported"));
            }
            0xda => {
                let frame =
                    frame.as_ref().ok_or_else(|| broken("a scan before the frame header"))?;
                let scan = ScanHeader::read(body, frame)?;
                if scan.members.iter().any(|&(c, _, _)| decoded[c]) {
                    return Err(broken("a component comes twice"));
                }
                if planes.is_empty() {
                    planes = vec![Vec::new(); frame.components.len()];
                }
                let entropy = &stream[at..];
                at += match frame.lossless {
                    true => lossless::scan(frame, &scan, &tables, entropy, &mut planes)?,
                    false => sequential::scan(frame, &scan, &tables, entropy, &mut planes)?,
                };
                scan.members.iter().for_each(|&(c, _, _)| decoded[c] = true);
            }
            _ => {}
        }
    }
    let frame = frame.ok_or_else(|| broken("no frame header"))?;
    if !decoded[..frame.components.len()].iter().all(|&d| d) {
        return Err(broken("scans are missing"));
    }
    let ids: Vec<u8> = frame.components.iter().map(|c| c.id).collect();
    // A stream that says RGB or YCbCr is believed over the header, as the reference does.
    let photometric = match &ids[..] {
        [82, 71, 66] | [114, 103, 98] => Some("RGB"),
        [_, _, _] if jfif && !image.photometric.contains("YBR") => Some("YBR_FULL"),
        _ => None,
    };
    Ok(Decoded { samples: interleave(&frame, planes), photometric, exact: false })
}

fn interleave(frame: &Frame, mut planes: Vec<Vec<u16>>) -> Samples {
    let plane = match planes.len() {
        1 => planes.swap_remove(0),
        n => {
            let mut out = vec![0; frame.columns * frame.rows * n];
            for (channel, plane) in planes.iter().enumerate() {
                let slots = out.iter_mut().skip(channel).step_by(n);
                slots.zip(plane).for_each(|(slot, &value)| *slot = value);
            }
            out
        }
    };
    match frame.precision {
        ..=8 => Samples::U8(plane.into_iter().map(|v| v as u8).collect()),
        _ => Samples::U16(plane),
    }
}

impl Frame {
    fn read(body: &[u8], lossless: bool) -> Result<Frame> {
        let [precision, yh, yl, xh, xl, count, ref rest @ ..] = *body else {
            return Err(broken("a short frame header"));
        };
        let (rows, columns) =
            (usize::from(yh) * 256 + usize::from(yl), usize::from(xh) * 256 + usize::from(xl));
        let good =
            if lossless { (2..=16).contains(&precision) } else { matches!(precision, 8 | 12) };
        if !good {
            return Err(unsupported(&format!("{precision} bits a sample")));
        }
        if rows == 0
            || columns == 0
            || !matches!(count, 1 | 3)
            || rest.len() < 3 * usize::from(count)
        {
            return Err(broken("a frame header that makes no sense"));
        }
        let mut components: Vec<Component> = rest
            .chunks_exact(3)
            .take(count.into())
            .map(|c| Component {
                id: c[0],
                h: usize::from(c[1] >> 4),
                v: usize::from(c[1] & 15),
                quantizer: usize::from(c[2]),
            })
            .collect();
        if components
            .iter()
            .any(|c| !(1..=4).contains(&c.h) || !(1..=4).contains(&c.v) || c.quantizer > 3)
        {
            return Err(broken("sampling factors or table numbers out of range"));
        }
        if let [only] = &mut components[..] {
            (only.h, only.v) = (1, 1);
        }
        let h_max = components.iter().map(|c| c.h).max().unwrap_or(1);
        let v_max = components.iter().map(|c| c.v).max().unwrap_or(1);
        if components.iter().any(|c| h_max % c.h != 0 || v_max % c.v != 0) {
            return Err(unsupported("sampling factors that do not divide one another"));
        }
        Ok(Frame { lossless, precision: precision.into(), columns, rows, components, h_max, v_max })
    }
}

impl ScanHeader {
    fn read(body: &[u8], frame: &Frame) -> Result<ScanHeader> {
        let count = usize::from(*body.first().unwrap_or(&0));
        if !(1..=frame.components.len()).contains(&count) || body.len() < 4 + 2 * count {
            return Err(broken("a scan header that makes no sense"));
        }
        let mut members = Vec::with_capacity(count);
        for pair in body[1..1 + 2 * count].chunks_exact(2) {
            let component = frame
                .components
                .iter()
                .position(|c| c.id == pair[0])
                .ok_or_else(|| broken("a scan names an unknown component"))?;
            let (dc, ac) = (usize::from(pair[1] >> 4), usize::from(pair[1] & 15));
            if dc > 3 || ac > 3 || members.iter().any(|&(c, _, _)| c == component) {
                return Err(broken("a scan header that makes no sense"));
            }
            members.push((component, dc, ac));
        }
        Ok(ScanHeader {
            members,
            predictor: body[1 + 2 * count],
            point_transform: u32::from(body[3 + 2 * count] & 15),
        })
    }
}

impl Tables {
    fn huffman(&mut self, mut body: &[u8]) -> Result<()> {
        while let [head, rest @ ..] = body {
            let counts = rest.get(..16).ok_or_else(|| broken("a short Huffman table"))?;
            let total: usize = counts.iter().map(|&c| usize::from(c)).sum();
            let values = rest.get(16..16 + total).ok_or_else(|| broken("a short Huffman table"))?;
            let table = Table::new(counts, values)
                .ok_or_else(|| broken("a Huffman table with too many codes"))?;
            let class = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *class
                .get_mut(usize::from(head & 15))
                .ok_or_else(|| broken("a Huffman table beyond number 3"))? = Some(table);
            body = &rest[16 + total..];
        }
        Ok(())
    }

    fn quantizers(&mut self, mut body: &[u8]) -> Result<()> {
        while let [head, rest @ ..] = body {
            let wide = head >> 4 != 0;
            let bytes = if wide { 128 } else { 64 };
            let values = rest.get(..bytes).ok_or_else(|| broken("a short quantization table"))?;
            let mut table = [0u16; 64];
            for (k, slot) in table.iter_mut().enumerate() {
                *slot = match wide {
                    true => u16::from(values[2 * k]) * 256 + u16::from(values[2 * k + 1]),
                    false => values[k].into(),
                };
            }
            *self
                .quantizers
                .get_mut(usize::from(head & 15))
                .ok_or_else(|| broken("a quantization table beyond number 3"))? = Some(table);
            body = &rest[bytes..];
        }
        Ok(())
    }
}
