//! Measures the table of the choice ([`ConvCosts`]) on the machine at hand: runs every candidate of some layers, then fits the entries.
//!
//! ```text
//! time of a candidate ≈ u·products + Σ u·cost_j·count_j        u: time of a multiply-add of the register tile
//! ```
//! The unknowns `u` and `u·cost_j` are those that make the sum of squared relative errors least, none below zero (coordinate descent on
//! the normal equations: V. Franc, V. Hlaváč & M. Navara, "Sequential coordinate-wise algorithm for the non-negative least squares
//! problem", CAIP 2005). One thread, as the costs are those of one.

use super::choose::{
    Candidate, Choice, ConvCosts, ENTRIES, PackOptions, candidates, choose_by, conv_costs,
};
use super::shape::{ConvArgs, ConvShape};
use super::{conv, conv_workspace, pack_as, winograd};
use crate::isa::chosen;
use crate::{Pool, Weights};
use std::time::Instant;

/// What [`tune_conv`] found.
#[derive(Clone, Debug)]
pub struct TunedConv {
    /// The table for this machine and instruction set.
    pub costs: ConvCosts,
    /// Multiply-adds a second of the register tile, by the fit.
    pub speed: f64,
    /// Layers that were tried, and how many of them the table gives to another algorithm than the one in use.
    pub layers: usize,
    /// See `layers`.
    pub changed: usize,
    /// Every candidate that ran.
    pub measured: Vec<MeasuredConv>,
}

/// One algorithm on one layer.
#[derive(Clone, Debug)]
pub struct MeasuredConv {
    /// The layer.
    pub shape: ConvShape,
    /// The algorithm, as `"product"`, `"direct"`, `"winograd 4x4x4"`.
    pub algorithm: String,
    /// Its best time.
    pub milliseconds: f64,
    /// What the fitted table says it takes, in milliseconds.
    pub estimated: f64,
}

/// Runs for some seconds; `told` hears how many of how many layers are done.
pub fn tune_conv(mut told: impl FnMut(usize, usize)) -> TunedConv {
    let pool = Pool::new(1);
    let layers = layers();
    let mut rows: Vec<(ConvShape, Candidate, f64)> = Vec::new();
    for (done, shape) in layers.iter().enumerate() {
        told(done, layers.len());
        let Some(output) = shape.output() else { continue };
        for candidate in candidates(shape, output, chosen()) {
            let seconds = seconds(&pool, shape, output, candidate.choice);
            rows.push((shape.clone(), candidate, seconds));
        }
    }
    told(layers.len(), layers.len());
    let features = rows.iter().map(|(_, candidate, seconds)| (features(candidate), *seconds));
    let fitted = fit(&features.collect::<Vec<_>>());
    let unit = fitted[0].max(f64::MIN_POSITIVE);
    let mut entries = [0.0; ENTRIES];
    entries.iter_mut().zip(&fitted[1..]).for_each(|(entry, value)| *entry = value / unit);
    let costs = ConvCosts::from_array(entries).unwrap_or_else(conv_costs);
    let measured = rows.into_iter().map(|(shape, candidate, seconds)| MeasuredConv {
        shape,
        algorithm: name(candidate.choice),
        milliseconds: seconds * 1e3,
        estimated: candidate.cost(&costs) * unit * 1e3,
    });
    let measured = measured.collect();
    let choice = |costs: &ConvCosts, shape: &ConvShape| {
        shape.output().map(|out| choose_by(costs, shape, out, chosen(), &PackOptions::default()))
    };
    let before = conv_costs();
    let other = |shape: &&ConvShape| choice(&before, shape) != choice(&costs, shape);
    let changed = layers.iter().filter(other).count();
    TunedConv { costs, speed: 1.0 / unit, layers: layers.len(), changed, measured }
}

fn name(choice: Choice) -> String {
    match choice {
        Choice::Product => "product".into(),
        Choice::Digits => "digits".into(),
        Choice::Sliding => "sliding digits".into(),
        Choice::Direct => "direct".into(),
        Choice::Dense => "dense".into(),
        Choice::WinogradDigits(kinds) => format!("{} digits", name(Choice::Winograd(kinds))),
        Choice::Winograd(kinds) => {
            let [z, y, x] = kinds.map(winograd::outs);
            let strided = if kinds.map(winograd::phases) == [1; 3] { "" } else { "/2" };
            format!("winograd {z}x{y}x{x}{strided}")
        }
    }
}

/// Layers of every kind that networks have, small enough to run in milliseconds.
fn layers() -> Vec<ConvShape> {
    let layer =
        |ins: usize, outs: usize, size: [usize; 3], k: usize, stride: usize, groups: usize| {
            let flat = size[0] == 1;
            let kernel = if flat { [1, k, k] } else { [k; 3] };
            let stride = if flat { [1, stride, stride] } else { [stride; 3] };
            ConvShape {
                stride,
                groups,
                pad: kernel.map(|k| [k / 2; 2]),
                ..ConvShape::new(ins, outs, size, kernel)
            }
        };
    let (flat, cube) = (|n: usize| [1, n, n], |n: usize| [n; 3]);
    vec![
        layer(64, 64, flat(56), 1, 1, 1),
        layer(256, 64, flat(56), 1, 1, 1),
        layer(24, 144, flat(56), 1, 1, 1),
        layer(512, 512, flat(14), 1, 1, 1),
        layer(16, 16, flat(112), 3, 1, 1),
        layer(32, 32, flat(112), 3, 1, 1),
        layer(64, 64, flat(56), 3, 1, 1),
        layer(128, 128, flat(28), 3, 1, 1),
        layer(192, 32, flat(28), 3, 1, 1),
        layer(32, 192, flat(28), 3, 1, 1),
        layer(256, 256, flat(14), 3, 1, 1),
        layer(512, 512, flat(7), 3, 1, 1),
        layer(16, 32, flat(112), 3, 2, 1),
        layer(64, 64, flat(56), 3, 2, 1),
        layer(3, 64, flat(224), 7, 2, 1),
        layer(96, 96, flat(56), 3, 1, 96),
        layer(144, 144, flat(28), 5, 2, 144),
        layer(1, 32, cube(32), 3, 1, 1),
        layer(16, 16, cube(48), 3, 1, 1),
        layer(32, 32, cube(32), 3, 1, 1),
        layer(96, 16, cube(24), 3, 1, 1),
        layer(16, 96, cube(24), 3, 1, 1),
        layer(64, 64, cube(24), 3, 1, 1),
        layer(128, 128, cube(12), 3, 1, 1),
        layer(256, 256, cube(6), 3, 1, 1),
        layer(16, 32, cube(48), 3, 2, 1),
        layer(32, 64, cube(32), 3, 2, 1),
        layer(64, 128, cube(16), 3, 2, 1),
    ]
}

/// Bytes of weights that pass between two uses of the same: more than a second-level cache holds, as in a network.
const BETWEEN: usize = 8 << 20;

/// Best time of a layer by one algorithm, of at least three runs and 30 ms, its weights from far.
fn seconds(pool: &Pool, shape: &ConvShape, output: [usize; 3], choice: Choice) -> f64 {
    let fill = |n: usize| (0..n).map(|i| (i * 7919 % 1000) as f32 * 2e-3 - 1.0).collect::<Vec<_>>();
    let weight = fill(shape.weight_len());
    let pack = || pack_as(chosen(), shape, output, choice, &Weights::from(&weight));
    let first = pack();
    let copies = BETWEEN.div_ceil(first.bytes().max(1)).min(256);
    let packed: Vec<_> = std::iter::once(first).chain((1..copies).map(|_| pack())).collect();
    let x = fill(shape.input_len());
    let mut y = vec![0.0; shape.out_channels * output.iter().product::<usize>()];
    let mut work = vec![0.0; conv_workspace(shape, &packed[0], 1)];
    let (begin, mut best, mut runs) = (Instant::now(), f64::INFINITY, 0);
    while runs < copies + 3 || begin.elapsed().as_secs_f64() < 0.03 {
        let start = Instant::now();
        conv(pool, shape, &x, &packed[runs % copies], &ConvArgs::default(), &mut work, &mut y);
        best = best.min(start.elapsed().as_secs_f64());
        runs += 1;
    }
    best
}

/// Unknowns: the unit, then the entries of the table times the unit.
const UNKNOWNS: usize = ENTRIES + 1;

fn features(candidate: &Candidate) -> [f64; UNKNOWNS] {
    let mut row = [0.0; UNKNOWNS];
    row[0] = candidate.products;
    row[1..].copy_from_slice(&candidate.counts);
    row
}

/// Non-negative numbers that make `Σ (1 - row·number / seconds)²` least.
fn fit(rows: &[([f64; UNKNOWNS], f64)]) -> [f64; UNKNOWNS] {
    // Columns are scaled to a greatest entry of one, or the steps would differ by many orders.
    let mut scale = [0.0f64; UNKNOWNS];
    for (row, seconds) in rows {
        scale.iter_mut().zip(row).for_each(|(s, v)| *s = s.max(v / seconds));
    }
    let (mut normal, mut right) = ([[0.0; UNKNOWNS]; UNKNOWNS], [0.0; UNKNOWNS]);
    for (row, seconds) in rows {
        let mut scaled = [0.0; UNKNOWNS];
        for i in (0..UNKNOWNS).filter(|i| scale[*i] > 0.0) {
            scaled[i] = row[i] / seconds / scale[i];
        }
        for i in 0..UNKNOWNS {
            right[i] += scaled[i];
            (0..UNKNOWNS).for_each(|j| normal[i][j] += scaled[i] * scaled[j]);
        }
    }
    let mut found = [0.0; UNKNOWNS];
    for _ in 0..20_000 {
        for i in (0..UNKNOWNS).filter(|i| scale[*i] > 0.0) {
            let slope: f64 = (0..UNKNOWNS).map(|j| normal[i][j] * found[j]).sum::<f64>() - right[i];
            found[i] = f64::max(0.0, found[i] - slope / normal[i][i]);
        }
    }
    for i in 0..UNKNOWNS {
        found[i] = if scale[i] > 0.0 { found[i] / scale[i] } else { 0.0 };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_made_the_times_is_found_again() {
        let unit = 3e-11;
        let truth = [9.0, 31.0, 12.0, 8.0, 5.0, 1.25, 1.5, 0.4, 50.0];
        let costs = ConvCosts::from_array(truth).unwrap();
        let mut rows = Vec::new();
        for shape in layers() {
            for candidate in candidates(&shape, shape.output().unwrap(), crate::Isa::Amx) {
                rows.push((features(&candidate), candidate.cost(&costs) * unit));
            }
        }
        let found = fit(&rows);
        assert!((found[0] / unit - 1.0).abs() < 1e-3, "{found:?}");
        for (found, truth) in found[1..].iter().zip(truth) {
            assert!((found / unit / truth - 1.0).abs() < 0.05, "{found} {unit} {truth}");
        }
    }

    #[test]
    fn no_entry_falls_below_zero() {
        let mut with = [0.0; UNKNOWNS];
        (with[0], with[1]) = (1.0, 1.0);
        let mut without = [0.0; UNKNOWNS];
        without[0] = 1.0;
        // The second column would have to be negative.
        let found = fit(&[(with, 1.0), (without, 2.0)]);
        assert!(found.iter().all(|v| *v >= 0.0) && found[1] == 0.0, "{found:?}");
    }
}
