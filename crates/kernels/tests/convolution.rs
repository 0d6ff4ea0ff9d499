//! Every convolution of the case table, under every instruction set, against its plain twin.

mod common;

use common::{Guarded, close, every_isa, noise};
use kernels::cases::{ACTIVATIONS, conv_cases, conv_transpose_cases};
use kernels::{
    Activation, ConvArgs, ConvShape, ConvTransposeShape, Epilogue, Floats, Moments, Norm,
    PackOptions, Pool, Prologue, conv, conv_moments, conv_transpose, conv_transpose_workspace,
    conv_workspace, naive, norm_scale, pack_conv, pack_conv_transpose, pack_conv_with,
};

fn run(pool: &Pool, s: &ConvShape, x: &[f32], weight: &[f32], args: &ConvArgs) -> Vec<f32> {
    let packed = pack_conv(s, weight);
    let mut work = Guarded::new(conv_workspace(s, &packed, pool.threads()));
    let mut y = Guarded::new(s.out_channels * s.output().unwrap().iter().product::<usize>());
    conv(pool, s, x, &packed, args, work.slice(), y.slice());
    work.check();
    y.check().to_vec()
}

fn run_transpose(
    pool: &Pool,
    s: &ConvTransposeShape,
    x: &[f32],
    weight: &[f32],
    e: &Epilogue,
) -> Vec<f32> {
    let packed = pack_conv_transpose(s, weight);
    let mut work = Guarded::new(conv_transpose_workspace(s, &packed, pool.threads()));
    let mut y = Guarded::new(s.out_channels * s.output().unwrap().iter().product::<usize>());
    conv_transpose(pool, s, x, &packed, e, work.slice(), y.slice());
    work.check();
    y.check().to_vec()
}

/// The fused forms each case is run with: nothing; all with relu; all with functions that take the general path; a leaky relu before, of
/// one slope and of a slope for each channel.
fn forms<'a>(numbers: &'a Numbers) -> [ConvArgs<'a>; 6] {
    let all = |before, after| ConvArgs {
        prologue: Some(Prologue {
            scale: &numbers.scale,
            shift: &numbers.shift,
            activation: before,
            slopes: None,
        }),
        epilogue: Epilogue {
            bias: Some(&numbers.bias),
            residual: Some(&numbers.residual),
            activation: after,
        },
        ..ConvArgs::default()
    };
    let bias = Epilogue {
        bias: Some(&numbers.bias),
        residual: None,
        activation: Activation::LeakyRelu(0.1),
    };
    let mut sloping = all(Activation::Silu, Activation::Identity);
    sloping.prologue.as_mut().unwrap().slopes = Some(&numbers.slopes);
    [
        ConvArgs::default(),
        ConvArgs { epilogue: bias, ..ConvArgs::default() },
        all(Activation::Relu, Activation::Relu),
        all(Activation::Silu, Activation::Sigmoid),
        all(Activation::LeakyRelu(0.2), Activation::Identity),
        sloping,
    ]
}

struct Numbers {
    scale: Vec<f32>,
    shift: Vec<f32>,
    slopes: Vec<f32>,
    bias: Vec<f32>,
    residual: Vec<f32>,
}

fn numbers(ins: usize, outs: usize, y: usize) -> Numbers {
    Numbers {
        scale: noise(3, ins),
        shift: noise(4, ins),
        slopes: noise(7, ins),
        bias: noise(5, outs),
        residual: noise(6, y),
    }
}

#[test]
fn every_case_agrees_with_its_twin() {
    let pool = Pool::new(2);
    for s in conv_cases() {
        let (x, weight) = (noise(1, s.input_len()), noise(2, s.weight_len()));
        let outputs = s.out_channels * s.output().unwrap().iter().product::<usize>();
        let numbers = numbers(s.in_channels, s.out_channels, outputs);
        for args in forms(&numbers) {
            let mut expected = vec![0.0; outputs];
            naive::conv(&s, &x, &weight, &args, &mut expected);
            every_isa(|isa| {
                let actual = run(&pool, &s, &x, &weight, &args);
                close(&actual, &expected, &(isa, &s, args.epilogue.activation));
            });
        }
    }
}

#[test]
fn every_transposed_case_agrees_with_its_twin() {
    let pool = Pool::new(2);
    for s in conv_transpose_cases() {
        let (x, weight) = (noise(1, s.input_len()), noise(2, s.weight_len()));
        let outputs = s.out_channels * s.output().unwrap().iter().product::<usize>();
        let numbers = numbers(s.in_channels, s.out_channels, outputs);
        for ConvArgs { epilogue, .. } in forms(&numbers) {
            let mut expected = vec![0.0; outputs];
            naive::conv_transpose(&s, &x, &weight, &epilogue, &mut expected);
            every_isa(|isa| {
                close(&run_transpose(&pool, &s, &x, &weight, &epilogue), &expected, &(isa, &s));
            });
        }
    }
}

/// 1, 2, 3 …
fn counting(n: usize) -> Vec<f32> {
    (1..=n).map(|i| i as f32).collect()
}

#[test]
fn convolutions_give_pytorchs_numbers() {
    // a = lambda *s: torch.arange(1., 1 + math.prod(s)).reshape(s)
    // F.conv2d(a(1, 4, 3, 3), a(4, 2, 2, 2), stride=(1, 2), padding=(1, 2), dilation=(2, 1), groups=2)
    let s = ConvShape {
        groups: 2,
        stride: [1, 1, 2],
        dilation: [1, 2, 1],
        pad: [[0, 0], [1, 1], [2, 2]],
        ..ConvShape::new(4, 4, [1, 3, 3], [1, 2, 2])
    };
    let expected = [
        0., 235., 123., 0., 422., 216., 0., 163., 81., 0., 523., 291., 0., 998., 552., 0., 451.,
        249., 0., 2359., 1215., 0., 4526., 2328., 0., 2143., 1101., 0., 3223., 1671., 0., 6254.,
        3240., 0., 3007., 1557.,
    ];
    // F.conv_transpose2d(a(1, 2, 2, 2), a(2, 2, 3, 3), stride=2, padding=1, output_padding=1)
    let t = ConvTransposeShape {
        in_channels: 2,
        out_channels: 2,
        groups: 1,
        input: [1, 2, 2],
        kernel: [1, 3, 3],
        stride: [1, 2, 2],
        dilation: [1; 3],
        pad: [[0, 0], [1, 1], [1, 1]],
        output_padding: [0, 1, 1],
    };
    let transposed = [
        120., 266., 148., 156., 284., 620., 340., 360., 176., 378., 204., 216., 206., 444., 240.,
        252., 174., 392., 220., 228., 428., 944., 520., 540., 266., 576., 312., 324., 296., 642.,
        348., 360.,
    ];
    let pool = Pool::new(1);
    every_isa(|_| {
        assert_eq!(run(&pool, &s, &counting(36), &counting(32), &ConvArgs::default()), expected);
        assert_eq!(
            run_transpose(&pool, &t, &counting(8), &counting(36), &Epilogue::default()),
            transposed
        );
    });
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let pools = [1, 2, 3, 5].map(Pool::new);
    let bits = |y: Vec<f32>| y.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    every_isa(|isa| {
        let mut cases = conv_cases();
        // Deep and small, and wide: shared out by channels and by positions.
        cases.push(ConvShape {
            pad: [[0, 0], [1, 1], [1, 1]],
            ..ConvShape::new(96, 200, [1, 7, 7], [1, 3, 3])
        });
        cases.push(ConvShape::new(40, 24, [1, 61, 67], [1, 1, 1]));
        for s in cases {
            let (x, weight) = (noise(1, s.input_len()), noise(2, s.weight_len()));
            let [first, others @ ..] =
                pools.each_ref().map(|p| bits(run(p, &s, &x, &weight, &ConvArgs::default())));
            assert!(others.iter().all(|o| *o == first), "{isa:?} {s:?}");
        }
        for s in conv_transpose_cases() {
            let (x, weight) = (noise(1, s.input_len()), noise(2, s.weight_len()));
            let run = |p: &Pool| bits(run_transpose(p, &s, &x, &weight, &Epilogue::default()));
            let [first, others @ ..] = pools.each_ref().map(run);
            assert!(others.iter().all(|o| *o == first), "{isa:?} {s:?}");
        }
    });
}

#[test]
fn small_kernels_on_many_channels_are_filtered_by_winograd() {
    every_isa(|isa| {
        let pad = [[0, 0], [1, 1], [1, 1]];
        let s = ConvShape { pad, ..ConvShape::new(64, 64, [1, 56, 56], [1, 3, 3]) };
        let algorithm = |s: &ConvShape| pack_conv(s, &vec![0.0; s.weight_len()]).algorithm();
        assert_eq!(algorithm(&s), "winograd", "{isa:?}");
        let cube =
            ConvShape { pad: [[1, 1]; 3], ..ConvShape::new(32, 32, [12, 12, 12], [3, 3, 3]) };
        for other in [
            ConvShape { input: [2, 56, 56], ..s.clone() },
            cube.clone(),
            ConvShape { input: [6, 6, 6], ..cube.clone() },
            ConvShape { pad: [[0, 0]; 3], ..cube.clone() },
        ] {
            assert_eq!(algorithm(&other), "winograd", "{isa:?} {other:?}");
        }
        let exact = PackOptions { exact: true, ..PackOptions::default() };
        let packed = pack_conv_with(&cube, &vec![0.0; cube.weight_len()], &exact);
        assert_ne!(packed.algorithm(), "winograd", "{isa:?}");
        for other in [
            ConvShape { stride: [2, 1, 1], ..cube.clone() },
            ConvShape { dilation: [2, 1, 1], ..cube.clone() },
            ConvShape { input: [1, 1, 1], ..cube.clone() },
            ConvShape { stride: [1, 2, 1], ..s.clone() },
            ConvShape { dilation: [1, 1, 2], ..s.clone() },
            ConvShape { kernel: [1, 3, 1], ..s.clone() },
            ConvShape { out_channels: 100, groups: 2, in_channels: 200, ..s.clone() },
            ConvShape { in_channels: 1536, out_channels: 1536, ..s.clone() },
        ] {
            assert_ne!(algorithm(&other), "winograd", "{isa:?} {other:?}");
        }
    });
}

#[test]
fn few_channels_are_summed_directly_and_one_position_as_rows() {
    let algorithm = |s: &ConvShape| pack_conv(s, &vec![0.0; s.weight_len()]).algorithm();
    let pad = [[0, 0], [1, 1], [1, 1]];
    let s = ConvShape { pad, ..ConvShape::new(128, 128, [1, 56, 56], [1, 3, 3]) };
    for groups in [16, 32, 128] {
        assert_eq!(algorithm(&ConvShape { groups, ..s.clone() }), "direct", "{groups} groups");
    }
    assert_eq!(algorithm(&ConvShape { in_channels: 32, out_channels: 1, ..s }), "direct");
    assert_eq!(algorithm(&ConvShape::new(64, 32, [1, 56, 56], [1, 1, 1])), "product");
    assert_eq!(algorithm(&ConvShape::new(64, 32, [1, 1, 1], [1, 1, 1])), "dense");
}

#[test]
fn every_activation_ends_and_begins_a_filtered_convolution() {
    let pools = [1, 2, 3].map(Pool::new);
    let pad = [[0, 0], [1, 1], [1, 1]];
    let s = ConvShape { pad, ..ConvShape::new(36, 34, [1, 10, 70], [1, 3, 3]) };
    let (x, weight) = (noise(1, s.input_len()), noise(2, s.weight_len()));
    let outputs = 34 * 10 * 70;
    let numbers = numbers(36, 34, outputs);
    every_isa(|isa| {
        assert_eq!(pack_conv(&s, &weight).algorithm(), "winograd");
        for activation in ACTIVATIONS {
            let args = ConvArgs {
                prologue: Some(Prologue {
                    scale: &numbers.scale,
                    shift: &numbers.shift,
                    activation,
                    slopes: None,
                }),
                epilogue: Epilogue {
                    bias: Some(&numbers.bias),
                    residual: Some(&numbers.residual),
                    activation,
                },
                ..ConvArgs::default()
            };
            let mut expected = vec![0.0; outputs];
            naive::conv(&s, &x, &weight, &args, &mut expected);
            let [first, others @ ..] =
                pools.each_ref().map(|pool| run(pool, &s, &x, &weight, &args));
            close(&first, &expected, &(isa, activation));
            let same = |y: &Vec<f32>| y.iter().zip(&first).all(|(a, b)| a.to_bits() == b.to_bits());
            assert!(others.iter().all(same), "{isa:?} {activation:?}");
        }
    });
}

#[test]
fn a_filtered_nan_reaches_every_window_that_holds_it_and_no_far_tile() {
    every_isa(|_| {
        let pad = [[0, 0], [1, 1], [1, 1]];
        let s = ConvShape { pad, ..ConvShape::new(16, 16, [1, 16, 16], [1, 3, 3]) };
        let mut x = noise(1, s.input_len());
        x[3 * 256 + 6 * 16 + 9] = f32::NAN;
        let y = run(&Pool::new(1), &s, &x, &noise(2, s.weight_len()), &ConvArgs::default());
        for (i, v) in y.iter().enumerate() {
            let (row, column) = (i % 256 / 16, i % 16);
            if row.abs_diff(6) <= 1 && column.abs_diff(9) <= 1 {
                assert!(v.is_nan(), "row {row} column {column}");
            }
            if row / 4 == 3 || column / 4 == 0 {
                assert!(!v.is_nan(), "row {row} column {column}");
            }
        }
    });
}

#[test]
fn padding_is_zero_after_the_prologue() {
    every_isa(|_| {
        for groups in [1, 4] {
            let pad = [[0, 0], [1, 1], [1, 1]];
            let s = ConvShape { groups, pad, ..ConvShape::new(4, 4, [1, 2, 2], [1, 3, 3]) };
            let activation = Activation::Relu;
            let pre = Prologue { scale: &[0.0; 4], shift: &[1.0; 4], activation, slopes: None };
            let args = ConvArgs { prologue: Some(pre), ..ConvArgs::default() };
            let y = run(&Pool::new(1), &s, &noise(1, 16), &vec![1.0; s.weight_len()], &args);
            // Each window of a 2×2 picture of ones holds all four, never the padding.
            assert_eq!(y, vec![4.0 * (4 / groups) as f32; 16]);
        }
    });
}

#[test]
fn a_nan_is_carried_on_through_relu() {
    every_isa(|_| {
        let s = ConvShape::new(3, 9, [1, 1, 5], [1, 1, 1]);
        let mut x = noise(1, 15);
        x[7] = f32::NAN;
        let epilogue = Epilogue { activation: Activation::Relu, ..Default::default() };
        let activation = Activation::Relu;
        let pre = Prologue { scale: &[1.0; 3], shift: &[0.0; 3], activation, slopes: None };
        for prologue in [None, Some(pre)] {
            let y = run(
                &Pool::new(1),
                &s,
                &x,
                &noise(2, 27),
                &ConvArgs { prologue, epilogue, ..ConvArgs::default() },
            );
            for (i, v) in y.iter().enumerate() {
                assert_eq!(v.is_nan(), i % 5 == 2);
            }
        }
    });
}

#[test]
fn shapes_without_output_are_named_not_computed() {
    let s = ConvShape::new(1, 1, [1, 2, 2], [1, 3, 3]);
    assert_eq!(s.output(), None);
    assert_eq!(ConvShape { stride: [1, 0, 1], ..s.clone() }.output(), None);
    assert_eq!(ConvShape { dilation: [0, 1, 1], ..s.clone() }.output(), None);
    assert_eq!(ConvShape { groups: 0, ..s.clone() }.output(), None);
    assert_eq!(ConvShape { groups: 2, ..s.clone() }.output(), None);
    assert_eq!(ConvShape { input: [usize::MAX; 3], ..s.clone() }.output(), None);
    assert_eq!(ConvShape { pad: [[usize::MAX; 2]; 3], ..s }.output(), None);
}

#[test]
#[should_panic(expected = "x of a convolution has 3 elements, its shape asks for 4")]
fn a_wrong_length_is_named() {
    let s = ConvShape::new(1, 1, [1, 2, 2], [1, 1, 1]);
    conv(
        &Pool::new(1),
        &s,
        &[0.0; 3],
        &pack_conv(&s, &[1.0]),
        &ConvArgs::default(),
        &mut [],
        &mut [0.0; 4],
    );
}

#[test]
fn weights_in_half_precision_take_half_of_the_memory_and_give_the_same_convolution() {
    let pools = [1, 3].map(Pool::new);
    let exact = PackOptions { exact: true, ..PackOptions::default() };
    // Odd channel counts, several blocks of depth, groups, few positions and many.
    let flat = |ins, outs, h, w, k| ConvShape::new(ins, outs, [1, h, w], [1, k, k]);
    let shapes = [
        flat(300, 250, 9, 11, 1),
        flat(1100, 61, 2, 3, 1),
        ConvShape { groups: 2, ..flat(140, 130, 13, 7, 3) },
        ConvShape { stride: [1, 8, 8], ..flat(33, 97, 32, 24, 8) },
    ];
    let transposed = [
        ConvTransposeShape {
            in_channels: 130,
            out_channels: 67,
            groups: 1,
            input: [3, 4, 5],
            kernel: [2; 3],
            stride: [2; 3],
            dilation: [1; 3],
            pad: [[0; 2]; 3],
            output_padding: [0; 3],
        },
        ConvTransposeShape {
            in_channels: 171,
            out_channels: 99,
            groups: 1,
            input: [1, 5, 6],
            kernel: [1, 4, 4],
            stride: [1, 2, 2],
            dilation: [1; 3],
            pad: [[0, 0], [1, 1], [1, 1]],
            output_padding: [0; 3],
        },
    ];
    let bf16 = |x: &f32| f32::from_bits(x.to_bits() & 0xFFFF_0000);
    let f16 = |x: &f32| (x * 1024.0).round() / 1024.0;
    let kinds: [&dyn Fn(&f32) -> f32; 2] = [&bf16, &f16];
    every_isa(|isa| {
        for narrow in kinds {
            for s in &shapes {
                let weight: Vec<f32> = noise(1, s.weight_len()).iter().map(narrow).collect();
                // One number that is none of half precision keeps all in full; it meets zeros only.
                let mut other = weight.clone();
                other[0] = 0.1;
                let mut x = noise(2, s.input_len());
                x[..s.input.iter().product()].fill(0.0);
                let [half, full] = [&weight, &other].map(|w| pack_conv_with(s, w, &exact));
                assert_eq!(2 * half.bytes(), full.bytes(), "{isa:?} {s:?}");
                let outs = s.out_channels * s.output().unwrap().iter().product::<usize>();
                let product = |pool: &Pool, packed: &_| {
                    let mut work = Guarded::new(conv_workspace(s, packed, pool.threads()));
                    let mut y = Guarded::new(outs);
                    conv(pool, s, &x, packed, &ConvArgs::default(), work.slice(), y.slice());
                    work.check();
                    y.check().to_vec()
                };
                let expected = product(&pools[0], &full);
                for pool in &pools {
                    assert!(product(pool, &half) == expected, "{isa:?} {s:?}");
                }
            }
            for s in &transposed {
                let weight: Vec<f32> = noise(1, s.weight_len()).iter().map(narrow).collect();
                let mut other = weight.clone();
                other[..s.out_channels * s.kernel.iter().product::<usize>()].fill(0.1);
                let mut x = noise(2, s.input_len());
                x[..s.input.iter().product()].fill(0.0);
                let [half, full] = [&weight, &other].map(|w| pack_conv_transpose(s, w));
                assert!(half.bytes() < full.bytes(), "{isa:?} {s:?}");
                let none = Epilogue::default();
                let expected = run_transpose(&pools[0], s, &x, &other, &none);
                for pool in &pools {
                    assert!(
                        run_transpose(pool, s, &x, &weight, &none) == expected,
                        "{isa:?} {s:?}"
                    );
                }
            }
        }
    });
}

#[test]
fn moments_gathered_while_storing_are_those_of_the_result() {
    let pools = [1, 2, 3].map(Pool::new);
    // Whole tiles; tiles that stick out along each axis; few tiles, which go step by step; stride two; means far from zero. The same of
    // planes. Few channels, which are summed directly, of volumes in several bands and of planes.
    let cases = [
        ([16, 12, 12], 20, 36, 1, 0.0),
        ([9, 10, 13], 17, 20, 1, 1000.0),
        ([5, 6, 7], 130, 140, 1, -3.0),
        ([18, 14, 22], 16, 33, 2, 50.0),
        ([1, 32, 64], 20, 36, 1, 0.0),
        ([1, 45, 50], 17, 20, 1, 1000.0),
        ([1, 7, 9], 130, 140, 1, -3.0),
        ([1, 62, 54], 32, 33, 2, 50.0),
        ([20, 41, 43], 1, 9, 1, 100.0),
        ([1, 130, 120], 2, 8, 1, -0.5),
        ([1, 61, 59], 1, 32, 2, 0.0),
    ];
    let gathered = std::cell::RefCell::new(std::collections::BTreeSet::new());
    every_isa(|isa| {
        for (input, ins, outs, stride, offset) in cases {
            let axes = input.map(|n| if n == 1 { 1 } else { 3 });
            let s = ConvShape {
                pad: axes.map(|k| [k / 2; 2]),
                stride: axes.map(|k| if k == 1 { 1 } else { stride }),
                ..ConvShape::new(ins, outs, input, axes)
            };
            let (x, weight) = (noise(1, s.input_len()), noise(2, s.weight_len()));
            let bias: Vec<f32> = noise(3, outs).iter().map(|b| b + offset).collect();
            let epilogue = Epilogue { bias: Some(&bias), ..Default::default() };
            let args = ConvArgs { epilogue, ..Default::default() };
            let packed = pack_conv(&s, &weight);
            let positions: usize = s.output().unwrap().iter().product();
            let results = pools.each_ref().map(|pool| {
                let mut work = vec![f32::NAN; conv_workspace(&s, &packed, pool.threads())];
                let mut y = vec![f32::NAN; outs * positions];
                let moments = conv_moments(pool, &s, &x, &packed, (&args, true), &mut work, &mut y);
                // What a norm makes of them is what it makes of the result.
                let normed = |moments: Option<&Moments>| {
                    let mut factors = vec![0.0; 2 * outs];
                    let (scale, shift) = factors.split_at_mut(outs);
                    let norm = Norm { eps: 1e-5, moments, ..Default::default() };
                    norm_scale(pool, outs, outs, &norm, &y, scale, shift);
                    factors
                };
                let (own, given) = (normed(None), normed(moments.as_ref()));
                let algorithm = packed.algorithm();
                let sums = ["product", "digits", "sliding digits"].contains(&algorithm);
                assert_eq!(moments.is_some(), !sums, "{isa:?} {s:?} {algorithm}");
                gathered.borrow_mut().insert((algorithm, input[0] == 1));
                for (own, given) in own.iter().zip(&given) {
                    assert!(
                        (own - given).abs() <= 2e-6 * own.abs().max(1.0),
                        "{isa:?} {s:?}: {own} {given}"
                    );
                }
                (y, given)
            });
            let bits = |(y, factors): &(Vec<f32>, Vec<f32>)| {
                y.iter().chain(factors).map(|v| v.to_bits()).collect::<Vec<_>>()
            };
            assert!(results[1..].iter().all(|r| bits(r) == bits(&results[0])), "{isa:?} {s:?}");
        }
        // Nothing is gathered of what an activation or a sum follows.
        let s = ConvShape { pad: [[1; 2]; 3], ..ConvShape::new(20, 36, [16, 12, 12], [3; 3]) };
        let (x, packed) = (noise(1, s.input_len()), pack_conv(&s, &noise(2, s.weight_len())));
        let epilogue = Epilogue { activation: Activation::Relu, ..Default::default() };
        let args = ConvArgs { epilogue, ..Default::default() };
        let mut work = vec![0.0; conv_workspace(&s, &packed, 1)];
        let mut y = vec![0.0; 36 * 16 * 144];
        assert!(
            conv_moments(&pools[0], &s, &x, &packed, (&args, true), &mut work, &mut y).is_none()
        );
    });
    for algorithm in ["winograd", "direct"] {
        for flat in [false, true] {
            assert!(gathered.borrow().contains(&(algorithm, flat)), "{algorithm}, flat: {flat}");
        }
    }
}

/// Results larger than the caches take a way of their own into memory; a residual of zeros takes the usual one.
#[test]
fn results_sent_past_the_caches_are_the_same() {
    let pools = [1, 2].map(Pool::new);
    let output = [64, 64, 48];
    let count = 34 * output.iter().product::<usize>();
    let s = ConvShape { pad: [[1; 2]; 3], ..ConvShape::new(16, 34, output, [3; 3]) };
    let (x, weight, bias) = (noise(1, s.input_len()), noise(2, s.weight_len()), noise(3, 34));
    // Rows of one register and a half, and of two: only whole ones are woven.
    let ups = [[32, 32, 24], [32, 24, 32]].map(|input| ConvTransposeShape {
        in_channels: 4,
        out_channels: 34,
        input,
        kernel: [2; 3],
        stride: [2; 3],
        pad: [[0; 2]; 3],
        output_padding: [0; 3],
        dilation: [1; 3],
        groups: 1,
    });
    let (small, taps) = (noise(4, ups[0].input_len()), noise(5, ups[0].weight_len()));
    let zeros = vec![0.0; count];
    let epilogue = Epilogue { bias: Some(&bias), ..Default::default() };
    let twins = ups.each_ref().map(|up| {
        let mut twin = vec![0.0; count];
        naive::conv_transpose(up, &small, &taps, &epilogue, &mut twin);
        twin
    });
    every_isa(|isa| {
        let packed = pack_conv(&s, &weight);
        for pool in &pools {
            let threads = pool.threads();
            // They begin on a cache line, as those of a network do.
            let [mut sent, mut usual] = [(); 2].map(|()| Floats::zeros(count));
            for (y, residual) in [(&mut sent, None), (&mut usual, Some(zeros.as_slice()))] {
                let mut work = vec![0.0; conv_workspace(&s, &packed, threads)];
                let args =
                    ConvArgs { epilogue: Epilogue { residual, ..epilogue }, ..Default::default() };
                conv(pool, &s, &x, &packed, &args, &mut work, y);
            }
            assert!(sent[..] == usual[..], "{isa:?}");
            for (up, twin) in ups.iter().zip(&twins) {
                let packed = pack_conv_transpose(up, &taps);
                let mut work = vec![0.0; conv_transpose_workspace(up, &packed, threads)];
                conv_transpose(pool, up, &small, &packed, &epilogue, &mut work, &mut sent);
                close(&sent, twin, &isa);
            }
        }
    });
}
