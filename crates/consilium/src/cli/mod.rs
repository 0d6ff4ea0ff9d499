//! The command line: what was typed becomes a request, its outcome an exit code.

mod declared;
mod help;
mod parse;

use crate::read::Common;
use crate::{
    World, bench, datasets, demo, doctor, evaluate, infer, inspect, leaderboard, models, read,
    score, segment, tune, weights,
};
use base::words::cli as words;
use base::{Error, Kind, Lang, Result, Text};
use kernels::Isa;
use parse::Parsed;
use std::ffi::OsString;
use std::io::Write;

/// Runs one command and gives the exit code: 0 done, 1 failed, 2 wrong usage, 3 refused. `locale`
/// is what the environment says (`zh_CN.UTF-8`), `terminal` whether standard error is one.
pub fn run(
    arguments: Vec<OsString>,
    locale: &str,
    terminal: bool,
    world: &dyn World,
    out: &mut dyn Write,
) -> u8 {
    let lang = parse::language(&arguments).or(Lang::parse(locale)).unwrap_or_default();
    match parse::parse(arguments).and_then(|parsed| dispatch(&parsed, lang, terminal, world, out)) {
        Ok(code) => code,
        Err(error) => {
            complain(&error, lang);
            exit_code(error.kind())
        }
    }
}

/// Prints an error on standard error.
#[allow(clippy::print_stderr)]
pub(crate) fn complain(error: &Error, lang: Lang) {
    eprintln!("{}{}", words::ERROR.get(lang), error.render(lang));
}

/// Tells who looks on how things stand, on standard error.
#[allow(clippy::print_stderr)]
pub(crate) fn say(common: &Common, text: &Text) {
    if common.progress || common.verbose {
        eprintln!("{}", text.get(common.lang));
    }
}

fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Usage => 2,
        Kind::Refused => 3,
        _ => 1,
    }
}

fn dispatch(
    parsed: &Parsed,
    lang: Lang,
    terminal: bool,
    world: &dyn World,
    out: &mut dyn Write,
) -> Result<u8> {
    let common = read::Common {
        lang,
        threads: parsed.number("--threads")?.unwrap_or_else(available_threads),
        out: parsed.value("--out").unwrap_or("consilium-out").into(),
        progress: terminal && !parsed.has("--quiet") && !parsed.has("--json"),
        quiet: parsed.has("--quiet"),
        verbose: parsed.has("--verbose"),
        json: parsed.has("--json"),
        explain: match parsed.value("--explain") {
            Some("none") => 0,
            _ => parsed.number("--explain")?.unwrap_or(3),
        },
        despite_header: parsed.has("--despite-header"),
        exact: parsed.has("--exact"),
    };
    if let Some(name) = parsed.value("--isa") {
        use_instruction_set(name)?;
    }
    if parsed.has("--help") || parsed.command.is_empty() {
        print(out, &help::text(&parsed.command, lang))?;
        return Ok(if parsed.has("--help") { 0 } else { 2 });
    }
    let computes =
        ["read", "infer", "demo", "bench", "doctor", "evaluate"].contains(&parsed.command.as_str());
    if computes && !parsed.has("--tune") {
        tune::use_measured_costs()?;
    }
    match parsed.command.as_str() {
        "read" => {
            match parsed.value("--device") {
                None | Some("auto" | "cpu") => {}
                Some(other) => return Err(Error::new(Kind::Unsupported, words::device(other))),
            }
            let request = read::Request {
                inputs: parsed.free.iter().map(Into::into).collect(),
                models: parsed.list("--model"),
                weights: parsed.values("--weights"),
                mirror: parsed.has("--tta"),
                volume: segment::VolumeOptions::new(parsed)?,
                common,
            };
            read::run(world, &request, out)
        }
        "inspect" => inspect::run(world, parsed, &common, out).map(|()| 0),
        "models" => models::run(world, parsed, &common, out).map(|()| 0),
        "weights" => weights::run(world, parsed, &common, out).map(|()| 0),
        "infer" => infer::run(world, parsed, &common, out).map(|()| 0),
        "bench" if parsed.has("--tune") => tune::run(world, parsed, &common, out).map(|()| 0),
        "datasets" => datasets::run(world, parsed, &common, out).map(|()| 0),
        "score" => score::run(world, parsed, &common, out).map(|()| 0),
        "compare" => score::compare::run(world, parsed, &common, out).map(|()| 0),
        "evaluate" => evaluate::run(world, parsed, &common, out),
        "leaderboard" => leaderboard::run(world, parsed, &common, out).map(|()| 0),
        "bench" => bench::run(world, parsed, &common, out).map(|()| 0),
        "doctor" => doctor::run(world, parsed, &common, out).map(|()| 0),
        "demo" => {
            let show = match parsed.has("--film") {
                true => demo::Show::Film,
                false => demo::Show::Head(parsed.value("--seed").map(demo::seed).transpose()?),
            };
            demo::run(world, &common, show, out)
        }
        _ => {
            print(out, concat!("consilium ", env!("CARGO_PKG_VERSION"), "\n"))?;
            Ok(0)
        }
    }
}

/// Kernels of another instruction set than the fastest: to find out whether one of them errs.
fn use_instruction_set(name: &str) -> Result<()> {
    let available = Isa::available();
    match available.iter().find(|isa| isa.name() == name) {
        Some(isa) => {
            kernels::set_isa(*isa);
            Ok(())
        }
        None => {
            let names: Vec<&str> = available.iter().map(|isa| isa.name()).collect();
            Err(Error::new(Kind::Usage, words::no_instruction_set(name, &names.join(", "))))
        }
    }
}

fn available_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get())
}

/// Writes to standard output; a closed pipe is no error.
pub(crate) fn print(out: &mut dyn Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::new(Kind::Io, words::cannot_print(&error)))
        }
        _ => Ok(()),
    }
}

pub use parse::Parsed as Arguments;
