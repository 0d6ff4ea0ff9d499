//! What each operation of a run cost, as a table: by kind of operation, then the slowest nodes.

use base::Lang;
use base::words::infer as words;
use engine::cpu::NodeTime;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Nodes listed one by one.
const MOST_NODES: usize = 20;

/// Both tables, sorted by time.
pub(super) fn table(times: &[NodeTime], lang: Lang) -> String {
    let mut kinds: BTreeMap<&str, (usize, f64, u64, u64)> = BTreeMap::new();
    for time in times {
        let kind = kinds.entry(time.op).or_default();
        kind.0 += 1;
        kind.1 += time.time.as_secs_f64();
        kind.2 += time.bytes;
        kind.3 += time.flops;
    }
    let total: f64 = times.iter().map(|time| time.time.as_secs_f64()).sum();
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by(|a, b| b.1.1.total_cmp(&a.1.1));
    let mut text = format!("{}\n", words::BY_KIND.get(lang));
    for (op, (calls, seconds, bytes, flops)) in kinds {
        let share = 100.0 * seconds / total.max(1e-12);
        let _ = writeln!(
            text,
            "{op:<18}{calls:>6} {:>8.2} {share:>6.1} {:>9.2} {:>9}",
            seconds * 1e3,
            mib(bytes),
            rate(flops, seconds)
        );
    }
    let mut nodes: Vec<&NodeTime> = times.iter().collect();
    nodes.sort_by_key(|node| std::cmp::Reverse(node.time));
    let _ = write!(text, "\n{}\n", words::BY_NODE.get(lang));
    for node in nodes.into_iter().take(MOST_NODES) {
        let seconds = node.time.as_secs_f64();
        let name = shorten(&format!("{} ({})", node.name, node.op));
        let (ms, mib, rate) = (seconds * 1e3, mib(node.bytes), rate(node.flops, seconds));
        let _ = writeln!(text, "{name:<50} {ms:>8.2} {mib:>9.2} {rate:>9}");
    }
    text
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// Achieved GFLOP/s; a dash for operations that are not counted.
fn rate(flops: u64, seconds: f64) -> String {
    if flops == 0 { "–".into() } else { format!("{:.1}", flops as f64 / seconds.max(1e-9) / 1e9) }
}

/// The end of a long name tells more than its beginning.
fn shorten(name: &str) -> String {
    let count = name.chars().count();
    if count <= 50 {
        return name.to_string();
    }
    format!("…{}", name.chars().skip(count - 49).collect::<String>())
}
