//! Commands to be copied: they work as they are, and hold no key.

use serde_json::json;

use super::text::plain;
use crate::telemetry::snapshot::About;

/// The model of an example where the gateway names none.
const ANY_MODEL: &str = "auto";

/// A first request to the gateway at `base`.
pub fn first_request(about: &About, base: &str, needs_key: bool) -> String {
    let model = match about.example_model.as_str() {
        "" => ANY_MODEL,
        model => model,
    };
    let body = json!({
        "model": model,
        "messages": [{ "role": "user", "content": "Say hello" }],
    });
    let url = quoted(&format!("{base}/v1/chat/completions"));
    let key = if needs_key { KEY } else { "" };
    let body = quoted(&body.to_string());
    format!("curl {url}{key} -H 'content-type: application/json' -d {body}")
}

/// Asks the gateway what became of a request.
pub fn past_request(about: &About, id: &str) -> String {
    // An id is visible ASCII; what could end a path is written out.
    let id: String = id
        .bytes()
        .map(|byte| match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect();
    let url = quoted(&format!("{}/routing/requests/{id}", about.url));
    let key = if about.needs_key { KEY } else { "" };
    format!("curl {url}{key}")
}

/// The key stays in the shell.
const KEY: &str = " -H \"authorization: Bearer $AUTOGW_KEY\"";

/// `text` as one word of a shell, plain.
fn quoted(text: &str) -> String {
    let is_simple = |c: char| c.is_ascii_alphanumeric() || "/:._-%~".contains(c);
    let text = plain(text);
    if !text.is_empty() && text.chars().all(is_simple) {
        return text;
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_others_wrote_ends_a_word() {
        let about = About {
            url: "http://127.0.0.1:8000".to_owned(),
            example_model: "a'; rm -rf /\n".to_owned(),
            needs_key: true,
            ..About::default()
        };
        assert_eq!(
            first_request(&about, &about.url, true),
            "curl http://127.0.0.1:8000/v1/chat/completions -H \"authorization: Bearer $AUTOGW_KEY\" \
             -H 'content-type: application/json' \
             -d '{\"model\":\"a'\\''; rm -rf /\\n\",\"messages\":[{\"role\":\"user\",\"content\":\"Say hello\"}]}'"
        );
        assert_eq!(
            past_request(&about, "req-7'/?"),
            "curl http://127.0.0.1:8000/routing/requests/req-7%27%2F%3F -H \"authorization: Bearer $AUTOGW_KEY\""
        );
    }
}
