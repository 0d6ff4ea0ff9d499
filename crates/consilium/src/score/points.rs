//! What stands beside the areas of a label: operating points, partial areas, the parts of the Brier
//! score, net benefit.

use super::outcome::Row;
use super::settings::Settings;
use metrics::classification::{Binary, Confusion, kappa_of_table};
use metrics::{Interval, Value};
use serde_json::{Map, Value as Json, json};

/// False-positive rates up to which the area is also given, standardised so that chance is 0.5, as
/// `roc_auc_score(max_fpr=…)`.
pub(super) const PARTS: [(&str, f64); 2] =
    [("roc_auc_score_max_fpr_0.1", 0.1), ("roc_auc_score_max_fpr_0.2", 0.2)];
/// Bins of the Brier score's parts.
const BINS: usize = 15;

/// Cohen's κ at the threshold.
pub(super) fn kappa(counts: &Confusion) -> Value {
    let [tn, fp, fn_, tp] = [
        counts.true_negatives,
        counts.false_positives,
        counts.false_negatives,
        counts.true_positives,
    ]
    .map(|count| count as f64);
    kappa_of_table(&[vec![tn, fp], vec![fn_, tp]], |_, _| 1.0)
}

/// Predictive values at another prevalence than the cases have.
pub(super) fn at_prevalence(counts: &Confusion, settings: &Settings) -> Vec<Row> {
    let Some(prevalence) = settings.prevalence else { return Vec::new() };
    let (ppv, npv) = counts.predictive_values_at(prevalence);
    vec![
        Row::plain("precision_score_at_prevalence", ppv).with("prevalence", json!(prevalence)),
        Row::plain("npv_score_at_prevalence", npv).with("prevalence", json!(prevalence)),
    ]
}

/// Reliability, resolution and uncertainty (Murphy 1973), what the bins leave over, and net benefit at
/// round thresholds; only of probabilities.
pub(super) fn of_probabilities(binary: &Binary) -> Map<String, Json> {
    let mut more = Map::new();
    if let Ok(brier) = binary.brier(BINS) {
        more.insert(
            "brier_decomposition".into(),
            json!({
                "reliability": brier.reliability,
                "resolution": brier.resolution,
                "uncertainty": brier.uncertainty,
                "remainder": brier.remainder,
                "bins": BINS,
            }),
        );
    }
    let thresholds: Vec<f64> = (1..20).map(|at| f64::from(at) / 20.0).collect();
    if let Ok(curve) = binary.decision_curve(&thresholds) {
        let point = curve.iter().map(
            |at| json!({ "threshold": at.threshold, "model": at.model, "treat_all": at.treat_all }),
        );
        more.insert("net_benefit".into(), point.collect());
    }
    more
}

/// Points of the curve that reports ask for, with all that is read off there; all chosen on the cases they
/// are measured on.
pub(super) fn operating_points(binary: &Binary, settings: &Settings) -> Json {
    let mut out = Map::new();
    for (name, point) in [
        ("youden", binary.youden_point()),
        ("specificity_0.90", binary.at_specificity(0.9)),
        ("specificity_0.95", binary.at_specificity(0.95)),
        ("sensitivity_0.90", binary.at_sensitivity(0.9)),
        ("sensitivity_0.95", binary.at_sensitivity(0.95)),
    ] {
        let value = match point {
            Err(why) => json!({ "undefined": why.name() }),
            Ok(point) => {
                // No threshold is above all scores; JSON has no infinity.
                let threshold = point.threshold.is_finite().then_some(point.threshold);
                let mut at = measured(&point.counts, settings);
                at.insert("threshold".into(), json!(threshold));
                at.insert("optimistic".into(), json!(true));
                Json::Object(at)
            }
        };
        out.insert(name.into(), value);
    }
    Json::Object(out)
}

/// Shares with Wilson's intervals where cases are independent, and what is made of them.
fn measured(counts: &Confusion, settings: &Settings) -> Map<String, Json> {
    let mut at = Map::new();
    let level = settings.level;
    let independent = settings.group.is_none();
    let ends = |interval: Option<Interval>| interval.map(|i| json!([i.low, i.high]));
    for (name, share) in [
        ("recall", counts.sensitivity()),
        ("specificity", counts.specificity()),
        ("precision", counts.ppv()),
        ("npv", counts.npv()),
        ("accuracy", counts.accuracy()),
    ] {
        at.insert(format!("{name}_score"), json!(share.value.ok()));
        at.insert(format!("{name}_ci"), json!(ends(share.interval(level).filter(|_| independent))));
    }
    for (name, value) in [
        ("balanced_accuracy_score", counts.balanced_accuracy()),
        ("f1_score", counts.f1()),
        ("matthews_corrcoef", counts.mcc()),
        ("youden_index", counts.youden()),
        ("cohen_kappa_score", kappa(counts)),
    ] {
        at.insert(name.into(), json!(value.ok()));
    }
    at
}
