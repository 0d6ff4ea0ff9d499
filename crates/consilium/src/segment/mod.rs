//! `read` with models for volumes: files or DICOM series in; label maps on the original grid, volumes,
//! pictures and pages out. The models are loaded once; while one case is read by the models, the next
//! is decoded and prepared for them.

mod ahead;
#[cfg(test)]
mod ahead_tests;
mod cases;
mod dicom;
mod fit;
mod given;
mod memory;
mod models;
mod options;
mod output;
mod reader;
mod refine;
mod shares;

pub use cases::volumes;
pub(crate) use models::system;
pub use models::wanted;
pub(crate) use reader::{Ready, Segmented, VolumeModel};

use crate::World;
use crate::cli::{complain, print};
use crate::read::{Common, Request, io_error, write_file};
use crate::rfc3339;
use ahead::Preparation;
use base::words::fit as fit_words;
use base::words::segmentation as own;
use base::{
    Error, Kind, Manifest, MeasuredStructure, ModelRef, ModelRun, Note, Result, ValuePicture,
    Volume, VolumeConsultation, VolumeReading, kebab,
};
use cases::{Case, Decoded};
use imaging::volumes::nifti::SharesWriter;
use imaging::volumes::{Sums, measure};
use indicatif::{ProgressBar, ProgressStyle};
use kernels::Pool;
use models::Loaded;
pub use options::VolumeOptions;
use report::html::{CaseLine, Outcome};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::sync_channel;
use std::time::Instant;
use zoo::PreparedCase;
use zoo::volume_system::{Table, VolumeCase, labels_of};

/// Reads all cases. Exit codes as `read` has them.
pub fn run(world: &dyn World, request: &Request, out: &mut dyn Write) -> Result<u8> {
    let common = &request.common;
    let pool = Pool::new(common.threads);
    let models = models::load(request, &pool)?;
    read_all(world, request, &pool, models, out)
}

/// Reads all cases with these models.
fn read_all(
    world: &dyn World,
    request: &Request,
    pool: &Pool,
    mut models: Vec<Loaded>,
    out: &mut dyn Write,
) -> Result<u8> {
    let common = &request.common;
    let channels = models.iter().map(|loaded| loaded.reader.images().len()).max().unwrap_or(1);
    let found = cases::find(&request.inputs, channels, &common.out)?;
    if found.is_empty() {
        return Err(Error::new(Kind::BrokenInput, own::NO_VOLUMES.clone()));
    }
    let many = found.len() > 1;
    let mut lines: Vec<CaseLine> = Vec::new();
    let mut results: Vec<String> = Vec::new();
    std::thread::scope(|scope| -> Result<()> {
        let (send, receive) = sync_channel(0);
        let found = &found;
        let (signals, mut helper) = ahead::pair(&models);
        scope.spawn(move || {
            for case in found {
                let mut decoded = cases::decode(case);
                helper.prepare(&mut decoded);
                if send.send((case, decoded)).is_err() {
                    return;
                }
            }
        });
        for (number, (case, decoded)) in receive.into_iter().enumerate() {
            let last = number + 1 == found.len();
            signals.begin(&models, decoded.as_ref().ok(), request.volume.memory_limit);
            let folder = if many { common.out.join(&case.name) } else { common.out.clone() };
            let done = decoded
                .and_then(|decoded| {
                    consult(world, request, pool, &mut models, case, decoded, &folder)
                })
                .and_then(|mut done| {
                    if last {
                        // Pictures and surfaces need no networks.
                        models.clear();
                    }
                    let started = Instant::now();
                    let written = output::write(world, &folder, &mut done, common.lang, pool)?;
                    if common.verbose {
                        let pictures = written.pictures_seconds;
                        let rest = started.elapsed().as_secs_f64() - pictures;
                        times(common, &done, [pictures, rest]);
                    }
                    Ok(written)
                });
            signals.end();
            match done {
                Ok(written) => {
                    if common.json {
                        print(out, &written.json)?;
                    } else if !common.quiet {
                        print(out, &written.summary)?;
                    }
                    let link = many.then(|| format!("{}/report.html", case.name));
                    lines.push(CaseLine { link, ..written.line });
                    results.push(written.json);
                }
                Err(error) => {
                    // Made for the file of probabilities; anything in it stays.
                    if request.volume.probabilities {
                        let _ = world.remove_empty_folder(&folder);
                    }
                    complain(&error, common.lang);
                    lines.push(CaseLine::failed(&case.name, &error));
                }
            }
        }
        Ok(())
    })?;
    if many {
        overview(world, common, &lines, &results, out)?;
    }
    let count = |wanted: fn(&Outcome) -> bool| lines.iter().filter(|l| wanted(&l.outcome)).count();
    let read = count(|outcome| matches!(outcome, Outcome::Read));
    let refused = count(|outcome| matches!(outcome, Outcome::Refused(_)));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    Ok(match (read, refused, failed) {
        (_, _, 1..) => 1,
        (0, 1.., _) => 3,
        _ => 0,
    })
}

/// The page and the lines of many cases.
fn overview(
    world: &dyn World,
    common: &Common,
    lines: &[CaseLine],
    results: &[String],
    out: &mut dyn Write,
) -> Result<()> {
    let index = common.out.join("index.html");
    world.make_folder(&common.out).map_err(|error| io_error(&error, &common.out))?;
    write_file(world, &index, report::html::index(lines, common.lang).as_bytes())?;
    write_file(world, &common.out.join("results.jsonl"), results.concat().as_bytes())?;
    if common.json {
        return Ok(());
    }
    let text = base::words::cli::report_at(&index);
    print(out, &format!("{}\n", text.get(common.lang)))
}

/// Says how long the parts of a case took: everything but the networks apart from them.
#[allow(clippy::print_stderr)]
fn times(common: &Common, done: &Done, [pictures, files]: [f64; 2]) {
    let manifest = &done.consultation.manifest;
    let say = |text: base::Text| eprintln!("{}", text.get(common.lang));
    let case = &done.consultation.case.name;
    say(own::took_reading(case, manifest.decode_seconds));
    for (number, run) in manifest.models.iter().enumerate() {
        match done.decoded.preparations.get(number) {
            Some(Preparation::Done(seconds, _)) => {
                say(own::prepared_ahead(case, &run.id, *seconds));
            }
            Some(Preparation::NoRoom) => say(own::not_prepared_ahead(case, &run.id)),
            Some(Preparation::Left) | None => {}
        }
        say(own::took_model(&run.id, run.load_seconds, run.network_seconds, run.run_seconds));
    }
    say(own::took_writing(case, pictures, files));
}

/// What all models say about one case, with their label maps.
struct Done {
    consultation: VolumeConsultation,
    /// `[k][j][i]` for each reading.
    labels: Vec<Vec<u16>>,
    /// The same on the case's grid, to be written.
    maps: Vec<Volume>,
    /// Images with all outside of what was found at zero, by name, on the case's grid.
    stripped: Vec<(String, Volume)>,
    /// Further files, whole.
    files: Vec<dicom::File>,
    /// Tables of the systems.
    tables: Vec<Table>,
    /// Maps of values for each reading.
    pictures: Vec<Vec<ValuePicture>>,
    /// Files of probabilities, by name.
    shares: Vec<(String, SharesWriter)>,
    decoded: Decoded,
}

/// How one model is to read a case.
#[derive(Default)]
struct Asked<'a> {
    /// What was made of the case ahead.
    prepared: Option<Result<PreparedCase>>,
    /// It is the only model.
    only: bool,
    /// Where the file of probabilities goes, where one is wanted.
    folder: Option<&'a Path>,
}

/// What one model says.
struct Said {
    reading: VolumeReading,
    labels: Vec<u16>,
    map: Volume,
    bytes: u64,
    network_seconds: Option<f64>,
    tables: Vec<Table>,
    pictures: Vec<ValuePicture>,
    shares: Option<SharesWriter>,
}

fn consult(
    world: &dyn World,
    request: &Request,
    pool: &Pool,
    models: &mut [Loaded],
    case: &Case,
    mut decoded: Decoded,
    folder: &Path,
) -> Result<Done> {
    let common = &request.common;
    let grid = *decoded.scans[0].volume.grid();
    let mut readings = Vec::new();
    let mut runs = Vec::new();
    let (mut all_labels, mut maps, mut tables) = (Vec::new(), Vec::new(), Vec::new());
    let (mut files, mut all_shares, mut pictures) = (Vec::new(), Vec::new(), Vec::new());
    let mut stripped = Vec::new();
    let only = models.len() == 1;
    let created = rfc3339(world.now());
    for (number, loaded) in models.iter_mut().enumerate() {
        let folder = Some(folder).filter(|_| request.volume.probabilities);
        let prepared = decoded.preparations.get_mut(number).and_then(Preparation::take);
        let asked = Asked { prepared, only, folder };
        let said = loaded.read(request, pool, case, &decoded, asked)?;
        let Said { mut reading, mut labels, mut map, bytes, network_seconds, .. } = said;
        let own_tables = said.tables;
        pictures.push(said.pictures);
        let shares = said.shares.map(|writer| {
            let name = reading.mask.replace(".nii.gz", "-probabilities.nii.gz");
            reading.files.push(name.clone());
            reading.notes.push(Note::info("probabilities", own::SHARES.clone()));
            (name, writer)
        });
        if let Some(image) = loaded.reader.strip(&decoded.scans[0].volume, &labels) {
            let name = reading.mask.replacen("segmentation", "brain", 1);
            reading.files.push(name.clone());
            stripped.push((name, image));
        }
        refine::keep(&mut reading, &mut labels, &mut map, &request.volume.structures)?;
        if request.volume.statistics {
            let volume = &decoded.scans[0].volume;
            refine::measure(&mut reading, &labels, volume, common.threads);
        }
        if let Some(origin) = &decoded.scans[0].origin {
            let (number, options) = (readings.len(), &request.volume);
            files.extend(dicom::files(origin, &labels, &mut reading, number, options, &created)?);
        }
        runs.push(ModelRun {
            id: reading.model.id.clone(),
            weights_file: None,
            weights_sha256: reading.model.weights_sha256.clone(),
            container: Some(loaded.reader.container()),
            load_seconds: loaded.seconds,
            run_seconds: reading.seconds,
            network_seconds,
            planned_bytes: bytes,
        });
        readings.push(reading);
        all_labels.push(labels);
        maps.push(map);
        tables.extend(own_tables);
        all_shares.extend(shares);
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
    let (labels, shares) = (all_labels, all_shares);
    Ok(Done { consultation, labels, maps, stripped, files, tables, pictures, shares, decoded })
}

impl Loaded {
    /// Bytes that the model takes at most while it reads a case, and those of the case.
    fn need_bytes(&self, decoded: &Decoded) -> Result<u64> {
        Ok(self.reader.need_bytes(&decoded.scans[0].volume)? + decoded.bytes())
    }

    fn read(
        &mut self,
        request: &Request,
        pool: &Pool,
        case: &Case,
        decoded: &Decoded,
        asked: Asked<'_>,
    ) -> Result<Said> {
        let Asked { prepared, only, folder } = asked;
        let common = &request.common;
        let started = Instant::now();
        let given = match &decoded.scans[..] {
            [_] if self.reader.averages_frames() => 1,
            // Channels may be the frames of one volume.
            [only] => only.volume.frames(),
            several => several.len(),
        };
        let images = self.reader.images();
        if images.len() != given {
            let text = match &decoded.scans[..] {
                [only] if only.volume.frames() > 1 => {
                    fit_words::frames_unwanted(given, images.len())
                }
                _ => own::channels_wanted(images.len(), &images.join(", "), given),
            };
            return Err(Error::new(Kind::Refused, text).at(&case.files[0]));
        }
        let volume = &decoded.scans[0].volume;
        let mut fitting = Vec::new();
        for (number, scan) in decoded.scans.iter().enumerate() {
            let images = images.get(number..).unwrap_or_default();
            let (flat, despite) = (self.reader.flat(), common.despite_header);
            let found = fit::check(images, flat, &scan.volume, &scan.facts, despite);
            fitting.extend(found.map_err(|error| error.at(&case.files[number]))?);
        }
        if let Some(path) = &request.volume.labels {
            let (labels, note) = given::of(path, &case.files[0])?;
            self.reader.give_labels(labels)?;
            fitting.extend(note);
        }
        let volumes: Vec<_> = decoded.scans.iter().map(|scan| &scan.volume).collect();
        let bytes = self.need_bytes(decoded)?;
        memory::check(bytes, request.volume.memory_limit).map_err(|e| e.at(&case.files[0]))?;
        let bar = progress(common);
        let before = self.reader.network_time();
        let facts = &decoded.scans[0].facts;
        let prepared = prepared.transpose();
        let mut told = |done: usize, total: usize| {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
        };
        let mut sink = folder.map(|folder| shares::Sink::new(folder, &self.id, common.threads));
        // An error of preparing is one of reading.
        let answer = prepared.and_then(|prepared| {
            let case = VolumeCase { volumes: &volumes, facts, prepared: prepared.as_ref() };
            match &mut sink {
                Some(sink) => self.reader.read_shares(&case, &mut told, sink),
                None => self.reader.read(&case, &mut told),
            }
        });
        bar.finish_and_clear();
        // What follows needs memory of its own.
        self.reader.rest();
        let after = self.reader.network_time().zip(before);
        let network_seconds = after.map(|(after, before)| (after - before).as_secs_f64());
        let answer = answer.map_err(|error| error.at(&case.files[0]))?;
        let labels = labels_of(&answer.map);
        let sums = measure(&labels, volume, pool);
        let structures = answer.structures.into_iter().map(|structure| {
            let parts = structure.labels.iter().filter_map(|label| sums.get(label));
            let all = parts.fold(Sums::default(), |all, part| all.with(part));
            let (id, code) = match base::structure(&structure.id) {
                Some(known) => (known.id, known.code),
                None => (kebab(&structure.id), None),
            };
            MeasuredStructure {
                id,
                name: structure.name,
                code,
                labels: structure.labels,
                voxels: all.voxels,
                volume_ml: structure.volume_ml.unwrap_or_else(|| all.volume_ml(volume.grid())),
                appraisal: structure.appraisal,
                values: all.values(),
                centre_mm: all.centre_mm(volume.grid()),
                details: None,
            }
        });
        let structures: Vec<MeasuredStructure> = structures.collect();
        let mut notes = fitting;
        notes.extend(answer.notes);
        if structures.iter().any(|structure| structure.name.en() == structure.name.zh()) {
            notes.push(Note::info("names-as-given", own::NAMES_AS_GIVEN.clone()));
        }
        let model = ModelRef {
            id: self.id.clone(),
            name: self.name.clone(),
            weights_sha256: self.reader.sha256(),
            placeholder_weights: false,
        };
        let mask = match only {
            true => "segmentation.nii.gz".to_owned(),
            false => format!("segmentation-{}.nii.gz", self.id),
        };
        let seconds = started.elapsed().as_secs_f64();
        let (boxes, values, files) = (answer.boxes, answer.values, Vec::new());
        let reading =
            VolumeReading { model, structures, mask, files, boxes, values, notes, seconds };
        let (map, tables, pictures) = (answer.map, answer.tables, answer.pictures);
        let shares = sink.and_then(|sink| sink.writer);
        Ok(Said { reading, labels, map, bytes, network_seconds, tables, pictures, shares })
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
