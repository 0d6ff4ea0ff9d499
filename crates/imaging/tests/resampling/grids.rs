//! ITK's resampling between grids in the patient.

use super::cases::{Case, cases, input};
use base::{Affine, Grid};
use imaging::resample::{
    GridResampler, Sampling, labels_to_grid, labels_to_grid_smooth, resample_to_grid,
};
use kernels::Pool;

fn grid(case: &Case, name: &str, shape: [usize; 3]) -> Grid {
    let numbers: Vec<f64> = case.get(name).split(',').map(|n| n.parse().unwrap()).collect();
    let row = |i: usize| [0, 1, 2, 3].map(|column| numbers[i * 4 + column]);
    let affine = Affine::from_lps([row(0), row(1), row(2)]);
    Grid { size: [shape[2], shape[1], shape[0]], affine }
}

fn sampling(case: &Case) -> Sampling {
    match case.get("sampling") {
        "nearest" => Sampling::Nearest,
        "linear" => Sampling::Linear,
        "bspline" => Sampling::BSpline,
        other => panic!("{other}"),
    }
}

#[test]
fn grids_agree_with_itk() {
    let pool = Pool::new(2);
    let (mut faults, mut worst) = (Vec::new(), 0.0f64);
    for case in cases(include_str!("../fixtures/resampling/grid.tsv")) {
        let Some(input) = input(&case.input, case.from) else { continue };
        let (here, there) = (grid(&case, "here", case.from), grid(&case, "there", case.to));
        if ["organs", "labels"].contains(&case.input.as_str()) {
            let labels: Vec<u8> = input.iter().map(|&label| label as u8).collect();
            let labels = match case.get("sampling") {
                "gaussian" => labels_to_grid_smooth(&pool, &labels, &here, &there, 0).unwrap(),
                _ => labels_to_grid(&pool, &labels, &here, &there, 0).unwrap(),
            };
            faults.extend(case.same_labels(&labels).err());
            continue;
        }
        let outside = case.number("outside");
        let output =
            resample_to_grid(&pool, &input, &here, &there, sampling(&case), outside).unwrap();
        let error = case.error(&input, &output);
        worst = worst.max(error);
        if error.is_nan() || error > 2e-6 {
            faults.push(format!("{error:.2e} {}", case.line));
        }
        if case.get("sampling") == "nearest" {
            let same = labels_to_grid(&pool, &input, &here, &there, outside).unwrap();
            assert_eq!(output, same);
        }
    }
    println!("worst {worst:.2e} of the range");
    assert!(faults.is_empty(), "{} cases differ:\n{}", faults.len(), faults.join("\n"));
}

/// A turned grid: in slabs and on any number of threads the same bits.
#[test]
fn slabs_and_threads_change_no_bit() {
    let input = input("noise", [7, 9, 8]).unwrap();
    let here = Grid { size: [8, 9, 7], affine: Affine::scaling([1.0, 1.2, 2.0]) };
    for tilt in [0.0, 0.3] {
        let rows = [[0.7, tilt, 0.0, 0.5], [-tilt, 0.9, 0.1, 1.0], [0.0, 0.0, 1.1, 0.2]];
        let there = Grid { size: [11, 10, 12], affine: Affine::new(rows) };
        for sampling in [Sampling::Nearest, Sampling::Linear, Sampling::BSpline] {
            let make = |threads| {
                let pool = Pool::new(threads);
                GridResampler::new(&pool, &input, &here, &there, sampling, -3.0).unwrap()
            };
            let whole = make(1).all(&Pool::new(1));
            let mut slabs = vec![f32::NAN; whole.len()];
            let (resampler, pool) = (make(3), Pool::new(3));
            assert_eq!(resampler.shape(), [12, 10, 11]);
            resampler.planes(&pool, 0..5, &mut slabs[..550]).unwrap();
            resampler.planes(&pool, 5..12, &mut slabs[550..]).unwrap();
            assert_eq!(whole, slabs);
            assert!(resampler.planes(&pool, 5..13, &mut slabs[550..]).is_err());
        }
    }
}

#[test]
fn a_grid_without_a_way_back_is_an_error() {
    let pool = Pool::new(1);
    let good = Grid { size: [2, 2, 2], affine: Affine::scaling([1.0; 3]) };
    let flat = Grid { size: [2, 2, 2], affine: Affine::scaling([1.0, 0.0, 1.0]) };
    let run = |data: &[f32], from: &Grid, to: &Grid| {
        resample_to_grid(&pool, data, from, to, Sampling::Linear, 0.0)
    };
    assert!(run(&[1.0; 8], &good, &good).is_ok());
    assert!(run(&[1.0; 8], &flat, &good).is_err());
    assert!(run(&[1.0; 8], &good, &flat).is_err());
    assert!(run(&[1.0; 7], &good, &good).is_err());
    assert!(labels_to_grid(&pool, &[1u8; 7], &good, &good, 0).is_err());
}

/// Brought to a finer turned grid and back, labels stay where they were.
#[test]
fn labels_come_back_to_the_grid_they_came_from() {
    let pool = Pool::new(2);
    let labels: Vec<u8> = input("labels", [7, 9, 8]).unwrap().iter().map(|&l| l as u8).collect();
    let here = Grid { size: [8, 9, 7], affine: Affine::scaling([1.0, 1.2, 2.0]) };
    let rows = [[0.2, 0.02, 0.0, -1.5], [-0.02, 0.2, 0.01, -1.5], [0.0, 0.0, 0.25, -1.5]];
    let there = Grid { size: [60, 80, 70], affine: Affine::new(rows) };
    let turned = labels_to_grid(&pool, &labels, &here, &there, 0).unwrap();
    assert_eq!(labels_to_grid(&pool, &turned, &there, &here, 9).unwrap(), labels);
}
