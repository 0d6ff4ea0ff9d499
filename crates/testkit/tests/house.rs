//! The house rules as tests: which crate may use which, that ARCHITECTURE.md is true, licences,
//! where `unsafe` stands, that every file says what it is for.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use testkit::project_root;

/// Every allowed edge between crates of the project; nothing else may be in a `Cargo.toml`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("kernels", &[]),
    ("engine", &["kernels"]),
    ("imaging", &["base", "kernels"]),
    ("zoo", &["base", "engine", "imaging"]),
    ("metrics", &["base"]),
    ("report", &["base", "imaging"]),
    ("consilium", &["base", "kernels", "engine", "imaging", "zoo", "metrics", "report"]),
    ("testkit", &[]),
];

/// Every licence expression a dependency may carry, exactly as it is written there.
const LICENCES: &[&str] = include!("licences.in");

/// Longest source file, tests and tables apart.
const LONGEST_FILE_LINES: usize = 700;

/// Without the network where that is enough; on a fresh machine the packages of other systems are
/// still to be fetched, for their licences count too.
fn metadata() -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let ask = |more: &[&str]| {
        let words = ["metadata", "--format-version=1", "--locked"];
        let mut command = Command::new(&cargo);
        command.args(words).args(more).current_dir(project_root()).output().unwrap()
    };
    let mut output = ask(&["--offline"]);
    if !output.status.success() {
        output = ask(&[]);
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().unwrap().iter()
}

fn rust_files() -> Vec<PathBuf> {
    fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let mut files = Vec::new();
    collect(&project_root().join("crates"), &mut files);
    files.sort();
    files
}

#[test]
fn every_test_file_is_compiled() {
    let mut seen = 0;
    for krate in ALLOWED.iter().map(|(name, _)| project_root().join("crates").join(name)) {
        let manifest = fs::read_to_string(krate.join("Cargo.toml")).unwrap();
        if !manifest.contains("autotests = false") {
            continue;
        }
        let all = fs::read_to_string(krate.join("tests/all.rs")).unwrap();
        for entry in fs::read_dir(krate.join("tests")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert!(!path.join("main.rs").exists(), "{}: a module, so mod.rs", path.display());
            let module = path.join("mod.rs").exists();
            if !module && path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let named = all.lines().any(|line| line == format!("mod {name};"))
                || manifest.contains(&format!("[[test]]\nname = \"{name}\""));
            assert!(named, "{}: neither in all.rs nor in Cargo.toml", path.display());
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen} files");
}

#[test]
fn crates_use_only_what_the_design_allows() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ALLOWED.iter().map(|(name, uses)| (*name, uses.iter().copied().collect())).collect();
    let metadata = metadata();
    let mut members = BTreeSet::new();
    for package in packages(&metadata).filter(|package| package["source"].is_null()) {
        let name = package["name"].as_str().unwrap();
        members.insert(name.to_string());
        let allowed =
            allowed.get(name).unwrap_or_else(|| panic!("crate {name} is not in the list"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            let is_ours = dependency["path"].is_string();
            let is_for_tests = dependency["kind"] == "dev";
            assert!(!is_ours || is_for_tests || allowed.contains(to), "{name} may not use {to}");
        }
    }
    assert_eq!(members.len(), ALLOWED.len(), "{members:?}");
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let metadata = metadata();
    let mut unknown = BTreeSet::new();
    let mut used = BTreeSet::new();
    for package in packages(&metadata).filter(|package| !package["source"].is_null()) {
        let licence = package["license"].as_str().unwrap_or("none").to_string();
        if LICENCES.contains(&licence.as_str()) {
            used.insert(licence);
        } else {
            unknown.insert((licence, package["name"].as_str().unwrap().to_string()));
        }
    }
    assert!(unknown.is_empty(), "licences not in the list: {unknown:#?}");
    let unused: Vec<_> = LICENCES.iter().filter(|licence| !used.contains(**licence)).collect();
    assert!(unused.is_empty(), "listed but no longer used: {unused:?}");
}

#[test]
fn every_dependency_says_why_it_is_there() {
    for (name, _) in ALLOWED {
        let path = project_root().join("crates").join(name).join("Cargo.toml");
        let manifest = fs::read_to_string(&path).unwrap();
        let mut in_dependencies = false;
        let mut explained = false;
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                in_dependencies = line.ends_with("dependencies]");
            } else if line.starts_with('#') {
                explained = true;
                continue;
            } else if in_dependencies && !line.is_empty() {
                let ours = line.contains(".workspace = true");
                assert!(ours || explained || line.contains('#'), "{}: {line}", path.display());
            }
            // One reason may stand above several lines.
            explained &= !line.is_empty() && !line.starts_with('[');
        }
    }
}

#[test]
fn the_architecture_is_true() {
    let root = project_root();
    let text = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    for (name, uses) in ALLOWED {
        assert!(text.contains(&format!("`{name}`")), "ARCHITECTURE.md does not name {name}");
        let row = text.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("no row for {name} in ARCHITECTURE.md"));
        let last = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
        let listed: BTreeSet<&str> = last
            .split(',')
            .map(|word| word.trim().trim_matches('`'))
            .filter(|w| *w != "-")
            .collect();
        assert_eq!(listed, uses.iter().copied().collect(), "row of {name}");
    }
    // Every path in backquotes exists.
    for word in text.split('`').skip(1).step_by(2) {
        let is_path = word.contains('/')
            && !word.contains([' ', '<', '*', '{', '(', ':'])
            && ["crates/", "tools/", ".ci/", "fuzz/"].iter().any(|start| word.starts_with(start));
        assert!(!is_path || root.join(word).exists(), "ARCHITECTURE.md names {word}");
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_short() {
    for path in rust_files() {
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("//!"), "{} does not begin with //!", path.display());
        let is_test =
            path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
        let own = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("").lines().count();
        assert!(
            is_test || own <= LONGEST_FILE_LINES,
            "{} has {own} lines; split it",
            path.display()
        );
    }
}

#[test]
fn every_fuzz_target_is_built_and_has_seeds() {
    let fuzz = project_root().join("fuzz");
    let manifest = fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for entry in fs::read_dir(fuzz.join("fuzz_targets")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let row = format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&row), "fuzz/Cargo.toml has no {row}");
        let seeds = fs::read_dir(fuzz.join("seeds").join(name)).map_or(0, Iterator::count);
        assert!(seeds > 0, "fuzz/seeds/{name} has no seed");
    }
}

#[test]
fn unsafe_stands_only_in_the_kernels() {
    let kernels = project_root().join("crates/kernels");
    for path in rust_files().into_iter().filter(|path| !path.starts_with(&kernels)) {
        let text = fs::read_to_string(&path).unwrap();
        let found = text.lines().find(|line| {
            let code = line.split("//").next().unwrap_or("");
            code.contains("unsafe {") || code.contains("unsafe fn") || code.contains("unsafe impl")
        });
        // This file names the words it looks for.
        assert!(found.is_none() || path.ends_with("house.rs"), "{}: {found:?}", path.display());
    }
}
