//! Setups to be looked at, and what is found there. Every report is searched for the keys of the setup.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Binary, Upstream};

/// A part of every key.
pub(super) const CANARY: &str = "canary7f3a";

/// A home with a configuration.
pub(super) struct Setup {
    home: Arc<TempDir>,
}

impl Setup {
    /// One with this configuration.
    pub(super) fn new(config: &Value) -> Self {
        Self::written(&config.to_string())
    }

    /// One with these providers, which listens wherever there is room.
    pub(super) fn of_providers(providers: impl IntoIterator<Item = Value>) -> Self {
        let providers: Vec<Value> = providers.into_iter().collect();
        Self::new(&json!({ "server": { "port": 0 }, "providers": providers }))
    }

    /// One with this text for a configuration.
    pub(super) fn written(config: &str) -> Self {
        Self::at(Arc::new(tempfile::tempdir().expect("a directory")), config)
    }

    /// The same in a home that is there already.
    pub(super) fn at(home: Arc<TempDir>, config: &str) -> Self {
        fs::write(home.path().join("test.json"), config).expect("written");
        let setup = Self { home };
        setup.chmod(0o600);
        setup
    }

    /// Its home.
    pub(super) fn path(&self) -> &Path {
        self.home.path()
    }

    /// Changes who may read the configuration.
    pub(super) fn chmod(&self, mode: u32) {
        let file = self.home.path().join("test.json");
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("it is ours");
    }

    /// Status and report.
    pub(super) async fn json(&self) -> (Option<i32>, Value) {
        self.report(&["--json"], &[]).await
    }

    /// The same with more arguments and variables.
    pub(super) async fn report(
        &self,
        args: &[&str],
        variables: &[(&str, &str)],
    ) -> (Option<i32>, Value) {
        let (code, out) = self.run(args, variables).await;
        let report = serde_json::from_str(&out);
        (
            code,
            report.unwrap_or_else(|error| panic!("{error}: {out}")),
        )
    }

    /// Status and what a person reads.
    pub(super) async fn text(&self, args: &[&str]) -> (Option<i32>, String) {
        self.run(args, &[]).await
    }

    async fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String) {
        let file = self.home.path().join("test.json");
        let file = file.to_string_lossy();
        let args = ["doctor", "--config", &*file]
            .into_iter()
            .chain(args.iter().copied());
        let mut binary = Binary::run(self.home.clone(), args, variables.iter().copied());
        let code = binary.exit().await.code();
        let (out, err) = (binary.stdout(), binary.stderr());
        assert!(!out.contains(CANARY) && !err.contains(CANARY), "{out}{err}");
        (code, out)
    }

    /// Asserts that `fault` is an error with this `fix`.
    pub(super) async fn error(&self, check: &str, fault: &str, fix: &str) {
        assert_eq!(self.found("error", check, fault, fix).await, Some(1));
    }

    /// Asserts that `fault` is found with this `fix`, for eyes and for scripts; returns the status.
    pub(super) async fn found(
        &self,
        verdict: &str,
        check: &str,
        fault: &str,
        fix: &str,
    ) -> Option<i32> {
        let (code, report) = self.json().await;
        let finding = finding(&report, verdict, check, fault);
        let mended = finding["fix"].as_str().unwrap_or_default();
        assert!(mended.contains(fix), "{fix}: {report}");
        assert_eq!(code == Some(0), report["errors"] == 0, "{report}");
        let (_, text) = self.text(&[]).await;
        let words: Vec<&str> = text.split_whitespace().collect();
        let text = words.join(" ");
        assert!(
            text.contains(fault) && text.contains(fix),
            "{fault}: {text}"
        );
        code
    }
}

/// The finding of `report` that says `fault`.
#[track_caller]
pub(super) fn finding<'a>(report: &'a Value, verdict: &str, check: &str, fault: &str) -> &'a Value {
    let findings = report["findings"].as_array().expect("findings");
    let is_it = |finding: &&Value| {
        finding["verdict"] == verdict
            && finding["check"] == check
            && finding["message"]
                .as_str()
                .is_some_and(|said| said.contains(fault))
    };
    let found = findings.iter().find(is_it);
    found.unwrap_or_else(|| panic!("no {verdict} of {check} says `{fault}`: {report:#}"))
}

/// A provider at `origin` with a key.
pub(super) fn provider(origin: &str) -> Value {
    json!({
        "type": "openai_compatible",
        "name": "a",
        "base_url": format!("{origin}/v1"),
        "api_key": format!("sk-{CANARY}-0123456789"),
        "models": ["m"],
    })
}

/// Where `upstream` is.
pub(super) fn url(upstream: &Upstream) -> String {
    format!("http://{}", upstream.address())
}

/// The port that a banner names.
pub(super) fn port_of(banner: &Value) -> u16 {
    let url = banner["url"].as_str().unwrap_or_default();
    let port = url.trim_end_matches('/').rsplit(':').next();
    port.and_then(|port| port.parse().ok()).expect("a port")
}

/// A certificate of 2020 and its key, as files in `directory`.
pub(super) fn expired(directory: &Path) -> (String, String) {
    let names = vec!["localhost".to_owned()];
    let mut params = rcgen::CertificateParams::new(names).expect("names");
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2020, 1, 2);
    let key = rcgen::KeyPair::generate().expect("a key");
    let cert = params.self_signed(&key).expect("a certificate");
    let write = |name: &str, text: String| {
        let path = directory.join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
        path.to_string_lossy().into_owned()
    };
    (
        write("cert.pem", cert.pem()),
        write("key.pem", key.serialize_pem()),
    )
}
