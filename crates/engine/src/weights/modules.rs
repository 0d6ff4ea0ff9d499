//! From a pickle's root to flat names: state dicts, dictionaries around them, whole modules.
//!
//! Reference: pytorch `torch/nn/modules/module.py` (`state_dict`, `_save_to_state_dict`): the
//! parameters, then the buffers less the non-persistent ones, then the modules, names joined by
//! dots.

use super::Limits;
use super::checkpoint::{Entry, Found};
use super::pickle::{Id, Pickle, Value, shorten};
use super::plain;
use super::tensors::{Storages, tensor};
use crate::error::{Error, ErrorKind, Result};

/// Keys under which training scripts put the state dict, in order of preference.
const WRAPPERS: [&str; 9] = [
    "state_dict",
    "model_state",
    "model_state_dict",
    "network_weights",
    "model",
    "teacher",
    "net",
    "network",
    "weights",
];

/// Collects every tensor of a state dict or module. `container` of the result is `module` for a
/// whole module and empty otherwise.
pub(super) fn collect(
    pickle: &Pickle<'_>,
    storages: &mut dyn Storages,
    limits: &Limits,
) -> Result<Found> {
    let mut found = Found::default();
    let mut root = pickle.root;
    for _ in 0..limits.depth {
        let Some(pairs) = pickle.dict(root) else { break };
        let inner = WRAPPERS.iter().find_map(|key| {
            let value = pickle.lookup(pairs, key)?;
            (pickle.dict(value).is_some() || attributes(pickle, value).is_some())
                .then_some((key, value))
        });
        let Some((key, value)) = inner else { break };
        found.notes.push(format!("the weights stand under the key `{key}`"));
        let others = pairs.iter().filter_map(|(key, value)| Some((pickle.str(*key)?, *value)));
        for (key, other) in others.filter(|(_, other)| *other != value) {
            found.beside.push((key.to_string(), plain::convert_or_name(pickle, other)));
        }
        root = value;
    }
    let mut walk = Walk { pickle, storages, limits, found, passed_over: 0, steps: 0 };
    if walk.pickle.dict(root).is_some() {
        walk.dict(root, "", 0)?;
    } else if let Some(state) = attributes(pickle, root) {
        walk.found.container = "module";
        walk.found.notes.push(format!("the file holds {}", pickle.describe(root)));
        walk.module(state, "", 0)?;
    } else {
        let message = format!("expected a state dict or a module, found {}", pickle.describe(root));
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    if walk.found.entries.is_empty() {
        return Err(Error::new(ErrorKind::Unsupported, no_tensors(pickle, root)));
    }
    if walk.passed_over > 0 {
        let note = format!("{} values that are no tensors were passed over", walk.passed_over);
        walk.found.notes.push(note);
    }
    Ok(walk.found)
}

fn no_tensors(pickle: &Pickle<'_>, root: Id) -> String {
    let keys = pickle.dict(root).unwrap_or(&[]);
    let keys: Vec<_> =
        keys.iter().filter_map(|(key, _)| pickle.str(*key)).take(8).map(shorten).collect();
    match keys.is_empty() {
        true => "no tensors found".into(),
        false => format!("no tensors found; the keys begin with {}", keys.join(", ")),
    }
}

/// The attributes of a module, or of a TorchScript object.
fn attributes<'p>(pickle: &'p Pickle<'_>, id: Id) -> Option<&'p [(Id, Id)]> {
    let Value::Object(object) = pickle.get(id) else { return None };
    let mut state = object.state?;
    // With `__slots__`, the state is a pair of which the first is the dictionary.
    if let Value::Tuple(parts) = pickle.get(state) {
        state = *parts.first()?;
    }
    let pairs = pickle.dict(state)?;
    let script = pickle.global(object.class).is_some_and(|(m, _)| m.starts_with("__torch__"));
    (script || pickle.lookup(pairs, "_modules").is_some()).then_some(pairs)
}

struct Walk<'w, 'a> {
    pickle: &'w Pickle<'a>,
    storages: &'w mut dyn Storages,
    limits: &'w Limits,
    found: Found,
    passed_over: usize,
    steps: u64,
}

impl Walk<'_, '_> {
    /// A state dict: tensors by name; dictionaries inside it are places.
    fn dict(&mut self, id: Id, prefix: &str, depth: usize) -> Result<()> {
        let pickle = self.pickle;
        for (key, value) in pickle.dict(id).unwrap_or(&[]) {
            self.step(depth)?;
            let Some(key) = pickle.str(*key) else {
                self.passed_over += 1;
                continue;
            };
            let name = self.join(prefix, key)?;
            if let Some(entry) = self.tensor(*value, &name)? {
                self.insert(name, entry)?;
            } else if pickle.dict(*value).is_some() {
                self.dict(*value, &name, depth + 1)?;
            } else if let Some(state) = attributes(pickle, *value) {
                self.module(state, &name, depth + 1)?;
            } else {
                self.passed_over += 1;
            }
        }
        Ok(())
    }

    fn module(&mut self, state: &[(Id, Id)], prefix: &str, depth: usize) -> Result<()> {
        self.step(depth)?;
        let pickle = self.pickle;
        let Some(modules) = pickle.lookup(state, "_modules") else {
            return self.script(state, prefix, depth);
        };
        let passing = pickle.lookup(state, "_non_persistent_buffers_set");
        let passing = match passing.map(|id| pickle.get(id)) {
            Some(Value::Set(names) | Value::List(names)) => names.as_slice(),
            _ => &[],
        };
        for (place, skipped) in [("_parameters", &[] as &[Id]), ("_buffers", passing)] {
            let rows = pickle.lookup(state, place).and_then(|id| pickle.dict(id)).unwrap_or(&[]);
            for (key, value) in rows {
                self.step(depth)?;
                let Some(key) = pickle.str(*key) else { continue };
                let none = matches!(pickle.get(*value), Value::None);
                if none || skipped.iter().any(|name| pickle.str(*name) == Some(key)) {
                    continue;
                }
                let name = self.join(prefix, key)?;
                match self.tensor(*value, &name)? {
                    Some(entry) => self.insert(name, entry)?,
                    None => {
                        let what = pickle.describe(*value);
                        let message =
                            format!("{}: expected a tensor, found {what}", shorten(&name));
                        return Err(Error::new(ErrorKind::Unsupported, message));
                    }
                }
            }
        }
        for (key, value) in pickle.dict(modules).unwrap_or(&[]) {
            self.step(depth)?;
            let Some(key) = pickle.str(*key) else { continue };
            let name = self.join(prefix, key)?;
            if let Some(state) = attributes(pickle, *value) {
                self.module(state, &name, depth + 1)?;
            } else if !matches!(pickle.get(*value), Value::None) {
                self.passed_over += 1;
            }
        }
        Ok(())
    }

    /// A TorchScript object keeps parameters, buffers and modules side by side.
    fn script(&mut self, state: &[(Id, Id)], prefix: &str, depth: usize) -> Result<()> {
        let pickle = self.pickle;
        for (key, value) in state {
            self.step(depth)?;
            let Some(key) = pickle.str(*key) else { continue };
            let name = self.join(prefix, key)?;
            if let Some(entry) = self.tensor(*value, &name)? {
                self.insert(name, entry)?;
            } else if let Some(state) = attributes(pickle, *value) {
                self.module(state, &name, depth + 1)?;
            }
        }
        Ok(())
    }

    fn tensor(&mut self, id: Id, name: &str) -> Result<Option<Entry>> {
        tensor(self.pickle, id, self.storages, self.limits).map_err(|error| {
            let message = format!("tensor {}: {}", shorten(name), error.message());
            Error::new(error.kind().clone(), message)
        })
    }

    fn insert(&mut self, name: String, entry: Entry) -> Result<()> {
        if self.found.entries.len() >= self.limits.tensors {
            let most = self.limits.tensors;
            return Err(Error::new(ErrorKind::Limit, format!("more than {most} tensors")));
        }
        if self.found.entries.contains_key(&name) {
            let message = format!("two tensors are called {}", shorten(&name));
            return Err(Error::new(ErrorKind::BrokenFile, message));
        }
        self.found.entries.insert(name, entry);
        Ok(())
    }

    fn join(&self, prefix: &str, key: &str) -> Result<String> {
        if prefix.len() + key.len() >= self.limits.name_bytes {
            return Err(Error::new(ErrorKind::Limit, "a tensor's name is too long"));
        }
        Ok(if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") })
    }

    /// Counts the work: shared modules could otherwise be walked exponentially often.
    fn step(&mut self, depth: usize) -> Result<()> {
        self.steps += 1;
        if depth >= self.limits.depth || self.steps > self.limits.pickle_ops {
            return Err(Error::new(ErrorKind::Limit, "the modules nest too deep or too often"));
        }
        Ok(())
    }
}
