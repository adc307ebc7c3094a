//! The files of autogw: whose they are, who may read them, and whether more can be written.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::disk;
use super::finding::Finding;
use super::patient::Patient;
use crate::config::Home;

/// Entries of one directory that are looked at.
const MOST_FILES: usize = 200;

/// What is found.
pub(super) fn check(patient: &Patient) -> Vec<Finding> {
    let mut findings = Vec::new();
    match &patient.home {
        Some(home) => findings.extend(of_home(patient, home)),
        None => findings.push(
            Finding::error("home", "there is no directory for autogw's files")
                .fix("`export AUTOGW_HOME=DIRECTORY`"),
        ),
    }
    findings.extend(patient.file().and_then(written_by_others));
    findings.extend(patient.env_file.as_deref().and_then(read_by_others));
    findings
}

fn of_home(patient: &Patient, home: &Home) -> Vec<Finding> {
    let directory = home.directory();
    if !directory.exists() {
        return vec![of_the_first_above(directory)];
    }
    let places = [
        directory.to_owned(),
        home.run(),
        home.logs(),
        home.state_file(patient.name.as_ref()),
    ];
    let mut findings = match foreign(directory) {
        Some(foreign) => vec![foreign],
        None => places.iter().filter_map(|path| unwritable(path)).collect(),
    };
    findings.extend(readable(directory));
    findings.extend(disk::check(directory));
    if findings.is_empty() {
        let shown = directory.display().to_string();
        findings.push(Finding::ok(shown, "ours, writable, with room on its disk"));
    }
    findings
}

/// Where nothing is yet, something has to be made.
fn of_the_first_above(directory: &Path) -> Finding {
    let shown = directory.display().to_string();
    let above = directory.ancestors().find(|path| path.exists());
    match above.map(|path| (path, access(path, Access::WRITE_OK))) {
        Some((above, Err(error))) => {
            let message = format!("it is not there, and cannot be made: {}", said(error));
            Finding::error(shown, message).fix(format!(
                "let yourself write to {}, or `export AUTOGW_HOME=DIRECTORY`",
                above.display()
            ))
        }
        Some((above, Ok(()))) if let Some(full) = disk::check(above) => full,
        _ => Finding::ok(shown, "not there yet; it is made when it is needed"),
    }
}

/// Files of another user, told together: most often of root, from one run under sudo.
fn foreign(directory: &Path) -> Option<Finding> {
    let own = geteuid().as_raw();
    let mut others = below(directory).into_iter().filter_map(|path| {
        let other = fs::symlink_metadata(&path).ok()?.uid();
        (other != own && !is_lent(directory, &path)).then_some((path, other))
    });
    let (path, other) = others.next()?;
    let more = others.count();
    let shown = directory.display().to_string();
    if own == 0 {
        // Whatever is written now is root's afterwards.
        let message = format!("this runs as root, and the files are those of user {other}");
        let fix = "run autogw as that user, without sudo";
        return Some(Finding::warning(shown, message).fix(fix));
    }
    let whose = if other == 0 {
        "root".to_owned()
    } else {
        format!("user {other}")
    };
    let what = match path.strip_prefix(directory) {
        Ok(inner) if !inner.as_os_str().is_empty() => inner.display().to_string(),
        _ => "it".to_owned(),
    };
    let what = match more {
        0 => format!("{what} belongs"),
        more => format!("{what} and {more} more belong"),
    };
    let message = format!("{what} to {whose}, perhaps since a run under sudo");
    let fix = format!("`sudo chown -R \"$(id -un)\" {shown}`");
    Some(Finding::error(shown, message).fix(fix))
}

/// A configuration is only read: another user may have written it.
fn is_lent(directory: &Path, path: &Path) -> bool {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let is_configuration = path.parent() == Some(directory) && name.starts_with("config.");
    is_configuration && access(path, Access::READ_OK).is_ok()
}

/// `directory` and what is in it, two levels deep, where all files of autogw's are.
fn below(directory: &Path) -> Vec<PathBuf> {
    let entries = |path: &Path| {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).take(MOST_FILES)
    };
    let mut paths = vec![directory.to_owned()];
    for path in entries(directory) {
        let is_directory = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
        paths.push(path.clone());
        if is_directory {
            paths.extend(entries(&path));
        }
    }
    paths
}

fn unwritable(path: &Path) -> Option<Finding> {
    let error = access(path, Access::WRITE_OK).err()?;
    if error == Errno::NOENT {
        return None;
    }
    let shown = path.display().to_string();
    let fix = match error {
        Errno::ROFS => "mount it writable, or `export AUTOGW_HOME=DIRECTORY`".to_owned(),
        _ => format!("`chmod -R u+w {shown}`"),
    };
    Some(Finding::error(shown, format!("it cannot be written to: {}", said(error))).fix(fix))
}

fn said(error: Errno) -> &'static str {
    match error {
        Errno::ROFS => "the file system is read-only",
        Errno::ACCESS | Errno::PERM => "permission denied",
        _ => "the system refuses it",
    }
}

/// The directory holds the log, and the socket that acts are done through.
fn readable(directory: &Path) -> Option<Finding> {
    let mode = mode(directory)?;
    (mode & 0o022 != 0).then(|| {
        let shown = directory.display().to_string();
        let message = format!("others can put files here (mode {mode:04o})");
        let fix = format!("`chmod 700 {shown}`");
        Finding::warning(shown, message).fix(fix)
    })
}

/// Who writes the configuration decides where the keys are sent.
fn written_by_others(path: &Path) -> Option<Finding> {
    let mode = mode(path)?;
    (mode & 0o022 != 0).then(|| {
        let message = format!("others can write it (mode {mode:04o}), and send your keys anywhere");
        let fix = format!("`chmod 600 {}`", path.display());
        Finding::warning(path.display().to_string(), message).fix(fix)
    })
}

/// A file of secrets that others can read.
fn read_by_others(path: &Path) -> Option<Finding> {
    let mode = mode(path)?;
    (mode & 0o077 != 0).then(|| {
        let message = format!("others can read it, and the secrets in it (mode {mode:04o})");
        let fix = format!("`chmod 600 {}`", path.display());
        Finding::warning(path.display().to_string(), message).fix(fix)
    })
}

fn mode(path: &Path) -> Option<u32> {
    let metadata = fs::metadata(path).ok()?;
    // A pipe of a shell's has a mode that says nothing.
    (metadata.is_file() || metadata.is_dir()).then(|| metadata.mode() & 0o777)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(mode: u32) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        fs::write(&path, "").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
        (directory, path)
    }

    #[test]
    fn what_others_may_do_is_told_with_the_command_that_ends_it() {
        for (mode, is_read, is_written) in [
            (0o600, false, false),
            (0o640, true, false),
            (0o622, true, true),
        ] {
            let (_directory, path) = file(mode);
            let read = read_by_others(&path);
            assert_eq!(read.is_some(), is_read, "{mode:o}");
            let fix = read.and_then(|read| read.fix);
            assert!(fix.is_none_or(|fix| fix.starts_with("`chmod 600 /")));
            assert_eq!(written_by_others(&path).is_some(), is_written, "{mode:o}");
        }
    }

    #[test]
    fn every_file_of_the_home_is_looked_at() {
        let home = tempfile::tempdir().expect("a directory");
        fs::create_dir(home.path().join("run")).expect("made");
        for name in ["state.json", "run/admin.sock"] {
            fs::write(home.path().join(name), "").expect("a file");
        }
        let mut seen = below(home.path());
        seen.sort();
        let expected = ["", "run", "run/admin.sock", "state.json"];
        assert_eq!(seen, expected.map(|name| home.path().join(name)));
        assert_eq!(foreign(home.path()), None);
    }

    #[test]
    fn a_home_that_is_to_be_made_is_no_fault() {
        let directory = tempfile::tempdir().expect("a directory");
        let finding = of_the_first_above(&directory.path().join("a/b"));
        assert_eq!(finding.verdict, super::super::finding::Verdict::Ok);
    }
}
