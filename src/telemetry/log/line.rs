//! One event as one line.
//!
//! Nothing a client or an upstream wrote can start a new line, colour the terminal or leave its quotes:
//! control characters are escaped. Known secrets are replaced before that, so escaping cannot hide one.

use std::fmt::{self, Write as _};
use std::time::{SystemTime, UNIX_EPOCH};

use anstyle::{AnsiColor, Style};
use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use crate::provider::Redactor;

use super::super::foreign::is_treacherous;
use super::{Format, level_name};

/// Longest value in bytes: an upstream's error page must not fill the disk.
const LONGEST_VALUE: usize = 4096;

/// Length of `2026-11-21T`, which a person at a terminal can do without.
const DATE: usize = 11;

/// Length of `2026-11-21T14:01:09.120Z`.
const TIMESTAMP: usize = 24;

/// Length of `2026-11-21T14:01:09.120Z INFO `.
const HEAD: usize = TIMESTAMP + 6;

/// The buffers a thread formats its lines in.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    line: String,
    value: String,
    painted: String,
    clock: Clock,
}

impl Scratch {
    /// Formats `event`. Warnings and errors quote upstreams, so each of their values is searched for keys;
    /// other events are looked over once and searched only if something stands out.
    pub(super) fn format(
        &mut self,
        event: &Event<'_>,
        format: Format,
        now: SystemTime,
        redactor: &Redactor,
    ) {
        let quotes = *event.metadata().level() <= Level::WARN;
        self.write(event, format, now, quotes.then_some(redactor));
        if !quotes && redactor.suspects(&self.line) {
            self.write(event, format, now, Some(redactor));
        }
    }

    /// The line, with date and line end.
    pub(super) fn line(&self) -> &str {
        &self.line
    }

    /// What the tail keeps: the message and the fields of a human line, or the whole of one of JSON.
    pub(super) fn body(&self, format: Format) -> &str {
        let line = self.line.trim_end_matches('\n');
        match format {
            Format::Json => line,
            Format::Human => line.get(HEAD..).unwrap_or_default().trim_start(),
        }
    }

    /// The human line without its date.
    pub(super) fn time_of_day_line(&self) -> &str {
        &self.line[DATE..]
    }

    /// The human line without its date, in colour.
    pub(super) fn painted_line(&mut self, level: Level) -> &str {
        let (time, name, rest) = (
            &self.line[DATE..TIMESTAMP],
            &self.line[TIMESTAMP + 1..HEAD],
            &self.line[HEAD..],
        );
        let (dim, style) = (Style::new().dimmed(), level_style(level));
        self.painted.clear();
        let written = write!(
            self.painted,
            "{dim}{time}{dim:#} {style}{name}{style:#}{rest}"
        );
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
        &self.painted
    }

    fn write(
        &mut self,
        event: &Event<'_>,
        format: Format,
        now: SystemTime,
        redactor: Option<&Redactor>,
    ) {
        let meta = event.metadata();
        self.line.clear();
        begin(&mut self.line, &mut self.clock, format, *meta.level(), now);
        let mut fields = Fields {
            line: &mut self.line,
            value: &mut self.value,
            format,
            redactor,
        };
        event.record(&mut fields);
        if format == Format::Json || !meta.target().starts_with("autogw") {
            fields.text("target", meta.target());
        }
        end(&mut self.line, format);
    }
}

/// The message and the fields of a JSON line as they stand in a human one; the line itself if it was cut.
pub(super) fn body_of_json(line: &str) -> String {
    let Ok(mut fields) = serde_json::from_str::<serde_json::Map<_, _>>(line) else {
        return line.to_owned();
    };
    let mut text = String::new();
    let mut writer = Fields {
        line: &mut text,
        value: &mut String::new(),
        format: Format::Human,
        redactor: None,
    };
    let is_ours = |target: &serde_json::Value| {
        let target = target.as_str();
        target.is_none_or(|target| target.starts_with("autogw"))
    };
    let target = fields.shift_remove("target");
    let message = fields.shift_remove_entry("message");
    let fields = message.into_iter().chain(
        fields
            .into_iter()
            .filter(|(name, _)| !matches!(&**name, "time" | "level")),
    );
    let target = target.filter(|target| !is_ours(target));
    for (name, value) in fields.chain(target.map(|target| ("target".to_owned(), target))) {
        match value {
            serde_json::Value::String(value) => writer.clean_text(&name, &value),
            value => writer.number(&name, value),
        }
    }
    text.trim_start().to_owned()
}

/// The line that says how many lines were lost.
pub(super) fn lost_lines(count: u64, format: Format, now: SystemTime) -> String {
    let mut line = String::new();
    begin(&mut line, &mut Clock::default(), format, Level::WARN, now);
    let mut fields = Fields {
        line: &mut line,
        value: &mut String::new(),
        format,
        redactor: None,
    };
    fields.text("message", &format!("log lines dropped: {count}"));
    end(&mut line, format);
    line
}

fn begin(line: &mut String, clock: &mut Clock, format: Format, level: Level, now: SystemTime) {
    match format {
        Format::Human => {
            clock.push(line, now);
            line.push(' ');
            line.push_str(level_name(level));
        }
        Format::Json => {
            line.push_str(r#"{"time":""#);
            clock.push(line, now);
            line.push_str(r#"","level":""#);
            line.push_str(level_name(level).trim_end());
            line.push('"');
        }
    }
}

fn end(line: &mut String, format: Format) {
    line.push_str(match format {
        Format::Human => "\n",
        Format::Json => "}\n",
    });
}

fn level_style(level: Level) -> Style {
    let color = match level {
        Level::ERROR => AnsiColor::Red,
        Level::WARN => AnsiColor::Yellow,
        Level::INFO => AnsiColor::Green,
        Level::DEBUG => AnsiColor::Blue,
        Level::TRACE => AnsiColor::Magenta,
    };
    color.on_default()
}

/// Writes times of day; the calendar is asked once a second.
#[derive(Debug, Default)]
struct Clock {
    second: u64,
    /// `2026-11-21T14:01:09`; empty before the first use.
    text: String,
}

impl Clock {
    fn push(&mut self, line: &mut String, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.second != since.as_secs() || self.text.is_empty() {
            self.second = since.as_secs();
            self.text = humantime::format_rfc3339_seconds(now.max(UNIX_EPOCH)).to_string();
            self.text.truncate("2026-11-21T14:01:09".len());
        }
        line.push_str(&self.text);
        line.push('.');
        let millis = since.subsec_millis();
        for digit in [millis / 100, millis / 10 % 10, millis % 10] {
            line.push(char::from_digit(digit, 10).unwrap_or('0'));
        }
        line.push('Z');
    }
}

/// Appends an event's fields to a line.
struct Fields<'a> {
    line: &'a mut String,
    value: &'a mut String,
    format: Format,
    redactor: Option<&'a Redactor>,
}

impl Fields<'_> {
    fn text(&mut self, name: &str, value: &str) {
        match self.redactor {
            Some(redactor) => self.clean_text(name, &redactor.redact(value)),
            None => self.clean_text(name, value),
        }
    }

    fn clean_text(&mut self, name: &str, value: &str) {
        let value = &value[..value.floor_char_boundary(LONGEST_VALUE)];
        self.name(name);
        match self.format {
            Format::Json => push_quoted(self.line, value, Format::Json),
            Format::Human if name == "message" => push_escaped(self.line, value, Escape::Prose),
            Format::Human if is_bare(value) => self.line.push_str(value),
            Format::Human => push_quoted(self.line, value, Format::Human),
        }
    }

    fn number(&mut self, name: &str, value: impl fmt::Display) {
        self.name(name);
        let written = write!(self.line, "{value}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }

    fn name(&mut self, name: &str) {
        match self.format {
            Format::Json => {
                self.line.push(',');
                push_quoted(self.line, name, Format::Json);
                self.line.push(':');
            }
            Format::Human => {
                self.line.push(' ');
                if name != "message" {
                    self.line.push_str(name);
                    self.line.push('=');
                }
            }
        }
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.number(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.number(field.name(), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.number(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.number(field.name(), value);
        } else {
            self.text(field.name(), "not a number");
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = std::mem::take(self.value);
        text.clear();
        if write!(text, "{value:?}").is_err() {
            text.push_str("(cannot be shown)");
        }
        self.text(field.name(), &text);
        *self.value = text;
    }
}

/// Whether a value needs no quotes in a human line.
fn is_bare(value: &str) -> bool {
    !value.is_empty()
        && value
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\' | b'='))
}

fn push_quoted(line: &mut String, value: &str, format: Format) {
    line.push('"');
    push_escaped(line, value, Escape::Quoted(format));
    line.push('"');
}

/// Where a text goes, which decides what must not stand in it as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// The message of a human line, without quotes around it.
    Prose,
    /// Between quotes.
    Quoted(Format),
}

fn push_escaped(line: &mut String, value: &str, escape: Escape) {
    let is_plain = |b: u8| matches!(b, 0x20..=0x7e) && b != b'"' && b != b'\\';
    if value.bytes().all(is_plain) {
        line.push_str(value);
        return;
    }
    for c in value.chars() {
        match c {
            '"' | '\\' if escape != Escape::Prose => line.extend(['\\', c]),
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if is_treacherous(c) => push_code(line, c, escape),
            c => line.push(c),
        }
    }
}

fn push_code(line: &mut String, c: char, escape: Escape) {
    let code = u32::from(c);
    let written = match escape {
        Escape::Quoted(Format::Json) => write!(line, "\\u{code:04x}"),
        Escape::Prose | Escape::Quoted(Format::Human) => write!(line, "\\u{{{code:x}}}"),
    };
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn writes_the_time_in_utc_with_milliseconds() {
        let mut clock = Clock::default();
        let mut line = String::new();
        for millis in [1_795_269_669_120, 1_795_269_669_121, 1_795_269_670_005] {
            clock.push(&mut line, UNIX_EPOCH + Duration::from_millis(millis));
            line.push(' ');
        }
        assert_eq!(
            line,
            "2026-11-21T14:01:09.120Z 2026-11-21T14:01:09.121Z 2026-11-21T14:01:10.005Z "
        );
    }

    #[test]
    fn tells_lost_lines_in_both_formats() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_269_669_120);
        assert_eq!(
            lost_lines(7, Format::Human, now),
            "2026-11-21T14:01:09.120Z WARN  log lines dropped: 7\n"
        );
        assert_eq!(
            lost_lines(7, Format::Json, now),
            "{\"time\":\"2026-11-21T14:01:09.120Z\",\"level\":\"WARN\",\"message\":\"log lines dropped: 7\"}\n"
        );
    }
}
