//! Which client key is presented.

use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use super::fault::Fault;
use super::gateway::Known;
use crate::app::made_key_file;
use crate::cli::caller::caller;
use crate::cli::reach::made_key;
use crate::config::Diagnostic;
use crate::provider::Secret;

/// Variables that hold a client key: the one that the banner exports, and the one of `autogw explain`.
const VARIABLES: [&str; 2] = ["AUTOGW_KEY", "AUTOGW_API_KEY"];

/// Longest file that is taken for a key.
const LONGEST: u64 = 4096;

/// How long a gateway has to say whether it asks for a key.
const PATIENCE: Duration = Duration::from_secs(5);

/// The key for a client of the gateway at `origin`; `None` where nothing is asked for, or nothing is known.
pub(super) async fn find(
    known: &Known<'_>,
    origin: &str,
    warnings: &mut Vec<Diagnostic>,
) -> Result<Option<Secret>, Fault> {
    if let Some(path) = &known.args.key_file {
        return from_file(path).map(Some);
    }
    let mut named = VARIABLES.iter();
    if let Some((key, name)) = named.find_map(|name| Some((known.env.filled(name)?, name))) {
        return checked(key, name).map(Some);
    }
    if !is_ours(known, origin) {
        return Ok(None);
    }
    let config = known.config.as_ref();
    if let Some(key) = config.and_then(|config| config.server.api_keys.first()) {
        return Ok(Some(key.clone()));
    }
    let made = made_key(&made_key_file(known.home, known.args.source.name.as_ref()));
    let Some(made) = made.filter(|_| known.snapshot.is_some()) else {
        return Ok(None);
    };
    // A file of an earlier run may lie there, and a door of this machine's may be open to it.
    if !known.recipe.needs_public && !asks_for_a_key(origin).await {
        return Ok(None);
    }
    let message = "the client key is the one that was made for this run of the gateway: another start, another key";
    let hint = "set server.api_key in the configuration, and connect again".to_owned();
    warnings.push(Diagnostic::warning(message).with_hint(hint));
    Ok(Some(made))
}

/// Whether the keys of this machine's configuration are for the gateway at `origin`: nobody else gets them
/// unasked.
fn is_ours(known: &Known<'_>, origin: &str) -> bool {
    let source = &known.args.source;
    let is_named = source.config.is_some() || source.name.is_some();
    let snapshot = known.snapshot.iter();
    let tunnels = snapshot.flat_map(|snapshot| &snapshot.tunnels);
    let mut urls = tunnels.filter_map(|tunnel| tunnel.url.as_deref());
    known.args.url.is_none()
        || is_named
        || known.own_origin().is_ok_and(|own| is_same(&own, origin))
        || urls.any(|url| url.trim_end_matches('/') == origin)
}

/// Whether both are one address. Any user of this machine may listen on another port of it.
fn is_same(own: &str, origin: &str) -> bool {
    let name = |origin: &str| origin.replace("://localhost:", "://127.0.0.1:");
    name(own) == name(origin)
}

/// Whether the gateway at `origin` refuses who presents nothing. One that cannot be asked (its certificate is
/// not known here) may well do so, and the key is its own.
async fn asks_for_a_key(origin: &str) -> bool {
    let Ok(client) = caller(PATIENCE).await.no_proxy().build() else {
        return true;
    };
    let answer = client.get(format!("{origin}/v1/models")).send().await;
    answer.map_or(true, |answer| {
        answer.status() == reqwest::StatusCode::UNAUTHORIZED
    })
}

fn from_file(path: &Path) -> Result<Secret, Fault> {
    let name = path.display().to_string();
    let mut text = String::new();
    let read = if name == "-" {
        io::stdin().take(LONGEST).read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path);
        file.and_then(|file| file.take(LONGEST).read_to_string(&mut text))
    };
    read.map_err(|error| Fault::failed(format!("cannot read a key from {name}: {error}")))?;
    checked(&text, &name)
}

/// `text` as a key: it becomes a header, and a word of a shell.
fn checked(text: &str, place: &str) -> Result<Secret, Fault> {
    let key = text.trim();
    if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Secret::new(key));
    }
    let message = format!("what {place} holds is no client key: one word of ASCII is needed");
    Err(Fault::usage(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word() {
        for (text, is_one) in [
            ("k\n", true),
            ("", false),
            ("a b", false),
            ("\u{e9}", false),
        ] {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), text).expect("it is written");
            let read = from_file(file.path()).ok();
            let key = is_one.then(|| text.trim());
            assert_eq!(read.as_ref().map(Secret::expose), key, "{text}");
        }
        assert!(from_file(Path::new("/nowhere/at/all")).is_err());
    }
}
