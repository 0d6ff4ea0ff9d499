//! `GridSample`, `AffineGrid`: values at the places a grid names, in shares of the input from −1 to 1.

use super::floats::{array_of, array_of_doubles, doubles, floats};
use super::share::heavy_chunks;
use super::size::product;
use crate::array::DType;
use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, unsupported, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[
    Op::new("AffineGrid", affine_grid).infer(infer_affine),
    Op::new("GridSample", grid_sample).infer(infer_sample),
];

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Linear,
    Nearest,
    Cubic,
}

#[derive(Clone, Copy, PartialEq)]
enum Padding {
    Zeros,
    Border,
    Reflection,
}

/// How places are read.
struct Sampler {
    mode: Mode,
    padding: Padding,
    corners: bool,
    /// Spatial extents of the input.
    input: Vec<usize>,
}

/// The index and weight of each input value that a place is made of.
type Taps = Vec<(usize, f32)>;

impl Sampler {
    fn new(attributes: &Attributes, input: &[usize]) -> Result<Sampler> {
        let mode = match attributes.text("mode").unwrap_or("linear") {
            "linear" | "bilinear" => Mode::Linear,
            "nearest" => Mode::Nearest,
            "cubic" | "bicubic" => Mode::Cubic,
            other => return Err(wrong(format!("mode `{other}`"))),
        };
        let padding = match attributes.text("padding_mode").unwrap_or("zeros") {
            "zeros" => Padding::Zeros,
            "border" => Padding::Border,
            "reflection" => Padding::Reflection,
            other => return Err(wrong(format!("padding_mode `{other}`"))),
        };
        if !(1..=3).contains(&input.len()) {
            return Err(unsupported(format!("sampling along {} axes", input.len())));
        }
        let corners = attributes.flag("align_corners");
        Ok(Sampler { mode, padding, corners, input: input.to_vec() })
    }

    /// Brings a coordinate back between the borders by mirroring.
    fn reflected(&self, axis: usize, x: f32) -> f32 {
        let n = self.input[axis] as f32;
        let (low, high) = if self.corners { (0.0, n - 1.0) } else { (-0.5, n - 0.5) };
        let range = high - low;
        if range <= 0.0 || !x.is_finite() {
            return low.max(0.0);
        }
        if (low..=high).contains(&x) {
            return x;
        }
        let beyond = if x < low { low - x } else { x - high };
        let (times, rest) = ((beyond / range).trunc(), beyond % range);
        // Every second reflection runs the other way.
        if (x < low) == (times % 2.0 == 0.0) { low + rest } else { high - rest }
    }

    /// The index that stands for index `i` of an axis; `None` for zeros.
    fn inside(&self, axis: usize, i: i64) -> Option<usize> {
        let last = self.input[axis] as i64 - 1;
        match self.padding {
            _ if (0..=last).contains(&i) => Some(i as usize),
            Padding::Zeros => None,
            Padding::Border => Some(i.clamp(0, last) as usize),
            Padding::Reflection => {
                Some((self.reflected(axis, i as f32) as i64).clamp(0, last) as usize)
            }
        }
    }

    /// What the value at a grid point `[x, y, z]` is made of.
    fn taps(&self, point: &[f32], taps: &mut Taps) {
        taps.clear();
        taps.push((0, 1.0));
        let rank = self.input.len();
        for axis in 0..rank {
            let (n, share) = (self.input[axis] as f32, point[rank - 1 - axis]);
            let mut x = match self.corners {
                true => (share + 1.0) / 2.0 * (n - 1.0),
                false => ((share + 1.0) * n - 1.0) / 2.0,
            };
            if self.mode == Mode::Nearest {
                x = x.round_ties_even();
            }
            x = match self.padding {
                Padding::Zeros => x,
                // The cubic kernel clamps its taps instead, as PyTorch's does.
                Padding::Border if self.mode == Mode::Cubic => x,
                Padding::Border => x.clamp(0.0, n - 1.0),
                Padding::Reflection => self.reflected(axis, x),
            };
            // Far off everything is padding; NaN counts as far off.
            let x = if x.is_finite() { x.clamp(-8.0, n + 8.0) } else { -8.0 };
            let (first, share) = (x.floor() as i64, x - x.floor());
            let (first, weights): (i64, [f32; 4]) = match self.mode {
                Mode::Nearest => (x as i64, [1.0, 0.0, 0.0, 0.0]),
                Mode::Linear => (first, [1.0 - share, share, 0.0, 0.0]),
                Mode::Cubic => (first - 1, cubic(share)),
            };
            let width = match self.mode {
                Mode::Nearest => 1,
                Mode::Linear => 2,
                Mode::Cubic => 4,
            };
            let before = std::mem::take(taps);
            for (index, weight) in before {
                for (k, w) in weights[..width].iter().enumerate() {
                    if let Some(i) = self.inside(axis, first + k as i64) {
                        taps.push((index * self.input[axis] + i, weight * w));
                    }
                }
            }
        }
    }
}

/// The cubic kernel of Keys (1981) with coefficient −0.75, at −1−x, −x, 1−x, 2−x.
fn cubic(x: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    [far(x + 1.0), near(x), near(1.0 - x), far(2.0 - x)]
}

/// Shape of the result for `x` `[batch][channel][spatial…]` and `grid` `[batch][out…][rank]`.
fn sampled(x: &[usize], grid: &[usize]) -> Result<Vec<usize>> {
    let fits = x.len() >= 3
        && grid.len() == x.len()
        && grid[0] == x[0]
        && grid[grid.len() - 1] == x.len() - 2;
    if !fits {
        return Err(wrong(format!("a grid {grid:?} for an input {x:?}")));
    }
    let mut shape = x[..2].to_vec();
    shape.extend_from_slice(&grid[1..grid.len() - 1]);
    Ok(shape)
}

fn grid_sample(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let (x, grid) = (inputs.array(0)?, inputs.array(1)?);
    let shape = sampled(x.shape(), grid.shape())?;
    let sampler = Sampler::new(call.attributes(), &x.shape()[2..])?;
    let n = call.room(&shape, DType::F32)?;
    let mut y = vec![0.0f32; n];
    if n > 0 && !x.is_empty() {
        let points: usize = product(&shape[2..]);
        let channels = shape[1];
        // Several channels share what is found for a point; few are cut in rows of points.
        let groups = call.pool.threads().min(channels);
        let together = if channels < 2 * groups { 1 } else { channels.div_ceil(groups) };
        let chunk = match together {
            1 => shape[shape.len() - 1],
            _ => together * points,
        };
        let (values, grid) = (floats(x)?, floats(grid)?);
        let (from, rank) = (x.len() / (shape[0] * channels), sampler.input.len());
        let sample = |n: usize, y: &mut [f32], first_channel: usize, first: usize, count: usize| {
            let mut taps = Taps::new();
            for point in 0..count {
                let at = (n * points + first + point) * rank;
                sampler.taps(&grid[at..][..rank], &mut taps);
                for (c, y) in y.iter_mut().skip(point).step_by(count).enumerate() {
                    let x = &values[(n * channels + first_channel + c) * from..][..from];
                    *y = taps.iter().map(|(i, w)| x[*i] * w).sum();
                }
            }
        };
        if together == 1 {
            heavy_chunks(call.pool, &mut y, chunk, |i, y| {
                let first = i * chunk;
                let channel = first / points;
                sample(channel / channels, y, channel % channels, first % points, y.len());
            });
        } else {
            for (n, y) in y.chunks_exact_mut(channels * points).enumerate() {
                heavy_chunks(call.pool, y, chunk, |i, y| sample(n, y, i * together, 0, points));
            }
        }
    }
    one(array_of(x.dtype(), &shape, y)?)
}

fn infer_sample(ask: &Ask) -> Option<Vec<Known>> {
    let (x, grid) = (ask.input(0)?, ask.input(1)?);
    Some(vec![Known::of(x.dtype, sampled(&x.shape, &grid.shape).ok()?)])
}

/// `[batch][out…][rank]` from `theta` `[batch][rank][rank + 1]` and `size` `[batch, channels, out…]`.
fn grid_shape(theta: &[usize], size: &[i64]) -> Result<Vec<usize>> {
    let sizes: Option<Vec<usize>> = size.iter().map(|n| usize::try_from(*n).ok()).collect();
    let sizes = sizes.filter(|sizes| matches!(sizes.len(), 4 | 5));
    let sizes = sizes.ok_or_else(|| wrong(format!("a size {size:?}")))?;
    let rank = sizes.len() - 2;
    if theta != [sizes[0], rank, rank + 1] {
        return Err(wrong(format!("theta {theta:?} for a size {size:?}")));
    }
    let mut shape = vec![sizes[0]];
    shape.extend_from_slice(&sizes[2..]);
    shape.push(rank);
    Ok(shape)
}

fn affine_grid(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let theta = inputs.array(0)?;
    let shape = grid_shape(theta.shape(), &inputs.ints(1)?)?;
    let n = call.room(&shape, DType::F64)?;
    let rank = shape.len() - 2;
    let corners = call.int("align_corners", 0) != 0;
    let place = |i: usize, n: usize| match corners {
        true if n > 1 => -1.0 + 2.0 * i as f64 / (n - 1) as f64,
        true => -1.0,
        false => (2.0 * i as f64 + 1.0) / n as f64 - 1.0,
    };
    let points: usize = product(&shape[1..=rank]);
    let matrices = doubles(theta);
    let mut y = vec![0.0f64; n];
    for (i, y) in y.chunks_exact_mut(rank).enumerate() {
        let matrix = &matrices[i / points * rank * (rank + 1)..][..rank * (rank + 1)];
        // The last axis is x.
        let (mut left, mut homogeneous) = (i % points, [1.0; 4]);
        for a in (0..rank).rev() {
            let extent = shape[1 + a];
            homogeneous[rank - 1 - a] = place(left % extent, extent);
            left /= extent;
        }
        homogeneous[rank] = 1.0;
        for (y, row) in y.iter_mut().zip(matrix.chunks_exact(rank + 1)) {
            *y = row.iter().zip(homogeneous).map(|(m, h)| m * h).sum();
        }
    }
    one(array_of_doubles(theta.dtype(), &shape, y)?)
}

fn infer_affine(ask: &Ask) -> Option<Vec<Known>> {
    let theta = ask.input(0)?;
    Some(vec![Known::of(theta.dtype, grid_shape(&theta.shape, &ask.ints(1)?).ok()?)])
}
