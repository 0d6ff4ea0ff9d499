//! `bench --tune`: the costs by which convolutions choose their algorithm, measured on this machine, kept in a file of the user and used
//! by every later run.
//!
//! ```toml
//! [avx512]            # one table for each instruction set that was measured
//! fill = 15.0         # entries of kernels::ConvCosts
//! ```

use crate::World;
use crate::cli::{Arguments, print};
use crate::read::Common;
use base::words::tune as words;
use base::{Error, Kind, Result};
use kernels::{ConvCosts, TunedConv, conv_costs, cpu_name, set_conv_costs, tune_conv};
use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Names a file of costs, or `none`.
const VARIABLE: &str = "CONSILIUM_COSTS";
/// Most bytes of a file of costs.
const LONGEST: u64 = 64 << 10;

/// Measures, writes the file and says what changed.
pub fn run(
    world: &dyn World,
    parsed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let path = match parsed.value("--write") {
        Some(path) => PathBuf::from(path),
        None => default_file().ok_or_else(|| Error::new(Kind::Usage, words::NO_PLACE))?,
    };
    let bar = common.progress.then(|| indicatif::ProgressBar::new(0));
    let tuned = tune_conv(|done, all| {
        if let Some(bar) = &bar {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
        }
    });
    bar.inspect(|bar| bar.finish_and_clear());
    let others = std::fs::read_to_string(&path).ok();
    let others = others.and_then(|text| text.parse::<toml::Table>().ok());
    let text = table(others.unwrap_or_default(), &tuned, common);
    let failed = |error: &std::io::Error| Error::new(Kind::Io, words::no_file(error)).at(&path);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        world.make_folder(folder).map_err(|error| failed(&error))?;
    }
    let mut aside = path.clone().into_os_string();
    aside.push(".part");
    let aside = PathBuf::from(aside);
    let written = world.write(&aside, text.as_bytes()).and_then(|()| world.rename(&aside, &path));
    if let Err(error) = written {
        let _ = world.remove_file(&aside);
        return Err(failed(&error));
    }
    let found = words::found(cpu_name(), tuned.speed * 1e-9, tuned.layers, tuned.changed);
    let lines = [found, words::written(&path.display())];
    lines.iter().try_for_each(|line| print(out, &format!("{}\n", line.get(common.lang))))
}

/// The file with this instruction set's table put in, those of others kept.
fn table(mut tables: toml::Table, tuned: &TunedConv, common: &Common) -> String {
    let entries = ConvCosts::NAMES.iter().zip(tuned.costs.to_array());
    let rounded = |cost: f64| toml::Value::Float((cost * 100.0).round() / 100.0);
    let entries = entries.map(|(name, cost)| ((*name).to_string(), rounded(cost))).collect();
    tables.insert(cpu_name().to_string(), toml::Value::Table(entries));
    let mut text = format!("# {}\n", words::FILE_HEAD.get(common.lang));
    for (isa, entries) in &tables {
        // Only what a reader takes for a table of costs is kept.
        let Some(costs) = costs_of(entries) else { continue };
        let _ = writeln!(text, "\n[{isa:?}]");
        for (name, cost) in ConvCosts::NAMES.iter().zip(costs.to_array()) {
            let _ = writeln!(text, "{name} = {cost:.2}");
        }
    }
    text
}

/// Makes this process use the costs that the user measured, if any: those of `CONSILIUM_COSTS`, else the user's own file where it exists.
pub fn use_measured_costs() -> Result<()> {
    let named = std::env::var_os(VARIABLE).filter(|value| !value.is_empty());
    let path = match &named {
        Some(value) if value == "none" => return Ok(()),
        Some(value) => PathBuf::from(value),
        None => match default_file().filter(|path| path.is_file()) {
            Some(path) => path,
            None => return Ok(()),
        },
    };
    if let Some(costs) = read(&path, cpu_name())? {
        set_conv_costs(costs);
    }
    Ok(())
}

/// What a run's record says of costs that were measured.
pub fn setting() -> Option<(String, String)> {
    let costs = conv_costs();
    let written = ConvCosts::NAMES.iter().zip(costs.to_array());
    let written: Vec<String> = written.map(|(name, cost)| format!("{name} {cost}")).collect();
    (costs != ConvCosts::default()).then(|| ("convolution-costs".into(), written.join(", ")))
}

/// The costs of an instruction set in a file; `None` where it was not measured.
fn read(path: &Path, isa: &str) -> Result<Option<ConvCosts>> {
    let wrong = || Error::new(Kind::BrokenInput, words::NOT_COSTS).at(path).hint(words::TUNE_AGAIN);
    let failed = |error: std::io::Error| {
        Error::new(Kind::Io, words::no_file(&error)).at(path).hint(words::TUNE_AGAIN)
    };
    if std::fs::metadata(path).map_err(failed)?.len() > LONGEST {
        return Err(wrong());
    }
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let tables: toml::Table = text.parse().map_err(|_| wrong())?;
    tables.get(isa).map(|entries| costs_of(entries).ok_or_else(wrong)).transpose()
}

/// Entries that the first tables did not have.
const LATER: [&str; 2] = ["tile", "split"];

fn costs_of(entries: &toml::Value) -> Option<ConvCosts> {
    let entries = entries.as_table()?;
    let mut costs = ConvCosts::default().to_array();
    for (cost, name) in costs.iter_mut().zip(ConvCosts::NAMES) {
        let entry = match entries.get(name) {
            Some(entry) => entry,
            // An older version did not know it: the built-in one.
            None if LATER.contains(&name) => continue,
            None => return None,
        };
        *cost = entry.as_float().or_else(|| entry.as_integer().map(|n| n as f64))?;
    }
    ConvCosts::from_array(costs)
}

/// `consilium/costs.toml` where this user's programs keep their settings.
fn default_file() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let settings = folder("XDG_CONFIG_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".config")))
        .or_else(|| folder("APPDATA"))?;
    Some(settings.join("consilium").join("costs.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Option<ConvCosts>> {
        let folder = testkit::temp_dir("costs");
        let path = folder.join("costs.toml");
        std::fs::write(&path, text).unwrap();
        read(&path, "avx512")
    }

    #[test]
    fn what_is_written_is_read_again_and_other_tables_stay() {
        let entries = [15.25, 21.0, 16.0, 14.5, 10.5, 0.75, 1.06, 0.5, 60.0];
        let costs = ConvCosts::from_array(entries).unwrap();
        let lines = |costs: ConvCosts| {
            let pairs = ConvCosts::NAMES.iter().zip(costs.to_array());
            pairs.map(|(name, cost)| format!("{name} = {cost}\n")).collect::<String>()
        };
        let text = format!("[avx512]\n{}[neon]\n{}", lines(costs), lines(ConvCosts::default()));
        assert_eq!(read_text(&text).unwrap(), Some(costs));
        assert_eq!(read_text(&text.replace("avx512", "portable")).unwrap(), None);
        assert_eq!(read_text("").unwrap(), None);
        // A version that knew fewer entries.
        let known = lines(ConvCosts { fill: 3.0, tile: 0.2, ..ConvCosts::default() });
        let known = known.lines().filter(|line| !LATER.iter().any(|name| line.starts_with(name)));
        let older = known.collect::<Vec<_>>().join("\n");
        let older = read_text(&format!("[avx512]\n{older}\n")).unwrap();
        assert_eq!(older, Some(ConvCosts { fill: 3.0, ..ConvCosts::default() }));
    }

    #[test]
    fn a_file_that_is_no_table_of_costs_is_an_error_with_a_way_out() {
        for text in [
            "[avx512]\nfill = 3\n",
            "[avx512]\nfill = -1\n",
            "[avx512]\nfill = \"x\"\n",
            "[avx512",
            "avx512 = 3",
        ] {
            let error = read_text(text).unwrap_err();
            assert!(error.hint_text().is_some() && error.path().is_some(), "{text}");
        }
    }
}
