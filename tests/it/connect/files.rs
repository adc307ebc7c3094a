//! The files of every client: connected, and byte for byte what they were.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use autogw::clients::edit::Format;
use autogw::clients::recipe::{File, recipes};

use super::{House, KEY, tree};

/// Where nobody has to be for this.
const NOWHERE: &str = "--url http://127.0.0.1:9 --no-verify --model some/model";

/// The path of `file` below a home directory in which no variable is set.
fn place(file: &File) -> String {
    let path = match file.path.split_once('}') {
        Some((default, rest)) => {
            let (_, default) = default.split_once(":-").expect("a default");
            format!("{default}{rest}")
        }
        None => file.path.clone(),
    };
    path.strip_prefix("~/")
        .expect("it is below the home")
        .to_owned()
}

/// A file as a person may have it.
fn typical(file: &File) -> &'static str {
    match file.format {
        Format::Json => {
            "// mine\n{\n    \"theme\": \"dark\", // why not\n    \"list\": [1,2,  3],\n    \"nested\": {\"a\": null},\n}\n"
        }
        Format::Toml => {
            "# mine\nmodel = \"own\" # for now\napproval_policy='never'\n\n[mcp_servers.x]\ncommand = \"y\"\n"
        }
        // The root of this one is a list.
        Format::Yaml if file.path.ends_with("models.yaml") => {
            "# mine\n- model_id: own\n  model_name: \"x\"   # for now\n"
        }
        Format::Yaml if file.path.ends_with("config.yaml") => {
            "# mine\nname: Own\nversion: 1.0.0\nmodels:\n  - name: own\n    provider: ollama\n    model: x\nrules: []\n"
        }
        Format::Yaml => "# mine\ndark-mode: true\nmodel: own # for now\n",
        Format::Env => "# mine\nexport OTHER='x'\nGEMINI_API_KEY=own\n",
    }
}

/// What may be at the place of a client's file.
#[derive(Debug, Clone, Copy)]
enum Was {
    Absent,
    Empty,
    Typical,
    Crlf,
    WithoutLastNewline,
    Open,
    Linked,
}

const EVERY: [Was; 7] = [
    Was::Absent,
    Was::Empty,
    Was::Typical,
    Was::Crlf,
    Was::WithoutLastNewline,
    Was::Open,
    Was::Linked,
];

impl Was {
    fn put(self, house: &House, file: &File) {
        let name = place(file);
        let text = typical(file);
        match self {
            Was::Absent => {}
            Was::Empty => house.holds(&name, "", 0o600),
            Was::Typical => house.holds(&name, text, 0o600),
            Was::Crlf => house.holds(&name, &text.replace('\n', "\r\n"), 0o600),
            Was::WithoutLastNewline => house.holds(&name, text.trim_end(), 0o600),
            Was::Open => house.holds(&name, text, 0o644),
            Was::Linked => {
                let real = format!("dotfiles/{}", name.replace('/', "-"));
                house.holds(&real, text, 0o644);
                let link = house.path(&name);
                fs::create_dir_all(link.parent().expect("a parent")).expect("a directory");
                symlink(house.path(&real), link).expect("a link");
            }
        }
    }
}

/// What there is in the house but for what is autogw's own.
fn belongings(house: &House) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut all = tree(house.home.path());
    all.retain(|(path, _, _)| !path.starts_with(house.path("clients")));
    all
}

#[tokio::test]
async fn every_client_is_connected_and_put_back_byte_for_byte() {
    let with_files = recipes().iter().filter(|recipe| !recipe.files.is_empty());
    let mut checked = 0;
    for recipe in with_files {
        for was in EVERY {
            let house = House::new().with("AUTOGW_KEY", KEY);
            recipe.files.iter().for_each(|file| was.put(&house, file));
            let name = &recipe.name;
            let before = belongings(&house);
            house.connect(&format!("{name} {NOWHERE}")).await.done();
            let connected = belongings(&house);
            assert_ne!(connected, before, "{name}, {was:?}");
            // Once more changes nothing.
            house.connect(&format!("{name} {NOWHERE}")).await.done();
            assert_eq!(belongings(&house), connected, "{name}, {was:?}");
            house.connect(&format!("{name} --undo")).await.done();
            assert_eq!(belongings(&house), before, "{name}, {was:?}");
            let left: Vec<_> = tree(&house.path("clients"));
            let is_lock = |path: &PathBuf| path.ends_with(".lock");
            assert!(left.iter().all(|(path, _, _)| is_lock(path)), "{left:?}");
            checked += 1;
        }
    }
    assert!(checked >= 5 * EVERY.len(), "{checked}");
}

#[tokio::test]
async fn a_file_that_holds_a_key_is_for_its_owner_only() {
    for recipe in recipes() {
        let house = House::new().with("AUTOGW_KEY", KEY);
        for file in &recipe.files {
            Was::Open.put(&house, file);
        }
        house
            .connect(&format!("{} {NOWHERE}", recipe.name))
            .await
            .done();
        for (path, mode, bytes) in belongings(&house) {
            let holds = String::from_utf8_lossy(&bytes).contains(KEY);
            assert!(!holds || mode == 0o600, "{}: {mode:o}", path.display());
        }
    }
}

#[tokio::test]
async fn what_others_have_written_since_stays_and_is_told() {
    let house = House::new().with("AUTOGW_KEY", KEY);
    let file = ".claude/settings.json";
    house.holds(file, "{ \"theme\": \"dark\" }\n", 0o644);
    house
        .connect(&format!("claude-code {NOWHERE}"))
        .await
        .done();
    let since = house.text(file).replace("dark", "light");
    let since = since.replace("http://127.0.0.1:9", "https://elsewhere");
    fs::write(house.path(file), since).expect("it is written");
    let said = house.connect("claude-code --undo").await.done();
    assert!(said.contains("env.ANTHROPIC_BASE_URL"), "{said}");
    let text = house.text(file);
    assert!(
        text.contains("light") && text.contains("https://elsewhere"),
        "{text}"
    );
    assert!(!text.contains(KEY), "{text}");
    let said = house.connect("claude-code --undo").await.done();
    assert!(said.contains("nothing to undo"), "{said}");
}

#[tokio::test]
async fn all_are_put_back_at_once() {
    let house = House::new();
    let said = house.connect("--undo --all").await.done();
    assert!(said.contains("nothing to undo"), "{said}");
    assert!(!house.path("clients").exists());
    let before = belongings(&house);
    for client in ["claude-code", "opencode"] {
        house.connect(&format!("{client} {NOWHERE}")).await.done();
    }
    let list = house.connect("--json").await.done();
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    let clients = list["clients"].as_array().expect("a list").iter();
    let connected = clients.filter(|client| client["connected"].is_object());
    let connected: Vec<_> = connected.map(|client| client["name"].clone()).collect();
    assert_eq!(connected, ["claude-code", "opencode"]);
    let said = house.connect("--undo --all --json").await.done();
    let said: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["ok"], true);
    assert_eq!(said["clients"].as_array().map(Vec::len), Some(2));
    assert_eq!(belongings(&house), before);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_keeps_nobody_else_connected() {
    let house = House::new();
    let before = belongings(&house);
    house.connect(&format!("opencode {NOWHERE}")).await.done();
    house.holds("clients/codex.json", "oh no", 0o600);
    let said = house.connect("--undo --all --json").await;
    assert_eq!(said.code, Some(1), "{}", said.err);
    let said: serde_json::Value = serde_json::from_str(&said.out).expect("one document");
    assert_eq!(said["ok"], false);
    assert_eq!(said["clients"][0]["client"], "opencode");
    let error = said["errors"][0]["message"].as_str().expect("an error");
    assert!(error.contains("codex.json"), "{error}");
    assert!(said["errors"][0]["hint"].is_string(), "{said}");
    assert_eq!(belongings(&house), before);
    let said = house.connect("codex --undo").await.failed(1);
    assert!(said.contains("move it away"), "{said}");
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_left_alone() {
    let house = House::new().with("AUTOGW_KEY", KEY);
    house.holds(".claude/settings.json", "{\n  oh no\n", 0o644);
    let before = belongings(&house);
    let said = house.connect(&format!("claude-code {NOWHERE}")).await;
    let said = said.failed(1);
    assert!(said.contains("settings.json: line 2"), "{said}");
    assert!(said.contains("mend the file"), "{said}");
    assert_eq!(belongings(&house), before);
}

#[tokio::test]
async fn a_dry_run_touches_nothing_and_shows_no_key() {
    let house = House::new().with("AUTOGW_KEY", KEY);
    house.holds(
        ".claude/settings.json",
        "{\n  \"env\": {\n    \"ANTHROPIC_AUTH_TOKEN\": \"canary-of-theirs\"\n  }\n}\n",
        0o644,
    );
    let before = tree(house.home.path());
    let said = house
        .connect(&format!("claude-code {NOWHERE} --dry-run"))
        .await;
    assert!(!said.err.contains("canary"), "{}", said.err);
    let out = said.done();
    assert!(out.contains("settings.json: would be changed"), "{out}");
    assert!(
        out.contains("http://127.0.0.1:9") && !out.contains("canary"),
        "{out}"
    );
    assert_eq!(tree(house.home.path()), before);
}
