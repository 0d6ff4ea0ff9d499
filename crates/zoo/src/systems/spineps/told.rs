//! What labels of the result are called.

use super::labels::Labels;
use super::names::{self, CANAL, CORD, DISC_OFFSET, ENDPLATE_OFFSET, SACRUM, T13, level};
use super::post::Maps;
use crate::volume_system::Structure;
use base::Text;
use base::words::spineps as words;

/// Vertebrae, discs and endplates, cord and canal beside them.
pub(super) fn whole(maps: &Maps) -> Labels {
    let mut map = maps.vertebrae.clone();
    for (label, part) in map.values.iter_mut().zip(&maps.parts.values) {
        if *label == 0 && (*part == CORD || *part == CANAL) {
            *label = *part;
        }
    }
    map
}

/// Vertebrae from above.
fn order() -> impl Iterator<Item = u16> {
    (1..20).chain([T13]).chain(20..SACRUM)
}

/// What the labels of the whole map mean, from above; `first`: vertebrae are only counted, from this number on.
pub(super) fn vertebrae(map: &Labels, first: Option<u16>) -> Vec<Structure> {
    let there = map.unique();
    let has = |label: u16| there.binary_search(&label).is_ok();
    let mut found = Vec::new();
    let known = |name: &str, label: u16| Structure::new(name, vec![label]);
    let named =
        |id: String, name: Text, label: u16| Structure { name, ..Structure::new(&id, vec![label]) };
    let number = |label: u16| first.map(|first| (label + 1).saturating_sub(first));
    let name = |label: u16| level(label).unwrap_or_else(|| label.to_string());
    for label in order().filter(|label| has(*label)) {
        found.push(match number(label) {
            None => known(&name(label), label),
            Some(n) => named(format!("vertebra {n} from above"), words::counted(n), label),
        });
    }
    if has(SACRUM) {
        found.push(known("sacrum", SACRUM));
    }
    for label in (0..=SACRUM).chain([T13]).filter(|label| has(label + DISC_OFFSET)) {
        let own = label + DISC_OFFSET;
        let below = order().skip_while(|other| *other != label).skip(1).find(|other| has(*other));
        found.push(match (number(label), label) {
            (_, SACRUM) => named("disc alone".into(), words::DISC_ALONE, own),
            (Some(0), _) => named("disc above".into(), words::DISC_ABOVE, own),
            (Some(n), _) => named(format!("disc below vertebra {n}"), words::disc_below(n), own),
            (None, label) => {
                let usual = if label < 24 { label + 1 } else { SACRUM };
                known(&format!("disc {} {}", name(label), name(below.unwrap_or(usual))), own)
            }
        });
    }
    for label in (0..=SACRUM).chain([T13]).filter(|label| has(label + ENDPLATE_OFFSET)) {
        let own = label + ENDPLATE_OFFSET;
        let (id, text) = match number(label) {
            Some(n) if label != SACRUM => {
                (format!("endplates of vertebra {n}"), words::endplates_of_counted(n))
            }
            _ => (format!("endplates {}", name(label)), words::endplates_of(&name(label))),
        };
        found.push(named(id, text, own));
    }
    found.push(known("spinal cord", CORD));
    found.push(known("spinal canal", CANAL));
    found
}

/// What the labels of phase 1 mean.
pub(super) fn parts(map: &Labels) -> Vec<Structure> {
    let one = |label: u16| {
        let of = |id: &str, name: Text| Structure { name, ..Structure::new(id, vec![label]) };
        match label {
            41 => of("vertebral arch", words::ARCH),
            42 => of("spinous process", words::SPINOUS),
            43 => of("costal process left", words::COSTAL_LEFT),
            44 => of("costal process right", words::COSTAL_RIGHT),
            45 => of("superior articular process left", words::SUPERIOR_LEFT),
            46 => of("superior articular process right", words::SUPERIOR_RIGHT),
            47 => of("inferior articular process left", words::INFERIOR_LEFT),
            48 => of("inferior articular process right", words::INFERIOR_RIGHT),
            names::BODY_BORDER => Structure::new("vertebral body", vec![label]),
            names::DENS => of("dens", words::DENS),
            CORD => Structure::new("spinal cord", vec![label]),
            CANAL => Structure::new("spinal canal", vec![label]),
            names::ENDPLATE => of("endplate", words::ENDPLATE),
            63 => of("rib left", words::RIB_LEFT),
            64 => of("rib right", words::RIB_RIGHT),
            names::DISC => Structure::new("intervertebral disc", vec![label]),
            SACRUM => Structure::new("sacrum", vec![label]),
            other => of(&format!("part {other}"), words::OTHER_PART),
        }
    };
    map.unique().into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discs_are_called_by_the_vertebrae_beside_them() {
        let values = vec![19, 28, 20, 24, 26, 119, 128, 124, 126, 219];
        let map = Labels { values, shape: [1, 1, 10] };
        let ids = |first| vertebrae(&map, first).into_iter().map(|one| one.id).collect::<Vec<_>>();
        let expected = [
            "T12",
            "T13",
            "L1",
            "L5",
            "sacrum",
            "disc T12 T13",
            "disc L5 S1",
            "disc alone",
            "disc T13 L1",
            "endplates T12",
            "spinal cord",
            "spinal canal",
        ];
        assert_eq!(ids(None), expected);
        for id in expected.iter().filter(|id| id.starts_with("disc ") && !id.ends_with("alone")) {
            assert!(base::structure(id).is_some(), "{id}");
        }
        assert_eq!(ids(Some(2))[0], "vertebra 18 from above");
    }
}
