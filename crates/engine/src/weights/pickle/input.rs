//! Reading a pickle's bytes: numbers, counted runs, lines of text.

use std::borrow::Cow;

use super::Value;
use crate::error::{Error, ErrorKind, Result};

pub(super) struct Input<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Input<'a> {
        Input { bytes, at: 0 }
    }

    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            return Err(self.broken("ends early"));
        };
        let piece = &self.bytes[self.at..end];
        self.at = end;
        Ok(piece)
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// Little-endian unsigned number of `width` bytes, at most eight.
    pub(super) fn number(&mut self, width: usize) -> Result<u64> {
        let bytes = self.take(width)?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// A run whose length stands before it in `width` bytes.
    pub(super) fn counted(&mut self, width: usize) -> Result<&'a [u8]> {
        let count = self.number(width)?;
        let count = usize::try_from(count).map_err(|_| self.broken("counts more than it has"))?;
        self.take(count)
    }

    /// Up to the next line feed, without it (and without a carriage return before it).
    pub(super) fn line(&mut self) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
            return Err(self.broken("ends early"));
        };
        self.at += length + 1;
        let line = &rest[..length];
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    pub(super) fn text_line(&mut self) -> Result<Cow<'a, str>> {
        Ok(String::from_utf8_lossy(self.line()?))
    }

    pub(super) fn broken(&self, what: &str) -> Error {
        let at = self.at;
        Error::new(ErrorKind::BrokenFile, format!("the pickle {what} (at its byte {at})"))
    }
}

/// A little-endian two's complement integer of any length.
pub(super) fn long(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::Big(bytes);
    }
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    let fill = if negative { 0xff } else { 0 };
    let mut wide = [fill; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(wide))
}

/// A decimal integer line of protocol 0 (`I` and `L`; `I00` and `I01` are truth values).
pub(super) fn decimal(line: &[u8]) -> Option<Value<'static>> {
    if matches!(line, b"00" | b"01") {
        return Some(Value::Bool(line == b"01"));
    }
    let text = std::str::from_utf8(line).ok()?.trim();
    let text = text.strip_suffix('L').unwrap_or(text);
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().map_or(Value::Big(&[]), Value::Int))
}

/// A quoted, escaped string of protocol 0.
pub(super) fn quoted(line: &[u8]) -> Option<String> {
    let quote = *line.first().filter(|byte| matches!(byte, b'\'' | b'"'))?;
    let inner = line.get(1..line.len() - 1).filter(|_| line.len() >= 2)?;
    if line.last() != Some(&quote) {
        return None;
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match *rest.next()? {
            b'n' => out.push(b'\n'),
            b't' => out.push(b'\t'),
            b'r' => out.push(b'\r'),
            b'x' => {
                let digits = [*rest.next()?, *rest.next()?];
                let text = std::str::from_utf8(&digits).ok()?;
                out.push(u8::from_str_radix(text, 16).ok()?);
            }
            other => out.push(other),
        }
    }
    Some(String::from_utf8_lossy(&out).into_owned())
}

/// A `raw-unicode-escape` line of protocol 0: Latin-1 with `\uXXXX` and `\UXXXXXXXX`.
pub(super) fn raw_unicode(line: &[u8]) -> String {
    let mut out = String::with_capacity(line.len());
    let mut at = 0;
    while at < line.len() {
        let width = match line.get(at..at + 2) {
            Some(b"\\u") => 4,
            Some(b"\\U") => 8,
            _ => 0,
        };
        let digits = line.get(at + 2..at + 2 + width).unwrap_or(&[]);
        let code = std::str::from_utf8(digits)
            .ok()
            .filter(|digits| !digits.is_empty())
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code {
            Some(code) => {
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                at += 2 + width;
            }
            None => {
                out.push(char::from(line[at]));
                at += 1;
            }
        }
    }
    out
}
