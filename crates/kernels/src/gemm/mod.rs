//! The matrix product of linear layers: `c = act(a · b + bias + residual)`, `b` constant and packed once.
//!
//! ```text
//! b [k][n]  packed once      [block of depth][panel of columns][depth][panel width], zero beyond n
//! a [m][k]  packed each run  [block of depth][panel of rows][depth][height]
//! ```
//! A task owns some rows and some panels of columns of `c`; every element is summed block after block, in order of depth.

pub(crate) mod tile;

use crate::conv::Epilogue;
use crate::isa::isa;
use crate::shared::{Aligned, Shared, check};
use crate::{Activation, Isa, Pool, activation::activate};
use tile::Tile;

/// The constant factor of a product, in the order the tiles read it.
#[derive(Clone, Debug)]
pub struct PackedMatrix {
    isa: Isa,
    k: usize,
    n: usize,
    panels: Aligned,
}

impl PackedMatrix {
    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.panels.len() * 4
    }
}

/// Packs `b`, `[k][n]` or, if `transposed`, `[n][k]` (as PyTorch keeps linear weights). Panics unless it has `k·n` elements.
pub fn pack_b(k: usize, n: usize, b: &[f32], transposed: bool) -> PackedMatrix {
    check("b of a matrix product", b.len(), k * n);
    let isa = isa();
    let width = tile::size(isa).1;
    let mut panels = Aligned::zeros(k * n.next_multiple_of(width));
    let (_, step) = tile::blocks(k);
    for (start, block) in panels.chunks_mut((step * n.next_multiple_of(width)).max(1)).enumerate() {
        let depth = block.len() / n.next_multiple_of(width);
        for (p, panel) in block.chunks_mut(depth * width).enumerate() {
            for (i, row) in panel.chunks_mut(width).enumerate() {
                let l = start * step + i;
                for (j, v) in row.iter_mut().enumerate().take(n - p * width) {
                    *v = if transposed {
                        b[(p * width + j) * k + l]
                    } else {
                        b[l * n + p * width + j]
                    };
                }
            }
        }
    }
    PackedMatrix { isa, k, n, panels }
}

/// `c[m][n] = act(a[m][k] · b[k][n] + bias[n] + residual[m][n])`. Panics unless the lengths agree.
pub fn gemm(pool: &Pool, m: usize, a: &[f32], b: &PackedMatrix, e: &Epilogue, c: &mut [f32]) {
    let (k, n) = (b.k, b.n);
    check("a of a matrix product", a.len(), m * k);
    check("c of a matrix product", c.len(), m * n);
    e.bias.inspect(|v| check("bias of a matrix product", v.len(), n));
    e.residual.inspect(|v| check("residual of a matrix product", v.len(), m * n));
    if c.is_empty() {
        return;
    }
    let (high, width) = tile::size(b.isa);
    let (blocks, step) = tile::blocks(k);
    let packed = pack_a(pool, m, k, a, high);
    let tall_rows = m.next_multiple_of(high);
    let panels = n.div_ceil(width);
    let tall = m.min(16 * high);
    let wide = panels.div_ceil((8 * pool.threads()).div_ceil(m.div_ceil(tall)));
    let across = panels.div_ceil(wide);
    let out = Shared::new(c);
    pool.run(m.div_ceil(tall) * across, |task| {
        let (top, left) = (task / across * tall, task % across * wide);
        let rows = tall.min(m - top);
        for block in 0..blocks {
            let from = block * step;
            let depth = step.min(k - from);
            let last = block + 1 == blocks;
            for panel in left..(left + wide).min(panels) {
                let column = panel * width;
                let pick = |v: Option<&[f32]>, at: usize| match v {
                    Some(v) if last => v[at..].as_ptr(),
                    _ => std::ptr::null(),
                };
                for row in (0..rows).step_by(high) {
                    let at = (top + row) * n + column;
                    let tile = Tile {
                        depth,
                        a: packed[from * tall_rows + (top + row) * depth..].as_ptr(),
                        a_stride: 0,
                        b: b.panels[from * n.next_multiple_of(width) + panel * width * depth..]
                            .as_ptr(),
                        // SAFETY: `at` is an element of `c`.
                        c: unsafe { out.pointer().add(at) },
                        stride: n,
                        rows: high.min(rows - row),
                        columns: width.min(n - column),
                        add: block > 0,
                        row_bias: std::ptr::null(),
                        column_bias: pick(e.bias, column),
                        residual: pick(e.residual, at),
                        relu: last && e.activation == Activation::Relu,
                    };
                    // SAFETY: the set was supported when `b` was packed; panels are whole; this part of `c` is this task's.
                    unsafe { tile::run(b.isa, &tile) };
                }
            }
        }
        if !matches!(e.activation, Activation::Identity | Activation::Relu) {
            let columns = (wide * width).min(n - left * width);
            for row in top..top + rows {
                // SAFETY: this part of `c` is this task's.
                activate(unsafe { out.part(row * n + left * width, columns) }, e.activation);
            }
        }
    });
}

/// The rows of `a` as panels `[block of depth][panel][depth][height]`, each panel of a block at its first row times the depth.
fn pack_a(pool: &Pool, m: usize, k: usize, a: &[f32], high: usize) -> Vec<f32> {
    let (blocks, step) = tile::blocks(k);
    let rows = m.next_multiple_of(high);
    let mut packed = vec![0.0; rows * k];
    let (out, panels) = (Shared::new(&mut packed), m.div_ceil(high));
    pool.run(panels * blocks, |task| {
        let (block, row) = (task / panels, task % panels * high);
        let from = block * step;
        let depth = step.min(k.saturating_sub(from));
        let valid = high.min(m - row);
        let height = tile::height(valid, high);
        // SAFETY: each panel of each block belongs to one task.
        let panel = unsafe { out.part(from * rows + row * depth, height * depth) };
        let line = |i: usize| if i < valid { &a[(row + i) * k + from..][..depth] } else { &[] };
        match valid {
            8 => interleave::<8>(std::array::from_fn(line), panel),
            6 => interleave::<6>(std::array::from_fn(line), panel),
            _ => {
                for (i, line) in (0..valid).map(line).enumerate() {
                    panel.iter_mut().skip(i).step_by(height).zip(line).for_each(|(p, v)| *p = *v);
                }
            }
        }
    });
    packed
}

/// Whole panels, the common case.
fn interleave<const N: usize>(rows: [&[f32]; N], panel: &mut [f32]) {
    for (l, group) in panel.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        *group = rows.map(|row| row[l]);
    }
}
