//! Preparing a case on another thread, while networks run on the case before.
//!
//! A [`Preparer`] holds what preparing needs and no network, so that it can go to another thread. What it makes travels
//! with its case ([`crate::volume_system::VolumeCase`]); the reader takes it from there instead of preparing again, and
//! answers with the same bytes.

use base::{Result, Volume};
use engine::cpu::Pool;
use std::any::Any;
use std::sync::{Mutex, PoisonError};

/// Prepares cases for a reader.
pub trait Preparer: Send + Sync {
    /// Bytes that preparing the case takes at most at once, beside the case itself; what is kept of it is part of them.
    fn need_bytes(&self, volume: &Volume) -> Result<u64>;

    /// The images of a case as the reader's first network takes them.
    ///
    /// Errors: those that the reader itself would give, preparing them.
    fn prepare(&self, volumes: &[&Volume], pool: &Pool) -> Result<PreparedCase>;
}

/// A case as a preparer left it. Only the reader that the preparer is of knows what is inside.
pub struct PreparedCase(Mutex<Option<Box<dyn Any + Send>>>);

impl PreparedCase {
    /// Wraps what a reader takes.
    pub fn new<T: Any + Send>(prepared: T) -> PreparedCase {
        PreparedCase(Mutex::new(Some(Box::new(prepared))))
    }

    /// Whether a reader has taken it.
    pub fn is_taken(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// Takes it out; `None` the second time, and where it is of another kind.
    pub fn take<T: Any>(&self) -> Option<T> {
        let inside = self.0.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        inside.downcast().ok().map(|inside| *inside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prepared_case_is_taken_once_and_by_its_own_reader_alone() {
        let case = PreparedCase::new(vec![1.0f32]);
        assert!(!case.is_taken());
        assert_eq!(case.take::<Vec<f32>>(), Some(vec![1.0]));
        assert!(case.is_taken() && case.take::<Vec<f32>>().is_none());
        assert_eq!(PreparedCase::new(1u8).take::<Vec<f32>>(), None);
    }
}
