//! The messages of an ONNX file (onnx/onnx.proto, IR version 3 to 13), as far as running it needs.

use super::outline::LIES_AT;
use crate::error::{Error, ErrorKind, Result};
use crate::wire::{Fields, Wire};

/// How deep graphs, attributes and types may nest.
const MOST_NESTED: usize = 32;

/// `ModelProto`.
#[derive(Debug, Default)]
pub(super) struct Model<'a> {
    pub producer: String,
    pub graph: Option<Graph<'a>>,
    /// Version of each operator set by its domain.
    pub opsets: Vec<(String, i64)>,
    pub functions: Vec<Function<'a>>,
}

/// `GraphProto`.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph<'a> {
    pub nodes: Vec<Node<'a>>,
    pub initializers: Vec<Tensor<'a>>,
    pub sparse: Vec<Sparse<'a>>,
    pub inputs: Vec<ValueInfo>,
    pub outputs: Vec<ValueInfo>,
}

/// `NodeProto`.
#[derive(Clone, Debug, Default)]
pub(super) struct Node<'a> {
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub name: String,
    pub op: String,
    pub domain: String,
    pub overload: String,
    pub attributes: Vec<(String, Attribute<'a>)>,
}

/// `AttributeProto`, by what it holds.
#[derive(Clone, Debug)]
pub(super) enum Attribute<'a> {
    Float(f32),
    Int(i64),
    Text(&'a [u8]),
    Tensor(Tensor<'a>),
    Graph(Box<Graph<'a>>),
    Floats(Vec<f32>),
    Ints(Vec<i64>),
    Texts(Vec<&'a [u8]>),
    Sparse(Box<Sparse<'a>>),
    /// The attribute of that name of the function around it.
    Reference(String),
    /// A kind that no operation here reads.
    Other,
}

/// `TensorProto`.
#[derive(Clone, Debug, Default)]
pub(super) struct Tensor<'a> {
    pub name: String,
    pub dims: Vec<i64>,
    pub data_type: i64,
    pub raw: Option<&'a [u8]>,
    pub floats: Vec<f32>,
    pub ints: Vec<i64>,
    pub doubles: Vec<f64>,
    pub texts: Vec<&'a [u8]>,
    pub external: Vec<(String, String)>,
    pub is_external: bool,
    /// First byte and bytes in the file, where an outline leaves them there.
    pub lies_at: Vec<i64>,
}

/// `SparseTensorProto`.
#[derive(Clone, Debug, Default)]
pub(super) struct Sparse<'a> {
    pub values: Tensor<'a>,
    pub indices: Tensor<'a>,
    pub dims: Vec<i64>,
}

/// `ValueInfoProto`.
#[derive(Clone, Debug, Default)]
pub(super) struct ValueInfo {
    pub name: String,
    pub tensor: Option<TensorType>,
    pub kind: Kind,
}

/// What a declared value is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A tensor, or not said.
    #[default]
    Tensor,
    /// Tensors in order.
    Sequence,
    /// A tensor that may be absent.
    OptionalTensor,
    /// A sequence that may be absent.
    OptionalSequence,
    /// A map, a sparse tensor or deeper nesting, which cannot be read.
    Other,
}

/// `TypeProto.Tensor`.
#[derive(Clone, Debug, Default)]
pub(super) struct TensorType {
    pub data_type: i64,
    /// `None` when even the number of axes is open.
    pub dims: Option<Vec<Dim>>,
}

/// One axis of a declared shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dim {
    /// Always this extent.
    Fixed(usize),
    /// The same wherever the name stands.
    Named(String),
    /// Any.
    Unknown,
}

/// `FunctionProto`.
#[derive(Clone, Debug, Default)]
pub(super) struct Function<'a> {
    pub name: String,
    pub domain: String,
    pub overload: String,
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub defaults: Vec<(String, Attribute<'a>)>,
    pub nodes: Vec<Node<'a>>,
    pub opsets: Vec<(String, i64)>,
}

impl<'a> Model<'a> {
    /// Reads a whole file.
    pub fn read(bytes: &'a [u8]) -> Result<Model<'a>> {
        let mut model = Model::default();
        each(bytes, |field, wire| {
            match field {
                2 => model.producer = wire.text()?,
                7 => model.graph = Some(Graph::read(wire.bytes()?, 0)?),
                8 => model.opsets.push(opset(wire.bytes()?)?),
                25 => model.functions.push(Function::read(wire.bytes()?)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(model)
    }
}

impl<'a> Graph<'a> {
    fn read(bytes: &'a [u8], depth: usize) -> Result<Graph<'a>> {
        check_depth(depth)?;
        let mut graph = Graph::default();
        each(bytes, |field, wire| {
            match field {
                1 => graph.nodes.push(Node::read(wire.bytes()?, depth)?),
                5 => graph.initializers.push(Tensor::read(wire.bytes()?)?),
                11 => graph.inputs.push(ValueInfo::read(wire.bytes()?)?),
                12 => graph.outputs.push(ValueInfo::read(wire.bytes()?)?),
                15 => graph.sparse.push(Sparse::read(wire.bytes()?)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(graph)
    }
}

impl<'a> Node<'a> {
    fn read(bytes: &'a [u8], depth: usize) -> Result<Node<'a>> {
        let mut node = Node::default();
        each(bytes, |field, wire| {
            match field {
                1 => node.inputs.push(wire.text()?),
                2 => node.outputs.push(wire.text()?),
                3 => node.name = wire.text()?,
                4 => node.op = wire.text()?,
                5 => node.attributes.push(attribute(wire.bytes()?, depth)?),
                7 => node.domain = wire.text()?,
                8 => node.overload = wire.text()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(node)
    }
}

/// Old files do not say an attribute's type; then the one field that is there decides.
fn attribute<'a>(bytes: &'a [u8], depth: usize) -> Result<(String, Attribute<'a>)> {
    let (mut name, mut reference, mut kind) = (String::new(), String::new(), 0);
    let mut single = None;
    let (mut floats, mut ints, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    each(bytes, |field, wire| {
        match field {
            1 => name = wire.text()?,
            2 => single = Some(Attribute::Float(wire.float()?)),
            3 => single = Some(Attribute::Int(wire.int()?)),
            4 => single = Some(Attribute::Text(wire.bytes()?)),
            5 => single = Some(Attribute::Tensor(Tensor::read(wire.bytes()?)?)),
            6 => single = Some(Attribute::Graph(Box::new(Graph::read(wire.bytes()?, depth + 1)?))),
            7 => wire.floats(&mut floats)?,
            8 => wire.ints(&mut ints)?,
            9 => texts.push(wire.bytes()?),
            20 => kind = wire.int()?,
            21 => reference = wire.text()?,
            22 => single = Some(Attribute::Sparse(Box::new(Sparse::read(wire.bytes()?)?))),
            10 | 11 | 14 | 15 | 23 => single = Some(Attribute::Other),
            _ => {}
        }
        Ok(())
    })?;
    let value = if !reference.is_empty() {
        Attribute::Reference(reference)
    } else {
        match (kind, single) {
            (6, _) => Attribute::Floats(floats),
            (7, _) => Attribute::Ints(ints),
            (8, _) => Attribute::Texts(texts),
            // A zero is not written by every producer.
            (1, None) => Attribute::Float(0.0),
            (2, None) => Attribute::Int(0),
            (3, None) => Attribute::Text(&[]),
            (_, Some(single)) => single,
            (_, None) if !floats.is_empty() => Attribute::Floats(floats),
            (_, None) if !ints.is_empty() => Attribute::Ints(ints),
            (_, None) if !texts.is_empty() => Attribute::Texts(texts),
            _ => Attribute::Other,
        }
    };
    Ok((name, value))
}

impl<'a> Tensor<'a> {
    /// Reads a `TensorProto`; its values stay where they are.
    pub fn read(bytes: &'a [u8]) -> Result<Tensor<'a>> {
        let mut tensor = Tensor::default();
        each(bytes, |field, wire| {
            match field {
                1 => wire.ints(&mut tensor.dims)?,
                2 => tensor.data_type = wire.int()?,
                4 => wire.floats(&mut tensor.floats)?,
                5 | 7 | 11 => wire.ints(&mut tensor.ints)?,
                6 => tensor.texts.push(wire.bytes()?),
                8 => tensor.name = wire.text()?,
                9 => tensor.raw = Some(wire.bytes()?),
                10 => wire.doubles(&mut tensor.doubles)?,
                13 => tensor.external.push(entry(wire.bytes()?)?),
                14 => tensor.is_external = wire.int()? == 1,
                LIES_AT => wire.ints(&mut tensor.lies_at)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(tensor)
    }
}

impl<'a> Sparse<'a> {
    fn read(bytes: &'a [u8]) -> Result<Sparse<'a>> {
        let mut sparse = Sparse::default();
        each(bytes, |field, wire| {
            match field {
                1 => sparse.values = Tensor::read(wire.bytes()?)?,
                2 => sparse.indices = Tensor::read(wire.bytes()?)?,
                3 => wire.ints(&mut sparse.dims)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(sparse)
    }
}

impl ValueInfo {
    fn read(bytes: &[u8]) -> Result<ValueInfo> {
        let mut info = ValueInfo::default();
        each(bytes, |field, wire| {
            match field {
                1 => info.name = wire.text()?,
                2 => each(wire.bytes()?, |field, wire| {
                    match field {
                        1 => info.tensor = Some(tensor_type(wire.bytes()?)?),
                        4 => info.kind = Kind::Sequence,
                        9 => info.kind = optional(wire.bytes()?)?,
                        5 | 7 | 8 => info.kind = Kind::Other,
                        _ => {}
                    }
                    Ok(())
                })?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(info)
    }
}

/// `TypeProto.Optional`, by what it holds.
fn optional(bytes: &[u8]) -> Result<Kind> {
    let mut kind = Kind::Other;
    each(bytes, |field, wire| {
        if field == 1 {
            each(wire.bytes()?, |field, _| {
                match field {
                    1 => kind = Kind::OptionalTensor,
                    4 => kind = Kind::OptionalSequence,
                    _ => {}
                }
                Ok(())
            })?;
        }
        Ok(())
    })?;
    Ok(kind)
}

fn tensor_type(bytes: &[u8]) -> Result<TensorType> {
    let mut found = TensorType::default();
    each(bytes, |field, wire| {
        match field {
            1 => found.data_type = wire.int()?,
            2 => {
                let mut dims = Vec::new();
                each(wire.bytes()?, |field, wire| {
                    if field == 1 {
                        dims.push(dim(wire.bytes()?)?);
                    }
                    Ok(())
                })?;
                found.dims = Some(dims);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

fn dim(bytes: &[u8]) -> Result<Dim> {
    let mut dim = Dim::Unknown;
    each(bytes, |field, wire| {
        match field {
            // Some exporters write -1 for an open extent.
            1 => dim = usize::try_from(wire.int()?).map_or(Dim::Unknown, Dim::Fixed),
            2 => {
                let name = wire.text()?;
                dim = if name.is_empty() { Dim::Unknown } else { Dim::Named(name) };
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(dim)
}

impl<'a> Function<'a> {
    fn read(bytes: &'a [u8]) -> Result<Function<'a>> {
        let mut function = Function::default();
        each(bytes, |field, wire| {
            match field {
                1 => function.name = wire.text()?,
                4 => function.inputs.push(wire.text()?),
                5 => function.outputs.push(wire.text()?),
                7 => function.nodes.push(Node::read(wire.bytes()?, 0)?),
                9 => function.opsets.push(opset(wire.bytes()?)?),
                10 => function.domain = wire.text()?,
                11 => function.defaults.push(attribute(wire.bytes()?, 0)?),
                13 => function.overload = wire.text()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(function)
    }
}

fn opset(bytes: &[u8]) -> Result<(String, i64)> {
    let mut found = (String::new(), 0);
    each(bytes, |field, wire| {
        match field {
            1 => found.0 = wire.text()?,
            2 => found.1 = wire.int()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

fn entry(bytes: &[u8]) -> Result<(String, String)> {
    let mut found = (String::new(), String::new());
    each(bytes, |field, wire| {
        match field {
            1 => found.0 = wire.text()?,
            2 => found.1 = wire.text()?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(found)
}

/// Calls `f` with every field of a message.
pub(super) fn each<'a>(
    bytes: &'a [u8],
    mut f: impl FnMut(u64, Wire<'a>) -> Result<()>,
) -> Result<()> {
    let mut fields = Fields::of(bytes);
    while let Some((field, wire)) = fields.next()? {
        f(field, wire)?;
    }
    Ok(())
}

fn check_depth(depth: usize) -> Result<()> {
    if depth > MOST_NESTED {
        let message = format!("graphs nest deeper than {MOST_NESTED}");
        return Err(Error::new(ErrorKind::Limit, message));
    }
    Ok(())
}
