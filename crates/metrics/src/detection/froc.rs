//! Free-response ROC: sensitivity over false positives an image.

use super::coco::{Detections, iou};
use crate::{Undefined, Value};

/// False positives an image at which LUNA16 averages sensitivity (the competition performance metric).
pub const CPM_RATES: [f64; 7] = [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0];

/// The curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Froc {
    /// False positives an image and sensitivity, one point a distinct score, from the highest.
    pub points: Vec<(f64, f64)>,
    /// Sensitivity at [`CPM_RATES`].
    pub sensitivity: [Value; 7],
    /// Their mean.
    pub cpm: Value,
}

/// Boxes right or wrong, with scores, and the number of targets of each image.
struct Hits {
    /// Score, image, right.
    boxes: Vec<(f64, usize, bool)>,
    targets: Vec<u32>,
}

/// FROC of boxes: by falling score each takes the free box of the truth it overlaps most, if by at
/// least `least_iou`; further boxes on the same object are false positives. Sensitivities between
/// points are interpolated, beyond the last one held, as MONAI's `compute_froc_score` does. Crowds are
/// left out.
pub fn froc(detections: &Detections, least_iou: f64, weights: Option<&[u32]>) -> Froc {
    curve(&hits(detections, least_iou), detections.images, weights)
}

fn hits(detections: &Detections, least_iou: f64) -> Hits {
    let mut order: Vec<usize> = (0..detections.found.len()).collect();
    order.sort_by(|a, b| detections.found[*b].score.total_cmp(&detections.found[*a].score));
    let mut by_image: Vec<Vec<usize>> = vec![Vec::new(); detections.images];
    let mut targets = vec![0; detections.images];
    for (at, one) in detections.truth.iter().enumerate().filter(|(_, one)| !one.crowd) {
        by_image[one.image].push(at);
        targets[one.image] += 1;
    }
    let mut taken = vec![false; detections.truth.len()];
    let boxes = order
        .into_iter()
        .map(|at| {
            let own = &detections.found[at];
            let mut best: Option<(f64, usize)> = None;
            for &place in &by_image[own.image] {
                let one = &detections.truth[place];
                if taken[place] || one.category != own.category {
                    continue;
                }
                let overlap = iou(&own.bbox, &one.bbox, false);
                if overlap >= least_iou && best.is_none_or(|(so_far, _)| overlap > so_far) {
                    best = Some((overlap, place));
                }
            }
            if let Some((_, place)) = best {
                taken[place] = true;
            }
            (own.score, own.image, best.is_some())
        })
        .collect();
    Hits { boxes, targets }
}

fn curve(hits: &Hits, images: usize, weights: Option<&[u32]>) -> Froc {
    let weight = |image: usize| weights.map_or(1, |weights| u64::from(weights[image]));
    let total: u64 = (0..images).map(weight).sum();
    let targets: u64 =
        hits.targets.iter().enumerate().map(|(image, n)| weight(image) * u64::from(*n)).sum();
    let nothing = match (total, targets) {
        (0, _) => Some(Undefined::NoCases),
        (_, 0) => Some(Undefined::NoPositives),
        _ => None,
    };
    if let Some(why) = nothing {
        return Froc { points: Vec::new(), sensitivity: [Err(why); 7], cpm: Err(why) };
    }
    let mut points = vec![(0.0, 0.0)];
    let (mut right, mut wrong) = (0u64, 0u64);
    for (at, (score, image, hit)) in hits.boxes.iter().enumerate() {
        if *hit {
            right += weight(*image)
        } else {
            wrong += weight(*image)
        }
        let last = hits.boxes.get(at + 1).is_none_or(|next| next.0 != *score);
        if last {
            points.push((wrong as f64 / total as f64, right as f64 / targets as f64));
        }
    }
    let sensitivity = CPM_RATES.map(|rate| interpolate(&points, rate));
    let cpm = sensitivity.iter().sum::<f64>() / sensitivity.len() as f64;
    Froc { points, sensitivity: sensitivity.map(Ok), cpm: Ok(cpm) }
}

/// Straight between points; of several at the same place the last.
fn interpolate(points: &[(f64, f64)], rate: f64) -> f64 {
    let after = points.partition_point(|(x, _)| *x <= rate);
    let (x0, y0) = points[after.saturating_sub(1)];
    match points.get(after) {
        Some((x1, y1)) => y0 + (y1 - y0) * (rate - x0) / (x1 - x0),
        None => y0,
    }
}
