//! HDF5 files of Keras and h5py: tensors as they were stored (`tools/reference/hdf5_files.py`), and errors
//! for whatever is cut, changed or lies.
#![allow(clippy::unwrap_used)]

use engine::ErrorKind;
use engine::weights::{Checkpoint, Limits};

fn fixture(name: &str) -> Vec<u8> {
    let folder = testkit::project_root().join("crates/engine/tests/fixtures/weights");
    std::fs::read(folder.join(name)).unwrap()
}

fn expected() -> serde_json::Map<String, serde_json::Value> {
    serde_json::from_slice(&fixture("hdf5.json")).unwrap()
}

fn read(bytes: &[u8]) -> engine::Result<Checkpoint> {
    let checkpoint = Checkpoint::from_bytes(bytes.to_vec(), &Limits::default())?;
    for name in checkpoint.names() {
        checkpoint.tensor(name)?;
    }
    Ok(checkpoint)
}

#[test]
fn every_tensor_is_read_as_it_was_stored() {
    for (file, tensors) in expected() {
        let checkpoint = read(&fixture(&file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let tensors = tensors.as_object().unwrap();
        let mut names: Vec<&str> = tensors.keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(checkpoint.names().collect::<Vec<_>>(), names, "{file}");
        for (name, stored) in tensors {
            let tensor = checkpoint.tensor(name).unwrap();
            let numbers = |key: &str| stored[key].as_array().unwrap().iter();
            let shape: Vec<usize> =
                numbers("shape").map(|n| n.as_u64().unwrap() as usize).collect();
            let value: Vec<f32> = numbers("value").map(|n| n.as_f64().unwrap() as f32).collect();
            assert_eq!(tensor.shape(), shape, "{file}: {name}");
            assert_eq!(tensor.data(), value, "{file}: {name}");
        }
    }
}

#[test]
fn weights_of_keras_get_the_names_and_axes_of_networks_here() {
    let mut checkpoint = read(&fixture("hdf5-keras-model.h5")).unwrap();
    assert_eq!(checkpoint.container(), "keras-hdf5");
    let before = checkpoint.tensor("first.kernel").unwrap();
    assert_eq!(before.shape(), [1, 1, 1, 1, 2]);
    checkpoint.channels_first();
    assert_eq!(checkpoint.tensor("first.weight").unwrap().shape(), [2, 1, 1, 1, 1]);
    assert_eq!(checkpoint.tensor("inside_norm.running_var").unwrap().shape(), [2]);
}

#[test]
fn every_cut_is_an_error_and_no_changed_byte_is_a_crash() {
    for file in expected().keys() {
        let bytes = fixture(file);
        // Every length would take minutes: a prime step meets all structures.
        for len in (0..bytes.len()).step_by(37).chain([bytes.len() - 1]) {
            assert!(read(&bytes[..len]).is_err(), "{file} of {len} bytes");
        }
        for at in (0..bytes.len()).step_by(5) {
            for value in [0x00, 0x01, 0x7f, 0xff] {
                let mut changed = bytes.clone();
                changed[at] = value;
                // An error or other tensors, whatever stands there.
                let _ = read(&changed);
            }
        }
    }
}

/// The first place of some bytes.
fn place(bytes: &[u8], of: &[u8]) -> usize {
    bytes.windows(of.len()).position(|window| window == of).unwrap()
}

#[test]
fn lies_get_an_error_that_says_so() {
    let refused = |bytes: &[u8], kind: ErrorKind, part: &str| {
        let error = read(bytes).unwrap_err();
        assert_eq!(*error.kind(), kind, "{error}");
        assert!(error.to_string().contains(part), "{error} (expected: {part})");
    };
    let chunked = fixture("hdf5-chunked.h5");
    let mut other = chunked.clone();
    other[8] = 9;
    refused(&other, ErrorKind::Unsupported, "superblock version 9");
    // The root group's address points at the superblock itself.
    let mut circle = chunked.clone();
    circle[64..72].fill(0);
    refused(&circle, ErrorKind::BrokenFile, "object header");
    // A tree that is its own child.
    let mut tree = chunked.clone();
    let at = place(&tree, b"TREE");
    tree[at + 5] = 1;
    let own = (at as u64).to_le_bytes();
    tree[at + 32..at + 40].copy_from_slice(&own);
    refused(&tree, ErrorKind::BrokenFile, "another kind or depth");
    // Extents of a data set that no memory holds.
    let mut huge = chunked.clone();
    let extents: Vec<u8> = [5u64, 7, 3].iter().flat_map(|n| n.to_le_bytes()).collect();
    let at = place(&huge, &extents);
    huge[at..at + 8].copy_from_slice(&(u64::MAX / 2).to_le_bytes());
    refused(&huge, ErrorKind::Limit, "beyond all memory");
    // One more row of chunks than are stored.
    let mut more = chunked.clone();
    more[at] = 9;
    refused(&more, ErrorKind::BrokenFile, "chunks are missing");
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        let error = Checkpoint::from_bytes(chunked.clone(), &limits).unwrap_err();
        assert_eq!(*error.kind(), ErrorKind::Limit, "{error}");
    };
    limits(|limits| limits.values = 100);
    limits(|limits| limits.unfolded_bytes = 100);
    limits(|limits| limits.tensors = 1);
    limits(|limits| limits.name_bytes = 4);
    limits(|limits| limits.depth = 0);
}
