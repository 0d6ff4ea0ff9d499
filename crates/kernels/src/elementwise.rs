//! Two tensors of equal shape, and batch norm at inference: y = act(x·scale + shift) with one scale and shift a channel.

use crate::{
    Activation, Pool,
    activation::activate,
    isa::multiversion,
    shared::{Shared, check, pieces},
};

/// What [`binary`] does with each pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BinaryOp {
    /// x + y
    Add,
    /// x − y
    Sub,
    /// x · y
    Mul,
    /// x / y
    Div,
    /// the larger; NaN if either is
    Max,
    /// the smaller; NaN if either is
    Min,
}

impl BinaryOp {
    /// The result of one pair.
    #[inline(always)]
    pub fn apply(self, x: f32, y: f32) -> f32 {
        match self {
            BinaryOp::Add => x + y,
            BinaryOp::Sub => x - y,
            BinaryOp::Mul => x * y,
            BinaryOp::Div => x / y,
            BinaryOp::Max => {
                if x > y || x.is_nan() {
                    x
                } else {
                    y
                }
            }
            BinaryOp::Min => {
                if x < y || x.is_nan() {
                    x
                } else {
                    y
                }
            }
        }
    }
}

/// `out[i] = op(x[i], y[i])`; `y` may also be a single number. Panics unless the lengths agree.
pub fn binary(pool: &Pool, op: BinaryOp, x: &[f32], y: &[f32], out: &mut [f32]) {
    check("out of binary", out.len(), x.len());
    if y.len() != 1 {
        check("y of binary", y.len(), x.len());
    }
    // Whole cache lines.
    let (tasks, lines) = pieces(pool, x.len().div_ceil(16), 1 << 11);
    let step = 16 * lines;
    let shared = Shared::new(out);
    pool.run(tasks, |task| {
        let from = (task * step).min(x.len());
        let to = (from + step).min(x.len());
        // SAFETY: the ranges of different tasks do not overlap.
        let out = unsafe { shared.part(from, to - from) };
        if y.len() == 1 {
            with_scalar(op, &x[from..to], y[0], out)
        } else {
            pairs(op, &x[from..to], &y[from..to], out)
        }
    });
}

multiversion! {
    fn pairs(op: BinaryOp, x: &[f32], y: &[f32], out: &mut [f32]) {
        #[inline(always)]
        fn each(x: &[f32], y: &[f32], out: &mut [f32], f: impl Fn(f32, f32) -> f32) {
            for ((o, x), y) in out.iter_mut().zip(x).zip(y) {
                *o = f(*x, *y);
            }
        }
        match op {
            BinaryOp::Add => each(x, y, out, |x, y| x + y),
            BinaryOp::Sub => each(x, y, out, |x, y| x - y),
            BinaryOp::Mul => each(x, y, out, |x, y| x * y),
            BinaryOp::Div => each(x, y, out, |x, y| x / y),
            BinaryOp::Max => each(x, y, out, |x, y| BinaryOp::Max.apply(x, y)),
            BinaryOp::Min => each(x, y, out, |x, y| BinaryOp::Min.apply(x, y)),
        }
    }
}

multiversion! {
    fn with_scalar(op: BinaryOp, x: &[f32], y: f32, out: &mut [f32]) {
        for (o, x) in out.iter_mut().zip(x) {
            *o = op.apply(*x, y);
        }
    }
}

/// `y[c][i] = act(x[c][i]·scale[c] + shift[c])`, `spatial` elements a channel, as many channels as `scale` has. Panics unless
/// the lengths agree.
pub fn affine(
    pool: &Pool,
    spatial: usize,
    scale: &[f32],
    shift: &[f32],
    act: Activation,
    x: &[f32],
    y: &mut [f32],
) {
    check("shift of affine", shift.len(), scale.len());
    check("x of affine", x.len(), scale.len() * spatial);
    check("y of affine", y.len(), x.len());
    if x.is_empty() {
        return;
    }
    let (tasks, step) = pieces(pool, scale.len(), (1usize << 14).div_ceil(spatial));
    let out = Shared::new(y);
    pool.run(tasks, |task| {
        for c in task * step..((task + 1) * step).min(scale.len()) {
            // SAFETY: each channel belongs to one task.
            let y = unsafe { out.part(c * spatial, spatial) };
            scale_shift(&x[c * spatial..][..spatial], scale[c], shift[c], y);
            activate(y, act);
        }
    });
}

multiversion! {
    /// `y = x·scale + shift`.
    pub(crate) fn scale_shift(x: &[f32], scale: f32, shift: f32, y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = *x * scale + shift;
        }
    }
}

multiversion! {
    /// `y += x·scale`.
    pub(crate) fn add_scaled(x: &[f32], scale: f32, y: &mut [f32]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y += *x * scale;
        }
    }
}
