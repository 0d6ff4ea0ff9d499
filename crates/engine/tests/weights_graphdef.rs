//! Frozen TensorFlow graphs: constants become tensors, lies and cuts become errors.
#![allow(clippy::unwrap_used)]

use engine::ErrorKind;
use engine::weights::{Checkpoint, Limits};

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn bytes(field: u64, content: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(content.len() as u64), content.to_vec()].concat()
}

fn int(field: u64, value: u64) -> Vec<u8> {
    [varint(field << 3), varint(value)].concat()
}

fn shape(extents: &[i64]) -> Vec<u8> {
    extents.iter().flat_map(|&extent| bytes(2, &int(1, extent as u64))).collect()
}

/// A `Const` node with a tensor of type, shape and whatever holds its values.
fn constant(name: &str, dtype: u64, extents: &[i64], values: &[u8]) -> Vec<u8> {
    let tensor = [int(1, dtype), bytes(2, &shape(extents)), values.to_vec()].concat();
    let value = [bytes(1, b"value"), bytes(2, &bytes(8, &tensor))].concat();
    let kind = [bytes(1, b"dtype"), bytes(2, &int(6, dtype))].concat();
    let node =
        [bytes(1, name.as_bytes()), bytes(2, b"Const"), bytes(5, &kind), bytes(5, &value)].concat();
    bytes(1, &node)
}

fn content(values: &[f32]) -> Vec<u8> {
    bytes(4, &values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}

fn read(file: &[u8]) -> engine::Result<Checkpoint> {
    let checkpoint = Checkpoint::from_bytes(file.to_vec(), &Limits::default())?;
    for name in checkpoint.names() {
        checkpoint.tensor(name)?;
    }
    Ok(checkpoint)
}

#[test]
fn constants_become_tensors_however_their_values_are_written() {
    let two = bytes(5, &[2f32.to_le_bytes(), 3f32.to_le_bytes()].concat());
    let other = bytes(1, &[bytes(1, b"add"), bytes(2, b"Add"), bytes(3, b"a")].concat());
    let file = [
        constant("net/a/kernel", 1, &[2, 1, 3], &content(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        other,
        constant("net/a/bias", 1, &[4], &two),
        constant("same", 1, &[2, 2], &bytes(5, &7f32.to_le_bytes())),
        constant("zeros", 1, &[3], &[]),
        constant("count", 3, &[], &int(7, 41)),
        constant("half", 19, &[2], &bytes(13, &[0x80, 0x78, 0x80, 0xa0, 0x01])),
        constant("text", 7, &[], &bytes(8, b"hello")),
        bytes(4, &int(1, 26)),
    ]
    .concat();
    let checkpoint = read(&file).unwrap();
    assert_eq!(checkpoint.container(), "tensorflow-graph");
    let values = |name: &str| checkpoint.tensor(name).unwrap().data().to_vec();
    assert_eq!(values("net.a.kernel"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(values("net.a.bias"), [2.0, 3.0, 3.0, 3.0]);
    assert_eq!(values("same"), [7.0; 4]);
    assert_eq!(values("zeros"), [0.0; 3]);
    assert_eq!(values("count"), [41.0]);
    assert_eq!(values("half"), [1.0, 32.0]);
    assert!(checkpoint.entry("text").is_none());
    assert!(checkpoint.notes().iter().any(|note| note.contains("text")));
}

#[test]
fn kernels_are_turned_to_the_order_that_networks_ask_for() {
    let numbers: Vec<f32> = (0..24).map(|n| n as f32).collect();
    let file = [
        constant("c/kernel", 1, &[2, 2, 3, 2], &content(&numbers)),
        constant("c/gamma", 1, &[2], &content(&[1.0, 2.0])),
        constant("d/kernel", 1, &[2, 1], &content(&[1.0, 2.0])),
        constant("d/weight", 1, &[1], &content(&[9.0])),
    ]
    .concat();
    let mut checkpoint = read(&file).unwrap();
    checkpoint.channels_first();
    // The two names of `c` would become one: both stay.
    assert!(checkpoint.entry("c.kernel").is_some() && checkpoint.entry("c.gamma").is_some());
    assert!(checkpoint.entry("d.kernel").is_some());

    let mut checkpoint = read(&constant("c/kernel", 1, &[2, 2, 3, 2], &content(&numbers))).unwrap();
    checkpoint.channels_first();
    let turned = checkpoint.tensor("c.weight").unwrap();
    assert_eq!(turned.shape(), [2, 3, 2, 2]);
    for (at, &value) in turned.data().iter().enumerate() {
        let (out, inside, row, column) = (at / 12, at / 4 % 3, at / 2 % 2, at % 2);
        assert_eq!(value, numbers[((row * 2 + column) * 3 + inside) * 2 + out]);
    }
}

#[test]
fn every_cut_and_every_lie_is_an_error() {
    let good = constant("a/kernel", 1, &[2, 3], &content(&[1.0; 6]));
    for cut in 1..good.len() {
        assert!(read(&good[..cut]).is_err(), "cut at {cut}");
    }
    let refused = |file: &[u8], kind: ErrorKind, part: &str| {
        let error = read(file).unwrap_err();
        assert_eq!(*error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error} (expected: {part})");
    };
    let six = content(&[1.0; 6]);
    refused(&constant("a", 1, &[2, 4], &six), ErrorKind::BrokenFile, "tensor a");
    refused(&constant("a", 1, &[5], &six), ErrorKind::BrokenFile, "24 bytes");
    refused(&constant("a", 1, &[-1, 6], &six), ErrorKind::BrokenFile, "extents");
    refused(&constant("a", 1, &[i64::MAX, 6], &six), ErrorKind::Limit, "memory");
    refused(&constant("a", 1, &[1 << 40], &[]), ErrorKind::Limit, "memory");
    let two = bytes(5, &[2f32.to_le_bytes(), 3f32.to_le_bytes()].concat());
    refused(&constant("a", 1, &[1 << 30], &two), ErrorKind::Limit, "drawn out");
    let twice = [good.clone(), good.clone()].concat();
    refused(&twice, ErrorKind::BrokenFile, "two constants");
    let mut flipped = good.clone();
    for place in 0..flipped.len() {
        for bit in 0..8 {
            flipped[place] ^= 1 << bit;
            let _ = read(&flipped);
            flipped[place] ^= 1 << bit;
        }
    }
}
