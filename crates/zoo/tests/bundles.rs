//! MONAI bundles give what MONAI gives: the prepared case, the logits, the label map, on real volumes
//! with made-up weights (`tools/reference/bundles.py` made the fixtures); what a bundle needs and this
//! build lacks is named.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod common;

use base::{Kind, Volume};
use common::{compute, fixture, packed_labels, relative_error, scan};
use imaging::volumes::Scan;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use zoo::VolumeReader;
use zoo::bundle::Reader;
use zoo::volume_system::{VolumeAnswer, VolumeCase, VolumeOptions, labels_of};

/// Most of the difference in the prepared case and the logits, relative to their size.
const PREPARED: f64 = 1e-5;
const LOGITS: f64 = 1e-3;
/// Least share of voxels with the reference's label.
const SAME: f64 = 0.999;

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/bundles").join(name)
}

/// The bundle with made-up weights, in a folder of the test.
fn written(root: &Path, name: &str) -> PathBuf {
    let folder = root.join(name);
    fs::create_dir_all(folder.join("configs")).unwrap();
    for entry in fs::read_dir(stored(name).join("configs")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.join("configs").join(entry.file_name())).unwrap();
    }
    Reader::make_up(&folder).unwrap();
    folder
}

fn options() -> VolumeOptions {
    VolumeOptions::new(compute())
}

/// `[channel][k][j][i]` as the reference has it, `[channel][i][j][k]`.
fn turned(values: &[f32], [ni, nj, nk]: [usize; 3]) -> Vec<f32> {
    let mut out = Vec::with_capacity(values.len());
    for channel in values.chunks_exact(ni * nj * nk) {
        for i in 0..ni {
            for j in 0..nj {
                out.extend((0..nk).map(|k| channel[(k * nj + j) * ni + i]));
            }
        }
    }
    out
}

fn scans(expected: &Value) -> Option<Vec<Scan>> {
    let paths = expected["stored"].as_array().unwrap().iter();
    paths.map(|path| scan(path.as_str().unwrap())).collect()
}

fn labels(name: &str) -> Vec<u16> {
    packed_labels(&format!("bundles/{name}/labels.gz"))
}

/// Compares every step; `None` where there are no test data.
fn compare(name: &str) -> Option<VolumeAnswer> {
    let expected = fixture(&format!("bundles/{name}/expected.json"));
    let scans = scans(&expected)?;
    let root = testkit::temp_dir(&format!("bundle-{name}"));
    let mut reader = Reader::open(&written(root.path(), name), &options()).unwrap();
    let volumes: Vec<&Volume> = scans.iter().map(|scan| &scan.volume).collect();
    let (prepared, logits) = reader.answer(&volumes, &mut |_, _| {}).unwrap();
    let size = prepared.size();
    let values: Vec<f32> = (0..prepared.frames()).flat_map(|f| prepared.frame_f32(f)).collect();
    let shape = |channels: usize| [channels, size[0], size[1], size[2]];
    let of = |what: &str, values: &[f32]| {
        let channels = values.len() / size.iter().product::<usize>();
        relative_error(&turned(values, size), &shape(channels), &expected[what])
    };
    let errors = (of("prepared", &values), of("logits", &logits));
    let case = VolumeCase { volumes: &volumes, facts: &scans[0].facts };
    let mut runs = (0, 0);
    let answer = reader.read(&case, &mut |done, total| runs = (done, total)).unwrap();
    assert!(runs.0 == runs.1 && runs.0 > 0);
    let (found, wanted) = (labels_of(&answer.map), labels(name));
    assert_eq!(found.len(), wanted.len());
    let same = found.iter().zip(&wanted).filter(|(a, b)| a == b).count();
    let share = same as f64 / wanted.len() as f64;
    println!("{name}: prepared {:.1e}, logits {:.1e}, labels {share:.6}", errors.0, errors.1);
    assert!(errors.0 < PREPARED, "{name}: prepared {:.1e}", errors.0);
    assert!(errors.1 < LOGITS, "{name}: logits {:.1e}", errors.1);
    assert!(share >= SAME, "{name}: labels {share:.6}");
    Some(answer)
}

fn named(answer: &VolumeAnswer) -> Vec<(&str, &[u16])> {
    let all = answer.structures.iter();
    all.map(|structure| (structure.id.as_str(), structure.labels.as_slice())).collect()
}

#[test]
fn a_residual_unet_with_linear_inversion() {
    let Some(answer) = compare("organ_unet") else { return };
    assert_eq!(named(&answer), [("liver", &[1][..]), ("spleen", &[2])]);
    assert_eq!(answer.structures[1].name.zh(), "脾");
}

#[test]
fn a_segresnet_with_gaussian_weights_conditions_and_nearest_inversion() {
    let Some(answer) = compare("parts_segresnet") else { return };
    assert_eq!(answer.structures.len(), 3);
}

#[test]
fn regions_that_overlap_of_two_images() {
    let Some(answer) = compare("regions_segresnet") else { return };
    let names: Vec<&str> = answer.structures.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(names, ["core", "whole", "enhancing"]);
    // The enhancing part takes the voxels of the others over.
    assert_eq!(answer.structures[2].labels, [4]);
    assert!(answer.structures[0].labels.contains(&1));
}

#[test]
fn a_dynunet_from_yaml_cropped_padded_and_cleaned() {
    compare("pieces_dynunet");
}

#[test]
fn a_plain_unet_that_nothing_inverts() {
    let Some(answer) = compare("plain_unet") else { return };
    assert_eq!(named(&answer), [("one", &[1][..])]);
}

#[test]
fn a_swin_unetr_of_before_monai_1_5_with_windows_that_do_not_divide() {
    let Some(answer) = compare("organs_swin_unetr") else { return };
    assert_eq!(answer.structures.len(), 3);
}

#[test]
fn swin_unetrs_that_merge_neighbours_as_newer_versions_do() {
    compare("swin_unetr");
    compare("swin_unetr_in_order");
}

#[test]
fn what_a_swin_unetr_is_not_is_named() {
    let root = testkit::temp_dir("bundle-swin-needs");
    let folder = root.join("swin");
    fs::create_dir_all(folder.join("configs")).unwrap();
    for file in ["configs/metadata.json", "configs/inference.json"] {
        fs::copy(stored("swin_unetr").join(file), folder.join(file)).unwrap();
    }
    let file = folder.join("configs/inference.json");
    let whole = fs::read_to_string(&file).unwrap();
    for (more, said) in [
        ("\"use_v2\": true", "use_v2"),
        ("\"patch_size\": 4", "patch_size"),
        ("\"num_heads\": [5, 6, 12, 24]", "num_heads"),
        ("\"num_heads\": [3, 6, 12]", "num_heads"),
        ("\"window_size\": 700", "window_size"),
        ("\"downsample\": \"own\"", "downsample"),
        ("\"mlp_ratio\": 1e9", "mlp_ratio"),
        ("\"spatial_dims\": 2", "SwinUNETR"),
    ] {
        let key = more.split(':').next().unwrap();
        // The first of a key twice is renamed.
        let text = whole.replacen(key, "\"other\"", 1);
        fs::write(&file, text.replacen("\"in_channels\"", &format!("{more}, \"in_channels\""), 1))
            .unwrap();
        let error = Reader::open(&folder, &options()).err().unwrap();
        let text = error.render(base::Lang::En);
        assert!(text.contains(said), "{more}: {text}");
    }
    // The tile is no multiple of what the network halves.
    fs::write(&file, whole.replace("   32,\n   32,\n   64\n", "   32,\n   48,\n   64\n")).unwrap();
    Reader::make_up(&folder).unwrap();
    let error = Reader::open(&folder, &options()).err().unwrap();
    assert_eq!(error.kind(), Kind::Refused, "{}", error.render(base::Lang::En));
}

/// What opening says of a bundle with some text of its configuration replaced.
fn refused(root: &Path, from: &str, to: &str) -> (Kind, String) {
    let folder = root.join("changed");
    fs::create_dir_all(folder.join("configs")).unwrap();
    fs::create_dir_all(folder.join("models")).unwrap();
    let whole = root.join("organ_unet");
    fs::copy(whole.join("models/model.pt"), folder.join("models/model.pt")).unwrap();
    let metadata = "configs/metadata.json";
    fs::copy(whole.join(metadata), folder.join(metadata)).unwrap();
    let text = fs::read_to_string(whole.join("configs/inference.json")).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(folder.join("configs/inference.json"), text.replace(from, to)).unwrap();
    let error = Reader::open(&folder, &options()).err().unwrap();
    (error.kind(), error.render(base::Lang::En))
}

#[test]
fn what_a_bundle_needs_and_this_build_lacks_is_named() {
    let root = testkit::temp_dir("bundle-needs");
    written(root.path(), "organ_unet");
    for (from, to, said) in [
        ("\"UNet\"", "\"VNet\"", "VNet"),
        ("\"spatial_dims\": 3", "\"spatial_dims\": 2", "spatial_dims"),
        ("\"norm\": \"batch\"", "\"norm\": \"syncbatch\"", "syncbatch"),
        ("\"ScaleIntensityRanged\"", "\"RandGaussianNoised\"", "RandGaussianNoise"),
        ("\"axcodes\": \"RAS\"", "\"axcodes\": \"RXS\"", "axcodes"),
        ("\"mode\": \"bilinear\"", "\"mode\": 3", "mode"),
        ("\"SlidingWindowInferer\"", "\"PatchInferer\"", "PatchInferer"),
        ("\"overlap\": 0.5", "\"overlap\": 1.5", "overlap"),
        ("\"overlap\": 0.5", "\"overlap\": \"$__import__('os').getpid()\"", "overlap"),
        ("\"argmax\": true", "\"argmax\": false", "AsDiscrete"),
        ("\"_target_\": \"AsDiscreted\"", "\"_target_\": \"scripts.own.Mined\"", "Mine"),
        ("models/model.pt", "models/absent.pt", "absent.pt"),
        ("\"network_def\": {", "\"other_def\": {", "network_def"),
    ] {
        let (kind, text) = refused(root.path(), from, to);
        assert!(text.contains(said), "{to}: {text}");
        assert_ne!(kind, Kind::Bug, "{to}: {text}");
        assert!(text.contains("changed"), "{text}");
    }
    // Weights of another network: every tensor that does not fit is named.
    let (kind, text) = refused(root.path(), "\"num_res_units\": 2", "\"num_res_units\": 1");
    assert!(kind == Kind::BrokenInput && text.contains("unit"), "{text}");
    // Channels by the million are refused before anything of their size is made.
    let (_, text) = refused(root.path(), "   8,\n   16,\n   32\n", "   8,\n   16000,\n   16000\n");
    assert!(text.contains("6915456000"), "{text}");
}

#[test]
fn broken_bundles_are_refused() {
    let root = testkit::temp_dir("bundle-broken");
    let folder = written(root.path(), "pieces_dynunet");
    let file = folder.join("configs/inference.yaml");
    let whole = fs::read_to_string(&file).unwrap();
    for text in [&whole[..whole.len() / 3], "- 1\n- 2\n", "a: &x 1\nb: *x\n", "{{{{", ""] {
        fs::write(&file, text).unwrap();
        let error = Reader::open(&folder, &options()).err().unwrap();
        assert!(error.render(base::Lang::En).contains("inference.yaml"));
    }
    fs::remove_file(&file).unwrap();
    assert!(Reader::open(&folder, &options()).is_err());
    assert_eq!(Reader::open(&root.join("nothing"), &options()).err().unwrap().kind(), Kind::Io);
    // A case that does not fit.
    let Some(scan) = scans(&fixture("bundles/organ_unet/expected.json")) else { return };
    let mut reader = Reader::open(&written(root.path(), "regions_segresnet"), &options()).unwrap();
    let case = VolumeCase { volumes: &[&scan[0].volume], facts: &scan[0].facts };
    let error = reader.read(&case, &mut |_, _| {}).err().unwrap();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.render(base::Lang::En).contains("first, second"));
}
