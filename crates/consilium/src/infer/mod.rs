//! `infer`: one network on arrays, for comparing and timing.

mod arrays;
mod graph;
mod profile;
mod system;

use crate::World;
use crate::cli::{Arguments, print};
use crate::read::Common;
use base::words::{cli as words, infer};
use base::{Error, Kind, Lang, Result};
use std::io::Write;
use std::time::Instant;

/// `infer (GRAPH.onnx | --system ID --weights PATH) --input X.npy --output Y.npy [--repeat N]`.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    if typed.has("--ops") {
        return print(out, &graph::operations(common));
    }
    match (typed.free.as_slice(), typed.has("--system")) {
        ([graph], false) => graph::run(world, graph.as_ref(), typed, common, out),
        ([], true) => system::run(world, typed, common, out),
        ([], false) => Err(usage(infer::WHAT_TO_RUN.clone())),
        (_, true) => Err(usage(infer::ONE_OF_BOTH.clone())),
        ([_, second, ..], _) => Err(usage(infer::unexpected(second))),
    }
}

fn usage(text: base::Text) -> Error {
    Error::new(Kind::Usage, text).hint(words::see_help("infer"))
}

fn needed<'a>(typed: &'a Arguments, flag: &str) -> Result<&'a str> {
    typed.value(flag).ok_or_else(|| usage(words::flag_missing(flag)))
}

/// Median and least of some runs.
struct Timing {
    median_s: f64,
    min_s: f64,
}

impl Timing {
    fn text(&self, world: &dyn World, lang: Lang) -> String {
        let (median_ms, min_ms) = (self.median_s * 1e3, self.min_s * 1e3);
        let text = words::timing(median_ms, min_ms, world.peak_memory_mib());
        format!("{}\n", text.get(lang))
    }
}

/// Times `n` runs after one that warms up.
fn timing(n: usize, mut run: impl FnMut() -> Result<()>) -> Result<Timing> {
    run()?;
    let mut seconds = Vec::with_capacity(n);
    for _ in 0..n {
        let started = Instant::now();
        run()?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    Ok(Timing { median_s: (seconds[(n - 1) / 2] + seconds[n / 2]) / 2.0, min_s: seconds[0] })
}
