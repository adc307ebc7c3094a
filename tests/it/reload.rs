//! A reload: what follows, what stays, and that nobody who asks meanwhile notices.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use autogw::app::reload::{Fresh, Reading, Source};
use autogw::config::{Environment, load};
use autogw::telemetry::snapshot::Reloaded;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{Client, Config, Gate, Gateway, Reply, Upstream, chat};

/// A file, read again.
#[derive(Debug)]
struct FileAgain(PathBuf);

impl Source for FileAgain {
    fn files(&self) -> Vec<PathBuf> {
        vec![self.0.clone()]
    }

    fn read(&self) -> Reading {
        let path = self.0.clone();
        Box::pin(async move {
            let loaded = load(&path, &Environment::empty())?;
            Ok(Fresh {
                config: loaded.config,
                warnings: loaded.warnings,
            })
        })
    }
}

/// A gateway whose configuration the test rewrites; it reloads when it is told to, and only then.
struct Rewritten {
    gateway: Gateway,
    directory: TempDir,
}

impl Rewritten {
    async fn start(config: Config) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("gw.json");
        let text = unwatched(config).text();
        std::fs::write(&file, &text).expect("written");
        let source = Arc::new(FileAgain(file));
        let gateway = Gateway::start_as(&text, |_, options| options.source = Some(source)).await;
        Self { gateway, directory }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("gw.json")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.file(), text).expect("written");
    }

    async fn reload(&self, config: Config) -> Reloaded {
        self.write(&unwatched(config).text());
        self.gateway.reload().await
    }

    async fn reload_well(&self, config: Config) -> Reloaded {
        let reloaded = self.reload(config).await;
        assert!(reloaded.is_good, "{reloaded:?}");
        reloaded
    }

    /// Who answers a request for model `m`.
    async fn provider(&self) -> String {
        self.gateway
            .ask()
            .await
            .expect_status(200)
            .provider()
            .to_owned()
    }
}

fn unwatched(config: Config) -> Config {
    config.router("hot_reload", false)
}

async fn saying(text: &str) -> Upstream {
    Upstream::always(Reply::json(200, chat::answer(text))).await
}

fn refused(status: u16) -> Reply {
    Reply::json(status, chat::error("no", "rate_limit_error", None)).header("retry-after", "600")
}

#[tokio::test]
async fn what_changed_is_in_force_for_the_next_request_and_told() {
    let (a, b) = (saying("a").await, saying("b").await);
    let run = Rewritten::start(Config::over([&a])).await;
    assert_eq!(run.provider().await, "a");
    let more = Config::new()
        .provider("b", &b, json!({"models": ["m", "n"]}))
        .provider("a", &a, json!({}))
        .router("strategy", "adaptive");
    let told = run.reload_well(more).await;
    assert_eq!(told.cause, "admin");
    assert_eq!(told.summary, "1 provider added, strategy is adaptive");
    let expected = [
        "provider `b` added (2 models)",
        "router.strategy: sequential → adaptive",
    ];
    assert_eq!(told.changes, expected);
    let answer = run.gateway.chat(chat::ask("n")).send().await;
    assert_eq!(answer.expect_status(200).provider(), "b");
    let told = run
        .reload_well(Config::new().provider("b", &b, json!({})))
        .await;
    assert_eq!(
        told.summary,
        "1 provider removed, 1 target removed, strategy is sequential"
    );
    assert_eq!(run.provider().await, "b");
    let asked = a.count();
    run.gateway
        .chat(chat::ask("n"))
        .send()
        .await
        .expect_status(404);
    assert_eq!(a.count(), asked, "who was removed is asked no more");
}

#[tokio::test]
async fn nothing_changed_is_said_too() {
    let a = saying("a").await;
    let run = Rewritten::start(Config::over([&a])).await;
    let told = run.reload_well(Config::over([&a])).await;
    assert_eq!((&*told.summary, told.changes.len()), ("nothing changed", 0));
}

#[tokio::test]
async fn a_run_without_a_file_says_that_there_is_nothing_to_reload() {
    let a = saying("a").await;
    let gateway = Config::over([&a]).start().await;
    let told = gateway.reload().await;
    assert!(
        told.is_good && told.summary.starts_with("nothing to reload"),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_bad_file_reports_every_error_and_the_one_before_serves_on() {
    let a = saying("a").await;
    let run = Rewritten::start(Config::over([&a])).await;
    let bad = Config::over([&a])
        .server("port", "eighty")
        .router("retries", -1)
        .router("strategy", "luck");
    let told = run.reload(bad).await;
    assert!(!told.is_good, "{told:?}");
    for place in ["server.port", "router.retries", "router.strategy"] {
        let is_told = |error: &String| error.contains(place) && error.contains("gw.json:1:");
        assert!(told.errors.iter().any(is_told), "{place}: {told:?}");
    }
    assert_eq!(told.errors.len(), 3, "{told:?}");
    assert_eq!(run.provider().await, "a");
    for broken in ["{\"providers\": [", "", "{\"providers\": []}"] {
        run.write(broken);
        let told = run.gateway.reload().await;
        assert!(
            !told.is_good && !told.errors.is_empty(),
            "{broken}: {told:?}"
        );
        assert_eq!(run.provider().await, "a", "{broken}");
    }
    std::fs::remove_file(run.file()).expect("removed");
    let told = run.gateway.reload().await;
    assert!(
        !told.is_good && told.errors[0].contains("gw.json"),
        "{told:?}"
    );
    assert_eq!(run.provider().await, "a");
    let told = run
        .reload_well(Config::over([&a]).router("retries", 3))
        .await;
    let metrics = run.gateway.client().get("/metrics").send().await;
    let metrics = metrics.expect_status(200).text();
    for line in [
        "autogw_config_generation 2",
        "autogw_config_reloads_total{result=\"failed\"} 5",
        "autogw_config_reloads_total{result=\"done\"} 1",
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line}: {metrics}");
    }
    assert_eq!(told.changes, ["router.retries"]);
}

#[tokio::test]
async fn a_stream_ends_on_the_generation_that_it_began_with() {
    let gate = Gate::new();
    let stream = Reply::stream()
        .event(&chat::role())
        .event(&chat::token("one"))
        .pause_until(&gate)
        .event(&chat::token("two"))
        .event(&chat::finish())
        .event(chat::DONE);
    let (a, b) = (Upstream::always(stream).await, saying("b").await);
    let run = Rewritten::start(Config::over([&a])).await;
    let mut stream = run.gateway.chat(chat::ask_stream("m")).open().await;
    assert_eq!(stream.event().await, Some(chat::role()));
    assert_eq!(stream.event().await, Some(chat::token("one")));
    run.reload_well(Config::new().provider("b", &b, json!({})))
        .await;
    assert_eq!(run.provider().await, "b");
    gate.open();
    for expected in [chat::token("two"), chat::finish(), chat::DONE.to_owned()] {
        assert_eq!(stream.event().await, Some(expected));
    }
    assert_eq!(stream.event().await, None);
}

/// Asks until it is told to stop; says how often, and fails with the first answer that is none.
async fn ask_on(client: Client, is_over: &AtomicBool, asked: &AtomicUsize) {
    while !is_over.load(Ordering::Relaxed) {
        client.chat(chat::ask("m")).send().await.expect_status(200);
        asked.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn no_request_fails_while_it_reloads_twenty_times_and_connections_stay() {
    let (a, b) = (saying("a").await, saying("b").await);
    let run = Rewritten::start(Config::over([&a])).await;
    let (is_over, asked) = (AtomicBool::new(false), AtomicUsize::new(0));
    let clients = (0..4).map(|_| ask_on(run.gateway.client(), &is_over, &asked));
    let reloads = async {
        for turn in 0..20 {
            let before = asked.load(Ordering::Relaxed);
            let config = Config::over([&a]).router("retries", turn % 3 + 1);
            let config = match turn % 2 {
                0 => config.provider("b", &b, json!({"api_key": format!("key-{turn}")})),
                _ => config,
            };
            assert!(run.reload_well(config).await.changes.len() > 1);
            while asked.load(Ordering::Relaxed) < before + 8 {
                tokio::task::yield_now().await;
            }
        }
        is_over.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all(clients), reloads);
    assert!(asked.load(Ordering::Relaxed) >= 160);
    let connections = a.requests().iter().map(|request| request.connection).max();
    assert!(
        connections < Some(4),
        "{connections:?}: a reload keeps connections"
    );
}

#[tokio::test]
async fn client_keys_follow_at_once_on_connections_that_are_open() {
    let a = saying("a").await;
    let keyed = |keys: Value| Config::over([&a]).server("api_key", keys);
    let run = Rewritten::start(keyed(json!(["first-key", "second-key"]))).await;
    let status = async |key: &str| {
        let call = run.gateway.chat(chat::ask("m"));
        call.header("authorization", &format!("Bearer {key}"))
            .send()
            .await
            .status
    };
    assert_eq!(
        (status("first-key").await, status("second-key").await),
        (200, 200)
    );
    let told = run
        .reload_well(keyed(json!(["first-key", "third-key"])))
        .await;
    assert_eq!(
        (&*told.summary, &*told.changes[0]),
        ("1 client key rotated", "client key 2 rotated")
    );
    assert_eq!(status("first-key").await, 200);
    assert_eq!(
        (status("second-key").await, status("third-key").await),
        (401, 200)
    );
    assert!(
        !run.gateway.redact("second-key third-key").contains("key"),
        "both stay hidden"
    );
}

#[tokio::test]
async fn a_door_that_others_can_reach_never_loses_its_lock() {
    let a = saying("a").await;
    let open = || {
        Config::over([&a])
            .server("host", "0.0.0.0")
            .server("allowed_hosts", json!(["localhost"]))
    };
    let run = Rewritten::start(open().server("api_key", "a-key-of-the-file")).await;
    let client = Client::new(crate::support::client::Endpoint::Tcp(
        ([127, 0, 0, 1], run.gateway.port().expect("a port")).into(),
    ));
    let status = async |key: &str| {
        let call = client.chat(chat::ask("m")).header("host", "localhost");
        call.header("authorization", &format!("Bearer {key}"))
            .send()
            .await
            .status
    };
    assert_eq!(status("a-key-of-the-file").await, 200);
    let told = run.reload_well(open()).await;
    assert_eq!(told.summary, "1 client key removed");
    assert!(
        told.changes[1].contains("clients need the key of this run"),
        "{told:?}"
    );
    assert_eq!(
        (status("a-key-of-the-file").await, status("none").await),
        (401, 401)
    );
    let kept = run.gateway.home().join("run/client.key");
    assert!(
        told.changes[1].contains(&*kept.to_string_lossy()),
        "{told:?}"
    );
    let made = std::fs::read_to_string(kept).expect("a key");
    assert_eq!(status(made.trim()).await, 200);
    run.reload_well(open().server("api_key", "another-key-of-the-file"))
        .await;
    assert_eq!(status("another-key-of-the-file").await, 200);
    assert_eq!(
        status(made.trim()).await,
        200,
        "the key of the run stays valid"
    );
}

#[tokio::test]
async fn who_rests_and_whose_breaker_is_open_stays_so() {
    let (a, b) = (Upstream::always(refused(429)).await, saying("b").await);
    let c = Upstream::always(Reply::json(500, chat::error("down", "server_error", None))).await;
    let config = || {
        Config::new()
            .provider("a", &a, json!({}))
            .provider("c", &c, json!({}))
            .provider("b", &b, json!({}))
            .router("circuit", json!({"threshold": 1, "open": 600}))
    };
    let run = Rewritten::start(config()).await;
    assert_eq!(run.provider().await, "b");
    assert_eq!((a.count(), c.count()), (1, 1));
    run.reload_well(config().router("retries", 2)).await;
    assert_eq!(run.provider().await, "b");
    // Another order, and a setting of each: they are known by name, not by place.
    let other = Config::new()
        .provider("c", &c, json!({"timeout": 50}))
        .provider("a", &a, json!({"timeout": 50}))
        .provider("b", &b, json!({}))
        .router("circuit", json!({"threshold": 1, "open": 600}));
    run.reload_well(other).await;
    assert_eq!(run.provider().await, "b");
    assert_eq!((a.count(), c.count()), (1, 1), "they were not asked again");
}

#[tokio::test]
async fn a_key_that_was_rotated_starts_afresh() {
    let a = Upstream::answering(|request, _| match request.key() {
        Some("new-key") => Reply::json(200, chat::answer("a")),
        _ => refused(401),
    })
    .await;
    let b = saying("b").await;
    let config = |key: &str| {
        Config::new()
            .provider("a", &a, json!({"api_key": key}))
            .provider("b", &b, json!({}))
    };
    let run = Rewritten::start(config("old-key")).await;
    assert_eq!(
        (run.provider().await, run.provider().await),
        ("b".into(), "b".into())
    );
    assert_eq!(a.count(), 1, "the old key rests");
    let told = run.reload_well(config("new-key")).await;
    assert_eq!(
        (&*told.summary, &*told.changes[0]),
        ("1 key rotated", "key 1 of `a` rotated")
    );
    assert_eq!(run.provider().await, "a");
    let told = run.reload_well(config("old-key")).await;
    assert_eq!(told.summary, "1 key rotated");
    assert_eq!(run.provider().await, "b", "the old key rests still");
}

#[tokio::test]
async fn limits_and_back_offs_follow() {
    let gate = Gate::new();
    let a = Upstream::always(Reply::json(200, chat::answer("a")).behind(&gate)).await;
    let limited = |most: usize| Config::over([&a]).router("limits", json!({"in_flight": most}));
    let run = Rewritten::start(limited(1)).await;
    let first = tokio::spawn(run.gateway.chat(chat::ask("m")).send());
    a.request(0).await;
    run.gateway.ask().await.expect_status(503);
    run.reload_well(limited(2)).await;
    let second = tokio::spawn(run.gateway.chat(chat::ask("m")).send());
    a.request(1).await;
    run.gateway.ask().await.expect_status(503);
    gate.open();
    for answer in [first, second] {
        answer.await.expect("no panic").expect_status(200);
    }
    run.gateway.ask().await.expect_status(200);
}

#[tokio::test]
async fn a_cap_of_a_provider_follows() {
    let gate = Gate::new();
    let held = Reply::json(200, chat::answer("a")).behind(&gate);
    let (a, b) = (Upstream::always(held).await, saying("b").await);
    let capped = |most: Value| {
        Config::new()
            .provider("a", &a, json!({"max_concurrency": most}))
            .provider("b", &b, json!({}))
    };
    let run = Rewritten::start(capped(json!(1))).await;
    let first = tokio::spawn(run.gateway.chat(chat::ask("m")).send());
    a.request(0).await;
    assert_eq!(run.provider().await, "b");
    run.reload_well(capped(json!(2))).await;
    let second = tokio::spawn(run.gateway.chat(chat::ask("m")).send());
    a.request(1).await;
    run.reload_well(capped(json!(1))).await;
    assert_eq!(run.provider().await, "b");
    gate.open();
    for answer in [first, second] {
        assert_eq!(
            answer
                .await
                .expect("no panic")
                .expect_status(200)
                .provider(),
            "a"
        );
    }
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_stays_as_it_runs() {
    let a = saying("a").await;
    let run = Rewritten::start(Config::over([&a])).await;
    let port = run.gateway.port();
    let moved = || {
        Config::over([&a])
            .server("port", 1)
            .server("tunnel", "cloudflared")
    };
    let told = run.reload_well(moved().router("retries", 3)).await;
    assert_eq!(
        told.needs_restart,
        ["server.host, port or socket", "server.tunnel"]
    );
    assert_eq!(told.changes, ["router.retries"]);
    assert_eq!(
        (run.provider().await.as_str(), run.gateway.port()),
        ("a", port)
    );
    let told = run.reload_well(moved().router("retries", 3)).await;
    assert_eq!(told.summary, "nothing changed, 2 settings need a restart");
}

/// A listing with these models.
fn listing(models: &[&str]) -> Reply {
    let models: Vec<Value> = models.iter().map(|id| json!({"id": id})).collect();
    Reply::json(200, json!({"object": "list", "data": models}))
}

#[tokio::test]
async fn who_comes_is_listed_and_what_others_list_is_known_on() {
    let lister = async |model: &'static str| {
        Upstream::answering(move |request, _| match &*request.method {
            "GET" => listing(&[model]),
            _ => Reply::json(200, chat::answer(model)),
        })
        .await
    };
    let (a, b) = (lister("from-a").await, lister("from-b").await);
    let every = json!({"models": "*"});
    let config = || Config::new().provider("a", &a, every.clone());
    let run = Rewritten::start(config()).await;
    let names = async || -> Vec<String> {
        let answer = run.gateway.get("/v1/models").await;
        let models = answer["data"].as_array().expect("a list").clone();
        models
            .iter()
            .filter_map(|one| Some(one["id"].as_str()?.to_owned()))
            .collect()
    };
    while names().await != ["from-a"] {
        tokio::task::yield_now().await;
    }
    run.reload_well(config().provider("b", &b, every.clone()))
        .await;
    assert!(
        names().await.contains(&"from-a".to_owned()),
        "it is known on"
    );
    while names().await != ["from-a", "from-b"] {
        tokio::task::yield_now().await;
    }
    assert_eq!(a.count(), 1, "who has not changed is not asked again");
    run.reload_well(Config::new().provider("b", &b, every))
        .await;
    assert_eq!(names().await, ["from-b"]);
    assert_eq!(b.count(), 1);
    assert!(Path::new(&run.file()).exists());
}

#[tokio::test]
async fn reloads_are_counted_by_how_they_went() {
    let a = saying("a").await;
    let run = Rewritten::start(Config::over([&a])).await;
    run.reload_well(Config::over([&a]).router("retries", 3))
        .await;
    run.write("{");
    assert!(!run.gateway.reload().await.is_good);
    let told = run.gateway.client().get("/metrics").send().await;
    let told = told.expect_status(200).text();
    for line in [
        "autogw_config_generation 2",
        "autogw_config_reloads_total{result=\"done\"} 1",
        "autogw_config_reloads_total{result=\"failed\"} 1",
    ] {
        assert!(told.lines().any(|one| one == line), "{line}: {told}");
    }
}
