//! Clients connected and put back, with files of every kind before and after.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::carry::{self, How, PutBack};
use super::endpoint::Endpoint;
use super::ledger::{Entry, Ledger, Record, sha256};
use super::plan::{self, ClientError, Plan};
use super::recipe::Recipe;
use super::standing::standing;
use crate::config::{Environment, Home};
use crate::provider::Secret;

/// A home directory of a person's, and the ledger in it.
struct House {
    root: tempfile::TempDir,
}

impl House {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        Self { root }
    }

    fn env(&self) -> Environment {
        Environment::empty().with_home(self.root.path())
    }

    fn ledger(&self) -> Ledger {
        Ledger::open(&Home::at(self.root.path().join(".auto-gateway")))
    }

    fn file(&self) -> PathBuf {
        self.root.path().join(".claude/settings.json")
    }

    /// A file of the client's as it may be found.
    fn holds(&self, text: &str, mode: u32) {
        let path = self.file();
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
    }

    fn plan(&self, origin: &str, key: Option<&str>) -> Result<Plan, ClientError> {
        let endpoint = Endpoint {
            origin: origin.to_owned(),
            key: key.map(Secret::new),
            model: Some("auto".to_owned()),
            models: vec!["auto".to_owned()],
        };
        let recipe = Recipe::of("claude-code").expect("a recipe");
        plan::plan(recipe, &endpoint, &self.ledger(), &self.env())
    }

    fn connect(&self, origin: &str) {
        let plan = self.plan(origin, Some("agw-key")).expect("a plan");
        let written = carry::connect(&plan, &self.ledger(), "now".to_owned());
        assert_eq!(written.expect("it is written").len(), 1);
    }

    fn record(&self) -> Record {
        let record = self.ledger().of("claude-code").expect("it is read");
        record.expect("a record")
    }

    fn undo(&self) -> How {
        let done = carry::undo(self.record(), &self.ledger()).expect("it is undone");
        let [PutBack { path, how }] = <[_; 1]>::try_from(done).expect("one file");
        assert_eq!(path, self.file());
        assert!(matches!(self.ledger().of("claude-code"), Ok(None)));
        how
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).expect("a file")
    }

    fn copies(&self) -> Vec<String> {
        let entries = fs::read_dir(self.ledger().directory()).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name != ".lock").collect();
        names.sort();
        names
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777
}

/// Settings as a person may have written them.
const OWN: &str = "{\n  // mine\n  \"model\": \"opus\",\n  \"env\": { \"ANTHROPIC_BASE_URL\": \"https://own\", },\n}\n";

#[test]
fn every_byte_comes_back() {
    for (text, mode_before) in [
        (OWN, 0o644),
        ("", 0o600),
        ("{}", 0o640),
        ("{\r\n\t\"env\": {}\r\n}\r\n", 0o604),
    ] {
        let house = House::new();
        house.holds(text, mode_before);
        house.connect("http://h:1");
        assert_ne!(house.text(), text);
        assert_eq!(mode(&house.file()), 0o600, "it holds a key");
        assert_eq!(house.undo(), How::Restored, "{text}");
        assert_eq!(house.text(), text);
        assert_eq!(mode(&house.file()), mode_before);
        assert_eq!(house.copies(), [""; 0], "nothing is left behind");
    }
}

#[test]
fn what_was_not_there_is_not_there_again() {
    let house = House::new();
    house.connect("http://h:1");
    assert!(house.text().contains("http://h:1"));
    assert_eq!(house.undo(), How::Removed);
    assert!(!house.root.path().join(".claude").exists());
    let again = House::new();
    again.connect("http://h:1");
    fs::write(again.root.path().join(".claude/other"), "x").expect("a file");
    assert_eq!(again.undo(), How::Removed);
    assert!(again.root.path().join(".claude/other").exists());
}

#[test]
fn connected_twice_it_is_still_undone_to_the_first() {
    let house = House::new();
    house.holds(OWN, 0o644);
    house.connect("http://h:1");
    house.connect("http://h:2");
    house.connect("http://h:2");
    assert!(house.text().contains("http://h:2") && !house.text().contains("http://h:1"));
    assert_eq!(house.record().origin, "http://h:2");
    assert_eq!(house.undo(), How::Restored);
    assert_eq!((house.text().as_str(), mode(&house.file())), (OWN, 0o644));
}

#[test]
fn what_others_have_written_since_stays() {
    let house = House::new();
    house.holds(OWN, 0o644);
    house.connect("http://h:1");
    let since = house.text().replace("\"opus\"", "\"haiku\"");
    fs::write(house.file(), since.replacen("auto", "sonnet", 1)).expect("it is written");
    let How::TakenOut { left, copy } = house.undo() else {
        panic!("it has been changed");
    };
    assert_eq!(left, ["env.ANTHROPIC_MODEL"]);
    let text = house.text();
    assert!(text.contains("haiku") && text.contains("https://own") && text.contains("sonnet"));
    assert!(
        text.contains("// mine") && !text.contains("agw-key"),
        "{text}"
    );
    assert_eq!(mode(&house.file()), 0o644);
    assert!(
        fs::read_to_string(copy)
            .expect("a copy")
            .contains("agw-key")
    );
}

#[test]
fn what_others_have_written_between_two_connections_stays() {
    let house = House::new();
    house.holds(OWN, 0o644);
    house.connect("http://h:1");
    let since = house.text().replace("\"opus\"", "\"haiku\"");
    fs::write(house.file(), since).expect("it is written");
    house.connect("http://h:2");
    assert_eq!(house.undo(), How::Restored);
    assert_eq!(house.text(), OWN.replace("\"opus\"", "\"haiku\""));
}

#[test]
fn a_ledger_that_somebody_has_bent_touches_no_other_file() {
    let tamper: [(&str, &str); 5] = [
        ("/.claude/settings.json\"", "/.ssh/config\""),
        ("\"client\": \"claude-code\"", "\"client\": \"../../own\""),
        ("\"client\": \"claude-code\"", "\"client\": \"codex\""),
        ("claude-code.1.before", "../../secret"),
        ("claude-code.1.before", "/etc/hostname"),
    ];
    for (from, to) in tamper {
        let house = House::new();
        house.holds(OWN, 0o644);
        for (name, text) in [("secret", "canary"), ("own.json", "{}")] {
            fs::write(house.root.path().join(name), text).expect("a file");
        }
        fs::create_dir(house.root.path().join(".ssh")).expect("a directory");
        let other = house.root.path().join(".ssh/config");
        fs::write(&other, "mine").expect("a file");
        house.connect("http://h:1");
        let written = house.text();
        let path = house.ledger().directory().join("claude-code.json");
        let text = fs::read_to_string(&path).expect("a record");
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).expect("it is bent");
        let record = house.ledger().of("claude-code");
        let undone = record
            .map_err(ClientError::from)
            .and_then(|record| carry::undo(record.expect("a record"), &house.ledger()));
        assert!(undone.is_err(), "{to}");
        assert_eq!(house.text(), written, "{to}");
        assert_eq!(fs::read_to_string(&other).expect("a file"), "mine", "{to}");
        assert!(house.root.path().join("own.json").exists(), "{to}");
    }
}

#[test]
fn a_client_that_is_not_known_is_not_put_back() {
    let house = House::new();
    house.holds(OWN, 0o644);
    house.connect("http://h:1");
    let mut record = house.record();
    record.client = "nobody".to_owned();
    assert!(carry::undo(record, &house.ledger()).is_err());
    assert!(house.text().contains("http://h:1"));
}

#[test]
fn a_file_that_others_can_put_another_in_the_place_of_is_left_alone() {
    let house = House::new();
    house.holds(OWN, 0o644);
    let directory = house.root.path().join(".claude");
    let open = |mode| fs::set_permissions(&directory, fs::Permissions::from_mode(mode));
    for mode in [0o777, 0o1777] {
        open(mode).expect("its mode");
        let refused = house.plan("http://h:1", Some("agw-key"));
        assert!(
            matches!(refused, Err(ClientError::Untouchable { .. })),
            "{mode:o}: {refused:?}"
        );
    }
    // A group of its owner alone is how some systems make every user.
    open(0o775).expect("its mode");
    house.connect("http://h:1");
    assert!(house.text().contains("http://h:1"));
    // What is above counts as well.
    let above = fs::Permissions::from_mode(0o777);
    fs::set_permissions(house.root.path(), above).expect("its mode");
    assert!(house.plan("http://h:1", None).is_err());
}

#[test]
fn a_file_that_somebody_has_removed_stays_so() {
    let house = House::new();
    house.holds(OWN, 0o644);
    house.connect("http://h:1");
    fs::remove_file(house.file()).expect("it is removed");
    assert_eq!(house.undo(), How::Gone);
    assert!(!house.file().exists());
}

/// The ledger as it is when the power goes before the file is written.
fn only_remembered(house: &House, origin: &str) {
    let before = fs::read(house.file()).ok();
    let plan = house.plan(origin, Some("agw-key")).expect("a plan");
    carry::connect(&plan, &house.ledger(), "now".to_owned()).expect("it is written");
    match before {
        Some(bytes) => fs::write(house.file(), bytes).expect("it is written"),
        None => fs::remove_dir_all(house.root.path().join(".claude")).expect("it is removed"),
    }
}

#[test]
fn a_crash_before_the_file_is_written_can_be_undone() {
    let house = House::new();
    only_remembered(&house, "http://h:1");
    assert_eq!(house.undo(), How::Untouched);
    assert!(!house.file().exists());

    house.holds(OWN, 0o600);
    only_remembered(&house, "http://h:1");
    assert_eq!(house.undo(), How::Untouched);
    assert_eq!(house.text(), OWN);

    house.connect("http://h:1");
    only_remembered(&house, "http://h:2");
    assert!(
        house.text().contains("http://h:1"),
        "the second was never written"
    );
    assert_eq!(house.undo(), How::Restored);
    assert_eq!(house.text(), OWN);
}

#[test]
fn a_crash_between_two_connections_loses_nothing_of_what_others_have_written() {
    let house = House::new();
    house.holds(OWN, 0o600);
    house.connect("http://h:1");
    let since = house.text().replace("\"opus\"", "\"haiku\"");
    fs::write(house.file(), since).expect("it is written");
    only_remembered(&house, "http://h:2");
    assert_eq!(house.undo(), How::Restored);
    assert_eq!(house.text(), OWN.replace("\"opus\"", "\"haiku\""));
}

#[test]
fn a_link_stays_a_link() {
    let house = House::new();
    house.holds("{}", 0o644);
    let real = house.root.path().join("dotfiles.json");
    fs::rename(house.file(), &real).expect("it is moved");
    symlink(&real, house.file()).expect("a link");
    house.connect("http://h:1");
    assert!(house.file().is_symlink());
    assert!(
        fs::read_to_string(&real)
            .expect("a file")
            .contains("http://h:1")
    );
    assert_eq!(house.undo(), How::Restored);
    assert!(house.file().is_symlink());
    assert_eq!(fs::read_to_string(&real).expect("a file"), "{}");
}

#[test]
fn what_cannot_be_read_is_left_alone_with_its_line() {
    let house = House::new();
    house.holds("{\n  \"a\": 1,\n  oh no\n", 0o644);
    let error = house.plan("http://h:1", None).expect_err("no JSON");
    let said = error.to_string();
    assert!(said.contains("settings.json: line 3"), "{said}");
    assert!(error.hint().is_some());
    assert!(!house.ledger().directory().exists());
}

#[test]
fn without_a_key_a_file_stays_as_open_as_it_was() {
    let house = House::new();
    house.holds("{}", 0o644);
    let plan = house.plan("http://h:1", None).expect("a plan");
    carry::connect(&plan, &house.ledger(), "now".to_owned()).expect("it is written");
    assert_eq!(mode(&house.file()), 0o644);
}

#[test]
fn who_writes_at_the_same_time_wins() {
    let house = House::new();
    house.holds("{}", 0o644);
    let plan = house.plan("http://h:1", None).expect("a plan");
    fs::write(house.file(), "{ }").expect("it is written");
    let error = carry::connect(&plan, &house.ledger(), "now".to_owned());
    let error = error.expect_err("somebody was faster");
    assert!(error.to_string().contains("somebody else"), "{error}");
    assert_eq!(house.text(), "{ }");
}

#[test]
fn where_one_file_cannot_be_written_the_others_are_what_they_were() {
    let house = House::new();
    let at = |name: &str| house.root.path().join(".gemini").join(name);
    let ledger = house.ledger();
    let endpoint = Endpoint {
        origin: "http://h:1".to_owned(),
        key: Some(Secret::new("agw-key")),
        model: None,
        models: Vec::new(),
    };
    let recipe = Recipe::of("gemini-cli").expect("a recipe");
    let plan = || plan::plan(recipe, &endpoint, &ledger, &house.env()).expect("a plan");
    let connect = |plan: &Plan| carry::connect(plan, &ledger, "now".to_owned());
    let kept = || {
        let entries = fs::read_dir(ledger.directory()).expect("a ledger");
        entries.count()
    };
    fs::create_dir(at("")).expect("a directory");
    fs::write(at("settings.json"), "{ }").expect("a file");
    let first = plan();
    fs::write(at(".env"), "LATE=1").expect("a file");
    let error = connect(&first).expect_err("somebody was faster");
    assert!(error.to_string().contains(".env"), "{error}");
    assert_eq!(fs::read(at("settings.json")).expect("a file"), b"{ }");
    assert_eq!(kept(), 0, "nothing to undo, and no copy");
    // The same where it was connected before: then it still is, as before.
    fs::remove_file(at(".env")).expect("it is removed");
    connect(&plan()).expect("it is connected");
    let (before, files) = (ledger.of("gemini-cli").expect("a record"), kept());
    let written = fs::read(at("settings.json")).expect("a file");
    let mut again = plan();
    again.origin = "http://h:2".to_owned();
    again.files[0].content.bytes.push(b'\n');
    again.files[1].content.bytes.push(b'\n');
    fs::write(at(".env"), "LATE=1").expect("a file");
    connect(&again).expect_err("somebody was faster");
    assert_eq!(fs::read(at("settings.json")).expect("a file"), written);
    assert_eq!(ledger.of("gemini-cli").expect("a record"), before);
    assert_eq!(kept(), files);
}

#[test]
fn a_file_that_is_elsewhere_now_is_put_back_all_the_same() {
    let house = House::new();
    let other = house.root.path().join("settings.json");
    fs::write(&other, "ours").expect("a file");
    house.connect("http://h:1");
    let mut record = house.record();
    record.files.push(Entry {
        path: other.clone(),
        before: None,
        wrote: vec![sha256(b"ours")],
        made: Vec::new(),
        ..record.files[0].clone()
    });
    house.ledger().write(&record).expect("it is written");
    house.connect("http://h:2");
    let done = carry::undo(house.record(), &house.ledger()).expect("it is undone");
    assert_eq!(done.len(), 2);
    assert!(!other.exists() && !house.file().exists());
}

#[test]
fn where_a_client_leads_is_read_from_its_own_files() {
    let house = House::new();
    let recipe = Recipe::of("claude-code").expect("a recipe");
    let read = || {
        let [one] = <[_; 1]>::try_from(standing(recipe, &house.env())).expect("one file");
        one
    };
    assert!(!read().exists);
    house.holds("{", 0o644);
    assert!(read().fault.is_some());
    house.holds(OWN, 0o644);
    assert_eq!(read().addresses, ["https://own"]);
    house.connect("http://h:1");
    assert_eq!(read().addresses, ["http://h:1"]);
}
