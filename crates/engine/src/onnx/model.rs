//! An ONNX file as it is offered for running.

use super::external::{External, PIECE, Supplier};
use super::functions;
use super::graph::Graph;
use super::import::Importer;
use super::outline::outline;
use super::proto::{self, Dim, Kind};
use crate::array::{Array, DType};
use crate::error::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file read; also the most that external files may take together.
const MOST_FILE_BYTES: u64 = 16 << 30;

/// An imported file.
#[derive(Debug)]
pub struct Model {
    pub(super) graph: Graph,
    pub(super) inputs: Vec<Port>,
    pub(super) outputs: Vec<Port>,
    producer: String,
    opset: i64,
    sha256: String,
}

/// A declared input or output.
#[derive(Clone, Debug, PartialEq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Tensor, sequence or optional.
    pub kind: Kind,
    /// Type of a tensor's values.
    pub dtype: Option<DType>,
    /// Its axes; `None` when even their number is open.
    pub shape: Option<Vec<Dim>>,
    /// An input that has a stored value and need not be given.
    pub optional: bool,
}

impl Model {
    /// Reads a file. External values are read from its folder only.
    ///
    /// Errors name the file and, where there is one, the node: a broken or truncated file, a graph
    /// with a cycle, values that nobody makes, operations that this build does not have.
    pub fn open(path: &Path) -> Result<Model> {
        let io = |error: std::io::Error| Error::new(ErrorKind::Io, error.to_string()).at(path);
        let open = || File::open(path).map_err(io);
        let size = open()?.metadata().map_err(io)?.len();
        if size > MOST_FILE_BYTES {
            let message = format!("{size} bytes, at most {MOST_FILE_BYTES} are read");
            return Err(Error::new(ErrorKind::Limit, message).at(path));
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let (own, hashed) = (open()?, open()?);
        let import = || {
            let outline = outline(open()?, size)?;
            Model::import(&outline, &External::folder(folder, own, MOST_FILE_BYTES)?)
        };
        // The hash takes as long as reading and converting everything.
        let (model, sha256) = std::thread::scope(|scope| {
            let hash = scope.spawn(|| sha256(hashed).map_err(io));
            (import(), hash.join())
        });
        let mut model = model.map_err(|error| error.at(path))?;
        let gone = |_| Error::new(ErrorKind::Io, "its hash was not made");
        model.sha256 = sha256.map_err(gone).flatten().map_err(|error| error.at(path))?;
        Ok(model)
    }

    /// Reads bytes that hold everything themselves.
    pub fn from_bytes(bytes: &[u8]) -> Result<Model> {
        Model::of_bytes(bytes, &External::none())
    }

    /// Reads bytes whose external values a function supplies, by location, type and shape, as
    /// little-endian values.
    pub fn with_external(bytes: &[u8], supplier: &Supplier<'_>) -> Result<Model> {
        Model::of_bytes(bytes, &External::supplier(supplier))
    }

    fn of_bytes(bytes: &[u8], external: &External) -> Result<Model> {
        let model = Model::import(bytes, external)?;
        Ok(Model { sha256: hex(&Sha256::digest(bytes)), ..model })
    }

    /// All but the hash.
    fn import(bytes: &[u8], external: &External) -> Result<Model> {
        let mut file = proto::Model::read(bytes)?;
        let Some(graph) = file.graph.take() else {
            let message = "no ONNX model: it holds no graph";
            return Err(Error::new(ErrorKind::BrokenFile, message));
        };
        let opset = file.opsets.iter().find(|(name, _)| name.is_empty() || name == "ai.onnx");
        let opset = opset.map_or(1, |(_, version)| *version);
        let stored: Vec<String> = graph.initializers.iter().map(|t| t.name.clone()).collect();
        let outputs = graph.outputs.iter().map(|info| port(info, false)).collect();
        let inputs: Vec<Port> =
            graph.inputs.iter().map(|info| port(info, stored.contains(&info.name))).collect();
        let imports = functions::imports(&file);
        let mut importer = Importer::new(&file.functions, &imports, external);
        let graph = importer.graph(graph, 0)?;
        if !importer.unknown.is_empty() {
            return Err(missing_operations(&importer.unknown));
        }
        let sha256 = String::new();
        Ok(Model { graph, inputs, outputs, producer: file.producer, opset, sha256 })
    }

    /// Declared inputs, in order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Declared outputs, in order.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// The program that wrote it.
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// Version of the default operator set it asks for.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// SHA-256 of the file (not of its external values), lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Number of nodes, those of functions unfolded, those in bodies not counted.
    pub fn node_count(&self) -> usize {
        self.graph.nodes.len()
    }

    /// Of a graph with integer layers: how many nodes quantise or dequantise, and how many compute
    /// with the integers. `None` when there are neither.
    pub fn quantized(&self) -> Option<(usize, usize)> {
        let count = |of: &dyn Fn(&str) -> bool| {
            self.graph.nodes.iter().filter(|node| of(node.op.name)).count()
        };
        let pairs = count(&|name| {
            ["QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear"].contains(&name)
        });
        let integer = count(&|name| {
            name.starts_with("QLinear") || ["MatMulInteger", "ConvInteger", "QGemm"].contains(&name)
        });
        (pairs + integer > 0).then_some((pairs, integer))
    }

    /// Bytes of stored values.
    pub fn stored_bytes(&self) -> u64 {
        self.graph.constants.iter().map(|(_, array)| Array::bytes(array)).sum()
    }
}

impl Port {
    /// Whatever is given has the same type and shape.
    pub(super) fn is_fixed(&self) -> bool {
        let fixed = |shape: &Vec<Dim>| shape.iter().all(|dim| matches!(dim, Dim::Fixed(_)));
        let tensor = matches!(self.kind, Kind::Tensor) && self.dtype.is_some();
        tensor && !self.optional && self.shape.as_ref().is_some_and(fixed)
    }

    /// An error unless the array has the declared type and fits the declared axes.
    pub(super) fn check(&self, array: &Array) -> Result<()> {
        let fits = |shape: &Vec<Dim>| {
            shape.len() == array.rank()
                && shape.iter().zip(array.shape()).all(|(dim, extent)| match dim {
                    Dim::Fixed(wanted) => wanted == extent,
                    _ => true,
                })
        };
        if self.dtype.is_some_and(|dtype| dtype != array.dtype())
            || !self.shape.as_ref().is_none_or(fits)
        {
            let message = format!(
                "the input `{}` is {} {:?}, the model wants {self}",
                self.name,
                array.dtype(),
                array.shape()
            );
            return Err(Error::new(ErrorKind::Shape, message));
        }
        Ok(())
    }
}

/// Of a whole file, lower-case hex.
fn sha256(mut file: File) -> std::io::Result<String> {
    let (mut hash, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&hash.finalize())),
            n => hash.update(&piece[..n]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Type and axes: `float32 [N, 3, ?, 224]`.
impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.dtype {
            Some(dtype) => write!(f, "{dtype}")?,
            None => f.write_str("no tensor")?,
        }
        let Some(shape) = &self.shape else { return Ok(()) };
        let axes: Vec<String> = shape
            .iter()
            .map(|dim| match dim {
                Dim::Fixed(extent) => extent.to_string(),
                Dim::Named(name) => name.clone(),
                Dim::Unknown => "?".to_string(),
            })
            .collect();
        write!(f, " [{}]", axes.join(", "))
    }
}

fn port(info: &proto::ValueInfo, optional: bool) -> Port {
    let tensor = info.tensor.as_ref();
    Port {
        name: info.name.clone(),
        kind: info.kind,
        dtype: tensor.and_then(|tensor| DType::from_onnx(tensor.data_type)),
        shape: tensor.and_then(|tensor| tensor.dims.clone()),
        optional,
    }
}

fn missing_operations(unknown: &std::collections::BTreeMap<String, String>) -> Error {
    let named: Vec<String> =
        unknown.iter().map(|(op, node)| format!("{op} (first in node `{node}`)")).collect();
    let message = format!(
        "this build does not have {}: {}; `consilium infer --ops` lists what it has",
        if named.len() == 1 { "the operation" } else { "the operations" },
        named.join(", ")
    );
    Error::new(ErrorKind::Unsupported, message)
}
