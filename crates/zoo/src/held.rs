//! A system that is part of the program or was made while it runs.

use crate::system::System;
use std::ops::Deref;
use std::sync::Arc;

/// Shared access to a system.
#[derive(Clone)]
pub enum Held {
    /// One of [`crate::SYSTEMS`].
    Published(&'static dyn System),
    /// A user's own.
    Own(Arc<dyn System>),
}

impl Deref for Held {
    type Target = dyn System;

    fn deref(&self) -> &(dyn System + 'static) {
        match self {
            Held::Published(system) => *system,
            Held::Own(system) => system.as_ref(),
        }
    }
}

impl From<&'static dyn System> for Held {
    fn from(system: &'static dyn System) -> Held {
        Held::Published(system)
    }
}

impl From<Arc<dyn System>> for Held {
    fn from(system: Arc<dyn System>) -> Held {
        Held::Own(system)
    }
}
