//! Segmentation against MONAI, DeepMind's surface-distance, scikit-image and cc3d.
#![allow(clippy::unwrap_used)]

mod common;

use common::{fixture, floats, near, same, whole};
use metrics::Undefined;
use metrics::segmentation::{
    Lattice, LesionRule, MaskPair, Overlap, Status, SurfaceDistances, centreline_dice, components,
    lesion_wise, panoptic_quality, skeleton,
};
use serde_json::Value as Json;

struct Case {
    name: String,
    lattice: Lattice,
    predicted: Vec<bool>,
    reference: Vec<bool>,
    json: Json,
}

fn unpack(json: &Json, len: usize) -> Vec<bool> {
    let hex = json.as_str().unwrap().as_bytes();
    let bit = |at: usize| {
        let digit = (hex[at / 4] as char).to_digit(16).unwrap();
        digit >> (3 - at % 4) & 1 == 1
    };
    (0..len).map(bit).collect()
}

fn cases() -> Vec<Case> {
    let all = fixture("masks.json");
    let one = |(name, json): (&String, &Json)| {
        let (size, spacing) = (whole(&json["size"]), floats(&json["spacing"]));
        let side = |axis: usize| size[axis] as usize;
        let lattice = match size.len() {
            2 => Lattice::picture([side(0), side(1)], [spacing[0], spacing[1]]),
            _ => Lattice::volume([side(0), side(1), side(2)], [spacing[0], spacing[1], spacing[2]]),
        };
        let predicted = unpack(&json["predicted"], lattice.len());
        let reference = unpack(&json["reference"], lattice.len());
        Case { name: name.clone(), lattice, predicted, reference, json: json.clone() }
    };
    all["cases"].as_object().unwrap().iter().map(one).collect()
}

fn pair(case: &Case, threads: usize) -> MaskPair {
    MaskPair::cut(&case.lattice, |at| case.predicted[at], |at| case.reference[at], threads)
}

#[test]
fn overlap_is_monais() {
    for case in cases() {
        let overlap = Overlap::of(&case.predicted, &case.reference);
        let counts = whole(&case.json["counts"]).into_iter().map(u64::from).collect::<Vec<_>>();
        let found = [overlap.both, overlap.only_predicted, overlap.only_reference];
        assert_eq!(found[..], counts[..], "{}", case.name);
        assert_eq!(found.iter().sum::<u64>() + overlap.neither, case.lattice.len() as u64);
        // MONAI computes in single precision.
        same(&case.name, overlap.dice(), &case.json["dice"], 1e-6);
        same(&case.name, overlap.iou(), &case.json["iou"], 1e-6);
        let inside = pair(&case, 2).overlap();
        assert_eq!((inside.both, inside.dice()), (overlap.both, overlap.dice()));
    }
}

#[test]
fn the_four_statuses_are_named_and_nothing_is_dropped() {
    let find = |name: &str| cases().into_iter().find(|case| case.name == name).unwrap();
    for (name, status, dice, why) in [
        ("both_empty", Status::BothEmpty, Err(Undefined::BothEmpty), Undefined::BothEmpty),
        ("missed", Status::Missed, Ok(0.0), Undefined::Missed),
        ("spurious", Status::Spurious, Ok(0.0), Undefined::Spurious),
    ] {
        let case = find(name);
        let overlap = Overlap::of(&case.predicted, &case.reference);
        assert_eq!((overlap.status(), overlap.dice()), (status, dice));
        assert_eq!(SurfaceDistances::of_voxels(&pair(&case, 1), 1).unwrap_err(), why);
        assert_eq!(SurfaceDistances::of_surfels(&pair(&case, 1), 1).unwrap_err(), why);
        let lines = centreline_dice(&case.predicted, &case.reference, &case.lattice);
        assert_eq!(lines.cl_dice, Err(why));
        let parts = panoptic_quality(&case.predicted, &case.reference, &case.lattice);
        assert_eq!(parts.segmentation_quality, Err(why));
    }
    assert_eq!(find("balls").lattice.diagonal_mm(), (400.0f64 + 289.0 + 196.0).sqrt());
    let case = find("balls");
    assert_eq!(Overlap::of(&case.predicted, &case.reference).status(), Status::Ok);
}

#[test]
fn voxel_distances_are_monais() {
    for case in cases().iter().filter(|case| !case.json["monai"].is_null()) {
        let (name, monai) = (&case.name, &case.json["monai"]);
        let found = SurfaceDistances::of_voxels(&pair(case, 2), 2).unwrap();
        assert_eq!(found, SurfaceDistances::of_voxels(&pair(case, 1), 1).unwrap());
        let expect = |what: &str, got: f64, expected: &Json| {
            // MONAI keeps distances in single precision.
            near(&format!("{name} {what}"), got, expected.as_f64().unwrap(), 3e-6);
        };
        expect("hd", found.hausdorff_mm(), &monai["hd"]);
        expect("hd95", found.percentile_mm(95.0), &monai["hd95"]);
        expect("assd", found.assd_mm(), &monai["assd"]);
        expect("to reference", found.predicted_to_reference_mm(), &monai["to_reference"]);
        expect("to predicted", found.reference_to_predicted_mm(), &monai["to_predicted"]);
        let masd = 0.5
            * (monai["to_reference"].as_f64().unwrap() + monai["to_predicted"].as_f64().unwrap());
        near(name, found.masd_mm(), masd, 3e-6);
        for (tolerance, expected) in monai["nsd"].as_object().unwrap() {
            expect("nsd", found.surface_dice(tolerance.parse().unwrap()), expected);
        }
        let pooled = case.json["pooled_hd95"].as_f64().unwrap();
        near(name, found.pooled_percentile_mm(95.0), pooled, 1e-12);
    }
}

#[test]
fn surfel_distances_are_deepminds() {
    for case in cases().iter().filter(|case| !case.json["deepmind"].is_null()) {
        let (name, expected) = (&case.name, &case.json["deepmind"]);
        let found = SurfaceDistances::of_surfels(&pair(case, 2), 2).unwrap();
        assert_eq!(found, SurfaceDistances::of_surfels(&pair(case, 1), 1).unwrap());
        let expect = |what: &str, got: f64, expected: &Json| {
            near(&format!("{name} {what}"), got, expected.as_f64().unwrap(), 1e-12);
        };
        expect("hd95", found.percentile_mm(95.0), &expected["hd95"]);
        expect("hd50", found.percentile_mm(50.0), &expected["hd50"]);
        expect("to predicted", found.reference_to_predicted_mm(), &expected["to_predicted"]);
        expect("to reference", found.predicted_to_reference_mm(), &expected["to_reference"]);
        for (tolerance, share) in expected["nsd"].as_object().unwrap() {
            expect("nsd", found.surface_dice(tolerance.parse().unwrap()), share);
        }
    }
}

#[test]
fn centre_lines_are_scikit_images() {
    for case in cases().iter().filter(|case| !case.json["skeleton"].is_null()) {
        let expected = &case.json["skeleton"];
        for (mask, line) in [(&case.predicted, &expected[0]), (&case.reference, &expected[1])] {
            let found = skeleton(mask, &case.lattice);
            assert!(found == unpack(line, case.lattice.len()), "{}", case.name);
        }
        let found = centreline_dice(&case.predicted, &case.reference, &case.lattice);
        same(&case.name, found.cl_dice, &case.json["cl_dice"], 1e-13);
    }
}

#[test]
fn panoptic_quality_is_its_definition() {
    for case in cases().iter().filter(|case| !case.json["panoptic"].is_null()) {
        let found = panoptic_quality(&case.predicted, &case.reference, &case.lattice);
        let expected = floats(&case.json["panoptic"]);
        let counts = [found.true_positives, found.false_positives, found.false_negatives];
        assert_eq!(counts.map(|n| n as f64)[..], expected[..3], "{}", case.name);
        near(&case.name, found.panoptic_quality.unwrap(), expected[3], 1e-13);
        if let (Ok(sq), Ok(rq)) = (found.segmentation_quality, found.recognition_quality) {
            near(&case.name, sq * rq, expected[3], 1e-13);
        }
    }
}

#[test]
fn lesion_wise_scores_are_those_of_brats() {
    let all = fixture("masks.json");
    for (name, json) in all["lesions"].as_object().unwrap() {
        let size = whole(&json["size"]);
        let size = [size[0] as usize, size[1] as usize, size[2] as usize];
        let lattice = Lattice::volume(size, [1.0; 3]);
        let predicted = unpack(&json["predicted"], lattice.len());
        let reference = unpack(&json["reference"], lattice.len());
        let rule = if name.ends_with('3') { LesionRule::GLIOMA } else { LesionRule::METASTASES };
        assert_eq!(rule.dilations as u64, json["dilations"].as_u64().unwrap());
        assert_eq!(rule.smallest_mm3, json["smallest"].as_f64().unwrap());
        let found = lesion_wise(&predicted, &reference, &lattice, &rule, 2);
        let counts = [found.true_positives, found.false_negatives, found.false_positives];
        let expected = ["tp", "fn", "fp"].map(|key| json[key].as_u64().unwrap() as usize);
        assert_eq!(counts, expected, "{name}");
        same(name, found.dice, &json["dice"], 1e-12);
        same(name, found.hd95_mm, &json["hd95"], 1e-12);
        let mut rows: Vec<Vec<f64>> = json["rows"].as_array().unwrap().iter().map(floats).collect();
        let mut own: Vec<Vec<f64>> = found
            .lesions
            .iter()
            .map(|lesion| vec![lesion.mm3, lesion.found as f64, lesion.dice, lesion.hd95_mm])
            .collect();
        rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
        own.sort_by(|a, b| a.partial_cmp(b).unwrap());
        assert_eq!(rows.len(), own.len());
        for (a, b) in rows.iter().flatten().zip(own.iter().flatten()) {
            near(name, *b, *a, 1e-12);
        }
    }
}

#[test]
fn parts_touch_at_corners_and_are_numbered_as_they_come() {
    // Two voxels sharing a corner, and one apart.
    let size = [4, 3, 3];
    let mut mask = vec![false; 36];
    let at = |i: usize, j: usize, k: usize| i + 4 * (j + 3 * k);
    for place in [at(3, 0, 0), at(0, 0, 0), at(1, 1, 1)] {
        mask[place] = true;
    }
    let found = components(&mask, size);
    assert_eq!(found.count, 2);
    assert_eq!(found.labels[at(0, 0, 0)], 1);
    assert_eq!(found.labels[at(1, 1, 1)], 1);
    assert_eq!(found.labels[at(3, 0, 0)], 2);
}

#[test]
fn distances_do_not_depend_on_where_the_structure_lies() {
    let case = cases().into_iter().find(|case| case.name == "ragged").unwrap();
    let plain = SurfaceDistances::of_surfels(&pair(&case, 1), 1).unwrap();
    // The same masks inside a larger volume.
    let [nx, ny, nz] = case.lattice.size;
    let large = Lattice { size: [nx + 7, ny + 5, nz + 4], ..case.lattice };
    let inside = |mask: &[bool], at: usize| {
        let (i, j, k) = (at % (nx + 7), at / (nx + 7) % (ny + 5), at / (nx + 7) / (ny + 5));
        let (i, j, k) = (i.wrapping_sub(3), j.wrapping_sub(5), k.wrapping_sub(1));
        i < nx && j < ny && k < nz && mask[i + nx * (j + ny * k)]
    };
    let moved = MaskPair::cut(
        &large,
        |at| inside(&case.predicted, at),
        |at| inside(&case.reference, at),
        2,
    );
    assert_eq!(SurfaceDistances::of_surfels(&moved, 2).unwrap(), plain);
    // Prediction and reference may change places.
    let turned = MaskPair::cut(&case.lattice, |at| case.reference[at], |at| case.predicted[at], 1);
    let turned = SurfaceDistances::of_surfels(&turned, 1).unwrap();
    near("hd95", turned.percentile_mm(95.0), plain.percentile_mm(95.0), 0.0);
    near("assd", turned.assd_mm(), plain.assd_mm(), 1e-13);
}
