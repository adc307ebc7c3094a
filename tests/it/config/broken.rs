//! Whole outputs for broken files, in every format. No excerpt may show a key.

use autogw::config::{self, Environment, Format, Style};
use std::path::Path;

use super::fixture;

fn diagnose(name: &str) -> String {
    let env = Environment::empty().with("GROQ_API_KEY", "gsk-canary-env");
    let format = Format::of(Path::new(name));
    let error = config::from_text(name, &fixture(&format!("invalid/{name}")), format, &env)
        .expect_err("a broken file");
    for diagnostic in &error.diagnostics {
        assert!(
            diagnostic.line.is_some() && diagnostic.column.is_some(),
            "{diagnostic:?}"
        );
    }
    let text = config::render(&error.diagnostics, Style::Plain);
    assert!(!text.contains("canary"), "a key is shown:\n{text}");
    assert!(
        !format!("{error} {error:?}").contains("canary"),
        "a key is in the error"
    );
    text
}

#[test]
fn misspelt_keys_and_names() {
    insta::assert_snapshot!(diagnose("typos.json"));
}

#[test]
fn wrong_types_and_ranges() {
    insta::assert_snapshot!(diagnose("types.json"));
}

#[test]
fn values_that_do_not_go_together() {
    insta::assert_snapshot!(diagnose("connections.yaml"));
}

#[test]
fn quantities_without_sense() {
    insta::assert_snapshot!(diagnose("units.toml"));
}

#[test]
fn tunnels_that_cannot_be_meant() {
    insta::assert_snapshot!(diagnose("tunnels.yaml"));
}

#[test]
fn missing_variables_all_at_once() {
    insta::assert_snapshot!(diagnose("variables.yaml"));
}

#[test]
fn json_that_does_not_parse() {
    insta::assert_snapshot!(diagnose("syntax.json"));
}

#[test]
fn yaml_that_does_not_parse() {
    insta::assert_snapshot!(diagnose("syntax.yaml"));
}

#[test]
fn toml_that_does_not_parse() {
    insta::assert_snapshot!(diagnose("syntax.toml"));
}

#[test]
fn the_same_findings_as_json() {
    let error = config::from_text(
        "config.json",
        "{ \"server\": { \"prot\": 1 },\n \"providers\": [] }",
        Format::Json,
        &Environment::empty(),
    )
    .expect_err("a broken file");
    let json = serde_json::to_value(&error.diagnostics).expect("plain data");
    assert_eq!(
        json,
        serde_json::json!([{
            "severity": "error",
            "file": "config.json",
            "line": 1,
            "column": 15,
            "path": "server.prot",
            "message": "unknown key `prot`",
            "hint": "did you mean `port`?",
        }])
    );
}

#[test]
fn colours_only_where_they_are_wanted() {
    let error = config::from_text("c.json", "{", Format::Json, &Environment::empty())
        .expect_err("a broken file");
    assert!(!config::render(&error.diagnostics, Style::Plain).contains('\x1b'));
    assert!(config::render(&error.diagnostics, Style::Coloured).contains('\x1b'));
}
