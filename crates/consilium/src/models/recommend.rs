//! `models recommend`: what suits a purpose on this machine, and why.

use super::rows::filter;
use crate::cli::{Arguments, print};
use crate::machine::Machine;
use crate::read::Common;
use base::words::catalogue as words;
use base::{Lang, Result, Text};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write;
use zoo::catalogue::{Filter, recommend, word};

/// How many are shown.
const SHOWN: usize = 10;

/// `models recommend [--for PURPOSE] [--ram GB] [--gpu GB] [filters]`.
pub fn run(typed: &Arguments, common: &Common, out: &mut dyn Write) -> Result<()> {
    let scenario =
        typed.value("--for").map(|text| word("--for", text, words::SCENARIOS)).transpose()?;
    let mut machine = Machine::read().offer();
    machine.ram_gb = typed.number("--ram")?.map(|gb| gb as f32).or(machine.ram_gb);
    machine.gpu_gb = typed.number("--gpu")?.map(|gb| gb as f32).or(machine.gpu_gb);
    // Here the machine's memory decides; `--memory` stands for it as well.
    let asked = filter(typed)?;
    machine.gpu_gb = asked.memory_gb.or(machine.gpu_gb);
    let asked = Filter { memory_gb: None, ..asked };
    let (fitting, unfit) = recommend(&machine, scenario, &asked);
    if common.json {
        let both = |text: &Text| json!({ "en": text.en(), "zh": text.zh() });
        let fitting: Vec<Value> = fitting
            .iter()
            .map(|found| {
                let reasons: Vec<Value> = found.reasons.iter().map(both).collect();
                json!({ "id": found.entry.id, "points": found.points, "reasons": reasons })
            })
            .collect();
        let unfit: Vec<Value> = unfit
            .iter()
            .map(|unfit| json!({ "id": unfit.entry.id, "why": both(&unfit.why) }))
            .collect();
        let all = json!({
            "machine": { "cores": machine.cores, "ram_gb": machine.ram_gb, "gpu_gb": machine.gpu_gb },
            "for": scenario.map(|scenario| scenario.id),
            "recommended": fitting,
            "does_not_fit": unfit,
        });
        return print(out, &format!("{all:#}\n"));
    }
    let lang = common.lang;
    let mut text =
        words::this_machine(machine.cores, machine.ram_gb, machine.gpu_gb).get(lang).to_owned()
            + "\n";
    if let Some(scenario) = scenario {
        let (label, colon) = (words::PURPOSE.get(lang), words::COLON.get(lang));
        let _ = writeln!(text, "{label}{colon}{}", scenario.name.get(lang));
    }
    if fitting.is_empty() {
        let _ = writeln!(text, "\n{}", words::NONE_FOUND.get(lang));
    }
    for (rank, found) in fitting.iter().take(SHOWN).enumerate() {
        let (name, points) = (found.entry.name.get(lang), words::points(found.points));
        let _ =
            writeln!(text, "\n{}. {}  {name}  ({})", rank + 1, found.entry.id, points.get(lang));
        let _ = writeln!(text, "   {}", found.entry.about.get(lang));
        let _ = writeln!(text, "   {}", joined(&found.reasons, lang));
    }
    if fitting.len() > SHOWN {
        let _ = writeln!(text, "\n{}", words::and_more(fitting.len() - SHOWN).get(lang));
    }
    if !unfit.is_empty() {
        let _ = writeln!(text, "\n{}", words::DOES_NOT_FIT.get(lang));
        for unfit in &unfit {
            let (id, colon) = (&unfit.entry.id, words::COLON.get(lang));
            let _ = writeln!(text, "  {id}{colon}{}", unfit.why.get(lang));
        }
    }
    let _ = writeln!(text, "\n{}", words::RESEARCH_ONLY_LINE.get(lang));
    print(out, &text)
}

fn joined(texts: &[Text], lang: Lang) -> String {
    let all: Vec<&str> = texts.iter().map(|text| text.get(lang)).collect();
    all.join(words::SEMICOLON.get(lang))
}
