//! The service that systemd keeps running, where one is installed.

use std::path::Path;

use tokio::time::timeout;

use super::finding::Finding;
use super::patient::Patient;
use crate::cli::service::{self, Scope, State};

/// What is found.
pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let asked = service::state(&patient.env, patient.name.as_ref());
    match timeout(patient.share(0.6), asked).await {
        Ok(Some(state)) => {
            let mut findings = told(&state);
            findings.extend(ends_with_the_session(patient, &state));
            findings
        }
        Ok(None) => Vec::new(),
        Err(_) => {
            let finding = Finding::warning("", "systemd does not answer");
            vec![finding.fix("`systemctl status` says how it is")]
        }
    }
}

fn told(state: &State) -> Vec<Finding> {
    let of_user = match state.scope {
        Scope::User => " --user",
        Scope::System => "",
    };
    let mut findings = vec![activity(state, of_user)];
    if state.drift == Some(true) {
        let finding = Finding::warning(&*state.unit, "the unit is not what would be installed now");
        findings.push(finding.fix(format!("`autogw service install{of_user}`")));
    }
    if !state.enabled && state.trouble.is_none() {
        let finding = Finding::note(&*state.unit, "it does not start by itself");
        findings.push(finding.fix(format!("`systemctl{of_user} enable {}`", state.unit)));
    }
    findings
}

/// What systemd keeps for each user whose services outlive the session.
const LINGERING: &str = "/var/lib/systemd/linger";

fn ends_with_the_session(patient: &Patient, state: &State) -> Option<Finding> {
    let user = patient.env.filled("USER")?;
    let is_kept = state.scope == Scope::System || Path::new(LINGERING).join(user).exists();
    (!is_kept).then(|| {
        let finding = Finding::warning(
            &*state.unit,
            "it ends when you log out, and is not started at boot",
        );
        finding.fix("`loginctl enable-linger`")
    })
}

fn activity(state: &State, of_user: &str) -> Finding {
    let unit = &*state.unit;
    if let Some(trouble) = &state.trouble {
        return Finding::note(
            unit,
            format!("it is installed, and systemd cannot be asked: {trouble}"),
        );
    }
    if !state.active {
        let result = state
            .result
            .as_deref()
            .filter(|result| *result != "success");
        let result = result.map_or_else(String::new, |result| format!(" ({result})"));
        let finding =
            Finding::warning(unit, format!("it is installed and {}{result}", state.state));
        let log = format!("`journalctl{of_user} -u {unit} -n 50` says why");
        return finding.fix(format!("`systemctl{of_user} start {unit}`; {log}"));
    }
    if state.answers == Some(false) {
        let finding = Finding::error(unit, "it runs, and its gateway does not answer");
        return finding.fix(format!("`systemctl{of_user} restart {unit}`"));
    }
    Finding::ok(unit, "it runs")
}
