//! `models export`: the survey written anew, from the catalogue, in one language.

mod doc;
mod html;
mod md;
mod survey;

use crate::World;
use crate::cli::{Arguments, print};
use crate::read::{Common, write_file};
use base::words::catalogue as words;
use base::{Error, Kind, Lang, Result};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

/// A file of measurements that is larger is not looked into.
const MOST_BENCH_BYTES: u64 = 16 << 20;

/// A file of `bench`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurements {
    /// Networks by id.
    pub networks: BTreeMap<String, Measured>,
    /// Processor, cores, memory in GB, instruction set, threads, day: as far as the file says them.
    pub machine: Vec<String>,
}

/// What `bench` measured of one network.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Median seconds of a run.
    pub seconds: f64,
    /// Peak memory of the process in MiB.
    pub peak_mib: Option<f64>,
}

/// `models export [--lang en|zh] [--format md|html] [--bench FILE] [--out FILE]`.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let measured = typed
        .value("--bench")
        .map(|path| measurements(Path::new(path), common.lang))
        .transpose()?;
    let blocks = survey::blocks(&measured.unwrap_or_default(), common.lang);
    let text = match typed.value("--format") {
        None | Some("md") => md::text(&blocks),
        Some("html") => html::text(&blocks, common.lang),
        Some(other) => {
            let text = words::unknown_word("--format", other, "md, html");
            return Err(Error::new(Kind::Usage, text));
        }
    };
    match typed.value("--out") {
        None => print(out, &text),
        Some(path) => {
            let path = Path::new(path);
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder {
                let failed = |error| crate::read::io_error(&error, folder);
                world.make_folder(folder).map_err(failed)?;
            }
            write_file(world, path, text.as_bytes())
        }
    }
}

/// From a file of `consilium bench --json`.
fn measurements(path: &Path, lang: Lang) -> Result<Measurements> {
    let broken = || Error::new(Kind::BrokenInput, words::no_bench()).at(path);
    let failed = |error| Error::new(Kind::Io, base::words::cli::cannot_read(&error)).at(path);
    if std::fs::metadata(path).map_err(failed)?.len() > MOST_BENCH_BYTES {
        return Err(broken());
    }
    let text = std::fs::read(path).map_err(failed)?;
    let value: Value = serde_json::from_slice(&text).map_err(|_| broken())?;
    let networks = value["networks"].as_array().ok_or_else(broken)?;
    let mut found = Measurements { machine: machine(&value, lang), ..Measurements::default() };
    for network in networks {
        let (id, seconds) = (network["id"].as_str(), network["median_s"].as_f64());
        let (Some(id), Some(seconds)) = (id, seconds) else { return Err(broken()) };
        let peak_mib = network["peak_mib"].as_f64();
        found.networks.insert(id.to_owned(), Measured { seconds, peak_mib });
    }
    Ok(found)
}

/// What the file says of the machine and the day.
fn machine(value: &Value, lang: Lang) -> Vec<String> {
    let of = &value["machine"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let day = text(&value["date"]).and_then(|date| date.get(..10).map(str::to_owned));
    let said = |text: base::Text| text.get(lang).to_owned();
    [
        text(&of["processor"]),
        of["cores"].as_u64().map(|n| said(words::cores(n))),
        of["ram_gb"].as_f64().map(|gb| format!("{gb:.0} GB")),
        text(&of["instruction_set"]),
        of["threads"].as_u64().map(|n| said(words::threads(n))),
        day,
    ]
    .into_iter()
    .flatten()
    .collect()
}
