//! What an ONNX file is: who wrote it, its operator set, what it takes and gives.

use crate::read::Common;
use base::Result;
use base::words::{cli as words, infer};
use engine::onnx::{Model, Port};
use report::text::visible;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// The description, one JSON line or several lines of text; `None` when the name does not end in
/// `.onnx`. A broken file is an error.
pub(super) fn inspect(path: &Path, common: &Common) -> Result<Option<String>> {
    if !path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("onnx")) {
        return Ok(None);
    }
    let model = Model::open(path).map_err(zoo::translate_graph)?;
    let said = |ports: &[Port]| -> Vec<String> {
        ports
            .iter()
            .filter(|port| !port.optional)
            .map(|port| format!("{}: {port}", port.name))
            .collect()
    };
    let (inputs, outputs) = (said(model.inputs()), said(model.outputs()));
    if common.json {
        let facts = json!({
            "name": path.file_name().map(|name| name.to_string_lossy()),
            "format": "onnx",
            "sha256": model.sha256(),
            "producer": model.producer(),
            "opset": model.opset(),
            "nodes": model.node_count(),
            "inputs": inputs,
            "outputs": outputs,
        });
        return Ok(Some(format!("{facts}\n")));
    }
    let lang = common.lang;
    let mut text = format!("{}\n  {}\n", path.display(), infer::IS_GRAPH.get(lang));
    let lines = [
        (&infer::PRODUCER, model.producer().to_owned()),
        (&infer::OPSET, model.opset().to_string()),
        (&infer::NODES, model.node_count().to_string()),
        (&infer::INPUTS, inputs.join("; ")),
        (&infer::OUTPUTS, outputs.join("; ")),
        (&words::SHA256, model.sha256().to_owned()),
    ];
    // Names come from the file: no control character reaches the terminal.
    for (label, value) in lines {
        let _ = writeln!(text, "  {}: {}", label.get(lang), visible(&value));
    }
    Ok(Some(text))
}
