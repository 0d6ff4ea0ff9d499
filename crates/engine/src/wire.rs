//! The encoding of protocol buffers: fields of a message, one after the other
//! (protobuf.dev, "Encoding"). Nothing is copied; a length that reaches beyond its message is an
//! error, so that no claim in a file can be larger than the file.

use crate::error::{Error, ErrorKind, Result};

/// What a field holds, as far as the encoding tells.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wire<'a> {
    /// Integers of any kind, `bool`, enumerations.
    Varint(u64),
    /// `fixed64`, `double`.
    Fixed64([u8; 8]),
    /// Text, bytes, messages, packed repeated numbers.
    Bytes(&'a [u8]),
    /// `fixed32`, `float`.
    Fixed32([u8; 4]),
}

/// The fields of a message.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Of the message in `bytes`.
    pub fn of(bytes: &'a [u8]) -> Fields<'a> {
        Fields { rest: bytes }
    }

    /// Number and content of the next field; `None` at the end.
    pub fn next(&mut self) -> Result<Option<(u64, Wire<'a>)>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = varint(&mut self.rest)?;
        let wire = match tag & 7 {
            0 => Wire::Varint(varint(&mut self.rest)?),
            1 => Wire::Fixed64(self.fixed()?),
            2 => {
                let length = varint(&mut self.rest)?;
                let (bytes, rest) = usize::try_from(length)
                    .ok()
                    .and_then(|length| self.rest.split_at_checked(length))
                    .ok_or_else(truncated)?;
                self.rest = rest;
                Wire::Bytes(bytes)
            }
            5 => Wire::Fixed32(self.fixed()?),
            _ => return Err(broken("a field of a kind that protocol buffers do not have")),
        };
        Ok(Some((tag >> 3, wire)))
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>().ok_or_else(truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

impl<'a> Wire<'a> {
    /// Bytes of a field that must have some.
    pub fn bytes(self) -> Result<&'a [u8]> {
        match self {
            Wire::Bytes(bytes) => Ok(bytes),
            _ => Err(broken("a number where a message or text was expected")),
        }
    }

    /// UTF-8 text; anything else is replaced, since names only have to be told apart.
    pub fn text(self) -> Result<String> {
        Ok(String::from_utf8_lossy(self.bytes()?).into_owned())
    }

    /// An integer.
    pub fn int(self) -> Result<i64> {
        match self {
            Wire::Varint(value) => Ok(value as i64),
            _ => Err(broken("something else where an integer was expected")),
        }
    }

    /// A 32-bit float.
    pub fn float(self) -> Result<f32> {
        match self {
            Wire::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(broken("something else where a float was expected")),
        }
    }

    /// Appends repeated integers, packed or one by one.
    pub fn ints(self, to: &mut Vec<i64>) -> Result<()> {
        match self {
            Wire::Bytes(mut bytes) => {
                while !bytes.is_empty() {
                    to.push(varint(&mut bytes)? as i64);
                }
            }
            one => to.push(one.int()?),
        }
        Ok(())
    }

    /// Appends repeated 32-bit floats, packed or one by one.
    pub fn floats(self, to: &mut Vec<f32>) -> Result<()> {
        match self {
            Wire::Bytes(bytes) => {
                let (items, rest) = bytes.as_chunks::<4>();
                if !rest.is_empty() {
                    return Err(truncated());
                }
                to.extend(items.iter().map(|item| f32::from_le_bytes(*item)));
            }
            one => to.push(one.float()?),
        }
        Ok(())
    }

    /// Appends repeated 64-bit floats, packed or one by one.
    pub fn doubles(self, to: &mut Vec<f64>) -> Result<()> {
        match self {
            Wire::Bytes(bytes) => {
                let (items, rest) = bytes.as_chunks::<8>();
                if !rest.is_empty() {
                    return Err(truncated());
                }
                to.extend(items.iter().map(|item| f64::from_le_bytes(*item)));
            }
            Wire::Fixed64(bytes) => to.push(f64::from_le_bytes(bytes)),
            _ => return Err(broken("something else where a double was expected")),
        }
        Ok(())
    }
}

pub(crate) fn varint(rest: &mut &[u8]) -> Result<u64> {
    let mut value = 0u64;
    for shift in 0..10 {
        let (byte, after) = rest.split_first().ok_or_else(truncated)?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(broken("an integer longer than ten bytes"))
}

pub(crate) fn truncated() -> Error {
    broken("cut short: a field reaches beyond the end of its message")
}

pub(crate) fn broken(what: &str) -> Error {
    Error::new(ErrorKind::BrokenFile, format!("no sound ONNX or TensorFlow file: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order_and_lies_about_length_are_errors() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1d, 0, 0, 0x80, 0x3f];
        let mut fields = Fields::of(&bytes);
        assert_eq!(fields.next().unwrap().unwrap().1.int().unwrap(), 150);
        assert_eq!(fields.next().unwrap().unwrap().1.text().unwrap(), "hi");
        assert_eq!(fields.next().unwrap().unwrap().1.float().unwrap(), 1.0);
        assert!(fields.next().unwrap().is_none());
        for cut in [1, 2, 4, 5, 6, 8, 11] {
            let mut fields = Fields::of(&bytes[..cut]);
            let ended = loop {
                match fields.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
            assert!(!ended, "cut at {cut}");
        }
        assert!(Fields::of(&[0x12, 0xff, 0xff, 0xff, 0xff, 0x7f]).next().is_err());
        assert!(Fields::of(&[0xff; 11]).next().is_err());
    }
}
