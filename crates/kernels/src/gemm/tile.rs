//! The register tile: `C[rows × columns] (+)= A · B` with all of C in registers while the depth runs.
//!
//! ```text
//!              B panel [depth][vectors]                   AVX-512   8 rows × 3·16 columns: 24 accumulators of 32 registers
//!              ┌────┬────┬────┐                           AVX2      6 rows × 2·8 columns: 12 of 16 (4 × 3·8 spills one)
//!              └────┴────┴────┘ loaded, shared by rows    NEON      8 rows × 3·4 columns: 24 of 32
//! A panel  ┌┐  ┌────┬────┬────┐                           portable  6 rows × 2·4 columns
//! [depth]  ││  │    │    │    │ one broadcast of A feeds a fused multiply-add per vector
//! [height] └┘  └────┴────┴────┘
//! ```
//! A last panel of fewer vectors wastes little on small pictures, one of fewer rows on odd channel counts; with AVX-512 rows become the lanes
//! where it holds a few columns (49 columns: 48 + 1). The first tile on a panel may fill it on its way. Beside tiles of eight rows read in place
//! there are tiles of seven: 49 rows are seven of them.
//! Method: Goto & van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34, 2008. Depth is cut in blocks of
//! at most [`DEPTH`], so that a B panel stays in the first-level cache; later blocks add to C.

use super::weave::Weave;
use crate::Isa;
use crate::simd::{Portable, Simd, prefetch_far, prefetch_to_read, prefetch_to_write};

/// Greatest depth of a block: 192 × 48 floats are 36 KiB.
pub(crate) const DEPTH: usize = 192;

/// The tile an instruction set uses: rows, and columns of a B panel.
pub(crate) fn size(isa: Isa) -> (usize, usize) {
    match isa {
        Isa::Avx512 | Isa::Amx => (8, 16 * 3),
        Isa::Avx2 => (6, 8 * 2),
        Isa::Neon => (8, 4 * 3),
        Isa::Portable => (6, 4 * 2),
    }
}

/// Height of the panel that holds `rows`, at least one and at most `high`, a tile's: the next power of two, or `high`.
pub(crate) fn height(rows: usize, high: usize) -> usize {
    rows.next_power_of_two().min(high)
}

/// Balanced blocks of the depth: `(number, length of all but the last)`.
pub(crate) fn blocks(depth: usize) -> (usize, usize) {
    let number = depth.div_ceil(DEPTH).max(1);
    (number, depth.div_ceil(number))
}

/// One call of the innermost loop.
#[derive(Clone, Copy)]
pub(crate) struct Tile {
    /// Length of the sums.
    pub depth: usize,
    /// `[depth][height]`, or in place `[rows][a_stride]` unless `a_stride` is zero.
    pub a: *const f32,
    pub a_stride: usize,
    /// `[depth][columns of a panel]`
    pub b: *const f32,
    /// First element of the result; rows `stride` apart.
    pub c: *mut f32,
    pub stride: usize,
    /// Valid rows (at most the height) and columns (at most a panel's).
    pub rows: usize,
    pub columns: usize,
    /// Add to what C holds.
    pub add: bool,
    /// Added at the end unless null: one number a row, one a column, and a matrix laid out as C.
    pub row_bias: *const f32,
    pub column_bias: *const f32,
    pub residual: *const f32,
    pub relu: bool,
    /// What will be read later, asked for meanwhile: so many cache lines from here on with every [`STEPS`] of the depth. A few at a time, for
    /// a burst of them would keep the processor's few buffers for lines on their way from what the tile itself reads.
    pub ahead: *const f32,
    pub ahead_lines: usize,
    /// C and what is added to it lie outside the nearer caches: they are asked for while the last steps run.
    pub distant: bool,
    /// Whole vectors of C go past the caches: each lies on a register's boundary, and nothing is read there.
    pub far: bool,
}

/// Where a panel of B is read from while the first tile runs on it: filling by itself waits for memory, beside multiply-adds it costs
/// next to nothing.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    /// The first row, as wide as a panel; the next is `stride` elements on.
    pub x: *const f32,
    pub stride: usize,
    /// What is done to each row.
    pub change: Change,
    /// A factor and an offset for each row, where it is changed.
    pub scale: *const f32,
    pub shift: *const f32,
    /// How far from a row lies what is asked for with it, in elements; zero for nothing.
    pub ahead: [usize; 2],
}

/// What a row of B goes through on its way.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Change {
    Nothing,
    /// Factor, offset, ReLU.
    Relu,
    /// Factor, offset, leaky ReLU of this slope; 1 for none.
    Leaky(f32),
}

/// No origin: the panel is filled.
pub(super) const FILLED: Origin = Origin {
    x: std::ptr::null(),
    stride: 0,
    change: Change::Nothing,
    scale: std::ptr::null(),
    shift: std::ptr::null(),
    ahead: [0; 2],
};

/// What a tile does with its panel of B: reads it, or an origin's rows as they are or changed.
pub(super) const READ: u8 = 0;
/// The same of a panel that is no wider than the tile.
const TIGHT: u8 = 1;
pub(super) const COPY: u8 = 2;
const RELU: u8 = 3;
const LEAKY: u8 = 4;

/// The least height of a full tile.
const LOWEST: usize = 6;

/// Steps of the depth between two requests for memory to be read later.
pub(crate) const STEPS: usize = 8;

/// Runs a tile whose A panel has the height `height(t.rows, …)`.
///
/// # Safety
/// The processor has `isa`; the pointers of `t` are valid for the extents it names (A and B in full height and width).
pub(crate) unsafe fn run(isa: Isa, t: &Tile) {
    macro_rules! pick {
        ($lanes:literal, $f:ident, [$($h:literal)*], $n:tt) => {
            match (height(t.rows, size(isa).0), t.a_stride) {
                $(($h, 0) => pick!(@ $lanes, $f, $h, $n, false),
                ($h, _) => pick!(@ $lanes, $f, $h, $n, true),)*
                _ => unreachable!("tile of {} rows", t.rows),
            }
        };
        (@ $lanes:literal, $f:ident, $h:literal, [$($n:literal)*], $in_place:literal) => {
            match t.columns.div_ceil($lanes) {
                // SAFETY: passed on to the caller.
                $($n => unsafe { $f::<$h, $n, $in_place>(t) },)*
                _ => unreachable!("tile of {} columns", t.columns),
            }
        };
    }
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: passed on to the caller.
        Isa::Avx512 if t.rows > 4 && t.a_stride == 0 && t.columns <= 4 => unsafe {
            match t.columns {
                1 => narrow_avx512::<1>(t),
                2 => narrow_avx512::<2>(t),
                3 => narrow_avx512::<3>(t),
                _ => narrow_avx512::<4>(t),
            }
        },
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 if t.rows == 7 && t.a_stride > 0 => pick!(@ 16, avx512, 7, [1 2 3], true),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => pick!(16, avx512, [1 2 4 8], [1 2 3]),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => pick!(8, avx2, [1 2 4 6], [1 2]),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon if t.rows == 7 && t.a_stride > 0 => pick!(@ 4, neon, 7, [1 2 3], true),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => pick!(4, neon, [1 2 4 8], [1 2 3]),
        _ => pick!(4, portable, [1 2 4 6], [1 2]),
    }
}

/// Runs a tile in full width on a panel of B that is still at its origin. One in full height writes the panel, for those below; a lower one
/// is the only one. The sums are the same.
///
/// # Safety
/// As for [`run`], but B is written, not read; rows of `origin` are readable in a panel's width, `scale` and `shift`
/// as long as the depth.
pub(crate) unsafe fn run_from(isa: Isa, t: &Tile, origin: &Origin) {
    macro_rules! pick {
        ($f:ident, [$($h:literal)*]) => {
            match height(t.rows, size(isa).0) {
                // SAFETY: passed on to the caller.
                $($h => unsafe {
                    match origin.change {
                        Change::Nothing => $f::<$h, COPY>(t, origin),
                        Change::Relu => $f::<$h, RELU>(t, origin),
                        Change::Leaky(_) => $f::<$h, LEAKY>(t, origin),
                    }
                },)*
                _ => unreachable!("tile of {} rows", t.rows),
            }
        };
    }
    debug_assert!(t.a_stride == 0 && t.columns == size(isa).1);
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => pick!(from_avx512, [1 2 4 8]),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => pick!(from_avx2, [1 2 4 6]),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => pick!(from_neon, [1 2 4 8]),
        _ => pick!(from_portable, [1 2 4 6]),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn from_avx512<const H: usize, const B: u8>(t: &Tile, origin: &Origin) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<crate::simd::Avx512, H, 3, false, B>(t, origin) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn from_avx2<const H: usize, const B: u8>(t: &Tile, origin: &Origin) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<crate::simd::Avx2, H, 2, false, B>(t, origin) }
}

#[cfg(target_arch = "aarch64")]
unsafe fn from_neon<const H: usize, const B: u8>(t: &Tile, origin: &Origin) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<crate::simd::Neon, H, 3, false, B>(t, origin) }
}

unsafe fn from_portable<const H: usize, const B: u8>(t: &Tile, origin: &Origin) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<Portable, H, 2, false, B>(t, origin) }
}

/// Runs tiles one below the other: `t.rows` rows in all, as many as wanted, A in place. One call where [`run`] would take many: with sums
/// as short as a few channels the calls would cost as much as they do. All but the first ask for `onward`, so many lines with every [`STEPS`].
/// The panel of B is as wide as the columns' vectors: `[depth][columns]`.
///
/// # Safety
/// As for [`run`]; A has as many rows as its last tile is high.
pub(crate) unsafe fn run_rows(isa: Isa, t: &Tile, onward: (*const f32, usize)) {
    debug_assert!(t.a_stride > 0);
    // SAFETY: passed on to the caller.
    unsafe {
        match isa {
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => match t.columns.div_ceil(16) {
                1 => rows_avx512::<1>(t, onward),
                2 => rows_avx512::<2>(t, onward),
                _ => rows_avx512::<3>(t, onward),
            },
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => match t.columns.div_ceil(8) {
                1 => rows_avx2::<1>(t, onward),
                _ => rows_avx2::<2>(t, onward),
            },
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => match t.columns.div_ceil(4) {
                1 => rows::<crate::simd::Neon, 8, 1>(t, onward),
                2 => rows::<crate::simd::Neon, 8, 2>(t, onward),
                _ => rows::<crate::simd::Neon, 8, 3>(t, onward),
            },
            _ => match t.columns.div_ceil(4) {
                1 => rows::<Portable, 6, 1>(t, onward),
                _ => rows::<Portable, 6, 2>(t, onward),
            },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn rows_avx512<const N: usize>(t: &Tile, onward: (*const f32, usize)) {
    // SAFETY: passed on to the caller.
    unsafe { rows::<crate::simd::Avx512, 8, N>(t, onward) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn rows_avx2<const N: usize>(t: &Tile, onward: (*const f32, usize)) {
    // SAFETY: passed on to the caller.
    unsafe { rows::<crate::simd::Avx2, 6, N>(t, onward) }
}

#[inline(always)]
unsafe fn rows<S: Simd, const H: usize, const N: usize>(
    t: &Tile,
    (onward, lines): (*const f32, usize),
) {
    let (mut t, mut left) = (*t, t.rows);
    let asked = 16 * lines * t.depth.div_ceil(STEPS);
    let mut ahead = onward;
    // SAFETY: passed on to the caller; the last tile is as high as the panel of its rows.
    unsafe {
        while left >= H {
            t.rows = H;
            tile::<S, H, N, true, TIGHT>(&t, &FILLED);
            (t.ahead, t.ahead_lines) = (ahead, lines);
            ahead = ahead.wrapping_add(asked);
            t.a = t.a.add(H * t.a_stride);
            t.c = t.c.add(H * t.stride);
            left -= H;
        }
        t.rows = left;
        match height(left.max(1), H) {
            _ if left == 0 => {}
            1 => tile::<S, 1, N, true, TIGHT>(&t, &FILLED),
            2 => tile::<S, 2, N, true, TIGHT>(&t, &FILLED),
            4 => tile::<S, 4, N, true, TIGHT>(&t, &FILLED),
            _ => tile::<S, H, N, true, TIGHT>(&t, &FILLED),
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn avx512<const H: usize, const N: usize, const IN_PLACE: bool>(t: &Tile) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<crate::simd::Avx512, H, N, IN_PLACE, READ>(t, &FILLED) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2<const H: usize, const N: usize, const IN_PLACE: bool>(t: &Tile) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<crate::simd::Avx2, H, N, IN_PLACE, READ>(t, &FILLED) }
}

/// A few columns, as the last panel of 7² and of 14² positions has them: rows are the lanes. Each sum is four, of every fourth term, so
/// that they do not wait for each other.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
unsafe fn narrow_avx512<const C: usize>(t: &Tile) {
    use crate::simd::{Avx2, Avx512};
    const H: usize = Avx2::LANES;
    const WIDTH: usize = Avx512::VECTORS * Avx512::LANES;
    // SAFETY: passed on to the caller: a panel of A is as high as a register of AVX2 is wide.
    unsafe {
        let mut sums = [[Avx2::splat(0.0); C]; 4];
        let (mut a, mut b, mut left, mut ahead) = (t.a, t.b, t.depth, t.ahead);
        while left > 0 {
            for _ in 0..t.ahead_lines {
                prefetch_far(ahead);
                ahead = ahead.wrapping_add(16);
            }
            // Unrolled, so that the sums stay in registers.
            for step in 0..STEPS {
                if step < left {
                    let factors = Avx2::load(a.add(step * H));
                    for j in 0..C {
                        let factor = Avx2::splat(*b.add(step * WIDTH + j));
                        sums[step % 4][j] = Avx2::fma(factors, factor, sums[step % 4][j]);
                    }
                }
            }
            left = left.saturating_sub(STEPS);
            a = a.wrapping_add(STEPS * H);
            b = b.wrapping_add(STEPS * WIDTH);
        }
        let mut columns = [[0.0f32; H]; C];
        for j in 0..C {
            let halves = [0, 2].map(|u| Avx2::add(sums[u][j], sums[u + 1][j]));
            Avx2::store(columns[j].as_mut_ptr(), Avx2::add(halves[0], halves[1]));
        }
        for i in 0..t.rows {
            let mut row = [0.0f32; Avx512::LANES];
            for j in 0..C {
                row[j] = columns[j][i];
            }
            finish::<Avx512>(t, i, 0, Avx512::load(row.as_ptr()));
        }
    }
}

#[cfg(target_arch = "aarch64")]
unsafe fn neon<const H: usize, const N: usize, const IN_PLACE: bool>(t: &Tile) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<crate::simd::Neon, H, N, IN_PLACE, READ>(t, &FILLED) }
}

unsafe fn portable<const H: usize, const N: usize, const IN_PLACE: bool>(t: &Tile) {
    // SAFETY: passed on to the caller.
    unsafe { tile::<Portable, H, N, IN_PLACE, READ>(t, &FILLED) }
}

#[inline(always)]
unsafe fn tile<S: Simd, const H: usize, const N: usize, const IN_PLACE: bool, const B: u8>(
    t: &Tile,
    origin: &Origin,
) {
    // SAFETY: passed on to the caller.
    unsafe { tile_to::<S, H, N, IN_PLACE, B>(t, origin, None) }
}

/// The tile; with a weave its end is not C.
///
/// # Safety
/// As for [`run`], in a function that has the instruction set.
#[inline(always)]
pub(super) unsafe fn tile_to<
    S: Simd,
    const H: usize,
    const N: usize,
    const IN_PLACE: bool,
    const B: u8,
>(
    t: &Tile,
    origin: &Origin,
    weave: Option<&Weave>,
) {
    // SAFETY: all pointers by the caller's promise; the instruction set by the function this is inlined into.
    unsafe {
        let mut sums = [[S::splat(0.0); N]; H];
        let (mut a, mut b) = (t.a, t.b);
        let Origin { mut x, mut scale, mut shift, .. } = *origin;
        let slope = S::splat(if let Change::Leaky(slope) = origin.change { slope } else { 0.0 });
        let filled = B == READ || B == TIGHT;
        let (down, along) = if IN_PLACE { (t.a_stride, 1) } else { (1, H) };
        let (mut left, mut ahead) = (t.depth, t.ahead);
        // Vectors of C still to be asked for, and how many at a time.
        let mut wanted = if t.distant { H * N } else { 0 };
        let each = wanted.div_ceil((t.depth / STEPS).max(1)).max(1);
        while left > 0 {
            for _ in 0..t.ahead_lines {
                // A block of a panel 48 wide fills the first-level cache by itself.
                if S::VECTORS * S::LANES < 48 {
                    prefetch_to_read(ahead)
                } else {
                    prefetch_far(ahead)
                }
                ahead = ahead.wrapping_add(16);
            }
            while wanted > 0 && wanted + each > left.div_ceil(STEPS) * each {
                wanted -= 1;
                if let Some(weave) = weave {
                    prefetch_to_write(weave.line(wanted, N, S::LANES));
                    continue;
                }
                let at = wanted / N * t.stride + wanted % N * S::LANES;
                prefetch_to_write(t.c.wrapping_add(at));
                if !t.residual.is_null() {
                    prefetch_to_read(t.residual.wrapping_add(at));
                }
            }
            let steps = left.min(STEPS);
            left -= steps;
            for _ in 0..steps {
                let mut row = [S::splat(0.0); N];
                for j in 0..N {
                    row[j] = S::load(if filled { b } else { x }.add(j * S::LANES));
                }
                if B == RELU || B == LEAKY {
                    let (by, plus) = (S::splat(*scale), S::splat(*shift));
                    for j in 0..N {
                        let v = S::fma(row[j], by, plus);
                        row[j] = match B {
                            RELU => S::relu(v),
                            _ => S::if_less(v, S::splat(0.0), S::mul(v, slope), v),
                        };
                    }
                    (scale, shift) = (scale.add(1), shift.add(1));
                }
                if !filled {
                    if H >= LOWEST {
                        for j in 0..N {
                            S::store(b.cast_mut().add(j * S::LANES), row[j]);
                        }
                    }
                    for ahead in origin.ahead {
                        for j in (0..S::VECTORS * S::LANES).step_by(16) {
                            if ahead > 0 {
                                prefetch_far(x.wrapping_add(ahead + j));
                            }
                        }
                    }
                    x = x.wrapping_add(origin.stride);
                }
                for i in 0..H {
                    let factor = S::splat(*a.add(i * down));
                    for j in 0..N {
                        sums[i][j] = S::fma(factor, row[j], sums[i][j]);
                    }
                }
                a = a.add(along);
                b = b.add(if B == TIGHT { N } else { S::VECTORS } * S::LANES);
            }
        }
        if let Some(weave) = weave {
            let before = t.add.then_some((t.c.cast_const(), t.stride));
            weave.finish::<S, H, N>(t.rows, before, sums);
            return;
        }
        if t.columns == N * S::LANES {
            finish_whole::<S, H, N>(t, sums);
            return;
        }
        // A copy: were the sums themselves indexed by a loop that is not unrolled, they would live in memory, and every step of the depth
        // would store them.
        let mut kept = [[S::splat(0.0); N]; H];
        for i in 0..H {
            for j in 0..N {
                kept[i][j] = sums[i][j];
            }
        }
        finish_rows::<S, H, N>(t, &kept);
    }
}

/// Ends a tile as wide as its vectors: what is added is asked once for all of it, and the sums never leave their registers.
#[inline(always)]
unsafe fn finish_whole<S: Simd, const H: usize, const N: usize>(
    t: &Tile,
    mut sums: [[S::V; N]; H],
) {
    // Each loop is unrolled; rows past the last are computed, but neither read nor stored.
    macro_rules! each {
        ($i:ident, $j:ident => $v:expr) => {
            for $i in 0..H {
                if $i < t.rows {
                    for $j in 0..N {
                        sums[$i][$j] = S::add(sums[$i][$j], $v);
                    }
                }
            }
        };
    }
    // SAFETY: passed on to the caller.
    unsafe {
        if t.add {
            each!(i, j => S::load(t.c.add(i * t.stride + j * S::LANES)));
        }
        if !t.row_bias.is_null() {
            each!(i, j => S::splat(*t.row_bias.add(i)));
        }
        if !t.column_bias.is_null() {
            each!(i, j => S::load(t.column_bias.add(j * S::LANES)));
        }
        if !t.residual.is_null() {
            each!(i, j => S::load(t.residual.add(i * t.stride + j * S::LANES)));
        }
        if t.relu {
            for i in 0..H {
                for j in 0..N {
                    sums[i][j] = S::relu(sums[i][j]);
                }
            }
        }
        for i in 0..H {
            if i < t.rows {
                for j in 0..N {
                    let to = t.c.add(i * t.stride + j * S::LANES);
                    if t.far { S::send(to, sums[i][j]) } else { S::store(to, sums[i][j]) }
                }
            }
        }
    }
}

/// Ends a tile that is narrower than its vectors.
#[inline(always)]
unsafe fn finish_rows<S: Simd, const H: usize, const N: usize>(t: &Tile, sums: &[[S::V; N]; H]) {
    for (i, row) in sums.iter().enumerate().take(t.rows) {
        for (j, sum) in row.iter().enumerate() {
            // SAFETY: passed on to the caller.
            unsafe { finish::<S>(t, i, j * S::LANES, *sum) };
        }
    }
}

/// Ends one vector of the tile: adds, activates, stores.
///
/// # Safety
/// As for [`run`], in a function that has the instruction set.
#[inline(always)]
pub(crate) unsafe fn finish<S: Simd>(t: &Tile, row: usize, column: usize, sum: S::V) {
    let n = t.columns - column;
    // SAFETY: as in `tile`; only the valid columns are touched.
    unsafe {
        let load = |p: *const f32| if n < S::LANES { S::load_part(p, n) } else { S::load(p) };
        let c = t.c.add(row * t.stride + column);
        let mut v = if t.add { S::add(sum, load(c)) } else { sum };
        if !t.row_bias.is_null() {
            v = S::add(v, S::splat(*t.row_bias.add(row)));
        }
        if !t.column_bias.is_null() {
            v = S::add(v, load(t.column_bias.add(column)));
        }
        if !t.residual.is_null() {
            v = S::add(v, load(t.residual.add(row * t.stride + column)));
        }
        if t.relu {
            v = S::relu(v);
        }
        if n < S::LANES { S::store_part(c, v, n) } else { S::store(c, v) }
    }
}
