//! Citations: `groundingMetadata` and `citationMetadata`, whose places are bytes of the answer.

use serde_json::{Map, Value, json};

use super::offsets::Offsets;
use crate::chat::part::Citation;
use crate::chat::{Dialect, Extra};

/// More than any answer has sources.
pub(super) const MAX_CITATIONS: usize = 1024;

/// The text that citations point into.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cited<'t> {
    /// All that the answer has said.
    pub(super) text: &'t str,
    /// Where its last part begins.
    pub(super) start: usize,
}

/// Reads `groundingMetadata`.
pub(super) fn grounding(metadata: &Value, cited: Cited<'_>) -> Vec<Citation> {
    let chunks = list(metadata, "groundingChunks");
    let supports = list(metadata, "groundingSupports");
    let places = Places::new(cited);
    let mut citations = Vec::new();
    for support in supports {
        let segment = support.get("segment");
        for index in list(support, "groundingChunkIndices") {
            let index = index.as_u64().and_then(|index| usize::try_from(index).ok());
            if let Some(chunk) = index.and_then(|index| chunks.get(index)) {
                citations.push(citation(chunk, segment, &places));
            }
        }
    }
    if supports.is_empty() {
        citations.extend(chunks.iter().map(|chunk| citation(chunk, None, &places)));
    }
    citations.truncate(MAX_CITATIONS);
    citations
}

/// Reads `citationMetadata`.
pub(super) fn sources(metadata: &Value, cited: Cited<'_>) -> Vec<Citation> {
    let places = Places::new(cited);
    let all = list(metadata, "citationSources").iter();
    let all = all.chain(list(metadata, "citations"));
    let citations = all.filter_map(|source| {
        let url = source.get("uri")?.as_str()?.to_owned();
        let (start, end) = places.of(source);
        Some(Citation::Web {
            url,
            title: text(source, "title"),
            start,
            end,
            cited: None,
            extra: Extra::default(),
        })
    });
    citations.take(MAX_CITATIONS).collect()
}

fn citation(chunk: &Value, segment: Option<&Value>, places: &Places<'_>) -> Citation {
    let web = chunk.get("web");
    let Some(url) = web.and_then(|web| text(web, "uri")) else {
        return Citation::Foreign {
            dialect: Dialect::Gemini,
            value: chunk.clone(),
        };
    };
    let (start, end) = segment
        .map(|segment| places.of(segment))
        .unwrap_or_default();
    Citation::Web {
        url,
        title: web.and_then(|web| text(web, "title")),
        start,
        end,
        cited: segment.and_then(|segment| text(segment, "text")),
        extra: Extra::default(),
    }
}

struct Places<'t> {
    cited: Cited<'t>,
    offsets: Offsets<'t>,
    /// Characters before the part.
    before: usize,
}

impl<'t> Places<'t> {
    fn new(cited: Cited<'t>) -> Self {
        let offsets = Offsets::new(cited.text);
        let before = offsets.char_of(cited.start);
        Self {
            cited,
            offsets,
            before,
        }
    }

    /// First and last-but-one character within the part; nothing for a place in an earlier one.
    fn of(&self, segment: &Value) -> (Option<u64>, Option<u64>) {
        let byte = |key: &str| {
            let value = segment.get(key);
            let count = value.and_then(|value| match value {
                Value::String(text) => text.parse().ok(),
                value => value.as_u64(),
            });
            count.and_then(|count| usize::try_from(count).ok())
        };
        // Zero is left out by proto JSON.
        let (start, end) = (byte("startIndex").unwrap_or(0), byte("endIndex"));
        let Some(end) = end.filter(|end| {
            self.cited.start <= start && start <= *end && *end <= self.cited.text.len()
        }) else {
            return (None, None);
        };
        let character = |byte| {
            let count = self.offsets.char_of(byte).saturating_sub(self.before);
            u64::try_from(count).ok()
        };
        (character(start), character(end))
    }
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key)?.as_str().map(str::to_owned)
}

/// `groundingMetadata` in the making.
#[derive(Debug, Default)]
pub(super) struct Grounding {
    chunks: Vec<Value>,
    supports: Vec<Value>,
}

impl Grounding {
    /// Adds the citations of the part of the answer's text that begins at `start`. One without a place
    /// covers the whole part.
    pub(super) fn add(&mut self, citations: Vec<Citation>, cited: Cited<'_>) {
        let part = cited.text.get(cited.start..).unwrap_or_default();
        let offsets = Offsets::new(part);
        for citation in citations {
            let Citation::Web {
                url,
                title,
                start,
                end,
                cited: _,
                extra: _,
            } = citation
            else {
                continue;
            };
            if self.supports.len() >= MAX_CITATIONS {
                return;
            }
            let byte = |character: Option<u64>, missing: usize| match character {
                Some(character) => {
                    offsets.byte_of(usize::try_from(character).unwrap_or(usize::MAX))
                }
                None => missing,
            };
            let from = byte(start, 0);
            let to = byte(end, part.len()).max(from);
            let mut segment = Map::new();
            segment.insert("startIndex".to_owned(), (cited.start + from).into());
            segment.insert("endIndex".to_owned(), (cited.start + to).into());
            if let Some(words) = part.get(from..to) {
                segment.insert("text".to_owned(), words.into());
            }
            let index = self.chunk(url, title);
            let support = json!({ "segment": segment, "groundingChunkIndices": [index] });
            self.supports.push(support);
        }
    }

    fn chunk(&mut self, url: String, title: Option<String>) -> usize {
        let mut web = Map::new();
        web.insert("uri".to_owned(), url.into());
        web.extend(title.map(|title| ("title".to_owned(), title.into())));
        let chunk = json!({ "web": web });
        let known = self.chunks.iter().position(|known| *known == chunk);
        known.unwrap_or_else(|| {
            self.chunks.push(chunk);
            self.chunks.len() - 1
        })
    }

    /// The finished object; `None` if nothing was cited.
    pub(super) fn finish(self) -> Option<Value> {
        (!self.chunks.is_empty())
            .then(|| json!({ "groundingChunks": self.chunks, "groundingSupports": self.supports }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Über 😀 Paris.";

    fn metadata() -> Value {
        json!({
            "groundingChunks": [
                {"web": {"uri": "https://a.example", "title": "A"}},
                {"retrievedContext": {"uri": "x"}},
            ],
            "groundingSupports": [
                {"segment": {"endIndex": 5, "text": "Über"}, "groundingChunkIndices": [0]},
                {"segment": {"startIndex": 11, "endIndex": 17, "text": "Paris."}, "groundingChunkIndices": [0, 1, 9]},
            ],
            "webSearchQueries": ["q"],
        })
    }

    #[test]
    fn bytes_become_characters_and_bytes_again() {
        let cited = Cited {
            text: TEXT,
            start: 0,
        };
        let citations = grounding(&metadata(), cited);
        let places: Vec<_> = citations
            .iter()
            .map(|citation| match citation {
                Citation::Web { start, end, .. } => (*start, *end),
                Citation::Foreign { .. } => (None, None),
            })
            .collect();
        assert_eq!(
            places,
            [(Some(0), Some(4)), (Some(7), Some(13)), (None, None)]
        );
        let mut written = Grounding::default();
        written.add(citations.clone(), cited);
        let written = written.finish().expect("citations");
        assert_eq!(written["groundingSupports"][1]["segment"]["startIndex"], 11);
        assert_eq!(written["groundingSupports"][1]["segment"]["text"], "Paris.");
        assert_eq!(grounding(&written, cited), citations[..2]);
    }

    #[test]
    fn a_place_in_an_earlier_part_or_beyond_the_text_is_not_told() {
        let late = grounding(
            &metadata(),
            Cited {
                text: TEXT,
                start: 11,
            },
        );
        assert!(matches!(
            late[0],
            Citation::Web {
                start: None,
                end: None,
                ..
            }
        ));
        assert!(matches!(
            late[1],
            Citation::Web {
                start: Some(0),
                end: Some(6),
                ..
            }
        ));
        let short = grounding(
            &metadata(),
            Cited {
                text: "Ü",
                start: 0,
            },
        );
        assert!(matches!(short[1], Citation::Web { start: None, .. }));
    }

    #[test]
    fn sources_without_a_place_stand_for_themselves() {
        let cited = Cited {
            text: TEXT,
            start: 0,
        };
        let only = json!({"groundingChunks": [{"web": {"uri": "u"}}]});
        assert_eq!(grounding(&only, cited).len(), 1);
        let metadata = json!({"citationSources": [{"uri": "u", "startIndex": 0, "endIndex": 5}, {"license": "MIT"}]});
        assert_eq!(sources(&metadata, cited).len(), 1);
    }
}
