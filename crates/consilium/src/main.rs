//! The binary: reads the environment, runs the command, turns the outcome into an exit code.

use consilium::Disk;
use consilium::cli;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let variables = ["CONSILIUM_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];
    let locale = variables.iter().filter_map(|name| std::env::var(name).ok()).find(|v| !v.is_empty());
    let terminal = std::io::stderr().is_terminal();
    let mut stdout = std::io::stdout().lock();
    let outcome = cli::run(
        std::env::args_os().skip(1).collect(),
        locale.as_deref().unwrap_or(""),
        terminal,
        &Disk,
        &mut stdout,
    );
    // A reader that went away is no error.
    let _ = stdout.flush();
    ExitCode::from(outcome)
}
