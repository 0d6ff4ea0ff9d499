//! `models new` and `models check`: a user's own model.

use crate::World;
use crate::cli::print;
use crate::read::{Common, io_error, write_file};
use base::words::own as words;
use base::{Error, Kind, Lang, Result};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use zoo::folder::{self, CARD, Checked};

/// Writes a commented card into a folder, which is made if need be. A card that is there stays.
pub fn new(world: &dyn World, into: &Path, common: &Common, out: &mut dyn Write) -> Result<()> {
    let path = into.join(CARD);
    if path.exists() {
        return Err(Error::new(Kind::Usage, words::card_exists(CARD)).at(into));
    }
    let card = match common.lang {
        Lang::En => words::TEMPLATE_EN,
        Lang::Zh => words::TEMPLATE_ZH,
    };
    world.make_folder(into).map_err(|error| io_error(&error, into))?;
    write_file(world, &path, card.as_bytes())?;
    let said = words::card_written(&path.display().to_string(), &into.display().to_string());
    print(out, &format!("{}\n", said.get(common.lang)))
}

/// Lists everything that is wrong with a folder. An error when anything must be mended.
pub fn check(path: &Path, common: &Common, out: &mut dyn Write) -> Result<()> {
    let checked = folder::check(path, &common.compute())?;
    if common.json {
        print(out, &format!("{:#}\n", as_json(&checked)))?;
    } else {
        print(out, &as_text(&checked, common.lang))?;
    }
    match checked.problems.iter().filter(|problem| !problem.warning).count() {
        0 => Ok(()),
        count => Err(Error::new(Kind::BrokenInput, words::problems(count)).at(path)),
    }
}

fn as_text(checked: &Checked, lang: Lang) -> String {
    let mut lines: Vec<String> = Vec::new();
    for problem in &checked.problems {
        let mark = if problem.warning { words::DOUBT.get(lang) } else { "" };
        lines.push(format!("{mark}{}", problem.render(lang)));
    }
    lines.extend(checked.facts.iter().map(|fact| fact.get(lang).to_owned()));
    if checked.passed() {
        lines.push(words::CHECK_PASSED.get(lang).to_owned());
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

fn as_json(checked: &Checked) -> Value {
    let problems: Vec<Value> = checked
        .problems
        .iter()
        .map(|problem| {
            json!({
                "line": problem.line,
                "warning": problem.warning,
                "text": { "en": problem.text.en(), "zh": problem.text.zh() },
            })
        })
        .collect();
    json!({ "passed": checked.passed(), "problems": problems })
}
