//! The registry as a whole: what is counted where, and how much there may be of it.

use std::sync::Arc;
use std::time::Duration;

use super::exposition::Page;
use super::{Closing, MOST_TARGETS, Metrics, OTHER, Outcome, Served};
use crate::chat::{FailureClass, Usage};
use crate::telemetry::trace::{Cause, Try, Verdict};

fn tried(provider: &str, model: &str, cause: Cause, verdict: Verdict) -> Try {
    Try {
        provider: provider.into(),
        model: model.into(),
        key: Some(1),
        cause,
        began: Duration::ZERO,
        elapsed: Some(Duration::from_millis(20)),
        verdict,
        status: None,
        first_token: None,
        rests: None,
        is_injected: false,
    }
}

fn closing<'a>(tries: &'a [Try], served: Option<Served<'a>>) -> Closing<'a> {
    let (status, outcome) = match &served {
        Some(_) => (200, Outcome::Complete),
        None => (502, Outcome::Failed),
    };
    Closing {
        endpoint: "/chat/completions",
        status,
        outcome,
        total: Duration::from_millis(30),
        first_token: None,
        overhead: None,
        served,
        tries,
        listed: u32::MAX,
        dropped: 0,
    }
}

fn served<'a>(provider: &'a Arc<str>, model: &'a Arc<str>) -> Served<'a> {
    Served {
        provider,
        model,
        is_listed: true,
        usage: None,
        cost: None,
    }
}

fn page(metrics: &Metrics) -> String {
    let mut page = Page::default();
    metrics.write(&mut page);
    page.into_text()
}

#[track_caller]
fn assert_says(page: &str, line: &str) {
    assert!(page.lines().any(|one| one == line), "no {line} in\n{page}");
}

#[test]
fn every_attempt_is_counted_where_it_was_made() {
    let metrics = Metrics::default();
    let failed = Verdict::Failed(FailureClass::RateLimit);
    let tries = [
        tried("a", "m", Cause::First, Verdict::CircuitOpen),
        tried("b", "m", Cause::First, failed),
        tried("b", "m", Cause::Repeat, failed),
        tried("c", "m", Cause::Failover, Verdict::Lost),
        tried("d", "m", Cause::Hedge, Verdict::Served),
    ];
    let (provider, model) = ("d".into(), "m".into());
    let usage = Usage {
        input: 100,
        output: 7,
        cached: 60,
        ..Usage::default()
    };
    let served = Served {
        usage: Some(usage),
        cost: Some(0.25),
        ..served(&provider, &model)
    };
    metrics.close(&closing(&tries, Some(served)));
    let all = metrics.totals();
    let counts = &all.attempts;
    assert_eq!((all.requests, all.statuses.ok), (1, 1));
    assert_eq!((counts.made, counts.failed, counts.served), (4, 2, 1));
    assert_eq!((counts.repeats, counts.failovers), (1, 1));
    assert_eq!((counts.hedges, counts.hedges_won), (1, 1));
    assert_eq!(metrics.provider("a").attempts.made, 0);
    let b = metrics.provider("b");
    assert_eq!((b.requests, b.attempts.by_class["rate_limit"]), (0, 2));
    assert_eq!(metrics.failures("b").len(), 2);
    assert_eq!(metrics.failures("b")[0].class, "rate_limit");
    let d = metrics.provider("d");
    assert_eq!((d.tokens.cached, d.tokens.output), (60, 7));
    assert!((d.cost - 0.25).abs() < 1e-9 && d.unpriced == 0);
    assert_eq!((d.time.count(), all.time.count()), (1, 1));
    let text = page(&metrics);
    assert_says(
        &text,
        "autogw_skipped_targets_total{provider=\"a\",model=\"m\",reason=\"circuit_open\"} 1",
    );
    assert_says(
        &text,
        "autogw_attempts_total{provider=\"b\",model=\"m\",cause=\"repeat\",verdict=\"rate_limit\"} 1",
    );
    assert_says(
        &text,
        "proxy_requests_total{format=\"openai\",model=\"m\",provider=\"d\",status=\"200\"} 1",
    );
}

#[test]
fn who_was_asked_last_stands_for_what_nobody_answered() {
    let metrics = Metrics::default();
    let tries = [
        tried(
            "a",
            "m",
            Cause::First,
            Verdict::Failed(FailureClass::Server),
        ),
        tried(
            "b",
            "m",
            Cause::Failover,
            Verdict::Failed(FailureClass::Server),
        ),
        tried("c", "m", Cause::Failover, Verdict::Full),
    ];
    metrics.close(&closing(&tries, None));
    metrics.close(&closing(&[], None));
    metrics.turned_away(Some("/chat/completions"), 401, Duration::ZERO);
    metrics.turned_away(None, 404, Duration::ZERO);
    let text = page(&metrics);
    for (provider, model, status, outcome) in [
        ("b", "m", 502, "failed"),
        ("none", "none", 502, "failed"),
        ("none", "none", 401, "turned away"),
    ] {
        assert_says(
            &text,
            &format!(
                "autogw_requests_total{{endpoint=\"/chat/completions\",provider=\"{provider}\",\
                 model=\"{model}\",status=\"{status}\",outcome=\"{outcome}\"}} 1"
            ),
        );
    }
    let all = metrics.totals();
    assert_eq!((all.requests, all.statuses.client_errors), (3, 1));
    assert_eq!(all.statuses.server_errors, 2);
}

#[test]
fn ten_thousand_invented_models_are_one() {
    let metrics = Metrics::default();
    let provider: Arc<str> = "open".into();
    for number in 0..10_000 {
        let model: Arc<str> = format!("invented-{number}").into();
        let tries = [tried("open", &model, Cause::First, Verdict::Served)];
        let served = Served {
            is_listed: false,
            ..served(&provider, &model)
        };
        metrics.close(&Closing {
            listed: 0,
            ..closing(&tries, Some(served))
        });
    }
    let text = page(&metrics);
    assert!(!text.contains("invented") && text.len() < 20_000, "{text}");
    assert_eq!(metrics.books().len(), 1);
    assert_eq!(metrics.model("open", OTHER).attempts.served, 10_000);
}

#[test]
fn too_many_listed_models_share_a_label_with_the_rest() {
    let metrics = Metrics::default();
    for number in 0..MOST_TARGETS * 3 {
        let (provider, model) = (format!("p{}", number % 300), format!("m{number}"));
        let (provider, model): (Arc<str>, Arc<str>) = (provider.into(), model.into());
        let tries = [tried(&provider, &model, Cause::First, Verdict::Served)];
        metrics.close(&closing(&tries, Some(served(&provider, &model))));
    }
    let books = metrics.books();
    assert!(books.len() <= MOST_TARGETS + super::MOST_PROVIDERS + 1);
    assert_eq!(metrics.totals().requests, MOST_TARGETS as u64 * 3);
}

#[test]
fn nothing_is_lost_between_threads() {
    let metrics = Metrics::default();
    let (provider, model): (Arc<str>, Arc<str>) = ("p".into(), "m".into());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (metrics, provider, model) = (&metrics, &provider, &model);
            scope.spawn(move || {
                for number in 0..500 {
                    let other: Arc<str> = format!("m{}", (number + thread) % 20).into();
                    let tries = [
                        tried("q", &other, Cause::First, Verdict::Slow),
                        tried("p", "m", Cause::Failover, Verdict::Served),
                    ];
                    metrics.close(&closing(&tries, Some(served(provider, model))));
                }
            });
        }
    });
    let all = metrics.totals();
    assert_eq!((all.requests, all.attempts.made), (2000, 4000));
    assert_eq!(metrics.provider("q").attempts.by_class["slow"], 2000);
}
