//! Typed commands: `:provider groq`, `:strategy bandit`, `:quit`; read, and completed with what there is.

use super::keymap::Command;
use super::model::Screen;
use super::theme::{PALETTES, Palette};
use super::view::acting::STRATEGIES;
use crate::telemetry::act::{Act, Fault, TunnelAct, Whom};
use crate::telemetry::snapshot::Snapshot;

/// What a typed command asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// What a key would do.
    Command(Command),
    /// The page of a provider.
    Provider(String),
    /// A screen.
    Go(Screen),
    /// Another palette.
    Palette(Palette),
    /// Something of the gateway.
    Act(Act),
}

/// What a word of a command stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Provider,
    Palette,
    Strategy,
    Fault,
    Tunnel,
    TunnelAct,
    Free,
}

/// The commands: name, what follows, what it does.
const COMMANDS: &[(&str, &[Word], &str)] = &[
    ("provider", &[Word::Provider], "the page of a provider"),
    ("drain", &[Word::Provider], "ask a provider no more"),
    ("enable", &[Word::Provider], "ask it again"),
    ("reset", &[Word::Provider], "close its breakers"),
    ("revive", &[Word::Provider], "take its keys back"),
    (
        "pin",
        &[Word::Provider, Word::Free],
        "ask it first, for so many minutes",
    ),
    ("unpin", &[], "end the pin"),
    ("strategy", &[Word::Strategy], "choose by another strategy"),
    (
        "chaos",
        &[Word::Provider, Word::Fault, Word::Free],
        "inject a fault for so many seconds",
    ),
    ("calm", &[Word::Provider], "end injected faults"),
    ("reload", &[], "read the configuration anew"),
    (
        "tunnel",
        &[Word::Tunnel, Word::TunnelAct],
        "open, close or restart a tunnel",
    ),
    ("theme", &[Word::Palette], "other colours"),
    ("overview", &[], "the first screen"),
    ("requests", &[], "the second screen"),
    ("logs", &[], "the third screen"),
    ("routes", &[], "the fourth screen"),
    ("config", &[], "the sixth screen"),
    ("pause", &[], "hold the picture still"),
    ("mouse", &[], "take the mouse, or leave it"),
    ("help", &[], "show the keys"),
    ("quit", &[], "end the dashboard"),
];

const FAULTS: &[(&str, Fault)] = &[
    ("429", Fault::RateLimit),
    ("500", Fault::ServerError),
    ("latency", Fault::Latency { ms: 3_000 }),
    ("cut", Fault::Cut { after: 200 }),
    ("stall", Fault::Stall { after: 200 }),
    ("garbage", Fault::Garbage),
];

const TUNNELS: [&str; 2] = ["cloudflared", "ngrok"];

const TUNNEL_ACTS: &[(&str, TunnelAct)] = &[
    ("open", TunnelAct::Open),
    ("close", TunnelAct::Close),
    ("restart", TunnelAct::Restart),
];

/// How long something is pinned, where that is not said.
const PIN_MINUTES: f64 = 15.0;

/// How long a fault is injected, where that is not said.
const CHAOS_SECONDS: f64 = 30.0;

/// What a line asks for, or why that cannot be understood.
pub fn read(line: &str, snapshot: &Snapshot) -> Result<Order, String> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or("").to_lowercase();
    let rest: Vec<&str> = words.collect();
    let most = COMMANDS
        .iter()
        .find(|(one, ..)| *one == name)
        .map(|(_, words, _)| words.len());
    if most.is_some_and(|most| rest.len() > most) {
        return Err(format!("{name}: too many words"));
    }
    let order = match name.as_str() {
        "q" | "quit" | "exit" => Order::Command(Command::Quit),
        "h" | "help" | "keys" => Order::Command(Command::Help),
        "pause" => Order::Command(Command::Pause),
        "mouse" => Order::Command(Command::Mouse),
        "overview" | "providers" => Order::Go(Screen::Overview),
        "requests" => Order::Go(Screen::Requests),
        "logs" | "log" => Order::Go(Screen::Logs),
        "routes" => Order::Go(Screen::Routes),
        "config" => Order::Go(Screen::Config),
        "theme" => Order::Palette(palette(&rest)?),
        "provider" | "p" => Order::Provider(provider(&rest, snapshot)?),
        // For tests: a dashboard that breaks gives the terminal back. It is in no list.
        "panic" if cfg!(debug_assertions) => panic!("it was asked to panic"),
        _ => Order::Act(
            act(&name, &rest, snapshot)?
                .ok_or_else(|| format!("no command is called {name:?}; tab shows what there is"))?,
        ),
    };
    match order {
        Order::Act(Act::Tunnel { .. }) if rest.is_empty() => Ok(Order::Go(Screen::Tunnel)),
        order => Ok(order),
    }
}

/// The act that is meant; `None` if no act is called so.
fn act(name: &str, rest: &[&str], snapshot: &Snapshot) -> Result<Option<Act>, String> {
    let provider = || provider(rest, snapshot);
    let whom = || {
        provider().map(|provider| Whom {
            provider,
            ..Whom::default()
        })
    };
    Ok(Some(match name {
        "drain" => Act::Drain { whom: whom()? },
        "enable" => Act::Enable { whom: whom()? },
        "reset" => Act::ResetBreaker {
            provider: provider()?,
            model: None,
        },
        "revive" => Act::Revive {
            provider: provider()?,
            key: None,
        },
        "pin" => Act::Pin {
            provider: provider()?,
            model: None,
            minutes: number(rest.get(1), PIN_MINUTES)?,
        },
        "unpin" => Act::Unpin,
        "strategy" => Act::Strategy {
            name: strategy(rest)?,
        },
        "chaos" => Act::Chaos {
            provider: provider()?,
            fault: fault(rest)?,
            seconds: number(rest.get(2), CHAOS_SECONDS)?,
        },
        "calm" if rest.is_empty() => Act::Calm { provider: None },
        "calm" => Act::Calm {
            provider: Some(provider()?),
        },
        "reload" => Act::Reload,
        "tunnel" => tunnel(rest)?,
        _ => return Ok(None),
    }))
}

/// The provider that is named, or of which this is the only beginning.
fn provider(rest: &[&str], snapshot: &Snapshot) -> Result<String, String> {
    let Some(word) = rest.first() else {
        return Err("which provider? tab shows them".to_owned());
    };
    let mut names = snapshot.providers.iter().map(|row| &row.name);
    if let Some(name) = names.clone().find(|name| name == word) {
        return Ok(name.clone());
    }
    let mut begun = names.by_ref().filter(|name| name.starts_with(word));
    match (begun.next(), begun.next()) {
        (Some(one), None) => Ok(one.clone()),
        (Some(_), Some(_)) => Err(format!("{word} begins the names of several providers")),
        (None, _) => Err(format!("no provider is called {word}")),
    }
}

fn palette(rest: &[&str]) -> Result<Palette, String> {
    let names: Vec<&str> = PALETTES.iter().map(|(_, name)| *name).collect();
    let palette = rest.first().and_then(|name| Palette::named(name));
    palette.ok_or_else(|| format!("themes: {}", names.join(", ")))
}

fn strategy(rest: &[&str]) -> Result<Option<String>, String> {
    match rest.first() {
        Some(&"configured") => Ok(None),
        Some(name) if STRATEGIES.contains(name) => Ok(Some((*name).to_owned())),
        _ => Err(format!("strategies: {}, configured", STRATEGIES.join(", "))),
    }
}

fn fault(rest: &[&str]) -> Result<Fault, String> {
    let word = rest.get(1).copied().unwrap_or("");
    let found = FAULTS.iter().find(|(name, _)| *name == word);
    let names: Vec<&str> = FAULTS.iter().map(|(name, _)| *name).collect();
    found
        .map(|(_, fault)| *fault)
        .ok_or_else(|| format!("faults: {}", names.join(", ")))
}

fn tunnel(rest: &[&str]) -> Result<Act, String> {
    let kind = rest.first().copied().unwrap_or(TUNNELS[0]);
    let what = rest.get(1).copied().unwrap_or("open");
    let found = TUNNEL_ACTS.iter().find(|(name, _)| *name == what);
    match found {
        _ if !TUNNELS.contains(&kind) => Err(format!("tunnels: {}", TUNNELS.join(", "))),
        None => Err("a tunnel is to open, close or restart".to_owned()),
        Some((_, what)) => Ok(Act::Tunnel {
            kind: kind.to_owned(),
            what: *what,
        }),
    }
}

fn number(word: Option<&&str>, otherwise: f64) -> Result<f64, String> {
    let Some(word) = word else {
        return Ok(otherwise);
    };
    let number = word.parse::<f64>().ok();
    let number = number.filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| format!("{word} is no length of time"))
}

/// The words that could stand where the last one of `line` is being typed, each with what it means.
pub fn candidates(line: &str, snapshot: &Snapshot) -> Vec<(String, String)> {
    let (before, last) = split(line);
    let mut words = before.split_whitespace();
    let Some(name) = words.next() else {
        let all = COMMANDS.iter();
        let begun = all.filter(|(name, ..)| name.starts_with(last));
        return begun
            .map(|(name, _, what)| ((*name).to_owned(), (*what).to_owned()))
            .collect();
    };
    let command = COMMANDS.iter().find(|(one, ..)| *one == name);
    let word = command.and_then(|(_, follow, _)| follow.get(words.count()));
    let all = word.map_or_else(Vec::new, |word| all_of(*word, snapshot));
    let begun = all.into_iter().filter(|one| one.starts_with(last));
    begun.map(|one| (one, String::new())).collect()
}

fn all_of(word: Word, snapshot: &Snapshot) -> Vec<String> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match word {
        Word::Provider => snapshot
            .providers
            .iter()
            .map(|row| row.name.clone())
            .collect(),
        Word::Palette => PALETTES
            .iter()
            .map(|(_, name)| (*name).to_owned())
            .collect(),
        Word::Strategy => {
            let mut all: Vec<String> = owned(&STRATEGIES);
            all.push("configured".to_owned());
            all
        }
        Word::Fault => FAULTS.iter().map(|(name, _)| (*name).to_owned()).collect(),
        Word::Tunnel => owned(&TUNNELS),
        Word::TunnelAct => TUNNEL_ACTS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect(),
        Word::Free => Vec::new(),
    }
}

/// `line` with its last word completed as far as there is no doubt.
pub fn completed(line: &str, snapshot: &Snapshot) -> String {
    let (before, last) = split(line);
    let all = candidates(line, snapshot);
    let mut words = all.iter().map(|(word, _)| word.as_str());
    let Some(first) = words.next() else {
        return line.to_owned();
    };
    let shared = words.fold(first, |shared, word| shared_head(shared, word));
    let space = if all.len() == 1 { " " } else { "" };
    let word = if shared.len() > last.len() || all.len() == 1 {
        shared
    } else {
        last
    };
    format!("{before}{word}{space}")
}

fn shared_head<'a>(one: &'a str, other: &str) -> &'a str {
    let pairs = one.char_indices().zip(other.chars());
    let end = pairs.take_while(|((_, a), b)| a == b).last();
    end.map_or("", |((at, c), _)| &one[..at + c.len_utf8()])
}

/// What is before the word that is being typed, and that word.
fn split(line: &str) -> (&str, &str) {
    let start = line.rfind(char::is_whitespace);
    let start = start.map_or(0, |at| {
        at + line[at..].chars().next().map_or(0, char::len_utf8)
    });
    line.split_at(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture;

    #[track_caller]
    fn assert_act(line: &str, act: &Act) {
        let read = read(line, &fixture::snapshot());
        assert_eq!(read, Ok(Order::Act(act.clone())), "{line}");
    }

    fn groq() -> Whom {
        Whom {
            provider: "groq".to_owned(),
            ..Whom::default()
        }
    }

    #[test]
    fn acts_can_be_typed() {
        assert_act("drain groq", &Act::Drain { whom: groq() });
        assert_act("  Drain gr", &Act::Drain { whom: groq() });
        assert_act("reload", &Act::Reload);
        assert_act("calm", &Act::Calm { provider: None });
        let bandit = Some("bandit".to_owned());
        assert_act("strategy bandit", &Act::Strategy { name: bandit });
        assert_act("strategy configured", &Act::Strategy { name: None });
        let chaos = Act::Chaos {
            provider: "groq".to_owned(),
            fault: Fault::RateLimit,
            seconds: 5.0,
        };
        assert_act("chaos groq 429 5", &chaos);
        let tunnel = Act::Tunnel {
            kind: "ngrok".to_owned(),
            what: TunnelAct::Restart,
        };
        assert_act("tunnel ngrok restart", &tunnel);
    }

    #[test]
    fn what_is_not_understood_is_said() {
        for (line, word) in [
            ("", "no command"),
            ("dance", "dance"),
            ("drain", "which provider"),
            ("drain nobody", "nobody"),
            ("drain o", "several"),
            ("theme sepia", "colour-blind"),
            ("chaos groq fire", "garbage"),
            ("pin groq -3", "-3"),
            ("pin groq NaN", "NaN"),
            ("quit now", "too many"),
            ("tunnel wormhole", "cloudflared"),
        ] {
            let error = read(line, &fixture::snapshot()).expect_err(line);
            assert!(error.contains(word), "{line}: {error}");
        }
    }

    #[test]
    fn words_are_completed_as_far_as_there_is_no_doubt() {
        for (line, expected) in [
            ("prov", "provider "),
            ("re", "re"),
            ("rel", "reload "),
            ("provider gr", "provider groq "),
            ("provider o", "provider o"),
            ("theme col", "theme colour-blind "),
            ("chaos groq ga", "chaos groq garbage "),
            ("provider 通", "provider 通義-qwen "),
            ("nothing here", "nothing here"),
            ("", ""),
        ] {
            assert_eq!(completed(line, &fixture::snapshot()), expected, "{line}");
        }
        assert_eq!(candidates("", &fixture::snapshot()).len(), COMMANDS.len());
    }
}
