//! `--print`: what connects a client in one shell, or what would stand in its file.

use super::fault::Fault;
use super::gateway::Found;
use super::{ConnectArgs, Shell};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::shell::quoted;
use crate::cli::table::plain;
use crate::clients::edit;
use crate::clients::endpoint::Endpoint;
use crate::clients::place::{self, short};
use crate::clients::plan::ClientError;
use crate::clients::recipe::Recipe;
use crate::clients::template;
use crate::config::Environment;
use crate::provider::Secret;

/// What stands for the key wherever it is not the key that was asked for.
pub(super) const MASK: &str = "YOUR-KEY";

/// Prints them, key and all: that is what it is for.
pub(super) fn run(
    args: &ConnectArgs,
    recipe: &Recipe,
    found: &Found,
    env: &Environment,
    console: &mut Console<'_>,
) -> Result<Exit, Fault> {
    let endpoint = &found.endpoint;
    let exports = exports(recipe, endpoint, args.shell);
    for line in &exports {
        console.data(line);
    }
    let arguments = template::arguments(recipe, endpoint);
    if let (false, Some(program)) = (arguments.is_empty(), &recipe.program) {
        let words = arguments.iter().map(|word| quoted(word));
        let words: Vec<String> = words.collect();
        console.data(format!("# {program} {}", words.join(" ")));
    }
    let has_none = exports.is_empty() && arguments.is_empty();
    if has_none {
        print_files(recipe, endpoint, env, console)?;
    }
    tell_alone(recipe, console);
    // Beside variables they are for a person: what is printed is read by a shell.
    let hidden = masked(endpoint);
    let shown = if has_none { endpoint } else { &hidden };
    for step in steps(recipe, shown) {
        if has_none {
            console.data(step);
        } else {
            console.say(plain(&step));
        }
    }
    Ok(Exit::Done)
}

/// A line for each variable.
pub(super) fn exports(recipe: &Recipe, endpoint: &Endpoint, shell: Shell) -> Vec<String> {
    let variables = template::variables(recipe, endpoint).into_iter();
    let line = |(name, value): (String, String)| match shell {
        Shell::Sh => format!("export {name}={}", quoted(&value)),
        Shell::Fish => format!("set -gx {name} {}", quoted_for_fish(&value)),
    };
    let without = recipe.unset.iter().map(|name| match shell {
        Shell::Sh => format!("unset {name}"),
        Shell::Fish => format!("set -e {name}"),
    });
    variables.map(line).chain(without).collect()
}

/// `text` as one word of fish, where a backslash counts within quotes.
fn quoted_for_fish(text: &str) -> String {
    let text = text.replace('\\', r"\\").replace('\'', r"\'");
    format!("'{text}'")
}

/// The same without the key.
pub(super) fn masked(endpoint: &Endpoint) -> Endpoint {
    let mut masked = endpoint.clone();
    masked.key = endpoint.key.as_ref().map(|_| Secret::new(MASK));
    masked
}

/// Says what has to be known where variables alone connect it.
pub(super) fn tell_alone(recipe: &Recipe, console: &mut Console<'_>) {
    for note in &recipe.alone {
        console.say(note);
    }
}

fn print_files(
    recipe: &Recipe,
    endpoint: &Endpoint,
    env: &Environment,
    console: &mut Console<'_>,
) -> Result<(), Fault> {
    for file in &recipe.files {
        let path = place::path(file, env).map_err(ClientError::from)?;
        let edited = edit::apply(file.format, "", &template::changes(file, endpoint));
        let edited = edited.map_err(|why| ClientError::Edit {
            path: path.clone(),
            why,
        })?;
        console.say(format!("in {}:", plain(&short(&path, env))));
        console.data(edited.text.trim_end());
    }
    Ok(())
}

/// What a person has to do.
pub(super) fn steps(recipe: &Recipe, endpoint: &Endpoint) -> Vec<String> {
    let steps = recipe.steps.iter();
    steps
        .filter_map(|step| template::text(step, endpoint))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_fish_is_one_word() {
        assert_eq!(quoted_for_fish(r"it's \ $x"), r"'it\'s \\ $x'");
    }
}
