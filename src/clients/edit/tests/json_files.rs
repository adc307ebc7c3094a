//! JSON as real clients have it.

use serde_json::json;

use super::super::Format;
use super::{item, lawful, set};

/// Each is edited in the same ways, and shows what it looks like then.
#[test]
fn a_new_entry_looks_like_its_neighbours() {
    let cases = [
        ("", "{\n  \"env\": {\n    \"A\": \"b\"\n  }\n}\n"),
        ("{}", "{\n  \"env\": {\n    \"A\": \"b\"\n  }\n}"),
        ("{\"a\":1}\n", "{\"a\":1, \"env\": {\"A\": \"b\"}}\n"),
        ("{ \"a\": 1, }", "{ \"a\": 1, \"env\": {\"A\": \"b\"}, }"),
        (
            "{\n\t\"a\": 1 // one\n}\n",
            "{\n\t\"a\": 1, // one\n\t\"env\": {\n\t\t\"A\": \"b\"\n\t}\n}\n",
        ),
        (
            "{\r\n    \"a\": [],\r\n    // last\r\n}\r\n",
            "{\r\n    \"a\": [],\r\n    \"env\": {\r\n        \"A\": \"b\"\r\n    },\r\n    // last\r\n}\r\n",
        ),
        (
            "{\n  \"env\": {} // none\n}\n",
            "{\n  \"env\": {\n    \"A\": \"b\"\n  } // none\n}\n",
        ),
        (
            "// only\n",
            "// only\n{\n  \"env\": {\n    \"A\": \"b\"\n  }\n}\n",
        ),
        (
            "{\n  \"env\": {\n    \"A\": \"z\" /* old */\n  }\n}\n",
            "{\n  \"env\": {\n    \"A\": \"b\" /* old */\n  }\n}\n",
        ),
    ];
    for (text, wanted) in cases {
        let edited = lawful(Format::Json, text, &[set(&["env", "A"], json!("b"))]);
        assert_eq!(edited, wanted);
    }
}

#[test]
fn settings_of_claude_code_keep_hooks_and_permissions() {
    let text = r#"{
  "permissions": {
    "allow": ["Bash(cargo test:*)", "Read(//tmp/**)"],
    "deny": []
  },
  "hooks": {
    "PostToolUse": [
      {
        "matcher": "Edit|Write",
        "hooks": [{ "type": "command", "command": "cargo fmt" }]
      }
    ]
  },
  "env": { "DISABLE_TELEMETRY": "1" },
  "model": "opus"
}
"#;
    let changes = [
        set(
            &["env", "ANTHROPIC_BASE_URL"],
            json!("http://127.0.0.1:4000"),
        ),
        set(&["env", "ANTHROPIC_AUTH_TOKEN"], json!("k\"\\\u{e9}")),
        set(&["model"], json!("sonnet")),
        set(&["apiKeyHelper"], json!(null)),
        set(&["permissions", "x", "y", "z"], json!([1, {"a": {}}])),
        item(&["hooks", "PreToolUse"], "matcher", json!({"matcher": "x"})),
        item(
            &["hooks", "PostToolUse"],
            "matcher",
            json!({"matcher": "x", "hooks": []}),
        ),
    ];
    let edited = lawful(Format::Json, text, &changes);
    assert!(edited.contains(r#""env": { "DISABLE_TELEMETRY": "1", "ANTHROPIC_BASE_URL": "#));
    let lines = |text: &str| text.lines().take(12).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&edited)[..3], lines(text)[..3]);
    let tree: serde_json::Value = serde_json::from_str(&edited).expect("it is JSON");
    assert_eq!(tree["hooks"]["PostToolUse"][1]["matcher"], "x");
}

#[test]
fn settings_with_comments_and_trailing_commas_stay_so() {
    let text = r#"// Settings
{
    /* looks */
    "editor.fontSize": 14, // big
    "theme": "dark",
    "models": [
        // mine
        { "id": "a", "url": "http://h/a" },
    ],
    "security": {"auth": {"selectedType": "oauth"}}, // as asked
    // "off": 1,
}
"#;
    let changes = [
        set(
            &["security", "auth", "selectedType"],
            json!("gemini-api-key"),
        ),
        set(&["privacy", "usageStatisticsEnabled"], json!(false)),
        item(&["models"], "id", json!({"id": "b", "url": "http://h/b"})),
        item(
            &["others", "list"],
            "id",
            json!({"id": "b", "url": "http://h/b"}),
        ),
    ];
    let edited = lawful(Format::Json, text, &changes);
    let mut kept = edited.lines();
    for line in text.lines().filter(|line| !line.contains("selectedType")) {
        assert!(
            kept.any(|other| other == line),
            "{line} is gone from\n{edited}"
        );
    }
}
