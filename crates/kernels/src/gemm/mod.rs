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

mod digits;
pub(crate) mod half;
pub(crate) mod store;
pub(crate) mod tile;
pub(crate) mod weave;
pub(crate) mod woven;

use crate::conv::Epilogue;
use crate::isa::{chosen, isa};
use crate::memory::Floats;
use crate::shared::{Shared, check, share};
use crate::{Activation, Isa, Pool, Weights, activation::activate_block};
use digits::Digits;
use store::{Order, Part, Store};
use tile::{STEPS, Tile};

/// Greatest depth of a block: 320 × 16 floats are 20 KiB.
const DEPTH: usize = 320;
/// Rows of a task: 224 × 320 floats are 280 KiB.
const ROWS: usize = 224;
/// Tasks a thread should have: some, for a thread that is held up.
const TASKS: usize = 4;
/// Depth and columns below which tiles of bytes stay too empty.
const LEAST: usize = 48;
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
    factor: Factor,
}

#[derive(Clone, Debug)]
enum Factor {
    /// Panels for the register tile.
    Panels(Store),
    /// Digits for tiles of bytes.
    Digits(Digits),
}

impl PackedMatrix {
    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.factor {
            Factor::Panels(panels) => panels.bytes(),
            Factor::Digits(digits) => digits.bytes(),
        }
    }
}

/// Packs `b`, `[k][n]` or, if `transposed`, `[n][k]` (as PyTorch keeps linear weights); an out channel is a column. Quantised weights, and
/// many floats that all are half-precision numbers (`bf16`, or `f16`), are kept as such; the products are the same. Panics unless it has
/// `k·n` elements.
pub fn pack_b<'a>(k: usize, n: usize, b: impl Into<Weights<'a>>, transposed: bool) -> PackedMatrix {
    let (isa, b) = (isa(), b.into());
    b.check("b of a matrix product", k * n, [n, k]);
    let panels = Store::new(&b, &Panels { isa, k, n, transposed });
    PackedMatrix { isa, k, n, factor: Factor::Panels(panels) }
}

/// [`pack_b`] for a factor that is used again and again, as weights are: where the processor multiplies tiles of bytes and `k` and `n` fill
/// them, it is kept as digits, three bytes a number, and products err otherwise (in relation to the lengths of rows and columns, not to each product, see `digits/`), unless
/// they are to be `exact`: sums of products, term by term. Numbers that are kept in two bytes or one stay so.
pub fn pack_weights<'a>(
    k: usize,
    n: usize,
    b: impl Into<Weights<'a>>,
    transposed: bool,
    exact: bool,
) -> PackedMatrix {
    let b = b.into();
    let large = k >= LEAST && n >= LEAST;
    if exact || !large || chosen() != Isa::Amx || store::is_short(&b) {
        return pack_b(k, n, b, transposed);
    }
    b.check("b of a matrix product", k * n, [n, k]);
    let floats = b.floats(k, |i| if transposed { [i / k, i % k] } else { [i % n, i / n] });
    let factor = Factor::Digits(Digits::new(k, n, &floats, transposed));
    PackedMatrix { isa: isa(), k, n, factor }
}

/// The order of packed panels.
struct Panels {
    isa: Isa,
    k: usize,
    n: usize,
    /// What is packed is `[n][k]`.
    transposed: bool,
}

impl Panels {
    /// Lanes of all panels.
    fn wide(&self) -> usize {
        self.n.next_multiple_of(tile::size(self.isa).1)
    }
}

impl Order for Panels {
    fn len(&self) -> usize {
        self.k * self.wide()
    }

    fn arrange<T: Copy>(&self, b: &[T], panels: &mut [T]) {
        let (k, n) = (self.k, self.n);
        for Part { from, lane, wide, term, rows } in self.parts() {
            let (panel, valid) = (&mut panels[from..from + wide * rows], wide.min(n - lane));
            if self.transposed {
                for j in 0..valid {
                    let line = &b[(lane + j) * k + term..][..rows];
                    panel.iter_mut().skip(j).step_by(wide).zip(line).for_each(|(p, v)| *p = *v);
                }
            } else {
                for (i, row) in panel.chunks_mut(wide).enumerate() {
                    row[..valid].copy_from_slice(&b[(term + i) * n + lane..][..valid]);
                }
            }
        }
    }

    fn terms(&self) -> usize {
        self.k
    }

    fn lanes(&self) -> Vec<Option<usize>> {
        (0..self.wide()).map(|lane| (lane < self.n).then_some(lane)).collect()
    }

    fn parts(&self) -> Vec<Part> {
        let (all, wide) = (self.wide(), tile::size(self.isa).1);
        let (blocks, step) = blocks(self.k);
        let part = |block: usize, lane: usize| {
            let term = block * step;
            let rows = step.min(self.k - term);
            Part { from: term * all + lane * rows, lane, wide, term, rows }
        };
        (0..blocks)
            .flat_map(|block| (0..all).step_by(wide).map(move |lane| part(block, lane)))
            .collect()
    }
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
    let store = match &b.factor {
        Factor::Panels(store) => store,
        Factor::Digits(digits) => return digits.run(pool, m, a, e, c),
    };
    let (high, width) = tile::size(b.isa);
    let (blocks, step) = blocks(k);
    let panels = n.div_ceil(width);
    // Where depth is cut.
    let most = if blocks > 1 { PANELS } else { panels };
    let Cut { down, across } = Cut::new(m, [panels, most], high, pool.threads());
    let out = Shared::new(c);
    let room = store.room(step * width);
    let mut widened = Floats::zeros(room * pool.threads());
    let widened = Shared::new(&mut widened);
    pool.run_workers(down * across, |worker, task| {
        let tiles = share(m.div_ceil(high), down, task / across);
        let (top, tasks) = (tiles.start * high, share(panels, across, task % across));
        let rows = (tiles.end * high).min(m) - top;
        for block in 0..blocks {
            let from = block * step;
            let depth = step.min(k - from);
            let last = block + 1 == blocks;
            let tiles = rows.div_ceil(high);
            for panel in tasks.clone() {
                let column = panel * width;
                let at = from * panels * width + panel * width * depth;
                // SAFETY: each thread has a part of its own.
                let room = unsafe { widened.part(worker * room, room) };
                let part = Part { from: at, lane: column, wide: width, term: from, rows: depth };
                let own = store.part(part, room);
                // The next panel lies right behind.
                let ahead = store.ahead(at + width * depth, width * depth);
                // So many with every few steps of the depth that all are asked for once the last tile is done.
                let lines = ahead.len().div_ceil(16).div_ceil(tiles * (depth / STEPS).max(1));
                let mut asked = 0;
                let pick = |v: Option<&[f32]>, at: usize| match v {
                    Some(v) if last => v[at..].as_ptr(),
                    _ => std::ptr::null(),
                };
                let mut row = 0;
                while row < rows {
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
                        ahead: ahead.as_ptr().wrapping_add(asked),
                        ahead_lines: if asked < ahead.len() { lines } else { 0 },
                        distant: true,
                        far: false,
                    };
                    asked += 16 * lines * depth.div_ceil(STEPS);
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

/// Parts that the rows and the panels of a product are cut in, a task for each pair; they differ by a tile or a panel at most, so that
/// threads that do as many tasks finish together.
struct Cut {
    down: usize,
    across: usize,
}

impl Cut {
    /// `panels` of columns, at most `most` a task.
    fn new(m: usize, [panels, most]: [usize; 2], high: usize, threads: usize) -> Cut {
        let (tiles, parts) = (m.div_ceil(high), m.div_ceil(ROWS));
        let down = if parts > threads { parts.next_multiple_of(threads).min(tiles) } else { parts };
        let wanted = (TASKS * threads).div_ceil(down).max(panels.div_ceil(most)).min(panels);
        let even = (wanted..=panels).find(|across| (down * across).is_multiple_of(threads));
        Cut { down, across: even.unwrap_or(wanted) }
    }
}

/// How many of `rows` the next tile takes, read in place: its height, or one less where such tiles leave no rest (49 rows are seven times
/// seven, 197 three times seven and 22 times eight), or the greatest power of two below.
fn whole(rows: usize, high: usize) -> usize {
    let short = (high - rows % high) % high;
    match rows {
        // Tiles of eight alone have a lower one beside them.
        _ if high == 8 && short > 0 && rows >= short * (high - 1) => high - 1,
        _ if rows >= high => high,
        _ => 1 << rows.ilog2(),
    }
}

#[cfg(test)]
mod tests {
    use super::whole;

    fn heights(rows: usize, high: usize) -> Vec<usize> {
        let mut heights = Vec::new();
        while heights.iter().sum::<usize>() < rows {
            heights.push(whole(rows - heights.iter().sum::<usize>(), high));
        }
        heights
    }

    #[test]
    fn tiles_read_in_place_cover_the_rows_and_no_more() {
        for (rows, high) in (0..=400).flat_map(|rows| [(rows, 6), (rows, 8)]) {
            let heights = heights(rows, high);
            assert_eq!(heights.iter().sum::<usize>(), rows, "{heights:?}");
            // From 42 rows on eights and sevens leave no rest.
            let full = |height: &usize| *height + 1 >= high;
            assert!(high == 6 || rows < 42 || heights.iter().all(full), "{rows}: {heights:?}");
        }
        assert_eq!(heights(49, 8), [7; 7]);
        assert_eq!(heights(197, 8), [[7; 3].as_slice(), &[8; 22]].concat());
        assert_eq!(heights(13, 6), [6, 6, 1]);
    }
}
