//! Every pane in every size, with whatever it is told and whatever is pressed.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::json;

use super::*;
use crate::telemetry::snapshot::{Captured, RequestRow};
use crate::tui::fixture::{NOW, empty, model, odd, request_detail};
use crate::tui::keymap::{BINDINGS, Command};
use crate::tui::model::Model;
use crate::tui::pane::Look;
use crate::tui::theme::{Palette, Theme};

const SCREENS: [Screen; 5] = [
    Screen::Requests,
    Screen::Logs,
    Screen::Routes,
    Screen::Tunnel,
    Screen::Config,
];

/// A gateway that tells nonsense.
fn nonsense() -> Model {
    let long = "名\u{1b}[2J\u{202e}\u{301}\n".repeat(2_000);
    let mut model = odd();
    let mut detail = request_detail();
    detail.row.model.clone_from(&long);
    detail.row.received_ms = u64::MAX;
    detail.row.ttft_ms = Some(u64::MAX);
    detail.overhead_us = Some(u64::MAX);
    for one in &mut detail.candidates {
        one.provider.clone_from(&long);
        one.score = Some(f64::NAN);
        one.excluded = Some(long.clone());
    }
    for one in &mut detail.attempts {
        one.verdict.clone_from(&long);
        one.began_ms = u64::MAX;
        one.elapsed_ms = Some(u64::MAX);
    }
    detail.captured = Some(Captured {
        request: "[".repeat(10_000),
        answer: long.clone(),
        request_headers: vec![(long.clone(), long.clone())],
        ..Captured::default()
    });
    model.request = Some(detail);
    for number in 100..1_100 {
        let row = RequestRow {
            number,
            ..RequestRow::default()
        };
        model.snapshot.requests.insert(number, row);
    }
    model.snapshot.about.example_model = "smart".to_owned();
    let candidate = json!({
        "provider": long, "model": [], "rank": -1, "score": 1e300, "chosen": "yes",
        "excluded": { "reason": long }, "health": { "latency_ms": -1, "success": 1e9 },
    });
    model.explained = Some(json!({
        "model": "smart", "candidates": [candidate, 7, null, {}], "order": "none",
        "chosen": { "wait_ms": u64::MAX, "dropped": [1, long] }, "detours": [{}], "fallbacks": [[]],
    }));
    let value = json!({ "path": long, "value": { "a": [1] }, "source": long });
    model.config = Some(json!({ "values": [value, 1, {}], "file": 3 }));
    model
}

fn commands() -> impl Iterator<Item = Command> {
    BINDINGS.iter().map(|binding| binding.command)
}

#[test]
fn any_area_is_drawn() {
    let models = [model(), empty(), nonsense()];
    let theme = Theme::default();
    for (model, screen) in models
        .iter()
        .flat_map(|model| SCREENS.map(|screen| (model, screen)))
    {
        let look = Look {
            model,
            theme: &theme,
            now_ms: NOW,
        };
        for opened in [false, true] {
            let mut panes = Panes::default();
            let pane = panes.of(screen);
            let area = Rect::new(0, 0, 100, 30);
            pane.draw(&look, area, &mut Buffer::empty(area));
            if opened {
                pane.command(Command::Down, &look);
                pane.command(Command::Open, &look);
            }
            for width in [0, 1, 2, 3, 5, 9, 17, 33, 60, 81, 120, 250] {
                for height in [0, 1, 2, 3, 5, 9, 24, 60] {
                    let whole = Rect::new(0, 0, width, height);
                    let mut buffer = Buffer::empty(whole);
                    pane.draw(&look, whole, &mut buffer);
                    // An area that is partly beside the screen.
                    let beside = Rect::new(width / 2, height / 2, width, height);
                    pane.draw(&look, beside, &mut buffer);
                }
            }
        }
    }
}

#[test]
fn any_command_anywhere_is_survived() {
    let models = [model(), empty(), nonsense()];
    let theme = Theme {
        palette: Palette::Mono,
        is_ascii: true,
    };
    let area = Rect::new(0, 0, 70, 20);
    for (model, screen) in models
        .iter()
        .flat_map(|model| SCREENS.map(|screen| (model, screen)))
    {
        let look = Look {
            model,
            theme: &theme,
            now_ms: NOW,
        };
        let mut panes = Panes::default();
        let pane = panes.of(screen);
        for command in commands().chain(commands().collect::<Vec<_>>().into_iter().rev()) {
            pane.command(command, &look);
            let keys = [
                KeyCode::Char('a'),
                KeyCode::Left,
                KeyCode::Backspace,
                KeyCode::Enter,
            ];
            for code in keys {
                pane.typed(KeyEvent::new(code, KeyModifiers::NONE), &look);
            }
            assert!(
                !pane.is_typing(),
                "Enter ends what is typed: {screen:?} {command:?}"
            );
            pane.draw(&look, area, &mut Buffer::empty(area));
            pane.click(5, 3, &look);
            pane.click(u16::MAX, u16::MAX, &look);
            pane.wanted(&look);
        }
    }
}
