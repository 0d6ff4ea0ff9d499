//! `RoiAlign`, `MaxRoiPool`: a grid of values for each region of an image.

use super::floats::{array_of, floats};
use super::share::heavy_chunks;
use crate::array::DType;
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] =
    &[Op::new("MaxRoiPool", max_roi_pool), Op::new("RoiAlign", roi_align).infer(infer)];

/// Samples a bin may have.
const MOST_SAMPLES: f32 = 262_144.0;

fn extent(value: i64, name: &str) -> Result<usize> {
    usize::try_from(value).map_err(|_| wrong(format!("{name} {value}")))
}

/// Batch, channels, height, width.
fn image(shape: &[usize]) -> Result<[usize; 4]> {
    shape.try_into().map_err(|_| wrong(format!("an image {shape:?}")))
}

/// One sample of a bin: four places and weights.
type Sample = ([usize; 4], [f32; 4]);

/// Bilinear between pixel centres; nothing beyond one pixel around the image.
fn bilinear(y: f32, x: f32, height: usize, width: usize) -> Sample {
    if !(-1.0..=height as f32).contains(&y) || !(-1.0..=width as f32).contains(&x) {
        return ([0; 4], [0.0; 4]);
    }
    let axis = |v: f32, n: usize| {
        let v = v.max(0.0);
        let low = v as usize;
        if low + 1 >= n { (n - 1, n - 1, 0.0) } else { (low, low + 1, v - low as f32) }
    };
    let ((y0, y1, dy), (x0, x1, dx)) = (axis(y, height), axis(x, width));
    let places = [y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1];
    (places, [(1.0 - dy) * (1.0 - dx), (1.0 - dy) * dx, dy * (1.0 - dx), dy * dx])
}

fn roi_align(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, rois) = (inputs.array(0)?, inputs.array(1)?);
    let [batch, channels, height, width] = image(x.shape())?;
    let indices = inputs.ints(2)?;
    let (high, wide) = (
        extent(call.int("output_height", 1), "output_height")?,
        extent(call.int("output_width", 1), "output_width")?,
    );
    if rois.shape() != [indices.len(), 4] {
        return Err(wrong(format!("regions {:?} for {} indices", rois.shape(), indices.len())));
    }
    let shape = [indices.len(), channels, high, wide];
    let n = call.room(&shape, DType::F32)?;
    let mut result = vec![0.0f32; n];
    if n == 0 || x.is_empty() {
        return one(array_of(x.dtype(), &shape, result)?);
    }
    // Version 10 has no shift of half a pixel.
    let shifted = call.version() >= 16
        && call.text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
    let offset = if shifted { 0.5 } else { 0.0 };
    let average = match call.text("mode", "avg") {
        "avg" => true,
        "max" => false,
        other => return Err(wrong(format!("mode `{other}`"))),
    };
    let (scale, ratio) = (call.float("spatial_scale", 1.0), call.int("sampling_ratio", 0));
    let (values, rois) = (floats(x)?, floats(rois)?);
    for (r, result) in result.chunks_exact_mut(channels * high * wide).enumerate() {
        let at = extent(indices[r], "batch index")?;
        if at >= batch {
            return Err(wrong(format!("a region of image {at} among {batch}")));
        }
        let [x0, y0, x1, y1] = [0, 1, 2, 3].map(|i| rois[r * 4 + i] * scale - offset);
        let (mut w, mut h) = (x1 - x0, y1 - y0);
        if !shifted {
            (w, h) = (w.max(1.0), h.max(1.0));
        }
        let (bin_h, bin_w) = (h / high as f32, w / wide as f32);
        let count = |bin: f32| if ratio > 0 { ratio as f32 } else { bin.ceil() };
        let (rows, cols) = (count(bin_h), count(bin_w));
        if rows.max(1.0) * cols.max(1.0) > MOST_SAMPLES {
            return Err(wrong(format!("a region with {rows} × {cols} samples a bin")));
        }
        let (rows, cols) = (rows.max(0.0) as usize, cols.max(0.0) as usize);
        let bins = |bin: usize| -> Vec<Sample> {
            let (top, left) = (y0 + (bin / wide) as f32 * bin_h, x0 + (bin % wide) as f32 * bin_w);
            let sample = |i: usize| {
                let y = top + ((i / cols) as f32 + 0.5) * bin_h / rows as f32;
                let x = left + ((i % cols) as f32 + 0.5) * bin_w / cols as f32;
                bilinear(y, x, height, width)
            };
            (0..rows * cols).map(sample).collect()
        };
        for bin in 0..high * wide {
            let samples = bins(bin);
            for c in 0..channels {
                let plane = &values[(at * channels + c) * height * width..][..height * width];
                let parts = samples
                    .iter()
                    .map(|(places, weights)| [0, 1, 2, 3].map(|i| plane[places[i]] * weights[i]));
                result[c * high * wide + bin] = if average {
                    parts.flatten().sum::<f32>() / samples.len().max(1) as f32
                } else {
                    parts.flatten().reduce(f32::max).unwrap_or(0.0)
                };
            }
        }
    }
    one(array_of(x.dtype(), &shape, result)?)
}

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let (x, indices) = (ask.input(0)?, ask.input(2)?);
    let [_, channels, _, _] = image(&x.shape).ok()?;
    let size = |name: &str| usize::try_from(ask.attributes().int(name).unwrap_or(1)).ok();
    let shape =
        vec![*indices.shape.first()?, channels, size("output_height")?, size("output_width")?];
    Some(vec![Known::of(x.dtype, shape)])
}

/// Regions are `[image, x0, y0, x1, y1]`, rounded to whole pixels.
fn max_roi_pool(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, rois) = (inputs.array(0)?, inputs.array(1)?);
    let [batch, channels, height, width] = image(x.shape())?;
    let (count, pooled) =
        match (rois.shape(), call.attributes().sizes("pooled_shape", &[])?.as_slice()) {
            (&[count, 5], &[high, wide]) => (count, [high, wide]),
            _ => return Err(wrong(format!("regions {:?}", rois.shape()))),
        };
    let shape = [count, channels, pooled[0], pooled[1]];
    let n = call.room(&shape, DType::F32)?;
    let mut result = vec![0.0f32; n];
    let scale = call.float("spatial_scale", 1.0);
    let (values, rois) = (floats(x)?, floats(rois)?);
    if rois.chunks_exact(5).any(|roi| !(roi[0] >= 0.0 && (roi[0] as usize) < batch)) {
        return Err(wrong(format!("a region of an image that is not among {batch}")));
    }
    if n > 0 && !x.is_empty() {
        heavy_chunks(call.pool, &mut result, pooled[0] * pooled[1], |i, result| {
            let (roi, c) = (&rois[i / channels * 5..][..5], i % channels);
            let [x0, y0, x1, y1] = [1, 2, 3, 4].map(|i| (roi[i] * scale).round());
            let plane = (roi[0] as usize * channels + c) * height * width;
            let plane = &values[plane..][..height * width];
            let bin = [
                (y1 - y0 + 1.0).max(1.0) / pooled[0] as f32,
                (x1 - x0 + 1.0).max(1.0) / pooled[1] as f32,
            ];
            let range = |at: usize, start: f32, bin: f32, n: usize| {
                let edge = |v: f32| (v + start).clamp(0.0, n as f32) as usize;
                edge((at as f32 * bin).floor())..edge(((at + 1) as f32 * bin).ceil())
            };
            for (i, result) in result.iter_mut().enumerate() {
                let rows = range(i / pooled[1], y0, bin[0], height);
                let cols = range(i % pooled[1], x0, bin[1], width);
                let pixels = rows.flat_map(|y| cols.clone().map(move |x| plane[y * width + x]));
                *result = pixels.reduce(f32::max).unwrap_or(0.0);
            }
        });
    }
    one(array_of(x.dtype(), &shape, result)?)
}
