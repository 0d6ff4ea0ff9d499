//! Phase 2: three vertebrae predicted in a cut-out around each body, and what cut-outs agree on put together.
//!
//! Reference: Hendrik-code/spineps (60cc736) `phase_instance.py`. Labels are `[posterior][inferior][right]`.

use super::bodies;
use super::labels::{Box3, Labels};
use super::names::BODY_BORDER;
use super::semantic::{REFERENCE_MM3, voxels_of};
use base::Result;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::result::Result as Either;

/// Voxels of the smallest spacing that are left around everything.
const MARGIN: f64 = 5.0;
/// Thresholds are never below so many voxels of the reference.
const LEAST: f64 = 40.0;
/// Dice from which on two predictions mean the same vertebra.
const AGREE: f64 = 0.3;
/// Cut-outs around a body whose predictions are compared with its own, before and behind.
const REACH: usize = 2;
/// Share of a vertebra that earlier ones may already have.
const MOST_TAKEN: f64 = 0.6;

/// What the model's configuration says on cut-outs and sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// Extents of a cut-out.
    pub cutout: [usize; 3],
    /// Labels of phase 1 as the network is told them.
    pub mapping: BTreeMap<u16, u16>,
    /// Cubic millimetres of a body and of a vertebra at least.
    pub least_mm3: [f64; 2],
}

/// Why there are no vertebrae.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// No vertebral body was marked, or none large enough.
    NoBody,
    /// No cut-out gave a vertebra.
    NoVertebra,
}

/// The network's answer to one cut-out: labels 0 to 3, the second vertebra the middle one.
pub type Predict<'p> = &'p mut dyn FnMut(&Labels, usize, usize) -> Result<Labels>;

/// Vertebrae, numbered from 1 in no order, of the labels of phase 1; `predict` is given a cut-out, its
/// number and their count.
///
/// Errors: whatever `predict` gives.
pub fn vertebrae(
    labels: &Labels,
    spacing_mm: [f64; 3],
    rules: &Rules,
    predict: Predict<'_>,
) -> Result<Either<Labels, Nothing>> {
    let finest = spacing_mm.into_iter().fold(f64::INFINITY, f64::min);
    let margin = (MARGIN * 0.75 / finest) as usize;
    let Some(bounds) = labels.around(|label| label > 0, margin) else {
        return Ok(Err(Nothing::NoBody));
    };
    let part = labels.cut(bounds);
    if !part.has(BODY_BORDER) {
        return Ok(Err(Nothing::NoBody));
    }
    let voxel = spacing_mm.iter().product::<f64>();
    let floor = voxels_of(LEAST * REFERENCE_MM3, spacing_mm);
    let least = rules.least_mm3.map(|volume| ((volume / voxel) as usize).max(floor));
    let Some(middles) = bodies::middles(&part, least[0], spacing_mm[1]) else {
        return Ok(Err(Nothing::NoBody));
    };
    let predictions = collect(&part, &middles, rules, predict)?;
    let mut found = match merge(&predictions, part.shape) {
        Some(found) => found,
        None => return Ok(Err(Nothing::NoVertebra)),
    };
    found.without_small(|_| true, least[1]);
    let there = found.unique();
    if there.is_empty() {
        return Ok(Err(Nothing::NoVertebra));
    }
    found.fill(&there);
    found.rename(&there.into_iter().zip(1..).collect());
    let mut whole = Labels::none(labels.shape);
    whole.put(&found, bounds);
    Ok(Ok(whole))
}

/// Voxels of the three vertebrae of every cut-out, ascending; empty where one was not predicted.
type Predictions = Vec<[Vec<u32>; 3]>;

fn collect(
    labels: &Labels,
    middles: &[[f64; 3]],
    rules: &Rules,
    predict: Predict<'_>,
) -> Result<Predictions> {
    let told: Vec<u16> =
        labels.values.iter().map(|label| rules.mapping.get(label).copied().unwrap_or(0)).collect();
    let told = Labels { values: told, shape: labels.shape };
    let mut all = Vec::with_capacity(middles.len());
    for (number, &middle) in middles.iter().enumerate() {
        // A middle that lies beside its body is moved down until something is marked there.
        let mut at = middle;
        while told.values[told.index(at)] == 0 {
            at[1] += 5.0;
            if at[1] >= told.shape[1] as f64 {
                at = middle;
                break;
            }
        }
        let (bounds, before) = place(at, told.shape, rules.cutout);
        let half = rules.cutout.map(|extent| extent / 2);
        let mut cutout = Labels::none(half.map(|half| 2 * half));
        let inside = std::array::from_fn(|axis| {
            let [from, to] = bounds[axis];
            [before[axis], before[axis] + to - from]
        });
        cutout.put(&told.cut(bounds), inside);
        let answer = predict(&cutout, number, middles.len())?.cut(inside);
        let mut found = [Vec::new(), Vec::new(), Vec::new()];
        let mut whole = Labels::none(told.shape);
        whole.put(&answer, bounds);
        for (voxel, label) in (0u32..).zip(whole.values) {
            if (1..=3).contains(&label) {
                found[usize::from(label) - 1].push(voxel);
            }
        }
        all.push(found);
    }
    Ok(all)
}

/// The part of a cut-out that lies within the volume, and how far it begins within the cut-out
/// (`np_calc_crop_around_centerpoint`).
fn place(middle: [f64; 3], shape: [usize; 3], cutout: [usize; 3]) -> (Box3, [usize; 3]) {
    let mut before = [0; 3];
    let bounds = std::array::from_fn(|axis| {
        let (at, half) = (middle[axis] as usize, cutout[axis] / 2);
        before[axis] = half.saturating_sub(at);
        [at.saturating_sub(half), (at + half).min(shape[axis])]
    });
    (bounds, before)
}

/// A prediction: number of its cut-out and vertebra within it.
type Member = (usize, usize);

/// Predictions that mean one vertebra, from the first cut-out to the last, and how well they agree.
fn couples(predictions: &Predictions) -> Vec<(Vec<Member>, f64)> {
    let mut found: Vec<(Vec<Member>, Vec<f64>)> = Vec::new();
    for anchor in (0..predictions.len()).flat_map(|cutout| (0..3).map(move |of| (cutout, of))) {
        let voxels = |(cutout, of): Member| &predictions[cutout][of];
        if voxels(anchor).is_empty() {
            continue;
        }
        let near = anchor.0.saturating_sub(REACH)..=anchor.0 + REACH;
        let near = near.filter(|&cutout| cutout != anchor.0 && cutout < predictions.len());
        let others = near.flat_map(|cutout| (0..3).map(move |of| (cutout, of)));
        let mut partners: Vec<(Member, f64)> = others
            .filter(|&other| !voxels(other).is_empty())
            .map(|other| (other, dice(voxels(anchor), voxels(other))))
            .collect();
        partners.sort_by(|a, b| b.1.total_cmp(&a.1));
        partners.truncate(2);
        partners.retain(|(_, dice)| *dice > AGREE);
        let sum = partners.iter().fold(0.0, |sum, (_, dice)| sum + dice);
        let agreement = if partners.is_empty() { 0.0 } else { sum / partners.len() as f64 };
        let mut couple: Vec<Member> = partners.into_iter().map(|(member, _)| member).collect();
        couple.push(anchor);
        couple.sort_by_key(|member| member.0);
        match found.iter_mut().find(|(known, _)| *known == couple) {
            Some((_, agreements)) => agreements.push(agreement),
            None => found.push((couple, vec![agreement])),
        }
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let mut all: Vec<(Vec<Member>, f64)> =
        found.into_iter().map(|(couple, agreements)| (couple, mean(&agreements))).collect();
    let weight = |(couple, agreement): &(Vec<Member>, f64)| (couple.len() + 1) as f64 * agreement;
    all.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
    all
}

/// Vertebrae in the order in which cut-outs agree on them; `None` where there is none.
fn merge(predictions: &Predictions, shape: [usize; 3]) -> Option<Labels> {
    let mut whole = Labels::none(shape);
    let mut number = 1u16;
    for (couple, agreement) in couples(predictions) {
        let alone = couple.len() <= 2 || agreement < AGREE + 0.15 * (4.0 - couple.len() as f64);
        let members: Vec<&[u32]> =
            couple.iter().map(|&(cutout, of)| predictions[cutout][of].as_slice()).collect();
        let voxels = agreed(&members, if alone { 1 } else { 2 });
        // The original gives up on the whole case.
        if voxels.is_empty() {
            return None;
        }
        let free = |voxel: &&u32| whole.values[**voxel as usize] == 0;
        let count = voxels.iter().filter(free).count();
        if (voxels.len() - count) as f64 / voxels.len() as f64 > MOST_TAKEN {
            continue;
        }
        for voxel in voxels {
            let label = &mut whole.values[voxel as usize];
            if *label == 0 {
                *label = number;
            }
        }
        number = number.saturating_add(1);
    }
    (number > 1).then_some(whole)
}

/// Voxels that at least `least` of some ascending lists have.
fn agreed(lists: &[&[u32]], least: usize) -> Vec<u32> {
    let all: BTreeSet<u32> = match lists {
        [one] if least == 1 => return one.to_vec(),
        _ => lists.iter().flat_map(|list| list.iter().copied()).collect(),
    };
    let has = |list: &&&[u32], voxel: &u32| list.binary_search(voxel).is_ok();
    all.into_iter()
        .filter(|voxel| least == 1 || lists.iter().filter(|list| has(list, voxel)).count() >= least)
        .collect()
}

/// Twice what both have, of what each has; lists ascend.
fn dice(a: &[u32], b: &[u32]) -> f64 {
    let (mut i, mut j, mut both) = (0, 0, 0usize);
    while i < a.len() && j < b.len() {
        match a[i].cmp(&b[j]) {
            Ordering::Less => i += 1,
            Ordering::Greater => j += 1,
            Ordering::Equal => (i, j, both) = (i + 1, j + 1, both + 1),
        }
    }
    2.0 * both as f64 / (a.len() + b.len()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cut_outs_begin_before_the_volume_where_they_must() {
        let (bounds, before) = place([3.9, 20.0, 9.0], [30, 22, 12], [10, 8, 4]);
        assert_eq!((bounds, before), ([[0, 8], [16, 22], [7, 11]], [2, 0, 0]));
    }

    #[test]
    fn predictions_that_agree_become_one_vertebra() {
        let list = |range: std::ops::Range<u32>| range.collect::<Vec<u32>>();
        let none = Vec::new;
        let predictions = vec![
            [none(), list(0..20), list(30..50)],
            [list(1..20), list(31..52), none()],
            [list(30..49), none(), none()],
        ];
        let whole = merge(&predictions, [1, 1, 60]).unwrap();
        assert_eq!(whole.unique(), [1, 2]);
        // Three agree: two of them decide.
        assert_eq!(whole.volumes()[&1], 20);
        assert_eq!(whole.volumes()[&2], 20);
        assert!(merge(&vec![[none(), none(), none()]], [1, 1, 60]).is_none());
        assert_eq!(dice(&list(0..10), &list(5..15)), 0.5);
    }
}
