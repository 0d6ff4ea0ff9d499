//! De-identified facts of a DICOM header. Names, identifiers, dates and free-text descriptions are
//! never read.

use super::attributes::Attributes;
use super::image::DicomImage;
use base::words::imaging as words;
use base::{
    BodyPart, CaseFacts, FileFacts, Laterality, Mm, Modality, Note, PatientFacts, PixelSpacing,
    Sex, SpacingSource, View,
};
use dicom_encoding::transfer_syntax::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

pub(crate) fn gather(
    image: &DicomImage,
    name: &str,
    bytes: u64,
    sha256: String,
    mut notes: Vec<Note>,
) -> CaseFacts {
    let header = image.attributes();
    let charset = header.text(0x0008_0005);
    let code = |tag| header.text(tag).map(|text| short(&text));
    notes.extend(super::display::remarks(image));
    let spacing = spacing(image, &mut notes);
    if code(0x0028_0301).as_deref() == Some("YES") {
        notes.push(Note::warning("burned-in-annotation", words::BURNED_IN));
    }
    if code(0x0028_2110).as_deref() == Some("01") {
        notes.push(Note::info("lossy-compression", words::LOSSY));
    }
    let maker = header.local_text(0x0008_0070, charset.as_deref());
    let model = header.local_text(0x0008_1090, charset.as_deref());
    let device: Vec<String> =
        [maker, model].into_iter().flatten().map(|t| t.chars().take(64).collect()).collect();
    CaseFacts {
        name: name.to_owned(),
        file: FileFacts {
            format: "DICOM",
            bytes,
            sha256,
            transfer_syntax: image.syntax.as_ref().map(|uid| (uid.clone(), syntax_name(uid))),
            photometric: Some(image.photometric.clone()),
            bits: (image.bits_allocated, image.bits_stored),
            signed: image.signed,
        },
        size_px: (image.columns, image.rows, image.frames),
        modality: code(0x0008_0060).map(|code| match code.as_str() {
            "CR" => Modality::Cr,
            "DX" => Modality::Dx,
            "RG" => Modality::Rg,
            "CT" => Modality::Ct,
            "MR" => Modality::Mr,
            "US" => Modality::Us,
            "MG" => Modality::Mg,
            "OT" | "SC" => Modality::Ot,
            _ => Modality::Other(code),
        }),
        body_part: body_part(image),
        view: view(image),
        laterality: code(0x0020_0062).or_else(|| code(0x0020_0060)).and_then(|side| {
            match side.as_str() {
                "R" => Some(Laterality::Right),
                "L" => Some(Laterality::Left),
                "B" => Some(Laterality::Both),
                _ => None,
            }
        }),
        spacing,
        patient: PatientFacts {
            age_years: code(0x0010_1010).and_then(|age| age_years(&age)),
            sex: code(0x0010_0040).and_then(|sex| match sex.as_str() {
                "F" => Some(Sex::Female),
                "M" => Some(Sex::Male),
                "O" => Some(Sex::Other),
                _ => None,
            }),
        },
        device: (!device.is_empty()).then(|| device.join(" ")),
        notes,
    }
}

/// The registry's name of a transfer syntax.
pub(crate) fn syntax_name(uid: &str) -> String {
    TransferSyntaxRegistry.get(uid).map_or("unknown", |syntax| syntax.name()).to_owned()
}

/// A code string: upper case, at most 16 characters of its repertoire (PS3.5 6.2), so that nothing
/// else that was put there gets out.
fn short(text: &str) -> String {
    text.split('\\')
        .next()
        .unwrap_or("")
        .trim()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == ' ' || *c == '_')
        .take(16)
        .collect::<String>()
        .to_ascii_uppercase()
}

/// Age String `nnnD|W|M|Y` (PS3.5 6.2) in whole years, 90 at most.
fn age_years(age: &str) -> Option<u16> {
    let unit = age.chars().last()?;
    let (digits, days) = match unit {
        'Y' => (&age[..age.len() - 1], 365.25),
        'M' => (&age[..age.len() - 1], 30.44),
        'W' => (&age[..age.len() - 1], 7.0),
        'D' => (&age[..age.len() - 1], 1.0),
        '0'..='9' => (age, 365.25),
        _ => return None,
    };
    let number: u16 = digits.trim().parse().ok()?;
    Some(((f64::from(number) * days / 365.25) as u16).min(90))
}

/// Body Part Examined, else the code of Anatomic Region Sequence (SNOMED CT and its older form for
/// chest, thorax and lung; PS3.16 CID 4031 and Annex L).
fn body_part(image: &DicomImage) -> Option<BodyPart> {
    let header = image.attributes();
    let examined = header.text(0x0018_0015).map(|text| short(&text));
    if let Some(part) = examined.filter(|part| !part.is_empty()) {
        return Some(match part.as_str() {
            "CHEST" | "THORAX" | "LUNG" | "LUNGS" | "RIBS" | "RIB" | "CHEST PA" | "CHEST AP"
            | "CHEST LAT" | "CHESTLUNG" | "TORAX" | "BRUSTKORB" | "POUMON" => BodyPart::Chest,
            "KNEE" | "LKNEE" | "RKNEE" | "KNEES" | "KNEE AP" | "KNIE" | "GENOU" => BodyPart::Knee,
            _ => BodyPart::Other(part),
        });
    }
    let region = header.item(0x0008_2218).or_else(|| frame_anatomy(image)?.item(0x0008_2218))?;
    let code = region.text(0x0008_0100).map(|text| short(&text.replace('-', "")))?;
    match code.as_str() {
        "TD3000" | "T28000" | "51185008" | "39607008" | "816094009" | "43799004" => {
            Some(BodyPart::Chest)
        }
        _ => region.text(0x0008_0104).map(|meaning| BodyPart::Other(short(&meaning))),
    }
}

/// Frame Anatomy of the shared or else the first frame's functional groups (PS3.3 C.7.6.16.2.8).
fn frame_anatomy(image: &DicomImage) -> Option<Attributes<'_>> {
    let header = image.attributes();
    [0x5200_9229, 0x5200_9230].into_iter().find_map(|groups| header.item(groups)?.item(0x0020_9071))
}

/// View Position, else View Code Sequence (PS3.16 CID 4010).
fn view(image: &DicomImage) -> Option<View> {
    let header = image.attributes();
    let written = header.text(0x0018_5101).map(|text| short(&text));
    if let Some(position) = written.filter(|position| !position.is_empty()) {
        return Some(match position.as_str() {
            "PA" => View::Pa,
            "AP" => View::Ap,
            "LL" | "RL" | "LAT" | "LATERAL" | "LLAT" | "RLAT" | "ML" | "LM" => View::Lateral,
            _ => View::Other(position),
        });
    }
    let item = header.item(0x0054_0220)?;
    let code = item.text(0x0008_0100).map(|text| short(&text.replace('-', "")))?;
    Some(match code.as_str() {
        "R10214" | "399348003" => View::Pa,
        "R10206" | "399067008" => View::Ap,
        "R10228" | "R10232" | "R10236" | "399198007" | "399173006" | "399352003" => View::Lateral,
        _ => View::Other(code),
    })
}

/// Pixel Spacing, else that of the detector, else that of a digitised film. Multi-frame objects
/// keep it in Pixel Measures of the shared or else the first frame's functional groups
/// (PS3.3 C.7.6.16.2.1).
fn spacing(image: &DicomImage, notes: &mut Vec<Note>) -> Option<PixelSpacing> {
    let header = image.attributes();
    let measures = [0x5200_9229, 0x5200_9230]
        .into_iter()
        .filter_map(|groups| header.item(groups)?.item(0x0028_9110));
    let places: Vec<_> = std::iter::once(header).chain(measures).collect();
    let sources = [
        (0x0028_0030, SpacingSource::PixelSpacing),
        (0x0018_1164, SpacingSource::ImagerPixelSpacing),
        (0x0018_2010, SpacingSource::NominalScannedPixelSpacing),
    ];
    for (tag, source) in sources {
        for place in places.iter().filter(|place| place.raw(tag).is_some()) {
            match place.numbers(tag).as_deref() {
                Some([row, column])
                    if (1e-4..1e3).contains(row) && (1e-4..1e3).contains(column) =>
                {
                    return Some(PixelSpacing { row: Mm(*row), column: Mm(*column), source });
                }
                _ => notes.push(Note::warning("spacing-broken", words::SPACING_BROKEN)),
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_years_and_never_above_ninety() {
        assert_eq!(age_years("045Y"), Some(45));
        assert_eq!(age_years("102Y"), Some(90));
        assert_eq!(age_years("018M"), Some(1));
        assert_eq!(age_years("010D"), Some(0));
        assert_eq!(age_years("x"), None);
        assert_eq!(age_years("男"), None);
        assert_eq!(age_years(""), None);
    }

    #[test]
    fn a_code_string_lets_nothing_else_through() {
        assert_eq!(short("chest\\DOE^JOHN"), "CHEST");
        assert_eq!(short("a very long text that is no code"), "A VERY LONG TEXT");
    }
}
