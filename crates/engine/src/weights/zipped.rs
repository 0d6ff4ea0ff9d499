//! PyTorch's zip container (1.6 and later) and TorchScript archives.
//!
//! Reference: pytorch `torch/serialization.py` (`_save`, `_load`) and
//! `caffe2/serialize/inline_container.cc`: `<name>/data.pkl`, `<name>/data/<key>`,
//! `<name>/byteorder`.

use std::collections::HashMap;

use super::checkpoint::{Bytes, Found, Storage};
use super::tensors::{StorageRef, Storages};
use super::zip::Archive;
use super::{Limits, modules, pickle};
use crate::error::{Error, ErrorKind, Result};

pub(super) fn read(bytes: &Bytes, limits: &Limits) -> Result<Found> {
    let mut archive = Archive::from_bytes(bytes, limits)?;
    let folder = folder(&archive)?;
    let script = archive.has(&format!("{folder}constants.pkl"));
    let order = format!("{folder}byteorder");
    let big_endian = match archive.has(&order) {
        false => false,
        true => match archive.read(&order)?.bytes() {
            b"little" => false,
            b"big" => true,
            _ => return Err(Error::new(ErrorKind::BrokenFile, "an unknown byte order")),
        },
    };
    let content = archive.read(&format!("{folder}data.pkl"))?;
    if content.bytes().len() as u64 > limits.pickle_bytes {
        let most = limits.pickle_bytes;
        return Err(Error::new(ErrorKind::Limit, format!("a pickle of more than {most} bytes")));
    }
    let pickle = pickle::run(content.bytes(), limits)?;
    let mut storages = Zipped { archive, folder, big_endian, read: HashMap::new() };
    let mut found = modules::collect(&pickle, &mut storages, limits)?;
    found.container = match (script, found.container) {
        (true, _) => "torchscript",
        (false, "module") => "pytorch-zip-module",
        (false, _) => "pytorch-zip",
    };
    Ok(found)
}

/// The folder of `data.pkl`, with its slash.
fn folder(archive: &Archive) -> Result<String> {
    let mut folders = archive
        .names()
        .filter_map(|name| name.strip_suffix("data.pkl"))
        .filter(|folder| folder.is_empty() || folder.find('/') == Some(folder.len() - 1));
    match (folders.next(), folders.next()) {
        (Some(folder), None) => Ok(folder.to_string()),
        (Some(_), Some(_)) => Err(Error::new(ErrorKind::BrokenFile, "data.pkl is there twice")),
        (None, _) => Err(Error::new(
            ErrorKind::Unsupported,
            "a zip archive without data.pkl, so no file of torch.save",
        )),
    }
}

struct Zipped {
    archive: Archive,
    folder: String,
    big_endian: bool,
    read: HashMap<String, Storage>,
}

impl Storages for Zipped {
    fn get(&mut self, wanted: &StorageRef<'_>) -> Result<Storage> {
        if let Some(storage) = self.read.get(wanted.key) {
            return Ok(storage.clone());
        }
        let mut storage = self.archive.read(&format!("{}data/{}", self.folder, wanted.key))?;
        storage.big_endian = self.big_endian;
        self.read.insert(wanted.key.to_string(), storage.clone());
        Ok(storage)
    }
}
