//! nnU-Net's resampling and label maps.

use crate::cases::{Case, cases, input};
use imaging::resample::{NnUnet, Rule, resize_labels};
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
