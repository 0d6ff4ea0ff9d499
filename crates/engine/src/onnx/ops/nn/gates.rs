//! The activation functions that recurrent operations name in attributes.

use crate::error::Result;
use crate::onnx::graph::Attributes;
use crate::onnx::ops::wrong;
use kernels::{Activation, Pool};

/// One of them with its α and β.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Gate {
    Kernel(Activation),
    /// αx + β
    Affine(f32, f32),
    /// x above α, otherwise 0
    Thresholded(f32),
    /// α·tanh(βx)
    ScaledTanh(f32, f32),
    /// αx + β within 0 and 1
    HardSigmoid(f32, f32),
    /// x / (1 + |x|)
    Softsign,
}

impl Gate {
    pub fn apply(self, pool: &Pool, x: &mut [f32]) {
        match self {
            Gate::Kernel(activation) => kernels::activation(pool, activation, x),
            Gate::Affine(a, b) => x.iter_mut().for_each(|x| *x = a * *x + b),
            Gate::Thresholded(a) => {
                x.iter_mut().for_each(|x| *x = if *x > a { *x } else { 0.0 });
            }
            Gate::ScaledTanh(a, b) => x.iter_mut().for_each(|x| *x = a * (b * *x).tanh()),
            Gate::HardSigmoid(a, b) => {
                x.iter_mut().for_each(|x| *x = (a * *x + b).clamp(0.0, 1.0));
            }
            Gate::Softsign => x.iter_mut().for_each(|x| *x /= 1.0 + x.abs()),
        }
    }
}

/// `per` functions for each of `directions`: those of the attributes or `defaults` (one set).
pub(super) fn gates(
    attributes: &Attributes,
    directions: usize,
    defaults: &[&str],
) -> Result<Vec<Gate>> {
    let named: Vec<String> = match attributes.texts("activations") {
        Some(names) if !names.is_empty() => names.to_vec(),
        _ => {
            defaults.iter().cycle().take(defaults.len() * directions).map(|n| (*n).into()).collect()
        }
    };
    if named.len() != defaults.len() * directions {
        return Err(wrong(format!("{} activations for {directions} directions", named.len())));
    }
    // Only functions that have an α take one from the list, in order; so for β.
    let mut alphas = attributes.floats("activation_alpha").unwrap_or(&[]).iter().copied();
    let mut betas = attributes.floats("activation_beta").unwrap_or(&[]).iter().copied();
    let mut gates = Vec::new();
    for name in &named {
        let mut alpha = |default: f32| alphas.next().unwrap_or(default);
        let mut beta = |default: f32| betas.next().unwrap_or(default);
        gates.push(match name.to_ascii_lowercase().as_str() {
            "relu" => Gate::Kernel(Activation::Relu),
            "tanh" => Gate::Kernel(Activation::Tanh),
            "sigmoid" => Gate::Kernel(Activation::Sigmoid),
            "softplus" => Gate::Kernel(Activation::Softplus),
            "leakyrelu" => Gate::Kernel(Activation::LeakyRelu(alpha(0.01))),
            "elu" => Gate::Kernel(Activation::Elu(alpha(1.0))),
            "affine" => Gate::Affine(alpha(1.0), beta(0.0)),
            "thresholdedrelu" => Gate::Thresholded(alpha(1.0)),
            "scaledtanh" => Gate::ScaledTanh(alpha(1.0), beta(1.0)),
            "hardsigmoid" => Gate::HardSigmoid(alpha(0.2), beta(0.5)),
            "softsign" => Gate::Softsign,
            _ => return Err(wrong(format!("the activation `{name}`"))),
        });
    }
    Ok(gates)
}
