//! `read`: films in, consultations out. Models are loaded once; while one case is inferred, the
//! next is decoded and the last is written. Many cases are inferred side by side, a thread each.

mod aside;
mod case;
mod inputs;
mod output;
mod panel;

use crate::cli::{complain, print};
use crate::{World, segment, weights};
use base::words::cli as words;
use base::{Error, Kind, Lang, Picture, Result};
use imaging::{Limits, Study};
use indicatif::{ProgressBar, ProgressStyle};
use inputs::Input;
use kernels::Pool;
use output::Written;
use report::html::{CaseLine, Outcome};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;
use zoo::{Compute, VolumeSystem};

pub(crate) use aside::Aside;
pub use aside::break_off;
pub use case::consult;
pub(crate) use inputs::{safe, unique};
pub use output::{io_error, place, write_case, write_file};
pub use panel::Panel;

/// Settings that several commands share.
#[derive(Clone, Debug)]
pub struct Common {
    /// Language of the report and of messages.
    pub lang: Lang,
    /// Threads of the kernels.
    pub threads: usize,
    /// Output folder.
    pub out: PathBuf,
    /// Show a progress bar on standard error.
    pub progress: bool,
    /// Say what is done and how long it took.
    pub verbose: bool,
    /// Standard output carries JSON and nothing else.
    pub json: bool,
    /// Explanation maps for that many leading findings.
    pub explain: usize,
    /// No summary.
    pub quiet: bool,
    /// Read cases that the header rules out for a model, with a serious note.
    pub despite_header: bool,
    /// Convolutions as sums of products, term by term.
    pub exact: bool,
}

impl Common {
    /// Threads for the networks, and what the kernels may do.
    pub fn compute(&self) -> Compute {
        Compute { exact: self.exact, ..Compute::new(Pool::new(self.threads)) }
    }
}

/// What `read` was asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// Files and folders.
    pub inputs: Vec<PathBuf>,
    /// Models by id or alias; empty for all whose weights are given.
    pub models: Vec<String>,
    /// `PATH` or `ID=PATH`.
    pub weights: Vec<String>,
    /// Volumes: read mirrored copies too.
    pub mirror: bool,
    /// Volumes: what to write beside the label map.
    pub volume: segment::VolumeOptions,
    /// The rest.
    pub common: Common,
}

/// A case after decoding.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// What was read.
    pub study: Study,
    /// Its first frame as a person looks at it.
    pub picture: Picture,
    /// How long it took.
    pub seconds: f64,
}

/// Reads all inputs. The exit code: 0 when at least one case was read and none failed, 1 when any
/// failed, 3 when all were refused.
pub fn run(world: &dyn World, request: &Request, out: &mut dyn Write) -> Result<u8> {
    if request.inputs.is_empty() {
        let hint = words::see_help("read");
        return Err(Error::new(Kind::Usage, words::NO_INPUT.clone()).hint(hint));
    }
    let mut with_store = request.clone();
    weights::given(world, &mut with_store.models, &mut with_store.weights);
    if segment::wanted(&with_store.models)? {
        return segment::run(world, &with_store, out);
    }
    if request.models.is_empty() && request.weights.is_empty() && segment::volumes(&request.inputs)
    {
        // Nothing was named: the model for volumes that is part of the program.
        let models = vec![zoo::systems::consilium_brain::SYSTEM.card().id.to_owned()];
        return segment::run(world, &Request { models, ..request.clone() }, out);
    }
    // A model that nobody knows is said first: which files are images depends on it.
    request.models.iter().try_for_each(|name| panel::known(name))?;
    let (inputs, skipped) = inputs::expand(&request.inputs, &request.common.out)?;
    if inputs.is_empty() {
        return Err(Error::new(Kind::BrokenInput, words::NO_FILES.clone()));
    }
    let compute = request.common.compute();
    // Decoding starts while the weights are still being loaded.
    with_decoded(&inputs, request.common.threads, |next| {
        let started = Instant::now();
        let given = weights_given(world, &request.models, &request.weights);
        let mut panel = Panel::load(&request.models, &given, &compute)?;
        say(&request.common, words::SHOW_WEIGHTS.get(request.common.lang), started);
        read_all(world, &request.common, &inputs, skipped, &mut panel, next, out)
    })
}

/// Weights as given; where none are, those of the models asked for (or of any) that the store holds.
pub(crate) fn weights_given(
    world: &dyn World,
    models: &[String],
    weights: &[String],
) -> Vec<String> {
    if !weights.is_empty() {
        return weights.to_vec();
    }
    let asked = |card: &zoo::Card<'_>| {
        let is = |name: &String| zoo::find(name).is_some_and(|named| named.card().id == card.id);
        models.is_empty() || models.iter().any(is)
    };
    let cards = zoo::SYSTEMS.iter().map(|system| system.card()).filter(asked);
    let stored = cards.filter_map(|card| {
        let folder = crate::weights::stored(world, card.id)?;
        Some(format!("{}={}", card.id, folder.display()))
    });
    stored.collect()
}

/// Reads cases with a panel that is loaded already.
pub fn read_with(
    world: &dyn World,
    common: &Common,
    paths: &[PathBuf],
    panel: &mut Panel,
    out: &mut dyn Write,
) -> Result<u8> {
    let (inputs, skipped) = inputs::expand(paths, &common.out)?;
    with_decoded(&inputs, common.threads, |next| {
        read_all(world, common, &inputs, skipped, panel, next, out)
    })
}

type Next<'a> = &'a (dyn Fn() -> Option<(usize, Result<Decoded>)> + Sync);

/// Decodes on threads of their own, a quarter as many as the models have, each at most two cases
/// ahead.
fn with_decoded<T>(inputs: &[Input], threads: usize, work: impl FnOnce(Next) -> T) -> T {
    let taken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel(1);
        for _ in 0..threads.div_ceil(4).min(inputs.len()) {
            let (send, taken) = (send.clone(), &taken);
            scope.spawn(move || {
                loop {
                    let index = taken.fetch_add(1, Ordering::Relaxed);
                    let Some(input) = inputs.get(index) else { return };
                    if send.send((index, decode(input))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let receive = Mutex::new(receive);
        work(&|| receive.lock().unwrap_or_else(PoisonError::into_inner).recv().ok())
    })
}

fn decode(input: &Input) -> Result<Decoded> {
    let started = Instant::now();
    let study = imaging::read(&input.path, &Limits::default())?;
    let picture = study.picture(0).map_err(|error| error.at(&input.path))?;
    Ok(Decoded { study, picture, seconds: started.elapsed().as_secs_f64() })
}

fn read_all(
    world: &dyn World,
    common: &Common,
    inputs: &[Input],
    skipped: usize,
    panel: &mut Panel,
    next: Next,
    out: &mut dyn Write,
) -> Result<u8> {
    let many = inputs.len() > 1;
    world.make_folder(&common.out).map_err(|error| output::io_error(&error, &common.out))?;
    let bar = progress(common, inputs.len());
    let cards = panel.cards();
    let mut panels = panel.lanes(inputs.len());
    let lanes: Vec<&mut Panel> =
        if panels.is_empty() { vec![panel] } else { panels.iter_mut().collect() };
    let mut lines = Vec::new();
    let mut results: Vec<String> = Vec::new();
    std::thread::scope(|scope| {
        let (back, written) = sync_channel::<(usize, Result<Written>)>(inputs.len());
        for panel in lanes {
            let (send, receive) = sync_channel::<(usize, Result<base::Consultation>)>(1);
            scope.spawn(move || {
                while let Some((index, decoded)) = next() {
                    let (started, input) = (Instant::now(), &inputs[index]);
                    let consultation = decoded
                        .and_then(|decoded| case::consult(world, common, input, decoded, panel));
                    say(common, &input.name, started);
                    if send.send((index, consultation)).is_err() {
                        return;
                    }
                }
            });
            let (back, cards) = (back.clone(), &cards);
            scope.spawn(move || {
                for (index, consultation) in receive {
                    let folder = if many {
                        common.out.join(&inputs[index].name)
                    } else {
                        common.out.clone()
                    };
                    let done = consultation
                        .and_then(|c| output::write_case(world, &folder, &c, cards, common.lang));
                    if back.send((index, done)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(back);
        // Cases are told in the order of the inputs, whichever was done first.
        let mut early = BTreeMap::new();
        for (index, done) in written {
            bar.inc(1);
            early.insert(index, done);
            while let Some(done) = early.remove(&lines.len()) {
                let line = finish(common, &inputs[lines.len()], done, many, &mut results, out);
                lines.push(line);
            }
        }
    });
    bar.finish_and_clear();
    conclude(world, common, &lines, &results, skipped, many, out)
}

/// Says how one case ended and keeps its line for the overview.
fn finish(
    common: &Common,
    input: &Input,
    done: Result<Written>,
    many: bool,
    results: &mut Vec<String>,
    out: &mut dyn Write,
) -> CaseLine {
    match done {
        Ok(written) => {
            if common.json {
                let _ = print(out, &format!("{}\n", written.json));
            } else if !many && !common.quiet && (common.progress || common.verbose) {
                let _ = print(out, &written.summary);
            }
            results.push(written.json);
            let mut line = written.line;
            line.link = many.then(|| format!("{}/report.html", input.name));
            line
        }
        Err(error) => {
            complain(&error, common.lang);
            CaseLine::failed(&input.name, &error)
        }
    }
}

fn conclude(
    world: &dyn World,
    common: &Common,
    lines: &[CaseLine],
    results: &[String],
    skipped: usize,
    many: bool,
    out: &mut dyn Write,
) -> Result<u8> {
    let count = |wanted: fn(&Outcome) -> bool| lines.iter().filter(|l| wanted(&l.outcome)).count();
    let read = count(|outcome| matches!(outcome, Outcome::Read));
    let refused = count(|outcome| matches!(outcome, Outcome::Refused(_)));
    let failed = count(|outcome| matches!(outcome, Outcome::Failed(_)));
    let mut report = common.out.join("report.html");
    if many {
        report = common.out.join("index.html");
        output::write_file(world, &report, report::html::index(lines, common.lang).as_bytes())?;
        let jsonl: String = results.iter().map(|line| format!("{line}\n")).collect();
        output::write_file(world, &common.out.join("results.jsonl"), jsonl.as_bytes())?;
    }
    if !common.json {
        let mut text = String::new();
        if many {
            text += &format!("{}\n", words::batch(read, refused, failed).get(common.lang));
            if skipped > 0 {
                text += &format!("{}\n", words::skipped(skipped).get(common.lang));
            }
        }
        for line in lines.iter().filter(|_| !many) {
            if let Outcome::Refused(reason) = &line.outcome {
                text += &format!("{}\n", reason.get(common.lang));
                // What the pixels themselves say, no header overrules.
                if !reason.en().contains(base::words::zoo::UNLIKE_TRAINING.en()) {
                    text += &format!("{}\n", words::DESPITE_HEADER_HINT.get(common.lang));
                }
            }
        }
        if read + refused > 0 {
            text += &format!("{}\n", words::report_at(&report).get(common.lang));
        }
        print(out, &text)?;
    }
    Ok(match (read, refused, failed) {
        (_, _, 1..) => 1,
        (0, 1.., _) => 3,
        _ => 0,
    })
}

fn progress(common: &Common, cases: usize) -> ProgressBar {
    if !common.progress {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(cases as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len}  {per_sec}  {eta}") {
        bar.set_style(style);
    }
    bar
}

#[allow(clippy::print_stderr)]
fn say(common: &Common, what: &str, since: Instant) {
    if common.verbose {
        eprintln!("{}", words::took(what, since.elapsed().as_secs_f64()).get(common.lang));
    }
}
