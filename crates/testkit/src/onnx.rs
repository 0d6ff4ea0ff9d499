//! Small ONNX files, written field by field (onnx.proto, IR version 8).

/// Types of values (`TensorProto.DataType`).
pub const FLOAT: u64 = 1;
/// Bytes.
pub const UINT8: u64 = 2;
/// Signed bytes.
pub const INT8: u64 = 3;
/// 64-bit integers.
pub const INT64: u64 = 7;

/// A graph being written.
#[derive(Clone, Debug, Default)]
pub struct Onnx {
    graph: Vec<u8>,
}

impl Onnx {
    /// An empty graph.
    pub fn new() -> Onnx {
        Onnx::default()
    }

    /// A declared input; 0 stands for an open extent.
    #[must_use]
    pub fn input(mut self, name: &str, dtype: u64, shape: &[u64]) -> Onnx {
        bytes(&mut self.graph, 11, &value_info(name, dtype, shape));
        self
    }

    /// A declared output.
    #[must_use]
    pub fn output(mut self, name: &str, shape: &[u64]) -> Onnx {
        bytes(&mut self.graph, 12, &value_info(name, FLOAT, shape));
        self
    }

    /// Stored floats.
    #[must_use]
    pub fn floats(mut self, name: &str, shape: &[u64], values: &[f32]) -> Onnx {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        bytes(&mut self.graph, 5, &tensor(name, FLOAT, shape, &raw));
        self
    }

    /// Stored values of a type.
    #[must_use]
    pub fn stored(mut self, name: &str, dtype: u64, shape: &[u64], raw: &[u8]) -> Onnx {
        bytes(&mut self.graph, 5, &tensor(name, dtype, shape, raw));
        self
    }

    /// Stored floats whose bytes need not go with the shape.
    #[must_use]
    pub fn claimed(mut self, name: &str, shape: &[u64], raw: &[u8]) -> Onnx {
        bytes(&mut self.graph, 5, &tensor(name, FLOAT, shape, raw));
        self
    }

    /// Floats that lie in a file beside the model.
    #[must_use]
    pub fn external(mut self, name: &str, shape: &[u64], entries: &[(&str, &str)]) -> Onnx {
        let mut tensor = Vec::new();
        shape.iter().for_each(|&extent| number(&mut tensor, 1, extent));
        number(&mut tensor, 2, FLOAT);
        bytes(&mut tensor, 8, name.as_bytes());
        for (key, value) in entries {
            let mut entry = Vec::new();
            bytes(&mut entry, 1, key.as_bytes());
            bytes(&mut entry, 2, value.as_bytes());
            bytes(&mut tensor, 13, &entry);
        }
        number(&mut tensor, 14, 1);
        bytes(&mut self.graph, 5, &tensor);
        self
    }

    /// Stored integers.
    #[must_use]
    pub fn integers(mut self, name: &str, values: &[i64]) -> Onnx {
        let raw: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        bytes(&mut self.graph, 5, &tensor(name, INT64, &[values.len() as u64], &raw));
        self
    }

    /// A node with one output and integer attributes.
    #[must_use]
    pub fn node(self, op: &str, inputs: &[&str], output: &str, attributes: &[(&str, u64)]) -> Onnx {
        let attribute = |(name, value): &(&str, u64)| {
            let mut attribute = Vec::new();
            bytes(&mut attribute, 1, name.as_bytes());
            number(&mut attribute, 3, *value);
            number(&mut attribute, 20, 2);
            attribute
        };
        self.any_node(op, inputs, output, attributes.iter().map(attribute))
    }

    /// A node with one output and attributes that are lists of integers.
    #[must_use]
    pub fn layer(
        self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, &[u64])],
    ) -> Onnx {
        let attribute = |(name, values): &(&str, &[u64])| {
            let mut attribute = Vec::new();
            bytes(&mut attribute, 1, name.as_bytes());
            values.iter().for_each(|value| number(&mut attribute, 8, *value));
            number(&mut attribute, 20, 7);
            attribute
        };
        self.any_node(op, inputs, output, attributes.iter().map(attribute))
    }

    fn any_node(
        mut self,
        op: &str,
        inputs: &[&str],
        output: &str,
        attributes: impl Iterator<Item = Vec<u8>>,
    ) -> Onnx {
        let mut node = Vec::new();
        inputs.iter().for_each(|input| bytes(&mut node, 1, input.as_bytes()));
        bytes(&mut node, 2, output.as_bytes());
        bytes(&mut node, 3, format!("{op}_{output}").as_bytes());
        bytes(&mut node, 4, op.as_bytes());
        attributes.for_each(|attribute| bytes(&mut node, 5, &attribute));
        bytes(&mut self.graph, 1, &node);
        self
    }

    /// The whole file, operator set 17.
    pub fn finish(self) -> Vec<u8> {
        self.finish_as(17)
    }

    /// The whole file of an operator set.
    pub fn finish_as(self, version: u64) -> Vec<u8> {
        let (mut model, mut opset) = (Vec::new(), Vec::new());
        number(&mut model, 1, 8);
        bytes(&mut model, 2, b"testkit");
        let mut graph = self.graph;
        bytes(&mut graph, 2, b"graph");
        bytes(&mut model, 7, &graph);
        bytes(&mut opset, 1, b"");
        number(&mut opset, 2, version);
        bytes(&mut model, 8, &opset);
        model
    }
}

fn value_info(name: &str, dtype: u64, shape: &[u64]) -> Vec<u8> {
    let mut dims = Vec::new();
    for &extent in shape {
        let mut dim = Vec::new();
        match extent {
            0 => bytes(&mut dim, 2, b"N"),
            fixed => number(&mut dim, 1, fixed),
        }
        bytes(&mut dims, 1, &dim);
    }
    let (mut tensor, mut kind, mut info) = (Vec::new(), Vec::new(), Vec::new());
    number(&mut tensor, 1, dtype);
    bytes(&mut tensor, 2, &dims);
    bytes(&mut kind, 1, &tensor);
    bytes(&mut info, 1, name.as_bytes());
    bytes(&mut info, 2, &kind);
    info
}

fn tensor(name: &str, dtype: u64, shape: &[u64], raw: &[u8]) -> Vec<u8> {
    let mut tensor = Vec::new();
    shape.iter().for_each(|&extent| number(&mut tensor, 1, extent));
    number(&mut tensor, 2, dtype);
    bytes(&mut tensor, 8, name.as_bytes());
    bytes(&mut tensor, 9, raw);
    tensor
}

/// A field of bytes: wire type 2.
fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A field of one number: wire type 0.
fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
