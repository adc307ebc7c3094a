//! A decision, drawn, and what can be done about it.

use crossterm::event::{KeyCode, KeyModifiers};

use super::*;
use crate::telemetry::act::Act;
use crate::tui::fixture::{NOW, drawn, empty, model};
use crate::tui::model::Model;
use crate::tui::theme::Theme;

fn candidate(provider: &str, rank: Option<u64>, excluded: Option<&str>) -> Value {
    json!({
        "provider": provider, "model": "llama-3.3-70b", "key": 1, "alias": null,
        "rank": rank, "score": 0.82, "chosen": rank == Some(1),
        "excluded": excluded.map(|reason| json!({ "code": "open", "reason": reason })),
        "price": { "input": 0.59, "output": 0.79 },
        "health": {
            "standing": "ready", "success": 0.98, "latency_ms": 210, "p95_ms": 900,
            "tokens_per_second": 74.0, "in_flight": 2, "breaker": "closed",
        },
    })
}

fn explained() -> Model {
    let decision = json!({
        "object": "routing.decision", "model": "smart", "endpoint": "/chat/completions",
        "dialect": "openai-chat", "strategy": "adaptive", "route": "smart",
        "chosen": {
            "provider": "groq", "model": "llama-3.3-70b", "translated": true, "speaks": "anthropic",
            "dropped": ["logit_bias"], "adjusted": [], "reason": "its score is the best of 2",
        },
        "order": [
            { "provider": "groq", "model": "llama-3.3-70b" },
            { "provider": "openai", "model": "gpt-4o" },
        ],
        "candidates": [
            candidate("groq", Some(1), None),
            candidate("openai", Some(2), None),
            candidate("mistral", None, Some("its breaker is open for 12 s")),
            { "odd": [] },
        ],
        "detours": [], "fallbacks": [{ "on": ["server_error"], "route": "local" }],
    });
    Model {
        explained: Some(decision),
        ..model()
    }
}

fn asked() -> Routes {
    Routes {
        model: Some("smart".to_owned()),
        ..Routes::default()
    }
}

fn picture(pane: &mut Routes, model: &Model, size: (u16, u16)) -> String {
    drawn(pane, model, Theme::default(), size)
}

fn command(pane: &mut Routes, command: Command, model: &Model) -> Effect {
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
fn every_size_ranks_and_tells_why() {
    for (width, height) in [(80, 24), (120, 40), (200, 50), (60, 15)] {
        let picture = picture(&mut asked(), &explained(), (width, height));
        insta::assert_snapshot!(format!("routes_{width}x{height}"), picture);
    }
}

#[test]
fn where_nothing_is_explained_there_is_something_to_ask() {
    insta::assert_snapshot!(
        "routes_none",
        picture(&mut Routes::default(), &empty(), (80, 8))
    );
    insta::assert_snapshot!(
        "routes_asked",
        picture(&mut Routes::default(), &model(), (80, 14))
    );
    let error = json!({ "error": { "message": "no provider serves `x`" } });
    let model = Model {
        explained: Some(error),
        ..model()
    };
    assert!(picture(&mut asked(), &model, (80, 14)).contains("no provider serves"));
}

#[test]
fn an_answer_to_another_question_is_not_shown() {
    let mut pane = Routes {
        model: Some("other".to_owned()),
        ..Routes::default()
    };
    assert!(!picture(&mut pane, &explained(), (100, 20)).contains("mistral"));
}

#[test]
fn a_model_is_typed_or_gone_through() {
    let (mut pane, model) = (Routes::default(), model());
    let theme = Theme::default();
    let look = Look {
        model: &model,
        theme: &theme,
        now_ms: NOW,
    };
    let wanted = |pane: &Routes| match pane.wanted(&look) {
        Some(Wanted::Decision(body)) => body["model"].as_str().unwrap_or_default().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(wanted(&pane), model.snapshot.about.example_model);
    command(&mut pane, Command::Filter, &model);
    let keys = [KeyCode::End, KeyCode::Char('!'), KeyCode::Enter];
    for code in keys {
        pane.typed(KeyEvent::new(code, KeyModifiers::NONE), &look);
    }
    assert_eq!(
        wanted(&pane),
        format!("{}!", model.snapshot.about.example_model)
    );
    let offers = Routes::offers(&look);
    for place in (0..offers.len()).chain([0]) {
        command(&mut pane, Command::Right, &model);
        assert_eq!(wanted(&pane), offers[place]);
    }
    command(&mut pane, Command::Left, &model);
    assert_eq!(Some(&wanted(&pane)), offers.last());
}

#[test]
fn the_selected_target_is_pinned_or_drained() {
    let (mut pane, model) = (asked(), explained());
    picture(&mut pane, &model, (100, 30));
    let pin = command(&mut pane, Command::Pin, &model);
    assert!(matches!(pin, Effect::Choose { .. }), "{pin:?}");
    command(&mut pane, Command::Down, &model);
    let drain = command(&mut pane, Command::Drain, &model);
    let Effect::Act {
        act: Act::Drain { whom },
        question: Some(_),
    } = drain
    else {
        panic!("{drain:?} drains nobody");
    };
    let model = Some("llama-3.3-70b".to_owned());
    assert_eq!((whom.provider.as_str(), whom.model), ("openai", model));
}
