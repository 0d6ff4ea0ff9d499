//! The panel's opinion: what several models say about one finding, side by side.
//!
//! Scores of different models are not probabilities and are not calibrated against each other;
//! the mean only sorts the list. What counts is how many models say yes at their own operating
//! point, and that is what is reported.

use base::words::panel as words;
use base::{Agreement, Note, Opinion, Reading};
use std::collections::BTreeMap;

/// A spread of scores from which models that vote differently are called out by name.
const NOTABLE_SPREAD: f32 = 0.2;

/// Puts the readings of one case together. Refused readings have no say; placeholder weights make
/// the opinion say that it means nothing.
pub fn opinion(readings: &[Reading]) -> Opinion {
    let mut by_code: BTreeMap<&str, Vec<&base::Finding>> = BTreeMap::new();
    for finding in readings.iter().flat_map(|reading| &reading.findings) {
        by_code.entry(finding.code.id).or_default().push(finding);
    }
    let mut findings: Vec<Agreement> = by_code.values().filter_map(|all| agreement(all)).collect();
    findings.sort_by(|a, b| {
        b.mean_score.total_cmp(&a.mean_score).then_with(|| a.code.id.cmp(b.code.id))
    });
    let contested: Vec<&Agreement> = findings.iter().filter(|a| a.voting >= 2).collect();
    let unanimous = contested.iter().filter(|a| a.positive == 0 || a.positive == a.voting).count();
    let unanimity = (!contested.is_empty()).then(|| unanimous as f32 / contested.len() as f32);
    let notes = notes(readings, &findings);
    Opinion { findings, unanimity, notes }
}

fn agreement(all: &[&base::Finding]) -> Option<Agreement> {
    let first = all.first()?;
    let scores = || all.iter().map(|finding| finding.score);
    let votes: Vec<bool> = all.iter().filter_map(|finding| finding.positive()).collect();
    Some(Agreement {
        code: first.code,
        mean_score: scores().sum::<f32>() / all.len() as f32,
        range: (scores().fold(f32::INFINITY, f32::min), scores().fold(f32::NEG_INFINITY, f32::max)),
        models: all.len(),
        positive: votes.iter().filter(|&&yes| yes).count(),
        voting: votes.len(),
    })
}

fn notes(readings: &[Reading], findings: &[Agreement]) -> Vec<Note> {
    let mut notes = Vec::new();
    if readings.iter().any(|reading| reading.model.placeholder_weights) {
        notes.push(Note::serious("placeholder-weights", words::PLACEHOLDER_WEIGHTS.clone()));
    }
    let refused = readings.iter().filter(|reading| reading.refused.is_some()).count();
    if refused > 0 {
        notes.push(Note::warning("models-refused", words::refused(refused, readings.len())));
    }
    for agreement in findings {
        let split = agreement.positive > 0 && agreement.positive < agreement.voting;
        if split && agreement.range.1 - agreement.range.0 >= NOTABLE_SPREAD {
            notes.push(Note::warning(
                "models-disagree",
                words::disagree(&agreement.code.name, agreement.positive, agreement.voting),
            ));
        }
    }
    let strange = readings
        .iter()
        .flat_map(|reading| &reading.trust.out_of_domain)
        .any(|sign| sign.threshold.is_some_and(|threshold| sign.score >= threshold));
    if strange {
        notes.push(Note::serious("out-of-domain", words::OUT_OF_DOMAIN.clone()));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::words::findings::{ATELECTASIS, EFFUSION, NODULE};
    use base::{Code, Finding, ModelRef, Refusal, Text};

    fn model(id: &str) -> ModelRef {
        let (name, weights_sha256) = (Text::same(id), None);
        ModelRef { id: id.into(), name, weights_sha256, placeholder_weights: false }
    }

    fn finding(code: &'static Code, score: f32, threshold: Option<f32>) -> Finding {
        let (calibrated, interval, side, site) = (false, None, None, None);
        Finding { code, score, calibrated, interval, threshold, side, site }
    }

    fn reading(id: &str, findings: Vec<Finding>) -> Reading {
        Reading { findings, ..Reading::empty(model(id)) }
    }

    #[test]
    fn findings_are_sorted_by_mean_and_votes_are_counted() {
        let a = reading(
            "a",
            vec![finding(&ATELECTASIS, 0.2, Some(0.5)), finding(&EFFUSION, 0.9, Some(0.5))],
        );
        let b =
            reading("b", vec![finding(&EFFUSION, 0.4, Some(0.5)), finding(&NODULE, 0.95, None)]);
        let opinion = opinion(&[a, b]);
        let ids: Vec<_> = opinion.findings.iter().map(|f| f.code.id).collect();
        assert_eq!(ids, ["lung-nodule", "pleural-effusion", "atelectasis"]);
        let effusion = &opinion.findings[1];
        assert_eq!((effusion.models, effusion.positive, effusion.voting), (2, 1, 2));
        assert_eq!(effusion.range, (0.4, 0.9));
        assert_eq!(opinion.findings[0].voting, 0, "a score without an operating point is no vote");
        assert_eq!(opinion.unanimity, Some(0.0));
        assert_eq!(opinion.notes.iter().map(|n| n.code).collect::<Vec<_>>(), ["models-disagree"]);
    }

    #[test]
    fn one_model_alone_is_not_unanimous() {
        let opinion = opinion(&[reading("a", vec![finding(&EFFUSION, 0.9, Some(0.5))])]);
        assert_eq!(opinion.unanimity, None);
        assert!(opinion.notes.is_empty());
    }

    #[test]
    fn a_refusal_is_said_and_does_not_vote() {
        let refusal = Refusal { code: "wrong-view", reason: Text::same("lateral") };
        let refused = Reading::refused(model("a"), refusal);
        let opinion = opinion(&[refused, reading("b", vec![finding(&EFFUSION, 0.1, Some(0.5))])]);
        assert_eq!(opinion.findings[0].models, 1);
        assert_eq!(opinion.notes[0].code, "models-refused");
        assert_eq!(super::opinion(&[]).findings, []);
    }
}
