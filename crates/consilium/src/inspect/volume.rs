//! What a volume is: size and place in the patient, orientation, type and range of its values.

use crate::World;
use crate::read::{Common, write_file};
use base::words::cli as words;
use base::{Concept, Kind, Lang, Result, SegmentFacts, Text, Toward, Volume, VolumeFacts};
use imaging::volumes::{self, Scan};
use imaging::{Limits, series};
use kernels::Pool;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest side of the patient in the preview.
const PREVIEW_PX: usize = 320;

/// The description of a volume's file; `None` when it is none.
pub(super) fn file(
    world: &dyn World,
    path: &Path,
    folder: Option<&Path>,
    common: &Common,
) -> Result<Option<String>> {
    let mut head = Vec::with_capacity(1 << 14);
    let read = std::fs::File::open(path).and_then(|file| file.take(1 << 14).read_to_end(&mut head));
    if read.is_err() || !volumes::looks_like_volume(&head) {
        return Ok(None);
    }
    describe(world, path, &volumes::read(path, &Limits::default())?, folder, common).map(Some)
}

/// The description of a DICOM file whose frames make a volume; `None` when they make none.
pub(super) fn frames(
    world: &dyn World,
    path: &Path,
    folder: Option<&Path>,
    common: &Common,
) -> Result<Option<String>> {
    match series::read(path, &Limits::default(), &Pool::new(common.threads)) {
        Ok(scan) => describe(world, path, &scan, folder, common).map(Some),
        Err(error) if error.kind() == Kind::Refused => Ok(None),
        Err(error) => Err(error),
    }
}

/// The error that names a volume format this program refuses; `None` for what is no volume at all.
pub(super) fn refusal(path: &Path) -> Option<base::Error> {
    let error = volumes::read(path, &Limits::default()).err()?;
    (error.what() != &base::words::volumes::UNKNOWN_FORMAT).then_some(error)
}

/// Every series of a folder: its volume, or why it makes none.
pub(super) fn folder(
    world: &dyn World,
    path: &Path,
    out: Option<&Path>,
    common: &Common,
) -> Result<String> {
    let (found, notes) = series::find(path, &Limits::default())?;
    if found.is_empty() {
        // Says that there is none, and what to give.
        series::read(path, &Limits::default(), &Pool::new(1))?;
    }
    let pool = Pool::new(common.threads);
    let lang = common.lang;
    let mut text = String::new();
    for (number, series) in found.iter().enumerate() {
        match series.read(&Limits::default(), &pool) {
            Ok(mut scan) => {
                scan.facts.notes.splice(0..0, notes.iter().cloned());
                if found.len() > 1 {
                    let _ = write!(scan.facts.name, "-{}", number + 1);
                }
                text += &describe(world, path, &scan, out, common)?;
            }
            Err(error) if common.json => {
                let what = json!({ "en": error.what().en(), "zh": error.what().zh() });
                let modality = series.modality.as_ref().map(|m| m.code().to_owned());
                let line = json!({ "format": "DICOM", "modality": modality, "images": series.images, "refused": what });
                let _ = writeln!(text, "{line}");
            }
            Err(error) => {
                let _ = writeln!(text, "{}", path.display());
                let modality = series.modality.as_ref().map_or("?", |m| m.code());
                let _ = writeln!(text, "  {}: {modality}", words::MODALITY.get(lang));
                let _ = writeln!(text, "  {}: {}", words::IMAGES.get(lang), series.images);
                let why = error.what().get(lang);
                let _ = writeln!(text, "  {}: {why}", words::NO_VOLUME.get(lang));
            }
        }
    }
    Ok(text)
}

fn describe(
    world: &dyn World,
    path: &Path,
    scan: &Scan,
    folder: Option<&Path>,
    common: &Common,
) -> Result<String> {
    let preview = match folder {
        Some(folder) => Some(preview(world, scan, folder).map_err(|error| error.at(path))?),
        None => None,
    };
    if common.json {
        return Ok(format!("{}\n", as_json(scan, preview.as_deref())));
    }
    let mut text = format!("{}\n", path.display());
    for (label, value) in lines(&scan.volume, &scan.facts, common.lang) {
        let _ = writeln!(text, "  {}: {value}", label.get(common.lang));
    }
    let preview = match preview {
        Some(path) => path.display().to_string(),
        None => words::NO_PREVIEW.get(common.lang).to_owned(),
    };
    let _ = writeln!(text, "  {}: {preview}", words::PREVIEW.get(common.lang));
    Ok(text)
}

fn preview(world: &dyn World, scan: &Scan, folder: &Path) -> Result<PathBuf> {
    let picture = volumes::three_planes(&scan.volume, PREVIEW_PX);
    let path = folder.join(format!("{}.png", scan.facts.name));
    let failed = |error| crate::read::io_error(&error, folder);
    world.make_folder(folder).map_err(failed)?;
    write_file(world, &path, &report::pictures::png(&picture))?;
    Ok(path)
}

fn lines(volume: &Volume, facts: &VolumeFacts, lang: Lang) -> Vec<(&'static Text, String)> {
    let [i, j, k] = volume.size();
    let format = match facts.compressed {
        true => format!("{} (gzip)", facts.format),
        false => facts.format.to_owned(),
    };
    let format = if facts.format == "DICOM" { facts.format.to_owned() } else { format };
    let mut lines = vec![(&words::FORMAT, format)];
    let mut line = |label, value: Option<String>| {
        lines.extend(value.map(|value| (label, value)));
    };
    line(&words::MODALITY, facts.modality.as_ref().map(|m| m.code().to_owned()));
    line(&words::IMAGES, facts.images.map(|images| images.to_string()));
    let frames = match volume.frames() {
        1 => String::new(),
        frames => format!(", {frames} {}", words::FRAMES.get(lang)),
    };
    line(&words::SIZE, Some(format!("{i} × {j} × {k}{frames}")));
    let scale = volume.scale.map(|s| format!(", × {} + {}", s.slope, s.intercept));
    let kind = facts.stored.name();
    line(&words::VOXEL_TYPE, Some(format!("{kind}{}", scale.unwrap_or_default())));
    let [di, dj, dk] = volume.spacing_mm();
    line(&words::VOXEL_SIZE, Some(format!("{di:.4} × {dj:.4} × {dk:.4} mm")));
    let [ei, ej, ek] = [i as f64 * di, j as f64 * dj, k as f64 * dk];
    line(&words::EXTENT, Some(format!("{ei:.1} × {ej:.1} × {ek:.1} mm")));
    let toward = volume.orientation().axes().map(|axis| toward(axis).get(lang));
    let code = volume.orientation();
    line(
        &words::ORIENTATION,
        Some(match lang {
            Lang::En => format!("{code} ({})", toward.join(" · ")),
            Lang::Zh => format!("{code}（{}）", toward.join(" · ")),
        }),
    );
    let [x, y, z] = volume.affine().origin_mm();
    line(&words::FIRST_VOXEL, Some(format!("{x:.2}, {y:.2}, {z:.2} mm")));
    let codes = facts.codes.map(|(q, s)| format!(" (qform_code {q}, sform_code {s})"));
    let codes = codes.unwrap_or_default();
    line(&words::GEOMETRY, Some(format!("{}{codes}", facts.geometry.name())));
    let range = volume.value_range();
    let unit = match facts.modality {
        Some(base::Modality::Ct) => " HU",
        _ => "",
    };
    let values = format!("{} … {}{unit}", range.min, range.max);
    line(&words::VALUE_RANGE, Some(values));
    line(&words::DEVICE, facts.device.clone());
    for segment in &facts.segments {
        let code = segment
            .code
            .as_ref()
            .map(|code| format!(" ({} {})", code.kind.scheme, code.kind.value));
        let code = code.unwrap_or_default();
        line(&words::SEGMENT, Some(format!("{} {}{code}", segment.number, segment.name)));
    }
    for note in &facts.notes {
        line(&words::WARNING, Some(note.text.get(lang).to_owned()));
    }
    lines
}

fn toward(axis: Toward) -> &'static Text {
    match axis {
        Toward::Right => &words::TOWARD_RIGHT,
        Toward::Left => &words::TOWARD_LEFT,
        Toward::Anterior => &words::TOWARD_FRONT,
        Toward::Posterior => &words::TOWARD_BACK,
        Toward::Superior => &words::TOWARD_HEAD,
        Toward::Inferior => &words::TOWARD_FEET,
    }
}

fn segment(segment: &SegmentFacts) -> Value {
    let concept = |concept: &Concept| json!({ "scheme": concept.scheme, "value": concept.value, "meaning": concept.meaning });
    json!({
        "number": segment.number,
        "name": segment.name,
        "frame": segment.frame,
        "made": segment.made,
        "coding": segment.code.as_ref().map(|code| json!({
            "category": concept(&code.category),
            "type": concept(&code.kind),
            "modifier": code.modifier.as_ref().map(concept),
            "region": code.region.as_ref().map(concept),
        })),
    })
}

fn as_json(scan: &Scan, preview: Option<&Path>) -> Value {
    let (volume, facts) = (&scan.volume, &scan.facts);
    let range = volume.value_range();
    let finite = |v: f64| v.is_finite().then_some(v);
    json!({
        "name": facts.name,
        "format": facts.format,
        "bytes": facts.bytes,
        "sha256": facts.sha256,
        "modality": facts.modality.as_ref().map(|m| m.code().to_owned()),
        "device": facts.device,
        "images": facts.images,
        "segments": facts.segments.iter().map(segment).collect::<Vec<_>>(),
        "size": volume.size(),
        "frames": volume.frames(),
        "voxel_type": facts.stored.name(),
        "scale": volume.scale.map(|s| json!({ "slope": s.slope, "intercept": s.intercept })),
        "voxel_size_mm": volume.spacing_mm(),
        "orientation": volume.orientation().to_string(),
        "affine_ras_mm": volume.affine().matrix(),
        "geometry": facts.geometry.name(),
        "qform_code": facts.codes.map(|(q, _)| q),
        "sform_code": facts.codes.map(|(_, s)| s),
        "minimum": finite(range.min),
        "maximum": finite(range.max),
        "not_finite": range.not_finite,
        "notes": super::notes_json(&facts.notes),
        "preview": preview,
    })
}
