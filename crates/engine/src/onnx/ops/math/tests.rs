//! What the node tests leave out: other versions, empty and hostile shapes, and that threads do not
//! change bits.

use crate::array::{Array, DType, Data};
use crate::error::Result;
use crate::onnx::graph::{Attribute, Attributes, Node};
use crate::onnx::ops::{Ask, Call, Inputs, Known, Memo, NoBodies, Value, find};
use kernels::Pool;

fn node(domain: &str, name: &str, version: i64, attributes: &[(&str, Attribute)]) -> Node {
    let mut all = Attributes::default();
    attributes.iter().for_each(|(name, value)| all.push((*name).into(), value.clone()));
    Node {
        name: "test".into(),
        op: find(domain, name).unwrap_or_else(|| panic!("{name} is not in the table")),
        version,
        attributes: all,
        inputs: Vec::new(),
        outputs: vec![Some(0)],
        bodies: Vec::new(),
    }
}

/// The first result; the rule must say the same of its type and shape if it says anything.
fn run_on(threads: usize, node: &Node, inputs: &[Option<Array>]) -> Result<Array> {
    let memo = Memo::with_bodies(Vec::new());
    let constant = vec![false; inputs.len()];
    let call = Call {
        node,
        pool: &Pool::new(threads),
        most_bytes: 1 << 26,
        constant: &constant,
        memo: &memo,
        bodies: &NoBodies,
    };
    let values = inputs.iter().map(|i| i.clone().map(Value::Array)).collect();
    let results = (node.op.run)(&call, Inputs(values))?;
    let result = results.first().and_then(Value::array).expect("an array").clone();
    let known: Vec<Option<Known>> = inputs.iter().map(|i| i.clone().map(Known::from)).collect();
    let known: Vec<Option<&Known>> = known.iter().map(Option::as_ref).collect();
    if let Some(told) = node.op.infer.and_then(|rule| rule(&Ask { node, inputs: &known })) {
        assert_eq!((told[0].dtype, &told[0].shape[..]), (result.dtype(), result.shape()));
    }
    Ok(result)
}

fn run(
    name: &str,
    version: i64,
    attributes: &[(&str, Attribute)],
    inputs: &[&Array],
) -> Result<Array> {
    let inputs: Vec<Option<Array>> = inputs.iter().map(|a| Some((*a).clone())).collect();
    run_on(2, &node("", name, version, attributes), &inputs)
}

fn floats(shape: &[usize], seed: u32) -> Array {
    let n = shape.iter().product::<usize>() as u32;
    let value = |i: u32| {
        let bits = (i.wrapping_mul(2_654_435_761).wrapping_add(seed)).wrapping_mul(2_246_822_519);
        (bits >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    Array::f32(shape, (0..n).map(value).collect()).unwrap()
}

fn text(value: &str) -> Attribute {
    Attribute::Text(value.into())
}

#[test]
fn before_version_seven_an_attribute_places_the_second_operand() {
    let (a, b) = (floats(&[2, 3, 4], 1), floats(&[3], 2));
    let attributes = [("broadcast", Attribute::Int(1)), ("axis", Attribute::Int(1))];
    let old = run("Add", 6, &attributes, &[&a, &b]).unwrap();
    let new = run("Add", 14, &[], &[&a, &b.clone().reshaped(&[3, 1]).unwrap()]).unwrap();
    assert_eq!(old, new);
    let beyond = [("broadcast", Attribute::Int(1)), ("axis", Attribute::Int(3))];
    assert!(run("Add", 6, &beyond, &[&a, &b]).is_err());
}

#[test]
fn integers_divide_towards_zero_and_by_zero_give_zero() {
    let a = Array::vector(vec![7i32, -7, 5, i32::MIN]);
    let b = Array::vector(vec![2i32, 2, 0, -1]);
    let quotient = run("Div", 14, &[], &[&a, &b]).unwrap();
    assert_eq!(quotient.slice::<i32>().unwrap(), [3, -3, 0, i32::MIN]);
    let rest = run("Mod", 13, &[], &[&a, &b]).unwrap();
    assert_eq!(rest.slice::<i32>().unwrap(), [1, 1, 0, 0]);
    let c = run("Pow", 15, &[], &[&a, &Array::vector(vec![2i64, 3, 0, 1])]).unwrap();
    assert_eq!(c.slice::<i32>().unwrap(), [49, -343, 1, i32::MIN]);
}

#[test]
fn empty_and_hostile_shapes_give_errors_or_nothing_but_never_panic() {
    let huge = Array::f32(&[1 << 40, 1 << 40, 0], vec![]).unwrap();
    let wide = Array::f32(&[1 << 40, 0, 1 << 40], vec![]).unwrap();
    let (row, column) = (floats(&[1, 20_000], 1), floats(&[20_000, 1], 2));
    for name in ["Add", "Max", "Equal", "Less", "MatMul", "Pow", "PRelu", "Gemm"] {
        for version in [6, 9, 14] {
            let _ = run(name, version, &[], &[&huge, &huge]);
            let _ = run(name, version, &[], &[&huge, &wide]);
            let _ = run(name, version, &[], &[&wide, &huge]);
            let _ = run(name, version, &[], &[&huge]);
        }
    }
    for name in
        ["Softmax", "LogSoftmax", "Hardmax", "Relu", "Det", "Cast", "Clip", "Dropout", "Not"]
    {
        for version in [6, 9, 14] {
            let _ = run(name, version, &[("axis", Attribute::Int(7))], &[&huge]);
            let _ = run(name, version, &[("to", Attribute::Int(99))], &[&wide]);
        }
    }
    for equation in
        ["ij,jk->ik", "...->...", "", "->", ",", "abc,abc->", "i...i", "aab,b", "ijk,kji->i"]
    {
        let _ = run("Einsum", 12, &[("equation", text(equation))], &[&huge, &wide]);
        let _ = run("Einsum", 12, &[("equation", text(equation))], &[&huge]);
    }
    let scales = floats(&[3], 1);
    for axis in [-9, 0, 1, 2, 1 << 40] {
        let _ = run("QuantizeLinear", 13, &[("axis", Attribute::Int(axis))], &[&huge, &scales]);
        let blocks = [("axis", Attribute::Int(axis)), ("block_size", Attribute::Int(-5))];
        let _ = run("DequantizeLinear", 21, &blocks, &[&wide, &huge]);
        let _ = run("CumSum", 14, &[], &[&huge, &Array::scalar(axis)]);
    }
    // More than the limit allows, refused before it is taken.
    assert_eq!(*run("Add", 14, &[], &[&row, &column]).unwrap_err().kind(), ErrorKind::Limit);
    assert_eq!(*run("MatMul", 13, &[], &[&column, &row]).unwrap_err().kind(), ErrorKind::Limit);
    let none = Array::f32(&[0, 3], vec![]).unwrap();
    let product = run("MatMul", 13, &[], &[&floats(&[2, 0], 1), &none]).unwrap();
    assert_eq!(product, Array::f32(&[2, 3], vec![0.0; 6]).unwrap());
}

#[test]
fn convolutions_with_odd_attributes_are_refused() {
    let x = Array::of(&[1, 2, 5, 5], vec![3u8; 50]).unwrap();
    let w = Array::of(&[2, 1, 3, 3], vec![1u8; 18]).unwrap();
    let ints = |values: &[i64]| Attribute::Ints(values.to_vec());
    let group = ("group", Attribute::Int(2));
    let good = run("ConvInteger", 10, std::slice::from_ref(&group), &[&x, &w]).unwrap();
    assert_eq!((good.shape(), good.slice::<i32>().unwrap()[0]), (&[1, 2, 3, 3][..], 27));
    for (name, value) in [
        ("strides", ints(&[0, 1])),
        ("strides", ints(&[1])),
        ("dilations", ints(&[i64::MAX, i64::MAX])),
        ("pads", ints(&[i64::MAX, i64::MAX, i64::MAX, i64::MAX])),
        ("pads", ints(&[1 << 40, 0, 1 << 40, 0])),
        ("kernel_shape", ints(&[9, 9])),
        ("group", Attribute::Int(0)),
        ("group", Attribute::Int(-1)),
    ] {
        let attributes =
            if name == "group" { vec![(name, value)] } else { vec![group.clone(), (name, value)] };
        assert!(
            run("ConvInteger", 10, &attributes, &[&x, &w]).map_or(true, |y| y.is_empty()),
            "{name}"
        );
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let cases = [
        ("Softmax", 13, vec![("axis", Attribute::Int(1))], vec![floats(&[1, 3, 300, 70], 1)]),
        ("LogSoftmax", 13, vec![("axis", Attribute::Int(1))], vec![floats(&[1, 3, 300, 70], 1)]),
        ("MatMul", 13, vec![], vec![floats(&[3, 40, 50], 1), floats(&[3, 50, 60], 2)]),
        ("MatMul", 13, vec![], vec![floats(&[9, 40, 50], 1), floats(&[50, 60], 2)]),
        ("Add", 14, vec![], vec![floats(&[300, 300], 1), floats(&[300, 1], 2)]),
        ("Erf", 13, vec![], vec![floats(&[300, 300], 1)]),
    ];
    for (name, version, attributes, inputs) in cases {
        let node = node("", name, version, &attributes);
        let inputs: Vec<Option<Array>> = inputs.into_iter().map(Some).collect();
        let one = run_on(1, &node, &inputs).unwrap();
        assert_eq!(one, run_on(3, &node, &inputs).unwrap(), "{name}");
        assert_eq!(one, run_on(8, &node, &inputs).unwrap(), "{name}");
    }
}

#[test]
fn softmax_across_channels_is_that_of_the_last_axis_moved() {
    let x = floats(&[2, 5, 7], 3);
    for name in ["Softmax", "LogSoftmax"] {
        let y = run(name, 13, &[("axis", Attribute::Int(1))], &[&x]).unwrap();
        let (x, y) = (x.slice::<f32>().unwrap(), y.slice::<f32>().unwrap());
        for (n, i) in [(0, 0), (1, 3), (1, 6)] {
            let column =
                |v: &[f32]| (0..5).map(|c| f64::from(v[(n * 5 + c) * 7 + i])).collect::<Vec<f64>>();
            let sum: f64 = column(x).iter().map(|x| x.exp()).sum();
            for (x, y) in column(x).iter().zip(column(y)) {
                let y = if name == "Softmax" { y.ln() } else { y };
                assert!((y - (x - sum.ln())).abs() < 1e-5);
            }
        }
    }
    // Before version 13 all axes from `axis` on are one.
    let old = run("Softmax", 11, &[], &[&x]).unwrap();
    let flat = run("Softmax", 13, &[], &[&x.clone().reshaped(&[2, 35]).unwrap()]).unwrap();
    assert_eq!(old.data(), flat.data());
}

#[test]
fn einsum_sums_what_the_letters_say() {
    let (a, b, c) = (floats(&[2, 3, 4], 1), floats(&[4, 3], 2), floats(&[5, 2], 3));
    let at = |array: &Array, index: &[usize]| {
        let flat = index.iter().zip(array.shape()).fold(0, |flat, (i, n)| flat * n + i);
        f64::from(array.slice::<f32>().unwrap()[flat])
    };
    let equation = [("equation", text("ijk, kl ,mi -> ml"))];
    let y = run("Einsum", 12, &equation, &[&a, &b, &c]).unwrap();
    assert_eq!(y.shape(), [5, 3]);
    for (m, l) in [(0, 0), (4, 2), (3, 1)] {
        let mut sum = 0.0;
        for (i, j, k) in (0..24).map(|n| (n / 12, n / 4 % 3, n % 4)) {
            sum += at(&a, &[i, j, k]) * at(&b, &[k, l]) * at(&c, &[m, i]);
        }
        assert!((at(&y, &[m, l]) - sum).abs() < 1e-5);
    }
    // A diagonal, a transpose, an ellipsis that stretches.
    let square = floats(&[3, 3], 4);
    let trace = run("Einsum", 12, &[("equation", text("ii"))], &[&square]).unwrap();
    let sum: f64 = (0..3).map(|i| at(&square, &[i, i])).sum();
    assert!((f64::from(trace.to_f32()[0]) - sum).abs() < 1e-6);
    let turned = run("Einsum", 12, &[("equation", text("...ij->...ji"))], &[&a]).unwrap();
    assert_eq!((turned.shape(), at(&turned, &[1, 3, 2])), (&[2, 4, 3][..], at(&a, &[1, 2, 3])));
    let stretched = [("equation", text("...ij,...jk->...ik"))];
    let y = run(
        "Einsum",
        12,
        &stretched,
        &[&a.clone().reshaped(&[2, 1, 3, 4]).unwrap(), &floats(&[1, 5, 4, 6], 5)],
    );
    assert_eq!(y.unwrap().shape(), [2, 5, 3, 6]);
    // Letters of several operands in the order of the alphabet when nothing says another.
    let y = run("Einsum", 12, &[("equation", text("ba,ac"))], &[&square, &square]).unwrap();
    assert_eq!(y, run("MatMul", 13, &[], &[&square, &square]).unwrap());
}

#[test]
fn deep_integer_products_are_exact() {
    let k = 1000;
    let a: Vec<u8> = (0..2 * k).map(|i| (i * 7 % 256) as u8).collect();
    let b: Vec<i8> = (0..k * 3).map(|i| (i * 11 % 256) as u8 as i8).collect();
    let exact = |row: usize, column: usize| -> i32 {
        (0..k).map(|l| (i32::from(a[row * k + l]) - 3) * (i32::from(b[l * 3 + column]) + 2)).sum()
    };
    let (x, y) = (Array::of(&[2, k], a.clone()).unwrap(), Array::of(&[k, 3], b.clone()).unwrap());
    let c = run("MatMulInteger", 10, &[], &[&x, &y, &Array::scalar(3u8), &Array::scalar(-2i8)])
        .unwrap();
    let wanted: Vec<i32> = (0..6).map(|i| exact(i / 3, i % 3)).collect();
    assert_eq!(c.slice::<i32>().unwrap(), wanted);
}

#[test]
fn gemm_adds_rows_columns_and_matrices() {
    let (a, b) = (floats(&[4, 6], 1), floats(&[5, 6], 2));
    let turned = [("transB", Attribute::Int(1)), ("beta", Attribute::Float(0.5))];
    let bare = run("Gemm", 13, &turned, &[&a, &b]).unwrap();
    for shape in [&[5][..], &[1, 5], &[4, 1], &[4, 5], &[1], &[]] {
        let c = floats(shape, 3);
        let y = run("Gemm", 13, &turned, &[&a, &b, &c]).unwrap();
        let half = run("Mul", 14, &[], &[&c, &Array::scalar(0.5f32)]).unwrap();
        let wanted = run("Add", 14, &[], &[&bare, &half]).unwrap();
        for (y, wanted) in y.to_f32().iter().zip(wanted.to_f32()) {
            assert!((y - wanted).abs() < 1e-6, "{shape:?}");
        }
    }
    assert!(run("Gemm", 13, &turned, &[&a, &b, &floats(&[2, 4, 5], 1)]).is_err());
}

#[test]
fn quantised_sums_and_joins_keep_the_step_they_are_given() {
    let step = |scale: f32, zero: u8| [Some(Array::scalar(scale)), Some(Array::scalar(zero))];
    let a = Some(Array::vector(vec![10u8, 20, 255]));
    let b = Some(Array::vector(vec![0u8, 100, 255]));
    let add = node("com.microsoft", "QLinearAdd", 1, &[]);
    let inputs =
        [&[a.clone()][..], &step(0.5, 10), &[b.clone()], &step(0.25, 0), &step(1.0, 1)].concat();
    // 0 + 0, 5 + 25, 122.5 + 63.75, each plus one, ties to even.
    assert_eq!(run_on(1, &add, &inputs).unwrap().slice::<u8>().unwrap(), [1, 31, 187]);
    let concat = node("com.microsoft", "QLinearConcat", 1, &[("axis", Attribute::Int(0))]);
    let inputs = [&step(1.0, 1)[..], &[a], &step(0.5, 10), &[b], &step(0.25, 0)].concat();
    assert_eq!(run_on(1, &concat, &inputs).unwrap().slice::<u8>().unwrap(), [1, 6, 123, 1, 26, 65]);
}

#[test]
fn text_becomes_numbers_and_numbers_text() {
    let words: Vec<String> = ["3.5", "-INF", "nan", "1e3", "7"].map(String::from).to_vec();
    let to = |number| [("to", Attribute::Int(number))];
    let y = run("Cast", 13, &to(1), &[&Array::vector(words)]).unwrap();
    let v = y.slice::<f32>().unwrap();
    assert_eq!((v[0], v[1], v[3], v[4]), (3.5, f32::NEG_INFINITY, 1000.0, 7.0));
    assert!(v[2].is_nan());
    assert!(run("Cast", 13, &to(7), &[&Array::vector(vec!["x".to_string()])]).is_err());
    let y = run("Cast", 13, &to(8), &[&Array::vector(vec![0.1f32, f32::INFINITY, 2.0])]).unwrap();
    assert_eq!(y.slice::<String>().unwrap(), ["0.1", "INF", "2"]);
    let y = run("Cast", 13, &to(3), &[&Array::vector(vec![200i16, -129])]).unwrap();
    assert_eq!(y.slice::<i8>().unwrap(), [-56, 127]);
    assert!(matches!(y.data(), Data::I8(_)) && y.dtype() == DType::I8);
}
