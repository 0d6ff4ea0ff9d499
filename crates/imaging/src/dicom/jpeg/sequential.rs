//! Baseline and extended sequential DCT, 8 and 12 bits (T.81 Annexes A and F).

use super::huffman::Bits;
use super::{Frame, ScanHeader, Tables, broken};
use base::Result;

/// Position of the k-th coefficient of the zig-zag (A.3.6).
const ZIGZAG: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// Decodes one scan into full-size `planes`; returns the bytes used.
pub(super) fn scan(
    frame: &Frame,
    scan: &ScanHeader,
    tables: &Tables,
    entropy: &[u8],
    planes: &mut [Vec<u16>],
) -> Result<usize> {
    let mcu_columns = frame.columns.div_ceil(8 * frame.h_max);
    let mcu_rows = frame.rows.div_ceil(8 * frame.v_max);
    let missing = || broken("a table is missing");
    struct Member<'a> {
        component: usize,
        dc: &'a super::Table,
        ac: &'a super::Table,
        quantizer: &'a [u16; 64],
        h: usize,
        v: usize,
        stride: usize,
        predicted: i32,
        samples: Vec<u16>,
    }
    let mut members = Vec::with_capacity(scan.members.len());
    for &(component, dc, ac) in &scan.members {
        let c = &frame.components[component];
        let stride = mcu_columns * c.h * 8;
        members.push(Member {
            component,
            dc: tables.dc[dc].as_ref().ok_or_else(missing)?,
            ac: tables.ac[ac].as_ref().ok_or_else(missing)?,
            quantizer: tables.quantizers[c.quantizer].as_ref().ok_or_else(missing)?,
            h: c.h,
            v: c.v,
            stride,
            predicted: 0,
            samples: vec![0; stride * mcu_rows * c.v * 8],
        });
    }
    // A scan of one component has one block in each unit, and only those that show (A.2.2).
    let (across, down) = match &members[..] {
        [m] => (
            (frame.columns * m.h).div_ceil(8 * frame.h_max),
            (frame.rows * m.v).div_ceil(8 * frame.v_max),
        ),
        _ => (mcu_columns, mcu_rows),
    };
    let single = members.len() == 1;
    let top = (1i32 << frame.precision) - 1;
    let mut bits = Bits::new(entropy);
    let mut left = tables.restart;
    let mut block = [0i32; 64];
    for y in 0..down {
        for x in 0..across {
            if tables.restart > 0 {
                if left == 0 {
                    bits.restart();
                    left = tables.restart;
                    members.iter_mut().for_each(|m| m.predicted = 0);
                }
                left -= 1;
            }
            for m in &mut members {
                let (h, v) = if single { (1, 1) } else { (m.h, m.v) };
                for part in 0..h * v {
                    let (bx, by) = (x * h + part % h, y * v + part / h);
                    let last = coefficients(
                        &mut bits,
                        m.dc,
                        m.ac,
                        m.quantizer,
                        &mut m.predicted,
                        &mut block,
                    )
                    .ok_or_else(|| broken("an unknown Huffman code"))?;
                    let out = &mut m.samples[by * 8 * m.stride + bx * 8..];
                    inverse(&block, last, top, out, m.stride);
                }
            }
        }
        if bits.exhausted() {
            return Err(broken(&format!("the coded data end in row {y} of {down} rows of blocks")));
        }
    }
    for m in members {
        let (sx, sy) = (frame.h_max / m.h, frame.v_max / m.v);
        let (w, h) = (frame.columns.div_ceil(sx), frame.rows.div_ceil(sy));
        planes[m.component] =
            enlarge(&m.samples, m.stride, (w, h), (sx, sy), (frame.columns, frame.rows));
    }
    Ok(bits.position())
}

/// Dequantized coefficients in natural order; returns the last index of the zig-zag that is not 0.
fn coefficients(
    bits: &mut Bits<'_>,
    dc: &super::Table,
    ac: &super::Table,
    quantizer: &[u16; 64],
    predicted: &mut i32,
    block: &mut [i32; 64],
) -> Option<usize> {
    block.fill(0);
    let size = bits.symbol(dc)?;
    if size > 15 {
        return None;
    }
    *predicted = (*predicted + bits.signed(size.into())).clamp(-(1 << 20), 1 << 20);
    block[0] = predicted.saturating_mul(quantizer[0].into()).clamp(-(1 << 19), 1 << 19);
    let (mut k, mut last) = (1, 0);
    while k < 64 {
        let symbol = bits.symbol(ac)?;
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if size == 0 {
            if run < 15 {
                break;
            }
            k += 16;
            continue;
        }
        k += run;
        if k > 63 {
            return None;
        }
        let value = bits.signed(size).saturating_mul(quantizer[k].into());
        block[usize::from(ZIGZAG[k])] = value.clamp(-(1 << 19), 1 << 19);
        last = k;
        k += 1;
    }
    Some(last)
}

/// cos((2x + 1) u π / 16) / 2, u = 0 divided by √2 (A.3.3).
const BASIS: [[f32; 8]; 8] = {
    // cos(n π / 16) for n = 0..=8.
    const C: [f64; 9] = [
        1.0,
        0.980_785_280_403_230_4,
        0.923_879_532_511_286_7,
        0.831_469_612_302_545_2,
        0.707_106_781_186_547_5,
        0.555_570_233_019_602_2,
        0.382_683_432_365_089_8,
        0.195_090_322_016_128_27,
        0.0,
    ];
    let mut basis = [[0.0; 8]; 8];
    let mut u = 0;
    while u < 8 {
        let mut x = 0;
        while x < 8 {
            let n = (2 * x + 1) * u % 32;
            let n = if n > 16 { 32 - n } else { n };
            let cosine = if n <= 8 { C[n] } else { -C[16 - n] };
            let scale = if u == 0 { C[4] } else { 1.0 };
            basis[u][x] = (cosine * scale / 2.0) as f32;
            x += 1;
        }
        u += 1;
    }
    basis
};

/// Inverse DCT, level shift and clamp of one block.
fn inverse(block: &[i32; 64], last: usize, top: i32, out: &mut [u16], stride: usize) {
    let shift = (top + 1) / 2;
    if last == 0 {
        let value = (f64::from(block[0]) / 8.0).round() as i32 + shift;
        let value = value.clamp(0, top) as u16;
        for row in out.chunks_mut(stride).take(8) {
            row[..8].fill(value);
        }
        return;
    }
    let mut rows = [[0f32; 8]; 8];
    for (v, row) in rows.iter_mut().enumerate() {
        for (u, basis) in BASIS.iter().enumerate() {
            let coefficient = block[v * 8 + u];
            if coefficient != 0 {
                for (slot, b) in row.iter_mut().zip(basis) {
                    *slot += coefficient as f32 * b;
                }
            }
        }
    }
    let (low, high, centre) = (0.0, top as f32, shift as f32);
    for (y, line) in out.chunks_mut(stride).take(8).enumerate() {
        let mut sums = [centre + 0.5; 8];
        for (v, row) in rows.iter().enumerate() {
            let weight = BASIS[v][y];
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += weight * value;
            }
        }
        for (slot, sum) in line.iter_mut().zip(sums) {
            *slot = sum.clamp(low, high) as u16;
        }
    }
}

/// A component at full size: linear between the centres of its samples, edges repeated, as the
/// reference decoder does. `size` of the component, `times` it is coarser, `full` size.
fn enlarge(
    samples: &[u16],
    stride: usize,
    size: (usize, usize),
    times: (usize, usize),
    full: (usize, usize),
) -> Vec<u16> {
    let (columns, rows) = full;
    let mut out = Vec::with_capacity(columns * rows);
    if times == (1, 1) {
        samples
            .chunks_exact(stride)
            .take(rows)
            .for_each(|row| out.extend_from_slice(&row[..columns]));
        return out;
    }
    // Twice the factor is the unit: position (2 x + 1 - factor) / (2 factor).
    let taps = |x: usize, factor: usize, limit: usize| {
        let position = (2 * x + 1) as isize - factor as isize;
        let unit = 2 * factor as isize;
        let first = position.div_euclid(unit);
        let weight = position.rem_euclid(unit) as u32;
        let clamp = |i: isize| i.clamp(0, limit as isize - 1) as usize;
        (clamp(first), clamp(first + 1), weight)
    };
    let (ux, uy) = (2 * times.0 as u32, 2 * times.1 as u32);
    let horizontal: Vec<_> = (0..columns).map(|x| taps(x, times.0, size.0)).collect();
    for y in 0..rows {
        let (y0, y1, wy) = taps(y, times.1, size.1);
        let (above, below) = (&samples[y0 * stride..], &samples[y1 * stride..]);
        for &(x0, x1, wx) in &horizontal {
            let mix = |row: &[u16]| u32::from(row[x0]) * (ux - wx) + u32::from(row[x1]) * wx;
            let sum = mix(above) * (uy - wy) + mix(below) * wy;
            out.push(((sum + ux * uy / 2) / (ux * uy)) as u16);
        }
    }
    out
}
