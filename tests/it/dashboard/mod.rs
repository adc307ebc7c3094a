//! The dashboard of the real binary, at a terminal: what is seen, what is done with it, and what is left behind.

mod acts;
mod lifetime;
mod looks;
mod screens;
mod terminal;
mod trouble;
mod tunnels;

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::Endpoint;
use crate::support::screen::SIZES;
use crate::support::{Answer, Binary, Client, Config, Reply, Screen, Upstream, chat};

/// What stands in the second row, whatever is shown.
const TABS: &str = " 1 Overview  2 Requests  3 Logs  4 Routes  5 Tunnel  6 Config";

/// A gateway that runs for itself, and the terminals that it is seen at.
struct Stage {
    home: Arc<TempDir>,
    binary: Binary,
    client: Client,
    /// The upstreams of its providers `a`, `b`, …
    upstreams: Vec<Upstream>,
}

/// A home directory with this configuration in it.
fn home(config: &str) -> Arc<TempDir> {
    let home = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(home.path().join("test.json"), config).expect("a writable directory");
    Arc::new(home)
}

fn run(home: &Arc<TempDir>) -> Binary {
    let file = home.path().join("test.json");
    let file = file.to_string_lossy();
    let args = ["start", "--json", "--port", "0", "--config", &*file];
    Binary::run(home.clone(), args, [])
}

async fn answering(text: &str) -> Upstream {
    Upstream::always(Reply::json(200, chat::answer(text))).await
}

impl Stage {
    /// With this configuration, over these upstreams.
    async fn with(config: Config, upstreams: Vec<Upstream>) -> Self {
        let home = home(&config.text());
        let binary = run(&home);
        let client = binary.client().await;
        Self {
            home,
            binary,
            client,
            upstreams,
        }
    }

    /// Two providers, `a` and `b`, of which `a` is asked first.
    async fn new() -> Self {
        let upstreams = vec![answering("A").await, answering("B").await];
        Self::with(Config::over(&upstreams), upstreams).await
    }

    /// Simulated providers, so quick that no test waits for them.
    async fn demo() -> Self {
        let demo = |name: &str, failure_rate: f64| {
            json!({"type": "demo", "name": name, "demo": {
                "latency": "1ms", "jitter": "1ms", "tokens_per_second": 10_000,
                "answer_tokens": 20, "failure_rate": failure_rate, "seed": 1
            }})
        };
        let providers = [demo("demo-fast", 0.0), demo("demo-flaky", 1.0)];
        let config = Config::new().set("providers", Value::from(providers.to_vec()));
        Self::with(config, Vec::new()).await
    }

    /// A dashboard of this gateway.
    fn watch(&self, at: (u16, u16)) -> Screen {
        self.watch_with(at, &[], &[])
    }

    /// A dashboard of this gateway, with more arguments and variables.
    fn watch_with(&self, at: (u16, u16), args: &[&str], variables: &[(&str, &str)]) -> Screen {
        let args = ["tui"].into_iter().chain(args.iter().copied());
        Screen::run(self.home.clone(), at, args, variables.iter().copied())
    }

    /// A dashboard of usual size that shows the providers.
    async fn watched(&self) -> Screen {
        let screen = self.watch(SIZES[0]);
        screen.shows("> a ").await;
        screen
    }

    /// A client of the admin API.
    fn admin(&self) -> Client {
        Client::new(Endpoint::Unix(self.home.path().join("run/admin.sock")))
    }

    /// What the admin API knows of everything.
    async fn snapshot(&self) -> Value {
        self.admin().get("/v1/snapshot").send().await.json()
    }

    /// An answer to a request, whoever gives it.
    async fn ask(&self) -> Answer {
        self.client.chat(chat::ask("m")).send().await
    }

    /// Who answers a request.
    async fn answers(&self) -> String {
        self.ask().await.expect_status(200).provider().to_owned()
    }
}

/// Waits until what is on the screen is as it should be: nothing torn, nothing out of its column.
async fn is_right(screen: &Screen) {
    let pick = |at: &vt100::Screen| faults(at).is_empty().then_some(());
    let looked = screen.find("a right picture", pick);
    looked.await;
}

/// What is wrong with a picture.
fn faults(screen: &vt100::Screen) -> Vec<String> {
    let (height, width) = screen.size();
    let rows: Vec<String> = screen.rows(0, width.get()).collect();
    let mut faults = Vec::new();
    let mut expect = |is_right: bool, what: String| {
        if !is_right {
            faults.push(what);
        }
    };
    expect(
        screen.alternate_screen(),
        "the screen is not its own".to_owned(),
    );
    expect(screen.hide_cursor(), "the cursor is seen".to_owned());
    expect(
        rows[0].starts_with(" autogw "),
        format!("header: {}", rows[0]),
    );
    expect(rows[1].starts_with(TABS), format!("tabs: {}", rows[1]));
    let footer = rows.last().expect("a screen has rows");
    let has_keys = ["q quit", "j k scroll", "esc none", "n no", "esc leave"];
    expect(
        has_keys
            .iter()
            .any(|keys| footer.trim_end().ends_with(keys)),
        format!("footer: {footer}"),
    );
    for row in 0..height.get() {
        expect(!screen.row_wrapped(row), format!("row {row} runs over"));
    }
    let at = |row: u16, column: u16| {
        let cell = screen.cell(row, column);
        cell.map_or("", vt100::Cell::contents).to_owned()
    };
    for (row, column) in places(&at, screen, "┌") {
        expect(
            is_box(&at, screen, row, column),
            format!("a broken box at {row}, {column}"),
        );
    }
    if let Some(title) = rows
        .iter()
        .position(|row| row.trim_start().starts_with("PROVIDER "))
    {
        let column = |row: &str, word: &str| row.find(word).map(|at| row[..at].chars().count());
        let below = rows[title + 1..]
            .iter()
            .filter(|row| row.contains(" closed "));
        for row in below {
            let (is, should) = (column(row, "closed"), column(&rows[title], "BREAKER"));
            expect(is == should, format!("out of its column: {row}"));
        }
    }
    faults
}

fn places(at: &impl Fn(u16, u16) -> String, screen: &vt100::Screen, sign: &str) -> Vec<(u16, u16)> {
    let (height, width) = screen.size();
    let all = (0..height.get()).flat_map(|row| (0..width.get()).map(move |column| (row, column)));
    all.filter(|(row, column)| at(*row, *column) == sign)
        .collect()
}

/// Whether the box that begins there has four corners and whole sides.
fn is_box(at: &impl Fn(u16, u16) -> String, screen: &vt100::Screen, top: u16, left: u16) -> bool {
    let (height, width) = screen.size();
    let Some(right) = (left..width.get()).find(|column| at(top, *column) == "┐") else {
        return false;
    };
    let Some(bottom) = (top..height.get()).find(|row| at(*row, left) == "└") else {
        return false;
    };
    let sides = (top + 1..bottom).all(|row| at(row, left) == "│" && at(row, right) == "│");
    sides && at(bottom, right) == "┘"
}
