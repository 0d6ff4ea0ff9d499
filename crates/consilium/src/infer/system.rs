//! The network of a model of the list, run on one array.

use super::{needed, profile, timing};
use crate::World;
use crate::cli::{Arguments, print};
use crate::npy;
use crate::read::{Common, write_file};
use base::words::cli as words;
use base::{Error, Kind, Result};
use engine::cpu::Network;
use engine::graph::Builder;
use engine::weights::{Checkpoint, Limits};
use engine::{Array, Tensor};
use std::io::Write;
use std::path::{Path, PathBuf};
use zoo::{Compute, System};

/// `infer --system ID --weights PATH --input X.npy --output Y.npy [--repeat N]`.
pub fn run(
    world: &dyn World,
    typed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let id = needed(typed, "--system")?;
    let unknown = || Error::new(Kind::Usage, words::unknown_model(id));
    let system = zoo::find(id).ok_or_else(unknown)?;
    let weights = PathBuf::from(needed(typed, "--weights")?);
    let input = PathBuf::from(needed(typed, "--input")?);
    needed(typed, "--output")?;
    let repeat = typed.number("--repeat")?;
    let mut network = Loaded::open(system, &weights, &common.compute())?;
    let destinations = network.destinations(&typed.values("--output"))?;
    let x = super::arrays::read(&input)?;
    let x = Tensor::new(x.shape(), x.to_f32()).map_err(zoo::translate)?;
    let shape = &system.card().input.shape;
    if x.shape() != shape {
        let text = words::wrong_shape(shape, x.shape());
        return Err(Error::new(Kind::BrokenInput, text).at(&input));
    }
    let outputs = network.network.run(&[&x]).map_err(zoo::translate)?;
    let run = || network.network.run(&[&x]).map(drop).map_err(zoo::translate);
    let times = repeat.map(|n| timing(n, run)).transpose()?;
    for (index, path) in destinations {
        write_file(world, &path, &npy::encode(&Array::from(outputs[index].clone())))?;
    }
    if let Some(times) = times {
        print(out, &times.text(world, common.lang))?;
    }
    if typed.has("--profile") {
        let (_, times) = network.network.run_timed(&[&x]).map_err(zoo::translate)?;
        print(out, &profile::table(&times, common.lang))?;
    }
    Ok(())
}

/// A network with the names of its outputs.
struct Loaded {
    network: Network,
    names: Vec<&'static str>,
}

impl Loaded {
    fn open(system: &'static dyn System, weights: &Path, compute: &Compute) -> Result<Loaded> {
        let file = zoo::find_weights(system, weights)?;
        let failed = |error: engine::Error| zoo::translate(error).at(&file);
        let checkpoint = Checkpoint::open(&file, &Limits::default()).map_err(failed)?;
        let scope = checkpoint.scope();
        let mut builder = Builder::new();
        let outputs = system.network(&mut builder, &scope).map_err(failed)?;
        // The head is asked for again by the explanation maps; here it only counts as used.
        scope.finish(system.left_over()).map_err(failed)?;
        let names = outputs.iter().map(|(name, _)| *name).collect();
        let graph = builder.finish(&outputs);
        Ok(Loaded { network: Network::compile(graph, &compute.options()).map_err(failed)?, names })
    }

    /// Which output goes to which file; a path without a name takes the first output.
    fn destinations(&self, given: &[String]) -> Result<Vec<(usize, PathBuf)>> {
        let one = |text: &String| match text.split_once('=') {
            Some((name, path)) => match self.names.iter().position(|known| *known == name) {
                Some(index) => Ok((index, path.into())),
                None => {
                    let text = words::no_such_name(name, &self.names.join(", "));
                    Err(Error::new(Kind::Usage, text))
                }
            },
            None => Ok((0, text.into())),
        };
        given.iter().map(one).collect()
    }
}
