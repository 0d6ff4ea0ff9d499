//! `bench peers`: this program and the runtimes people use instead, timed in turn on one machine. The peers are Python packages, so
//! the timing lies with a script of the source tree, which installs them on its own; this finds the script and starts it.

use crate::cli::Arguments;
use crate::read::Common;
use base::words::bench as words;
use base::{Error, Kind, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the script lies in the source tree.
const SCRIPT: &str = "tools/bench/peers.py";
/// Interpreters that are tried, in this order.
const PYTHONS: [&str; 2] = ["python3", "python"];

/// Runs the script with this program; its lines go straight to the terminal.
pub fn run(parsed: &Arguments, common: &Common) -> Result<()> {
    let networks = parsed.free.get(1..).unwrap_or_default();
    let script = match parsed.value("--tools") {
        Some(folder) => Some(Path::new(folder).join("peers.py")).filter(|path| path.is_file()),
        None => find_script(),
    };
    let script = script.ok_or_else(|| Error::new(Kind::Usage, words::no_script(SCRIPT)))?;
    let program =
        std::env::current_exe().map_err(|error| Error::new(Kind::Io, words::no_program(&error)))?;
    let python = parsed.value("--python").map(str::to_owned);
    let mut tried = python.into_iter().chain(PYTHONS.map(str::to_owned));
    let failed = |error: &std::io::Error| Error::new(Kind::Io, words::no_python(error));
    loop {
        let Some(python) = tried.next() else {
            return Err(failed(&std::io::ErrorKind::NotFound.into()));
        };
        let mut command = Command::new(&python);
        command.arg(&script).arg("--consilium").arg(&program);
        command.args(["--threads", &common.threads.to_string()]);
        for flag in ["--batch", "--write"] {
            if let Some(value) = parsed.value(flag) {
                command.args([flag, value]);
            }
        }
        match command.args(networks).status() {
            Ok(status) if status.success() => return Ok(()),
            Ok(_) => return Err(Error::new(Kind::Io, words::SCRIPT_FAILED.clone())),
            Err(error)
                if error.kind() == std::io::ErrorKind::NotFound
                    && parsed.value("--python").is_none() => {}
            Err(error) => return Err(failed(&error)),
        }
    }
}

/// In the current folder or one above it.
fn find_script() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    here.ancestors().map(|folder| folder.join(SCRIPT)).find(|path| path.is_file())
}
