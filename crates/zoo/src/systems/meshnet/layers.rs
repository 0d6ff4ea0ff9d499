//! The layers of a MeshNet, read from the topology that TensorFlow.js publishes with the weights: a chain of
//! dilated convolutions that keep the extents, each with an activation.
//!
//! Reference: neuroneural/brainchop `public/models/*/model.json` (Keras' layers as JSON), `inference-logic.js`
//! (layers one after the other; where a layer's name ends in `_gn`, every channel is normed by its own mean and
//! variance after the convolution).

use base::words::meshnet as words;
use base::{Error, Kind, Result};
use engine::graph::{Activation, Builder, Conv, Value};
use engine::weights::{Plain, Scope};

/// Added to a channel's variance (`tensor-utils.js`: `LayerNormInPlace`).
const EPSILON: f32 = 1e-5;
/// What is read of a chain at most: layers, features, extent of a kernel, dilation.
const MOST: [usize; 4] = [128, 512, 7, 64];

/// One convolution and what follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Keras' name, which is its tensors'.
    pub name: String,
    /// Output channels.
    pub features: usize,
    /// Extent of the kernel, odd.
    pub kernel: usize,
    /// Voxels from one element of the kernel to the next.
    pub dilation: usize,
    /// Has a bias.
    pub bias: bool,
    /// Each channel is normed before the activation.
    pub norm: bool,
    /// Applied last.
    pub activation: Activation,
}

/// The layers of a model's topology (`modelTopology` of a `model.json`).
///
/// Errors: kind `Unsupported` names the first layer that no MeshNet has.
pub fn layers(topology: &Plain) -> Result<Vec<Layer>> {
    let config = topology.get("model_config").and_then(|model| model.get("config"));
    // A sequential model of early versions is the list itself.
    let list = config.and_then(|config| config.get("layers").or(Some(config))?.items());
    let list = list.filter(|list| !list.is_empty()).ok_or_else(|| other("", "modelTopology"))?;
    let mut found: Vec<Layer> = Vec::new();
    let mut previous = "";
    for layer in list {
        let class = layer.get("class_name").and_then(Plain::text).unwrap_or_default();
        let config = layer.get("config").unwrap_or(&Plain::None);
        let name = config.get("name").and_then(Plain::text).unwrap_or_default();
        let refuse = || other(class, name);
        if !follows(layer, previous) || found.len() > MOST[0] {
            return Err(refuse());
        }
        match class {
            "InputLayer" => {
                let shape = config.get("batch_input_shape").and_then(Plain::items);
                let channels = shape.and_then(<[Plain]>::last).and_then(Plain::size);
                if channels != Some(1) || !found.is_empty() {
                    return Err(refuse());
                }
            }
            "Conv3D" => found.push(convolution(config, name).ok_or_else(refuse)?),
            "Activation" => {
                let last = found.last_mut().filter(|last| last.activation == Activation::Identity);
                last.ok_or_else(refuse)?.activation = activation(config).ok_or_else(refuse)?;
            }
            _ => return Err(refuse()),
        }
        previous = name;
    }
    match found.is_empty() {
        true => Err(other("", "Conv3D")),
        false => Ok(found),
    }
}

/// The logits `[1, classes, x, y, z]` of an image `[1, 1, x, y, z]`.
pub fn logits(b: &mut Builder, s: &Scope, image: Value, layers: &[Layer]) -> engine::Result<Value> {
    let mut x = image;
    for layer in layers {
        let pad = layer.kernel / 2 * layer.dilation;
        let mut conv =
            Conv::new(layer.features, [layer.kernel; 3]).dilation(layer.dilation).pad(pad);
        if !layer.bias {
            conv = conv.no_bias();
        }
        x = b.conv(x, &s.at(&layer.name), conv)?;
        if layer.norm {
            x = b.instance_norm(x, None, EPSILON)?;
        }
        if layer.activation != Activation::Identity {
            x = b.activation(x, layer.activation);
        }
    }
    Ok(x)
}

/// Whether a layer's only input is the layer before it; models without a graph are chains.
fn follows(layer: &Plain, previous: &str) -> bool {
    let Some(inputs) = layer.get("inbound_nodes").and_then(Plain::items) else { return true };
    let mut names = Vec::new();
    for node in inputs {
        let calls = node.items().unwrap_or_default();
        names.extend(calls.iter().map(|call| {
            call.items().and_then(<[Plain]>::first).and_then(Plain::text).unwrap_or_default()
        }));
    }
    match names[..] {
        [] => previous.is_empty(),
        [only] => only == previous,
        _ => false,
    }
}

/// `None` for a convolution that no MeshNet has.
fn convolution(config: &Plain, name: &str) -> Option<Layer> {
    let same = |key: &str| -> Option<usize> {
        let Some(value) = config.get(key) else { return Some(1) };
        let extents = value.items()?.iter().map(Plain::size).collect::<Option<Vec<_>>>()?;
        let first = *extents.first()?;
        (extents.len() == 3 && extents.iter().all(|extent| *extent == first)).then_some(first)
    };
    let is = |key: &str, wanted: &str| {
        config.get(key).and_then(Plain::text).is_none_or(|found| found == wanted)
    };
    let [_, most_features, most_kernel, most_dilation] = MOST;
    let layer = Layer {
        name: name.to_owned(),
        features: config.get("filters").and_then(Plain::size)?,
        kernel: same("kernel_size")?,
        dilation: same("dilation_rate")?,
        bias: config.get("use_bias") != Some(&Plain::Bool(false)),
        norm: name.ends_with("_gn"),
        activation: activation(config)?,
    };
    let fits = (1..=most_features).contains(&layer.features)
        && (1..=most_kernel).contains(&layer.kernel)
        && layer.kernel % 2 == 1
        && (1..=most_dilation).contains(&layer.dilation);
    let plain = same("strides") == Some(1)
        && config.get("groups").is_none_or(|groups| groups.size() == Some(1))
        && is("padding", "same")
        && is("data_format", "channels_last");
    // A norm stands between the convolution and an activation of its own layer.
    (fits && plain && !name.is_empty() && (!layer.norm || layer.activation == Activation::Identity))
        .then_some(layer)
}

fn activation(config: &Plain) -> Option<Activation> {
    match config.get("activation").and_then(Plain::text) {
        None | Some("linear") => Some(Activation::Identity),
        Some("relu") => Some(Activation::Relu),
        Some("elu") => Some(Activation::Elu(1.0)),
        Some("gelu") => Some(Activation::Gelu),
        Some(_) => None,
    }
}

fn other(class: &str, name: &str) -> Error {
    Error::new(Kind::Unsupported, words::other_layer(class, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(layers: &str) -> Result<Vec<Layer>> {
        let text = format!(r#"{{"model_config": {{"config": {{"layers": [{layers}]}}}}}}"#);
        super::layers(&Plain::from_json(text.as_bytes()).unwrap())
    }

    fn conv(more: &str) -> String {
        format!(
            r#"{{"class_name": "Conv3D", "config": {{"name": "a", "filters": 2, "kernel_size": [3, 3, 3]{more}}}}}"#
        )
    }

    #[test]
    fn what_no_meshnet_has_is_named() {
        assert_eq!(read(&conv("")).unwrap().len(), 1);
        for (more, layer) in [
            (r#", "strides": [2, 2, 2]"#, "'a'"),
            (r#", "padding": "valid""#, "'a'"),
            (r#", "groups": 2"#, "'a'"),
            (r#", "activation": "selu""#, "'a'"),
            (r#", "dilation_rate": [1, 2, 1]"#, "'a'"),
            (r#", "dilation_rate": [100, 100, 100]"#, "'a'"),
        ] {
            let error = read(&conv(more)).unwrap_err();
            assert_eq!(error.kind(), Kind::Unsupported, "{more}");
            assert!(error.to_string().contains(layer), "{more}: {error}");
        }
        assert!(read(&conv("").replace(r#""filters": 2"#, r#""filters": 4000000000"#)).is_err());
        let pool = r#"{"class_name": "MaxPooling3D", "config": {"name": "p"}}"#;
        let error = read(&format!("{}, {pool}", conv(""))).unwrap_err().to_string();
        assert!(error.contains("MaxPooling3D") && error.contains("'p'"), "{error}");
        assert!(read("").is_err());
        // An activation twice, or before anything.
        let relu = r#"{"class_name": "Activation", "config": {"name": "r", "activation": "relu"}}"#;
        assert!(read(relu).is_err() && read(&format!("{}, {relu}, {relu}", conv(""))).is_err());
    }

    #[test]
    fn a_branch_is_no_chain() {
        let wired = |to: &str| {
            format!(
                r#"{{"class_name": "Activation", "config": {{"name": "r", "activation": "elu"}}, "inbound_nodes": [[{to}]]}}"#
            )
        };
        let with = |to: &str| read(&format!("{}, {}", conv(""), wired(to)));
        assert!(with(r#"["a", 0, 0, {}]"#).is_ok());
        assert!(with(r#"["b", 0, 0, {}]"#).is_err());
        assert!(with(r#"["a", 0, 0, {}], ["a", 0, 0, {}]"#).is_err());
    }
}
