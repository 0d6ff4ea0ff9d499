//! Classification and calibration against scikit-learn, statsmodels, dcurves and DeLong's definition.

#![allow(clippy::unwrap_used)]

mod common;

use common::{fixture, floats, near, same, truths, whole};
use metrics::calibration::Binning;
use metrics::classification::{
    Binary, Proportion, auroc_interval, cohen_kappa, delong_test, macro_average, newcombe_interval,
    pooled, quadratic_kappa,
};
use metrics::{Fault, Undefined};
use serde_json::Value as Json;

fn cases() -> Vec<(String, Binary, Json)> {
    let all = fixture("classification.json");
    let cases = all["cases"].as_object().unwrap();
    let one = |(name, case): (&String, &Json)| {
        let binary = Binary::new(floats(&case["s"]), truths(&case["y"])).unwrap();
        (name.clone(), binary, case.clone())
    };
    cases.iter().map(one).collect()
}

#[test]
fn areas_and_curves_are_scikit_learns() {
    for (name, binary, case) in cases() {
        same(&name, binary.ranked().auroc(), &case["roc_auc_score"], 1e-13);
        for limit in ["0.1", "0.35", "1.0"] {
            let partial = binary.partial_auroc(limit.parse().unwrap());
            same(&name, partial, &case[format!("partial_{limit}")], 1e-12);
        }
        let precision = binary.ranked().average_precision();
        match case["average_precision_score"].as_f64() {
            Some(expected) => near(&name, precision.unwrap(), expected, 1e-13),
            None => assert_eq!(precision, Err(Undefined::NoPositives)),
        }
        if let (Ok(curve), [x, y, thresholds]) =
            (binary.roc_curve(), case["roc_curve"].as_array().map_or(&[][..], |c| c))
        {
            let expected = floats(x).into_iter().zip(floats(y)).zip(floats(thresholds));
            assert_eq!(curve.len(), floats(x).len(), "{name}");
            for (point, ((x, y), threshold)) in curve.iter().zip(expected) {
                near(&name, point.x, x, 1e-14);
                near(&name, point.y, y, 1e-14);
                assert!(
                    threshold.is_nan() && point.threshold.is_infinite()
                        || point.threshold == threshold
                );
            }
        } else {
            assert!(case["roc_curve"].is_null());
        }
        if let Ok(curve) = binary.precision_recall_curve() {
            let (recall, precision) = (floats(&case["pr_curve"][0]), floats(&case["pr_curve"][1]));
            assert_eq!(curve.len(), recall.len(), "{name}");
            for (at, point) in curve.iter().enumerate() {
                near(&name, point.x, recall[at], 1e-14);
                near(&name, point.y, precision[at], 1e-14);
            }
        }
    }
}

#[test]
fn tables_and_wilson_intervals_are_the_references() {
    let share = |name: &str, got: Proportion, expected: &Json| {
        same(name, got.value, &expected[0], 1e-14);
        match (got.interval(0.95), expected[1].as_array()) {
            (Some(interval), Some(ends)) => {
                near(name, interval.low, ends[0].as_f64().unwrap(), 1e-12);
                near(name, interval.high, ends[1].as_f64().unwrap(), 1e-12);
            }
            (None, None) => {}
            other => panic!("{name}: {other:?}"),
        }
    };
    for (name, binary, case) in cases() {
        for row in case["at"].as_array().unwrap() {
            let counts = binary.at(row["threshold"].as_f64().unwrap());
            share(&name, counts.sensitivity(), &row["sensitivity"]);
            share(&name, counts.specificity(), &row["specificity"]);
            share(&name, counts.ppv(), &row["ppv"]);
            share(&name, counts.npv(), &row["npv"]);
            share(&name, counts.accuracy(), &row["accuracy"]);
            same(&name, counts.f1(), &row["f1_score"], 1e-14);
            same(&name, counts.mcc(), &row["matthews_corrcoef"], 1e-12);
            same(&name, counts.balanced_accuracy(), &row["balanced_accuracy_score"], 1e-14);
        }
    }
}

#[test]
fn delong_is_the_variance_over_all_pairs() {
    for (name, binary, case) in cases() {
        match (auroc_interval(&binary, 0.95), case["delong_se"].as_f64()) {
            (Ok(found), Some(expected)) => {
                near(&name, found.standard_error, expected, 1e-12);
                near(&name, found.auroc, case["roc_auc_score"].as_f64().unwrap(), 1e-13);
                assert!(found.wald.low <= found.auroc && found.auroc <= found.wald.high);
                assert_eq!(found.logit.is_none(), found.auroc == 0.0 || found.auroc == 1.0);
            }
            (Err(_), None) => {}
            other => panic!("{name}: {other:?}"),
        }
    }
    let all = fixture("classification.json");
    let pair = &all["paired"];
    let of = |key: &str| Binary::new(floats(&pair[key]), truths(&pair["y"])).unwrap();
    let test = delong_test(&of("a"), &of("b"), 0.95).unwrap().unwrap();
    near("difference", test.difference, pair["difference"].as_f64().unwrap(), 1e-13);
    near("se", test.standard_error, pair["se"].as_f64().unwrap(), 1e-12);
    near("p", test.p, pair["p"].as_f64().unwrap(), 1e-11);
    let same = delong_test(&of("a"), &of("a"), 0.95).unwrap().unwrap();
    assert_eq!((same.z, same.p), (0.0, 1.0));
}

#[test]
fn the_score_interval_keeps_its_width_at_the_ends() {
    for row in fixture("newcombe.json").as_array().unwrap() {
        let row = floats(row);
        let [area, m, n, level, low, high] = row.as_slice() else { panic!() };
        let found = newcombe_interval(*area, *m as usize, *n as usize, *level);
        near(&format!("{row:?}"), found.low, *low, 1e-9);
        near(&format!("{row:?}"), found.high, *high, 1e-9);
        assert!(found.high - found.low > 0.001);
    }
}

#[test]
fn operating_points_do_not_interpolate() {
    let scores = vec![0.9, 0.8, 0.7, 0.6, 0.5, 0.4];
    let truth = vec![true, true, false, true, false, false];
    let binary = Binary::new(scores, truth).unwrap();
    let youden = binary.youden_point().unwrap();
    // 0.8: 2/3 + 1 - 1; 0.6: 1 + 2/3 - 1. Equal: the higher threshold.
    assert_eq!(youden.threshold, 0.8);
    assert_eq!(binary.at_specificity(0.6).unwrap().threshold, 0.6);
    assert_eq!(binary.at_specificity(0.7).unwrap().threshold, 0.8);
    assert_eq!(binary.at_sensitivity(0.7).unwrap().threshold, 0.6);
    assert_eq!(binary.at_sensitivity(0.6).unwrap().threshold, 0.8);
    let (ppv, npv) = binary.at(0.6).predictive_values_at(0.1);
    near("ppv", ppv.unwrap(), 0.1 / (0.1 + 0.9 / 3.0), 1e-14);
    near("npv", npv.unwrap(), 1.0, 0.0);
}

#[test]
fn kappa_and_averages_are_scikit_learns() {
    let all = fixture("classification.json");
    for row in all["kappa"].as_array().unwrap() {
        let (a, b) = (whole(&row["a"]), whole(&row["b"]));
        near("kappa", cohen_kappa(&a, &b).unwrap(), row["none"].as_f64().unwrap(), 1e-12);
        near(
            "quadratic",
            quadratic_kappa(&a, &b).unwrap(),
            row["quadratic"].as_f64().unwrap(),
            1e-12,
        );
    }
    assert_eq!(cohen_kappa(&[1, 1], &[1, 1]), Err(Undefined::NoSpread));
    let multi = &all["multi"];
    let labels: Vec<Binary> = (0..3)
        .map(|at| Binary::new(floats(&multi["s"][at]), truths(&multi["y"][at])).unwrap())
        .collect();
    let mean = |f: &dyn Fn(&Binary) -> metrics::Value| {
        macro_average(&labels.iter().map(f).collect::<Vec<_>>()).0.unwrap()
    };
    let expected = |key: &str| multi[key].as_f64().unwrap();
    near("macro", mean(&|b| b.ranked().auroc()), expected("macro"), 1e-13);
    near("macro ap", mean(&|b| b.ranked().average_precision()), expected("macro_ap"), 1e-13);
    let pool = pooled(&labels).ranked();
    near("micro", pool.auroc().unwrap(), expected("micro"), 1e-13);
    near("micro ap", pool.average_precision().unwrap(), expected("micro_ap"), 1e-13);
}

#[test]
fn calibration_is_the_references() {
    for (name, binary, case) in cases() {
        if case["brier_score_loss"].is_null() {
            assert_eq!(binary.brier(15).unwrap_err(), Undefined::NotProbabilities, "{name}");
            continue;
        }
        let brier = binary.brier(15).unwrap();
        near(&name, brier.score, case["brier_score_loss"].as_f64().unwrap(), 1e-13);
        let parts = brier.reliability - brier.resolution + brier.uncertainty + brier.remainder;
        near(&name, parts, brier.score, 1e-14);
        for (binning, key) in [(Binning::EqualWidth, "uniform"), (Binning::EqualMass, "quantile")] {
            let expected = &case[key];
            if expected.is_null() {
                continue;
            }
            let bins = binary.reliability(15, binning).unwrap();
            let (observed, forecast) = (floats(&expected["true"]), floats(&expected["pred"]));
            assert_eq!(bins.len(), observed.len(), "{name} {key}");
            for (at, bin) in bins.iter().enumerate() {
                near(&name, bin.observed, observed[at], 1e-13);
                near(&name, bin.forecast, forecast[at], 1e-13);
            }
            let ece = binary.expected_calibration_error(15, binning);
            same(&name, ece, &expected["ece"], 1e-13);
            same(&name, binary.maximum_calibration_error(15, binning), &expected["mce"], 1e-13);
        }
        match (binary.recalibration(0.95, None), case["slope"].as_array()) {
            (Ok(fit), Some(_)) => {
                for (found, key) in [
                    ([fit.slope, fit.slope_interval.low, fit.slope_interval.high], "slope"),
                    (
                        [fit.intercept, fit.intercept_interval.low, fit.intercept_interval.high],
                        "intercept",
                    ),
                ] {
                    for (got, expected) in found.iter().zip(floats(&case[key])) {
                        near(&name, *got, expected, 1e-6);
                    }
                }
            }
            (Err(_), None) => {}
            other => panic!("{name}: {other:?}"),
        }
        if !case["decision"].is_null() {
            let decision = &case["decision"];
            let curve = binary.decision_curve(&floats(&decision["thresholds"])).unwrap();
            for (at, point) in curve.iter().enumerate() {
                near(&name, point.model, floats(&decision["s"])[at], 1e-13);
                near(&name, point.treat_all, floats(&decision["all"])[at], 1e-13);
            }
        }
    }
}

#[test]
fn films_of_one_patient_do_not_count_as_independent() {
    let case = fixture("recalibration.json");
    let binary = Binary::new(floats(&case["scores"]), truths(&case["truth"])).unwrap();
    let patients = whole(&case["patients"]);
    let fit = binary.recalibration(0.95, Some(&patients)).unwrap();
    for (found, key) in [
        ([fit.slope, fit.slope_interval.low, fit.slope_interval.high], "slope"),
        ([fit.intercept, fit.intercept_interval.low, fit.intercept_interval.high], "intercept"),
    ] {
        for (got, expected) in found.iter().zip(floats(&case[key])) {
            near(key, *got, expected, 1e-6);
        }
    }
    let plain = binary.recalibration(0.95, None).unwrap();
    assert!(plain.slope == fit.slope && plain.intercept_interval != fit.intercept_interval);
    let one = vec![0; binary.len()];
    assert_eq!(binary.recalibration(0.95, Some(&one)), Err(Undefined::TooFew));
}

#[test]
fn what_has_no_calibration_says_why() {
    let find = |wanted: &str| cases().into_iter().find(|(name, ..)| name == wanted).unwrap().1;
    let why = |name: &str| find(name).recalibration(0.95, None).unwrap_err();
    assert_eq!(why("certain"), Undefined::CertainForecast);
    assert_eq!(why("perfect"), Undefined::Separated);
    assert_eq!(why("all_scores_equal"), Undefined::NoSpread);
    assert_eq!(why("all_positive"), Undefined::NoNegatives);
    assert_eq!(why("all_negative"), Undefined::NoPositives);
    assert_eq!(why("raw_scores"), Undefined::NotProbabilities);
}

#[test]
fn bad_rows_are_named() {
    let bad = Binary::new(vec![0.1, f64::NAN, 0.3, f64::INFINITY], vec![true; 4]).unwrap_err();
    assert_eq!((bad.fault, bad.rows), (Fault::NotFinite, vec![1, 3]));
    let bad = Binary::new(vec![0.1], vec![true; 3]).unwrap_err();
    assert_eq!((bad.fault, bad.rows), (Fault::Unpaired, vec![1]));
    let empty = Binary::new(vec![], vec![]).unwrap();
    assert_eq!(empty.ranked().auroc(), Err(Undefined::NoCases));
    assert_eq!(empty.ranked().average_precision(), Err(Undefined::NoCases));
    assert_eq!(empty.brier(15).unwrap_err(), Undefined::NoCases);
    assert_eq!(auroc_interval(&empty, 0.95).unwrap_err(), Undefined::NoCases);
}
