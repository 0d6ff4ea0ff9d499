//! nnU-Net's resampling and label maps.

use super::cases::{Case, cases, input};
use imaging::resample::{
    Decision, Method, NnUnet, NnUnetTorch, Rule, Segmenter, Zoom, resize_labels, segment_volume,
};
use kernels::Pool;

fn keywords(case: &Case) -> NnUnet {
    NnUnet {
        order: case.number("order"),
        order_z: case.number("order_z"),
        force_separate_z: match case.get("force") {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        },
        ..NnUnet::new(1)
    }
}

fn bytes(input: &[f32]) -> Vec<u8> {
    input.iter().map(|&label| label as u8).collect()
}

#[test]
fn images_and_label_maps_agree_with_nn_unet() {
    let pool = Pool::new(2);
    let (mut faults, mut worst) = (Vec::new(), 0.0f64);
    for case in cases(include_str!("../fixtures/resampling/nnunet.tsv")) {
        let Some(input) = input(&case.input, case.from) else { continue };
        let (from, to) = (case.from, case.to);
        let (spacing, new) = (case.triple("spacing"), case.triple("new"));
        let keywords = keywords(&case);
        if ["labels", "organs"].contains(&case.input.as_str()) {
            let labels = keywords.labels(&pool, &bytes(&input), from, to, spacing, new).unwrap();
            faults.extend(case.same_labels(&labels).err());
            continue;
        }
        let output = keywords.data(&pool, &input, from, to, spacing, new).unwrap().all(&pool);
        let error = case.error(&input, &output);
        worst = worst.max(error);
        if error.is_nan() || error > 1e-6 {
            faults.push(format!("{error:.2e} {}", case.line));
        }
    }
    println!("worst {worst:.2e} of the range");
    assert!(faults.is_empty(), "{} cases differ:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn images_and_label_maps_agree_with_nn_unet_s_torch_functions() {
    let pool = Pool::new(2);
    let (mut faults, mut worst) = (Vec::new(), 0.0f64);
    for case in cases(include_str!("../fixtures/resampling/nnunet_torch.tsv")) {
        let Some(input) = input(&case.input, case.from) else { continue };
        let (from, to) = (case.from, case.to);
        let (spacing, new) = (case.triple("spacing"), [1.0; 3]);
        let keywords = NnUnetTorch {
            force_separate_z: (case.get("force") == "False").then_some(false),
            save_memory: case.options.contains_key("save") && case.flag("save"),
            ..NnUnetTorch::default()
        };
        if ["labels", "organs"].contains(&case.input.as_str()) {
            let labels = keywords.labels(&pool, &bytes(&input), from, to, spacing, new).unwrap();
            faults.extend(case.same_labels(&labels).err());
            continue;
        }
        let output = keywords.data(&pool, &input, from, to, spacing, new).unwrap().all(&pool);
        let error = case.error(&input, &output);
        worst = worst.max(error);
        if error.is_nan() || error > 1e-6 {
            faults.push(format!("{error:.2e} {}", case.line));
        }
    }
    println!("worst {worst:.2e} of the range");
    assert!(faults.is_empty(), "{} cases differ:\n{}", faults.len(), faults.join("\n"));
}

/// Up to order 1 to the last voxel; order 3 sums in `f32`, and the few exact ties may differ.
#[test]
fn label_maps_agree_with_batchgenerators() {
    let pool = Pool::new(2);
    let mut faults = Vec::new();
    for case in cases(include_str!("../fixtures/resampling/labels.tsv")) {
        let Some(input) = input(&case.input, case.from) else { continue };
        let rule = if case.get("rule") == "half" { Rule::HalfOrMore } else { Rule::Largest };
        let order = case.number("order");
        let labels = resize_labels(&pool, &bytes(&input), case.from, case.to, order, rule).unwrap();
        faults.extend(case.same_labels(&labels).err());
    }
    assert!(faults.is_empty(), "{} cases differ:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_same_labels_for_any_number_of_threads() {
    let (from, to) = ([9, 14, 11], [15, 10, 23]);
    let labels = bytes(&input("labels", from).unwrap());
    let run = |threads, order| {
        resize_labels(&Pool::new(threads), &labels, from, to, order, Rule::Largest).unwrap()
    };
    for order in [0, 1, 3] {
        assert_eq!(run(1, order), run(3, order));
    }
}

/// Logits of some classes: blobs of their own, none too far below the others.
fn logits(classes: usize, shape: [usize; 3]) -> Vec<f32> {
    let noise = input("noise", [classes * shape[0], shape[1], shape[2]]).unwrap();
    let blobs = input("labels", shape).unwrap();
    let volume = blobs.len();
    let value = |(i, n): (usize, &f32)| {
        let own = blobs[i % volume] as usize == i / volume;
        n / 40.0 + if own { 6.0 } else { 0.0 }
    };
    noise.iter().enumerate().map(value).collect()
}

/// The label map three planes at a time, from no more planes of logits than that needs.
fn in_slabs(
    segmenter: &Segmenter,
    logits: &[f32],
    labels: &[u8],
    from: [usize; 3],
    to: [usize; 3],
) -> Vec<u8> {
    let pool = Pool::new(2);
    let plane = from[1] * from[2];
    let mut out = Vec::new();
    for start in (0..to[0]).step_by(3) {
        let planes = start..(start + 3).min(to[0]);
        let slab = segmenter.needs(planes.clone());
        assert!(slab.len() < from[0]);
        let part: Vec<f32> = logits
            .chunks_exact(from[0] * plane)
            .flat_map(|class| class[slab.start * plane..slab.end * plane].to_vec())
            .collect();
        let decision = Decision::Largest;
        let planes_of = |slab: std::ops::Range<usize>| {
            segmenter.planes(&pool, &part, slab, labels, decision, planes.clone())
        };
        assert!(planes_of(slab.start + 1..slab.end + 1).is_err());
        out.extend(planes_of(slab).unwrap());
    }
    out
}

/// The label map is the argmax over every class resampled whole.
#[test]
fn logits_become_the_labels_of_an_argmax_at_full_size() {
    let (classes, from, to) = (5, [7, 12, 10], [11, 20, 27]);
    let labels = [0u8, 3, 1, 9, 4];
    let logits = logits(classes, from);
    for (keywords, spacing) in [
        (NnUnet::new(1), [1.0; 3]),
        (NnUnet::new(1), [5.0, 1.0, 1.0]),
        (NnUnet { order_z: 1, ..NnUnet::new(1) }, [1.0, 1.0, 5.0]),
        (NnUnet::new(3), [1.0; 3]),
        (NnUnet::new(3), [1.0, 5.0, 1.0]),
        (NnUnet::new(0), [1.0; 3]),
    ] {
        let pool = Pool::new(2);
        let run = |threads, decision| {
            let spacings = [spacing, [1.0; 3]];
            keywords
                .segment(&Pool::new(threads), &logits, &labels, decision, [from, to], spacings)
                .unwrap()
        };
        let full: Vec<Vec<f32>> = logits
            .chunks_exact(7 * 12 * 10)
            .map(|class| {
                keywords.data(&pool, class, from, to, spacing, [1.0; 3]).unwrap().all(&pool)
            })
            .collect();
        let largest: Vec<u8> = (0..full[0].len())
            .map(|i| {
                let first_largest =
                    (0..classes).rev().max_by(|&a, &b| full[a][i].total_cmp(&full[b][i]));
                labels[first_largest.unwrap()]
            })
            .collect();
        assert_eq!(run(2, Decision::Largest), largest, "{keywords:?}");
        assert_eq!(run(1, Decision::Largest), largest);
        if let Ok(segmenter) = keywords.segmenter(&pool, [from, to], [spacing, [1.0; 3]]) {
            let slabs = in_slabs(&segmenter, &logits, &labels, from, to);
            assert_eq!(slabs, largest, "{keywords:?}");
        } else {
            assert!(keywords.order > 1 || keywords.order_z > 0);
        }
        let regions: Vec<u8> = (0..full[0].len())
            .map(|i| (0..classes).rev().find(|&c| full[c][i] > 2.0).map_or(0, |c| labels[c]))
            .collect();
        assert_eq!(run(3, Decision::Above(2.0)), regions);
    }
}

#[test]
fn logits_of_another_size_are_an_error() {
    let pool = Pool::new(1);
    let run = |count: usize, labels: &[u8]| {
        let method = Method::Scipy(Zoom::default());
        let logits = vec![0.0; count];
        segment_volume(&pool, &logits, labels, Decision::Largest, [1, 2, 3], [1, 4, 4], &method)
    };
    assert!(run(12, &[0, 1]).is_ok());
    assert!(run(11, &[0, 1]).is_err());
    assert!(run(0, &[]).is_err());
}
