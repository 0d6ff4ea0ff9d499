//! What is made of a model's answer: only some structures of it, and more numbers about them.

use base::words::segmentation as own;
use base::{
    Error, Kind, MeasuredStructure, Result, StructureDetails, Volume, VolumeReading, Voxels, kebab,
};
use imaging::volumes::{Boxes, boxes, details};
use metrics::segmentation::{Lattice, surface_area};
use std::collections::BTreeSet;

/// Keeps the structures that are wanted, in the reading, the labels and the map. Names are those of
/// the report in either language, the model's own, or identifiers, in any usual spelling.
///
/// Errors: `Usage` for a name that the model does not have, with those it has.
pub(super) fn keep(
    reading: &mut VolumeReading,
    labels: &mut [u16],
    map: &mut Volume,
    wanted: &[String],
) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    for name in wanted {
        if !reading.structures.iter().any(|structure| is(structure, name)) {
            let known: Vec<&str> = reading.structures.iter().map(|s| s.id.as_str()).collect();
            let text = own::no_structure(name, &reading.model.id, &known.join(", "));
            return Err(Error::new(Kind::Usage, text));
        }
    }
    reading.structures.retain(|structure| wanted.iter().any(|name| is(structure, name)));
    let kept: BTreeSet<u16> = reading.structures.iter().flat_map(|s| &s.labels).copied().collect();
    labels.iter_mut().filter(|label| !kept.contains(label)).for_each(|label| *label = 0);
    match map.voxels_mut() {
        Voxels::U8(voxels) => {
            let gone = voxels.iter_mut().filter(|label| !kept.contains(&u16::from(**label)));
            gone.for_each(|label| *label = 0);
        }
        Voxels::U16(voxels) => {
            voxels.iter_mut().filter(|label| !kept.contains(label)).for_each(|label| *label = 0);
        }
        _ => {}
    }
    Ok(())
}

fn is(structure: &MeasuredStructure, name: &str) -> bool {
    let known = base::structure(name).map(|known| known.id);
    known.as_deref() == Some(structure.id.as_str())
        || name == structure.name.zh()
        || name.eq_ignore_ascii_case(structure.name.en())
        || (name.is_ascii() && kebab(name) == structure.id)
}

/// Adds order statistics and shape to every structure that was found.
pub(super) fn measure(
    reading: &mut VolumeReading,
    labels: &[u16],
    volume: &Volume,
    threads: usize,
) {
    let places = boxes(labels, volume.grid());
    let image = volume.frame_f32(0);
    for structure in &mut reading.structures {
        let of = &structure.labels;
        structure.details = details(labels, of, &places, &image, volume.grid()).map(|found| {
            let surface_mm2 = Some(surface(labels, of, &places, volume, threads));
            StructureDetails { surface_mm2, ..found }
        });
    }
}

/// Area of the surface in mm², over the box that holds the structure.
fn surface(labels: &[u16], of: &[u16], boxes: &Boxes, volume: &Volume, threads: usize) -> f64 {
    let found = || of.iter().filter_map(|label| boxes.get(label));
    let edge = |axis: usize| {
        let low = found().map(|[low, _]| low[axis]).min().unwrap_or(0);
        low..found().map(|[_, high]| high[axis] + 1).max().unwrap_or(low)
    };
    let (i, j, k) = (edge(0), edge(1), edge(2));
    let [width, height, _] = volume.size();
    let mut mask = Vec::with_capacity(i.len() * j.len() * k.len());
    for k in k.clone() {
        for j in j.clone() {
            let row = (k * height + j) * width;
            mask.extend(labels[row + i.start..row + i.end].iter().map(|label| of.contains(label)));
        }
    }
    surface_area(&mask, &Lattice::volume([i.len(), j.len(), k.len()], volume.spacing_mm()), threads)
}
