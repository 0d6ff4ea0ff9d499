//! `doctor`: what this machine can run, how fast, and what is missing.

use crate::World;
use crate::bench;
use crate::cli::{Arguments, print};
use crate::machine::Machine;
use crate::read::Common;
use crate::weights::{Store, of_volumes};
use base::words::{catalogue, doctor as words};
use base::{Result, Text};
use kernels::{Epilogue, Isa, Pool};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};
use zoo::{Compute, SYSTEMS, VOLUME_SYSTEMS};

/// Time for each measurement: five of them make the ten seconds.
const SPAN: Duration = Duration::from_millis(1800);
/// Side of the square matrices: 1024³ products take a core some 20 ms, and the operands 12 MiB.
const SIDE: usize = 1024;
/// Bytes copied at a time: several times the last level of caches.
const COPIED: usize = 256 << 20;
/// Below this large volumes may not fit.
const ENOUGH_RAM_GB: f32 = 15.5;

/// One measurement.
struct Speed {
    id: &'static str,
    what: Text,
    value: f64,
    unit: &'static str,
}

/// `doctor [--json]`.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let machine = Machine::read();
    let store = Store::open(typed.value("--store"), world).ok();
    let films = SYSTEMS
        .iter()
        .filter(|system| system.own_weights().is_none())
        .filter(|system| store.as_ref().and_then(|store| store.held(system.card().id)).is_none());
    let elsewhere = VOLUME_SYSTEMS.iter().filter(|system| !system.has_own_weights());
    let volumes = elsewhere.filter(|system| {
        store.as_ref().and_then(|store| of_volumes(store, &system.card())).is_none()
    });
    let missing = missing(&machine, films.count() + volumes.count());
    let speeds = speeds(common)?;
    if common.json {
        return print(
            out,
            &format!("{:#}\n", as_json(&machine, store.as_ref(), &missing, &speeds)),
        );
    }
    let lang = common.lang;
    let unknown = || words::UNKNOWN.get(lang).to_owned();
    let sets: Vec<&str> = Isa::available().iter().map(|isa| isa.name()).collect();
    let gpus: Vec<String> =
        machine.gpus.iter().map(|gpu| format!("{} {:.0} GB", gpu.name, gpu.memory_gb)).collect();
    let memory = machine.ram_gb.map(|gb| words::memory(gb, machine.free_gb).get(lang).to_owned());
    let lines: [(&Text, String); 8] = [
        (&words::PROGRAM, concat!("consilium ", env!("CARGO_PKG_VERSION")).to_owned()),
        (&words::PROCESSOR, machine.processor.clone().unwrap_or_else(unknown)),
        (&words::CORES, machine.cores.to_string()),
        (&words::MEMORY, memory.unwrap_or_else(unknown)),
        (&words::INSTRUCTION_SET, kernels::cpu_name().to_owned()),
        (&words::INSTRUCTION_SETS, sets.join(", ")),
        (
            &words::GPUS,
            if gpus.is_empty() { words::NONE.get(lang).into() } else { gpus.join(", ") },
        ),
        (&words::STORE, store.map_or_else(unknown, |store| store.root().display().to_string())),
    ];
    let colon = catalogue::COLON.get(lang);
    let mut text = String::new();
    for (label, value) in lines {
        let _ = writeln!(text, "{}{colon}{value}", label.get(lang));
    }
    let _ = writeln!(text, "\n{}", words::SPEED.get(lang));
    for speed in &speeds {
        let _ =
            writeln!(text, "  {}{colon}{:.1} {}", speed.what.get(lang), speed.value, speed.unit);
    }
    let _ = writeln!(text, "\n{}", words::MISSING.get(lang));
    if missing.is_empty() {
        let _ = writeln!(text, "  {}", words::NOTHING_MISSING.get(lang));
    }
    for line in &missing {
        let _ = writeln!(text, "  {}", line.get(lang));
    }
    print(out, &text)
}

fn missing(machine: &Machine, without_weights: usize) -> Vec<Text> {
    let mut missing = Vec::new();
    if !machine.gpus.is_empty() {
        missing.push(words::GPU_UNUSED.clone());
    }
    if Isa::available().len() < 2 {
        missing.push(words::SLOW_SET.clone());
    }
    if machine.ram_gb.is_some_and(|gb| gb < ENOUGH_RAM_GB) {
        missing.push(words::LITTLE_MEMORY.clone());
    }
    if without_weights > 0 {
        missing.push(words::no_weights(without_weights, SYSTEMS.len() + VOLUME_SYSTEMS.len()));
    }
    missing
}

fn speeds(common: &Common) -> Result<Vec<Speed>> {
    let (one, all) = (Pool::new(1), Pool::new(common.threads));
    let mut speeds = vec![
        Speed {
            id: "gemm_one_core",
            what: words::ONE_CORE.clone(),
            value: gemm(&one),
            unit: "GFLOP/s",
        },
        Speed {
            id: "gemm_all_cores",
            what: words::ALL_CORES.clone(),
            value: gemm(&all),
            unit: "GFLOP/s",
        },
        Speed { id: "copy", what: words::COPY.clone(), value: copied(), unit: "GB/s" },
    ];
    if let Some(system) = SYSTEMS.first() {
        let compute = Compute::new(all);
        // As many runs as fit into the span, from one to start with.
        let once = bench::measure(*system, 1, &compute)?;
        let runs = (SPAN.as_secs_f64() / once.min_s.max(1e-3)) as usize;
        let measured = bench::measure(*system, runs.clamp(1, 50), &compute)?;
        let what = words::network(&system.card().name);
        speeds.push(Speed { id: "classifier", what, value: measured.median_s * 1e3, unit: "ms" });
    }
    Ok(speeds)
}

/// The fastest of the runs that fit into the span.
fn fastest(mut run: impl FnMut()) -> f64 {
    run();
    let started = Instant::now();
    let mut least = f64::INFINITY;
    while started.elapsed() < SPAN {
        let begun = Instant::now();
        run();
        least = least.min(begun.elapsed().as_secs_f64());
    }
    least
}

/// Billions of multiplications and additions a second.
fn gemm(pool: &Pool) -> f64 {
    // Weights as a layer keeps them; no half-precision numbers, which would be kept otherwise.
    let factor = vec![0.3f32; SIDE * SIDE];
    let packed = kernels::pack_weights(SIDE, SIDE, &factor, false, false);
    let mut product = vec![0.0f32; SIDE * SIDE];
    let epilogue = Epilogue::default();
    let seconds = fastest(|| kernels::gemm(pool, SIDE, &factor, &packed, &epilogue, &mut product));
    black_box(&product);
    2.0 * (SIDE as f64).powi(3) / seconds / 1e9
}

/// Billions of bytes a second, read and written, on one core.
fn copied() -> f64 {
    let from = vec![1u8; COPIED];
    let mut to = vec![0u8; COPIED];
    let seconds = fastest(|| {
        to.copy_from_slice(black_box(&from));
        black_box(&to);
    });
    2.0 * COPIED as f64 / seconds / 1e9
}

fn as_json(machine: &Machine, store: Option<&Store>, missing: &[Text], speeds: &[Speed]) -> Value {
    let gpus: Vec<Value> = machine
        .gpus
        .iter()
        .map(|gpu| json!({ "name": gpu.name, "memory_gb": gpu.memory_gb }))
        .collect();
    let sets: Vec<&str> = Isa::available().iter().map(|isa| isa.name()).collect();
    let speeds: Vec<Value> = speeds
        .iter()
        .map(|speed| json!({ "id": speed.id, "value": speed.value, "unit": speed.unit }))
        .collect();
    let missing: Vec<Value> =
        missing.iter().map(|text| json!({ "en": text.en(), "zh": text.zh() })).collect();
    json!({
        "schema": "consilium.doctor/1",
        "version": env!("CARGO_PKG_VERSION"),
        "processor": machine.processor,
        "cores": machine.cores,
        "ram_gb": machine.ram_gb,
        "free_gb": machine.free_gb,
        "gpus": gpus,
        "instruction_set": kernels::cpu_name(),
        "instruction_sets": sets,
        "store": store.map(Store::root),
        "speeds": speeds,
        "missing": missing,
    })
}
