//! Certificates and keys that cannot be served with, and those that are served with but told about.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, date_time_ymd};
use tempfile::TempDir;

use super::authority::{Authority, put, settings};
use crate::support::{Binary, Config, Reply, Upstream, chat};

/// A directory with a good certificate and its key.
fn good() -> (TempDir, Authority) {
    let authority = Authority::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    authority.issue(&["localhost"]).write(directory.path());
    (directory, authority)
}

async fn config(directory: &Path) -> (String, Upstream) {
    let upstream = Upstream::always(Reply::json(200, chat::answer("A"))).await;
    let config = Config::over([&upstream]).server("tls", settings(directory));
    (config.text(), upstream)
}

/// What a start and a check say of the files in `directory`, which cannot be used.
async fn refused(directory: &Path) -> String {
    let (config, _upstream) = config(directory).await;
    let mut binary = Binary::launch(&config, &["start", "--json"]);
    assert_eq!(binary.exit().await.code(), Some(2), "{}", binary.stderr());
    let said = binary.stderr();
    assert_eq!(binary.stdout(), "", "it never listened");
    let mut check = binary.again(&["check"]);
    assert_eq!(check.exit().await.code(), Some(2), "{}", check.stderr());
    let words = |said: &str| said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(words(&check.stderr()), words(&said), "both say the same");
    words(&said)
}

#[tokio::test]
async fn what_cannot_be_served_with_is_named_before_the_start() {
    let block = |label: &str, inside: &str| {
        format!("-----BEGIN {label}-----\n{inside}\n-----END {label}-----\n")
    };
    let other = Authority::new().issue(&["localhost"]);
    let legacy = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA";
    let cases = [
        ("cert.pem", None, "server.tls.cert: cannot read"),
        ("key.pem", None, "server.tls.key: cannot read"),
        (
            "cert.pem",
            Some(String::new()),
            "there is no certificate in",
        ),
        (
            "key.pem",
            Some(other.cert.clone()),
            "there is no private key in",
        ),
        (
            "key.pem",
            Some(block("ENCRYPTED PRIVATE KEY", "AAAA")),
            "is encrypted",
        ),
        (
            "key.pem",
            Some(block("RSA PRIVATE KEY", legacy)),
            "is encrypted",
        ),
        (
            "key.pem",
            Some(block("PRIVATE KEY", "AAAA")),
            "cannot be used",
        ),
        (
            "key.pem",
            Some(other.key.serialize_pem()),
            "does not belong to the certificate",
        ),
        (
            "cert.pem",
            Some(block("CERTIFICATE", "AAAA")),
            "cannot be used",
        ),
        (
            "cert.pem",
            Some(block("CERTIFICATE", "*")),
            "what is inside is not base64",
        ),
        (
            "cert.pem",
            Some("-----BEGIN CERTIFICATE-----\nAAAA".to_owned()),
            "the end of a section",
        ),
    ];
    for (file, text, expected) in cases {
        let (directory, _) = good();
        match &text {
            Some(text) => put(directory.path(), file, text),
            None => fs::remove_file(directory.path().join(file)).expect("removed"),
        }
        let said = refused(directory.path()).await;
        assert!(said.contains(expected), "{file} {text:?}: {said}");
        assert!(said.contains("hint: "), "{said}");
        assert!(said.contains(file), "{said}");
    }
}

#[tokio::test]
async fn what_is_no_file_is_not_waited_for() {
    let (directory, _) = good();
    let cert = directory.path().join("cert.pem");
    fs::remove_file(&cert).expect("removed");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &cert, mode).expect("a pipe");
    let said = refused(directory.path()).await;
    assert!(said.contains("it is not a file"), "{said}");
}

/// What is said of a gateway that serves with the files in `directory`, all the same.
async fn warned(directory: &Path) -> Vec<String> {
    let (config, _upstream) = config(directory).await;
    let (binary, banner) = {
        let binary = Binary::launch(&config, &["start", "--json"]);
        let banner = binary.banner().await;
        (binary, banner)
    };
    let url = banner["url"].as_str().unwrap_or_default();
    assert!(url.starts_with("https://"), "{banner}");
    let mut check = binary.again(&["check", "--json"]);
    assert_eq!(check.exit().await.code(), Some(0), "{}", check.stderr());
    let checked: serde_json::Value = serde_json::from_str(&check.stdout()).expect("JSON");
    let messages = |all: &serde_json::Value| -> Vec<String> {
        let all = all.as_array().expect("a list").iter();
        let all = all.map(|one| one["message"].as_str().unwrap_or_default().to_owned());
        all.filter(|one| one.contains(".pem")).collect()
    };
    let said = messages(&banner["warnings"]);
    assert_eq!(messages(&checked["diagnostics"]), said);
    assert!(checked["tls"]["not_after"].is_string(), "{checked}");
    said
}

fn from_now(days: i64) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = date_time_ymd(1970, 1, 1) + now.expect("after 1970");
        let day = Duration::from_hours(24);
        let days = u32::try_from(days.abs()).map(|count| (days > 0, day * count));
        params.not_after = match days.expect("few") {
            (true, distance) => now + distance,
            (false, distance) => now - distance,
        };
    }
}

#[tokio::test]
async fn what_clients_may_refuse_is_told_at_the_start() {
    let authority = Authority::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tell = async |names: &[&str], change: Box<dyn FnOnce(&mut CertificateParams)>| {
        let issued = authority.issue_as(names, change);
        issued.write(directory.path());
        warned(directory.path()).await.join("\n")
    };
    let local = ["localhost"];
    assert_eq!(tell(&local, Box::new(from_now(90))).await, "");
    let said = tell(&local, Box::new(from_now(3))).await;
    assert!(said.contains("expires soon"), "{said}");
    let said = tell(&local, Box::new(from_now(-3))).await;
    assert!(said.contains("has expired on"), "{said}");
    let said = tell(&[], Box::new(|_| ())).await;
    assert!(said.contains("is for no host"), "{said}");
    let late = |params: &mut CertificateParams| params.not_before = date_time_ymd(4000, 2, 3);
    let said = tell(&local, Box::new(late)).await;
    assert!(said.contains("is not valid before 4000-02-03"), "{said}");
    authority.issue(&local).write(directory.path());
    let key = directory.path().join("key.pem");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("opened");
    let said = warned(directory.path()).await.join("\n");
    assert!(said.contains("(mode 644)"), "{said}");
}

#[tokio::test]
async fn a_few_days_are_enough_for_one_that_never_lives_longer() {
    let short = |params: &mut CertificateParams| {
        from_now(5)(params);
        params.not_before = params.not_after - Duration::from_hours(6 * 24);
    };
    let directory = tempfile::tempdir().expect("a temporary directory");
    let issued = Authority::new().issue_as(&["localhost"], short);
    issued.write(directory.path());
    assert_eq!(warned(directory.path()).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_unix_socket_with_a_certificate_is_told() {
    let (directory, _) = good();
    let (config, _upstream) = config(directory.path()).await;
    let socket = directory.path().join("gw.sock").display().to_string();
    let binary = Binary::launch(&config, &["start", "--json", "--socket", &socket]);
    let banner = binary.banner().await;
    let said = banner["warnings"].to_string();
    assert!(said.contains("which stays plain"), "{said}");
    binary
        .client()
        .await
        .get("/health")
        .send()
        .await
        .expect_status(200);
}
