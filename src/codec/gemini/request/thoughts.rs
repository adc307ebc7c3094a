//! Thoughts in a client's history, and the tokens of other models that travel with them.
//!
//! Clients keep a streamed answer in pieces, and some leave out its thoughts altogether. A token that was
//! sealed with its thought makes both whole again, wherever it comes back: on a thought, or on the call
//! that followed it.

use super::message::Reader;
use crate::chat::part::{Content, Reasoning};
use crate::chat::{Opaque, Part, Role};

impl Reader<'_> {
    /// A thought with the token that signs it. A token alone signs what was thought right before.
    pub(super) fn thought(&mut self, text: String, token: Option<Opaque>) {
        let Some(token) = token else {
            if !text.is_empty() {
                self.push(reasoning(text, None));
            }
            return;
        };
        self.tokens.insert(token.payload.clone());
        if !text.is_empty() {
            return self.push(reasoning(text, Some(token)));
        }
        let pieces = self.take_unsigned(token.text.is_some());
        let text = token.text.clone().or(pieces).unwrap_or_default();
        self.push(reasoning(text, Some(token)));
    }

    /// A thought of which only the token is here, on the part that followed it.
    pub(super) fn carried(&mut self, token: Option<Opaque>, is_call: bool) {
        let Some(token) = token.filter(|token| !self.tokens.contains(&token.payload)) else {
            return;
        };
        self.tokens.insert(token.payload.clone());
        let pieces = self.take_unsigned(token.text.is_some());
        let is_here = pieces.is_some();
        let text = token.text.clone().or(pieces).unwrap_or_default();
        let part = reasoning(text, Some(token));
        let Some(message) = self.messages.last_mut() else {
            return;
        };
        // Models think before they speak: it belongs before the text that led to the call.
        let is_text = |part: &Part| matches!(part.content, Content::Text(_));
        let end = message.parts.len();
        let spoken = message.parts.iter().rev().take_while(|part| is_text(part));
        let at = if is_here || !is_call {
            end
        } else {
            end - spoken.count()
        };
        message.parts.insert(at, part);
    }

    /// Takes the thought that ends here and has no token yet: `all` of its pieces, or the last one.
    fn take_unsigned(&mut self, all: bool) -> Option<String> {
        let mut last = None;
        // The message under way stays, whatever becomes of its parts.
        let mut at = self.messages.len().checked_sub(1)?;
        loop {
            let message = self.messages.get_mut(at)?;
            while let Some(Part {
                content: Content::Reasoning(Reasoning { text, opaque: None }),
                ..
            }) = message.parts.last_mut()
            {
                last = Some(std::mem::take(text));
                message.parts.pop();
                if !all {
                    return last;
                }
            }
            let goes_on = message.parts.is_empty() && message.role == Role::Assistant;
            let before = at.checked_sub(1).filter(|_| goes_on);
            let role = |at: usize| self.messages.get(at).map(|message| message.role);
            match before.filter(|at| role(*at) == Some(Role::Assistant)) {
                Some(before) => at = before,
                None => return last,
            }
        }
    }
}

fn reasoning(text: String, opaque: Option<Opaque>) -> Part {
    Part::new(Content::Reasoning(Reasoning { text, opaque }))
}
