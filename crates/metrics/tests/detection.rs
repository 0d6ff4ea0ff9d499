//! Detection against pycocotools, MONAI and picai_eval.
#![allow(clippy::unwrap_used)]

mod common;

use common::{fixture, floats, near, same, whole};
use metrics::Undefined;
use metrics::detection::{
    CocoSummary, Detections, FoundBox, TrueBox, candidates, froc, match_lesions, picai_score,
};
use serde_json::Value as Json;

fn detections(json: &Json) -> Detections {
    let rows =
        |key: &str| -> Vec<Vec<f64>> { json[key].as_array().unwrap().iter().map(floats).collect() };
    let count = |key: &str| json[key].as_u64().unwrap() as usize;
    let bbox = |row: &[f64]| [row[2], row[3], row[4], row[5]];
    Detections {
        images: count("images"),
        categories: count("categories"),
        truth: rows("truth")
            .iter()
            .map(|row| TrueBox {
                image: row[0] as usize,
                category: row[1] as usize,
                bbox: bbox(row),
                area: row[6],
                crowd: row[7] == 1.0,
            })
            .collect(),
        found: rows("found")
            .iter()
            .map(|row| FoundBox {
                image: row[0] as usize,
                category: row[1] as usize,
                bbox: bbox(row),
                score: row[6],
            })
            .collect(),
    }
}

#[test]
fn boxes_are_scored_as_pycocotools_scores_them() {
    for (name, json) in fixture("detection.json")["boxes"].as_object().unwrap() {
        let found = detections(json).coco();
        let expected = &json["coco"];
        for (key, value) in [
            ("AP", found.ap),
            ("AP50", found.ap50),
            ("AP75", found.ap75),
            ("APs", found.ap_by_size[0]),
            ("APm", found.ap_by_size[1]),
            ("APl", found.ap_by_size[2]),
            ("AR1", found.ar[0]),
            ("AR10", found.ar[1]),
            ("AR100", found.ar[2]),
            ("ARs", found.ar_by_size[0]),
            ("ARm", found.ar_by_size[1]),
            ("ARl", found.ar_by_size[2]),
        ] {
            same(&format!("{name} {key}"), value, &expected[key], 1e-12);
        }
    }
}

#[test]
fn an_image_that_is_not_drawn_does_not_count() {
    for name in ["plain", "ties", "crowds"] {
        let all = detections(&fixture("detection.json")["boxes"][name]);
        let weights: Vec<u32> = (0..all.images as u32).map(|image| image % 2).collect();
        let drawn = Detections {
            truth: all.truth.iter().copied().filter(|one| one.image % 2 == 1).collect(),
            found: all.found.iter().copied().filter(|one| one.image % 2 == 1).collect(),
            images: all.images,
            categories: all.categories,
        };
        let weighted = all.matches().average_precision(0..10, Some(&weights)).unwrap();
        let plain = drawn.matches().average_precision(0..10, None).unwrap();
        near(name, weighted, plain, 1e-14);
        let ones = vec![1; all.images];
        let by_size = all.matches_by_size();
        assert_eq!(by_size.summary(Some(&ones)), all.coco());
        // Every one of the twelve numbers.
        let numbers = |found: CocoSummary| {
            let CocoSummary { ap, ap50, ap75, ap_by_size, ar, ar_by_size } = found;
            [&[ap, ap50, ap75][..], &ap_by_size, &ar, &ar_by_size].concat()
        };
        let (weighted, plain) = (numbers(by_size.summary(Some(&weights))), numbers(drawn.coco()));
        for (at, (weighted, plain)) in weighted.into_iter().zip(plain).enumerate() {
            match (weighted, plain) {
                (Ok(a), Ok(b)) => near(&format!("{name} {at}"), a, b, 1e-14),
                (a, b) => assert_eq!(a, b, "{name} {at}"),
            }
        }
    }
}

#[test]
fn the_free_response_curve_is_monais() {
    let json = &fixture("detection.json")["boxes"]["plain"];
    let found = froc(&detections(json), 0.5, None);
    let expected = floats(&json["froc"]["sensitivity"]);
    for (value, expected) in found.sensitivity.iter().zip(expected) {
        near("sensitivity", value.unwrap(), expected, 1e-12);
    }
    same("CPM", found.cpm, &json["froc"]["cpm"], 1e-12);
    let weights = vec![2; 25];
    near(
        "doubled",
        froc(&detections(json), 0.5, Some(&weights)).cpm.unwrap(),
        found.cpm.unwrap(),
        1e-12,
    );
}

#[test]
fn nothing_to_find_is_named() {
    let empty = Detections { images: 3, categories: 1, ..Detections::default() };
    assert_eq!(empty.coco().ap, Err(Undefined::NoPositives));
    assert_eq!(froc(&empty, 0.5, None).cpm, Err(Undefined::NoPositives));
    assert_eq!(froc(&Detections::default(), 0.5, None).cpm, Err(Undefined::NoCases));
    assert_eq!(picai_score(&[], None).average_precision, Err(Undefined::NoPositives));
    assert_eq!(picai_score(&[], None).auroc, Err(Undefined::NoCases));
}

#[test]
fn lesions_are_matched_as_picai_eval_matches_them() {
    let json = &fixture("detection.json")["volumes"];
    let size = whole(&json["size"]);
    let size = [size[0] as usize, size[1] as usize, size[2] as usize];
    let count = size.iter().product();
    let mut cases = Vec::new();
    for (at, case) in json["cases"].as_array().unwrap().iter().enumerate() {
        let (mut map, mut reference) = (vec![0.0; count], vec![false; count]);
        for pair in case["found"].as_array().unwrap().iter().map(floats) {
            map[pair[0] as usize] = pair[1];
        }
        whole(&case["truth"]).iter().for_each(|place| reference[*place as usize] = true);
        let judged = match_lesions(&candidates(&map, size), &reference, size, 0.1);
        let mut rows: Vec<Vec<f64>> =
            judged.matched.iter().map(|(confidence, iou)| vec![1.0, *confidence, *iou]).collect();
        rows.extend((0..judged.missed).map(|_| vec![1.0, 0.0, 0.0]));
        rows.extend(judged.false_positives.iter().map(|confidence| vec![0.0, *confidence, 0.0]));
        rows.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let expected: Vec<Vec<f64>> =
            json["lesions"][at].as_array().unwrap().iter().map(floats).collect();
        assert_eq!(rows.len(), expected.len(), "case {at}");
        for (a, b) in rows.iter().flatten().zip(expected.iter().flatten()) {
            // The reference adds 1e-8 to both sides of its overlap.
            near(&format!("case {at}"), *a, *b, 1e-7);
        }
        near("confidence", judged.confidence, floats(&json["confidence"])[at], 1e-12);
        cases.push(judged);
    }
    let found = picai_score(&cases, None);
    same("AP", found.average_precision, &json["AP"], 1e-12);
    same("auroc", found.auroc, &json["auroc"], 1e-12);
    same("score", found.score, &json["score"], 1e-12);
    let weights = vec![3; cases.len()];
    assert_eq!(picai_score(&cases, Some(&weights)).auroc, found.auroc);
}
