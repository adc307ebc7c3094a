//! Terminals that can do less: no colours, no Unicode, no screen at all.

use super::{SIZES, Stage, is_right};

/// Whether any cell has a colour.
fn has_colour(screen: &vt100::Screen) -> bool {
    let (height, width) = screen.size();
    let cells = (0..height.get())
        .flat_map(|row| (0..width.get()).filter_map(move |column| screen.cell(row, column)));
    let mut colours = cells.flat_map(|cell| [cell.fgcolor(), cell.bgcolor()]);
    colours.any(|colour| colour != vt100::Color::Default)
}

#[tokio::test]
async fn without_colours_the_selected_row_is_still_seen() {
    let stage = Stage::new().await;
    let coloured = stage.watched().await;
    assert!(coloured.look(has_colour));
    let screen = stage.watch_with(SIZES[0], &[], &[("NO_COLOR", "1")]);
    screen.shows("> a ").await;
    for keys in ["2", "3", "4", "5", "6", "1"] {
        screen.types(keys);
        is_right(&screen).await;
        assert!(!screen.look(has_colour), "{}", screen.text());
    }
    let selected = |screen: &vt100::Screen| {
        let (_, width) = screen.size();
        let row = screen
            .rows(0, width.get())
            .position(|row| row.starts_with("> a "))?;
        let cell = screen.cell(u16::try_from(row).ok()?, 2)?;
        cell.inverse().then_some(())
    };
    screen.find("a selected row", selected).await;
}

#[tokio::test]
async fn where_unicode_is_not_understood_everything_is_ascii() {
    let stage = Stage::new().await;
    stage.answers().await;
    let screen = stage.watch_with(SIZES[1], &[], &[("LANG", "C")]);
    screen.shows("> a ").await;
    for (keys, words) in [
        ("1", "PROVIDER"),
        ("2", "MODEL"),
        ("3", "request"),
        ("4", "model "),
        ("5", "ngrok"),
        ("6", "SETTING"),
        ("?", "everywhere"),
    ] {
        screen.types(keys);
        let shown = screen.shows(words).await;
        assert!(shown.is_ascii(), "{keys}: {shown}");
    }
}

#[tokio::test]
async fn where_nothing_can_be_drawn_it_is_said_what_to_use() {
    let stage = Stage::new().await;
    let mut screen = stage.watch_with(SIZES[0], &[], &[("TERM", "dumb")]);
    let status = screen.exit().await;
    assert_eq!(status.exit_code(), 2);
    let said = screen.text();
    for words in ["TERM=dumb", "autogw status", "logs --follow"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let mut piped = crate::support::Binary::run(stage.home.clone(), ["tui"], []);
    assert_eq!(piped.exit().await.code(), Some(2));
    assert!(
        piped.stderr().contains("is no terminal"),
        "{}",
        piped.stderr()
    );
    assert_eq!(piped.stdout(), "");
    assert!(is_untouched(&screen));
}

fn is_untouched(screen: &crate::support::Screen) -> bool {
    screen.look(|at| !at.alternate_screen() && !at.hide_cursor())
}
