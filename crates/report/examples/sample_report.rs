//! Writes the report of a made-up case: `cargo run -p report --example sample_report -- FOLDER`.
//! Nothing in it is a patient, and no model saw it. Says on standard output what was written and
//! how long it took.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/sample/mod.rs"]
mod sample;

use base::Lang;
use report::html::{CaseLine, ModelCard};
use std::path::PathBuf;
use std::time::Instant;

fn main() -> std::io::Result<()> {
    let out = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "consilium-out".into()));
    std::fs::create_dir_all(&out)?;
    let panel = sample::panel(2000, 2500);
    let placeholder = sample::placeholder(1024, 1024);
    let cards = [ModelCard {
        id: "densenet121-res224-all".into(),
        intended_use: Some(base::Text::fixed(
            "Research on frontal chest X-rays of adults.",
            "用于成人胸部正位片的科研。",
        )),
        limits: Some(base::Text::fixed(
            "Reads 224 × 224 pixels: small nodules and thin pneumothoraces are below its resolution. Trained on labels taken from reports.",
            "输入仅 224 × 224 像素，小结节与少量气胸低于其分辨能力；训练标签取自报告文本。",
        )),
        weights_licence: None,
    }];
    for (lang, tag) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
        for (case, name) in [(&panel, "panel"), (&placeholder, "placeholder")] {
            let start = Instant::now();
            let page = report::html::page_with(case, &cards, lang);
            let took = start.elapsed();
            println!("{name}-{tag}.html {} KB {took:.1?}", page.len() / 1024);
            std::fs::write(out.join(format!("{name}-{tag}.html")), page)?;
        }
        let error =
            base::Error::new(base::Kind::BrokenInput, base::Text::fixed("cut short", "文件不完整"));
        let lines = [
            CaseLine::of(&panel, Some("panel-en.html".into())),
            CaseLine::of(&placeholder, Some("placeholder-en.html".into())),
            CaseLine::of(&sample::refused(512, 512), None),
            CaseLine::failed("broken.dcm", &error),
        ];
        std::fs::write(out.join(format!("index-{tag}.html")), report::html::index(&lines, lang))?;
        println!("{}", report::text::summary(&panel, lang, 90));
    }
    let start = Instant::now();
    let (files, artifacts) = report::pictures::render(&panel);
    println!("pictures {:.1?}", start.elapsed());
    for file in files {
        println!("  {} {} KB", file.name, file.bytes.len() / 1024);
        std::fs::write(out.join(file.name), file.bytes)?;
    }
    let start = Instant::now();
    let text = report::json::file_text(&report::json::result(&panel, &artifacts));
    println!("json {:.1?}", start.elapsed());
    std::fs::write(out.join("result.json"), text)
}
