//! What computes: a network built from an architecture and a checkpoint.

use crate::system::System;
use engine::cpu::{Network, Options, Passes, Pool};
use engine::graph::Builder;
use engine::weights::Scope;
use engine::{Result, Tensor};
use std::sync::Arc;

/// A network ready to run on `[1, channels, rows, columns]`.
pub(crate) enum Runner {
    /// Built here, planned for the card's input.
    Architecture(Network),
}

impl Runner {
    /// Builds a system's network with the scope's weights; also the weight of its linear head.
    /// Errors name every tensor that is missing, of another shape or left over.
    pub(crate) fn of_architecture(
        system: &dyn System,
        scope: &Scope,
        pool: &Pool,
    ) -> Result<(Runner, Option<Arc<Tensor>>)> {
        let mut builder = Builder::new();
        let outputs = system.network(&mut builder, scope)?;
        let head =
            system.head().map(|head| scope.tensor(head.weight, &[head.labels, head.channels]));
        scope.finish(system.left_over())?;
        let graph = builder.finish(&outputs);
        let options =
            Options { pool: pool.clone(), memory_limit_bytes: None, passes: Passes::all() };
        Ok((Runner::Architecture(Network::compile(graph, &options)?), head))
    }

    /// The outputs, in the network's order.
    pub(crate) fn run(&mut self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        match self {
            Runner::Architecture(network) => network.run(&inputs.iter().collect::<Vec<_>>()),
        }
    }

    /// Peak bytes as planned.
    pub(crate) fn planned_bytes(&self) -> u64 {
        match self {
            Runner::Architecture(network) => network.planned_bytes(),
        }
    }
}
