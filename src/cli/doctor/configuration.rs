//! The configuration: where it was found, and what is wrong with it.

use super::finding::{Finding, Verdict};
use super::patient::Patient;
use super::running;
use crate::cli::banner::Origin;
use crate::cli::setup::Setup;
use crate::cli::shell;
use crate::config::{Diagnostic, Severity};
use crate::provider::Models;

/// What is found.
pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    match &patient.setup {
        Ok(setup) => {
            let warnings = setup.warnings.iter().map(told);
            std::iter::once(summary(setup)).chain(warnings).collect()
        }
        Err(error) => match elsewhere(patient).await {
            Some(finding) => vec![finding],
            None => error.diagnostics.iter().map(told).collect(),
        },
    }
}

/// A gateway that runs has its providers from somewhere: it is the demo, or was started where there were other
/// variables. That this shell has none is not wrong with it.
async fn elsewhere(patient: &Patient) -> Option<Finding> {
    if !patient.has_nothing {
        return None;
    }
    let about = running::about(patient).await?;
    let message =
        "no configuration file, and no provider in this shell; the running gateway has its own";
    Some(Finding::note("", message).detail(about.config))
}

fn summary(setup: &Setup) -> Finding {
    let config = &setup.config;
    let subject = match &setup.origin {
        Origin::File(path) => path.display().to_string(),
        Origin::Found(origins) => format!("no file, found in {}", origins.join(", ")),
        Origin::Demo => "demo".to_owned(),
    };
    let listed = config.providers.iter().map(|one| match &one.models {
        Models::Everything => 0,
        Models::Listed(models) => models.len(),
    });
    let (providers, models): (usize, usize) = (config.providers.len(), listed.sum());
    let message = format!(
        "{}, {}, strategy {}",
        counted(providers, "provider"),
        counted(models, "listed model"),
        config.router.strategy.name()
    );
    Finding::ok(subject, message)
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A diagnostic as it stands, with its place.
pub(super) fn told(diagnostic: &Diagnostic) -> Finding {
    let verdict = match diagnostic.severity {
        Severity::Error => Verdict::Error,
        Severity::Warning => Verdict::Warning,
    };
    let mut finding = Finding::new(verdict, &*diagnostic.path, &*diagnostic.message);
    finding.fix = diagnostic.hint.clone().or_else(|| {
        let file = diagnostic.file.as_ref()?;
        // It draws the line with the place that is meant.
        let command = format!("autogw check {}", shell::quoted(file));
        (verdict == Verdict::Error).then(|| format!("mend it there: `{command}` shows the line"))
    });
    match (&diagnostic.file, diagnostic.line, diagnostic.column) {
        (Some(file), Some(line), Some(column)) => finding.detail(format!("{file}:{line}:{column}")),
        (Some(file), ..) => finding.detail(file.clone()),
        (None, ..) => finding,
    }
}
