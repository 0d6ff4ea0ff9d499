//! The inference configuration: entries by name, references followed, expressions evaluated where they
//! are understood.

use super::expression::evaluate;
use engine::weights::Plain;

/// How long chains of references may be.
const MOST_DEEP: usize = 48;
/// Values that one configuration may become.
const MOST_VALUES: usize = 200_000;

/// A configuration as it stands in its file.
pub(super) struct Config {
    root: Plain,
}

impl Config {
    pub fn new(root: Plain) -> Config {
        Config { root }
    }

    /// The same with another value of an entry, if there is such an entry.
    pub fn with(mut self, id: &str, value: Plain) -> Config {
        if let Plain::Table(rows) = &mut self.root {
            let found = rows.iter_mut().filter(|(key, _)| key == id);
            found.for_each(|(_, old)| old.clone_from(&value));
        }
        self
    }

    /// An entry with everything in it resolved; an expression that is not understood stays as
    /// [`Plain::Other`] with its text. `None` where there is no such entry.
    pub fn get(&self, id: &str) -> Option<Plain> {
        let mut left = MOST_VALUES;
        self.entry(id, 0, &mut left)
    }

    /// The first table with such a `_target_`, wherever it stands.
    pub fn find(&self, target: &str) -> Option<Plain> {
        fn search<'a>(value: &'a Plain, target: &str, depth: usize) -> Option<&'a Plain> {
            if depth > MOST_DEEP {
                return None;
            }
            match value {
                Plain::Table(_) if value.get("_target_").and_then(Plain::text) == Some(target) => {
                    Some(value)
                }
                Plain::Table(rows) => rows.iter().find_map(|(_, v)| search(v, target, depth + 1)),
                Plain::List(items) => items.iter().find_map(|v| search(v, target, depth + 1)),
                _ => None,
            }
        }
        let found = search(&self.root, target, 0)?;
        let mut left = MOST_VALUES;
        self.resolve(found, 0, &mut left)
    }

    /// `a::b` and `a#b` go into tables and, by number, lists.
    fn entry(&self, id: &str, depth: usize, left: &mut usize) -> Option<Plain> {
        let id = id.replace("::", "#");
        let parts: Vec<&str> = id.split('#').collect();
        let mut here = self.root.get(parts[0])?;
        for at in 1..parts.len() {
            // What stands on the way may be a reference itself.
            if let Some(other) = here.text().and_then(|text| text.strip_prefix('@')) {
                *left = left.checked_sub(1)?;
                (depth < MOST_DEEP).then_some(())?;
                let whole = self.entry(other, depth + 1, left)?;
                return descend(&whole, &parts[at..]).cloned();
            }
            here = descend(here, &parts[at..at + 1])?;
        }
        self.resolve(here, depth, left)
    }

    /// `None` where a chain of references or the number of values gets out of hand.
    fn resolve(&self, value: &Plain, depth: usize, left: &mut usize) -> Option<Plain> {
        *left = left.checked_sub(1)?;
        if depth > MOST_DEEP {
            return None;
        }
        match value {
            Plain::Text(text) => self.text(text, depth, left),
            Plain::List(items) => {
                let items = items.iter().map(|item| self.resolve(item, depth + 1, left));
                let mut items = items.collect::<Option<Vec<_>>>()?;
                items.retain(|item| !is_disabled(item));
                Some(Plain::List(items))
            }
            Plain::Table(rows) => {
                let row = |(key, value): &(String, Plain)| {
                    Some((key.clone(), self.resolve(value, depth + 1, left)?))
                };
                rows.iter().map(row).collect::<Option<Vec<_>>>().map(Plain::Table)
            }
            other => Some(other.clone()),
        }
    }

    fn text(&self, text: &str, depth: usize, left: &mut usize) -> Option<Plain> {
        let unknown = || Plain::Other(text.to_owned());
        if let Some(id) = text.strip_prefix('@').or_else(|| text.strip_prefix('%')) {
            return match self.entry(id, depth + 1, left) {
                Some(value) => Some(value),
                None if *left == 0 => None,
                None => Some(unknown()),
            };
        }
        let Some(code) = text.strip_prefix('$') else { return Some(Plain::Text(text.to_owned())) };
        let value = evaluate(code, &mut |id| self.entry(id, depth + 1, left));
        // What an expression makes counts as what stands in the file.
        *left = left.saturating_sub(value.as_ref().map_or(0, values));
        (*left > 0).then(|| value.unwrap_or_else(unknown))
    }
}

fn values(value: &Plain) -> usize {
    match value {
        Plain::List(items) => items.iter().map(values).sum::<usize>() + 1,
        Plain::Table(rows) => rows.iter().map(|(_, value)| values(value)).sum::<usize>() + 1,
        _ => 1,
    }
}

fn descend<'a>(value: &'a Plain, parts: &[&str]) -> Option<&'a Plain> {
    parts.iter().try_fold(value, |value, part| match value {
        Plain::List(items) => items.get(part.parse::<usize>().ok()?),
        table => table.get(part),
    })
}

/// `_disabled_`: the entry of a list is left out.
fn is_disabled(value: &Plain) -> bool {
    matches!(value.get("_disabled_"), Some(Plain::Bool(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::new(Plain::from_json(text.as_bytes()).unwrap())
    }

    #[test]
    fn references_go_through_tables_lists_and_other_references() {
        let config = config(
            r#"{"a": {"b": [1, {"c": "x"}]}, "r": "@a::b::1::c", "s": "@a#b#0", "t": "@u#b", "u": "@a",
                "no": false, "yes": "$(not @no)",
                "list": [{"_target_": "A", "_disabled_": true}, {"_target_": "B", "keys": "@r"},
                    {"_target_": "C", "_disabled_": "@yes"}]}"#,
        );
        assert_eq!(config.get("r"), Some(Plain::Text("x".into())));
        assert_eq!(config.get("s"), Some(Plain::Int(1)));
        assert_eq!(config.get("t"), config.get("a#b"));
        let list = config.get("list").unwrap();
        assert_eq!(list.items().unwrap().len(), 1);
        let found = config.find("B").unwrap();
        assert_eq!(found.get("keys"), Some(&Plain::Text("x".into())));
        assert_eq!(config.get("nothing"), None);
    }

    #[test]
    fn circles_end_and_unknown_code_stays_as_it_is_written() {
        let config =
            config(r#"{"a": "@b", "b": "@a", "c": "$torch.device('cpu')", "d": "$@d + 'x'"}"#);
        assert!(!matches!(config.get("a"), Some(Plain::Text(_))));
        assert!(!matches!(config.get("d"), Some(Plain::Text(_))));
        assert_eq!(config.get("c"), Some(Plain::Other("$torch.device('cpu')".into())));
    }

    #[test]
    fn values_that_multiply_each_other_are_given_up() {
        let mut text = String::from("{\"v0\": [1, 1]");
        for n in 1..30 {
            text += &format!(", \"v{n}\": [\"@v{}\", \"@v{}\"]", n - 1, n - 1);
        }
        assert_eq!(config(&(text + "}")).get("v29"), None);
        let mut text = String::from("{\"v0\": \"$list(range(0, 9000))\"");
        for n in 1..30 {
            text += &format!(", \"v{n}\": \"$[@v{0}, @v{0}]\"", n - 1);
        }
        assert_eq!(config(&(text + "}")).get("v29"), None);
    }
}
