//! Does a case fit a model? The header may refuse it; the picture may only cast doubt.

use super::frontal;
use crate::Accepts;
use base::words::panel as words;
use base::{BodyPart, CaseFacts, Modality, Note, Picture, Refusal, View};

/// Below this age a film counts as a child's.
const ADULT_YEARS: u16 = 16;

/// The reason why the header rules a case out; `None` when it does not.
pub fn refusal(facts: &CaseFacts, accepts: &Accepts<'_>) -> Option<Refusal> {
    if let Some(modality) = &facts.modality
        && !accepts.modalities.contains(modality)
    {
        let reason = words::wrong_modality(modality, accepts.modalities);
        return Some(Refusal { code: "wrong-modality", reason });
    }
    if let Some(part) = &facts.body_part
        && !accepts.body_parts.is_empty()
        && !accepts.body_parts.contains(part)
    {
        let reason = words::wrong_body_part(part, accepts.body_parts);
        return Some(Refusal { code: "wrong-body-part", reason });
    }
    // A projection the program does not know is noted, not refused.
    if let Some(view @ (View::Pa | View::Ap | View::Lateral)) = &facts.view
        && !accepts.views.is_empty()
        && !accepts.views.contains(view)
    {
        let reason = match is_frontal_chest(accepts) {
            true => words::WRONG_VIEW.clone(),
            false => words::wrong_view(view, accepts.views),
        };
        return Some(Refusal { code: "wrong-view", reason });
    }
    if facts.size_px.2 > 1 {
        return Some(Refusal {
            code: "several-frames",
            reason: words::several_frames(facts.size_px.2),
        });
    }
    None
}

/// The remark on a case that was read against [`refusal`]: grave, because every number rests on it.
pub fn overruled(refusal: &Refusal) -> Note {
    Note::serious(refusal.code, words::despite_header(&refusal.reason))
}

/// What the header leaves in doubt.
pub fn header_notes(facts: &CaseFacts, accepts: &Accepts<'_>) -> Vec<Note> {
    let mut notes = Vec::new();
    if matches!(facts.modality, None | Some(Modality::Ot)) {
        notes.push(Note::info("modality-unknown", words::MODALITY_UNKNOWN.clone()));
    }
    match &facts.view {
        Some(View::Ap) => notes.push(Note::info("view-ap", words::VIEW_AP.clone())),
        Some(View::Other(name)) if !accepts.views.is_empty() => {
            notes.push(Note::warning("view-unusual", words::view_unusual(name)));
        }
        _ => {}
    }
    if facts.patient.age_years.is_some_and(|years| years < ADULT_YEARS) {
        notes.push(Note::warning("child", words::CHILD.clone()));
    }
    notes
}

/// What the picture itself casts doubt on.
pub fn picture_notes(picture: &Picture, accepts: &Accepts<'_>) -> Vec<Note> {
    if !is_frontal_chest(accepts) {
        return Vec::new();
    }
    let likeness = frontal::likeness(picture);
    let mut notes = Vec::new();
    if likeness.is_inverted() {
        notes.push(Note::serious("looks-inverted", words::LOOKS_INVERTED.clone()));
    } else if !likeness.is_frontal_chest() {
        notes.push(Note::serious(
            "not-frontal-chest",
            words::not_frontal_chest(likeness.upright, frontal::THRESHOLD),
        ));
    }
    if is_coloured(picture) {
        notes.push(Note::serious("coloured", words::COLOURED.clone()));
    }
    notes
}

/// Made for frontal films of the chest and nothing else.
pub fn is_frontal_chest(accepts: &Accepts<'_>) -> bool {
    accepts.body_parts == [BodyPart::Chest]
        && !accepts.views.is_empty()
        && !accepts.views.contains(&View::Lateral)
}

/// More than 2 % of the pixels differ by more than 24 of 255 between channels.
fn is_coloured(picture: &Picture) -> bool {
    if picture.channels() != 3 {
        return false;
    }
    let coloured = picture
        .data()
        .chunks_exact(3)
        .filter(|rgb| {
            let high = rgb.iter().max().copied().unwrap_or(0);
            let low = rgb.iter().min().copied().unwrap_or(0);
            high - low > 24
        })
        .count();
    coloured * 50 > picture.width() * picture.height()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::{FileFacts, PatientFacts};

    fn facts() -> CaseFacts {
        CaseFacts {
            name: "film".into(),
            file: FileFacts {
                format: "DICOM",
                bytes: 1,
                sha256: String::new(),
                transfer_syntax: None,
                photometric: None,
                bits: (16, 12),
                signed: false,
            },
            size_px: (10, 10, 1),
            modality: Some(Modality::Dx),
            body_part: Some(BodyPart::Chest),
            view: Some(View::Pa),
            laterality: None,
            spacing: None,
            patient: PatientFacts::default(),
            device: None,
            notes: Vec::new(),
        }
    }

    fn code(facts: &CaseFacts) -> Option<&'static str> {
        refusal(facts, &Accepts::FRONTAL_CHEST).map(|refusal| refusal.code)
    }

    #[test]
    fn a_header_that_contradicts_the_model_refuses_the_case() {
        assert_eq!(code(&facts()), None);
        assert_eq!(
            code(&CaseFacts { modality: Some(Modality::Ct), ..facts() }),
            Some("wrong-modality")
        );
        let hand = Some(BodyPart::Other("HAND".into()));
        assert_eq!(code(&CaseFacts { body_part: hand, ..facts() }), Some("wrong-body-part"));
        assert_eq!(code(&CaseFacts { view: Some(View::Lateral), ..facts() }), Some("wrong-view"));
        assert_eq!(code(&CaseFacts { size_px: (10, 10, 2), ..facts() }), Some("several-frames"));
    }

    #[test]
    fn a_header_that_says_nothing_lets_the_case_through_with_a_note() {
        let bare = CaseFacts { modality: None, body_part: None, view: None, ..facts() };
        assert_eq!(code(&bare), None);
        let notes = header_notes(&bare, &Accepts::FRONTAL_CHEST);
        assert_eq!(notes.iter().map(|n| n.code).collect::<Vec<_>>(), ["modality-unknown"]);
    }

    #[test]
    fn doubts_are_named() {
        let patient = PatientFacts { age_years: Some(3), sex: None };
        let child = CaseFacts { view: Some(View::Ap), patient, ..facts() };
        let notes = header_notes(&child, &Accepts::FRONTAL_CHEST);
        assert_eq!(notes.iter().map(|n| n.code).collect::<Vec<_>>(), ["view-ap", "child"]);
    }

    #[test]
    fn a_colour_photograph_is_no_radiograph() {
        let data = [200u8, 30, 30].repeat(64);
        let photo = Picture::new(8, 8, 3, data).unwrap();
        let codes: Vec<_> =
            picture_notes(&photo, &Accepts::FRONTAL_CHEST).iter().map(|n| n.code).collect();
        assert_eq!(codes, ["not-frontal-chest", "coloured"]);
    }
}
