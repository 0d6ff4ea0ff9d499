//! A pointwise convolution and the depthwise one that alone reads it, as one: a few channels at a time go through both, so that what the
//! first writes is read by the same thread while it lies in its second-level cache, and is never in memory as a whole. The first half of the
//! inverted residual block (M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018, § 5.1, where the same is
//! proposed against memory).
//!
//! ```text
//! x [in][positions]  ──1×1──▶  ▒▒ some channels, scratch ▒▒  ──depthwise──▶  y [those channels][positions]
//! ```
//! Every output is the sum that the two convolutions by themselves give, in the same order.

use super::choose::{Choice, PackOptions, choose};
use super::dense;
use super::direct::Direct;
use super::gemm::Product;
use super::shape::{ConvArgs, ConvShape, Epilogue};
use crate::isa::isa;
use crate::shared::{Shared, check, share};
use crate::{Activation, Pool, Weights, gemm::tile};

/// Elements of scratch for the channels between: less than half of a second-level cache.
const BETWEEN: usize = 96 << 10;
/// Fewer channels at a time are not worth loading the input for.
const LEAST: usize = 16;

/// The weights of both.
#[derive(Clone, Debug)]
pub struct PackedPair {
    shapes: [ConvShape; 2],
    first: Product,
    second: Direct,
}

/// A convolution's bias, one for each out channel, and activation.
pub type PairEnd<'a> = (Option<&'a [f32]>, Activation);

/// Whether two convolutions, the second of which reads the first, are of this kind and worth it.
pub fn conv_pair_suits(first: &ConvShape, second: &ConvShape) -> bool {
    let (Some(between), Some(output)) = (first.output(), second.output()) else { return false };
    let pointwise = first.kernel == [1; 3]
        && first.stride == [1; 3]
        && first.pad == [[0; 2]; 3]
        && first.groups == 1;
    let channels = second.in_channels;
    let depthwise = second.groups == channels && second.out_channels == channels && channels > 1;
    let fits = first.out_channels == channels && between == second.input;
    let positions: usize = between.iter().product();
    let small = positions > 1 && positions * LEAST.min(channels) <= BETWEEN;
    let plain = |s: &ConvShape, output| choose(s, output, isa(), &PackOptions::default());
    pointwise
        && depthwise
        && fits
        && small
        && !dense::Dense::suits(second, output)
        && plain(first, between) == Choice::Product
        && plain(second, output) == Choice::Direct
}

/// Packs `[out][in]` and `[out][1][kd][kh][kw]` weights. Panics unless the lengths fit the shapes and [`conv_pair_suits`] holds.
pub fn pack_conv_pair(shapes: [&ConvShape; 2], weights: [Weights; 2]) -> PackedPair {
    let [first, second] = shapes;
    assert!(conv_pair_suits(first, second), "{first:?} and {second:?}");
    for (shape, weight) in shapes.iter().zip(&weights) {
        let outs = shape.out_channels;
        let terms = shape.weight_len() / outs.max(1);
        weight.check("weight of a convolution", shape.weight_len(), [outs, terms]);
    }
    let (isa, output) = (isa(), second.output().unwrap_or([0; 3]));
    PackedPair {
        first: Product::of(isa, first, second.input, &weights[0]),
        second: Direct::new(isa, second, output, &weights[1]),
        shapes: [first.clone(), second.clone()],
    }
}

impl PackedPair {
    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        self.first.weight.bytes() + self.second.weight.bytes()
    }

    /// Elements of scratch memory [`conv_pair`] needs in a pool of `threads`.
    pub fn workspace(&self, threads: usize) -> usize {
        threads * self.scratch() + 16
    }

    /// Elements of a thread's scratch: panels, lines, the channels between; each on cache lines of its own.
    fn scratch(&self) -> usize {
        let [panels, lines, between] = self.parts();
        panels + lines + between
    }

    fn parts(&self) -> [usize; 3] {
        let between = (self.most() + self.unit()).min(self.channels()) * self.positions();
        [self.first.panels(), self.second.workspace(1), between].map(|n| n.next_multiple_of(16))
    }

    fn channels(&self) -> usize {
        self.shapes[0].out_channels
    }

    fn positions(&self) -> usize {
        self.shapes[1].input.iter().product()
    }

    /// The fewest channels that are whole panels and whole registers.
    fn unit(&self) -> usize {
        let ((high, _), lanes) = (tile::size(self.first.isa), self.first.isa.lanes());
        (1..=lanes).map(|n| n * high).find(|n| n.is_multiple_of(lanes)).unwrap_or(high * lanes)
    }

    /// Channels that may go through both at a time, but for the last few.
    fn most(&self) -> usize {
        (BETWEEN / self.positions() / self.unit()).max(1) * self.unit()
    }
}

/// `y = act(conv(act(conv(x, first) + bias), second) + bias)`, `x` `[in][d][h][w]`, `y` `[out][d][h][w]`. Panics unless the lengths agree and
/// `work` has at least [`PackedPair::workspace`] elements for this pool.
pub fn conv_pair(
    pool: &Pool,
    pair: &PackedPair,
    x: &[f32],
    ends: [PairEnd; 2],
    work: &mut [f32],
    y: &mut [f32],
) {
    let ([first, second], channels) = (&pair.shapes, pair.channels());
    check("x of two convolutions", x.len(), first.input_len());
    let outputs: usize = second.output().map_or(0, |output| output.iter().product());
    check("y of two convolutions", y.len(), channels * outputs);
    ends.iter().for_each(|(bias, _)| {
        bias.inspect(|bias| check("bias of a convolution", bias.len(), channels));
    });
    let need = pair.workspace(pool.threads());
    assert!(work.len() >= need, "workspace of {} elements, {need} needed", work.len());
    let args = ends.map(|(bias, activation)| ConvArgs {
        epilogue: Epilogue { bias, residual: None, activation },
        ..ConvArgs::default()
    });
    // As few turns as fit, the threads evenly.
    let unit = pair.unit();
    let (units, most) = ((channels / unit).max(1), pair.most() / unit);
    let turns = units.div_ceil(most).next_multiple_of(pool.threads()).min(units);
    let aligned = work.as_ptr().align_offset(64).min(16);
    let (rooms, y) = (Shared::new(&mut work[aligned..]), Shared::new(y));
    pool.run_workers(turns, |worker, turn| {
        // SAFETY: each thread has a part of its own.
        let room = unsafe { rooms.part(worker * pair.scratch(), pair.scratch()) };
        let [panel_len, line_len, _] = pair.parts();
        let (filled, room) = room.split_at_mut(panel_len);
        let (lines, between) = room.split_at_mut(line_len);
        let part = share(units, turns, turn);
        // The last takes what is no unit.
        let end = if turn + 1 == turns { channels } else { part.end * unit };
        let part = part.start * unit..end;
        pair.first.run_channels(part.clone(), x, &args[0], filled, between);
        // SAFETY: each channel belongs to one turn.
        unsafe { pair.second.run_channels(part, between, &args[1], lines, &y) };
    });
}
