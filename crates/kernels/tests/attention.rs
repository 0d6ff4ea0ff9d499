//! Attention under every instruction set against its plain twin: all sizes, strides, biases, and scores that are not finite.

mod common;

use common::{BOUND, Guarded, error_of, every_isa, noise};
use kernels::*;

/// Matrices one behind the other, rows in order.
fn dense<'a>(data: &'a [f32], starts: &'a [usize], columns: usize) -> Matrices<'a> {
    Matrices { data, starts, row: columns, column: 1 }
}

fn starts(count: usize, step: usize) -> Vec<usize> {
    (0..count).map(|i| i * step).collect()
}

#[test]
fn attention_of_all_sizes_agrees_with_its_twin() {
    let pool = Pool::new(2);
    for (queries, keys) in [(1, 1), (5, 3), (49, 49), (50, 16), (7, 600), (97, 1030), (3, 0)] {
        for (depth, values) in [(1, 1), (8, 32), (64, 64), (33, 17), (0, 5)] {
            for (count, beside) in [(1, 1), (3, 1), (4, 2)] {
                let s = AttentionShape { count, queries, keys, depth, values, beside };
                let q = noise(1, count * queries * depth);
                let k = noise(2, count * keys * depth);
                let v = noise(3, count * keys * values);
                let (a, b, c) = (
                    starts(count, queries * depth),
                    starts(count, keys * depth),
                    starts(count, keys * values),
                );
                let qkv = [dense(&q, &a, depth), dense(&k, &b, depth), dense(&v, &c, values)];
                let scores = noise(4, queries * keys);
                let same = vec![0; count];
                let bias = ScoreBias {
                    data: &scores,
                    starts: &same,
                    row: keys,
                    inner: keys.max(1),
                    outer_step: 0,
                    inner_step: 1,
                };
                for bias in [&[][..], &[bias][..]] {
                    let mut expected = vec![0.0; s.output_len()];
                    naive::attention(&s, 1.7, qkv, bias, &mut expected);
                    every_isa(|isa| {
                        let mut y = Guarded::new(s.output_len());
                        attention(&pool, &s, 1.7, qkv, bias, y.slice());
                        if keys == 0 {
                            assert!(y.check().iter().all(|v| v.is_nan()));
                            return;
                        }
                        let error = error_of(y.check(), &expected, 0.1);
                        assert!(error < BOUND, "{error:.1e} for {isa:?} {s:?}");
                        let mut other = vec![0.0; s.output_len()];
                        attention(&Pool::new(5), &s, 1.7, qkv, bias, &mut other);
                        assert!(y.check() == other, "{isa:?} {s:?}");
                    });
                }
            }
        }
    }
}

#[test]
fn queries_keys_and_values_may_lie_anywhere() {
    // [token][3][head][size], as one linear layer gives them; once with keys turned.
    let (tokens, heads, size) = (53, 3, 20);
    let x = noise(5, tokens * 3 * heads * size);
    let row = 3 * heads * size;
    let at = |part: usize| (0..heads).map(|h| (part * heads + h) * size).collect::<Vec<_>>();
    let (a, b, c) = (at(0), at(1), at(2));
    let m = |starts| Matrices { data: &x, starts, row, column: 1 };
    let s = AttentionShape {
        count: heads,
        queries: tokens,
        keys: tokens,
        depth: size,
        values: size,
        beside: heads,
    };
    let mut expected = vec![0.0; s.output_len()];
    naive::attention(&s, 0.3, [m(&a), m(&b), m(&c)], &[], &mut expected);
    let turn = |starts: &[usize]| -> Vec<f32> {
        let one = |start: usize| (0..size * tokens).map(move |i| (start, i % tokens, i / tokens));
        starts.iter().flat_map(|s| one(*s)).map(|(s, t, l)| x[s + t * row + l]).collect()
    };
    let (turned, values) = (turn(&b), turn(&c));
    let own = starts(heads, size * tokens);
    let [k, v] =
        [&turned, &values].map(|data| Matrices { data, starts: &own, row: 1, column: tokens });
    every_isa(|isa| {
        let mut y = vec![0.0; s.output_len()];
        attention(&Pool::new(2), &s, 0.3, [m(&a), m(&b), m(&c)], &[], &mut y);
        assert!(error_of(&y, &expected, 0.1) < BOUND, "{isa:?}");
        let mut z = vec![0.0; s.output_len()];
        attention(&Pool::new(2), &s, 0.3, [m(&a), k, v], &[], &mut z);
        assert_eq!(y, z, "{isa:?}");
    });
}

#[test]
fn a_bias_by_row_and_one_by_column_need_not_be_spread_out() {
    // Rows of whole registers, which are added where the greatest score is looked for, and others; several blocks of keys.
    for (high, wide) in [(30, 40), (30, 48), (3, 16)] {
        let (tokens, size) = (high * wide, 8);
        let s = AttentionShape {
            count: 2,
            queries: tokens,
            keys: tokens,
            depth: size,
            values: size,
            beside: 1,
        };
        let data: Vec<Vec<f32>> = (0..3).map(|i| noise(i, 2 * tokens * size)).collect();
        let own = starts(2, tokens * size);
        let qkv = [0, 1, 2].map(|i: usize| dense(&data[i], &own, size));
        let (by_row, by_column) = (noise(7, 2 * tokens * high), noise(8, 2 * tokens * wide));
        let (a, b) = (starts(2, tokens * high), starts(2, tokens * wide));
        let (outer_step, inner_step) = (1, 0);
        let rows =
            ScoreBias { data: &by_row, starts: &a, row: high, inner: wide, outer_step, inner_step };
        let (outer_step, inner_step) = (0, 1);
        let columns = ScoreBias {
            data: &by_column,
            starts: &b,
            row: wide,
            inner: wide,
            outer_step,
            inner_step,
        };
        let lists: [&[ScoreBias]; 7] = [
            &[rows],
            &[columns],
            &[rows, columns],
            &[columns, rows],
            &[rows, rows],
            &[columns, columns],
            &[rows, columns, rows],
        ];
        for (list, bias) in lists.into_iter().enumerate() {
            let mut expected = vec![0.0; s.output_len()];
            naive::attention(&s, 0.3, qkv, bias, &mut expected);
            every_isa(|isa| {
                let mut y = Guarded::new(s.output_len());
                attention(&Pool::new(2), &s, 0.3, qkv, bias, y.slice());
                let error = error_of(y.check(), &expected, 0.02);
                assert!(error < BOUND, "{error:.1e} for {isa:?}, {wide} wide, list {list}");
            });
        }
    }
}

#[test]
fn keys_masked_by_minus_infinity_do_not_count_and_rows_without_keys_are_nan() {
    let (queries, keys, size) = (4, 1100, 16);
    let s = AttentionShape { count: 1, queries, keys, depth: size, values: size, beside: 1 };
    let (q, k, v) = (noise(1, queries * size), noise(2, keys * size), noise(3, keys * size));
    let mut mask = vec![0.0; queries * keys];
    // Row 1 lacks the whole first block, row 2 everything, row 3 holds a NaN.
    mask[keys..keys + 700].fill(f32::NEG_INFINITY);
    mask[2 * keys..3 * keys].fill(f32::NEG_INFINITY);
    mask[3 * keys + 900] = f32::NAN;
    let bias = ScoreBias {
        data: &mask,
        starts: &[0],
        row: keys,
        inner: keys,
        outer_step: 0,
        inner_step: 1,
    };
    let qkv = [dense(&q, &[0], size), dense(&k, &[0], size), dense(&v, &[0], size)];
    let mut y = vec![0.0; queries * size];
    attention(&Pool::new(2), &s, 1.0, qkv, &[bias], &mut y);
    let mut expected = vec![0.0; queries * size];
    naive::attention(&s, 1.0, qkv, &[bias], &mut expected);
    assert!(error_of(&y[..2 * size], &expected[..2 * size], 0.05) < BOUND);
    assert!(y[2 * size..].iter().all(|v| v.is_nan()));
}
