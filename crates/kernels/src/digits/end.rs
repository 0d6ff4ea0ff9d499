//! The way from sums of digits to floats, and to where they belong.
//!
//! ```text
//! c = step of row · step of column · 2¹⁶ · (sum₁·2¹⁶ + sum₂·2⁸ + sum₃)  (+ c) (+ bias) (+ residual), activation
//! ```

use super::SIDE;
use crate::gemm::tile::{Tile, finish};
use crate::isa::{isa, on_set};
use crate::simd::{Simd, prefetch_to_read, prefetch_to_write};
use crate::{Activation, activation::activate_block};

/// Integers of a tile.
const TILE: usize = SIDE * SIDE;

/// Two panels: the three orders of one, then of the other. Of one panel alone: the orders, then more of the second and of the third.
#[repr(align(64))]
pub(super) struct Sums(pub [i32; 6 * TILE]);

/// What becomes of a product.
///
/// Valid, where a result is to be brought: all that [`crate::gemm::tile::run`] asks for of `tile`, but for A, B and the depth, which are not looked at,
/// of at most 32 rows and sixteen columns; `row_steps` for whole panels of rows, `column_steps` for sixteen columns.
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    pub tile: Tile,
    /// The last step, where it is not the tile's own ReLU.
    pub activation: Activation,
    pub row_steps: *const f32,
    pub column_steps: *const f32,
}

impl Ending {
    /// More than one panel of rows.
    pub(super) fn is_tall(&self) -> bool {
        self.tile.rows > SIDE
    }

    /// Asks for what will be written, and for what is added to it, if they are distant.
    pub(super) fn ask(&self) {
        let t = &self.tile;
        if !t.distant {
            return;
        }
        for row in 0..t.rows {
            prefetch_to_write(t.c.wrapping_add(row * t.stride));
            if !t.residual.is_null() {
                prefetch_to_read(t.residual.wrapping_add(row * t.stride));
            }
        }
    }

    /// Brings the sums to the tile.
    ///
    /// # Safety
    /// It is valid.
    pub(super) unsafe fn end(&self, sums: &mut Sums) {
        if !self.is_tall() {
            // Those of an order were two, so as not to wait for each other.
            let (orders, more) = sums.0[TILE..].split_at_mut(2 * TILE);
            orders.iter_mut().zip(more).for_each(|(sum, more)| *sum += *more);
        }
        let (ending, sums) = (self, &*sums);
        on_set!(isa(), bring(ending: &Ending, sums: &Sums));
        let (t, set) = (&self.tile, isa());
        if self.activation != Activation::Identity {
            // SAFETY: by the contract.
            unsafe {
                activate_block(set, t.c, t.stride, t.rows, t.columns, self.activation);
            }
        }
    }
}

/// What is left to do of an activation in a block of the depth, the last or another, as ReLU is the tile's own.
pub(crate) fn activation_of(activation: Activation, last: bool) -> Activation {
    match activation {
        Activation::Relu => Activation::Identity,
        other if last => other,
        _ => Activation::Identity,
    }
}

/// # Safety
/// As for [`Ending::end`]; the instruction set by the function this is inlined into.
#[inline(always)]
unsafe fn bring<S: Simd>(ending: &Ending, sums: &Sums) {
    let t = &ending.tile;
    // SAFETY: by the contract.
    unsafe {
        match (t.add, !t.residual.is_null()) {
            _ if t.columns < SIDE => part::<S>(ending, sums),
            (false, false) => whole::<S, false, false>(ending, sums),
            (false, true) => whole::<S, false, true>(ending, sums),
            (true, false) => whole::<S, true, false>(ending, sums),
            (true, true) => whole::<S, true, true>(ending, sums),
        }
    }
}

/// `(sum₁·2¹⁶ + sum₂·2⁸ + sum₃) · by` of a register of a row.
///
/// # Safety
/// The instruction set; the register lies in the row.
#[inline(always)]
unsafe fn sum<S: Simd>(sums: &Sums, row: usize, column: usize, by: S::V) -> S::V {
    let from = row / SIDE * 3 * TILE + row % SIDE * SIDE + column;
    // SAFETY: by the contract.
    unsafe {
        let order = |i: usize| S::from_whole(sums.0.as_ptr().add(from + i * TILE));
        let lower = S::fma(order(1), S::splat(256.0), order(2));
        S::mul(S::fma(order(0), S::splat(65536.0), lower), by)
    }
}

/// A tile of whole registers, column by column of these.
///
/// # Safety
/// As for [`bring`].
#[inline(always)]
unsafe fn whole<S: Simd, const ADD: bool, const RESIDUAL: bool>(ending: &Ending, sums: &Sums) {
    const NOTHING: &[f32; 2 * SIDE] = &[0.0; 2 * SIDE];
    let t = &ending.tile;
    // SAFETY: by the contract.
    unsafe {
        let by_row = if t.row_bias.is_null() { NOTHING.as_ptr() } else { t.row_bias };
        let floor = S::splat(if t.relu { 0.0 } else { f32::NEG_INFINITY });
        for column in (0..SIDE).step_by(S::LANES) {
            // The last order counts 2¹⁶.
            let by = S::mul(S::load(ending.column_steps.add(column)), S::splat(65536.0));
            let by_column = match t.column_bias.is_null() {
                true => S::splat(0.0),
                false => S::load(t.column_bias.add(column)),
            };
            for row in 0..t.rows {
                let at = row * t.stride + column;
                let step = S::splat(*ending.row_steps.add(row));
                let mut v = S::fma(sum::<S>(sums, row, column, by), step, by_column);
                v = S::add(v, S::splat(*by_row.add(row)));
                if ADD {
                    v = S::add(v, S::load(t.c.add(at)));
                }
                if RESIDUAL {
                    v = S::add(v, S::load(t.residual.add(at)));
                }
                S::store(t.c.add(at), S::if_less(v, floor, floor, v));
            }
        }
    }
}

/// A tile of fewer columns.
///
/// # Safety
/// As for [`bring`].
#[inline(always)]
unsafe fn part<S: Simd>(ending: &Ending, sums: &Sums) {
    let t = &ending.tile;
    // SAFETY: by the contract.
    unsafe {
        for column in (0..t.columns).step_by(S::LANES) {
            let by = S::mul(S::load(ending.column_steps.add(column)), S::splat(65536.0));
            for row in 0..t.rows {
                let step = S::splat(*ending.row_steps.add(row));
                finish::<S>(t, row, column, S::mul(sum::<S>(sums, row, column, by), step));
            }
        }
    }
}
