//! Pooling: each output element is the maximum or the mean of a window of the input.
//!
//! A row of outputs at a time: for every element of the window that falls on an input row, the row is folded into the outputs it
//! touches. The clipping at the borders is thus done once per row and window element, and the inner loop is plain.

use crate::{
    Pool,
    conv::steps,
    isa::multiversion,
    norm::lanes,
    shared::{Shared, check},
};

/// The shape of a pooling; axes are depth, height, width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolShape {
    /// Channels, each pooled alone.
    pub channels: usize,
    /// Elements of the input along each axis.
    pub input: [usize; 3],
    /// Elements of the window along each axis.
    pub kernel: [usize; 3],
    /// Step of the window.
    pub stride: [usize; 3],
    /// Distance between the window's elements (1 for the mean of PyTorch).
    pub dilation: [usize; 3],
    /// Padding before and after. The maximum never sees it; the mean counts it if `count_include_pad`.
    pub pad: [[usize; 2]; 3],
    /// Whether a last, partly covered window counts: PyTorch's rule, the window must start inside the input or the low padding.
    pub ceil_mode: bool,
    /// Whether padding counts in the divisor of the mean (what `ceil_mode` adds beyond the padding never does).
    pub count_include_pad: bool,
}

impl PoolShape {
    /// Windows side by side: stride as the kernel, no padding, rounded down, padding counted.
    pub fn new(channels: usize, input: [usize; 3], kernel: [usize; 3]) -> PoolShape {
        PoolShape {
            channels,
            input,
            kernel,
            stride: kernel,
            dilation: [1; 3],
            pad: [[0; 2]; 3],
            ceil_mode: false,
            count_include_pad: true,
        }
    }

    /// Elements of the output along each axis; `None` where the window does not fit or a parameter is zero.
    pub fn output(&self) -> Option<[usize; 3]> {
        let mut out = [0; 3];
        for a in 0..3 {
            let (stride, pad) = (self.stride[a], self.pad[a]);
            out[a] = steps(self.input[a], self.kernel[a], stride, self.dilation[a], pad)?;
            if self.ceil_mode {
                let reach = self.dilation[a] * (self.kernel[a] - 1) + 1;
                let spare = (self.input[a] + pad[0] + pad[1] - reach) % stride;
                out[a] += usize::from(spare > 0 && out[a] * stride < self.input[a] + pad[0]);
            }
        }
        crate::conv::volume(out)?.checked_mul(self.channels)?;
        crate::conv::volume(self.input)?.checked_mul(self.channels)?;
        Some(out)
    }

    #[track_caller]
    fn checked(&self, x: usize, y: usize) -> [usize; 3] {
        let Some(out) = self.output() else { panic!("no output for {self:?}") };
        check("x of a pooling", x, self.channels * self.input.iter().product::<usize>());
        check("y of a pooling", y, self.channels * out.iter().product::<usize>());
        out
    }
}

/// The largest element of each window; NaN if it holds one; −∞ for a window that is padding alone. Panics unless the lengths agree and
/// the shape has an output.
pub fn max_pool(pool: &Pool, shape: &PoolShape, x: &[f32], y: &mut [f32]) {
    windows(pool, shape, x, y, f32::NEG_INFINITY, fold_max, |_, _, _| {});
}

/// The mean of each window. Panics unless the lengths agree and the shape has an output.
pub fn avg_pool(pool: &Pool, shape: &PoolShape, x: &[f32], y: &mut [f32]) {
    let across: Vec<usize> =
        (0..shape.output().map_or(0, |out| out[2])).map(|w| divisor(shape, 2, w)).collect();
    windows(pool, shape, x, y, 0.0, fold_sum, |row, z, h| {
        let planes = divisor(shape, 0, z) * divisor(shape, 1, h);
        for (v, n) in row.iter_mut().zip(&across) {
            *v /= (planes * n) as f32;
        }
    });
}

/// How many elements of window `at` count along an axis, by PyTorch's rule: the padded input bounds the window, then, unless padding
/// counts, the input itself.
pub(crate) fn divisor(shape: &PoolShape, axis: usize, at: usize) -> usize {
    let [low, high] = shape.pad[axis];
    let (n, d) = (shape.input[axis], shape.dilation[axis]);
    let inside = |k: &usize| {
        let i = at * shape.stride[axis] + k * d; // in the padded input
        if shape.count_include_pad { i < low + n + high } else { i >= low && i < low + n }
    };
    (0..shape.kernel[axis]).filter(inside).count()
}

/// The loop both share: `start` fills a row, `fold(row, input, stride)` takes in one input element per output, `finish(row, z, h)` ends it.
fn windows(
    pool: &Pool,
    shape: &PoolShape,
    x: &[f32],
    y: &mut [f32],
    start: f32,
    fold: fn(&mut [f32], &[f32], usize),
    finish: impl Fn(&mut [f32], usize, usize) + Sync,
) {
    let [od, oh, ow] = shape.checked(x.len(), y.len());
    let [id, ih, iw] = shape.input;
    let [s, d] = [shape.stride, shape.dilation];
    let (planes, plane) = (shape.channels * od, oh * ow);
    if plane == 0 {
        return;
    }
    let out = Shared::new(y);
    // The input coordinate of element k of window `at`, if it is on the input.
    let source = |axis: usize, at: usize, k: usize, n: usize| {
        (at * s[axis] + k * d[axis]).checked_sub(shape.pad[axis][0]).filter(|i| *i < n)
    };
    pool.run(planes, |task| {
        let (c, z) = (task / od, task % od);
        // SAFETY: each plane of the output belongs to one task.
        let y = unsafe { out.part(task * plane, plane) };
        for (h, row) in y.chunks_exact_mut(ow).enumerate() {
            row.fill(start);
            for kz in 0..shape.kernel[0] {
                let Some(iz) = source(0, z, kz, id) else { continue };
                for kh in 0..shape.kernel[1] {
                    let Some(i) = source(1, h, kh, ih) else { continue };
                    let input = &x[((c * id + iz) * ih + i) * iw..][..iw];
                    for kw in 0..shape.kernel[2] {
                        let shift = kw * d[2];
                        let first = shape.pad[2][0].saturating_sub(shift).div_ceil(s[2]);
                        let last =
                            (iw + shape.pad[2][0]).saturating_sub(shift).div_ceil(s[2]).min(ow);
                        if first < last {
                            let from = first * s[2] + shift - shape.pad[2][0];
                            fold(&mut row[first..last], &input[from..], s[2]);
                        }
                    }
                }
            }
            finish(row, z, h);
        }
    });
}

multiversion! {
    fn fold_max(row: &mut [f32], x: &[f32], stride: usize) {
        match stride {
            1 => row.iter_mut().zip(x).for_each(|(m, v)| *m = larger(*m, *v)),
            2 => row.iter_mut().zip(x.iter().step_by(2)).for_each(|(m, v)| *m = larger(*m, *v)),
            _ => row.iter_mut().zip(x.iter().step_by(stride)).for_each(|(m, v)| *m = larger(*m, *v)),
        }
    }
}

multiversion! {
    fn fold_sum(row: &mut [f32], x: &[f32], stride: usize) {
        match stride {
            1 => row.iter_mut().zip(x).for_each(|(m, v)| *m += *v),
            2 => row.iter_mut().zip(x.iter().step_by(2)).for_each(|(m, v)| *m += *v),
            _ => row.iter_mut().zip(x.iter().step_by(stride)).for_each(|(m, v)| *m += *v),
        }
    }
}

/// The larger of two, a NaN on either side winning.
#[inline(always)]
fn larger(m: f32, v: f32) -> f32 {
    if m > v || m.is_nan() { m } else { v }
}

/// The mean of each channel's `spatial` elements: `[channels][spatial]` to `[channels]`; NaN for an empty channel. Panics unless the
/// lengths agree.
pub fn global_avg_pool(pool: &Pool, channels: usize, spatial: usize, x: &[f32], y: &mut [f32]) {
    check("x of a pooling", x.len(), channels * spatial);
    check("y of a pooling", y.len(), channels);
    let (tasks, step) = crate::shared::pieces(channels, (1usize << 14).div_ceil(spatial.max(1)));
    let out = Shared::new(y);
    pool.run(tasks, |task| {
        for c in task * step..((task + 1) * step).min(channels) {
            // SAFETY: each channel belongs to one task.
            let y = unsafe { out.part(c, 1) };
            y[0] = mean(&x[c * spatial..][..spatial]);
        }
    });
}

multiversion! {
    fn mean(x: &[f32]) -> f32 {
        (lanes(x, |v| v) / x.len() as f64) as f32
    }
}
