//! Which label of a data set is which output of a model.

use base::words::evaluate as words;
use base::words::findings::ALL;
use base::{Error, Kind, Result, kebab};

/// What published sets call findings, where that is neither the finding's id nor its name.
const ALIASES: &[(&str, &str)] = &[
    ("effusion", "pleural-effusion"),
    ("edema", "pulmonary-edema"),
    ("fibrosis", "pulmonary-fibrosis"),
    ("mass", "lung-mass"),
    ("nodule", "lung-nodule"),
    // VinDr-CXR; CheXpert's lung lesion is a nodule or a mass, too.
    ("nodule-mass", "lung-lesion"),
    ("nodule-or-mass", "lung-lesion"),
    ("airspace-opacity", "lung-opacity"),
    ("infiltrate", "infiltration"),
    ("fracture-visible", "fracture"),
    ("fractured", "fracture"),
    ("kl-grade", "kellgren-lawrence"),
    ("kl", "kellgren-lawrence"),
    ("klg", "kellgren-lawrence"),
    ("kellgren-lawrence-grade", "kellgren-lawrence"),
    ("boneage-months", "bone-age"),
    ("boneage", "bone-age"),
];

/// A label of the set and the output it is judged by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Match {
    /// Place among the set's labels.
    pub label: usize,
    /// Place among the model's outputs.
    pub output: usize,
}

/// What belongs together, and what one side lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Matched {
    /// In the order of the set's labels.
    pub pairs: Vec<Match>,
    /// Labels of the set that the model does not give.
    pub lacking: Vec<String>,
    /// Outputs that the set has no truth for.
    pub unjudged: Vec<String>,
}

/// Matches labels with outputs, by id or by the name in either language; `asked` (`LABEL` or
/// `LABEL=FINDING`) chooses and overrides. `usable` says which labels are of the task's kind.
///
/// Errors: a name in `asked` that is not there (`Usage`); nothing in common (`Refused`).
pub(super) fn matched(
    labels: &[String],
    usable: &dyn Fn(usize) -> bool,
    outputs: &[String],
    asked: &[String],
) -> Result<Matched> {
    let place = |name: &str, known: &[String]| {
        let found = known.iter().position(|known| known == name);
        let found = found.or_else(|| known.iter().position(|known| same(known, name)));
        found.ok_or_else(|| Error::new(Kind::Usage, words::no_such_label(name, known)))
    };
    let mut found = Matched::default();
    if asked.is_empty() {
        for (label, name) in labels.iter().enumerate().filter(|(label, _)| usable(*label)) {
            match outputs.iter().position(|output| same(output, name)) {
                Some(output) => found.pairs.push(Match { label, output }),
                None => found.lacking.push(name.clone()),
            }
        }
    }
    for text in asked {
        let (label, output) = text.split_once('=').unwrap_or((text, ""));
        let label = place(label.trim(), labels)?;
        let output = match output.trim() {
            "" => place(&labels[label], outputs)?,
            named => place(named, outputs)?,
        };
        found.pairs.push(Match { label, output });
    }
    found.pairs.sort_by_key(|pair| pair.label);
    found.pairs.dedup_by_key(|pair| pair.label);
    let judged = |output: usize| found.pairs.iter().any(|pair| pair.output == output);
    let unjudged = (0..outputs.len()).filter(|output| !judged(*output));
    found.unjudged = unjudged.map(|output| outputs[output].clone()).collect();
    if found.pairs.is_empty() {
        let own: Vec<String> =
            (0..labels.len()).filter(|at| usable(*at)).map(|at| labels[at].clone()).collect();
        let error = Error::new(Kind::Refused, words::nothing_common(&own, outputs));
        return Err(error.hint(words::labels_hint("Effusion=pleural-effusion")));
    }
    Ok(found)
}

/// Whether a label means an output.
fn same(output: &str, label: &str) -> bool {
    let id = kebab(label);
    let alias = ALIASES.iter().find(|(alias, _)| *alias == id).map(|(_, meant)| *meant);
    if output == label || output == id || Some(output) == alias {
        return true;
    }
    let code = ALL.iter().find(|code| code.id == output);
    code.is_some_and(|code| {
        kebab(code.name.en()) == id && label.is_ascii() || code.name.zh() == label.trim()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outputs() -> Vec<String> {
        let card = zoo::find("xrv-densenet121-res224-all").unwrap().card();
        card.labels.iter().flatten().map(|code| code.id.to_owned()).collect()
    }

    fn of(labels: &[&str], asked: &[&str]) -> Result<Matched> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        let asked: Vec<String> = asked.iter().map(|label| (*label).to_owned()).collect();
        matched(&labels, &|_| true, &outputs(), &asked)
    }

    #[test]
    fn every_label_of_the_chest_sets_is_found_or_known_to_be_lacking() {
        let lacking = |labels: &[&str]| of(labels, &[]).unwrap().lacking;
        let nih = [
            "Atelectasis",
            "Cardiomegaly",
            "Effusion",
            "Infiltration",
            "Mass",
            "Nodule",
            "Pneumonia",
            "Pneumothorax",
            "Consolidation",
            "Edema",
            "Emphysema",
            "Fibrosis",
            "Pleural_Thickening",
            "Hernia",
        ];
        assert!(lacking(&nih).is_empty());
        let chexpert = [
            "No Finding",
            "Enlarged Cardiomediastinum",
            "Cardiomegaly",
            "Lung Opacity",
            "Lung Lesion",
            "Edema",
            "Consolidation",
            "Pneumonia",
            "Atelectasis",
            "Pneumothorax",
            "Pleural Effusion",
            "Pleural Other",
            "Fracture",
            "Support Devices",
        ];
        assert_eq!(lacking(&chexpert), ["No Finding", "Pleural Other", "Support Devices"]);
        assert!(
            lacking(&["Fracture", "Pneumothorax", "Airspace opacity", "Nodule or mass"]).is_empty()
        );
        let vindr = ["Nodule/Mass", "Pulmonary fibrosis", "Pleural effusion", "ILD"];
        assert_eq!(lacking(&vindr), ["ILD"]);
        assert!(lacking(&["胸腔积液", "pleural-effusion", "Pleural effusion"]).is_empty());
    }

    #[test]
    fn what_was_asked_for_is_judged_and_nothing_else() {
        let found =
            of(&["有积液", "Edema", "Mass"], &["有积液=pleural-effusion", "Edema"]).unwrap();
        let names: Vec<_> = found.pairs.iter().map(|pair| outputs()[pair.output].clone()).collect();
        assert_eq!(names, ["pleural-effusion", "pulmonary-edema"]);
        assert_eq!(found.unjudged.len(), 16);
        assert_eq!(of(&["Edema"], &["Oedema"]).unwrap_err().kind(), Kind::Usage);
        assert_eq!(of(&["Edema"], &["Edema=water"]).unwrap_err().kind(), Kind::Usage);
        assert_eq!(of(&["有积液"], &[]).unwrap_err().kind(), Kind::Refused);
    }
}
