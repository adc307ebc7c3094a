//! Prometheus' text format 0.0.4.

use std::fmt::{Display, Write as _};

use super::histogram::{BOUNDS, BUCKETS, Times};

/// The type of a page.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A page that is being written.
#[derive(Debug, Default)]
pub struct Page(String);

/// What a family is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Durations in buckets.
    Histogram,
}

/// Labels with their values.
pub type Labels<'a> = &'a [(&'a str, &'a str)];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

impl Page {
    /// A family begins: its samples follow.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {}", kind.name()));
    }

    /// A sample.
    pub fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        self.0.push_str(name);
        self.labels(labels, None);
        self.line(format_args!(" {value}"));
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The samples of a histogram, in seconds, with bounds from `least` to `most` microseconds.
    pub fn times(&mut self, name: &str, labels: Labels<'_>, times: &Times, range: (u64, u64)) {
        let mut seen = 0;
        for (place, bound) in BOUNDS.iter().enumerate() {
            seen += times.buckets[place];
            if is_shown(place) && (range.0..=range.1).contains(bound) {
                let bound = seconds(*bound).to_string();
                self.bucket(name, labels, &bound, seen);
            }
        }
        let count = seen + times.buckets[BUCKETS - 1];
        self.bucket(name, labels, "+Inf", count);
        self.0.push_str(name);
        self.0.push_str("_sum");
        self.labels(labels, None);
        self.line(format_args!(" {}", seconds(times.sum_us)));
        self.0.push_str(name);
        self.0.push_str("_count");
        self.labels(labels, None);
        self.line(format_args!(" {count}"));
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.0
    }

    fn bucket(&mut self, name: &str, labels: Labels<'_>, bound: &str, count: u64) {
        self.0.push_str(name);
        self.0.push_str("_bucket");
        self.labels(labels, Some(("le", bound)));
        self.line(format_args!(" {count}"));
    }

    fn labels(&mut self, labels: Labels<'_>, last: Option<(&str, &str)>) {
        let mut before = '{';
        for (name, value) in labels.iter().copied().chain(last) {
            self.0.push(before);
            self.0.push_str(name);
            self.0.push_str("=\"");
            value.chars().for_each(|c| push_escaped(&mut self.0, c));
            self.0.push('"');
            before = ',';
        }
        if before == ',' {
            self.0.push('}');
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // A string takes everything.
        _ = self.0.write_fmt(text);
        self.0.push('\n');
    }
}

/// 1, 2.5 and 5 of each decade.
fn is_shown(place: usize) -> bool {
    matches!(place % 10, 0 | 4 | 7)
}

fn seconds(microseconds: u64) -> f64 {
    super::histogram::approximate(microseconds) / 1e6
}

/// The format knows three escapes; other control characters are told by their number.
fn push_escaped(text: &mut String, c: char) {
    match c {
        '\\' => text.push_str("\\\\"),
        '"' => text.push_str("\\\""),
        '\n' => text.push_str("\\n"),
        c if c.is_control() => {
            // A string takes everything.
            _ = write!(text, "\\\\u{{{:x}}}", u32::from(c));
        }
        c => text.push(c),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::metrics::Histogram;

    #[test]
    fn values_of_labels_are_escaped() {
        let mut page = Page::default();
        page.sample("x", &[("a", "q\"b\\c\nd\re\u{1b}é"), ("b", "")], 1);
        let expected = "x{a=\"q\\\"b\\\\c\\nd\\\\u{d}e\\\\u{1b}é\",b=\"\"} 1\n";
        assert_eq!(page.into_text(), expected);
    }

    #[test]
    fn a_histogram_ends_with_all_of_them() {
        let histogram = Histogram::default();
        for time in [10, 25, 26, 2_000_000_000] {
            histogram.record(Duration::from_micros(time));
        }
        let mut page = Page::default();
        page.times("t_seconds", &[("a", "b")], &histogram.times(), (10, 50));
        let expected = "t_seconds_bucket{a=\"b\",le=\"0.00001\"} 1\n\
            t_seconds_bucket{a=\"b\",le=\"0.000025\"} 2\n\
            t_seconds_bucket{a=\"b\",le=\"0.00005\"} 3\n\
            t_seconds_bucket{a=\"b\",le=\"+Inf\"} 4\n\
            t_seconds_sum{a=\"b\"} 2000.000061\n\
            t_seconds_count{a=\"b\"} 4\n";
        assert_eq!(page.into_text(), expected);
    }
}
