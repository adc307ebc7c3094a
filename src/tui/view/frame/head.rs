//! The header: which gateway, how it stands with it, where it answers, since when, with which configuration.

use ratatui::style::Style;

use super::Shell;
use crate::telemetry::snapshot::TunnelRow;
use crate::tui::model::Link;
use crate::tui::theme::Tone;
use crate::tui::view::figures;
use crate::tui::view::pen::Pen;
use crate::tui::view::text::columns;

/// Something in the header; pieces that do not fit are left out, the last ones first.
type Piece = Vec<(String, Style)>;

/// Draws it.
pub(super) fn draw(shell: &Shell<'_>, pen: &mut Pen<'_>) {
    let quiet = shell.look.theme.style(Tone::Quiet);
    let mut x = 0;
    for (count, piece) in pieces(shell, pen.width()).into_iter().enumerate() {
        let wide: usize = piece.iter().map(|(text, _)| columns(text)).sum();
        let room = usize::from(pen.width().saturating_sub(x));
        // The first one is the state: it is shown as far as it goes.
        if count > 0 && wide + 3 > room {
            continue;
        }
        x = if count > 0 {
            pen.write(x, 0, " │ ", quiet)
        } else {
            x
        };
        for (text, style) in piece {
            x = pen.write(x, 0, &text, style);
        }
    }
}

fn pieces(shell: &Shell<'_>, width: u16) -> Vec<Piece> {
    let theme = shell.look.theme;
    let (quiet, plain) = (theme.style(Tone::Quiet), Style::new());
    let about = &shell.look.model.snapshot.about;
    let up = shell.look.now_ms.saturating_sub(about.started_ms);
    let is_known = about.started_ms > 0;
    let mut pieces = vec![state(shell, width)];
    let (config, tone) = configuration(shell);
    let config = vec![(config, theme.style(tone))];
    if tone == Tone::Bad {
        pieces.push(config.clone());
    }
    if is_known {
        pieces.push(vec![
            ("up ".to_owned(), quiet),
            (figures::lasting(up), plain),
        ]);
    }
    pieces.extend(
        shell
            .look
            .model
            .snapshot
            .tunnels
            .iter()
            .filter_map(|row| tunnel(shell, row, width)),
    );
    if is_known && tone != Tone::Bad {
        pieces.push(config);
    }
    pieces
}

fn state(shell: &Shell<'_>, width: u16) -> Piece {
    let theme = shell.look.theme;
    let about = &shell.look.model.snapshot.about;
    let name = about.name.as_ref().map(|name| format!(" {name}"));
    let mut piece = vec![
        (" autogw".to_owned(), theme.style(Tone::Strong)),
        (
            format!("{} {} ", name.unwrap_or_default(), about.version),
            theme.style(Tone::Quiet),
        ),
    ];
    let url = match about.url.strip_prefix("http://") {
        Some(short) if width < 100 => short,
        _ => about.url.as_str(),
    };
    let (tone, words) = match &shell.look.model.link {
        Link::Connecting => (Tone::Busy, "looking for the gateway".to_owned()),
        Link::Lost { reason, again_in } => {
            let seconds = again_in.as_secs().saturating_add(1);
            (
                Tone::Bad,
                format!("gateway gone, looking again in {seconds} s ({reason})"),
            )
        }
        Link::Live if about.is_draining => (Tone::Warn, format!("draining {url}")),
        Link::Live if width < 100 => (Tone::Good, url.to_owned()),
        Link::Live => (Tone::Good, format!("serving {url}")),
    };
    piece.push((format!("{} {words}", theme.glyph(tone)), theme.style(tone)));
    piece
}

/// A tunnel that is open, or on its way.
fn tunnel(shell: &Shell<'_>, row: &TunnelRow, width: u16) -> Option<Piece> {
    let theme = shell.look.theme;
    let (tone, words) = match row.state.as_str() {
        "stopped" | "" => return None,
        "online" => {
            let url = row.url.as_deref().unwrap_or("online");
            (
                Tone::Good,
                url.strip_prefix("https://").unwrap_or(url).to_owned(),
            )
        }
        "failed" => (Tone::Bad, format!("{} failed", row.kind)),
        "waiting" => {
            let left = row
                .retry_at_ms
                .map(|at| figures::countdown(at, shell.look.now_ms));
            (
                Tone::Warn,
                format!("{} again in {}", row.kind, left.unwrap_or_default()),
            )
        }
        state => (Tone::Busy, format!("{} {state}", row.kind)),
    };
    let what = if width < 100 { "" } else { "tunnel " };
    Some(vec![
        (what.to_owned(), theme.style(Tone::Quiet)),
        (format!("{} {words}", theme.glyph(tone)), theme.style(tone)),
    ])
}

fn configuration(shell: &Shell<'_>) -> (String, Tone) {
    match &shell.look.model.snapshot.about.reloaded {
        None => ("cfg ok".to_owned(), Tone::Quiet),
        Some(reload) => {
            let time = figures::time_of_day(reload.at_ms);
            if reload.is_good {
                (format!("cfg ok {time}"), Tone::Quiet)
            } else {
                (format!("CFG BAD {time}, the old one serves"), Tone::Bad)
            }
        }
    }
}
