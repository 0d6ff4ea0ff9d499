//! Times the judge on what `tools/bench/metrics.py` wrote, and prints seconds and results as JSON.
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use metrics::classification::{Binary, Ranked};
use metrics::compare::Units;
use metrics::segmentation::{Lattice, MaskPair, SurfaceDistances};
use metrics::text::{Corpus, Tokens, cider_d};
use std::fs;
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let threads = arguments[1].parse().expect("threads");
    let files = &arguments[2..];
    match arguments[0].as_str() {
        "surface" => surface(files, threads),
        "bootstrap" => bootstrap(files, threads),
        "cider" => cider(files, threads),
        other => panic!("no benchmark {other}"),
    }
}

/// Two files of bytes, x fastest; then nx ny nz sx sy sz.
fn surface(arguments: &[String], threads: usize) {
    let (predicted, reference) =
        (fs::read(&arguments[0]).unwrap(), fs::read(&arguments[1]).unwrap());
    let number = |at: usize| arguments[at].parse::<f64>().unwrap();
    let size = [2, 3, 4].map(|at| number(at) as usize);
    let lattice = Lattice::volume(size, [5, 6, 7].map(number));
    let start = Instant::now();
    let pair = MaskPair::cut(&lattice, |at| predicted[at] != 0, |at| reference[at] != 0, threads);
    let voxels = SurfaceDistances::of_voxels(&pair, threads).unwrap();
    let (hd95, assd, nsd) =
        (voxels.percentile_mm(95.0), voxels.assd_mm(), voxels.surface_dice(1.0));
    let by_voxels = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let pair = MaskPair::cut(&lattice, |at| predicted[at] != 0, |at| reference[at] != 0, threads);
    let surfels = SurfaceDistances::of_surfels(&pair, threads).unwrap();
    let surfels_95 = surfels.percentile_mm(95.0);
    let surfels_nsd = surfels.surface_dice(1.0);
    let by_surfels = start.elapsed().as_secs_f64();
    println!(
        "{{\"voxels_s\": {by_voxels}, \"surfels_s\": {by_surfels}, \"hd95\": {hd95}, \"assd\": {assd}, \
         \"nsd\": {nsd}, \"surfels_hd95\": {surfels_95}, \"surfels_nsd\": {surfels_nsd}, \
         \"peak_mib\": {}}}",
        peak_mib()
    );
}

/// Scores (f64), truth (bytes), patients (u32), label after label; then cases, labels, resamples.
fn bootstrap(arguments: &[String], threads: usize) {
    let number = |at: usize| arguments[at].parse::<usize>().unwrap();
    let (cases, labels, resamples) = (number(3), number(4), number(5));
    let bytes = fs::read(&arguments[0]).unwrap();
    let scores: Vec<f64> =
        bytes.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect();
    let truth = fs::read(&arguments[1]).unwrap();
    let bytes = fs::read(&arguments[2]).unwrap();
    let patients: Vec<u32> =
        bytes.chunks_exact(4).map(|b| u32::from_le_bytes(b.try_into().unwrap())).collect();
    let start = Instant::now();
    let units = Units::grouped(&patients);
    let ranked: Vec<Ranked> = (0..labels)
        .map(|label| {
            let own = label * cases..(label + 1) * cases;
            let truth = truth[own.clone()].iter().map(|t| *t != 0).collect();
            let binary = Binary::new(scores[own].to_vec(), truth).unwrap();
            Ranked::by_unit(&binary, units.of_case())
        })
        .collect();
    let drawn = units.bootstrap_many(1, resamples, threads, labels, |weights, out| {
        out.extend(ranked.iter().map(|label| label.auroc_of(weights)));
    });
    let first = drawn[0].interval(0.95).unwrap();
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "{{\"s\": {seconds}, \"low\": {}, \"high\": {}, \"peak_mib\": {}}}",
        first.low,
        first.high,
        peak_mib()
    );
}

/// Two files of reports, one a line.
fn cider(arguments: &[String], threads: usize) {
    let read = |at: usize| fs::read_to_string(&arguments[at]).unwrap();
    let (predicted, reference) = (read(0), read(1));
    let start = Instant::now();
    let cases = predicted.lines().zip(reference.lines()).map(|(p, r)| (p, vec![r]));
    let corpus = Corpus::new(cases, Tokens::Space);
    let scores = cider_d(&corpus, threads);
    let mean = scores.iter().sum::<f64>() / scores.len() as f64;
    let seconds = start.elapsed().as_secs_f64();
    println!("{{\"s\": {seconds}, \"cider\": {mean}, \"peak_mib\": {}}}", peak_mib());
}

/// The most memory this process ever held, in MiB; 0 where the system does not tell.
fn peak_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}
