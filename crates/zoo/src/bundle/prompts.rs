//! Which classes a network is asked for that answers to prompts: VISTA3D's.
//!
//! Source: the published bundle's `scripts/evaluator.py` (`check_prompts_format`) and `configs/inference.json`,
//! `monai/apps/vista3d/transforms.py` (`VistaPreTransformd`).

use super::config::Config;
use super::folder::Problem;
use super::network::short;
use base::words::bundle as words;
use base::{Error, Kind, Result};
use engine::weights::Plain;

/// The last class that is found by its number alone (`last_supported` of `vista3d132`).
const LAST: u16 = 132;
/// Classes that are found by points only (`supported_list`).
const BY_POINTS: [u16; 5] = [16, 18, 129, 130, 131];

/// Classes to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Prompts {
    /// In order, each once; a class is its own label.
    pub classes: Vec<u16>,
    /// Classes that stand for several others.
    parts: Vec<(u16, Vec<u16>)>,
}

impl Prompts {
    /// All classes that a bundle asks for where nobody asks for any. Problems: it asks for points, or for
    /// no classes.
    pub fn read(
        config: &Config,
        evaluator: Option<&Plain>,
    ) -> std::result::Result<Prompts, Problem> {
        let data = config.get("dataset#data").or_else(|| config.get("input_dict"));
        let cases = data.as_ref().map(|data| data.items().unwrap_or(std::slice::from_ref(data)));
        let points = |case: &Plain| !matches!(case.get("points"), None | Some(Plain::None));
        if cases.unwrap_or_default().iter().any(points) {
            return Err(Problem(words::POINTS));
        }
        let named = "everything_labels";
        let own = evaluator.and_then(|evaluator| evaluator.get("hyper_kwargs"));
        let own = own.and_then(|own| own.get(named)).cloned();
        let everything =
            own.or_else(|| config.get(named)).ok_or_else(|| Problem::missing(named))?;
        let classes =
            numbers(&everything).filter(|classes| !classes.is_empty()).ok_or_else(|| {
                Problem(words::argument("Vista3dEvaluator", named, &short(&everything)))
            })?;
        let target = "monai.apps.vista3d.transforms.VistaPreTransformd";
        let before = config.find(target);
        let rows = before.as_ref().and_then(|before| before.get("subclass")).and_then(Plain::rows);
        let part = |(class, parts): &(String, Plain)| {
            let wrong =
                || Problem(words::argument("VistaPreTransformd", "subclass", &short(parts)));
            let class = class.parse().ok().filter(|class| (1..=LAST).contains(class));
            class.zip(numbers(parts)).ok_or_else(wrong)
        };
        let parts =
            rows.unwrap_or_default().iter().map(part).collect::<std::result::Result<_, _>>()?;
        Ok(Prompts { classes, parts })
    }

    /// Asks for some classes instead, by number or by the name that the bundle gives them, with or without
    /// underscores. Errors of kind `Usage`.
    pub fn ask(&mut self, names: &[String], known: &[Option<String>]) -> Result<()> {
        let mut classes = Vec::new();
        for name in names {
            let class = class_of(name, known)?;
            let parts = self.parts.iter().find(|(whole, _)| *whole == class);
            let parts = parts.map_or_else(|| vec![class], |(_, parts)| parts.clone());
            if let Some(class) = parts.iter().find(|class| BY_POINTS.contains(class)) {
                let name = known.get(usize::from(*class)).cloned().flatten();
                let text = words::by_points(*class, &name.unwrap_or_default());
                return Err(Error::new(Kind::Usage, text));
            }
            classes.extend(parts);
        }
        let mut taken = [false; LAST as usize + 1];
        classes.retain(|class| !std::mem::replace(&mut taken[usize::from(*class)], true));
        if !classes.is_empty() {
            self.classes = classes;
        }
        Ok(())
    }
}

/// Classes, each once and one that is found by its number.
fn numbers(list: &Plain) -> Option<Vec<u16>> {
    let number = |item: &Plain| {
        let number = item.size().and_then(|number| u16::try_from(number).ok())?;
        (1..=LAST).contains(&number).then_some(number)
    };
    let mut all = list.items()?.iter().map(number).collect::<Option<Vec<u16>>>()?;
    let mut taken = [false; LAST as usize + 1];
    all.retain(|class| !std::mem::replace(&mut taken[usize::from(*class)], true));
    Some(all)
}

fn class_of(name: &str, known: &[Option<String>]) -> Result<u16> {
    if let Ok(class) = name.parse::<u16>()
        && (1..=LAST).contains(&class)
    {
        return Ok(class);
    }
    let plain = |name: &str| name.replace(['_', '-'], " ").trim().to_lowercase();
    let wanted = plain(name);
    let named = known.iter().enumerate().skip(1);
    let mut named = named.filter_map(|(n, name)| Some((n as u16, plain(name.as_deref()?))));
    match named.clone().find(|(class, name)| *class <= LAST && *name == wanted) {
        Some((class, _)) => Ok(class),
        None => {
            let all: Vec<String> = named.by_ref().map(|(_, name)| name).collect();
            let near = base::nearest(&wanted, all.iter().map(String::as_str));
            Err(Error::new(Kind::Usage, words::no_class(name, LAST, near)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompts(text: &str) -> std::result::Result<Prompts, Problem> {
        Prompts::read(&Config::new(Plain::from_json(text.as_bytes()).unwrap()), None)
    }

    fn names() -> Vec<Option<String>> {
        let names = ["background", "liver", "kidney", "spleen", "pancreas", "right kidney"];
        names.map(|name| Some(name.to_owned())).to_vec()
    }

    #[test]
    fn what_nobody_asks_for_is_everything_and_a_whole_is_asked_for_by_its_parts() {
        let text = r#"{"everything_labels": "$list(set([i+1 for i in range(5)]) - set([2]))",
            "subclass": {"2": [14, 5], "20": "$list(range(28, 30))"},
            "a": {"_target_": "monai.apps.vista3d.transforms.VistaPreTransformd", "subclass": "@subclass"}}"#;
        let mut found = prompts(text).unwrap();
        assert_eq!(found.classes, [1, 3, 4, 5]);
        let asked = ["Right_kidney", "kidney", "3", "20", "spleen"].map(str::to_owned);
        found.ask(&asked, &names()).unwrap();
        assert_eq!(found.classes, [5, 14, 3, 28, 29]);
        found.ask(&[], &names()).unwrap();
        assert_eq!(found.classes, [5, 14, 3, 28, 29]);
    }

    #[test]
    fn what_cannot_be_asked_for_is_named() {
        let mut found = prompts(r#"{"everything_labels": [1]}"#).unwrap();
        let mut said = |name: &str| {
            let error = found.ask(&[name.to_owned()], &names()).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage);
            error.what().en().to_owned()
        };
        assert!(said("splean").contains("spleen"));
        assert!(said("0").contains("'0'"));
        assert!(said("133").contains("132"));
        assert!(said("129").contains("points"));
        for (text, wanted) in [
            (r#"{"everything_labels": [1, 300]}"#, "everything_labels"),
            (r#"{"everything_labels": []}"#, "everything_labels"),
            (r#"{"everything_labels": "$list(x)"}"#, "everything_labels"),
            ("{}", "everything_labels"),
            (
                r#"{"everything_labels": [1], "input_dict": "${'image': 'a', 'points': [[1, 2, 3]]}"}"#,
                "points",
            ),
            (
                r#"{"everything_labels": [1], "a": {"_target_": "monai.apps.vista3d.transforms.VistaPreTransformd",
                "subclass": {"x": [1]}}}"#,
                "subclass",
            ),
        ] {
            let problem = prompts(text).unwrap_err();
            assert!(problem.0.en().contains(wanted), "{text}: {}", problem.0.en());
        }
    }
}
