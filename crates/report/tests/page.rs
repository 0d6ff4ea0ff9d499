//! The page: its golden files, nothing from outside, nothing unescaped, everything where it belongs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod sample;

use base::{Consultation, Lang, Modality, Note, Text};
use report::html::{CaseLine, index, page};

const LANGS: [(Lang, &str); 2] = [(Lang::En, "en"), (Lang::Zh, "zh")];

fn cases() -> Vec<(&'static str, Consultation)> {
    vec![
        ("panel", sample::panel(48, 60)),
        ("placeholder", sample::placeholder(48, 48)),
        ("refused", sample::refused(48, 48)),
    ]
}

fn overview(lang: Lang) -> String {
    let error = base::Error::new(base::Kind::BrokenInput, Text::fixed("cut short", "文件不完整"));
    let mut lines: Vec<CaseLine> =
        cases().iter().map(|(name, c)| CaseLine::of(c, Some(format!("{name}/r.html")))).collect();
    lines.push(CaseLine::failed("broken.dcm", &error));
    index(&lines, lang)
}

/// Golden pages end lines between elements, so that a difference can be found.
fn lines(page: &str) -> String {
    page.replace("><", ">\n<")
}

#[test]
fn the_pages_are_as_they_were() {
    for (lang, tag) in LANGS {
        for (name, consultation) in cases() {
            let path = format!("crates/report/tests/golden/{name}.{tag}.html");
            testkit::golden(&path, &lines(&page(&consultation, lang)));
        }
        let path = format!("crates/report/tests/golden/index.{tag}.html");
        testkit::golden(&path, &lines(&overview(lang)));
    }
}

#[test]
fn the_same_case_gives_the_same_bytes() {
    let consultation = sample::panel(300, 200);
    assert_eq!(page(&consultation, Lang::Zh), page(&consultation, Lang::Zh));
    assert_eq!(report::pictures::render(&consultation), report::pictures::render(&consultation));
}

/// Values of every `src`, `href`, … in the page.
fn references(page: &str) -> Vec<&str> {
    ["src=\"", "href=\"", "srcset=\"", "action=\"", "poster=\"", "data=\""]
        .iter()
        .flat_map(|name| page.split(*name).skip(1).map(|rest| rest.split('"').next().unwrap()))
        .collect()
}

#[test]
fn a_page_loads_nothing() {
    for (lang, _) in LANGS {
        for (_, consultation) in cases() {
            let page = page(&consultation, lang);
            assert!(
                references(&page).iter().all(|r| r.starts_with("data:image/") || *r == "#film")
            );
            for word in
                ["<script", "<iframe", "<link", "<object", "@import", "url(", "http:", "https:"]
            {
                assert!(!page.contains(word), "{word}");
            }
            assert!(
                page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'")
            );
        }
        let overview = overview(lang);
        for reference in references(&overview) {
            assert!(reference.starts_with("data:image/jpeg") || reference.starts_with("./"));
        }
    }
}

#[test]
fn a_hostile_header_stays_text() {
    let evil = "\"><script>alert(1)</script><img src=x onerror=\"x\">'&";
    let mut c = sample::panel(48, 60);
    c.case.name = evil.into();
    c.case.device = Some(evil.into());
    c.case.modality = Some(Modality::Other(evil.into()));
    c.case.file.photometric = Some(evil.into());
    c.case.file.transfer_syntax = Some((evil.into(), evil.into()));
    c.notes = vec![Note::serious("evil", Text::same(evil))];
    c.readings[0].model.name = Text::same(evil);
    c.readings[0].model.id = evil.into();
    c.readings[0].text = Some(evil.into());
    c.manifest.settings = vec![(evil.into(), evil.into())];
    c.manifest.models[0].weights_file = Some(evil.into());
    let clean = page(&sample::panel(48, 60), Lang::En);
    for html in [page(&c, Lang::En), index(&[CaseLine::of(&c, Some(evil.into()))], Lang::Zh)] {
        assert!(!html.contains("<script") && !html.contains("<img src=x"));
        assert!(html.contains("&lt;script&gt;"));
    }
    let tags = |page: &str, name: &str| page.matches(name).count();
    for name in ["<img", "<image", "<svg", "<style", "<section"] {
        let extra = if name == "<section" { 0 } else { tags(&clean, name) };
        assert!(name == "<section" || tags(&page(&c, Lang::En), name) == extra, "{name}");
    }
    let summary = report::text::summary(
        &Consultation {
            case: base::CaseFacts { name: "a\u{1b}[2J\n".into(), ..c.case.clone() },
            ..c
        },
        Lang::En,
        80,
    );
    assert!(!summary.contains('\u{1b}'));
}

#[test]
fn research_use_is_said_first_and_last() {
    for (lang, _) in LANGS {
        let line = base::words::report::RESEARCH_USE.get(lang);
        for (_, consultation) in cases() {
            let page = page(&consultation, lang);
            let header = page.find("<header").unwrap()..page.find("</header").unwrap();
            assert!(page[header].contains(line));
            assert!(page[page.find("<footer").unwrap()..].contains(line));
            assert!(report::text::summary(&consultation, lang, 80).contains(line));
        }
    }
}

#[test]
fn placeholder_weights_are_announced_before_any_number() {
    for (lang, _) in LANGS {
        let banner = base::words::panel::PLACEHOLDER_WEIGHTS.get(lang);
        let page = page(&sample::placeholder(48, 48), lang);
        assert!(page.find(banner).unwrap() < page.find("<section").unwrap());
        assert_eq!(page.matches(banner).count(), 1, "said once");
        assert!(!report::html::page(&sample::panel(48, 60), lang).contains(banner));
    }
}

#[test]
fn markers_stand_at_their_scores_and_say_them() {
    let page = page(&sample::panel(48, 60), Lang::En);
    // Pleural effusion: 0.816 and 0.77 on an axis from 10 to 390.
    let row = page.split("scope=\"row\">Pleural effusion").nth(1).unwrap();
    let row = &row[..row.find("</tr>").unwrap()];
    assert!(row.contains("<circle class=\"marker full m0\" cx=\"320.1\""), "{row}");
    assert!(row.contains("points=\"298.1,13.5 307.1,13.5"), "{row}");
    assert!(row.contains("DenseNet121 (CheXpert): 0.77 (operating point 0.50)"));
    assert!(row.contains("2 of 2 above"));
    let row = page.split("scope=\"row\">Hernia").nth(1).unwrap();
    assert!(row[..row.find("</tr>").unwrap()].contains("marker hollow m0"));
}

#[test]
fn sides_are_marked_on_frontal_films_only() {
    let assumed = base::words::report::SIDES_ASSUMED.get(Lang::En);
    let mut c = sample::panel(48, 60);
    assert!(page(&c, Lang::En).contains(assumed));
    for view in [None, Some(base::View::Lateral)] {
        c.case.view = view;
        assert!(!page(&c, Lang::En).contains("class=\"mark\""));
    }
}

#[test]
fn all_words_of_the_chinese_page_are_chinese() {
    let page = page(&sample::panel(48, 60), Lang::Zh);
    for text in base::words::report::ALL {
        if text.en().len() > 14 {
            assert!(!page.contains(text.en()), "{}", text.en());
        }
    }
    assert!(page.contains("lang=\"zh-CN\""));
    assert!(page.contains("胸腔积液") && page.contains("医师审阅") && page.contains("心胸比"));
}

#[test]
fn a_large_film_makes_a_page_of_moderate_size() {
    let page = page(&sample::panel(2000, 2500), Lang::En);
    assert!(page.len() < 1_500_000, "{}", page.len());
}

#[test]
fn odd_numbers_do_no_harm() {
    let mut c = sample::panel(1, 700);
    c.readings[0].findings[0].score = f32::NAN;
    c.readings[0].findings[1].threshold = None;
    c.readings[0].findings[2].interval = Some((0.2, 0.9));
    c.readings[1].findings.clear();
    c.readings[0].maps[0].covers = base::Rect { x: f32::NAN, y: -5.0, width: 0.0, height: 1e9 };
    c.opinion = sample::opinion(&c.readings);
    let html = page(&c, Lang::En);
    let charted = html.replace("NaN", "");
    assert!(html.contains("class=\"whisker m0\"") && charted.contains("no operating point"));
    report::pictures::render(&c);
    report::text::summary(&c, Lang::Zh, 10);
}
