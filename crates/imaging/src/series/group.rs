//! Which images belong together.

use super::slice::{SPLITS, Slice};
use super::stack::{Stack, stack};
use base::Result;
use std::collections::BTreeMap;

/// Images that make one volume, or why they make none.
pub(super) struct Group {
    pub images: usize,
    /// File of the first image, for what else is to be known.
    pub file: usize,
    pub stack: Result<Stack>,
}

/// Splits slices into volumes: always by series, frame of reference, image type, size, stack and
/// orientation; by acquisition, echo, b-value, time, trigger and kernel only where without it no even
/// stack comes about. A series that was scanned in two acquisitions one behind the other stays whole,
/// two acquisitions of the same place come apart.
pub(super) fn groups(slices: Vec<Slice>) -> Vec<Group> {
    let mut by_key: BTreeMap<_, Vec<Vec<Slice>>> = BTreeMap::new();
    for slice in slices {
        let bundles = by_key.entry(slice.key.clone()).or_default();
        match bundles.iter_mut().find(|bundle| bundle[0].is_parallel_to(&slice)) {
            Some(bundle) => bundle.push(slice),
            None => bundles.push(vec![slice]),
        }
    }
    by_key.into_values().flatten().flat_map(split).collect()
}

/// The coarsest split of which every part is an even stack; the whole with its reason when there is
/// none.
fn split(bundle: Vec<Slice>) -> Vec<Group> {
    let whole = stack(bundle.clone());
    if whole.is_ok() || bundle.len() < 2 {
        return vec![group(&bundle, whole)];
    }
    let varying: Vec<usize> = (0..SPLITS)
        .filter(|&mark| bundle.iter().any(|slice| slice.marks[mark] != bundle[0].marks[mark]))
        .collect();
    // One mark alone, then the first n together.
    let alone = varying.iter().map(|&mark| vec![mark]);
    let together = (2..=varying.len()).map(|n| varying[..n].to_vec());
    let mut best: Option<Vec<Group>> = None;
    for marks in alone.chain(together) {
        let mut parts: BTreeMap<Vec<&str>, Vec<Slice>> = BTreeMap::new();
        for slice in &bundle {
            let mark = marks.iter().map(|&mark| slice.marks[mark].as_str()).collect();
            parts.entry(mark).or_default().push(slice.clone());
        }
        // As many parts as images is no split into volumes.
        if parts.len() == bundle.len() {
            continue;
        }
        let parts: Vec<Group> =
            parts.into_values().map(|part| group(&part.clone(), stack(part))).collect();
        if parts.iter().all(|part| part.stack.is_ok()) {
            return parts;
        }
        let good = |parts: &[Group]| parts.iter().filter(|part| part.stack.is_ok()).count();
        if good(&parts) > best.as_deref().map_or(0, good) {
            best = Some(parts);
        }
    }
    best.unwrap_or_else(|| vec![group(&bundle, whole)])
}

fn group(slices: &[Slice], stack: Result<Stack>) -> Group {
    Group { images: slices.len(), file: slices.first().map_or(0, |slice| slice.file), stack }
}
