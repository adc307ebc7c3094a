//! Keys that are written out in a file: they are copied, committed and shown around with it.
//!
//! One warning for a file, however many keys there are, and one more if others can read it.

use super::report::{Place, Report};

/// Most paths that are named; the rest is counted.
const NAMED: usize = 3;

/// Warns about the keys that `report` saw in the file `name`; `loose_mode` is its mode if others can read it.
pub(super) fn warn(name: &str, loose_mode: Option<u32>, report: &mut Report) {
    let places = report.inline_secrets();
    let Some(first) = places.iter().min_by_key(|place| place.span.start).cloned() else {
        return;
    };
    let message = message(places);
    report
        .warning(&first, message)
        .hint("keep keys in variables, and write ${NAME} here");
    if let Some(mode) = loose_mode {
        report
            .warning(
                &first,
                format!("others can read this file and the keys in it (mode {mode:04o})"),
            )
            .hint(format!("`chmod 600 {name}`"));
    }
}

fn message(places: &[Place]) -> String {
    let paths: Vec<&str> = places.iter().map(|place| place.path.as_str()).collect();
    let named = paths[..paths.len().min(NAMED)].join(", ");
    match paths.len() {
        1 => format!("inline secret: {named}"),
        count @ 2..=NAMED => format!("{count} inline secrets: {named}"),
        count => format!("{count} inline secrets: {named} and {} more", count - NAMED),
    }
}
