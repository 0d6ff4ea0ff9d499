//! What was typed, against what is declared.

use super::declared::{self, COMMANDS, Command, Flag};
use base::words::cli as words;
use base::{Error, Kind, Lang, Result, nearest};
use lexopt::{Arg, ValueExt};
use std::ffi::OsString;

/// What was typed: a command, flags with their values, and the rest.
#[derive(Debug, Default, PartialEq)]
pub struct Parsed {
    /// The command; empty when none was given.
    pub command: String,
    /// Everything that is no flag.
    pub free: Vec<String>,
    flags: Vec<(&'static str, Option<String>)>,
}

impl Parsed {
    /// The flag was given.
    pub fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|(flag, _)| *flag == name)
    }

    /// The last value given to a flag.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.flags.iter().rev().find(|(flag, _)| *flag == name)?.1.as_deref()
    }

    /// All values given to a flag, in order.
    pub fn values(&self, name: &str) -> Vec<String> {
        let given = self.flags.iter().filter(|(flag, _)| *flag == name);
        given.filter_map(|(_, value)| value.clone()).collect()
    }

    /// All values, split at commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        let values = self.values(name);
        let parts = values.iter().flat_map(|value| value.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The last value as a whole number.
    pub fn number(&self, name: &'static str) -> Result<Option<usize>> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = value.parse().ok().filter(|&n| (1..=1024).contains(&n));
        number.map(Some).ok_or_else(|| Error::new(Kind::Usage, words::not_a_number(name, value)))
    }
}

/// The language asked for with `--lang`, found before anything else so that errors are in it.
pub(super) fn language(arguments: &[OsString]) -> Option<Lang> {
    let mut language = None;
    for (index, argument) in arguments.iter().enumerate() {
        let Some(argument) = argument.to_str() else { continue };
        let value = match argument.strip_prefix("--lang=") {
            Some(value) => Some(value),
            None if argument == "--lang" => arguments.get(index + 1).and_then(|next| next.to_str()),
            None => None,
        };
        language = value.and_then(Lang::parse).or(language);
    }
    language
}

/// Errors of kind `Usage` name what was wrong and what exists.
pub(super) fn parse(arguments: Vec<OsString>) -> Result<Parsed> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut parsed = Parsed::default();
    let mut command: Option<&Command> = None;
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Arg::Value(value) => {
                let value = value.string().map_err(usage)?;
                match command {
                    None => {
                        let found = declared::command(&value);
                        command = Some(found.ok_or_else(|| unknown_command(&value))?);
                        parsed.command = value;
                    }
                    Some(_) => parsed.free.push(value),
                }
            }
            // As every program has it: the same as the command.
            Arg::Long("version") | Arg::Short('V') if command.is_none() => {
                command = declared::command("version");
                parsed.command = "version".into();
            }
            Arg::Long(name) => {
                let flag = flag(command, &format!("--{name}"))?;
                let value = value_of(flag, &mut parser)?;
                parsed.flags.push((flag.name, value));
            }
            Arg::Short(letter) => {
                let all = flags_of(command);
                let found = all.into_iter().find(|flag| flag.short == Some(letter));
                let flag = found.ok_or_else(|| unknown_flag(command, &format!("-{letter}")))?;
                let value = value_of(flag, &mut parser)?;
                parsed.flags.push((flag.name, value));
            }
        }
    }
    if let Some(lang) = parsed.value("--lang").filter(|lang| Lang::parse(lang).is_none()) {
        return Err(Error::new(Kind::Usage, words::unknown_language(lang)));
    }
    Ok(parsed)
}

fn value_of(flag: &Flag, parser: &mut lexopt::Parser) -> Result<Option<String>> {
    if flag.value.is_none() {
        return Ok(None);
    }
    let value = parser.value().and_then(|value| value.string());
    value.map(Some).map_err(|_| Error::new(Kind::Usage, words::needs_value(flag.name)))
}

/// The command's flags; before a command, those of all commands.
fn flags_of(command: Option<&Command>) -> Vec<&'static Flag> {
    match command {
        Some(command) => command.flags.to_vec(),
        None => COMMANDS.iter().flat_map(|command| command.flags).copied().collect(),
    }
}

fn flag(command: Option<&Command>, name: &str) -> Result<&'static Flag> {
    let found = flags_of(command).into_iter().find(|flag| flag.name == name);
    found.ok_or_else(|| unknown_flag(command, name))
}

fn unknown_flag(command: Option<&Command>, name: &str) -> Error {
    let names = flags_of(command).into_iter().map(|flag| flag.name);
    let error = Error::new(Kind::Usage, words::unknown_flag(name));
    match nearest(name, names) {
        Some(near) => error.hint(words::did_you_mean(near)),
        None => error.hint(words::see_help(command.map_or("", |command| command.name))),
    }
}

fn unknown_command(name: &str) -> Error {
    let names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
    let error = Error::new(Kind::Usage, words::unknown_command(name, &names.join(", ")));
    match nearest(name, names) {
        Some(near) => error.hint(words::did_you_mean(near)),
        None => error,
    }
}

fn usage(error: lexopt::Error) -> Error {
    Error::new(Kind::Usage, words::usage(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(line: &str) -> Result<Parsed> {
        parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn flags_may_stand_anywhere_and_repeat() {
        let parsed = typed("read a.dcm --model x,y -w 1.pt b.png --weights y=2.pt -v").unwrap();
        assert_eq!(parsed.command, "read");
        assert_eq!(parsed.free, ["a.dcm", "b.png"]);
        assert_eq!(parsed.list("--model"), ["x", "y"]);
        assert_eq!(parsed.values("--weights"), ["1.pt", "y=2.pt"]);
        assert!(parsed.has("--verbose") && !parsed.has("--json"));
    }

    #[test]
    fn the_version_is_a_flag_too() {
        assert_eq!(typed("--version").unwrap().command, "version");
        assert_eq!(typed("-V --lang zh").unwrap().command, "version");
    }

    #[test]
    fn what_is_wrong_is_said_with_what_was_probably_meant() {
        let error = |line: &str| typed(line).unwrap_err().render(Lang::En);
        assert!(error("raed x").contains("read"), "{}", error("raed x"));
        assert!(error("read x --wieghts y").contains("--weights"));
        assert!(error("read x --weights").contains("--weights"));
        assert!(error("read x --lang fr").contains("fr"));
        assert!(typed("read x --threads 0").unwrap().number("--threads").is_err());
    }

    #[test]
    fn the_language_is_known_before_the_rest_is_understood() {
        let words = ["--nonsense", "--lang", "zh"].map(OsString::from);
        assert_eq!(language(&words), Some(Lang::Zh));
        assert_eq!(language(&["--lang=en".into()]), Some(Lang::En));
        assert_eq!(language(&["read".into()]), None);
    }
}
