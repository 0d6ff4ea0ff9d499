//! `--help`, made from what is declared.

use super::declared::{self, COMMANDS, Command};
use base::Lang;
use base::words::cli as words;
use std::fmt::Write;

/// Help of one command, or of the program.
pub(super) fn text(command: &str, lang: Lang) -> String {
    match declared::command(command) {
        Some(command) => of_command(command, lang),
        None => of_program(lang),
    }
}

fn of_program(lang: Lang) -> String {
    let mut out = format!("{}\n\n{}\n", words::PROGRAM.get(lang), words::USAGE_TITLE.get(lang));
    out += "  consilium COMMAND [--help]\n\n";
    out += words::COMMANDS_TITLE.get(lang);
    out.push('\n');
    for command in COMMANDS {
        let _ = writeln!(out, "  {:12}{}", command.name, first_sentence(command.about.get(lang)));
    }
    let _ = write!(out, "\n{}\n", words::EXIT_CODES.get(lang));
    out
}

/// What a text says first, on one line: up to a colon, semicolon or full stop.
fn first_sentence(text: &str) -> String {
    let joined = text.lines().collect::<Vec<_>>().join(if text.is_ascii() { " " } else { "" });
    let end =
        [": ", "; ", ". ", "：", "；", "。"].iter().filter_map(|stop| joined.find(stop)).min();
    let first = end.map_or(joined.as_str(), |end| &joined[..end]);
    first.trim_end_matches('.').to_string()
}

fn of_command(command: &Command, lang: Lang) -> String {
    let mut out = format!("{}\n\n{}\n", command.about.get(lang), words::USAGE_TITLE.get(lang));
    let line = format!("consilium {} {} […]", command.name, command.arguments);
    let _ = write!(out, "  {}\n\n{}\n", line.replace("  ", " "), words::FLAGS_TITLE.get(lang));
    for flag in command.flags {
        let short = flag.short.map_or("    ".into(), |short| format!("-{short}, "));
        let name = format!("{short}{} {}", flag.name, flag.value.unwrap_or(""));
        let mut lines = flag.about.get(lang).lines();
        let _ = writeln!(out, "  {name:30} {}", lines.next().unwrap_or(""));
        lines.for_each(|line| {
            let _ = writeln!(out, "  {:30} {line}", "");
        });
    }
    if !command.examples.is_empty() {
        let _ = write!(out, "\n{}\n", words::EXAMPLES_TITLE.get(lang));
        command.examples.iter().for_each(|example| {
            let _ = writeln!(out, "  {example}");
        });
    }
    let _ = write!(out, "\n{}\n", words::EXIT_CODES.get(lang));
    out
}
