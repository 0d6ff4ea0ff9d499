//! The pickle language, read as data: values in one arena, classes and calls by name only.
//!
//! Nothing named in a pickle is looked up, imported or called. A call (`REDUCE`, `NEWOBJ`) becomes
//! an [`Object`] that remembers what would have been called, with which arguments and state; the
//! few built-in collections become collections. Values refer to each other by index, so that deep
//! or cyclic structures cost neither stack nor leaks. Reference: the table of instructions in
//! CPython's `Lib/pickletools.py`, protocols 0 to 5.

mod input;
mod machine;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

pub(super) use machine::run;

/// Index of a value in its [`Pickle`].
pub(super) type Id = u32;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    None,
    Bool(bool),
    Int(i64),
    /// An integer beyond 64 bits, little-endian two's complement (empty from text protocols).
    Big(&'a [u8]),
    Float(f64),
    Str(Cow<'a, str>),
    Bytes(&'a [u8]),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Set(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global {
        module: Cow<'a, str>,
        name: Cow<'a, str>,
    },
    Persistent(Id),
    Object(Box<Object>),
}

/// What a call would have made.
#[derive(Clone, Debug)]
pub(super) struct Object {
    /// What would have been called: usually a [`Value::Global`].
    pub(super) class: Id,
    /// Its arguments: usually a tuple.
    pub(super) args: Id,
    /// What `__setstate__` or `__dict__` would have received.
    pub(super) state: Option<Id>,
}

/// All values of one pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) values: Vec<Value<'a>>,
    pub(super) root: Id,
    /// Bytes up to and with the final `STOP`.
    pub(super) length: usize,
}

impl<'a> Pickle<'a> {
    /// The value `id`. Ids come from this pickle alone, so they are in range.
    pub(super) fn get(&self, id: Id) -> &Value<'a> {
        self.values.get(id as usize).unwrap_or(&Value::None)
    }

    pub(super) fn str(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number that fits; `None` for anything else, negative numbers too.
    pub(super) fn size(&self, id: Id) -> Option<usize> {
        match self.get(id) {
            Value::Int(number) => usize::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The items of a tuple or list.
    pub(super) fn items(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            // `torch.Size((2, 3))`
            Value::Object(object) if self.is_global(object.class, "torch", "Size") => {
                match self.get(object.args) {
                    Value::Tuple(args) if args.len() == 1 => match self.get(args[0]) {
                        Value::Tuple(items) | Value::List(items) => Some(items),
                        _ => None,
                    },
                    _ => None,
                }
            }
            _ => None,
        }
    }

    pub(super) fn dict(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The last value stored under a key, as Python has it.
    pub(super) fn lookup(&self, pairs: &[(Id, Id)], key: &str) -> Option<Id> {
        pairs.iter().rev().find(|(k, _)| self.str(*k) == Some(key)).map(|(_, value)| *value)
    }

    /// Module and name of a class or function. Old containers save classes of modules as the
    /// persistent tuple `('module', class, source file, source)`.
    pub(super) fn global(&self, id: Id) -> Option<(&str, &str)> {
        match self.get(id) {
            Value::Global { module, name } => Some((module, name)),
            Value::Persistent(inner) => match self.get(*inner) {
                Value::Tuple(parts) if parts.len() >= 2 && self.str(parts[0]) == Some("module") => {
                    match self.get(parts[1]) {
                        Value::Global { module, name } => Some((module, name)),
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn is_global(&self, id: Id, module: &str, name: &str) -> bool {
        self.global(id) == Some((module, name))
    }

    /// A few words on what a value is, for messages.
    pub(super) fn describe(&self, id: Id) -> String {
        match self.get(id) {
            Value::None => "None".into(),
            Value::Bool(_) => "a truth value".into(),
            Value::Int(_) | Value::Big(_) | Value::Float(_) => "a number".into(),
            Value::Str(_) | Value::Bytes(_) => "a text".into(),
            Value::Tuple(_) => "a tuple".into(),
            Value::List(_) => "a list".into(),
            Value::Set(_) => "a set".into(),
            Value::Dict(_) => "a dictionary".into(),
            Value::Persistent(_) => "a storage".into(),
            Value::Global { module, name } => shorten(&format!("`{module}.{name}`")),
            Value::Object(object) => match self.global(object.class) {
                Some((module, name)) => shorten(&format!("an object of `{module}.{name}`")),
                None => "an object".into(),
            },
        }
    }
}

/// Text from a file, bounded and without control characters, fit for a message.
pub(super) fn shorten(text: &str) -> String {
    let clean = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut short: String = text.chars().take(120).map(clean).collect();
    if short.len() < text.len() && text.chars().nth(120).is_some() {
        short.push('…');
    }
    short
}
