//! What a weights file is: container, tensors, and the systems it can belong to.

use crate::read::Common;
use base::words::cli as words;
use base::{Result, Text};
use engine::weights::{Checkpoint, Limits};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

/// The description, one JSON line or several lines of text; `None` when the file is no checkpoint.
/// A file that begins like a checkpoint and is broken is an error.
pub(super) fn inspect(path: &Path, common: &Common) -> Result<Option<String>> {
    let checkpoint = match Checkpoint::open(path, &Limits::default()) {
        Ok(checkpoint) => checkpoint,
        Err(error) if begins_like_one(path) => return Err(zoo::translate(error).at(path)),
        Err(_) => return Ok(None),
    };
    let fits: Vec<&str> = zoo::identify(path).iter().map(|system| system.card().id).collect();
    let (mut tensors, mut values) = (0, 0u64);
    for entry in checkpoint.names().filter_map(|name| checkpoint.entry(name)) {
        tensors += 1;
        values += entry.count() as u64;
    }
    if common.json {
        let facts = json!({
            "name": path.file_name().map(|name| name.to_string_lossy()),
            "format": checkpoint.container(),
            "sha256": checkpoint.sha256(),
            "tensors": tensors,
            "values": values,
            "fits": fits,
            "notes": checkpoint.notes().iter().map(|note| json!({ "text": { "en": note } })).collect::<Vec<Value>>(),
        });
        return Ok(Some(format!("{facts}\n")));
    }
    let lang = common.lang;
    let fitting = match fits[..] {
        [] => words::FITS_NONE.get(lang).to_owned(),
        _ => fits.join(", "),
    };
    let lines: [(&Text, String); 5] = [
        (&words::FORMAT, checkpoint.container().to_owned()),
        (&words::TENSORS, tensors.to_string()),
        (&words::VALUES, values.to_string()),
        (&words::FITS, fitting),
        (&words::SHA256, checkpoint.sha256().to_owned()),
    ];
    let mut text = format!("{}\n  {}\n", path.display(), words::IS_WEIGHTS.get(lang));
    for (label, value) in lines {
        let _ = writeln!(text, "  {}: {value}", label.get(lang));
    }
    for note in checkpoint.notes() {
        let _ = writeln!(text, "  {}: {note}", words::WARNING.get(lang));
    }
    Ok(Some(text))
}

/// ZIP, the pickle protocols PyTorch wrote (2 to 4), or the header of safetensors.
fn begins_like_one(path: &Path) -> bool {
    let mut head = [0; 9];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok()
        && match head {
            [b'P', b'K', 3, 4, ..] | [0x80, 2..=4, ..] => true,
            [.., 0, 0, 0, 0, b'{'] => true,
            _ => false,
        }
}
