//! Sloppy JSON made valid, so that an upstream's malformed error can still be understood.
//!
//! Unquoted keys and words, single-quoted strings, trailing commas, Python literals and missing
//! closers at the end are mended; what a string says is never changed. The result is for whoever
//! *reads* an answer and is never sent on in its place. One pass, bounded in size and depth; a text
//! that would need guessing beyond these rules is given up.

use serde_json::Value;

/// Error bodies are far smaller; the bound keeps a hostile answer cheap.
const MAX_BYTES: usize = 64 * 1024;

/// Deeper than any error body, shallow enough for recursion.
const MAX_DEPTH: usize = 64;

/// Returns `text` as JSON that parses: unchanged if it already does, mended if it is sloppy, or
/// `None` if it is neither (or longer than 64 KiB, or nested deeper than 64 levels and not valid).
pub fn repair(text: &str) -> Option<String> {
    if text.len() > MAX_BYTES {
        return None;
    }
    if parses(text) {
        return Some(text.to_owned());
    }
    let mut mender = Mender {
        rest: text.trim_start_matches('\u{feff}'),
        out: String::with_capacity(text.len() + 16),
        depth: 0,
    };
    mender.document()?;
    // What a string holds is kept even where JSON forbids it, e.g. half a surrogate pair.
    parses(&mender.out).then_some(mender.out)
}

fn parses(text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok()
}

/// Reads `rest` from the front and writes its valid form to `out`.
///
/// The end of the input is accepted wherever an item or a closer may stand.
struct Mender<'a> {
    rest: &'a str,
    out: String,
    depth: usize,
}

impl Mender<'_> {
    fn document(&mut self) -> Option<()> {
        self.skip_space();
        // A bare word may be a value inside; alone it is not JSON but prose or HTML.
        if !self.rest.starts_with(['{', '[']) {
            return None;
        }
        self.value()?;
        self.skip_space();
        self.rest.is_empty().then_some(())
    }

    fn value(&mut self) -> Option<()> {
        self.skip_space();
        match self.rest.chars().next() {
            None => self.out.push_str("null"),
            Some('{') => self.items('{', '}', Self::member)?,
            Some('[') => self.items('[', ']', Self::value)?,
            Some(quote @ ('"' | '\'')) => self.string(quote),
            Some(_) => self.bare_value()?,
        }
        Some(())
    }

    fn items(&mut self, open: char, close: char, item: fn(&mut Self) -> Option<()>) -> Option<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.take(open);
        self.out.push(open);
        let mut separator = "";
        loop {
            self.skip_space();
            if self.rest.is_empty() || self.take(close) {
                break;
            }
            self.out.push_str(separator);
            separator = ",";
            item(self)?;
            self.skip_space();
            if !self.take(',') && !self.rest.is_empty() && !self.rest.starts_with(close) {
                return None;
            }
        }
        self.out.push(close);
        self.depth -= 1;
        Some(())
    }

    fn member(&mut self) -> Option<()> {
        match self.rest.chars().next()? {
            quote @ ('"' | '\'') => self.string(quote),
            _ => self.bare_key()?,
        }
        self.skip_space();
        if !self.take(':') && !self.rest.is_empty() {
            return None;
        }
        self.out.push(':');
        self.value()
    }

    fn bare_key(&mut self) -> Option<()> {
        let ends_key = |c: char| c.is_whitespace() || "\"'{}[],:".contains(c);
        let key = self.take_until(ends_key);
        if key.is_empty() {
            return None;
        }
        self.quoted(key);
        Some(())
    }

    /// A literal, a number, or words that somebody forgot to quote.
    fn bare_value(&mut self) -> Option<()> {
        let word = self
            .take_until(|c| matches!(c, ',' | '{' | '}' | '[' | ']' | '\n'))
            .trim_end();
        match word {
            "" => return None,
            "true" | "True" => self.out.push_str("true"),
            "false" | "False" => self.out.push_str("false"),
            "null" | "None" | "undefined" | "NaN" => self.out.push_str("null"),
            number if is_number(number) => self.out.push_str(number),
            words => self.quoted(words),
        }
        Some(())
    }

    fn string(&mut self, quote: char) {
        self.take(quote);
        self.out.push('"');
        while let Some(c) = self.rest.chars().next() {
            self.rest = &self.rest[c.len_utf8()..];
            match c {
                '\\' => self.escape(),
                c if c == quote && self.closes(quote) => break,
                c => self.write_char(c),
            }
        }
        self.out.push('"');
    }

    /// Whether the quote just read ends its string. A single quote that something other than
    /// structure follows is an apostrophe: `'can't'`.
    fn closes(&self, quote: char) -> bool {
        let next = self.rest.trim_start();
        quote == '"' || next.is_empty() || next.starts_with([',', ':', '}', ']'])
    }

    /// What follows a backslash: a JSON escape, an escaped apostrophe, or else the backslash itself.
    fn escape(&mut self) {
        match self.rest.as_bytes() {
            [] => {}
            [b'\'', ..] => {
                self.take('\'');
                self.out.push('\'');
            }
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => {
                self.out.push('\\');
                self.out.push_str(&self.rest[..1]);
                self.rest = &self.rest[1..];
            }
            [b'u', hex @ ..] if hex.len() >= 4 && hex[..4].iter().all(u8::is_ascii_hexdigit) => {
                self.out.push('\\');
                self.out.push_str(&self.rest[..5]);
                self.rest = &self.rest[5..];
            }
            _ => self.out.push_str("\\\\"),
        }
    }

    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        for c in text.chars() {
            match c {
                '\\' => self.out.push_str("\\\\"),
                c => self.write_char(c),
            }
        }
        self.out.push('"');
    }

    /// Writes a character of a string, escaped if JSON wants it so.
    fn write_char(&mut self, c: char) {
        match c {
            '"' => self.out.push_str("\\\""),
            '\n' => self.out.push_str("\\n"),
            '\r' => self.out.push_str("\\r"),
            '\t' => self.out.push_str("\\t"),
            c if c < ' ' => self.out.extend(["\\u", &format!("{:04x}", u32::from(c))]),
            c => self.out.push(c),
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    /// Takes `c` if it comes next.
    fn take(&mut self, c: char) -> bool {
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

impl<'a> Mender<'a> {
    fn take_until(&mut self, end: impl Fn(char) -> bool) -> &'a str {
        let (taken, rest) = self
            .rest
            .split_at(self.rest.find(end).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }
}

fn is_number(word: &str) -> bool {
    serde_json::from_str::<f64>(word).is_ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn mends(sloppy: &str, expected: &Value) {
        let mended = repair(sloppy).unwrap_or_else(|| panic!("given up: {sloppy}"));
        let value: Value = serde_json::from_str(&mended).expect("repair returns valid JSON");
        assert_eq!(&value, expected, "from {sloppy}");
    }

    #[test]
    fn quotes_keys_and_leaves_what_strings_say_alone() {
        mends(
            r#"{error: {message: "a, b: c", code-2: "x {y: 'z',}"}}"#,
            &json!({"error": {"message": "a, b: c", "code-2": "x {y: 'z',}"}}),
        );
    }

    #[test]
    fn understands_python() {
        mends(
            r#"{'ok': False, 'n': None, 't': True, 'say': 'a "b"', "it's": 'it\'s'}"#,
            &json!({"ok": false, "n": null, "t": true, "say": "a \"b\"", "it's": "it's"}),
        );
    }

    #[test]
    fn takes_an_apostrophe_inside_single_quotes_for_what_it_is() {
        mends(
            "{'a': 'can't do' , 'b': 'x'}",
            &json!({"a": "can't do", "b": "x"}),
        );
    }

    #[test]
    fn drops_trailing_commas() {
        mends("{\"a\": [1, 2,], }", &json!({"a": [1, 2]}));
    }

    #[test]
    fn closes_what_the_end_left_open() {
        mends(
            r#"{"a": [1, {"b": "half a sen"#,
            &json!({"a": [1, {"b": "half a sen"}]}),
        );
        mends(r#"{"a": 1, "b"#, &json!({"a": 1, "b": null}));
        mends(r#"{"a": 1, "b":"#, &json!({"a": 1, "b": null}));
        mends(r#"{"a": "x\"#, &json!({"a": "x"}));
    }

    #[test]
    fn quotes_words_that_nobody_quoted() {
        mends(
            "{error: Rate limit reached, code: 429, next: -1.5e3, at: 007}",
            &json!({"error": "Rate limit reached", "code": 429, "next": -1500.0, "at": "007"}),
        );
    }

    #[test]
    fn escapes_raw_line_breaks_and_unknown_escapes_inside_strings() {
        mends(
            "{a: \"x\ny\\z\\u12\\u00e9\u{1}\"}",
            &json!({"a": "x\ny\\z\\u12é\u{1}"}),
        );
    }

    #[test]
    fn gives_up_on_what_is_not_nearly_json() {
        for text in [
            "",
            "oops",
            "<html>{a: 1}</html>",
            "{a: 1} trailing",
            "{a: }",
            "[,]",
            "{: 1}",
            "{a: [1}",
            "{a: f{}}",
            r#"{a: "he said "no""}"#,
            r#"{a: "\ud800"}"#,
        ] {
            assert_eq!(repair(text), None, "{text}");
        }
    }

    #[test]
    fn is_bounded_in_size_and_depth() {
        assert_eq!(
            repair(&format!("{{a: \"{}\"}}", "x".repeat(MAX_BYTES))),
            None
        );
        assert_eq!(repair(&"[".repeat(MAX_DEPTH + 1)), None);
        assert!(repair(&"[".repeat(MAX_DEPTH)).is_some());
    }

    /// Values whose strings are full of what the mender looks for outside of strings.
    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>()
                .prop_filter("JSON has no such number", |n| n.is_finite())
                .prop_map(Value::from),
            "[a-z {}\\[\\],:\"'\\\\\n\té]{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z_]{1,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    /// Writes `value` with bare keys, Python literals and trailing commas.
    fn sloppily(value: &Value) -> String {
        match value {
            Value::Null => "None".into(),
            Value::Bool(true) => "True".into(),
            Value::Bool(false) => "False".into(),
            Value::Array(items) => {
                items.iter().fold("[".to_owned(), |text, item| {
                    format!("{text}{}, ", sloppily(item))
                }) + "]"
            }
            Value::Object(map) => {
                map.iter().fold("{".to_owned(), |text, (key, item)| {
                    format!("{text}{key}: {}, ", sloppily(item))
                }) + "}"
            }
            other => other.to_string(),
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_returns_only_json(text in "[{}\\[\\],:\"'\\\\ua0-9 \n\u{80}-\u{10ffff}]{0,80}") {
            if let Some(mended) = repair(&text) {
                prop_assert!(parses(&mended));
            }
        }

        #[test]
        fn returns_valid_json_untouched(value in values()) {
            let text = value.to_string();
            prop_assert_eq!(repair(&text), Some(text));
        }

        #[test]
        fn recovers_the_value_behind_sloppy_text(value in values(), cut_closers in any::<bool>()) {
            let value = json!({"root": value});
            let mut text = sloppily(&value);
            if cut_closers {
                // Every item ends in a comma here, so that no string is cut.
                text.truncate(text.trim_end_matches(['}', ']', ' ']).len());
            }
            let mended = repair(&text);
            prop_assert!(mended.is_some(), "given up: {}", text);
            let read: Value = serde_json::from_str(&mended.unwrap_or_default()).expect("valid");
            prop_assert_eq!(read, value, "from {}", text);
        }
    }
}
