//! Resizing by linear interpolation and by nearest neighbour, with the index arithmetic of PyTorch's `interpolate` (sizes given, no scale
//! factors): `aten/src/ATen/native/UpSample.h`, `area_pixel_compute_scale` and `area_pixel_compute_source_index`, in `f32` as there.
//!
//! ```text
//! align_corners   source = i · (from − 1)/(to − 1)        both ends meet
//! otherwise       source = max(0, (i + ½) · from/to − ½)   pixel areas meet
//! ```
//! Each axis is a table of two source indices and two weights per output index; the axes are nested, width innermost.

use crate::{
    Pool,
    isa::multiversion,
    shared::{Shared, check},
};

/// One output index along one axis: `low·x[from[0]] + high·x[from[1]]`.
#[derive(Clone, Copy)]
pub(crate) struct Pick {
    pub from: [usize; 2],
    pub weight: [f32; 2],
}

/// The table of one axis.
pub(crate) fn axis(from: usize, to: usize, align_corners: bool) -> Vec<Pick> {
    let scale = match align_corners {
        true if to > 1 => (from.max(1) - 1) as f32 / (to - 1) as f32,
        true => 0.0,
        false => from as f32 / to as f32,
    };
    let pick = |i: usize| {
        if from == to {
            return Pick { from: [i, i], weight: [1.0, 0.0] };
        }
        let source = if align_corners {
            scale * i as f32
        } else {
            (scale * (i as f32 + 0.5) - 0.5).max(0.0)
        };
        let low = (source as usize).min(from.saturating_sub(1));
        let high = (low + 1).min(from.saturating_sub(1));
        let share = (source - low as f32).clamp(0.0, 1.0);
        Pick { from: [low, high], weight: [1.0 - share, share] }
    };
    (0..to).map(pick).collect()
}

/// Linear along every axis: `[channels]` volumes of `from` to `to`. An axis of equal size is left as it is, so pictures (depth 1) are
/// bilinear. Panics unless the lengths agree, or if an empty input is to fill an output.
pub fn resize_linear(
    pool: &Pool,
    channels: usize,
    from: [usize; 3],
    to: [usize; 3],
    align_corners: bool,
    x: &[f32],
    y: &mut [f32],
) {
    if !checked(channels, from, to, x, y) {
        return;
    }
    let [zs, hs, ws] = [0, 1, 2].map(|a| axis(from[a], to[a], align_corners));
    let (volume, row) = (from.iter().product::<usize>(), to[2]);
    let flat = from[0] == to[0];
    let out = Shared::new(y);
    pool.run(channels * to[0], |task| {
        let (c, z) = (task / to[0], zs[task % to[0]]);
        // SAFETY: each plane of the output belongs to one task.
        let y = unsafe { out.part(task * to[1] * row, to[1] * row) };
        let x = &x[c * volume..][..volume];
        let line = |z: usize, h: usize| &x[(z * from[1] + h) * from[2]..][..from[2]];
        let mut second = vec![0.0; if flat { 0 } else { row }];
        for (h, y) in hs.iter().zip(y.chunks_exact_mut(row)) {
            two_lines(line(z.from[0], h.from[0]), line(z.from[0], h.from[1]), h.weight, &ws, y);
            if !flat {
                two_lines(
                    line(z.from[1], h.from[0]),
                    line(z.from[1], h.from[1]),
                    h.weight,
                    &ws,
                    &mut second,
                );
                blend(y, &second, z.weight);
            }
        }
    });
}

multiversion! {
    fn two_lines(a: &[f32], b: &[f32], weight: [f32; 2], picks: &[Pick], y: &mut [f32]) {
        for (y, p) in y.iter_mut().zip(picks) {
            let along = |x: &[f32]| p.weight[0] * x[p.from[0]] + p.weight[1] * x[p.from[1]];
            *y = weight[0] * along(a) + weight[1] * along(b);
        }
    }
}

multiversion! {
    fn blend(y: &mut [f32], other: &[f32], weight: [f32; 2]) {
        for (y, o) in y.iter_mut().zip(other) {
            *y = weight[0] * *y + weight[1] * *o;
        }
    }
}

/// Nearest neighbour, PyTorch's mode `nearest`: source = ⌊i · from/to⌋. Panics as [`resize_linear`].
pub fn resize_nearest(
    pool: &Pool,
    channels: usize,
    from: [usize; 3],
    to: [usize; 3],
    x: &[f32],
    y: &mut [f32],
) {
    if !checked(channels, from, to, x, y) {
        return;
    }
    let [zs, hs, ws] = [0, 1, 2].map(|a| nearest(from[a], to[a]));
    let out = Shared::new(y);
    pool.run(channels * to[0], |task| {
        let (c, z) = (task / to[0], zs[task % to[0]]);
        // SAFETY: each plane of the output belongs to one task.
        let y = unsafe { out.part(task * to[1] * to[2], to[1] * to[2]) };
        for (h, y) in hs.iter().zip(y.chunks_exact_mut(to[2])) {
            let line = &x[((c * from[0] + z) * from[1] + h) * from[2]..][..from[2]];
            y.iter_mut().zip(&ws).for_each(|(y, w)| *y = line[*w]);
        }
    });
}

/// The table of one axis for [`resize_nearest`].
pub(crate) fn nearest(from: usize, to: usize) -> Vec<usize> {
    let scale = from as f32 / to as f32;
    (0..to).map(|i| ((i as f32 * scale) as usize).min(from - 1)).collect()
}

/// Whether there is anything to do, the lengths being right.
#[track_caller]
fn checked(channels: usize, from: [usize; 3], to: [usize; 3], x: &[f32], y: &[f32]) -> bool {
    check("x of a resize", x.len(), channels * from.iter().product::<usize>());
    check("y of a resize", y.len(), channels * to.iter().product::<usize>());
    assert!(y.is_empty() || !x.is_empty(), "cannot resize nothing {from:?} to {to:?}");
    !y.is_empty()
}
