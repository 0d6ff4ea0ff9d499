//! Operating points and the Brier score's parts of a label, for the page.

use super::outcome::Block;
use super::page::both;
use base::words::judge;
use base::words::score as words;
use serde_json::Value as Json;
use std::fmt::Write;

/// Columns: the value, and its interval where there is one.
const COLUMNS: [(&str, &str); 7] = [
    ("recall_score", "recall_ci"),
    ("specificity_score", "specificity_ci"),
    ("precision_score", "precision_ci"),
    ("npv_score", "npv_ci"),
    ("balanced_accuracy_score", ""),
    ("f1_score", ""),
    ("matthews_corrcoef", ""),
];

/// One line a point; nothing of a label without.
pub(super) fn table(block: &Block) -> String {
    let mut out = String::new();
    let points = block.more.get("operating_points").and_then(Json::as_object);
    let there = |point: &Json| point.get("undefined").is_none();
    if let Some(points) = points.filter(|points| points.values().any(there)) {
        let _ = write!(
            out,
            "<p class=\"k\">{}</p><div class=\"scroll\"><table><thead><tr><th></th><th class=\"n\">{}</th>",
            both(&judge::OPERATING_POINTS),
            both(&words::THRESHOLD)
        );
        for (name, _) in COLUMNS {
            let name = words::metric(name).map_or_else(String::new, |name| both(&name));
            let _ = write!(out, "<th class=\"n\">{name}</th>");
        }
        out += "</tr></thead>";
        for (name, point) in points.iter().filter(|(_, point)| there(point)) {
            let threshold =
                point["threshold"].as_f64().map_or("> max".into(), |at| format!("{at:.4}"));
            let _ = write!(
                out,
                "<tr><td>{}</td><td class=\"n\">{}</td>",
                both(&judge::operating_point(name)),
                threshold.replace('>', "&gt;")
            );
            COLUMNS.iter().for_each(|column| out += &cell(point, *column));
            out += "</tr>";
        }
        out += "</table></div>";
    }
    out + &brier(block)
}

fn cell(point: &Json, (value, ends): (&str, &str)) -> String {
    let Some(value) = point[value].as_f64() else { return "<td class=\"n\">–</td>".into() };
    let ends = match (point[ends][0].as_f64(), point[ends][1].as_f64()) {
        (Some(low), Some(high)) => format!(" <small>{low:.3} … {high:.3}</small>"),
        _ => String::new(),
    };
    format!("<td class=\"n\">{value:.3}{ends}</td>")
}

fn brier(block: &Block) -> String {
    let part = |name: &str| block.more.get("brier_decomposition")?.get(name)?.as_f64();
    match (part("reliability"), part("resolution"), part("uncertainty")) {
        (Some(reliability), Some(resolution), Some(uncertainty)) => format!(
            "<p class=\"k\">{}: {reliability:.4} − {resolution:.4} + {uncertainty:.4}</p>",
            both(&judge::BRIER_PARTS)
        ),
        _ => String::new(),
    }
}
