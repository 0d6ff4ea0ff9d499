//! OpenCV's and Pillow's resize of pictures.

use super::cases::{Case, cases, input};
use imaging::resample::{Method, OpenCv, Pil, opencv_u8, opencv_u16, pil_u8, resample_volume};
use kernels::Pool;
use std::collections::BTreeMap;

/// Largest errors by depth and kind, and the share of kept samples that differ at all.
#[derive(Default)]
struct Tally(BTreeMap<String, (f64, usize, usize)>);

impl Tally {
    fn add(&mut self, case: &Case, output: &[f32], range: f32) {
        let input = [0.0, range];
        let kept = case.samples.len();
        let place = |i: usize| {
            if kept == output.len() { i } else { i * (output.len() - 1) / (kept - 1) }
        };
        let differs = |i: &usize| f64::from(output[place(*i)]) != case.samples[*i];
        let entry = self.0.entry(format!("{} {}", case.get("depth"), case.get("kind")));
        let entry = entry.or_default();
        entry.0 = entry.0.max(case.error(&input, output) * f64::from(range));
        entry.1 += (0..kept).filter(differs).count();
        entry.2 += kept;
    }

    /// Holds the largest error of each depth and kind under its bound.
    fn hold(&self, bound: impl Fn(&str) -> f64) {
        let mut faults = Vec::new();
        for (name, (error, differing, kept)) in &self.0 {
            println!("{name}: largest error {error:.2e}, {differing} of {kept} differ");
            if error.is_nan() || *error > bound(name) {
                faults.push(format!("{name}: {error:.2e}"));
            }
        }
        assert!(faults.is_empty(), "{faults:?}");
    }
}

fn plane(case: &Case) -> Vec<f32> {
    input("noise", case.from).unwrap().iter().map(|value| value + 50.0).collect()
}

fn flat(shape: [usize; 3]) -> (usize, usize) {
    (shape[1], shape[2])
}

fn bytes(plane: &[f32]) -> Vec<u8> {
    plane.iter().map(|&value| value as u8).collect()
}

#[test]
fn pictures_agree_with_opencv() {
    let pool = Pool::new(2);
    let mut tally = Tally::default();
    for case in cases(include_str!("../fixtures/resampling/opencv.tsv")) {
        let kind = match case.get("kind").trim_end_matches(" ipp") {
            "nearest" => OpenCv::Nearest,
            "nearest-exact" => OpenCv::NearestExact,
            "linear" => OpenCv::Linear,
            "cubic" => OpenCv::Cubic,
            "area" => OpenCv::Area,
            other => panic!("{other}"),
        };
        let plane = plane(&case);
        let (from, to) = (flat(case.from), flat(case.to));
        let (output, range): (Vec<f32>, f32) = match case.get("depth") {
            "f32" => {
                let method = Method::OpenCv(kind);
                (resample_volume(&pool, &plane, case.from, case.to, &method).unwrap(), 255.0)
            }
            "u8" => {
                let out = opencv_u8(&bytes(&plane), from, to, kind);
                (out.into_iter().map(f32::from).collect(), 255.0)
            }
            "u16" => {
                let wide: Vec<u16> = plane.iter().map(|&value| value as u16 * 200).collect();
                let out = opencv_u16(&wide, from, to, kind);
                (out.into_iter().map(f32::from).collect(), 65535.0)
            }
            other => panic!("{other}"),
        };
        tally.add(&case, &output, range);
    }
    // Means are kept to seven digits: 5e-5 of a byte, 5e-3 of a word. Sums of floats may round the
    // other way at a half.
    tally.hold(|name| match name {
        "u8 cubic ipp" => 1.0,
        name if name.starts_with("u8") => 5e-5,
        name if name.starts_with("u16 nearest") => 5e-3,
        name if name.starts_with("u16") => 1.0,
        name if name.ends_with("ipp") => 1e-3,
        _ => 2e-4,
    });
}

#[test]
fn pictures_agree_with_pillow() {
    let pool = Pool::new(2);
    let mut tally = Tally::default();
    for case in cases(include_str!("../fixtures/resampling/pil.tsv")) {
        let filter = match case.get("kind") {
            "NEAREST" => Pil::Nearest,
            "BOX" => Pil::Box,
            "BILINEAR" => Pil::Bilinear,
            "HAMMING" => Pil::Hamming,
            "BICUBIC" => Pil::Bicubic,
            "LANCZOS" => Pil::Lanczos,
            other => panic!("{other}"),
        };
        let plane = plane(&case);
        let output = if case.get("depth") == "f32" {
            let method = Method::Pil(filter);
            resample_volume(&pool, &plane, case.from, case.to, &method).unwrap()
        } else {
            let out = pil_u8(&bytes(&plane), flat(case.from), flat(case.to), filter);
            out.into_iter().map(f32::from).collect()
        };
        tally.add(&case, &output, 255.0);
    }
    tally.hold(|name| match name {
        name if name.starts_with("f32") => 1e-4,
        _ => 5e-5,
    });
}
