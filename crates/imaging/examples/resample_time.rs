//! Times resampling: `resample_time WHAT FROM TO THREADS RUNS`, cubes of FROM³ to TO³ voxels.
//!
//! WHAT: `zoom0` to `zoom3` (SciPy's zoom, mode nearest, grid mode), `labels` (nnU-Net's label map,
//! order 1), `segment10` or `segment100` (logits of as many classes to a label map, order 1). Prints
//! the median and the shortest of RUNS runs after one that warms up, the mean of the result, and the
//! peak memory. `tools/bench/resample.py` compares with the references.
#![allow(clippy::print_stdout)]

use imaging::resample::{
    Decision, Method, Mode, NnUnet, Rule, Zoom, resample_volume, resize_labels, segment_volume,
};
use kernels::Pool;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [what, from, to, threads, runs] = words.as_slice() else {
        return Err("usage: resample_time WHAT FROM TO THREADS RUNS".into());
    };
    let (from, to): (usize, usize) = (from.parse()?, to.parse()?);
    let (pool, runs) = (Pool::new(threads.parse()?), runs.parse::<usize>()?.max(1));
    let (from, to) = ([from; 3], [to; 3]);
    let classes: usize = what.strip_prefix("segment").map_or(Ok(1), str::parse)?;
    let volume = noise(from);
    let blobs: Vec<u8> = blobs(from, if what == "labels" { 5 } else { classes });
    let mut logits = Vec::new();
    if what.starts_with("segment") {
        for class in 0..classes {
            // Far below elsewhere, as a trained network's are.
            let own = |(&blob, &value): (&u8, &f32)| {
                value / 100.0 + if usize::from(blob) == class { 8.0 } else { -8.0 }
            };
            logits.extend(blobs.iter().zip(&volume).map(own));
        }
    }
    let names: Vec<u8> = (0..classes as u8).collect();
    let run = || -> base::Result<f64> {
        let bytes = match what.strip_prefix("zoom") {
            Some(order) => {
                let order = order.parse().unwrap_or(3);
                let zoom = Zoom { order, mode: Mode::Nearest, grid_mode: true, ..Zoom::default() };
                let out = resample_volume(&pool, &volume, from, to, &Method::Scipy(zoom))?;
                let sum: f64 = out.iter().step_by(997).map(|&v| f64::from(v)).sum();
                return Ok(sum / out.len().div_ceil(997) as f64);
            }
            None if what == "labels" => {
                resize_labels(&pool, &blobs, from, to, NnUnet::new(1).order, Rule::Largest)?
            }
            None => {
                let zoom =
                    Zoom { order: 1, mode: Mode::Nearest, grid_mode: true, ..Zoom::default() };
                let method = Method::Scipy(zoom);
                segment_volume(&pool, &logits, &names, Decision::Largest, from, to, &method)?
            }
        };
        let sum: f64 = bytes.iter().step_by(997).map(|&v| f64::from(v)).sum();
        Ok(sum / bytes.len().div_ceil(997) as f64)
    };
    let mean = run()?;
    let mut times = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times.sort_by(f64::total_cmp);
    println!("median {:.1} ms  min {:.1} ms  mean {mean:.6}", times[runs / 2], times[0]);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(peak) = status.lines().find(|line| line.starts_with("VmHWM")) {
        println!("peak memory {}", peak.trim_start_matches("VmHWM:").trim());
    }
    Ok(())
}

/// Whole numbers, rough in every direction.
fn noise([depth, height, width]: [usize; 3]) -> Vec<f32> {
    let mut out = Vec::with_capacity(depth * height * width);
    for z in 0..depth {
        for y in 0..height {
            for x in 0..width {
                let value = z * 73 + y * 37 + x * 101 + (z * y + 3 * x * y) % 17 * 29;
                out.push((value % 251) as f32 - 50.0);
            }
        }
    }
    out
}

/// Boxes of an eighth of the volume's edge, each with a label.
fn blobs([depth, height, width]: [usize; 3], labels: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(depth * height * width);
    let cell = |at: usize, extent: usize| at * 8 / extent;
    for z in 0..depth {
        for y in 0..height {
            for x in 0..width {
                let number = cell(z, depth) * 7 + cell(y, height) * 3 + cell(x, width) * 5;
                out.push((number % labels.max(1)) as u8);
            }
        }
    }
    out
}
