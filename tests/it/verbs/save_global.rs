//! `save-global`: what it copies, what it keeps, what it refuses.

use std::fs;
use std::path::{Path, PathBuf};

use autogw::cli::exit::Exit;
use autogw::cli::save_global::{self, SaveGlobalArgs};
use autogw::config::Environment;

use super::Output;

const TEXT: &str =
    "// kept as it is\n{ \"providers\": [{ \"type\": \"openai\", \"api_key\": \"${KEY}\", }] }\n";

struct Saver {
    root: tempfile::TempDir,
    env: Environment,
}

impl Saver {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let home = root.path().join("home");
        let env = Environment::empty()
            .with("AUTOGW_HOME", home.display().to_string())
            .with("KEY", "sk-1");
        Self { root, env }
    }

    fn home(&self, name: &str) -> PathBuf {
        self.root.path().join("home").join(name)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.root.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    fn save(&self, file: &Path, name: Option<&str>) -> (Exit, Output) {
        let args = SaveGlobalArgs {
            file: Some(file.to_owned()),
            config: None,
            name: name.map(|name| name.parse().expect("a name")),
            env_file: None,
            json: false,
        };
        let mut output = Output::default();
        let exit = save_global::run(&args, self.env.clone(), &mut output.console());
        (exit, output)
    }
}

#[test]
fn the_bytes_are_copied_as_they_are() {
    let saver = Saver::new();
    let (exit, output) = saver.save(&saver.put("mine.json", TEXT), None);
    assert_eq!(exit, Exit::Done, "{}", output.err());
    let target = saver.home("config.json");
    assert_eq!(fs::read_to_string(&target).expect("saved"), TEXT);
    assert_eq!(output.out(), format!("saved {}\n", target.display()));
}

#[cfg(unix)]
#[test]
fn the_copy_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let saver = Saver::new();
    saver.save(&saver.put("mine.json", TEXT), None);
    let mode = |path: PathBuf| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(saver.home("config.json")), 0o600);
    assert_eq!(mode(saver.home("")), 0o700);
}

#[test]
fn saving_the_same_again_changes_nothing() {
    let saver = Saver::new();
    let file = saver.put("mine.json", TEXT);
    saver.save(&file, None);
    let (exit, output) = saver.save(&file, None);
    assert_eq!(exit, Exit::Done);
    assert!(
        output.out().ends_with("is already up to date\n"),
        "{}",
        output.out()
    );
    assert!(!saver.home("config.json.bak").exists());
    let (exit, output) = saver.save(&saver.home("config.json"), None);
    assert_eq!(
        (exit, output.out().contains("up to date")),
        (Exit::Done, true),
        "saved onto itself"
    );
}

#[test]
fn the_old_file_stays_as_bak() {
    let saver = Saver::new();
    saver.save(&saver.put("one.json", TEXT), None);
    let other = TEXT.replace("kept", "new");
    let (exit, _) = saver.save(&saver.put("two.json", &other), None);
    assert_eq!(exit, Exit::Done);
    assert_eq!(
        fs::read_to_string(saver.home("config.json")).expect("new"),
        other
    );
    assert_eq!(
        fs::read_to_string(saver.home("config.json.bak")).expect("old"),
        TEXT
    );
}

#[test]
fn the_extension_is_kept_and_no_second_format_stays_beside_it() {
    let saver = Saver::new();
    saver.save(&saver.put("one.json", TEXT), Some("work"));
    let yaml = saver.put("two.yaml", "providers: [{ type: ollama }]\n");
    let (exit, output) = saver.save(&yaml, Some("work"));
    assert_eq!(exit, Exit::Done, "{}", output.err());
    assert!(saver.home("config.work.yaml").is_file());
    assert!(!saver.home("config.work.json").exists());
    assert_eq!(
        fs::read_to_string(saver.home("config.work.json.bak")).expect("old"),
        TEXT
    );
}

#[test]
fn a_broken_file_is_not_saved() {
    let saver = Saver::new();
    let (exit, output) = saver.save(&saver.put("bad.json", "{ \"providers\": [{}] }"), None);
    assert_eq!(exit, Exit::Usage);
    assert!(
        output.err().contains("`type` is missing"),
        "{}",
        output.err()
    );
    assert!(!saver.home("config.json").exists());
}

#[test]
fn a_home_that_cannot_be_written_is_a_failure_with_a_reason() {
    let saver = Saver::new();
    let file = saver.put("mine.json", TEXT);
    saver.put("home", "a file where the directory should be");
    let (exit, output) = saver.save(&file, None);
    assert_eq!(exit, Exit::Failed);
    assert!(
        output.err().starts_with("error: cannot write "),
        "{}",
        output.err()
    );
}
