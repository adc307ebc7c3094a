//! The public door that is configured: its program, its token, and who gets in.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use super::configuration::told;
use super::finding::Finding;
use super::patient::Patient;
use crate::config::{Config, Environment, Tunnel, authtoken_fault};
use crate::server::auth::LONG_ENOUGH;
use crate::telemetry::foreign;
use crate::tunnel::cloudflared;

/// Letters of ngrok's shortest authtoken, about; those that they hand out have 49.
const SHORTEST_TOKEN: usize = 25;

/// What is found.
pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let Some((config, kind)) = patient
        .config()
        .and_then(|config| Some((config, config.server.tunnel?)))
    else {
        return Vec::new();
    };
    let mut findings = match kind {
        Tunnel::Cloudflared => vec![of_cloudflared(patient, config).await],
        Tunnel::Ngrok => of_ngrok(patient, config),
    };
    findings.extend(weak_keys(config));
    findings
}

async fn of_cloudflared(patient: &Patient, config: &Config) -> Finding {
    match cloudflared::find(&config.tunnels.cloudflared) {
        Err(trouble) => {
            let finding = Finding::error("cloudflared", trouble.message);
            match trouble.hint {
                Some(hint) => finding.fix(hint),
                None => finding,
            }
        }
        Ok(path) => version(patient, &path).await,
    }
}

/// The question for its version. The keys in this process's environment are none of its business.
fn asking(program: &Path, env: &Environment) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--version")
        .env_clear()
        .envs(env.get("PATH").map(|path| ("PATH", path)))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn version(patient: &Patient, program: &Path) -> Finding {
    let shown = program.display().to_string();
    let asked = asking(program, &patient.env).output();
    let output = timeout(patient.share(0.3), asked).await;
    match output {
        Ok(Ok(output)) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout);
            let text = foreign::shown(&text, &patient.redactor(), foreign::LONGEST_QUOTE);
            Finding::ok("cloudflared", format!("{shown}: {text}"))
        }
        Ok(Ok(_)) | Err(_) => {
            Finding::error("cloudflared", format!("{shown} does not say its version"))
                .fix("install it anew, or correct `binary` of the tunnel")
        }
        Ok(Err(error)) => Finding::error("cloudflared", format!("{shown} cannot be run: {error}"))
            .fix("install it anew, or correct `binary` of the tunnel"),
    }
}

fn of_ngrok(patient: &Patient, config: &Config) -> Vec<Finding> {
    const GET: &str = "copy it from https://dashboard.ngrok.com/get-started/your-authtoken, and `export NGROK_AUTHTOKEN=…`";
    let mut findings: Vec<Finding> = authtoken_fault(config, &patient.env)
        .iter()
        .map(told)
        .collect();
    findings.push(match &config.tunnels.ngrok.authtoken {
        None => Finding::error("ngrok", "there is no authtoken").fix(GET),
        Some(token) => match token_fault(token.secret.expose()) {
            Some(fault) => {
                let message = format!("the authtoken from {} {fault}", token.origin);
                Finding::error("ngrok", message).fix(GET)
            }
            None => Finding::ok("ngrok", format!("an authtoken from {}", token.origin)),
        },
    });
    findings
}

/// What an authtoken of ngrok's never is: <https://ngrok.com/docs/agent/#authtokens>.
fn token_fault(token: &str) -> Option<&'static str> {
    let is_plain = token
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if token.starts_with("cr_") || token.starts_with("ak_") {
        Some("is the id of a credential, and not the token itself")
    } else if !is_plain {
        Some("holds characters that no authtoken has")
    } else if token.len() < SHORTEST_TOKEN {
        Some("is too short for one")
    } else {
        None
    }
}

fn weak_keys(config: &Config) -> Option<Finding> {
    let keys = config.server.api_keys.iter();
    let weak = keys.filter(|key| key.expose().len() < LONG_ENOUGH).count();
    (weak > 0).then(|| {
        let message = format!(
            "{weak} of the client keys are shorter than {LONG_ENOUGH} characters, too short for a public door"
        );
        Finding::warning("server.api_key", message).fix("make longer ones: `openssl rand -hex 24`")
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[tokio::test]
    async fn the_program_is_asked_without_keys() {
        let directory = tempfile::tempdir().expect("a directory");
        let program = directory.path().join("cloudflared");
        std::fs::write(&program, "#!/bin/sh\nexec env\n").expect("written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&program, mode).expect("set");
        let env = Environment::empty().with("PATH", "/usr/bin:/bin");
        let output = asking(&program, &env).output().await.expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let names = text.lines().filter_map(|line| line.split_once('='));
        // A shell sets some of its own.
        let foreign =
            names.filter(|(name, _)| !["PATH", "PWD", "_", "SHLVL", "OLDPWD"].contains(name));
        assert_eq!(foreign.collect::<Vec<_>>(), []);
        assert!(text.contains("PATH=/usr/bin:/bin"), "{text}");
    }

    #[test]
    fn what_is_no_authtoken_is_told_from_one() {
        for (token, is_good) in [
            ("2abcDEF0123456789abcdefgh_4ijKLmnop56789QRstuvwxyz", true),
            ("cr_2abcDEF0123456789abcdefgh", false),
            ("short", false),
            (
                "ngrok config add-authtoken 2abcDEF0123456789abcdefgh",
                false,
            ),
        ] {
            assert_eq!(token_fault(token).is_none(), is_good, "{token}");
        }
    }
}
