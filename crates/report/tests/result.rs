//! `result.json`: its golden files, its schema, its numbers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod sample;
mod schema;

use report::{Artifacts, json};
use serde_json::{Value, json};

fn published() -> Value {
    serde_json::from_str(report::schema()).unwrap()
}

fn made() -> Vec<(&'static str, Value)> {
    [
        ("panel", sample::panel(48, 60)),
        ("placeholder", sample::placeholder(48, 48)),
        ("refused", sample::refused(48, 48)),
    ]
    .into_iter()
    .map(|(name, consultation)| {
        let (_, artifacts) = report::pictures::render(&consultation);
        (name, json::result(&consultation, &artifacts))
    })
    .collect()
}

#[test]
fn what_is_written_fits_the_published_schema() {
    let schema = published();
    for (name, document) in made() {
        assert_eq!(schema::violations(&schema, &document), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn the_files_are_as_they_were() {
    for (name, document) in made() {
        let path = format!("crates/report/tests/golden/{name}.json");
        testkit::golden(&path, &format!("{document:#}\n"));
    }
}

#[test]
fn every_field_written_is_described_and_required() {
    fn walk(root: &Value, schema: &Value, value: &Value, at: &str) {
        if let Some(pointer) = schema.get("$ref").and_then(Value::as_str) {
            return walk(root, root.pointer(&pointer[1..]).unwrap(), value, at);
        }
        if let Some(first) = schema.get("anyOf").and_then(|any| any.get(0)) {
            if !value.is_null() {
                walk(root, first, value, at);
            }
            return;
        }
        if let (Some(object), Some(known)) = (value.as_object(), schema.get("properties")) {
            let required = schema["required"].as_array().unwrap();
            for (name, value) in object {
                let rule = known.get(name).unwrap_or_else(|| panic!("{at}/{name} is undescribed"));
                assert!(required.contains(&json!(name)), "{at}/{name} is always written");
                walk(root, rule, value, &format!("{at}/{name}"));
            }
        }
        for value in value.as_array().into_iter().flatten() {
            walk(root, &schema["items"], value, at);
        }
    }
    let schema = published();
    for (_, document) in made() {
        walk(&schema, &schema, &document, "");
    }
}

#[test]
fn a_broken_file_is_told_from_a_sound_one() {
    let schema = published();
    let sound = made().remove(0).1;
    let breaks: [(&str, Value); 12] = [
        ("/schema", json!("consilium.result/2")),
        ("/case/file/sha256", json!("5F70")),
        ("/case/columns", json!(-1)),
        ("/case/columns", json!(1.5)),
        ("/models/0/findings/0/score", json!(1.2)),
        ("/models/0/findings/0/score", json!("0.5")),
        ("/models/0/findings/0/code", json!("Pleural Effusion")),
        ("/models/0/findings/0/side", json!("port")),
        ("/models/0/findings/0/name", json!({"en": "only English"})),
        ("/models/0/notes/0/severity", json!("fatal")),
        ("/models/2/segments/0/label", json!(0)),
        ("/manifest/created", json!("yesterday")),
    ];
    for (place, value) in breaks {
        let mut broken = sound.clone();
        *broken.pointer_mut(place).unwrap_or_else(|| panic!("no {place}")) = value;
        assert!(!schema::violations(&schema, &broken).is_empty(), "{place} may not be so");
    }
    for name in ["schema", "disclaimer", "case", "models", "opinion", "notes", "manifest"] {
        let mut broken = sound.clone();
        broken.as_object_mut().unwrap().remove(name);
        assert!(!schema::violations(&schema, &broken).is_empty(), "{name} may not be absent");
    }
}

#[test]
fn a_field_may_be_added() {
    let mut later = made().remove(0).1;
    later["case"]["new_field"] = json!(1);
    assert!(schema::violations(&published(), &later).is_empty());
}

#[test]
fn what_is_no_number_becomes_null() {
    let mut consultation = sample::panel(24, 30);
    consultation.readings[0].findings[0].score = f32::NAN;
    consultation.readings[2].values[0].value = f64::INFINITY;
    let document = json::result(&consultation, &Artifacts::default());
    assert_eq!(document["models"][0]["findings"][0]["score"], Value::Null);
    assert_eq!(document["models"][2]["values"][0]["value"], Value::Null);
    assert!(schema::violations(&published(), &document).is_empty());
}

#[test]
fn fields_come_in_the_order_of_the_contract() {
    let document = made().remove(0).1;
    let names: Vec<&String> = document.as_object().unwrap().keys().collect();
    let order = ["schema", "disclaimer", "case", "models", "opinion", "notes", "manifest", "files"];
    assert_eq!(names, order);
    let text = json::file_text(&json::result(&sample::panel(24, 30), &Artifacts::default()));
    assert!(text.contains("\"score\": 0.612,"), "no noise behind the digits");
    assert!(text.ends_with("}\n"));
}
