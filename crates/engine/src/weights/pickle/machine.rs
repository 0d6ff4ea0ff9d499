//! The stack machine of the pickle language.

use std::borrow::Cow;
use std::collections::HashMap;

use super::input::{Input, decimal, long, quoted, raw_unicode};
use super::{Id, Object, Pickle, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::weights::Limits;

/// Values that every pickle shares, so that one-byte instructions cost no memory.
const NONE: Id = 0;
const FALSE: Id = 1;
const TRUE: Id = 2;
const NOTHING: Id = 3;

/// Runs one pickle from the start of `bytes`, which may go on after it.
pub(in crate::weights) fn run<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Pickle<'a>> {
    let most = usize::try_from(limits.pickle_bytes).unwrap_or(usize::MAX).min(bytes.len());
    let mut machine = Machine {
        input: Input::new(&bytes[..most]),
        values: vec![Value::None, Value::Bool(false), Value::Bool(true), Value::Tuple(Vec::new())],
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        copies_left: limits.pickle_ops,
    };
    for _ in 0..limits.pickle_ops {
        if let Some(root) = machine.step()? {
            return Ok(Pickle { values: machine.values, root, length: machine.input.at });
        }
    }
    let ops = limits.pickle_ops;
    Err(Error::new(ErrorKind::Limit, format!("a pickle of more than {ops} instructions")))
}

struct Machine<'a> {
    input: Input<'a>,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack where marks lie.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
    /// Items that copies of collections may still hold: `set(list)` again and again must not
    /// multiply one long list.
    copies_left: u64,
}

impl<'a> Machine<'a> {
    /// One instruction; the result once it was `STOP`.
    fn step(&mut self) -> Result<Option<Id>> {
        match self.input.byte()? {
            b'.' => return self.pop().map(Some),
            0x80 => {
                let version = self.input.byte()?;
                if version > 5 {
                    return Err(Error::new(
                        ErrorKind::Unsupported,
                        format!("pickle protocol {version}; 0 to 5 can be read"),
                    ));
                }
            }
            0x95 => drop(self.input.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                if self.marks.last() == Some(&self.stack.len()) {
                    self.marks.pop();
                } else {
                    self.pop()?;
                }
            }
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            // Memory
            b'p' => {
                let line = self.input.line()?;
                let key = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
                let key = key.ok_or_else(|| self.input.broken("has a memo key that is no number"));
                self.put(key?)?;
            }
            b'q' => {
                let key = self.input.number(1)?;
                self.put(key)?;
            }
            b'r' => {
                let key = self.input.number(4)?;
                self.put(key)?;
            }
            0x94 => self.put(self.memo.len() as u64)?,
            b'g' => {
                let line = self.input.line()?;
                let key = std::str::from_utf8(line).ok().and_then(|text| text.parse().ok());
                let key = key.ok_or_else(|| self.input.broken("has a memo key that is no number"));
                self.recall(key?)?;
            }
            b'h' => {
                let key = self.input.number(1)?;
                self.recall(key)?;
            }
            b'j' => {
                let key = self.input.number(4)?;
                self.recall(key)?;
            }
            // Atoms
            b'N' => self.stack.push(NONE),
            0x88 => self.stack.push(TRUE),
            0x89 => self.stack.push(FALSE),
            b'J' => {
                let number = self.input.number(4)? as u32;
                self.push(Value::Int(i64::from(number.cast_signed())))?;
            }
            b'K' => {
                let number = self.input.number(1)?;
                self.push(Value::Int(number as i64))?;
            }
            b'M' => {
                let number = self.input.number(2)?;
                self.push(Value::Int(number as i64))?;
            }
            b'I' | b'L' => {
                let value = decimal(self.input.line()?);
                let value = value.ok_or_else(|| self.input.broken("has an odd number"))?;
                self.push(value)?;
            }
            0x8a => {
                let value = long(self.input.counted(1)?);
                self.push(value)?;
            }
            0x8b => {
                let value = long(self.input.counted(4)?);
                self.push(value)?;
            }
            b'F' => {
                let text = std::str::from_utf8(self.input.line()?).ok();
                let value = text.and_then(|text| text.trim().parse().ok());
                let value = value.ok_or_else(|| self.input.broken("has an odd number"))?;
                self.push(Value::Float(value))?;
            }
            b'G' => {
                // The one big-endian number of the language.
                let bits = self.input.number(8)?.swap_bytes();
                self.push(Value::Float(f64::from_bits(bits)))?;
            }
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            0x8d => self.text(8)?,
            // Byte strings of Python 2 are texts to every later reader.
            b'T' => self.text(4)?,
            b'U' => self.text(1)?,
            b'V' => {
                let text = raw_unicode(self.input.line()?);
                self.push(Value::Str(Cow::Owned(text)))?;
            }
            b'S' => {
                let text = quoted(self.input.line()?);
                let text = text.ok_or_else(|| self.input.broken("has an odd string"))?;
                self.push(Value::Str(Cow::Owned(text)))?;
            }
            b'B' => self.bytes(4)?,
            b'C' => self.bytes(1)?,
            0x8e | 0x96 => self.bytes(8)?,
            // Collections
            b')' => self.stack.push(NOTHING),
            b'}' => self.push(Value::Dict(Vec::new()))?,
            b']' => self.push(Value::List(Vec::new()))?,
            0x8f => self.push(Value::Set(Vec::new()))?,
            b't' => {
                let items = self.pop_mark()?;
                self.push(Value::Tuple(items))?;
            }
            code @ 0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let from = self.floor(count)?;
                let items = self.stack.split_off(from);
                self.push(Value::Tuple(items))?;
            }
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Value::List(items))?;
            }
            0x91 => {
                let items = self.pop_mark()?;
                self.push(Value::Set(items))?;
            }
            b'd' => {
                let pairs = self.pop_pairs()?;
                self.push(Value::Dict(pairs))?;
            }
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.extend(items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![(key, value)])?;
            }
            b'u' => {
                let pairs = self.pop_pairs()?;
                self.set(pairs)?;
            }
            // Names and calls
            b'c' => {
                let module = self.input.text_line()?;
                let name = self.input.text_line()?;
                self.push(Value::Global { module, name })?;
            }
            0x93 => {
                let name = self.pop()?;
                let module = self.pop()?;
                let (Value::Str(module), Value::Str(name)) = (self.get(module), self.get(name))
                else {
                    return Err(self.input.broken("names a class by something that is no text"));
                };
                let value = Value::Global { module: module.clone(), name: name.clone() };
                self.push(value)?;
            }
            b'i' => {
                let module = self.input.text_line()?;
                let name = self.input.text_line()?;
                let args = self.pop_mark()?;
                let class = self.add(Value::Global { module, name })?;
                let args = self.add(Value::Tuple(args))?;
                self.call(class, args)?;
            }
            b'o' => {
                let mut args = self.pop_mark()?;
                if args.is_empty() {
                    return Err(self.input.broken("makes an object of nothing"));
                }
                let class = args.remove(0);
                let args = self.add(Value::Tuple(args))?;
                self.call(class, args)?;
            }
            b'R' | 0x81 => {
                let args = self.pop()?;
                let class = self.pop()?;
                self.call(class, args)?;
            }
            0x92 => {
                self.pop()?; // keyword arguments
                let args = self.pop()?;
                let class = self.pop()?;
                self.call(class, args)?;
            }
            b'b' => {
                let state = self.pop()?;
                let top = self.top()?;
                if let Some(Value::Object(object)) = self.values.get_mut(top as usize) {
                    object.state = Some(state);
                }
                // Attributes of built-in collections (`_metadata`) are passed over.
            }
            b'P' => {
                let text = self.input.text_line()?;
                let inner = self.add(Value::Str(text))?;
                self.push(Value::Persistent(inner))?;
            }
            b'Q' => {
                let inner = self.pop()?;
                self.push(Value::Persistent(inner))?;
            }
            code => {
                let what = match code {
                    0x82..=0x84 => "uses Python's extension registry".to_string(),
                    0x97 | 0x98 => "refers to buffers outside itself".to_string(),
                    _ => format!("has the unknown instruction {code:#04x}"),
                };
                return Err(self.input.broken(&what));
            }
        }
        Ok(None)
    }

    fn get(&self, id: Id) -> &Value<'a> {
        self.values.get(id as usize).unwrap_or(&Value::None)
    }

    fn add(&mut self, value: Value<'a>) -> Result<Id> {
        let id = Id::try_from(self.values.len());
        let id = id.map_err(|_| Error::new(ErrorKind::Limit, "a pickle of too many values"))?;
        self.values.push(value);
        Ok(id)
    }

    fn push(&mut self, value: Value<'a>) -> Result<()> {
        let id = self.add(value)?;
        self.stack.push(id);
        Ok(())
    }

    /// Where the topmost `count` values begin; they must lie above the last mark.
    fn floor(&self, count: usize) -> Result<usize> {
        let base = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= base => Ok(from),
            _ => Err(self.input.broken("takes from an empty stack")),
        }
    }

    fn top(&self) -> Result<Id> {
        Ok(self.stack[self.floor(1)?])
    }

    fn pop(&mut self) -> Result<Id> {
        let from = self.floor(1)?;
        let top = self.stack[from];
        self.stack.truncate(from);
        Ok(top)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>> {
        let Some(mark) = self.marks.pop() else {
            return Err(self.input.broken("looks for a mark that is not there"));
        };
        Ok(self.stack.split_off(mark))
    }

    fn pop_pairs(&mut self) -> Result<Vec<(Id, Id)>> {
        let items = self.pop_mark()?;
        let (pairs, rest) = items.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(self.input.broken("has a key without a value"));
        }
        Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
    }

    fn put(&mut self, key: u64) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u64) -> Result<()> {
        let id = self.memo.get(&key).copied();
        self.stack.push(id.ok_or_else(|| self.input.broken("recalls what it never stored"))?);
        Ok(())
    }

    fn text(&mut self, width: usize) -> Result<()> {
        let text = String::from_utf8_lossy(self.input.counted(width)?);
        self.push(Value::Str(text))
    }

    fn bytes(&mut self, width: usize) -> Result<()> {
        let bytes = self.input.counted(width)?;
        self.push(Value::Bytes(bytes))
    }

    /// Appends to the list or set on top.
    fn extend(&mut self, items: Vec<Id>) -> Result<()> {
        let top = self.top()?;
        match self.values.get_mut(top as usize) {
            Some(Value::List(list) | Value::Set(list)) => list.extend(items),
            Some(Value::Object(_)) => {} // a subclass of list or set: no tensors to find in it
            _ => return Err(self.input.broken("appends to what is no list")),
        }
        Ok(())
    }

    /// Sets keys of the dictionary on top.
    fn set(&mut self, new: Vec<(Id, Id)>) -> Result<()> {
        let top = self.top()?;
        match self.values.get_mut(top as usize) {
            Some(Value::Dict(pairs)) => pairs.extend(new),
            Some(Value::Object(_)) => {} // a subclass of dict that is unknown here
            _ => return Err(self.input.broken("sets keys of what is no dictionary")),
        }
        Ok(())
    }

    /// Stands for calling `class` with `args`: built-in collections are made, the rest is noted.
    fn call(&mut self, class: Id, args: Id) -> Result<()> {
        let value = match self.get(class) {
            Value::Global { module, name } => self.built_in(module, name, args),
            _ => None,
        };
        let items = match &value {
            Some(Value::Dict(pairs)) => pairs.len(),
            Some(Value::Set(items)) => items.len(),
            _ => 0,
        };
        if items > 0 {
            let left = self.copies_left.checked_sub(items as u64);
            self.copies_left = left.ok_or_else(|| {
                Error::new(ErrorKind::Limit, "a pickle that copies collections without end")
            })?;
        }
        let object = || Value::Object(Box::new(Object { class, args, state: None }));
        self.push(value.unwrap_or_else(object))
    }

    fn built_in(&self, module: &str, name: &str, args: Id) -> Option<Value<'a>> {
        let Value::Tuple(args) = self.get(args) else { return None };
        let first = args.first().map(|id| self.get(*id));
        match (module, name) {
            ("collections", "OrderedDict" | "defaultdict" | "Counter")
            | ("builtins" | "__builtin__", "dict") => {
                // Python 2 saves the items as a list of pairs; a default factory is a Global.
                let mut pairs = Vec::new();
                if let Some(Value::List(items) | Value::Tuple(items)) = first {
                    for item in items {
                        match self.get(*item) {
                            Value::List(pair) | Value::Tuple(pair) if pair.len() == 2 => {
                                pairs.push((pair[0], pair[1]));
                            }
                            _ => return None,
                        }
                    }
                } else if let Some(Value::Dict(items)) = first {
                    pairs.clone_from(items);
                }
                Some(Value::Dict(pairs))
            }
            ("builtins" | "__builtin__", "set" | "frozenset") => match first {
                None => Some(Value::Set(Vec::new())),
                Some(Value::List(items) | Value::Tuple(items) | Value::Set(items)) => {
                    Some(Value::Set(items.clone()))
                }
                _ => None,
            },
            _ => None,
        }
    }
}
