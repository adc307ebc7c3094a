//! The families of counters, as Prometheus is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::closing::Outcome;
use super::exposition::{Kind, Page};
use super::histogram::Times;
use super::reading::{dollars, read};
use super::target::{Attempts, TOKENS, TargetBook};
use super::{Metrics, OTHER};
use crate::telemetry::trace::{Cause, Verdict};

/// Bounds of what upstreams take, in microseconds: from a millisecond to a quarter of an hour.
const LONG: (u64, u64) = (1_000, 1_000_000_000);

/// Bounds of what the gateway takes: from ten microseconds to a second.
const SHORT: (u64, u64) = (10, 1_000_000);

type Books<'a> = &'a [&'a TargetBook];

impl Metrics {
    /// Writes all that is counted into `page`.
    pub fn write(&self, page: &mut Page) {
        let books: Vec<Arc<TargetBook>> = self.books();
        let all: Vec<&TargetBook> = books.iter().map(|book| &**book).collect();
        let with_nobody: Vec<_> = all.iter().copied().chain([&self.nobody]).collect();
        requests(page, &with_nobody);
        attempts(page, &all);
        chosen_attempts(page, &all);
        usage(page, &all);
        former_names(page, &with_nobody);
        self.about(page);
    }

    fn about(&self, page: &mut Page) {
        let name = "autogw_config_reloads_total";
        page.family(name, Kind::Counter, "Reloads of the configuration.");
        for (place, result) in ["failed", "done"].into_iter().enumerate() {
            page.sample(name, &[("result", result)], read(&self.reloads[place]));
        }
        let watchers = "Who watches through the admin API.";
        let value = read(&self.watchers);
        page.single("autogw_admin_watchers", Kind::Gauge, watchers, value);
        let lost = "Log lines that were lost for lack of room.";
        let value = self.log.get().map_or(0, |log| log.unwritten());
        page.single("autogw_log_lines_lost_total", Kind::Counter, lost, value);
    }
}

fn requests(page: &mut Page, books: Books<'_>) {
    let name = "autogw_requests_total";
    let help = "Requests that have ended, by who answered or was asked last.";
    page.family(name, Kind::Counter, help);
    for (book, own) in pages(books) {
        for count in own.counts.iter() {
            let labels = [
                ("endpoint", own.endpoint),
                ("provider", &*book.provider),
                ("model", &book.model),
                ("status", &count.status.to_string()),
                ("outcome", count.outcome.name()),
            ];
            page.sample(name, &labels, read(&count.requests));
        }
    }
    let name = "autogw_request_duration_seconds";
    page.family(name, Kind::Histogram, "Requests, from head to end.");
    for (book, own) in pages(books) {
        let labels = labels(own.endpoint, book);
        page.times(name, &labels, &own.time.times(), LONG);
    }
    let name = "autogw_time_to_first_token_seconds";
    page.family(
        name,
        Kind::Histogram,
        "Streams, from the request's head to the first token.",
    );
    for (book, own) in pages(books) {
        let times = own.first_token.times();
        if times.count() > 0 {
            page.times(name, &labels(own.endpoint, book), &times, LONG);
        }
    }
    let mut overhead: BTreeMap<&str, Times> = BTreeMap::new();
    for (_, own) in pages(books) {
        own.overhead
            .add_to(overhead.entry(own.endpoint).or_default());
    }
    let name = "autogw_gateway_overhead_seconds";
    let help = "What the gateway itself took of answered requests: until the first token where they stream, without \
        what was spent waiting for providers and for the client's body.";
    page.family(name, Kind::Histogram, help);
    for (endpoint, times) in overhead.iter().filter(|(name, _)| **name != OTHER) {
        page.times(name, &[("endpoint", endpoint)], times, SHORT);
    }
}

fn pages(books: Books<'_>) -> impl Iterator<Item = (&TargetBook, &super::target::Page)> {
    let books = books.iter().copied();
    books.flat_map(|book| book.pages.iter().map(move |page| (book, page)))
}

fn labels<'a>(endpoint: &'a str, book: &'a TargetBook) -> [(&'a str, &'a str); 3] {
    [
        ("endpoint", endpoint),
        ("provider", &book.provider),
        ("model", &book.model),
    ]
}

fn attempts(page: &mut Page, books: Books<'_>) {
    let name = "autogw_attempts_total";
    let help = "Attempts at providers, by why they were made and how they ended.";
    page.family(name, Kind::Counter, help);
    for book in books {
        for one in book.attempts.iter().filter(|one| one.verdict.is_made()) {
            let labels = [
                ("provider", &*book.provider),
                ("model", &book.model),
                ("cause", one.cause.name()),
                ("verdict", one.verdict.name()),
            ];
            page.sample(name, &labels, read(&one.count));
        }
    }
    let name = "autogw_attempt_duration_seconds";
    page.family(
        name,
        Kind::Histogram,
        "Attempts, from their beginning to their end.",
    );
    for book in books {
        for (result, times) in [("served", &book.served), ("failed", &book.failed)] {
            let times = times.times();
            let labels = [
                ("provider", &*book.provider),
                ("model", &book.model),
                ("result", result),
            ];
            if times.count() > 0 {
                page.times(name, &labels, &times, LONG);
            }
        }
    }
    let name = "autogw_attempt_first_token_seconds";
    page.family(
        name,
        Kind::Histogram,
        "Streams, from the beginning of the attempt to the first token.",
    );
    for book in books {
        let times = book.first_token.times();
        if times.count() > 0 {
            page.times(name, &of(book), &times, LONG);
        }
    }
}

fn of(book: &TargetBook) -> [(&'static str, &str); 2] {
    [("provider", &book.provider), ("model", &book.model)]
}

/// What of the attempts has a name of its own: it is asked for most.
fn chosen_attempts(page: &mut Page, books: Books<'_>) {
    type Pick = fn(&Attempts) -> bool;
    let picks: [(&str, &str, Pick); 5] = [
        (
            "autogw_retries_total",
            "Attempts at the same target again.",
            |one| one.cause == Cause::Repeat && one.verdict.is_made(),
        ),
        (
            "autogw_failovers_total",
            "Attempts elsewhere after a failure, by who was asked then.",
            |one| matches!(one.cause, Cause::Failover | Cause::Fallback) && one.verdict.is_made(),
        ),
        (
            "autogw_hedges_total",
            "Second attempts beside a slow one.",
            |one| one.cause == Cause::Hedge && one.verdict.is_made(),
        ),
        (
            "autogw_hedges_won_total",
            "Second attempts that answered first.",
            |one| one.cause == Cause::Hedge && one.verdict == Verdict::Served,
        ),
        (
            "autogw_continuations_total",
            "Streams that broke and were gone on with.",
            |one| one.cause == Cause::Continued && one.verdict == Verdict::Served,
        ),
    ];
    for (name, help, pick) in picks {
        page.family(name, Kind::Counter, help);
        for book in books {
            let picked = book.attempts.iter().filter(|one| pick(one));
            let sum: u64 = picked.map(|one| read(&one.count)).sum();
            page.sample(name, &of(book), sum);
        }
    }
    let by_word: [(&str, &str, &str, Pick); 2] = [
        (
            "autogw_attempt_failures_total",
            "Attempts that failed, by class.",
            "class",
            |one| one.verdict.is_failure(),
        ),
        (
            "autogw_skipped_targets_total",
            "Targets that were not asked, by reason.",
            "reason",
            |one| !one.verdict.is_made(),
        ),
    ];
    for (name, help, label, pick) in by_word {
        page.family(name, Kind::Counter, help);
        for book in books {
            let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
            for one in book.attempts.iter().filter(|one| pick(one)) {
                *sums.entry(one.verdict.name()).or_default() += read(&one.count);
            }
            for (word, sum) in sums {
                let [provider, model] = of(book);
                page.sample(name, &[provider, model, (label, word)], sum);
            }
        }
    }
}

fn usage(page: &mut Page, books: Books<'_>) {
    let name = "autogw_tokens_total";
    let help = "Tokens: cached and cache_write are part of input, reasoning is part of output.";
    page.family(name, Kind::Counter, help);
    for book in books {
        for (kind, count) in TOKENS.into_iter().zip(&book.tokens) {
            let [provider, model] = of(book);
            page.sample(name, &[provider, model, ("kind", kind)], read(count));
        }
    }
    let name = "autogw_cost_dollars_total";
    page.family(
        name,
        Kind::Counter,
        "What answers cost, as far as prices are known.",
    );
    for book in books {
        page.sample(name, &of(book), dollars(&book.cost));
    }
    let name = "autogw_unpriced_answers_total";
    page.family(name, Kind::Counter, "Answers whose price is not known.");
    for book in books {
        page.sample(name, &of(book), read(&book.unpriced));
    }
    let name = "autogw_dropped_fields_total";
    page.family(
        name,
        Kind::Counter,
        "Fields of requests and answers that were lost in translation.",
    );
    for book in books {
        page.sample(name, &of(book), read(&book.dropped));
    }
}

/// The names that dashboards of other gateways ask for.
fn former_names(page: &mut Page, books: Books<'_>) {
    type Key<'a> = (&'a str, &'a str, &'a str, u16);
    let (mut all, mut failed) = (
        BTreeMap::<Key<'_>, u64>::new(),
        BTreeMap::<Key<'_>, u64>::new(),
    );
    let mut times: BTreeMap<(&str, &str, &str), Times> = BTreeMap::new();
    for (book, own) in pages(books) {
        let format = format(own.endpoint);
        for count in own.counts.iter() {
            let key = (format, &*book.model, &*book.provider, count.status);
            *all.entry(key).or_default() += read(&count.requests);
            let is_error = count.status >= 400 && count.outcome != Outcome::Left;
            if is_error || count.outcome == Outcome::Failed {
                *failed.entry(key).or_default() += read(&count.requests);
            }
        }
        let key = (format, &*book.model, &*book.provider);
        own.time.add_to(times.entry(key).or_default());
    }
    let families = [
        ("proxy_requests_total", "Requests that have ended.", all),
        ("proxy_errors_total", "Requests that have failed.", failed),
    ];
    for (name, help, counts) in families {
        page.family(name, Kind::Counter, help);
        for ((format, model, provider, status), count) in counts {
            let labels = [
                ("format", format),
                ("model", model),
                ("provider", provider),
                ("status", &status.to_string()),
            ];
            page.sample(name, &labels, count);
        }
    }
    let name = "proxy_request_duration_seconds";
    page.family(name, Kind::Histogram, "Requests, from head to end.");
    for ((format, model, provider), times) in &times {
        let labels = [
            ("format", *format),
            ("model", *model),
            ("provider", *provider),
        ];
        page.times(name, &labels, times, LONG);
    }
}

/// The dialect that `endpoint` is of.
fn format(endpoint: &str) -> &'static str {
    match endpoint {
        OTHER => OTHER,
        path if path.starts_with("/responses") => "responses",
        path if path.starts_with("/messages") => "anthropic",
        path if path.starts_with("/models:") => "gemini",
        _ => "openai",
    }
}
