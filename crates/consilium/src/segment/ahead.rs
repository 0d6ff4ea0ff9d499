//! Preparing the next case on the decoding thread while the models read the one before.
//!
//! The models' thread tells the other ([`Signals`]) that it begins with a case and how much memory that leaves, and that
//! it is done. A case is prepared ahead only while another is read and where both fit; results never depend on it.

use super::cases::Decoded;
use super::memory;
use super::models::Loaded;
use base::Result;
use kernels::Pool;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;
use zoo::volume_system::VolumeCase;
use zoo::{PreparedCase, Preparer};

/// What became of preparing a case for a model ahead.
pub(super) enum Preparation {
    /// Left to the model: no other case was being read, or there is nothing to prepare.
    Left,
    /// The case and the one being read would not have fitted into memory.
    NoRoom,
    /// Done in so many seconds; the case until the model takes it.
    Done(f64, Option<Result<PreparedCase>>),
}

impl Preparation {
    /// What was made of the case, or the error that the model would give.
    pub fn take(&mut self) -> Option<Result<PreparedCase>> {
        match self {
            Preparation::Done(_, prepared) => prepared.take(),
            _ => None,
        }
    }
}

/// What the models' thread tells of every case.
enum Signal {
    /// It is read now, and leaves so many bytes; `None` where it cannot be read.
    Begun(Option<u64>),
    Done,
}

/// The models' end.
pub(crate) struct Signals(Sender<Signal>);

/// The decoding thread's end, which prepares.
pub(crate) struct Helper {
    preparers: Vec<Option<Box<dyn Preparer>>>,
    signals: Receiver<Signal>,
    pool: Pool,
    first: bool,
}

/// Both ends for these models.
pub(super) fn pair(models: &[Loaded]) -> (Signals, Helper) {
    let (send, signals) = channel();
    let preparers = models.iter().map(|loaded| loaded.reader.preparer()).collect();
    // The models have the other threads.
    (Signals(send), Helper { preparers, signals, pool: Pool::new(1), first: true })
}

impl Signals {
    /// The models begin with a case, if it could be decoded.
    pub(super) fn begin(&self, models: &[Loaded], decoded: Option<&Decoded>, limit: Option<u64>) {
        let room = decoded.and_then(|decoded| {
            let needs = models.iter().map(|loaded| loaded.need_bytes(decoded));
            let need = needs.collect::<Result<Vec<u64>>>().ok()?.into_iter().max()?;
            Some(memory::most(limit).unwrap_or(u64::MAX).saturating_sub(need))
        });
        let _ = self.0.send(Signal::Begun(room));
    }

    /// They are done with it.
    pub(super) fn end(&self) {
        let _ = self.0.send(Signal::Done);
    }
}

impl Helper {
    /// Prepares the next case in turn, if another is being read.
    pub(super) fn prepare(&mut self, decoded: &mut Result<Decoded>) {
        // The first finds the models waiting: they prepare it sooner, on all their threads.
        if std::mem::take(&mut self.first) {
            return;
        }
        let Some(room) = self.room() else { return };
        let Ok(decoded) = decoded else { return };
        let volumes: Vec<_> = decoded.scans.iter().map(|scan| &scan.volume).collect();
        let mut left = room.checked_sub(decoded.bytes());
        let (mut preparations, mut idle) = (Vec::new(), false);
        for preparer in &self.preparers {
            idle |= matches!(self.signals.try_recv(), Ok(Signal::Done));
            // An error is the model's to tell.
            let need = preparer.as_ref().and_then(|own| own.need_bytes(volumes[0]).ok());
            let (Some(preparer), Some(need), false) = (preparer, need, idle) else {
                preparations.push(Preparation::Left);
                continue;
            };
            let after = left.and_then(|left| left.checked_sub(need));
            if after.is_none() {
                preparations.push(Preparation::NoRoom);
                continue;
            }
            left = after;
            let started = Instant::now();
            let facts = &decoded.scans[0].facts;
            let case = VolumeCase { volumes: &volumes, facts, prepared: None };
            let prepared = preparer.prepare(&case, &self.pool);
            preparations.push(Preparation::Done(started.elapsed().as_secs_f64(), Some(prepared)));
        }
        decoded.preparations = preparations;
    }

    /// Bytes that the case before leaves while it is read; `None` where nothing is read.
    fn room(&self) -> Option<u64> {
        loop {
            if let Signal::Begun(bytes) = self.signals.recv().ok()? {
                return bytes;
            }
        }
    }
}
