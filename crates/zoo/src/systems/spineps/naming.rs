//! Phase 3, VERIDAH: what a classifier is shown of each vertebra, and the names that follow.
//!
//! Reference: Hendrik-code/spineps (60cc736) `lab_model.py`, `phase_labeling.py`. The image is the case's own, along
//! posterior, inferior, right at the model's spacing; each vertebra's surroundings are turned upright in the
//! sagittal plane, so that its neighbours lie above and below it.

use super::config::Config;
use super::grid::{self, Numbers, at_spacing};
use super::labels::{Box3, Labels};
use super::names::{BODY, BODY_BORDER, DENS, SACRUM, T13};
use super::path::{Heads, Known, names};
use super::post::Maps;
use super::turn::pir;
use crate::systems::totalsegmentator::crop;
use base::{Error, Grid, Kind, Result, Volume, Voxels};
use engine::cpu::Pool;
use imaging::resample::{rescale, rotate_planes};
use std::collections::BTreeMap;

/// Left around the vertebrae, in mm.
const MARGIN_MM: f64 = 128.0;
/// Voxels more along two axes, so that a turned patch has no empty corners.
const ROOM: usize = 64;
/// Cubic millimetres of a dens that make its vertebra C2.
const DENS_MM3: f64 = 250.0;

/// What is asked about each vertebra.
pub struct Asking<'a> {
    /// The model's settings.
    pub config: &'a Config,
    /// Extents of a patch.
    pub patch: [usize; 3],
    /// Names may begin at C1.
    pub from_c1: bool,
    /// There are exactly twelve thoracic vertebrae.
    pub twelve: bool,
}

/// What a classifier says of a patch `[posterior][inferior][right]`, normalised; its number and their count.
pub type Classify<'c> = &'c mut dyn FnMut(&[f32], [usize; 2]) -> Result<Heads>;

/// New labels of counted vertebrae in a box of the case; those that are not named become 0. `None` where they do
/// not fit between C1 and L6.
///
/// Errors: whatever `classify` gives.
pub fn name(
    pool: &Pool,
    volume: &Volume,
    maps: &Maps,
    bounds: Box3,
    asking: &Asking<'_>,
    classify: Classify<'_>,
) -> Result<Option<BTreeMap<u16, u16>>> {
    let all = maps.vertebrae.unique();
    let spacing = volume.spacing_mm();
    let bodies =
        masked(&maps.vertebrae, &maps.parts, |part| [BODY, BODY_BORDER, DENS].contains(&part));
    let mut dens = None;
    if asking.from_c1 {
        let of = masked(&bodies, &maps.parts, |part| part == DENS).volumes();
        let voxel = spacing.iter().product::<f64>();
        let most = of.into_iter().rev().max_by_key(|(_, count)| *count);
        dens = most.filter(|(_, count)| *count as f64 * voxel > DENS_MM3).map(|(label, _)| label);
    }
    let Some((image, vertebrae)) = shown(pool, volume, &bodies, bounds, asking.config)? else {
        return Ok(Some(all.into_iter().map(|label| (label, 0)).collect()));
    };
    let counted = vertebrae.unique();
    let place = |label: u16| counted.iter().position(|other| *other == label);
    let known = Known {
        from_c1: asking.from_c1,
        twelve: asking.twelve,
        c2: dens.and_then(place),
        c1: dens.filter(|label| *label != 1).and_then(|label| place(label - 1)),
    };
    let mut said = Vec::with_capacity(counted.len());
    let middles = vertebrae.middles();
    for (number, label) in counted.iter().enumerate() {
        let angle = lean(&middles, *label);
        let Some(bounds) = vertebrae.around(|other| other == *label, 0) else { continue };
        let centre = bounds.map(|[from, to]| from + (to - from) / 2);
        let patch = image.patch(pool, centre, asking.patch, angle)?;
        said.push(classify(&patch, [number, counted.len()])?);
    }
    let Some(found) = names(&said, &known) else { return Ok(None) };
    let mut table: BTreeMap<u16, u16> = counted.into_iter().zip(found).collect();
    let first = all.first().copied().unwrap_or(0);
    let has = |table: &BTreeMap<u16, u16>, name: u16| table.values().any(|label| *label == name);
    if asking.from_c1 && !table.contains_key(&first) && !has(&table, 1) && has(&table, 2) {
        table.insert(first, 1);
    }
    for label in all {
        table.entry(label).or_insert(0);
    }
    Ok(Some(table))
}

fn masked(labels: &Labels, parts: &Labels, wanted: impl Fn(u16) -> bool) -> Labels {
    let pairs = labels.values.iter().zip(&parts.values);
    let values = pairs.map(|(label, part)| if wanted(*part) { *label } else { 0 }).collect();
    Labels { values, shape: labels.shape }
}

/// The image that the classifier is shown, along posterior, inferior, right.
struct Image {
    values: Vec<f32>,
    shape: [usize; 3],
    numbers: Numbers,
}

/// Image and vertebrae around the bodies at the model's spacing; `None` without any.
fn shown(
    pool: &Pool,
    volume: &Volume,
    bodies: &Labels,
    bounds: Box3,
    config: &Config,
) -> Result<Option<(Image, Labels)>> {
    let lost = || Error::new(Kind::Bug, base::words::volume_systems::OTHER_GRID);
    let numbers = Numbers::of(volume);
    let image = crop(volume, bounds, numbers.are_whole())?;
    let labels = image.on_same_grid(Voxels::U16(grid::as_kji(bodies))).ok_or_else(lost)?;
    let (image, labels) = (image.reoriented(pir()), labels.reoriented(pir()));
    let along = grid::along_ijk(&crate::volume_system::labels_of(&labels), labels.size());
    let finest = image.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
    let Some(around) = along.around(|label| label > 0, (MARGIN_MM / finest) as usize) else {
        return Ok(None);
    };
    let image = crop(&image, around, false)?;
    let along = along.cut(around);
    let spacing = config.spacing_for(image.spacing_mm());
    let fine: Grid = at_spacing(image.grid(), spacing)?;
    let mut values = image.frame_f32(0);
    if fine != *image.grid() {
        let own = image.spacing_mm();
        let ([x, y, z], [nx, ny, nz]) = (image.size(), fine.size);
        let step = [2, 1, 0].map(|axis: usize| spacing[axis] / own[axis]);
        values = rescale(pool, &values, [z, y, x], [nz, ny, nx], step, 3)?;
        values.iter_mut().for_each(|value| *value = numbers.nearest(*value));
    }
    let (mut vertebrae, _) = grid::labels_at(&along, image.grid(), spacing)?;
    for label in &mut vertebrae.values {
        if *label >= SACRUM && *label != T13 {
            *label = 0;
        }
    }
    let [nx, ny, nz] = fine.size;
    let turned = (0..values.len()).map(|at| {
        let (i, j, k) = (at / (ny * nz), at / nz % ny, at % nz);
        values[(k * ny + j) * nx + i]
    });
    let image = Image { values: turned.collect(), shape: [nx, ny, nz], numbers };
    Ok(Some((image, vertebrae)))
}

/// Degrees by which the line from the vertebra above to that below leans, in the original's sense.
fn lean(middles: &BTreeMap<u16, [f64; 3]>, label: u16) -> f64 {
    // Axes inferior, posterior, left; where the left begins does not matter.
    let mut order: Vec<(u16, [f64; 3])> =
        middles.iter().map(|(label, [p, i, r])| (*label, [*i, *p, -*r])).collect();
    order.sort_by(|a, b| a.1[0].total_cmp(&b.1[0]));
    let Some(at) = order.iter().position(|(other, _)| *other == label) else { return 0.0 };
    let above = order[at.saturating_sub(1)].1;
    let below = order[(at + 1).min(order.len() - 1)].1;
    let way: [f64; 3] = std::array::from_fn(|axis| below[axis] - above[axis]);
    let length = way.iter().map(|x| x * x).sum::<f64>().sqrt();
    if length == 0.0 {
        return 0.0;
    }
    let angle = (way[0] / length).clamp(-1.0, 1.0).acos();
    // The cross product with the first axis, summed.
    let sign = way[2] - way[1];
    if sign < 0.0 { -angle.to_degrees() } else { angle.to_degrees() }
}

impl Image {
    /// A patch around a voxel, turned and normalised (`run_given_center_pos`, `NormalizeIntensity(nonzero=True)`).
    fn patch(
        &self,
        pool: &Pool,
        centre: [usize; 3],
        patch: [usize; 3],
        angle: f64,
    ) -> Result<Vec<f32>> {
        let [p, i, r] = patch_of(patch);
        let [p, i] = [p + ROOM, i + ROOM];
        let half = [p / 2, i / 2, r / 2];
        // Inferior, posterior, left.
        let mut values = vec![0.0f32; p * i * r];
        let source = |axis: usize, at: usize| {
            let at = (centre[axis] + at).checked_sub(half[axis])?;
            (at < self.shape[axis]).then_some(at)
        };
        for a in 0..p {
            for b in 0..i {
                for c in 0..r {
                    if let (Some(a0), Some(b0), Some(c0)) =
                        (source(0, a), source(1, b), source(2, c))
                    {
                        let from = (a0 * self.shape[1] + b0) * self.shape[2] + c0;
                        values[(b * p + a) * r + (r - 1 - c)] = self.values[from];
                    }
                }
            }
        }
        if angle != 0.0 {
            values = rotate_planes(pool, &values, [i, p, r], angle)?;
            values.iter_mut().for_each(|value| *value = self.numbers.nearest(*value));
        }
        let edge = ROOM / 2;
        let (i, p) = (i - ROOM, p - ROOM);
        let mut out = vec![0.0f32; p * i * r];
        let wide = p + ROOM;
        for a in 0..p {
            for b in 0..i {
                for c in 0..r {
                    let from = ((b + edge) * wide + a + edge) * r + (r - 1 - c);
                    out[(a * i + b) * r + c] = values[from];
                }
            }
        }
        normalise(&mut out);
        Ok(out)
    }
}

/// Extents of what is cut out for a patch of these extents.
pub(super) fn patch_of(patch: [usize; 3]) -> [usize; 3] {
    patch.map(|extent| extent / 2 * 2)
}

/// Mean 0 and deviation 1 of what is not 0.
fn normalise(values: &mut [f32]) {
    let inside = || values.iter().filter(|value| **value != 0.0).map(|value| f64::from(*value));
    let count = inside().count() as f64;
    if count == 0.0 {
        return;
    }
    let mean = inside().sum::<f64>() / count;
    let deviation = (inside().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
    let deviation = if deviation == 0.0 { 1.0 } else { deviation };
    for value in values.iter_mut().filter(|value| **value != 0.0) {
        *value = ((f64::from(*value) - mean) / deviation) as f32;
    }
}
