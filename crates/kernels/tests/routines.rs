//! Matrix product, pooling, norms, softmax, resize and the rest, under every instruction set, against their plain twins.

mod common;

use common::{Guarded, close, every_isa, noise};
use kernels::*;

const SIZES: [usize; 9] = [1, 2, 3, 7, 8, 13, 49, 130, 385];

#[test]
fn products_of_all_sizes_agree_with_their_twin() {
    let pool = Pool::new(2);
    every_isa(|isa| {
        for m in [0, 1, 2, 5, 8, 9, 131, 700] {
            for k in [0, 1, 3, 48, 192, 193, 400] {
                for n in [0, 1, 11, 12, 13, 24, 47, 48, 49, 100] {
                    let (a, b, bias, residual) =
                        (noise(1, m * k), noise(2, k * n), noise(3, n), noise(4, m * n));
                    let transposed: Vec<f32> = (0..k * n).map(|i| b[i % k * n + i / k]).collect();
                    for (activation, all) in [
                        (Activation::Identity, false),
                        (Activation::Relu, true),
                        (Activation::Gelu, true),
                    ] {
                        let (bias, residual) =
                            (all.then_some(&bias[..]), all.then_some(&residual[..]));
                        let e = Epilogue { bias, residual, activation };
                        let mut expected = vec![0.0; m * n];
                        naive::gemm(m, k, n, &a, &b, &e, &mut expected);
                        for (packed, turned) in [
                            (pack_b(k, n, &b, false), pack_b(k, n, &transposed, true)),
                            (
                                pack_weights(k, n, &b, false, false),
                                pack_weights(k, n, &transposed, true, false),
                            ),
                        ] {
                            let mut c = Guarded::new(m * n);
                            gemm(&pool, m, &a, &packed, &e, c.slice());
                            // A sum of k products of numbers in (−1, 1) is about √k/3.
                            let error =
                                common::error_of(c.check(), &expected, (k as f64).sqrt() / 3.0);
                            assert!(error < common::BOUND, "{error:.1e} for {isa:?} {m} {k} {n}");
                            let mut other = vec![0.0; m * n];
                            gemm(&Pool::new(1), m, &a, &turned, &e, &mut other);
                            assert!(c.check() == other, "{isa:?} {m} {k} {n}");
                        }
                    }
                }
            }
        }
    });
}

#[test]
fn weights_in_half_precision_take_half_of_the_memory_and_give_the_same_product() {
    let pools = [1, 3].map(Pool::new);
    let (k, n) = (700, 300);
    let bf16: Vec<f32> =
        noise(5, k * n).iter().map(|x| f32::from_bits(x.to_bits() & 0xFFFF_0000)).collect();
    // Ten bits after the leading one.
    let f16: Vec<f32> = noise(6, k * n).iter().map(|x| (x * 1024.0).round() / 1024.0).collect();
    every_isa(|isa| {
        for weights in [&bf16, &f16] {
            let half = pack_b(k, n, weights, false);
            // One row that is no such number keeps all in full; it meets zeros only.
            let mut other = weights.clone();
            other[..n].fill(0.1);
            let full = pack_b(k, n, &other, false);
            assert_eq!(2 * half.bytes(), full.bytes());
            for m in [1, 9, 250] {
                let mut a = noise(7, m * k);
                a.chunks_mut(k).for_each(|row| row[0] = 0.0);
                let product = |pool: &Pool, b: &PackedMatrix| {
                    let mut c = vec![0.0; m * n];
                    gemm(pool, m, &a, b, &Epilogue::default(), &mut c);
                    c
                };
                let expected = product(&pools[0], &full);
                for pool in &pools {
                    assert!(product(pool, &half) == expected, "{isa:?} {m}");
                }
            }
        }
    });
}

fn pool_cases() -> Vec<PoolShape> {
    let flat = |h, w, k| PoolShape::new(3, [1, h, w], [1, k, k]);
    let pad = [[0, 0], [1, 1], [1, 1]];
    let mut cases = vec![
        flat(1, 1, 1),
        flat(9, 8, 2),
        flat(7, 7, 7),
        PoolShape { stride: [1, 2, 2], pad, ..flat(11, 13, 3) },
        PoolShape { stride: [1, 2, 2], pad, ceil_mode: true, ..flat(12, 14, 3) },
        PoolShape { stride: [1, 3, 3], ceil_mode: true, ..flat(11, 10, 2) },
        PoolShape { stride: [1, 1, 1], pad: [[0, 0], [0, 1], [1, 0]], ..flat(5, 6, 2) },
        PoolShape { dilation: [1, 2, 3], stride: [1, 1, 1], ..flat(9, 11, 3) },
        PoolShape {
            stride: [2, 1, 2],
            pad: [[1, 1]; 3],
            ..PoolShape::new(2, [5, 6, 7], [3, 3, 3])
        },
        PoolShape::new(0, [1, 4, 4], [1, 2, 2]),
        // Pairs side by side: rows of less than a register, of some, an element left over.
        flat(28, 28, 2),
        flat(5, 75, 2),
        PoolShape::new(2, [4, 6, 66], [2, 2, 2]),
        PoolShape::new(3, [5, 7, 9], [2, 2, 2]),
        PoolShape { ceil_mode: true, ..PoolShape::new(2, [4, 4, 34], [2, 2, 2]) },
    ];
    let counted: Vec<_> =
        cases.iter().map(|c| PoolShape { count_include_pad: false, ..c.clone() }).collect();
    cases.extend(counted);
    cases
}

#[test]
fn pooling_agrees_with_its_twin() {
    let pool = Pool::new(2);
    every_isa(|isa| {
        for s in pool_cases() {
            let x = noise(1, s.channels * s.input.iter().product::<usize>());
            let n = s.channels * s.output().unwrap().iter().product::<usize>();
            let (mut y, mut expected) = (Guarded::new(n), vec![0.0; n]);
            max_pool(&pool, &s, &x, y.slice());
            naive::max_pool(&s, &x, &mut expected);
            assert!(y.check() == expected, "{isa:?} {s:?}");
            let mut y = Guarded::new(n);
            avg_pool(&pool, &s, None, &x, y.slice());
            naive::avg_pool(&s, &x, &mut expected);
            close(y.check(), &expected, &(isa, &s));
            // With factor, offset and activation before.
            let (scale, shift) = (noise(2, s.channels), noise(3, s.channels));
            let volume = s.input.iter().product::<usize>().max(1);
            for activation in [Activation::Relu, Activation::Silu] {
                let before = Prologue { scale: &scale, shift: &shift, activation, slopes: None };
                let mut changed = x.clone();
                for (c, x) in changed.chunks_exact_mut(volume).enumerate() {
                    let changed = |x: f32| f64::from(x) * f64::from(scale[c]) + f64::from(shift[c]);
                    let before = |x: f32| naive::activation(activation, changed(x)) as f32;
                    x.iter_mut().for_each(|x| *x = before(*x));
                }
                naive::avg_pool(&s, &changed, &mut expected);
                let mut y = Guarded::new(n);
                avg_pool(&pool, &s, Some(&before), &x, y.slice());
                close(y.check(), &expected, &(isa, &s, activation));
            }
        }
        for spatial in SIZES {
            let x = noise(1, 5 * spatial);
            let (mut y, mut expected) = (Guarded::new(5), vec![0.0; 5]);
            global_avg_pool(&pool, 5, spatial, &x, y.slice());
            naive::global_avg_pool(5, spatial, &x, &mut expected);
            close(y.check(), &expected, &(isa, spatial));
        }
    });
}

#[test]
fn pooling_sizes_and_divisors_are_pytorchs() {
    // torch.nn.functional.avg_pool1d(torch.ones(1, 1, 6), 3, 3, 1, ceil_mode=True): [2/3, 1, 0.5]
    let s = PoolShape {
        stride: [1, 1, 3],
        pad: [[0, 0], [0, 0], [1, 1]],
        ceil_mode: true,
        ..PoolShape::new(1, [1, 1, 6], [1, 1, 3])
    };
    assert_eq!(s.output(), Some([1, 1, 3]));
    let mut y = [0.0; 3];
    avg_pool(&Pool::new(1), &s, None, &[1.0; 6], &mut y);
    assert_eq!(y, [2.0 / 3.0, 1.0, 0.5]);
    // A window that would start in the high padding is dropped.
    let s = PoolShape {
        stride: [1, 1, 2],
        ceil_mode: true,
        pad: [[0, 0], [0, 0], [0, 1]],
        ..PoolShape::new(1, [1, 1, 4], [1, 1, 2])
    };
    assert_eq!(s.output(), Some([1, 1, 2]));
}

#[test]
fn max_pooling_carries_a_nan_on() {
    every_isa(|_| {
        let s = PoolShape { stride: [1, 1, 1], ..PoolShape::new(1, [1, 1, 5], [1, 1, 2]) };
        let mut y = [0.0; 4];
        max_pool(&Pool::new(1), &s, &[1.0, 2.0, f32::NAN, 0.0, 3.0], &mut y);
        assert_eq!(y.map(f32::is_nan), [false, true, true, false]);
        assert_eq!((y[0], y[3]), (2.0, 3.0));
    });
}

#[test]
fn norms_and_softmax_agree_with_their_twins() {
    let pool = Pool::new(2);
    every_isa(|isa| {
        for n in SIZES {
            let (x, weight, bias) = (noise(1, 6 * n), noise(2, 6.max(n)), noise(3, 6.max(n)));
            // Far from zero, where a one-pass variance would lose all digits.
            let x: Vec<f32> = x.iter().map(|v| v + 100.0).collect();
            let mut expected = vec![0.0; 6 * n];
            for groups in [1, 2, 3, 6] {
                let norm = Norm {
                    weight: Some(&weight[..6]),
                    bias: Some(&bias[..6]),
                    eps: 1e-2,
                    activation: Activation::LeakyRelu(0.01),
                    moments: None,
                };
                let mut y = Guarded::new(6 * n);
                group_norm(&pool, groups, 6, n, &norm, &x, y.slice());
                naive::group_norm(groups, 6, n, &norm, &x, &mut expected);
                let error = common::error(y.check(), &expected);
                assert!(error < common::BOUND, "{error:.1e} {isa:?} {groups} {n}");
                let residual = noise(4, 6 * n);
                let mut y = Guarded::new(6 * n);
                group_norm_add(&pool, [groups, 6, n], &norm, &x, Some(&residual), y.slice());
                let plain = Norm { activation: Activation::Identity, ..norm };
                naive::group_norm(groups, 6, n, &plain, &x, &mut expected);
                for (e, r) in expected.iter_mut().zip(&residual) {
                    *e = norm.activation.apply(*e + *r);
                }
                let error = common::error(y.check(), &expected);
                assert!(error < common::BOUND, "{error:.1e} {isa:?} {groups} {n}");
                let (mut scale, mut shift) = (Guarded::new(6), Guarded::new(6));
                norm_scale(&pool, groups, 6, &norm, &x, scale.slice(), shift.slice());
                let mut expected = [vec![0.0; 6], vec![0.0; 6]];
                let [a, b] = &mut expected;
                naive::norm_scale(groups, &norm, &x, a, b);
                close(scale.check(), a, &(isa, groups, n));
                close(shift.check(), b, &(isa, groups, n));
            }
            let norm =
                Norm { weight: Some(&weight[..n]), bias: None, eps: 1e-2, ..Default::default() };
            let mut y = Guarded::new(6 * n);
            layer_norm(&pool, 6, n, &norm, &x, y.slice());
            naive::layer_norm(n, &norm, &x, &mut expected);
            close(y.check(), &expected, &(isa, n));
            let norm =
                Norm { weight: Some(&weight[..6]), bias: Some(&bias[..6]), eps: 1e-2, ..norm };
            let mut y = Guarded::new(6 * n);
            channel_norm(&pool, 6, &norm, &x, y.slice());
            naive::channel_norm(6, &norm, &x, &mut expected);
            close(y.check(), &expected, &(isa, n));
            let mut y = Guarded::new(6 * n);
            softmax(&pool, 6, n, &x, y.slice());
            naive::softmax(n, &x, &mut expected);
            close(y.check(), &expected, &(isa, n));
        }
    });
}

#[test]
fn softmax_keeps_masked_places_at_zero() {
    let mut y = [0.0; 3];
    softmax(&Pool::new(1), 1, 3, &[1.0, f32::NEG_INFINITY, 1.0], &mut y);
    assert_eq!(y, [0.5, 0.0, 0.5]);
    softmax(&Pool::new(1), 1, 3, &[f32::NAN, 0.0, 1.0], &mut y);
    assert!(y.iter().all(|v| v.is_nan()));
}

#[test]
fn elementwise_routines_agree_with_their_twins() {
    let pool = Pool::new(2);
    every_isa(|isa| {
        for n in [0, 1, 5, 16, 1000, 70_001] {
            let (x, y) = (noise(1, n), noise(2, n));
            let mut expected = vec![0.0; n];
            for op in [
                BinaryOp::Add,
                BinaryOp::Sub,
                BinaryOp::Mul,
                BinaryOp::Div,
                BinaryOp::Max,
                BinaryOp::Min,
            ] {
                for y in [&y[..], &[0.7]] {
                    let mut out = Guarded::new(n);
                    binary(&pool, op, &x, y, out.slice());
                    naive::binary(op, &x, y, &mut expected);
                    assert!(out.check() == expected, "{isa:?} {op:?} {n}");
                }
            }
        }
        for n in SIZES {
            let (x, scale, shift) = (noise(1, 9 * n), noise(2, 9), noise(3, 9));
            let (mut y, mut expected) = (Guarded::new(9 * n), vec![0.0; 9 * n]);
            affine(&pool, n, &scale, &shift, Activation::Tanh, &x, y.slice());
            naive::affine(n, &scale, &shift, Activation::Tanh, &x, &mut expected);
            close(y.check(), &expected, &(isa, n));
        }
    });
}

#[test]
fn resizing_agrees_with_its_twin() {
    let pool = Pool::new(2);
    every_isa(|isa| {
        let sizes = [
            ([1, 5, 7], [1, 9, 4]),
            ([1, 1, 1], [1, 3, 2]),
            ([1, 6, 6], [1, 6, 6]),
            ([1, 6, 6], [1, 12, 12]),
            ([3, 4, 5], [6, 8, 10]),
            ([4, 7, 3], [2, 1, 9]),
            ([1, 1, 50], [1, 1, 17]),
            ([1, 60, 60], [1, 512, 512]),
            ([2, 3, 4], [0, 3, 4]),
        ];
        for (from, to) in sizes {
            let x = noise(1, 3 * from.iter().product::<usize>());
            let n = 3 * to.iter().product::<usize>();
            let mut expected = vec![0.0; n];
            for align in [false, true] {
                let mut y = Guarded::new(n);
                resize_linear(&pool, 3, from, to, align, &x, y.slice());
                naive::resize_linear(3, from, to, align, &x, &mut expected);
                close(y.check(), &expected, &(isa, from, to, align));
            }
            let mut y = Guarded::new(n);
            resize_nearest(&pool, 3, from, to, &x, y.slice());
            naive::resize_nearest(3, from, to, &x, &mut expected);
            assert!(y.check() == expected, "{isa:?} {from:?} {to:?}");
        }
    });
}

#[test]
fn resizing_gives_pytorchs_numbers() {
    // torch.nn.functional.interpolate(torch.tensor([[[0., 1., 2., 3.]]]), size=6, mode="linear", align_corners=False)
    let mut y = [0.0; 6];
    resize_linear(&Pool::new(1), 1, [1, 1, 4], [1, 1, 6], false, &[0.0, 1.0, 2.0, 3.0], &mut y);
    let expected = [0.0, 0.5, 7.0 / 6.0, 11.0 / 6.0, 2.5, 3.0];
    assert!(y.iter().zip(expected).all(|(y, e)| (y - e).abs() < 1e-6), "{y:?}");
    // … align_corners=True
    resize_linear(&Pool::new(1), 1, [1, 1, 4], [1, 1, 6], true, &[0.0, 1.0, 2.0, 3.0], &mut y);
    let expected = [0.0, 0.6, 1.2, 1.8, 2.4, 3.0];
    assert!(y.iter().zip(expected).all(|(y, e)| (y - e).abs() < 1e-6), "{y:?}");
}

#[test]
fn rows_come_from_where_the_list_says_and_nowhere_is_zero() {
    for (width, threads) in [(1, 1), (3, 2), (96, 1), (96, 3)] {
        let pool = Pool::new(threads);
        let (x, from) = (noise(1, 50 * width), (0..120).map(|i| i * 37 % 50));
        let from: Vec<u32> = from.map(|row| if row % 7 == 3 { NOWHERE } else { row }).collect();
        let expected = |i: usize| match from[i / width] {
            NOWHERE => 0.0,
            row => x[row as usize * width + i % width],
        };
        let mut y = Guarded::new(120 * width);
        gather_rows(&pool, width, &from, &x, None, y.slice());
        assert!(y.check().iter().enumerate().all(|(i, y)| *y == expected(i)), "{width} {threads}");

        let added = noise(2, 120 * width);
        gather_rows(&pool, width, &from, &x, Some(&added), y.slice());
        let sum = |i: usize| expected(i) + added[i];
        assert!(y.check().iter().enumerate().all(|(i, y)| *y == sum(i)), "{width} {threads}");

        let (weight, bias) = (noise(3, width), noise(4, width));
        let norm = Norm { weight: Some(&weight), bias: Some(&bias), eps: 1e-5, ..Norm::default() };
        let mut all = vec![0.0; x.len()];
        layer_norm(&pool, 50, width, &norm, &x, &mut all);
        layer_norm_rows(&pool, width, &norm, &from, &x, y.slice());
        let mut expected = vec![0.0; 120 * width];
        gather_rows(&pool, width, &from, &all, None, &mut expected);
        assert!(y.check() == expected, "{width} {threads}");
    }
}
