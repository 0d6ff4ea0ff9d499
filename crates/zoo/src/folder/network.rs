//! The network of a folder: an ONNX file, or a checkpoint of a known architecture.

use super::declared::{Architecture, DTYPES, Declared, Dtype};
use super::problem::Problem;
use super::{Folder, map_size};
use crate::Compute;
use crate::arch::{densenet, pspnet, resnet};
use crate::card::Task;
use crate::error::translate_graph;
use crate::runner::Onnx;
use crate::system::{Head, System};
use base::Text;
use base::words::own as words;
use engine::array::DType;
use engine::graph::{Builder, Value};
use engine::onnx::{Dim, Model, Port, Session};
use engine::weights::Scope;
use engine::{Error, ErrorKind};

/// Builds the architecture with as many outputs as there are labels.
pub(super) fn build(
    folder: &Folder,
    b: &mut Builder,
    s: &Scope,
) -> engine::Result<Vec<(&'static str, Value)>> {
    let card = folder.card();
    let x = b.input("image", &card.input.shape);
    let labels = card.labels.len();
    match folder.declared().network.architecture {
        Some(Architecture::DenseNet121) => {
            let (logits, map) = densenet::classifier(b, s, x, &densenet::DENSENET121, labels)?;
            Ok(vec![("logits", logits), ("features", map)])
        }
        Some(Architecture::ResNet50) => {
            let (logits, map) = resnet::classifier(b, s, x, &resnet::RESNET50, labels)?;
            Ok(vec![("logits", logits), ("features", map)])
        }
        Some(Architecture::PspNet) => {
            let (logits, _) = pspnet::pspnet(b, s, x, labels)?;
            Ok(vec![("logits", logits)])
        }
        None => {
            let message = "an ONNX file is run as it is; there is no architecture to build";
            Err(Error::new(ErrorKind::Unsupported, message))
        }
    }
}

/// Tensors that files of an architecture hold beside those of its network.
pub(super) fn left_over(architecture: Option<Architecture>) -> &'static [&'static str] {
    match architecture {
        Some(Architecture::PspNet) => {
            &["*num_batches_tracked", "convbnrelu4_aux.*", "aux_cls.*", "pyramid_pooling.paths.*"]
        }
        _ => &["*num_batches_tracked", "op_threshs"],
    }
}

/// The linear layer at the end.
pub(super) fn head(architecture: Option<Architecture>, labels: usize) -> Option<Head> {
    let (weight, channels) = match architecture? {
        Architecture::DenseNet121 => ("classifier.weight", 1024),
        Architecture::ResNet50 => ("fc.weight", 2048),
        Architecture::PspNet => return None,
    };
    Some(Head { weight, labels, channels, features: 1 })
}

/// Opens a folder's ONNX file and holds it against the card: every disagreement is named.
pub(crate) fn open(folder: &Folder, compute: &Compute) -> Result<Onnx, Vec<Problem>> {
    let file = folder.network_file().map_err(|problem| vec![problem])?;
    let model = Model::open(&file).map_err(|error| {
        let error = translate_graph(error);
        let named = |lang| {
            let name = &folder.declared().network.file;
            format!("{name}: {}", error.what().get(lang))
        };
        vec![Problem::new(None, Text::filled(named(base::Lang::En), named(base::Lang::Zh)))]
    })?;
    let card = folder.declared();
    let mut problems = Vec::new();
    let input = image_input(&model, card, &mut problems);
    let output = meant_output(&model, card, &mut problems);
    let (Some((input, dtype)), Some(output)) = (input, output) else { return Err(problems) };
    if !problems.is_empty() {
        return Err(problems);
    }
    let channels_last = card.input.channels_last;
    Ok(Onnx {
        session: Session::new(model, compute.session_options()),
        input,
        dtype,
        channels_last,
        output,
    })
}

fn image_input(
    model: &Model,
    card: &Declared,
    problems: &mut Vec<Problem>,
) -> Option<(String, DType)> {
    let mut wrong = |text| problems.push(Problem::new(None, text));
    let needed: Vec<&Port> = model.inputs().iter().filter(|port| !port.optional).collect();
    let [port] = needed[..] else {
        let names: Vec<&str> = needed.iter().map(|port| port.name.as_str()).collect();
        wrong(words::one_input(&names.join(", ")));
        return None;
    };
    let (channels, (rows, columns)) = (card.input.channels, card.input.size);
    let wanted = match card.input.channels_last {
        true => [1, rows, columns, channels],
        false => [1, channels, rows, columns],
    };
    if let Some(shape) = &port.shape {
        if shape.len() == 5 {
            wrong(words::input_is_volume(&port.name, &shown(shape)));
        } else if !admits(shape, &wanted) {
            wrong(words::input_shape(&port.name, &shown(shape), &wanted));
        }
    }
    let declared = match card.input.dtype {
        Dtype::Float32 => DType::F32,
        Dtype::Float16 => DType::F16,
        Dtype::Float64 => DType::F64,
        Dtype::Uint8 => DType::U8,
    };
    if let Some(dtype) = port.dtype
        && dtype != declared
    {
        let name = DTYPES.iter().find(|(_, one)| *one == card.input.dtype).map_or("", |n| n.0);
        wrong(words::input_type(&port.name, &dtype.to_string(), name));
    }
    Some((port.name.clone(), declared))
}

/// The output that the card names, or the first; its declared shape fits the labels.
fn meant_output(model: &Model, card: &Declared, problems: &mut Vec<Problem>) -> Option<usize> {
    let ports = model.outputs();
    let at = match &card.network.output {
        None => Some(0).filter(|_| !ports.is_empty()),
        Some(name) => ports.iter().position(|port| port.name == *name),
    };
    let Some(at) = at else {
        let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
        let name = card.network.output.as_deref().unwrap_or("");
        problems.push(Problem::new(None, words::no_output(name, &names.join(", "))));
        return None;
    };
    let fixed = |dims: &Vec<Dim>| -> Option<Vec<usize>> {
        dims.iter().map(|dim| if let Dim::Fixed(n) = dim { Some(*n) } else { None }).collect()
    };
    if let Some(shape) = ports[at].shape.as_ref().and_then(fixed) {
        problems.extend(output_problem(&shape, card).map(|text| Problem::new(None, text)));
    }
    Some(at)
}

/// What does not fit about a shape of the output. Without the axes in the network's own order only
/// the number of values is judged.
pub(super) fn output_problem(shape: &[usize], card: &Declared) -> Option<Text> {
    let labels = card.labels.codes.len();
    let turned = match *shape {
        [one, rows, columns, channels] if card.input.channels_last => {
            vec![one, channels, rows, columns]
        }
        _ => shape.to_vec(),
    };
    if card.task == Task::Segmentation {
        return map_size(&turned, labels).is_none().then(|| words::output_maps(shape, labels));
    }
    let count = shape.iter().try_fold(1usize, |n, &extent| n.checked_mul(extent));
    (count != Some(labels)).then(|| words::output_labels(shape, labels))
}

fn admits(shape: &[Dim], wanted: &[usize]) -> bool {
    shape.len() == wanted.len()
        && shape.iter().zip(wanted).all(|(dim, wanted)| match dim {
            Dim::Fixed(extent) => extent == wanted,
            _ => true,
        })
}

fn shown(shape: &[Dim]) -> String {
    let dims: Vec<String> = shape
        .iter()
        .map(|dim| match dim {
            Dim::Fixed(extent) => extent.to_string(),
            Dim::Named(name) => super::reader::shorten(name),
            Dim::Unknown => "?".to_owned(),
        })
        .collect();
    format!("[{}]", dims.join(", "))
}
