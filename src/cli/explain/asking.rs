//! Asks the running gateway: where it is, with which key, and what it says.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::Subject;
use crate::app::made_key_file;
use crate::cli::reach::{made_key, reachable};
use crate::cli::setup::Setup;
use crate::config::{Listen, Name};
use crate::provider::Secret;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);

/// How long an answer may take: nothing is sent anywhere for it.
const PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes of an answer.
const MAX_ANSWER: usize = 64 << 20;

/// Where gateways listen that nobody has told otherwise.
const USUAL: &str = "http://127.0.0.1:8000";

/// Where a gateway is.
pub(super) struct Place {
    root: Url,
    socket: Option<PathBuf>,
    key: Option<Secret>,
    /// Whether somebody has named it. Else whoever answers has to be one of us before it is shown anything.
    is_named: bool,
}

/// What a gateway has said.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

/// Why there is no answer.
pub(super) struct Failed {
    pub(super) message: String,
    /// Whether no gateway is there.
    pub(super) is_absent: bool,
}

impl Place {
    /// The gateway at `url`, as people write it.
    pub(super) fn at(url: &str, key: Option<Secret>) -> Result<Self, String> {
        let text = if url.contains("://") {
            url.to_owned()
        } else {
            format!("http://{url}")
        };
        let root = Url::parse(&text).ok();
        let root = root.filter(|root| matches!(root.scheme(), "http" | "https") && root.has_host());
        let mut root = root.ok_or("--url is not an http:// or https:// address")?;
        root.set_query(None);
        root.set_fragment(None);
        // People copy the base URL of an SDK.
        let path = root
            .path()
            .trim_end_matches('/')
            .trim_end_matches("/v1")
            .to_owned();
        root.set_path(&path);
        Ok(Self {
            root,
            socket: None,
            key,
            is_named: true,
        })
    }

    /// The gateway that `setup` describes.
    pub(super) fn of(setup: &Setup, name: Option<&Name>, key: Option<Secret>) -> Self {
        let server = &setup.config.server;
        let configured = || server.api_keys.first().cloned();
        let made = || made_key(&made_key_file(&setup.home, name));
        let key = key.or_else(configured).or_else(made);
        let (address, socket) = match &server.listen {
            Listen::Unix(path) => ("http://localhost".to_owned(), Some(path.clone())),
            Listen::Tcp { host, port, .. } => {
                let scheme = if server.tls.is_some() {
                    "https"
                } else {
                    "http"
                };
                (format!("{scheme}://{}:{port}", reachable(host)), None)
            }
        };
        match Url::parse(&address) {
            Ok(root) => Self {
                root,
                socket,
                key,
                is_named: false,
            },
            Err(_) => Self::usual(key),
        }
    }

    /// The gateway of this machine, where nothing says otherwise.
    pub(super) fn usual(key: Option<Secret>) -> Self {
        Self {
            root: Url::parse(USUAL).expect("an address of ours"),
            socket: None,
            key,
            is_named: false,
        }
    }

    /// Asks about `subject`.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection and has no other effect.
    pub(super) async fn ask(&self, subject: &Subject) -> Result<Answer, Failed> {
        let client = self.client().map_err(|error| self.failed(&error))?;
        if !self.is_named {
            self.check(&client).await?;
        }
        let request = match subject {
            Subject::Request(question) => client
                .post(self.url(&["routing", "decide"]))
                .header("content-type", "application/json")
                .body(question.clone()),
            Subject::Past(id) => client.get(self.url(&["routing", "requests", id])),
        };
        let request = match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        };
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        let status = response.status().as_u16();
        let text = whole(response).await.map_err(|error| self.failed(&error))?;
        let body = serde_json::from_slice(&text).map_err(|_| {
            let place = self.name();
            let message = format!("what answers at {place} does not speak JSON (status {status})");
            present(message)
        })?;
        Ok(Answer { status, body })
    }

    /// Whoever answers is asked for its name first: a request and a key are for a gateway alone.
    async fn check(&self, client: &reqwest::Client) -> Result<(), Failed> {
        let response = client.get(self.url(&["health"])).send().await;
        let response = response.map_err(|error| self.failed(&error))?;
        let text = whole(response).await.map_err(|error| self.failed(&error))?;
        let health: Value = serde_json::from_slice(&text).unwrap_or_default();
        if health["name"] == "autogw" {
            return Ok(());
        }
        Err(Failed {
            message: format!("what answers at {} is not autogw", self.name()),
            is_absent: true,
        })
    }

    fn client(&self) -> reqwest::Result<reqwest::Client> {
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .timeout(PATIENCE);
        let builder = if self.is_named {
            builder
        } else {
            builder.no_proxy()
        };
        match &self.socket {
            Some(path) => builder.unix_socket(path.as_path()).build(),
            None => builder.build(),
        }
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = self.root.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// How it is called; an address may hold a password.
    fn name(&self) -> String {
        match &self.socket {
            Some(path) => path.display().to_string(),
            None => self.root.origin().ascii_serialization(),
        }
    }

    fn failed(&self, error: &reqwest::Error) -> Failed {
        let place = self.name();
        if error.is_connect() {
            return Failed {
                message: format!("no gateway runs at {place}"),
                is_absent: true,
            };
        }
        if error.is_timeout() {
            return present(format!("the gateway at {place} does not answer"));
        }
        present(format!("the gateway at {place} broke off its answer"))
    }
}

impl Answer {
    /// What it says went wrong.
    pub(super) fn message(&self) -> String {
        let message = self.body["error"]["message"].as_str();
        message.map_or_else(
            || format!("the gateway answered with status {}", self.status),
            str::to_owned,
        )
    }

    /// What may help.
    pub(super) fn hint(&self, is_past: bool) -> Option<&'static str> {
        match self.status {
            401 => Some("set AUTOGW_API_KEY to one of its client keys"),
            404 if is_past => Some(
                "the last few hundred are remembered, for the key they came with; an answer says its id \
                 in x-request-id",
            ),
            _ => None,
        }
    }
}

fn present(message: String) -> Failed {
    Failed {
        message,
        is_absent: false,
    }
}

async fn whole(mut response: reqwest::Response) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            break;
        }
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_as_people_write_it() {
        for (url, asked) in [
            ("http://h:1", "http://h:1/routing/decide"),
            ("127.0.0.1:8000", "http://127.0.0.1:8000/routing/decide"),
            ("http://h:1/v1/", "http://h:1/routing/decide"),
            ("https://h/gw/", "https://h/gw/routing/decide"),
            ("http://h:1/?key=canary#x", "http://h:1/routing/decide"),
        ] {
            let place = Place::at(url, None).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(place.url(&["routing", "decide"]).as_str(), asked, "{url}");
        }
        for wrong in ["", "ftp://h", "http://"] {
            assert!(Place::at(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_id_is_a_name_and_never_a_path() {
        let place = Place::at("http://h", None);
        let Ok(place) = place else {
            panic!("a good address")
        };
        let url = place.url(&["routing", "requests", "../a?b/c"]);
        assert_eq!(url.as_str(), "http://h/routing/requests/..%2Fa%3Fb%2Fc");
    }

    #[test]
    fn a_password_in_an_address_is_not_said() {
        let place = Place::at("http://u:canary@h:1", None);
        let Ok(place) = place else {
            panic!("a good address")
        };
        assert_eq!(place.name(), "http://h:1");
    }
}
