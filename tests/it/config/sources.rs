//! Which file is meant, and what is said about the file itself.

use std::fs;
use std::path::{Path, PathBuf};

use autogw::config::locate::locate_with;
use autogw::config::{self, Choice, ConfigError, Environment, Source};

const VALID: &str = r#"{ "providers": [{ "type": "demo" }] }"#;

struct Places {
    root: tempfile::TempDir,
    env: Environment,
}

impl Places {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let env = Environment::empty().with_home(root.path());
        Self { root, env }
    }

    fn put(&self, path: &str) -> PathBuf {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, VALID).expect("written");
        path
    }

    fn locate(&self, choice: &Choice) -> Result<Source, ConfigError> {
        locate_with(choice, &self.env, &self.root.path().join("etc"))
    }

    fn found(&self, choice: &Choice) -> PathBuf {
        match self
            .locate(choice)
            .unwrap_or_else(|error| panic!("{error}"))
        {
            Source::File(path) => path,
            Source::Environment => panic!("no file was found"),
        }
    }
}

#[test]
fn each_place_wins_over_the_next() {
    let mut places = Places::new();
    let nothing = Choice::default();
    assert_eq!(
        places.locate(&nothing).expect("no error"),
        Source::Environment
    );

    let system = places.put("etc/config.yaml");
    assert_eq!(places.found(&nothing), system);

    let home = places.put(".auto-gateway/config.toml");
    assert_eq!(places.found(&nothing), home);

    let variable = places.put("elsewhere.json");
    places.env = places
        .env
        .with("AUTOGW_CONFIG", variable.display().to_string());
    assert_eq!(places.found(&nothing), variable);

    let named = places.put(".auto-gateway/config.work.yml");
    let name = Choice {
        config: None,
        name: Some("work".parse().expect("a name")),
    };
    assert_eq!(places.found(&name), named);

    let flag = places.put("flag.json");
    let choice = Choice {
        config: Some(flag.clone()),
        ..name
    };
    assert_eq!(places.found(&choice), flag);
}

#[test]
fn autogw_home_replaces_the_usual_directory() {
    let mut places = Places::new();
    places.put(".auto-gateway/config.json");
    let own = places.put("own/config.json");
    places.env = places.env.with(
        "AUTOGW_HOME",
        places.root.path().join("own").display().to_string(),
    );
    assert_eq!(places.found(&Choice::default()), own);
}

#[test]
fn two_formats_side_by_side_are_an_error() {
    let places = Places::new();
    places.put(".auto-gateway/config.json");
    places.put(".auto-gateway/config.yaml");
    let error = places.locate(&Choice::default()).expect_err("two");
    assert!(
        error
            .to_string()
            .starts_with("two configurations side by side: "),
        "{error}"
    );
}

#[test]
fn what_was_named_has_to_be_there() {
    let mut places = Places::new();
    places.put(".auto-gateway/config.work.json");
    let choice = Choice {
        config: None,
        name: Some("wrok".parse().expect("a name")),
    };
    let error = places.locate(&choice).expect_err("no such name");
    assert_eq!(
        error.diagnostics[0].hint.as_deref(),
        Some("did you mean `work`?")
    );

    let choice = Choice {
        config: Some("/nowhere/c.json".into()),
        name: None,
    };
    let error = places.locate(&choice).expect_err("no such file");
    assert_eq!(
        error.to_string(),
        "there is no file /nowhere/c.json (given with --config)"
    );

    places.env = places.env.with("AUTOGW_CONFIG", "/nowhere/c.json");
    let error = places.locate(&Choice::default()).expect_err("no such file");
    assert_eq!(
        error.to_string(),
        "there is no file /nowhere/c.json (named by AUTOGW_CONFIG)"
    );
}

#[cfg(unix)]
fn warnings_with_mode(text: &str, mode: u32) -> Vec<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join("config.json");
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
    let env = Environment::empty().with("KEY", "k");
    let loaded = config::load(&path, &env).unwrap_or_else(|error| panic!("{error}"));
    loaded
        .warnings
        .into_iter()
        .map(|warning| warning.message)
        .collect()
}

#[cfg(unix)]
#[test]
fn a_key_in_a_file_that_others_can_read_is_warned_about() {
    let inline = r#"{ "providers": [{ "type": "openai", "api_key": "sk-1" }] }"#;
    let (written, loose) = (
        "inline secret: providers[0].api_key",
        "others can read this file and the keys in it (mode 0644)",
    );
    assert_eq!(warnings_with_mode(inline, 0o644), [written, loose]);
    assert_eq!(warnings_with_mode(inline, 0o600), [written]);
    let variable = r#"{ "providers": [{ "type": "openai", "api_key": "${KEY}" }] }"#;
    assert_eq!(warnings_with_mode(variable, 0o644), Vec::<String>::new());
}

#[test]
fn written_keys_are_one_warning_whatever_holds_them() {
    let messages = |text: &str| -> Vec<String> {
        let loaded = super::load(text);
        let messages = loaded.warnings.into_iter().map(|warning| warning.message);
        messages.collect()
    };
    let fields = r#""extra_headers": { "authorization": "Bearer abc-1", "x-team": "blue" },
        "proxy": "socks5://u:secret@127.0.0.1:1080", "api_key": ["key-1", "key-2"]"#;
    assert_eq!(
        messages(&super::with_provider(fields)),
        [
            "4 inline secrets: providers[0].api_key[0], providers[0].api_key[1], \
             providers[0].extra_headers.authorization and 1 more"
        ]
    );
    let placeholder = super::with_provider(r#""api_key": "ollama""#);
    assert_eq!(messages(&placeholder), Vec::<String>::new());
}

#[test]
fn a_file_that_cannot_be_read_says_why() {
    let root = tempfile::tempdir().expect("a directory");
    let load = |path: &Path| {
        config::load(path, &Environment::empty())
            .expect_err("unreadable")
            .to_string()
    };
    assert!(load(&root.path().join("none.json")).contains("No such file"));
    let binary = root.path().join("config.json");
    fs::write(&binary, [0xff, 0xfe, 0x00]).expect("written");
    assert!(load(&binary).ends_with("it is not UTF-8 text"));
}

#[test]
fn an_env_file_fills_in_what_is_not_set() {
    let root = tempfile::tempdir().expect("a directory");
    let path = root.path().join(".env");
    fs::write(&path, "A=file\nB='b c'\n").expect("written");
    let env = Environment::empty()
        .with("A", "process")
        .with_file(&path)
        .expect("a good file");
    assert_eq!((env.get("A"), env.get("B")), (Some("process"), Some("b c")));
    assert!(
        Environment::empty()
            .with_file(&root.path().join("none"))
            .is_err()
    );
}
