//! Every operation of every instruction set against plain numbers.

use super::*;
use crate::Isa;

/// What comparisons and signs are asked about, in both operands.
const NUMBERS: [f32; 12] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    1.5,
    -3.25,
    f32::NAN,
    f32::INFINITY,
    f32::NEG_INFINITY,
    1e-40,
    f32::MAX,
    f32::MIN_POSITIVE,
];

/// The same number: bits, but any NaN for any other.
#[track_caller]
fn same(actual: f32, expected: f32, what: &str) {
    let same = actual.to_bits() == expected.to_bits() || actual.is_nan() && expected.is_nan();
    assert!(same, "{what}: {actual:e}, not {expected:e}");
}

unsafe fn lanes<S: Simd>(v: S::V) -> Vec<f32> {
    let mut all = vec![0.0; S::LANES];
    // SAFETY: as long as a register; the instruction set by the caller's promise, so below.
    unsafe { S::store(all.as_mut_ptr(), v) };
    all
}

#[inline(always)]
unsafe fn single_lanes<S: Simd>() {
    let lesser = |a: f32, b: f32| if a < b { a } else { b };
    let larger = |a: f32, b: f32| if a > b { a } else { b };
    for a in NUMBERS {
        // SAFETY: the instruction set by the caller's promise; each slice is as long as its register.
        unsafe {
            let v = S::splat(a);
            for lane in lanes::<S>(S::relu(v)) {
                same(lane, if a < 0.0 { 0.0 } else { a }, &format!("relu({a})"));
            }
            for lane in lanes::<S>(S::abs(v)) {
                same(lane, a.abs(), &format!("abs({a})"));
            }
            for b in NUMBERS {
                let w = S::splat(b);
                let check = |v: S::V, expected: f32, name: &str| {
                    for lane in lanes::<S>(v) {
                        same(lane, expected, &format!("{name}({a}, {b})"));
                    }
                };
                check(S::add(v, w), a + b, "add");
                check(S::sub(v, w), a - b, "sub");
                check(S::mul(v, w), a * b, "mul");
                check(S::div(v, w), a / b, "div");
                check(S::max(v, w), larger(a, b), "max");
                check(S::min(v, w), lesser(a, b), "min");
                check(S::with_sign(v, w), a.copysign(b), "with_sign");
                let chosen = S::if_less(v, w, S::splat(7.0), S::splat(9.0));
                check(chosen, if a < b { 7.0 } else { 9.0 }, "if_less");
                let unfused = a * b + 0.5;
                if unfused.is_finite() && unfused == a.mul_add(b, 0.5) {
                    check(S::fma(v, w, S::splat(0.5)), unfused, "fma");
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn powers<S: Simd>() {
    for n in -126..=127 {
        let power = 2f32.powi(n);
        // SAFETY: the instruction set by the caller's promise.
        unsafe {
            assert_eq!(lanes::<S>(S::power_of_two(S::splat(n as f32))), vec![power; S::LANES]);
            let times = lanes::<S>(S::times_power(S::splat(1.25), S::splat(n as f32)));
            assert_eq!(times, vec![1.25 * power; S::LANES]);
            for m in [1.0, 1.5, 1.999] {
                let (mantissa, exponent) = S::split(S::splat(m * power));
                assert_eq!(lanes::<S>(mantissa), vec![m; S::LANES], "{m}·2^{n}");
                assert_eq!(lanes::<S>(exponent), vec![n as f32; S::LANES], "{m}·2^{n}");
            }
        }
    }
}

#[inline(always)]
unsafe fn memory<S: Simd>() {
    let (side, step, to_step) = (S::SIDE, S::SIDE + 3, S::SIDE + 5);
    let x: Vec<f32> = (1..=side * step + S::LANES).map(|i| i as f32).collect();
    for n in 0..S::LANES {
        // Exactly `n` elements, so that a tool that watches memory sees a read past them.
        let part: Box<[f32]> = x[..n].into();
        let mut y = vec![-1.0; S::LANES + 1];
        // SAFETY: `n` elements are there; the instruction set by the caller's promise.
        let loaded = unsafe { S::load_part(part.as_ptr(), n) };
        // SAFETY: as above.
        let all = unsafe { lanes::<S>(loaded) };
        for (i, v) in all.iter().enumerate() {
            assert_eq!(*v, if i < n { x[i] } else { 0.0 }, "load_part of {n}");
        }
        // SAFETY: as above.
        unsafe { S::store_part(y.as_mut_ptr(), S::load(x.as_ptr()), n) };
        for (i, v) in y.iter().enumerate() {
            assert_eq!(*v, if i < n { x[i] } else { -1.0 }, "store_part of {n}");
        }
    }
    let [a, b] = [0, S::LANES].map(|at| x[at..].as_ptr());
    // SAFETY: two registers of `x`; the instruction set by the caller's promise.
    let woven = unsafe { S::weave(S::load(a), S::load(b)).map(|v| lanes::<S>(v)) }.concat();
    let expected: Vec<f32> = (0..2 * S::LANES).map(|i| x[i / 2 + i % 2 * S::LANES]).collect();
    assert_eq!(woven, expected);
    for n in 1..=side {
        let mut y = vec![-1.0; side * to_step];
        // SAFETY: rows `step` apart of `x`, rows `to_step` apart of `y`, `side` of each.
        unsafe { S::transpose(x.as_ptr(), step, n, y.as_mut_ptr(), to_step) };
        for (at, v) in y.iter().enumerate() {
            let (j, i) = (at / to_step, at % to_step);
            let expected = match (i < side, j < n) {
                (true, true) => x[i * step + j],
                (true, false) => 0.0,
                _ => -1.0,
            };
            assert_eq!(*v, expected, "element ({j}, {i}) of {n} columns turned");
        }
    }
}

#[inline(always)]
unsafe fn everything<S: Simd>() {
    // SAFETY: the instruction set by the caller's promise.
    unsafe {
        single_lanes::<S>();
        powers::<S>();
        memory::<S>();
    }
}

#[test]
fn every_operation_of_every_set_is_that_of_plain_numbers_and_nan_goes_where_the_trait_says() {
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
    unsafe fn avx512() {
        // SAFETY: the instruction set is this function's.
        unsafe { everything::<Avx512>() }
    }
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2() {
        // SAFETY: the instruction set is this function's.
        unsafe { everything::<Avx2>() }
    }
    for isa in Isa::all_vectors() {
        match isa {
            // SAFETY: the processor has what is available.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { avx512() },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2() },
            // SAFETY: NEON is part of AArch64.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => unsafe { everything::<Neon>() },
            // SAFETY: the portable set needs nothing.
            Isa::Portable => unsafe { everything::<Portable>() },
            other => panic!("{} has no test", other.name()),
        }
    }
}

#[cfg(target_arch = "aarch64")]
#[test]
fn neon_is_chosen_on_every_aarch64_processor() {
    assert_eq!(Isa::available(), [Isa::Portable, Isa::Neon]);
}
