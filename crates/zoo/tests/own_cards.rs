//! Cards of users' own models: what is wrong with one is said, all of it, with its line.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use base::Lang;
use base::words::own::{TEMPLATE_EN, TEMPLATE_ZH};
use std::fmt::Write;
use std::path::Path;
use zoo::Task;
use zoo::folder::{Declared, MOST_BYTES, Problem, parse};
use zoo::steps::{After, Extent, Source, Step};

fn said(problems: &[Problem], lang: Lang) -> String {
    let mut text = String::new();
    for problem in problems {
        let mark = if problem.warning { "warning: " } else { "" };
        let _ = writeln!(text, "  {mark}{}", problem.render(lang));
    }
    text
}

fn good(text: &str) -> Declared {
    let (card, problems) = parse(text);
    assert!(problems.is_empty(), "{}", said(&problems, Lang::En));
    card.unwrap()
}

/// `bad_cards/messages.*.txt` holds what each of the cards beside it must give.
#[test]
fn every_bad_card_gets_its_messages_in_both_languages() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_cards");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    assert!(names.len() >= 45, "{}", names.len());
    let (mut en, mut zh) = (String::new(), String::new());
    for name in names {
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let (card, problems) = parse(&text);
        assert!(!problems.is_empty(), "{name} has no problem");
        let broken = problems.iter().any(|problem| !problem.warning);
        assert_eq!(card.is_none(), broken, "{name}");
        let chinese = said(&problems, Lang::Zh);
        assert!(chinese.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{name}");
        let _ = write!(en, "{name}\n{}", said(&problems, Lang::En));
        let _ = write!(zh, "{name}\n{chinese}");
    }
    testkit::golden("crates/zoo/tests/bad_cards/messages.en.txt", &en);
    testkit::golden("crates/zoo/tests/bad_cards/messages.zh.txt", &zh);
}

#[test]
fn the_card_to_fill_in_holds_together_and_says_the_same_in_both_languages() {
    let card = good(TEMPLATE_EN);
    assert_eq!(card, good(TEMPLATE_ZH));
    assert_eq!(
        (card.task, card.input.size, card.input.channels),
        (Task::Classification, (224, 224), 1)
    );
    assert_eq!(card.before[0], Step::Values(Source::Stored));
    assert!(matches!(card.before[5], Step::Resize { to: Extent::Exact(224, 224), .. }));
    assert_eq!(card.after, [After::Sigmoid]);
    // What stands behind # in the one stands behind # in the other.
    let bare = |text: &str| -> Vec<String> {
        let lines = text.lines().map(|line| line.split('#').next().unwrap().trim().to_owned());
        lines.filter(|line| !line.is_empty()).collect()
    };
    assert_eq!(bare(TEMPLATE_EN), bare(TEMPLATE_ZH));
}

#[test]
fn commented_out_entries_of_the_card_to_fill_in_are_right_too() {
    let text = TEMPLATE_EN
        .replace("file = \"model.onnx\"\n", "")
        .replace("# file = \"weights.pt\"", "file = \"weights.pt\"")
        .replace("# architecture =", "architecture =");
    let card = good(&text);
    assert_eq!(card.network.file, "weights.pt");
    let text = TEMPLATE_EN.replace("# output =", "output =");
    assert_eq!(good(&text).network.output.as_deref(), Some("logits"));
}

#[test]
fn a_known_finding_has_its_names_already() {
    let code = good(TEMPLATE_EN).labels.codes[0].unwrap();
    assert_eq!((code.id, code.name.zh()), ("pneumonia", "肺炎"));
    assert!(std::ptr::eq(code, &base::words::findings::PNEUMONIA));
    let own = "code = \"rib-notching\"\nen = \"Rib notching\"\nzh = \"肋骨切迹\"";
    let text = TEMPLATE_EN.replace("code = \"pneumonia\"", own);
    let code = good(&text).labels.codes[0].unwrap();
    assert_eq!(
        (code.id, code.name.en(), code.name.zh()),
        ("rib-notching", "Rib notching", "肋骨切迹")
    );
}

#[test]
fn a_card_has_limits() {
    let long = format!("{TEMPLATE_EN}\n# {}", "x".repeat(MOST_BYTES));
    assert_eq!(parse(&long).1.len(), 1);
    let deep = format!("x = {}1{}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(parse(&deep).0.is_none());
    let labels = "[[labels]]\ncode = \"pneumonia\"\n".repeat(5000);
    let (card, problems) = parse(&format!("{TEMPLATE_EN}\n{labels}"));
    assert!(card.is_none());
    assert!(said(&problems, Lang::En).contains("5001 labels"), "{problems:?}");
}

/// Every single line left out, every quotation mark, bracket and digit exchanged: an answer, never
/// a crash.
#[test]
fn damaged_cards_are_answered() {
    let lines: Vec<&str> = TEMPLATE_EN.lines().collect();
    for skip in 0..lines.len() {
        let mut text = String::new();
        for (_, line) in lines.iter().enumerate().filter(|(index, _)| *index != skip) {
            let _ = writeln!(text, "{line}");
        }
        parse(&text);
    }
    for (at, byte) in TEMPLATE_EN.bytes().enumerate() {
        if b"\"[]{}=,0123456789-".contains(&byte) {
            for other in ["", "9", "\"", "[", "}", "inf", "1e99"] {
                let text = format!("{}{other}{}", &TEMPLATE_EN[..at], &TEMPLATE_EN[at + 1..]);
                parse(&text);
            }
        }
    }
}

fn page(name: &str) -> String {
    std::fs::read_to_string(testkit::project_root().join("docs").join(name)).unwrap()
}

/// What stands between ```` ```toml ```` and the closing fence.
fn example(page: &str) -> String {
    page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap().to_owned()
}

#[test]
fn the_example_of_the_manual_holds_together() {
    let (en, zh) = (page("bring-your-own-model.md"), page("bring-your-own-model.zh.md"));
    let card = good(&example(&en));
    assert_eq!(example(&en), example(&zh));
    assert_eq!((card.input.channels, card.labels.codes.len(), card.before.len()), (3, 2, 7));
}

#[test]
fn the_manual_names_every_step() {
    for (list, broken) in [
        ("before", TEMPLATE_EN.replace("\"centre-square\"", "\"???\"")),
        ("after", TEMPLATE_EN.replace("[\"sigmoid\"]", "[\"???\"]")),
        ("after", TEMPLATE_EN.replace("\"skimage\"", "\"???\"")),
    ] {
        let (_, problems) = parse(&broken);
        let text = problems[0].text.en().to_owned();
        let names = text.split(" is none of ").nth(1).unwrap();
        assert!(names.split(", ").count() > 3, "{list}: {names}");
        for name in names.split(", ") {
            for file in ["bring-your-own-model.md", "bring-your-own-model.zh.md"] {
                assert!(page(file).contains(&format!("`{name}`")), "{file}: {name}");
            }
        }
    }
}
