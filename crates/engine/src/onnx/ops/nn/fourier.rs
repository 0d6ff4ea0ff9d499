//! The discrete Fourier transform of any length, in 64 bits.
//!
//! Powers of two by halving (Cooley & Tukey, 1965), other lengths by a convolution of a power of two
//! (Bluestein, 1970).

use std::f64::consts::PI;

/// A complex number.
pub(super) type Complex = [f64; 2];

fn times(a: Complex, b: Complex) -> Complex {
    [a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]]
}

/// e^(iφ)
fn turn(angle: f64) -> Complex {
    [angle.cos(), angle.sin()]
}

/// Transforms of one length.
pub(super) struct Fourier {
    n: usize,
    /// e^(−2πik/m) for the power of two `m` that is used.
    roots: Vec<Complex>,
    /// For lengths that are no power of two: e^(−πik²/n), and the transform of its conjugate.
    chirp: Vec<Complex>,
    filter: Vec<Complex>,
}

impl Fourier {
    /// For a length of at least one.
    pub fn new(n: usize) -> Fourier {
        let m = if n.is_power_of_two() { n } else { (2 * n - 1).next_power_of_two() };
        let roots = (0..m / 2).map(|k| turn(-2.0 * PI * k as f64 / m as f64)).collect();
        let mut plan = Fourier { n, roots, chirp: Vec::new(), filter: Vec::new() };
        if m != n {
            // k² modulo 2n keeps the angle small and thus exact.
            let angle =
                |k: usize| PI * ((k as u128 * k as u128) % (2 * n as u128)) as f64 / n as f64;
            plan.chirp = (0..n).map(|k| turn(-angle(k))).collect();
            let mut filter = vec![[0.0; 2]; m];
            for k in 0..n {
                filter[k] = turn(angle(k));
                filter[(m - k) % m] = filter[k];
            }
            plan.halving(&mut filter);
            plan.filter = filter;
        }
        plan
    }

    /// Transforms `x` in place; it has the length the plan was made for.
    pub fn forward(&self, x: &mut [Complex]) {
        if self.filter.is_empty() {
            return self.halving(x);
        }
        let m = self.filter.len();
        let mut work = vec![[0.0; 2]; m];
        for ((work, x), chirp) in work.iter_mut().zip(x.iter()).zip(&self.chirp) {
            *work = times(*x, *chirp);
        }
        self.halving(&mut work);
        for (work, filter) in work.iter_mut().zip(&self.filter) {
            // Conjugates turn the second transform into the inverse one.
            let [re, im] = times(*work, *filter);
            *work = [re, -im];
        }
        self.halving(&mut work);
        for ((x, work), chirp) in x.iter_mut().zip(&work).zip(&self.chirp) {
            *x = times([work[0] / m as f64, -work[1] / m as f64], *chirp);
        }
    }

    /// The inverse, divided by the length.
    pub fn inverse(&self, x: &mut [Complex]) {
        x.iter_mut().for_each(|x| x[1] = -x[1]);
        self.forward(x);
        let n = self.n as f64;
        x.iter_mut().for_each(|x| *x = [x[0] / n, -x[1] / n]);
    }

    fn halving(&self, x: &mut [Complex]) {
        let n = x.len();
        if n < 2 {
            return;
        }
        let shift = usize::BITS - n.trailing_zeros();
        for i in 0..n {
            let j = i.reverse_bits() >> shift;
            if i < j {
                x.swap(i, j);
            }
        }
        let mut half = 1;
        while half < n {
            let step = n / (2 * half);
            for block in x.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for (k, (a, b)) in low.iter_mut().zip(high).enumerate() {
                    let turned = times(*b, self.roots[k * step]);
                    *b = [a[0] - turned[0], a[1] - turned[1]];
                    *a = [a[0] + turned[0], a[1] + turned[1]];
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_agrees_with_the_definition_and_comes_back() {
        for n in (1..40).chain([64, 100, 127, 243]) {
            let x: Vec<Complex> =
                (0..n).map(|i| [(i as f64 * 0.7).sin(), (i as f64 * 1.3).cos()]).collect();
            let plan = Fourier::new(n);
            let mut y = x.clone();
            plan.forward(&mut y);
            for (k, y) in y.iter().enumerate() {
                let wanted = x.iter().enumerate().fold([0.0; 2], |sum: Complex, (i, x)| {
                    let term = times(*x, turn(-2.0 * PI * (i * k % n) as f64 / n as f64));
                    [sum[0] + term[0], sum[1] + term[1]]
                });
                assert!((y[0] - wanted[0]).abs() < 1e-9 && (y[1] - wanted[1]).abs() < 1e-9, "{n}");
            }
            plan.inverse(&mut y);
            for (x, y) in x.iter().zip(&y) {
                assert!((x[0] - y[0]).abs() < 1e-10 && (x[1] - y[1]).abs() < 1e-10, "{n}");
            }
        }
    }
}
