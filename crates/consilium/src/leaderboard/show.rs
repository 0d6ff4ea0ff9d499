//! The leaderboard for people and for programs.

use super::board::{Added, Board};
use super::rank::{By, Ranked};
use crate::evaluate::published::{self, Published};
use crate::read::Common;
use crate::score::bilingual;
use base::Text;
use base::words::evaluate as evaluate_words;
use base::words::leaderboard as words;
use base::words::score as score_words;
use serde_json::{Value as Json, json};
use std::fmt::Write;

/// What became of the runs.
pub(super) fn added(added: &[(String, String, Added)], common: &Common) -> String {
    if common.json {
        let one = |(model, board, how): &(String, String, Added)| json!({ "model": model, "board": board, "new": *how == Added::New });
        return format!("{}\n", added.iter().map(one).collect::<Json>());
    }
    let mut text = String::new();
    for (model, board, how) in added {
        let line = match how {
            Added::New => words::added(model, board),
            Added::Already => words::already(model, board),
        };
        let _ = writeln!(text, "{}", line.get(common.lang));
    }
    text
}

/// All boards.
pub(super) fn list(boards: &[Board], common: &Common) -> String {
    if common.json {
        return format!("{}\n", boards.iter().map(board_json).collect::<Json>());
    }
    if boards.is_empty() {
        return format!("{}\n", words::EMPTY.get(common.lang));
    }
    let mut text = String::new();
    for board in boards {
        let _ = writeln!(text, "{}  {}", board.name, about(board).get(common.lang));
    }
    text
}

/// A board in one line.
pub(super) fn about(board: &Board) -> Text {
    let task = score_words::task(&board.task);
    let split = board.split.as_deref().map_or(String::new(), |split| format!(" {split}"));
    let hash: String = board.dataset_sha256.chars().take(12).collect();
    let line = |lang: base::Lang| {
        format!(
            "{}{split} · {} · {} {} · {} {} · {hash}… · {} {}",
            board.kind,
            task.get(lang),
            score_words::CASES.get(lang),
            board.counts[0],
            score_words::UNITS.get(lang),
            board.counts[1],
            words::RUNS.get(lang),
            board.runs
        )
    };
    Text::filled(line(base::Lang::En), line(base::Lang::Zh))
}

fn board_json(board: &Board) -> Json {
    let settings: Json = serde_json::from_str(&board.settings).unwrap_or_default();
    json!({
        "board": board.name,
        "dataset_sha256": board.dataset_sha256,
        "kind": board.kind,
        "split": board.split,
        "task": board.task,
        "cases": board.counts[0],
        "patients": board.counts[1],
        "settings": settings,
        "runs": board.runs,
    })
}

/// Published numbers that belong beside a board.
pub(super) fn beside(board: &Board, ranked: &[Ranked]) -> Vec<Published> {
    let mut rows: Vec<&str> = ranked
        .iter()
        .filter_map(|own| zoo::find(&own.run.model).map(|system| system.card().survey_row))
        .chain(ranked.iter().filter_map(|own| {
            zoo::find_volume_system(&own.run.model).map(|system| system.card().survey_row)
        }))
        .collect();
    rows.sort_unstable();
    rows.dedup();
    published::of(&board.kind, &rows)
}

/// The rank as it is shown: `1 (1–2)`.
pub(super) fn place(own: &Ranked) -> Option<String> {
    let (rank, range) = own.rank.ok()?;
    Some(match range {
        Some([best, worst]) => format!("{rank} ({best}–{worst})"),
        None => rank.to_string(),
    })
}

/// One board, ranked.
pub(super) fn ranking(board: &Board, by: &By, ranked: &[Ranked], common: &Common) -> String {
    let published = beside(board, ranked);
    if common.json {
        return format!("{}\n", as_json(board, by, ranked, &published));
    }
    let lang = common.lang;
    let mut text = format!("{}\n", score_words::RESEARCH.get(lang));
    let _ = writeln!(text, "{}  {}", board.name, about(board).get(lang));
    let label = if by.label.is_empty() { score_words::ALL_LABELS.get(lang) } else { &by.label };
    let metric = score_words::metric(&by.metric).unwrap_or_else(|| Text::same(&by.metric));
    let _ = writeln!(text, "{} · {label}\n", metric.get(lang));
    for own in ranked {
        let place = place(own).unwrap_or_else(|| "–".into());
        let value = own.score.and_then(|score| score.value);
        let value = value.map_or("–".into(), |value| format!("{value:.4}"));
        let ends = own.score.and_then(|score| score.interval);
        let ends = ends.map_or(String::new(), |[low, high]| format!("{low:.4} … {high:.4}"));
        let cases = score_words::CASES.get(lang);
        let _ = write!(
            text,
            "{place:>10}  {:40} {value}   {ends:17}  {cases} {}",
            own.run.model, own.run.answered[0]
        );
        if let Err(why) = own.rank {
            let _ = write!(text, "   {}", why.get(lang));
        }
        text.push('\n');
    }
    let _ = writeln!(text, "\n{}", words::RANK_NOTE.get(lang));
    if !published.is_empty() {
        let _ = writeln!(
            text,
            "\n{}\n{}",
            evaluate_words::PUBLISHED.get(lang),
            evaluate_words::PUBLISHED_NOTE.get(lang)
        );
    }
    for own in &published {
        let n = own.n.map_or("–".into(), |n| n.to_string());
        let _ = writeln!(
            text,
            "  {} · {} · {} {} · n {n} · {}",
            own.name.get(lang),
            own.data_set.get(lang),
            own.metric.get(lang),
            own.value,
            own.source
        );
    }
    text
}

fn as_json(board: &Board, by: &By, ranked: &[Ranked], published: &[Published]) -> Json {
    let one = |own: &Ranked| {
        json!({
            "rank": own.rank.ok().map(|(rank, _)| rank),
            "rank_range": own.rank.ok().and_then(|(_, range)| range),
            "unranked": own.rank.err().map(bilingual),
            "model": own.run.model,
            "name": { "en": own.run.name[0], "zh": own.run.name[1] },
            "weights_sha256": own.run.weights_sha256,
            "version": own.run.version,
            "added": own.run.added,
            "answered": own.run.answered[0],
            "unanswered": own.run.answered[1],
            "value": own.score.and_then(|score| score.value),
            "undefined": own.score.and_then(|score| score.undefined.clone()),
            "ci": own.score.and_then(|score| score.interval),
            "ci_method": own.score.and_then(|score| score.method.clone()),
        })
    };
    json!({
        "schema": "consilium.leaderboard/1",
        "board": board_json(board),
        "metric": by.metric,
        "label": by.label,
        "higher_is_better": by.better == metrics::compare::Better::Higher,
        "runs": ranked.iter().map(one).collect::<Vec<_>>(),
        "published": published::to_json(published),
        "disclaimer": bilingual(&score_words::RESEARCH),
    })
}
