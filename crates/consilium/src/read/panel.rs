//! The models asked for, each with its weights.

use crate::models::is_folder;
use base::words::{cli as words, own};
use base::{Error, Kind, ModelRun, Reading, Result};
use imaging::Study;
use kernels::Pool;
use report::html::ModelCard;
use std::path::{Path, PathBuf};
use zoo::folder::Folder;
use zoo::{Compute, Loaded, ReadOptions, SYSTEMS, System};

/// Buffers of all lanes together.
const MOST_LANE_BYTES: u64 = 1 << 30;

/// Models ready to read, in the order asked for.
pub struct Panel {
    models: Vec<Loaded>,
    /// How many of the last models nobody named: they answer only what fits them.
    unasked: usize,
    threads: usize,
}

impl Panel {
    /// Loads `models` (ids, aliases or folders of a user's own models; empty for all whose weights
    /// are given, and those that are part of the program) with `weights` (`PATH` or `ID=PATH`). Errors name the file that was expected and
    /// where it is published, or what is wrong with a folder.
    pub fn load(models: &[String], weights: &[String], compute: &Compute) -> Result<Panel> {
        let sources: Vec<Source> = weights.iter().map(|text| Source::parse(text)).collect();
        let given_names = models;
        let wanted = match models {
            [] if sources.is_empty() => Vec::new(),
            [] => given(&sources)?.into_iter().map(Wanted::Published).collect(),
            names => names.iter().map(|name| Wanted::parse(name)).collect::<Result<Vec<_>>>()?,
        };
        let load = |wanted: Wanted| match wanted {
            Wanted::Published(system) => match weights_of(system, &sources) {
                Ok(path) => Loaded::load(system, &path, compute),
                // Weights that were given come before those in the program.
                Err(error) => Loaded::built_in(system, compute).unwrap_or(Err(error)),
            },
            Wanted::Own(folder) => Loaded::own(*folder, compute),
        };
        let mut models: Vec<Loaded> = Vec::new();
        for wanted in wanted {
            let model = load(wanted)?;
            let id = &model.model().id;
            if models.iter().any(|other| other.model().id == *id) {
                return Err(Error::new(Kind::Usage, own::model_twice(id)));
            }
            models.push(model);
        }
        let named = models.len();
        if given_names.is_empty() {
            let free = |system: &&dyn System| {
                models.iter().all(|model: &Loaded| model.model().id != system.card().id)
            };
            let built_in: Vec<_> = SYSTEMS.iter().copied().filter(free).collect();
            for system in built_in {
                models.extend(Loaded::built_in(system, compute).transpose()?);
            }
        }
        Ok(Panel { unasked: models.len() - named, models, threads: compute.pool.threads() })
    }

    /// Models with weights made on the spot.
    pub fn placeholder(ids: &[&str], compute: &Compute) -> Result<Panel> {
        let load = |id: &&str| Loaded::placeholder(find(id)?, compute);
        let models = ids.iter().map(load).collect::<Result<_>>()?;
        Ok(Panel { models, unasked: 0, threads: compute.pool.threads() })
    }

    /// The panel several times over, to read as many cases side by side, a thread each: on many
    /// small cases threads that never wait for each other get more done than threads that share
    /// one network. Empty where that does not pay or does not fit.
    pub fn lanes(&self, cases: usize) -> Vec<Panel> {
        let lanes = self.threads;
        let bytes = self.models.iter().map(Loaded::fork_bytes).sum::<Option<u64>>();
        let fits =
            bytes.and_then(|b| b.checked_mul(lanes as u64)).is_some_and(|b| b <= MOST_LANE_BYTES);
        if lanes < 2 || cases < 2 * lanes || !fits {
            return Vec::new();
        }
        let fork = || {
            let one = Pool::new(1);
            let models = self.models.iter().map(|model| model.fork(&one)).collect::<Option<_>>()?;
            Some(Panel { models, unasked: self.unasked, threads: self.threads })
        };
        (0..lanes).map(|_| fork()).collect::<Option<_>>().unwrap_or_default()
    }

    /// Threads the models run on.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// The models, in the order of the readings.
    pub fn systems(&self) -> impl Iterator<Item = &dyn System> {
        self.models.iter().map(Loaded::system)
    }

    /// The models with their weights, in the order of the readings.
    pub(crate) fn loaded(&self) -> &[Loaded] {
        &self.models
    }

    /// What the report says of each model beside its answer.
    pub fn cards(&self) -> Vec<ModelCard> {
        let cards = self.models.iter().map(|model| model.system().card());
        cards
            .map(|card| ModelCard {
                id: card.id.into(),
                intended_use: Some(card.intended_use.clone()),
                limits: Some(card.limits.clone()),
                weights_licence: Some(card.weights_licence.clone()),
            })
            .collect()
    }

    /// All models on one study: readings and the manifest's lines.
    pub fn read(
        &mut self,
        study: &Study,
        explain: usize,
        despite_header: bool,
    ) -> Result<(Vec<Reading>, Vec<ModelRun>)> {
        let options = ReadOptions { explain, despite_header, ..ReadOptions::default() };
        let named = self.models.len() - self.unasked;
        let mut readings: Vec<Reading> = Vec::new();
        let mut runs = Vec::new();
        for (number, model) in self.models.iter_mut().enumerate() {
            let unasked = number >= named;
            let options = match unasked {
                true => ReadOptions { refuse_strange: true, despite_header: false, ..options },
                false => options,
            };
            let mut reading = model.read(study, &options)?;
            if let (true, Some(refusal)) = (unasked, &mut reading.refused) {
                // Others speak of this case; what nobody asked for need not say that it will not.
                if !readings.is_empty() {
                    continue;
                }
                refusal.reason = words::unasked_refused(&reading.model.id, &refusal.reason);
            }
            let file = model.weights_file().and_then(Path::file_name);
            runs.push(ModelRun {
                id: reading.model.id.clone(),
                weights_file: file.map(|name| name.to_string_lossy().into_owned()),
                weights_sha256: reading.model.weights_sha256.clone(),
                container: model.container().map(str::to_owned),
                load_seconds: model.load_seconds(),
                run_seconds: reading.seconds,
                network_seconds: None,
                planned_bytes: model.planned_bytes(),
            });
            readings.push(reading);
        }
        Ok((readings, runs))
    }
}

/// One of `--model`.
enum Wanted {
    Published(&'static dyn System),
    Own(Box<Folder>),
}

impl Wanted {
    /// A name known to the program comes before a folder of that name.
    fn parse(text: &str) -> Result<Wanted> {
        match zoo::find(text) {
            None if is_folder(text) => {
                Folder::open(Path::new(text)).map(|folder| Wanted::Own(Box::new(folder)))
            }
            _ => find(text).map(Wanted::Published),
        }
    }
}

/// One `--weights`.
struct Source {
    system: Option<&'static dyn System>,
    path: PathBuf,
}

impl Source {
    /// `ID=PATH` only where the part before `=` is a model; a path may hold `=` itself.
    fn parse(text: &str) -> Source {
        if let Some((id, path)) = text.split_once('=') {
            if let Some(system) = zoo::find(id) {
                return Source { system: Some(system), path: path.into() };
            }
        }
        Source { system: None, path: text.into() }
    }
}

/// Says where a name is neither a model's nor a folder's; a folder is opened later.
pub(super) fn known(name: &str) -> Result<()> {
    match is_folder(name) {
        true => Ok(()),
        false => find(name).map(drop),
    }
}

fn find(id: &str) -> Result<&'static dyn System> {
    zoo::find(id).ok_or_else(|| Error::new(Kind::Usage, words::unknown_model(id)))
}

/// The models that the given weights belong to, in the catalogue's order.
fn given(sources: &[Source]) -> Result<Vec<&'static dyn System>> {
    let mut ids: Vec<&str> = Vec::new();
    for source in sources {
        let found: Vec<&'static dyn System> = match source.system {
            Some(system) => vec![system],
            None if source.path.is_dir() => {
                SYSTEMS.iter().copied().filter(|system| published(*system, &source.path)).collect()
            }
            None => zoo::identify(&source.path),
        };
        if found.is_empty() {
            let exists = std::fs::metadata(&source.path);
            let error = match exists {
                Err(error) => Error::new(Kind::Io, words::cannot_read(&error)),
                Ok(_) => Error::new(Kind::BrokenInput, words::weights_unknown()),
            };
            return Err(error.at(&source.path));
        }
        // Several networks of one architecture: the first stands for the file.
        let many = if source.path.is_dir() { found.len() } else { 1 };
        ids.extend(found.iter().take(many).map(|system| system.card().id));
    }
    Ok(SYSTEMS.iter().copied().filter(|system| ids.contains(&system.card().id)).collect())
}

fn published(system: &dyn System, folder: &Path) -> bool {
    system.card().weights.file_names.iter().any(|name| folder.join(name).is_file())
}

/// Where the weights of one model are: given for it by id, else the one path that fits.
fn weights_of(system: &'static dyn System, sources: &[Source]) -> Result<PathBuf> {
    let id = system.card().id;
    let by_id = sources.iter().rev().find(|s| s.system.is_some_and(|s| s.card().id == id));
    if let Some(source) = by_id {
        return Ok(source.path.clone());
    }
    let plain: Vec<&Source> = sources.iter().filter(|source| source.system.is_none()).collect();
    if let [only] = plain[..] {
        return Ok(only.path.clone());
    }
    let fits = |source: &&&Source| {
        published(system, &source.path)
            || (source.path.is_file()
                && zoo::identify(&source.path).iter().any(|found| found.card().id == id))
    };
    match plain.iter().find(fits) {
        Some(source) => Ok(source.path.clone()),
        None => {
            let weights = &system.card().weights;
            let file = weights.file_names.first().copied().unwrap_or("");
            Err(Error::new(Kind::Usage, words::weights_missing(id, file, weights.url)))
        }
    }
}
