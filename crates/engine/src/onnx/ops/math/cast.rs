//! Conversions of types: `Cast`, `CastLike`, `BitCast`.
//!
//! Floats become integers towards zero; integers that do not fit lose their high bits. Text is read
//! as Rust reads numbers, any case of `inf` and `nan` included.

use super::cast_small::{Rounding, encode};
use crate::array::{Array, DType, Data, bf16, f16};
use crate::error::Result;
use crate::onnx::ops::{Ask, Call, Inputs, Known, Op, Value, one, unsupported, wrong};
use std::sync::Arc;

pub(in super::super) const OPS: &[Op] = &[
    Op::new("Cast", cast).infer(infer_cast),
    Op::new("CastLike", cast_like).infer(infer_cast_like),
    Op::new("BitCast", bit_cast).infer(infer_cast),
];

fn target(number: Option<i64>) -> Option<DType> {
    DType::from_onnx(number?)
}

fn infer_cast(ask: &Ask) -> Option<Vec<Known>> {
    let dtype = target(ask.attributes().int("to"))?;
    Some(vec![Known::of(dtype, ask.input(0)?.shape.clone())])
}

fn infer_cast_like(ask: &Ask) -> Option<Vec<Known>> {
    Some(vec![Known::of(ask.input(1)?.dtype, ask.input(0)?.shape.clone())])
}

fn cast(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let to = call.attributes().int("to").or_else(|| named(call.attributes().text("to")?));
    let to = target(to).ok_or_else(|| unsupported(format!("casts to the type {to:?}")))?;
    let x = inputs.take(0)?;
    call.room(x.shape(), to)?;
    one(converted(
        x,
        to,
        call.int("saturate", 1) != 0,
        Rounding::named(call.text("round_mode", "up"))?,
    )?)
}

/// Before version 6 the type was spelled.
fn named(name: &str) -> Option<i64> {
    Some(match name.to_ascii_uppercase().as_str() {
        "FLOAT" => 1,
        "UINT8" => 2,
        "INT8" => 3,
        "UINT16" => 4,
        "INT16" => 5,
        "INT32" => 6,
        "INT64" => 7,
        "BOOL" => 9,
        "FLOAT16" => 10,
        "DOUBLE" => 11,
        "UINT32" => 12,
        "UINT64" => 13,
        _ => return None,
    })
}

fn cast_like(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let to = inputs.array(1)?.dtype();
    let x = inputs.take(0)?;
    call.room(x.shape(), to)?;
    one(converted(
        x,
        to,
        call.int("saturate", 1) != 0,
        Rounding::named(call.text("round_mode", "up"))?,
    )?)
}

/// Values of any type as `$to`, by way of `$way` for the types that Rust does not convert itself.
macro_rules! numbers {
    ($data:expr, $to:ty, $way:ty) => {
        match $data {
            Data::F32(v) => v.iter().map(|x| *x as $way as $to).collect::<Vec<$to>>(),
            Data::F64(v) => v.iter().map(|x| *x as $way as $to).collect(),
            Data::F16(v) => v.iter().map(|x| x.to_f32() as $way as $to).collect(),
            Data::BF16(v) => v.iter().map(|x| x.to_f32() as $way as $to).collect(),
            Data::I8(v) => v.iter().map(|x| *x as $to).collect(),
            Data::I16(v) => v.iter().map(|x| *x as $to).collect(),
            Data::I32(v) => v.iter().map(|x| *x as $to).collect(),
            Data::I64(v) => v.iter().map(|x| *x as $to).collect(),
            Data::U8(v) => v.iter().map(|x| *x as $to).collect(),
            Data::U16(v) => v.iter().map(|x| *x as $to).collect(),
            Data::U32(v) => v.iter().map(|x| *x as $to).collect(),
            Data::U64(v) => v.iter().map(|x| *x as $to).collect(),
            Data::Bool(v) => v.iter().map(|x| u8::from(*x) as $to).collect(),
            Data::Small(kind, v) => v.iter().map(|x| kind.decode(*x) as $to).collect(),
            Data::Text(v) => texts(v, |x| x as $to, |x| x as $to)?,
        }
    };
}

/// Numbers read from text: whole ones exactly, others as floats.
fn texts<T>(v: &[String], whole: impl Fn(i64) -> T, real: impl Fn(f64) -> T) -> Result<Vec<T>> {
    let read = |text: &String| {
        let text = text.trim();
        if let Ok(number) = text.parse::<i64>() {
            return Ok(whole(number));
        }
        let shown: String = text.chars().take(40).collect();
        text.parse::<f64>().map(&real).map_err(|_| wrong(format!("`{shown}` is no number")))
    };
    v.iter().map(read).collect()
}

/// The values as another type. `saturate` and `rounding` are about small floats.
pub(super) fn converted(x: Array, to: DType, saturate: bool, rounding: Rounding) -> Result<Array> {
    if x.dtype() == to {
        return Ok(x);
    }
    let data = x.data();
    let result = match to {
        DType::F32 => Data::F32(Arc::new(numbers!(data, f32, f64))),
        DType::F64 => Data::F64(Arc::new(numbers!(data, f64, f64))),
        DType::I8 => Data::I8(Arc::new(numbers!(data, i8, i32))),
        DType::I16 => Data::I16(Arc::new(numbers!(data, i16, i32))),
        DType::I32 => Data::I32(Arc::new(numbers!(data, i32, i32))),
        DType::I64 => Data::I64(Arc::new(numbers!(data, i64, i64))),
        DType::U8 => Data::U8(Arc::new(numbers!(data, u8, i32))),
        DType::U16 => Data::U16(Arc::new(numbers!(data, u16, i32))),
        DType::U32 => Data::U32(Arc::new(numbers!(data, u32, i64))),
        // 2⁶³ and more are left to the type itself, below zero wraps.
        DType::U64 => Data::U64(Arc::new(match data {
            Data::F32(v) => v.iter().map(|x| wide(f64::from(*x))).collect(),
            Data::F64(v) => v.iter().map(|x| wide(*x)).collect(),
            data => numbers!(data, u64, i64),
        })),
        DType::F16 => Data::F16(Arc::new(match data {
            Data::F32(v) => v.iter().map(|x| f16::from_f32(*x)).collect(),
            Data::BF16(v) => v.iter().map(|x| f16::from_f32(x.to_f32())).collect(),
            data => numbers!(data, f64, f64).into_iter().map(f16::from_f64).collect(),
        })),
        DType::BF16 => Data::BF16(Arc::new(match data {
            Data::F32(v) => v.iter().map(|x| bf16::from_f32(*x)).collect(),
            data => numbers!(data, f64, f64).into_iter().map(bf16::from_f64).collect(),
        })),
        DType::Bool => Data::Bool(Arc::new(match data {
            Data::I64(v) => v.iter().map(|x| *x != 0).collect(),
            Data::U64(v) => v.iter().map(|x| *x != 0).collect(),
            data => numbers!(data, f64, f64).into_iter().map(|x| x != 0.0).collect(),
        })),
        DType::Text => Data::Text(Arc::new(written(data))),
        DType::Small(kind) => {
            let wide = numbers!(data, f32, f32);
            let code = |x: f32| encode(kind, x, saturate, rounding);
            Data::Small(kind, Arc::new(wide.into_iter().map(code).collect()))
        }
    };
    Array::new(x.shape(), result)
}

fn wide(x: f64) -> u64 {
    if x < 0.0 { x as i64 as u64 } else { x as u64 }
}

/// Numbers as text, the shortest that reads back as the same.
fn written(data: &Data) -> Vec<String> {
    fn float(x: f64, text: String) -> String {
        match x {
            x if x.is_nan() => "NaN".into(),
            x if x.is_infinite() => if x > 0.0 { "INF" } else { "-INF" }.into(),
            _ => text,
        }
    }
    match data {
        Data::Text(v) => v.to_vec(),
        Data::F32(v) => v.iter().map(|x| float(f64::from(*x), x.to_string())).collect(),
        Data::F64(v) => v.iter().map(|x| float(*x, x.to_string())).collect(),
        Data::F16(v) => v.iter().map(|x| float(x.to_f64(), x.to_string())).collect(),
        Data::BF16(v) => v.iter().map(|x| float(x.to_f64(), x.to_string())).collect(),
        Data::Bool(v) => v.iter().map(|x| u8::from(*x).to_string()).collect(),
        Data::I8(v) => v.iter().map(i8::to_string).collect(),
        Data::I16(v) => v.iter().map(i16::to_string).collect(),
        Data::I32(v) => v.iter().map(i32::to_string).collect(),
        Data::I64(v) => v.iter().map(i64::to_string).collect(),
        Data::U8(v) => v.iter().map(u8::to_string).collect(),
        Data::U16(v) => v.iter().map(u16::to_string).collect(),
        Data::U32(v) => v.iter().map(u32::to_string).collect(),
        Data::U64(v) => v.iter().map(u64::to_string).collect(),
        Data::Small(kind, v) => {
            let text = |x: f32| float(f64::from(x), x.to_string());
            v.iter().map(|x| text(kind.decode(*x))).collect()
        }
    }
}

/// The same bits as a type of the same width.
fn bit_cast(call: &Call, mut inputs: Inputs) -> Result<Vec<Value>> {
    let to = target(call.attributes().int("to"));
    let to = to.ok_or_else(|| unsupported("bit casts to that type"))?;
    let x = inputs.take(0)?;
    if x.dtype() == to {
        return one(x);
    }
    let narrow = |dtype: DType| match dtype {
        DType::Small(kind) => kind.bits(),
        DType::Text => 0,
        other => other.size() as u32 * 8,
    };
    let (from_bits, to_bits) = (narrow(x.dtype()), narrow(to));
    if from_bits != to_bits || from_bits == 0 {
        return Err(wrong(format!("{} is not as wide as {to}", x.dtype())));
    }
    let bits: Vec<u64> = match x.data() {
        Data::F32(v) => v.iter().map(|x| u64::from(x.to_bits())).collect(),
        Data::F64(v) => v.iter().map(|x| x.to_bits()).collect(),
        Data::F16(v) => v.iter().map(|x| u64::from(x.to_bits())).collect(),
        Data::BF16(v) => v.iter().map(|x| u64::from(x.to_bits())).collect(),
        Data::Small(_, v) => v.iter().map(|x| u64::from(*x)).collect(),
        data => numbers!(data, u64, i64),
    };
    let bits = bits.into_iter();
    let data = match to {
        DType::F32 => Data::F32(Arc::new(bits.map(|x| f32::from_bits(x as u32)).collect())),
        DType::F64 => Data::F64(Arc::new(bits.map(f64::from_bits).collect())),
        DType::F16 => Data::F16(Arc::new(bits.map(|x| f16::from_bits(x as u16)).collect())),
        DType::BF16 => Data::BF16(Arc::new(bits.map(|x| bf16::from_bits(x as u16)).collect())),
        DType::I8 => Data::I8(Arc::new(bits.map(|x| x as i8).collect())),
        DType::I16 => Data::I16(Arc::new(bits.map(|x| x as i16).collect())),
        DType::I32 => Data::I32(Arc::new(bits.map(|x| x as i32).collect())),
        DType::I64 => Data::I64(Arc::new(bits.map(|x| x as i64).collect())),
        DType::U8 => Data::U8(Arc::new(bits.map(|x| x as u8).collect())),
        DType::U16 => Data::U16(Arc::new(bits.map(|x| x as u16).collect())),
        DType::U32 => Data::U32(Arc::new(bits.map(|x| x as u32).collect())),
        DType::U64 => Data::U64(Arc::new(bits.collect())),
        DType::Bool => Data::Bool(Arc::new(bits.map(|x| x != 0).collect())),
        DType::Small(kind) => Data::Small(kind, Arc::new(bits.map(|x| x as u8).collect())),
        DType::Text => return Err(unsupported("bit casts to text")),
    };
    one(Array::new(x.shape(), data)?)
}
