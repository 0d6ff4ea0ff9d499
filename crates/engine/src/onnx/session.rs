//! Runs a model, on inputs of any shape it admits.

use super::machine::{Machine, Values, memos, outputs};
use super::model::Model;
use super::ops::{Memo, Value};
use crate::array::Array;
use crate::error::{Error, ErrorKind, Result};
use kernels::Pool;

/// How a model runs.
#[derive(Clone)]
pub struct SessionOptions {
    /// The threads it runs on.
    pub pool: Pool,
    /// Most bytes that the values of a run may take together, stored values apart.
    pub memory_limit_bytes: Option<u64>,
}

/// Bytes of values when no limit is given.
const DEFAULT_MOST_BYTES: u64 = 32 << 30;

/// A model ready to run.
pub struct Session {
    model: Model,
    options: SessionOptions,
    memos: Vec<Memo>,
}

impl Session {
    /// Runs `model` with `options`.
    pub fn new(model: Model, options: SessionOptions) -> Session {
        let memos = memos(&model.graph);
        Session { model, options, memos }
    }

    /// The model.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// All outputs by name, in the declared order.
    pub fn run(&mut self, inputs: &[(&str, Array)]) -> Result<Vec<(String, Array)>> {
        let given = inputs.iter().map(|(name, array)| (*name, Value::Array(array.clone())));
        let names = self.model.outputs.iter().map(|port| port.name.clone());
        let names: Vec<String> = names.collect();
        let values = self.run_values(given.collect())?;
        let named = names.into_iter().zip(values).map(|(name, value)| match value {
            Value::Array(array) => Ok((name, array)),
            _ => {
                let message = format!("the output `{name}` is no tensor");
                Err(Error::new(ErrorKind::Unsupported, message))
            }
        });
        named.collect()
    }

    /// The same for values of every kind.
    pub fn run_values(&mut self, inputs: Vec<(&str, Value)>) -> Result<Vec<Value>> {
        let graph = &self.model.graph;
        let mut values = Values::new(graph.names.len());
        for (slot, array) in &graph.constants {
            values.set_constant(*slot, Value::Array(array.clone()));
        }
        for (name, value) in inputs {
            let at = self.model.inputs.iter().position(|port| port.name == name);
            let Some(at) = at else {
                let known: Vec<&str> = self.model.inputs.iter().map(|p| p.name.as_str()).collect();
                let message = format!("no input `{name}`; there is {}", known.join(", "));
                return Err(Error::new(ErrorKind::Shape, message));
            };
            values.set(graph.inputs[at], value);
        }
        for (port, slot) in self.model.inputs.iter().zip(&graph.inputs) {
            if values.get(*slot).is_none() {
                let message = format!("the input `{}` is not given", port.name);
                return Err(Error::new(ErrorKind::Shape, message));
            }
        }
        let most_bytes = self.options.memory_limit_bytes.unwrap_or(DEFAULT_MOST_BYTES);
        let machine = Machine { pool: &self.options.pool, most_bytes, depth: 0 };
        for (index, memo) in self.memos.iter().enumerate() {
            machine.step(graph, index, memo, &mut values)?;
        }
        outputs(graph, &values)
    }
}
