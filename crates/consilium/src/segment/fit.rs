//! Whether a case is one that a model can read: the kind of image, its dimensions, its values.

use base::words::fit as words;
use base::{Error, Kind, Modality, Note, Result, Volume, VolumeFacts, Voxels};

/// What a model takes a channel for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Ct,
    Mr,
    Unknown,
}

impl Wanted {
    /// From the channel's name in `dataset.json`: nnU-Net's own convention is `CT` for CT and anything
    /// else for the rest; names of MR sequences are recognised.
    fn of(channel: &str) -> Wanted {
        let name = channel.to_ascii_lowercase();
        let words: Vec<&str> =
            name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
        let mr = ["mr", "mri", "flair", "adc", "dwi", "swi", "t1", "t2", "t1w", "t2w", "t1c"];
        let more = ["t1ce", "t1gd", "t1n", "t2f", "t1km", "t2fs", "cine", "lge", "mprage", "b1000"];
        if words.contains(&"ct") {
            Wanted::Ct
        } else if words.iter().any(|word| mr.contains(word) || more.contains(word)) {
            Wanted::Mr
        } else {
            Wanted::Unknown
        }
    }
}

/// Remarks on how a case fits a model with these channels. `flat` says that the model reads single
/// slices; `despite` that a header which rules the case out is no reason to refuse it.
///
/// Errors, `Refused`: the header names another kind of image, a segmentation among them; one slice for a model of volumes.
pub(super) fn check(
    channels: &[String],
    flat: bool,
    volume: &Volume,
    facts: &VolumeFacts,
    despite: bool,
) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    let thin = volume.size().into_iter().filter(|extent| *extent > 1).count() < 3;
    if thin && !flat {
        let text = words::single_slice(volume.size());
        return Err(Error::new(Kind::Refused, text).hint(words::GIVE_VOLUME));
    }
    let wanted = channels.first().map_or(Wanted::Unknown, |name| Wanted::of(name));
    let (kind, code) = match wanted {
        Wanted::Ct => (Modality::Ct, "CT"),
        Wanted::Mr => (Modality::Mr, "MR"),
        Wanted::Unknown => return Ok(notes),
    };
    match &facts.modality {
        Some(found) if *found == kind => {}
        Some(found) if says_much(found) => {
            let text = words::other_modality(code, found.code());
            if !despite {
                return Err(Error::new(Kind::Refused, text).hint(words::DESPITE));
            }
            notes.push(Note::serious("wrong-modality", text));
        }
        // The file does not say: its values may.
        _ => notes.extend(by_values(wanted, volume)),
    }
    Ok(notes)
}

/// Whether a kind of image rules others out: not the wrappers of any image, nor angiography, which as a volume is
/// a CT of a rotating C-arm.
fn says_much(modality: &Modality) -> bool {
    !matches!(modality.code(), "OT" | "SC" | "XA")
}

/// HU of air are about −1000, of the darkest soft tissue about −200: a CT without a value below is
/// cut out of the body or no CT (Hounsfield, Br J Radiol 46 (1973) 1016 for the scale).
const DARKEST_TISSUE: f64 = -200.0;
/// Whole numbers that reach below this and above [`DENSE`] are Hounsfield units of a body in air.
const AIR: f64 = -900.0;
/// Bone.
const DENSE: f64 = 200.0;

fn by_values(wanted: Wanted, volume: &Volume) -> Option<Note> {
    let range = volume.value_range();
    match wanted {
        Wanted::Ct if range.min > DARKEST_TISSUE => {
            Some(Note::serious("not-hounsfield", words::not_hounsfield(range.min, range.max)))
        }
        Wanted::Mr if range.min <= AIR && range.min >= -5000.0 && range.max >= DENSE => {
            Some(Note::serious("looks-like-ct", words::looks_like_ct(range.min, range.max)))
        }
        _ => None,
    }
}

/// Replaces values that are no numbers by the smallest one there is, with a remark. Errors:
/// `BrokenInput` when there is no other.
pub(super) fn mend(volume: &mut Volume, notes: &mut Vec<Note>) -> Result<()> {
    let range = match volume.voxels().voxel_type().is_float() {
        true => volume.value_range(),
        false => return Ok(()),
    };
    if range.not_finite == 0 {
        return Ok(());
    }
    if !range.min.is_finite() {
        return Err(Error::new(Kind::BrokenInput, words::NO_NUMBERS).hint(words::EXPORT_AGAIN));
    }
    let (low, _, _) = volume.voxels().extrema();
    match volume.voxels_mut() {
        Voxels::F32(v) => {
            v.iter_mut().filter(|v| !v.is_finite()).for_each(|v| *v = low as f32);
        }
        Voxels::F64(v) => v.iter_mut().filter(|v| !v.is_finite()).for_each(|v| *v = low),
        _ => {}
    }
    notes.push(Note::warning("values-replaced", words::replaced(range.not_finite)));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_rules_a_case_out_where_it_says_much() {
        let other = |code: &str| Modality::Other(code.into());
        for much in [Modality::Mr, Modality::Us, other("SEG"), other("PT"), other("RTDOSE")] {
            assert!(says_much(&much), "{much:?}");
        }
        for little in [Modality::Ot, other("SC"), other("XA")] {
            assert!(!says_much(&little), "{little:?}");
        }
    }

    #[test]
    fn channels_are_known_by_their_names() {
        for (name, wanted) in [
            ("CT", Wanted::Ct),
            ("ct (portal venous)", Wanted::Ct),
            ("T1w", Wanted::Mr),
            ("FLAIR", Wanted::Mr),
            ("cine-MRI", Wanted::Mr),
            ("PET", Wanted::Unknown),
            ("noNorm", Wanted::Unknown),
            ("fact", Wanted::Unknown),
        ] {
            assert_eq!(Wanted::of(name), wanted, "{name}");
        }
    }
}
