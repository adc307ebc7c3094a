//! The page of a request, drawn.

use super::*;
use crate::telemetry::snapshot::Captured;
use crate::tui::fixture::{NOW, drawn, empty, model, request_detail};
use crate::tui::model::Model;
use crate::tui::theme::Theme;

fn picture(pane: &mut Inspector, model: &Model, size: (u16, u16)) -> String {
    drawn(pane, model, Theme::default(), size)
}

fn detail(model: &mut Model) -> &mut RequestDetail {
    model.request.get_or_insert_with(request_detail)
}

#[test]
fn every_size_tells_why() {
    let model = model();
    let number = request_detail().row.number;
    for (width, height) in [(80, 60), (120, 60), (200, 50), (60, 15)] {
        let picture = picture(&mut Inspector::new(number), &model, (width, height));
        insta::assert_snapshot!(format!("inspector_{width}x{height}"), picture);
    }
}

#[test]
fn what_is_not_known_is_said() {
    let mut model = model();
    let number = detail(&mut model).row.number;
    detail(&mut model).captured = None;
    detail(&mut model).candidates.clear();
    detail(&mut model).attempts.clear();
    model.snapshot.about.captures = false;
    model.snapshot.tunnels.clear();
    insta::assert_snapshot!(
        "inspector_bare",
        picture(&mut Inspector::new(number), &model, (80, 36))
    );
    model.request = None;
    assert!(picture(&mut Inspector::new(number), &model, (80, 24)).contains("Request req"));
    assert!(picture(&mut Inspector::new(9_999), &empty(), (80, 24)).contains("9999"));
}

#[test]
fn a_page_of_another_request_is_not_shown() {
    let model = model();
    let other = *model
        .snapshot
        .requests
        .keys()
        .last()
        .expect("there are some");
    let picture = picture(&mut Inspector::new(other), &model, (100, 60));
    assert!(!picture.contains("claude-sonnet"), "{picture}");
}

#[test]
fn the_answer_is_followed_while_it_is_written() {
    let mut model = model();
    model.snapshot.requests.clear();
    let number = detail(&mut model).row.number;
    detail(&mut model).row.phase = Phase::Streaming;
    let answer = (0..100)
        .map(|n| format!("line {n}"))
        .collect::<Vec<_>>()
        .join("\n");
    detail(&mut model).captured = Some(Captured {
        answer,
        ..Captured::default()
    });
    let mut pane = Inspector::new(number);
    assert!(picture(&mut pane, &model, (80, 20)).contains("line 99"));
    let theme = Theme::default();
    let look = Look {
        model: &model,
        theme: &theme,
        now_ms: NOW,
    };
    pane.command(Command::PageUp, &look);
    assert!(!picture(&mut pane, &model, (80, 20)).contains("line 99"));
    pane.command(Command::Follow, &look);
    assert!(picture(&mut pane, &model, (80, 20)).contains("line 99"));
}

#[test]
fn the_id_is_copied_and_then_a_curl_without_a_key() {
    let model = model();
    let theme = Theme::default();
    let look = Look {
        model: &model,
        theme: &theme,
        now_ms: NOW,
    };
    let mut pane = Inspector::new(request_detail().row.number);
    let id = request_detail().row.id;
    assert!(matches!(pane.command(Command::Copy, &look), Effect::Copy(text, _) if text == id));
    let Effect::Copy(text, _) = pane.command(Command::Copy, &look) else {
        panic!("a curl is copied");
    };
    assert!(
        text.starts_with("curl http") && text.contains("$AUTOGW_KEY"),
        "{text}"
    );
}
