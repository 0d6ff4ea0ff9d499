//! Lossless JPEG: process 14 with every predictor (T.81 Annex H).

use super::huffman::Bits;
use super::{Frame, ScanHeader, Tables, broken, unsupported};
use base::Result;

/// Decodes one scan into `planes`; returns the bytes used.
pub(super) fn scan(
    frame: &Frame,
    scan: &ScanHeader,
    tables: &Tables,
    entropy: &[u8],
    planes: &mut [Vec<u16>],
) -> Result<usize> {
    if frame.components.iter().any(|c| (c.h, c.v) != (1, 1)) {
        return Err(unsupported("subsampled components in lossless coding"));
    }
    let predictor = scan.predictor;
    if !(1..=7).contains(&predictor) || scan.point_transform >= frame.precision {
        return Err(broken("a predictor or point transform out of range"));
    }
    let (columns, rows) = (frame.columns, frame.rows);
    let start = 1i32 << (frame.precision - 1 - scan.point_transform);
    let mut members = Vec::with_capacity(scan.members.len());
    for &(component, dc, _) in &scan.members {
        let table = tables.dc[dc].as_ref().ok_or_else(|| broken("a Huffman table is missing"))?;
        members.push((component, table));
        planes[component] = vec![0; columns * rows];
    }
    let mut bits = Bits::new(entropy);
    let interval = tables.restart;
    let mut left = interval;
    // The row in which prediction began anew.
    let mut fresh = 0;
    for row in 0..rows {
        for column in 0..columns {
            if interval > 0 {
                if left == 0 {
                    bits.restart();
                    left = interval;
                    // Restarts come at ends of rows (H.1.1).
                    fresh = row;
                }
                left -= 1;
            }
            let at = row * columns + column;
            for &(component, table) in &members {
                let size = bits.symbol(table).ok_or_else(|| broken("an unknown Huffman code"))?;
                let difference = match size {
                    16 => 32768,
                    0..=15 => bits.signed(size.into()),
                    _ => return Err(broken("a difference of more than 16 bits")),
                };
                let plane = &mut planes[component];
                let prediction = if row == fresh {
                    if column == 0 { start } else { plane[at - 1].into() }
                } else if column == 0 {
                    plane[at - columns].into()
                } else {
                    let a = i32::from(plane[at - 1]);
                    let b = i32::from(plane[at - columns]);
                    let c = i32::from(plane[at - columns - 1]);
                    match predictor {
                        1 => a,
                        2 => b,
                        3 => c,
                        4 => a + b - c,
                        5 => a + ((b - c) >> 1),
                        6 => b + ((a - c) >> 1),
                        _ => (a + b) >> 1,
                    }
                };
                plane[at] = (prediction + difference) as u16;
            }
        }
        if bits.exhausted() {
            return Err(broken(&format!("the coded data end in row {row} of {rows}")));
        }
    }
    if scan.point_transform > 0 {
        for &(component, _) in &members {
            planes[component].iter_mut().for_each(|v| *v <<= scan.point_transform);
        }
    }
    Ok(bits.position())
}
