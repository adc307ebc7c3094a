//! Everything in a configuration that must never be seen.

use http::{HeaderName, HeaderValue};

use super::Config;
use crate::provider::{Provider, Redactor, Secret};

impl Config {
    /// A redactor that knows every secret of this configuration.
    pub fn redactor(&self) -> Redactor {
        Redactor::new(&self.secrets())
    }

    /// Client keys, tokens, upstream keys, and passwords in headers and addresses.
    pub fn secrets(&self) -> Vec<Secret> {
        let admin = self
            .server
            .admin
            .iter()
            .filter_map(|admin| admin.token.as_ref());
        let own = self
            .server
            .api_keys
            .iter()
            .chain(admin)
            .chain(
                self.tunnels
                    .ngrok
                    .authtoken
                    .iter()
                    .map(|token| &token.secret),
            )
            .chain(&self.tunnels.cloudflared.token)
            .cloned();
        own.chain(self.providers.iter().flat_map(secrets_of))
            .collect()
    }
}

fn secrets_of(provider: &Provider) -> impl Iterator<Item = Secret> {
    let keys = provider.keys.iter().map(|key| key.secret.clone());
    let headers = provider.extra_headers.iter().filter_map(secret_header);
    let passwords = [&provider.base_url, &provider.proxy]
        .into_iter()
        .flatten()
        .filter_map(|url| url.password().map(Secret::new));
    keys.chain(headers).chain(passwords)
}

/// What is to be kept in a header, if its name says that there is something.
pub(super) fn secret_header((name, value): &(HeaderName, HeaderValue)) -> Option<Secret> {
    let name = name.as_str();
    let is_secret = ["auth", "key", "token", "secret", "cookie"]
        .iter()
        .any(|word| name.contains(word));
    let text = value.to_str().ok().filter(|_| is_secret)?;
    // `Bearer abc` is quoted back as `abc`.
    Some(Secret::new(text.rsplit(' ').next().unwrap_or(text)))
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, Format, from_text};

    #[test]
    fn every_key_of_a_file_is_known() {
        let text = r#"{
            "server": { "api_key": ["canary-client-1", "canary-client-2"], "admin": { "token": "canary-admin" },
                "tunnel": { "type": "cloudflared", "token": "canary-tunnel", "domain": "gw.example.com" } },
            "providers": [{
                "type": "openai_compatible", "name": "a", "base_url": "https://example.com/v1",
                "api_key": { "first": "canary-up-1", "second": "canary-up-2" },
                "extra_headers": { "authorization": "Bearer canary-header", "x-team": "blue" },
                "proxy": "socks5://u:canary-proxy@127.0.0.1:1080", "models": ["m"]
            }],
            "extra": { "tunnels": { "ngrok_authtoken": "canary-ngrok" } }
        }"#;
        let loaded = from_text("test.json", text, Format::Json, &Environment::empty());
        let config = loaded.expect("a valid configuration").config;
        let mut secrets: Vec<String> = config
            .secrets()
            .iter()
            .map(|secret| secret.expose().to_owned())
            .collect();
        secrets.sort_unstable();
        assert_eq!(
            secrets,
            [
                "canary-admin",
                "canary-client-1",
                "canary-client-2",
                "canary-header",
                "canary-ngrok",
                "canary-proxy",
                "canary-tunnel",
                "canary-up-1",
                "canary-up-2",
            ]
        );
        assert_eq!(
            config.redactor().redact("is canary-up-2 x-team blue"),
            "is [redacted] x-team blue"
        );
    }
}
