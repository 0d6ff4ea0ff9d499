//! A bundle as a reader of volumes.

use super::after::{Labels, finish};
use super::before::prepare;
use super::folder::Bundle;
use super::window::padded;
use crate::Compute;
use crate::error::translate;
use crate::nnunet::sliding::{Fixed, Hooks, Window, slide};
use crate::volume_system::{
    Structure, Told, VolumeAnswer, VolumeCase, VolumeOptions, VolumeReader, map_on, without_nan,
    write_made_up,
};
use base::words::bundle as words;
use base::words::volume_systems as common;
use base::{Error, FrameAxis, Kind, Note, Result, Volume, Voxels};
use engine::ErrorKind;
use engine::cpu::Network;
use engine::graph::Builder;
use engine::weights::Scope;
use std::path::Path;

/// A bundle with its weights.
pub struct Reader {
    bundle: Bundle,
    compute: Compute,
    scope: Scope,
    sha256: String,
    container: &'static str,
    /// The network and the tile it is planned for.
    network: Option<(Network, [usize; 3])>,
}

impl Reader {
    /// Opens the bundle at `path` and its weights.
    ///
    /// Errors name what the bundle needs and this build lacks, or every tensor that does not fit.
    pub fn open(path: &Path, options: &VolumeOptions) -> Result<Reader> {
        let bundle = Bundle::open(path)?;
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
            bundle,
        };
        // With a tile that the image decides, the least one tells whether the weights fit.
        let least = reader.bundle.plan.network.divisors().map(|divisor| 2 * divisor);
        let roi = reader.bundle.plan.inferer.roi;
        let tile = [0, 1, 2].map(|axis| roi[axis].unwrap_or(least[axis]));
        let network = reader.plan(tile)?;
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
        let file = bundle.weights_file();
        let failed = |error: std::io::Error| {
            let text = base::words::nnunet::unreadable(&error.to_string());
            Error::new(Kind::Io, text).at(&file)
        };
        std::fs::create_dir_all(file.parent().unwrap_or(path)).map_err(failed)?;
        let least = bundle.plan.network.divisors().map(|divisor| 2 * divisor);
        write_made_up(&file, |b, s| {
            let shape = [1, bundle.plan.network.channels, least[0], least[1], least[2]];
            let image = b.input("image", &shape);
            bundle.plan.network.logits(b, s, image)
        })?;
        Ok(file)
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
            Network::compile(b.finish(&[("logits", logits)]), &self.compute.options())
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

    /// The case as the network sees it, and its logits `[channel][k][j][i]`.
    fn logits(&mut self, volume: &Volume, told: Told<'_>) -> Result<Vec<f32>> {
        let size = volume.size();
        let tile = self.bundle.plan.inferer.tile(size);
        let mut network = match self.network.take() {
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
        let inferer = &self.bundle.plan.inferer;
        let starts = [0, 1, 2].map(|axis| inferer.starts(axis, to[axis], tile[axis]));
        let total = starts.iter().map(Vec::len).product();
        let heads = self.bundle.plan.network.classes;
        let window = Window {
            tile,
            rank: 3,
            step: 1.0,
            mirror: Vec::new(),
            heads,
            probabilities: None,
            version_one: false,
            fixed: Some(Fixed { starts, weights: inferer.weights(tile) }),
        };
        let voxels: usize = size.iter().product();
        let mut logits = vec![0.0f32; heads * voxels];
        let mut done = 0;
        told(0, total);
        let mut hooks = Hooks {
            plane: &mut |number, plane| {
                let Some(i) = number.checked_sub(before[0]).filter(|i| *i < size[0]) else {
                    return Ok(());
                };
                for (head, plane) in plane.chunks_exact(to[1] * to[2]).enumerate() {
                    for j in 0..size[1] {
                        let line = &plane[(j + before[1]) * to[2] + before[2]..][..size[2]];
                        for (k, &value) in line.iter().enumerate() {
                            logits[head * voxels + (k * size[1] + j) * size[0] + i] = value;
                        }
                    }
                }
                Ok(())
            },
            ran: &mut || {
                done += 1;
                told(done, total);
            },
        };
        let mut networks = [network];
        slide(&self.compute.pool, &window, &mut networks, &channels, to, &mut hooks)?;
        [network] = networks;
        self.network = Some((network, tile));
        Ok(logits)
    }

    /// Steps before the network and the network's answer, for comparisons: the prepared case, its frames
    /// the channels, and logits `[channel][k][j][i]` on its grid.
    pub fn answer(&mut self, volumes: &[&Volume], told: Told<'_>) -> Result<(Volume, Vec<f32>)> {
        let (volume, _) = self.gather(volumes)?;
        let (prepared, _) = prepare(&self.compute.pool, &self.bundle.plan.before, volume)?;
        let logits = self.logits(&prepared, told)?;
        Ok((prepared, logits))
    }

    /// All images of a case as frames of one volume.
    fn gather(&self, volumes: &[&Volume]) -> Result<(Volume, Vec<Note>)> {
        let wanted = self.bundle.plan.network.channels;
        let given: usize = volumes.iter().map(|volume| volume.frames()).sum();
        let Some(first) = volumes.first().filter(|_| given == wanted) else {
            let names = self.images().join(", ");
            let text = base::words::segmentation::channels_wanted(wanted, &names, given);
            return Err(Error::new(Kind::Refused, text));
        };
        let mut values = Vec::with_capacity(given * first.frame_len());
        for volume in volumes {
            if volume.size() != first.size() {
                return Err(Error::new(Kind::Refused, common::OTHER_GRID));
            }
            (0..volume.frames()).for_each(|frame| values.extend(volume.frame_f32(frame)));
        }
        let notes = without_nan(&mut values).into_iter().collect();
        let volume =
            Volume::with_frames(*first.grid(), given, FrameAxis::Channels, Voxels::F32(values));
        let lost = || Error::new(Kind::Bug, common::OTHER_GRID);
        Ok((volume.ok_or_else(lost)?, notes))
    }

    fn structures(&self, labels: &Labels) -> Vec<Structure> {
        let outputs = &self.bundle.metadata.outputs;
        let name = |channel: usize| {
            let named = outputs.get(channel).cloned().flatten();
            named.unwrap_or_else(|| format!("label {channel}"))
        };
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
fn turned(image: &[f32], [ni, nj, nk]: [usize; 3]) -> Vec<f32> {
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
        let (size, own) = (volume.size(), volume.frame_len() as u64);
        let prepared = super::before::foresee(&self.bundle.plan.before, size, volume.spacing_mm());
        let voxels = prepared.iter().fold(1u64, |n, &extent| n.saturating_mul(extent as u64));
        let net = &self.bundle.plan.network;
        let (channels, heads) = (net.channels as u64, net.classes as u64);
        let network = self.network.as_ref().map_or(0, |(network, _)| network.planned_bytes());
        // The case and its copy; prepared, turned and a step between; logits; what goes back.
        let images = 4 * channels * (2 * own + 3 * voxels);
        Ok(network.saturating_add(images + 4 * heads * voxels + 16 * own))
    }

    fn read(&mut self, case: &VolumeCase<'_>, told: Told<'_>) -> Result<VolumeAnswer> {
        let (volume, mut notes) = self.gather(case.volumes)?;
        let own = volume.size();
        let pool = self.compute.pool.clone();
        let (prepared, moves) = prepare(&pool, &self.bundle.plan.before, volume)?;
        let logits = self.logits(&prepared, told)?;
        let sizes = [prepared.size(), own];
        drop(prepared);
        let classes = self.bundle.plan.network.classes;
        let labels = finish(&pool, &self.bundle.plan.after, logits, classes, &moves, sizes);
        if labels.labels.iter().all(|label| *label == 0) {
            notes.push(Note::warning("nothing-found", words::NOTHING));
        }
        let structures = self.structures(&labels);
        let map = map_on(case.volumes[0], labels.labels)?;
        let (values, tables) = (Vec::new(), Vec::new());
        Ok(VolumeAnswer { map, structures, values, tables, pictures: Vec::new(), notes })
    }
}
