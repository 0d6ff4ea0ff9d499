//! TotalSpineSeg's counting of discs and vertebrae, and all that stands between its networks, as its own code
//! does it (`tools/reference/totalspineseg.py` made the fixtures).
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use crate::common::{compute, fixture, floats, integers, packed_labels, pool, relative_error};
use base::{Affine, Grid, Kind, Modality, Volume, Voxels};
use imaging::volumes::{self, Scan};
use serde_json::Value;
use std::path::Path;
use zoo::find_volume_system;
use zoo::systems::totalspineseg::label::{FIRST, SECOND, label};
use zoo::systems::totalspineseg::masks::{fill_canal, largest_piece};
use zoo::systems::totalspineseg::soft::Gathered;
use zoo::systems::totalspineseg::{Asked, Labelled, grid, label_spine, localizer};
use zoo::volume_system::{Shares, VolumeCase, VolumeOptions, labels_of};

/// A label map `[x][y][z]` of the fixtures.
fn stored(file: &Value) -> Vec<u16> {
    packed_labels(&format!("systems/{}", file.as_str().unwrap()))
}

#[test]
fn spines_are_counted_as_the_original_counts_them() {
    let mut told = 0;
    for case in fixture("systems/totalspineseg.json")["labelled"].as_array().unwrap() {
        let name = format!("{} {}", case["name"].as_str().unwrap(), case["step"]);
        let step = if case["step"] == 0 { FIRST } else { SECOND };
        let shape: [usize; 3] = integers(&case["shape"]).try_into().unwrap();
        let mut labels = stored(&case["raw"]);
        largest_piece(&mut labels, shape);
        told += usize::from(!answered(&name, case, label(&labels, shape, &step, None), shape));
    }
    assert_eq!(told, 6);
}

/// Whether a case is answered: then as the original does it, else refused as there.
fn answered(
    name: &str,
    case: &Value,
    answer: Result<Vec<u16>, base::Text>,
    shape: [usize; 3],
) -> bool {
    if case["answer"].is_null() {
        assert!(!answer.unwrap_err().get(base::Lang::En).is_empty(), "{name}");
        return false;
    }
    let mut answer = answer.unwrap();
    fill_canal(&mut answer, shape);
    let expected = stored(&case["answer"]);
    let other = answer.iter().zip(&expected).filter(|(a, b)| a != b).count();
    println!("{name}: {other} of {} voxels differ", expected.len());
    assert_eq!(other, 0, "{name}");
    true
}

/// `[x][y][z]` of a volume whose axes point to the right, forward and up, as its voxels.
fn as_volume(labels: &[u16], like: &Volume) -> Volume {
    let [nx, ny, nz] = like.size();
    let of = |at: usize| labels[(at % nx * ny + at / nx % ny) * nz + at / (nx * ny)];
    like.on_same_grid(Voxels::U16((0..labels.len()).map(of).collect())).unwrap()
}

/// The same the other way.
fn as_labels(values: &[f32], [nx, ny, nz]: [usize; 3]) -> Vec<f32> {
    let of = |at: usize| values[(at % nz * ny + at / nz % ny) * nx + at / (nz * ny)];
    (0..values.len()).map(of).collect()
}

fn scan() -> Option<(Scan, Value)> {
    let case = fixture("systems/totalspineseg.json")["read"].clone();
    let path = testkit::data(case["image"].as_str().unwrap())?;
    Some((volumes::read(&path, &imaging::Limits::default()).unwrap(), case))
}

#[test]
fn a_scan_is_brought_to_one_millimetre_as_torchio_does() {
    let Some((scan, case)) = scan() else { return };
    let image = grid::at_one_mm(&pool(), &scan.volume).unwrap();
    let values = as_labels(&image.frame_f32(0), image.size());
    let error = relative_error(&values, &image.size(), &case["input"]);
    println!("{error:.1e}");
    // Of whole numbers a few in a hundred lie so near the next one that it is a matter of the last bit of ITK's
    // coordinates which of both they are cut off to.
    assert!(error < 5e-3, "{error:.1e}");
    let expected = floats(&case["input"]["value"]);
    let far = |k: usize| (values[k * (values.len() - 1) / 2999] - expected[k]).abs() > 1.0;
    assert_eq!((0..3000).filter(|k| far(*k)).count(), 0);
    for (ours, theirs) in image.affine().rows().iter().zip(case["affine"].as_array().unwrap()) {
        for (ours, theirs) in ours.iter().zip(floats(theirs)) {
            assert!((*ours as f32 - theirs).abs() < 1e-3, "{:?}", image.affine());
        }
    }
}

#[test]
fn a_scan_goes_through_both_steps_as_the_originals_does() {
    let Some((scan, case)) = scan() else { return };
    let size = |key: &str| -> [usize; 3] { integers(&case[key]).try_into().unwrap() };
    let mut network = |step: usize, images: &[&Volume]| {
        let raw = if step == 0 { "first" } else { "second" };
        if step == 1 {
            assert_eq!(images[0].size(), size("cropped"));
            let origin = floats(&case["origin"]);
            for (ours, theirs) in images[0].affine().origin_mm().iter().zip(origin) {
                assert!((*ours as f32 - theirs).abs() < 1e-3);
            }
            let discs = as_volume(&stored(&case["discs"]), images[0]);
            assert_eq!(labels_of(images[1]), labels_of(&discs));
        }
        Ok(as_volume(&stored(&case[raw]), images[0]))
    };
    for (key, first_only) in [("final", false), ("alone", true)] {
        let asked = Asked { first_only, localizer: None };
        let Labelled { map, why, first } =
            label_spine(&pool(), &scan.volume, asked, &mut network).unwrap();
        assert_eq!(why, None);
        if first_only {
            soft_maps_are_the_originals(&first.unwrap(), &scan.volume, &case["soft"]);
        }
        assert_eq!(map.affine(), scan.volume.affine());
        // The original's map is [i][j][k].
        let expected = labels_of(&as_volume(&stored(&case[key]), &scan.volume));
        let labels = labels_of(&map);
        let other = labels.iter().zip(&expected).filter(|(a, b)| a != b).count();
        let marked = expected.iter().filter(|label| **label > 0).count();
        println!("{key}: {other} voxels differ, {marked} are marked");
        assert!(other * 2000 < marked, "{key}: {other} of {marked}");
    }
    let mut nothing = |_: usize, images: &[&Volume]| {
        Ok(images[0].on_same_grid(Voxels::U8(vec![0; images[0].frame_len()])).unwrap())
    };
    let Labelled { map, why, .. } =
        label_spine(&pool(), &scan.volume, Asked::default(), &mut nothing).unwrap();
    assert!(why.is_some() && labels_of(&map).iter().all(|label| *label == 0));
    assert_eq!(map.size(), scan.volume.size());
}

/// Cord and canal of made-up shares, near the labels of step 1, on the scan's grid.
fn soft_maps_are_the_originals(first: &Volume, scan: &Volume, expected: &Value) {
    let mut gathered = Gathered::default();
    let [nx, ny, nz] = first.size();
    gathered.begin(first.grid(), 9).unwrap();
    for z in 0..nz {
        let share = |at: usize| {
            let (class, y, x) = (at / (nx * ny), at / nx % ny, at % nx);
            ((class * 611 + z * 7919 + y * 104_729 + x * 1_299_709) % 2049) as f32 / 2048.0
        };
        gathered.plane(&(0..9 * nx * ny).map(share).collect::<Vec<f32>>()).unwrap();
    }
    let maps = gathered.on(&pool(), first, scan.grid()).unwrap();
    for (map, name) in maps.iter().zip(["cord", "canal"]) {
        // The original's map is [i][j][k].
        let [ni, nj, nk] = scan.size();
        let of = |at: usize| map[(at % nk * nj + at / nk % nj) * ni + at / (nk * nj)];
        let values: Vec<f32> = (0..map.len()).map(of).collect();
        let indices = integers(&expected[name]["at"]);
        let wanted = floats(&expected[name]["value"]);
        let far = |(at, wanted): (&usize, &f32)| (values[*at] - wanted).abs();
        let worst = indices.iter().zip(&wanted).map(far).fold(0.0, f32::max);
        let sum: f64 = values.iter().map(|value| f64::from(*value)).sum();
        let theirs = expected[name]["sum"].as_f64().unwrap();
        println!("{name}: {worst:.1e} at {} voxels, sum {sum:.2} {theirs:.2}", wanted.len());
        assert!(
            worst < 1e-3 && (sum / theirs - 1.0).abs() < 1e-4,
            "{name}: {worst} {sum} {theirs}"
        );
    }
}

#[test]
fn levels_are_counted_from_a_localizer_as_the_original_counts_them() {
    let mut told = 0;
    for case in fixture("systems/totalspineseg.json")["localized"].as_array().unwrap() {
        let name = format!("{} {}", case["name"].as_str().unwrap(), case["step"]);
        let step = if case["step"] == 0 { FIRST } else { SECOND };
        let shape: [usize; 3] = integers(&case["shape"]).try_into().unwrap();
        let affine = |scale: f64, shift: [f64; 3]| {
            let row = |axis: usize| {
                let mut row = [0.0, 0.0, 0.0, shift[axis]];
                row[axis] = scale;
                row
            };
            Affine::new([row(0), row(1), row(2)])
        };
        let placed = |size: [usize; 3], affine: Affine| {
            let voxels = Voxels::U8(vec![0; size.iter().product()]);
            Volume::new(Grid { size, affine }, voxels).unwrap()
        };
        let image = placed(shape, affine(1.0, [0.0; 3]));
        let size: [usize; 3] = integers(&case["size"]).try_into().unwrap();
        let shift = floats(&case["shift"]);
        let shift = [0, 1, 2].map(|axis: usize| f64::from(shift[axis]));
        let scale = case["scale"].as_f64().unwrap();
        let shown = as_volume(&stored(&case["localizer"]), &placed(size, affine(scale, shift)));
        // Labels may be stored as any type.
        let shown = shown.on_same_grid(Voxels::F32(shown.frame_f32(0))).unwrap();
        let seen = localizer::beside(&pool(), &shown, &image).unwrap();
        let mut labels = stored(&case["raw"]);
        largest_piece(&mut labels, shape);
        let answer = label(&labels, shape, &step, Some(&seen));
        told += usize::from(!answered(&name, case, answer, shape));
    }
    assert_eq!(told, 6);
}

/// Models of the published shape but small, below a folder as the original keeps them.
fn write_models(root: &Path) {
    let system = find_volume_system("totalspineseg").unwrap();
    let full = testkit::temp_dir("totalspineseg-full");
    assert!(system.made_up(full.path(), &[]).unwrap());
    for name in
        ["Dataset101_TotalSpineSeg_step1_r20251124", "Dataset102_TotalSpineSeg_step2_r20251124"]
    {
        crate::common::nnunet::shrink(&full.join(name), &root.join(name));
    }
}

#[test]
fn two_networks_of_regions_read_a_scan_one_after_the_other() {
    let Some((mut scan, _)) = scan() else { return };
    let folder = testkit::temp_dir("totalspineseg");
    let system = find_volume_system("totalspineseg").unwrap();
    let mut options = VolumeOptions::new(compute());
    let error = system.open(folder.path(), &options).err().unwrap();
    assert!(error.to_string().contains("Dataset101_TotalSpineSeg_step1_r20251124.zip"), "{error}");
    write_models(&folder.join("nnUNet/results/r20251124"));
    let mut reader = system.open(folder.path(), &options).unwrap();
    assert!(reader.need_bytes(&scan.volume).unwrap() > 1 << 20);
    // CT as well as MRI, and the mean of frames; levels may be counted from a localizer.
    assert!(reader.images() == ["image"] && reader.averages_frames());
    reader.give_labels(Some(scan.volume.clone())).unwrap();
    reader.give_labels(None).unwrap();
    let read = |reader: &mut dyn zoo::VolumeReader, scan: &Scan| {
        let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
        reader.read(&case, &mut |done, total| assert!(done <= total))
    };
    // Made-up networks see no spine that can be counted, and it is said so.
    let answer = read(&mut *reader, &scan).unwrap();
    assert_eq!(answer.map.size(), scan.volume.size());
    let case = VolumeCase { volumes: &[&scan.volume], facts: &scan.facts, prepared: None };
    crate::common::same_when_prepared(&mut *reader, case, &answer);
    let empty = labels_of(&answer.map).iter().all(|label| *label == 0);
    assert_eq!(
        empty,
        answer.notes.iter().any(|note| note.code == "not-counted"),
        "{:?}",
        answer.notes
    );
    assert!(reader.network_time().unwrap().as_nanos() > 0);
    // The best checkpoint goes before the last.
    let fold = folder
        .join("nnUNet/results/r20251124/Dataset102_TotalSpineSeg_step2_r20251124")
        .join("nnUNetTrainer__nnUNetPlans__3d_fullres/fold_0");
    std::fs::write(fold.join("checkpoint_best.pth"), b"nothing").unwrap();
    let error = system.open(folder.path(), &options).err().unwrap().to_string();
    assert!(error.contains("checkpoint_best.pth"), "{error}");
    // The first step alone does not need the second.
    options.chosen = vec!["step1".into()];
    let mut reader = system.open(folder.path(), &options).unwrap();
    read(&mut *reader, &scan).unwrap();
    scan.facts.modality = Some(Modality::Us);
    assert_eq!(read(&mut *reader, &scan).unwrap_err().kind(), Kind::Refused);
}
