//! A system with its weights, ready to read cases.

use crate::Compute;
use crate::card::Card;
use crate::error::{translate, translate_for};
use crate::folder::{self, Folder, Problem};
use crate::held::Held;
use crate::identify::{find_weights, open};
use crate::panel::{explain, gate};
use crate::runner::Runner;
use crate::steps;
use crate::system::{Answer, Prepared, System};
use base::words::{own, zoo as words};
use base::{ModelRef, Note, OutOfDomain, Reading, Refusal, Result, Trust};
use engine::Tensor;
use engine::cpu::Pool;
use engine::weights::{Checkpoint, Limits, Scope};
use imaging::Study;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// How explanation maps are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Explain {
    /// Grad-CAM where the network ends in pooling and a linear layer, else occlusion.
    #[default]
    Auto,
    /// Grad-CAM; nothing for networks without such an end.
    GradCam,
    /// Occlusion: 49 more runs of the network.
    Occlusion,
}

/// What to do with each case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// For how many of the findings with the highest scores to make an explanation map.
    pub explain: usize,
    /// How.
    pub method: Explain,
    /// Read although the header rules the case out; the reading then carries a serious note.
    pub despite_header: bool,
    /// Refuse a case that looks unlike the training data, where the system can tell.
    pub refuse_strange: bool,
}

/// A system with its weights, planned for its input's shape.
pub struct Loaded {
    system: Held,
    runner: Runner,
    head: Option<Arc<Tensor>>,
    model: ModelRef,
    file: Option<PathBuf>,
    container: Option<String>,
    notes: Vec<Note>,
    seconds: f64,
}

impl Loaded {
    /// Opens the weights at `path`, a file or a folder with files under their published names.
    ///
    /// Errors: no such file, not a checkpoint, tensors missing, mis-shaped or left over (all by
    /// name), with the published file's name and address.
    pub fn load(system: impl Into<Held>, path: &Path, compute: &Compute) -> Result<Loaded> {
        let started = Instant::now();
        let system = system.into();
        let file = find_weights(&*system, path)?;
        let checkpoint = open(&system.card(), &file)?;
        let mut loaded = Loaded::from_checkpoint(system.clone(), checkpoint, compute)
            .map_err(|error| translate_for(&system.card(), error).at(&file))?;
        loaded.file = Some(file);
        loaded.seconds = started.elapsed().as_secs_f64();
        Ok(loaded)
    }

    /// A system whose weights are part of the program; `None` for others.
    pub fn built_in(system: &'static dyn System, compute: &Compute) -> Option<Result<Loaded>> {
        let weights = system.own_weights()?;
        let started = Instant::now();
        let open = || {
            let checkpoint = Checkpoint::from_bytes(weights.to_vec(), &Limits::default())?;
            let mut loaded = Loaded::from_checkpoint(Held::from(system), checkpoint, compute)?;
            loaded.seconds = started.elapsed().as_secs_f64();
            Ok(loaded)
        };
        Some(open().map_err(translate))
    }

    /// The network with weights made on the spot: for trying the program without a download. Its
    /// answers mean nothing and say so.
    pub fn placeholder(system: impl Into<Held>, compute: &Compute) -> Result<Loaded> {
        let started = Instant::now();
        let system = system.into();
        let scope = crate::placeholder::scope(&*system);
        let mut loaded = Loaded::build(system, scope, compute).map_err(translate)?;
        loaded.model.placeholder_weights = true;
        loaded.seconds = started.elapsed().as_secs_f64();
        Ok(loaded)
    }

    /// A user's own model. Errors: the card and the network do not fit together; the first problem,
    /// and how many more there are.
    pub fn own(folder: Folder, compute: &Compute) -> Result<Loaded> {
        let path = folder.path().to_path_buf();
        Loaded::try_own(folder, compute).map_err(|problems| folder::broken(&path, &problems))
    }

    /// The same with all problems.
    pub(crate) fn try_own(
        folder: Folder,
        compute: &Compute,
    ) -> std::result::Result<Loaded, Vec<Problem>> {
        let started = Instant::now();
        let file = folder.network_file().map_err(|problem| vec![problem])?;
        let licence = folder.declared().licence.clone();
        let system = Held::Own(Arc::new(folder.clone()));
        let mut loaded = if folder.declared().network.architecture.is_some() {
            Loaded::load(system, &file, compute)
                .map_err(|error| vec![Problem::new(None, error.what().clone())])?
        } else {
            let onnx = folder::open(&folder, compute)?;
            let sha256 = onnx.session.model().sha256().to_owned();
            let mut loaded = Loaded::around(system, Runner::Onnx(Box::new(onnx)), None);
            loaded.model.weights_sha256 = Some(sha256);
            loaded.container = Some("onnx".to_owned());
            loaded.file = Some(file);
            loaded
        };
        loaded.notes.push(Note::warning("own-model", own::own_model(&licence)));
        loaded.seconds = started.elapsed().as_secs_f64();
        Ok(loaded)
    }

    /// The file's bytes are let go of before weights are packed.
    fn from_checkpoint(
        system: Held,
        checkpoint: Checkpoint,
        compute: &Compute,
    ) -> engine::Result<Loaded> {
        let (sha256, container) = (checkpoint.sha256().to_owned(), checkpoint.container());
        let scope = checkpoint.scope();
        drop(checkpoint);
        let mut loaded = Loaded::build(system, scope, compute)?;
        loaded.model.weights_sha256 = Some(sha256);
        loaded.container = Some(container.to_owned());
        Ok(loaded)
    }

    fn build(system: Held, scope: Scope, compute: &Compute) -> engine::Result<Loaded> {
        let (runner, head) = Runner::of_architecture(&*system, scope, compute)?;
        Ok(Loaded::around(system, runner, head))
    }

    fn around(system: Held, runner: Runner, head: Option<Arc<Tensor>>) -> Loaded {
        let card = system.card();
        let model = ModelRef {
            id: card.id.to_owned(),
            name: card.name.clone(),
            weights_sha256: None,
            placeholder_weights: false,
        };
        let (file, container, notes, seconds) = (None, None, Vec::new(), 0.0);
        Loaded { system, runner, head, model, file, container, notes, seconds }
    }

    /// Reads one case. A case that does not fit the model is no error: the reading says that the
    /// model refused, and why.
    pub fn read(&mut self, study: &Study, options: &ReadOptions) -> Result<Reading> {
        let started = Instant::now();
        let system = self.system.clone();
        let card = system.card();
        let mut overruled = None;
        if let Some(refusal) = gate::refusal(&study.facts, &card.accepts) {
            if !options.despite_header {
                return Ok(Reading::refused(self.model.clone(), refusal));
            }
            overruled = Some(gate::overruled(&refusal));
        }
        // Nobody can overrule this: the steps cannot be carried out.
        if let Some(refusal) = lacking(study, &card) {
            return Ok(Reading::refused(self.model.clone(), refusal));
        }
        let prepared = system.prepare(study)?;
        let outputs = self.run(&prepared)?;
        let answer = system.interpret(&outputs, &prepared, study)?;
        let strange = |sign: &OutOfDomain| sign.threshold.is_some_and(|most| sign.score >= most);
        if options.refuse_strange && answer.out_of_domain.iter().any(strange) {
            let refusal = Refusal { code: "unlike-training", reason: words::UNLIKE_TRAINING };
            return Ok(Reading::refused(self.model.clone(), refusal));
        }
        let maps = self.explain(study, &prepared, &outputs, &answer, options)?;
        let mut reading = Reading::empty(self.model.clone());
        reading.notes.extend(overruled);
        reading.notes.extend(self.notes.iter().cloned());
        reading.notes.extend(prepared.notes);
        reading.notes.extend(answer.notes);
        if !maps.is_empty() {
            reading.notes.push(Note::info("map-meaning", words::MAP_MEANING));
        }
        reading.findings = answer.findings;
        reading.segments = answer.segments;
        reading.values = answer.values;
        reading.maps = maps;
        reading.trust = Trust { uncertainty: None, out_of_domain: answer.out_of_domain };
        reading.seconds = started.elapsed().as_secs_f64();
        Ok(reading)
    }

    /// The network's outputs for a prepared study, in the order of [`System::network`].
    pub fn run(&mut self, prepared: &Prepared) -> Result<Vec<Tensor>> {
        let own = self.system.inputs(&prepared.tensors);
        let inputs = own.as_deref().unwrap_or(&prepared.tensors);
        self.runner.run(inputs).map_err(|error| self.runner.translate(error))
    }

    fn explain(
        &mut self,
        study: &Study,
        prepared: &Prepared,
        outputs: &[Tensor],
        answer: &Answer,
        options: &ReadOptions,
    ) -> Result<Vec<base::ExplanationMap>> {
        let leading = explain::leading(&answer.findings, options.explain);
        if leading.is_empty() {
            return Ok(Vec::new());
        }
        let gap = self.system.head().zip(self.head.clone());
        let mut maps = match (gap, options.method) {
            (Some((head, weight)), Explain::Auto | Explain::GradCam) => {
                explain::grad_cams(&leading, answer, &head, &weight, outputs, prepared)
            }
            (None, Explain::GradCam) => Vec::new(),
            (_, Explain::Auto | Explain::Occlusion) => {
                explain::occlusions(self, study, prepared, answer, &leading)?
            }
        };
        let placement = steps::placement(self.system.card().before, &study.facts);
        maps.iter_mut().for_each(|map| explain::turn_back(&mut map.map, &placement));
        Ok(maps)
    }

    /// The same system with buffers of its own, to read other cases at the same time; the weights
    /// are shared. `None` where the network cannot be shared: an ONNX file's.
    pub fn fork(&self, pool: &Pool) -> Option<Loaded> {
        Some(Loaded {
            system: self.system.clone(),
            runner: self.runner.fork(pool)?,
            head: self.head.clone(),
            model: self.model.clone(),
            file: self.file.clone(),
            container: self.container.clone(),
            notes: self.notes.clone(),
            seconds: self.seconds,
        })
    }

    /// Bytes that a fork on one thread adds; `None` where there can be none.
    pub fn fork_bytes(&self) -> Option<u64> {
        self.runner.fork_bytes()
    }

    /// The system.
    pub fn system(&self) -> &dyn System {
        &*self.system
    }

    /// The model as readings name it.
    pub fn model(&self) -> &ModelRef {
        &self.model
    }

    /// The weights' file; `None` for placeholder weights.
    pub fn weights_file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// The container the weights came in.
    pub fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    /// Seconds to load, plan and transform the weights.
    pub fn load_seconds(&self) -> f64 {
        self.seconds
    }

    /// Peak bytes of the network's buffers as planned.
    pub fn planned_bytes(&self) -> u64 {
        self.runner.planned_bytes()
    }
}

/// What the case lacks for the card's steps.
fn lacking(study: &Study, card: &Card<'_>) -> Option<Refusal> {
    let unknown = steps::needs_spacing(card.before) && study.facts.spacing.is_none();
    unknown.then_some(Refusal { code: "spacing-unknown", reason: words::SPACING_UNKNOWN })
}
