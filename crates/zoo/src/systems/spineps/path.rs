//! VERIDAH's way from what a classifier says of each vertebra to their names: the cheapest way down through a table
//! of vertebrae and names.
//!
//! Reference: Hendrik-code/spineps (60cc736) `phase_labeling.py` (`find_vert_path_from_predictions`),
//! `utils/find_min_cost_path.py`, `architectures/read_labels.py`.

use super::names::T13;
use std::collections::BTreeMap;

/// Names from C1 to L5.
const NAMES: usize = 24;
/// First name of the cervical, thoracic and lumbar region, and the end.
const REGIONS: [usize; 4] = [0, 7, 19, NAMES];
const C1: usize = 0;
const C2: usize = 1;
const T11: usize = 17;
const T12: usize = 18;
const L5: usize = 23;
/// Names that each group of the head `VERTGRP` stands for, and their end.
const GROUPS: [usize; 13] = [0, 2, 5, 7, 9, 11, 14, 16, 18, 19, 21, 23, NAMES];
/// Weights of the heads.
const VISIBLE: f64 = 0.5;
const NAME: f64 = 0.9;
const GROUP: f64 = 0.8;
const REGION: f64 = 1.1;
const RELATION: f64 = 0.6;
const THIRTEENTH: f64 = 0.4;
/// Widths of the Gaussians, and how far they reach.
const SIGMA: f64 = 0.8;
const SIGMA_RELATION: f64 = 0.6;
/// Added to sums that are divided by.
const TINY: f64 = 1e-8;
/// The score of a name that is known beforehand.
const FORCED: f64 = 1e6;
/// A way that is none.
const NEVER: f64 = i64::MAX as f64;

/// What a classifier says of one vertebra: probabilities of each head.
pub type Heads = BTreeMap<String, Vec<f64>>;

/// Heads of which one must be there.
pub(super) const VITAL: [&str; 4] = ["VERT", "VERTEXACT", "VERTEX", "VERTGRP"];

/// What is known before names are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The uppermost vertebra may be C1.
    pub from_c1: bool,
    /// There are exactly twelve thoracic vertebrae.
    pub twelve: bool,
    /// Which vertebrae are C1 and C2 for certain.
    pub c1: Option<usize>,
    /// See [`Known::c1`].
    pub c2: Option<usize>,
}

/// Labels of vertebrae from above; `None` where they do not fit between C1 and L6.
pub fn names(vertebrae: &[Heads], known: &Known) -> Option<Vec<u16>> {
    let relations = relations(vertebrae);
    let thirteenth = thirteenth(vertebrae);
    let visible = visible(vertebrae);
    let mut scores: Vec<[f64; NAMES]> =
        vertebrae.iter().zip(&visible).map(|(heads, visible)| score(heads, *visible)).collect();
    for (vertebra, name) in [(known.c2, C2), (known.c1, C1)] {
        if let Some(row) = vertebra.and_then(|vertebra| scores.get_mut(vertebra)) {
            *row = [0.0; NAMES];
            row[name] = FORCED;
        }
    }
    let mut search = Search { scores, relations, thirteenth, known, best: BTreeMap::new() };
    let path = search.cheapest();
    (path.len() == vertebrae.len() && path.iter().all(|name| *name < NAMES)).then(|| labels(&path))
}

/// A head of a vertebra; zeros where the classifier has none.
fn head(heads: &Heads, name: &str, classes: usize) -> Vec<f64> {
    let mut values = heads.get(name).cloned().unwrap_or_default();
    values.resize(classes, 0.0);
    values
}

/// How well each name fits a vertebra by the heads of names, groups and regions.
fn score(heads: &Heads, visible: f64) -> [f64; NAMES] {
    let spread = |values: &[f64], bounds: &[usize]| -> Vec<f64> {
        let widths = bounds.windows(2).map(|pair| pair[1] - pair[0]);
        values.iter().zip(widths).flat_map(|(value, width)| vec![*value; width]).collect()
    };
    let smooth = |values: Vec<f64>| -> Vec<f64> {
        let regions =
            REGIONS.windows(2).map(|pair| gaussian(&values[pair[0]..pair[1]], SIGMA, 2, true));
        normal(regions.flatten().collect())
    };
    let names = smooth(head(heads, "VERT", NAMES));
    let groups = smooth(spread(&head(heads, "VERTGRP", GROUPS.len() - 1), &GROUPS));
    let regions = normal(spread(&head(heads, "REGION", REGIONS.len() - 1), &REGIONS));
    let sum = |at: usize| REGION * regions[at] + NAME * names[at] + GROUP * groups[at];
    let all = normal((0..NAMES).map(sum).collect());
    std::array::from_fn(|at| all[at] * visible)
}

/// Divided by the sum.
fn normal(values: Vec<f64>) -> Vec<f64> {
    let sum = values.iter().sum::<f64>() + TINY;
    values.into_iter().map(|value| value / sum).collect()
}

/// How far each vertebra is to be believed: half, and all where it and its neighbours are seen whole.
fn visible(vertebrae: &[Heads]) -> Vec<f64> {
    let seen = |heads: &Heads| {
        heads.get("FULLYVISIBLE").map_or(1.0, |share| share.get(1).copied().unwrap_or(0.0))
    };
    let seen: Vec<f64> = vertebrae.iter().map(seen).collect();
    let weighed = |share: f64| {
        let share = (share * 1000.0).round_ties_even() / 1000.0;
        (1.0 - (1.0 - share) * VISIBLE).clamp(0.0, 1.0)
    };
    gaussian(&seen, SIGMA, 2, false).into_iter().map(weighed).collect()
}

/// What being the first or last of a region costs each vertebra: less than nothing where it is likely.
fn relations(vertebrae: &[Heads]) -> Vec<[f64; 6]> {
    let mut all: Vec<Vec<f64>> = vertebrae.iter().map(|heads| head(heads, "VERTREL", 6)).collect();
    for column in 1..6 {
        let mut values: Vec<f64> = all.iter().map(|row| row[column]).collect();
        if all.iter().flatten().sum::<f64>() > 0.0 {
            values = gaussian(&values, SIGMA_RELATION, 1, true);
        }
        let sum = values.iter().sum::<f64>() + TINY;
        let divisor = match sum {
            sum if sum > 1.0 => sum,
            sum if sum < 1.0 => 1.0 + sum,
            _ => 1.0,
        };
        all.iter_mut().zip(values).for_each(|(row, value)| row[column] = value / divisor);
    }
    all.into_iter().map(|row| std::array::from_fn(|column| -row[column] * RELATION)).collect()
}

/// What being a thirteenth thoracic vertebra costs each.
fn thirteenth(vertebrae: &[Heads]) -> Vec<f64> {
    let shares: Vec<f64> = vertebrae.iter().map(|heads| head(heads, "VERTT13", 2)[1]).collect();
    normal(shares).into_iter().map(|share| -share * THIRTEENTH).collect()
}

/// `scipy.ndimage.gaussian_filter1d`; beyond the ends the last values (`nearest`), or nothing (`constant`).
fn gaussian(values: &[f64], sigma: f64, radius: isize, nearest: bool) -> Vec<f64> {
    let weight = |step: isize| (-0.5 / (sigma * sigma) * (step * step) as f64).exp();
    let sum: f64 = (-radius..=radius).map(weight).sum();
    let last = values.len() as isize - 1;
    let value = |at: isize| match (0..=last).contains(&at) {
        true => values[at as usize],
        false if nearest => values[at.clamp(0, last) as usize],
        false => 0.0,
    };
    let smooth = |at: isize| {
        let sum_of = |sum: f64, step: isize| sum + value(at + step) * weight(step);
        (-radius..=radius).fold(0.0, sum_of) / sum
    };
    (0..=last).map(smooth).collect()
}

/// The search: from a vertebra and its name, the cheapest way to the last one.
struct Search<'k> {
    scores: Vec<[f64; NAMES]>,
    relations: Vec<[f64; 6]>,
    thirteenth: Vec<f64>,
    known: &'k Known,
    /// Cost and way, the last vertebra first, by vertebra and name.
    best: BTreeMap<(usize, usize), (f64, Vec<usize>)>,
}

impl Search<'_> {
    /// Names from above.
    fn cheapest(&mut self) -> Vec<usize> {
        let first = if self.known.from_c1 { C1 } else { C2 };
        let ways: Vec<(f64, Vec<usize>)> = (first..NAMES).map(|name| self.from(0, name)).collect();
        let mut way = least(ways).1;
        way.reverse();
        way
    }

    fn from(&mut self, vertebra: usize, name: usize) -> (f64, Vec<usize>) {
        let count = self.scores.len();
        if name >= NAMES || vertebra >= count {
            return (NEVER, vec![name]);
        }
        let own = -self.scores[vertebra][name];
        if vertebra + 1 == count {
            return (own + self.relation(vertebra, name, name), vec![name]);
        }
        if let Some(known) = self.best.get(&(vertebra, name)) {
            return known.clone();
        }
        let twice = |name: usize| name == L5 || (name == T12 && !self.known.twelve);
        let mut ways = vec![self.from(vertebra + 1, name + 1)];
        if twice(name) {
            let extra = if name == T12 { self.thirteenth[vertebra + 1] } else { 0.0 };
            let (cost, way) = self.from(vertebra + 1, name);
            ways.push((cost + extra, way));
        }
        if name == T11 && !self.known.twelve {
            ways.push(self.from(vertebra + 1, name + 2));
        }
        let (cost, mut way) = least(ways);
        let next = way.last().copied().unwrap_or(name);
        let mut cost = cost + own + self.relation(vertebra, name, next);
        way.push(name);
        let often = |name: usize| way.iter().filter(|other| **other == name).count() > 2;
        if (twice(T12) && often(T12)) || often(L5) {
            cost = NEVER;
        }
        self.best.insert((vertebra, name), (cost, way.clone()));
        (cost, way)
    }

    /// What it costs to be the first of a region, or the last with `next` behind it in another.
    fn relation(&self, vertebra: usize, name: usize, next: usize) -> f64 {
        let region = region(name);
        let costs = &self.relations[vertebra];
        let first = if region > 0 && name == REGIONS[region] { costs[2 * region] } else { 0.0 };
        let last = match self::region(next) > region {
            true => costs.get(2 * region + 1).copied().unwrap_or(0.0),
            false => 0.0,
        };
        first + last
    }
}

/// Cervical, thoracic, lumbar, or beyond.
fn region(name: usize) -> usize {
    REGIONS.iter().skip(1).filter(|end| name >= **end).count()
}

/// The cheapest, of equals the first.
fn least(ways: Vec<(f64, Vec<usize>)>) -> (f64, Vec<usize>) {
    let better =
        |best: (f64, Vec<usize>), way: (f64, Vec<usize>)| if way.0 < best.0 { way } else { best };
    ways.into_iter().reduce(better).unwrap_or((NEVER, Vec::new()))
}

/// A second T12 is T13, a second L5 at the end L6.
fn labels(path: &[usize]) -> Vec<u16> {
    let mut labels: Vec<u16> = path.iter().map(|&name| name as u16 + 1).collect();
    let twelfth = T12 as u16 + 1;
    if let Some(at) = labels.iter().position(|label| *label == twelfth)
        && labels.get(at + 1) == Some(&twelfth)
    {
        labels[at + 1] = T13;
    }
    if let [.., before, last] = labels.as_mut_slice()
        && *before == L5 as u16 + 1
        && *last == L5 as u16 + 1
    {
        *last += 1;
    }
    labels
}
