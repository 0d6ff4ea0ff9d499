//! Convolution: weights packed once for a shape, then run many times. The algorithm is chosen when packing.

mod blocks;
mod choose;
mod dense;
mod digits;
mod direct;
mod fan;
mod gemm;
mod pack;
mod pair;
mod raise;
mod shape;
mod sliding;
mod tally;
mod transpose;
mod tune;
mod turned;
mod winograd;

pub use choose::{ConvCosts, PackOptions, conv_costs, set_conv_costs};
pub use pair::{PackedPair, PairEnd, conv_pair, conv_pair_suits, pack_conv_pair};
pub use shape::{ConvArgs, ConvShape, ConvTransposeShape, Epilogue, Prologue};
pub(crate) use shape::{steps, volume};
pub use transpose::{
    PackedConvTranspose, conv_transpose, conv_transpose_workspace, pack_conv_transpose,
};
pub use tune::{MeasuredConv, TunedConv, tune_conv};

use crate::gemm::store::is_short;
use crate::isa::{chosen, isa};
use crate::shared::check;
use crate::{Activation, Ahead, Isa, Moments, Pool, Weights};
use choose::Choice;

/// Weights of a convolution in the order the chosen algorithm reads them, bound to the shape they were packed for.
#[derive(Clone, Debug)]
pub struct PackedConv {
    shape: ConvShape,
    output: [usize; 3],
    algorithm: Algorithm,
}

#[derive(Clone, Debug)]
enum Algorithm {
    /// Implicit matrix product.
    Product(gemm::Product),
    /// Minimal filtering of 3×3 kernels.
    Winograd(winograd::Winograd),
    /// Implicit matrix product on tiles of digits.
    Digits(digits::Digits),
    Sliding(Box<sliding::Sliding>),
    /// Few channels a group.
    Direct(Box<direct::Direct>),
    /// One output position.
    Dense(dense::Dense),
}

impl PackedConv {
    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.algorithm {
            Algorithm::Product(p) => p.weight.bytes(),
            Algorithm::Winograd(w) => w.bytes(),
            Algorithm::Digits(d) => d.bytes(),
            Algorithm::Sliding(s) => s.bytes(),
            Algorithm::Direct(d) => d.bytes(),
            Algorithm::Dense(d) => d.weight.bytes(),
        }
    }

    /// Its weights, for the layer before to ask for, see [`ConvArgs::ahead`]; none where they are few, or are not read as they lie.
    pub fn ahead(&self, threads: usize) -> Option<Ahead<'_>> {
        match &self.algorithm {
            Algorithm::Product(product) => {
                Some(Ahead::new(product.weight.ahead(0, usize::MAX), false))
            }
            Algorithm::Winograd(winograd) => Some(winograd.ahead(threads)),
            Algorithm::Digits(_)
            | Algorithm::Sliding(_)
            | Algorithm::Direct(_)
            | Algorithm::Dense(_) => None,
        }
    }

    /// Channels of a block of `x` that it reads where they lie in blocks, see [`ConvArgs::x_blocks`]; `None` where it can not.
    pub fn reads_blocks(&self) -> Option<usize> {
        let block = match &self.algorithm {
            Algorithm::Winograd(winograd) => winograd.block(),
            _ => return None,
        };
        self.shape.in_channels.is_multiple_of(block).then_some(block)
    }

    /// Channels of a block of `y` that it writes, see [`ConvArgs::y_blocked`]; `None` where it can not. What can
    /// gives moments, too, where [`conv_moments`] may.
    pub fn writes_blocks(&self) -> Option<usize> {
        let block = match &self.algorithm {
            Algorithm::Winograd(winograd) => winograd.block(),
            Algorithm::Direct(direct) => return direct.writes_blocks(),
            _ => return None,
        };
        self.shape.out_channels.is_multiple_of(block).then_some(block)
    }

    /// The algorithm chosen, for reports: `"product"`, `"digits"`, `"sliding digits"`, `"winograd"`, `"direct"` or `"dense"`.
    pub fn algorithm(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Product(_) => "product",
            Algorithm::Digits(_) => "digits",
            Algorithm::Sliding(_) => "sliding digits",
            Algorithm::Winograd(_) => "winograd",
            Algorithm::Direct(_) => "direct",
            Algorithm::Dense(_) => "dense",
        }
    }
}

/// Packs `[out][in/groups][kd][kh][kw]` weights. Quantised ones, and many floats that all are half-precision numbers, are kept as such but
/// for Winograd's filtering, whose transformed weights are neither; [`PackOptions::limit_bytes`] rules it out where memory counts. Panics
/// unless the length fits the shape and the shape has an output.
pub fn pack_conv<'a>(shape: &ConvShape, weight: impl Into<Weights<'a>>) -> PackedConv {
    pack_conv_with(shape, weight, &PackOptions::default())
}

/// [`pack_conv`] with a say in which algorithm is chosen.
pub fn pack_conv_with<'a>(
    shape: &ConvShape,
    weight: impl Into<Weights<'a>>,
    options: &PackOptions,
) -> PackedConv {
    let Some(output) = shape.output() else { panic!("no output for {shape:?}") };
    let weight = weight.into();
    let outs = shape.out_channels;
    let terms = shape.weight_len() / outs.max(1);
    weight.check("weight of a convolution", shape.weight_len(), [outs, terms]);
    let choice = match choose::choose(shape, output, chosen(), options) {
        // Digits would take more memory than these.
        Choice::Digits | Choice::Sliding if is_short(&weight) => {
            choose::choose(shape, output, isa(), options)
        }
        choice => choice,
    };
    pack_as(chosen(), shape, output, choice, &weight)
}

/// Packs for an algorithm that can compute the shape.
fn pack_as(
    isa: Isa,
    shape: &ConvShape,
    output: [usize; 3],
    choice: Choice,
    weight: &Weights,
) -> PackedConv {
    let isa = isa.vectors();
    let all = || {
        let terms = shape.weight_len() / shape.out_channels.max(1);
        weight.floats(terms, |i| [i / terms, i % terms])
    };
    let algorithm = match choice {
        Choice::Direct => {
            Algorithm::Direct(Box::new(direct::Direct::new(isa, shape, output, weight)))
        }
        Choice::Dense => Algorithm::Dense(dense::Dense::new(isa, shape, weight)),
        Choice::Winograd(step) => {
            Algorithm::Winograd(winograd::Winograd::new(isa, shape, output, step, &all()))
        }
        Choice::WinogradDigits(step) => {
            Algorithm::Winograd(winograd::Winograd::by_digits(isa, shape, output, step, &all()))
        }
        Choice::Digits => Algorithm::Digits(digits::Digits::new(isa, shape, output, &all())),
        Choice::Sliding => {
            Algorithm::Sliding(Box::new(sliding::Sliding::new(isa, shape, output, &all())))
        }
        Choice::Product => Algorithm::Product(gemm::Product::of(isa, shape, output, weight)),
    };
    PackedConv { shape: shape.clone(), output, algorithm }
}

/// Elements of scratch memory [`conv`] needs in a pool of `threads`.
pub fn conv_workspace(_shape: &ConvShape, w: &PackedConv, threads: usize) -> usize {
    match &w.algorithm {
        Algorithm::Product(p) => p.workspace(threads),
        Algorithm::Winograd(w) => w.workspace(threads),
        Algorithm::Digits(d) => d.workspace(threads),
        Algorithm::Sliding(s) => s.workspace(threads),
        Algorithm::Direct(d) => d.workspace(threads),
        Algorithm::Dense(d) => d.workspace(threads),
    }
}

/// `y = act(conv(prologue(x), w) + bias + residual)`, `x` `[in][d][h][w]`, `y` `[out][d][h][w]`. Panics unless the lengths agree, `work`
/// has at least [`conv_workspace`] elements for this pool, and `w` was packed for this shape.
pub fn conv(
    pool: &Pool,
    shape: &ConvShape,
    x: &[f32],
    w: &PackedConv,
    args: &ConvArgs,
    work: &mut [f32],
    y: &mut [f32],
) {
    conv_moments(pool, shape, x, w, (args, false), work, y);
}

/// [`conv`] that also gives mean and variance of each channel of `y`, if they are wanted and come almost for nothing, gathered while it is
/// stored: from filtering and from direct convolutions without residual and activation. They do not depend on the number of threads.
pub fn conv_moments(
    pool: &Pool,
    shape: &ConvShape,
    x: &[f32],
    w: &PackedConv,
    (args, wanted): (&ConvArgs, bool),
    work: &mut [f32],
    y: &mut [f32],
) -> Option<Moments> {
    assert!(*shape == w.shape, "weights packed for {:?}, used for {shape:?}", w.shape);
    check("x of a convolution", x.len(), shape.input_len());
    check("y of a convolution", y.len(), shape.out_channels * w.output.iter().product::<usize>());
    args.epilogue.bias.inspect(|b| check("bias of a convolution", b.len(), shape.out_channels));
    args.epilogue.residual.inspect(|r| check("residual of a convolution", r.len(), y.len()));
    args.prologue.inspect(|p| {
        check("scale of a prologue", p.scale.len(), shape.in_channels);
        check("shift of a prologue", p.shift.len(), shape.in_channels);
        p.slopes.inspect(|s| check("slopes of a prologue", s.len(), shape.in_channels));
    });
    if !args.x_blocks.is_empty() {
        let Some(block) = w.reads_blocks() else { panic!("reads no blocks") };
        check("blocks of x of a convolution", args.x_blocks.len(), shape.in_channels / block);
    }
    assert!(!args.y_blocked || w.writes_blocks().is_some(), "writes no blocks");
    let need = conv_workspace(shape, w, pool.threads());
    assert!(work.len() >= need, "workspace of {} elements, {need} needed", work.len());
    // Not where something is still done to what is stored.
    let Epilogue { residual, activation, .. } = args.epilogue;
    let wanted = wanted && residual.is_none() && activation == Activation::Identity;
    match &w.algorithm {
        Algorithm::Product(product) => product.run(pool, x, args, work, y),
        Algorithm::Winograd(winograd) => {
            return winograd.run(pool, x, (args, wanted), work, y);
        }
        Algorithm::Digits(digits) => digits.run(pool, x, args, work, y),
        Algorithm::Sliding(sliding) => sliding.run(pool, x, args, work, y),
        Algorithm::Direct(direct) => return direct.run(pool, x, (args, wanted), work, y),
        Algorithm::Dense(dense) => dense.run(pool, x, args, work, y),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naive;

    /// Numbers in (-1, 1) from a linear congruential generator (Knuth, MMIX).
    fn noise(seed: u64, count: usize) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn flat(ins: usize, outs: usize, h: usize, w: usize) -> ConvShape {
        let pad = [[0, 0], [1, 1], [1, 1]];
        ConvShape { pad, ..ConvShape::new(ins, outs, [1, h, w], [1, 3, 3]) }
    }

    fn cube(ins: usize, outs: usize, size: [usize; 3]) -> ConvShape {
        ConvShape { pad: [[1; 2]; 3], ..ConvShape::new(ins, outs, size, [3; 3]) }
    }

    fn strided(s: ConvShape) -> ConvShape {
        ConvShape { stride: s.kernel.map(|k| if k == 1 { 1 } else { 2 }), ..s }
    }

    /// Shapes that several algorithms can compute: odd sizes, padding on one side only, channels that fill no vector.
    fn shapes() -> Vec<ConvShape> {
        vec![
            flat(17, 20, 9, 70),
            cube(16, 16, [5, 6, 9]),
            strided(flat(17, 35, 13, 37)),
            strided(flat(24, 16, 8, 8)),
            strided(ConvShape { pad: [[0, 0], [0, 1], [1, 0]], ..flat(16, 50, 10, 230) }),
            strided(ConvShape { pad: [[0, 0]; 3], ..flat(40, 16, 7, 9) }),
            strided(cube(19, 33, [7, 9, 11])),
            strided(cube(16, 17, [8, 8, 70])),
            strided(ConvShape { pad: [[0, 1], [1, 0], [2, 2]], ..cube(32, 16, [6, 5, 12]) }),
            strided(cube(16, 16, [1, 4, 4])),
            // Depths of several blocks of digits, more tiles than are split at a time.
            flat(264, 34, 9, 41),
            flat(70, 17, 41, 44),
            strided(flat(80, 20, 18, 30)),
            cube(65, 18, [6, 9, 9]),
            // The most channels for tiles of six rows, and rows of the picture that fill the last of them in part, one and all.
            cube(96, 18, [6, 13, 9]),
            flat(192, 18, 18, 20),
            flat(384, 16, 11, 10),
            strided(cube(70, 20, [5, 9, 9])),
            // Taps far apart, planes by themselves, padding that the kernel reaches far into, rows shorter and longer than a tile.
            ConvShape { dilation: [1, 3, 2], pad: [[0, 0], [3, 2], [5, 0]], ..flat(40, 33, 8, 19) },
            ConvShape { input: [3, 6, 15], ..flat(130, 48, 6, 15) },
            ConvShape { kernel: [1, 1, 5], pad: [[0, 0], [0, 0], [2, 2]], ..flat(20, 16, 5, 3) },
            ConvShape { pad: [[0, 0]; 3], ..flat(64, 20, 11, 18) },
        ]
    }

    #[test]
    fn every_algorithm_that_can_compute_a_shape_agrees_with_the_plain_sum() {
        let pools = [1, 3].map(Pool::new);
        let mut filtered = 0;
        for (isa, s) in
            Isa::available().into_iter().flat_map(|i| shapes().into_iter().map(move |s| (i, s)))
        {
            let output = s.output().unwrap();
            let (x, weight) = (noise(1, s.input_len()), noise(2, s.weight_len()));
            let count = s.out_channels * output.iter().product::<usize>();
            let (scale, shift) = (noise(3, s.in_channels), noise(4, s.in_channels));
            let (bias, residual) = (noise(5, s.out_channels), noise(6, count));
            let activation = Activation::LeakyRelu(0.1);
            let relu = Activation::Relu;
            let prologue = Prologue { scale: &scale, shift: &shift, activation, slopes: None };
            let args = [
                ConvArgs {
                    prologue: Some(prologue),
                    epilogue: Epilogue { bias: Some(&bias), residual: Some(&residual), activation },
                    ..ConvArgs::default()
                },
                ConvArgs {
                    epilogue: Epilogue { bias: Some(&bias), residual: None, activation: relu },
                    ..ConvArgs::default()
                },
            ];
            let expected = args.each_ref().map(|args| {
                let mut expected = vec![0.0; count];
                naive::conv(&s, &x, &weight, args, &mut expected);
                expected
            });
            for candidate in choose::candidates(&s, output, isa) {
                filtered += usize::from(matches!(candidate.choice, Choice::Winograd(_)));
                let packed = pack_as(isa, &s, output, candidate.choice, &Weights::from(&weight));
                for (args, expected) in args.iter().zip(&expected) {
                    let results = pools.each_ref().map(|pool| {
                        let mut work = vec![f32::NAN; conv_workspace(&s, &packed, pool.threads())];
                        let mut y = vec![f32::NAN; count];
                        // As if the same layer came next.
                        let args = ConvArgs { ahead: packed.ahead(pool.threads()), ..*args };
                        conv(pool, &s, &x, &packed, &args, &mut work, &mut y);
                        y
                    });
                    let squares =
                        |f: &dyn Fn(usize) -> f64| (0..count).map(|i| f(i).powi(2)).sum::<f64>();
                    let error = squares(&|i| f64::from(results[0][i]) - f64::from(expected[i]));
                    let relative = (error / squares(&|i| f64::from(expected[i]))).sqrt();
                    assert!(
                        relative < 5e-6,
                        "{isa:?} {:?} {s:?}: {relative:.1e}",
                        candidate.choice
                    );
                    let same =
                        results[0].iter().zip(&results[1]).all(|(a, b)| a.to_bits() == b.to_bits());
                    assert!(same, "{isa:?} {:?} {s:?}: threads", candidate.choice);
                }
            }
        }
        assert!(filtered >= 10, "{filtered} filtered");
    }

    /// Numbers of channels, some blocks of `n` of them (`true`) or others as they lie there, for the others as ever: both ways.
    fn relaid(x: &[f32], channels: usize, n: usize, blocks: &[bool], back: bool) -> Vec<f32> {
        let volume = x.len() / channels;
        let mut to = x.to_vec();
        let all = x.chunks_exact(n * volume).zip(to.chunks_exact_mut(n * volume));
        for ((from, to), _) in all.zip(blocks).filter(|(_, blocked)| **blocked) {
            for (i, c) in (0..volume).flat_map(|i| (0..n).map(move |c| (i, c))) {
                let (plain, blocked) = (c * volume + i, i * n + c);
                let (read, written) = if back { (blocked, plain) } else { (plain, blocked) };
                to[written] = from[read];
            }
        }
        to
    }

    #[test]
    fn channels_in_blocks_change_no_bit() {
        let shapes = [
            flat(32, 16, 11, 70),
            cube(16, 32, [5, 6, 19]),
            cube(32, 16, [9, 13, 9]),
            strided(flat(48, 16, 13, 37)),
            strided(cube(32, 32, [7, 9, 11])),
            flat(80, 32, 9, 41),
            ConvShape { pad: [[0, 0], [3, 0], [0, 2]], ..flat(16, 16, 6, 7) },
            // First layers: pieces of a row that are whole, and not; more than three vectors; taps far apart; padding that the kernel never leaves.
            flat(1, 32, 9, 203),
            ConvShape {
                kernel: [1, 7, 7],
                stride: [1, 2, 2],
                pad: [[0, 0], [3, 3], [3, 3]],
                ..flat(3, 64, 20, 31)
            },
            strided(cube(4, 80, [5, 6, 40])),
            ConvShape { stride: [1, 3, 5], dilation: [1, 2, 4], ..flat(2, 32, 12, 90) },
            ConvShape { pad: [[0, 0], [9, 0], [0, 20]], ..flat(3, 32, 2, 3) },
            // So large that it goes past the caches.
            flat(16, 16, 512, 800),
            flat(1, 32, 512, 402),
        ];
        let (mut filtered, mut fanned, pools) = (0, 0, [1, 3].map(Pool::new));
        for (isa, s) in
            Isa::available().into_iter().flat_map(|i| shapes.iter().map(move |s| (i, s)))
        {
            let output = s.output().unwrap();
            let (x, weight) = (noise(1, s.input_len()), noise(2, s.weight_len()));
            let count = s.out_channels * output.iter().product::<usize>();
            let (scale, shift) = (noise(3, s.in_channels), noise(4, s.in_channels));
            let (bias, residual) = (noise(5, s.out_channels), noise(6, count));
            let leaky = Activation::LeakyRelu(0.1);
            let prologue = |activation| {
                Some(Prologue { scale: &scale, shift: &shift, activation, slopes: None })
            };
            let forms = [
                (None, None, Activation::Identity),
                (prologue(leaky), Some(&residual), leaky),
                (prologue(Activation::Silu), Some(&residual), Activation::Identity),
                (prologue(Activation::Relu), None, Activation::Silu),
            ];
            for candidate in choose::candidates(s, output, isa) {
                let packed = pack_as(isa, s, output, candidate.choice, &Weights::from(&weight));
                let Some(n) = packed.writes_blocks() else { continue };
                let reads = packed.reads_blocks().is_some();
                *(if reads { &mut filtered } else { &mut fanned }) += 1;
                let large = count >= 1 << 22;
                for ((pre, added, activation), pool) in forms.iter().zip(pools.iter().cycle()) {
                    let mut work = vec![f32::NAN; conv_workspace(s, &packed, pool.threads())];
                    let mut run =
                        |x: &[f32], added: Option<&[f32]>, x_blocks: &[bool], y_blocked| {
                            let epilogue = Epilogue {
                                bias: Some(&bias),
                                residual: added,
                                activation: *activation,
                            };
                            let args = ConvArgs {
                                prologue: *pre,
                                epilogue,
                                x_blocks,
                                y_blocked,
                                ..ConvArgs::default()
                            };
                            let mut y = vec![f32::NAN; count];
                            let moments =
                                conv_moments(pool, s, x, &packed, (&args, true), &mut work, &mut y);
                            (y, moments.map(|moments| moments.channels))
                        };
                    let expected = run(&x, added.map(Vec::as_slice), &[], false);
                    // All blocks; some, as in a concatenation.
                    for some in [true, false].into_iter().take(if reads { 2 } else { 1 }) {
                        let blocks: Vec<bool> = match reads {
                            true => {
                                (0..s.in_channels / n).map(|block| some || block % 2 == 1).collect()
                            }
                            false => Vec::new(),
                        };
                        let outs = vec![true; s.out_channels / n];
                        let x = match reads {
                            true => relaid(&x, s.in_channels, n, &blocks, false),
                            false => x.clone(),
                        };
                        let added = added.map(|r| relaid(r, s.out_channels, n, &outs, false));
                        let (y, moments) = run(&x, added.as_deref(), &blocks, true);
                        let y = relaid(&y, s.out_channels, n, &outs, true);
                        let same =
                            y.iter().zip(&expected.0).all(|(a, b)| a.to_bits() == b.to_bits());
                        assert!(same, "{isa:?} {:?} {s:?}", candidate.choice);
                        if reads {
                            assert_eq!(moments, expected.1, "{isa:?} {:?} {s:?}", candidate.choice);
                            continue;
                        }
                        // Gathered from other parts.
                        assert_eq!(moments.is_some(), expected.1.is_some());
                        let pairs = moments.iter().flatten().zip(expected.1.iter().flatten());
                        for ((mean, variance), (mean_, variance_)) in pairs {
                            let near = (mean - mean_).abs() < 5e-7 * variance_.sqrt();
                            // Most where nearly all are the bias: then what differs is a small part of what is summed.
                            let alike = (variance / variance_ - 1.0).abs() < 5e-6;
                            assert!(near && alike, "{isa:?} {s:?}");
                        }
                    }
                    if large {
                        break;
                    }
                }
            }
        }
        assert!(filtered >= 16 && fanned >= 12, "{filtered} filtered, {fanned} fanned out");
    }
}
