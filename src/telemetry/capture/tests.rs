//! The shelf: its bounds, what is hidden, and when it keeps nothing.

use http::{HeaderMap, HeaderValue};

use super::*;
use crate::provider::Secret;

fn capture(max_bytes: usize, entries: usize) -> Arc<Capture> {
    let settings = config::Capture { max_bytes, entries };
    let secret = Secret::new("canary-of-the-file");
    let redactor = Arc::new(Redactor::new([&secret]));
    Arc::new(Capture::new(Some(settings), redactor))
}

fn begin(capture: &Arc<Capture>, id: &str, body: &str) -> Tap {
    let tap = capture.begin(id, &HeaderMap::new(), body.as_bytes());
    tap.expect("it is on")
}

fn answer(capture: &Capture, id: &str) -> String {
    capture.get(id).expect("it is kept").answer
}

#[test]
fn nothing_is_kept_unless_it_is_configured() {
    let off = Arc::new(Capture::new(None, Arc::default()));
    assert!(!off.is_on());
    assert!(off.begin("r", &HeaderMap::new(), b"x").is_none());
    assert_eq!((off.get("r"), off.size()), (None, (0, 0)));
}

#[test]
fn only_the_last_entries_are_kept() {
    let capture = capture(1 << 20, 2);
    let taps: Vec<Tap> = ["a", "b", "c"].map(|id| begin(&capture, id, id)).into();
    assert_eq!(capture.get("a"), None);
    for tap in &taps {
        tap.told(b"late");
    }
    assert_eq!(
        (capture.get("a"), answer(&capture, "b")),
        (None, "late".into())
    );
    assert_eq!(capture.size().0, 2);
}

#[test]
fn all_together_never_hold_more_than_they_may() {
    let limit = 64 << 10;
    let capture = capture(limit, 1000);
    let taps: Vec<Tap> = (0..200)
        .map(|number| begin(&capture, &number.to_string(), &"q".repeat(3000)))
        .collect();
    for tap in taps.iter().cycle().take(4000) {
        tap.told(&[b'a'; 700]);
        assert!(capture.size().1 <= limit, "{:?}", capture.size());
    }
    let (entries, bytes) = capture.size();
    assert!(entries > 0 && bytes > 0);
    capture.configure(None, Arc::default());
    assert_eq!(capture.size(), (0, 0));
}

#[test]
fn one_request_has_its_share_and_the_cut_is_marked() {
    let capture = capture(64 << 10, 10);
    let tap = begin(&capture, "r", &"ü".repeat(20 << 10));
    tap.told(b"short");
    let kept = capture.get("r").expect("it is kept");
    assert!(kept.request_is_cut && !kept.answer_is_cut);
    let most = (64 << 10) / SHARE;
    assert!(kept.request.len() <= most && kept.request.len() >= most - MARGIN - 2);
    assert!(kept.request.chars().all(|c| c == 'ü'));
    for _ in 0..100 {
        tap.told(&[b'a'; 1000]);
    }
    let kept = capture.get("r").expect("it is kept");
    assert!(kept.answer_is_cut && kept.answer.len() <= most);
}

#[test]
fn secrets_are_hidden_in_one_piece_in_two_and_where_the_limit_cuts_them() {
    let capture = capture(64 << 10, 10);
    let most = (64 << 10) / SHARE;
    for before in [0, most - 9, most + MARGIN - 9] {
        let body = format!("{} canary-of-the-file", "x".repeat(before));
        let tap = begin(&capture, "r", &body);
        tap.told(&body.as_bytes()[..before + 8]);
        tap.told(&body.as_bytes()[before + 8..]);
        tap.told(&vec![b'z'; 2 * MARGIN]);
        let kept = capture.get("r").expect("it is kept");
        for text in [&kept.request, &kept.answer] {
            assert!(!text.contains("canar"), "{before}: {text}");
        }
    }
    let tap = begin(&capture, "s", "the key is sk-proj-canary1234567890");
    tap.told(b"Authorization: Bearer canary-1234");
    let kept = format!("{:?}", capture.get("s"));
    assert!(!kept.contains("canary"), "{kept}");
}

#[test]
fn headers_that_carry_keys_have_no_value() {
    let capture = capture(1 << 20, 10);
    let mut headers = HeaderMap::new();
    for name in [
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "cookie",
        "x-password",
        "x-amz-credential",
    ] {
        headers.insert(name, HeaderValue::from_static("canary"));
    }
    headers.insert(
        "x-ratelimit-remaining-tokens",
        HeaderValue::from_static("7"),
    );
    headers.insert("x-team", HeaderValue::from_static("canary-of-the-file"));
    let tap = capture.begin("r", &headers, b"").expect("it is on");
    tap.answered(&headers);
    let kept = capture.get("r").expect("it is kept");
    for lines in [&kept.request_headers, &kept.answer_headers] {
        assert_eq!(lines.len(), 8);
        let value = |name: &str| {
            lines
                .iter()
                .find(|line| line.0 == name)
                .map(|line| &*line.1)
        };
        assert_eq!(value("authorization"), Some(""));
        assert_eq!(value("x-ratelimit-remaining-tokens"), Some("7"));
        assert_eq!(value("x-team"), Some("[redacted]"));
    }
    assert!(!format!("{kept:?}").contains("canary"));
}

#[test]
fn an_open_door_wipes_it_and_keeps_it_off() {
    let capture = capture(1 << 20, 10);
    let tap = begin(&capture, "r", "q");
    let doors = [capture.hush(), capture.hush()];
    assert_eq!((capture.is_on(), capture.get("r")), (false, None));
    assert!(capture.begin("s", &HeaderMap::new(), b"q").is_none());
    let [first, second] = doors;
    drop(first);
    assert!(!capture.is_on());
    drop(second);
    assert!(capture.is_on());
    tap.told(b"what began before stays forgotten");
    assert_eq!((capture.get("r"), capture.size()), (None, (0, 0)));
}

#[test]
fn a_stream_is_shown_as_its_words_in_every_dialect() {
    for (stream, words) in [
        (
            "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n: ping\n\n\
             data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}\n\n\
             data: {\"choices\":[{\"delta\":{\"con",
            "Hello",
        ),
        (
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[]}}\n\n\
             event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello\"}}\n\n",
            "Hello",
        ),
        (
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"Hel\"}\n\n\
             data: {\"type\":\"response.output_text.delta\",\"delta\":\"lo\"}\n\n\
             data: {\"type\":\"response.output_text.done\",\"text\":\"Hello\"}\n\n",
            "Hello",
        ),
        (
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hello\"}],\"role\":\"model\"}}]}\r\n\r\n",
            "Hello",
        ),
        (
            "[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hel\"}]}}]}\n,\n\
             {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"lo\"}]}}]},{\"cand",
            "Hello",
        ),
        (
            "data: {\"error\":{\"message\":\"broke\"}}\n\n",
            "\n{\"error\":{\"message\":\"broke\"}}",
        ),
        ("{\"id\":\"whole\"}", "{\"id\":\"whole\"}"),
    ] {
        assert_eq!(text::of_answer(stream), words, "{stream}");
    }
}
