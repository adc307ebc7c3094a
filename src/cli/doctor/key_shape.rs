//! What a key looks like: of another vendor, copied with too much, or never filled in. No request is needed.

use super::finding::Finding;
use super::patient::Patient;
use crate::provider::{Provider, Secret};

/// How the keys of some vendors begin, the longer first.
const BEGINNINGS: [(&str, &str); 10] = [
    ("sk-ant-", "anthropic"),
    ("sk-or-", "openrouter"),
    ("sk-proj-", "openai"),
    ("sk-svcacct-", "openai"),
    ("gsk_", "groq"),
    ("AIza", "google"),
    ("xai-", "xai"),
    ("csk-", "cerebras"),
    ("tgp_", "together"),
    ("fw_", "fireworks"),
];

/// Words of keys that nobody has filled in.
const PLACEHOLDERS: [&str; 8] = [
    "your", "...", "…", "<", "xxxx", "changeme", "replace", "example",
];

/// What is found of the keys of every provider.
pub(super) fn check(patient: &Patient) -> Vec<Finding> {
    let providers = patient.config().map(|config| &*config.providers);
    let providers = providers.unwrap_or_default().iter();
    providers.flat_map(of_provider).collect()
}

fn of_provider(provider: &Provider) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, key) in provider.keys.iter().enumerate() {
        let name = key
            .alias
            .clone()
            .unwrap_or_else(|| format!("key {}", index + 1));
        let subject = format!("{} [{name}]", provider.name);
        findings.extend(
            fault(provider, &key.secret)
                .map(|(message, fix)| Finding::warning(&*subject, message).fix(fix)),
        );
        let same = provider.keys[..index]
            .iter()
            .position(|one| one.secret == key.secret);
        findings.extend(same.map(|same| {
            let message = format!("it is the same as key {}", same + 1);
            Finding::note(subject, message).fix("leave one of them out")
        }));
    }
    findings
}

fn fault(provider: &Provider, key: &Secret) -> Option<(String, String)> {
    let text = key.expose();
    let said = |message: &str, fix: &str| Some((message.to_owned(), fix.to_owned()));
    let again = "copy it again, the key and nothing else";
    if text.contains(char::is_whitespace) {
        let is_bearer = text.to_ascii_lowercase().starts_with("bearer ");
        return if is_bearer {
            said(
                "it begins with `Bearer`, which is added anyway",
                "leave out `Bearer`",
            )
        } else {
            said("there is a blank or the end of a line in it", again)
        };
    }
    if text.starts_with(['"', '\'', '`']) || text.ends_with(['"', '\'', '`']) {
        return said(
            "the quotes around it are part of it",
            "leave out the inner quotes",
        );
    }
    let lower = text.to_ascii_lowercase();
    if provider.preset.needs_key() && PLACEHOLDERS.iter().any(|word| lower.contains(word)) {
        return said("it looks like a placeholder", &where_from(provider));
    }
    let (_, vendor) = BEGINNINGS
        .iter()
        .find(|(start, _)| text.starts_with(start))?;
    let kind = &provider.preset.kind;
    (is_at_home(provider) && vendor != kind).then(|| {
        let message = format!("it looks like a key of {vendor}, and this provider is {kind}");
        (message, where_from(provider))
    })
}

fn where_from(provider: &Provider) -> String {
    match provider.preset.key_variables.first() {
        Some(variable) => format!(
            "set the key of {} (`export {variable}=…`, or api_key of the provider)",
            provider.preset.kind
        ),
        None => "set api_key of the provider".to_owned(),
    }
}

/// Whether the requests go to the vendor itself: another gateway in between has keys of its own.
fn is_at_home(provider: &Provider) -> bool {
    let own = provider.base_url.as_ref().and_then(url::Url::host_str);
    let usual = provider.preset.base_url.as_deref();
    let usual = usual.and_then(|text| url::Url::parse(text).ok());
    provider.preset.needs_key() && usual.is_some_and(|usual| usual.host_str() == own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{ApiKey, preset};

    fn told(kind: &str, key: &str) -> Option<String> {
        let preset = preset::find(kind).expect("a preset");
        let url = preset
            .base_url
            .as_deref()
            .map(|url| url.parse().expect("an address"));
        let mut provider = Provider::new(kind, preset, url);
        provider.keys.push(ApiKey {
            secret: Secret::new(key),
            alias: None,
        });
        let findings = of_provider(&provider);
        findings.first().map(|finding| finding.message.clone())
    }

    #[test]
    fn what_is_wrong_with_a_key_is_seen_without_asking() {
        for (kind, key, expected) in [
            ("openai", "sk-ant-api03-0123", "key of anthropic"),
            ("anthropic", "sk-proj-0123", "key of openai"),
            ("groq", "AIza0123", "key of google"),
            ("openai", "sk-0123 ", "a blank"),
            ("openai", "sk-01\n23", "a blank"),
            ("openai", "Bearer sk-0123", "Bearer"),
            ("openai", "\"sk-0123\"", "quotes"),
            ("openai", "sk-...", "placeholder"),
            ("openai", "YOUR_API_KEY", "placeholder"),
        ] {
            let told = told(kind, key);
            assert!(
                told.is_some_and(|told| told.contains(expected)),
                "{kind} {key}"
            );
        }
        for (kind, key) in [
            ("openai", "sk-0123456789"),
            ("anthropic", "sk-ant-0123"),
            ("ollama", "your-key"),
            ("openai_compatible", "sk-ant-0123"),
        ] {
            assert_eq!(told(kind, key), None, "{kind} {key}");
        }
    }
}
