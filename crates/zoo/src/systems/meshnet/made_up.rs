//! Models of the published shape with made-up weights, in the files that TensorFlow.js reads: for timing.

use super::kinds::Kind;
use super::layers::Layer;
use base::words::nnunet as words;
use base::{Error, Result};
use engine::graph::Activation;
use engine::weights::synth;
use std::path::Path;

/// Layers as a kind's published model has them.
pub fn layers(kind: &Kind) -> Vec<Layer> {
    let activation = match kind.activation {
        "relu" => Activation::Relu,
        "gelu" => Activation::Gelu,
        _ => Activation::Elu(1.0),
    };
    let end = if kind.norm { "_gn" } else { "" };
    let layer = |(number, &dilation): (usize, &usize)| Layer {
        name: format!("conv3d_{number}{end}"),
        features: kind.features,
        kernel: 3,
        dilation,
        bias: !kind.norm,
        norm: kind.norm,
        activation,
    };
    let mut layers: Vec<Layer> = kind.dilations.iter().enumerate().map(layer).collect();
    layers.push(Layer {
        name: "output".into(),
        features: kind.classes.count(),
        kernel: 1,
        dilation: 1,
        bias: true,
        norm: false,
        activation: Activation::Identity,
    });
    layers
}

/// Writes `model.json` and `model.bin` into a folder, which is made; values by `seed` and the names.
///
/// Errors: kind `Io`.
pub fn write(folder: &Path, seed: &str, layers: &[Layer]) -> Result<()> {
    let mut channels = 1;
    let (mut weights, mut topology, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
    let input = r#"{"class_name": "InputLayer", "config": {"name": "input", "batch_input_shape": [null, 256, 256, 256, 1], "dtype": "float32"}, "name": "input", "inbound_nodes": []}"#;
    topology.push(input.to_owned());
    let mut previous = "input".to_owned();
    for layer in layers {
        let Layer { name, features, kernel: k, dilation: d, bias, .. } = layer;
        let shape = [*features, channels, *k, *k, *k];
        let kernel = synth::fill(&format!("{seed}.{name}.weight"), &shape);
        // `[out][in][k…]` to Keras' `[k…][in][out]`.
        let (positions, outs) = (k * k * k, *features);
        for position in 0..positions {
            for row in 0..channels {
                let of = |out: usize| kernel[(out * channels + row) * positions + position];
                bytes.extend((0..outs).flat_map(|out| of(out).to_le_bytes()));
            }
        }
        weights.push(format!(
            r#"{{"name": "{name}/kernel", "shape": [{k}, {k}, {k}, {channels}, {features}], "dtype": "float32"}}"#
        ));
        if *bias {
            let values = synth::fill(&format!("{seed}.{name}.bias"), &[outs]);
            bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
            weights.push(format!(
                r#"{{"name": "{name}/bias", "shape": [{features}], "dtype": "float32"}}"#
            ));
        }
        topology.push(format!(
            r#"{{"class_name": "Conv3D", "config": {{"name": "{name}", "filters": {features}, "kernel_size": [{k}, {k}, {k}], "strides": [1, 1, 1], "padding": "same", "data_format": "channels_last", "dilation_rate": [{d}, {d}, {d}], "activation": "linear", "use_bias": {bias}}}, "name": "{name}", "inbound_nodes": [[["{previous}", 0, 0, {{}}]]]}}"#
        ));
        previous.clone_from(name);
        if let Some(activation) = named(layer.activation) {
            topology.push(format!(
                r#"{{"class_name": "Activation", "config": {{"name": "{name}_act", "activation": "{activation}"}}, "name": "{name}_act", "inbound_nodes": [[["{name}", 0, 0, {{}}]]]}}"#
            ));
            previous = format!("{name}_act");
        }
        channels = *features;
    }
    let (topology, weights) = (topology.join(", "), weights.join(", "));
    let text = format!(
        r#"{{"format": "layers-model", "modelTopology": {{"keras_version": "2.7.0", "backend": "tensorflow", "model_config": {{"class_name": "Functional", "config": {{"name": "model", "layers": [{topology}], "input_layers": [["input", 0, 0]], "output_layers": [["{previous}", 0, 0]]}}}}}}, "weightsManifest": [{{"paths": ["model.bin"], "weights": [{weights}]}}]}}"#
    );
    let failed = |error: std::io::Error| {
        Error::new(base::Kind::Io, words::unreadable(&error.to_string())).at(folder)
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    std::fs::write(folder.join("model.json"), text).map_err(failed)?;
    std::fs::write(folder.join("model.bin"), bytes).map_err(failed)
}

fn named(activation: Activation) -> Option<&'static str> {
    match activation {
        Activation::Relu => Some("relu"),
        Activation::Elu(_) => Some("elu"),
        Activation::Gelu => Some("gelu"),
        _ => None,
    }
}
