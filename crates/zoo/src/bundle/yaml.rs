//! YAML as plain data, event by event: no aliases, no tags, limited in depth and number.

use super::folder::Problem;
use base::words::bundle as words;
use engine::weights::Plain;
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::TScalarStyle;

/// How deep lists and tables may nest.
const MOST_DEEP: usize = 64;
/// Values of one file.
const MOST_VALUES: usize = 200_000;

/// A list or table under construction; of a table the key that waits for its value.
enum Open {
    List(Vec<Plain>),
    Table(Vec<(String, Plain)>, Option<String>),
}

/// The first document. Problems say what is wrong and in which line.
pub(super) fn read(bytes: &[u8]) -> Result<Plain, Problem> {
    let wrong = |why: &str| Problem(words::yaml(why));
    let text = std::str::from_utf8(bytes).map_err(|error| wrong(&error.to_string()))?;
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut left = MOST_VALUES;
    loop {
        let (event, mark) = parser.next_token().map_err(|error| wrong(&error.to_string()))?;
        let at = |why: &str| wrong(&format!("{why} (line {})", mark.line()));
        left = left.checked_sub(1).ok_or_else(|| at("too many values"))?;
        let value = match event {
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= MOST_DEEP => {
                return Err(at("nested too deeply"));
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Table(Vec::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Plain::List(items),
                Some(Open::Table(rows, _)) => Plain::Table(rows),
                None => return Err(at("an end without a beginning")),
            },
            Event::Scalar(text, style, _, _) => scalar(text, style),
            Event::Alias(_) => return Err(at("aliases are not read")),
            Event::StreamEnd | Event::DocumentEnd => return Err(at("no value")),
            Event::Nothing | Event::StreamStart | Event::DocumentStart => continue,
        };
        match open.last_mut() {
            None => return Ok(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Table(rows, key)) => match key.take() {
                Some(key) => rows.push((key, value)),
                None => {
                    let text = match value {
                        Plain::Text(text) => text,
                        Plain::Int(number) => number.to_string(),
                        _ => return Err(at("a key that is no text")),
                    };
                    *key = Some(text);
                }
            },
        }
    }
}

/// Text in quotes is text; else what YAML 1.2's core schema makes of it (section 10.3.2).
fn scalar(text: String, style: TScalarStyle) -> Plain {
    if style != TScalarStyle::Plain {
        return Plain::Text(text);
    }
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::None,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        _ => {}
    }
    if let Ok(number) = text.parse::<i64>() {
        return Plain::Int(number);
    }
    let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
    match text.parse::<f64>() {
        Ok(number) if numeric && number.is_finite() => Plain::Float(number),
        _ => Plain::Text(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_says_the_same_as_json() {
        let yaml = "# a bundle\nimports:\n  - $import glob\nroot: .\nnet:\n  _target_: UNet\n  \
            channels: [16, 32]\n  bias: true\n  slope: 0.1\n  norm: null\n  name: '3'\n";
        let json = r#"{"imports": ["$import glob"], "root": ".", "net": {"_target_": "UNet",
            "channels": [16, 32], "bias": true, "slope": 0.1, "norm": null, "name": "3"}}"#;
        assert_eq!(read(yaml.as_bytes()).unwrap(), Plain::from_json(json.as_bytes()).unwrap());
    }

    #[test]
    fn broken_and_hostile_files_are_refused() {
        let deep = "[".repeat(100_000);
        let many = format!("[{}]", "1,".repeat(300_000));
        for text in ["a: [1, 2", "a: &x [1]\nb: *x", "a: 'x", &deep, &many, "", "? [a]\n: b"] {
            assert!(read(text.as_bytes()).is_err(), "{}", &text[..text.len().min(20)]);
        }
        assert!(read(&[0xff, 0xfe]).is_err());
    }
}
