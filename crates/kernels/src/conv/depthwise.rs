//! Depthwise convolution: one input channel per group, so there is nothing to multiply as matrices. Each output row is a sum of shifted
//! input rows, one per tap, clipped at the borders once per row.

use super::shape::{ConvArgs, ConvShape};
use crate::elementwise::{add_scaled, scale_shift};
use crate::shared::Shared;
use crate::{Pool, activation::activate, isa::multiversion};

/// Runs; slices have been checked, `out` is the shape's output. A task is one output channel.
pub(crate) fn run(
    pool: &Pool,
    s: &ConvShape,
    out: [usize; 3],
    x: &[f32],
    weight: &[f32],
    args: &ConvArgs,
    y: &mut [f32],
) {
    let (volume, positions) = (s.input.iter().product::<usize>(), out.iter().product::<usize>());
    let (per, taps) = (s.out_channels / s.groups, s.kernel.iter().product::<usize>());
    let result = Shared::new(y);
    pool.run(s.out_channels, |o| {
        let c = o / per;
        // SAFETY: each channel of the output belongs to one task.
        let y = unsafe { result.part(o * positions, positions) };
        y.fill(args.epilogue.bias.map_or(0.0, |b| b[o]));
        let x = &x[c * volume..][..volume];
        let weight = &weight[o * taps..][..taps];
        match &args.prologue {
            None => channel(s, out, x, weight, y),
            Some(pre) => {
                let mut changed = vec![0.0; volume];
                scale_shift(x, pre.scale[c], pre.shift[c], &mut changed);
                activate(&mut changed, pre.activation);
                channel(s, out, &changed, weight, y);
            }
        }
        if let Some(residual) = args.epilogue.residual {
            add_scaled(&residual[o * positions..][..positions], 1.0, y);
        }
        activate(y, args.epilogue.activation);
    });
}

multiversion! {
    /// `y += x * weight` for one channel.
    fn channel(s: &ConvShape, out: [usize; 3], x: &[f32], weight: &[f32], y: &mut [f32]) {
        let [_, oh, ow] = out;
        let [_, ih, iw] = s.input;
        let [_, kh, kw] = s.kernel;
        let (step, low) = (s.stride[2], s.pad[2][0]);
        let source = |a: usize, o: usize, k: usize| {
            (o * s.stride[a] + k * s.dilation[a]).checked_sub(s.pad[a][0]).filter(|i| *i < s.input[a])
        };
        for (i, row) in y.chunks_exact_mut(ow.max(1)).enumerate() {
            for (tap, factor) in weight.iter().enumerate() {
                let (z, h) = (source(0, i / oh, tap / kw / kh), source(1, i % oh, tap / kw % kh));
                let (Some(z), Some(h)) = (z, h) else { continue };
                let input = &x[(z * ih + h) * iw..][..iw];
                let shift = tap % kw * s.dilation[2];
                let first = low.saturating_sub(shift).div_ceil(step);
                let last = (iw + low).saturating_sub(shift).div_ceil(step).min(ow);
                if first < last {
                    let input = &input[first * step + shift - low..];
                    let row = &mut row[first..last];
                    match step {
                        1 => row.iter_mut().zip(input).for_each(|(y, x)| *y += *x * *factor),
                        2 => row.iter_mut().zip(input.iter().step_by(2)).for_each(|(y, x)| *y += *x * *factor),
                        _ => row.iter_mut().zip(input.iter().step_by(step)).for_each(|(y, x)| *y += *x * *factor),
                    }
                }
            }
        }
    }
}
