//! The words for a person: a block when a tunnel is open, a line or two for everything else.

use std::time::{Duration, Instant};

use anstyle::Style;

use super::Facts;
use super::news::Telling;
use super::qr::Picture;
use crate::app::MadeKey;
use crate::cli::banner::ClientKey;
use crate::cli::page::{BAD, BOLD, GOOD, OTHER_SDKS, Page, Painted};
use crate::config::{self, Diagnostic, Tunnel};
use crate::telemetry::tunnel::{Check, Phase, Status, Streams, Trouble};

/// What is to be said: whole lines, with ANSI colours.
pub(super) fn render(
    telling: Telling,
    tunnel: Tunnel,
    status: &Status,
    facts: &Facts,
    now: Instant,
    width: usize,
) -> String {
    let mut page = Page::new(width);
    match telling {
        Telling::Open => block(&mut page, "open", tunnel, status, facts),
        Telling::Moved => block(&mut page, "new address", tunnel, status, facts),
        Telling::Opening => page.prose(&line(tunnel, "opening…")),
        Telling::Closed => closed(&mut page, tunnel, status),
        Telling::Known => {
            let url = status.url.as_deref().unwrap_or("the address");
            page.prose(&line(tunnel, &format!("{url} does not answer yet")));
        }
        Telling::Back => back(&mut page, tunnel, status),
        Telling::Checked => checked(&mut page, tunnel, status),
        Telling::Trouble => trouble(&mut page, tunnel, status, now),
    }
    page.text
}

fn block(page: &mut Page, state: &str, tunnel: Tunnel, status: &Status, facts: &Facts) {
    let door = Painted("Public door", BOLD);
    let state = Painted(state, GOOD);
    page.title(format_args!("{door} through {}: {state}", tunnel.name()));
    match &status.url {
        None => page.sentence("URL", "not known: it is the one you gave the tunnel", BAD),
        Some(url) => {
            page.whole("URL", url, BOLD);
            sdks(page, &format!("{url}/v1"));
        }
    }
    key(page, &facts.client_key);
    let (check, style) = described(status);
    page.sentence("Check", &check, style);
    if let Some(url) = &status.url {
        cursor(page, url, facts);
        if facts.shows_qr {
            picture(page, url);
        }
    }
    page.text.push('\n');
}

fn sdks(page: &mut Page, base_url: &str) {
    const NAME: &str = "base_url";
    if NAME.len() + 1 + base_url.chars().count() <= page.room() {
        page.row("SDKs", format_args!("{NAME} {base_url}"));
    } else {
        page.row("SDKs", NAME);
        page.indented(base_url);
    }
    page.row("", OTHER_SDKS);
}

fn key(page: &mut Page, key: &ClientKey) {
    match key {
        ClientKey::Open => page.row("Key", "required: made for this run"),
        ClientKey::Public => {
            let text = "none: whoever has the URL uses your providers, at your expense";
            page.sentence("Key", text, BAD);
        }
        ClientKey::Configured => page.row("Key", "required: one of server.api_key"),
        ClientKey::Made(MadeKey::Shown(_)) => {
            page.row("Key", "required: made for this run, shown above");
        }
        ClientKey::Made(MadeKey::Kept(path)) => {
            page.row("Key", "required: made for this run, kept in");
            page.path("", path);
        }
    }
}

/// The values that Cursor asks for, in its own words.
fn cursor(page: &mut Page, url: &str, facts: &Facts) {
    let key = match &facts.client_key {
        ClientKey::Open => "the key made for this run".to_owned(),
        ClientKey::Public => "any text".to_owned(),
        ClientKey::Configured => "one of server.api_key".to_owned(),
        ClientKey::Made(MadeKey::Shown(_)) => "the key shown above".to_owned(),
        ClientKey::Made(MadeKey::Kept(path)) => format!("the one in {}", path.display()),
    };
    let fields = [
        ("OpenAI API Key", key),
        ("Override OpenAI Base URL", format!("{url}/v1")),
        ("Add model", facts.cursor_model.clone()),
    ];
    page.heading("Cursor: Settings → Models");
    form(page, &fields);
}

/// Fields of a form and their values: side by side if all of them fit, else one below the other.
fn form(page: &mut Page, fields: &[(&str, String)]) {
    /// Columns of the longest name, and a gap.
    const NAMES: usize = 26;
    let fits = |value: &str| 4 + NAMES + value.chars().count() <= page.width;
    let fit = fields.iter().all(|(_, value)| fits(value));
    for (name, value) in fields {
        if fit {
            page.indented(&format!("{name:NAMES$}{value}"));
        } else {
            page.indented(&format!("{name}\n  {value}"));
        }
    }
}

fn picture(page: &mut Page, url: &str) {
    page.text.push('\n');
    match Picture::of(url) {
        None => page.prose("  The address is too long for a QR code."),
        Some(picture) if picture.width() > page.width => page.prose(&format!(
            "  The terminal is too narrow for the QR code: it takes {} columns.",
            picture.width()
        )),
        Some(picture) => {
            for line in picture.lines() {
                page.text.push_str(&line);
                page.text.push('\n');
            }
        }
    }
}

/// What the check showed, and whether that is good.
fn described(status: &Status) -> (String, Style) {
    let latency = status
        .latency
        .map_or_else(String::new, |latency| format!(" in {}", duration(latency)));
    match &status.check {
        Check::Pending => (
            "not seen through the public URL yet".to_owned(),
            Style::new(),
        ),
        Check::Passed {
            streams: Streams::Live,
        } => (
            format!("seen through the public URL{latency}, streams flow"),
            GOOD,
        ),
        Check::Passed {
            streams: Streams::Buffered,
        } => (
            format!(
                "seen through the public URL{latency}, but streams are held back until their end"
            ),
            BAD,
        ),
        Check::Failed { reason } => (format!("failed: {reason}"), BAD),
    }
}

fn duration(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    format!("{:.1} s", time.as_secs_f64())
}

fn back(page: &mut Page, tunnel: Tunnel, status: &Status) {
    let place = status
        .url
        .as_ref()
        .map_or_else(String::new, |url| format!(": {url}"));
    let after = match status.restarts {
        0 => String::new(),
        1 => " after 1 restart".to_owned(),
        times => format!(" after {times} restarts"),
    };
    page.prose(&line(tunnel, &format!("up again{after}{place}")));
    if !matches!(
        status.check,
        Check::Pending
            | Check::Passed {
                streams: Streams::Live
            }
    ) {
        checked(page, tunnel, status);
    }
}

fn checked(page: &mut Page, tunnel: Tunnel, status: &Status) {
    let showed = described(status).0;
    let text = match &status.check {
        Check::Failed { .. } => line(tunnel, &format!("check {showed}")),
        Check::Pending | Check::Passed { .. } => line(tunnel, &showed),
    };
    match &status.check {
        Check::Pending
        | Check::Passed {
            streams: Streams::Live,
        } => page.prose(&text),
        Check::Passed {
            streams: Streams::Buffered,
        }
        | Check::Failed { .. } => diagnostic(page, Diagnostic::warning(text)),
    }
}

fn closed(page: &mut Page, tunnel: Tunnel, status: &Status) {
    match status.phase.trouble() {
        None => page.prose(&line(tunnel, "closed")),
        Some(why) => {
            let text = line(tunnel, &format!("closed: {}", message(why)));
            diagnostic(page, Diagnostic::warning(text).with_hint(why.hint.clone()));
        }
    }
}

fn trouble(page: &mut Page, tunnel: Tunnel, status: &Status, now: Instant) {
    let Some(trouble) = status.phase.trouble() else {
        return;
    };
    let message = message(trouble);
    // Whose trouble it is need not be said twice.
    let message = message.strip_prefix("the tunnel's ").unwrap_or(&message);
    let message = if message.contains(tunnel.name()) {
        format!("tunnel: {message}")
    } else {
        line(tunnel, message)
    };
    let hint = trouble.hint.clone();
    let found = match &status.phase {
        Phase::Failed(_) => Diagnostic::error(message),
        Phase::Waiting { until, .. } => {
            let pause = until.saturating_duration_since(now);
            Diagnostic::warning(format!("{message}; {}", next_attempt(pause)))
        }
        _ => Diagnostic::warning(message),
    };
    diagnostic(page, found.with_hint(hint));
}

fn next_attempt(pause: Duration) -> String {
    match pause.as_millis().div_ceil(1000) {
        0 => "tried again now".to_owned(),
        seconds => format!("tried again in {seconds} s"),
    }
}

/// Its sentence with its code: `x rejected the token (CODE): it is too short`.
fn message(trouble: &Trouble) -> String {
    let message = &trouble.message;
    match &trouble.code {
        Some(code) if !message.contains(code.as_str()) => match message.split_once(": ") {
            Some((what, why)) => format!("{what} ({code}): {why}"),
            None => format!("{message} ({code})"),
        },
        _ => message.clone(),
    }
}

/// `text` after what it is about.
fn line(tunnel: Tunnel, text: &str) -> String {
    format!("tunnel: {}: {text}", tunnel.name())
}

fn diagnostic(page: &mut Page, diagnostic: Diagnostic) {
    page.prose(&config::render(&[diagnostic], config::Style::Coloured));
}
