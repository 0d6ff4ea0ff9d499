//! Digits are what they are said to be, and their products are summed exactly.

use super::end::Sums;
use super::*;
#[cfg(target_arch = "x86_64")]
use crate::Isa;
use crate::gemm::tile::Tile;

fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..n).map(|_| next()).collect()
}

fn bytes(x: &[f32]) -> Vec<i8> {
    x.iter().flat_map(|x| x.to_bits().to_le_bytes().map(|b| b as i8)).collect()
}

/// The number that three digits are, in steps.
fn whole(digits: [i8; 3]) -> i64 {
    digits.iter().fold(0, |sum, digit| sum * 256 + i64::from(*digit))
}

/// Number `k` of row `row` from the digits of rows, in steps.
fn of_row(digits: &[i8], row: usize, k: usize) -> i64 {
    let at = |d: usize| k / STEP * STRIDE + d * TILE + row * STEP + k % STEP;
    whole([0, 1, 2].map(|d| digits[at(d)]))
}

/// Number `k` of a column from the digits of columns, in steps.
fn of_column(digits: &[i8], column: usize, k: usize) -> i64 {
    let four = k % STEP / 4;
    let at = |d: usize| k / STEP * STRIDE + d * TILE + (four * SIDE + column) * 4 + k % 4;
    whole([0, 1, 2].map(|d| digits[at(d)]))
}

fn rows(x: &[f32], stride: usize, rows: usize, depth: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut to, mut steps) = (vec![f32::NAN; room(depth)], vec![f32::NAN; SIDE]);
    split_rows(x, stride, rows, depth, &mut to, &mut steps);
    (to, steps)
}

fn columns(x: &[f32], stride: usize, depth: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut to, mut steps) = (vec![f32::NAN; room(depth)], vec![f32::NAN; SIDE]);
    split_columns(x, stride, depth, &mut to, &mut steps);
    (to, steps)
}

#[test]
fn digits_are_the_number_to_half_a_step_and_two_roundings_and_a_step_is_an_eight_millionth_of_the_greatest()
 {
    for depth in [1, 31, 64, 65, 200, 256] {
        let stride = depth + 3;
        // Rows of all sizes, and one of zeros.
        let mut x = noise(1, SIDE * stride);
        for (row, x) in x.chunks_mut(stride).enumerate() {
            let size = if row == 5 { 0.0 } else { 2f32.powi(row as i32 * 12 - 95) };
            x.iter_mut().for_each(|x| *x *= size);
        }
        let turned: Vec<f32> = (0..depth * SIDE).map(|i| x[i % SIDE * stride + i / SIDE]).collect();
        let (by_row, steps) = rows(&x, stride, SIDE, depth);
        let (by_column, column_steps) = columns(&turned, SIDE, depth);
        assert_eq!(steps, column_steps);
        let (by_row, by_column) = (bytes(&by_row), bytes(&by_column));
        for row in 0..SIDE {
            let x = &x[row * stride..][..depth];
            let greatest = x.iter().fold(0.0f32, |m, x| m.max(x.abs()));
            let bound = f64::from(greatest) / 8.323e6;
            // A row of zeros has the least step there is.
            let least = row == 5 && steps[row] == f32::MIN_POSITIVE;
            assert!(least || f64::from(steps[row]) <= bound);
            for (k, x) in x.iter().enumerate() {
                let number = of_row(&by_row, row, k);
                assert_eq!(number, of_column(&by_column, row, k));
                let (back, x) = (number as f64 * f64::from(steps[row]), f64::from(*x));
                // Half a step, and the roundings of the step's inverse and of the number times that.
                let bound = f64::from(steps[row]) / 2.0 + x.abs() / 2f64.powi(23);
                assert!((back - x).abs() <= bound, "{x} {back}");
            }
            for k in depth..depth.next_multiple_of(STEP) {
                assert_eq!((of_row(&by_row, row, k), of_column(&by_column, row, k)), (0, 0));
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn registers_give_the_digits_that_plain_numbers_give() {
    if !Isa::Avx512.supported() {
        return;
    }
    for (depth, size) in [1, 3, 16, 63, 64, 66, 130, 255, 256]
        .into_iter()
        .flat_map(|depth| [-126, -100, 0, 25, 127].map(|size| (depth, 2f32.powi(size))))
    {
        // Halves of a step among them, on which rounding has to agree, and both zeros: every second column's step is 2⁻²³ of the size.
        let mut x: Vec<f32> = noise(depth as u64, depth * SIDE).iter().map(|x| x * size).collect();
        x[..SIDE].iter_mut().step_by(2).for_each(|x| *x = split::TOP / 2f32.powi(23) * size);
        for (i, x) in x.iter_mut().enumerate().skip(SIDE) {
            match i % 7 {
                0 => *x = (((i * 2_654_435_761) % 16_000_000) as f32 - 8e6) / 2f32.powi(24) * size,
                1 => *x *= 0.0,
                _ => {}
            }
        }
        let mut steps = [[f32::NAN; SIDE]; 2];
        let mut to = [vec![7u32; room(depth)], vec![9u32; room(depth)]];
        split::plain_columns(&x, SIDE, depth, &mut to[0], &mut steps[0]);
        // SAFETY: the processor has the set.
        unsafe { lanes::split_columns(&x, SIDE, depth, &mut to[1], &mut steps[1]) };
        assert_eq!(steps[0], steps[1]);
        assert!(to[0] == to[1], "columns, depth {depth}, size {size}");
        // Some of them as rows, further apart than they are long.
        let (apart, mut steps) = (20 * SIDE, [[f32::NAN; SIDE]; 2]);
        let mut to = [0, 1].map(|i| vec![i as f32; room(depth) * 4 / TILE * apart]);
        for count in [1, 7, 16] {
            let [plain, lanes] = &mut to;
            let how = (count, depth);
            split::plain_turned(&x, SIDE, how, (plain, apart), &mut steps[0]);
            // SAFETY: the processor has the set.
            unsafe { lanes::split_turned(&x, SIDE, how, (lanes, apart), &mut steps[1]) };
            let bits = |to: &[f32]| -> Vec<u32> {
                let rows = to.chunks(apart).flat_map(|tile| &tile[..count * SIDE]);
                rows.map(|x| x.to_bits()).collect()
            };
            assert!(bits(plain) == bits(lanes), "{count} turned, depth {depth}, size {size}");
            assert_eq!(steps[0], steps[1]);
        }
        let mut to = [vec![7i8; room(depth) * 4], vec![9i8; room(depth) * 4]];
        for (row, x) in x.chunks(depth).enumerate() {
            let mut step = f32::NAN;
            // SAFETY: the processor has the set; room for all steps.
            let other = unsafe {
                split::split_row::<crate::simd::Portable>(x, row, &mut to[0], &mut step);
                lanes::split_row(x, row, &mut to[1])
            };
            assert_eq!(step, other);
        }
        assert!(to[0] == to[1], "rows, depth {depth}, size {size}");
    }
}

#[test]
fn rows_and_columns_that_hold_no_number_have_no_step() {
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut x = noise(2, 2 * 70);
        x[75] = bad;
        let (_, steps) = rows(&x, 70, 2, 70);
        assert!(steps[0].is_finite() && steps[1].is_nan() && steps[2..] == [0.0; 14]);
        let mut x = noise(2, SIDE * 70);
        x[40 * SIDE + 3] = bad;
        let (_, by_columns) = columns(&x, SIDE, 70);
        let (mut turned, mut by_turned) = (vec![0.0; room(70)], [0.0; SIDE]);
        split_turned(&x, SIDE, (SIDE, 70), (&mut turned, SIDE * SIDE), &mut by_turned);
        for steps in [&by_columns[..], &by_turned] {
            assert!((0..SIDE).all(|column| steps[column].is_nan() == (column == 3)), "{steps:?}");
        }
    }
}

/// Without what is left out: the product of the lowest digits, and those of the second by the third.
fn product((x, y): (i64, i64)) -> i64 {
    let low = |v: i64| (i64::from(v as i8), i64::from(((v + 128) >> 8) as i8));
    let ((x3, x2), (y3, y2)) = (low(x), low(y));
    x * y - x3 * y3 - 256 * (x2 * y3 + x3 * y2)
}

/// What the tiles sum, digit by digit; of one panel of rows half of the two higher orders apart, as they do it.
fn plain_sums(a: &[i8], b: &[i8], to: &Ending, depth: usize) -> Sums {
    let mut sums = Sums([0; 6 * SIDE * SIDE]);
    for (row, column) in (0..to.tile.rows).flat_map(|row| (0..SIDE).map(move |c| (row, c))) {
        for k in 0..depth {
            let a = &a[row / SIDE * room(depth) * 4..][k / STEP * STRIDE..];
            let b = &b[k / STEP * STRIDE..];
            let (in_a, in_b) =
                (row % SIDE * STEP + k % STEP, (k % STEP / 4 * SIDE + column) * 4 + k % 4);
            for (i, j) in (0..DIGITS).flat_map(|i| (0..DIGITS - i).map(move |j| (i, j))) {
                let apart = row < SIDE && to.tile.rows <= SIDE && i + j > 0 && i + 1 == DIGITS - 1;
                let tile = row / SIDE * DIGITS + i + j + if apart { 2 } else { 0 };
                sums.0[tile * SIDE * SIDE + row % SIDE * SIDE + column] +=
                    i32::from(a[i * TILE + in_a]) * i32::from(b[j * TILE + in_b]);
            }
        }
    }
    sums
}

/// The sums, and what becomes of them, against sums of the same digits in wide integers: by the plain twin of the tiles, and by the tiles where
/// they are.
#[test]
fn products_of_digits_are_summed_exactly() {
    for (by_tiles, (rows_here, columns_here, depth)) in
        [(1, 16, 64), (5, 3, 65), (16, 16, 256), (17, 16, 200), (32, 16, 256), (32, 1, 10)]
            .into_iter()
            .flat_map(|case| [(false, case), (true, case)])
    {
        if by_tiles && !supported() {
            continue;
        }
        let (x, y) = (noise(3, rows_here * depth), noise(4, depth * SIDE));
        let mut a = vec![0.0; 2 * room(depth)];
        let mut row_steps = [0.0; 2 * SIDE];
        for (panel, first) in (0..rows_here).step_by(SIDE).enumerate() {
            let (digits, steps) =
                rows(&x[first * depth..], depth, SIDE.min(rows_here - first), depth);
            a[panel * room(depth)..][..room(depth)].copy_from_slice(&digits);
            row_steps[panel * SIDE..][..SIDE].copy_from_slice(&steps);
        }
        let (b, column_steps) = columns(&y, SIDE, depth);
        let stride = 19;
        let (bias, residual) = (noise(5, 32), noise(6, 32 * stride));
        for all in [false, true] {
            let mut c = noise(7, 32 * stride);
            let before = c.clone();
            let null = std::ptr::null();
            let tile = Tile {
                depth,
                a: null,
                a_stride: 0,
                b: null,
                c: c.as_mut_ptr(),
                stride,
                rows: rows_here,
                columns: columns_here,
                add: all,
                row_bias: if all { bias.as_ptr() } else { null },
                column_bias: null,
                residual: if all { residual.as_ptr() } else { null },
                relu: all,
                ahead: null,
                ahead_lines: 0,
                distant: true,
                far: false,
            };
            let steps = depth.div_ceil(STEP);
            let to = Ending {
                tile,
                activation: crate::Activation::Identity,
                row_steps: row_steps.as_ptr(),
                column_steps: column_steps.as_ptr(),
            };
            let (a_bytes, b_bytes) = (bytes(&a), bytes(&b));
            // SAFETY: it is supported; the digits and the output are as long as the tile asks for.
            unsafe {
                if by_tiles {
                    Tiles::new().product(steps, Rows::packed(a.as_ptr(), steps), b.as_ptr(), &to);
                } else {
                    to.end(&mut plain_sums(&a_bytes, &b_bytes, &to, depth));
                }
            }
            let (a, b) = (a_bytes, b_bytes);
            for row in 0..32 {
                for column in 0..stride {
                    let at = row * stride + column;
                    if row >= rows_here || column >= columns_here {
                        assert_eq!(c[at], before[at], "wrote outside");
                        continue;
                    }
                    let panel = row / SIDE * room(depth) * 4;
                    let number = |k| (of_row(&a[panel..], row % SIDE, k), of_column(&b, column, k));
                    let sum: i64 = (0..depth).map(|k| product(number(k))).sum();
                    let mut wanted =
                        sum as f64 * f64::from(row_steps[row]) * f64::from(column_steps[column]);
                    if all {
                        wanted +=
                            f64::from(before[at]) + f64::from(bias[row]) + f64::from(residual[at]);
                        wanted = wanted.max(0.0);
                    }
                    let size = (depth as f64).sqrt();
                    assert!((f64::from(c[at]) - wanted).abs() < 2e-7 * size, "{} {wanted}", c[at]);
                }
            }
        }
    }
}

/// Whatever the numbers of one factor, noise, constants, few large among many small, they and their sums of products with noise err by less
/// than the bounds.
#[test]
fn split_numbers_and_their_products_err_by_less_than_the_bound() {
    let depth = 256;
    let kinds: [(f64, &dyn Fn(usize, f32) -> f32); 5] = [
        (3e-7, &|_, x| x),
        (3e-7, &|_, x| x.max(0.0)),
        (3e-7, &|_, _| 1.000_061),
        (2e-6, &|i, x| if i % 256 == 9 { 100.0 } else { x * 0.01 }),
        (1e-6, &|_, x| x.powi(9)),
    ];
    let y = noise(9, depth * SIDE);
    let (y_digits, y_steps) = columns(&y, SIDE, depth);
    let y_digits = bytes(&y_digits);
    for (i, (bound, kind)) in kinds.iter().enumerate() {
        let x: Vec<f32> =
            noise(8, SIDE * depth).iter().enumerate().map(|(i, x)| kind(i, *x)).collect();
        let (digits, steps) = rows(&x, depth, SIDE, depth);
        let digits = bytes(&digits);
        let (mut error, mut size) = ([0.0f64; 2], [0.0f64; 2]);
        for row in 0..SIDE {
            for k in 0..depth {
                let x = f64::from(x[row * depth + k]);
                error[0] += (of_row(&digits, row, k) as f64 * f64::from(steps[row]) - x).powi(2);
                size[0] += x * x;
            }
            for column in 0..SIDE {
                let number = |k| (of_row(&digits, row, k), of_column(&y_digits, column, k));
                let sum: i64 = (0..depth).map(|k| product(number(k))).sum();
                let sum = sum as f64 * f64::from(steps[row]) * f64::from(y_steps[column]);
                let wanted: f64 = (0..depth)
                    .map(|k| f64::from(x[row * depth + k]) * f64::from(y[k * SIDE + column]))
                    .sum();
                error[1] += (sum - wanted).powi(2);
                size[1] += wanted * wanted;
            }
        }
        let relative = [0, 1].map(|of| (error[of] / size[of]).sqrt());
        assert!(relative[0] < 6e-7 && relative[1] < *bound, "{i}: {relative:?}");
    }
}
