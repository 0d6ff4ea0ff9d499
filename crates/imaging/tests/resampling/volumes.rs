//! SciPy's zoom and scikit-image's resize.

use super::cases::{Case, agree};
use imaging::resample::{
    Edge, Interpolate, Interpolation, Method, Mode, Resampler, Resize, Zoom, resample_volume,
};
use kernels::Pool;

fn zoom(case: &Case) -> Method {
    let mode = match case.get("mode") {
        "nearest" => Mode::Nearest,
        "reflect" => Mode::Reflect,
        "mirror" => Mode::Mirror,
        "constant" => Mode::Constant,
        "grid-constant" => Mode::GridConstant,
        "wrap" => Mode::Wrap,
        "grid-wrap" => Mode::GridWrap,
        other => panic!("{other}"),
    };
    Method::Scipy(Zoom {
        order: case.number("order"),
        mode,
        cval: case.number("cval"),
        prefilter: case.flag("prefilter"),
        grid_mode: case.flag("grid"),
    })
}

fn resize(case: &Case) -> Method {
    let mode = match case.get("mode") {
        "constant" => Edge::Constant(case.number("cval")),
        "edge" => Edge::Edge,
        "symmetric" => Edge::Symmetric,
        "reflect" => Edge::Reflect,
        "wrap" => Edge::Wrap,
        other => panic!("{other}"),
    };
    Method::Skimage(Resize {
        order: case.number("order"),
        mode,
        anti_aliasing: case.flag("smooth"),
        clip: case.flag("clip"),
    })
}

#[test]
fn zoom_agrees_with_scipy() {
    let pool = Pool::new(2);
    agree(include_str!("../fixtures/resampling/scipy.tsv"), 2e-6, |case, input| {
        resample_volume(&pool, input, case.from, case.to, &zoom(case)).unwrap()
    });
}

#[test]
fn resize_agrees_with_scikit_image() {
    let pool = Pool::new(2);
    agree(include_str!("../fixtures/resampling/skimage.tsv"), 2e-6, |case, input| {
        resample_volume(&pool, input, case.from, case.to, &resize(case)).unwrap()
    });
}

fn interpolate(case: &Case) -> Method {
    let kind = match case.get("mode") {
        "nearest" => Interpolation::Nearest,
        "nearest-exact" => Interpolation::NearestExact,
        "linear" => Interpolation::Linear,
        "cubic" => Interpolation::Cubic,
        "area" => Interpolation::Area,
        other => panic!("{other}"),
    };
    Method::Torch(Interpolate {
        kind,
        align_corners: case.flag("align"),
        antialias: case.flag("antialias"),
        scale_factor: (!case.get("factor").is_empty()).then(|| case.triple("factor")),
    })
}

#[test]
fn interpolate_agrees_with_torch() {
    let pool = Pool::new(2);
    agree(include_str!("../fixtures/resampling/torch.tsv"), 2e-6, |case, input| {
        resample_volume(&pool, input, case.from, case.to, &interpolate(case)).unwrap()
    });
}

/// Whole and in slabs, on one thread and on several.
#[test]
fn slabs_and_threads_change_no_bit() {
    let (from, to) = ([9, 14, 11], [15, 10, 23]);
    let input = super::cases::input("noise", from).unwrap();
    let constant = Edge::Constant(500.0);
    for method in [
        Method::Scipy(Zoom { mode: Mode::Reflect, ..Zoom::default() }),
        Method::Skimage(Resize { order: 3, mode: constant, anti_aliasing: true, clip: true }),
    ] {
        let whole = resample_volume(&Pool::new(1), &input, from, to, &method).unwrap();
        let pool = Pool::new(3);
        let resampler = Resampler::new(&pool, &input, from, to, &method).unwrap();
        let mut slabs = vec![f32::NAN; whole.len()];
        for start in [0, 4, 8, 12] {
            let end = (start + 4).min(15);
            resampler.planes(&pool, start..end, &mut slabs[start * 230..end * 230]).unwrap();
        }
        assert_eq!(whole, slabs);
    }
}

#[test]
fn impossible_requests_are_errors() {
    let pool = Pool::new(1);
    let method = Method::Scipy(Zoom::default());
    let run = |data: &[f32], from, to| resample_volume(&pool, data, from, to, &method);
    assert!(run(&[1.0; 6], [1, 2, 3], [1, 0, 3]).is_err());
    assert!(run(&[1.0; 5], [1, 2, 3], [1, 2, 3]).is_err());
    assert!(run(&[1.0; 6], [1, 2, 3], [usize::MAX, 2, 3]).is_err());
    assert!(run(&[], [usize::MAX, 2, 0], [1, 1, 1]).is_err());
    let resampler = Resampler::new(&pool, &[1.0; 6][..], [1, 2, 3], [2, 2, 2], &method).unwrap();
    assert!(resampler.planes(&pool, 1..3, &mut [0.0; 8]).is_err());
    assert!(resampler.planes(&pool, 1..2, &mut [0.0; 8]).is_err());
}
