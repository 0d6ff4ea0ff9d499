//! What is measured of a structure in one case, and what a failure counts for.

use super::masks::{self, Labels, Pair, Reader, file_name};
use super::settings::{Others, Settings};
use base::Result;
use metrics::segmentation::{
    Lattice, LesionRule, MaskPair, Overlap, Status, SurfaceDistances, centreline_dice, lesion_wise,
    panoptic_quality,
};
use metrics::{Undefined, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a failure counts for in the mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worst {
    /// 0, as for Dice.
    Zero,
    /// The diagonal of the image.
    Diagonal,
    /// Nothing: only cases with both count.
    None,
}

/// The metrics of a structure in one case.
pub(super) const METRICS: [(&str, Worst); 16] = [
    ("dice", Worst::Zero),
    ("iou", Worst::Zero),
    ("sensitivity", Worst::None),
    ("precision", Worst::None),
    ("specificity", Worst::None),
    ("hausdorff_distance", Worst::Diagonal),
    ("hausdorff_distance_95", Worst::Diagonal),
    ("hausdorff_distance_95_surfels", Worst::Diagonal),
    ("hausdorff_distance_95_pooled", Worst::Diagonal),
    ("average_surface_distance", Worst::Diagonal),
    ("mean_average_surface_distance", Worst::Diagonal),
    ("surface_dice", Worst::Zero),
    ("surface_dice_voxels", Worst::Zero),
    ("volume_difference_ml", Worst::None),
    ("relative_volume_difference", Worst::None),
    ("absolute_volume_difference_ml", Worst::None),
];

/// Further metrics of `--more`.
pub(super) const FURTHER: [(&str, Worst); 7] = [
    ("cl_dice", Worst::Zero),
    ("panoptic_quality", Worst::None),
    ("lesion_wise_dice", Worst::None),
    ("lesion_wise_hd95", Worst::None),
    ("lesions_found", Worst::None),
    ("lesions_missed", Worst::None),
    ("lesions_made_up", Worst::None),
];

/// One structure in one case.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    /// What the case is.
    pub status: Status,
    /// Metric by name.
    pub values: BTreeMap<&'static str, Value>,
    /// Diagonal of the image in mm.
    pub diagonal_mm: f64,
}

/// One case: what is measured of its structures, by label or, where there are regions, by their places.
/// `known` grows by the labels of the truth where none were asked for; those outside go to `outside`
/// with their files.
pub(super) fn of_case(
    files: &Pair,
    reader: &Reader,
    settings: &Settings,
    known: &mut BTreeSet<u32>,
    outside: &mut Vec<(u32, String)>,
) -> Result<(BTreeMap<u32, Judged>, Lattice)> {
    let (predicted, truth) = masks::read(files, reader, settings)?;
    let (in_p, in_t) = (boxes(&predicted), boxes(&truth));
    let (p, t): (BTreeSet<u32>, BTreeSet<u32>) =
        (in_p.keys().copied().collect(), in_t.keys().copied().collect());
    let given = !settings.labels.is_empty() || !settings.regions.is_empty();
    if given {
        let strange = t.iter().filter(|label| !known.contains(label));
        outside.extend(strange.map(|label| (*label, file_name(files.truth.path()))));
    } else {
        known.extend(&t);
        if settings.others == Others::Judged {
            known.extend(&p);
        }
    }
    let strange = p.iter().filter(|label| !known.contains(label));
    outside.extend(strange.map(|label| (*label, file_name(files.predicted.path()))));
    let structures: Vec<(u32, Vec<u16>)> = match settings.regions.as_slice() {
        [] => p.union(&t).map(|label| (*label, vec![*label as u16])).collect(),
        regions => (0..).zip(regions.iter().map(|region| region.labels.clone())).collect(),
    };
    let lattice = truth.lattice();
    let mut judged = BTreeMap::new();
    for (key, labels) in structures {
        let both = labels.iter().flat_map(|label| {
            let label = u32::from(*label);
            [in_p.get(&label), in_t.get(&label)].into_iter().flatten()
        });
        let around = both.copied().reduce(|(low, high), own| {
            let each = [0, 1, 2];
            (each.map(|a| low[a].min(own.0[a])), each.map(|a| high[a].max(own.1[a])))
        });
        let Some((low, high)) = around else { continue };
        let is = |voxel: u16| match labels.as_slice() {
            [only] => voxel == *only,
            several => several.contains(&voxel),
        };
        let pair = MaskPair::cut_box(
            &lattice,
            low,
            high,
            |at| is(predicted.voxels[at]),
            |at| is(truth.voxels[at]),
            settings.threads,
        );
        judged.insert(key, structure(&pair, &lattice, settings));
    }
    Ok((judged, lattice))
}

/// The box of each label but 0, ends included, in one pass over the volume.
fn boxes(labels: &Labels) -> BTreeMap<u32, Box3> {
    let [nx, ny, _] = labels.grid.size;
    let mut found: Vec<Option<Box3>> = vec![None; 1 << 16];
    for (row, voxels) in labels.voxels.chunks(nx.max(1)).enumerate() {
        let (j, k) = (row % ny, row / ny);
        // Runs of one label, of which only the ends matter.
        let mut i = 0;
        for run in voxels.chunk_by(|a, b| a == b) {
            let (first, last) = (i, i + run.len() - 1);
            i += run.len();
            if run[0] == 0 {
                continue;
            }
            let own = found[usize::from(run[0])].get_or_insert(([usize::MAX; 3], [0; 3]));
            own.0 = [own.0[0].min(first), own.0[1].min(j), own.0[2].min(k)];
            own.1 = [own.1[0].max(last), own.1[1].max(j), own.1[2].max(k)];
        }
    }
    let named = found.into_iter().enumerate();
    named.filter_map(|(label, own)| Some((label as u32, own?))).collect()
}

/// Lowest and highest voxel of a box.
type Box3 = ([usize; 3], [usize; 3]);

/// A structure that neither mask has.
pub(super) fn empty(lattice: &Lattice) -> Judged {
    let every = METRICS.iter().chain(&FURTHER);
    let values = every.map(|(name, _)| (*name, Err(Undefined::BothEmpty))).collect();
    Judged { status: Status::BothEmpty, values, diagonal_mm: lattice.diagonal_mm() }
}

fn structure(pair: &MaskPair, lattice: &Lattice, settings: &Settings) -> Judged {
    let overlap: Overlap = pair.overlap();
    let voxels = SurfaceDistances::of_voxels(pair, settings.threads);
    let surfels = SurfaceDistances::of_surfels(pair, settings.threads);
    let of = |distances: &std::result::Result<SurfaceDistances, Undefined>,
              f: &dyn Fn(&SurfaceDistances) -> f64|
     -> Value { distances.as_ref().map(f).map_err(|why| *why) };
    let difference = overlap.volume_difference_ml(lattice);
    let tolerance = settings.tolerance_mm;
    let mut values: BTreeMap<&'static str, Value> = BTreeMap::from([
        ("dice", overlap.dice()),
        ("iou", overlap.iou()),
        ("sensitivity", overlap.sensitivity()),
        ("precision", overlap.precision()),
        ("specificity", specificity(&overlap, lattice)),
        ("hausdorff_distance", of(&voxels, &|d| d.hausdorff_mm())),
        ("hausdorff_distance_95", of(&voxels, &|d| d.percentile_mm(95.0))),
        ("hausdorff_distance_95_surfels", of(&surfels, &|d| d.percentile_mm(95.0))),
        ("hausdorff_distance_95_pooled", of(&voxels, &|d| d.pooled_percentile_mm(95.0))),
        ("average_surface_distance", of(&voxels, &|d| d.assd_mm())),
        ("mean_average_surface_distance", of(&voxels, &|d| d.masd_mm())),
        ("surface_dice", of(&surfels, &|d| d.surface_dice(tolerance))),
        ("surface_dice_voxels", of(&voxels, &|d| d.surface_dice(tolerance))),
        ("volume_difference_ml", Ok(difference)),
        ("relative_volume_difference", overlap.relative_volume_difference()),
        ("absolute_volume_difference_ml", Ok(difference.abs())),
    ]);
    further(pair, settings, &mut values);
    Judged { status: overlap.status(), values, diagonal_mm: lattice.diagonal_mm() }
}

/// Share of the voxels outside the reference that are outside the prediction, over the whole image: BraTS
/// ranked by it until 2022.
fn specificity(overlap: &Overlap, lattice: &Lattice) -> Value {
    match lattice.len() as u64 - overlap.reference() {
        0 => Err(Undefined::NoNegatives),
        outside => Ok(1.0 - overlap.only_predicted as f64 / outside as f64),
    }
}

fn further(pair: &MaskPair, settings: &Settings, values: &mut BTreeMap<&'static str, Value>) {
    let (p, r, lattice) = (&pair.predicted, &pair.reference, &pair.lattice);
    for name in &settings.more {
        let rule = match name.as_str() {
            "cl_dice" => {
                values.insert("cl_dice", centreline_dice(p, r, lattice).cl_dice);
                continue;
            }
            "panoptic_quality" => {
                let found = panoptic_quality(p, r, lattice).panoptic_quality;
                values.insert("panoptic_quality", found);
                continue;
            }
            "lesion_wise=men" => LesionRule::MENINGIOMA,
            "lesion_wise=met" => LesionRule::METASTASES,
            _ => LesionRule::GLIOMA,
        };
        let found = lesion_wise(p, r, lattice, &rule, settings.threads);
        values.insert("lesion_wise_dice", found.dice);
        values.insert("lesion_wise_hd95", found.hd95_mm);
        values.insert("lesions_found", Ok(found.true_positives as f64));
        values.insert("lesions_missed", Ok(found.false_negatives as f64));
        values.insert("lesions_made_up", Ok(found.false_positives as f64));
    }
}

/// A structure's metric in every case: the value, or what a failure counts for; `None` where the
/// case does not count.
pub(super) fn with_failures(judged: &[Judged], name: &str) -> Vec<Option<f64>> {
    let every = METRICS.iter().chain(&FURTHER);
    let worst =
        every.clone().find(|(known, _)| *known == name).map_or(Worst::None, |found| found.1);
    let one = |case: &Judged| match (case.values.get(name), case.status, worst) {
        (Some(Ok(value)), ..) => Some(*value),
        (_, Status::Missed | Status::Spurious, Worst::Zero) => Some(0.0),
        (_, Status::Missed | Status::Spurious, Worst::Diagonal) => Some(case.diagonal_mm),
        _ => None,
    };
    judged.iter().map(one).collect()
}
