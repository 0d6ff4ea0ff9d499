//! A tensor's values in another order: transposes, parts, heads taken apart, all as one copy.
//!
//! ```text
//! order of the result: (extent, step) … (extent, step), the last running fastest
//!
//!   last step 1        rows are copied whole
//!   another step 1     blocks of 8×8 are turned, that axis and the last      ┌──┬──┐     ┌──┬──┐
//!                                                                           │ →│  │  ─▶  │↓ │  │
//!                                                                           └──┴──┘     └──┴──┘
//!   none               element by element
//! ```
//! The blocks of a transpose keep both sides within few cache lines; the idea is in every blocked transpose since
//! W. Gentleman, "Row elimination for solving sparse linear systems", 1976, and needs no more than the tile of `simd.rs`.

use crate::Pool;
use crate::isa::{Isa, isa};
use crate::shared::{Shared, pieces};
use crate::simd::{Portable, Simd};

/// `y` gets the elements of `x` in the order of `axes`: `(extent, step in x)`, outermost first. Panics unless `y` has as many
/// elements as the axes and `x` reaches far enough.
pub fn permute(pool: &Pool, x: &[f32], axes: &[(usize, usize)], y: &mut [f32]) {
    let count: usize = axes.iter().map(|a| a.0).product();
    assert!(y.len() == count, "{} places for {count} elements", y.len());
    if y.is_empty() {
        return;
    }
    let last: usize = axes.iter().map(|a| (a.0 - 1) * a.1).sum();
    assert!(last < x.len(), "the last element, {last}, of {}", x.len());
    let mut axes: Vec<(usize, usize)> = axes.iter().copied().filter(|a| a.0 > 1).collect();
    if axes.is_empty() {
        axes.push((1, 1));
    }
    // The axis that lies together in x; it and the last axis are turned.
    let inner = axes.len() - 1;
    let swap = (0..inner).rev().find(|a| axes[*a].1 == 1 && axes[inner].1 != 1);
    let lengths: Vec<usize> = axes.iter().map(|a| a.0).collect();
    let behind = |axis: usize| lengths[axis + 1..].iter().product::<usize>();
    // Rows of tasks: all axes but those that a task walks itself.
    let outer: Vec<usize> = (0..inner).filter(|a| Some(*a) != swap).collect();
    let rows: usize = outer.iter().map(|a| axes[*a].0).product();
    let (width, step) = axes[inner];
    let out = Shared::new(y);
    let place = |row: usize| {
        let (mut rest, mut from, mut to) = (row, 0, 0);
        for axis in outer.iter().rev() {
            let at = rest % axes[*axis].0;
            rest /= axes[*axis].0;
            from += at * axes[*axis].1;
            to += at * behind(*axis);
        }
        (from, to)
    };
    let Some(swap) = swap else {
        let (tasks, each) = pieces(pool, rows, (1usize << 13).div_ceil(width));
        pool.run(tasks, |task| {
            for row in task * each..((task + 1) * each).min(rows) {
                let (from, to) = place(row);
                // SAFETY: rows of the result belong to one task each.
                let y = unsafe { out.part(to, width) };
                if step == 1 {
                    y.copy_from_slice(&x[from..][..width]);
                } else {
                    y.iter_mut()
                        .zip(x[from..].iter().step_by(step.max(1)))
                        .for_each(|(y, x)| *y = *x);
                    if step == 0 {
                        y.fill(x[from]);
                    }
                }
            }
        });
        return;
    };
    // Strips of 32 along the swapped axis, so that a strip's cache lines of x are read once.
    let (high, down) = (axes[swap].0, behind(swap));
    let strips = high.div_ceil(32);
    pool.run(rows * strips, |task| {
        let (from, to) = place(task / strips);
        let top = task % strips * 32;
        let rows = 32.min(high - top);
        // SAFETY: as far as `turn` writes, rows `top..` of the swapped axis of this task alone.
        unsafe {
            let y = out.pointer().add(to + top * down);
            turn(isa(), x[from + top..].as_ptr(), step, y, down, [rows, width]);
        }
    });
}

/// `y[i·down + j] = x[j·step + i]` for `i < rows`, `j < width`.
///
/// # Safety
/// The pointers are valid for those elements, and nobody else touches the written ones.
pub(crate) unsafe fn turn(
    isa: Isa,
    x: *const f32,
    step: usize,
    y: *mut f32,
    down: usize,
    size: [usize; 2],
) {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2(x: *const f32, step: usize, y: *mut f32, down: usize, size: [usize; 2]) {
        // SAFETY: passed on to the caller.
        unsafe { turn_with::<crate::simd::Avx2>(x, step, y, down, size) }
    }
    match isa {
        // SAFETY: a processor with AVX-512 has AVX2, and the block is the same.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 | Isa::Avx2 => unsafe { avx2(x, step, y, down, size) },
        // SAFETY: NEON is part of AArch64; the rest is passed on to the caller.
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => unsafe { turn_with::<crate::simd::Neon>(x, step, y, down, size) },
        // SAFETY: passed on to the caller.
        _ => unsafe { turn_with::<Portable>(x, step, y, down, size) },
    }
}

#[inline(always)]
unsafe fn turn_with<S: Simd>(
    x: *const f32,
    step: usize,
    y: *mut f32,
    down: usize,
    [rows, width]: [usize; 2],
) {
    let side = S::SIDE;
    // SAFETY: within the extents the caller vouches for.
    unsafe {
        for j in (0..width).step_by(side) {
            for i in (0..rows).step_by(side) {
                if j + side <= width && i + side <= rows {
                    S::transpose(x.add(j * step + i), step, side, y.add(i * down + j), down);
                } else {
                    for b in j..width.min(j + side) {
                        for a in i..rows.min(i + side) {
                            *y.add(a * down + b) = *x.add(b * step + a);
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_of_axes_puts_every_element_in_its_place() {
        let extents = [3usize, 37, 5, 41];
        let steps = [37 * 5 * 41, 5 * 41, 41, 1];
        let x: Vec<f32> = (0..extents.iter().product::<usize>()).map(|i| i as f32).collect();
        let orders =
            [[0, 1, 2, 3], [3, 2, 1, 0], [0, 3, 2, 1], [2, 0, 3, 1], [0, 2, 1, 3], [1, 3, 0, 2]];
        for order in orders {
            let axes = order.map(|a: usize| (extents[a], steps[a]));
            for threads in [1, 3] {
                let mut y = vec![-1.0; x.len()];
                permute(&Pool::new(threads), &x, &axes, &mut y);
                for (i, y) in y.iter().enumerate() {
                    let (mut rest, mut from) = (i, 0);
                    for (extent, step) in axes.iter().rev() {
                        from += rest % extent * step;
                        rest /= extent;
                    }
                    assert_eq!(*y, x[from], "{order:?} {i}");
                }
            }
        }
    }

    #[test]
    fn steps_of_zero_repeat_and_parts_leave_out() {
        let x: Vec<f32> = (0..40).map(|i| i as f32).collect();
        let mut y = vec![0.0; 12];
        permute(&Pool::new(2), &x[5..], &[(3, 10), (4, 0)], &mut y);
        assert_eq!(y, [5.0, 5.0, 5.0, 5.0, 15.0, 15.0, 15.0, 15.0, 25.0, 25.0, 25.0, 25.0]);
        permute(&Pool::new(2), &x, &[(3, 10), (2, 1), (2, 3)], &mut y);
        assert_eq!(y, [0.0, 3.0, 1.0, 4.0, 10.0, 13.0, 11.0, 14.0, 20.0, 23.0, 21.0, 24.0]);
    }
}
