//! Ear: hears what a client is told, to know what another model would have to go on from.
//!
//! Everything but plain words of one answer makes a stream that nobody else can go on with.

use bytes::BytesMut;

use crate::chat::{Delta, Dialect, StreamEvent, Usage};
use crate::codec::dispatch::Decoder;
use crate::codec::stream::StreamDecoder as _;
use crate::codec::target::Origin;
use crate::sse::{Event, Splitter};

/// The longest text that is gone on with.
const MAX_TEXT: usize = 256 * 1024;

/// The longest event that is waited for.
const MAX_EVENT: usize = 256 * 1024;

/// What decoders keep until the end, or have no word for: words that stand in for more than themselves.
const TELLTALES: [&[u8]; 7] = [
    b"citations_delta",
    b"citationMetadata",
    b"citation_metadata",
    b"groundingMetadata",
    b"grounding_metadata",
    b"thoughtSignature",
    b"thought_signature",
];

/// See the module's head.
#[derive(Debug)]
pub(super) struct Ear {
    dialect: Dialect,
    splitter: Splitter,
    /// The event that has begun but not ended.
    tail: BytesMut,
    decoder: Decoder,
    events: Vec<StreamEvent>,
    told: Told,
    /// Whether something was told that is not to be gone on from.
    is_spoilt: bool,
}

/// What a client was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The answer's id.
    pub(super) id: Option<String>,
    /// What the model is called in it.
    pub(super) model: Option<String>,
    /// When it was made, in seconds since 1970.
    pub(super) created: Option<u64>,
    /// The words.
    pub(super) text: String,
    /// Token counts.
    pub(super) usage: Option<Usage>,
}

impl Ear {
    /// An ear for a stream of `dialect` that is just beginning.
    pub(super) fn new(dialect: Dialect) -> Self {
        let nobody = Origin {
            provider: String::new(),
            model: String::new(),
        };
        Self {
            dialect,
            splitter: Splitter::default(),
            tail: BytesMut::new(),
            decoder: Decoder::new(dialect, nobody),
            events: Vec::new(),
            told: Told::default(),
            is_spoilt: false,
        }
    }

    /// Hears the next bytes.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        if self.is_spoilt {
            return;
        }
        let mut at = 0;
        while let Some(end) = self.splitter.next(bytes, at) {
            if self.tail.is_empty() {
                self.listen(&bytes[at..end]);
            } else {
                self.tail.extend_from_slice(&bytes[at..end]);
                let block = self.tail.split();
                self.listen(&block);
            }
            at = end;
        }
        self.tail.extend_from_slice(&bytes[at..]);
        if self.tail.len() > MAX_EVENT || self.told.text.len() > MAX_TEXT {
            self.is_spoilt = true;
        }
        if self.is_spoilt {
            self.told.text = String::new();
            self.tail = BytesMut::new();
        }
    }

    /// What was told, if somebody else can go on from there.
    pub(super) fn told(&mut self) -> Option<Told> {
        let is_whole = self.tail.iter().all(u8::is_ascii_whitespace);
        let has_words = !self.told.text.trim().is_empty();
        (is_whole && has_words && !self.is_spoilt).then(|| std::mem::take(&mut self.told))
    }

    fn listen(&mut self, block: &[u8]) {
        let event = Event::parse(block);
        let holds = |word: &[u8]| memchr::memmem::find(block, word).is_some();
        let is_odd = TELLTALES.into_iter().any(holds) || self.opens_another(&event);
        let is_read = self.decoder.decode(&event, &mut self.events).is_ok();
        self.is_spoilt |= is_odd || !is_read;
        let events = std::mem::take(&mut self.events);
        for event in events {
            self.note(event);
        }
    }

    /// Whether a block begins that is not the first: its number is to be gone on with.
    fn opens_another(&self, event: &Event<'_>) -> bool {
        if self.dialect != Dialect::Anthropic || event.name != Some(b"content_block_start") {
            return false;
        }
        let data = event.data.as_deref().unwrap_or_default();
        let block: serde_json::Value = serde_json::from_slice(data).unwrap_or_default();
        block["index"] != 0
    }

    fn note(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Start { id, model, created } => {
                let told = &mut self.told;
                told.id = told.id.take().or(id);
                told.model = told.model.take().or(model);
                told.created = told.created.or(created);
            }
            StreamEvent::Delta {
                choice: 0,
                delta: Delta::Text(text),
            } => self.told.text.push_str(&text),
            StreamEvent::Usage(usage) => self.told.usage = Some(usage),
            StreamEvent::Ping => {}
            StreamEvent::Delta { .. } | StreamEvent::Finish { .. } => self.is_spoilt = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(dialect: Dialect, stream: &str) -> Option<Told> {
        let mut whole = Ear::new(dialect);
        whole.hear(stream.as_bytes());
        let mut bits = Ear::new(dialect);
        stream.as_bytes().chunks(1).for_each(|bit| bits.hear(bit));
        let (whole, bits) = (whole.told(), bits.told());
        let text = |told: &Option<Told>| told.as_ref().map(|told| told.text.clone());
        assert_eq!(text(&whole), text(&bits), "{stream}");
        whole
    }

    fn chunk(delta: &str) -> String {
        format!(
            "data: {{\"id\":\"chatcmpl-1\",\"created\":7,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}\n\n"
        )
    }

    #[test]
    fn words_are_heard_with_the_envelope_they_came_in() {
        let stream = [
            chunk(r#"{"role":"assistant","content":""}"#),
            ": ping\n\n".to_owned(),
            chunk(r#"{"content":"one "}"#),
            chunk(r#"{"content":"tw\u00f6"}"#),
        ];
        let told = hear(Dialect::OpenAiChat, &stream.concat()).expect("words");
        assert_eq!(told.text, "one tw\u{f6}");
        assert_eq!(told.id.as_deref(), Some("chatcmpl-1"));
        assert_eq!((told.model.as_deref(), told.created), (Some("m"), Some(7)));
    }

    #[test]
    fn anything_but_words_of_one_answer_is_not_gone_on_from() {
        let words = chunk(r#"{"content":"one"}"#);
        assert!(hear(Dialect::OpenAiChat, &words).is_some());
        let call = r#"{"tool_calls":[{"index":0,"id":"c","type":"function","function":{"name":"f","arguments":""}}]}"#;
        for spoilt in [
            String::new(),
            chunk(r#"{"content":" \n"}"#),
            chunk(call) + &words,
            chunk(r#"{"reasoning_content":"hm"}"#) + &words,
            chunk(r#"{"refusal":"no"}"#) + &words,
            format!("{words}data: {{\"choices\":[{{\"in"),
            words.clone() + &words.replace("\"index\":0", "\"index\":1"),
            chunk(&format!("{{\"content\":\"{}\"}}", "x".repeat(MAX_TEXT))) + &words,
        ] {
            assert!(hear(Dialect::OpenAiChat, &spoilt).is_none(), "{spoilt}");
        }
    }

    #[test]
    fn one_open_block_of_text_is_gone_on_from() {
        let open = |index: u32| {
            format!(
                "event: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":{index},\"content_block\":{{\"type\":\"text\",\"text\":\"\"}}}}\n\n\
                 event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":{index},\"delta\":{{\"type\":\"text_delta\",\"text\":\"one\"}}}}\n\n"
            )
        };
        let close =
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n";
        let heard = |stream: &str| hear(Dialect::Anthropic, stream).is_some();
        assert!(heard(&open(0)));
        assert!(!heard(&open(1)));
        assert!(!heard(&(open(0) + close)));
        assert!(!heard(
            &(open(0) + &open(0).replace("one", "citations_delta"))
        ));
    }

    #[test]
    fn a_signed_or_grounded_answer_is_not_gone_on_from() {
        let chunk = |more: &str| {
            format!(
                "data: {{\"candidates\":[{{\"index\":0,\"content\":{{\"role\":\"model\",\"parts\":[{{\"text\":\"one\"{more}}}]}}}}],\"responseId\":\"r\"}}\n\n"
            )
        };
        assert!(hear(Dialect::Gemini, &chunk("")).is_some());
        assert!(hear(Dialect::Gemini, &chunk(",\"thoughtSignature\":\"c2ln\"")).is_none());
        assert!(hear(Dialect::Gemini, &chunk(",\"thought\":true")).is_none());
    }
}
