//! Names and codes of anatomical structures and lesions, found by what a model calls them.
//!
//! The table is `structures.tsv`. Its SNOMED CT codes come from DICOM PS3.16 (context groups 7140,
//! 7151, 7153, 7192, 7602), 3D Slicer's terminology files and TotalSegmentator's published mapping; a
//! structure for which none of these has a code is named without one. Chinese names are those of
//! radiology reports in mainland China.

use crate::concept::{Concept, SegmentCode};
use crate::reading::Side;
use crate::text::Text;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What a model's structure is called here.
#[derive(Clone, Debug, PartialEq)]
pub struct Structure {
    /// Stable identifier, kebab-case: `left-kidney`.
    pub id: String,
    /// Its name.
    pub name: Text,
    /// Its codes, where they are known.
    pub code: Option<SegmentCode>,
}

/// The structure that a name means, in any of the usual spellings: `kidney_left`, `Left Kidney`,
/// `left-kidney`, `LeftKidney`, `Kidney (L)`. `None` for a name that is not in the table.
pub fn structure(name: &str) -> Option<Structure> {
    let words = words(name);
    let table = table();
    // Some names have their side in them: the middle lobe, the chambers of the heart.
    if let Some(row) = table.by_words.get(&words) {
        return Some(table.rows[*row].named(None));
    }
    let (side, rest) = without_side(&words)?;
    let row = &table.rows[*table.by_words.get(&rest)?];
    row.sided.then(|| row.named(Some(side)))
}

/// A name as an identifier: `Left kidney (cyst)` is `left-kidney-cyst`.
pub fn kebab(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let id = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
    if id.is_empty() { "structure".to_owned() } else { id }
}

struct Row {
    id: &'static str,
    sided: bool,
    name: [&'static str; 2],
    code: Option<SegmentCode>,
}

impl Row {
    fn named(&self, side: Option<Side>) -> Structure {
        let [en, zh] = self.name;
        let (start, zh_start, modifier) = match side {
            Some(Side::Left) => ("left", "左", Some(LEFT)),
            Some(Side::Right) => ("right", "右", Some(RIGHT)),
            _ => {
                let name = Text::fixed(en, zh);
                return Structure { id: self.id.to_owned(), name, code: self.code.clone() };
            }
        };
        let code = self.code.clone().map(|code| SegmentCode { modifier, ..code });
        let mut letters = start.chars();
        let title: String =
            letters.next().iter().flat_map(|c| c.to_uppercase()).chain(letters).collect();
        // `T1` keeps its capital.
        let (first, rest) = en.split_at(en.chars().next().map_or(0, char::len_utf8));
        let name = Text::filled(
            format!("{title} {}{rest}", first.to_lowercase()),
            format!(
                "{zh_start}{}",
                if zh.starts_with('第') { format!("侧{zh}") } else { zh.to_owned() }
            ),
        );
        Structure { id: format!("{start}-{}", self.id), name, code }
    }
}

const LEFT: Concept = Concept::fixed("SCT", "7771000", "Left");
const RIGHT: Concept = Concept::fixed("SCT", "24028007", "Right");

struct Table {
    rows: Vec<Row>,
    by_words: BTreeMap<Vec<String>, usize>,
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Table { rows: Vec::new(), by_words: BTreeMap::new() };
        for line in include_str!("structures.tsv").lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<&'static str> = line.split('\t').collect();
            let cell = |n: usize| cells.get(n).copied().unwrap_or("");
            let place = table.rows.len();
            table.rows.push(Row {
                id: cell(0),
                sided: cell(1) == "B",
                name: [cell(2), cell(3)],
                code: code(&cell),
            });
            let others = cell(9).split(';');
            for name in [cell(0), cell(2)].into_iter().chain(others) {
                let words = words(name);
                if !words.is_empty() {
                    table.by_words.entry(words).or_insert(place);
                }
            }
        }
        table
    })
}

fn code(cell: &dyn Fn(usize) -> &'static str) -> Option<SegmentCode> {
    // Segmentation property categories (PS3.16 CID 7150).
    let category = match cell(4) {
        "A" => Concept::fixed("SCT", "123037004", "Anatomical Structure"),
        "T" => Concept::fixed("SCT", "85756007", "Tissue"),
        "M" => Concept::fixed("SCT", "49755003", "Morphologically Altered Structure"),
        "O" => Concept::fixed("SCT", "260787004", "Physical object"),
        "S" => Concept::fixed("SCT", "91720002", "Body Substance"),
        _ => return None,
    };
    let concept =
        |at: usize| (!cell(at).is_empty()).then(|| Concept::fixed("SCT", cell(at), cell(at + 1)));
    Some(SegmentCode { category, kind: concept(5)?, modifier: None, region: concept(7) })
}

/// The words of a name in a fixed order: small letters; split where a capital follows a small letter;
/// without words that mean nothing here.
fn words(name: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut before = ' ';
    for c in name.chars() {
        let turn = c.is_uppercase() && before.is_lowercase();
        if !c.is_alphanumeric() || turn {
            all.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = all.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    let empty = ["", "of", "the", "and", "structure", "area"];
    let mut all: Vec<String> =
        all.into_iter().filter(|word| !empty.contains(&word.as_str())).collect();
    all.sort();
    all
}

fn without_side(words: &[String]) -> Option<(Side, Vec<String>)> {
    let side = |word: &String| match word.as_str() {
        "left" | "l" | "lh" | "lt" => Some(Side::Left),
        "right" | "r" | "rh" | "rt" => Some(Side::Right),
        _ => None,
    };
    let at = words.iter().position(|word| side(word).is_some())?;
    let found = side(&words[at])?;
    let mut rest = words.to_vec();
    rest.remove(at);
    rest.iter().all(|word| side(word).is_none()).then_some((found, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn id(name: &str) -> Option<String> {
        structure(name).map(|structure| structure.id)
    }

    #[test]
    fn a_structure_is_found_by_any_usual_spelling() {
        for name in ["kidney_left", "Left Kidney", "left-kidney", "LeftKidney", "Kidney (L)"] {
            assert_eq!(id(name).as_deref(), Some("left-kidney"), "{name}");
        }
        for (name, expected) in [
            ("vertebrae_L1", "vertebra-l1"),
            ("rib_right_12", "right-rib-12"),
            ("Left-Cerebral-White-Matter", "left-cerebral-white-matter"),
            ("ctx-lh-superiorfrontal", "left-ctx-superiorfrontal"),
            ("3rd-Ventricle", "third-ventricle"),
            ("heart_atrium_left", "left-atrium"),
            ("lung_middle_lobe_right", "lung-middle-lobe-right"),
            ("Left-Inf-Lat-Vent", "left-inferior-lateral-ventricle"),
            ("Brain-Stem", "brain-stem"),
            ("whole tumor", "whole-tumor"),
        ] {
            assert_eq!(id(name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(id("left and right kidney"), None);
        assert_eq!(id("left liver"), None);
        assert_eq!(id("left part"), None);
        assert_eq!(id(""), None);
    }

    #[test]
    fn names_become_identifiers() {
        assert_eq!(kebab("Left kidney (cyst)"), "left-kidney-cyst");
        assert_eq!(kebab("vertebrae_L1"), "vertebrae-l1");
        assert_eq!(kebab("肝"), "structure");
    }

    #[test]
    fn a_side_is_in_the_names_and_in_the_code() {
        let kidney = structure("kidney_right").unwrap();
        assert_eq!((kidney.name.en(), kidney.name.zh()), ("Right kidney", "右肾"));
        let code = kidney.code.unwrap();
        assert_eq!((&*code.kind.value, &*code.modifier.unwrap().value), ("64033007", "24028007"));
        assert_eq!(structure("rib_left_1").unwrap().name.zh(), "左侧第1肋骨");
        let cyst = structure("kidney_cyst_left").unwrap().code.unwrap();
        assert_eq!(&*cyst.region.unwrap().value, "64033007");
    }

    #[test]
    fn what_has_no_verified_code_has_none() {
        assert_eq!(structure("enhancing tumor").unwrap().code, None);
        assert_eq!(structure("ctx-rh-cuneus").unwrap().code, None);
    }

    /// SNOMED CT identifiers end in a check digit (Verhoeff's dihedral code; SNOMED CT Technical
    /// Implementation Guide, "Check-digit computation").
    fn is_identifier(code: &str) -> bool {
        // The dihedral group of order ten: 0 to 4 turn, 5 to 9 mirror.
        let times = |a: usize, b: usize| match (a < 5, b < 5) {
            (true, true) => (a + b) % 5,
            (true, false) => (a + b - 5) % 5 + 5,
            (false, true) => (a - 5 + 5 - b) % 5 + 5,
            (false, false) => (a + 5 - b) % 5,
        };
        let turn = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
        let mut sum = 0;
        for (place, digit) in code.bytes().rev().enumerate() {
            let Some(digit) = (digit as char).to_digit(10) else { return false };
            let turned = (0..place % 8).fold(digit as usize, |d, _| turn[d]);
            sum = times(sum, turned);
        }
        sum == 0 && (6..=18).contains(&code.len())
    }

    #[test]
    fn every_row_is_whole_and_every_code_is_an_identifier() {
        assert!(is_identifier("64033007") && !is_identifier("64033008"));
        let table = table();
        assert!(table.rows.len() > 300);
        let ids: BTreeSet<_> = table.rows.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), table.rows.len());
        for row in &table.rows {
            let id = row.id;
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert!(!row.name[0].is_empty() && !row.name[1].is_ascii(), "{id}");
            assert_eq!(structure(row.name[0]).map(|found| found.id).as_deref(), Some(id));
            let Some(code) = &row.code else { continue };
            assert!(is_identifier(&code.kind.value) && !code.kind.meaning.is_empty(), "{id}");
            if let Some(region) = &code.region {
                assert!(is_identifier(&region.value) && !region.meaning.is_empty(), "{id}");
            }
        }
    }

    /// Class names as TotalSegmentator 2.11 and SynthSeg 2.0 publish them.
    #[test]
    fn the_classes_of_known_systems_have_names_and_codes() {
        for name in include_str!("structures_known.txt").lines() {
            let found = structure(name).unwrap_or_else(|| panic!("{name}"));
            assert!(found.code.is_some(), "{name}");
        }
    }
}
