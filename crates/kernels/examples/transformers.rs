//! Times the matrix products and attentions of transformers.
//!
//!     cargo run --release -p kernels --example transformers -- [threads]
//!
//! Prints the best of several runs in milliseconds and GFLOP/s.
#![allow(clippy::print_stdout)]

use kernels::*;
use std::time::Instant;

fn main() {
    let threads = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(2);
    let pool = Pool::new(threads);
    println!("{} · {} threads", cpu_name(), pool.threads());
    let products = [
        (1, 1024, 1000),
        (3, 768, 3072),
        (49, 768, 2304),
        (128, 768, 768),
        (197, 768, 768),
        (197, 768, 3072),
        (197, 3072, 768),
        (1024, 1024, 1024),
        (3136, 96, 384),
        (3136, 384, 96),
        (4096, 768, 768),
    ];
    for (m, k, n) in products {
        let (a, b) = (vec![1.0; m * k], pack_weights(k, n, &vec![1.1; k * n], false, false));
        let mut c = vec![0.0; m * n];
        for activation in [Activation::Identity, Activation::Gelu] {
            let e = Epilogue { activation, ..Epilogue::default() };
            let seconds = best(|| gemm(&pool, m, &a, &b, &e, &mut c));
            report(&format!("product {m}x{k}x{n} {activation:?}"), seconds, (2 * m * k * n) as u64);
        }
    }
    for (name, windows, heads, tokens, size) in [
        ("vit", 1, 12, 197, 64),
        ("sam whole", 1, 12, 4096, 64),
        ("sam windows", 25, 12, 196, 64),
        ("swin", 64, 3, 49, 32),
        ("swin unetr", 343, 3, 343, 16),
        ("bert", 1, 12, 128, 64),
    ] {
        let (count, row) = (windows * heads, 3 * heads * size);
        let x = vec![0.01; windows * tokens * row];
        let starts = |part: usize| -> Vec<usize> {
            let at = |i: usize| i / heads * tokens * row + (part * heads + i % heads) * size;
            (0..count).map(at).collect()
        };
        let (a, b, c) = (starts(0), starts(1), starts(2));
        let m = |starts| Matrices { data: &x, starts, row, column: 1 };
        let shape = AttentionShape {
            count,
            queries: tokens,
            keys: tokens,
            depth: size,
            values: size,
            beside: heads,
        };
        let mut y = vec![0.0; shape.output_len()];
        let qkv = [m(&a), m(&b), m(&c)];
        let seconds = best(|| attention(&pool, &shape, 0.125, qkv, &[], &mut y));
        report(&format!("attention {name}"), seconds, shape.flops());
    }
}

fn report(name: &str, seconds: f64, flops: u64) {
    let rate = flops as f64 * 1e-9 / seconds;
    println!("{name:<46} {:9.3} ms {rate:7.0} GFLOP/s", seconds * 1e3);
}

/// The quickest of some repeats, in seconds.
fn best(mut f: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    let mut repeats = 0;
    while repeats < 3 || (repeats < 200 && begin.elapsed().as_secs_f64() < 0.2) {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64());
        repeats += 1;
    }
    best
}
