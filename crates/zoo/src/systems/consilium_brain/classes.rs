//! The classes of the brain network (`training/brain/labels.py`): FreeSurfer's codes on the left and on
//! the right; 0 where a structure has no sides.

/// One class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// What it is called (`base::structure` knows it).
    pub id: &'static str,
    /// Code on the left, or in the middle.
    pub left: u16,
    /// Code on the right; 0 for structures in the middle.
    pub right: u16,
}

impl Class {
    /// Its structures, left before right: what they are called and FreeSurfer's codes.
    pub fn structures(&self) -> Vec<(String, u16)> {
        match self.right {
            0 => vec![(self.id.to_owned(), self.left)],
            right => vec![
                (format!("left-{}", self.id), self.left),
                (format!("right-{}", self.id), right),
            ],
        }
    }
}

/// Classes in the network's order; the first is everything outside the brain.
pub const CLASSES: [Class; 19] = [
    class("background", 0, 0),
    class("cerebral-white-matter", 2, 41),
    class("cerebral-cortex", 3, 42),
    class("lateral-ventricle", 4, 43),
    class("inferior-lateral-ventricle", 5, 44),
    class("cerebellar-white-matter", 7, 46),
    class("cerebellar-cortex", 8, 47),
    class("thalamus", 10, 49),
    class("caudate-nucleus", 11, 50),
    class("putamen", 12, 51),
    class("pallidum", 13, 52),
    class("third-ventricle", 14, 0),
    class("fourth-ventricle", 15, 0),
    class("brain-stem", 16, 0),
    class("hippocampus", 17, 53),
    class("amygdala", 18, 54),
    class("cerebrospinal-fluid", 24, 0),
    class("nucleus-accumbens", 26, 58),
    class("ventral-diencephalon", 28, 60),
];

/// Classes that are no brain tissue: ventricles and fluid count to the intracranial volume only.
pub const FLUID: [usize; 5] = [3, 4, 11, 12, 16];

const fn class(id: &'static str, left: u16, right: u16) -> Class {
    Class { id, left, right }
}

/// FreeSurfer's code of a class on a side.
pub fn code(class: usize, left: bool) -> u16 {
    let class = CLASSES[class];
    if left || class.right == 0 { class.left } else { class.right }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_name_in_both_languages() {
        for class in &CLASSES[1..] {
            let id = if class.right == 0 { class.id.into() } else { format!("left-{}", class.id) };
            assert!(base::structure(&id).is_some(), "{id}");
        }
    }
}
