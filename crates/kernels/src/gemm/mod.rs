//! The matrix product of linear layers: `c = act(a · b + bias + residual)`, `b` constant and packed once.
//!
//! ```text
//!          b: packed once, [block of depth][panel of columns][depth][panel width], zero beyond n
//!          ┌──┬──┬──┬─
//!   block  │  │▒▒│  │     one block of one panel (20 KiB; AVX-512 60) stays in the nearer caches
//!          └──┴──┴──┴─    while all rows of the task pass by; the next is asked for ahead
//! a ┌────┐ ┌──┬──┬──┬─
//! m │▒▒▒▒│ │  │▒▒│  │     a lies as it is, row by row: a block of some 200 rows stays in the second level
//!   └────┘ └──┴──┴──┴─
//! ```
//! A task owns some rows and some panels of columns of `c`; every element is summed block after block, in order of depth, so
//! the number of threads does not matter. With few rows the time is that of reading `b` once.
//!
//! Sources: Goto & van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008; that `a` need not be
//! packed where its rows are contiguous: Frison et al., "BLASFEO", ACM TOMS 44, 2018.

pub(crate) mod half;
pub(crate) mod tile;

use crate::conv::Epilogue;
use crate::isa::isa;
use crate::shared::{Aligned, Shared, check};
use crate::simd::{prefetch, prefetch_far};
use crate::{Activation, Isa, Pool, activation::activate_block};
use half::Store;
use tile::Tile;

/// Greatest depth of a block: 320 × 16 floats are 20 KiB.
const DEPTH: usize = 320;
/// Rows of a task: 224 × 320 floats are 280 KiB.
const ROWS: usize = 224;
/// Most panels of a task where depth is cut: its part of `c` waits in the second level for the next block, 224 × 256 floats.
const PANELS: usize = 16;

/// Balanced blocks of the depth: `(number, length of all but the last)`.
fn blocks(depth: usize) -> (usize, usize) {
    let number = depth.div_ceil(DEPTH).max(1);
    (number, depth.div_ceil(number))
}

/// The constant factor of a product, in the order the tiles read it.
#[derive(Clone, Debug)]
pub struct PackedMatrix {
    isa: Isa,
    k: usize,
    n: usize,
    panels: Store,
}

impl PackedMatrix {
    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.panels.bytes()
    }
}

/// Packs `b`, `[k][n]` or, if `transposed`, `[n][k]` (as PyTorch keeps linear weights). Many elements that all are half-precision numbers
/// (`bf16`, or `f16`) take half of the memory; the products are the same. Panics unless it has `k·n` elements.
pub fn pack_b(k: usize, n: usize, b: &[f32], transposed: bool) -> PackedMatrix {
    check("b of a matrix product", b.len(), k * n);
    let isa = isa();
    let width = tile::size(isa).1;
    let wide = n.next_multiple_of(width);
    let mut panels = Aligned::zeros(k * wide);
    let (_, step) = blocks(k);
    for (block, part) in panels.chunks_mut((step * wide).max(1)).enumerate() {
        let depth = part.len() / wide;
        let from = block * step;
        for (p, panel) in part.chunks_mut(depth * width).enumerate() {
            let (left, valid) = (p * width, width.min(n - p * width));
            if transposed {
                for j in 0..valid {
                    let line = &b[(left + j) * k + from..][..depth];
                    panel.iter_mut().skip(j).step_by(width).zip(line).for_each(|(p, v)| *p = *v);
                }
            } else {
                for (i, row) in panel.chunks_mut(width).enumerate() {
                    row[..valid].copy_from_slice(&b[(from + i) * n + left..][..valid]);
                }
            }
        }
    }
    PackedMatrix { isa, k, n, panels: Store::new(panels) }
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
    let (blocks, step) = blocks(k);
    let panels = n.div_ceil(width);
    // Rows in even parts, each a whole number of tiles; panels in as many parts as give every thread several tasks.
    let tall = m.div_ceil(m.div_ceil(ROWS)).next_multiple_of(high);
    let down = m.div_ceil(tall);
    let wide = panels.div_ceil((6 * pool.threads()).div_ceil(down).min(panels));
    let wide = if blocks > 1 { wide.min(PANELS) } else { wide };
    let across = panels.div_ceil(wide);
    let out = Shared::new(c);
    let room = b.panels.room(step * width);
    let mut widened = Aligned::zeros(room * pool.threads());
    let widened = Shared::new(&mut widened);
    pool.run_workers(down * across, |worker, task| {
        let (top, left) = (task / across * tall, task % across * wide);
        let rows = tall.min(m - top);
        let right = (left + wide).min(panels);
        for block in 0..blocks {
            let from = block * step;
            let depth = step.min(k - from);
            let last = block + 1 == blocks;
            let tiles = rows.div_ceil(high);
            for panel in left..right {
                let column = panel * width;
                let at = from * panels * width + panel * width * depth;
                // SAFETY: each thread has a part of its own.
                let room = unsafe { widened.part(worker * room, room) };
                let own = b.panels.part(at, width * depth, room);
                // The next panel lies right behind.
                let ahead = b.panels.ahead(at + width * depth, width * depth);
                let mut ahead =
                    ahead.chunks(ahead.len().div_ceil(tiles).next_multiple_of(16).max(16));
                let pick = |v: Option<&[f32]>, at: usize| match v {
                    Some(v) if last => v[at..].as_ptr(),
                    _ => std::ptr::null(),
                };
                let mut row = 0;
                while row < rows {
                    let lines = ahead.next().unwrap_or(&[]).iter().step_by(16);
                    // A block of a panel 48 wide fills the first-level cache by itself.
                    if b.isa == Isa::Avx512 {
                        lines.for_each(prefetch_far);
                    } else {
                        lines.for_each(prefetch);
                    }
                    let here = whole(rows - row, high);
                    let at = (top + row) * n + column;
                    let tile = Tile {
                        depth,
                        a: a[(top + row) * k + from..].as_ptr(),
                        a_stride: k.max(1),
                        b: own.as_ptr(),
                        // SAFETY: `at` is an element of `c`.
                        c: unsafe { out.pointer().add(at) },
                        stride: n,
                        rows: here,
                        columns: width.min(n - column),
                        add: block > 0,
                        row_bias: std::ptr::null(),
                        column_bias: pick(e.bias, column),
                        residual: pick(e.residual, at),
                        relu: last && e.activation == Activation::Relu,
                    };
                    // SAFETY: the set was supported when `b` was packed; the rows of `a` are there, and as many as the height
                    // of their tile; panels are whole; this part of `c` is this task's.
                    unsafe { tile::run(b.isa, &tile) };
                    // While the tile is in the nearest cache: a register at a time, as if it had never left.
                    if last && !matches!(e.activation, Activation::Identity | Activation::Relu) {
                        let (columns, act) = (tile.columns, e.activation);
                        // SAFETY: as above.
                        unsafe { activate_block(b.isa, tile.c, n, here, columns, act) };
                    }
                    row += here;
                }
            }
        }
    });
}

/// As many of `rows` as fill a tile read in place: its height, or the greatest power of two below.
pub(crate) fn whole(rows: usize, high: usize) -> usize {
    if rows >= high { high } else { 1 << rows.ilog2() }
}
