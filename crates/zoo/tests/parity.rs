//! Every network gives what its reference gives, on the same made-up weights read from a real
//! checkpoint file (`tools/reference/networks.py` made the fixtures).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, fixture, floats, image, pool, relative_error, write_checkpoint};
use base::Rect;
use engine::Tensor;
use engine::cpu::{Network, Options, Passes};
use engine::graph::Builder;
use engine::weights::{Checkpoint, Limits, Scope};
use zoo::panel::explain::grad_cam;
use zoo::systems::xrv::{Classifier, op_norm};
use zoo::{Loaded, Prepared, find, systems};

/// Single precision over a hundred-odd layers.
const TOLERANCE: f64 = 1e-4;

fn prepared(shape: &[usize], data: Vec<f32>) -> Prepared {
    Prepared {
        tensors: vec![Tensor::new(shape, data).unwrap()],
        covers: Rect { x: 0.0, y: 0.0, width: 1.0, height: 1.0 },
        notes: Vec::new(),
    }
}

fn load(id: &str, prefix: &str) -> Loaded {
    let folder = testkit::temp_dir(id);
    let system = find(id).unwrap();
    let name = system.card().weights.file_names[0];
    write_checkpoint(system, &folder.join(name), prefix);
    Loaded::load(system, folder.path(), &compute()).unwrap()
}

fn check(what: &str, got: &Tensor, expected: &serde_json::Value, tolerance: f64) {
    let error = relative_error(got.data(), got.shape(), expected);
    println!("{what}: relative error {error:.2e}");
    assert!(error < tolerance, "{what}: relative error {error:.2e}, allowed {tolerance:.0e}");
}

/// The explanation maps in the fixture came from automatic differentiation.
fn check_grad_cams(fixture: &serde_json::Value, features: &Tensor, weight: &Tensor) {
    let mut maps = 0;
    for label in 0..18 {
        let Some(expected) = fixture["tensors"].get(format!("gradcam{label}")) else { continue };
        let channels = weight.shape()[1];
        let row = &weight.data()[label * channels..(label + 1) * channels];
        let map = grad_cam(features, row).unwrap();
        let expected = floats(&expected["value"]);
        assert_eq!(map.data().len(), expected.len());
        for (a, b) in map.data().iter().zip(&expected) {
            assert!((a - b).abs() < 1e-3, "label {label}: {a} against {b}");
        }
        maps += 1;
    }
    assert_eq!(maps, 3);
}

fn made(name: &str, shape: &[usize]) -> std::sync::Arc<Tensor> {
    Scope::recording().tensor(name, shape)
}

#[test]
fn densenet121_gives_what_the_reference_gives() {
    let fixture = fixture("networks/xrv-densenet121-res224-all.json");
    let mut loaded = load("xrv-densenet121-res224-all", "");
    let out = loaded.run(&prepared(&[1, 1, 224, 224], image(224))).unwrap();
    check("densenet121 logits", &out[0], &fixture["tensors"]["logits"], TOLERANCE);
    check("densenet121 features", &out[1], &fixture["tensors"]["features"], TOLERANCE);
    check_grad_cams(&fixture, &out[1], &made("classifier.weight", &[18, 1024]));

    // Scores of all seven, where the sigmoid is not saturated.
    let mild = image(224).iter().map(|value| value / 512.0).collect();
    let out = loaded.run(&prepared(&[1, 1, 224, 224], mild)).unwrap();
    for classifier in DENSENETS {
        check_scores(classifier, out[0].data(), "mild");
    }
}

static DENSENETS: [&Classifier; 7] = [
    &systems::xrv_densenet121_res224_all::SYSTEM,
    &systems::xrv_densenet121_res224_nih::SYSTEM,
    &systems::xrv_densenet121_res224_pc::SYSTEM,
    &systems::xrv_densenet121_res224_chex::SYSTEM,
    &systems::xrv_densenet121_res224_rsna::SYSTEM,
    &systems::xrv_densenet121_res224_mimic_nb::SYSTEM,
    &systems::xrv_densenet121_res224_mimic_ch::SYSTEM,
];

/// Heads with an empty label or without an operating point are absent; the others' scores agree.
fn check_scores(classifier: &Classifier, logits: &[f32], name: &str) {
    let id = classifier.card.id;
    let fixture = fixture(&format!("networks/{id}.json"));
    let expected = floats(&fixture["tensors"][name]["value"]);
    let labels: Vec<&str> =
        fixture["labels"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    let scores = classifier.scores(logits);
    let rows: Vec<usize> = scores.iter().map(|score| score.0).collect();
    let trained: Vec<usize> = (0..18)
        .filter(|&row| !labels[row].is_empty() && classifier.card.thresholds[row].is_some())
        .collect();
    assert_eq!(rows, trained, "{id}");
    for (row, code, score) in scores {
        assert!((score - expected[row]).abs() < 1e-4, "{id} {}: {score}", code.id);
    }
    for row in (0..18).filter(|row| !trained.contains(row)) {
        assert_eq!(expected[row], 0.5, "{id}: the reference answers a constant for row {row}");
    }
}

#[test]
fn scores_are_scaled_as_the_reference_scales_them() {
    for classifier in DENSENETS.into_iter().chain([&systems::xrv_resnet50_res512_all::SYSTEM]) {
        let fixture = fixture(&format!("networks/{}.json", classifier.card.id));
        let curve = floats(&fixture["tensors"]["op_norm"]["value"]);
        for (step, row) in curve.chunks_exact(18).enumerate() {
            for (head, expected) in row.iter().enumerate() {
                let p = step as f32 / 32.0;
                match classifier.card.thresholds[head] {
                    Some(t) => assert!((op_norm(p, t) - expected).abs() < 1e-6),
                    None => assert_eq!(*expected, 0.5),
                }
            }
        }
    }
}

#[test]
fn passes_do_not_change_what_a_network_says() {
    let system = find("xrv-densenet121-res224-all").unwrap();
    let fixture = fixture("networks/xrv-densenet121-res224-all.json");
    let mut b = Builder::new();
    let outputs = system.network(&mut b, &Scope::recording()).unwrap();
    let options = Options { passes: Passes::none(), ..Options::new(pool()) };
    let mut plain = Network::compile(b.finish(&outputs), &options).unwrap();
    let x = Tensor::new(&[1, 1, 224, 224], image(224)).unwrap();
    let out = plain.run(&[&x]).unwrap();
    check("densenet121 logits, no passes", &out[0], &fixture["tensors"]["logits"], TOLERANCE);
}

#[test]
fn resnet50_gives_what_the_reference_gives() {
    let fixture = fixture("networks/xrv-resnet50-res512-all.json");
    let mut loaded = load("xrv-resnet50-res512-all", "");
    let out = loaded.run(&prepared(&[1, 1, 512, 512], image(512))).unwrap();
    check("resnet50 logits", &out[0], &fixture["tensors"]["logits"], TOLERANCE);
    check("resnet50 features", &out[1], &fixture["tensors"]["features"], TOLERANCE);
    check_grad_cams(&fixture, &out[1], &made("fc.weight", &[18, 2048]));
    check_scores(&systems::xrv_resnet50_res512_all::SYSTEM, out[0].data(), "out");
}

/// A quarter of the side: the whole network, a sixteenth of the work.
#[test]
fn pspnet_gives_what_the_reference_gives() {
    let fixture = fixture("networks/xrv-pspnet-anatomy.json");
    let system = find("xrv-pspnet-anatomy").unwrap();
    let folder = testkit::temp_dir("pspnet");
    // The published file's names begin with `module.`.
    let file = write_checkpoint(system, &folder.join("pspnet.pth"), "module.");
    let checkpoint = Checkpoint::open(&file, &Limits::default()).unwrap();
    let mut b = Builder::new();
    let x = b.input("image", &[1, 3, 128, 128]);
    let scope = checkpoint.scope();
    let (logits, _) = zoo::arch::pspnet::pspnet(&mut b, &scope, x, 14).unwrap();
    scope.finish(system.left_over()).unwrap();
    let options = Options::new(pool());
    let mut network = Network::compile(b.finish(&[("logits", logits)]), &options).unwrap();
    let channels = systems::xrv_pspnet_anatomy::three_channels(&image(128));
    let x = Tensor::new(&[1, 3, 128, 128], channels).unwrap();
    let out = network.run(&[&x]).unwrap();
    check("pspnet 128", &out[0], &fixture["tensors"]["out128"], TOLERANCE);
}

/// Through the reference's own wrapper: three channels, scaling, 512 × 512.
#[test]
fn pspnet_at_full_size_gives_what_the_reference_gives() {
    let fixture = fixture("networks/xrv-pspnet-anatomy.json");
    let mut loaded = load("xrv-pspnet-anatomy", "module.");
    let channels = systems::xrv_pspnet_anatomy::three_channels(&image(512));
    let out = loaded.run(&prepared(&[1, 3, 512, 512], channels)).unwrap();
    check("pspnet 512", &out[0], &fixture["tensors"]["out"], TOLERANCE);
}

#[test]
fn the_autoencoder_gives_what_the_reference_gives() {
    let fixture = fixture("networks/xrv-resnet101-autoencoder.json");
    let mut loaded = load("xrv-resnet101-autoencoder", "");
    let out = loaded.run(&prepared(&[1, 1, 224, 224], image(224))).unwrap();
    check("autoencoder code", &out[1], &fixture["tensors"]["z"], TOLERANCE);
    check("autoencoder image", &out[0], &fixture["tensors"]["out"], TOLERANCE);
    let error =
        systems::xrv_resnet101_autoencoder::reconstruction_error(&image(224), out[0].data());
    let expected = f64::from(floats(&fixture["tensors"]["error"]["value"])[0]);
    assert!((error / expected - 1.0).abs() < 1e-3, "{error} against {expected}");
}
