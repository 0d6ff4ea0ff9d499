//! A bundle as a reader of volumes.

use super::after::{Labels, State, asked, finish};
use super::case::{Case, Preparing};
use super::folder::{Bundle, Plan};
use super::window::padded;
use crate::Compute;
use crate::ahead::Preparer;
use crate::error::translate;
use crate::nnunet::head::{Head, made};
use crate::nnunet::sliding::{Fixed, Hooks, Window, slide};
use crate::volume_system::{
    Structure, Told, VolumeAnswer, VolumeCase, VolumeOptions, VolumeReader, count_voxels, map_on,
    write_made_up,
};
use base::words::bundle as words;
use base::{Error, Kind, Note, Result, Volume};
use engine::cpu::{Network, Options};
use engine::graph::Builder;
use engine::weights::Scope;
use engine::{ErrorKind, Tensor};
use std::path::Path;

/// A bundle with its weights.
pub struct Reader {
    bundle: Bundle<Plan>,
    compute: Compute,
    scope: Scope,
    sha256: String,
    container: &'static str,
    /// The network and the tile it is planned for.
    network: Option<(Network, [usize; 3])>,
    /// Turns features into logits of the classes that a network is asked for which answers to prompts.
    head: Option<Head>,
}

impl Reader {
    /// Opens the bundle at `path` and its weights.
    ///
    /// Classes that are `chosen` are what a network is asked for that answers to prompts.
    ///
    /// Errors name what the bundle needs and this build lacks, or every tensor that does not fit; of kind
    /// `Usage` classes that the bundle does not know.
    pub fn open(path: &Path, options: &VolumeOptions) -> Result<Reader> {
        let mut bundle = Bundle::open(path)?;
        bundle.ask(&options.chosen)?;
        let checkpoint = bundle.checkpoint()?;
        let file = bundle.weights_file();
        let values: u64 = checkpoint
            .names()
            .filter_map(|name| checkpoint.entry(name))
            .map(|entry| entry.count() as u64)
            .sum();
        // Before anything of the planned size is made.
        let planned = bundle.plan.network.least_values();
        if planned > values {
            let text = base::words::nnunet::too_few_values(planned, values);
            return Err(Error::new(Kind::BrokenInput, text).at(file));
        }
        let mut reader = Reader {
            compute: options.compute.clone(),
            scope: checkpoint.scope(),
            sha256: checkpoint.sha256().to_owned(),
            container: checkpoint.container(),
            network: None,
            head: None,
            bundle,
        };
        // With a tile that the image decides, the least one tells whether the weights fit.
        let least = reader.bundle.plan.network.divisors().map(|divisor| 2 * divisor);
        let roi = reader.bundle.plan.inferer.roi;
        let tile = [0, 1, 2].map(|axis| roi[axis].unwrap_or(least[axis]));
        let network = reader.plan(tile)?;
        reader.head = reader.asked_for()?;
        reader
            .scope
            .finish(reader.bundle.plan.network.left_over())
            .map_err(|error| translate(error).at(reader.bundle.weights_file()))?;
        reader.network = Some((network, tile));
        Ok(reader)
    }

    /// Writes made-up weights of the right shapes where the configuration of the bundle folder at `path`
    /// names its own; gives the file.
    pub fn make_up(path: &Path) -> Result<std::path::PathBuf> {
        let bundle = Bundle::open(path)?;
        let file = bundle.made_up_file(path)?;
        let least = bundle.plan.network.divisors().map(|divisor| 2 * divisor);
        write_made_up(&file, |b, s| {
            let shape = [1, bundle.plan.network.channels, least[0], least[1], least[2]];
            let image = b.input("image", &shape);
            if let Some(net) = bundle.plan.network.prompted() {
                net.stored(s, &[]);
                let stored = b.input("stored", &[1, net.features]);
                net.vectors(b, s, stored)?;
            }
            bundle.plan.network.logits(b, s, image)
        })?;
        Ok(file)
    }

    /// The last layer for the classes that are asked for: products with a vector each.
    fn asked_for(&self) -> Result<Option<Head>> {
        let plan = &self.bundle.plan;
        let (Some(net), Some(prompts)) = (plan.network.prompted(), &plan.prompts) else {
            return Ok(None);
        };
        let shape = [prompts.classes.len(), net.features];
        let run = || {
            let stored = Tensor::new(&shape, net.stored(&self.scope, &prompts.classes))?;
            let mut b = Builder::new();
            let input = b.input("stored", &shape);
            let vectors = net.vectors(&mut b, &self.scope, input)?;
            let graph = b.finish(&[("vectors", vectors)]);
            let options = self.compute.options();
            let mut found = Network::compile(graph, &options)?.run(&[&stored])?;
            let vectors = found.pop().map(Tensor::into_data).unwrap_or_default();
            let scope = Scope::recording_with(move |_, _| vectors.clone());
            let layer = |b: &mut Builder, x| b.pointwise(x, &scope, prompts.classes.len(), false);
            Head::new(&options, 3, plan.network.classes, layer)
        };
        // Tensors that are missing are told of when all have been asked for.
        match run() {
            Ok(head) => Ok(Some(head)),
            Err(error) => match self.scope.finish(plan.network.left_over()) {
                Ok(()) => Err(translate(error).at(self.bundle.weights_file())),
                Err(missing) => Err(translate(missing).at(self.bundle.weights_file())),
            },
        }
    }

    fn plan(&self, tile: [usize; 3]) -> Result<Network> {
        let net = &self.bundle.plan.network;
        let divisors = net.divisors();
        if (0..3).any(|axis| tile[axis] == 0 || !tile[axis].is_multiple_of(divisors[axis])) {
            return Err(Error::new(Kind::Refused, words::tile(tile, divisors)));
        }
        let mut b = Builder::new();
        let image = b.input("image", &[1, net.channels, tile[0], tile[1], tile[2]]);
        let built = net.logits(&mut b, &self.scope, image).and_then(|logits| {
            // A case is many tiles.
            let options = Options { lasting: true, ..self.compute.options() };
            Network::compile(b.finish(&[("logits", logits)]), &options)
        });
        built.map_err(|error| {
            let translated = match error.kind() {
                ErrorKind::Shape => {
                    let text = base::words::nnunet::unsound_network(error.message());
                    Error::new(Kind::BrokenInput, text)
                }
                _ => translate(error),
            };
            translated.at(self.bundle.weights_file())
        })
    }

    /// What the network makes of a prepared case, plane by plane along i: the plane's number and
    /// logits `[class][j][k]`.
    fn planes(
        &mut self,
        volume: &Volume,
        told: Told<'_>,
        each: &mut dyn FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let size = volume.size();
        let tile = self.bundle.plan.inferer.tile(size);
        let network = match self.network.take() {
            Some((network, planned)) if planned == tile => network,
            _ => self.plan(tile)?,
        };
        let (to, before) = padded(size, tile);
        let mut channels = Vec::with_capacity(volume.frames());
        for frame in 0..volume.frames() {
            let turned = turned(&volume.frame_f32(frame), size);
            let padded = self.bundle.plan.inferer.pad(turned, size, tile);
            channels.push(padded.map_err(|problem| Error::new(Kind::Refused, problem.0))?);
        }
        let window = self.window(to, tile);
        let total = window.runs(to);
        let mut done = 0;
        told(0, total);
        let mut inner = Vec::with_capacity(window.channels * size[1] * size[2]);
        let head = &mut self.head;
        let mut hooks = Hooks {
            plane: &mut |number, plane| {
                let Some(i) = number.checked_sub(before[0]).filter(|i| *i < size[0]) else {
                    return Ok(());
                };
                inner.clear();
                for plane in plane.chunks_exact(to[1] * to[2]) {
                    for j in 0..size[1] {
                        let start = (j + before[1]) * to[2] + before[2];
                        inner.extend_from_slice(&plane[start..][..size[2]]);
                    }
                }
                each(i, made(head, &inner)?)
            },
            ran: &mut || {
                done += 1;
                told(done, total);
            },
        };
        let mut networks = [network];
        slide(&self.compute.pool, &window, &mut networks, &channels, to, &mut hooks)?;
        let [network] = networks;
        self.network = Some((network, tile));
        Ok(())
    }

    /// How tiles go over an image of extents `to`.
    fn window(&self, to: [usize; 3], tile: [usize; 3]) -> Window {
        let inferer = &self.bundle.plan.inferer;
        let starts = [0, 1, 2].map(|axis| inferer.starts(axis, to[axis], tile[axis]));
        Window {
            tile,
            rank: 3,
            step: 1.0,
            mirror: Vec::new(),
            channels: self.bundle.plan.network.classes,
            probabilities: None,
            version_one: false,
            fixed: Some(Fixed { starts, weights: inferer.weights(tile) }),
        }
    }

    /// Logits `[class][k][j][i]` of a prepared case.
    fn logits(&mut self, volume: &Volume, told: Told<'_>) -> Result<Vec<f32>> {
        let [ni, nj, nk] = volume.size();
        let classes = self.head.as_ref().map_or(self.bundle.plan.network.classes, Head::heads);
        let mut logits = vec![0.0f32; classes * ni * nj * nk];
        self.planes(volume, told, &mut |i, plane| {
            for (class, plane) in plane.chunks_exact((nj * nk).max(1)).enumerate() {
                for (at, &value) in plane.iter().enumerate() {
                    let (j, k) = (at / nk, at % nk);
                    logits[((class * nk + k) * nj + j) * ni + i] = value;
                }
            }
            Ok(())
        })?;
        Ok(logits)
    }

    /// What the steps behind the network begin with: its logits, or labels where classes were asked for, whose
    /// logits are too many to be kept.
    fn state(&mut self, volume: &Volume, told: Told<'_>) -> Result<State> {
        let Some(prompts) = self.bundle.plan.prompts.clone() else {
            let channels = self.bundle.plan.network.classes;
            return Ok(State::Values(self.logits(volume, told)?, channels));
        };
        let [ni, nj, nk] = volume.size();
        let mut labels = vec![0u16; ni * nj * nk];
        self.planes(volume, told, &mut |i, plane| {
            let found = asked(plane, &prompts.classes);
            for (at, label) in found.into_iter().enumerate() {
                let (j, k) = (at / nk, at % nk);
                labels[(k * nj + j) * ni + i] = label;
            }
            Ok(())
        })?;
        Ok(State::Labels(labels))
    }

    /// Steps before the network and the network's answer, for comparisons: the prepared case, its frames
    /// the channels, and logits `[channel][k][j][i]` on its grid.
    pub fn answer(&mut self, volumes: &[&Volume], told: Told<'_>) -> Result<(Volume, Vec<f32>)> {
        let Case { volume, .. } = self.preparing().case(volumes, &self.compute.pool)?;
        let logits = self.logits(&volume, told)?;
        Ok((volume, logits))
    }

    /// What preparing a case takes.
    fn preparing(&self) -> Preparing {
        let steps = self.bundle.plan.before.clone();
        Preparing { images: self.images(), steps }
    }

    fn structures(&self, labels: &Labels) -> Vec<Structure> {
        let outputs = &self.bundle.metadata.outputs;
        let name = |channel: usize| {
            let named = outputs.get(channel).cloned().flatten();
            named.unwrap_or_else(|| format!("label {channel}"))
        };
        if let Some(prompts) = &self.bundle.plan.prompts {
            let one = |class: &u16| Structure::new(&name(usize::from(*class)), vec![*class]);
            return prompts.classes.iter().map(one).collect();
        }
        if labels.of_channel.is_empty() {
            let all = 1..self.bundle.plan.network.classes;
            return all.map(|label| Structure::new(&name(label), vec![label as u16])).collect();
        }
        let alone = labels.of_channel.len() == 1;
        let named = labels.of_channel.iter().enumerate().map(|(channel, labels)| {
            // A single channel may be listed behind its background.
            let last = outputs.len().saturating_sub(1);
            Structure::new(&name(if alone { last } else { channel }), labels.clone())
        });
        named.filter(|structure| !structure.labels.is_empty()).collect()
    }
}

/// `[k][j][i]` as `[i][j][k]`.
pub(super) fn turned(image: &[f32], [ni, nj, nk]: [usize; 3]) -> Vec<f32> {
    let mut out = Vec::with_capacity(image.len());
    for i in 0..ni {
        for j in 0..nj {
            out.extend((0..nk).map(|k| image[(k * nj + j) * ni + i]));
        }
    }
    out
}

impl VolumeReader for Reader {
    fn images(&self) -> Vec<String> {
        self.bundle.metadata.images(self.bundle.plan.network.channels)
    }

    fn sha256(&self) -> Option<String> {
        Some(self.sha256.clone())
    }

    fn container(&self) -> String {
        format!("MONAI bundle, {}", self.container)
    }

    fn need_bytes(&self, volume: &Volume) -> Result<u64> {
        let (preparing, own) = (self.preparing(), volume.frame_len() as u64);
        let prepared = preparing.foreseen(volume);
        let voxels = count_voxels(prepared);
        let net = &self.bundle.plan.network;
        let heads = net.classes as u64;
        let network = self.network.as_ref().map_or(0, |(network, _)| network.planned_bytes());
        // Preparing; logits; what goes back.
        let images = preparing.bytes(volume);
        let answer = match &self.bundle.plan.prompts {
            None => 4 * heads * voxels,
            // Tiles' sums, the features of one, and those of a plane; labels.
            Some(prompts) => {
                let tile = self.bundle.plan.inferer.tile(prepared);
                let (to, _) = padded(prepared, tile);
                let plane = to[1] as u64 * to[2] as u64;
                let of_tile: u64 = tile.iter().map(|extent| *extent as u64).product();
                let sums = (heads + 1) * tile[0] as u64 * plane;
                let planes = (2 * heads + prompts.classes.len() as u64 + 2) * plane;
                4 * (sums + heads * of_tile + planes) + 2 * voxels
            }
        };
        Ok(network.saturating_add(images).saturating_add(answer + 16 * own))
    }

    fn preparer(&self) -> Option<Box<dyn Preparer>> {
        Some(Box::new(self.preparing()))
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        let pool = self.compute.pool.clone();
        let prepared = match case.take_prepared() {
            Some(prepared) => prepared,
            None => self.preparing().case(case.volumes, &pool)?,
        };
        let Case { volume, moves, mut notes } = prepared;
        let state = self.state(&volume, told)?;
        let sizes = [volume.size(), case.volumes[0].size()];
        drop(volume);
        let labels = finish(&pool, &self.bundle.plan.after, state, &moves, sizes);
        if labels.labels.iter().all(|label| *label == 0) {
            notes.push(Note::warning("nothing-found", words::NOTHING));
        }
        let structures = self.structures(&labels);
        let map = map_on(case.volumes[0], labels.labels)?;
        let (values, tables) = (Vec::new(), Vec::new());
        Ok(VolumeAnswer {
            map,
            structures,
            boxes: Vec::new(),
            values,
            tables,
            pictures: Vec::new(),
            notes,
        })
    }
}
