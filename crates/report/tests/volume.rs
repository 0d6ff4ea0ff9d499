//! What is written of a volume: it fits the published schema, and the page is as it was.
#![allow(clippy::unwrap_used)]

mod schema;

use base::{
    Affine, GeometrySource, Grid, Image, Lang, Laterality, Manifest, MeasuredStructure,
    Measurement, Modality, ModelRef, ModelRun, Note, PatientFacts, Picture, StructureDetails, Text,
    ValuePicture, ValueSummary, VolumeConsultation, VolumeFacts, VolumeReading, VoxelType,
};
use report::html::VolumePictures;
use serde_json::Value;

fn both(en: &str, zh: &str) -> Text {
    Text::filled(en.to_owned(), zh.to_owned())
}

fn consultation() -> VolumeConsultation {
    let structure = |name: &str, labels: &[u16], voxels: u64| MeasuredStructure {
        id: base::kebab(name),
        name: both(name, name),
        code: base::structure(name).and_then(|structure| structure.code),
        labels: labels.to_vec(),
        voxels,
        volume_ml: voxels as f64 * 0.0045,
        values: (voxels > 0).then_some(ValueSummary {
            mean: 41.25,
            sd: 11.5,
            min: -3.0,
            max: 90.0,
        }),
        centre_mm: (voxels > 0).then_some([12.5, -40.0, 7.75]),
        appraisal: None,
        details: (voxels > 100_000).then_some(StructureDetails {
            percentiles: [Some(1.5), Some(20.0), Some(40.0), Some(60.25), None],
            axes_mm: [150.0, 90.5, 60.0],
            extent_mm: [160.5, 120.0, 80.0],
            surface_mm2: Some(11_250.5),
            parts: 2,
            largest_part: 0.998,
        }),
    };
    let model = ModelRef {
        id: "organs".into(),
        name: both("organs", "organs"),
        weights_sha256: Some("ab".repeat(32)),
        placeholder_weights: false,
    };
    let run = ModelRun {
        id: "organs".into(),
        weights_file: None,
        weights_sha256: Some("ab".repeat(32)),
        container: Some("nnU-Net".into()),
        load_seconds: 0.25,
        run_seconds: 12.5,
        network_seconds: Some(11.25),
        planned_bytes: 1 << 30,
    };
    let reading = VolumeReading {
        model,
        structures: vec![
            structure("liver <left>", &[1], 310_000),
            structure("kidney, whole", &[2, 3], 40_000),
            structure("spleen", &[4], 0),
        ],
        mask: "segmentation.nii.gz".into(),
        files: vec!["segmentation.dcm".into()],
        boxes: (1..=31).map(found).collect(),
        values: vec![Measurement {
            id: "brain-volume",
            name: both("Brain volume", "脑体积"),
            value: 1234.5,
            unit: "mL",
            interval: None,
        }],
        notes: vec![Note::info(
            "names-as-given",
            base::words::segmentation::NAMES_AS_GIVEN.clone(),
        )],
        seconds: 12.5,
    };
    VolumeConsultation {
        case: VolumeFacts {
            name: "ct".into(),
            format: "NIfTI-1",
            bytes: 12_345_678,
            sha256: "cd".repeat(32),
            compressed: true,
            big_endian: false,
            stored: VoxelType::I16,
            geometry: GeometrySource::Sform,
            codes: Some((1, 1)),
            modality: Some(Modality::Ct),
            laterality: Some(Laterality::Left),
            device: None,
            patient: PatientFacts::default(),
            images: None,
            segments: Vec::new(),
            notes: vec![Note::warning("test", both("a warning", "警示"))],
        },
        grid: Grid { size: [120, 110, 80], affine: Affine::scaling([1.5, 1.5, 2.0]) },
        readings: vec![reading],
        notes: Vec::new(),
        manifest: Manifest {
            version: "0.0.0".into(),
            cpu: "portable".into(),
            threads: 2,
            created: "2026-01-02T03:04:05Z".into(),
            settings: Vec::new(),
            models: vec![run],
            decode_seconds: 0.5,
        },
    }
}

fn found(number: u16) -> base::VolumeBox {
    base::VolumeBox {
        id: "lung-nodule".into(),
        name: both("Lung nodule", "肺结节"),
        label: number,
        score: 0.9 - f32::from(number) / 64.0,
        centre_mm: [12.25, -34.5 + f64::from(number), 56.0],
        extent_mm: [6.5, 7.0, 8.75],
    }
}

#[test]
fn what_is_written_of_a_volume_fits_the_published_schema() {
    let published: Value = serde_json::from_str(report::schema()).unwrap();
    let pictures = ["segmentation.png".to_owned()];
    let document = report::volume::result(&consultation(), Some("report.html"), &pictures);
    assert_eq!(schema::violations(&published, &document), Vec::<String>::new());
    testkit::golden("crates/report/tests/golden/volume.json", &format!("{document:#}\n"));
}

fn values() -> ValuePicture {
    ValuePicture {
        name: "thickness",
        map: Image::gray(2, 2, vec![0.5, f32::NAN, 2.0, 4.0]).unwrap(),
        range: [0.0, 4.0],
        alt: both("thickness", "厚度"),
        caption: both("0 to 4 mm", "0～4 mm"),
    }
}

#[test]
fn the_table_and_the_pages_are_as_they_were() {
    let c = consultation();
    let planes = Picture::new(3, 2, 3, vec![7; 18]).unwrap();
    testkit::golden("crates/report/tests/golden/volume.csv", &report::volume::csv(&c));
    testkit::golden("crates/report/tests/golden/volume-boxes.csv", &report::volume::boxes_csv(&c));
    let table = report::volume::statistics_csv(&c);
    testkit::golden("crates/report/tests/golden/volume-statistics.csv", &table);
    for (lang, name) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
        let surfaces = Some(Picture::new(2, 2, 3, vec![90; 12]).unwrap());
        let pictures = VolumePictures { planes: planes.clone(), surfaces, values: vec![values()] };
        let page = report::html::volume_page(&c, &[pictures], lang);
        assert!(!page.contains("<left>") && page.contains("&lt;left&gt;"));
        testkit::golden(&format!("crates/report/tests/golden/volume.{name}.html"), &page);
    }
}
