//! An ONNX file run on arrays.

use super::{arrays, needed, profile, timing};
use crate::World;
use crate::cli::{Arguments, print};
use crate::npy;
use crate::read::{Common, write_file};
use base::Result;
use base::words::infer as words;
use engine::Array;
use engine::onnx::{Model, Session, SessionOptions};
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

/// `infer GRAPH.onnx --input X.npy --output Y.npy`.
#[allow(clippy::print_stderr)]
pub(super) fn run(
    world: &dyn World,
    path: &Path,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    needed(typed, "--output")?;
    let repeat = typed.number("--repeat")?;
    let model = Model::open(path).map_err(zoo::translate_graph)?;
    let ports = model.inputs().to_vec();
    let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
    let outputs: Vec<String> = model.outputs().iter().map(|port| port.name.clone()).collect();
    let output_names: Vec<&str> = outputs.iter().map(String::as_str).collect();
    let destinations = arrays::assign(&typed.values("--output"), &output_names)?;

    // Inputs without a stored value come first for paths without a name.
    let mut order: Vec<usize> = (0..ports.len()).collect();
    order.sort_by_key(|index| ports[*index].optional);
    let ordered: Vec<&str> = order.iter().map(|index| names[*index]).collect();
    let mut inputs: Vec<(&str, Array)> = Vec::new();
    for (place, file) in arrays::assign(&typed.values("--input"), &ordered)? {
        let port = &ports[order[place]];
        let array = arrays::fit(arrays::read(&file)?, port).map_err(|error| error.at(&file))?;
        inputs.push((&port.name, array));
    }
    if let Some((pairs, integer)) = model.quantized() {
        eprintln!("{}", words::quantized(pairs, integer).get(common.lang));
    }
    let lasting = repeat.is_some();
    let options = SessionOptions { lasting, ..common.compute().session_options() };
    let mut session = Session::new(model, options);
    let failed = |error: engine::Error| zoo::translate_graph(error.at(path));
    let results = session.run(&inputs).map_err(failed)?;
    if let Some(plan) = session.summary().filter(|_| common.verbose) {
        let mib = plan.piece_bytes >> 20;
        let text = words::plan(plan.nodes, plan.folded, plan.compiled, plan.pieces, mib);
        eprintln!("{}", text.get(common.lang));
    }
    let times =
        repeat.map(|n| timing(n, || session.run(&inputs).map(drop).map_err(failed))).transpose()?;
    for (index, file) in destinations {
        write_file(world, &file, &npy::encode(&results[index].1))?;
    }
    if let Some(times) = times {
        print(out, &times.text(world, common.lang))?;
    }
    if typed.has("--profile") {
        let (_, times) = session.run_timed(&inputs).map_err(failed)?;
        print(out, &profile::table(&times, common.lang))?;
    }
    Ok(())
}

/// The table of operations, as text or JSON.
pub(super) fn operations(common: &Common) -> String {
    let operations = engine::onnx::operations();
    if common.json {
        let rows: Vec<_> = operations
            .iter()
            .map(|(domain, name)| serde_json::json!({ "domain": domain, "name": name }))
            .collect();
        return format!("{}\n", serde_json::Value::Array(rows));
    }
    let mut text = format!("{} ({})\n", words::OPS_TITLE.get(common.lang), operations.len());
    let mut domains: Vec<&str> = operations.iter().map(|(domain, _)| *domain).collect();
    domains.dedup();
    for domain in domains {
        let _ = write!(text, "\n{}\n", if domain.is_empty() { "ai.onnx" } else { domain });
        let names: Vec<&str> =
            operations.iter().filter(|(of, _)| *of == domain).map(|(_, name)| *name).collect();
        let mut line = String::from(" ");
        for name in names {
            if line.len() + name.len() > 96 {
                let _ = writeln!(text, "{line}");
                line = String::from(" ");
            }
            let _ = write!(line, " {name}");
        }
        let _ = writeln!(text, "{line}");
    }
    text
}
