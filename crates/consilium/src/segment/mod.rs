//! `read` with models for volumes: files or DICOM series in; label maps on the original grid, volumes,
//! pictures and pages out. The models are loaded once; while one case is read by the models, the next
//! is decoded.

mod cases;
mod dicom;
mod options;
mod output;

use crate::World;
use crate::cli::{complain, print};
use crate::read::{Common, Request};
use crate::rfc3339;
use base::words::segmentation as own;
use base::{
    Error, Kind, Manifest, MeasuredStructure, ModelRef, ModelRun, Note, Result, Text, Volume,
    VolumeConsultation, VolumeReading, kebab,
};
use cases::{Case, Decoded};
use imaging::volumes::{Sums, measure};
use indicatif::{ProgressBar, ProgressStyle};
use kernels::Pool;
pub use options::VolumeOptions;
use report::pictures::slug;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Instant;
use zoo::nnunet::{Model, Options};

/// A model and what is said of it.
struct Loaded {
    id: String,
    model: Model,
    seconds: f64,
}

/// Whether the models asked for are nnU-Net's. Errors when they are of both kinds.
pub fn wanted(models: &[String]) -> Result<bool> {
    let own = models.iter().filter(|name| is_model(name)).count();
    match own {
        0 => Ok(false),
        n if n == models.len() => Ok(true),
        _ => Err(Error::new(Kind::Usage, own::ONE_KIND.clone())),
    }
}

fn is_model(name: &str) -> bool {
    zoo::find(name).is_none() && zoo::nnunet::holds_model(Path::new(name))
}

/// Reads all cases. Exit codes as `read` has them.
pub fn run(world: &dyn World, request: &Request, out: &mut dyn Write) -> Result<u8> {
    let common = &request.common;
    let pool = Pool::new(common.threads);
    let options = Options { mirror: request.mirror, exact: common.exact, ..Options::default() };
    let mut models = Vec::new();
    for path in &request.models {
        models.push(load(Path::new(path), &pool, &options)?);
    }
    let channels = models.iter().map(|loaded| loaded.channels()).max().unwrap_or(1);
    let found = cases::find(&request.inputs, channels, &common.out)?;
    if found.is_empty() {
        return Err(Error::new(Kind::BrokenInput, own::NO_VOLUMES.clone()));
    }
    let many = found.len() > 1;
    let (mut read, mut refused, mut failed) = (0, 0, 0);
    std::thread::scope(|scope| -> Result<()> {
        let (send, receive) = sync_channel(0);
        let found = &found;
        scope.spawn(move || {
            for case in found {
                if send.send((case, cases::decode(case))).is_err() {
                    return;
                }
            }
        });
        for (case, decoded) in receive {
            let folder = if many { common.out.join(&case.name) } else { common.out.clone() };
            let done = decoded
                .and_then(|decoded| consult(world, request, &mut models, case, decoded))
                .and_then(|done| output::write(world, &folder, &done, common.lang, &pool));
            match done {
                Ok(written) => {
                    read += 1;
                    let text = if common.json { written.json } else { written.summary };
                    print(out, &text)?;
                }
                Err(error) => {
                    match error.kind() {
                        Kind::Refused => refused += 1,
                        _ => failed += 1,
                    }
                    complain(&error, common.lang);
                }
            }
        }
        Ok(())
    })?;
    Ok(match (read, refused, failed) {
        (_, _, 1..) => 1,
        (0, 1.., _) => 3,
        _ => 0,
    })
}

fn load(path: &Path, pool: &Pool, options: &Options) -> Result<Loaded> {
    let started = Instant::now();
    let model = Model::open(path, pool, options)?;
    let name = std::fs::canonicalize(path).ok();
    let name =
        name.as_deref().unwrap_or(path).file_stem().map(|n| n.to_string_lossy().into_owned());
    let id = match slug(&name.unwrap_or_default()) {
        empty if empty.is_empty() => "model".to_owned(),
        id => id,
    };
    Ok(Loaded { id, model, seconds: started.elapsed().as_secs_f64() })
}

/// What all models say about one case, with their label maps.
struct Done {
    consultation: VolumeConsultation,
    /// `[k][j][i]` for each reading.
    labels: Vec<Vec<u16>>,
    /// The same on the case's grid, to be written.
    maps: Vec<Volume>,
    /// Further files, whole.
    files: Vec<dicom::File>,
    decoded: Decoded,
}

fn consult(
    world: &dyn World,
    request: &Request,
    models: &mut [Loaded],
    case: &Case,
    decoded: Decoded,
) -> Result<Done> {
    let common = &request.common;
    let grid = *decoded.scans[0].volume.grid();
    let mut readings = Vec::new();
    let mut runs = Vec::new();
    let (mut all_labels, mut maps) = (Vec::new(), Vec::new());
    let mut files = Vec::new();
    let only = models.len() == 1;
    let created = rfc3339(world.now());
    for loaded in models {
        let (mut reading, labels, map, bytes) = loaded.read(common, case, &decoded, only)?;
        if let Some(origin) = &decoded.scans[0].origin {
            let (number, options) = (readings.len(), &request.volume);
            files.extend(dicom::files(origin, &labels, &mut reading, number, options, &created)?);
        }
        runs.push(ModelRun {
            id: reading.model.id.clone(),
            weights_file: None,
            weights_sha256: reading.model.weights_sha256.clone(),
            container: Some("nnU-Net".into()),
            load_seconds: loaded.seconds,
            run_seconds: reading.seconds,
            planned_bytes: bytes,
        });
        readings.push(reading);
        all_labels.push(labels);
        maps.push(map);
    }
    let mut settings = Vec::new();
    if request.mirror {
        settings.push(("tta".into(), "true".into()));
    }
    if common.exact {
        settings.push(("exact".into(), "true".into()));
    }
    settings.extend(crate::tune::setting());
    let manifest = Manifest {
        version: env!("CARGO_PKG_VERSION").into(),
        cpu: kernels::cpu_name().into(),
        threads: common.threads,
        created,
        settings,
        models: runs,
        decode_seconds: decoded.seconds,
    };
    let mut facts = decoded.scans[0].facts.clone();
    facts.name.clone_from(&case.name);
    let consultation =
        VolumeConsultation { case: facts, grid, readings, notes: Vec::new(), manifest };
    Ok(Done { consultation, labels: all_labels, maps, files, decoded })
}

impl Loaded {
    fn channels(&self) -> usize {
        self.model.trained().dataset.channels.len()
    }

    fn read(
        &mut self,
        common: &Common,
        case: &Case,
        decoded: &Decoded,
        only: bool,
    ) -> Result<(VolumeReading, Vec<u16>, Volume, u64)> {
        let started = Instant::now();
        let given = match &decoded.scans[..] {
            // Channels may be the frames of one volume.
            [only] => only.volume.frames(),
            several => several.len(),
        };
        let wanted = self.channels();
        if wanted != given {
            let names = self.model.trained().dataset.channels.join(", ");
            let text = own::channels_wanted(wanted, &names, given);
            return Err(Error::new(Kind::Refused, text).at(&case.files[0]));
        }
        let volume = &decoded.scans[0].volume;
        let [ni, nj, nk] = volume.size();
        let [si, sj, sk] = volume.spacing_mm();
        let volumes: Vec<_> = decoded.scans.iter().map(|scan| &scan.volume).collect();
        let need = self.model.need([nk, nj, ni], [sk, sj, si])?;
        let bar = progress(common);
        let (segmentation, map) = self.model.predict_volumes(&volumes, &mut |at| {
            bar.set_length(at.total as u64);
            bar.set_position(at.done as u64);
        })?;
        bar.finish_and_clear();
        let labels = segmentation.labels;
        let sums = measure(&labels, &volume.frame_f32(0), volume.grid());
        let structures = segmentation.structures.iter().map(|structure| {
            let parts = structure.labels.iter().filter_map(|label| sums.get(label));
            let all = parts.fold(Sums::default(), |all, part| all.with(part));
            let known = base::structure(&structure.name);
            let (id, name, code) = match known {
                Some(known) => (known.id, known.name, known.code),
                None => (kebab(&structure.name), Text::same(structure.name.clone()), None),
            };
            MeasuredStructure {
                id,
                name,
                code,
                labels: structure.labels.clone(),
                voxels: all.voxels,
                volume_ml: all.volume_ml(volume.grid()),
                values: all.values(),
                centre_mm: all.centre_mm(volume.grid()),
            }
        });
        let structures: Vec<MeasuredStructure> = structures.collect();
        let mut notes = segmentation.notes;
        if structures.iter().any(|structure| structure.name.en() == structure.name.zh()) {
            notes.push(Note::info("names-as-given", own::NAMES_AS_GIVEN.clone()));
        }
        let model = ModelRef {
            id: self.id.clone(),
            name: Text::filled(self.id.clone(), self.id.clone()),
            weights_sha256: self.model.sha256().first().cloned(),
            placeholder_weights: false,
        };
        let mask = match only {
            true => "segmentation.nii.gz".to_owned(),
            false => format!("segmentation-{}.nii.gz", self.id),
        };
        let seconds = started.elapsed().as_secs_f64();
        let files = Vec::new();
        let reading = VolumeReading { model, structures, mask, files, notes, seconds };
        Ok((reading, labels, map, need.bytes))
    }
}

fn progress(common: &Common) -> ProgressBar {
    if !common.progress {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len}  {elapsed}  {eta}") {
        bar.set_style(style);
    }
    bar
}
