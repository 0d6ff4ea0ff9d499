//! `demo`: a made-up film, read with made-up weights, all the way to the report.

mod phantom;

use crate::World;
use crate::read::{Common, Panel, io_error, read_with, write_file};
use base::Result;
use std::io::Write;

/// The two classifiers that read the made-up film.
const MODELS: [&str; 2] = ["xrv-densenet121-res224-all", "xrv-densenet121-res224-nih"];

/// Writes `made-up-film.dcm` to the output folder and reads it with placeholder weights.
pub fn run(world: &dyn World, common: &Common, out: &mut dyn Write) -> Result<u8> {
    world.make_folder(&common.out).map_err(|error| io_error(&error, &common.out))?;
    let film = common.out.join("made-up-film.dcm");
    write_file(world, &film, &phantom::film()?)?;
    let mut panel = Panel::placeholder(&MODELS, &common.compute())?;
    let common = Common { progress: !common.json, ..common.clone() };
    read_with(world, &common, &[film], &mut panel, out)
}
