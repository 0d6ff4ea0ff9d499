//! Average precision of boxes as COCO computes it (pycocotools' `COCOeval`, `iouType="bbox"`).

use crate::{Undefined, Value};

/// A box of the truth: x, y of the upper left corner, width, height in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrueBox {
    /// Place of its image.
    pub image: usize,
    /// Place of its category.
    pub category: usize,
    /// x, y, width, height.
    pub bbox: [f64; 4],
    /// Area for the size classes; COCO files carry that of the mask.
    pub area: f64,
    /// A region with many objects: overlap with it is neither right nor wrong.
    pub crowd: bool,
}

/// A predicted box.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoundBox {
    /// Place of its image.
    pub image: usize,
    /// Place of its category.
    pub category: usize,
    /// x, y, width, height.
    pub bbox: [f64; 4],
    /// Its score.
    pub score: f64,
}

/// Everything there is to judge.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detections {
    /// Number of images; boxes name them by place.
    pub images: usize,
    /// Number of categories.
    pub categories: usize,
    /// What is there.
    pub truth: Vec<TrueBox>,
    /// What was found. Of equal scores the first given comes first.
    pub found: Vec<FoundBox>,
}

/// COCO's twelve numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CocoSummary {
    /// AP over IoU 0.50:0.05:0.95, all sizes, at most 100 boxes an image and category.
    pub ap: Value,
    /// AP at IoU 0.50.
    pub ap50: Value,
    /// AP at IoU 0.75.
    pub ap75: Value,
    /// AP of small (below 32² pixels), medium and large (above 96²) objects.
    pub ap_by_size: [Value; 3],
    /// Recall averaged over IoU with at most 1, 10 and 100 boxes.
    pub ar: [Value; 3],
    /// Recall of small, medium and large objects with at most 100 boxes.
    pub ar_by_size: [Value; 3],
}

/// IoU thresholds: 0.50, 0.55, … 0.95.
const IOUS: usize = 10;
/// Most boxes of an image and category that are looked at.
const MOST_BOXES: usize = 100;
/// All sizes, small, medium, large; in square pixels.
const SIZES: [(f64, f64); 4] =
    [(0.0, 1e10), (0.0, 32.0 * 32.0), (32.0 * 32.0, 96.0 * 96.0), (96.0 * 96.0, 1e10)];

/// One found box against the truth at every threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Judged {
    score: f64,
    image: u32,
    /// Its rank among the boxes of its image and category.
    rank: u32,
    /// Bit t: matched at threshold t.
    matched: u16,
    /// Bit t: not counted at threshold t.
    ignored: u16,
}

/// The matches of one size class: one list of judged boxes a category, by falling score.
#[derive(Clone, Debug, PartialEq)]
pub struct Matches {
    categories: Vec<(Vec<Judged>, Vec<u32>)>,
}

/// The matches of all sizes, small, medium and large.
#[derive(Clone, Debug, PartialEq)]
pub struct BySize([Matches; 4]);

impl BySize {
    /// COCO's twelve numbers; with `weights` every image counts so often.
    pub fn summary(&self, weights: Option<&[u32]>) -> CocoSummary {
        let [all, sizes @ ..] = &self.0;
        CocoSummary {
            ap: all.average_precision(0..IOUS, weights),
            ap50: all.average_precision(0..1, weights),
            ap75: all.average_precision(5..6, weights),
            ap_by_size: sizes.each_ref().map(|own| own.average_precision(0..IOUS, weights)),
            ar: [1, 10, 100].map(|most| all.average_recall(most, weights)),
            ar_by_size: sizes.each_ref().map(|own| own.average_recall(MOST_BOXES, weights)),
        }
    }
}

/// IoU threshold number `t`.
fn threshold(t: usize) -> f64 {
    0.5 + 0.05 * t as f64
}

impl Detections {
    /// Matches boxes for all sizes; the base of [`Matches::average_precision`].
    pub fn matches(&self) -> Matches {
        self.matches_of(SIZES[0])
    }

    /// COCO's twelve numbers.
    pub fn coco(&self) -> CocoSummary {
        self.matches_by_size().summary(None)
    }

    /// Matches boxes for all sizes and for small, medium and large objects.
    pub fn matches_by_size(&self) -> BySize {
        BySize(SIZES.map(|size| self.matches_of(size)))
    }

    fn matches_of(&self, size: (f64, f64)) -> Matches {
        let mut cells: Vec<(Vec<&TrueBox>, Vec<&FoundBox>)> =
            vec![(Vec::new(), Vec::new()); self.images * self.categories];
        let cell = |image: usize, category: usize| category * self.images + image;
        self.truth.iter().for_each(|one| cells[cell(one.image, one.category)].0.push(one));
        self.found.iter().for_each(|one| cells[cell(one.image, one.category)].1.push(one));
        let categories = (0..self.categories)
            .map(|category| {
                let mut judged = Vec::new();
                let mut counted = vec![0u32; self.images];
                for image in 0..self.images {
                    let (truth, found) = &cells[cell(image, category)];
                    let own = image_matches(truth, found, size, image as u32);
                    counted[image] = own.1;
                    judged.extend(own.0);
                }
                judged.sort_by(|a, b| b.score.total_cmp(&a.score));
                (judged, counted)
            })
            .collect();
        Matches { categories }
    }
}

/// Boxes of one image and category, judged; and how many of the truth count.
fn image_matches(
    truth: &[&TrueBox],
    found: &[&FoundBox],
    size: (f64, f64),
    image: u32,
) -> (Vec<Judged>, u32) {
    let outside = |area: f64| area < size.0 || area > size.1;
    let mut truth: Vec<(&TrueBox, bool)> =
        truth.iter().map(|one| (*one, one.crowd || outside(one.area))).collect();
    truth.sort_by_key(|(_, ignored)| *ignored);
    let counted = truth.iter().filter(|(_, ignored)| !ignored).count() as u32;
    let mut found = found.to_vec();
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found.truncate(MOST_BOXES);
    let overlap: Vec<Vec<f64>> = found
        .iter()
        .map(|own| truth.iter().map(|(one, _)| iou(&own.bbox, &one.bbox, one.crowd)).collect())
        .collect();
    let mut judged: Vec<Judged> = found
        .iter()
        .enumerate()
        .map(|(rank, own)| Judged {
            score: own.score,
            image,
            rank: rank as u32,
            matched: 0,
            ignored: 0,
        })
        .collect();
    for t in 0..IOUS {
        let mut taken = vec![false; truth.len()];
        for (at, own) in found.iter().enumerate() {
            let mut best = threshold(t).min(1.0 - 1e-10);
            let mut partner: Option<usize> = None;
            for (place, (one, ignored)) in truth.iter().enumerate() {
                if taken[place] && !one.crowd {
                    continue;
                }
                // What counts comes first; once matched there, what does not is not looked at.
                if partner.is_some_and(|partner| !truth[partner].1) && *ignored {
                    break;
                }
                if overlap[at][place] >= best {
                    best = overlap[at][place];
                    partner = Some(place);
                }
            }
            let ignored = match partner {
                Some(partner) => {
                    taken[partner] = true;
                    judged[at].matched |= 1 << t;
                    truth[partner].1
                }
                None => outside(own.bbox[2] * own.bbox[3]),
            };
            judged[at].ignored |= u16::from(ignored) << t;
        }
    }
    (judged, counted)
}

/// Intersection over union of two boxes, each left, top, width and height.
pub fn overlap(a: &[f64; 4], b: &[f64; 4]) -> f64 {
    iou(a, b, false)
}

/// Intersection over union; over the found box alone when the other is a crowd.
pub(super) fn iou(found: &[f64; 4], truth: &[f64; 4], crowd: bool) -> f64 {
    let side = |axis: usize| {
        let end = (found[axis] + found[axis + 2]).min(truth[axis] + truth[axis + 2]);
        (end - found[axis].max(truth[axis])).max(0.0)
    };
    let both = side(0) * side(1);
    let own = found[2] * found[3];
    let union = if crowd { own } else { own + truth[2] * truth[3] - both };
    if union > 0.0 { both / union } else { 0.0 }
}

impl Matches {
    /// Mean over categories and thresholds (places in 0.50, 0.55, …) of the precision at 101 recalls.
    /// With `weights` every image counts so often. Categories without truth are left out; undefined
    /// when there is none with.
    pub fn average_precision(
        &self,
        thresholds: std::ops::Range<usize>,
        weights: Option<&[u32]>,
    ) -> Value {
        let (mut sum, mut count) = (0.0, 0);
        let weight = |image: usize| weights.map_or(1, |weights| weights[image]);
        for (judged, counted) in &self.categories {
            let total = total(counted, &weight);
            if total == 0 {
                continue;
            }
            for t in thresholds.clone() {
                sum += one_average(judged, total as f64, t, &weight);
                count += 1;
            }
        }
        if count == 0 { Err(Undefined::NoPositives) } else { Ok(sum / f64::from(count)) }
    }

    /// Mean over categories and thresholds of the recall with at most `most` boxes an image. With
    /// `weights` every image counts so often.
    fn average_recall(&self, most: usize, weights: Option<&[u32]>) -> Value {
        let (mut sum, mut count) = (0.0, 0);
        let weight = |image: usize| weights.map_or(1, |weights| weights[image]);
        for (judged, counted) in &self.categories {
            let total = total(counted, &weight);
            if total == 0 {
                continue;
            }
            // Over all thresholds at once: one bit each.
            let right: u64 = judged
                .iter()
                .filter(|one| (one.rank as usize) < most)
                .map(|one| {
                    let thresholds = (one.matched & !one.ignored).count_ones();
                    u64::from(thresholds) * u64::from(weight(one.image as usize))
                })
                .sum();
            sum += right as f64 / (total as f64 * IOUS as f64);
            count += 1;
        }
        if count == 0 { Err(Undefined::NoPositives) } else { Ok(sum / f64::from(count)) }
    }
}

/// Boxes of the truth that count, each as often as its image.
fn total(counted: &[u32], weight: &dyn Fn(usize) -> u32) -> u64 {
    let each = counted.iter().enumerate();
    each.map(|(image, boxes)| u64::from(*boxes) * u64::from(weight(image))).sum()
}

fn one_average(judged: &[Judged], total: f64, t: usize, weight: &dyn Fn(usize) -> u32) -> f64 {
    let (mut right, mut wrong) = (0u64, 0u64);
    let mut curve: Vec<(f64, f64)> = Vec::with_capacity(judged.len());
    for one in judged {
        let times = u64::from(weight(one.image as usize));
        if times == 0 {
            continue;
        }
        if one.ignored & 1 << t == 0 {
            if one.matched & 1 << t != 0 {
                right += times;
            } else {
                wrong += times;
            }
        }
        // The reference adds the smallest step of a float against 0/0.
        let precision = right as f64 / ((right + wrong) as f64 + f64::EPSILON);
        curve.push((right as f64 / total, precision));
    }
    for at in (1..curve.len()).rev() {
        curve[at - 1].1 = curve[at - 1].1.max(curve[at].1);
    }
    let at_recall = |step: usize| {
        let recall = step as f64 / 100.0;
        let place = curve.partition_point(|(reached, _)| *reached < recall);
        curve.get(place).map_or(0.0, |(_, precision)| *precision)
    };
    (0..=100).map(at_recall).sum::<f64>() / 101.0
}
