//! Structures that several labels of a mask make together: the tumour regions of BraTS, the regions of an
//! nnU-Net data set, and whatever `--regions` names.

use base::words::regions as words;
use base::{Error, Kind, Result, Text};
use serde_json::{Map, Value as Json, json};

/// A structure of some labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// What it is called.
    pub name: String,
    /// The labels that belong to it.
    pub labels: Vec<u16>,
    /// Not shown where no mask of either side has it.
    pub optional: bool,
}

impl Region {
    /// A region that is always shown.
    pub fn new(name: &str, labels: &[u16]) -> Region {
        Region { name: name.into(), labels: labels.to_vec(), optional: false }
    }
}

/// What a data set says of its regions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Regions {
    /// In their order; empty of a set whose structures are its labels.
    pub list: Vec<Region>,
    /// Where the truth has this label, nobody said what is there.
    pub ignored: Option<u32>,
    /// The `--more` of lesion-wise scores that the set's own challenge ranks by.
    pub lesion_rule: Option<&'static str>,
    /// Why the set does not tell which labels make a region.
    pub unclear: Option<Text>,
}

/// Regions and their labels.
type Parts = &'static [(&'static str, &'static [u16])];

/// Regions with a name of their own: challenge and years, regions and labels.
///
/// Until 2022: Menze et al. 2015, Baid et al. 2021. Since 2023: `rachitsaluja/BraTS-2023-Metrics`; of 2024
/// `rachitsaluja/BraTS-2024-Metrics`, whose `WT` leaves the resection cavity out.
const NAMED: [(&str, Parts); 4] = [
    ("brats2021", &[("WT", &[1, 2, 4]), ("TC", &[1, 4]), ("ET", &[4])]),
    ("brats2023", &[("WT", &[1, 2, 3]), ("TC", &[1, 3]), ("ET", &[3])]),
    (
        "brats2024",
        &[
            ("WT", &[1, 2, 3]),
            ("TC", &[1, 3]),
            ("ET", &[3]),
            ("NETC", &[1]),
            ("SNFH", &[2]),
            ("RC", &[4]),
        ],
    ),
    (
        "brats2024-ped",
        &[
            ("WT", &[1, 2, 3, 4]),
            ("TC", &[1, 2, 3]),
            ("ET", &[1]),
            ("NETC", &[2]),
            ("CC", &[3]),
            ("ED", &[4]),
        ],
    ),
];

/// The regions of that name.
pub fn named(name: &str) -> Option<Vec<Region>> {
    let (_, regions) = NAMED.iter().find(|(known, _)| *known == name)?;
    Some(regions.iter().map(|(name, labels)| Region::new(name, labels)).collect())
}

/// What `--regions` takes: a name of [`NAMED`], or `NAME=1+2+4` separated by commas.
pub(super) fn parsed(typed: &[String]) -> Result<Vec<Region>> {
    if let [name] = typed
        && let Some(regions) = named(name)
    {
        return Ok(regions);
    }
    let bad = |text: &str| {
        let known: Vec<&str> = NAMED.iter().map(|(name, _)| *name).collect();
        Error::new(Kind::Usage, words::which_regions(text, &known))
    };
    let mut found: Vec<Region> = Vec::new();
    for text in typed {
        let (name, labels) = text.split_once('=').ok_or_else(|| bad(text))?;
        let label = |label: &str| label.trim().parse::<u16>().ok().filter(|label| *label > 0);
        let labels: Option<Vec<u16>> = labels.split('+').map(label).collect();
        let mut labels = labels.ok_or_else(|| bad(text))?;
        labels.sort_unstable();
        labels.dedup();
        let name = name.trim();
        if name.is_empty() || found.iter().any(|region| region.name == name) {
            return Err(bad(text));
        }
        found.push(Region::new(name, &labels));
    }
    Ok(found)
}

/// As programs read them: name to labels.
pub(super) fn to_json(regions: &[Region]) -> Json {
    let one = |region: &Region| (region.name.clone(), json!(region.labels));
    Json::Object(regions.iter().map(one).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(typed: &[&str]) -> Result<Vec<Region>> {
        parsed(&typed.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn regions_are_named_or_written_out() {
        assert_eq!(of(&["brats2021"]), of(&["WT=1+2+4", "TC=4+1", "ET=4"]));
        assert_eq!(of(&["brats2023"]).ok().map(|list| list.len()), Some(3));
        for bad in [
            &["brats"][..],
            &["WT=0+1"],
            &["WT=1+"],
            &["=1"],
            &["A=1", "A=2"],
            &["brats2021", "A=1"],
            &["A=70000"],
        ] {
            assert_eq!(of(bad).map_err(|error| error.kind()), Err(Kind::Usage), "{bad:?}");
        }
    }
}
