//! Convolution: weights packed once for a shape, then run many times. The algorithm is chosen when packing.

mod blocks;
mod choose;
mod dense;
mod direct;
mod gemm;
mod pack;
mod shape;
mod transpose;
mod tune;
mod winograd;

pub use choose::{ConvCosts, PackOptions, conv_costs, set_conv_costs};
pub use shape::{ConvArgs, ConvShape, ConvTransposeShape, Epilogue, Prologue};
pub(crate) use shape::{steps, volume};
pub use transpose::{
    PackedConvTranspose, conv_transpose, conv_transpose_workspace, pack_conv_transpose,
};
pub use tune::{MeasuredConv, TunedConv, tune_conv};

use crate::Pool;
use crate::isa::isa;
use crate::shared::check;
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
    /// Few channels a group.
    Direct(Box<direct::Direct>),
    /// One output position.
    Dense(dense::Dense),
}

impl PackedConv {
    /// Memory it holds, in bytes.
    pub fn bytes(&self) -> usize {
        match &self.algorithm {
            Algorithm::Product(p) => p.weight.len() * 4,
            Algorithm::Winograd(w) => w.weight.len() * 4,
            Algorithm::Direct(d) => d.weight.len() * 4,
            Algorithm::Dense(d) => d.weight.len() * 4,
        }
    }

    /// The algorithm chosen, for reports: `"product"`, `"winograd"`, `"direct"` or `"dense"`.
    pub fn algorithm(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Product(_) => "product",
            Algorithm::Winograd(_) => "winograd",
            Algorithm::Direct(_) => "direct",
            Algorithm::Dense(_) => "dense",
        }
    }
}

/// Packs `[out][in/groups][kd][kh][kw]` weights. Panics unless the length fits the shape and the shape has an output.
pub fn pack_conv(shape: &ConvShape, weight: &[f32]) -> PackedConv {
    pack_conv_with(shape, weight, &PackOptions::default())
}

/// [`pack_conv`] with a say in which algorithm is chosen.
pub fn pack_conv_with(shape: &ConvShape, weight: &[f32], options: &PackOptions) -> PackedConv {
    let Some(output) = shape.output() else { panic!("no output for {shape:?}") };
    check("weight of a convolution", weight.len(), shape.weight_len());
    pack_as(shape, output, choose::choose(shape, output, isa(), options), weight)
}

/// Packs for an algorithm that can compute the shape.
fn pack_as(shape: &ConvShape, output: [usize; 3], choice: Choice, weight: &[f32]) -> PackedConv {
    let algorithm = match choice {
        Choice::Direct => {
            Algorithm::Direct(Box::new(direct::Direct::new(isa(), shape, output, weight)))
        }
        Choice::Dense => Algorithm::Dense(dense::Dense::new(isa(), shape, weight)),
        Choice::Winograd(step) => {
            Algorithm::Winograd(winograd::Winograd::new(isa(), shape, output, step, weight))
        }
        Choice::Product => Algorithm::Product(product(shape, output, weight)),
    };
    PackedConv { shape: shape.clone(), output, algorithm }
}

fn product(shape: &ConvShape, output: [usize; 3], weight: &[f32]) -> gemm::Product {
    let (ins, outs) = (shape.in_channels / shape.groups, shape.out_channels / shape.groups);
    let offset = [0, 1, 2].map(|a| {
        let at = |k: usize| (k * shape.dilation[a]) as isize - shape.pad[a][0] as isize;
        (0..shape.kernel[a]).map(at).collect()
    });
    let geometry = pack::Geometry { output, input: shape.input, stride: shape.stride, offset };
    let taps = geometry.taps();
    let at = |o: usize, c: usize, tap: usize| weight[(o * ins + c) * taps + tap];
    gemm::Product::new(isa(), shape.groups, [ins, outs], geometry, at)
}

/// Elements of scratch memory [`conv`] needs in a pool of `threads`.
pub fn conv_workspace(_shape: &ConvShape, w: &PackedConv, threads: usize) -> usize {
    match &w.algorithm {
        Algorithm::Product(p) => p.workspace(threads),
        Algorithm::Winograd(w) => w.workspace(threads),
        Algorithm::Direct(d) => d.workspace(threads),
        Algorithm::Dense(d) => d.workspace(),
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
    assert!(*shape == w.shape, "weights packed for {:?}, used for {shape:?}", w.shape);
    check("x of a convolution", x.len(), shape.input_len());
    check("y of a convolution", y.len(), shape.out_channels * w.output.iter().product::<usize>());
    args.epilogue.bias.inspect(|b| check("bias of a convolution", b.len(), shape.out_channels));
    args.epilogue.residual.inspect(|r| check("residual of a convolution", r.len(), y.len()));
    args.prologue.inspect(|p| {
        check("scale of a prologue", p.scale.len(), shape.in_channels);
        check("shift of a prologue", p.shift.len(), shape.in_channels);
    });
    let need = conv_workspace(shape, w, pool.threads());
    assert!(work.len() >= need, "workspace of {} elements, {need} needed", work.len());
    match &w.algorithm {
        Algorithm::Product(product) => product.run(pool, x, args, work, y),
        Algorithm::Winograd(winograd) => winograd.run(pool, x, args, work, y),
        Algorithm::Direct(direct) => direct.run(pool, x, args, work, y),
        Algorithm::Dense(dense) => dense.run(pool, x, args, work, y),
    }
}
