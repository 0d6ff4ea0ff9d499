//! The project's own knee grader: the Kellgren-Lawrence grade of one knee on a radiograph.
//!
//! Trained on the public set of Chen 2018; recipe and results in `training/knee/`. The weights are part
//! of the program. The answer is ordinal: the probability that the grade is at least 1, 2, 3, 4, made of
//! one distribution over the five grades, so that the four never contradict each other. Its temperature
//! was fitted on the validation split (Guo et al. 2017), on which "probability" rests.
//!
//! A film is read together with its mirror image, and the answers are averaged, as in training.
//!
//! Whether a film looks like those of the training set is told by the distance of its features from
//! theirs (Mahalanobis, Lee et al. 2018); the distance is scaled in training so that 1 is passed by one
//! in two hundred films of the validation split.

use crate::arch::efficientnet_lite::{FEATURES, trunk};
use crate::card::{Accepts, Card, Evidence, InputSpec, Resampling, Task, WeightsFile};
use crate::steps::{self, After, Extent, Source, Span, Step};
use crate::system::{Answer, Prepared, System};
use base::words::consilium_knee as words;
use base::words::findings::{KL_AT_LEAST_1, KL_AT_LEAST_2, KL_AT_LEAST_3, KL_AT_LEAST_4};
use base::words::zoo as common;
use base::{
    BodyPart, Code, Error, Finding, Kind, Measurement, Modality, Note, OutOfDomain, Result, View,
};
use engine::Tensor;
use engine::graph::{Builder, Value};
use engine::weights::Scope;
use imaging::Study;

/// The system.
pub static SYSTEM: Knee = Knee;

/// See the module.
pub struct Knee;

/// The weights: half-precision numbers.
static WEIGHTS: &[u8] = include_bytes!("../../weights/consilium-knee.safetensors");

/// The most probable grade among the values.
const GRADE: &str = "kellgren-lawrence";
/// Grades 0 to 4.
const GRADES: usize = 5;
const SIDE: usize = 224;
/// "At least grade k" from k = 1.
static LABELS: [Option<&Code>; GRADES - 1] =
    [Some(&KL_AT_LEAST_1), Some(&KL_AT_LEAST_2), Some(&KL_AT_LEAST_3), Some(&KL_AT_LEAST_4)];
/// More likely than not: together they give the median grade.
const POINTS: [Option<f32>; GRADES - 1] = [Some(0.5); GRADES - 1];
/// Share of the probability that the interval of the grade covers at least.
const COVERED: f32 = 0.9;

static CARD: Card = Card {
    id: "consilium-knee",
    aliases: &["knee"],
    name: words::NAME,
    survey_row: "consilium-knee",
    task: Task::Classification,
    accepts: Accepts {
        modalities: &[Modality::Cr, Modality::Dx, Modality::Rg, Modality::Ot],
        body_parts: &[BodyPart::Knee],
        views: &[View::Ap, View::Pa],
    },
    input: InputSpec { shape: [1, 1, SIDE, SIDE], range: Some((-127.0 / 128.0, 1.0)) },
    before: &STEPS,
    after: &[After::Softmax],
    labels: &LABELS,
    thresholds: &POINTS,
    ppv80: &[],
    weights: WeightsFile {
        file_names: &["consilium-knee.safetensors"],
        url: "",
        bytes: None,
        sha256: None,
        container: "safetensors",
        signature: &[("head.weight", &[GRADES, FEATURES]), ("stem_conv.weight", &[32, 1, 3, 3])],
    },
    code_licence: "Apache-2.0",
    weights_licence: words::WEIGHTS_LICENCE,
    evidence: &[] as &[Evidence],
    intended_use: words::USE,
    limits: words::LIMITS,
    paper: "Chen, Knee Osteoarthritis Severity Grading Dataset, Mendeley Data (2018), \
            doi:10.17632/56rmx5bjcr.1",
};

/// As a person sees the film, its middle square, 224², about −1..1 (`training/knee/data.py`).
static STEPS: [Step; 5] = [
    Step::Values(Source::Displayed),
    Step::Grey,
    Step::CentreSquare,
    Step::Resize { to: Extent::Exact(SIDE, SIDE), resampling: Resampling::TorchAntialiased },
    Step::Scale { from: Span::Fixed(0.0, 255.0), to: (-127.0 / 128.0, 1.0), clip: true },
];

impl System for Knee {
    fn card(&self) -> Card<'_> {
        CARD.clone()
    }

    fn network(&self, b: &mut Builder, s: &Scope) -> engine::Result<Vec<(&'static str, Value)>> {
        let image = b.input("image", &[2, 1, SIDE, SIDE]);
        let features = trunk(b, s, image)?;
        let pooled = b.global_avg_pool(features)?;
        let pooled = b.flatten(pooled)?;
        let logits = b.linear(pooled, &s.at("head"), GRADES)?;
        let distance = b.linear(pooled, &s.at("domain"), FEATURES)?;
        Ok(vec![("logits", logits), ("distance", distance)])
    }

    fn grade(&self) -> Option<&'static str> {
        Some(GRADE)
    }

    fn own_weights(&self) -> Option<&'static [u8]> {
        Some(WEIGHTS)
    }

    fn inputs(&self, prepared: &[Tensor]) -> Option<Vec<Tensor>> {
        let [image] = prepared else { return None };
        let mut pair = image.data().to_vec();
        pair.extend(image.data().chunks_exact(SIDE).flat_map(|row| row.iter().rev()));
        Tensor::new(&[2, 1, SIDE, SIDE], pair).ok().map(|pair| vec![pair])
    }

    fn interpret(&self, outputs: &[Tensor], _: &Prepared, _: &Study) -> Result<Answer> {
        let [logits, distance] = outputs else {
            return Err(Error::new(Kind::Bug, common::not_a_number(CARD.id)));
        };
        let odds = softmax(&halves_mean(logits.data()));
        let distance = halves_mean(distance.data());
        let square: f64 = distance.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let strange = square.sqrt() as f32;
        if odds.iter().any(|p| !p.is_finite()) || !strange.is_finite() {
            return Err(Error::new(Kind::BrokenInput, common::not_a_number(CARD.id)));
        }
        let mut answer = Answer::default();
        for (row, code) in LABELS.iter().flatten().enumerate() {
            answer.rows.push(row);
            answer.findings.push(Finding {
                code,
                score: odds[row + 1..].iter().sum::<f32>().clamp(0.0, 1.0),
                calibrated: true,
                interval: None,
                threshold: POINTS[row],
                side: None,
                site: None,
            });
        }
        answer.values = values(&odds);
        answer.out_of_domain.push(OutOfDomain {
            score: strange,
            threshold: Some(1.0),
            method: words::STRANGE_METHOD,
        });
        answer.notes.push(Note::info("probability-meaning", words::PROBABILITY_MEANING));
        if strange >= 1.0 {
            answer.notes.push(Note::serious("unlike-training", words::STRANGE));
        }
        Ok(answer)
    }
}

/// The most probable grade with an interval, and the probability of each grade in percent.
fn values(odds: &[f32; GRADES]) -> Vec<Measurement> {
    let best =
        (1..GRADES).fold(0, |best, grade| if odds[grade] > odds[best] { grade } else { best });
    let (low, high) = interval(odds, best);
    let mut values = vec![Measurement {
        id: GRADE,
        name: words::GRADE,
        value: best as f64,
        unit: "1",
        interval: Some((low as f64, high as f64)),
    }];
    let each = words::GRADES.iter().zip(odds).map(|((id, name), p)| Measurement {
        id,
        name: name.clone(),
        value: f64::from(*p) * 100.0,
        unit: "%",
        interval: None,
    });
    values.extend(each);
    values
}

/// The shortest run of grades around `best` that grows by its likelier neighbour until it covers 90 %.
fn interval(odds: &[f32; GRADES], best: usize) -> (usize, usize) {
    let (mut low, mut high, mut covered) = (best, best, odds[best]);
    while covered < COVERED && (low, high) != (0, GRADES - 1) {
        let below = low.checked_sub(1).map_or(-1.0, |grade| odds[grade]);
        let above = odds.get(high + 1).copied().unwrap_or(-1.0);
        if below > above {
            low -= 1;
            covered += below;
        } else {
            high += 1;
            covered += above;
        }
    }
    (low, high)
}

/// The mean of the answers for an image and for its mirror image. Both layers are linear, so that it is
/// the answer to the mean of the features.
fn halves_mean(both: &[f32]) -> Vec<f32> {
    let (image, mirrored) = both.split_at(both.len() / 2);
    image.iter().zip(mirrored).map(|(a, b)| (a + b) / 2.0).collect()
}

/// The probabilities of the grades; of another number of logits they are no numbers.
fn softmax(logits: &[f32]) -> [f32; GRADES] {
    let mut odds = <[f32; GRADES]>::try_from(logits).unwrap_or([f32::NAN; GRADES]);
    steps::softmax(&mut odds);
    odds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_covers_nine_tenths() {
        assert_eq!(interval(&[0.95, 0.05, 0.0, 0.0, 0.0], 0), (0, 0));
        assert_eq!(interval(&[0.1, 0.2, 0.5, 0.15, 0.05], 2), (0, 3));
        assert_eq!(interval(&[0.0, 0.0, 0.0, 0.4, 0.6], 4), (3, 4));
    }

    #[test]
    fn probabilities_sum_to_one() {
        let odds = softmax(&[1.0, 2.0, 3.0, -50.0, 0.0]);
        assert!((odds.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        let found = values(&odds);
        assert_eq!((found[0].value, found.len()), (2.0, 6));
    }
}
