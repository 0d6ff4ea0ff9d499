//! Numbers that others published, to stand beside ours: never among them.

use crate::score::bilingual;
use crate::score::page::both;
use crate::score::plots::escaped;
use base::Text;
use base::words::evaluate as words;
use base::words::score as score_words;
use serde_json::{Value as Json, json};
use std::fmt::Write;
use zoo::catalogue::{Entry, catalogue};

/// One published number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Published {
    /// Row of the catalogue.
    pub system: String,
    /// Its name.
    pub name: Text,
    /// On which data.
    pub data_set: Text,
    /// What was measured.
    pub metric: Text,
    /// As published.
    pub value: String,
    /// Cases, where it was said.
    pub n: Option<u64>,
    /// Who says so.
    pub source: String,
    /// Read in the source itself.
    pub verified: bool,
}

/// What the catalogue calls the data sets of a kind.
const NAMES: &[(&str, &[&str])] = &[
    ("chestxray14", &["ChestX-ray14"]),
    ("chexpert", &["CheXpert"]),
    ("mimic-cxr-jpg", &["MIMIC-CXR"]),
    ("mimic-cxr", &["MIMIC-CXR"]),
    ("rsna-pneumonia", &["RSNA Pneumonia"]),
    ("vindr-cxr", &["VinDr-CXR"]),
    ("padchest", &["PadChest"]),
    ("iu-xray", &["IU X-ray", "OpenI"]),
    ("rsna-boneage", &["RSNA test set", "RSNA Bone Age"]),
    ("mura", &["MURA"]),
    ("grazpedwri-dx", &["GRAZPEDWRI-DX"]),
    ("fracatlas", &["FracAtlas"]),
    ("msd", &["MSD"]),
    ("brats", &["BraTS"]),
];

/// What was published of the systems in `rows`, and of any system on data sets of this kind. Results
/// of the systems' cards count only on the kind's own data set.
pub(crate) fn of(kind: &str, rows: &[&str]) -> Vec<Published> {
    let names = NAMES.iter().find(|(known, _)| *known == kind).map_or(&[][..], |(_, names)| names);
    let on_kind = |data_set: &str| names.iter().any(|name| data_set.contains(name));
    let mut found = Vec::new();
    for entry in &catalogue().entries {
        let own = rows.contains(&entry.id.as_str());
        let results = entry.results.iter().filter(|result| own || on_kind(result.data_set.en()));
        found.extend(results.map(|result| Published {
            system: entry.id.clone(),
            name: entry.name.clone(),
            data_set: result.data_set.clone(),
            metric: result.metric.clone(),
            value: result.value.clone(),
            n: result.n,
            source: result.source.clone(),
            verified: result.verified,
        }));
        if own {
            found.extend(of_cards(entry, &on_kind));
        }
    }
    found
}

/// Numbers on the cards of a row's networks.
fn of_cards(entry: &Entry, on_kind: &dyn Fn(&str) -> bool) -> Vec<Published> {
    let mut found = Vec::new();
    for system in zoo::SYSTEMS {
        let card = system.card();
        if card.survey_row != entry.id {
            continue;
        }
        for evidence in card.evidence.iter().filter(|evidence| on_kind(evidence.data_set)) {
            let metric = match evidence.finding {
                None => Text::same(evidence.metric),
                Some(code) => Text::filled(
                    format!("{}, {}", evidence.metric, code.name.en()),
                    format!("{}，{}", evidence.metric, code.name.zh()),
                ),
            };
            found.push(Published {
                system: card.id.to_owned(),
                name: card.name.clone(),
                data_set: Text::same(evidence.data_set),
                metric,
                value: evidence.value.to_string(),
                n: None,
                source: evidence.source.to_owned(),
                verified: true,
            });
        }
    }
    found
}

/// For programs.
pub(crate) fn to_json(published: &[Published]) -> Json {
    let one = |own: &Published| {
        json!({
            "published": true,
            "system": own.system,
            "name": bilingual(&own.name),
            "data_set": bilingual(&own.data_set),
            "metric": bilingual(&own.metric),
            "value": own.value,
            "n": own.n,
            "source": own.source,
            "verified": own.verified,
        })
    };
    published.iter().map(one).collect()
}

/// A section of a page; nothing of nothing.
pub(crate) fn section(out: &mut String, published: &[Published]) {
    if published.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<section class=\"pub\"><h2>{}</h2><p>{}</p><table><tr><th>{}</th><th>{}</th><th>{}</th>\
         <th class=\"n\">{}</th><th class=\"n\">n</th><th>{}</th></tr>",
        both(&words::PUBLISHED),
        both(&words::PUBLISHED_NOTE),
        both(&words::SYSTEM),
        both(&words::DATA_SET),
        both(&score_words::METRIC),
        both(&score_words::VALUE),
        both(&words::SOURCE)
    );
    for own in published {
        let restated = match own.verified {
            true => String::new(),
            false => format!(" <small>({})</small>", both(&words::RECALLED)),
        };
        let _ = write!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td>{}{restated}</td></tr>",
            both(&own.name),
            both(&own.data_set),
            both(&own.metric),
            escaped(&own.value),
            own.n.map_or("–".into(), |n| n.to_string()),
            escaped(&own.source)
        );
    }
    out.push_str("</table></section>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::datasets::KINDS;

    #[test]
    fn published_numbers_are_found_by_system_and_by_data_set() {
        let found = of("chestxray14", &["torchxrayvision"]);
        assert!(found.iter().any(|own| own.system == "torchxrayvision" && own.value == "0.88"));
        assert!(found.iter().any(|own| own.system == "chexnet"));
        let card = "xrv-densenet121-res224-all";
        assert!(found.iter().any(|own| own.system == card && own.metric.en() == "AUC, Hernia"));
        assert!(found.iter().all(|own| !own.source.is_empty()));
        // A made-up table is no published set: only what the system itself published.
        let found = of("table", &["torchxrayvision"]);
        assert!(!found.is_empty() && found.iter().all(|own| own.system == "torchxrayvision"));
        assert!(of("table", &[]).is_empty());
        for (kind, _) in NAMES {
            assert!(KINDS.iter().any(|known| known.name == *kind), "{kind}");
        }
    }
}
