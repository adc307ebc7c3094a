//! The tail: the last lines of the log, for whoever looks at them while the gateway runs.
//!
//! It is written for every line and read a few times a second at most, so a line is copied into memory that an
//! older one has left, and what is dear about reading it (JSON lines are told as people read them) is done by the
//! reader, outside of the lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use tracing::{Level, Metadata};

use super::line::body_of_json;
use super::sink::Sink;
use super::{Format, level_name};
use crate::telemetry::clock::unix_ms;
use crate::telemetry::snapshot::{LogLine, MOST_LINES};

/// Most bytes of lines. Usual lines are so short that their number is the limit.
const MOST_BYTES: usize = 512 * 1024;

/// Longest line: an upstream's error page must not push out everything else.
const LONGEST: usize = 8 * 1024;

/// See the module's head.
#[derive(Debug)]
pub struct Tail {
    format: Format,
    lines: Mutex<Lines>,
    /// Where the same lines are written to.
    sinks: Vec<Arc<Sink>>,
}

#[derive(Debug, Default)]
struct Lines {
    kept: VecDeque<Line>,
    /// What `kept` holds, in bytes.
    bytes: usize,
    /// The number of the last line; the first one is 1.
    last: u64,
}

#[derive(Debug, Clone)]
struct Line {
    at_ms: u64,
    level: Level,
    target: &'static str,
    text: String,
}

impl Tail {
    /// An empty one, of lines that are written so, and there.
    pub(super) fn new(format: Format, sinks: Vec<Arc<Sink>>) -> Self {
        Self {
            format,
            lines: Mutex::default(),
            sinks,
        }
    }

    /// Takes in a line, without keys and without anything that a terminal obeys.
    pub(super) fn push(&self, metadata: &Metadata<'static>, now: SystemTime, text: &str) {
        let text = &text[..text.floor_char_boundary(LONGEST)];
        let mut lines = self.lines.lock();
        let mut room = lines.make_room(text.len());
        room.push_str(text);
        lines.push(Line {
            at_ms: unix_ms(now),
            level: *metadata.level(),
            target: metadata.target(),
            text: room,
        });
    }

    /// The lines after number `number` that are still there, and how many of them are not.
    pub fn since(&self, number: u64) -> (Vec<LogLine>, u64) {
        let (lines, first) = self.lines.lock().after(number);
        let lost = first.saturating_sub(number.saturating_add(1));
        (self.told(lines, first), lost)
    }

    /// The number of the last line; 0 if there was none.
    pub fn last(&self) -> u64 {
        self.lines.lock().last
    }

    /// How many lines were not written, of stderr and the file together.
    pub fn unwritten(&self) -> u64 {
        self.sinks.iter().map(|sink| sink.lost()).sum()
    }

    fn told(&self, lines: Vec<Line>, first: u64) -> Vec<LogLine> {
        let numbered = (first..).zip(lines);
        numbered
            .map(|(number, line)| LogLine {
                number,
                at_ms: line.at_ms,
                level: level_name(line.level).trim_end().to_ascii_lowercase(),
                target: line.target.to_owned(),
                text: match self.format {
                    Format::Human => line.text,
                    Format::Json => body_of_json(&line.text),
                },
            })
            .collect()
    }
}

impl Lines {
    /// Lets the oldest lines go until there is room for so many bytes; returns memory that one has left.
    fn make_room(&mut self, bytes: usize) -> String {
        // What an older line has left may be twice as much as is needed.
        let most = bytes.saturating_mul(2);
        let mut room = String::new();
        while self.kept.len() >= MOST_LINES || self.bytes + most > MOST_BYTES {
            let Some(oldest) = self.kept.pop_front() else {
                break;
            };
            self.bytes -= oldest.text.capacity();
            room = oldest.text;
        }
        room.clear();
        // Memory of a long line would be wasted on a short one.
        room.shrink_to(most);
        room
    }

    fn push(&mut self, line: Line) {
        self.last += 1;
        self.bytes += line.text.capacity();
        self.kept.push_back(line);
    }

    /// The lines after `number`, and the number of the first of them.
    fn after(&self, number: u64) -> (Vec<Line>, u64) {
        let first = self.last + 1 - self.kept.len() as u64;
        let skipped = (number.saturating_add(1)).saturating_sub(first);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        let lines: Vec<Line> = self.kept.iter().skip(skipped).cloned().collect();
        let first = self.last + 1 - lines.len() as u64;
        (lines, first)
    }
}

#[cfg(test)]
mod tests {
    use tracing::{info, warn};
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::registry::Registry;

    use super::super::{Lines as Layer, Settings, Stderr};
    use super::*;

    /// The tail of what `log` logs.
    fn tail(format: Format, log: impl FnOnce()) -> Arc<Tail> {
        let settings = Settings {
            levels: "info".parse().expect("a level"),
            format,
            stderr: Stderr::Dashboard,
            told_otherwise: &[],
            directory: None,
            name: None,
        };
        let (lines, guard) = Layer::new(&settings, std::io::sink(), None).expect("no thread");
        tracing::subscriber::with_default(Registry::default().with(lines), log);
        guard.tail()
    }

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| &*line.text).collect()
    }

    #[test]
    fn lines_read_the_same_however_the_log_is_written() {
        let log = || {
            warn!(
                model = "a b",
                ms = 12_u64,
                key = "sk-abcdefgh12345",
                "said\n\u{1b}[31m"
            );
            info!(target: "hyper::proto", ratio = 0.5, "theirs");
        };
        let human = tail(Format::Human, log).since(0).0;
        let json = tail(Format::Json, log).since(0).0;
        assert_eq!(texts(&human), texts(&json));
        assert_eq!(
            texts(&human),
            [
                "said\\n\\u{1b}[31m model=\"a b\" ms=12 key=[redacted]",
                "theirs ratio=0.5 target=hyper::proto"
            ]
        );
        assert_eq!((&*human[0].level, human[0].number), ("warn", 1));
        assert_eq!(human[1].target, "hyper::proto");
        assert!(human[0].at_ms > 1_500_000_000_000);
    }

    #[test]
    fn what_was_missed_is_counted() {
        let tail = tail(Format::Human, || {
            for n in 1..=(MOST_LINES as u64 + 10) {
                info!(n, "line");
            }
        });
        let (lines, lost) = tail.since(0);
        assert_eq!((lines.len(), lost), (MOST_LINES, 10));
        assert_eq!((lines[0].number, &*lines[0].text), (11, "line n=11"));
        let (lines, lost) = tail.since(MOST_LINES as u64 + 8);
        assert_eq!(texts(&lines), ["line n=2009", "line n=2010"]);
        assert_eq!(lost, 0);
        assert_eq!(tail.since(tail.last()), (Vec::new(), 0));
        assert_eq!(tail.since(u64::MAX), (Vec::new(), 0));
    }

    #[test]
    fn long_lines_do_not_take_more_room() {
        let tail = tail(Format::Human, || {
            let page = "<p>".repeat(10_000);
            for _ in 0..500 {
                warn!(a = %page, b = %page, c = %page, "page");
                info!("short");
            }
        });
        let bytes = tail.lines.lock().bytes;
        assert!((MOST_BYTES / 2..=MOST_BYTES).contains(&bytes), "{bytes}");
        let kept: usize = tail
            .lines
            .lock()
            .kept
            .iter()
            .map(|l| l.text.capacity())
            .sum();
        assert_eq!(kept, bytes);
        assert_eq!(texts(&tail.since(tail.last() - 1).0), ["short"]);
    }

    #[test]
    fn an_empty_tail_has_nothing_to_tell() {
        let tail = tail(Format::Human, || {});
        assert_eq!(tail.since(0), (Vec::new(), 0));
    }
}
