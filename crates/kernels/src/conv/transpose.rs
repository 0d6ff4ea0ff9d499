//! Transposed convolution, one plain convolution per phase.
//!
//! Output positions with the same remainder of `(position + pad)` by the stride form a phase. Position `o` receives input `i` through tap
//! `k` where `i·stride + k·dilation = o + pad`; within a phase the taps that can meet this are fixed, and neighbouring positions read
//! neighbouring inputs: a convolution of stride 1 with those taps (Dumoulin & Visin, "A guide to convolution arithmetic", 2016, 4.5).
//! Its result goes to scratch memory and from there, `stride` apart, to its place. A kernel as large as its stride has a way of its own
//! (`blocks.rs`), and another to blocks of channels (`raise.rs`).

use super::blocks::Blocks;
use super::gemm::Product;
use super::pack::Geometry;
use super::raise::Raise;
use super::shape::{ConvArgs, ConvTransposeShape, Epilogue};
use crate::elementwise::add_scaled;
use crate::isa::isa;
use crate::shared::{Shared, check};
use crate::{Numbers, Pool, Weights, activation::activate};

/// Weights of a transposed convolution in the order the kernels read them.
#[derive(Clone, Debug)]
pub struct PackedConvTranspose {
    shape: ConvTransposeShape,
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Phases(Vec<Phase>),
    Blocks(Box<Blocks>),
    Raise(Box<Raise>),
}

#[derive(Clone, Debug)]
struct Phase {
    /// First output position along each axis.
    start: [usize; 3],
    product: Product,
}

impl PackedConvTranspose {
    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.way {
            Way::Phases(phases) => phases.iter().map(|p| p.product.weight.bytes()).sum(),
            Way::Blocks(blocks) => blocks.product.weight.bytes(),
            Way::Raise(raise) => raise.bytes(),
        }
    }

    /// Channels of a block of `y` that it can be made to write by [`PackedConvTranspose::write_blocks`]; `None` where it can not.
    pub fn writes_blocks(&self) -> Option<usize> {
        match &self.way {
            Way::Blocks(blocks) => Raise::lanes(blocks, &self.shape),
            _ => None,
        }
    }

    /// Whether `y` lies in blocks.
    pub fn in_blocks(&self) -> bool {
        matches!(self.way, Way::Raise(_))
    }

    /// From now on `y` lies in blocks, see [`ConvArgs::y_blocked`], with the same bits, and has no residual. Panics where it can not.
    pub fn write_blocks(&mut self) {
        let can = self.writes_blocks().is_some();
        match &self.way {
            Way::Blocks(blocks) if can => {
                self.way = Way::Raise(Box::new(Raise::of(blocks, &self.shape)));
            }
            _ => panic!("writes no blocks"),
        }
    }
}

/// The positions `start, start + stride, …` of one axis that share their taps.
struct AxisPhase {
    start: usize,
    count: usize,
    taps: Vec<usize>,
    offset: Vec<isize>,
}

/// Phases of one axis of `n` outputs.
fn axis(s: &ConvTransposeShape, a: usize, n: usize) -> Vec<AxisPhase> {
    let (stride, pad) = (s.stride[a], s.pad[a][0]);
    let phase = |start: usize| {
        let reach = |k: &usize| (start + pad) as isize - (k * s.dilation[a]) as isize;
        let taps: Vec<usize> =
            (0..s.kernel[a]).filter(|k| reach(k).rem_euclid(stride as isize) == 0).collect();
        let offset = taps.iter().map(|k| reach(k).div_euclid(stride as isize)).collect();
        AxisPhase { start, count: (n - start).div_ceil(stride), taps, offset }
    };
    (0..stride.min(n)).map(phase).collect()
}

/// Packs `[in][out/groups][kd][kh][kw]` weights; quantised ones have one scale for each out channel and are kept as such, like many floats
/// that all are half-precision numbers. Panics unless the length fits the shape and the shape has an output.
pub fn pack_conv_transpose<'a>(
    shape: &ConvTransposeShape,
    weight: impl Into<Weights<'a>>,
) -> PackedConvTranspose {
    let Some(out) = shape.output() else { panic!("no output for {shape:?}") };
    let mut weight = weight.into();
    if let Numbers::Levels(levels) = &mut weight.numbers {
        levels.stretch = usize::MAX;
    }
    let weight = &weight;
    weight.check("weight of a transposed convolution", shape.weight_len(), [shape.out_channels, 1]);
    if Blocks::suits(shape) {
        let way = Way::Blocks(Box::new(Blocks::new(isa(), shape, out, weight)));
        return PackedConvTranspose { shape: shape.clone(), way };
    }
    let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
    let [kd, kh, kw] = shape.kernel;
    let mut phases = Vec::new();
    for z in axis(shape, 0, out[0]) {
        for h in axis(shape, 1, out[1]) {
            for w in axis(shape, 2, out[2]) {
                let geometry = Geometry {
                    output: [z.count, h.count, w.count],
                    input: shape.input,
                    stride: [1; 3],
                    offset: [z.offset.clone(), h.offset.clone(), w.offset.clone()],
                };
                let place = |o: usize, c: usize, tap: usize| {
                    let (tz, th) = (
                        z.taps[tap / w.taps.len() / h.taps.len()],
                        h.taps[tap / w.taps.len() % h.taps.len()],
                    );
                    let tap = (tz * kh + th) * kw + w.taps[tap % w.taps.len()];
                    ((o / outs * ins + c) * outs + o % outs) * kd * kh * kw + tap
                };
                let product =
                    Product::new(isa(), shape.groups, [ins, outs], geometry, weight, place);
                phases.push(Phase { start: [z.start, h.start, w.start], product });
            }
        }
    }
    PackedConvTranspose { shape: shape.clone(), way: Way::Phases(phases) }
}

/// Elements of scratch memory [`conv_transpose`] needs in a pool of `threads`.
pub fn conv_transpose_workspace(
    shape: &ConvTransposeShape,
    w: &PackedConvTranspose,
    threads: usize,
) -> usize {
    let need = |p: &Phase| {
        p.product.workspace(threads) + shape.out_channels * p.product.geometry.positions()
    };
    match &w.way {
        Way::Phases(phases) => phases.iter().map(need).max().unwrap_or(0),
        Way::Blocks(blocks) => blocks.workspace(threads),
        Way::Raise(raise) => raise.workspace(threads),
    }
}

/// `y = act(xᵀ⋆w + bias + residual)`. Panics unless the lengths agree, `work` has at least [`conv_transpose_workspace`] elements for
/// this pool, and `w` was packed for this shape.
pub fn conv_transpose(
    pool: &Pool,
    shape: &ConvTransposeShape,
    x: &[f32],
    w: &PackedConvTranspose,
    e: &Epilogue,
    work: &mut [f32],
    y: &mut [f32],
) {
    assert!(*shape == w.shape, "weights packed for {:?}, used for {shape:?}", w.shape);
    let Some(out) = shape.output() else { panic!("no output for {shape:?}") };
    let positions: usize = out.iter().product();
    check("x of a transposed convolution", x.len(), shape.input_len());
    check("y of a transposed convolution", y.len(), shape.out_channels * positions);
    e.bias.inspect(|b| check("bias of a transposed convolution", b.len(), shape.out_channels));
    e.residual.inspect(|r| check("residual of a transposed convolution", r.len(), y.len()));
    let need = conv_transpose_workspace(shape, w, pool.threads());
    assert!(work.len() >= need, "workspace of {} elements, {need} needed", work.len());
    let phases = match &w.way {
        Way::Phases(phases) => phases,
        Way::Blocks(blocks) => return blocks.run(pool, shape, x, e, work, y),
        Way::Raise(raise) => return raise.run(pool, x, e, work, y),
    };
    let result = Shared::new(y);
    for phase in phases {
        let counts = phase.product.geometry.output;
        let count: usize = counts.iter().product();
        let (part, rest) = work.split_at_mut(shape.out_channels * count);
        phase.product.run(pool, x, &ConvArgs::default(), rest, part);
        pool.run(shape.out_channels, |c| {
            // SAFETY: each channel of the output belongs to one task.
            let y = unsafe { result.part(c * positions, positions) };
            let rows = part[c * count..][..count].chunks_exact(counts[2].max(1));
            for (i, row) in rows.enumerate() {
                let (z, h) = (i / counts[1] * shape.stride[0], i % counts[1] * shape.stride[1]);
                let at =
                    ((phase.start[0] + z) * out[1] + phase.start[1] + h) * out[2] + phase.start[2];
                y[at..].iter_mut().step_by(shape.stride[2]).zip(row).for_each(|(y, v)| *y = *v);
            }
        });
    }
    pool.run(shape.out_channels, |c| {
        // SAFETY: each channel of the output belongs to one task.
        let y = unsafe { result.part(c * positions, positions) };
        if let Some(bias) = e.bias {
            y.iter_mut().for_each(|y| *y += bias[c]);
        }
        if let Some(residual) = e.residual {
            add_scaled(&residual[c * positions..][..positions], 1.0, y);
        }
        activate(y, e.activation);
    });
}
