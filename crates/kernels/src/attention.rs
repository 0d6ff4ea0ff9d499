//! Attention without the matrix of scores: `out = softmax(scale·q·kᵀ + bias)·v`, head by head.
//!
//! ```text
//!             keys, a block at a time          values, the same block
//!             ┌────────┬────────┬───           ┌──┐
//!             │  kᵀ    │        │              │  │
//!             └────────┴────────┴───           │v │
//! queries ┌─┐ ┌────────┐                       ├──┤
//! (48)    │q│ │ scores │ + bias ─ eˣ⁻ᵐ ──── ·  │  │  ──▶ out·eᵐ'⁻ᵐ + …, sum·eᵐ'⁻ᵐ + …
//!         └─┘ └────────┘
//! ```
//! Of each row only the greatest score so far, the sum of the exponentials and the weighted sum of the values are kept; when a
//! later block holds a greater score, both sums are scaled down (the online softmax). The scores of 48 queries and one block of
//! keys live in the second-level cache; the matrix of all scores is never written. Keys and values of a head are packed once
//! into panels for the register tile of `gemm/tile.rs`.
//!
//! A row whose scores are all −∞, or hold a NaN, becomes NaN, as with a softmax over the whole row.
//!
//! Sources: Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018; Dao et al., "FlashAttention: fast and
//! memory-efficient exact attention with IO-awareness", 2022.

use crate::gemm::tile::{self, Tile};
use crate::isa::{Isa, isa, multiversion, on_set};
use crate::memory::Floats;
use crate::shared::{Shared, check};
use crate::simd::{Simd, fold_lanes};
use crate::{Pool, vmath};
use std::cell::RefCell;

/// Queries whose scores are kept at a time; a multiple of every tile's height.
const QUERIES: usize = 48;
/// So many are kept at a time where there are no more: a window of 7×7 is 49.
const WINDOW: usize = 56;
/// Most keys of a block.
const KEYS: usize = 512;

/// The extents of an attention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttentionShape {
    /// Attentions that know nothing of each other: samples (or windows) times heads, heads running fastest.
    pub count: usize,
    /// Rows of `q` and of the result.
    pub queries: usize,
    /// Rows of `k` and `v`.
    pub keys: usize,
    /// Columns of `q` and `k`.
    pub depth: usize,
    /// Columns of `v` and of the result.
    pub values: usize,
    /// How many attentions in a row write side by side: the result is `[count/beside][queries][beside][values]`. 1 keeps each
    /// whole; the number of heads gives what the layer after an attention reads.
    pub beside: usize,
}

/// Matrices somewhere in a slice, one for each attention: element `(r, c)` of number `i` is `data[starts[i] + r·row + c·column]`.
#[derive(Clone, Copy, Debug)]
pub struct Matrices<'a> {
    /// Holds them all.
    pub data: &'a [f32],
    /// The first element of each.
    pub starts: &'a [usize],
    /// From one row to the next.
    pub row: usize,
    /// From one column to the next.
    pub column: usize,
}

/// Added to the scores. Key `j` counts as `(j / inner, j % inner)`, so that a bias by row and one by column of a picture need not
/// be spread out: element `(r, j)` of number `i` is `data[starts[i] + r·row + (j / inner)·outer_step + (j % inner)·inner_step]`.
#[derive(Clone, Copy, Debug)]
pub struct ScoreBias<'a> {
    /// Holds them all.
    pub data: &'a [f32],
    /// The first element for each attention.
    pub starts: &'a [usize],
    /// From one query to the next; 0 where all have the same.
    pub row: usize,
    /// Keys of the inner axis.
    pub inner: usize,
    /// From one outer key to the next.
    pub outer_step: usize,
    /// From one inner key to the next.
    pub inner_step: usize,
}

impl AttentionShape {
    /// Queries whose scores are kept at a time.
    fn together(&self) -> usize {
        if self.queries <= WINDOW { self.queries.max(1) } else { QUERIES }
    }

    /// Elements of the result.
    pub fn output_len(&self) -> usize {
        self.count * self.queries * self.values
    }

    /// Floating-point operations, a multiply and an add counted as two.
    pub fn flops(&self) -> u64 {
        2 * (self.count * self.queries * self.keys) as u64 * (self.depth + self.values) as u64
    }
}

/// `out = softmax(scale·q·kᵀ + Σ bias)·v`. Panics unless all slices hold what the shape asks for, and `beside` divides `count`.
pub fn attention(
    pool: &Pool,
    s: &AttentionShape,
    scale: f32,
    [q, k, v]: [Matrices; 3],
    bias: &[ScoreBias],
    out: &mut [f32],
) {
    check("the result of an attention", out.len(), s.output_len());
    assert!(s.beside > 0 && s.count.is_multiple_of(s.beside), "{} heads of {}", s.beside, s.count);
    reaches("q", &q, s.count, s.queries, s.depth);
    reaches("k", &k, s.count, s.keys, s.depth);
    reaches("v", &v, s.count, s.keys, s.values);
    bias.iter().for_each(|b| reaches_bias(b, s));
    if out.is_empty() {
        return;
    }
    if s.keys == 0 {
        out.fill(f32::NAN);
        return;
    }
    let isa = isa();
    let together = s.together();
    let groups = s.queries.div_ceil(together);
    // Heads are packed once a task; a task is a head unless there are more threads than heads.
    let split = (4 * pool.threads()).div_ceil(s.count).clamp(1, groups.div_ceil(4));
    let step = groups.div_ceil(split);
    let result = Shared::new(out);
    pool.run(s.count * split, |task| {
        let (number, part) = (task / split, task % split);
        let rows =
            (part * step * together).min(s.queries)..((part + 1) * step * together).min(s.queries);
        if rows.is_empty() {
            return;
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let head = Head { s, isa, number, scale, q, k, v, bias };
            // SAFETY: the rows of an attention belong to one task.
            head.run(rows, scratch, |row| unsafe {
                let at = (number / s.beside * s.queries + row) * s.beside + number % s.beside;
                result.part(at * s.values, s.values)
            });
        });
    });
}

#[track_caller]
fn reaches(name: &str, m: &Matrices, count: usize, rows: usize, columns: usize) {
    check("starts of an attention", m.starts.len(), count);
    if count == 0 || rows == 0 || columns == 0 {
        return;
    }
    let most = m.starts.iter().max().copied().unwrap_or(0);
    let last = most + (rows - 1) * m.row + (columns - 1) * m.column;
    assert!(last < m.data.len(), "{name} of an attention reaches {last} of {}", m.data.len());
}

#[track_caller]
fn reaches_bias(b: &ScoreBias, s: &AttentionShape) {
    check("starts of a bias of an attention", b.starts.len(), s.count);
    if s.count == 0 || s.queries == 0 || s.keys == 0 {
        return;
    }
    assert!(
        b.inner > 0 && s.keys.is_multiple_of(b.inner),
        "{} keys in rows of {}",
        s.keys,
        b.inner
    );
    let most = b.starts.iter().max().copied().unwrap_or(0);
    let keys = (s.keys / b.inner - 1) * b.outer_step + (b.inner - 1) * b.inner_step;
    let last = most + (s.queries - 1) * b.row + keys;
    assert!(last < b.data.len(), "a bias of an attention reaches {last} of {}", b.data.len());
}

/// What a thread keeps from head to head.
#[derive(Default)]
struct Scratch {
    keys: Floats,
    values: Floats,
    queries: Floats,
    scores: Floats,
    sums: Floats,
    rows: Vec<Running>,
}

/// Of one row: the greatest score so far, the sum of the exponentials, and what scales the sums of the blocks before.
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    most: f32,
    sum: f32,
    shrink: f32,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

struct Head<'a> {
    s: &'a AttentionShape,
    isa: Isa,
    number: usize,
    scale: f32,
    q: Matrices<'a>,
    k: Matrices<'a>,
    v: Matrices<'a>,
    bias: &'a [ScoreBias<'a>],
}

impl Head<'_> {
    /// Computes the rows `range` of the result; `out` gives the place of each.
    fn run<'o>(
        &self,
        range: std::ops::Range<usize>,
        w: &mut Scratch,
        out: impl Fn(usize) -> &'o mut [f32],
    ) {
        let (s, (high, width)) = (self.s, tile::size(self.isa));
        let together = s.together();
        let blocks = s.keys.div_ceil(KEYS);
        let step = s.keys.div_ceil(blocks).next_multiple_of(width);
        let across = self.rounded(s.values);
        let line = step.next_multiple_of(16);
        // Rows of the last tile.
        let more = together + high;
        w.keys.grow(self.rounded(s.keys) * s.depth);
        w.values.grow(s.keys * across);
        w.queries.grow(more * s.depth);
        w.scores.grow(more * line);
        w.sums.grow(together * across);
        self.pack_keys(width, &mut w.keys);
        self.pack_values(width, step, &mut w.values);
        let end = range.end;
        let even = self.bias_is_even();
        for top in range.step_by(together) {
            let rows = together.min(end - top);
            self.take_queries(top, rows, &mut w.queries);
            let none = Running { most: f32::NEG_INFINITY, sum: 0.0, shrink: 0.0 };
            w.rows.clear();
            w.rows.resize(rows, none);
            for from in (0..s.keys).step_by(step) {
                let keys = step.min(s.keys - from);
                for panel in (from..from + keys).step_by(width) {
                    let b = &w.keys[panel * s.depth..];
                    let columns = width.min(s.keys - panel);
                    self.tiles(
                        [rows, s.depth, columns],
                        (&w.queries, s.depth),
                        b,
                        (&mut w.scores[panel - from..], line),
                        false,
                    );
                }
                for row in 0..rows {
                    let scores = &mut w.scores[row * line..][..keys];
                    let mut added = Added { key: from, bias: &[], starts: [0; 2] };
                    if even {
                        added.bias = self.bias;
                        for (start, bias) in added.starts.iter_mut().zip(self.bias) {
                            *start = bias.starts[self.number] + (top + row) * bias.row;
                        }
                    } else {
                        for bias in self.bias {
                            self.add_bias(bias, top + row, from, scores);
                        }
                    }
                    weigh(self.isa, scores, added, &mut w.rows[row]);
                    if from > 0 {
                        scale(&mut w.sums[row * across..][..across], w.rows[row].shrink);
                    }
                }
                for left in (0..s.values).step_by(width) {
                    let b = &w.values[from * across + left * keys..];
                    let columns = width.min(s.values - left);
                    self.tiles(
                        [rows, keys, columns],
                        (&w.scores, line),
                        b,
                        (&mut w.sums[left..], across),
                        from > 0,
                    );
                }
            }
            for row in 0..rows {
                let from = &w.sums[row * across..][..s.values];
                scaled(from, 1.0 / w.rows[row].sum, out(top + row));
            }
        }
    }

    /// `c (+)= a·b` for some rows and one panel of columns; `a` and `c` with the distance of their rows.
    fn tiles(
        &self,
        [rows, depth, columns]: [usize; 3],
        (a, a_stride): (&[f32], usize),
        b: &[f32],
        (c, stride): (&mut [f32], usize),
        add: bool,
    ) {
        let (high, width) = tile::size(self.isa);
        if depth == 0 {
            for row in 0..rows {
                c[row * stride..][..columns].fill(0.0);
            }
            return;
        }
        let wide = self.rounded(columns).min(width);
        let tall = rows.next_multiple_of(high);
        assert!(a.len() >= (tall - 1) * a_stride + depth && b.len() >= depth * wide);
        assert!(c.len() >= (rows - 1) * stride + columns);
        let null = std::ptr::null;
        let tile = Tile {
            depth,
            a: a.as_ptr(),
            a_stride,
            b: b.as_ptr(),
            c: c.as_mut_ptr(),
            stride,
            rows,
            columns,
            add,
            row_bias: null(),
            column_bias: null(),
            residual: null(),
            relu: false,
            ahead: null(),
            ahead_lines: 0,
            distant: false,
            far: false,
        };
        // SAFETY: the extents were just checked, and the set is the machine's.
        unsafe { tile::run_rows(self.isa, &tile, (null(), 0)) };
    }

    /// So many columns in whole vectors: the last panel is as wide as its vectors.
    fn rounded(&self, columns: usize) -> usize {
        columns.next_multiple_of(self.isa.lanes())
    }

    /// `[panel of keys][depth][width of the panel]`, zero beyond the last key.
    fn pack_keys(&self, width: usize, to: &mut [f32]) {
        let (s, k) = (self.s, self.k);
        let start = k.starts[self.number];
        for from in (0..s.keys).step_by(width) {
            let valid = width.min(s.keys - from);
            let width = self.rounded(valid);
            let panel = &mut to[from * s.depth..][..width * s.depth];
            if valid < width {
                panel.fill(0.0);
            }
            if k.row == 1 {
                for (l, to) in panel.chunks_mut(width).enumerate() {
                    to[..valid].copy_from_slice(&k.data[start + from + l * k.column..][..valid]);
                }
            } else if k.column == 1 {
                let lines = &k.data[start + from * k.row..];
                turn_keys(self.isa, lines, k.row, [valid, s.depth, width], panel);
            } else {
                for j in 0..valid {
                    let line = &k.data[start + (from + j) * k.row..];
                    let line = line.iter().step_by(k.column.max(1));
                    panel.iter_mut().skip(j).step_by(width).zip(line).for_each(|(p, v)| *p = *v);
                }
            }
        }
    }

    /// `[block of keys][panel of columns][key][width of the panel]`, zero beyond the last column.
    fn pack_values(&self, width: usize, step: usize, to: &mut [f32]) {
        let (s, v) = (self.s, self.v);
        let across = self.rounded(s.values);
        let start = v.starts[self.number];
        for from in (0..s.keys).step_by(step) {
            let keys = step.min(s.keys - from);
            for left in (0..s.values).step_by(width) {
                let valid = width.min(s.values - left);
                let panel = &mut to[from * across + left * keys..][..keys * self.rounded(valid)];
                let lines = &v.data[start + from * v.row + left * v.column..];
                self.lay(lines, [v.row, v.column], [keys, valid], 1.0, panel);
            }
        }
    }

    /// `rows` rows from `top` on, scaled, side by side.
    fn take_queries(&self, top: usize, rows: usize, to: &mut [f32]) {
        let (s, q) = (self.s, self.q);
        if s.depth > 0 {
            let lines = &q.data[q.starts[self.number] + top * q.row..];
            let to = &mut to[..rows * s.depth];
            self.lay(lines, [q.row, q.column], [rows, s.depth], self.scale, to);
        }
    }

    /// Some rows times a factor, side by side, zeros behind each up to the width that `to` has for it.
    fn lay(
        &self,
        lines: &[f32],
        [row, column]: [usize; 2],
        [rows, columns]: [usize; 2],
        factor: f32,
        to: &mut [f32],
    ) {
        let size = [row, columns];
        if column == 1 {
            on_set!(self.isa, lay_with(lines: &[f32], size: [usize; 2], rows: usize, factor: f32, to: &mut [f32]));
            return;
        }
        for (i, to) in to.chunks_exact_mut(to.len() / rows).enumerate() {
            let line = lines[i * row..].iter().step_by(column.max(1)).take(columns);
            to[..columns].iter_mut().zip(line).for_each(|(t, v)| *t = *v * factor);
            to[columns..].fill(0.0);
        }
    }

    /// Whether what is added to the scores comes in whole registers, a number or neighbours for each: it is then added where their greatest is
    /// looked for.
    fn bias_is_even(&self) -> bool {
        let even = |b: &ScoreBias| b.inner.is_multiple_of(self.isa.lanes()) && b.inner_step <= 1;
        self.bias.len() <= 2 && self.bias.iter().all(even)
    }

    /// Adds what belongs to `query` and the keys from `from` on.
    fn add_bias(&self, b: &ScoreBias, query: usize, from: usize, scores: &mut [f32]) {
        let start = b.starts[self.number] + query * b.row;
        let (mut key, mut rest) = (from, scores);
        while !rest.is_empty() {
            let inner = key % b.inner;
            let here = rest.len().min(b.inner - inner);
            let (now, later) = rest.split_at_mut(here);
            let at = start + key / b.inner * b.outer_step + inner * b.inner_step;
            match b.inner_step {
                0 => add_number(now, b.data[at]),
                1 => add_numbers(now, &b.data[at..][..here]),
                step => {
                    let line = b.data[at..].iter().step_by(step);
                    now.iter_mut().zip(line).for_each(|(s, b)| *s += *b);
                }
            }
            (key, rest) = (key + here, later);
        }
    }
}

multiversion! {
    fn add_number(x: &mut [f32], number: f32) {
        x.iter_mut().for_each(|x| *x += number);
    }
}

multiversion! {
    fn add_numbers(x: &mut [f32], y: &[f32]) {
        x.iter_mut().zip(y).for_each(|(x, y)| *x += *y);
    }
}

/// Rows of `columns` numbers, `row` apart, times a factor, to rows of `to`, which are as long as each other; zeros behind.
#[inline(always)]
unsafe fn lay_with<S: Simd>(
    lines: &[f32],
    [row, columns]: [usize; 2],
    rows: usize,
    factor: f32,
    to: &mut [f32],
) {
    let wide = to.len() / rows;
    assert!(wide >= columns && lines.len() >= (rows - 1) * row + columns);
    let whole = columns - columns % S::LANES;
    // SAFETY: rows of `columns` numbers are there, and of `wide`, by the assertion; the instruction set by the function this is inlined into.
    unsafe {
        let factor = S::splat(factor);
        for i in 0..rows {
            let (from, to) = (lines.as_ptr().add(i * row), to.as_mut_ptr().add(i * wide));
            for at in (0..whole).step_by(S::LANES) {
                S::store(to.add(at), S::mul(S::load(from.add(at)), factor));
            }
            for at in (whole..wide).step_by(S::LANES) {
                let valid = columns.saturating_sub(at).min(S::LANES);
                let v = S::mul(S::load_part(from.add(at.min(columns)), valid), factor);
                if at + S::LANES <= wide {
                    S::store(to.add(at), v);
                } else {
                    S::store_part(to.add(at), v, wide - at);
                }
            }
        }
    }
}

/// `to[l·width + j] = lines[j·row + l]` for `j < keys`, `l < depth`, of extents `[keys, depth, width]`.
fn turn_keys(isa: Isa, lines: &[f32], row: usize, size: [usize; 3], to: &mut [f32]) {
    on_set!(isa, turn_keys_with(lines: &[f32], row: usize, size: [usize; 3], to: &mut [f32]));
}

#[inline(always)]
unsafe fn turn_keys_with<S: Simd>(
    lines: &[f32],
    row: usize,
    [keys, depth, width]: [usize; 3],
    to: &mut [f32],
) {
    let side = S::SIDE;
    let (whole_keys, whole_depth) = (keys - keys % side, depth - depth % side);
    assert!(keys <= width && to.len() >= depth * width);
    assert!(keys * depth == 0 || lines.len() > (keys - 1) * row + depth - 1);
    for j in (0..whole_keys).step_by(side) {
        for l in (0..whole_depth).step_by(side) {
            // SAFETY: a whole block of both lies within, as just asserted; the instruction set by the function this is inlined
            // into.
            unsafe {
                let to = to.as_mut_ptr().add(l * width + j);
                S::transpose(lines.as_ptr().add(j * row + l), row, side, to, width);
            }
        }
    }
    for j in 0..keys {
        let done = if j < whole_keys { whole_depth } else { 0 };
        for l in done..depth {
            to[l * width + j] = lines[j * row + l];
        }
    }
}

/// What is added to the scores of a row from `key` on, in whole registers; `starts` are those of the row.
#[derive(Clone, Copy)]
struct Added<'a> {
    key: usize,
    bias: &'a [ScoreBias<'a>],
    starts: [usize; 2],
}

/// Scores of one row, and what is added to them, to exponentials of their distance from the greatest score so far.
fn weigh(isa: Isa, scores: &mut [f32], added: Added, row: &mut Running) {
    on_set!(isa, weigh_with(scores: &mut [f32], added: Added, row: &mut Running));
}

/// Nothing is added, one number, or a number each.
const NONE: u8 = 0;
const ONE: u8 = 1;
const EACH: u8 = 2;

/// Adds to `n` scores, whole registers; the greatest of them and of `most`.
#[inline(always)]
unsafe fn add_kinds<S: Simd, const A: u8, const B: u8>(
    p: *mut f32,
    n: usize,
    [a, b]: [*const f32; 2],
    mut most: S::V,
) -> S::V {
    // SAFETY: passed on to the caller.
    unsafe {
        let one_a = if A == ONE { S::splat(*a) } else { S::splat(0.0) };
        let one_b = if B == ONE { S::splat(*b) } else { S::splat(0.0) };
        for i in (0..n).step_by(S::LANES) {
            let mut v = S::load(p.add(i));
            if A != NONE {
                v = S::add(v, if A == EACH { S::load(a.add(i)) } else { one_a });
            }
            if B != NONE {
                v = S::add(v, if B == EACH { S::load(b.add(i)) } else { one_b });
            }
            if A != NONE {
                S::store(p.add(i), v);
            }
            // The second operand survives a NaN.
            most = S::max(v, most);
        }
        most
    }
}

/// Adds to all scores of a row, in stretches over which the inner axes run.
#[inline(always)]
unsafe fn add_evenly<S: Simd>(scores: &mut [f32], added: Added) -> S::V {
    // SAFETY: the instruction set by the function this is inlined into; what is added lies within its data for every key, as `reaches_bias`
    // has found, and stretches are whole registers.
    unsafe {
        let mut most = S::splat(f32::NEG_INFINITY);
        let (mut at, len) = (0, scores.len());
        while at < len {
            let (mut n, mut from, mut kinds) = (len - at, [std::ptr::null(); 2], [NONE; 2]);
            for (i, bias) in added.bias.iter().enumerate() {
                let (outer, inner) = ((added.key + at) / bias.inner, (added.key + at) % bias.inner);
                n = n.min(bias.inner - inner);
                let place = added.starts[i] + outer * bias.outer_step + inner * bias.inner_step;
                from[i] = bias.data[place..].as_ptr();
                kinds[i] = if bias.inner_step == 0 { ONE } else { EACH };
            }
            let p = scores.as_mut_ptr().add(at);
            most = match kinds {
                [ONE, NONE] => add_kinds::<S, ONE, NONE>(p, n, from, most),
                [EACH, NONE] => add_kinds::<S, EACH, NONE>(p, n, from, most),
                [ONE, ONE] => add_kinds::<S, ONE, ONE>(p, n, from, most),
                [ONE, _] => add_kinds::<S, ONE, EACH>(p, n, from, most),
                [_, ONE] => add_kinds::<S, EACH, ONE>(p, n, from, most),
                _ => add_kinds::<S, EACH, EACH>(p, n, from, most),
            };
            at += n;
        }
        most
    }
}

#[inline(always)]
unsafe fn weigh_with<S: Simd>(scores: &mut [f32], added: Added, row: &mut Running) {
    // SAFETY: within the slice; the instruction set by the function this is inlined into.
    unsafe {
        let len = scores.len();
        let whole = len - len % S::LANES;
        let most = if added.bias.is_empty() {
            let low = S::splat(f32::NEG_INFINITY);
            add_kinds::<S, NONE, NONE>(scores.as_mut_ptr(), whole, [std::ptr::null(); 2], low)
        } else {
            add_evenly::<S>(scores, added)
        };
        let p = scores.as_mut_ptr();
        let larger = |m: f32, v: f32| if v > m { v } else { m };
        let most = larger(row.most, fold_lanes::<S>(most, larger));
        let most = (whole..len).fold(most, |m, i| larger(m, *p.add(i)));
        // All −∞ so far: nothing is taken off, and every exponential is 0.
        let shift = if most == f32::NEG_INFINITY { 0.0 } else { most };
        let mut sum = S::splat(0.0);
        for i in (0..whole).step_by(S::LANES) {
            let e = vmath::exp_flushed::<S>(S::sub(S::load(p.add(i)), S::splat(shift)));
            S::store(p.add(i), e);
            sum = S::add(sum, e);
        }
        let mut total = fold_lanes::<S>(sum, |a, b| a + b);
        if whole < len {
            let rest = len - whole;
            let e =
                vmath::exp_flushed::<S>(S::sub(S::load_part(p.add(whole), rest), S::splat(shift)));
            S::store_part(p.add(whole), e, rest);
            total = (whole..len).fold(total, |t, i| t + *p.add(i));
        }
        // Nothing before: nothing to be scaled down.
        row.shrink = 0.0;
        if row.most != f32::NEG_INFINITY {
            let mut first = [0.0f32; 16];
            let shrink = vmath::exp_flushed::<S>(S::splat(row.most - shift));
            S::store(first.as_mut_ptr(), shrink);
            row.shrink = first[0];
        }
        row.sum = row.sum * row.shrink + total;
        row.most = most;
    }
}

multiversion! {
    /// `y = x·factor`
    fn scaled(x: &[f32], factor: f32, y: &mut [f32]) {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = *x * factor);
    }
}

multiversion! {
    /// `x = x·factor`
    fn scale(x: &mut [f32], factor: f32) {
        x.iter_mut().for_each(|v| *v *= factor);
    }
}
