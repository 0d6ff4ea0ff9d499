//! Files of a case that is a volume, written aside and then moved into place.

use super::Done;
use crate::World;
use crate::read::{io_error, place};
use base::words::segmentation as own;
use base::{Lang, Picture, Result};
use imaging::volumes::nifti::{self, Level};
use imaging::volumes::{labelled_planes, surfaces};
use kernels::Pool;
use report::html::{CaseLine, VolumePictures, volume_page};
use report::pictures::{label_colour, png, values_in_colour};
use report::text::{visible, warnings};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

/// Longest side of the patient in the pictures.
const PLANES_PX: usize = 420;

/// What is left to say of a case after its files are in place.
pub(super) struct Written {
    /// `result.json` on one line.
    pub json: String,
    /// For the terminal.
    pub summary: String,
    /// For the overview of many cases.
    pub line: CaseLine,
    /// What drawing the pictures took.
    pub pictures_seconds: f64,
}

/// Writes label maps, stripped images, pictures, `volumes.csv`, `boxes.csv` where there are any, `report.html` and, last, `result.json` into `folder`.
pub(super) fn write(
    world: &dyn World,
    folder: &Path,
    done: &mut Done,
    lang: Lang,
    pool: &Pool,
) -> Result<Written> {
    let shares = std::mem::take(&mut done.shares);
    let done = &*done;
    let c = &done.consultation;
    let scan = &done.decoded.scans[0];
    let mut pictures: Vec<VolumePictures> = Vec::new();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let started = Instant::now();
    for ((reading, labels), values) in c.readings.iter().zip(&done.labels).zip(&done.pictures) {
        let most = labels.iter().max().copied().unwrap_or(0);
        let drawn = |label: u16| (label != 0).then(|| label_colour(label));
        let colours: Vec<_> = (0..=most).map(drawn).collect();
        let colour = |label: u16| colours.get(usize::from(label)).copied().flatten();
        // Of many boxes the one that the model is surest of is shown.
        let best = reading.boxes.first().map(|best| best.label);
        let shown: Option<Vec<u16>> = best
            .map(|best| labels.iter().map(|label| if *label == best { best } else { 0 }).collect());
        let shown = shown.as_deref().unwrap_or(labels);
        let planes = labelled_planes(&scan.volume, shown, &colour, PLANES_PX);
        let hiding = base::hiding_labels(&reading.structures);
        let solid = |label: u16| colour(label).filter(|_| !hiding.contains(&label));
        let surfaces = surfaces(&scan.volume, labels, &solid, PLANES_PX, pool);
        let name = |ending: &str| reading.mask.replace(".nii.gz", ending);
        files.push((name(".png"), png(&planes)));
        files.extend(surfaces.as_ref().map(|seen| (name("-3d.png"), png(seen))));
        for shown in values {
            let coloured = values_in_colour(shown);
            let file = |seen: &Picture| (name(&format!("-{}.png", shown.name)), png(seen));
            files.extend(coloured.as_ref().map(file));
        }
        pictures.push(VolumePictures { planes, surfaces, values: values.clone() });
    }
    let pictures_seconds = started.elapsed().as_secs_f64();
    let shown: Vec<String> = files.iter().map(|(name, _)| name.clone()).collect();
    let result = report::volume::result(c, Some("report.html"), &shown);
    if c.readings.iter().flat_map(|reading| &reading.structures).any(|s| s.details.is_some()) {
        files.push(("statistics.csv".into(), report::volume::statistics_csv(c).into_bytes()));
    }
    files.push(("volumes.csv".into(), report::volume::csv(c).into_bytes()));
    if c.readings.iter().any(|reading| !reading.boxes.is_empty()) {
        files.push(("boxes.csv".into(), report::volume::boxes_csv(c).into_bytes()));
    }
    files.extend(done.tables.iter().map(|t| (t.name.clone(), t.text.clone().into_bytes())));
    files.push(("report.html".into(), volume_page(c, &pictures, lang).into_bytes()));
    files.push(("result.json".into(), report::json::file_text(&result).into_bytes()));

    let masks = c.readings.iter().map(|reading| reading.mask.as_str());
    let made = done.files.iter().map(|(name, _)| name.as_str());
    let made = made.chain(done.stripped.iter().map(|(name, _)| name.as_str()));
    let shared = shares.iter().map(|(name, _)| name.clone()).collect::<Vec<String>>();
    let made = made.chain(shared.iter().map(String::as_str));
    let names = masks.chain(made).chain(files.iter().map(|(name, _)| name.as_str()));
    let names: Vec<&str> = names.collect();
    place(world, folder, &names, |aside| {
        for (reading, map) in c.readings.iter().zip(&done.maps) {
            let path = aside.join(&reading.mask);
            nifti::write(&path, map, scan.forms.as_ref(), Level::Fast, pool)?;
        }
        for (name, image) in &done.stripped {
            nifti::write(&aside.join(name), image, scan.forms.as_ref(), Level::Fast, pool)?;
        }
        for (name, writer) in shares {
            writer.finish(&aside.join(name))?;
        }
        let write = |(name, bytes): &(String, Vec<u8>)| world.write(&aside.join(name), bytes);
        let mut all = done.files.iter().chain(&files);
        all.try_for_each(write).map_err(|error| io_error(&error, folder))
    })?;
    let line = CaseLine::of_volume(c, pictures.first().map(|shown| &shown.planes), None);
    let summary = summary(done, folder, lang);
    Ok(Written { json: format!("{result}\n"), summary, line, pictures_seconds })
}

fn summary(done: &Done, folder: &Path, lang: Lang) -> String {
    let c = &done.consultation;
    let research = base::words::report::RESEARCH_USE.get(lang);
    let mut text = format!("{}\n{research}\n", visible(&c.case.name));
    let own_notes = c.readings.iter().flat_map(|reading| &reading.notes);
    text += &warnings(c.notes.iter().chain(&c.case.notes).chain(own_notes), lang);
    for reading in &c.readings {
        let found = reading.structures.iter().filter(|s| s.voxels > 0).count();
        let told = own::found(found, reading.structures.len());
        let _ = writeln!(text, "{}: {}", reading.model.id, told.get(lang));
        for structure in reading.structures.iter().filter(|s| s.voxels > 0) {
            let name = structure.name.get(lang);
            let _ = match structure.shown_volume_ml() {
                Some(ml) => writeln!(text, "  {name:<32} {ml:>10.2} mL"),
                None => writeln!(text, "  {name:<32} {}", own::WITHHELD.get(lang)),
            };
        }
    }
    for (reading, value) in c.readings.iter().flat_map(|r| r.values.iter().map(move |v| (r, v))) {
        let name = value.name.get(lang);
        let unit = match value.unit {
            "1" => "",
            "[hnsf'U]" => "HU",
            other => other,
        };
        let _ = writeln!(text, "{}: {name} {:.2} {unit}", reading.model.id, value.value);
    }
    let report = base::words::cli::report_at(&folder.join("report.html"));
    let _ = writeln!(text, "{}", report.get(lang));
    text
}
