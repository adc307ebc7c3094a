//! Toasts: what is said in passing, and fades by itself.

use std::collections::VecDeque;

use super::theme::Tone;

/// Toasts that are seen at once; older ones make room.
const MOST: usize = 4;

/// How long one is seen, by the length of what it says: nobody reads an error in four seconds.
const SHORTEST_MS: u64 = 4_000;
const MS_PER_LETTER: u64 = 40;
const LONGEST_MS: u64 = 12_000;

/// Letters that are kept of one.
const LONGEST: usize = 400;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// What is said.
    pub text: String,
    /// How that is.
    pub tone: Tone,
    until_ms: u64,
}

/// See the module's head.
#[derive(Debug, Default)]
pub struct Toasts {
    shown: VecDeque<Toast>,
}

impl Toasts {
    /// Says something. What is being said already is not said twice.
    pub fn say(&mut self, text: &str, tone: Tone, now_ms: u64) {
        let text: String = text.chars().take(LONGEST).collect();
        let reading = (text.len() as u64).saturating_mul(MS_PER_LETTER);
        let until_ms = now_ms.saturating_add(reading.clamp(SHORTEST_MS, LONGEST_MS));
        self.shown.retain(|toast| toast.text != text);
        if self.shown.len() >= MOST {
            self.shown.pop_front();
        }
        self.shown.push_back(Toast {
            text,
            tone,
            until_ms,
        });
    }

    /// Forgets what has been seen long enough; whether there was such.
    pub fn fade(&mut self, now_ms: u64) -> bool {
        let before = self.shown.len();
        self.shown.retain(|toast| toast.until_ms > now_ms);
        self.shown.len() != before
    }

    /// Forgets all; whether there were any.
    pub fn clear(&mut self) -> bool {
        let were_any = !self.shown.is_empty();
        self.shown.clear();
        were_any
    }

    /// Those that are seen, the oldest first.
    pub fn shown(&self) -> impl DoubleEndedIterator<Item = &Toast> {
        self.shown.iter()
    }

    /// Whether none is seen.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn toasts_are_few_and_fade() {
        let mut toasts = Toasts::default();
        for n in 0..10 {
            toasts.say(&n.to_string(), Tone::Good, n);
        }
        let texts: Vec<&str> = toasts.shown().map(|toast| &*toast.text).collect();
        assert_eq!(texts, ["6", "7", "8", "9"]);
        assert!(toasts.fade(4_007));
        assert_eq!(toasts.shown().count(), 2);
        assert!(!toasts.fade(4_007));
        assert!(toasts.fade(u64::MAX) && toasts.is_empty());
    }

    #[test]
    fn what_is_said_twice_is_seen_once() {
        let mut toasts = Toasts::default();
        toasts.say("done", Tone::Good, 0);
        toasts.say("done", Tone::Good, 3_000);
        assert_eq!(toasts.shown().count(), 1);
        assert!(!toasts.fade(4_500));
    }
}
