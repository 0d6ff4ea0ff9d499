//! A validator for the part of JSON Schema 2020-12 that the published schema uses. A keyword it
//! does not know is an error, so that the schema cannot outgrow it unnoticed.

use serde_json::Value;

/// All violations, each with its place (`/models/0/id: …`).
pub fn violations(schema: &Value, document: &Value) -> Vec<String> {
    let mut out = Vec::new();
    check(schema, schema, document, "", &mut out);
    out
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    for (keyword, rule) in schema.as_object().expect("a schema is an object") {
        let mut fail = |what: String| out.push(format!("{at}: {what}"));
        match keyword.as_str() {
            "$schema" | "$id" | "$defs" | "title" | "description" => {}
            "$ref" => {
                let pointer = rule.as_str().and_then(|r| r.strip_prefix('#')).expect("local ref");
                let target = root.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
                check(root, target, value, at, out);
            }
            "type" => {
                let names: Vec<&str> = match rule {
                    Value::String(name) => vec![name],
                    names => {
                        names.as_array().unwrap().iter().map(|n| n.as_str().unwrap()).collect()
                    }
                };
                if !names.iter().any(|name| is(name, value)) {
                    fail(format!("{value} is not {names:?}"));
                }
            }
            "const" if value != rule => fail(format!("{value} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                fail(format!("{value} is none of {rule}"));
            }
            "const" | "enum" => {}
            "anyOf" => {
                let fits = |schema: &Value| violations_at(root, schema, value, at).is_empty();
                if !rule.as_array().unwrap().iter().any(fits) {
                    fail(format!("fits none of {}", rule.as_array().unwrap().len()));
                }
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    if value.as_object().is_some_and(|object| !object.contains_key(name)) {
                        fail(format!("lacks {name}"));
                    }
                }
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(root, rule, value, &format!("{at}/{name}"), out);
                    }
                }
            }
            "additionalProperties" => {
                // Only used on objects without `properties`.
                for (name, value) in value.as_object().into_iter().flatten() {
                    check(root, rule, value, &format!("{at}/{name}"), out);
                }
            }
            "items" => {
                for (number, value) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, value, &format!("{at}/{number}"), out);
                }
            }
            "minimum" => {
                if value.as_f64().is_some_and(|v| v < rule.as_f64().unwrap()) {
                    fail(format!("{value} is under {rule}"));
                }
            }
            "maximum" => {
                if value.as_f64().is_some_and(|v| v > rule.as_f64().unwrap()) {
                    fail(format!("{value} is over {rule}"));
                }
            }
            "minItems" => {
                if value.as_array().is_some_and(|v| (v.len() as u64) < rule.as_u64().unwrap()) {
                    fail(format!("fewer than {rule} items"));
                }
            }
            "maxItems" => {
                if value.as_array().is_some_and(|v| v.len() as u64 > rule.as_u64().unwrap()) {
                    fail(format!("more than {rule} items"));
                }
            }
            "pattern" => {
                if value.as_str().is_some_and(|text| !matches(rule.as_str().unwrap(), text)) {
                    fail(format!("{value} does not match {rule}"));
                }
            }
            other => panic!("the schema uses {other}, which this validator does not know"),
        }
    }
}

fn violations_at(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut out = Vec::new();
    check(root, schema, value, at, &mut out);
    out
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("no type {other}"),
    }
}

/// The three patterns of the schema, spelt out.
fn matches(pattern: &str, text: &str) -> bool {
    let lower = |c: char| c.is_ascii_digit() || c.is_ascii_lowercase();
    match pattern {
        "^[0-9a-f]{64}$" => text.len() == 64 && text.chars().all(|c| lower(c) && c <= 'f'),
        "^[a-z0-9]+(-[a-z0-9]+)*$" => {
            text.split('-').all(|part| !part.is_empty() && part.chars().all(lower))
        }
        p if p.starts_with(r"^\d{4}-\d\d-\d\dT") => {
            let shape: String =
                text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            shape.starts_with("0000-00-00T00:00:00") && shape.ends_with(['Z', '0'])
        }
        other => panic!("the schema uses the pattern {other}"),
    }
}
