//! A convolution with one output position, whose kernel covers the whole input: each output is one long sum, weights and input read in
//! place, as in the two small layers of squeeze-and-excitation.
//!
//! ```text
//! weight [out][in·taps]   ▓▓▓▓▓▓▓▓▓▓▓▓ ┐
//!                         ▓▓▓▓▓▓▓▓▓▓▓▓ │ four rows at a time,        Σ over lanes, bias, residual ──▶ y [out]
//!                         ▓▓▓▓▓▓▓▓▓▓▓▓ │ two registers of sums each
//!                         ▓▓▓▓▓▓▓▓▓▓▓▓ ┘
//! x [in·taps]             ▒▒▒▒▒▒▒▒▒▒▒▒   loaded once for four rows
//! ```
//! The weights are read once and nothing else counts, so it runs at the speed of memory. Source: the definition.

use super::shape::{ConvArgs, ConvShape};
use crate::gemm::store::{AsGiven, Store};
use crate::isa::on_set;
use crate::shared::{Shared, pieces};
use crate::simd::{Simd, fold_lanes};
use crate::{Isa, Pool, Weights, activation::activate};

/// Rows that share the loads of the input.
const ROWS: usize = 4;
/// Multiply-adds worth a task.
const GRAIN: usize = 20_000;

/// Weights as they came, and the shape they serve.
#[derive(Clone, Debug)]
pub(crate) struct Dense {
    isa: Isa,
    groups: usize,
    /// Channels of a group of the input, and elements of each.
    ins: usize,
    volume: usize,
    /// `[out][in/groups · volume]`
    pub weight: Store,
}

impl Dense {
    /// Whether a convolution is of this kind.
    pub fn suits(s: &ConvShape, output: [usize; 3]) -> bool {
        output == [1; 3] && s.kernel == s.input && s.pad == [[0; 2]; 3] && s.dilation == [1; 3]
    }

    /// Takes `[out][in/groups][kd][kh][kw]` weights.
    pub fn new(isa: Isa, s: &ConvShape, weight: &Weights) -> Dense {
        let volume = s.input.iter().product();
        let (groups, ins) = (s.groups, s.in_channels / s.groups);
        let order = AsGiven { outs: s.out_channels, terms: ins * volume };
        Dense { isa, groups, ins, volume, weight: Store::new(weight, &order) }
    }

    /// Elements of scratch memory: the input after its prologue, and for each thread the rows that are not kept as floats.
    pub fn workspace(&self, threads: usize) -> usize {
        self.groups * self.ins * self.volume + threads * self.room()
    }

    fn room(&self) -> usize {
        self.weight.room(ROWS * self.ins * self.volume)
    }

    /// Runs; slices have been checked.
    pub fn run(&self, pool: &Pool, x: &[f32], args: &ConvArgs, work: &mut [f32], y: &mut [f32]) {
        let (depth, rows) = (self.ins * self.volume, y.len() / self.groups);
        let (work, rooms) = work.split_at_mut(x.len());
        let (room, rooms) = (self.room(), Shared::new(rooms));
        let x = match &args.prologue {
            None => x,
            Some(pre) => {
                let channels = work.chunks_exact_mut(self.volume).zip(x.chunks_exact(self.volume));
                for (c, (to, from)) in channels.enumerate() {
                    let (scale, shift, activation) = pre.of(c);
                    for (to, from) in to.iter_mut().zip(from) {
                        *to = from * scale + shift;
                    }
                    activate(to, activation);
                }
                &*work
            }
        };
        let blocks = rows.div_ceil(ROWS);
        let (tasks, step) =
            pieces(pool, self.groups * blocks, GRAIN.div_ceil((ROWS * depth).max(1)));
        let order = AsGiven { outs: y.len(), terms: depth };
        let out = Shared::new(y);
        pool.run_workers(tasks, |worker, task| {
            // SAFETY: each thread has a part of its own.
            let room = unsafe { rooms.part(worker * room, room) };
            for block in (task * step..(task + 1) * step).take_while(|b| *b < self.groups * blocks)
            {
                let (group, row) = (block / blocks, block % blocks * ROWS);
                let x = &x[group * depth..][..depth];
                let first = group * rows + row;
                let n = ROWS.min(rows - row);
                let weight = self.weight.rows(&order, first..first + n, room);
                // SAFETY: each row belongs to one task.
                let y = unsafe { out.part(first, n) };
                // The set was supported when the weights were taken.
                on_set!(self.isa, products(weight: &[f32], x: &[f32], y: &mut [f32]));
                for (y, o) in y.iter_mut().zip(first..) {
                    *y += args.epilogue.bias.map_or(0.0, |b| b[o]);
                    *y += args.epilogue.residual.map_or(0.0, |r| r[o]);
                }
                activate(y, args.epilogue.activation);
            }
        });
    }
}

/// `y[i] = Σ weight[i][k]·x[k]`, up to [`ROWS`] of them.
///
/// # Safety
/// The instruction set is there.
#[inline(always)]
unsafe fn products<S: Simd>(weight: &[f32], x: &[f32], y: &mut [f32]) {
    match y.len() {
        4 => rows::<S, 4>(weight, x, y),
        3 => rows::<S, 3>(weight, x, y),
        2 => rows::<S, 2>(weight, x, y),
        _ => rows::<S, 1>(weight, x, y),
    }
}

/// Each row is summed alike whatever `N`: vectors in turn to two registers, the last of them padded with zeros.
#[inline(always)]
fn rows<S: Simd, const N: usize>(weight: &[f32], x: &[f32], y: &mut [f32]) {
    let depth = x.len();
    assert!(weight.len() == N * depth && y.len() == N);
    let (weight, x) = (weight.as_ptr(), x.as_ptr());
    // SAFETY: `N` rows of `depth` weights and `depth` inputs, by the assertion; the instruction set by the function this is inlined into.
    unsafe {
        let mut sums = [[S::splat(0.0); 2]; N];
        let mut k = 0;
        while k + 2 * S::LANES <= depth {
            let x = [S::load(x.add(k)), S::load(x.add(k + S::LANES))];
            for i in 0..N {
                for j in 0..2 {
                    let w = S::load(weight.add(i * depth + k + j * S::LANES));
                    sums[i][j] = S::fma(w, x[j], sums[i][j]);
                }
            }
            k += 2 * S::LANES;
        }
        if k + S::LANES <= depth {
            let x = S::load(x.add(k));
            for (i, sums) in sums.iter_mut().enumerate() {
                sums[0] = S::fma(S::load(weight.add(i * depth + k)), x, sums[0]);
            }
            k += S::LANES;
        }
        if k < depth {
            let x = S::load_part(x.add(k), depth - k);
            for (i, sums) in sums.iter_mut().enumerate() {
                let weight = S::load_part(weight.add(i * depth + k), depth - k);
                sums[1] = S::fma(weight, x, sums[1]);
            }
        }
        for i in 0..N {
            y[i] = fold_lanes::<S>(S::add(sums[i][0], sums[i][1]), |a, b| a + b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_any_length_are_those_of_the_definition() {
        let noise = |seed: usize, n: usize| -> Vec<f32> {
            (0..n).map(|i| ((i + seed) * 7919 % 2003) as f32 * 1e-3 - 1.0).collect()
        };
        let pool = Pool::new(1);
        for isa in Isa::all_vectors() {
            // Two registers' worth and a part of a third, of the widest set.
            for (depth, outs) in (1..=49).flat_map(|depth| [(depth, 1), (depth, 7)]) {
                let (x, weight) = (noise(depth, depth), noise(1, outs * depth));
                let s = ConvShape::new(depth, outs, [1; 3], [1; 3]);
                let dense = Dense::new(isa, &s, &Weights::from(&weight));
                let mut work = vec![f32::NAN; dense.workspace(1)];
                let mut y = vec![f32::NAN; outs];
                dense.run(&pool, &x, &ConvArgs::default(), &mut work, &mut y);
                for (y, weight) in y.iter().zip(weight.chunks_exact(depth)) {
                    let terms = weight.iter().zip(&x).map(|(w, x)| f64::from(*w) * f64::from(*x));
                    let (sum, size) = terms.fold((0.0, 0.0), |(a, b), t| (a + t, b + t.abs()));
                    let error = (f64::from(*y) - sum).abs();
                    assert!(error <= 1e-6 * size, "{isa:?} {depth} terms: {error} of {size}");
                }
            }
        }
    }
}
