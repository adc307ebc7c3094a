//! `.env` files: `NAME=value` lines, quotes, comments, an optional `export`.
//!
//! Nothing of a value is ever shown in a fault: these files hold keys.

use std::path::Path;

use super::diagnostic::{ConfigError, Diagnostic};
use super::environment::Environment;

impl Environment {
    /// The same with the variables of the file added; what is already set stays.
    pub fn with_file(self, path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Diagnostic::error(format!("cannot read {name}: {error}")))?;
        Ok(self.with_defaults(parse(&name, &text)?))
    }
}

/// The variables in `text`; `name` stands for the file in faults, of which all are reported.
pub fn parse(name: &str, text: &str) -> Result<Vec<(String, String)>, ConfigError> {
    let mut variables = Vec::new();
    let mut diagnostics = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        match parse_line(line.trim()) {
            Ok(variable) => variables.extend(variable),
            Err(reason) => {
                let message = format!("line {}: {reason}", index + 1);
                diagnostics.push(Diagnostic::error(message).about(name));
            }
        }
    }
    if diagnostics.is_empty() {
        Ok(variables)
    } else {
        Err(ConfigError { diagnostics })
    }
}

fn parse_line(line: &str) -> Result<Option<(String, String)>, &'static str> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("expected NAME=value")?;
    let name = name.trim();
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit());
    if !is_name {
        return Err("a variable name has letters, digits and `_`");
    }
    Ok(Some((name.to_owned(), parse_value(value.trim())?)))
}

fn parse_value(value: &str) -> Result<String, &'static str> {
    if let Some(rest) = value.strip_prefix('\'') {
        let (inner, after) = rest.split_once('\'').ok_or(UNCLOSED)?;
        return after_quote(after).map(|()| inner.to_owned());
    }
    if let Some(rest) = value.strip_prefix('"') {
        return double_quoted(rest);
    }
    // Unquoted: a comment begins at a `#` after a space.
    let end = value.find(" #").unwrap_or(value.len());
    Ok(value[..end].trim_end().to_owned())
}

const UNCLOSED: &str = "the quote is not closed on the same line";

fn double_quoted(rest: &str) -> Result<String, &'static str> {
    let mut value = String::new();
    let mut letters = rest.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => return after_quote(letters.as_str()).map(|()| value),
            '\\' => match letters.next().ok_or(UNCLOSED)? {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                other => value.push(other),
            },
            _ => value.push(letter),
        }
    }
    Err(UNCLOSED)
}

fn after_quote(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim();
    if rest.is_empty() || rest.starts_with('#') {
        Ok(())
    } else {
        Err("there is text after the closing quote")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_usual_spellings() {
        let text = "# keys\nA=1\nexport B = two words # note\n\nC='a # b'\nD=\"x\\n\\\"y\\\"\" # c\nE=\nF=a#b\n";
        let variables = parse(".env", text).expect("a good file");
        let values: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            values,
            [
                ("A", "1"),
                ("B", "two words"),
                ("C", "a # b"),
                ("D", "x\n\"y\""),
                ("E", ""),
                ("F", "a#b")
            ]
        );
    }

    #[test]
    fn every_fault_is_reported_with_its_line_and_without_its_value() {
        let error = parse(
            ".env",
            "OK=1\nsk-canary\nB='open sk-canary\n1X=2\nC='a' sk-canary\n",
        )
        .expect_err("a bad file");
        let text = super::super::render(&error.diagnostics, super::super::Style::Plain);
        for line in ["line 2", "line 3", "line 4", "line 5"] {
            assert!(text.contains(line), "{text}");
        }
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn what_is_set_already_stays() {
        let env = Environment::empty().with("A", "process");
        let env = env.with_defaults([("A".into(), "file".into()), ("B".into(), "file".into())]);
        assert_eq!(
            (env.get("A"), env.get("B")),
            (Some("process"), Some("file"))
        );
    }
}
