//! Operations that decide what runs, and those on values that are no single tensor.
//!
//! ```text
//! control   If Loop Scan
//! sequence  SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength
//!           SequenceMap SplitToSequence ConcatFromSequence
//! optional  Optional OptionalHasElement OptionalGetElement
//! ```

pub(super) mod control;
pub(super) mod optional;
pub(super) mod scan;
pub(super) mod sequence;

use super::{Value, wrong};
use crate::array::Array;
use crate::error::{Error, ErrorKind, Result};

/// What a body gives at every turn, until it is stacked; never more bytes than one value may take.
struct Gathered {
    arrays: Vec<Array>,
    bytes: u64,
    most_bytes: u64,
}

impl Gathered {
    fn new(most_bytes: u64) -> Gathered {
        Gathered { arrays: Vec::new(), bytes: 0, most_bytes }
    }

    fn push(&mut self, value: Value) -> Result<()> {
        let Value::Array(array) = value else {
            return Err(wrong("what a body gives at every turn must be a tensor"));
        };
        // Even an empty array takes its place in memory.
        self.bytes += array.bytes() + (size_of::<Array>() + 8 * array.rank()) as u64;
        if self.bytes > self.most_bytes {
            let message = format!(
                "what a loop gives takes more than the {} MiB allowed, after {} turns",
                self.most_bytes >> 20,
                self.arrays.len()
            );
            return Err(Error::new(ErrorKind::Limit, message));
        }
        self.arrays.push(array);
        Ok(())
    }
}
