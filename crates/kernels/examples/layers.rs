//! Times every convolution of the networks in the case table, and some matrix products of transformers.
//!
//!     cargo run --release -p kernels --example layers -- [threads] [part of a name] [portable|avx2+fma|avx512|amx]
//!
//! Prints the best of several runs in milliseconds and GFLOP/s, and per network the sum over its layers.
#![allow(clippy::print_stdout)]

use kernels::cases::layers;
use kernels::{
    ConvArgs, Epilogue, Isa, Pool, conv, conv_workspace, cpu_name, gemm, pack_conv, pack_weights,
    set_isa,
};
use std::collections::BTreeMap;
use std::time::Instant;

fn main() {
    let mut args = std::env::args().skip(1);
    let threads = args.next().and_then(|a| a.parse().ok()).unwrap_or(2);
    let wanted = args.next().unwrap_or_default();
    if let Some(name) = args.next() {
        let Some(isa) = Isa::available().into_iter().find(|isa| isa.name() == name) else {
            println!("this processor has no {name}; it has {:?}", Isa::available());
            return;
        };
        set_isa(isa);
    }
    let pool = Pool::new(threads);
    println!("{} · {} threads", cpu_name(), pool.threads());

    for (m, k, n) in
        [(1, 1024, 1000), (197, 768, 768), (197, 768, 3072), (197, 3072, 768), (1024, 1024, 1024)]
    {
        let (a, b) = (vec![1.0; m * k], pack_weights(k, n, &vec![1.1; k * n], false, false));
        let mut c = vec![0.0; m * n];
        let seconds = best(|| gemm(&pool, m, &a, &b, &Epilogue::default(), &mut c));
        let gflop = 2e-9 * (m * k * n) as f64;
        println!(
            "{:<46} {:9.3} ms {:7.0} GFLOP/s",
            format!("product {m}x{k}x{n}"),
            seconds * 1e3,
            gflop / seconds
        );
    }

    let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for layer in layers().into_iter().filter(|l| l.name.contains(&wanted)) {
        let s = &layer.shape;
        let fill =
            |n: usize| (0..n).map(|i| ((i * 7919) % 1000) as f32 * 0.002 - 1.0).collect::<Vec<_>>();
        let packed = pack_conv(s, &fill(s.weight_len()));
        let x = fill(s.input_len());
        let mut y = vec![0.0; s.out_channels * s.output().map_or(0, |o| o.iter().product())];
        let mut work = vec![0.0; conv_workspace(s, &packed, threads)];
        let seconds = best(|| conv(&pool, s, &x, &packed, &ConvArgs::default(), &mut work, &mut y));
        let gflop = s.flops() as f64 * 1e-9;
        println!(
            "{:<46} {:9.3} ms {:7.0} GFLOP/s  ×{}",
            layer.name,
            seconds * 1e3,
            gflop / seconds,
            layer.times
        );
        let network = layer.name.split(' ').next().unwrap_or_default().to_string();
        let sum = sums.entry(network).or_default();
        sum.0 += seconds * layer.times as f64;
        sum.1 += gflop * layer.times as f64;
    }
    for (network, (seconds, gflop)) in sums {
        println!(
            "{network}: {:.1} ms, {gflop:.2} GFLOP, {:.0} GFLOP/s",
            seconds * 1e3,
            gflop / seconds
        );
    }
}

/// The quickest of some repeats, in seconds.
fn best(mut f: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut best = f64::INFINITY;
    let mut repeats = 0;
    while repeats < 3 || (repeats < 200 && begin.elapsed().as_secs_f64() < 0.25) {
        let start = Instant::now();
        f();
        best = best.min(start.elapsed().as_secs_f64());
        repeats += 1;
    }
    best
}
