//! The classifier of VERIDAH with its weights.
//!
//! Reference: Hendrik-code/spineps (60cc736) `lab_model.py`.

use super::config::Config;
use super::find::Found;
use super::naming::patch_of;
use super::path::{Heads, VITAL};
use super::turn::pir;
use crate::Compute;
use crate::arch::vertebra_classifier::{Classifier, Head, LEFT_OVER};
use crate::error::translate;
use crate::steps::softmax;
use base::words::spineps as words;
use base::{Error, Kind, Result};
use engine::Tensor;
use engine::cpu::Network;
use engine::graph::Builder;
use engine::weights::{Plain, Scope, write_pytorch_beside};
use std::path::Path;
use std::time::Duration;

/// Extents of a patch at least and at most.
const EXTENTS: std::ops::RangeInclusive<usize> = 16..=512;

/// A classifier of vertebrae.
pub struct Names {
    network: Network,
    heads: Vec<Head>,
    /// Its settings.
    pub config: Config,
    /// Extents of what it is shown.
    pub patch: [usize; 3],
}

impl Names {
    /// Opens a model of phase 3: the last checkpoint by name, whose own settings say how large patches are.
    ///
    /// Errors name the file and what does not fit.
    pub fn open(found: &Found, compute: &Compute) -> Result<Names> {
        if found.config.axes != pir() {
            return Err(Error::new(Kind::BrokenInput, words::PIR_ONLY).at(found.settings()));
        }
        let (file, checkpoint) = found.checkpoint(["val_f1=", "valf1-weights.ckpt"], false)?;
        let size = checkpoint.beside("hyper_parameters").and_then(|all| all.get("opt"));
        let size = size.and_then(|opt| opt.get("final_size")).and_then(Plain::items);
        let size: Vec<usize> = size.unwrap_or(&[]).iter().filter_map(Plain::size).collect();
        let sound = size.iter().all(|extent| EXTENTS.contains(extent));
        let patch = match size[..] {
            [p, i, r] if sound => [p, i, r],
            _ => return Err(Error::new(Kind::BrokenInput, words::NO_PATCH).at(file)),
        };
        let build = || -> engine::Result<(Network, Vec<Head>)> {
            let classifier = Classifier::of(&checkpoint)?;
            let (scope, mut b) = (checkpoint.scope(), Builder::new());
            let [p, i, r] = patch_of(patch);
            let image = b.input("patch", &[1, 1, p, i, r]);
            let logits = classifier.logits(&mut b, &scope, image)?;
            scope.finish(LEFT_OVER)?;
            let heads = classifier.heads;
            let outputs: Vec<_> = heads.iter().map(|head| head.name.as_str()).zip(logits).collect();
            let graph = b.finish(&outputs);
            Ok((Network::compile(graph, &compute.options())?, heads))
        };
        let (network, heads) = build().map_err(|error| translate(error.at(&file)))?;
        if !heads.iter().any(|head| VITAL.contains(&head.name.as_str())) {
            return Err(Error::new(Kind::BrokenInput, words::NO_HEAD).at(file));
        }
        Ok(Names { network, heads, config: found.config.clone(), patch })
    }

    /// Probabilities of every head.
    pub fn classify(&mut self, patch: &[f32]) -> Result<Heads> {
        let [p, i, r] = patch_of(self.patch);
        let input = Tensor::new(&[1, 1, p, i, r], patch.to_vec()).map_err(translate)?;
        let answers = self.network.run(&[&input]).map_err(translate)?;
        let named = self.heads.iter().map(|head| head.name.clone());
        // In 32 bits, as PyTorch does it in the original.
        let shares = answers.into_iter().map(|logits| {
            let mut shares = logits.into_data();
            softmax(&mut shares);
            shares.into_iter().map(f64::from).collect()
        });
        Ok(named.zip(shares).collect())
    }

    /// Bytes that it takes while it runs.
    pub fn need_bytes(&self) -> u64 {
        self.network.planned_bytes()
    }

    /// Time in the network so far.
    pub fn ran(&self) -> Duration {
        self.network.ran()
    }

    /// Gives the buffers back.
    pub fn rest(&mut self) {
        self.network.release_buffers();
    }
}

/// Writes made-up weights of DenseNet-169, the original's default, with its heads.
pub(super) fn made_up(file: &Path) -> Result<()> {
    let classifier = Classifier::dense169(&[
        ("FULLYVISIBLE", 2),
        ("REGION", 3),
        ("VERT", 24),
        ("VERTGRP", 12),
        ("VERTREL", 6),
    ]);
    let (scope, mut b) = (Scope::recording(), Builder::new());
    let image = b.input("patch", &[1, 1, 32, 32, 32]);
    classifier.logits(&mut b, &scope, image).map_err(translate)?;
    let size = Plain::List([152, 168, 32].map(Plain::Int).to_vec());
    let opt = Plain::Table(vec![("final_size".to_owned(), size)]);
    let settings = Plain::Table(vec![("opt".to_owned(), opt)]);
    let beside = [("hyper_parameters".to_owned(), settings)];
    write_pytorch_beside(file, "state_dict", &scope.recorded(), &beside).map_err(translate)
}
