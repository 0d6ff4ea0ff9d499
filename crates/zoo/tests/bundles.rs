//! MONAI bundles give what MONAI gives: the prepared case, the logits, the label map, on real volumes
//! with made-up weights (`tools/reference/bundles.py` made the fixtures); what a bundle needs and this
//! build lacks is named.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, fixture, packed_labels, relative_error, scan};
use base::{Kind, Volume};
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
    zoo::bundle::make_up(&folder).unwrap();
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
    compare_within(name, LOGITS)
}

fn compare_within(name: &str, most: f64) -> Option<VolumeAnswer> {
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
    let case = VolumeCase { volumes: &volumes, facts: &scans[0].facts, prepared: None };
    let mut runs = (0, 0);
    let answer = reader.read(&case, &mut |done, total| runs = (done, total)).unwrap();
    assert!(runs.0 == runs.1 && runs.0 > 0);
    crate::common::same_when_prepared(&mut reader, case, &answer);
    let (found, wanted) = (labels_of(&answer.map), labels(name));
    assert_eq!(found.len(), wanted.len());
    let same = found.iter().zip(&wanted).filter(|(a, b)| a == b).count();
    let share = same as f64 / wanted.len() as f64;
    println!("{name}: prepared {:.1e}, logits {:.1e}, labels {share:.6}", errors.0, errors.1);
    assert!(errors.0 < PREPARED, "{name}: prepared {:.1e}", errors.0);
    assert!(errors.1 < most, "{name}: logits {:.1e}", errors.1);
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
fn vista3d_asked_for_everything_and_for_one_class() {
    // Made-up weights of a network this deep leave small logits beside large sums.
    let Some(answer) = compare_within("vista3d", 1e-4) else { return };
    assert_eq!(answer.structures.len(), 117);
    let ids: Vec<&str> = answer.structures.iter().map(|s| s.id.as_str()).collect();
    assert!(ids.contains(&"left lung upper lobe") && !ids.contains(&"lung"));
    assert!(
        answer.structures.iter().all(|s| s.name.zh() != s.id),
        "a class without a Chinese name"
    );
    let present = labels_of(&answer.map);
    assert!(present.iter().any(|label| *label > 100));
    assert_eq!(named(&compare_within("vista3d_alone", 1e-4).unwrap()), [("spleen", &[3][..])]);
}

#[test]
fn classes_of_vista3d_are_asked_for_by_name_and_number() {
    let root = testkit::temp_dir("bundle-vista-asked");
    let folder = written(root.path(), "vista3d");
    let open = |asked: &str| {
        let chosen = asked.split('+').map(str::to_owned).collect();
        Reader::open(&folder, &VolumeOptions { chosen, ..options() })
    };
    for (asked, said) in [("splean", "spleen"), ("133", "132"), ("129", "points"), ("bone", "")] {
        match open(asked) {
            Ok(_) => assert_eq!(said, "", "{asked}"),
            Err(error) => {
                assert_eq!(error.kind(), Kind::Usage);
                let text = error.render(base::Lang::En);
                assert!(!said.is_empty() && text.contains(said), "{asked}: {text}");
            }
        }
    }
    let other = written(root.path(), "plain_unet");
    let error = Reader::open(&other, &VolumeOptions { chosen: vec!["1".into()], ..options() });
    assert_eq!(error.err().unwrap().kind(), Kind::Usage);
    // One class by its name gives what the bundle that asks for it alone gives.
    let expected = fixture("bundles/vista3d_alone/expected.json");
    let Some(scans) = scans(&expected) else { return };
    let alone = written(root.path(), "vista3d_alone");
    let case = VolumeCase { volumes: &[&scans[0].volume], facts: &scans[0].facts, prepared: None };
    let read = |chosen: &[&str]| {
        let chosen = chosen.iter().map(|&class| class.to_owned()).collect();
        let mut reader = Reader::open(&alone, &VolumeOptions { chosen, ..options() }).unwrap();
        assert!(reader.need_bytes(&scans[0].volume).unwrap() > 1 << 20);
        reader.read(&case, &mut |_, _| {}).unwrap()
    };
    assert_eq!(read(&["Spleen"]).map, read(&[]).map);
    let both = read(&["kidney"]);
    assert_eq!(named(&both), [("left kidney", &[14][..]), ("right kidney", &[5])]);
    assert!(labels_of(&both.map).iter().all(|label| [0, 5, 14].contains(label)));
}

#[test]
fn what_a_vista3d_is_not_is_named() {
    let root = testkit::temp_dir("bundle-vista-needs");
    written(root.path(), "vista3d");
    for (from, to, said) in [
        ("encoder_embed_dim=8", "encoder_embed_dim=8, n_classes=9", "n_classes"),
        ("encoder_embed_dim=8", "encoder_embed_dim=9000", "encoder_embed_dim"),
        ("'label_prompt': [3]", "'points': [[1, 2, 3]]", "points"),
        ("set([i+1 for i in range(132)])", "set([i+1 for i in range(133)])", "everything_labels"),
        ("VistaPostTransformd", "VistaOtherTransformd", "VistaOtherTransform"),
        ("list(range(33, 57))", "list(range(33, 570))", "subclass"),
        ("Vista3dInferer", "Vista3dPointInferer", "Vista3dPointInferer"),
        ("\"everything_labels\"", "\"other_labels\"", "everything_labels"),
    ] {
        let (kind, text) = changed(root.path(), "vista3d", from, to);
        assert!(text.contains(said), "{to}: {text}");
        assert_eq!(kind, Kind::Unsupported, "{to}: {text}");
    }
    // Weights of another width: every tensor that does not fit is named.
    let wider = "encoder_embed_dim=4";
    let (kind, text) = changed(root.path(), "vista3d", "encoder_embed_dim=8", wider);
    assert!(kind == Kind::BrokenInput && text.contains("class_embeddings"), "{text}");
}

/// Greatest differences of boxes in mm, and of scores.
const PLACES_MM: f64 = 1e-3;
const SCORES: f64 = 1e-4;

/// Compares all boxes; `None` where there are no test data.
fn compare_boxes(name: &str) -> Option<(VolumeAnswer, Scan)> {
    let expected = fixture(&format!("bundles/{name}/expected.json"));
    let scan = scans(&expected)?.remove(0);
    let root = testkit::temp_dir(&format!("bundle-{name}"));
    let mut reader = zoo::bundle::open(&written(root.path(), name), &options()).unwrap();
    assert_eq!(reader.images(), ["CT"]);
    assert!(reader.need_bytes(&scan.volume).unwrap() > 64 << 20);
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    let mut runs = (0, 0);
    let answer = reader.read(&case, &mut |done, total| runs = (done, total)).unwrap();
    assert_eq!(runs.0, runs.1);
    crate::common::same_when_prepared(&mut *reader, case, &answer);
    assert_eq!(runs.1 > 1, expected["tiled"].as_bool().unwrap());
    let wanted = expected["boxes"].as_array().unwrap();
    assert_eq!(answer.boxes.len(), wanted.len());
    let (mut places, mut scores) = (0.0f64, 0.0f64);
    for (number, (found, wanted)) in answer.boxes.iter().zip(wanted).enumerate() {
        let wanted: Vec<f64> =
            wanted.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        // The reference's places are LPS.
        let [x, y, z] = found.centre_mm;
        let own = [-x, -y, z].into_iter().chain(found.extent_mm);
        own.zip(&wanted).for_each(|(own, wanted)| places = places.max((own - wanted).abs()));
        let score = expected["scores"][number].as_f64().unwrap();
        scores = scores.max((f64::from(found.score) - score).abs());
        assert_eq!(usize::from(found.label), number + 1);
    }
    println!("{name}: {} boxes, places {places:.1e} mm, scores {scores:.1e}", wanted.len());
    assert!(places < PLACES_MM, "{name}: places {places:.1e} mm");
    assert!(scores < SCORES, "{name}: scores {scores:.1e}");
    Some((answer, scan))
}

#[test]
fn boxes_around_nodules_of_an_oblique_image_seen_whole() {
    let Some((answer, scan)) = compare_boxes("nodules") else { return };
    assert!(answer.boxes.iter().all(|found| found.id == "lung-nodule"));
    assert_eq!(answer.boxes[0].name.zh(), "肺结节");
    let ids: Vec<&str> = answer.structures.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, ["lung-nodule-box"]);
    // The best box lies above all others: every voxel whose centre it holds is its own.
    let labels = labels_of(&answer.map);
    let best = &answer.boxes[0];
    let size = scan.volume.size();
    let own: Vec<[f64; 3]> = (0..labels.len())
        .filter(|at| labels[*at] == 1)
        .map(|at| [at % size[0], at / size[0] % size[1], at / (size[0] * size[1])])
        .map(|at| scan.volume.affine().apply(at.map(|x| x as f64)))
        .collect();
    assert!(!own.is_empty());
    // Oblique: within the box's diagonal.
    let diagonal = best.extent_mm.iter().map(|mm| mm * mm).sum::<f64>().sqrt();
    for at in own {
        let away = (0..3).map(|axis| (at[axis] - best.centre_mm[axis]).powi(2)).sum::<f64>().sqrt();
        assert!(away < diagonal, "{at:?} is not in {best:?}");
    }
}

#[test]
fn boxes_of_two_classes_by_tiles_larger_than_the_image_along_an_axis() {
    let Some((answer, _)) = compare_boxes("nodules_tiles") else { return };
    let expected = fixture("bundles/nodules_tiles/expected.json");
    for (number, found) in answer.boxes.iter().enumerate() {
        let class = expected["classes"][number].as_u64().unwrap() + 1;
        assert_eq!(found.id, format!("finding-{class}"));
    }
    assert_eq!(answer.structures.len(), 2);
}

#[test]
fn what_a_detector_is_not_is_named() {
    let root = testkit::temp_dir("bundle-nodules-needs");
    let folder = root.join("nodules");
    fs::create_dir_all(folder.join("configs")).unwrap();
    let metadata = "configs/metadata.json";
    fs::copy(stored("nodules").join(metadata), folder.join(metadata)).unwrap();
    let whole = fs::read_to_string(stored("nodules").join("configs/inference.json")).unwrap();
    let open = |text: &str| {
        fs::write(folder.join("configs/inference.json"), text).unwrap();
        let error = zoo::bundle::open(&folder, &options()).err().unwrap();
        (error.kind(), error.render(base::Lang::En))
    };
    for (from, to, said) in [
        ("resnet.resnet50(", "resnet.resnet18(", "resnet18"),
        ("conv1_t_size=[7,7,7]", "conv1_t_size=[7,7,6]", "conv1_t_size"),
        ("n_input_channels=1", "n_input_channels=2", "n_input_channels"),
        ("False,[1,2],None", "False,[2,1],None", "returned_layers"),
        ("\"RetinaNet\"", "\"FCOS\"", "FCOS"),
        ("AnchorGeneratorWithAnchorShape", "OwnAnchors", "OwnAnchors"),
        ("nms_thresh=0.22", "nms_thresh=22", "nms_thresh"),
        ("score_thresh=0.02", "score_thresh=x", "detector_ops"),
        ("set_target_keys(", "set_mask_head(", "set_mask_head"),
        ("mode='constant'", "mode='gaussian'", "mode"),
        ("ConvertBoxModed", "StandardizeEmptyBoxd", "StandardizeEmptyBox"),
        ("scripts.detection_inferer.RetinaNetInferer", "scripts.OwnInferer", "OwnInferer"),
        ("\"num_anchors\": 3", "\"num_anchors\": 4", "base_anchor_shapes"),
        ("\"feature_extractor\": \"@feature_extractor\"", "\"x\": 1", "feature_extractor"),
    ] {
        assert!(whole.contains(from), "{from}");
        let (kind, text) = open(&whole.replace(from, to));
        assert!(text.contains(said), "{to}: {text}");
        assert_eq!(kind, Kind::Unsupported, "{to}: {text}");
        assert!(text.contains("inference.json"), "{text}");
    }
    let (_, text) = open(&whole.replace("  16,\n  16,\n  8\n", "  8,\n  16,\n  8\n"));
    assert!(text.contains("8 × 16 × 8"), "{text}");
    let (kind, text) = open(&whole);
    assert!(kind == Kind::Io && text.contains("model.pt"), "{text}");
    // Weights of another network: every tensor that does not fit is named.
    written(root.path(), "plain_unet");
    fs::create_dir_all(folder.join("models")).unwrap();
    let model = "models/model.pt";
    fs::copy(root.join("plain_unet").join(model), folder.join(model)).unwrap();
    let (kind, text) = open(&whole);
    assert!(kind == Kind::BrokenInput && text.contains("cls_logits"), "{text}");
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
    changed(root, "organ_unet", from, to)
}

fn changed(root: &Path, name: &str, from: &str, to: &str) -> (Kind, String) {
    let folder = root.join("changed");
    fs::create_dir_all(folder.join("configs")).unwrap();
    fs::create_dir_all(folder.join("models")).unwrap();
    let whole = root.join(name);
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
    let case = VolumeCase { volumes: &[&scan[0].volume], facts: &scan[0].facts, prepared: None };
    let error = reader.read(&case, &mut |_, _| {}).err().unwrap();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(error.render(base::Lang::En).contains("first, second"));
}
