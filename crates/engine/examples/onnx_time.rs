//! Times an ONNX network on made-up input, and says where the time goes.
//!
//!     cargo run --release -p engine --example onnx_time -- model.onnx [threads] [repeat] [rows of the profile] [instruction set]
//!
//! Inputs are of the shapes the file declares; an extent it leaves open is 1. Prints the median and the least of the runs after
//! a warm-up, then the costliest operations and nodes of one run.
#![allow(clippy::print_stdout)]

use engine::array::{Array, DType};
use engine::onnx::{Dim, Model, Session, SessionOptions};
use kernels::{Isa, Pool, cpu_name, set_isa};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let path = args.first().ok_or("which model?")?;
    let number = |at: usize, default: usize| args.get(at).map_or(Ok(default), |a| a.parse());
    let (threads, repeat, rows) = (number(1, 2)?, number(2, 5)?, number(3, 25)?);
    if let Some(name) = args.get(4) {
        let isa = Isa::available().into_iter().find(|isa| isa.name() == name);
        set_isa(isa.ok_or("this processor has no such instruction set")?);
    }
    let started = Instant::now();
    let model = Model::open(path.as_ref())?;
    let inputs: Vec<(String, Array)> =
        model.inputs().iter().map(made_up).collect::<Result<_, _>>()?;
    let given: Vec<(&str, Array)> = inputs.iter().map(|(n, a)| (n.as_str(), a.clone())).collect();
    // As `consilium infer --repeat` runs it.
    let options = SessionOptions { lasting: true, ..SessionOptions::new(Pool::new(threads)) };
    let mut session = Session::new(model, options);
    session.run(&given)?;
    let first = started.elapsed().as_secs_f64();
    let mut times = Vec::new();
    for _ in 0..repeat.max(1) {
        let started = Instant::now();
        session.run(&given)?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("{} · {threads} threads · loaded and run once in {first:.2} s", cpu_name());
    println!("median {:.2} ms  min {:.2} ms", times[times.len() / 2], times[0]);

    let (_, mut nodes) = session.run_timed(&given)?;
    let mut sums: BTreeMap<&str, (usize, f64, f64)> = BTreeMap::new();
    for node in &nodes {
        let sum = sums.entry(node.op).or_default();
        *sum = (sum.0 + 1, sum.1 + node.time.as_secs_f64() * 1e3, sum.2 + node.flops as f64 * 1e-9);
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
    for (op, (count, ms, gflop)) in sums {
        println!("{ms:9.2} ms  {:6.1} GFLOP/s  {count:4} × {op}", gflop / ms * 1e3);
    }
    nodes.sort_by_key(|node| std::cmp::Reverse(node.time));
    for node in nodes.iter().take(rows) {
        let ms = node.time.as_secs_f64() * 1e3;
        let (rate, mib) = (node.flops as f64 * 1e-6 / ms, node.bytes as f64 / 1048576.0);
        println!("{ms:9.3} ms  {rate:6.1} GFLOP/s  {mib:7.2} MiB  {:16} {}", node.op, node.name);
    }
    Ok(())
}

fn made_up(port: &engine::onnx::Port) -> Result<(String, Array), Box<dyn Error>> {
    let dims = port.shape.as_deref().unwrap_or(&[]);
    let shape: Vec<usize> =
        dims.iter().map(|dim| if let Dim::Fixed(n) = dim { *n } else { 1 }).collect();
    let len = shape.iter().product();
    let array = match port.dtype {
        Some(DType::I64) => Array::of(&shape, (0..len).map(|i| (i * 7919 % 1000) as i64).collect()),
        _ => Array::f32(&shape, (0..len).map(|i| (i * 7919 % 2000) as f32 * 1e-3 - 1.0).collect()),
    };
    Ok((port.name.clone(), array?))
}
