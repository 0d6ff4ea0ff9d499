//! The binary: reads the environment, runs the command, turns the outcome into an exit code.

use base::Lang;
use base::words::cli as words;
use consilium::Disk;
use consilium::cli;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let variables = ["CONSILIUM_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];
    let locale =
        variables.iter().filter_map(|name| std::env::var(name).ok()).find(|v| !v.is_empty());
    let locale = locale.unwrap_or_default();
    let lang = Lang::parse(&locale).unwrap_or_default();
    say_bugs_plainly(lang);
    end_cleanly_when_broken_off(lang);
    let outcome = std::panic::catch_unwind(|| {
        let mut stdout = std::io::stdout().lock();
        let terminal = std::io::stderr().is_terminal();
        let arguments = std::env::args_os().skip(1).collect();
        let outcome = cli::run(arguments, &locale, terminal, &Disk, &mut stdout);
        // A reader that went away is no error.
        let _ = stdout.flush();
        outcome
    });
    ExitCode::from(outcome.unwrap_or(1))
}

/// Ctrl-C, or being asked to end: what is half-written goes, then the process. The exit code is the
/// shells' 128 + SIGINT.
#[allow(clippy::print_stderr)]
fn end_cleanly_when_broken_off(lang: Lang) {
    // Without a handler the system ends the process; the next run clears up after it.
    let _ = ctrlc::set_handler(move || {
        consilium::read::break_off(|| {
            eprintln!("{}", words::BROKEN_OFF.get(lang));
            std::process::exit(130);
        });
    });
}

/// A panic is our fault; its message may quote the input, so only its place is shown.
#[allow(clippy::print_stderr)]
fn say_bugs_plainly(lang: Lang) {
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        eprintln!("{}{}", words::ERROR.get(lang), words::bug(&place).get(lang));
    }));
}
