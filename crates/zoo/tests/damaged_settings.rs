//! Settings of trained models, broken in every way that a thousand random changes find: a model or an error that names
//! the file, never a crash.
#![allow(clippy::unwrap_used)]

use engine::Tensor;
use engine::weights::{Plain, write_pytorch_beside};
use std::path::Path;
use zoo::nnunet::Trained;

/// Changes of each seed.
const ROUNDS: usize = 400;

struct Dice(u64);

impl Dice {
    /// From 0 to below `end` (Knuth's MMIX constants).
    fn below(&mut self, end: usize) -> usize {
        let (factor, step) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
        self.0 = self.0.wrapping_mul(factor).wrapping_add(step);
        (self.0 >> 33) as usize % end.max(1)
    }
}

/// Other bytes, other digits, pieces cut out or doubled.
fn broken(seed: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len());
        let end = bytes.len().min(at + 1 + dice.below(12));
        match dice.below(5) {
            0 if !bytes.is_empty() => bytes[at] = dice.below(256) as u8,
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => {
                let digits: Vec<usize> =
                    (0..bytes.len()).filter(|at| bytes[*at].is_ascii_digit()).collect();
                if !digits.is_empty() {
                    bytes[digits[dice.below(digits.len())]] = b'0' + dice.below(10) as u8;
                }
            }
        }
    }
    bytes
}

/// A model of these settings, as the fuzz target of the same name lays it down.
fn lay(folder: &Path, version: u8, parts: [&[u8]; 2]) {
    std::fs::create_dir_all(folder.join("fold_0")).unwrap();
    let (names, checkpoint) = match version {
        1 => (
            ["plans.pkl", "fold_0/model_final_checkpoint.model.pkl"],
            "model_final_checkpoint.model",
        ),
        _ => (["plans.json", "dataset.json"], "checkpoint_final.pth"),
    };
    for (name, part) in names.into_iter().zip(parts) {
        std::fs::write(folder.join(name), part).unwrap();
    }
    let text = Plain::Text("3d_fullres".to_owned());
    let settings = Plain::Table(vec![("configuration".to_owned(), text)]);
    let beside = [("init_args".to_owned(), settings)];
    let file = folder.join("fold_0").join(checkpoint);
    let tensors = [("nothing".to_owned(), Tensor::new(&[1], vec![0.0]).unwrap())];
    write_pytorch_beside(&file, "network_weights", &tensors, &beside).unwrap();
}

#[test]
fn damaged_settings_of_nnunet_never_panic() {
    let seeds = testkit::project_root().join("fuzz/seeds/nnunet");
    let mut dice = Dice(7);
    for entry in std::fs::read_dir(seeds).unwrap() {
        let (bytes, path) =
            (std::fs::read(entry.as_ref().unwrap().path()).unwrap(), entry.unwrap().path());
        let (version, rest) = (bytes[0], &bytes[5..]);
        let cut = u32::from_le_bytes(bytes[1..5].try_into().unwrap()) as usize;
        let (first, second) = rest.split_at(cut);
        let folder = testkit::temp_dir("damaged");
        lay(folder.path(), version, [first, second]);
        Trained::open(folder.path(), None, None).unwrap();
        let mut refused = 0;
        for round in 0..ROUNDS {
            let damaged = broken(if round % 2 == 0 { first } else { second }, &mut dice);
            let parts = if round % 2 == 0 { [&damaged[..], second] } else { [first, &damaged[..]] };
            lay(folder.path(), version, parts);
            if let Err(error) = Trained::open(folder.path(), None, None) {
                refused += 1;
                let names_it = error.path().is_some_and(|place| place.starts_with(folder.path()));
                assert!(names_it && !error.what().zh().is_empty(), "{}: {error}", path.display());
            }
        }
        assert!(refused > ROUNDS / 4, "{}: {refused} refused", path.display());
    }
}
