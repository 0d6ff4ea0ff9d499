//! Preparing a case on another thread, while networks run on the case before.
//!
//! A [`Preparer`] holds what preparing needs and no network, so that it can go to another thread. What it makes travels
//! with its case ([`crate::volume_system::VolumeCase`]); the reader takes it from there instead of preparing again, and
//! answers with the same bytes.

use crate::volume_system::{VolumeCard, VolumeCase, single_volume};
use base::{Result, Volume, VolumeFacts};
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
    fn prepare(&self, case: &VolumeCase<'_>, pool: &Pool) -> Result<PreparedCase>;
}

/// A [`Preparer`] of cases of one image: `need` says how many bytes `prepare` takes at most, which makes what the reader takes.
pub(crate) fn one_image<T: Any + Send>(
    card: &VolumeCard,
    need: impl Fn(&Volume) -> u64 + Send + Sync + 'static,
    prepare: impl Fn(&Volume, &VolumeFacts, &Pool) -> Result<T> + Send + Sync + 'static,
) -> Option<Box<dyn Preparer>> {
    let prepare = move |volume: &Volume, facts: &VolumeFacts, pool: &Pool| {
        prepare(volume, facts, pool).map(PreparedCase::new)
    };
    Some(Box::new(OneImage { card: card.clone(), need, prepare }))
}

struct OneImage<N, P> {
    card: VolumeCard,
    need: N,
    prepare: P,
}

impl<N, P> Preparer for OneImage<N, P>
where
    N: Fn(&Volume) -> u64 + Send + Sync,
    P: Fn(&Volume, &VolumeFacts, &Pool) -> Result<PreparedCase> + Send + Sync,
{
    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        Ok((self.need)(volume))
    }

    fn prepare(&self, case: &VolumeCase<'_>, pool: &Pool) -> Result<PreparedCase> {
        (self.prepare)(single_volume(&self.card, case.volumes)?, case.facts, pool)
    }
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
