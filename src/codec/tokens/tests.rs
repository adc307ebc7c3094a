//! The estimate against counts of `o200k_base` that were taken once, and its bounds.

use proptest::prelude::*;

use super::*;

const ENGLISH: &str = "The gateway holds back the status line until the first meaningful event has come, so that \
    an answer which never begins can still be asked of somebody else. What was sent to the client is never \
    taken back, and what an upstream wrote is never written again by us.";

const GERMAN: &str = "Die Verbindung wird erst dann freigegeben, wenn der Empfänger alle Daten bestätigt hat. \
    Schlägt die Übertragung fehl, versucht das Programm es nach einer kurzen Wartezeit noch einmal und \
    schreibt eine Meldung in das Protokoll.";

const CODE: &str = "fn resolve(root: &Value, reference: &str) -> Option<Value> {\n    let pointer = \
    reference.strip_prefix('#')?;\n    if pointer.is_empty() {\n        return Some(root.clone());\n    }\n    \
    root.pointer(pointer).cloned()\n}\n";

const JSON: &str = r#"{"id": "chatcmpl-123", "object": "chat.completion", "created": 1763740800, "model": "gpt-4o", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}}"#;

const CHINESE: &str = "这个程序会把请求转发给不同的服务商,如果其中一个没有回应,就会自动选择下一个。\
    用户不需要修改任何代码,只要设置一个新的地址就可以使用。";

/// The text again and again, as samples of a kilobyte and more.
fn long(text: &str) -> String {
    [text, text, text, text, text].join("\n")
}

#[track_caller]
fn is_near(estimate: u64, counted: u64) {
    let off = estimate.abs_diff(counted) * 100 / counted;
    assert!(off <= 15, "estimated {estimate}, counted {counted}");
}

#[test]
fn is_near_what_the_tokenizer_counted() {
    for (text, counted) in [
        (ENGLISH, 265),
        (GERMAN, 245),
        (CODE, 255),
        (JSON, 470),
        (CHINESE, 215),
    ] {
        is_near(estimate_text(&long(text)), counted);
    }
}

#[test]
fn encodings_cost_more_than_prose() {
    let hex = "5f2c9e01ab37d4".repeat(100);
    assert!(estimate_text(&hex) * 2 > hex.len() as u64);
    assert!(estimate_text(&long(ENGLISH)) * 4 < long(ENGLISH).len() as u64);
}

#[test]
fn nothing_is_nothing_and_anything_is_something() {
    assert_eq!(estimate_text(""), 0);
    for text in ["a", " ", "\n", ".", "\u{0}", "é", "字", "🙂"] {
        assert!(estimate_text(text) >= 1, "{text:?}");
    }
}

#[test]
fn a_flood_of_one_character_is_counted_fast_and_bounded() {
    for c in ["a", "A", " ", "\n", "=", "1", "字", "🙂"] {
        let text = c.repeat(100_000);
        assert!(estimate_text(&text) <= 3 * 100_000, "{c}");
    }
}

proptest! {
    #[test]
    fn never_fails_and_never_says_more_than_the_text_can_be(text in "\\PC{0,200}|[ -~\\n\\té字🙂]{0,200}") {
        let estimate = estimate_text(&text);
        prop_assert!(estimate <= 2 * text.len() as u64 + 1, "{estimate}");
        prop_assert_eq!(estimate == 0, text.is_empty());
    }

    #[test]
    fn more_text_is_not_fewer_tokens(one in "[a-z .,0-9]{0,80}", other in "[a-z .,0-9]{1,80}") {
        let both = format!("{one}\n{other}");
        prop_assert!(estimate_text(&both) >= estimate_text(&one));
    }
}
