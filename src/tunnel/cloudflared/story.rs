//! What one run of the program has said so far: the facts, the reason for a failure, the last lines.
//!
//! It is fed lines as fast as the program writes them, which may be tens of thousands a second, and grows
//! no larger: repeated lines are kept once, and only so many; of the others a few make it into our log.

use std::collections::VecDeque;
use std::net::SocketAddr;

use tokio::sync::watch;

use super::output::{Fact, Level, Said};
use super::trouble;

/// Distinct lines kept for the log of a failure.
const RECENT: usize = 50;

/// Bytes kept of each.
const LONGEST_KEPT: usize = 1024;

/// How the last words of a Go program begin that did not mean to end; what follows is its stack.
const CRASHES: [&str; 2] = ["panic:", "fatal error:"];

/// What is known from the program's lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Base URL of the quick tunnel, by the first box.
    pub(super) url: Option<String>,
    /// Where it answers questions.
    pub(super) metrics: Option<SocketAddr>,
    /// How often something was heard about its connections.
    pub(super) news: u64,
    /// How often the edge refused to take the tunnel.
    pub(super) refused: u64,
}

/// The story of one run.
#[derive(Debug, Default)]
pub(super) struct Story {
    facts: watch::Sender<Facts>,
    was_connected: bool,
    failure: Option<(usize, String)>,
    last_words: Option<String>,
    has_crashed: bool,
    last_error: Option<String>,
    recent: VecDeque<String>,
}

impl Story {
    /// The facts as they come.
    pub(super) fn subscribe(&self) -> watch::Receiver<Facts> {
        self.facts.subscribe()
    }

    /// The facts there are.
    pub(super) fn facts(&self) -> Facts {
        self.facts.borrow().clone()
    }

    /// The known failure that was told, by its place in the table, and the words.
    pub(super) fn failure(&self) -> Option<(usize, &str)> {
        self.failure
            .as_ref()
            .map(|(known, words)| (*known, &**words))
    }

    /// What it said about its end: the last bare line, or the beginning of a crash, or the last error.
    pub(super) fn last_words(&self) -> Option<&str> {
        self.last_words.as_deref().or(self.last_error.as_deref())
    }

    /// The last distinct lines, the oldest first.
    pub(super) fn recent(&self) -> impl Iterator<Item = &str> {
        self.recent.iter().map(String::as_str)
    }

    /// Takes in one line; returns it if it is a warning, or worse, that was not among the recent ones.
    pub(super) fn hear(&mut self, line: &[u8]) -> Option<&str> {
        let said = Said::of(line);
        if let Some(fact) = said.fact() {
            self.learn(fact);
        }
        self.look_for_failure(&said);
        let is_new = self.keep(&said.text);
        let is_warning = said.level.is_none_or(|level| level != Level::Info);
        let newest = self.recent.back().map(String::as_str);
        newest.filter(|_| is_new && is_warning)
    }

    /// The first box and the first address count: later ones may be quoted from requests.
    fn learn(&mut self, fact: Fact) {
        self.was_connected |= fact == Fact::Connected;
        self.facts.send_if_modified(|facts| {
            let before = facts.clone();
            match fact {
                Fact::Url(url) => _ = facts.url.get_or_insert(url),
                Fact::Metrics(address) => _ = facts.metrics.get_or_insert(address),
                Fact::Connected | Fact::Shaken => facts.news += 1,
                Fact::Refused => {
                    facts.news += 1;
                    facts.refused += 1;
                }
            }
            *facts != before
        });
    }

    fn look_for_failure(&mut self, said: &Said<'_>) {
        let is_bare = said.level.is_none();
        let is_error = said.level == Some(Level::Error);
        // Once it was connected, errors quote requests; bare lines never do.
        if is_bare || is_error && !self.was_connected {
            let worst = self
                .failure
                .as_ref()
                .map_or(usize::MAX, |(known, _)| *known);
            let known = trouble::recognise(&said.text, is_bare);
            if let Some(known) = known.filter(|known| *known < worst) {
                self.failure = Some((known, kept(&said.text)));
            }
        }
        if is_bare && !self.has_crashed {
            self.has_crashed = CRASHES.iter().any(|start| said.text.starts_with(start));
            self.last_words = Some(kept(&said.text));
        } else if is_error {
            self.last_error = Some(kept(&said.text));
        }
    }

    /// Whether the line was not among the recent ones; now it is.
    fn keep(&mut self, text: &str) -> bool {
        let text = cut(text);
        if self.recent.iter().any(|known| known == text) {
            return false;
        }
        if self.recent.len() == RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(text.to_owned());
        true
    }
}

fn kept(text: &str) -> String {
    cut(text).to_owned()
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST_KEPT)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(lines: &[&str]) -> Story {
        let mut story = Story::default();
        for line in lines {
            story.hear(line.as_bytes());
        }
        story
    }

    #[test]
    fn the_first_url_stays() {
        let story = hear(&[
            "2026-11-21T06:51:56Z INF |  https://a-b.trycloudflare.com  |",
            "2026-11-21T06:51:56Z INF |  https://c-d.trycloudflare.com  |",
        ]);
        let url = story.facts().url;
        assert_eq!(url.as_deref(), Some("https://a-b.trycloudflare.com"));
    }

    #[test]
    fn repeated_lines_are_kept_once_and_only_so_many() {
        let mut story = Story::default();
        for number in 0..10_000 {
            let line = format!("2026-11-21T06:51:56Z ERR attempt {}", number / 100);
            let is_told = story.hear(line.as_bytes()).is_some();
            assert_eq!(is_told, number % 100 == 0);
        }
        assert_eq!(story.recent().count(), RECENT);
        assert_eq!(story.recent().last(), Some("attempt 99"));
    }

    #[test]
    fn talk_is_not_told() {
        let mut story = Story::default();
        assert_eq!(story.hear(b"2026-11-21T06:51:56Z INF fine"), None);
        assert_eq!(story.hear(b"bare"), Some("bare"));
    }
}
