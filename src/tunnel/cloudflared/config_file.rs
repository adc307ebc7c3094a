//! The configuration file that cloudflared is given.
//!
//! Without one it reads a person's own, whose `ingress` would put something else on the public URL. Ours
//! says one thing: every request goes to the door's socket.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A file that is removed when this goes.
#[derive(Debug)]
pub(super) struct ConfigFile(PathBuf);

impl ConfigFile {
    /// Writes the file at `path`, readable by nobody else, in the place of one that a killed run left.
    pub(super) fn write(path: &Path, socket: &Path) -> io::Result<Self> {
        let text = text(socket)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(text.as_bytes())?;
        file.persist(path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        // If somebody has removed it already, that is all that is wanted.
        let _ = fs::remove_file(&self.0);
    }
}

/// What cloudflared calls a Unix socket.
pub(super) fn service(socket: &Path) -> String {
    format!("unix:{}", socket.display())
}

/// A string of JSON is one of YAML as well.
fn text(socket: &Path) -> io::Result<String> {
    if socket.to_str().is_none() {
        let problem = "the path of the door's socket is not UTF-8";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let service = serde_json::Value::from(service(socket));
    Ok(format!("ingress:\n  - service: {service}\n"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn says_one_thing_to_one_reader_and_goes() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("cloudflared.yml");
        fs::write(&path, "left by a killed run").expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("its mode");
        let file = ConfigFile::write(&path, Path::new("/run/a \"b\"/gw.sock")).expect("a file");
        let text = fs::read_to_string(&path).expect("it can be read");
        assert_eq!(
            text,
            "ingress:\n  - service: \"unix:/run/a \\\"b\\\"/gw.sock\"\n"
        );
        let mode = fs::metadata(&path)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(file);
        assert_eq!(fs::read_dir(place.path()).expect("a directory").count(), 0);
    }
}
