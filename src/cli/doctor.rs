//! `autogw doctor`: finds what is wrong before a request does, and says how to mend it.
//!
//! A check is a file of `doctor/` and a line of `CHECKS`: a function from the `Patient` to findings. All of
//! them run at once and each within the same time, so that the whole ends even where everything hangs.
//! Nothing is changed, and no secret is in what is told: every word goes through the redactor.

mod answer;
mod certificate;
mod clients;
mod clock;
mod configuration;
mod disk;
mod files;
mod finding;
mod holder;
mod key_shape;
mod keys;
mod listener;
mod listing;
mod network;
mod patient;
mod port;
mod providers;
mod running;
mod service;
mod system;
mod told;
mod trust;
mod tunnels;
mod variables;

use std::time::Duration;

use clap::Args;
use futures_util::FutureExt as _;
use futures_util::future::{LocalBoxFuture, join_all};

use super::console::Console;
use super::exit::Exit;
use super::source::SourceArgs;
use crate::config::Environment;
use finding::{Finding, Verdict};
use patient::Patient;
use told::Report;

/// Find what is wrong, and say how to mend it
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw doctor                    the configuration that `autogw start` would use, and all around it
  autogw doctor --config team.yaml this file
  autogw doctor --offline          without asking any provider
  autogw doctor --json | jq '.findings[] | select(.verdict == \"error\")'

It looks at the configuration, the files, the port, the running gateway, every provider (name,
connection, certificate) and every key (the listing of models, or one tiny request), the clock, the
tunnels, the service, and the clients that were connected or are told by variables. It changes nothing and shows no key.

--json prints {version, ok, errors, warnings, findings: [{check, subject, verdict, message, fix,
details}]}. verdict is ok, note, warning or error; fix is a command or a setting, or null; details
are lines. ok is false where there is an error.

Exit status: 0 nothing is wrong (warnings there may be), 1 something is wrong, 2 wrong usage.")]
pub struct DoctorArgs {
    #[command(flatten)]
    source: SourceArgs,

    /// Ask nobody outside of this machine
    #[arg(long)]
    offline: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// How long all of it may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

/// A check: what is found at a patient, in the order in which it is told.
type Check = for<'a> fn(&'a Patient) -> LocalBoxFuture<'a, Vec<Finding>>;

/// Every check under the name of its group, in the order in which they are told.
const CHECKS: [(&str, Check); 10] = [
    ("configuration", |it| configuration::check(it).boxed_local()),
    ("files", |it| at_once(files::check(it))),
    ("system", |it| at_once(system::check(it))),
    ("listener", |it| at_once(listener::check(it))),
    ("port", |it| port::check(it).boxed_local()),
    ("gateway", |it| running::check(it).boxed_local()),
    ("service", |it| service::check(it).boxed_local()),
    ("providers", |it| providers::check(it).boxed_local()),
    ("tunnels", |it| tunnels::check(it).boxed_local()),
    ("clients", |it| clients::check(it).boxed_local()),
];

/// Those that look at what the others have seen.
const AFTERWARDS: [(&str, Check); 1] = [("clock", |it| at_once(clock::check(it)))];

/// Runs the verb.
pub async fn run(args: &DoctorArgs, env: Environment, console: &mut Console<'_>) -> Exit {
    let env = match args.source.environment(env) {
        Ok(env) => env,
        Err(error) => {
            console.config_error(&error);
            return Exit::Usage;
        }
    };
    let within = Duration::from_secs(args.timeout);
    let patient = Patient::meet(&args.source, env, args.offline, within).await;
    let mut findings = all(&CHECKS, &patient).await;
    findings.extend(all(&AFTERWARDS, &patient).await);
    let report = Report::new(findings, &patient.redactor());
    if args.json {
        console.json(&report);
    } else {
        console.page(&report.page());
    }
    if report.is_well() {
        Exit::Done
    } else {
        Exit::Failed
    }
}

fn at_once(findings: Vec<Finding>) -> LocalBoxFuture<'static, Vec<Finding>> {
    std::future::ready(findings).boxed_local()
}

/// What `checks` find, all asked at once.
async fn all(checks: &[(&'static str, Check)], patient: &Patient) -> Vec<Finding> {
    let asked = checks.iter().map(|(name, check)| async move {
        let found = tokio::time::timeout(patient.within, check(patient)).await;
        let mut findings = found.unwrap_or_else(|_| vec![unfinished(patient)]);
        for finding in &mut findings {
            finding.check = name;
        }
        findings
    });
    join_all(asked).await.into_iter().flatten().collect()
}

fn unfinished(patient: &Patient) -> Finding {
    let message = format!("this was not finished within {:?}", patient.within);
    Finding::new(Verdict::Warning, "", message).fix("give it more time with --timeout")
}
