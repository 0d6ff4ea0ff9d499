//! Weights handed over as levels, or with the factors of a folded norm, give the bits of the floats they make, in less memory.

mod common;

use common::{Guarded, close, every_isa, noise};
use kernels::cases::{conv_cases, conv_transpose_cases};
use kernels::{
    Bytes, ConvArgs, ConvShape, ConvTransposeShape, Epilogue, Isa, Levels, Numbers, PackOptions,
    PackedConv, PackedMatrix, Pool, Weights, conv, conv_transpose, conv_transpose_workspace,
    conv_workspace, gemm, naive, pack_b, pack_conv, pack_conv_transpose, pack_conv_with,
    pack_weights,
};

/// Made-up quantised weights of `outs` sums of `terms` terms.
struct Quantised {
    signed: Vec<i8>,
    unsigned: Vec<u8>,
    scale: Vec<f32>,
    zero: Vec<f32>,
    factor: Vec<f32>,
    stretch: usize,
}

impl Quantised {
    fn new([outs, terms]: [usize; 2], stretch: usize) -> Quantised {
        let bytes = noise(11, outs * terms);
        let steps = outs * terms.div_ceil(stretch).max(1);
        let positive = |seed, n| noise(seed, n).into_iter().map(|x| 0.01 + x.abs()).collect();
        Quantised {
            signed: bytes.iter().map(|x| (x * 128.0).floor() as i8).collect(),
            unsigned: bytes.iter().map(|x| ((x + 1.0) * 128.0).floor() as u8).collect(),
            scale: positive(12, steps),
            zero: noise(13, steps).into_iter().map(|x| (x * 9.0).round()).collect(),
            factor: positive(14, outs),
            stretch,
        }
    }

    /// Signed ones; unsigned, their zero points in the middle; those with factors.
    fn forms(&self) -> [Weights<'_>; 3] {
        let Quantised { signed, unsigned, scale, zero, factor, stretch } = self;
        let stretch = *stretch;
        let numbers = |levels| Numbers::Levels(Levels { levels, scale, zero, stretch });
        let [signed, unsigned] = [Bytes::Signed(signed), Bytes::Unsigned(unsigned)].map(numbers);
        [
            Weights { numbers: signed, factor: None },
            Weights { numbers: unsigned, factor: None },
            Weights { numbers: signed, factor: Some(factor) },
        ]
    }
}

fn run(pool: &Pool, s: &ConvShape, x: &[f32], packed: &PackedConv) -> Vec<f32> {
    let mut work = Guarded::new(conv_workspace(s, packed, pool.threads()));
    let mut y = Guarded::new(s.out_channels * s.output().unwrap().iter().product::<usize>());
    conv(pool, s, x, packed, &ConvArgs::default(), work.slice(), y.slice());
    work.check();
    y.check().to_vec()
}

/// The table, and shapes of each algorithm with enough weights to be kept small: the product, one of many groups, sums of lines, one
/// position.
fn shapes() -> Vec<ConvShape> {
    let flat = |ins, outs, h, w, k| ConvShape::new(ins, outs, [1, h, w], [1, k, k]);
    let mut shapes = conv_cases();
    shapes.extend([
        flat(300, 250, 9, 11, 1),
        flat(1100, 61, 2, 3, 1),
        flat(64, 70, 12, 12, 1),
        ConvShape { groups: 2, ..flat(140, 130, 13, 7, 3) },
        ConvShape { stride: [1, 8, 8], ..flat(33, 97, 32, 24, 8) },
        ConvShape { groups: 512, pad: [[0, 0], [1, 1], [1, 1]], ..flat(512, 512, 5, 5, 3) },
        ConvShape { groups: 96, pad: [[0, 0], [1, 1], [1, 1]], ..flat(384, 384, 9, 8, 3) },
        flat(96, 67, 1, 1, 1),
        flat(20, 30, 4, 4, 4),
    ]);
    shapes
}

#[test]
fn every_convolution_of_levels_is_that_of_the_floats_they_make() {
    let pools = [1, 3].map(Pool::new);
    every_isa(|isa| {
        let mut smaller = std::collections::BTreeSet::new();
        for s in shapes() {
            let sums = [s.out_channels, s.weight_len() / s.out_channels.max(1)];
            let x = noise(2, s.input_len());
            for stretch in [usize::MAX, 40] {
                let quantised = Quantised::new(sums, stretch);
                for (form, weights) in quantised.forms().into_iter().enumerate() {
                    let floats = weights.floats(sums[1], |i| [i / sums[1], i % sums[1]]);
                    let full = pack_conv_with(&s, &floats[..], &PackOptions::default());
                    let kept = pack_conv_with(&s, weights, &PackOptions::default());
                    if kept.bytes() < full.bytes() {
                        smaller.insert(kept.algorithm());
                        // With short sums the tables count.
                        let small = sums[1] < 40 || kept.bytes() * 2 < full.bytes();
                        assert!(small, "{isa:?} {s:?}");
                    }
                    let expected = run(&pools[0], &s, &x, &full);
                    // Digits are made of floats only: then the other rounds otherwise.
                    let digits = |packed: &PackedConv| packed.algorithm().ends_with("digits");
                    let other = digits(&full);
                    assert!(!digits(&kept));
                    for pool in &pools[..if form == 0 { 2 } else { 1 }] {
                        let own = run(pool, &s, &x, &kept);
                        match other {
                            true => close(&own, &expected, &(isa, &s)),
                            false => assert!(own == expected, "{isa:?} {s:?}"),
                        }
                    }
                    if (form, stretch) != (0, 40) {
                        continue;
                    }
                    let mut twin = vec![0.0; expected.len()];
                    naive::conv(&s, &x, &floats, &ConvArgs::default(), &mut twin);
                    close(&expected, &twin, &(isa, &s));
                }
            }
        }
        assert!(smaller.into_iter().eq(["dense", "direct", "product"]), "{isa:?}");
    });
}

#[test]
fn every_transposed_convolution_of_levels_is_that_of_the_floats_they_make() {
    let pools = [1, 3].map(Pool::new);
    let blocks = ConvTransposeShape {
        in_channels: 130,
        out_channels: 67,
        groups: 1,
        input: [3, 4, 5],
        kernel: [2; 3],
        stride: [2; 3],
        dilation: [1; 3],
        pad: [[0; 2]; 3],
        output_padding: [0; 3],
    };
    let phases = ConvTransposeShape {
        in_channels: 171,
        out_channels: 99,
        input: [1, 5, 6],
        kernel: [1, 4, 4],
        stride: [1, 2, 2],
        pad: [[0, 0], [1, 1], [1, 1]],
        ..blocks.clone()
    };
    every_isa(|isa| {
        let mut smaller = 0;
        for s in conv_transpose_cases().into_iter().chain([blocks.clone(), phases.clone()]) {
            let taps: usize = s.kernel.iter().product();
            let (outs, ins) = (s.out_channels / s.groups, s.in_channels / s.groups);
            let out = |i: usize| i / (ins * outs * taps) * outs + i / taps % outs;
            let quantised = Quantised::new([s.out_channels, ins * taps], usize::MAX);
            let x = noise(2, s.input_len());
            for weights in quantised.forms() {
                let floats = weights.floats(1, |i| [out(i), 0]);
                let (full, kept) =
                    (pack_conv_transpose(&s, &floats[..]), pack_conv_transpose(&s, weights));
                smaller += usize::from(kept.bytes() * 2 < full.bytes());
                let results = [(0, &full), (0, &kept), (1, &kept)].map(|(pool, packed)| {
                    let pool = &pools[pool];
                    let mut work =
                        Guarded::new(conv_transpose_workspace(&s, packed, pool.threads()));
                    let positions = s.output().unwrap().iter().product::<usize>();
                    let mut y = Guarded::new(s.out_channels * positions);
                    let none = Epilogue::default();
                    conv_transpose(pool, &s, &x, packed, &none, work.slice(), y.slice());
                    work.check();
                    y.check().to_vec()
                });
                assert!(results.iter().all(|y| *y == results[0]), "{isa:?} {s:?}");
                let mut twin = vec![0.0; results[0].len()];
                naive::conv_transpose(&s, &x, &floats, &Epilogue::default(), &mut twin);
                close(&results[0], &twin, &(isa, &s));
            }
        }
        assert!(smaller >= 6, "{isa:?}: {smaller}");
    });
}

#[test]
fn every_product_with_levels_is_that_with_the_floats_they_make() {
    let pools = [1, 3].map(Pool::new);
    every_isa(|isa| {
        for (k, n) in [(1, 1), (7, 5), (64, 64), (700, 300), (33, 1000)] {
            for stretch in [usize::MAX, 32] {
                // `[n][k]`, and turned.
                let quantised = Quantised::new([n, k], stretch);
                for weights in quantised.forms() {
                    let floats = weights.floats(k, |i| [i / k, i % k]);
                    let (full, kept) =
                        (pack_b(k, n, &floats[..], true), pack_b(k, n, weights, true));
                    if k * n >= 1 << 12 {
                        assert!(kept.bytes() * 2 < full.bytes(), "{isa:?} {k} {n}");
                    }
                    let turned = pack_b(k, n, weights_of(k, n, &quantised).forms()[0], false);
                    for m in [1, 9, 250] {
                        let a = noise(7, m * k);
                        let product = |pool: &Pool, b: &_| {
                            let mut c = vec![0.0; m * n];
                            gemm(pool, m, &a, b, &Epilogue::default(), &mut c);
                            c
                        };
                        let expected = product(&pools[0], &full);
                        for pool in &pools {
                            assert!(product(pool, &kept) == expected, "{isa:?} {m} {k} {n}");
                        }
                        if weights.factor.is_none()
                            && matches!(
                                weights.numbers,
                                Numbers::Levels(Levels { levels: Bytes::Signed(_), .. })
                            )
                        {
                            assert!(product(&pools[1], &turned) == expected, "{isa:?} {m} {k} {n}");
                        }
                    }
                }
            }
        }
    });
}

/// The same weights, `[k][n]`.
fn weights_of(k: usize, n: usize, from: &Quantised) -> Quantised {
    let at = |i: usize| i % n * k + i / n;
    Quantised {
        signed: (0..k * n).map(|i| from.signed[at(i)]).collect(),
        unsigned: (0..k * n).map(|i| from.unsigned[at(i)]).collect(),
        scale: from.scale.clone(),
        zero: from.zero.clone(),
        factor: from.factor.clone(),
        stretch: from.stretch,
    }
}

#[test]
fn a_folded_norm_leaves_weights_in_half_precision_what_they_are() {
    let pool = Pool::new(2);
    let exact = PackOptions { exact: true, ..PackOptions::default() };
    every_isa(|isa| {
        for s in [
            ConvShape::new(300, 250, [1, 9, 11], [1, 1, 1]),
            ConvShape { groups: 512, ..ConvShape::new(2048, 2048, [1, 6, 6], [1, 3, 3]) },
            ConvShape::new(1200, 96, [1, 1, 1], [1, 1, 1]),
        ] {
            let terms = s.weight_len() / s.out_channels;
            let half: Vec<f32> =
                noise(1, s.weight_len()).iter().map(|x| (x * 1024.0).round() / 1024.0).collect();
            let factor = noise(3, s.out_channels);
            let weights = Weights { factor: Some(&factor), ..Weights::from(&half) };
            let floats = weights.floats(terms, |i| [i / terms, i % terms]);
            let kept = pack_conv_with(&s, weights, &exact);
            let full = pack_conv_with(&s, &floats[..], &exact);
            // Two bytes a weight, and a table of factors.
            assert!(kept.bytes() * 20 < full.bytes() * 11, "{isa:?} {s:?} {}", kept.bytes());
            let x = noise(2, s.input_len());
            assert!(run(&pool, &s, &x, &kept) == run(&pool, &s, &x, &full), "{isa:?} {s:?}");
        }
    });
}

#[test]
fn digits_serve_where_there_are_tiles_and_sums_need_not_be_exact() {
    every_isa(|isa| {
        let s = ConvShape::new(256, 512, [1, 28, 28], [1, 1, 1]);
        let (x, weight) = (noise(1, s.input_len()), noise(2, s.weight_len()));
        let exact = PackOptions { exact: true, ..PackOptions::default() };
        let (packed, sums) = (pack_conv(&s, &weight), pack_conv_with(&s, &weight, &exact));
        let digits = isa == Isa::Amx;
        assert_eq!(packed.algorithm(), if digits { "digits" } else { "product" });
        assert_eq!(sums.algorithm(), "product");
        // Three bytes a weight, and the steps of each 256 of them.
        assert_eq!(packed.bytes() < sums.bytes() * 4 / 5, digits);
        let (k, n) = (256, 512);
        let of = |exact| pack_weights(k, n, &weight, true, exact);
        assert_eq!(of(false).bytes() < of(true).bytes() * 4 / 5, digits);
        let product = |b: &PackedMatrix| {
            let mut c = vec![0.0; 33 * n];
            gemm(&Pool::new(2), 33, &x[..33 * k], b, &Epilogue::default(), &mut c);
            c
        };
        assert!(product(&of(true)) == product(&pack_b(k, n, &weight, true)));
        assert_eq!(product(&of(false)) != product(&of(true)), digits);
        // Few large numbers among many small ones.
        let mut a = noise(3, 33 * k);
        a.iter_mut().step_by(64).for_each(|a| *a *= 200.0);
        let (mut c, mut twin) = (vec![0.0; 33 * n], vec![0.0; 33 * n]);
        let turned: Vec<f32> = (0..k * n).map(|i| weight[i % n * k + i / n]).collect();
        naive::gemm(33, k, n, &a, &turned, &Epilogue::default(), &mut twin);
        gemm(&Pool::new(1), 33, &a, &of(false), &Epilogue::default(), &mut c);
        close(&c, &twin, &isa);
    });
}
