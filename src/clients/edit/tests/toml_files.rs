//! TOML as real clients have it.

use serde_json::{Value, json};

use super::super::{EditError, Format, apply};
use super::{item, lawful, set};

const CODEX: &str = r#"# Codex
model = "gpt-5" # the usual
approval_policy = 'never'

[profiles.fast]
model = "o4-mini"

# where tools come from
[mcp_servers.files]
command = "npx"
args = [
  "-y",
  "server", # the package
]
env = { A = "1" }

[projects."/home/me/it's mine"]
trust_level = "trusted"

[[rules]]
name = "a"

[tui]
theme.dark = true
started = 2026-01-01T00:00:00Z

# the end
"#;

#[test]
fn a_new_table_is_a_section_at_the_end() {
    let table = json!({"name": "x", "base_url": "http://h/v1"});
    let section = "[model_providers.autogw]\nname = \"x\"\nbase_url = \"http://h/v1\"\n";
    let cases = [
        (String::new(), section.to_owned()),
        ("a = 1\n".to_owned(), format!("a = 1\n\n{section}")),
        (
            "a = 1".to_owned(),
            format!("a = 1\n\n{}", section.trim_end()),
        ),
        (CODEX.to_owned(), format!("{CODEX}\n{section}")),
        (
            CODEX.replace('\n', "\r\n"),
            format!("{CODEX}\n{section}").replace('\n', "\r\n"),
        ),
    ];
    for (text, wanted) in cases {
        let changes = [set(&["model_providers", "autogw"], table.clone())];
        assert_eq!(lawful(Format::Toml, &text, &changes), wanted);
    }
}

#[test]
fn a_new_key_at_the_top_is_before_the_first_section() {
    let cases = [
        ("[a]\nb = 1\n", "k = \"v\"\n\n[a]\nb = 1\n"),
        (
            "# file\n\n# of a\n[a]\n",
            "# file\n\nk = \"v\"\n\n# of a\n[a]\n",
        ),
        ("x = 1 # one\n\n[a]\n", "x = 1 # one\nk = \"v\"\n\n[a]\n"),
        ("# only\n", "# only\nk = \"v\"\n"),
        ("x = [\n  1,\n] # c", "x = [\n  1,\n] # c\nk = \"v\""),
        ("[[a]]\nb = 1", "k = \"v\"\n\n[[a]]\nb = 1"),
    ];
    for (text, wanted) in cases {
        assert_eq!(
            lawful(Format::Toml, text, &[set(&["k"], json!("v"))]),
            wanted
        );
    }
}

#[test]
fn whatever_way_a_table_is_written_it_takes_a_key() {
    let cases = [
        ("[a]\nx = 1\n\n[b]\n", "[a]\nx = 1\nk = 2\n\n[b]\n"),
        ("[a]\n\n[b]\n", "[a]\nk = 2\n\n[b]\n"),
        ("a.x = 1\nb = 1\n", "a.x = 1\na.k = 2\nb = 1\n"),
        ("a = { x = 1 }\n", "a = { x = 1, k = 2 }\n"),
        ("[a.b]\nx = 1\n", "[a.b]\nx = 1\n\n[a]\nk = 2\n"),
        ("[\"a\"]\n  x = 1\n", "[\"a\"]\n  x = 1\n  k = 2\n"),
        ("[a]\nk = 1 # was\n", "[a]\nk = 2 # was\n"),
    ];
    for (text, wanted) in cases {
        assert_eq!(
            lawful(Format::Toml, text, &[set(&["a", "k"], json!(2))]),
            wanted
        );
    }
}

#[test]
fn lists_of_tables_take_an_item() {
    let one = json!({"name": "n", "v": 1});
    let cases = [
        ("", "[[a]]\nname = \"n\"\nv = 1\n"),
        (
            "[[a]]\nname = \"m\"\n",
            "[[a]]\nname = \"m\"\n\n[[a]]\nname = \"n\"\nv = 1\n",
        ),
        (
            "[[a]]\nname = \"n\"\nv = 2\n\n[b]\n",
            "[[a]]\nname = \"n\"\nv = 1\n\n[b]\n",
        ),
        (
            "x = 1\n\n[[a]]\nname = \"n\"\nv = 2\n\n[b]\n",
            "x = 1\n\n[[a]]\nname = \"n\"\nv = 1\n\n[b]\n",
        ),
        (
            "a = [{ name = \"m\" }]\n",
            "a = [{ name = \"m\" }, { name = \"n\", v = 1 }]\n",
        ),
        (
            "a = [\n  { name = \"m\" }, # m\n]\n",
            "a = [\n  { name = \"m\" }, # m\n  { name = \"n\", v = 1 },\n]\n",
        ),
    ];
    for (text, wanted) in cases {
        let changes = [item(&["a"], "name", one.clone())];
        assert_eq!(lawful(Format::Toml, text, &changes), wanted);
    }
}

#[test]
fn a_configuration_of_codex_takes_everything_and_gives_it_back() {
    let provider = json!({"name": "x", "http_headers": {"a": "b"}});
    let changes = [
        set(&["model_provider"], json!("autogw")),
        set(&["model"], json!("m")),
        set(&["approval_policy"], json!("on-request")),
        set(&["model_providers", "autogw"], provider),
        set(&["profiles", "fast", "model"], json!("m")),
        set(&["mcp_servers", "files", "env", "B"], json!("2")),
        set(&["projects", "/tmp/x", "trust_level"], json!("trusted")),
        set(&["tui", "theme", "light"], json!({"a": {"b": 1}})),
        item(
            &["rules"],
            "name",
            json!({"name": "b", "deep": {"c": [1, 2.5]}}),
        ),
    ];
    let edited = lawful(Format::Toml, CODEX, &changes);
    let top = "# Codex\nmodel = \"m\" # the usual\napproval_policy = 'on-request'\n\
        model_provider = \"autogw\"\n\n[profiles";
    assert!(edited.starts_with(top), "{edited}");
    let tree: toml::Table = edited.parse().expect("it is TOML");
    assert_eq!(tree["rules"][1]["deep"]["c"][1].as_float(), Some(2.5));
}

#[test]
fn what_cannot_come_back_is_left_alone() {
    let refused = |text: &str, value: Value| {
        let change = set(&["a"], value);
        let answer = apply(Format::Toml, text, &[change]);
        matches!(answer, Err(EditError::Odd { .. }))
    };
    assert!(refused("a = 2026-01-01\n", json!(1)));
    assert!(refused("[a]\nb = [nan]\n", json!(1)));
    assert!(refused("", json!(null)));
    assert!(refused("", json!(u64::MAX)));
}
