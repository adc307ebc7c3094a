//! YAML as real clients have it.

use serde_json::{Value, json};

use super::super::{EditError, Format, apply, value_at};
use super::{item, lawful, set};

#[test]
fn a_new_key_is_a_line_like_its_neighbours() {
    let cases = [
        ("", "env:\n  A: b\n"),
        ("# only\n", "# only\nenv:\n  A: b\n"),
        ("---\n", "---\nenv:\n  A: b\n"),
        ("x: 1", "x: 1\nenv:\n  A: b"),
        ("x: 1\r\n# end\r\n", "x: 1\r\nenv:\r\n  A: b\r\n# end\r\n"),
        (
            "env:\n    X: 1 # one\n\ny: 2\n",
            "env:\n    X: 1 # one\n    A: b\n\ny: 2\n",
        ),
        ("env:\n  A: z # was\n", "env:\n  A: b # was\n"),
        ("env:\n  A: 'z'\n", "env:\n  A: 'b'\n"),
        ("env: # none\ny: 2\n", "env: # none\n  A: b\ny: 2\n"),
        ("env: {} # none\n", "env: # none\n  A: b\n"),
        (
            "env:\n  A:\n    - 1\n    # two\n    - 2\ny: 2\n",
            "env:\n  A: b\ny: 2\n",
        ),
    ];
    for (text, wanted) in cases {
        let change = [set(&["env", "A"], json!("b"))];
        // A list with a comment inside, and empty brackets, come back in another spelling.
        if text.contains("- 1") || text.contains("{}") {
            let edited = apply(Format::Yaml, text, &change).expect("it can be changed");
            assert_eq!(edited.text, wanted);
        } else {
            assert_eq!(lawful(Format::Yaml, text, &change), wanted);
        }
    }
}

#[test]
fn lists_take_an_item_indented_or_not() {
    let one = json!({"name": "q", "roles": ["chat"], "d": {"e": 1}});
    let shown = "- name: q\n  roles:\n    - chat\n  d:\n    e: 1\n";
    let deeper = format!("  {}", shown.trim_end().replace('\n', "\n  ")) + "\n";
    let cases = [
        (
            "models:\n- name: m\n  x: 1\n# end\n",
            format!("models:\n- name: m\n  x: 1\n{shown}# end\n"),
        ),
        (
            "models:\n  - name: m\nz: 1\n",
            format!("models:\n  - name: m\n{deeper}z: 1\n"),
        ),
        ("models:\n", format!("models:\n{deeper}")),
        ("models: []\n", format!("models:\n{deeper}")),
        ("", format!("models:\n{deeper}")),
    ];
    for (text, wanted) in cases {
        let changes = [item(&["models"], "name", one.clone())];
        assert_eq!(lawful(Format::Yaml, text, &changes), wanted);
    }
    let top = "# models\n- name: m\n  x: 1\n";
    let changes = [item(&[], "name", one.clone())];
    assert_eq!(lawful(Format::Yaml, top, &changes), format!("{top}{shown}"));
    assert_eq!(lawful(Format::Yaml, "", &changes), shown);
    let changes = [item(&[], "name", json!({"name": "m", "x": 2}))];
    assert_eq!(
        lawful(Format::Yaml, top, &changes),
        "# models\n- name: m\n  x: 2\n"
    );
}

#[test]
fn texts_that_could_be_something_else_are_in_quotes() {
    for text in [
        "yes",
        "No",
        "on",
        "null",
        "~",
        "1",
        "1.5",
        "1e3",
        "12:30",
        "2026-01-01",
        "",
        " a",
        "a b",
        "a: b",
        "a #b",
        "- a",
        "*a",
        "&a",
        "!a",
        "%a",
        "@a",
        "`a",
        "{a",
        "[a",
        "?",
        "=",
        "a:",
        "\u{7f}",
        "\u{2028}",
        "\n",
        "\"",
        "'",
        ".inf",
        "0x1f",
        "<<",
        "#a",
        "|",
        ">",
        "\u{1f600}",
    ] {
        let changed = lawful(Format::Yaml, "", &[set(&["k"], json!(text))]);
        assert!(changed.starts_with("k: \""), "{changed}");
    }
    for text in ["http://127.0.0.1:4000/v1", "openai/gpt-5", "a_b.c-d", "/v1"] {
        assert_eq!(
            lawful(Format::Yaml, "", &[set(&["k"], json!(text))]),
            format!("k: {text}\n")
        );
    }
}

#[test]
fn a_configuration_of_continue_takes_a_model_and_gives_it_back() {
    let text = "name: Mine\nversion: 0.0.1\nschema: v1\n\n# models\nmodels:\n  - name: GPT # first\n    provider: openai\n    model: gpt-5\n    roles: [chat, edit]\n\n  - name: Local\n    provider: ollama\n    model: llama\n\nrules: # mine\n  - Be brief\n";
    let changes = [
        item(
            &["models"],
            "name",
            json!({"name": "autogw", "apiBase": "http://h/v1", "apiKey": "k: x"}),
        ),
        item(
            &["models"],
            "name",
            json!({"name": "Local", "provider": "z"}),
        ),
        set(&["name"], json!("Yours")),
    ];
    let all = apply(Format::Yaml, text, &changes)
        .expect("it can be changed")
        .text;
    assert!(
        all.contains(
            "    roles: [chat, edit]\n\n  - name: Local\n    provider: z\n  - name: autogw\n"
        ),
        "{all}"
    );
    assert!(all.ends_with("\n\nrules: # mine\n  - Be brief\n"));
    lawful(Format::Yaml, text, &changes[..1]);
}

#[test]
fn what_is_not_understood_well_enough_is_left_alone() {
    let refused = |text: &str| {
        let change = set(&["a", "b"], json!(7));
        matches!(
            apply(Format::Yaml, text, &[change]),
            Err(EditError::Odd { .. })
        )
    };
    for text in [
        "a: {x: 1}\n",
        "a: &x\n  b: 2\n",
        "a:\n  b: |\n    x\n",
        "a: !t\n  x: 1\n",
        "a:\n  b: yes\n",
        "x: 1\n---\na: 1\n",
        "a:\n  <<: {}\n",
        "a:\n  b: 1\n  b: 2\n",
        "a:\n  ? b\n  : 1\n",
        "{a: {b: 2}}\n",
    ] {
        assert!(refused(text), "{text}");
    }
    let value: Option<Value> = Some(json!([1, {"x": "y"}]));
    let at = ["a".to_owned()];
    assert_eq!(value_at(Format::Yaml, "a: [1, {x: y}]\n", &at), Ok(value));
}

#[test]
fn a_configuration_of_aider_that_is_mostly_comments_keeps_them() {
    let text = "#####\n# Options\n\n## Specify the model\n#model: xxx\n\n## Keys\n#openai-api-key: xxx\nauto-commits: false\n\n#read:\n#  - a.md\n";
    let changes = [
        set(&["model"], json!("openai/gpt-5")),
        set(&["openai-api-base"], json!("http://127.0.0.1:4000/v1")),
    ];
    let all = lawful(Format::Yaml, text, &changes);
    let added =
        "auto-commits: false\nmodel: openai/gpt-5\nopenai-api-base: http://127.0.0.1:4000/v1\n";
    assert_eq!(all, text.replace("auto-commits: false\n", added));
    let comments = text.replace("auto-commits: false\n", "");
    let all = lawful(Format::Yaml, &comments, &changes);
    assert!(all.starts_with(&comments) && all.ends_with("/v1\n"));
}
