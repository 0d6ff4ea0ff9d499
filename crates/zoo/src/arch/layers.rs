//! Norms and activations as MONAI names them (`monai/networks/layers/factories.py`), for the networks of
//! its bundles.

use super::EPSILON;
use engine::Result;
use engine::graph::{Activation, Builder, Value};
use engine::weights::Scope;

/// The norm of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Norm {
    /// None.
    None,
    /// By stored means and variances.
    Batch,
    /// Each channel by its own.
    Instance {
        /// Has a weight and a bias.
        affine: bool,
    },
    /// So many groups of channels by their own.
    Group(usize),
}

impl Norm {
    /// `x` after the norm whose tensors lie in `s`.
    pub fn apply(self, b: &mut Builder, s: &Scope, x: Value) -> Result<Value> {
        match self {
            Norm::None => Ok(x),
            Norm::Batch => b.batch_norm(x, s, EPSILON),
            Norm::Instance { affine } => b.instance_norm(x, affine.then_some(s), EPSILON),
            Norm::Group(groups) => b.group_norm(x, s, groups, EPSILON),
        }
    }
}

/// The activation of a layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// One without weights.
    Fixed(Activation),
    /// A learned slope below zero, the same for all channels.
    Prelu,
}

impl Act {
    /// `x` after the activation whose tensor, if it has one, lies in `s`.
    pub fn apply(self, b: &mut Builder, s: &Scope, x: Value) -> Value {
        match self {
            Act::Fixed(Activation::Identity) => x,
            Act::Fixed(activation) => b.activation(x, activation),
            Act::Prelu => {
                let slope = s.tensor("weight", &[1]).data().first().copied().unwrap_or(0.0);
                b.activation(x, Activation::LeakyRelu(slope))
            }
        }
    }
}
