//! A file without its large values: the rest as it stands there, and of the values where they lie. They are read when their turn comes,
//! so that memory never holds a file beside what is read from it.
//!
//! ```text
//! file      │ graph │ name, shape │ 9.4 MB of values │ name, shape │ …
//! outline   │ graph │ name, shape │ first byte, bytes │ name, shape │ …
//! ```

use crate::error::{Error, ErrorKind, Result};
use crate::wire::{broken, truncated};
use std::fs::File;
use std::io::{BufReader, Read, Seek};

/// The field that an outline gives a `TensorProto` in place of its values: the first byte in the file, and how many.
/// ONNX has none of this number.
pub(super) const LIES_AT: u64 = 1 << 20;
/// Bytes from which values stay in the file.
const LARGE: u64 = 64 << 10;
/// Bytes of a length that is filled in later.
const LENGTH: usize = 9;
/// From the file to values: `ModelProto.graph`, `GraphProto.initializer`, `TensorProto.raw_data`.
const WAY: [u64; 3] = [7, 5, 9];

/// The outline of a file of so many bytes.
pub(super) fn outline(file: File, bytes: u64) -> Result<Vec<u8>> {
    let mut outline = Vec::new();
    message(&mut BufReader::new(file), bytes, &WAY, &mut outline)?;
    Ok(outline)
}

/// Appends the outline of a message of so many bytes, of which `way` leads to values.
fn message(file: &mut BufReader<File>, mut left: u64, way: &[u64], to: &mut Vec<u8>) -> Result<()> {
    while left > 0 {
        let tag = varint(file, &mut left)?;
        let (field, kind) = (tag >> 3, tag & 7);
        if kind == 0 {
            let value = varint(file, &mut left)?;
            put(tag, to);
            put(value, to);
            continue;
        }
        let length = match kind {
            1 => 8,
            2 => varint(file, &mut left)?,
            5 => 4,
            _ => return Err(broken("a field of a kind that protocol buffers do not have")),
        };
        left = left.checked_sub(length).ok_or_else(truncated)?;
        match way {
            [next] if kind == 2 && field == *next && length >= LARGE => {
                for value in [file.stream_position().map_err(io)?, length] {
                    put(LIES_AT << 3, to);
                    put(value, to);
                }
                file.seek_relative(length as i64).map_err(io)?;
            }
            [next, rest @ ..] if kind == 2 && field == *next && !rest.is_empty() => {
                put(tag, to);
                let start = to.len() + LENGTH;
                to.resize(start, 0);
                message(file, length, rest, to)?;
                let length = to.len() - start;
                put_length(length as u64, &mut to[start - LENGTH..start]);
            }
            _ => {
                put(tag, to);
                if kind == 2 {
                    put(length, to);
                }
                let copied = file.by_ref().take(length).read_to_end(to).map_err(io)?;
                if copied as u64 != length {
                    return Err(truncated());
                }
            }
        }
    }
    Ok(())
}

fn varint(file: &mut BufReader<File>, left: &mut u64) -> Result<u64> {
    let mut bytes = Vec::with_capacity(10);
    while bytes.last().is_none_or(|byte| byte & 0x80 > 0) && bytes.len() < 10 {
        *left = left.checked_sub(1).ok_or_else(truncated)?;
        let mut byte = [0];
        file.read_exact(&mut byte).map_err(io)?;
        bytes.extend(byte);
    }
    crate::wire::varint(&mut bytes.as_slice())
}

fn put(mut value: u64, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

/// A length in as many bytes as any may have: it is known only when what it is the length of has been written.
fn put_length(length: u64, to: &mut [u8]) {
    for (place, byte) in to.iter_mut().enumerate() {
        let more = if place + 1 < LENGTH { 0x80 } else { 0 };
        *byte = (length >> (7 * place)) as u8 & 0x7f | more;
    }
}

fn io(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array::Array;
    use crate::onnx::{Model, Session, SessionOptions};
    use kernels::Pool;
    use testkit::onnx::{FLOAT, Onnx};

    /// A convolution with 80 KB of weights.
    fn network() -> Vec<u8> {
        let weight: Vec<f32> = (0..20_000).map(|i| (i % 37) as f32).collect();
        Onnx::new()
            .input("x", FLOAT, &[1, 1, 100, 100])
            .floats("w", &[2, 1, 100, 100], &weight)
            .node("Conv", &["x", "w"], "y", &[])
            .output("y", &[1, 2, 1, 1])
            .finish()
    }

    fn run(model: Model) -> Array {
        let x = Array::f32(&[1, 1, 100, 100], (0..10_000).map(|i| (i % 11) as f32).collect());
        let mut session = Session::new(model, SessionOptions::new(Pool::new(1)));
        session.run(&[("x", x.unwrap())]).unwrap().remove(0).1
    }

    #[test]
    fn a_file_gives_the_model_that_its_bytes_give() {
        let (dir, bytes) = (testkit::temp_dir("outline"), network());
        let path = dir.join("net.onnx");
        std::fs::write(&path, &bytes).unwrap();
        let outline = outline(File::open(&path).unwrap(), bytes.len() as u64).unwrap();
        assert!(outline.len() < 1000, "{} bytes", outline.len());
        let (read, held) = (Model::open(&path).unwrap(), Model::from_bytes(&bytes).unwrap());
        assert_eq!(read.sha256(), held.sha256());
        assert_eq!(run(read), run(held));
        for cut in [1, 100, bytes.len() / 2, bytes.len() - 1] {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert_eq!(*Model::open(&path).unwrap_err().kind(), ErrorKind::BrokenFile, "{cut}");
        }
    }

    #[test]
    fn a_model_that_claims_to_be_an_outline_gets_nothing_from_elsewhere() {
        let (dir, bytes) = (testkit::temp_dir("outline-claimed"), network());
        let path = dir.join("net.onnx");
        std::fs::write(&path, &bytes).unwrap();
        let outline = outline(File::open(&path).unwrap(), bytes.len() as u64).unwrap();
        assert_eq!(*Model::from_bytes(&outline).unwrap_err().kind(), ErrorKind::BrokenFile);
        // In a file of its own, what it points to lies beyond the end.
        std::fs::write(&path, &outline).unwrap();
        let error = Model::open(&path).unwrap_err();
        assert!(error.to_string().contains("reach beyond"), "{error}");
    }
}
