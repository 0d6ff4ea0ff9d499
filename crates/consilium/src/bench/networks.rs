//! Networks of this build on made-up weights, each in a process of its own: only so is the peak
//! memory its own.

use super::volumes;
use crate::World;
use crate::cli::{Arguments, complain, print, say};
use crate::models::table::table;
use crate::read::{Common, write_file};
use base::words::{bench as bench_words, doctor as words};
use base::{Error, Kind, Rect, Result};
use engine::Tensor;
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use zoo::{Compute, Loaded, Prepared, SYSTEMS, System, VOLUME_SYSTEMS};

/// Timed runs if nothing else is said.
const RUNS: usize = 5;
/// The same of systems for volumes, which take seconds to minutes.
const VOLUME_RUNS: usize = 1;

/// What was measured of one network.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The network.
    pub id: String,
    /// Seconds of a run: the middle one, and the fastest.
    pub median_s: f64,
    /// The fastest.
    pub min_s: f64,
    /// Seconds to make the weights, plan and transform them.
    pub load_s: f64,
    /// Bytes of the network as planned.
    pub planned_bytes: u64,
}

/// Runs a network once to warm up and `runs` times more, on made-up weights and input.
pub fn measure(system: &'static dyn System, runs: usize, compute: &Compute) -> Result<Measurement> {
    let mut loaded = Loaded::placeholder(system, compute)?;
    let card = system.card();
    let [_, _, rows, columns] = card.input.shape;
    let covers = Rect { x: 0.0, y: 0.0, width: columns as f32, height: rows as f32 };
    let prepared = Prepared { tensors: vec![input(system)?], covers, notes: Vec::new() };
    loaded.run(&prepared)?;
    let mut seconds = Vec::with_capacity(runs);
    for _ in 0..runs.max(1) {
        let started = Instant::now();
        loaded.run(&prepared)?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let middle = seconds.len() / 2;
    let median_s = (seconds[(seconds.len() - 1) / 2] + seconds[middle]) / 2.0;
    Ok(Measurement {
        id: card.id.to_owned(),
        median_s,
        min_s: seconds[0],
        load_s: loaded.load_seconds(),
        planned_bytes: loaded.planned_bytes(),
    })
}

/// Values over the card's range (or ±2, as after a normalisation), the same every time.
fn input(system: &dyn System) -> Result<Tensor> {
    let spec = system.card().input;
    let (low, high) = spec.range.unwrap_or((-2.0, 2.0));
    let count: usize = spec.shape.iter().product();
    // A fixed sequence that fills the range evenly: fractional parts of multiples of the golden ratio.
    let part = |index: usize| (index as f32 * 0.618_034).fract();
    let values = (0..count).map(|index| low + (high - low) * part(index % 65_536)).collect();
    Tensor::new(&spec.shape, values).map_err(zoo::translate)
}

/// One network in this process; its line is JSON, for the process that asked.
pub fn one(
    world: &dyn World,
    id: &str,
    folder: Option<&Path>,
    parsed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let asked = parsed.number("--repeat")?;
    let Some(system) = zoo::find(id) else {
        let target = volumes::find(id)?;
        let (runs, folder) = (asked.unwrap_or(VOLUME_RUNS), folder.unwrap_or(Path::new(".")));
        let peak = || world.peak_memory_mib();
        let line = volumes::measure(id, &target, folder, runs, common, peak)?;
        return print(out, &format!("{line}\n"));
    };
    let runs = asked.unwrap_or(RUNS);
    let measured = measure(system, runs, &common.compute())?;
    print(out, &format!("{}\n", as_json(&measured, world.peak_memory_mib())))
}

fn as_json(measured: &Measurement, peak_mib: Option<f64>) -> Value {
    json!({
        "id": measured.id,
        "median_s": measured.median_s,
        "min_s": measured.min_s,
        "load_s": measured.load_s,
        "planned_bytes": measured.planned_bytes,
        "peak_mib": peak_mib,
    })
}

/// All networks, or those named with `--model`, one process each.
pub fn run(
    world: &dyn World,
    parsed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let named = parsed.list("--model");
    let ids: Vec<&str> = match named[..] {
        [] => {
            let films = SYSTEMS.iter().map(|system| system.card().id);
            films.chain(VOLUME_SYSTEMS.iter().map(|system| system.card().id)).collect()
        }
        ref named => {
            // All names are looked at before the first is measured.
            let find = |id| match zoo::find(id) {
                Some(system) => Ok(system.card().id),
                None => volumes::find(id).map(|_| id),
            };
            named.iter().map(|id| find(id)).collect::<Result<_>>()?
        }
    };
    let (mut networks, mut without): (Vec<Value>, Vec<&str>) = (Vec::new(), Vec::new());
    let (mut failed, mut all) = (None, Value::Null);
    for (index, &id) in ids.iter().enumerate() {
        say(common, &bench_words::now(index + 1, ids.len(), id));
        match measured(id, parsed, common) {
            Ok(Some(value)) => {
                let peak = value["peak_mib"].as_f64();
                say(common, &bench_words::took(value["median_s"].as_f64().unwrap_or(0.0), peak));
                networks.push(value);
            }
            Ok(None) => without.push(id),
            Err(error) => {
                complain(&error, common.lang);
                failed = Some(error);
            }
        }
        // Kept after each, so that a run that is broken off is not lost.
        all = document(world, &networks, &without, common);
        if let Some(path) = parsed.value("--write") {
            write_file(world, Path::new(path), format!("{all:#}\n").as_bytes())?;
        }
    }
    if common.json {
        print(out, &format!("{all:#}\n"))?;
    } else {
        print(out, &as_table(&networks, common))?;
        if !without.is_empty() {
            let text = bench_words::without(&without.join(", "));
            print(out, &format!("\n{}\n", text.get(common.lang)))?;
        }
    }
    failed.map_or(Ok(()), Err)
}

/// What is written: the machine and what was measured so far.
fn document(world: &dyn World, networks: &[Value], without: &[&str], common: &Common) -> Value {
    let machine = crate::machine::Machine::read();
    json!({
        "schema": "consilium.bench/1",
        "version": env!("CARGO_PKG_VERSION"),
        "date": crate::rfc3339(world.now()),
        "machine": {
            "processor": machine.processor,
            "cores": machine.cores,
            "ram_gb": machine.ram_gb,
            "instruction_set": kernels::cpu_name(),
            "threads": common.threads,
        },
        "networks": networks,
        "not_measured": without,
    })
}

fn as_table(networks: &[Value], common: &Common) -> String {
    let lang = common.lang;
    let head = [&words::NETWORK, &words::MEDIAN, &words::LEAST, &words::LOADING, &words::PEAK];
    let head = head.map(|title| title.get(lang));
    let number = |value: &Value, scale: f64| {
        value.as_f64().map_or("-".to_owned(), |number| format!("{:.1}", number * scale))
    };
    let rows: Vec<Vec<String>> = networks
        .iter()
        .map(|network| {
            vec![
                network["id"].as_str().unwrap_or_default().to_owned(),
                number(&network["median_s"], 1e3),
                number(&network["min_s"], 1e3),
                number(&network["load_s"], 1e3),
                number(&network["peak_mib"], 1.0),
            ]
        })
        .collect();
    format!("{}\n\n{}", words::MADE_UP.get(lang), table(&head, &rows, 48))
}

/// What was measured of one; `None` where it has no networks of its own. Made-up weights of a system for
/// volumes lie in a folder that goes with the measurement.
fn measured(id: &str, parsed: &Arguments, common: &Common) -> Result<Option<Value>> {
    if zoo::find(id).is_some() {
        return in_own_process(id, None, parsed, common).map(Some);
    }
    let target = volumes::find(id)?;
    let name = format!("consilium-bench-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    std::fs::create_dir_all(&folder).map_err(|error| crate::read::io_error(&error, &folder))?;
    let measured = match target.prepare(&folder) {
        Ok(true) => in_own_process(id, Some(&folder), parsed, common).map(Some),
        Ok(false) => Ok(None),
        Err(error) => Err(error),
    };
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

fn in_own_process(
    id: &str,
    folder: Option<&Path>,
    parsed: &Arguments,
    common: &Common,
) -> Result<Value> {
    let no_program = |error| Error::new(Kind::Io, bench_words::no_program(&error));
    let program = std::env::current_exe().map_err(no_program)?;
    let mut command = Command::new(program);
    command.args(["bench", "network", id]).args(folder);
    command.args(["--threads", &common.threads.to_string()]);
    if let Some(runs) = parsed.value("--repeat") {
        command.args(["--repeat", runs]);
    }
    let answer = command.output().map_err(no_program)?;
    let failed = || {
        let said = String::from_utf8_lossy(&answer.stderr);
        Error::new(Kind::Bug, words::failed(id, &said.trim()))
    };
    if !answer.status.success() {
        return Err(failed());
    }
    serde_json::from_slice(&answer.stdout).map_err(|_| failed())
}
