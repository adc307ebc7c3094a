//! Panics go into the log like everything else, without key material.

use std::io::{self, Write as _};

use crate::provider::Redactor;

/// Sends every panic to the log, without key material; a back-trace only if `RUST_BACKTRACE` asks for it.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic_text(panic);
        if tracing::dispatcher::has_been_set() {
            tracing::error!("{text}");
        } else {
            let text = Redactor::default().redact(&text).into_owned();
            // Nothing is left to be told if stderr is gone as well.
            let _ = writeln!(io::stderr(), "error: {text}");
        }
    }));
}

fn panic_text(panic: &std::panic::PanicHookInfo<'_>) -> String {
    use std::backtrace::{Backtrace, BacktraceStatus};
    let message = panic.payload_as_str().unwrap_or("(no message)");
    let mut text = match panic.location() {
        Some(place) => format!("panic at {}:{}: {message}", place.file(), place.line()),
        None => format!("panic: {message}"),
    };
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        text = format!("{text}\n{trace}");
    }
    text
}
