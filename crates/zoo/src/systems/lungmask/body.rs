//! From a CT to the slices that the network sees, and back (`utils.preprocess`, `reshape_mask`).

use super::SIDE;
use crate::morphology::{Components, Neighbours, close, dilate, erode, fill_holes};
use base::Result;
use engine::cpu::Pool;
use imaging::resample::{Method, Mode, Zoom, resample_volume};

/// Extents of the picture in which the body is looked for.
const COARSE: usize = 128;
/// Above it is body, HU.
const BODY_HU: f32 = -500.0;
/// Lowest and highest value kept, HU.
const WINDOW_HU: (f32, f32) = (-1024.0, 600.0);

/// One slice as the network sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    /// `[SIDE][SIDE]`, 0 at −1024 HU and 1 at 600 HU.
    pub values: Vec<f32>,
    /// Rows of the original, half-open.
    pub rows: [usize; 2],
    /// Columns of the original, half-open.
    pub columns: [usize; 2],
}

/// All slices of an image `[z][y][x]` in HU whose axes point to LPS. `whole`: its values are whole
/// numbers, and so are those of the smaller slices.
pub fn prepare(pool: &Pool, image: &[f32], shape: [usize; 3], whole: bool) -> Result<Vec<Slice>> {
    let [_, height, width] = shape;
    image
        .chunks_exact((height * width).max(1))
        .map(|slice| {
            let clipped: Vec<f32> =
                slice.iter().map(|value| value.clamp(WINDOW_HU.0, WINDOW_HU.1)).collect();
            let [rows, columns] = body_box(pool, &clipped, [height, width])?;
            let inside: Vec<f32> = (rows[0]..rows[1])
                .flat_map(|row| &clipped[row * width + columns[0]..row * width + columns[1]])
                .copied()
                .collect();
            let from = [1, rows[1] - rows[0], columns[1] - columns[0]];
            let mut values = zoom(pool, &inside, from, [1, SIDE, SIDE], 1)?;
            for value in &mut values {
                if whole {
                    // As SciPy stores a result in an array of whole numbers: half away from zero.
                    *value = value.round();
                }
                *value = (value.min(WINDOW_HU.1) - WINDOW_HU.0) / (WINDOW_HU.1 - WINDOW_HU.0);
            }
            Ok(Slice { values, rows, columns })
        })
        .collect()
}

/// Labels `[z][SIDE][SIDE]` back in their places of a volume.
pub(super) fn restore(
    pool: &Pool,
    labels: &[u16],
    slices: &[Slice],
    [_, height, width]: [usize; 3],
) -> Result<Vec<u16>> {
    let mut out = Vec::with_capacity(slices.len() * height * width);
    for (slice, labels) in slices.iter().zip(labels.chunks_exact(SIDE * SIDE)) {
        let values: Vec<f32> = labels.iter().map(|&label| f32::from(label)).collect();
        let to = [1, slice.rows[1] - slice.rows[0], slice.columns[1] - slice.columns[0]];
        let values = zoom(pool, &values, [1, SIDE, SIDE], to, 0)?;
        let mut plane = vec![0u16; height * width];
        for (row, line) in (slice.rows[0]..).zip(values.chunks_exact(to[2])) {
            let at = row * width + slice.columns[0];
            for (label, &value) in plane[at..at + to[2]].iter_mut().zip(line) {
                *label = value as u16;
            }
        }
        out.extend(plane);
    }
    Ok(out)
}

/// Rows and columns of the body; all of the slice where there is none (`simple_bodymask`,
/// `crop_and_resize`).
fn body_box(pool: &Pool, slice: &[f32], [height, width]: [usize; 2]) -> Result<[[usize; 2]; 2]> {
    let (small, coarse) = ([1, COARSE, COARSE], [1, height, width]);
    let image = zoom(pool, slice, coarse, small, 0)?;
    let mask: Vec<bool> = image.iter().map(|&value| value > BODY_HU).collect();
    let mask = close(&mask, small);
    let mask = fill_holes(&mask, small, Neighbours::All);
    let mask = erode(&mask, small, 2);
    let parts = Components::of_mask(&mask, small, Neighbours::Faces);
    let mask = match parts.largest() {
        Some(largest) => dilate(&parts.mask(mask.len(), |part| part == largest), small, 2),
        None => mask,
    };
    let values: Vec<f32> = mask.iter().map(|&inside| f32::from(u8::from(inside))).collect();
    let mask: Vec<bool> =
        zoom(pool, &values, small, coarse, 0)?.iter().map(|&value| value != 0.0).collect();
    let parts = Components::of_mask(&mask, coarse, Neighbours::All);
    if parts.sizes.is_empty() {
        return Ok([[0, height], [0, width]]);
    }
    // The first part stands for the body.
    let (mut rows, mut columns) = ([height, 0], [width, 0]);
    for run in parts.runs.iter().filter(|run| run.component == 0) {
        let row = run.start / width;
        rows = [rows[0].min(row), rows[1].max(row + 1)];
        columns = [columns[0].min(run.start % width), columns[1].max((run.end - 1) % width + 1)];
    }
    Ok([rows, columns])
}

/// `scipy.ndimage.zoom` with its defaults but for the order.
fn zoom(
    pool: &Pool,
    data: &[f32],
    from: [usize; 3],
    to: [usize; 3],
    order: usize,
) -> Result<Vec<f32>> {
    let zoom = Zoom { order, mode: Mode::Constant, ..Zoom::default() };
    resample_volume(pool, data, from, to, &Method::Scipy(zoom))
}
