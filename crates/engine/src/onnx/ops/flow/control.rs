//! `If` and `Loop`.

use super::Gathered;
use crate::array::Array;
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::ops::{Call, Inputs, Op, Value, shape::stack, wrong};

pub(in crate::onnx::ops) const OPS: &[Op] = &[Op::new("If", if_then_else), Op::new("Loop", repeat)];

fn if_then_else(call: &Call, inputs: Inputs) -> Result<Vec<Value>> {
    let branch = if truth(inputs.array(0)?)? { "then_branch" } else { "else_branch" };
    call.bodies.run(branch, Vec::new())
}

/// The one truth of a condition.
fn truth(array: &Array) -> Result<bool> {
    match array.slice::<bool>() {
        Some([truth]) => Ok(*truth),
        _ => Err(wrong(format!("a condition of type {} {:?}", array.dtype(), array.shape()))),
    }
}

/// Turns of one loop: a decoder takes thousands.
const MOST_TURNS: i64 = 1 << 20;

/// Inputs: most turns, condition, carried values. The body takes turn, condition and carried values,
/// and gives condition, carried values and what is stacked over all turns.
fn repeat(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let turns = match inputs.maybe(0)? {
        Some(_) => Some(inputs.int(0)?),
        None => None,
    };
    let mut goes_on = inputs.maybe(1)?.map(truth).transpose()?.unwrap_or(true);
    let n = inputs.len().saturating_sub(2);
    let mut carried = (0..n).map(|i| inputs.take_value(2 + i)).collect::<Result<Vec<Value>>>()?;
    let count = call.node.output_count().saturating_sub(n);
    let mut stacks: Vec<Gathered> = (0..count).map(|_| Gathered::new(call.most_bytes)).collect();
    let mut turn = 0i64;
    while goes_on && turns.is_none_or(|turns| turn < turns) {
        if turn == MOST_TURNS {
            let message = format!("a loop of more than {MOST_TURNS} turns");
            return Err(Error::new(ErrorKind::Limit, message));
        }
        let mut given = vec![Array::scalar(turn).into(), Array::scalar(true).into()];
        given.append(&mut carried);
        let mut results = call.bodies.run("body", given)?.into_iter();
        goes_on = match results.next() {
            Some(Value::Array(condition)) => truth(&condition)?,
            _ => return Err(wrong("the body of a loop gives no condition")),
        };
        carried = results.by_ref().take(n).collect();
        if carried.len() != n {
            return Err(wrong(format!("the body of a loop does not give {n} carried values")));
        }
        for stack in &mut stacks {
            stack.push(results.next().ok_or_else(|| wrong("the body gives too few values"))?)?;
        }
        turn += 1;
    }
    for (output, gathered) in stacks.iter().enumerate() {
        carried.push(stacked(call, gathered, 1 + n + output, 0)?);
    }
    Ok(carried)
}

/// Along a new axis. Without a turn, empty: of the declared type and shape, as far as the file has them.
pub(super) fn stacked(call: &Call, gathered: &Gathered, output: usize, at: i64) -> Result<Value> {
    if gathered.arrays.is_empty() {
        return call.bodies.nothing("body", output).map(Value::Array);
    }
    stack(call, &gathered.arrays, at).map(Value::Array)
}
