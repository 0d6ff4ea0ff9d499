//! Labels of the original's two maps, and its ways to name them in a configuration.
//!
//! Reference: Hendrik-code/TPTBox (f43f7fb) `core/vert_constants.py` (`Location`, `v_name2idx`); Hendrik-code/spineps
//! (60cc736) `seg_pipeline.py`, `README.md`.

/// Parts of a vertebra and what lies around, as phase 1 labels them.
pub(super) const ARCH: u16 = 41;
pub(super) const SPINOUS: u16 = 42;
pub(super) const ARTICULAR: [u16; 4] = [45, 46, 47, 48];
/// The border of a vertebral body; on MRI all of it.
pub(super) const BODY_BORDER: u16 = 49;
/// The inner body, of models that know it.
pub(super) const BODY: u16 = 50;
pub(super) const DENS: u16 = 51;
pub(super) const CORD: u16 = 60;
pub(super) const CANAL: u16 = 61;
pub(super) const ENDPLATE: u16 = 62;
pub(super) const DISC: u16 = 100;
/// Also the label of the sacrum among the vertebrae.
pub(super) const SACRUM: u16 = 26;
/// The thirteenth thoracic vertebra.
pub(super) const T13: u16 = 28;
/// All parts that belong to a vertebra.
pub(super) const OF_VERTEBRA: std::ops::RangeInclusive<u16> = 40..=51;
/// Added to a vertebra's label: its disc below, its endplates.
pub(super) const DISC_OFFSET: u16 = 100;
pub(super) const ENDPLATE_OFFSET: u16 = 200;

/// Names of parts (`Location`) that configurations use.
const PARTS: &[(&str, u16)] = &[
    ("Vertebra_Full", 40),
    ("Arcus_Vertebrae", ARCH),
    ("Spinosus_Process", SPINOUS),
    ("Costal_Process_Left", 43),
    ("Costal_Process_Right", 44),
    ("Superior_Articular_Left", 45),
    ("Superior_Articular_Right", 46),
    ("Inferior_Articular_Left", 47),
    ("Inferior_Articular_Right", 48),
    ("Vertebra_Corpus_border", BODY_BORDER),
    ("Vertebra_Corpus", BODY),
    ("Dens_axis", DENS),
    ("Vertebral_Body_Endplate_Superior", 52),
    ("Vertebral_Body_Endplate_Inferior", 53),
    ("Vertebra_Disc_Superior", 58),
    ("Vertebra_Disc_Inferior", 59),
    ("Vertebra_Disc", DISC),
    ("Spinal_Cord", CORD),
    ("Spinal_Canal", CANAL),
    ("Spinal_Canal_ivd_lvl", 126),
    ("Endplate", ENDPLATE),
    ("Rib_Left", 63),
    ("Rib_Right", 64),
    ("Sacrum_Sacral_Ala_Left", 70),
    ("Sacrum_Sacral_Ala_Right", 71),
    ("Sacrum_Posterior_Sacral_Elements", 72),
    ("Sacrum_Body", 73),
    ("Sacrum_Endplate", 74),
];

/// The label that a configuration means: the name of a part, of a vertebra, or a number.
pub(super) fn label(name: &str) -> Option<u16> {
    let part = PARTS.iter().find(|(part, _)| *part == name).map(|(_, label)| *label);
    part.or_else(|| vertebra(name)).or_else(|| name.parse().ok())
}

/// The label of a vertebra by its name: `C1`, `T13`, `S1`.
fn vertebra(name: &str) -> Option<u16> {
    let number: u16 = name.get(1..)?.parse().ok()?;
    match (name.get(..1)?, number) {
        ("C", 1..=7) => Some(number),
        ("T", 13) => Some(T13),
        ("T", 1..=12) => Some(7 + number),
        ("L", 1..=6) => Some(19 + number),
        ("S", 1) => Some(SACRUM),
        ("S", 2..=6) => Some(27 + number),
        _ => None,
    }
}

/// The name of a vertebra by its label; `None` for labels that stand for none.
pub(super) fn level(label: u16) -> Option<String> {
    let name = |letter: char, number: u16| Some(format!("{letter}{number}"));
    match label {
        1..=7 => name('C', label),
        8..=19 => name('T', label - 7),
        20..=25 => name('L', label - 19),
        T13 => name('T', 13),
        SACRUM => name('S', 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_labels_belong_together() {
        for of in (1..=26).chain([T13]) {
            assert_eq!(label(&level(of).unwrap()), Some(of));
        }
        assert_eq!(label("Vertebra_Disc"), Some(DISC));
        assert_eq!((label("0"), label("ERROR"), label("")), (Some(0), None, None));
        assert_eq!((level(0), level(27), level(126)), (None, None, None));
    }
}
