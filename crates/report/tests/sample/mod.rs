//! Made-up consultations: a chest-like picture drawn in code, two or three models.
#![allow(dead_code)]

use base::words::findings as f;
use base::{
    Agreement, BodyPart, CaseFacts, Code, Consultation, ExplanationMap, ExplanationMethod,
    FileFacts, Finding, FindingBox, Image, Manifest, Mask, Measurement, Mm, Modality, ModelRef,
    ModelRun, Note, Opinion, OutOfDomain, PatientFacts, Picture, PixelSpacing, Reading, Rect,
    Refusal, Segment, Sex, SpacingSource, Text, View,
};

/// What a model says of one finding: what, score, operating point.
type Score = (&'static Code, f32, Option<f32>);

static ALL: [Score; 18] = [
    (&f::ATELECTASIS, 0.612, Some(0.5)),
    (&f::CONSOLIDATION, 0.431, Some(0.5)),
    (&f::INFILTRATION, 0.553, Some(0.5)),
    (&f::PNEUMOTHORAX, 0.071, Some(0.5)),
    (&f::EDEMA, 0.244, Some(0.5)),
    (&f::EMPHYSEMA, 0.121, Some(0.5)),
    (&f::FIBROSIS, 0.303, Some(0.5)),
    (&f::EFFUSION, 0.816, Some(0.5)),
    (&f::PNEUMONIA, 0.345, Some(0.5)),
    (&f::PLEURAL_THICKENING, 0.462, Some(0.5)),
    (&f::CARDIOMEGALY, 0.734, Some(0.5)),
    (&f::NODULE, 0.285, Some(0.5)),
    (&f::MASS, 0.163, Some(0.5)),
    (&f::HERNIA, 0.012, Some(0.5)),
    (&f::LUNG_LESION, 0.208, Some(0.5)),
    (&f::FRACTURE, 0.392, Some(0.5)),
    (&f::LUNG_OPACITY, 0.587, Some(0.5)),
    (&f::ENLARGED_CARDIOMEDIASTINUM, 0.449, Some(0.5)),
];

fn finding(&(code, score, threshold): &Score) -> Finding {
    Finding { code, score, calibrated: false, interval: None, threshold, side: None, site: None }
}

/// Inside an ellipse, in fractions of the picture.
fn ellipse(x: f32, y: f32, cx: f32, cy: f32, rx: f32, ry: f32) -> f32 {
    let (dx, dy) = ((x - cx) / rx, (y - cy) / ry);
    1.0 - (dx * dx + dy * dy)
}

fn shade(x: f32, y: f32) -> f32 {
    let soft = |value: f32, width: f32| (value / width).clamp(0.0, 1.0);
    let body = soft(ellipse(x, y, 0.5, 0.62, 0.52, 0.68), 0.12);
    let mut v = 0.04 + 0.62 * body;
    v -= 0.46 * soft(right_lung(x, y), 0.35);
    v -= 0.46 * soft(left_lung(x, y), 0.35);
    // Ribs.
    let arch = ((y * 17.0 + (x - 0.5) * (x - 0.5) * 14.0) * std::f32::consts::PI).sin();
    v += 0.05 * body * arch.max(0.0);
    v += 0.16 * soft(heart(x, y), 0.3);
    v += 0.20 * soft(1.0 - ((x - 0.5) / 0.045).abs(), 0.5) * body;
    v += 0.22 * soft(clavicle(x, y, 1.0).max(clavicle(x, y, -1.0)), 0.4);
    // Fluid in the patient's left costophrenic angle, at the right of the picture.
    v += 0.28 * soft(ellipse(x, y, 0.80, 0.80, 0.13, 0.10), 0.6);
    v
}

fn right_lung(x: f32, y: f32) -> f32 {
    ellipse(x, y, 0.30, 0.50, 0.165, 0.33).min((0.80 - y) * 6.0)
}

fn left_lung(x: f32, y: f32) -> f32 {
    ellipse(x, y, 0.70, 0.50, 0.165, 0.33).min((0.82 - y) * 6.0)
}

fn heart(x: f32, y: f32) -> f32 {
    ellipse(x, y, 0.555, 0.66, 0.17, 0.145)
}

fn clavicle(x: f32, y: f32, side: f32) -> f32 {
    let along = (x - 0.5) * side;
    if !(0.04..0.34).contains(&along) {
        return -1.0;
    }
    1.0 - ((y - 0.20 + 0.16 * along + 0.01 * (along * 20.0).sin()) / 0.016).abs()
}

/// A frontal film as a person sees it.
pub fn film(width: usize, height: usize) -> Picture {
    let mut noise = 0x2545_f491u32;
    let data = (0..width * height)
        .map(|i| {
            let x = (i % width) as f32 / width as f32;
            let y = (i / width) as f32 / height as f32;
            noise ^= noise << 13;
            noise ^= noise >> 17;
            noise ^= noise << 5;
            let grain = ((noise >> 24) as f32 - 128.0) / 5000.0;
            ((shade(x, y) + grain).clamp(0.0, 1.0) * 255.0) as u8
        })
        .collect();
    Picture::new(width, height, 1, data).unwrap()
}

fn mask(width: usize, height: usize, inside: impl Fn(f32, f32) -> f32) -> Mask {
    let bits = (0..width * height)
        .map(|i| {
            let x = (i % width) as f32 / width as f32;
            let y = (i / width) as f32 / height as f32;
            u8::from(inside(x, y) > 0.0)
        })
        .collect();
    Mask::new(width, height, bits).unwrap()
}

fn blob(
    code: &'static Code,
    at: (f32, f32),
    method: ExplanationMethod,
    covers: Rect,
) -> ExplanationMap {
    let data = (0..49)
        .map(|i| {
            let (x, y) = ((i % 7) as f32 - at.0, (i / 7) as f32 - at.1);
            (-(x * x + y * y) / 2.6).exp()
        })
        .collect();
    ExplanationMap { code, method, map: Image::gray(7, 7, data).unwrap(), covers }
}

fn case(width: usize, height: usize) -> CaseFacts {
    CaseFacts {
        name: "chest-0001".into(),
        file: FileFacts {
            format: "DICOM",
            bytes: 10_002_314,
            sha256: "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef".into(),
            transfer_syntax: Some(("1.2.840.10008.1.2.4.70".into(), "JPEG Lossless SV1".into())),
            photometric: Some("MONOCHROME1".into()),
            bits: (16, 12),
            signed: false,
        },
        size_px: (width, height, 1),
        modality: Some(Modality::Dx),
        body_part: Some(BodyPart::Chest),
        view: Some(View::Pa),
        laterality: None,
        spacing: Some(PixelSpacing {
            row: Mm(0.143),
            column: Mm(0.143),
            source: SpacingSource::ImagerPixelSpacing,
        }),
        patient: PatientFacts { age_years: Some(67), sex: Some(Sex::Female) },
        device: Some("Acme Radiology DX-1000".into()),
        notes: vec![Note::info(
            "monochrome1-inverted",
            Text::fixed(
                "Stored inverted (MONOCHROME1); shown upright.",
                "图像以反相存储（MONOCHROME1），已按常规灰阶显示。",
            ),
        )],
    }
}

fn run(id: &str, seconds: f64) -> ModelRun {
    ModelRun {
        id: id.into(),
        weights_file: Some(format!("{id}.pt")),
        weights_sha256: Some(
            "c775c9e77b0ec9fc9b1ab2e1d3b3b6a0d5c2f1e4a7b8c9d0e1f203142536abcd".into(),
        ),
        container: Some("pytorch-zip-module".into()),
        load_seconds: 0.084,
        run_seconds: seconds,
        network_seconds: None,
        planned_bytes: 19_400_000,
    }
}

fn model(id: &str, en: &str, zh: &str) -> ModelRef {
    ModelRef {
        id: id.into(),
        name: Text::filled(en, zh),
        weights_sha256: Some(
            "c775c9e77b0ec9fc9b1ab2e1d3b3b6a0d5c2f1e4a7b8c9d0e1f203142536abcd".into(),
        ),
        placeholder_weights: false,
    }
}

/// The panel's arithmetic, small.
pub fn opinion(readings: &[Reading]) -> Opinion {
    let mut findings: Vec<Agreement> = Vec::new();
    for found in readings.iter().flat_map(|reading| &reading.findings) {
        if findings.iter().any(|known| known.code == found.code) {
            continue;
        }
        let all: Vec<&Finding> =
            readings.iter().flat_map(|r| &r.findings).filter(|f| f.code == found.code).collect();
        let scores = all.iter().map(|f| f.score);
        findings.push(Agreement {
            code: found.code,
            mean_score: scores.clone().sum::<f32>() / all.len() as f32,
            range: (scores.clone().fold(1.0, f32::min), scores.fold(0.0, f32::max)),
            models: all.len(),
            positive: all.iter().filter(|f| f.positive() == Some(true)).count(),
            voting: all.iter().filter(|f| f.positive().is_some()).count(),
        });
    }
    findings.sort_by(|a, b| b.mean_score.total_cmp(&a.mean_score));
    let shared: Vec<_> = findings.iter().filter(|found| found.voting > 1).collect();
    let agreed = shared.iter().filter(|f| f.positive == 0 || f.positive == f.voting).count();
    let unanimity = (!shared.is_empty()).then(|| agreed as f32 / shared.len() as f32);
    Opinion { findings, unanimity, notes: Vec::new() }
}

/// Three models that answer and one that refuses, on a picture of the given size.
pub fn panel(width: usize, height: usize) -> Consultation {
    let (w, h) = (width as f32, height as f32);
    let square = Rect { x: 0.0, y: (h - w) / 2.0, width: w, height: w };
    let mut dense = Reading::empty(model(
        "densenet121-res224-all",
        "DenseNet121 (seven data sets)",
        "DenseNet121（七个数据集）",
    ));
    dense.findings = ALL.iter().map(finding).collect();
    dense.maps = vec![
        blob(&f::EFFUSION, (5.1, 4.9), ExplanationMethod::GradCam, square),
        blob(&f::CARDIOMEGALY, (3.5, 4.0), ExplanationMethod::GradCam, square),
        blob(&f::ATELECTASIS, (2.0, 4.4), ExplanationMethod::Occlusion, square),
    ];
    dense.notes = vec![
        Note::warning(
            "cropped",
            Text::fixed(
                "Only the central square was read; the margins above and below were not.",
                "仅读取图像中央正方形区域，上下边缘未读取。",
            ),
        ),
        Note::info("resized", Text::fixed("Reduced to 224 × 224.", "缩小至 224 × 224。")),
    ];
    dense.trust.out_of_domain = vec![OutOfDomain {
        score: 0.213,
        threshold: Some(0.35),
        method: Text::fixed("Reconstruction error of the autoencoder", "自编码器重建误差"),
    }];
    dense.seconds = 0.21;

    let mut chex = Reading::empty(model(
        "densenet121-res224-chex",
        "DenseNet121 (CheXpert)",
        "DenseNet121（CheXpert）",
    ));
    chex.findings = [0usize, 1, 3, 4, 7, 8, 10, 14, 15, 16, 17]
        .iter()
        .zip([0.44, 0.38, 0.12, 0.31, 0.77, 0.22, 0.58, 0.27, 0.41, 0.63, 0.52])
        .map(|(&at, score)| finding(&(ALL[at].0, score, Some(0.5))))
        .collect();

    let mut anatomy = Reading::empty(model("pspnet-chest", "PSPNet anatomy", "PSPNet 解剖分割"));
    let shapes: [(&'static Code, Mask); 5] = [
        (&f::RIGHT_LUNG, mask(width, height, |x, y| right_lung(x, y).min(0.9 - heart(x, y)))),
        (&f::LEFT_LUNG, mask(width, height, |x, y| left_lung(x, y).min(-heart(x, y)))),
        (&f::HEART, mask(width, height, heart)),
        (&f::RIGHT_CLAVICLE, mask(width, height, |x, y| clavicle(x, y, -1.0))),
        (&f::LEFT_CLAVICLE, mask(width, height, |x, y| clavicle(x, y, 1.0))),
    ];
    anatomy.segments = shapes
        .into_iter()
        .enumerate()
        .map(|(at, (code, mask))| Segment {
            code,
            label: at as u16 + 1,
            area_mm2: Some(mask.area_px() as f64 * 0.143 * 0.143),
            mean_score: Some(0.97 - at as f32 * 0.02),
            mask,
        })
        .collect();
    anatomy.values = vec![Measurement {
        id: "cardiothoracic-ratio",
        name: Text::fixed("Cardiothoracic ratio", "心胸比"),
        value: 0.5634,
        unit: "1",
        interval: None,
    }];

    let lateral = Reading::refused(
        model("bone-age", "Bone age", "骨龄评估"),
        Refusal {
            code: "wrong-body-part",
            reason: Text::fixed(
                "Reads the left hand only; this is a chest.",
                "仅适用于左手正位片，本例为胸部影像。",
            ),
        },
    );
    let readings = vec![dense, chex, anatomy, lateral];
    Consultation {
        case: case(width, height),
        picture: film(width, height),
        opinion: opinion(&readings),
        readings,
        notes: Vec::new(),
        manifest: Manifest {
            version: "0.1.0".into(),
            cpu: "avx2+fma".into(),
            threads: 2,
            created: "2026-01-02T03:04:05Z".into(),
            settings: vec![("explain".into(), "3".into())],
            models: vec![
                run("densenet121-res224-all", 0.21),
                run("densenet121-res224-chex", 0.20),
                run("pspnet-chest", 1.32),
            ],
            decode_seconds: 0.062,
        },
    }
}

/// One model on a picture file with placeholder weights; nothing else is known.
pub fn placeholder(width: usize, height: usize) -> Consultation {
    let mut c = panel(width, height);
    c.readings.truncate(1);
    c.readings[0].model.placeholder_weights = true;
    c.readings[0].model.weights_sha256 = None;
    c.readings[0].trust.out_of_domain[0].score = 0.5;
    c.readings[0].maps.truncate(1);
    c.readings[0].boxes = vec![FindingBox {
        code: &f::NODULE,
        score: 0.4,
        rect: Rect { x: 5.0, y: 6.0, width: 7.0, height: 8.0 },
    }];
    c.opinion = opinion(&c.readings);
    c.case = CaseFacts {
        modality: None,
        body_part: None,
        view: None,
        spacing: None,
        patient: PatientFacts::default(),
        device: None,
        notes: vec![],
        file: FileFacts {
            format: "PNG",
            transfer_syntax: None,
            photometric: None,
            bits: (8, 8),
            ..c.case.file
        },
        ..c.case
    };
    c.manifest.models.truncate(1);
    c.manifest.models[0].weights_file = None;
    c.manifest.models[0].weights_sha256 = None;
    c.manifest.settings.clear();
    c.notes = vec![Note::serious(
        "not-a-chest",
        Text::fixed("The picture may be no frontal chest X-ray.", "该图像可能不是胸部正位片。"),
    )];
    c
}

/// Everybody refuses.
pub fn refused(width: usize, height: usize) -> Consultation {
    let mut c = panel(width, height);
    c.readings.remove(0);
    c.readings.remove(0);
    c.readings.remove(0);
    c.opinion = Opinion::default();
    c
}
