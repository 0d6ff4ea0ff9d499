//! Made-up weights open as published ones do, with whatever was asked for: what `bench` times.
#![allow(clippy::unwrap_used)]

use zoo::find_volume_system;
use zoo::volume_system::VolumeOptions;

#[test]
fn made_up_weights_open_as_published_ones() {
    for (id, chosen, files) in [
        ("hd-bet-1", "", "0.model 1.model 2.model 3.model 4.model"),
        ("hd-bet-1", "fast", "0.model"),
        ("oai-analysis", "", "segmentation_model.pth.tar"),
        ("synthseg", "", "synthseg_2.0.h5"),
        ("synthseg", "v1", "synthseg_1.0.h5"),
        ("synthseg", "robust qc", "synthseg_qc_2.0.h5 synthseg_robust_2.0.h5"),
        ("synthseg", "fast parc", "synthseg_2.0.h5 synthseg_parc_2.0.h5"),
    ] {
        let folder = testkit::temp_dir("made-up");
        let system = find_volume_system(id).unwrap();
        let mut options = VolumeOptions::new(crate::common::compute());
        options.chosen = chosen.split_whitespace().map(str::to_owned).collect();
        assert!(system.made_up(folder.path(), &options.chosen).unwrap(), "{id}:{chosen}");
        let mut written: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        written.sort();
        assert_eq!(written.join(" "), files, "{id}:{chosen}");
        let reader = system.open(folder.path(), &options).unwrap();
        assert_eq!(reader.sha256().unwrap().len(), 64, "{id}:{chosen}");
        // Of a file that is missing it is said which.
        std::fs::remove_file(folder.join(&written[0])).unwrap();
        let error = system.open(folder.path(), &options).err().unwrap().to_string();
        assert!(error.contains(&written[0]), "{id}:{chosen}: {error}");
    }
}
