//! Broken, lying and hostile checkpoints get an error: never a panic, never a huge allocation.
#![allow(clippy::unwrap_used)]

use engine::weights::{Checkpoint, Limits};
use engine::{Error, ErrorKind};

fn fixture(name: &str) -> Vec<u8> {
    let folder = testkit::project_root().join("crates/engine/tests/fixtures/weights");
    std::fs::read(folder.join(name)).unwrap()
}

fn limits() -> Limits {
    Limits::default()
}

fn read(bytes: &[u8]) -> Result<Checkpoint, Error> {
    let checkpoint = Checkpoint::from_bytes(bytes.to_vec(), &limits())?;
    for name in checkpoint.names() {
        checkpoint.tensor(name)?;
    }
    Ok(checkpoint)
}

fn refused(bytes: &[u8], kind: &ErrorKind, part: &str) {
    let error = read(bytes).unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(part), "{error} (expected: {part})");
}

/// A legacy stream around a pickle of protocol 2 and storages of key and bytes.
fn legacy(pickle: &[u8], keys: &[u8], storages: &[u8]) -> Vec<u8> {
    let mut bytes = fixture("legacy-protocol2.pt");
    // Magic number, protocol and system facts take up to the third STOP.
    let magic = bytes.iter().position(|b| *b == b'.').unwrap() + 1;
    let protocol = magic + bytes[magic..].iter().position(|b| *b == b'.').unwrap() + 1;
    bytes.truncate(protocol);
    bytes.extend(b"}.");
    bytes.extend(pickle);
    bytes.extend(keys);
    bytes.extend(storages);
    bytes
}

const NO_KEYS: &[u8] = b"].";

/// A pickle of one tensor on the storage `"0"` of floats.
fn tensor(count: i32, offset: i32, size: &[i32], stride: &[i32]) -> Vec<u8> {
    let int = |n: i32| [b"J".as_slice(), &n.to_le_bytes()].concat();
    let tuple = |list: &[i32]| {
        let items: Vec<u8> = list.iter().flat_map(|n| int(*n)).collect();
        [b"(".as_slice(), &items, b"t"].concat()
    };
    [
        b"}U\x01w".as_slice(),
        b"ctorch._utils\n_rebuild_tensor\n((U\x07storagectorch\nFloatStorage\nU\x010U\x03cpu",
        &int(count),
        b"tQ",
        &int(offset),
        &tuple(size),
        &tuple(stride),
        b"tRs.",
    ]
    .concat()
}

/// One storage `"0"` of `count` ones.
fn storage(count: u64) -> (Vec<u8>, Vec<u8>) {
    let ones = 1f32.to_le_bytes().repeat(count as usize);
    (b"]U\x010a.".to_vec(), [count.to_le_bytes().as_slice(), &ones].concat())
}

fn one_tensor(count: i32, offset: i32, size: &[i32], stride: &[i32]) -> Vec<u8> {
    let (keys, values) = storage(6);
    legacy(&tensor(count, offset, size, stride), &keys, &values)
}

const ALL: [&str; 8] = [
    "zip-module.pt",
    "zip-dtypes.pt",
    "zip-deflated.pt",
    "zip-protocol4.pt",
    "legacy-dtypes.pt",
    "torch03-module.pt",
    "torch04-view.pt",
    "dtypes.safetensors",
];

#[test]
fn every_truncation_is_an_error() {
    for file in ALL {
        let bytes = fixture(file);
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{file} cut to {length} bytes");
        }
        let mut longer = bytes.clone();
        longer.push(0);
        let _ = read(&longer);
    }
}

#[test]
fn thousands_of_mutations_return() {
    let mut state = 1u64;
    let mut next = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for file in ALL.into_iter().chain(["xrv-legacy.pt", "script.pt"]) {
        let bytes = fixture(file);
        for round in 0..1500 {
            let mut broken = bytes.clone();
            for _ in 0..=round % 4 {
                let at = next(broken.len());
                match next(4) {
                    0 => broken[at] ^= 1 << next(8),
                    1 => broken[at] = [0, 0xff, 0x7f, b'.', b'(', b'R'][next(6)],
                    2 => drop(broken.remove(at)),
                    _ => {
                        let end = (at + 4).min(broken.len());
                        broken[at..end].fill(0xff);
                    }
                }
            }
            let _ = read(&broken);
        }
    }
}

#[test]
fn a_sound_hand_made_stream_is_read() {
    let checkpoint = read(&one_tensor(6, 1, &[2, 2], &[3, 1])).unwrap();
    assert_eq!(checkpoint.tensor("w").unwrap().data(), [1.0; 4]);
}

#[test]
fn tensors_outside_their_storage_are_refused() {
    for (count, offset, size, stride) in [
        (6, 0, vec![7], vec![1]),
        (6, 6, vec![1], vec![1]),
        (6, 0, vec![2], vec![6]),
        (6, i32::MAX, vec![1], vec![1]),
        (6, 0, vec![i32::MAX, i32::MAX, i32::MAX], vec![1, 1, 1]),
        (6, 0, vec![2, 2], vec![i32::MAX, i32::MAX]),
    ] {
        refused(&one_tensor(count, offset, &size, &stride), &ErrorKind::BrokenFile, "tensor w");
    }
    for (count, offset, size, stride) in [
        (6, -1, vec![1], vec![1]),
        (6, 0, vec![-1], vec![1]),
        (6, 0, vec![2], vec![-1]),
        (6, 0, vec![2, 2], vec![1]),
        (-6, 0, vec![2], vec![1]),
    ] {
        assert!(read(&one_tensor(count, offset, &size, &stride)).is_err());
    }
    refused(&one_tensor(7, 0, &[6], &[1]), &ErrorKind::BrokenFile, "said to have 7 values");
    refused(&one_tensor(6, 0, &[1 << 30], &[0]), &ErrorKind::Limit, "expanded");
    let axes = vec![1; 1000];
    refused(&one_tensor(6, 0, &axes, &axes), &ErrorKind::BrokenFile, "no list of numbers");
}

#[test]
fn calls_are_inert_data() {
    let mark = std::env::temp_dir().join(format!("consilium-inert-{}", std::process::id()));
    let command = format!("touch {}", mark.display());
    for call in [b"cos\nsystem\n".as_slice(), b"cposix\nsystem\n", b"cbuiltins\neval\n"] {
        let mut pickle = call.to_vec();
        pickle.extend(b"(X");
        pickle.extend((command.len() as u32).to_le_bytes());
        pickle.extend(command.as_bytes());
        pickle.extend(b"tR.");
        refused(&legacy(&pickle, NO_KEYS, &[]), &ErrorKind::Unsupported, "an object of `");
    }
    assert!(!mark.exists());
}

#[test]
fn deep_nesting_costs_no_stack() {
    // Half a million lists in each other, and dictionaries in dictionaries.
    let mut pickle = b"]".repeat(500_000);
    pickle.extend(b"a".repeat(499_999));
    pickle.push(b'.');
    refused(&legacy(&pickle, NO_KEYS, &[]), &ErrorKind::Unsupported, "found a list");
    let mut pickle = b"}U\x01a".repeat(100_000);
    pickle.extend(b"}");
    pickle.extend(b"s".repeat(100_000));
    pickle.push(b'.');
    refused(&legacy(&pickle, NO_KEYS, &[]), &ErrorKind::Limit, "nest too deep");
    let mut pickle = b"}U\x05model".repeat(100_000);
    pickle.extend(b"}");
    pickle.extend(b"s".repeat(100_000));
    pickle.push(b'.');
    refused(&legacy(&pickle, NO_KEYS, &[]), &ErrorKind::Limit, "nest too deep");
    let mut pickle = b"ccollections\nOrderedDict\n".repeat(50_000);
    pickle.extend(b")");
    pickle.extend(b"\x85R".repeat(50_000));
    pickle.push(b'.');
    assert!(read(&legacy(&pickle, NO_KEYS, &[])).is_err());
}

#[test]
fn a_dictionary_inside_itself_ends() {
    refused(&legacy(b"}q\0U\x01ah\0s.", NO_KEYS, &[]), &ErrorKind::Limit, "nest too deep");
}

#[test]
fn doubling_structures_end() {
    // Each level holds the one before twice: 2^60 ways through it.
    let mut pickle = b"}q\0U\x01xK\x01s".to_vec();
    for level in 1..60u8 {
        pickle.extend([b'}', b'q', level, b'(', b'U', 1, b'a', b'h', level - 1]);
        pickle.extend([b'U', 1, b'b', b'h', level - 1, b'u']);
    }
    pickle.push(b'.');
    let limits = Limits::default();
    let error = Checkpoint::from_bytes(legacy(&pickle, NO_KEYS, &[]), &limits).unwrap_err();
    assert_eq!(error.kind(), &ErrorKind::Limit, "{error}");
    // One long list made into a set again and again.
    let mut pickle = b"](".to_vec();
    pickle.extend(b"N".repeat(100_000));
    pickle.extend(b"eq\0");
    for _ in 0..100_000 {
        pickle.extend(b"cbuiltins\nset\nh\0\x85R");
    }
    pickle.push(b'.');
    refused(&legacy(&pickle, NO_KEYS, &[]), &ErrorKind::Limit, "copies");
}

#[test]
fn counts_that_lie_allocate_nothing() {
    for head in [
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f".as_slice(),
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"B\xff\xff\xff\xff",
        b"X\xff\xff\xff\xff",
        b"\x8b\xff\xff\xff\x7f",
        b"T\xff\xff\xff\xff",
        b"\x96\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        refused(&legacy(head, NO_KEYS, &[]), &ErrorKind::BrokenFile, "ends early");
    }
    let (keys, _) = storage(6);
    for count in [u64::MAX, u64::MAX / 4, 1 << 40, 7] {
        let mut values = count.to_le_bytes().to_vec();
        values.extend([0; 24]);
        let bytes = legacy(&tensor(6, 0, &[6], &[1]), &keys, &values);
        refused(&bytes, &ErrorKind::BrokenFile, "before its storages");
    }
}

#[test]
fn broken_instructions_are_named_by_place() {
    for (pickle, part) in [
        (b"0.".as_slice(), "empty stack"),
        (b".", "empty stack"),
        (b"h\x05.", "never stored"),
        (b"t.", "mark that is not there"),
        (b"(Nu.", "key without a value"),
        (b"NN(Ku", "ends early"),
        (b"\x80\x06.", "protocol 6"),
        (b"\xfe", "unknown instruction 0xfe"),
        (b"\x82\x01.", "extension registry"),
        (b"Ixyz\n.", "odd number"),
        (b"S'abc\n.", "odd string"),
        (b"S'\n.", "odd string"),
        (b"pzz\n.", "memo key"),
        (b"NNs.", "empty stack"),
        (b"NNNs.", "no dictionary"),
        (b"NNa.", "no list"),
        (b"(o.", "object of nothing"),
        (b"NN\x93.", "no text"),
    ] {
        let error = read(&legacy(pickle, NO_KEYS, &[])).unwrap_err();
        assert!(error.to_string().contains(part), "{error} (expected: {part})");
    }
}

#[test]
fn limits_hold() {
    let error =
        |limits: Limits, bytes: Vec<u8>| Checkpoint::from_bytes(bytes, &limits).unwrap_err();
    let mut small = Limits::default();
    small.file_bytes = 100;
    assert_eq!(error(small, fixture("zip-dtypes.pt")).kind(), &ErrorKind::Limit);
    let mut few = Limits::default();
    few.tensors = 3;
    for file in ["zip-dtypes.pt", "legacy-dtypes.pt", "dtypes.safetensors"] {
        assert_eq!(error(few.clone(), fixture(file)).kind(), &ErrorKind::Limit, "{file}");
    }
    let mut short = Limits::default();
    short.pickle_ops = 20;
    assert_eq!(error(short, fixture("zip-dtypes.pt")).kind(), &ErrorKind::Limit);
    let mut flat = Limits::default();
    flat.depth = 1;
    assert_eq!(error(flat, fixture("xrv-zip.pt")).kind(), &ErrorKind::Limit);
    let mut packed = Limits::default();
    packed.unfolded_bytes = 100;
    assert_eq!(error(packed, fixture("zip-deflated.pt")).kind(), &ErrorKind::Limit);
    let mut header = Limits::default();
    header.header_bytes = 16;
    assert_eq!(error(header, fixture("dtypes.safetensors")).kind(), &ErrorKind::Limit);
}

fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

#[test]
fn safetensors_that_lie_are_refused() {
    let broken = ErrorKind::BrokenFile;
    let row = |name: &str, shape: &str, from: usize, to: usize| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    };
    let (a, b) = (row("a", "[2]", 0, 8), row("b", "[2]", 8, 16));
    assert!(read(&safetensors(&format!("{{{a},{b}}}"), 16)).is_ok());
    refused(&safetensors(&format!("{{{a},{b}}}"), 15), &broken, "tensor b");
    refused(&safetensors(&format!("{{{a},{b}}}"), 17), &broken, "belong to no tensor");
    refused(&safetensors(&format!("{{{a},{a}}}"), 8), &broken, "named twice");
    let overlap = row("b", "[2]", 4, 12);
    refused(&safetensors(&format!("{{{a},{overlap}}}"), 12), &broken, "overlap");
    let hole = row("b", "[2]", 12, 20);
    refused(&safetensors(&format!("{{{a},{hole}}}"), 20), &broken, "holes");
    for (shape, from, to) in [
        ("[3]", 0, 8),
        ("[4294967296,4294967296]", 0, 8),
        ("[18446744073709551615,2]", 0, 8),
        ("[2]", 8, 0),
        ("[2]", usize::MAX - 8, usize::MAX),
    ] {
        refused(
            &safetensors(&format!("{{{}}}", row("a", shape, from, to)), 8),
            &broken,
            "tensor a",
        );
    }
    refused(&safetensors(r#"{"a":{"dtype":"F32"}}"#, 0), &broken, "missing field");
    refused(&safetensors(r#"{"a":7}"#, 0), &broken, "header");
    let nested = format!(r#"{{"__metadata__":{}"#, "[".repeat(100_000));
    refused(&safetensors(&nested, 0), &broken, "header");
    let mut huge = u64::MAX.to_le_bytes().to_vec();
    huge.extend(b"{}");
    refused(&huge, &ErrorKind::Limit, "header");
    let odd = r#"{"a":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}"#;
    refused(&safetensors(odd, 1), &ErrorKind::Unsupported, "F4");
}

#[test]
fn a_flipped_value_in_a_zip_is_noticed_by_its_check_sum() {
    let mut bytes = fixture("zip-protocol2.pt");
    let value = (-4.5f32).to_le_bytes();
    let at = bytes.windows(4).position(|window| window == value).unwrap();
    bytes[at] ^= 1;
    refused(&bytes, &ErrorKind::BrokenFile, "check sum");
}

#[test]
fn zip_bombs_and_lying_directories_are_refused() {
    let bytes = fixture("zip-deflated.pt");
    let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let patched = |at: usize, new: &[u8]| {
        let mut bytes = bytes.clone();
        bytes[directory + at..directory + at + new.len()].copy_from_slice(new);
        bytes
    };
    let broken = ErrorKind::BrokenFile;
    refused(&patched(24, &u32::MAX.wrapping_sub(1).to_le_bytes()), &broken, "lies about its size");
    refused(&patched(24, &1u32.to_le_bytes()), &broken, "unfolded");
    refused(&patched(24, &u32::MAX.to_le_bytes()), &broken, "zip64");
    refused(&patched(42, &0xf000u32.to_le_bytes()), &broken, "ends early");
    refused(&patched(42, &1u32.to_le_bytes()), &broken, "not where");
    refused(&patched(10, &99u16.to_le_bytes()), &ErrorKind::Unsupported, "method 99");
    refused(&patched(8, &1u16.to_le_bytes()), &ErrorKind::Unsupported, "encrypted");
    // The second entry pointed at the first one's bytes.
    let second = directory
        + 4
        + bytes[directory + 4..].windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    let mut twice = bytes.clone();
    let first: Vec<u8> = bytes[directory..second].to_vec();
    twice.splice(directory..directory, first.iter().copied());
    let end = twice.len() - 22;
    let count = u16::from_le_bytes([twice[end + 10], twice[end + 11]]) + 1;
    let size = u32::from_le_bytes(twice[end + 12..end + 16].try_into().unwrap());
    twice[end + 10..end + 12].copy_from_slice(&count.to_le_bytes());
    twice[end + 12..end + 16].copy_from_slice(&(size + first.len() as u32).to_le_bytes());
    refused(&twice, &broken, "two entries");
}

#[test]
fn foreign_files_are_named() {
    for (head, part) in [
        (b"".as_slice(), "empty"),
        (b"\x89HDF\r\n\x1a\n0000", "HDF5"),
        (b"GGUF\x03\0\0\0", "GGUF"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\x1f\x8b\x08\0", "gzip"),
        (b"\x80\x04}.", "torch.save did not write"),
        (b"hello, this is text", "no checkpoint of a known container"),
    ] {
        let error = read(head).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
    let error = Checkpoint::open(&std::env::temp_dir(), &limits()).unwrap_err();
    assert!(error.to_string().contains("folder"), "{error}");
    let gone = std::env::temp_dir().join("no-such-consilium-weights.pt");
    let error = Checkpoint::open(&gone, &limits()).unwrap_err();
    assert_eq!((error.kind(), error.path()), (&ErrorKind::Io, Some(gone.as_path())));
}

/// A layers model of TensorFlow.js: its list of tensors, and the bytes of its files.
fn layers_model(weights: &str, data: usize) -> Result<Checkpoint, Error> {
    let json =
        format!(r#"{{"weightsManifest": [{{"paths": ["a.bin"], "weights": [{weights}]}}]}}"#);
    Checkpoint::from_manifest(json.as_bytes(), vec![0; data], &limits())
}

fn tensor_of_json(name: &str, shape: &str, more: &str) -> String {
    format!(r#"{{"name": "{name}", "shape": {shape}, "dtype": "float32"{more}}}"#)
}

#[test]
fn layers_models_that_lie_are_refused() {
    let good = tensor_of_json("a/kernel", "[2, 3]", "");
    let checkpoint = layers_model(&good, 24).unwrap();
    assert_eq!(checkpoint.tensor("a.kernel").unwrap().shape(), [2, 3]);
    assert_eq!((checkpoint.container(), checkpoint.sha256().len()), ("tensorflow-js", 64));
    let twice = format!("{good}, {good}");
    let quantised = tensor_of_json("a", "[2]", r#", "quantization": {"dtype": "uint8"}"#);
    for (weights, data, kind, part) in [
        (good.as_str(), 23, ErrorKind::BrokenFile, "a/kernel: the files of weights end before it"),
        (&good, 28, ErrorKind::BrokenFile, "take 24 bytes, its files have 28"),
        (&twice, 48, ErrorKind::BrokenFile, "two tensors are called a.kernel"),
        (&tensor_of_json("a", "[-1]", ""), 4, ErrorKind::BrokenFile, "no list of at most eight"),
        (&tensor_of_json("a", "[1e12, 1e12]", ""), 4, ErrorKind::BrokenFile, "beyond all memory"),
        (&tensor_of_json("a", "[4e9, 1e9]", ""), 4, ErrorKind::BrokenFile, "end before it"),
        (&tensor_of_json("", "[1]", ""), 4, ErrorKind::BrokenFile, "without a name"),
        (&quantised, 2, ErrorKind::Unsupported, "quantised"),
        (r#"{"name": "a", "shape": [1], "dtype": "string"}"#, 4, ErrorKind::Unsupported, "string"),
        ("7", 0, ErrorKind::BrokenFile, "without a name"),
    ] {
        let error = layers_model(weights, data).unwrap_err();
        assert_eq!(error.kind(), &kind, "{weights}: {error}");
        assert!(error.to_string().contains(part), "{weights}: {error} (expected: {part})");
    }
    let bare = |json: &str| Checkpoint::from_manifest(json.as_bytes(), Vec::new(), &limits());
    assert_eq!(bare("{").unwrap_err().kind(), &ErrorKind::BrokenFile);
    assert_eq!(bare("{}").unwrap_err().kind(), &ErrorKind::Unsupported);
    let no_list = r#"{"weightsManifest": [{"paths": []}]}"#;
    assert_eq!(bare(no_list).unwrap_err().kind(), &ErrorKind::BrokenFile);
    assert!(bare(r#"{"weightsManifest": []}"#).unwrap().names().next().is_none());
    // From memory alone the files beside it are missing.
    refused(b"{\"weightsManifest\": []}", &ErrorKind::Unsupported, "model.json");
}

#[test]
fn files_of_a_layers_model_lie_beside_it() {
    let folder = testkit::temp_dir("layers-model");
    let model = folder.join("model.json");
    let write = |paths: &str| {
        let weights = tensor_of_json("a", "[3]", "");
        let json =
            format!(r#"{{"weightsManifest": [{{"paths": [{paths}], "weights": [{weights}]}}]}}"#);
        std::fs::write(&model, json).unwrap();
        Checkpoint::open(&model, &limits())
    };
    std::fs::write(folder.join("1.bin"), 1.5f32.to_le_bytes()).unwrap();
    let two: Vec<u8> = [2.5f32, 3.5].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(folder.join("2.bin"), two).unwrap();
    let read = write(r#""1.bin", "2.bin""#).unwrap();
    assert_eq!(read.tensor("a").unwrap().data(), [1.5, 2.5, 3.5]);
    let error = write(r#""1.bin", "3.bin""#).unwrap_err();
    assert_eq!(
        (error.kind(), error.path()),
        (&ErrorKind::Io, Some(folder.join("3.bin").as_path()))
    );
    for outside in [r#""../1.bin""#, r#""/etc/hosts""#, r#""..""#, r#""c:1.bin""#, r#""""#, "1"] {
        let error = write(outside).unwrap_err();
        assert_eq!(error.kind(), &ErrorKind::BrokenFile, "{outside}: {error}");
    }
}
