//! A consultation as `result.json`.

use crate::artifacts::Artifacts;
use crate::number;
use crate::wire;
use base::words::report as words;
use base::{
    Code, Consultation, ExplanationMethod, Laterality, Measurement, Note, Rect, Severity, Sex,
    Side, SpacingSource, Text,
};

/// The published JSON Schema (draft 2020-12) of what [`result`] makes.
pub fn schema() -> &'static str {
    include_str!("../schema/consilium.result-1.schema.json")
}

/// The consultation in schema `consilium.result/1`. Floats are written with as many digits as they
/// have in their own precision; what is not a finite number becomes `null`.
pub fn result(consultation: &Consultation, artifacts: &Artifacts) -> serde_json::Value {
    let c = consultation;
    let document = wire::Document {
        schema: wire::SCHEMA,
        disclaimer: text(&words::DISCLAIMER),
        case: case(c),
        models: c.readings.iter().enumerate().map(|(i, r)| model(i, r, artifacts)).collect(),
        opinion: opinion(&c.opinion),
        notes: remarks(&c.notes),
        manifest: manifest(&c.manifest),
        files: wire::Files {
            report: artifacts.report.clone(),
            image: artifacts.image.clone(),
            anatomy: artifacts.anatomy.values().cloned().collect(),
            segmentations: Vec::new(),
        },
    };
    // Strings, numbers and lists only: there is nothing in it that cannot be written.
    serde_json::to_value(document).unwrap_or_default()
}

/// A [`result`] as the file holds it: indented, ending with a newline.
pub fn file_text(result: &serde_json::Value) -> String {
    format!("{result:#}\n")
}

fn case(c: &Consultation) -> wire::Case {
    let facts = &c.case;
    wire::Case {
        name: facts.name.clone(),
        file: wire::File {
            format: facts.file.format,
            bytes: facts.file.bytes,
            sha256: facts.file.sha256.clone(),
            transfer_syntax: facts
                .file
                .transfer_syntax
                .clone()
                .map(|(uid, name)| wire::TransferSyntax { uid, name }),
            photometric: facts.file.photometric.clone(),
            bits_allocated: facts.file.bits.0,
            bits_stored: facts.file.bits.1,
            signed: facts.file.signed,
        },
        columns: facts.size_px.0,
        rows: facts.size_px.1,
        frames: facts.size_px.2,
        modality: facts.modality.as_ref().map(|m| m.code().to_owned()),
        body_part: facts.body_part.as_ref().map(|part| part.code().to_owned()),
        view: facts.view.as_ref().map(|v| v.code().to_owned()),
        laterality: facts.laterality.map(laterality),
        pixel_spacing: facts.spacing.map(|spacing| wire::Spacing {
            row_mm: number::of_f64(spacing.row.0, 6),
            column_mm: number::of_f64(spacing.column.0, 6),
            source: spacing_source(spacing.source),
        }),
        patient: wire::Patient {
            age_years: facts.patient.age_years,
            sex: facts.patient.sex.map(sex),
        },
        device: facts.device.clone(),
        notes: remarks(&facts.notes),
    }
}

fn model(
    index: usize,
    reading: &base::Reading,
    artifacts: &Artifacts,
) -> wire::Model<wire::Segment, wire::FindingBox> {
    wire::Model {
        id: reading.model.id.clone(),
        name: text(&reading.model.name),
        weights_sha256: reading.model.weights_sha256.clone(),
        placeholder_weights: reading.model.placeholder_weights,
        refused: reading
            .refused
            .as_ref()
            .map(|refusal| wire::Refused { code: refusal.code, reason: text(&refusal.reason) }),
        findings: reading.findings.iter().map(finding).collect(),
        segments: (reading.segments.iter().enumerate())
            .map(|(at, segment)| wire::Segment {
                code: segment.code.id,
                name: text(&segment.code.name),
                label: segment.label,
                volume_ml: None,
                mask: artifacts.masks.get(&(index, at)).cloned(),
                statistics: wire::Statistics {
                    area_mm2: segment.area_mm2.and_then(|area| number::of_f64(area, 2)),
                    area_px: segment.mask.area_px(),
                    mean_score: segment.mean_score.and_then(number::of_f32),
                },
            })
            .collect(),
        boxes: (reading.boxes.iter())
            .map(|found| wire::FindingBox {
                code: found.code.id,
                name: text(&found.code.name),
                score: number::of_f32(found.score),
                rect: rect(found.rect),
            })
            .collect(),
        values: reading.values.iter().map(value).collect(),
        text: reading.text.clone(),
        trust: wire::Trust {
            uncertainty: reading.trust.uncertainty.and_then(number::of_f32),
            out_of_domain: (reading.trust.out_of_domain.iter())
                .map(|sign| wire::OutOfDomain {
                    score: number::of_f32(sign.score),
                    threshold: sign.threshold.and_then(number::of_f32),
                    exceeded: sign.threshold.map(|threshold| sign.score >= threshold),
                    method: text(&sign.method),
                })
                .collect(),
        },
        explanations: (reading.maps.iter().enumerate())
            .map(|(at, map)| wire::Explanation {
                code: map.code.id,
                name: text(&map.code.name),
                method: method(map.method),
                covers: rect(map.covers),
                picture: artifacts.explanations.get(&(index, at)).cloned(),
            })
            .collect(),
        notes: remarks(&reading.notes),
        seconds: number::of_f64(reading.seconds, 4),
    }
}

fn finding(finding: &base::Finding) -> wire::Finding {
    wire::Finding {
        code: finding.code.id,
        name: text(&finding.code.name),
        coding: finding
            .code
            .coding
            .map(|coding| wire::Coding { scheme: coding.scheme, value: coding.value }),
        score: number::of_f32(finding.score),
        calibrated: finding.calibrated,
        interval: finding.interval.map(|(low, high)| [number::of_f32(low), number::of_f32(high)]),
        threshold: finding.threshold.and_then(number::of_f32),
        positive: finding.positive(),
        side: finding.side.map(side),
        site: finding.site.map(site),
    }
}

fn site(code: &Code) -> wire::Site {
    wire::Site { code: code.id, name: text(&code.name) }
}

fn opinion(opinion: &base::Opinion) -> wire::Opinion {
    wire::Opinion {
        findings: (opinion.findings.iter())
            .map(|found| wire::OpinionFinding {
                code: found.code.id,
                name: text(&found.code.name),
                mean_score: number::of_f32(found.mean_score),
                agreement: wire::Agreement {
                    models: found.models,
                    voting: found.voting,
                    positive: found.positive,
                    lowest_score: number::of_f32(found.range.0),
                    highest_score: number::of_f32(found.range.1),
                },
            })
            .collect(),
        unanimity: opinion.unanimity.and_then(number::of_f32),
        notes: remarks(&opinion.notes),
    }
}

pub(crate) fn manifest(manifest: &base::Manifest) -> wire::Manifest {
    wire::Manifest {
        program: "consilium",
        version: manifest.version.clone(),
        created: manifest.created.clone(),
        cpu: manifest.cpu.clone(),
        threads: manifest.threads,
        settings: manifest.settings.iter().cloned().collect(),
        decode_seconds: number::of_f64(manifest.decode_seconds, 4),
        models: (manifest.models.iter())
            .map(|run| wire::ModelRun {
                id: run.id.clone(),
                weights_file: run.weights_file.clone(),
                weights_sha256: run.weights_sha256.clone(),
                container: run.container.clone(),
                load_seconds: number::of_f64(run.load_seconds, 4),
                run_seconds: number::of_f64(run.run_seconds, 4),
                network_seconds: run.network_seconds.and_then(|s| number::of_f64(s, 4)),
                planned_bytes: run.planned_bytes,
            })
            .collect(),
    }
}

pub(crate) fn remarks(notes: &[Note]) -> Vec<wire::Remark> {
    notes
        .iter()
        .map(|note| wire::Remark {
            code: note.code,
            severity: match note.severity {
                Severity::Info => "info",
                Severity::Warning => "warning",
                Severity::Serious => "serious",
            },
            text: text(&note.text),
        })
        .collect()
}

pub(crate) fn text(text: &Text) -> wire::Words {
    wire::Words { en: text.en().to_owned(), zh: text.zh().to_owned() }
}

fn rect(rect: Rect) -> wire::Rect {
    wire::Rect {
        x: number::of_f32(rect.x),
        y: number::of_f32(rect.y),
        width: number::of_f32(rect.width),
        height: number::of_f32(rect.height),
    }
}

pub(crate) fn laterality(laterality: Laterality) -> &'static str {
    match laterality {
        Laterality::Right => "right",
        Laterality::Left => "left",
        Laterality::Both => "both",
    }
}

fn sex(sex: Sex) -> &'static str {
    match sex {
        Sex::Female => "female",
        Sex::Male => "male",
        Sex::Other => "other",
    }
}

fn side(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
        Side::Both => "both",
    }
}

fn spacing_source(source: SpacingSource) -> &'static str {
    match source {
        SpacingSource::PixelSpacing => "pixel-spacing",
        SpacingSource::ImagerPixelSpacing => "imager-pixel-spacing",
        SpacingSource::NominalScannedPixelSpacing => "nominal-scanned-pixel-spacing",
        SpacingSource::PictureResolution => "picture-resolution",
    }
}

fn method(method: ExplanationMethod) -> &'static str {
    match method {
        ExplanationMethod::GradCam => "grad-cam",
        ExplanationMethod::Occlusion => "occlusion",
    }
}

/// A number with its unit.
pub(crate) fn value(value: &Measurement) -> wire::Value {
    wire::Value {
        code: value.id,
        name: text(&value.name),
        value: number::of_f64(value.value, 6),
        unit: value.unit,
        interval: value
            .interval
            .map(|(low, high)| [number::of_f64(low, 6), number::of_f64(high, 6)]),
    }
}
