//! HD-BET 2 as its own code runs it on made-up weights (`tools/reference/hd_bet_v2.py` made the fixture).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::nnunet::Small;
use crate::common::{compute, fixture, integers, packed, scan};
use base::{Affine, Grid, Kind, Modality, Scale, Volume, Voxels};
use zoo::find_volume_system;
use zoo::volume_system::{VolumeCase, VolumeOptions, labels_of};

#[test]
fn a_real_head_is_read_as_the_original_reads_it_with_mirrored_copies_and_without() {
    let expected = fixture("systems/hd-bet-2.json");
    let Some(mut scan) = scan(expected["image"].as_str().unwrap()) else { return };
    let folder = testkit::temp_dir("hd-bet-2");
    let (plans, dataset) = (&expected["plans"], &expected["dataset"]);
    let mirror = integers(&expected["mirror"]);
    let head = expected["head"].as_f64().unwrap() as f32;
    let model = Small { dataset, plans, fold: "all", head, mirror: &mirror };
    model.write(&folder.join("release_v1.5.0"));
    testkit::zip(folder.path(), "release_v1.5.0", &folder.join("release_v1.5.0.zip"));
    let system = find_volume_system("hd-bet").unwrap();
    let bits = packed("systems/hd-bet-2.gz");
    let voxels = scan.volume.frame_len();
    let mut options = VolumeOptions::new(compute());
    for (number, place) in [(0, "release_v1.5.0"), (1, "release_v1.5.0.zip")] {
        options.mirror = number == 1;
        let mut reader = system.open(&folder.join(place), &options).unwrap();
        let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
        let answer = reader.read(&case, &mut |_, _| {}).unwrap();
        let own = &bits[number * voxels.div_ceil(8)..];
        crate::common::same_when_prepared(&mut *reader, case, &answer);
        let theirs = |n: usize| u16::from(own[n / 8] >> (7 - n % 8) & 1);
        // Of the same mask the original leaves the same image, byte for byte.
        let mask: Vec<u16> = (0..voxels).map(theirs).collect();
        let left = reader.strip(&scan.volume, &mask).unwrap();
        let mut crc = flate2::Crc::new();
        crc.update(&left.voxels().to_le_bytes());
        let stripped = &expected["stripped"][number];
        assert_eq!(left.voxels().voxel_type().name(), stripped["type"].as_str().unwrap());
        assert_eq!(u64::from(crc.sum()), stripped["crc32"].as_u64().unwrap());
        assert_eq!(left.grid(), scan.volume.grid());
        let labels = labels_of(&answer.map);
        let other = labels.iter().enumerate().filter(|(n, label)| **label != theirs(*n)).count();
        let brain = expected["voxels"][number].as_u64().unwrap() as usize;
        println!("{place}: {other} of {voxels} voxels differ, {brain} of brain");
        assert!(
            brain * 20 > voxels && brain * 20 < voxels * 19,
            "a mask of one label proves nothing"
        );
        assert!(other * 1000 < voxels, "{place}: {other} voxels differ");
        // The volume is that of the mask.
        let count = labels.iter().filter(|label| **label == 1).count() as f64;
        let size: f64 = scan.volume.spacing_mm().iter().product();
        assert!((answer.values[0].value - count * size / 1000.0).abs() < 1e-6 * count * size);
    }
    scan.facts.modality = Some(Modality::Ct);
    let mut reader = system.open(&folder.join("release_v1.5.0"), &options).unwrap();
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    assert_eq!(reader.read(&case, &mut |_, _| {}).unwrap_err().kind(), Kind::Refused);
    let empty = testkit::temp_dir("hd-bet-2-absent");
    let error = system.open(empty.path(), &options).err().unwrap().to_string();
    assert!(error.contains("release_v1.5.0.zip") && error.contains("zenodo"), "{error}");
}

#[test]
fn an_image_whose_numbers_are_scaled_is_left_with_the_original_s_values() {
    let scaled = &fixture("systems/hd-bet-2.json")["scaled"];
    let list = |key: &str| -> Vec<i64> {
        scaled[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as i64).collect()
    };
    let grid = Grid { size: [5, 4, 3], affine: Affine::scaling([1.0; 3]) };
    let stored = list("stored").into_iter().map(|value| value as i16).collect();
    let mut volume = Volume::new(grid, Voxels::I16(stored)).unwrap();
    let number = |key: &str| scaled[key].as_f64().unwrap();
    volume.scale = Some(Scale { slope: number("slope"), intercept: number("intercept") });
    let mask: Vec<u16> = list("mask").into_iter().map(|value| value as u16).collect();
    let left = zoo::stripped(&volume, &mask);
    let values: Vec<i64> = left.frame_f32(0).into_iter().map(|value| value as i64).collect();
    assert_eq!(values, list("values"));
}
