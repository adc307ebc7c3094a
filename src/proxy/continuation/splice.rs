//! Splice: the answer of whoever goes on, on its way into an answer that has begun.
//!
//! Its words are told behind the old ones, and how it ended ends the whole. Anything else would stand
//! beside words of another model that know nothing of it: then there is no continuation.

use std::sync::Arc;

use super::seam::Seam;
use crate::chat::{Delta, ErrorBody, StreamEvent, Usage};

/// See the module's head.
#[derive(Debug)]
pub struct Splice {
    seam: Seam,
    /// Tokens of what was told before: of the input, if they are known, and of the output.
    input: Option<u64>,
    output: u64,
    has_told: bool,
    trouble: Option<ErrorBody>,
}

impl Splice {
    /// A splice behind `told`, which took about `output` tokens, the `input` not counted.
    pub fn new(told: Arc<str>, input: Option<u64>, output: u64) -> Self {
        Self {
            seam: Seam::new(told),
            input,
            output,
            has_told: false,
            trouble: None,
        }
    }

    /// Why it cannot be gone on with.
    pub fn trouble(&self) -> Option<&ErrorBody> {
        self.trouble.as_ref()
    }

    /// Takes an event of the new answer and tells those that become part of the old one.
    pub fn pass(&mut self, event: StreamEvent, mut out: impl FnMut(StreamEvent)) {
        if self.trouble.is_some() {
            return;
        }
        match event {
            StreamEvent::Start { .. } | StreamEvent::Ping => {}
            StreamEvent::Usage(usage) => out(StreamEvent::Usage(self.both(usage))),
            StreamEvent::Delta { choice: 0, delta } => self.take(delta, out),
            StreamEvent::Finish { choice: 0, finish } => {
                let mut text = String::new();
                let is_alike = self.seam.finish(&mut text).is_err();
                self.tell(text, &mut out);
                if is_alike {
                    self.give_up("it began anew");
                } else if self.has_told || self.seam.is_cut() {
                    out(StreamEvent::Finish { choice: 0, finish });
                } else {
                    self.give_up("it had nothing to add");
                }
            }
            StreamEvent::Delta { .. } | StreamEvent::Finish { .. } => {
                self.give_up("it gave several answers");
            }
        }
    }

    fn take(&mut self, delta: Delta, mut out: impl FnMut(StreamEvent)) {
        match delta {
            Delta::Text(text) => {
                let mut new = String::new();
                match self.seam.push(&text, &mut new) {
                    Ok(()) => self.tell(new, &mut out),
                    Err(_) => self.give_up("it began anew"),
                }
            }
            // The text stays open; a state of its end would not be that of its beginning.
            Delta::PartEnd { .. } => {}
            Delta::Refusal(text) | Delta::Reasoning(text) if text.is_empty() => {}
            Delta::Refusal(_) => self.give_up("it refused"),
            Delta::Reasoning(_) => self.give_up("it began to think"),
            Delta::ToolCall { .. } | Delta::ToolArguments { .. } | Delta::ToolEnd { .. } => {
                self.give_up("it called a tool");
            }
            Delta::Citation(_) | Delta::Logprobs(_) | Delta::Whole(_) => {
                self.give_up("it said more than words");
            }
        }
    }

    fn tell(&mut self, text: String, out: &mut impl FnMut(StreamEvent)) {
        if !text.is_empty() {
            self.has_told = true;
            out(StreamEvent::Delta {
                choice: 0,
                delta: Delta::Text(text),
            });
        }
    }

    /// The counts of both answers: the prefix was output of the first and input of the second.
    fn both(&self, usage: Usage) -> Usage {
        let input = usage.input.saturating_sub(self.output);
        let input = self.input.unwrap_or(input);
        Usage {
            input,
            output: usage.output.saturating_add(self.output),
            cached: usage.cached.min(input),
            cache_write: usage.cache_write.min(input.saturating_sub(usage.cached)),
            reasoning: usage.reasoning,
        }
    }

    fn give_up(&mut self, why: &str) {
        self.trouble = Some(ErrorBody {
            message: format!("the answer could not be gone on with: {why}"),
            kind: Some("server_error".to_owned()),
            code: Some("not_continued".to_owned()),
            param: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Finish;
    use crate::chat::part::ToolKind;

    fn text(text: &str) -> StreamEvent {
        StreamEvent::Delta {
            choice: 0,
            delta: Delta::Text(text.to_owned()),
        }
    }

    fn finish() -> StreamEvent {
        let finish = Finish::default();
        StreamEvent::Finish { choice: 0, finish }
    }

    fn pass(events: impl IntoIterator<Item = StreamEvent>) -> (Vec<StreamEvent>, Option<String>) {
        let mut splice = Splice::new("A quick brown ".into(), None, 10);
        let mut out = Vec::new();
        for event in events {
            splice.pass(event, |event| out.push(event));
        }
        (out, splice.trouble.map(|trouble| trouble.message))
    }

    #[test]
    fn words_an_end_and_counts_are_told() {
        let start = StreamEvent::Start {
            id: Some("other".to_owned()),
            model: None,
            created: None,
        };
        let usage = |input, output, cached| {
            StreamEvent::Usage(Usage {
                input,
                output,
                cached,
                ..Usage::default()
            })
        };
        let end = StreamEvent::Delta {
            choice: 0,
            delta: Delta::PartEnd { signature: None },
        };
        let (out, trouble) = pass([
            start,
            StreamEvent::Ping,
            text("brown fox"),
            end,
            text(" jumps"),
            finish(),
            usage(30, 4, 25),
        ]);
        assert_eq!(
            out,
            [text("fox"), text(" jumps"), finish(), usage(20, 14, 20)]
        );
        assert_eq!(trouble, None);
    }

    #[test]
    fn anything_else_ends_it() {
        let call = StreamEvent::Delta {
            choice: 0,
            delta: Delta::ToolCall {
                call: 0,
                id: "c".to_owned(),
                name: "f".to_owned(),
                namespace: None,
                kind: ToolKind::Function,
            },
        };
        let thought = StreamEvent::Delta {
            choice: 0,
            delta: Delta::Reasoning("hm".to_owned()),
        };
        let other = StreamEvent::Delta {
            choice: 1,
            delta: Delta::Text("x".to_owned()),
        };
        for odd in [call, thought, other, finish()] {
            let (out, trouble) = pass([odd.clone(), text("fox"), finish()]);
            assert!(out.is_empty() && trouble.is_some(), "{odd:?}");
        }
    }
}
