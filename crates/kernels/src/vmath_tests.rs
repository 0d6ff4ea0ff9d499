//! Each function against `f64`, on every instruction set of this machine: a sweep of all binades, and the edges.

use super::*;
use crate::naive;

macro_rules! functions {
    ($($name:ident = $f:ident),*) => {
        $(#[derive(Clone, Copy)]
        struct $name;
        impl Function for $name {
            #[inline(always)]
            unsafe fn of<S: Simd>(self, x: S::V) -> S::V {
                // SAFETY: passed on.
                unsafe { $f::<S>(x) }
            }
        })*
    };
}
functions!(
    Exp = exp,
    ExpFlushed = exp_flushed,
    Erf = erf,
    Tanh = tanh,
    Sigmoid = sigmoid,
    Silu = silu,
    Gelu = gelu,
    GeluTanh = gelu_tanh,
    Log = log,
    Log1p = log1p
);

/// The values of `f` on all instruction sets of this machine.
fn on_all_sets<F: Function>(x: &[f32], f: F) -> Vec<Vec<f32>> {
    let mut all = Vec::new();
    let mut y = x.to_vec();
    // SAFETY: the portable set needs nothing.
    unsafe { map_with::<Portable, F>(&mut y, f) };
    all.push(y);
    let mut y = x.to_vec();
    map(&mut y, f);
    all.push(y);
    all
}

/// Numbers of both signs: about 2000 in each binade from the smallest denormal to the largest number, those around 1 densely.
fn sweep() -> Vec<f32> {
    let mut x: Vec<f32> = (0..0x7f80_0000u32).step_by(4099).map(f32::from_bits).collect();
    x.extend((0..200_000).map(|i| i as f32 * 1e-4));
    x.extend([f32::MIN_POSITIVE, f32::MAX, f32::from_bits(1), 0.0]);
    let negative: Vec<f32> = x.iter().map(|v| -v).collect();
    x.extend(negative);
    x
}

/// Distance in units of the last place of `t`, never smaller than the denormal step.
fn ulps(y: f32, t: f64) -> f64 {
    if y as f64 == t || (y.is_infinite() && t.abs() > f32::MAX as f64 && y as f64 * t > 0.0) {
        return 0.0;
    }
    let exponent = t.abs().max(f32::MIN_POSITIVE as f64).log2().floor();
    (y as f64 - t).abs() / (exponent - 23.0).exp2()
}

#[track_caller]
fn within<F: Function>(
    x: &[f32],
    f: F,
    twin: impl Fn(f64) -> f64,
    bound: impl Fn(f64, f64) -> f64,
) {
    for (set, y) in on_all_sets(x, f).into_iter().enumerate() {
        for (x, y) in x.iter().zip(y) {
            let t = twin(*x as f64);
            let far = ulps(y, t);
            assert!(
                far <= bound(*x as f64, t),
                "set {set}: f({x:e}) = {y:e}, not {t:e}: {far} ulp"
            );
        }
    }
}

#[track_caller]
fn gives<F: Function>(f: F, pairs: &[(f32, f32)]) {
    let x: Vec<f32> = pairs.iter().map(|p| p.0).collect();
    for y in on_all_sets(&x, f) {
        for ((x, t), y) in pairs.iter().zip(y) {
            assert!(y == *t || (y.is_nan() && t.is_nan()), "f({x}) = {y}, not {t}");
        }
    }
}

const INF: f32 = f32::INFINITY;
const NAN: f32 = f32::NAN;

#[test]
fn exp_is_within_two_ulp_and_reaches_the_denormal_numbers() {
    within(&sweep(), Exp, f64::exp, |_, _| 2.0);
    gives(Exp, &[(-INF, 0.0), (INF, INF), (NAN, NAN), (0.0, 1.0), (-0.0, 1.0), (-200.0, 0.0)]);
}

#[test]
fn exp_flushed_is_exp_without_denormal_numbers() {
    let x: Vec<f32> = sweep().into_iter().filter(|x| *x <= 88.0).collect();
    let tiny = f32::MIN_POSITIVE as f64 * 1.0001;
    within(
        &x,
        ExpFlushed,
        |x| if x.exp() < tiny { 0.0 } else { x.exp() },
        |x, t| {
            if t == 0.0 && x > -87.4 { f64::INFINITY } else { 3.0 }
        },
    );
    gives(ExpFlushed, &[(-INF, 0.0), (NAN, NAN), (0.0, 1.0), (-1e9, 0.0)]);
}

#[test]
fn erf_is_within_three_ulp() {
    within(&sweep(), Erf, naive::erf, |_, _| 3.0);
    gives(Erf, &[(-INF, -1.0), (INF, 1.0), (NAN, NAN), (0.0, 0.0)]);
}

#[test]
fn tanh_is_within_three_ulp() {
    within(&sweep(), Tanh, f64::tanh, |_, _| 3.0);
    gives(Tanh, &[(-INF, -1.0), (INF, 1.0), (NAN, NAN), (0.0, 0.0)]);
}

#[test]
fn sigmoid_is_within_three_ulp() {
    let least = 1.2e-38;
    within(
        &sweep(),
        Sigmoid,
        |x| 1.0 / (1.0 + (-x).exp()),
        |_, t| {
            if t < least { f64::INFINITY } else { 3.0 }
        },
    );
    gives(Sigmoid, &[(-INF, 0.0), (INF, 1.0), (NAN, NAN), (0.0, 0.5)]);
}

#[test]
fn gelu_is_within_its_stated_bound() {
    let twin = |x: f64| {
        // ½x·erfc(−x/√2): for negative x by the continued fraction of erfc, since 1 + erf cancels.
        let z = x.abs() / std::f64::consts::SQRT_2;
        let erfc = if z < 2.0 { 1.0 - naive::erf(z) } else { erfc_far(z) };
        if x < 0.0 { 0.5 * x * erfc } else { x - 0.5 * x * erfc }
    };
    for y in on_all_sets(&sweep(), Gelu) {
        for (x, y) in sweep().into_iter().zip(y) {
            let (x, y) = (x as f64, y as f64);
            let t = twin(x);
            let bound = if x < -6.0 { 0.0 } else { 2.5e-7 * (1.0 + x.abs()) };
            let t = if x < -6.0 { 0.0 } else { t };
            assert!((y - t).abs() <= bound, "gelu({x:e}) = {y:e}, not {t:e}");
        }
    }
    gives(Gelu, &[(INF, INF), (NAN, NAN), (0.0, 0.0), (-1e30, 0.0), (-5.3, 0.0), (5.5, 5.5)]);
}

#[test]
fn silu_is_within_four_ulp() {
    let x: Vec<f32> = sweep().into_iter().filter(|x| *x >= -87.3).collect();
    within(&x, Silu, |x| x / (1.0 + (-x).exp()), |_, _| 4.0);
    gives(Silu, &[(INF, INF), (NAN, NAN), (0.0, 0.0), (100.0, 100.0)]);
    for y in on_all_sets(&[-88.0, -100.0, -1e9], Silu) {
        assert!(y.iter().all(|y| *y <= 0.0 && *y > -1e-28), "{y:?}");
    }
}

/// What a layer sees: of numbers drawn from the normal distribution, the error and the values as root mean squares.
#[test]
fn activations_of_networks_are_within_half_a_millionth_by_rms() {
    // Quantiles of the normal distribution, by bisection of its integral.
    let quantile = |p: f64| {
        let (mut low, mut high) = (-6.0, 6.0);
        for _ in 0..40 {
            let middle = 0.5 * (low + high);
            let below = 0.5 + 0.5 * naive::erf(middle / std::f64::consts::SQRT_2);
            if below < p { low = middle } else { high = middle }
        }
        low as f32
    };
    let x: Vec<f32> = (0..20_000).map(|i| quantile((i as f64 + 0.5) / 20_000.0)).collect();
    fn error<F: Function>(x: &[f32], f: F, act: crate::Activation) {
        for y in on_all_sets(x, f) {
            let twin = |x: &f32| naive::activation(act, f64::from(*x));
            let far: f64 = x.iter().zip(&y).map(|(x, y)| (f64::from(*y) - twin(x)).powi(2)).sum();
            let relative = (far / x.iter().map(|x| twin(x).powi(2)).sum::<f64>()).sqrt();
            assert!(relative < 2e-7, "{act:?}: {relative:.1e}");
        }
    }
    error(&x, Gelu, crate::Activation::Gelu);
    error(&x, GeluTanh, crate::Activation::GeluTanh);
    error(&x, Silu, crate::Activation::Silu);
    error(&x, Sigmoid, crate::Activation::Sigmoid);
}

/// erfc by its continued fraction, for z ≥ 2 (Abramowitz & Stegun 7.1.14).
fn erfc_far(z: f64) -> f64 {
    let mut tail = 0.0;
    for n in (1..200).rev() {
        tail = n as f64 / 2.0 / (z + tail);
    }
    (-z * z).exp() / ((z + tail) * std::f64::consts::PI.sqrt())
}

#[test]
fn gelu_by_tanh_agrees_with_its_twin() {
    for y in on_all_sets(&sweep(), GeluTanh) {
        for (x, y) in sweep().into_iter().zip(y) {
            let t = naive::activation(crate::Activation::GeluTanh, x as f64);
            let (far, square) = ((y as f64 - t).abs(), (x as f64).powi(2).min(1e4));
            let bound = 4e-7 * (1.0 + square) * t.abs() + 1e-9;
            assert!(far <= bound, "gelu_tanh({x:e}) = {y:e}, not {t:e}");
        }
    }
    gives(GeluTanh, &[(INF, INF), (NAN, NAN), (0.0, 0.0)]);
    for y in on_all_sets(&[-INF, -1e9], GeluTanh) {
        assert!(y.iter().all(|y| *y <= 0.0 && *y > -1e-36), "{y:?}");
    }
}

#[test]
fn log_is_within_two_ulp_denormal_arguments_too() {
    let x: Vec<f32> = sweep().into_iter().filter(|x| *x > 0.0).collect();
    within(&x, Log, f64::ln, |_, _| 2.0);
    gives(
        Log,
        &[(0.0, -INF), (-0.0, -INF), (INF, INF), (NAN, NAN), (-1.0, NAN), (-INF, NAN), (1.0, 0.0)],
    );
}

#[test]
fn log1p_is_within_three_ulp() {
    let x: Vec<f32> = sweep().into_iter().filter(|x| *x >= 0.0).collect();
    within(&x, Log1p, f64::ln_1p, |_, _| 3.0);
    gives(Log1p, &[(0.0, 0.0), (INF, INF), (NAN, NAN)]);
}

#[test]
fn an_element_gets_the_same_bits_wherever_it_stands() {
    let x: Vec<f32> = (0..37).map(|i| (i as f32 - 18.0) * 0.37).collect();
    let mut whole = x.clone();
    map(&mut whole, Gelu);
    for (x, y) in x.iter().zip(whole) {
        let mut one = [*x];
        map(&mut one, Gelu);
        assert_eq!(one[0].to_bits(), y.to_bits());
    }
}
