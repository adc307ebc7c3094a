//! What was found, for a person and as JSON.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use anstyle::Style;
use serde::Serialize;

use super::finding::{Finding, Verdict};
use crate::cli::page::{BAD, BOLD, DIM, GOOD, Painted, WORST};
use crate::cli::table::{plain, width};
use crate::provider::Redactor;

/// Columns left of what is said.
const INDENT: usize = 4;

/// Everything that was found. Stable: fields are added, never changed.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    version: &'static str,
    ok: bool,
    errors: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

impl Report {
    /// A report of `findings`, from which every secret is taken.
    pub(super) fn new(findings: Vec<Finding>, redactor: &Redactor) -> Self {
        let findings: Vec<Finding> = findings
            .into_iter()
            .map(|finding| clean(finding, redactor))
            .collect();
        let count = |verdict| findings.iter().filter(|one| one.verdict == verdict).count();
        let errors = count(Verdict::Error);
        Self {
            version: env!("CARGO_PKG_VERSION"),
            ok: errors == 0,
            errors,
            warnings: count(Verdict::Warning),
            findings,
        }
    }

    /// Whether nothing is wrong.
    pub(super) fn is_well(&self) -> bool {
        self.ok
    }

    /// The report for a person: by groups, and how it stands in the last line.
    pub(super) fn page(&self) -> String {
        let look = Look {
            has_glyphs: io::stdout().is_terminal(),
            width: width(),
        };
        self.drawn(look)
    }

    fn drawn(&self, look: Look) -> String {
        let mut text = String::new();
        let mut group = "";
        for finding in &self.findings {
            if finding.check != group {
                group = finding.check;
                _ = writeln!(text, "{}", Painted(group, BOLD));
            }
            look.finding(&mut text, finding);
        }
        _ = writeln!(text, "\n{}", self.summary());
        text
    }

    fn summary(&self) -> String {
        let counted = |count: usize, what: &str| match count {
            1 => format!("1 {what}"),
            count => format!("{count} {what}s"),
        };
        let errors = counted(self.errors, "error") + " in " + &self.places();
        let warnings = counted(self.warnings, "warning");
        match (self.errors, self.warnings) {
            (0, 0) => Painted("Nothing is wrong", GOOD).to_string(),
            (0, _) => Painted(format!("Nothing is wrong; {warnings}"), BAD).to_string(),
            (_, 0) => Painted(errors, WORST).to_string(),
            _ => Painted(format!("{errors}, {warnings}"), WORST).to_string(),
        }
    }

    /// The groups that have errors, as the screen may have moved on.
    fn places(&self) -> String {
        let errors = self.findings.iter();
        let errors = errors.filter(|one| one.verdict == Verdict::Error);
        let mut groups: Vec<&str> = errors.map(|one| one.check).collect();
        groups.dedup();
        groups.join(", ")
    }
}

fn clean(mut finding: Finding, redactor: &Redactor) -> Finding {
    let clean = |text: &str| redactor.redact(text).into_owned();
    finding.subject = clean(&finding.subject);
    finding.message = clean(&finding.message);
    finding.fix = finding.fix.as_deref().map(clean);
    finding
        .details
        .iter_mut()
        .for_each(|line| *line = clean(line));
    finding
}

/// How it is drawn.
#[derive(Debug, Clone, Copy)]
struct Look {
    has_glyphs: bool,
    width: usize,
}

impl Look {
    fn finding(self, text: &mut String, finding: &Finding) {
        let (glyph, word, style) = mark(finding.verdict);
        let mark = if self.has_glyphs {
            format!("{glyph} {word:7}")
        } else {
            format!("{word:7}")
        };
        let said = match &*finding.subject {
            "" => finding.message.clone(),
            subject => format!("{subject}: {}", finding.message),
        };
        let hang = 2 + mark.chars().count() + 2;
        let mut lines = wrapped(&said, self.width.saturating_sub(hang)).into_iter();
        let first = lines.next().unwrap_or_default();
        _ = writeln!(text, "  {}  {first}", Painted(mark, style));
        for line in lines {
            _ = writeln!(text, "{:hang$}{line}", "");
        }
        for detail in &finding.details {
            for line in wrapped(detail, self.width.saturating_sub(hang)) {
                _ = writeln!(text, "{:hang$}{}", "", Painted(line, DIM));
            }
        }
        if let Some(fix) = &finding.fix {
            for line in wrapped(&format!("→ {fix}"), self.width.saturating_sub(hang)) {
                _ = writeln!(text, "{:hang$}{line}", "");
            }
        }
    }
}

fn mark(verdict: Verdict) -> (&'static str, &'static str, Style) {
    match verdict {
        Verdict::Ok => ("✓", "ok", GOOD),
        Verdict::Note => ("·", "note", DIM),
        Verdict::Warning => ("!", "warning", BAD),
        Verdict::Error => ("✗", "error", WORST),
    }
}

/// `text` in lines of at most `width` columns; what stands between backticks is copied and stays in one piece.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(INDENT * INDENT);
    let mut lines = vec![String::new()];
    for word in words(&plain(text)) {
        let line = lines.last_mut().expect("there is a line from the start on");
        if line.is_empty() {
            line.push_str(&word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for c in text.chars() {
        is_quoted ^= c == '`';
        match words.last_mut() {
            Some(word) if c != ' ' || is_quoted => word.push(c),
            _ => words.push(String::new()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let mut findings = vec![
            Finding::ok("./c.json", "2 providers"),
            Finding::error(
                "openai [key 1]",
                "the key sk-canary-0123456789abcdef was refused",
            )
            .fix("make one at the console, then `export OPENAI_API_KEY=that very long command`")
            .detail("HTTP 401"),
        ];
        findings[0].check = "configuration";
        findings[1].check = "providers";
        Report::new(findings, &Redactor::default())
    }

    #[test]
    fn a_screen_names_fault_and_fix_in_words() {
        let look = Look {
            has_glyphs: false,
            width: 50,
        };
        let text = report().drawn(look);
        let text = anstream::adapter::strip_str(&text).to_string();
        let expected = "\
configuration
  ok       ./c.json: 2 providers
providers
  error    openai [key 1]: the key [redacted] was
           refused
           HTTP 401
           → make one at the console, then
           `export OPENAI_API_KEY=that very long command`

1 error in providers
";
        assert_eq!(text, expected);
    }

    #[test]
    fn no_key_is_in_the_json() {
        let text = serde_json::to_string(&report()).expect("JSON");
        assert!(!text.contains("canary"), "{text}");
        assert!(text.contains(r#""verdict":"error""#), "{text}");
    }
}
