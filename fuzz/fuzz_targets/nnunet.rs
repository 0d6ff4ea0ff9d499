//! Any bytes given as the settings of a trained nnU-Net model, of version 2 (JSON) or 1 (pickle), end in an error or
//! in a model, never a crash.
#![no_main]

use libfuzzer_sys::fuzz_target;
use zoo::nnunet::Trained;

fuzz_target!(|bytes: &[u8]| {
    let folder = std::env::temp_dir().join(format!("consilium-fuzz-nnunet-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(folder.join("fold_0")).expect("a folder to write to");
    // A 1 for version 1, the length of the first file, then both.
    let Some((version, rest)) = bytes.split_first() else { return };
    let Some((length, rest)) = rest.split_first_chunk::<4>() else { return };
    let cut = (u32::from_le_bytes(*length) as usize).min(rest.len());
    let names = match version {
        1 => ["plans.pkl", "fold_0/model_final_checkpoint.model.pkl"],
        _ => ["plans.json", "dataset.json"],
    };
    for (name, part) in names.into_iter().zip([&rest[..cut], &rest[cut..]]) {
        std::fs::write(folder.join(name), part).expect("a file to read from");
    }
    // A checkpoint that says what it was trained as.
    let text = |text: &str| engine::weights::Plain::Text(text.to_owned());
    let settings = vec![("configuration".to_owned(), text("3d_fullres"))];
    let beside = [("init_args".to_owned(), engine::weights::Plain::Table(settings))];
    let tensors = [("nothing".to_owned(), engine::Tensor::new(&[1], vec![0.0]).expect("a tensor"))];
    for name in ["fold_0/model_final_checkpoint.model", "fold_0/checkpoint_final.pth"] {
        engine::weights::write_pytorch_beside(&folder.join(name), "network_weights", &tensors, &beside)
            .expect("a checkpoint to read");
    }
    match Trained::open(&folder, None, None) {
        Ok(trained) => assert!(!trained.folds.is_empty()),
        Err(error) => assert!(!error.what().en().is_empty() && !error.what().zh().is_empty()),
    }
});
