//! Plain data as training scripts save them beside weights: JSON, or a pickle of numbers, texts,
//! lists and dictionaries, NumPy's numbers and arrays among them; an object of any class is the table of its
//! attributes. Nothing is executed.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::Limits;
use super::pickle::{self, Id, Object, Pickle, Value, shorten};
use crate::error::{Error, ErrorKind, Result};

/// Bytes that the values beside one checkpoint's weights may take, each.
const MOST_BESIDE: u64 = 4 << 20;
/// How deep lists and dictionaries may nest.
const MOST_DEEP: usize = 64;

/// One value. Keys of tables that were numbers are written as in JSON: `0` is `"0"`.
#[derive(Clone, Debug, PartialEq)]
pub enum Plain {
    /// Python's `None`, JSON's `null`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A text.
    Text(String),
    /// A list, tuple, set or array (of several axes: lists of lists).
    List(Vec<Plain>),
    /// A dictionary, in the order of the file.
    Table(Vec<(String, Plain)>),
    /// A class or function by its full name, or a few words on what cannot be read.
    Other(String),
}

impl Plain {
    /// From the bytes of a JSON file. Errors name line and column.
    pub fn from_json(bytes: &[u8]) -> Result<Plain> {
        serde_json::from_slice(bytes)
            .map_err(|error| Error::new(ErrorKind::BrokenFile, format!("no sound JSON: {error}")))
    }

    /// From the bytes of a pickle, read as data.
    ///
    /// Errors: the pickle is broken or beyond a limit of `limits`.
    pub fn from_pickle(bytes: &[u8], limits: &Limits) -> Result<Plain> {
        let pickle = pickle::run(bytes, limits)?;
        let mut convert = Convert { pickle: &pickle, left: limits.pickle_bytes };
        convert.value(pickle.root, 0)
    }

    /// The entry of a table.
    pub fn get(&self, key: &str) -> Option<&Plain> {
        let Plain::Table(rows) = self else { return None };
        rows.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// A text.
    pub fn text(&self) -> Option<&str> {
        match self {
            Plain::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A number of either kind.
    pub fn number(&self) -> Option<f64> {
        match self {
            Plain::Int(number) => Some(*number as f64),
            Plain::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// A whole number that is not negative; `3.0` is one.
    pub fn size(&self) -> Option<usize> {
        match self {
            Plain::Int(number) => usize::try_from(*number).ok(),
            Plain::Float(number) if number.fract() == 0.0 && (0.0..1e15).contains(number) => {
                Some(*number as usize)
            }
            _ => None,
        }
    }

    /// The items of a list.
    pub fn items(&self) -> Option<&[Plain]> {
        match self {
            Plain::List(items) => Some(items),
            _ => None,
        }
    }

    /// The rows of a table.
    pub fn rows(&self) -> Option<&[(String, Plain)]> {
        match self {
            Plain::Table(rows) => Some(rows),
            _ => None,
        }
    }
}

/// A value beside weights; one that is too large or strange is named instead.
pub(super) fn convert_or_name(pickle: &Pickle<'_>, id: Id) -> Plain {
    let mut convert = Convert { pickle, left: MOST_BESIDE };
    convert.value(id, 0).unwrap_or_else(|_| Plain::Other(pickle.describe(id)))
}

struct Convert<'p, 'a> {
    pickle: &'p Pickle<'a>,
    /// Bytes that may still be made: values that refer to one value many times must not multiply it.
    left: u64,
}

impl Convert<'_, '_> {
    fn spend(&mut self, bytes: usize) -> Result<()> {
        let left = self.left.checked_sub(bytes as u64 + 32);
        self.left = left.ok_or_else(|| Error::new(ErrorKind::Limit, "too many values"))?;
        Ok(())
    }

    fn value(&mut self, id: Id, depth: usize) -> Result<Plain> {
        if depth > MOST_DEEP {
            return Err(Error::new(ErrorKind::Limit, "values nest too deep"));
        }
        self.spend(0)?;
        let pickle = self.pickle;
        Ok(match pickle.get(id) {
            Value::None => Plain::None,
            Value::Bool(truth) => Plain::Bool(*truth),
            Value::Int(number) => Plain::Int(*number),
            Value::Float(number) => Plain::Float(*number),
            Value::Str(text) => {
                self.spend(text.len())?;
                Plain::Text(text.to_string())
            }
            Value::Tuple(items) | Value::List(items) | Value::Set(items) => {
                self.list(items, depth)?
            }
            Value::Dict(pairs) => {
                let mut rows: Vec<(String, Plain)> = Vec::new();
                for (key, value) in pairs {
                    let Some(key) = self.key(*key)? else { continue };
                    rows.push((key, self.value(*value, depth + 1)?));
                }
                Plain::Table(rows)
            }
            Value::Global { module, name } => {
                self.spend(module.len() + name.len())?;
                Plain::Other(format!("{module}.{name}"))
            }
            Value::Object(object) => match (self.array(object, depth)?, object.state) {
                (Some(value), _) => value,
                // What a class of the training script holds: its attributes.
                (None, Some(state)) if matches!(pickle.get(state), Value::Dict(_)) => {
                    self.value(state, depth + 1)?
                }
                _ => Plain::Other(pickle.describe(id)),
            },
            Value::Big(_) | Value::Bytes(_) | Value::Persistent(_) => {
                Plain::Other(pickle.describe(id))
            }
        })
    }

    fn list(&mut self, items: &[Id], depth: usize) -> Result<Plain> {
        items.iter().map(|id| self.value(*id, depth + 1)).collect::<Result<_>>().map(Plain::List)
    }

    fn key(&mut self, id: Id) -> Result<Option<String>> {
        let key = match self.pickle.get(id) {
            Value::Str(text) => text.to_string(),
            Value::Int(number) => number.to_string(),
            // Keys that are tuples (nnU-Net: several labels together).
            Value::Tuple(items) => {
                let parts = items.iter().map(|id| self.pickle.size(*id));
                let parts: Vec<String> = parts.flatten().map(|part| part.to_string()).collect();
                format!("({})", parts.join(", "))
            }
            _ => return Ok(None),
        };
        self.spend(key.len())?;
        Ok(Some(key))
    }

    /// NumPy's scalars and arrays: `numpy/core/src/multiarray/methods.c` (`array_reduce`),
    /// `scalartypes.c.src` (`gentype_reduce`), `numpy/core/numeric.py` (`_frombuffer`).
    fn array(&mut self, object: &Object, depth: usize) -> Result<Option<Plain>> {
        let pickle = self.pickle;
        let Some((module, name)) = pickle.global(object.class) else { return Ok(None) };
        if !module.starts_with("numpy.") && module != "numpy" {
            return Ok(None);
        }
        let args = pickle.items(object.args).unwrap_or(&[]);
        let (dtype, shape, content) = match name {
            "scalar" => match *args {
                [dtype, content, ..] => (dtype, Some(Vec::new()), content),
                _ => return Ok(None),
            },
            "_reconstruct" => {
                let state = object.state.and_then(|state| pickle.items(state)).unwrap_or(&[]);
                match *state {
                    [_, shape, dtype, _, content, ..] => (dtype, self.shape(shape), content),
                    _ => return Ok(None),
                }
            }
            "_frombuffer" => match *args {
                [content, dtype, shape, ..] => (dtype, self.shape(shape), content),
                _ => return Ok(None),
            },
            _ => return Ok(None),
        };
        let Some(shape) = shape.filter(|shape| shape.len() <= 8) else { return Ok(None) };
        let Some(count) = shape.iter().try_fold(1usize, |n, e| n.checked_mul(*e)) else {
            return Ok(None);
        };
        let flat = match pickle.get(content) {
            // An array of objects.
            Value::List(items) if items.len() == count => match self.list(items, depth)? {
                Plain::List(items) => items,
                _ => return Ok(None),
            },
            _ => {
                let (Some(bytes), Some(dtype)) = (self.bytes(content)?, self.dtype(dtype)) else {
                    return Ok(None);
                };
                if count.checked_mul(dtype.width) != Some(bytes.len()) {
                    return Ok(None);
                }
                self.spend(count.saturating_mul(32))?;
                bytes.chunks_exact(dtype.width.max(1)).map(|chunk| dtype.read(chunk)).collect()
            }
        };
        Ok(nest(flat, &shape))
    }

    fn shape(&self, id: Id) -> Option<Vec<usize>> {
        self.pickle.items(id)?.iter().map(|id| self.pickle.size(*id)).collect()
    }

    /// Bytes, also as protocols 0 to 2 write them: `_codecs.encode(text, 'latin1')`.
    fn bytes(&mut self, id: Id) -> Result<Option<Vec<u8>>> {
        let pickle = self.pickle;
        let bytes = match pickle.get(id) {
            Value::Bytes(bytes) => bytes.to_vec(),
            Value::Str(text) => return self.latin1(text),
            Value::Object(object) if pickle.is_global(object.class, "_codecs", "encode") => {
                let text = pickle.items(object.args).and_then(|args| pickle.str(*args.first()?));
                return text.map_or(Ok(None), |text| self.latin1(text));
            }
            _ => return Ok(None),
        };
        self.spend(bytes.len())?;
        Ok(Some(bytes))
    }

    fn latin1(&mut self, text: &str) -> Result<Option<Vec<u8>>> {
        self.spend(text.len())?;
        Ok(text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect())
    }

    /// `dtype('f8', False, True)` with the state `(3, '<', …)`.
    fn dtype(&self, id: Id) -> Option<NumPy> {
        let pickle = self.pickle;
        let Value::Object(object) = pickle.get(id) else { return None };
        let code = pickle.str(*pickle.items(object.args)?.first()?)?;
        let kind = code.chars().next()?;
        let width: usize = code[kind.len_utf8()..].parse().ok()?;
        let order = object.state.and_then(|state| pickle.str(*pickle.items(state)?.get(1)?));
        let known = matches!((kind, width), ('f', 4 | 8) | ('i' | 'u', 1 | 2 | 4 | 8) | ('b', 1));
        known.then_some(NumPy { kind, width, big_endian: order == Some(">") })
    }
}

/// How NumPy stores a number.
#[derive(Clone, Copy)]
struct NumPy {
    kind: char,
    width: usize,
    big_endian: bool,
}

impl NumPy {
    fn read(self, bytes: &[u8]) -> Plain {
        let fold = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
        let bits = match self.big_endian {
            true => bytes.iter().fold(0, fold),
            false => bytes.iter().rev().fold(0, fold),
        };
        match (self.kind, self.width) {
            ('f', 8) => Plain::Float(f64::from_bits(bits)),
            ('f', _) => Plain::Float(f64::from(f32::from_bits(bits as u32))),
            ('b', _) => Plain::Bool(bits != 0),
            ('i', width) => {
                let unused = 64 - 8 * width as u32;
                Plain::Int((bits << unused).cast_signed() >> unused)
            }
            _ => i64::try_from(bits).map_or(Plain::Float(bits as f64), Plain::Int),
        }
    }
}

/// A flat list as lists of lists; a single value without axes.
fn nest(mut flat: Vec<Plain>, shape: &[usize]) -> Option<Plain> {
    let [_, inner @ ..] = shape else { return flat.pop() };
    for &extent in inner.iter().rev() {
        let mut rest = flat.into_iter();
        let mut rows = Vec::new();
        while extent > 0 && rest.len() > 0 {
            rows.push(Plain::List(rest.by_ref().take(extent).collect()));
        }
        flat = rows;
    }
    Some(Plain::List(flat))
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Plain, D::Error> {
        deserializer.deserialize_any(Json)
    }
}

struct Json;

impl<'de> Visitor<'de> for Json {
    type Value = Plain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Plain, E> {
        Ok(Plain::None)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Plain, E> {
        Ok(Plain::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Plain, E> {
        Ok(Plain::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Plain, E> {
        Ok(i64::try_from(value).map_or(Plain::Float(value as f64), Plain::Int))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Plain, E> {
        Ok(Plain::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Plain, E> {
        Ok(Plain::Text(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Plain, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Plain::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Plain, A::Error> {
        let mut rows: Vec<(String, Plain)> = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, Plain>()? {
            if rows.len() < 4096 && rows.iter().any(|(name, _)| *name == key) {
                let key = shorten(&key);
                return Err(A::Error::custom(format!("the key `{key}` is there twice")));
            }
            rows.push((key, value));
        }
        Ok(Plain::Table(rows))
    }
}

#[cfg(test)]
#[path = "plain_tests.rs"]
mod tests;
