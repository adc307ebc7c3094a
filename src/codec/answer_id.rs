//! Ids of answers: the upstream's, where it is one, or one of our own.
//!
//! What an upstream calls its answer ends up in headers, logs and paths of those who asked, so it is
//! quoted only where it looks like an id.

use std::borrow::Cow;

use super::call_id;

/// The longest id that is quoted.
const MAX_ID: usize = 128;

/// The longest stop reason that is quoted.
const MAX_REASON: usize = 64;

/// The upstream's id if it begins with `prefix` and looks like an id, else one made from `seed`.
pub fn answer_id<'a>(id: Option<&'a str>, prefix: &str, seed: u64) -> Cow<'a, str> {
    match id.filter(|id| id.starts_with(prefix) && is_plain(id, MAX_ID, "_.:-")) {
        Some(id) => Cow::Borrowed(id),
        None => Cow::Owned(call_id::made(seed, 0, prefix)),
    }
}

/// An upstream's own word for why its answer ended, if it is a word.
pub fn stop_reason(native: Option<&str>) -> Option<&str> {
    native.filter(|native| is_plain(native, MAX_REASON, "_.-"))
}

fn is_plain(text: &str, longest: usize, marks: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
    (1..=longest).contains(&text.len()) && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_only_if_it_looks_like_one() {
        let longest = format!("msg_{}", "a".repeat(MAX_ID - 4));
        for id in ["msg_01AbC", "msg_a.b:c-d", longest.as_str()] {
            assert_eq!(answer_id(Some(id), "msg_", 7), id);
        }
        let made = call_id::made(7, 0, "msg_");
        let long = format!("{longest}a");
        let refused = [
            "",
            "chatcmpl-1",
            "msg_a b",
            "msg_a\r\nx: y",
            "msg_\u{2028}",
            "msg_\u{e9}",
            "msg_a/b",
            &long,
        ];
        for id in refused {
            assert_eq!(answer_id(Some(id), "msg_", 7), made, "{id:?}");
        }
        assert_eq!(answer_id(None, "msg_", 7), made);
        assert_eq!(answer_id(Some(""), "", 7).len(), 24);
    }

    #[test]
    fn a_stop_reason_is_quoted_only_if_it_is_a_word() {
        let longest = "a".repeat(MAX_REASON);
        for word in ["end_turn", "MAX_TOKENS", "stop-1.2", longest.as_str()] {
            assert_eq!(stop_reason(Some(word)), Some(word));
        }
        let long = format!("{longest}a");
        for text in ["", "a b", "a:b", "a\nb", "\u{2028}", "\u{e9}", &long] {
            assert_eq!(stop_reason(Some(text)), None, "{text:?}");
        }
        assert_eq!(stop_reason(None), None);
    }
}
