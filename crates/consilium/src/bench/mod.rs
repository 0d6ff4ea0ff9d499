//! `bench`: time and peak memory of this build's networks and systems; `bench peers`: this program
//! beside others.

mod networks;
mod peers;
mod volumes;

pub use networks::{Measurement, measure};

use crate::World;
use crate::cli::Arguments;
use crate::read::Common;
use base::words::bench as words;
use base::{Error, Kind, Result};
use std::io::Write;
use std::path::Path;

/// `bench [--model ID,…]`, `bench peers [NETWORK…]`; `bench network ID [FOLDER]` measures one in this
/// process; a system for volumes with the weights that lie in the folder.
pub fn run(
    world: &dyn World,
    parsed: &Arguments,
    common: &Common,
    out: &mut dyn Write,
) -> Result<()> {
    let words: Vec<&str> = parsed.free.iter().map(String::as_str).collect();
    match words[..] {
        [] => networks::run(world, parsed, common, out),
        ["network", id] => networks::one(world, id, None, parsed, common, out),
        ["network", id, folder] => {
            networks::one(world, id, Some(Path::new(folder)), parsed, common, out)
        }
        ["peers", ..] => peers::run(parsed, common),
        _ => Err(Error::new(Kind::Usage, words::WHICH.clone())),
    }
}
