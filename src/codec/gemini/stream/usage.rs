//! `usageMetadata`: thoughts are counted beside the answer, what tools put into the prompt beside the prompt.

use serde_json::{Map, Value};

use crate::chat::Usage;
use crate::json::scan;

/// Reads the counts; `None` if there are none.
pub(super) fn read(object: &[u8]) -> Option<Usage> {
    let mut usage = Usage::default();
    let mut is_told = false;
    for member in scan::members(object).flatten() {
        let Some(count) = count(&object[member.value..member.end]) else {
            continue;
        };
        is_told = true;
        match &object[member.key..member.key_end] {
            b"promptTokenCount" | b"toolUsePromptTokenCount" => {
                usage.input = usage.input.saturating_add(count);
            }
            b"cachedContentTokenCount" => usage.cached = count,
            b"candidatesTokenCount" | b"responseTokenCount" => {
                usage.output = usage.output.saturating_add(count);
            }
            b"thoughtsTokenCount" => {
                usage.reasoning = count;
                usage.output = usage.output.saturating_add(count);
            }
            _ => {}
        }
    }
    is_told.then_some(usage)
}

/// A count, as text too.
fn count(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value)
        .ok()?
        .trim_matches('"')
        .parse()
        .ok()
}

/// Writes the counts.
pub(crate) fn write(usage: &Usage) -> Value {
    let Usage {
        input,
        output,
        cached,
        // No word for it here.
        cache_write: _,
        reasoning,
    } = *usage;
    let mut map = Map::new();
    map.insert("promptTokenCount".to_owned(), input.into());
    let said = output.saturating_sub(reasoning);
    map.insert("candidatesTokenCount".to_owned(), said.into());
    let total = input.saturating_add(said).saturating_add(reasoning);
    map.insert("totalTokenCount".to_owned(), total.into());
    let rest = [
        ("cachedContentTokenCount", cached),
        ("thoughtsTokenCount", reasoning),
    ];
    for (key, count) in rest.into_iter().filter(|(_, count)| *count > 0) {
        map.insert(key.to_owned(), count.into());
    }
    map.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_whole_inside_and_parts_outside() {
        let text =
            br#"{"promptTokenCount": 10, "toolUsePromptTokenCount": "5", "candidatesTokenCount": 7,
            "thoughtsTokenCount": 20, "cachedContentTokenCount": 4, "totalTokenCount": 42,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 10}]}"#;
        let usage = Usage {
            input: 15,
            output: 27,
            cached: 4,
            cache_write: 0,
            reasoning: 20,
        };
        assert_eq!(read(text), Some(usage));
        let written = write(&usage);
        assert_eq!(written["candidatesTokenCount"], 7);
        assert_eq!(written["totalTokenCount"], 42);
        assert_eq!(read(written.to_string().as_bytes()), Some(usage));
        assert_eq!(read(b"{}"), None);
        assert_eq!(read(b"null"), None);
    }

    #[test]
    fn no_count_overflows() {
        let max = u64::MAX;
        let text = format!(r#"{{"candidatesTokenCount":{max},"thoughtsTokenCount":{max}}}"#);
        let usage = read(text.as_bytes()).expect("counts");
        assert_eq!(usage.output, max);
        assert_eq!(write(&usage)["totalTokenCount"], max);
    }
}
