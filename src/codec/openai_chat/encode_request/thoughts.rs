//! Thoughts of the conversation, and whom they may be given to: nobody but their own model.

use serde_json::{Map, Value, json};

use super::Writer;
use crate::chat::part::Reasoning;
use crate::chat::{Extra, OpaqueKind};
use crate::codec::field_names::Field;
use crate::codec::openai_chat::spelling;
use crate::provider::Quirk;

impl Writer<'_, '_> {
    /// Writes the thoughts of one message into it.
    pub(super) fn thoughts(
        &mut self,
        thoughts: &[&Reasoning],
        has_calls: bool,
        extra: &Extra,
        message: &mut Map<String, Value>,
    ) {
        let mut written = Thoughts::default();
        for thought in thoughts {
            self.thought(thought, has_calls, &mut written);
        }
        let is = |word| self.is_own() && spelling::is(extra, "reasoning_content", word);
        let is_short =
            is("reasoning") || (!self.is_own() && self.target.has(Quirk::ReasoningField));
        if let Some(text) = written.text.filter(|_| !is("none")) {
            if is("both") || !is_short {
                message.insert("reasoning_content".to_owned(), json!(text));
            }
            if is("both") || is_short {
                message.insert("reasoning".to_owned(), json!(text));
            }
        }
        if !written.details.is_empty() {
            message.insert("reasoning_details".to_owned(), written.details.into());
        }
    }

    fn thought(&mut self, thought: &Reasoning, has_calls: bool, written: &mut Thoughts) {
        let Reasoning { text, opaque } = thought;
        let Some(opaque) = opaque else {
            // Without a token nobody knows whose it is, unless the client speaks the target's words.
            if self.is_own() {
                written.text(text);
            } else {
                self.drop(Field::Reasoning);
            }
            return;
        };
        let is_clients = self.is_own() && opaque.provider.is_none();
        let is_known = opaque.provider.is_some() && self.target.may_have(opaque, opaque.kind);
        match opaque.kind {
            OpaqueKind::Details if is_clients || is_known => {
                written.text(text);
                let details = serde_json::from_str(&opaque.payload);
                written
                    .details
                    .extend(details.unwrap_or_else(|_| Vec::<Value>::new()));
            }
            OpaqueKind::Plain if is_clients || is_known => {
                let carried = opaque.text.as_ref().unwrap_or(&opaque.payload);
                let text = if text.is_empty() { carried } else { text };
                if self.target.has(Quirk::ReplaysReasoning) && has_calls {
                    written.text(text);
                } else {
                    // The host forgets its own thoughts; nothing is lost that it would have had.
                    self.note(Field::Reasoning);
                }
            }
            _ => self.drop(Field::Reasoning),
        }
    }
}

/// What is said of thoughts in one message.
#[derive(Default)]
struct Thoughts {
    text: Option<String>,
    details: Vec<Value>,
}

impl Thoughts {
    fn text(&mut self, text: &str) {
        if !text.is_empty() {
            self.text.get_or_insert_default().push_str(text);
        }
    }
}
