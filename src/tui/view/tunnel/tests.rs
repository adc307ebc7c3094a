//! The tunnels, drawn and steered.

use super::*;
use crate::telemetry::snapshot::TunnelCheck;
use crate::tui::fixture::{NOW, drawn, empty, model, odd};
use crate::tui::model::Model;
use crate::tui::theme::{Palette, Theme};

fn picture(pane: &mut Tunnel, model: &Model, size: (u16, u16)) -> String {
    drawn(pane, model, Theme::default(), size)
}

fn command(pane: &mut Tunnel, command: Command, model: &Model) -> Effect {
    let theme = Theme::default();
    pane.command(
        command,
        &Look {
            model,
            theme: &theme,
            now_ms: NOW,
        },
    )
}

#[test]
fn every_size_tells_how_each_stands() {
    for (width, height) in [(80, 30), (120, 40), (200, 50), (60, 15)] {
        let picture = picture(&mut Tunnel::default(), &model(), (width, height));
        insta::assert_snapshot!(format!("tunnel_{width}x{height}"), picture);
    }
    insta::assert_snapshot!(
        "tunnel_none",
        picture(&mut Tunnel::default(), &empty(), (80, 12))
    );
}

#[test]
fn every_state_has_a_word_and_what_is_known_of_it() {
    let states = [
        "",
        "starting",
        "url-known",
        "online",
        "degraded",
        "waiting",
        "failed",
        "stopped",
        "odd",
    ];
    let mut model = model();
    let row = |state: &&str| TunnelRow {
        kind: format!("k-{state}"),
        state: (*state).to_owned(),
        since_ms: NOW - 9_000,
        reason: matches!(*state, "degraded" | "waiting" | "failed").then(|| "no route".to_owned()),
        hint: (*state == "failed").then(|| "look at the cable".to_owned()),
        retry_at_ms: Some(NOW + 21_000),
        check: TunnelCheck {
            state: if *state == "degraded" {
                "failed"
            } else {
                "passed"
            }
            .to_owned(),
            ..TunnelCheck::default()
        },
        ..TunnelRow::default()
    };
    model.snapshot.tunnels = states.iter().map(row).collect();
    insta::assert_snapshot!(
        "tunnel_states",
        picture(&mut Tunnel::default(), &model, (90, 70))
    );
}

#[test]
fn the_picture_is_beside_where_there_is_room_and_large_on_command() {
    let (mut pane, model) = (Tunnel::default(), model());
    assert!(picture(&mut pane, &model, (120, 40)).contains('▀'));
    assert!(!picture(&mut pane, &model, (60, 15)).contains('▀'));
    assert_eq!(
        command(&mut pane, Command::Picture, &model),
        Effect::Changed
    );
    insta::assert_snapshot!("tunnel_large", picture(&mut pane, &model, (80, 24)));
    assert!(picture(&mut pane, &model, (60, 10)).contains("takes"));
    let ascii = Theme {
        palette: Palette::Mono,
        is_ascii: true,
    };
    assert!(drawn(&mut pane, &model, ascii, (90, 50)).is_ascii());
    assert_eq!(command(&mut pane, Command::Back, &model), Effect::Changed);
    assert_eq!(command(&mut pane, Command::Back, &model), Effect::Ignored);
}

#[test]
fn what_hurts_is_asked_before() {
    let (mut pane, model) = (Tunnel::default(), model());
    let question = |effect: Effect| match effect {
        Effect::Act { act, question } => (act, question.expect("it is asked before")),
        other => panic!("{other:?} is no act"),
    };
    let (act, asked) = question(command(&mut pane, Command::TunnelClose, &model));
    let kind = "cloudflared".to_owned();
    assert_eq!(
        act,
        Act::Tunnel {
            kind: kind.clone(),
            what: TunnelAct::Close
        }
    );
    assert!(asked.contains("cut off"), "{asked}");
    assert!(matches!(
        command(&mut pane, Command::TunnelOpen, &model),
        Effect::Say(_)
    ));
    let none = empty();
    let (act, asked) = question(command(&mut pane, Command::TunnelOpen, &none));
    assert_eq!(
        act,
        Act::Tunnel {
            kind,
            what: TunnelAct::Open
        }
    );
    assert!(asked.contains("public door"), "{asked}");
}

#[test]
fn the_address_is_copied_and_then_a_curl() {
    let (mut pane, model) = (Tunnel::default(), model());
    let url = "https://alpha-bravo.trycloudflare.com";
    let copied = |effect| match effect {
        Effect::Copy(text, _) => text,
        other => panic!("{other:?} copies nothing"),
    };
    assert_eq!(copied(command(&mut pane, Command::Copy, &model)), url);
    let curl = copied(command(&mut pane, Command::Copy, &model));
    assert!(curl.starts_with(&format!("curl {url}/v1/")), "{curl}");
    command(&mut pane, Command::Down, &model);
    assert!(matches!(
        command(&mut pane, Command::Copy, &model),
        Effect::Say(_)
    ));
}

#[test]
fn odd_addresses_do_nothing() {
    let picture = picture(&mut Tunnel::default(), &odd(), (80, 24));
    assert!(!picture.contains('\u{1b}') && !picture.contains('\u{202e}'));
}
