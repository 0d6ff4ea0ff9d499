//! One node, ready to run: its weights packed, its kernel chosen.

use super::asides::Asides;
use super::plan::Plan;
use crate::graph::{ChannelAffine, Measured, Op};
use kernels::{
    Activation, Ahead, BinaryOp, ConvArgs, ConvShape, ConvTransposeShape, Epilogue, Moments, Norm,
    PackOptions, PackedConv, PackedConvTranspose, PackedMatrix, PackedPair, Pool, PoolShape,
    WindowShape,
};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

type Vector = Arc<Vec<f32>>;

/// What a node does at each run.
pub(super) enum Step {
    Input,
    Conv {
        shape: ConvShape,
        weight: Box<PackedConv>,
        bias: Option<Vector>,
        prologue: Option<ChannelAffine>,
        measured: Option<Measured>,
        /// An offset for each channel of a gate.
        zeros: Vec<f32>,
        activation: Activation,
        /// How input and output lie, see `blocks.rs`.
        x_blocks: Vec<bool>,
        y_blocked: bool,
    },
    ConvPair {
        weights: Box<PackedPair>,
        ends: [(Option<Vector>, Activation); 2],
    },
    ConvTranspose {
        shape: ConvTransposeShape,
        weight: PackedConvTranspose,
        bias: Option<Vector>,
        activation: Activation,
    },
    Affine {
        scale: Vector,
        shift: Vector,
        activation: Activation,
    },
    Activation(Activation),
    Binary(BinaryOp, Activation),
    /// A zero for each channel.
    ScaleChannels(Vec<f32>),
    MaxPool(PoolShape),
    AvgPool(PoolShape, Option<ChannelAffine>),
    GlobalAvgPool,
    Concat,
    Linear {
        weight: PackedMatrix,
        bias: Option<Vector>,
        activation: Activation,
    },
    ResizeLinear {
        align_corners: bool,
    },
    ResizeNearest,
    GroupNorm {
        groups: usize,
        channels: usize,
        norm: OwnNorm,
    },
    NormScale {
        groups: usize,
        norm: OwnNorm,
    },
    LayerNorm {
        norm: OwnNorm,
    },
    ChannelNorm {
        channels: usize,
        norm: OwnNorm,
    },
    WindowAttention {
        shape: WindowShape,
        bias: Vector,
        pad: Vector,
    },
    Reshape,
    Softmax,
}

/// A norm by the input's own statistics.
pub(super) struct OwnNorm {
    weight: Option<Vector>,
    bias: Option<Vector>,
    eps: f32,
    activation: Activation,
}

impl OwnNorm {
    fn kernel<'a>(&'a self, moments: Option<&'a Moments>) -> Norm<'a> {
        Norm {
            moments,
            weight: self.weight.as_ref().map(|weight| weight.as_slice()),
            bias: self.bias.as_ref().map(|bias| bias.as_slice()),
            eps: self.eps,
            activation: self.activation,
        }
    }
}

/// Where a step finds its values.
pub(super) struct Io<'a> {
    pub plan: &'a Plan,
    /// The samples that go through the network now.
    pub pass: &'a Range<usize>,
    /// The node that runs.
    pub index: usize,
    pub inputs: &'a [usize],
    /// Shapes of the first input and of the output.
    pub shapes: (&'a [usize], &'a [usize]),
    /// What convolutions tell norms of their results.
    pub asides: &'a Asides,
    /// The next convolution.
    pub next: Option<&'a Step>,
}

/// Bytes of an operation's weights as the graph holds them.
pub(super) fn weight_bytes(op: &Op) -> u64 {
    match op {
        Op::Conv { weight, .. } | Op::ConvTranspose { weight, .. } | Op::Linear { weight, .. } => {
            weight.bytes()
        }
        Op::ConvPair(pair) => pair.iter().map(|conv| conv.weight.bytes()).sum(),
        _ => 0,
    }
}

/// Whether samples run side by side, each on one thread.
fn each_alone(batch: usize, threads: usize) -> bool {
    threads > 1 && batch >= threads && (batch.is_multiple_of(threads) || batch >= 4 * threads)
}

impl Step {
    /// Packs the weights; `shape` is the node's output.
    pub fn new(op: Op, shape: &[usize], packing: &PackOptions) -> Step {
        match op {
            Op::Input => Step::Input,
            Op::Conv { shape, weight, bias, prologue, measured, activation } => {
                let packing =
                    PackOptions { prologue: prologue.is_some() || measured.is_some(), ..*packing };
                let weight = Box::new(kernels::pack_conv_with(&shape, weight.weights(), &packing));
                let zeros = match measured {
                    Some(Measured::Gate) => vec![0.0; shape.in_channels],
                    _ => Vec::new(),
                };
                let (x_blocks, y_blocked) = (Vec::new(), false);
                Step::Conv {
                    shape,
                    weight,
                    bias,
                    prologue,
                    measured,
                    zeros,
                    activation,
                    x_blocks,
                    y_blocked,
                }
            }
            Op::ConvPair(pair) => {
                let shapes = pair.each_ref().map(|conv| &conv.shape);
                let weights = pair.each_ref().map(|conv| conv.weight.weights());
                let weights = Box::new(kernels::pack_conv_pair(shapes, weights));
                Step::ConvPair { weights, ends: pair.map(|conv| (conv.bias, conv.activation)) }
            }
            Op::ConvTranspose { shape, weight, bias, activation } => {
                let weight = kernels::pack_conv_transpose(&shape, weight.weights());
                Step::ConvTranspose { shape, weight, bias, activation }
            }
            Op::Affine { scale, shift, activation } => Step::Affine { scale, shift, activation },
            Op::Activation(activation) => Step::Activation(activation),
            Op::Binary(op, activation) => Step::Binary(op, activation),
            Op::ScaleChannels => Step::ScaleChannels(vec![0.0; shape.get(1).copied().unwrap_or(0)]),
            Op::MaxPool(shape) => Step::MaxPool(shape),
            Op::AvgPool(shape) => Step::AvgPool(shape, None),
            Op::NormPool { shape, prologue } => Step::AvgPool(shape, Some(prologue)),
            Op::GlobalAvgPool => Step::GlobalAvgPool,
            Op::Concat => Step::Concat,
            Op::Linear { weight, bias, activation } => {
                let out = shape.last().copied().unwrap_or(1);
                let features = weight.len() / out.max(1);
                let weight = weight.weights();
                let weight = kernels::pack_weights(features, out, weight, true, packing.exact);
                Step::Linear { weight, bias, activation }
            }
            Op::ResizeLinear { align_corners } => Step::ResizeLinear { align_corners },
            Op::ResizeNearest => Step::ResizeNearest,
            Op::GroupNorm { groups, weight, bias, eps, activation } => Step::GroupNorm {
                groups,
                channels: shape.get(1).copied().unwrap_or(1),
                norm: OwnNorm { weight, bias, eps, activation },
            },
            Op::NormScale { groups, weight, bias, eps } => {
                let activation = Activation::Identity;
                Step::NormScale { groups, norm: OwnNorm { weight, bias, eps, activation } }
            }
            Op::LayerNorm { weight, bias, eps, activation } => {
                Step::LayerNorm { norm: OwnNorm { weight, bias, eps, activation } }
            }
            Op::ChannelNorm { weight, bias, eps, activation } => Step::ChannelNorm {
                channels: shape.get(1).copied().unwrap_or(1),
                norm: OwnNorm { weight, bias, eps, activation },
            },
            Op::WindowAttention { shape, bias, pad } => Step::WindowAttention { shape, bias, pad },
            Op::Reshape => Step::Reshape,
            Op::Softmax => Step::Softmax,
        }
    }

    /// Elements of scratch that all samples want.
    pub fn batch_workspace(&self, batch: usize, threads: usize) -> usize {
        if each_alone(batch, threads) {
            threads * self.workspace_len(1)
        } else {
            self.workspace_len(threads)
        }
    }

    /// Elements of scratch the kernel wants for a sample.
    fn workspace_len(&self, threads: usize) -> usize {
        match self {
            Step::Conv { shape, weight, .. } => kernels::conv_workspace(shape, weight, threads),
            Step::ConvPair { weights, .. } => weights.workspace(threads),
            Step::ConvTranspose { shape, weight, .. } => {
                kernels::conv_transpose_workspace(shape, weight, threads)
            }
            Step::WindowAttention { shape, .. } => shape.workspace(),
            _ => 0,
        }
    }

    /// Bytes of the packed weights.
    pub fn weight_bytes(&self) -> u64 {
        match self {
            Step::Conv { weight, .. } => weight.bytes() as u64,
            Step::ConvPair { weights, .. } => weights.bytes() as u64,
            Step::ConvTranspose { weight, .. } => weight.bytes() as u64,
            Step::Linear { weight, .. } => weight.bytes() as u64,
            _ => 0,
        }
    }

    /// Its weights, for a step before it to ask for.
    fn ahead(&self, threads: usize) -> Option<Ahead<'_>> {
        match self {
            Step::Conv { weight, .. } => weight.ahead(threads),
            _ => None,
        }
    }

    /// Runs over all samples: where they fall evenly on the threads each on one, which no thread waits for, else one after another on all.
    pub fn run(&self, pools: [&Pool; 2], io: &Io, arena: &mut [f32], work: &mut [f32]) {
        let ([pool, one], batch) = (pools, io.plan.count(io.index, io.pass));
        if let Step::Concat = self {
            (0..batch).for_each(|sample| concat(io, sample, arena));
            return;
        }
        let [first, rest @ ..] = io.inputs else { return };
        let wanted = |sample: usize| {
            let range = |input: usize| io.plan.range(input, sample);
            let rest = [0, 1].map(|at| rest.get(at).map(|&input| range(input)));
            (range(*first), rest, range(io.index))
        };
        if !each_alone(batch, pool.threads()) {
            for sample in 0..batch {
                let (x, rest, y) = apart(arena, wanted(sample));
                self.sample(pool, (io, sample), x, rest, work, y);
            }
            return;
        }
        let room = self.workspace_len(1);
        let rooms = match room {
            0 => Vec::new(),
            _ => work.chunks_exact_mut(room).take(pool.threads()).collect(),
        };
        let rooms = Mutex::new(rooms);
        let parts = split(arena, (0..batch).map(wanted).collect());
        let parts: Vec<_> = parts.into_iter().map(|parts| Mutex::new(Some(parts))).collect();
        pool.run(batch, |sample| {
            let Some((x, rest, y)) = lock(&parts[sample]).take() else { return };
            let mut own = lock(&rooms).pop();
            self.sample(one, (io, sample), x, rest, own.as_deref_mut().unwrap_or_default(), y);
            lock(&rooms).extend(own);
        });
    }

    fn sample(
        &self,
        pool: &Pool,
        (io, sample): (&Io, usize),
        x: &[f32],
        rest: [Option<&[f32]>; 2],
        work: &mut [f32],
        y: &mut [f32],
    ) {
        let (from, to) = io.shapes;
        let second = rest[0];
        match self {
            Step::Input | Step::Concat => {}
            Step::Conv {
                shape,
                weight,
                bias,
                prologue: before,
                measured,
                zeros,
                activation,
                x_blocks,
                y_blocked,
            } => {
                // What is applied while loading comes last.
                let (second, scales) = match (measured, rest) {
                    (None, [second, _]) => (second, None),
                    (Some(_), [scales, None]) => (None, scales),
                    (Some(_), [second, scales]) => (second, scales),
                };
                let measured = measured.zip(scales);
                let widened = measured.and_then(|(m, s)| m.widened(s, shape.in_channels));
                let measured = measured.map(|(m, scales)| m.prologue(scales, zeros, &widened));
                let epilogue = epilogue(bias, second, *activation);
                let args = ConvArgs {
                    prologue: measured.or(before.as_ref().map(ChannelAffine::prologue)),
                    epilogue,
                    ahead: io.next.and_then(|step| step.ahead(pool.threads())),
                    x_blocks,
                    y_blocked: *y_blocked,
                };
                io.asides.tell(io.index, sample, |wanted| {
                    kernels::conv_moments(pool, shape, x, weight, (&args, wanted), work, y)
                });
            }
            Step::ConvPair { weights, ends } => {
                let ends = ends.each_ref().map(|(bias, activation)| {
                    (bias.as_ref().map(|bias| bias.as_slice()), *activation)
                });
                kernels::conv_pair(pool, weights, x, ends, work, y);
            }
            Step::ConvTranspose { shape, weight, bias, activation } => {
                let epilogue = epilogue(bias, second, *activation);
                kernels::conv_transpose(pool, shape, x, weight, &epilogue, work, y);
            }
            Step::Affine { scale, shift, activation } => {
                let spatial = x.len() / scale.len().max(1);
                kernels::affine(pool, spatial, scale, shift, *activation, x, y);
            }
            Step::Activation(activation) => {
                y.copy_from_slice(x);
                kernels::activation(pool, *activation, y);
            }
            Step::Binary(op, activation) => {
                kernels::binary(pool, *op, x, second.unwrap_or(x), y);
                if *activation != Activation::Identity {
                    kernels::activation(pool, *activation, y);
                }
            }
            Step::ScaleChannels(shift) => {
                let (scale, none) = (second.unwrap_or(&[]), Activation::Identity);
                let spatial = x.len() / scale.len().max(1);
                kernels::affine(pool, spatial, scale, shift, none, x, y);
            }
            Step::MaxPool(shape) => kernels::max_pool(pool, shape, x, y),
            Step::AvgPool(shape, before) => {
                kernels::avg_pool(
                    pool,
                    shape,
                    before.as_ref().map(ChannelAffine::prologue).as_ref(),
                    x,
                    y,
                );
            }
            Step::GlobalAvgPool => {
                kernels::global_avg_pool(pool, y.len(), x.len() / y.len().max(1), x, y);
            }
            Step::Linear { weight, bias, activation } => {
                kernels::gemm(pool, 1, x, weight, &epilogue(bias, None, *activation), y);
            }
            Step::ResizeLinear { align_corners } => {
                let (from, to) = (spatial(from), spatial(to));
                let channels = y.len() / to.iter().product::<usize>().max(1);
                kernels::resize_linear(pool, channels, from, to, *align_corners, x, y);
            }
            Step::ResizeNearest => {
                let (from, to) = (spatial(from), spatial(to));
                let channels = y.len() / to.iter().product::<usize>().max(1);
                kernels::resize_nearest(pool, channels, from, to, x, y);
            }
            Step::GroupNorm { groups, channels, norm } => {
                let positions = x.len() / (*channels).max(1);
                let moments = io.asides.hear(io.inputs, sample);
                let norm = norm.kernel(moments.as_ref());
                let shape = [*groups, *channels, positions];
                kernels::group_norm_add(pool, shape, &norm, x, second, y);
            }
            Step::NormScale { groups, norm } => {
                let (scale, shift) = y.split_at_mut(y.len() / 2);
                let moments = io.asides.hear(io.inputs, sample);
                let norm = norm.kernel(moments.as_ref());
                kernels::norm_scale(pool, *groups, scale.len(), &norm, x, scale, shift);
            }
            Step::LayerNorm { norm } => {
                let columns = to.last().copied().unwrap_or(1).max(1);
                kernels::layer_norm(pool, x.len() / columns, columns, &norm.kernel(None), x, y);
            }
            Step::ChannelNorm { channels, norm } => {
                kernels::channel_norm(pool, *channels, &norm.kernel(None), x, y);
            }
            Step::WindowAttention { shape, bias, pad } => {
                let work = &mut work[..shape.workspace()];
                kernels::window_attention(pool, shape, x, [pad, bias], work, y);
            }
            Step::Reshape => y.copy_from_slice(x),
            Step::Softmax => {
                let columns = to.last().copied().unwrap_or(1).max(1);
                kernels::softmax(pool, x.len() / columns, columns, x, y);
            }
        }
    }
}

fn epilogue<'a>(
    bias: &'a Option<Vector>,
    residual: Option<&'a [f32]>,
    activation: Activation,
) -> Epilogue<'a> {
    Epilogue { bias: bias.as_ref().map(|bias| bias.as_slice()), residual, activation }
}

/// Spatial axes of `[N, C, …]` as depth, height, width.
fn spatial(shape: &[usize]) -> [usize; 3] {
    let axes = shape.get(2..).unwrap_or(&[]);
    let mut all = [1; 3];
    let start = 3 - axes.len().min(3);
    all[start..].copy_from_slice(&axes[..3 - start]);
    all
}

/// Copies the parts that do not lie in the buffer already.
fn concat(io: &Io, sample: usize, arena: &mut [f32]) {
    let mut to = io.plan.range(io.index, sample).start;
    for &input in io.inputs {
        let part = io.plan.range(input, sample);
        let len = part.len();
        if part.start != to {
            arena.copy_within(part, to);
        }
        to += len;
    }
}

/// The first value read, up to two more, and the value written.
type Parts<'a> = (&'a [f32], [Option<&'a [f32]>; 2], &'a mut [f32]);

/// Ranges of a value read first, of up to two more, and of the value written.
type Ranges = (Range<usize>, [Option<Range<usize>>; 2], Range<usize>);

/// Up to three parts to read and one to write. The planner keeps what is written apart from what is read.
fn apart(arena: &mut [f32], (x, others, y): Ranges) -> Parts<'_> {
    let (before, rest) = arena.split_at_mut(y.start);
    let (written, after) = rest.split_at_mut(y.len());
    let (before, after) = (&*before, &*after);
    let part = |range: Range<usize>| {
        if range.end <= y.start {
            &before[range]
        } else {
            &after[range.start - y.end..range.end - y.end]
        }
    };
    (part(x), others.map(|range| range.map(part)), written)
}

/// The same for several samples at once.
fn split(arena: &mut [f32], wanted: Vec<Ranges>) -> Vec<Parts<'_>> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|sample| wanted[*sample].2.start);
    let mut written: Vec<&mut [f32]> = Vec::new();
    let mut places = vec![0; wanted.len()];
    // What lies between the values written, and where it begins.
    let (mut between, mut at, mut rest) = (Vec::new(), 0, arena);
    for (place, sample) in order.into_iter().enumerate() {
        let out = &wanted[sample].2;
        let (gap, after) = rest.split_at_mut(out.start - at);
        let (y, after) = after.split_at_mut(out.len());
        between.push((at, &*gap));
        written.push(y);
        (places[sample], at, rest) = (place, out.end, after);
    }
    between.push((at, &*rest));
    let part = |range: Range<usize>| {
        let after = between.partition_point(|(start, _)| *start <= range.start);
        let (start, gap) = between[after.saturating_sub(1)];
        &gap[range.start - start..range.end - start]
    };
    let mut written: Vec<Option<&mut [f32]>> = written.into_iter().map(Some).collect();
    let each = wanted.into_iter().zip(places);
    each.filter_map(|((x, others, _), place)| {
        let y = written[place].take()?;
        Some((part(x), others.map(|range| range.map(part)), y))
    })
    .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
