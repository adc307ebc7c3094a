//! Lines of `NAME=value`, as shells and the readers of `.env` files both take them.
//!
//! They differ in what they make of `$`, backslashes and quotes; what is written here has none that they
//! would read differently, and what is there with such is left alone.

use std::ops::Range;

use serde_json::{Map, Value};

use super::change::Language;
use super::lines::{self, spliced};
use super::{EditError, odd};

/// Lines of `NAME=value`.
pub(super) struct Env;

impl Language for Env {
    fn read(text: &str) -> Result<Option<Value>, EditError> {
        let pairs = assignments(text).into_iter();
        let pairs = pairs.map(|line| (line.name, Value::from(line.value)));
        Ok(Some(Value::Object(pairs.collect::<Map<_, _>>())))
    }

    fn put(text: &str, at: &[String], value: &Value) -> Result<String, EditError> {
        let name = name(at)?;
        let Value::String(value) = value else {
            return Err(odd(at, "only texts can be written there"));
        };
        lines::whole(text, |text| put(text, at, name, value))
    }

    fn push(_: &str, at: &[String], _: &Value) -> Result<String, EditError> {
        Err(no_lists(at))
    }

    fn swap(_: &str, at: &[String], _: usize, _: &Value) -> Result<String, EditError> {
        Err(no_lists(at))
    }

    fn cut(text: &str, at: &[String]) -> Result<String, EditError> {
        let name = name(at)?;
        lines::whole(text, |text| {
            let all = assignments(text);
            let gone = all.iter().filter(|line| line.name == name).map(|line| {
                changeable(at, line)?;
                Ok(lines::start(text, line.start)..lines::end(text, line.span.end))
            });
            let gone = gone.collect::<Result<_, EditError>>()?;
            Ok(lines::without(text, gone))
        })
    }

    fn cut_item(_: &str, at: &[String], _: usize) -> Result<String, EditError> {
        Err(no_lists(at))
    }

    fn bare(_: &str, _: &[String]) -> Result<bool, EditError> {
        Ok(true)
    }
}

/// What a value stands in.
#[derive(Clone, Copy, PartialEq)]
enum Quotes {
    None,
    Single,
    Double,
}

/// A line that gives a name a value.
struct Assignment {
    name: String,
    exported: bool,
    /// Where its line starts.
    start: usize,
    value: String,
    /// The bytes of the value, with its quotes.
    span: Range<usize>,
    quotes: Quotes,
    /// Whether all readers see that value.
    plain: bool,
}

fn no_lists(at: &[String]) -> EditError {
    odd(at, "there are no lists in such a file")
}

fn changeable(at: &[String], line: &Assignment) -> Result<(), EditError> {
    if line.plain {
        return Ok(());
    }
    Err(odd(at, "not every reader takes its value for the same"))
}

fn name(at: &[String]) -> Result<&str, EditError> {
    match at {
        [name] if is_name(name) => Ok(name),
        [_] => Err(odd(at, "that cannot be the name of a variable")),
        _ => Err(odd(at, "there are only variables in such a file")),
    }
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    let mut bytes = name.bytes();
    bytes.next().is_some_and(letter) && bytes.all(|byte| letter(byte) || byte.is_ascii_digit())
}

/// Of a name that is there more than once the last counts. A new one is exported if its neighbour is.
fn put(text: &str, at: &[String], name: &str, value: &str) -> Result<String, EditError> {
    let all = assignments(text);
    if let Some(line) = all.iter().rfind(|line| line.name == name) {
        changeable(at, line)?;
        let shown = quoted(at, value, line.quotes)?;
        return Ok(spliced(text, line.span.clone(), &shown));
    }
    let exported = all.last().is_some_and(|line| line.exported);
    let export = if exported { "export " } else { "" };
    let shown = quoted(at, value, Quotes::None)?;
    Ok(lines::insert(
        text,
        text.len(),
        &format!("{export}{name}={shown}"),
    ))
}

/// All lines that give a name a value. Others, of a shell script perhaps, are passed over.
fn assignments(text: &str) -> Vec<Assignment> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let line = assignment(text, at);
        at = lines::end(text, line.as_ref().map_or(at, |line| line.span.end));
        found.extend(line);
    }
    found
}

fn assignment(text: &str, start: usize) -> Option<Assignment> {
    let line = text[start..lines::end(text, start)].trim_end();
    let body = line.trim_start();
    let (exported, body) = match body.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => (true, rest.trim_start()),
        _ => (false, body),
    };
    let (name, value) = body.split_once('=')?;
    if !is_name(name.trim_end()) {
        return None;
    }
    let raw = value.trim_start();
    let begin = start + line.len() - raw.len();
    let in_quotes = match raw.chars().next() {
        Some(quote @ ('\'' | '"')) => in_quotes(&text[begin..], quote),
        _ => None,
    };
    let (quotes, length, value, plain) = in_quotes.unwrap_or_else(|| unquoted(raw));
    Some(Assignment {
        name: name.trim_end().to_owned(),
        exported,
        start,
        value,
        span: begin..begin + length,
        quotes,
        plain,
    })
}

/// A value in quotes, which may go on over lines; none if the quote is never closed.
fn in_quotes(raw: &str, quote: char) -> Option<(Quotes, usize, String, bool)> {
    let mut value = String::new();
    let mut plain = true;
    let mut letters = raw.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => {
                let rest = raw[at + 1..].split('\n').next().unwrap_or_default().trim();
                plain &= rest.is_empty() || rest.starts_with('#');
                let double = quote == '"';
                let quotes = if double {
                    Quotes::Double
                } else {
                    Quotes::Single
                };
                return Some((quotes, at + 1, value, plain));
            }
            '\\' => {
                plain = false;
                let next = if quote == '"' { letters.next() } else { None };
                value.push(match next {
                    Some((_, 'n')) => '\n',
                    Some((_, other)) => other,
                    None => '\\',
                });
            }
            _ => {
                plain &= quote == '\'' || !matches!(letter, '$' | '`');
                plain &= letter != '\n';
                value.push(letter);
            }
        }
    }
    None
}

/// A value without quotes: up to a comment or the end of the line.
fn unquoted(raw: &str) -> (Quotes, usize, String, bool) {
    let mut signs = raw.match_indices('#');
    let comment = signs.find(|(at, _)| raw[..*at].is_empty() || raw[..*at].ends_with([' ', '\t']));
    let value = raw[..comment.map_or(raw.len(), |(at, _)| at)].trim_end();
    let plain = !value.contains(['$', '`', '\\', '\'', '"']);
    (Quotes::None, value.len(), value.to_owned(), plain)
}

/// A value as every reader takes it, in the quotes it had if that goes.
fn quoted(at: &[String], value: &str, had: Quotes) -> Result<String, EditError> {
    // A shell would make `~` the home directory, and other readers cut at `#`.
    let free = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+,=".contains(&byte);
    let never = |letter: char| letter == '\\' || letter.is_control();
    let can_be_single = !value.contains(never) && !value.contains('\'') && !value.contains("${");
    let can_be_double = !value.contains(never) && !value.contains(['"', '$', '`']);
    match had {
        Quotes::None if value.bytes().all(free) => Ok(value.to_owned()),
        Quotes::Double if can_be_double => Ok(format!("\"{value}\"")),
        _ if can_be_single => Ok(format!("'{value}'")),
        _ if can_be_double => Ok(format!("\"{value}\"")),
        _ => Err(odd(
            at,
            "not every reader would take the value for the same",
        )),
    }
}
