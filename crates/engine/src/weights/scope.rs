//! Tensors asked for by name and shape, with every disagreement reported at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Checkpoint, synth};
use crate::error::{Error, ErrorKind, Result};
use crate::tensor::Tensor;

/// Names listed in a message before it says only how many more there are.
const LISTED: usize = 12;

/// A place in a checkpoint: `scope.at("features").at("norm0")` names the tensors below
/// `features.norm0.`. Cheap to clone; all clones share one account of what was asked for.
#[derive(Clone, Debug)]
pub struct Scope {
    source: Arc<Source>,
    prefix: String,
}

#[derive(Debug)]
struct Source {
    from: Origin,
    account: Mutex<Account>,
}

/// Values of a tensor from its full name and shape.
type Make = dyn Fn(&str, &[usize]) -> Vec<f32> + Send + Sync;

/// Where tensors come from.
enum Origin {
    Checkpoint(Arc<Checkpoint>),
    /// A recording: every tensor is made on the spot.
    Made(Box<Make>),
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Checkpoint(checkpoint) => checkpoint.fmt(f),
            Origin::Made(_) => f.write_str("Made"),
        }
    }
}

#[derive(Debug, Default)]
struct Account {
    /// Name to shape, of everything asked for.
    asked: BTreeMap<String, Vec<usize>>,
    /// Names in the order of the first ask.
    order: Vec<String>,
    missing: BTreeMap<String, Vec<usize>>,
    /// Name to what went wrong.
    wrong: BTreeMap<String, String>,
}

impl Scope {
    /// The root of a checkpoint.
    pub fn new(checkpoint: Arc<Checkpoint>) -> Scope {
        Scope::from_source(Origin::Checkpoint(checkpoint))
    }

    /// A scope that makes every tensor asked for with [`synth::fill`] and records name and shape,
    /// so that a checkpoint for any network can be written from [`Scope::recorded`].
    pub fn recording() -> Scope {
        Scope::recording_with(synth::fill)
    }

    /// [`Scope::recording`] with values of one's own: `make` gets the full name and the shape and
    /// gives the values, row-major. A wrong number of values counts as zeros.
    pub fn recording_with(
        make: impl Fn(&str, &[usize]) -> Vec<f32> + Send + Sync + 'static,
    ) -> Scope {
        Scope::from_source(Origin::Made(Box::new(make)))
    }

    fn from_source(from: Origin) -> Scope {
        let account = Mutex::new(Account::default());
        Scope { source: Arc::new(Source { from, account }), prefix: String::new() }
    }

    /// The place `path` (dotted, relative) below this one.
    #[must_use]
    pub fn at(&self, path: &str) -> Scope {
        Scope { source: Arc::clone(&self.source), prefix: self.name(path) }
    }

    /// The full name of `name` below this place; the place itself when `name` is empty.
    pub fn name(&self, name: &str) -> String {
        match (self.prefix.is_empty(), name.is_empty()) {
            (true, _) => name.to_string(),
            (false, true) => self.prefix.clone(),
            (false, false) => format!("{}.{name}", self.prefix),
        }
    }

    /// This place's full path; empty at the root.
    pub fn path(&self) -> &str {
        &self.prefix
    }

    /// Whether the checkpoint has the tensor. In a recording: whether it was asked for before, so
    /// that a network takes its default form.
    pub fn has(&self, name: &str) -> bool {
        let name = self.name(name);
        match &self.source.from {
            Origin::Checkpoint(checkpoint) => checkpoint.entry(&name).is_some(),
            Origin::Made(_) => self.account().asked.contains_key(&name),
        }
    }

    /// The tensor as f32. Never fails at once: a missing, mis-shaped or unreadable tensor yields
    /// zeros and is reported by [`Scope::finish`].
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Arc<Tensor> {
        let name = self.name(name);
        let made = match &self.source.from {
            Origin::Made(make) => Tensor::new(shape, make(&name, shape)).ok(),
            Origin::Checkpoint(checkpoint) => match checkpoint.entry(&name) {
                None => {
                    self.account().missing.insert(name.clone(), shape.to_vec());
                    None
                }
                Some(entry) if entry.shape() != shape => {
                    let message = format!("{name}: expected {shape:?}, found {:?}", entry.shape());
                    self.account().wrong.insert(name.clone(), message);
                    None
                }
                Some(_) => match checkpoint.tensor(&name) {
                    Ok(tensor) => Some(tensor),
                    Err(error) => {
                        let message = format!("{name}: {}", error.message());
                        self.account().wrong.insert(name.clone(), message);
                        None
                    }
                },
            },
        };
        let mut account = self.account();
        if account.asked.insert(name.clone(), shape.to_vec()).is_none() {
            account.order.push(name);
        }
        drop(account);
        Arc::new(made.unwrap_or_else(|| Tensor::zeros(shape)))
    }

    /// Everything asked for so far: full name and shape, in the order of the first ask.
    pub fn asked(&self) -> Vec<(String, Vec<usize>)> {
        let account = self.account();
        account
            .order
            .iter()
            .filter_map(|name| Some((name.clone(), account.asked.get(name)?.clone())))
            .collect()
    }

    /// Every tensor of a recording, made anew, in the order of the first ask; of a checkpoint none.
    pub fn recorded(&self) -> Vec<(String, Tensor)> {
        let Origin::Made(make) = &self.source.from else { return Vec::new() };
        self.asked()
            .into_iter()
            .filter_map(|(name, shape)| {
                let values = make(&name, &shape);
                Some((name, Tensor::new(&shape, values).ok()?))
            })
            .collect()
    }

    /// Errors with [`ErrorKind::WeightsMismatch`] when tensors were missing, mis-shaped or are left
    /// over, naming them all. `allowed` are globs (`*` stands for any run of characters) of names
    /// that may be left over.
    pub fn finish(&self, allowed: &[&str]) -> Result<()> {
        let Origin::Checkpoint(checkpoint) = &self.source.from else { return Ok(()) };
        let account = self.account();
        let left_over: Vec<String> = checkpoint
            .names()
            .filter(|name| !account.asked.contains_key(*name))
            .filter(|name| !allowed.iter().any(|glob| glob_matches(glob, name)))
            .map(str::to_string)
            .collect();
        let missing = account.missing.iter().map(|(name, shape)| format!("{name} {shape:?}"));
        let mut parts = Vec::new();
        list(&mut parts, "missing", missing.collect());
        list(&mut parts, "wrong", account.wrong.values().cloned().collect());
        list(&mut parts, "left over", left_over);
        if parts.is_empty() {
            return Ok(());
        }
        let message = format!("the weights do not fit the network: {}", parts.join("; "));
        let error = Error::new(ErrorKind::WeightsMismatch, message);
        Err(match checkpoint.path() {
            Some(path) => error.at(path),
            None => error,
        })
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        // Nothing panics while it is held; were it poisoned, its content would still be whole.
        self.source.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn list(parts: &mut Vec<String>, what: &str, names: Vec<String>) {
    if names.is_empty() {
        return;
    }
    let shown = names.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let more = match names.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    parts.push(format!("{} {what}: {shown}{more}", names.len()));
}

/// `*` stands for any run of characters, everything else for itself.
fn glob_matches(glob: &str, name: &str) -> bool {
    let mut pieces = glob.split('*');
    let Some(mut rest) = name.strip_prefix(pieces.next().unwrap_or("")) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        assert!(glob_matches("*.num_batches_tracked", "a.b.num_batches_tracked"));
        assert!(glob_matches("op_threshs", "op_threshs"));
        assert!(!glob_matches("op_threshs", "op_threshs2"));
        assert!(glob_matches("a*c*e", "abcde"));
        assert!(!glob_matches("a*c*e", "abde"));
        assert!(!glob_matches("ab*bc", "abc"));
        assert!(glob_matches("*", ""));
    }

    #[test]
    fn a_recording_makes_tensors_and_remembers_the_order() {
        let scope = Scope::recording();
        let weight = scope.at("z.conv").tensor("weight", &[2, 3]);
        scope.tensor("a", &[4]);
        assert_eq!(weight.data(), synth::fill("z.conv.weight", &[2, 3]));
        assert!(scope.has("z.conv.weight") && !scope.has("b"));
        let names: Vec<_> = scope.recorded().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["z.conv.weight", "a"]);
        assert!(scope.finish(&[]).is_ok());
    }
}
