//! A case as the network takes it (`DefaultPreprocessor.run_case_npy`): axes transposed, cropped to
//! what is not empty, normalised, resampled. Version 1 resamples first and normalises after.

use super::dataset::Dataset;
use super::grid::{Bounds, Images, cut, inverse, permuted};
use super::normalise::normalise;
use super::plans::{Configuration, Plans, Scheme};
use super::{nonzero, resampling};
use base::words::nnunet as words;
use base::{Error, Kind, Note, Result};
use engine::cpu::Pool;

/// Most voxels of one channel at the model's spacing.
pub(super) const MOST_VOXELS: u64 = 1 << 32;

/// A prepared case and the way back.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// `[channel][z][y][x]`, with one channel for each foreground label behind the images in a
    /// cascade.
    pub channels: Vec<Vec<f32>>,
    /// Extents at the model's spacing.
    pub shape: [usize; 3],
    /// The model's spacing, the image's own along the slices of a model of pictures.
    pub spacing: [f64; 3],
    /// The part of the transposed image that is not empty.
    pub bounds: Bounds,
    /// Spacing of the transposed image.
    pub original: [f64; 3],
    /// What a reader should know.
    pub notes: Vec<Note>,
}

/// What a case will be like once prepared, from its extents and spacing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Foreseen {
    /// Extents at the model's spacing.
    pub shape: [usize; 3],
    /// Spacing there.
    pub spacing: [f64; 3],
    /// Spacing of the transposed image.
    pub original: [f64; 3],
}

/// Extents (transposed, cropped) at the model's spacing. Errors: a spacing that is not positive,
/// or more voxels than are handled.
pub(super) fn foresee(
    plans: &Plans,
    configuration: &Configuration,
    shape: [usize; 3],
    spacing: [f64; 3],
) -> Result<Foreseen> {
    if !spacing.iter().all(|extent| extent.is_finite() && *extent > 0.0) {
        return Err(Error::new(Kind::BrokenInput, words::BAD_SPACING));
    }
    let original = permuted(spacing, plans.forward);
    let target = match configuration.spacing[..] {
        [y, x] => [original[0], y, x],
        [z, y, x] => [z, y, x],
        _ => original,
    };
    // `compute_new_shape`; Python rounds halves to even.
    let extent = |axis: usize| {
        (original[axis] / target[axis] * shape[axis] as f64).round_ties_even().max(1.0)
    };
    let voxels = extent(0) * extent(1) * extent(2);
    if voxels > MOST_VOXELS as f64 {
        let what = words::too_many_voxels(voxels.min(1e18) as u64);
        return Err(Error::new(Kind::Limit, what));
    }
    Ok(Foreseen { shape: [0, 1, 2].map(|axis| extent(axis) as usize), spacing: target, original })
}

/// Bytes that preparing takes at most at once: the images of extents `whole`, a copy cut out, one resampled to the
/// extents `prepared` at a time beside those done, and `extra` channels behind them.
pub(super) fn preparing_bytes(
    images: usize,
    extra: usize,
    whole: [usize; 3],
    prepared: [usize; 3],
) -> u64 {
    let voxels = |shape: [usize; 3]| shape.iter().map(|&extent| extent as u64).product::<u64>();
    let (images, extra) = (images as u64, extra as u64);
    4 * voxels(whole) * (images + 2) + 4 * voxels(prepared) * (images + extra + 1)
}

/// Prepares the images of a case. `previous` is the segmentation of the stage before, on the
/// images' grid.
///
/// Errors: another number of images than the model takes, images of different sizes, a spacing
/// that is not positive, values that a colour model cannot take.
pub fn prepare(
    pool: &Pool,
    plans: &Plans,
    configuration: &Configuration,
    dataset: &Dataset,
    mut images: Images,
    previous: Option<&[u16]>,
) -> Result<Prepared> {
    check(dataset, &images)?;
    let mut notes = Vec::new();
    let odd = still_numbers(&mut images);
    if odd > 0 {
        notes.push(Note::warning("voxels-not-numbers", words::not_numbers(odd)));
    }
    let axes = plans.forward;
    let whole = permuted(images.shape, axes);
    let bounds = transposed(&nonzero::bounds(&images.channels, images.shape), axes);
    let cropped = bounds.shape();
    let foreseen = foresee(plans, configuration, cropped, images.spacing)?;
    let needed = previous.is_some() || configuration.masked.iter().any(|&masked| masked);
    let mut inside = needed.then(|| {
        let filled = nonzero::filled(&images.channels, images.shape);
        cut(&filled, images.shape, axes, &bounds)
    });
    let previous = previous.map(|previous| cut(previous, images.shape, axes, &bounds));
    // What the stage before labelled counts as inside wherever it lies.
    if let (Some(inside), Some(previous)) = (&mut inside, &previous) {
        inside.iter_mut().zip(previous).for_each(|(inside, &label)| *inside |= label != 0);
    }
    let untouched = axes == [0, 1, 2] && bounds == Bounds::all(whole);
    let spacing = (foreseen.original, foreseen.spacing);
    let resampled_inside = match (&inside, plans.version_one) {
        (Some(inside), true) => {
            // Version 1 normalises after resampling, and its mask is resampled like a segmentation.
            let map: Vec<i32> = inside.iter().map(|&inside| i32::from(inside) - 1).collect();
            let how = &configuration.segmentation;
            let map = resampling::segmentation(pool, &map, cropped, foreseen.shape, spacing, how)?;
            Some(map.into_iter().map(|label| label >= 0).collect::<Vec<bool>>())
        }
        _ => None,
    };
    let mut channels = Vec::with_capacity(images.channels.len());
    for (number, data) in images.channels.into_iter().enumerate() {
        let mut data = match untouched {
            true => data,
            false => cut(&data, images.shape, axes, &bounds),
        };
        let scheme = configuration.schemes[number];
        let statistics = plans.statistics.get(number).and_then(Option::as_ref);
        let masked = configuration.masked[number];
        if scheme == Scheme::RgbTo01 && data.iter().any(|value| !(0.0..=255.0).contains(value)) {
            return Err(Error::new(Kind::Refused, words::NOT_RGB));
        }
        let mask = inside.as_deref().filter(|_| masked);
        if !plans.version_one {
            normalise(&mut data, scheme, statistics, mask);
        }
        let how = &configuration.data;
        let mut data = resampling::image(pool, data, cropped, foreseen.shape, spacing, how)?;
        if plans.version_one {
            let mask = resampled_inside.as_deref().filter(|_| masked);
            normalise(&mut data, scheme, statistics, mask);
            // Outside the mask version 1 sets zero.
            for (value, inside) in data.iter_mut().zip(mask.unwrap_or(&[])) {
                if !inside {
                    *value = 0.0;
                }
            }
        }
        channels.push(data);
    }
    if let Some(previous) = previous {
        let mut map: Vec<i32> = previous.into_iter().map(i32::from).collect();
        // What is empty is a label of its own, -1, while the map is resampled.
        for (label, _) in
            map.iter_mut().zip(inside.iter().flatten()).filter(|(_, inside)| !**inside)
        {
            *label = -1;
        }
        let how = &configuration.segmentation;
        let map = resampling::segmentation(pool, &map, cropped, foreseen.shape, spacing, how)?;
        for &label in dataset.foreground() {
            channels
                .push(map.iter().map(|&at| f32::from(u8::from(at == i32::from(label)))).collect());
        }
    }
    let Foreseen { shape, spacing, original } = foreseen;
    Ok(Prepared { channels, shape, spacing, bounds, original, notes })
}

fn check(dataset: &Dataset, images: &Images) -> Result<()> {
    let wanted = &dataset.channels;
    if images.channels.len() != wanted.len() {
        let what = words::channels(wanted.len(), &wanted.join(", "), images.channels.len());
        return Err(Error::new(Kind::Refused, what));
    }
    let voxels = images.shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
    let fits = |channel: &Vec<f32>| Some(channel.len()) == voxels;
    if images.shape.contains(&0) || !images.channels.iter().all(fits) {
        return Err(Error::new(Kind::BrokenInput, words::GRIDS_DIFFER));
    }
    Ok(())
}

/// Sets what is no finite number to 0 and counts it.
fn still_numbers(images: &mut Images) -> usize {
    let mut odd = 0;
    for value in images.channels.iter_mut().flatten().filter(|value| !value.is_finite()) {
        *value = 0.0;
        odd += 1;
    }
    odd
}

/// A box in the order of the new axes.
fn transposed(bounds: &Bounds, axes: [usize; 3]) -> Bounds {
    debug_assert_eq!(permuted(axes, inverse(axes)), [0, 1, 2]);
    Bounds { start: permuted(bounds.start, axes), end: permuted(bounds.end, axes) }
}
