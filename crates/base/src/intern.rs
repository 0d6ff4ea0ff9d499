//! Names that come up while the program runs and then stay for its life: those of a user's own
//! models. Each different one is kept once, so that loading a folder again adds nothing.

use crate::reading::Code;
use crate::text::Text;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
static CODES: Mutex<BTreeMap<(&'static str, Text), &'static Code>> = Mutex::new(BTreeMap::new());

/// The name, for as long as the program runs.
pub fn name(text: &str) -> &'static str {
    let mut names = lock(&NAMES);
    if let Some(known) = names.get(text) {
        return known;
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    names.insert(kept);
    kept
}

/// A code with names of its own, without a terminology's code.
pub fn code(id: &str, names: &Text) -> &'static Code {
    let id = name(id);
    let mut codes = lock(&CODES);
    codes
        .entry((id, names.clone()))
        .or_insert_with(|| Box::leak(Box::new(Code { id, name: names.clone(), coding: None })))
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it is held; were it poisoned, its content would still be whole.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_is_kept_once() {
        let owned = String::from("my-finding");
        let (a, b) = (name(&owned), name("my-finding"));
        assert!(std::ptr::eq(a, b));
        let names = Text::filled("My finding", "我的征象");
        assert!(std::ptr::eq(code("my-finding", &names), code("my-finding", &names)));
        assert!(!std::ptr::eq(code("my-finding", &names), code("my-finding", &Text::same("x"))));
    }
}
