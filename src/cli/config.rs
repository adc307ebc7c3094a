//! `autogw config show`: every setting as it holds, and where it comes from.
//!
//! What a running gateway was told by flags is not seen here; its dashboard shows that.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::console::{Console, escaped};
use super::exit::Exit;
use super::setup;
use super::source::SourceArgs;
use crate::config::Environment;

/// Look at the configuration
#[derive(Debug, Clone, Args)]
pub struct ConfigArgs {
    /// What to do with it
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do with a configuration.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Show every setting as it holds, defaults included, and where it comes from
    Show(ShowArgs),
}

/// Show every setting as it holds, defaults included, and where it comes from
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw config show                     what `autogw start` would run with
  autogw config show --name work         of config.work.json
  autogw config show --json | jq '.values[] | select(.source != \"default\")'

Keys are never shown, only whether they are set. No gateway has to run.

Exit status: 0 shown, 2 invalid configuration.")]
pub struct ShowArgs {
    #[command(flatten)]
    #[expect(
        missing_docs,
        reason = "a doc comment here would replace the help of the verb"
    )]
    pub source: SourceArgs,

    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Columns that a value has at most before where it comes from is moved to the right.
const WIDEST_VALUE: usize = 40;

/// Columns that a path has at most.
const WIDEST_PATH: usize = 48;

/// Runs the verb.
pub async fn run(args: &ConfigArgs, env: Environment, console: &mut Console<'_>) -> Exit {
    let Verb::Show(show) = &args.verb;
    let setup = match setup::resolve(&show.source, env).await {
        Ok(setup) => setup,
        Err(error) => {
            console.config_error(&error);
            return Exit::Usage;
        }
    };
    let effective = setup.config.effective();
    if show.json {
        console.json(&effective);
    } else {
        console.diagnostics(&setup.warnings);
        for line in table(&effective) {
            console.data(escaped(&line));
        }
    }
    Exit::Done
}

/// A line per setting: path, value, source.
fn table(effective: &Value) -> Vec<String> {
    let rows: Vec<[String; 3]> = effective["values"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| ["path", "value", "source"].map(|key| shown(&row[key])))
        .collect();
    let width = |column: usize, most: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or_default().min(most)
    };
    let (paths, values) = (width(0, WIDEST_PATH), width(1, WIDEST_VALUE));
    rows.iter()
        .map(|[path, value, source]| format!("{path:paths$}  {value:values$}  {source}"))
        .collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(shown).collect();
            items.join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_columns_are_aligned_and_a_long_value_moves_its_line_only() {
        let long = "x".repeat(WIDEST_VALUE + 3);
        let row = |path: &str, value: Value| json!({ "path": path, "value": value, "source": "s" });
        let rows = [
            row("a", json!(["m", 1])),
            row("long.path", Value::Null),
            row("b", json!(long)),
        ];
        let lines = table(&json!({ "values": rows }));
        let places: Vec<_> = lines.iter().filter_map(|line| line.rfind('s')).collect();
        assert_eq!(places[0], places[1], "{lines:#?}");
        assert_eq!(places[2], places[0] + 3, "{lines:#?}");
        assert!(lines[0].starts_with("a          m, 1 "), "{lines:#?}");
    }
}
