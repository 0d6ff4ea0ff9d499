//! The result of a comparison, for people and for programs.

use crate::score::outcome::{bilingual, notes_json, quoted};
use crate::score::settings::{Policy, Settings};
use base::words::judge;
use base::words::score as words;
use base::{Lang, Note};
use metrics::compare::{RankStability, Ranking, holm, non_inferiority};
use metrics::{Interval, Undefined, Value};
use serde_json::{Map, Value as Json, json};
use std::fmt::Write;

/// Several models side by side.
#[derive(Clone, Debug)]
pub struct SideBySide {
    /// The models, as typed.
    pub models: Vec<String>,
    /// What was asked.
    pub settings: Settings,
    /// Number of cases.
    pub cases: usize,
    /// Number of patients.
    pub units: usize,
    /// One entry a label and metric.
    pub entries: Vec<Entry>,
    /// What should be known.
    pub notes: Vec<Note>,
    /// Subgroups: column, value, the same models on its cases alone.
    pub subgroups: Vec<(String, String, SideBySide)>,
}

/// One metric of one label.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The label; empty for all labels together.
    pub label: String,
    /// The metric.
    pub metric: String,
    /// Higher is better.
    pub higher: bool,
    /// Each model's value and interval.
    pub values: Vec<(Value, Result<Interval, Undefined>)>,
    /// Every two models.
    pub pairs: Vec<Pair>,
    /// Rankings by name, with their firmness.
    pub rankings: Vec<(&'static str, Ranking, Option<RankStability>)>,
}

/// Two models.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Place of the first.
    pub first: usize,
    /// Place of the second.
    pub second: usize,
    /// First minus second.
    pub difference: Value,
    /// Its interval from the same resamples for both.
    pub interval: Result<Interval, Undefined>,
    /// Tests by name: p or why there is none.
    pub tests: Vec<(&'static str, Value)>,
    /// What else JSON says.
    pub more: Map<String, Json>,
    /// Holm's adjustment of the first test over all pairs and labels of the metric.
    pub adjusted: Option<f64>,
}

impl Pair {
    /// The median of the differences by Hodges and Lehmann with its interval, as it is printed.
    pub(super) fn hodges_lehmann(&self) -> Option<String> {
        let estimate = self.more.get("hodges_lehmann")?.as_f64()?;
        let ends = self.more.get("hodges_lehmann_ci").and_then(Json::as_array);
        let ends = match ends.map(|ends| (ends[0].as_f64(), ends[1].as_f64())) {
            Some((Some(low), Some(high))) => format!(" ({low:.4} … {high:.4})"),
            _ => String::new(),
        };
        Some(format!("{estimate:.4}{ends}"))
    }

    /// Whether the second model is shown not to be inferior to the first, where a margin was given.
    pub(super) fn non_inferior(&self) -> Option<base::Text> {
        let fits = self.more.get("second_non_inferior")?.as_bool()?;
        Some(words::non_inferior(self.second + 1, self.first + 1, fits))
    }
}

fn ends(interval: Result<Interval, Undefined>) -> Json {
    interval.map_or(Json::Null, |interval| json!([interval.low, interval.high]))
}

impl SideBySide {
    pub(super) fn new(models: &[String], settings: &Settings) -> SideBySide {
        SideBySide {
            models: models.to_vec(),
            settings: settings.clone(),
            cases: 0,
            units: 0,
            entries: Vec::new(),
            notes: Vec::new(),
            subgroups: Vec::new(),
        }
    }

    /// Adjusts the first test of every pair, metric by metric, for how many there are.
    pub(super) fn adjust(&mut self) {
        let mut metrics: Vec<String> = self.entries.iter().map(|e| e.metric.clone()).collect();
        metrics.sort();
        metrics.dedup();
        for metric in metrics {
            let own = |entry: &&mut Entry| entry.metric == metric;
            let mut pairs: Vec<&mut Pair> =
                self.entries.iter_mut().filter(own).flat_map(|entry| &mut entry.pairs).collect();
            let first = |pair: &Pair| pair.tests.first().and_then(|(_, p)| p.ok());
            let p: Vec<f64> = pairs.iter().filter_map(|pair| first(pair)).collect();
            let mut adjusted = holm(&p).into_iter();
            for pair in &mut pairs {
                if first(pair).is_some() {
                    pair.adjusted = adjusted.next();
                }
            }
        }
    }

    /// As programs read it.
    pub fn to_json(&self) -> Json {
        let settings = &self.settings;
        let mut json = json!({
            "schema": "consilium.compare/1",
            "task": settings.task.name(),
            "models": self.models,
            "n": self.cases,
            "units": self.units,
            "group": settings.group,
            "level": settings.level,
            "resamples": settings.resamples,
            "seed": settings.seed,
            "margin": settings.margin,
            "uncertain": settings.uncertain.map(Policy::name),
            "results": self.results(),
            "notes": notes_json(&self.notes),
            "disclaimer": bilingual(&words::RESEARCH),
        });
        if !self.subgroups.is_empty() {
            let mut columns: Map<String, Json> = Map::new();
            for (column, value, found) in &self.subgroups {
                let entry = columns.entry(column.clone()).or_insert_with(|| json!({}));
                entry[value.as_str()] = json!({
                    "n": found.cases,
                    "units": found.units,
                    "results": found.results(),
                    "notes": notes_json(&found.notes),
                });
            }
            json["subgroups"] = Json::Object(columns);
        }
        json
    }

    fn results(&self) -> Vec<Json> {
        self.entries.iter().map(|entry| self.entry_json(entry)).collect()
    }

    fn entry_json(&self, entry: &Entry) -> Json {
        let value = |(value, interval): &(Value, Result<Interval, Undefined>)| {
            json!({
                "value": value.ok(),
                "undefined": value.err().map(Undefined::name),
                "ci": ends(*interval),
            })
        };
        let values: Map<String, Json> =
            self.models.iter().cloned().zip(entry.values.iter().map(value)).collect();
        let pairs = entry.pairs.iter().map(|pair| self.pair_json(pair)).collect::<Vec<_>>();
        let mut rankings = Map::new();
        for (name, ranking, firm) in &entry.rankings {
            let mut out = Map::new();
            let by_model = |numbers: &[f64]| -> Map<String, Json> {
                self.models.iter().cloned().zip(numbers.iter().map(|x| json!(x))).collect()
            };
            out.insert("rank".into(), json!(by_model(&ranking.rank)));
            out.insert("score".into(), json!(by_model(&ranking.score)));
            if let Some(firm) = firm {
                let shares = self.models.iter().cloned().zip(firm.share.iter().map(|s| json!(s)));
                let ranges = firm.range.iter().map(|range| json!([range.low, range.high]));
                out.insert("share_of_ranks".into(), Json::Object(shares.collect()));
                let ranges = self.models.iter().cloned().zip(ranges);
                out.insert("rank_ci".into(), Json::Object(ranges.collect()));
                out.insert("kendall_tau".into(), json!(firm.tau.ok()));
                out.insert("firm".into(), json!(firm.tau.is_ok_and(|tau| tau >= FIRM)));
            }
            rankings.insert((*name).into(), Json::Object(out));
        }
        json!({
            "label": (!entry.label.is_empty()).then_some(&entry.label),
            "metric": entry.metric,
            "higher_is_better": entry.higher,
            "values": values,
            "pairs": pairs,
            "rankings": rankings,
        })
    }

    fn pair_json(&self, pair: &Pair) -> Json {
        let mut out = Map::new();
        out.insert("first".into(), json!(self.models[pair.first]));
        out.insert("second".into(), json!(self.models[pair.second]));
        out.insert("difference".into(), json!(pair.difference.ok()));
        out.insert("undefined".into(), json!(pair.difference.err().map(Undefined::name)));
        out.insert("ci".into(), ends(pair.interval));
        for (name, p) in &pair.tests {
            out.insert(format!("p_{name}"), json!(p.ok()));
        }
        out.insert("p_holm".into(), json!(pair.adjusted));
        out.extend(pair.more.clone());
        Json::Object(out)
    }

    /// One line a model's value, and one a difference of two: label, subgroup, metric, first, second,
    /// value, undefined, low, high, test, p, Holm's p.
    pub fn to_csv(&self) -> String {
        let mut text = String::from(
            "label,subgroup,metric,first,second,value,undefined,low,high,test,p,p_holm\n",
        );
        self.lines("", &mut text);
        for (column, value, found) in &self.subgroups {
            found.lines(&format!("{column}={value}"), &mut text);
        }
        text
    }

    fn lines(&self, subgroup: &str, text: &mut String) {
        let cell = |x: Option<f64>| x.map_or(String::new(), |x| x.to_string());
        let mut line = |entry: &Entry,
                        models: [&str; 2],
                        value: Value,
                        interval: Result<Interval, Undefined>,
                        test: [String; 3]| {
            let ends = interval.ok();
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{},{},{},{}",
                quoted(&entry.label),
                quoted(subgroup),
                quoted(&entry.metric),
                quoted(models[0]),
                quoted(models[1]),
                cell(value.ok()),
                value.err().map_or("", Undefined::name),
                cell(ends.map(|ends| ends.low)),
                cell(ends.map(|ends| ends.high)),
                test.join(",")
            );
        };
        for entry in &self.entries {
            for (model, (value, interval)) in self.models.iter().zip(&entry.values) {
                line(entry, [model, ""], *value, *interval, Default::default());
            }
            for pair in &entry.pairs {
                let models = [pair.first, pair.second].map(|at| self.models[at].as_str());
                let test = pair.tests.first().map_or(Default::default(), |(name, p)| {
                    [(*name).to_owned(), cell(p.ok()), cell(pair.adjusted)]
                });
                line(entry, models, pair.difference, pair.interval, test);
            }
        }
    }

    /// As people read it.
    pub fn to_text(&self, lang: Lang) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "{}", words::RESEARCH.get(lang));
        let patients = match self.settings.group {
            Some(_) => format!(" · {} {}", words::UNITS.get(lang), self.units),
            None => String::new(),
        };
        let task = words::task(self.settings.task.name());
        let cases = words::CASES.get(lang);
        let _ = writeln!(text, "{} · {cases} {}{patients}", task.get(lang), self.cases);
        for (at, model) in self.models.iter().enumerate() {
            let _ = writeln!(text, "  [{}] {model}", at + 1);
        }
        self.write_entries("", lang, &mut text);
        for (column, value, found) in &self.subgroups {
            let name = format!(" · {column} = {value}");
            let _ =
                writeln!(text, "\n{}{name} · {cases} {}", words::SUBGROUP.get(lang), found.cases);
            found.write_entries(&name, lang, &mut text);
        }
        text
    }

    fn write_entries(&self, subgroup: &str, lang: Lang, text: &mut String) {
        for note in &self.notes {
            let _ = writeln!(text, "  ! {}", note.text.get(lang));
        }
        for entry in &self.entries {
            let metric = words::metric(&entry.metric);
            let metric = metric.map_or(entry.metric.clone(), |name| name.get(lang).to_owned());
            let label = match entry.label.as_str() {
                "" => words::ALL_LABELS.get(lang),
                label => label,
            };
            let _ = writeln!(text, "\n{label} · {metric}{subgroup}");
            for (at, (value, interval)) in entry.values.iter().enumerate() {
                let _ = writeln!(text, "  [{}] {}", at + 1, number(*value, *interval, lang));
            }
            for pair in &entry.pairs {
                let shown = number(pair.difference, pair.interval, lang);
                let tests: Vec<String> = pair
                    .tests
                    .iter()
                    .map(|(name, p)| match p {
                        Ok(p) => format!("{} p {}", judge::test(name).get(lang), shown_p(*p)),
                        Err(why) => {
                            format!("{} – {}", judge::test(name).get(lang), why.text().get(lang))
                        }
                    })
                    .collect();
                let holm =
                    pair.adjusted.map_or(String::new(), |p| format!(" · Holm p {}", shown_p(p)));
                let line = format!(
                    "  [{}] − [{}]  {shown}   {}{holm}",
                    pair.first + 1,
                    pair.second + 1,
                    tests.join(" · ")
                );
                let _ = writeln!(text, "{}", line.trim_end());
                if let Some(estimate) = pair.hodges_lehmann() {
                    let name = judge::HODGES_LEHMANN.get(lang);
                    let _ = writeln!(text, "      {name} {estimate}");
                }
                if let Some(said) = pair.non_inferior() {
                    let _ = writeln!(text, "      {}", said.get(lang));
                }
            }
            if entry.any_alike() {
                let _ = writeln!(text, "  * {}", words::ALL_ALIKE.get(lang));
            }
            for ranked in &entry.rankings {
                let name = words::ranking(ranked.0);
                let (title, ranks) = (words::RANKS.get(lang), shown_ranks(ranked));
                let _ = writeln!(text, "  {title} · {}: {ranks}", name.get(lang));
                if !is_firm(ranked) {
                    let _ = writeln!(text, "  ! {}", words::UNSTABLE_RANKING.get(lang));
                }
            }
        }
    }
}

/// Each model's rank, and how firm the ranking is, as text and page write it.
pub(super) fn shown_ranks((_, ranking, firm): &(&str, Ranking, Option<RankStability>)) -> String {
    let one = |(at, rank): (usize, &f64)| format!("[{}] {rank}", at + 1);
    let ranks: Vec<String> = ranking.rank.iter().enumerate().map(one).collect();
    let tau = firm.as_ref().and_then(|firm| firm.tau.ok());
    ranks.join("  ") + &tau.map_or(String::new(), |tau| format!("   τ = {tau:.3}"))
}

/// Whether the resamples agree with a ranking, as far as that is known.
pub(super) fn is_firm((.., firm): &(&str, Ranking, Option<RankStability>)) -> bool {
    let tau = firm.as_ref().and_then(|firm| firm.tau.ok());
    tau.is_none_or(|tau| tau >= FIRM)
}

/// Whether the second model is no worse than the first by more than the margin, where one is given.
pub(super) fn against_margin(
    difference: Value,
    interval: Result<Interval, Undefined>,
    higher: bool,
    settings: &Settings,
) -> Map<String, Json> {
    let mut more = Map::new();
    if let (Ok(difference), Ok(interval), Some(margin)) = (difference, interval, settings.margin) {
        // The second against the first, turned so that higher is better.
        let (difference, interval) = if higher {
            (-difference, Interval { low: -interval.high, high: -interval.low })
        } else {
            (difference, interval)
        };
        let judged = non_inferiority(difference, interval, margin);
        more.insert("second_non_inferior".into(), json!(judged.non_inferior));
        more.insert("second_superior".into(), json!(judged.superior));
    }
    more
}

/// A p value as it is printed: never 0.
pub(super) fn shown_p(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".into() } else { format!("= {p:.4}") }
}

/// A ranking whose resamples agree less is not firm.
const FIRM: f64 = 0.9;

/// An interval without width: every resample gave the same value.
pub(super) fn all_alike(interval: Interval) -> bool {
    interval.high - interval.low <= 1e-12 * interval.high.abs().max(1.0)
}

impl Entry {
    /// Some interval in it has no width.
    pub(super) fn any_alike(&self) -> bool {
        let values = self.values.iter().map(|(_, interval)| *interval);
        let pairs = self.pairs.iter().map(|pair| pair.interval);
        values.chain(pairs).flatten().any(all_alike)
    }
}

fn number(value: Value, interval: Result<Interval, Undefined>, lang: Lang) -> String {
    match (value, interval) {
        (Ok(value), Ok(interval)) => {
            let mark = if all_alike(interval) { " *" } else { "" };
            format!("{value:.4}   {:.4} … {:.4}{mark}", interval.low, interval.high)
        }
        (Ok(value), Err(why)) => format!("{value:.4}   – {}", why.text().get(lang)),
        (Err(why), _) => format!("– {}", why.text().get(lang)),
    }
}
