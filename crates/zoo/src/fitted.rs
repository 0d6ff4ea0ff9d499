//! Networks that see a whole case at once: weights read once, compiled for the extents of each case.

use crate::Compute;
use crate::error::{translate, translate_volume};
use crate::volume_system::{VolumeCard, open_checkpoint};
use base::Result;
use engine::Tensor;
use engine::cpu::Network;
use engine::graph::{Builder, Value};
use engine::weights::{Checkpoint, Scope};
use std::path::Path;
use std::time::Duration;

/// The network's answer to an image `[1, channels, z, y, x]`.
pub(crate) type Build = Box<dyn Fn(&mut Builder, &Scope, Value) -> engine::Result<Value>>;

/// A network with its weights.
pub(crate) struct Fitted {
    channels: usize,
    build: Build,
    scope: Scope,
    compute: Compute,
    compiled: Option<([usize; 3], Network)>,
    /// Time in networks of other extents.
    ran: Duration,
    /// SHA-256 of the file.
    pub sha256: String,
    /// The container that the weights came in.
    pub container: &'static str,
}

/// What to open and how.
pub(crate) struct Opening<'o> {
    /// The system, for errors.
    pub card: &'o VolumeCard,
    /// The weights.
    pub file: &'o Path,
    /// Channels of the input.
    pub channels: usize,
    /// Extents of which the network can certainly be built, to try the weights.
    pub least: [usize; 3],
}

impl Fitted {
    /// Opens a file. `turn` has its way with the checkpoint first and names what may be left over.
    ///
    /// Errors name every tensor that does not fit.
    pub fn open(
        opening: &Opening<'_>,
        compute: &Compute,
        turn: impl FnOnce(&mut Checkpoint) -> Vec<String>,
        build: Build,
    ) -> Result<Fitted> {
        let mut checkpoint = open_checkpoint(opening.card, opening.file)?;
        let left_over = turn(&mut checkpoint);
        let left_over: Vec<&str> = left_over.iter().map(String::as_str).collect();
        let scope = checkpoint.scope();
        let mut b = Builder::new();
        let image = b.input("image", &shape_of(opening.channels, opening.least));
        build(&mut b, &scope, image)
            .and_then(|_| scope.finish(&left_over))
            .map_err(|error| translate_volume(opening.card, error.at(opening.file)))?;
        Ok(Fitted {
            channels: opening.channels,
            build,
            scope,
            compute: compute.clone(),
            compiled: None,
            ran: Duration::ZERO,
            sha256: checkpoint.sha256().to_owned(),
            container: checkpoint.container(),
        })
    }

    /// The answer to `[channel][z][y][x]`.
    pub fn run(&mut self, shape: [usize; 3], input: Vec<f32>) -> Result<Vec<f32>> {
        if self.compiled.as_ref().is_none_or(|(known, _)| *known != shape) {
            if let Some((_, network)) = self.compiled.take() {
                self.ran += network.ran();
            }
            let mut b = Builder::new();
            let image = b.input("image", &shape_of(self.channels, shape));
            let answer = (self.build)(&mut b, &self.scope, image).map_err(translate)?;
            let graph = b.finish(&[("answer", answer)]);
            let network = Network::compile(graph, &self.compute.options()).map_err(translate)?;
            self.compiled = Some((shape, network));
        }
        let Some((_, network)) = &mut self.compiled else { return Ok(Vec::new()) };
        let input = Tensor::new(&shape_of(self.channels, shape), input).map_err(translate)?;
        let mut answers = network.run(&[&input]).map_err(translate)?;
        Ok(answers.pop().map_or(Vec::new(), Tensor::into_data))
    }

    /// Gives the buffers back.
    pub fn rest(&mut self) {
        if let Some((_, network)) = &mut self.compiled {
            network.release_buffers();
        }
    }

    /// Time in the network so far.
    pub fn ran(&self) -> Duration {
        self.ran + self.compiled.as_ref().map_or(Duration::ZERO, |(_, network)| network.ran())
    }
}

fn shape_of(channels: usize, [z, y, x]: [usize; 3]) -> [usize; 5] {
    [1, channels, z, y, x]
}
