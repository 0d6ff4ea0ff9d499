//! A pointwise convolution and the depthwise one after it, run as one, against the two by themselves.

mod common;

use common::{Guarded, every_isa, noise};
use kernels::{
    Activation, ConvArgs, ConvShape, Epilogue, Pool, conv, conv_pair, conv_pair_suits,
    conv_workspace, pack_conv, pack_conv_pair,
};

fn alone(s: &ConvShape, x: &[f32], weight: &[f32], args: &ConvArgs) -> Vec<f32> {
    let packed = pack_conv(s, weight);
    let mut work = vec![0.0; conv_workspace(s, &packed, 1)];
    let mut y = vec![0.0; s.out_channels * s.output().unwrap().iter().product::<usize>()];
    conv(&Pool::new(1), s, x, &packed, args, &mut work, &mut y);
    y
}

/// A pointwise layer, and a depthwise one of `k` along every axis there is.
fn pair(
    ins: usize,
    between: usize,
    size: [usize; 3],
    k: usize,
    stride: usize,
) -> (ConvShape, ConvShape) {
    let axis = |a: usize, v: usize| if size[a] == 1 { 1 } else { v };
    let kernel = [0, 1, 2].map(|a| axis(a, k));
    let second = ConvShape {
        groups: between,
        stride: [0, 1, 2].map(|a| axis(a, stride)),
        pad: kernel.map(|k| [k / 2; 2]),
        ..ConvShape::new(between, between, size, kernel)
    };
    (ConvShape::new(ins, between, size, [1; 3]), second)
}

#[test]
fn two_convolutions_as_one_give_the_bits_of_each_by_itself() {
    let pools = [1, 2, 3].map(Pool::new);
    every_isa(|isa| {
        for (first, second) in [
            pair(24, 144, [1, 28, 28], 3, 1),
            pair(16, 97, [1, 30, 29], 3, 2),
            pair(40, 50, [1, 14, 14], 5, 1),
            pair(33, 19, [1, 7, 7], 3, 1),
            pair(5, 35, [6, 9, 11], 3, 1),
            pair(3, 2, [1, 90, 80], 5, 2),
        ] {
            assert!(conv_pair_suits(&first, &second), "{first:?} {second:?}");
            let outs = first.out_channels;
            let x = noise(1, first.input_len());
            let weights = [noise(2, first.weight_len()), noise(3, second.weight_len())];
            let biases = [noise(4, outs), noise(5, outs)];
            let ends = [
                (Some(&biases[0][..]), Activation::Silu),
                (Some(&biases[1][..]), Activation::Relu),
            ];
            let args = ends.map(|(bias, activation)| ConvArgs {
                epilogue: Epilogue { bias, residual: None, activation },
                ..ConvArgs::default()
            });
            let between = alone(&first, &x, &weights[0], &args[0]);
            let expected = alone(&second, &between, &weights[1], &args[1]);
            let given = weights.each_ref().map(|weight| (&weight[..]).into());
            let packed = pack_conv_pair([&first, &second], given);
            for pool in &pools {
                let mut work = Guarded::new(packed.workspace(pool.threads()));
                let mut y = Guarded::new(expected.len());
                conv_pair(pool, &packed, &x, ends, work.slice(), y.slice());
                work.check();
                assert!(y.check() == expected, "{isa:?} {first:?} {} threads", pool.threads());
            }
        }
        let (first, second) = pair(8, 16, [1, 200, 200], 3, 1);
        assert!(!conv_pair_suits(&first, &second), "too large to be near");
        let (first, second) = pair(8, 16, [1, 20, 20], 3, 1);
        let grouped = ConvShape { groups: 8, ..second.clone() };
        assert!(!conv_pair_suits(&first, &grouped), "not depthwise");
        let strided = ConvShape { stride: [1, 2, 2], input: [1, 40, 40], ..first };
        assert!(!conv_pair_suits(&strided, &second));
    });
}
