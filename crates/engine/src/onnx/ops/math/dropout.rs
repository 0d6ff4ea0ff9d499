//! `Dropout`. At inference it hands its input on; so it does while training with a ratio of zero.

use crate::array::{Array, DType, Element};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, unsupported, wrong};

pub(in super::super) const OPS: &[Op] = &[Op::new("Dropout", dropout).infer(infer)];

fn infer(ask: &Ask) -> Option<Vec<Known>> {
    let x = ask.input(0)?;
    let mut known = vec![Known::of(x.dtype, x.shape.clone())];
    if ask.node.output_count() > 1 {
        known.push(Known::of(mask_type(ask.node.version, x.dtype), x.shape.clone()));
    }
    Some(known)
}

/// Masks have the data's type before version 10.
fn mask_type(version: i64, data: DType) -> DType {
    if version < 10 { data } else { DType::Bool }
}

fn dropout(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let training = match call.version() {
        ..=6 => !call.attributes().flag("is_test"),
        7..=11 => false,
        _ => match inputs.maybe(2)? {
            None => false,
            Some(flag) => match flag.slice::<bool>() {
                Some([flag]) => *flag,
                _ => return Err(wrong("training_mode is not one truth value")),
            },
        },
    };
    let ratio = match call.version() {
        ..=11 => call.float("ratio", 0.5),
        _ => inputs.maybe(1)?.and_then(|ratio| ratio.to_f32().first().copied()).unwrap_or(0.5),
    };
    if training && ratio != 0.0 {
        return Err(unsupported("dropping values at random, as training does"));
    }
    let x = inputs.take(0)?;
    let mut results = Vec::new();
    if call.node.output_count() > 1 {
        let mask = match mask_type(call.version(), x.dtype()) {
            DType::Bool => Array::of(x.shape(), vec![true; x.len()])?,
            DType::F32 => ones::<f32>(&x, 1.0)?,
            DType::F64 => ones::<f64>(&x, 1.0)?,
            DType::F16 => ones(&x, crate::array::f16::ONE)?,
            other => return Err(unsupported(format!("a mask of {other}"))),
        };
        results.push(Value::Array(mask));
    }
    results.insert(0, Value::Array(x));
    Ok(results)
}

fn ones<T: Element>(x: &Array, value: T) -> Result<Array> {
    Array::of(x.shape(), vec![value; x.len()])
}
