//! A consultation about a volume as `result.json` and as a table.

use crate::json::{laterality, manifest, remarks, text, value};
use crate::number::of_f64;
use crate::wire;
use base::words::report as words;
use base::{
    Concept, MeasuredStructure, SegmentCode, StructureDetails, VolumeBox, VolumeConsultation,
    VolumeReading,
};
use std::fmt::Write as _;

/// The consultation in schema `consilium.result/1`. `pictures` are the names of the readings' pictures.
pub fn result(
    c: &VolumeConsultation,
    report: Option<&str>,
    pictures: &[String],
) -> serde_json::Value {
    let document = wire::Document {
        schema: wire::SCHEMA,
        disclaimer: text(&words::DISCLAIMER),
        case: case(c),
        models: c.readings.iter().map(model).collect(),
        opinion: wire::Opinion { findings: Vec::new(), unanimity: None, notes: Vec::new() },
        notes: remarks(&c.notes),
        manifest: manifest(&c.manifest),
        files: wire::Files {
            report: report.map(str::to_owned),
            image: None,
            anatomy: pictures.to_vec(),
            segmentations: c
                .readings
                .iter()
                .flat_map(|reading| std::iter::once(&reading.mask).chain(&reading.files))
                .cloned()
                .collect(),
        },
    };
    serde_json::to_value(document).unwrap_or_default()
}

fn case(c: &VolumeConsultation) -> wire::VolumeCase {
    let [columns, rows, frames] = c.grid.size;
    let case = wire::Case {
        name: c.case.name.clone(),
        file: wire::File {
            format: c.case.format,
            bytes: c.case.bytes,
            sha256: c.case.sha256.clone(),
            transfer_syntax: None,
            photometric: None,
            bits_allocated: c.case.stored.bytes() as u16 * 8,
            bits_stored: c.case.stored.bytes() as u16 * 8,
            signed: !c.case.stored.name().starts_with('u'),
        },
        columns,
        rows,
        frames,
        modality: c.case.modality.as_ref().map(|modality| modality.code().to_owned()),
        body_part: None,
        view: None,
        laterality: c.case.laterality.map(laterality),
        pixel_spacing: None,
        patient: wire::Patient { age_years: None, sex: None },
        device: c.case.device.clone(),
        notes: remarks(&c.case.notes),
    };
    let volume = wire::VolumeGrid {
        spacing_mm: c.grid.spacing_mm().map(|mm| of_f64(mm, 6)),
        affine_ras_mm: c.grid.affine.matrix().map(|row| row.map(|x| of_f64(x, 6))),
        orientation: c.grid.affine.orientation().to_string(),
        geometry: c.case.geometry.name(),
    };
    wire::VolumeCase { case, volume }
}

fn model(reading: &VolumeReading) -> wire::Model<wire::VolumeSegment, wire::VolumeBox> {
    wire::Model {
        id: reading.model.id.clone(),
        name: text(&reading.model.name),
        weights_sha256: reading.model.weights_sha256.clone(),
        placeholder_weights: reading.model.placeholder_weights,
        refused: None,
        findings: Vec::new(),
        segments: reading.structures.iter().map(|s| segment(s, &reading.mask)).collect(),
        boxes: reading.boxes.iter().map(found).collect(),
        values: reading.values.iter().map(value).collect(),
        text: None,
        trust: wire::Trust { uncertainty: None, out_of_domain: Vec::new() },
        explanations: Vec::new(),
        notes: remarks(&reading.notes),
        seconds: of_f64(reading.seconds, 4),
    }
}

fn found(found: &VolumeBox) -> wire::VolumeBox {
    wire::VolumeBox {
        code: found.id.clone(),
        name: text(&found.name),
        score: of_f64(f64::from(found.score), 6),
        label: found.label,
        centre_ras_mm: found.centre_mm.map(|mm| of_f64(mm, 4)),
        extent_ras_mm: found.extent_mm.map(|mm| of_f64(mm, 4)),
    }
}

/// The boxes of all models as RFC 4180 lines.
pub fn boxes_csv(c: &VolumeConsultation) -> String {
    let mut out = String::from(
        "case,model,finding,label,score,centre_r_mm,centre_a_mm,centre_s_mm,extent_r_mm,extent_a_mm,extent_s_mm\r\n",
    );
    let cell = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
    for reading in &c.readings {
        for found in &reading.boxes {
            let names = [&c.case.name, &reading.model.id, found.name.en()].map(quoted).join(",");
            let score = cell(of_f64(f64::from(found.score), 6));
            let place = found.centre_mm.iter().chain(&found.extent_mm);
            let place: Vec<String> = place.map(|mm| cell(of_f64(*mm, 4))).collect();
            let _ = write!(out, "{names},{},{score},{}\r\n", found.label, place.join(","));
        }
    }
    out
}

fn segment(structure: &MeasuredStructure, mask: &str) -> wire::VolumeSegment {
    let values = structure.values;
    let value = |of: fn(&base::ValueSummary) -> f64| values.as_ref().and_then(|v| of_f64(of(v), 4));
    wire::VolumeSegment {
        code: structure.id.clone(),
        name: text(&structure.name),
        coding: structure.code.as_ref().map(coding),
        label: structure.labels.first().copied().unwrap_or(0),
        labels: structure.labels.clone(),
        volume_ml: structure.shown_volume_ml().and_then(|ml| of_f64(ml, 6)),
        mask: Some(mask.to_owned()),
        statistics: wire::VolumeStatistics {
            voxels: structure.voxels,
            mean: value(|v| v.mean),
            sd: value(|v| v.sd),
            min: value(|v| v.min),
            max: value(|v| v.max),
            centre_ras_mm: structure.centre_mm.map(|at| at.map(|mm| of_f64(mm, 3))),
            details: structure.details.as_ref().map(details),
            appraisal: structure.appraisal.map(|found| wire::Appraisal {
                quality: of_f64(f64::from(found.quality), 4),
                withheld: found.withheld,
                share_of_intracranial: found.share.and_then(|share| of_f64(share, 6)),
                asymmetry: found.asymmetry.and_then(|difference| of_f64(difference, 6)),
            }),
        },
    }
}

fn details(details: &StructureDetails) -> wire::StructureDetails {
    let [p5, p25, median, p75, p95] = details.percentiles.map(|v| v.and_then(|v| of_f64(v, 4)));
    wire::StructureDetails {
        p5,
        p25,
        median,
        p75,
        p95,
        axes_mm: details.axes_mm.map(|mm| of_f64(mm, 3)),
        extent_mm: details.extent_mm.map(|mm| of_f64(mm, 3)),
        surface_mm2: details.surface_mm2.and_then(|area| of_f64(area, 3)),
        parts: details.parts,
        largest_part: of_f64(details.largest_part, 6),
    }
}

/// The details of all structures that were found as RFC 4180 lines.
pub fn statistics_csv(c: &VolumeConsultation) -> String {
    let mut out = String::from(
        "case,model,structure,p5,p25,median,p75,p95,axis_1_mm,axis_2_mm,axis_3_mm,extent_i_mm,extent_j_mm,extent_k_mm,surface_mm2,parts,largest_part\r\n",
    );
    let cell = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
    for reading in &c.readings {
        for s in &reading.structures {
            let Some(details) = &s.details else { continue };
            let names = [&c.case.name, &reading.model.id, s.name.en()].map(quoted);
            let values = details.percentiles.map(|v| cell(v.and_then(|v| of_f64(v, 4))));
            let axes = details.axes_mm.map(|mm| cell(of_f64(mm, 3)));
            let extent = details.extent_mm.map(|mm| cell(of_f64(mm, 3)));
            let surface = [cell(details.surface_mm2.and_then(|area| of_f64(area, 3)))];
            let cells = [&names[..], &values, &axes, &extent, &surface].concat().join(",");
            let largest = cell(of_f64(details.largest_part, 6));
            let _ = write!(out, "{cells},{},{largest}\r\n", details.parts);
        }
    }
    out
}

fn coding(code: &SegmentCode) -> wire::SegmentCoding {
    let concept = |concept: &Concept| wire::Concept {
        scheme: concept.scheme.to_string(),
        value: concept.value.to_string(),
        meaning: concept.meaning.to_string(),
    };
    wire::SegmentCoding {
        category: concept(&code.category),
        r#type: concept(&code.kind),
        modifier: code.modifier.as_ref().map(concept),
        region: code.region.as_ref().map(concept),
    }
}

/// All structures of all models as RFC 4180 lines, for a spreadsheet.
pub fn csv(c: &VolumeConsultation) -> String {
    let mut out = String::from(
        "case,model,structure,labels,voxels,volume_ml,mean,sd,min,max,centre_r_mm,centre_a_mm,centre_s_mm\r\n",
    );
    let cell = |value: Option<f64>| value.map(|v| v.to_string()).unwrap_or_default();
    for reading in &c.readings {
        for s in &reading.structures {
            let labels: Vec<String> = s.labels.iter().map(u16::to_string).collect();
            let values = s.values.map(|v| [v.mean, v.sd, v.min, v.max]);
            let mut numbers: Vec<String> =
                vec![cell(s.shown_volume_ml().and_then(|ml| of_f64(ml, 6)))];
            numbers.extend((0..4).map(|n| cell(values.and_then(|v| of_f64(v[n], 4)))));
            numbers.extend((0..3).map(|n| cell(s.centre_mm.and_then(|v| of_f64(v[n], 3)))));
            let names =
                [&c.case.name, &reading.model.id, s.name.en(), &labels.join("+")].map(quoted);
            let _ = write!(out, "{},{},{}\r\n", names.join(","), s.voxels, numbers.join(","));
        }
    }
    out
}

/// Quoted where it holds what separates cells; what a spreadsheet would run as a formula is disarmed.
fn quoted(text: &str) -> String {
    let disarmed = match text.starts_with(['=', '+', '-', '@']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match disarmed.contains([',', '"', '\r', '\n']) {
        true => format!("\"{}\"", disarmed.replace('"', "\"\"")),
        false => disarmed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_of_the_table_cannot_break_out() {
        assert_eq!(quoted("liver"), "liver");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
