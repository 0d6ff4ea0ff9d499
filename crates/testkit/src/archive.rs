//! Archives for tests to read.

use std::path::Path;
use std::{fs, io};

/// Writes the folder `root/folder` as a zip without compression, its names beginning with `folder`
/// (PKWARE APPNOTE, sections 4.3.7, 4.3.12, 4.3.16).
pub fn zip(root: &Path, folder: &str, to: &Path) {
    if let Err(error) = write(root, folder, to) {
        panic!("cannot write {}: {error}", to.display());
    }
}

fn write(root: &Path, folder: &str, to: &Path) -> io::Result<()> {
    let mut found = Vec::new();
    files(root, folder, &mut found)?;
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for name in &found {
        let bytes = fs::read(root.join(name))?;
        let (at, size) = (out.len() as u32, bytes.len() as u32);
        // Version 20, no flags, stored, no time; check sum, both sizes, lengths of the names.
        let mut middle = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for number in [crc32(&bytes), size, size] {
            middle.extend(number.to_le_bytes());
        }
        middle.extend((name.len() as u16).to_le_bytes());
        middle.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&middle);
        out.extend(name.as_bytes());
        out.extend(bytes);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&middle);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (at, size) = (out.len() as u32, directory.len() as u32);
    let count = (found.len() as u16).to_le_bytes();
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.repeat(2));
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    fs::write(to, out)
}

/// Names of the files below `inside`, sorted.
fn files(root: &Path, inside: &str, found: &mut Vec<String>) -> io::Result<()> {
    let entries = fs::read_dir(root.join(inside))?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<String>>>()?;
    names.sort();
    for name in names {
        let inside = format!("{inside}/{name}");
        match root.join(&inside).is_dir() {
            true => files(root, &inside, found)?,
            false => found.push(inside),
        }
    }
    Ok(())
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    };
    !bytes.iter().fold(!0, step)
}
