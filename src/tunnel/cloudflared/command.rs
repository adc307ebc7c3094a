//! The command line and the environment of cloudflared.
//!
//! What is optional goes into the environment: a version that does not know a variable ignores it, one
//! that does not know a flag gives up. The environment is made from nothing, because ours holds the keys
//! of every provider; and no secret is an argument, because `ps` shows those to everybody.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::config;

use super::Place;

/// Variables that are handed down.
const HANDED_DOWN: [&str; 8] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TMPDIR",
    "TZ",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];

/// Beginnings of variables that are handed down.
const HANDED_DOWN_FAMILIES: [&str; 2] = ["LC_", "XDG_"];

/// Variables that are handed down in capitals as well.
const PROXIES: [&str; 3] = ["http_proxy", "https_proxy", "no_proxy"];

/// What is set for every run.
const SET: [(&str, &str); 7] = [
    // Its updates would end the process that is watched here, and leave another.
    ("NO_AUTOUPDATE", "true"),
    // They print a second table, and find out what a moment later is seen anyway.
    ("TUNNEL_NO_PRECHECKS", "true"),
    ("TUNNEL_METRICS", "127.0.0.1:0"),
    ("TUNNEL_LOGLEVEL", "info"),
    ("TUNNEL_LOG_OUTPUT", "json"),
    // It waits this long at its end even when idle, and what is under way has been waited for before.
    ("TUNNEL_GRACE_PERIOD", "1s"),
    // QUIC, and HTTP/2 where UDP is blocked: some versions do not go that way by themselves.
    ("TUNNEL_TRANSPORT_PROTOCOL", "auto"),
];

/// A quick tunnel must be given the URL of a service. The file names another, which counts; should a
/// version think differently, nothing answers here.
const NOWHERE: &str = "http://127.0.0.1:1";

/// The command that starts `program` behind the launcher, in a process group of its own: Ctrl-C at the
/// terminal is for the gateway, which still has requests to finish.
pub(super) fn command(
    program: &Path,
    settings: &config::Cloudflared,
    place: &Place,
    inherited: impl IntoIterator<Item = (OsString, OsString)>,
) -> Command {
    let own = std::process::id().to_string();
    let mut command = Command::new(&place.launcher);
    command
        .args(["tunnel-child", "--parent", &own, "--"])
        .arg(program)
        .args(arguments(settings, &place.config))
        .env_clear()
        .envs(
            inherited
                .into_iter()
                .filter(|(name, _)| is_handed_down(name)),
        )
        .envs(SET)
        .envs(
            settings
                .region
                .iter()
                .map(|region| ("TUNNEL_REGION", region)),
        )
        .envs(
            settings
                .token
                .iter()
                .map(|token| ("TUNNEL_TOKEN", token.expose())),
        )
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn arguments(settings: &config::Cloudflared, config: &Path) -> Vec<OsString> {
    let mut all: Vec<OsString> = vec!["tunnel".into(), "--config".into(), config.into()];
    if !settings.is_named() {
        all.extend(["--url".into(), NOWHERE.into()]);
    }
    all.extend(settings.args.iter().map(OsString::from));
    if settings.is_named() && !settings.runs_by_args() {
        all.push(config::Cloudflared::RUN.into());
    }
    all
}

fn is_handed_down(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else {
        return false;
    };
    let is_proxy = |proxy: &str| name == proxy || name == proxy.to_ascii_uppercase();
    HANDED_DOWN.contains(&name)
        || HANDED_DOWN_FAMILIES
            .iter()
            .any(|family| name.starts_with(family))
        || PROXIES.iter().any(|proxy| is_proxy(proxy))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::provider::Secret;

    fn place() -> Place {
        Place {
            launcher: "/bin/autogw".into(),
            socket: "/run/gw.sock".into(),
            config: "/run/gw.yml".into(),
        }
    }

    fn made(settings: &config::Cloudflared, inherited: &[(&str, &str)]) -> Command {
        let inherited = inherited
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        command(Path::new("/bin/cloudflared"), settings, &place(), inherited)
    }

    fn arguments_of(command: &Command) -> Vec<String> {
        let all = command.get_args().map(OsStr::to_string_lossy);
        all.map(std::borrow::Cow::into_owned).collect()
    }

    fn environment_of(command: &Command) -> BTreeMap<String, String> {
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        let set = command
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        set.map(|(name, value)| (text(name), text(value))).collect()
    }

    #[test]
    fn a_quick_tunnel_is_asked_for_with_our_file() {
        let settings = config::Cloudflared {
            args: vec!["--edge-ip-version".to_owned(), "4".to_owned()],
            region: Some("us".to_owned()),
            ..config::Cloudflared::default()
        };
        let command = made(&settings, &[]);
        let own = std::process::id().to_string();
        let expected = [
            "tunnel-child",
            "--parent",
            &own,
            "--",
            "/bin/cloudflared",
            "tunnel",
            "--config",
            "/run/gw.yml",
            "--url",
            NOWHERE,
            "--edge-ip-version",
            "4",
        ];
        assert_eq!(arguments_of(&command), expected);
        assert_eq!(environment_of(&command)["TUNNEL_REGION"], "us");
    }

    #[test]
    fn a_token_is_in_the_environment_and_nowhere_else() {
        let settings = config::Cloudflared {
            token: Some(Secret::new("canary-token")),
            args: vec!["--protocol=http2".to_owned()],
            ..config::Cloudflared::default()
        };
        let command = made(&settings, &[("TUNNEL_TOKEN", "another")]);
        let arguments = arguments_of(&command);
        assert!(arguments.ends_with(&["--protocol=http2".to_owned(), "run".to_owned()]));
        assert!(!arguments.iter().any(|argument| argument.contains("canary")));
        assert_eq!(environment_of(&command)["TUNNEL_TOKEN"], "canary-token");
    }

    #[test]
    fn a_tunnel_that_the_arguments_name_is_no_quick_one() {
        let own = ["run", "--token-file", "/run/token"];
        for token in [None, Some(Secret::new("canary-token"))] {
            let settings = config::Cloudflared {
                args: own.map(str::to_owned).to_vec(),
                token,
                ..config::Cloudflared::default()
            };
            let arguments = arguments_of(&made(&settings, &[]));
            let begin = ["/bin/cloudflared", "tunnel", "--config", "/run/gw.yml"];
            assert_eq!(arguments[4..], [&begin[..], &own[..]].concat());
        }
    }

    #[test]
    fn nothing_is_handed_down_that_it_does_not_need() {
        let command = made(
            &config::Cloudflared::default(),
            &[
                ("PATH", "/bin"),
                ("HTTPS_PROXY", "http://p:1"),
                ("no_proxy", "x"),
                ("LC_ALL", "C"),
                ("OPENAI_API_KEY", "canary"),
                ("AUTOGW_HOME", "/h"),
                ("TUNNEL_TOKEN", "canary"),
                ("TUNNEL_URL", "http://127.0.0.1:80"),
                ("TUNNEL_LOGFILE", "/f"),
            ],
        );
        let mut environment = environment_of(&command);
        for (name, value) in SET {
            assert_eq!(environment.remove(name).as_deref(), Some(value));
        }
        let left: Vec<_> = environment.keys().map(String::as_str).collect();
        assert_eq!(left, ["HTTPS_PROXY", "LC_ALL", "PATH", "no_proxy"]);
    }
}
