//! The list as it is drawn, and as it moves.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::*;
use crate::telemetry::event::Event;
use crate::telemetry::snapshot::Phase;
use crate::tui::fixture::{NOW, drawn, empty, model, odd};
use crate::tui::model::Model;
use crate::tui::theme::Theme;

fn look<'a>(model: &'a Model, theme: &'a Theme) -> Look<'a> {
    Look {
        model,
        theme,
        now_ms: NOW,
    }
}

fn command(pane: &mut Requests, command: Command, model: &Model) -> Effect {
    pane.command(command, &look(model, &Theme::default()))
}

fn filter(pane: &mut Requests, text: &str, model: &Model) {
    command(pane, Command::Filter, model);
    for code in text.chars().map(KeyCode::Char).chain([KeyCode::Enter]) {
        pane.typed(
            KeyEvent::new(code, KeyModifiers::NONE),
            &look(model, &Theme::default()),
        );
    }
}

fn picture(pane: &mut Requests, model: &Model, size: (u16, u16)) -> String {
    drawn(pane, model, Theme::default(), size)
}

fn marked(picture: &str) -> &str {
    let mut lines = picture.lines();
    lines.find(|line| line.starts_with('>')).unwrap_or_default()
}

#[test]
fn every_size_has_its_columns() {
    for (width, height) in [(80, 24), (120, 40), (200, 50), (60, 15)] {
        let picture = picture(&mut Requests::default(), &model(), (width, height));
        insta::assert_snapshot!(format!("requests_{width}x{height}"), picture);
    }
}

#[test]
fn where_nothing_is_there_is_something_to_do() {
    let mut none = model();
    none.snapshot.requests.clear();
    insta::assert_snapshot!(
        "requests_none",
        picture(&mut Requests::default(), &none, (80, 12))
    );
    insta::assert_snapshot!(
        "requests_unheard",
        picture(&mut Requests::default(), &empty(), (80, 6))
    );
}

#[test]
fn the_selection_stays_on_its_request_while_the_list_moves() {
    let (mut pane, mut model) = (Requests::default(), model());
    picture(&mut pane, &model, (120, 20));
    for _ in 0..5 {
        command(&mut pane, Command::Down, &model);
    }
    let before = marked(&picture(&mut pane, &model, (120, 20))).to_owned();
    assert!(before.contains("done"), "{before}");
    for number in 500..540 {
        let row = RequestRow {
            number,
            phase: Phase::Over,
            ..RequestRow::default()
        };
        model.snapshot.apply(Event::Request(row));
    }
    assert_eq!(marked(&picture(&mut pane, &model, (120, 20))), before);
    command(&mut pane, Command::Top, &model);
    assert_ne!(marked(&picture(&mut pane, &model, (120, 20))), before);
}

#[test]
fn filters_errors_and_order_choose_what_is_shown() {
    let model = model();
    let shown = |pane: &mut Requests| {
        picture(pane, &model, (120, 60));
        pane.shown.clone()
    };
    let mut pane = Requests::default();
    let all = shown(&mut pane);
    let is_live = |number: &u64| model.snapshot.requests[number].phase != Phase::Over;
    let live = all.iter().take_while(|number| is_live(number)).count();
    assert!(
        live >= 3 && !all[live..].iter().any(is_live),
        "those under way are on top"
    );
    assert!(
        all[live..].is_sorted_by(|one, other| one > other),
        "the latest is first"
    );
    for (text, is_meant) in [
        (
            "status=5xx",
            (|row| row.status == Some(502)) as fn(&RequestRow) -> bool,
        ),
        ("state=streaming", |row| row.phase == Phase::Streaming),
        ("!groq provider=anthropic", |_| false),
        ("model=smart", |row| row.model == "smart"),
    ] {
        let mut pane = Requests::default();
        filter(&mut pane, text, &model);
        let rows = shown(&mut pane);
        assert!(
            rows.iter()
                .all(|number| is_meant(&model.snapshot.requests[number])),
            "{text}"
        );
        let expected = model
            .snapshot
            .requests
            .values()
            .filter(|row| is_meant(row))
            .count();
        assert_eq!(rows.len(), expected, "{text}");
    }
    command(&mut pane, Command::ErrorsOnly, &model);
    assert!((1..all.len()).contains(&shown(&mut pane).len()));
    command(&mut pane, Command::ErrorsOnly, &model);
    for _ in 0..8 {
        command(&mut pane, Command::Sort, &model);
    }
    let costs: Vec<_> = shown(&mut pane)
        .iter()
        .map(|n| model.snapshot.requests[n].cost)
        .collect();
    assert!(costs.is_sorted_by(|one, other| one >= other), "{costs:?}");
}

#[test]
fn a_click_selects_a_second_opens_and_titles_sort() {
    let (mut pane, model) = (Requests::default(), model());
    picture(&mut pane, &model, (120, 20));
    let theme = Theme::default();
    let look = look(&model, &theme);
    assert_eq!(pane.click(10, 4, &look), Effect::Changed);
    let number = pane.shown[2];
    assert_eq!(pane.selected, Some(number));
    assert_ne!(pane.click(10, 4, &look), Effect::Ignored);
    assert_eq!(pane.click(10, 0, &look), Effect::Ignored);
}

#[test]
fn odd_data_is_drawn_and_moves_nothing() {
    let mut model = odd();
    for number in 100..1_100 {
        let row = RequestRow {
            number,
            phase: Phase::Streaming,
            ..RequestRow::default()
        };
        model.snapshot.requests.insert(number, row);
    }
    for (width, height) in [(80, 24), (200, 50)] {
        let picture = picture(&mut Requests::default(), &model, (width, height));
        assert!(
            picture
                .lines()
                .all(|line| crate::tui::view::text::columns(line) <= usize::from(width))
        );
        assert!(!picture.contains('\u{1b}') && !picture.contains('\u{202e}'));
    }
}
