//! Whatever a file holds, reading it ends with a configuration or with diagnostics that can be shown.

use autogw::config::{self, Environment, Format, Style};
use proptest::prelude::*;

const FORMATS: [Format; 3] = [Format::Json, Format::Yaml, Format::Toml];

fn read_and_show(text: &str) -> Vec<String> {
    let show = |format| match config::from_text("c", text, format, &Environment::empty()) {
        Ok(loaded) => config::render(&loaded.warnings, Style::Coloured),
        Err(error) => config::render(&error.diagnostics, Style::Coloured),
    };
    FORMATS.into_iter().map(show).collect()
}

/// A piece of a file: structure, known words, odd characters.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\n",
        "  ",
        "- ",
        "=",
        "\"",
        "'",
        "#",
        "//",
        "&a ",
        "*a",
        "|",
        "\t",
        "\r\n",
        "providers",
        "server",
        "type",
        "openai",
        "api_key",
        "models",
        "port",
        "${",
        "}",
        "${X:-1}",
        "1e999",
        "-",
        "é",
        "\u{feff}",
        "𝒳",
        "null",
        "true",
    ];
    prop_oneof![
        4 => proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        1 => any::<char>().prop_map(|letter| letter.to_string()),
    ]
}

/// A key, and a place to put it that the schema calls secret.
fn misplaced_key() -> impl Strategy<Value = String> {
    let places = [
        r#"{ "providers": [{ "type": "openai", "api_key": "KEY" "#,
        r#"{ "providers": [{ "type": "openai", "api_key": ["KEY", }] }] "#,
        r#"{ "providers": [{ "type": "openai", "api_key": { "a": "KEY", "b": 1 }, "x": 1 }] }"#,
        r#"{ "server": { "api_key": "KEY", "prot": 1 } }"#,
        r#"{ "providers": [{ "type": "openai", "apiKey": "KEY" }] }"#,
        "providers:\n- type: openai\n  api_key: KEY\n prot: 1\n",
        "providers:\n- type: openai\n  api_key:\n  - KEY\n  prot: 1\n",
        "[[providers]]\ntype = \"openai\"\napi_key = KEY\n",
        "[[providers]]\ntype = \"openai\"\napi_key = \"KEY\"\nprot = 1\n",
    ];
    proptest::sample::select(places.to_vec()).prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_breaks_the_reader(pieces in proptest::collection::vec(piece(), 0..60)) {
        read_and_show(&pieces.concat());
    }

    #[test]
    fn no_excerpt_shows_a_key(place in misplaced_key(), key in "[a-z]{2}-[a-zA-Z0-9./+]{4,40}[a-z]") {
        for shown in read_and_show(&place.replace("KEY", &key)) {
            prop_assert!(!shown.contains(&key), "{shown}");
        }
    }
}
