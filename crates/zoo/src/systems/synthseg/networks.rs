//! The networks of SynthSeg, each with its weights, compiled for the extents of the case.

use super::quality;
use crate::Compute;
use crate::arch::neuron_unet::{self, NeuronUnet};
use crate::fitted::{Fitted, Opening};
use crate::volume_system::{VolumeCard, write_made_up};
use base::Result;
use engine::graph::{Builder, Graph, Value};
use engine::weights::{Checkpoint, Scope};
use std::path::Path;

/// What a network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A U-Net.
    Unet(NeuronUnet),
    /// The encoder of quality scores.
    Quality,
}

const UNET: NeuronUnet =
    NeuronUnet { prefix: "unet", channels: 1, features: 24, kernel: 3, classes: 0, unjoined: 0 };

/// The U-Net of versions 1 and 2.
pub const fn whole(classes: usize) -> Kind {
    Kind::Unet(NeuronUnet { classes, ..UNET })
}

/// Groups of tissues that the robust chain goes through.
pub const TISSUES: usize = 5;

/// The robust chain: tissues from the image, tissues from tissues (which takes errors out), labels from both.
pub const ROBUST: [Kind; 3] = [
    Kind::Unet(NeuronUnet { classes: TISSUES, ..UNET }),
    Kind::Unet(NeuronUnet {
        prefix: "l2l",
        channels: TISSUES,
        features: 16,
        kernel: 5,
        classes: TISSUES,
        unjoined: 2,
    }),
    Kind::Unet(NeuronUnet { prefix: "unet2", channels: 1 + TISSUES, classes: 33, ..UNET }),
];

/// Parcels from the image and where the cortex is not and is.
pub const PARCELS: Kind =
    Kind::Unet(NeuronUnet { prefix: "unet_parc", channels: 3, classes: 69, ..UNET });

/// An extent with which every network can be built.
const LEAST: usize = 32;

impl Kind {
    fn prefix(&self) -> &'static str {
        match self {
            Kind::Unet(net) => net.prefix,
            Kind::Quality => "qc",
        }
    }

    /// Channels of the input.
    pub fn channels(&self) -> usize {
        match self {
            Kind::Unet(net) => net.channels,
            Kind::Quality => quality::GROUPS,
        }
    }

    /// The network for an input of these extents. Errors: extents that do not divide.
    pub fn graph(&self, scope: &Scope, shape: [usize; 3]) -> engine::Result<Graph> {
        let mut b = Builder::new();
        let [x, y, z] = shape;
        let image = b.input("image", &[1, self.channels(), x, y, z]);
        let answer = self.answer(&mut b, scope, image)?;
        Ok(b.finish(&[("answer", answer)]))
    }

    fn answer(&self, b: &mut Builder, scope: &Scope, image: Value) -> engine::Result<Value> {
        match self {
            Kind::Unet(net) => neuron_unet::logits(b, scope, image, net),
            Kind::Quality => neuron_unet::quality(b, scope, image, quality::GROUPS),
        }
    }
}

/// Opens a file. Errors name every tensor that does not fit; weights of other networks in the same file are
/// passed over, as the original loads by name.
pub(super) fn open(
    card: &VolumeCard,
    file: &Path,
    kind: Kind,
    compute: &Compute,
) -> Result<Fitted> {
    let own = format!("{}_", kind.prefix());
    let turn = move |checkpoint: &mut Checkpoint| {
        checkpoint.channels_first();
        let others = checkpoint.names().filter(|name| !name.starts_with(&own));
        others.map(str::to_owned).collect()
    };
    let opening = Opening { card, file, channels: kind.channels(), least: [LEAST; 3] };
    Fitted::open(
        &opening,
        compute,
        turn,
        Box::new(move |b, scope, image| kind.answer(b, scope, image)),
    )
}

/// Writes made-up weights of networks that are published in one file, in a container of PyTorch.
pub(super) fn write(file: &Path, kinds: &[Kind]) -> Result<()> {
    write_made_up(file, |b, scope| {
        let mut answers = Vec::new();
        for kind in kinds {
            let image = b.input(kind.prefix(), &[1, kind.channels(), LEAST, LEAST, LEAST]);
            answers.push(kind.answer(b, scope, image)?);
        }
        b.concat(&answers, 1)
    })
}
