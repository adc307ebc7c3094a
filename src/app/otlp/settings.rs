//! Where spans go, as OpenTelemetry's own variables say
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::config::Environment;

/// The path of traces below a base address.
const PATH: &str = "v1/traces";

/// How long the first of a batch waits, as OpenTelemetry has it.
const DELAY: Duration = Duration::from_secs(5);

/// Where spans go.
#[derive(Clone)]
pub struct Settings {
    pub(super) endpoint: Url,
    pub(super) headers: HeaderMap,
    pub(super) service: String,
    /// How long the first of a batch waits for the others.
    pub(super) delay: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}

impl Settings {
    /// What the variables say; `None` if they ask for no spans.
    ///
    /// # Errors
    /// What cannot be used of them, for people; never a value, which may be a key.
    pub fn of(env: &Environment) -> Result<Option<Self>, String> {
        let is = |name: &str, word: &str| {
            let value = env.filled(name);
            value.is_some_and(|value| value.eq_ignore_ascii_case(word))
        };
        if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            return Ok(None);
        }
        let Some(endpoint) = endpoint(env)? else {
            return Ok(None);
        };
        let [own, all] = variables("PROTOCOL");
        if env.filled(&own).or(env.filled(&all)) == Some("grpc") {
            return Err("OTEL_EXPORTER_OTLP_PROTOCOL: spans are sent as http/json".to_owned());
        }
        let service = env.filled("OTEL_SERVICE_NAME").unwrap_or("autogw");
        Ok(Some(Self {
            endpoint,
            headers: headers(env)?,
            service: service.to_owned(),
            delay: delay(env)?,
        }))
    }

    /// Whether others can read the keys that go with spans: in the clear, to another machine.
    pub fn shows_keys(&self) -> bool {
        let url = &self.endpoint;
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let has_keys = !self.headers.is_empty() || url.password().is_some();
        url.scheme() == "http" && has_keys && !is_here
    }
}

/// In milliseconds, as OpenTelemetry counts here.
fn delay(env: &Environment) -> Result<Duration, String> {
    let Some(text) = env.filled("OTEL_BSP_SCHEDULE_DELAY") else {
        return Ok(DELAY);
    };
    let ms: u32 = text
        .parse()
        .map_err(|_| "OTEL_BSP_SCHEDULE_DELAY is not a number of milliseconds".to_owned())?;
    Ok(Duration::from_millis(ms.into()))
}

/// The variable for traces, which wins, and that for everything.
fn variables(rest: &str) -> [String; 2] {
    let of = |signal: &str| format!("OTEL_EXPORTER_OTLP_{signal}{rest}");
    [of("TRACES_"), of("")]
}

fn endpoint(env: &Environment) -> Result<Option<Url>, String> {
    let [own, all] = variables("ENDPOINT");
    let (name, text, path) = match (env.filled(&own), env.filled(&all)) {
        (Some(text), _) => (own, text, ""),
        (None, Some(text)) => (all, text, PATH),
        (None, None) => return Ok(None),
    };
    let url = Url::parse(text).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let mut url =
        url.ok_or_else(|| format!("{name} is no address such as http://localhost:4318"))?;
    if !path.is_empty() {
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/{path}"));
    }
    Ok(Some(url))
}

/// `name=value` pairs with commas between them; values are percent-encoded.
fn headers(env: &Environment) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    let [own, all] = variables("HEADERS");
    for variable in [all, own] {
        let text = env.filled(&variable).unwrap_or_default();
        for pair in text.split(',').filter(|pair| !pair.trim().is_empty()) {
            let (name, value) = header(pair)
                .ok_or_else(|| format!("{variable} holds something other than name=value pairs"))?;
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

fn header(pair: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = pair.split_once('=')?;
    let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
    let mut value = HeaderValue::from_str(&value).ok()?;
    value.set_sensitive(true);
    Some((name.trim().parse().ok()?, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let env = variables
            .iter()
            .fold(Environment::empty(), |env, (name, value)| {
                env.with(*name, *value)
            });
        Settings::of(&env)
    }

    #[test]
    fn nothing_is_sent_unless_somebody_says_where() {
        for variables in [
            &[][..],
            &[("OTEL_SERVICE_NAME", "x")],
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318"),
                ("OTEL_SDK_DISABLED", "true"),
            ],
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:4318"),
                ("OTEL_TRACES_EXPORTER", "none"),
            ],
        ] {
            assert!(matches!(of(variables), Ok(None)), "{variables:?}");
        }
    }

    #[test]
    fn the_address_is_a_base_unless_it_is_that_of_traces() {
        for (name, address, endpoint) in [
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "http://h:4318",
                "http://h:4318/v1/traces",
            ),
            (
                "OTEL_EXPORTER_OTLP_ENDPOINT",
                "https://h/otlp/",
                "https://h/otlp/v1/traces",
            ),
            (
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
                "http://h/in",
                "http://h/in",
            ),
        ] {
            let settings = of(&[(name, address)]).expect("good").expect("some");
            assert_eq!(settings.endpoint.as_str(), endpoint);
            assert_eq!(settings.service, "autogw");
        }
    }

    #[test]
    fn keys_in_the_clear_are_noticed() {
        for (endpoint, headers, shows) in [
            ("http://collector:4318", "x-key=k", true),
            ("http://192.0.2.1:4318", "x-key=k", true),
            ("http://127.0.0.1.example.com", "x-key=k", true),
            ("http://u:p@collector", "", true),
            ("http://collector:4318", "", false),
            ("https://collector:4318", "x-key=k", false),
            ("http://localhost:4318", "x-key=k", false),
            ("http://127.0.0.2:4318", "x-key=k", false),
            ("http://[::1]:4318", "x-key=k", false),
        ] {
            let settings = of(&[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
                ("OTEL_EXPORTER_OTLP_HEADERS", headers),
            ]);
            let settings = settings.expect("good").expect("some");
            assert_eq!(settings.shows_keys(), shows, "{endpoint} {headers}");
        }
    }

    #[test]
    fn headers_are_read_and_never_shown() {
        let settings = of(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h"),
            (
                "OTEL_EXPORTER_OTLP_HEADERS",
                "x-key=canary%20one, x-team=blue",
            ),
        ]);
        let settings = settings.expect("good").expect("some");
        assert_eq!(settings.headers["x-key"], "canary one");
        assert_eq!(settings.headers.len(), 2);
        assert!(!format!("{settings:?} {:?}", settings.headers).contains("canary"));
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_HEADERS", "canary"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "canary"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ] {
            let fault = of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h"), (name, value)]);
            let fault = fault.expect_err("a fault");
            assert!(fault.contains(name) && !fault.contains("canary"), "{fault}");
        }
    }
}
