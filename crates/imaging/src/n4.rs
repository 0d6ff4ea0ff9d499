//! N4: the slow unevenness of brightness of an MR image found and divided out.
//!
//! Facts: N. J. Tustison et al., "N4ITK: Improved N3 Bias Correction", IEEE Trans. Medical Imaging 29 (2010); ITK's
//! `N4BiasFieldCorrectionImageFilter` (001a1a7e), which ANTs' program `N4BiasFieldCorrection` calls with a spline
//! distance: the image is padded to whole spans of that length and every so many voxels are looked at. Images are
//! `[k][j][i]` of extents i, j, k.

/// How the field is looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct N4 {
    /// Millimetres between control points at the first level.
    pub distance_mm: f64,
    /// Every so many voxels along each axis are looked at.
    pub shrink: usize,
    /// Iterations of each level at most; from level to level control points are doubled.
    pub iterations: Vec<usize>,
    /// A level ends when the field changes by less.
    pub threshold: f64,
}

/// Bins of the histogram, the width of a Gaussian in it, and the noise of the Wiener filter (ITK's defaults).
const BINS: usize = 200;
const WIDTH: f64 = 0.15;
const NOISE: f64 = 0.01;
/// Bins with room for the transform.
const PADDED: usize = 512;
/// Share of a voxel by which the last one lies within the last span.
const EPSILON: f64 = 1e-3;

impl Default for N4 {
    /// ANTsPy's own, and a spline distance of 200 mm.
    fn default() -> N4 {
        N4 { distance_mm: 200.0, shrink: 4, iterations: vec![50; 4], threshold: 1e-7 }
    }
}

impl N4 {
    /// The image divided by its field where `mask` is set, and unchanged elsewhere; `None` where the image is too thin
    /// or nothing is marked.
    pub fn correct(
        &self,
        image: &[f32],
        mask: &[bool],
        size: [usize; 3],
        spacing_mm: [f64; 3],
    ) -> Option<Vec<f32>> {
        let shrink = self.shrink.max(1);
        let mut points = [0; 3];
        let (mut before, mut padded) = ([0; 3], [0; 3]);
        for axis in 0..3 {
            let domain = size[axis].saturating_sub(1) as f64 * spacing_mm[axis];
            let spans = (domain / self.distance_mm).ceil().max(1.0);
            let extra = ((spans * self.distance_mm - domain) / spacing_mm[axis] + 0.5) as usize;
            before[axis] = extra / 2;
            padded[axis] = size[axis] + extra;
            points[axis] = spans as usize + 3;
        }
        let small = padded.map(|extent| (extent / shrink).max(1));
        if small.contains(&1) || size.contains(&0) {
            return None;
        }
        // Voxels that are looked at, where they lie on the padded grid, and their logarithms. ITK centres them, but
        // never before the first multiple of the step within the padding, counted from the image's first voxel.
        let first: [usize; 3] = std::array::from_fn(|axis| {
            let centred =
                (padded[axis] - 1) as f64 / 2.0 - shrink as f64 * (small[axis] - 1) as f64 / 2.0;
            let multiple = before[axis] % shrink;
            ((centred + 0.5).floor().max(0.0) as usize).max(multiple)
        });
        let mut seen = Vec::new();
        let mut values = Vec::new();
        for k in 0..small[2] {
            for j in 0..small[1] {
                for i in 0..small[0] {
                    let place = [i, j, k];
                    let own = |axis: usize| {
                        let at = (first[axis] + shrink * place[axis]).checked_sub(before[axis])?;
                        (at < size[axis]).then_some(at)
                    };
                    let (Some(x), Some(y), Some(z)) = (own(0), own(1), own(2)) else { continue };
                    let at = (z * size[1] + y) * size[0] + x;
                    if mask[at] {
                        seen.push(place);
                        let value = f64::from(image[at]);
                        values.push(if value > 0.0 { f64::from(value.ln() as f32) } else { value });
                    }
                }
            }
        }
        if seen.len() < 2 {
            return None;
        }
        let lattice = self.field(&seen, &values, small, points);
        let tables = [0, 1, 2].map(|axis| table(padded[axis], lattice.points[axis]));
        let mut out = image.to_vec();
        let mut at = 0;
        for k in 0..size[2] {
            let plane = lattice.collapsed(&tables[2][k + before[2]]);
            for j in 0..size[1] {
                let row = collapse(&plane, lattice.points[0], &tables[1][j + before[1]]);
                for i in 0..size[0] {
                    if mask[at] {
                        let field = collapse(&row, 1, &tables[0][i + before[0]])[0];
                        out[at] = (f64::from(image[at]) / f64::from(field as f32).exp()) as f32;
                    }
                    at += 1;
                }
            }
        }
        Some(out)
    }

    /// Control points of the logarithm of the field.
    fn field(
        &self,
        seen: &[[usize; 3]],
        logarithms: &[f64],
        small: [usize; 3],
        points: [usize; 3],
    ) -> Lattice {
        let mut lattice = Lattice { points, values: vec![0.0; points.iter().product()] };
        let mut field = vec![0.0; seen.len()];
        for (level, &most) in self.iterations.iter().enumerate() {
            let tables = [0, 1, 2].map(|axis| table(small[axis], lattice.points[axis]));
            for _ in 0..most {
                let even: Vec<f64> =
                    logarithms.iter().zip(&field).map(|(value, field)| value - field).collect();
                let Some(sharp) = sharpened(&even) else { return lattice };
                let rest: Vec<f64> = even.iter().zip(sharp).map(|(a, b)| a - b).collect();
                lattice.add(&fit(seen, &rest, &tables, lattice.points));
                let new = lattice.at(seen, &tables);
                let change = change(&field, &new);
                field = new;
                if change <= self.threshold {
                    break;
                }
            }
            if level + 1 < self.iterations.len() {
                lattice = lattice.refined();
            }
        }
        lattice
    }
}

/// The control point before a sample of an axis, and the weights of it and the next three.
type Row = (usize, [f64; 4]);

/// Weights of all samples of an axis with so many control points.
fn table(extent: usize, points: usize) -> Vec<Row> {
    let spans = (points - 3) as f64;
    let epsilon = spans / (extent - 1) as f64 * EPSILON;
    let row = |at: usize| {
        let mut place = spans * at as f64 / (extent - 1) as f64;
        if (place - spans).abs() <= epsilon {
            place = spans - epsilon;
        }
        let base = place as usize;
        let share = place - base as f64;
        let weight = |n: usize| cubic(share - n as f64 + 1.0);
        (base, [0, 1, 2, 3].map(weight))
    };
    (0..extent).map(row).collect()
}

/// The cubic B-spline.
fn cubic(at: f64) -> f64 {
    match at.abs() {
        at if at < 1.0 => (4.0 - 6.0 * at * at + 3.0 * at * at * at) / 6.0,
        at if at < 2.0 => (2.0 - at).powi(3) / 6.0,
        _ => 0.0,
    }
}

/// Control points `[z][y][x]`, their numbers along x, y, z.
#[derive(Clone, Debug)]
struct Lattice {
    points: [usize; 3],
    values: Vec<f64>,
}

impl Lattice {
    fn add(&mut self, other: &[f64]) {
        self.values.iter_mut().zip(other).for_each(|(value, other)| *value += other);
    }

    /// Values at samples.
    fn at(&self, seen: &[[usize; 3]], tables: &[Vec<Row>; 3]) -> Vec<f64> {
        let [nx, ny, _] = self.points;
        let value = |place: &[usize; 3]| {
            let [x, y, z] = [0, 1, 2].map(|axis| tables[axis][place[axis]]);
            let mut sum = 0.0;
            for (c, wz) in z.1.iter().enumerate() {
                for (b, wy) in y.1.iter().enumerate() {
                    let row = &self.values[((z.0 + c) * ny + y.0 + b) * nx + x.0..][..4];
                    let along: f64 =
                        row.iter().zip(&x.1).map(|(value, weight)| value * weight).sum();
                    sum += wz * wy * along;
                }
            }
            f64::from(sum as f32)
        };
        seen.iter().map(value).collect()
    }

    /// Summed along z at one sample: `[y][x]`.
    fn collapsed(&self, row: &Row) -> Vec<f64> {
        collapse(&self.values, self.points[0] * self.points[1], row)
    }

    /// The same field by twice as many spans.
    fn refined(&self) -> Lattice {
        let mut lattice = self.clone();
        for axis in 0..3 {
            lattice = lattice.refined_along(axis);
        }
        lattice
    }

    fn refined_along(&self, axis: usize) -> Lattice {
        let mut points = self.points;
        points[axis] = 2 * points[axis] - 3;
        let stride = self.points[..axis].iter().product::<usize>();
        let count = points[axis];
        let mut values = vec![0.0; points.iter().product()];
        for (at, value) in values.iter_mut().enumerate() {
            let (inner, place, outer) = (at % stride, at / stride % count, at / (stride * count));
            let old = |n: usize| self.values[(outer * self.points[axis] + n) * stride + inner];
            let half = place / 2;
            *value = match place % 2 {
                0 => (old(half) + old(half + 1)) / 2.0,
                _ => (old(half) + 6.0 * old(half + 1) + old(half + 2)) / 8.0,
            };
        }
        Lattice { points, values }
    }
}

/// Four blocks of `length` values, weighed and summed.
fn collapse(values: &[f64], length: usize, (base, weights): &Row) -> Vec<f64> {
    let mut out = vec![0.0; length];
    for (n, weight) in weights.iter().enumerate() {
        let block = &values[(base + n) * length..][..length];
        out.iter_mut().zip(block).for_each(|(out, value)| *out += weight * value);
    }
    out
}

/// Control points of scattered values (S. Lee et al., "Scattered Data Interpolation with Multilevel B-Splines", 1997).
fn fit(
    seen: &[[usize; 3]],
    values: &[f64],
    tables: &[Vec<Row>; 3],
    points: [usize; 3],
) -> Vec<f64> {
    let [nx, ny, nz] = points;
    let (mut delta, mut omega) = (vec![0.0; nx * ny * nz], vec![0.0; nx * ny * nz]);
    for (place, value) in seen.iter().zip(values) {
        let [x, y, z] = [0, 1, 2].map(|axis| tables[axis][place[axis]]);
        let squares = |row: &Row| row.1.iter().map(|weight| weight * weight).sum::<f64>();
        let all = squares(&x) * squares(&y) * squares(&z);
        for (c, wz) in z.1.iter().enumerate() {
            for (b, wy) in y.1.iter().enumerate() {
                let start = ((z.0 + c) * ny + y.0 + b) * nx + x.0;
                for (a, wx) in x.1.iter().enumerate() {
                    let weight = wz * wy * wx;
                    omega[start + a] += weight * weight;
                    delta[start + a] += value * weight * weight * weight / all;
                }
            }
        }
    }
    let point = |(delta, omega): (f64, f64)| if omega == 0.0 { 0.0 } else { delta / omega };
    delta.into_iter().zip(omega).map(point).collect()
}

/// Values as they were before the field spread them: their histogram deconvolved by a Gaussian. `None` where all
/// are alike.
fn sharpened(values: &[f64]) -> Option<Vec<f64>> {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let slope = (highest - lowest) / (BINS - 1) as f64;
    if slope.is_nan() || slope <= 0.0 {
        return None;
    }
    let offset = (PADDED - BINS) / 2;
    let mut histogram = vec![[0.0; 2]; PADDED];
    for value in values {
        let place = (value - lowest) / slope;
        let bin = place as usize;
        let share = place - bin as f64;
        if share == 0.0 {
            histogram[offset + bin.min(BINS - 1)][0] += 1.0;
        } else if bin < BINS - 1 {
            histogram[offset + bin][0] += 1.0 - share;
            histogram[offset + bin + 1][0] += share;
        }
    }
    fourier(&mut histogram, false);
    let width = WIDTH / slope;
    let factor = 4.0 * 2f64.ln() / (width * width);
    let scale = 2.0 * (2f64.ln() / std::f64::consts::PI).sqrt() / width;
    let mut gaussian = vec![[0.0; 2]; PADDED];
    for (n, value) in gaussian.iter_mut().enumerate() {
        let far = n.min(PADDED - n) as f64;
        value[0] = scale * (-far * far * factor).exp();
    }
    fourier(&mut gaussian, false);
    for (value, [re, im]) in histogram.iter_mut().zip(&gaussian) {
        let (square, _) = (re * re + im * im, im);
        let wiener = re / (square + NOISE);
        *value = value.map(|part| part * wiener);
    }
    fourier(&mut histogram, true);
    let before: Vec<f64> = histogram.iter().map(|value| value[0].max(0.0)).collect();
    let blurred = |values: &mut dyn Iterator<Item = f64>| {
        let mut all: Vec<[f64; 2]> = values.map(|value| [value, 0.0]).collect();
        fourier(&mut all, false);
        for (value, [re, im]) in all.iter_mut().zip(&gaussian) {
            *value = [value[0] * re - value[1] * im, value[0] * im + value[1] * re];
        }
        fourier(&mut all, true);
        all
    };
    let bin = |n: usize| lowest + (n as f64 - offset as f64) * slope;
    let above = blurred(&mut before.iter().enumerate().map(|(n, count)| bin(n) * count));
    let below = blurred(&mut before.iter().copied());
    let expected: Vec<f64> = (offset..offset + BINS)
        .map(|n| if below[n][0] == 0.0 { 0.0 } else { above[n][0] / below[n][0] })
        .collect();
    let sharp = |value: &f64| {
        let place = (value - lowest) / slope;
        let bin = place as usize;
        match bin < BINS - 1 {
            true => expected[bin] + (expected[bin + 1] - expected[bin]) * (place - bin as f64),
            false => expected[BINS - 1],
        }
    };
    Some(values.iter().map(sharp).collect())
}

/// The discrete transform of as many complex values as a power of two; backward without a factor, which cancels.
fn fourier(values: &mut [[f64; 2]], back: bool) {
    let count = values.len();
    let bits = count.trailing_zeros();
    for at in 0..count {
        let other = at.reverse_bits() >> (usize::BITS - bits);
        if other > at {
            values.swap(at, other);
        }
    }
    let mut half = 1;
    while half < count {
        let turn = std::f64::consts::PI / half as f64 * if back { 1.0 } else { -1.0 };
        for start in (0..count).step_by(2 * half) {
            for n in 0..half {
                let (sine, cosine) = (turn * n as f64).sin_cos();
                let [re, im] = values[start + n + half];
                let far = [re * cosine - im * sine, re * sine + im * cosine];
                let near = values[start + n];
                values[start + n] = [near[0] + far[0], near[1] + far[1]];
                values[start + n + half] = [near[0] - far[0], near[1] - far[1]];
            }
        }
        half *= 2;
    }
    if back {
        values.iter_mut().for_each(|value| *value = value.map(|part| part / count as f64));
    }
}

/// The coefficient of variation of what two fields differ by.
fn change(old: &[f64], new: &[f64]) -> f64 {
    let (mut mean, mut sum, mut count) = (0.0, 0.0, 0.0);
    for (old, new) in old.iter().zip(new) {
        let ratio = (old - new).exp();
        count += 1.0;
        if count > 1.0 {
            sum += (ratio - mean).powi(2) * (count - 1.0) / count;
        }
        mean = mean * (1.0 - 1.0 / count) + ratio / count;
    }
    (sum / (count - 1.0)).sqrt() / mean
}
