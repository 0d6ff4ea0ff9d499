//! Entries of a settings file with the file and the entry's path, so that every error names both.

use base::words::nnunet as words;
use base::{Error, Kind, Result, Text};
use engine::weights::Plain;
use std::path::Path;

/// An entry: its value, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Field<'a> {
    file: &'a Path,
    path: String,
    value: &'a Plain,
}

impl<'a> Field<'a> {
    /// The whole file.
    pub fn root(file: &'a Path, value: &'a Plain) -> Field<'a> {
        Field { file, path: String::new(), value }
    }

    pub fn value(&self) -> &'a Plain {
        self.value
    }

    fn child(&self, key: &str) -> String {
        match self.path.is_empty() {
            true => key.to_owned(),
            false => format!("{}.{key}", self.path),
        }
    }

    /// An entry of a table; `None` when it is absent or `null`.
    pub fn get(&self, key: &str) -> Option<Field<'a>> {
        let value = self.value.get(key).filter(|value| **value != Plain::None)?;
        Some(Field { file: self.file, path: self.child(key), value })
    }

    /// An entry that must be there.
    pub fn need(&self, key: &str) -> Result<Field<'a>> {
        self.get(key).ok_or_else(|| self.fail(words::missing(&self.child(key))))
    }

    /// The rows of a table, in the order of the file.
    pub fn rows(&self) -> Result<Vec<(&'a str, Field<'a>)>> {
        let rows = self.value.rows().ok_or_else(|| self.wrong(&words::A_TABLE))?;
        let field = |key: &str, value| Field { file: self.file, path: self.child(key), value };
        Ok(rows.iter().map(|(key, value)| (key.as_str(), field(key, value))).collect())
    }

    /// The items of a list.
    pub fn list(&self) -> Result<Vec<Field<'a>>> {
        let items = self.value.items().ok_or_else(|| self.wrong(&words::A_LIST))?;
        let field = |(index, value)| {
            let path = format!("{}[{index}]", self.path);
            Field { file: self.file, path, value }
        };
        Ok(items.iter().enumerate().map(field).collect())
    }

    /// A list of so many.
    pub fn list_of(&self, count: usize) -> Result<Vec<Field<'a>>> {
        let items = self.list()?;
        match items.len() == count {
            true => Ok(items),
            false => Err(self.wrong(&words::list_of(count))),
        }
    }

    pub fn text(&self) -> Result<&'a str> {
        self.value.text().ok_or_else(|| self.wrong(&words::A_TEXT))
    }

    pub fn number(&self) -> Result<f64> {
        let number = self.value.number().filter(|number| number.is_finite());
        number.ok_or_else(|| self.wrong(&words::A_NUMBER))
    }

    pub fn positive(&self) -> Result<f64> {
        let number = self.value.number().filter(|number| number.is_finite() && *number > 0.0);
        number.ok_or_else(|| self.wrong(&words::POSITIVE))
    }

    /// A whole number from 1 to 65535.
    pub fn count(&self) -> Result<usize> {
        let count = self.value.size().filter(|count| (1..=65_535).contains(count));
        count.ok_or_else(|| self.wrong(&words::A_COUNT))
    }

    pub fn flag(&self) -> Result<bool> {
        match self.value {
            Plain::Bool(flag) => Ok(*flag),
            Plain::Int(0) => Ok(false),
            Plain::Int(1) => Ok(true),
            _ => Err(self.wrong(&words::YES_OR_NO)),
        }
    }

    /// Several counts; a single number stands for `repeat` of it.
    pub fn counts(&self, repeat: usize) -> Result<Vec<usize>> {
        match self.value {
            Plain::List(_) => self.list_of(repeat)?.iter().map(Field::count).collect(),
            _ => Ok(vec![self.count()?; repeat]),
        }
    }

    /// Extents by axis for each of `stages`: `[[3, 3], …]`, `[3, …]` or `3`.
    pub fn extents(&self, stages: usize, rank: usize) -> Result<Vec<Vec<usize>>> {
        match self.value {
            Plain::List(_) => {
                self.list_of(stages)?.iter().map(|stage| stage.counts(rank)).collect()
            }
            _ => Ok(vec![vec![self.count()?; rank]; stages]),
        }
    }

    /// `expected` was not found here.
    pub fn wrong(&self, expected: &Text) -> Error {
        self.fail(words::wrong(&self.path, expected))
    }

    /// The entry names something that is not built.
    pub fn not_built(&self, name: &str) -> Error {
        let short: String = name.chars().filter(|c| !c.is_control()).take(120).collect();
        Error::new(Kind::Unsupported, words::not_built(&self.path, &short)).at(self.file)
    }

    /// Something else is wrong with the file.
    pub fn fail(&self, what: Text) -> Error {
        Error::new(Kind::BrokenInput, what).at(self.file)
    }
}
