//! What makes the program reload: SIGHUP, and a file that says something else; and what it says of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;

use crate::support::{Binary, Client, Config, Reply, Upstream, chat};

async fn saying(text: &str) -> Upstream {
    Upstream::always(Reply::json(200, chat::answer(text))).await
}

/// Writes `text` beside `file`, and renames it over that, as editors do.
fn rename_over(file: &Path, text: &str) {
    let beside = file.with_extension("json~");
    fs::write(&beside, text).expect("written");
    fs::rename(beside, file).expect("renamed");
}

async fn provider(client: &Client) -> String {
    let answer = client.chat(chat::ask("m")).send().await;
    answer.expect_status(200).provider().to_owned()
}

#[tokio::test]
async fn sighup_reloads_with_the_flags_of_the_start() {
    let (a, b) = (saying("a").await, saying("b").await);
    let still = || Config::new().router("hot_reload", false);
    let config = still().provider("a", &a, json!({})).text();
    let (binary, client) = Binary::start(&config).await;
    assert_eq!(provider(&client).await, "a");
    // The port of the file is not the one of the flag, before as after.
    let file = binary.home().join("test.json");
    let moved = still().provider("b", &b, json!({})).server("port", 9);
    fs::write(&file, moved.text()).expect("written");
    binary.signal(Signal::HUP);
    let said = binary
        .says("reloaded: 1 provider added, 1 provider removed")
        .await;
    assert!(
        said.contains("cause=signal") && said.contains("generation=2"),
        "{said}"
    );
    assert!(!said.contains("needs_restart"), "{said}");
    assert_eq!(provider(&client).await, "b");
    fs::write(&file, "{").expect("written");
    binary.signal(Signal::HUP);
    let said = binary.says("not reloaded").await;
    assert!(said.contains("test.json:1:"), "{said}");
    assert_eq!(provider(&client).await, "b");
}

#[tokio::test]
async fn variables_of_an_env_file_are_read_again() {
    let a = Upstream::answering(|request, _| match request.key() {
        Some("the-second-key") => Reply::json(200, chat::answer("a")),
        _ => Reply::status(401),
    })
    .await;
    let keyed = json!({"api_key": "${THE_KEY}"});
    let config = Config::new().provider("a", &a, keyed).text();
    let home = tempfile::tempdir().expect("a temporary directory");
    let variables = home.path().join("variables.env");
    fs::write(&variables, "THE_KEY=the-first-key\n").expect("written");
    let file = home.path().join("test.json");
    fs::write(&file, config).expect("written");
    let (variables, file) = (variables.display().to_string(), file.display().to_string());
    let args = [
        "start",
        "--json",
        "--port",
        "0",
        "--config",
        &file,
        "--env-file",
        &variables,
    ];
    let binary = Binary::run(home, args, []);
    let client = binary.client().await;
    client.chat(chat::ask("m")).send().await;
    rename_over(Path::new(&variables), "THE_KEY=the-second-key\n");
    let said = binary.says("reloaded: 1 key rotated").await;
    assert!(said.contains("cause=file"), "{said}");
    assert_eq!(provider(&client).await, "a");
}

#[tokio::test]
async fn a_file_is_noticed_however_it_is_written() {
    let a = saying("a").await;
    let with = |retries: u32| Config::over([&a]).router("retries", retries).text();
    let (binary, _client) = Binary::start(&with(1)).await;
    let file = binary.home().join("test.json");
    rename_over(&file, &with(2));
    binary.says("generation=2").await;
    fs::write(&file, with(3)).expect("written");
    binary.says("generation=3").await;
    // As vim does: the old one is moved away, and a new one takes its name.
    fs::rename(&file, file.with_extension("bak")).expect("renamed");
    fs::write(&file, with(4)).expect("written");
    let said = binary.says("generation=4").await;
    assert_eq!(
        said.matches("reloaded: 1 setting changed").count(),
        3,
        "{said}"
    );
}

#[tokio::test]
async fn a_link_is_followed_wherever_it_leads() {
    let a = saying("a").await;
    let with = |retries: u32| Config::over([&a]).router("retries", retries).text();
    let home = tempfile::tempdir().expect("a temporary directory");
    let mount = home.path().join("mount");
    for (version, retries) in [("..1", 1), ("..2", 2)] {
        fs::create_dir_all(mount.join(version)).expect("made");
        fs::write(mount.join(version).join("gw.json"), with(retries)).expect("written");
    }
    symlink("..1", mount.join("..data")).expect("linked");
    symlink("..data/gw.json", mount.join("gw.json")).expect("linked");
    let file = mount.join("gw.json").display().to_string();
    let args = ["start", "--json", "--port", "0", "--config", &file];
    let binary = Binary::run(home, args, []);
    binary.client().await;
    symlink("..2", mount.join("..next")).expect("linked");
    fs::rename(mount.join("..next"), mount.join("..data")).expect("renamed");
    binary.says("generation=2").await;
    fs::write(mount.join("..2/gw.json"), with(3)).expect("written");
    binary.says("generation=3").await;
}

#[tokio::test]
async fn a_directory_that_is_replaced_is_watched_again() {
    let a = saying("a").await;
    let with = |retries: u32| Config::over([&a]).router("retries", retries).text();
    let home = tempfile::tempdir().expect("a temporary directory");
    let place = home.path().join("conf");
    let fill = |name: &str, retries: u32| {
        fs::create_dir(home.path().join(name)).expect("made");
        fs::write(home.path().join(name).join("gw.json"), with(retries)).expect("written");
    };
    fill("conf", 1);
    fill("next", 2);
    let next = home.path().join("next");
    let old = home.path().join("old");
    let config = place.join("gw.json");
    let named = config.display().to_string();
    let args = ["start", "--json", "--port", "0", "--config", &named];
    let binary = Binary::run(tempfile::tempdir().expect("a home"), args, []);
    binary.client().await;
    fs::rename(&place, old).expect("renamed");
    fs::rename(next, &place).expect("renamed");
    binary.says("generation=2").await;
    fs::write(&config, with(3)).expect("written");
    binary.says("generation=3").await;
    fs::remove_dir_all(&place).expect("removed");
    binary.says("not reloaded").await;
    fs::create_dir(&place).expect("made");
    fs::write(&config, with(4)).expect("written");
    binary.says("generation=4").await;
}

#[tokio::test]
async fn a_file_that_is_not_watched_is_left_alone_until_it_is_asked_for() {
    let a = saying("a").await;
    let with = |retries: u32, watched: bool| {
        let config = Config::over([&a]).router("retries", retries);
        config.router("hot_reload", watched).text()
    };
    let (binary, _client) = Binary::start(&with(1, true)).await;
    let file = binary.home().join("test.json");
    rename_over(&file, &with(1, false));
    binary.says("generation=2").await;
    rename_over(&file, &with(2, false));
    // Whoever watches the same directory has seen it, and more.
    let other = binary.home().join("other.json");
    let seen = |retries: u32| with(retries, true);
    fs::write(&other, seen(1)).expect("written");
    let watching = Binary::run(
        tempfile::tempdir().expect("a temporary directory"),
        [
            "start",
            "--json",
            "--port",
            "0",
            "--config",
            &other.display().to_string(),
        ],
        [],
    );
    watching.client().await;
    rename_over(&other, &seen(2));
    watching.says("generation=2").await;
    assert!(!binary.stderr().contains("generation=3"));
    binary.signal(Signal::HUP);
    let said = binary.says("generation=3").await;
    assert_eq!(said.matches("cause=file").count(), 1, "{said}");
}

#[tokio::test]
async fn secrets_of_a_new_configuration_are_hidden_and_the_old_ones_stay_so() {
    const OLD: &str = "correct-horse-battery";
    const NEW: &str = "staple-violet-monday";
    let a = Upstream::answering(|_, _| {
        let quoted = format!("neither {OLD} nor {NEW}");
        Reply::json(400, chat::error(&quoted, "invalid_request_error", None))
    })
    .await;
    let keyed = |key: &str| {
        Config::new()
            .provider("a", &a, json!({"api_key": key}))
            .text()
    };
    let (binary, client) = Binary::start(&keyed(OLD)).await;
    rename_over(&binary.home().join("test.json"), &keyed(NEW));
    binary.says("reloaded: 1 key rotated").await;
    let answer = client.chat(chat::ask("m")).send().await.expect_status(400);
    let log = fs::read_dir(binary.home().join("logs")).expect("a log");
    let log = log
        .flatten()
        .map(|entry| fs::read_to_string(entry.path()).expect("text"));
    let all = answer.text() + &binary.stderr() + &binary.stdout() + &log.collect::<String>();
    assert!(all.contains("neither [redacted] nor [redacted]"), "{all}");
    assert!(!all.contains(OLD) && !all.contains(NEW), "{all}");
}

#[tokio::test]
async fn the_demo_says_that_there_is_nothing_to_reload() {
    let home = tempfile::tempdir().expect("a temporary directory");
    let binary = Binary::run(home, ["start", "--demo", "--json", "--port", "0"], []);
    let client = binary.client().await;
    binary.signal(Signal::HUP);
    binary
        .says("nothing to reload: there is no configuration file")
        .await;
    client.get("/health").send().await.expect_status(200);
}
