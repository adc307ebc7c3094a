//! The banner for a person: labels on the left, facts on the right, a command to paste below.

use serde_json::json;

use crate::app::MadeKey;
use crate::config;

use super::super::page::{BAD, BOLD, DIM, GOOD, OTHER_SDKS, Page, Painted};
use super::super::shell;
use super::{Banner, ClientKey, Origin, ProviderLine};

impl Banner {
    /// The banner as text of at most `width` columns, except for what must stay in one piece: paths,
    /// addresses and the command. With ANSI colours: print it through `anstream`.
    pub fn render(&self, width: usize) -> String {
        let mut page = Page::new(width);
        let (name, ready) = (Painted("autogw", BOLD), Painted("ready", GOOD));
        page.title(format_args!("{name} {} {ready}", env!("CARGO_PKG_VERSION")));
        self.draw_address(&mut page);
        self.draw_key(&mut page);
        self.draw_providers(&mut page);
        page.row("Strategy", self.strategy);
        match &self.tunnel {
            None => page.row("Tunnel", "none"),
            Some((tunnel, _)) => page.row("Tunnel", format_args!("{}: opening…", tunnel.name())),
        }
        self.draw_origin(&mut page);
        if let Some(file) = &self.log_file {
            page.path("Log", file);
        }
        page.heading("Try it");
        if let ClientKey::Made(MadeKey::Shown(key)) = &self.client_key {
            page.indented(&format!(
                "export AUTOGW_KEY={}",
                shell::quoted(key.expose())
            ));
        }
        page.indented(&self.command(page.width));
        if !self.warnings.is_empty() {
            page.text.push('\n');
        }
        page.prose(&config::render(&self.warnings, config::Style::Coloured));
        page.text
    }

    fn draw_address(&self, page: &mut Page) {
        match self.address.url() {
            Some(url) => {
                page.row("URL", Painted(&url, BOLD));
                page.row("SDKs", format_args!("base_url {url}/v1"));
                page.row("", OTHER_SDKS);
            }
            None => page.row("Socket", Painted(&self.address, BOLD)),
        }
    }

    fn draw_key(&self, page: &mut Page) {
        match &self.client_key {
            ClientKey::Open => page.row("Key", "none needed: only this machine can reach it"),
            ClientKey::Public => page.sentence("Key", PUBLIC, BAD),
            ClientKey::Configured => page.row("Key", "required: one of server.api_key"),
            ClientKey::Made(MadeKey::Shown(_)) => {
                page.row("Key", "required: made for this run, shown below");
            }
            ClientKey::Made(MadeKey::Kept(path)) => {
                page.row("Key", "required: made for this run, kept in");
                page.path("", path);
            }
        }
    }

    fn draw_providers(&self, page: &mut Page) {
        let widest = |text: fn(&ProviderLine) -> String| {
            let widths = self.providers.iter().map(|p| text(p).chars().count());
            widths.max().unwrap_or(0)
        };
        let (name, kind, keys) = (
            widest(|p| p.name.clone()),
            widest(|p| p.kind.clone()),
            widest(keys_of),
        );
        let room = page.room().saturating_sub(name + kind + keys + 6);
        for (at, provider) in self.providers.iter().enumerate() {
            let label = if at == 0 { "Providers" } else { "" };
            let columns = format!(
                "{:name$}  {:kind$}  {:keys$}",
                provider.name,
                provider.kind,
                keys_of(provider)
            );
            if room >= MODELS_NEED {
                let models = models_of(provider, room);
                page.row(label, format_args!("{columns}  {}", Painted(models, DIM)));
            } else {
                page.row(label, columns.trim_end());
                let models = models_of(provider, page.room().saturating_sub(2));
                page.row("", format_args!("  {}", Painted(models, DIM)));
            }
        }
    }

    fn draw_origin(&self, page: &mut Page) {
        match &self.origin {
            Origin::File(path) => page.path("Config", path),
            Origin::Demo => page.row("Config", "built-in demo: simulated providers, no network"),
            Origin::Found(found) => {
                page.row("Config", "none; found in the environment:");
                for what in found {
                    page.row("", format_args!("  {what}"));
                }
                page.row("", "write it down with `autogw init`");
            }
        }
    }

    fn command(&self, width: usize) -> String {
        let mut words = self.curl();
        if let Some(key) = self.key_in_shell() {
            words.push(format!("-H \"authorization: Bearer {key}\""));
        }
        words.push("-H 'content-type: application/json'".to_owned());
        words.push(format!("-d {}", self.example_body(width)));
        words.join(" \\\n  ")
    }

    fn curl(&self) -> Vec<String> {
        match (self.address.url(), &self.self_signed) {
            (Some(url), None) => vec![format!("curl {url}/v1/chat/completions")],
            (Some(url), Some(certificate)) => vec![
                format!(
                    "curl --cacert {}",
                    shell::quoted(&certificate.to_string_lossy())
                ),
                format!("{url}/v1/chat/completions"),
            ],
            (None, _) => vec![
                format!(
                    "curl --unix-socket {}",
                    shell::quoted(&self.address.to_string())
                ),
                "http://localhost/v1/chat/completions".to_owned(),
            ],
        }
    }

    fn key_in_shell(&self) -> Option<String> {
        match &self.client_key {
            ClientKey::Open | ClientKey::Public => None,
            ClientKey::Configured | ClientKey::Made(MadeKey::Shown(_)) => {
                Some("$AUTOGW_KEY".to_owned())
            }
            ClientKey::Made(MadeKey::Kept(path)) => {
                Some(format!("$(cat {})", shell::quoted(&path.to_string_lossy())))
            }
        }
    }

    fn example_body(&self, width: usize) -> String {
        let model = json!(self.example_model);
        let gap = if width < MESSAGE_NEEDS {
            "\n        "
        } else {
            " "
        };
        shell::quoted(&format!(
            "{{\"model\": {model},\n      \"messages\": [{{\"role\": \"user\",{gap}\"content\": \"Say hello\"}}]}}"
        ))
    }
}

/// What is said of a door that asks for no key.
const PUBLIC: &str = "none: whoever reaches it uses your providers, at your expense";

/// Narrower than this a list of models says nothing: it goes to a line of its own.
const MODELS_NEED: usize = 16;

/// Columns of the example's message in one line, indented as it is.
const MESSAGE_NEEDS: usize = 67;

fn keys_of(provider: &ProviderLine) -> String {
    match provider.keys {
        0 => "no key".to_owned(),
        1 => "1 key".to_owned(),
        n => format!("{n} keys"),
    }
}

/// As many model names as fit into `room` columns, and how many more there are.
fn models_of(provider: &ProviderLine, room: usize) -> String {
    let Some(models) = &provider.models else {
        return "whatever it lists".to_owned();
    };
    if models.is_empty() {
        return "no models".to_owned();
    }
    let shown = (1..=models.len()).rev();
    let fitting = shown.map(|count| first_models(models, count));
    let count = || format!("{} models", models.len());
    fitting
        .into_iter()
        .find(|text| text.chars().count() <= room)
        .unwrap_or_else(count)
}

fn first_models(models: &[String], count: usize) -> String {
    let names = models[..count].join(", ");
    match models.len() - count {
        0 => names,
        more => format!("{names}, +{more}"),
    }
}
