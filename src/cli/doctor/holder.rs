//! Who listens on a port, as far as this user may know: `/proc/net/tcp` has the socket, `/proc/PID/fd` who
//! holds it. Elsewhere than on Linux nobody is named.

use std::fmt;
use std::fs;
use std::net::SocketAddr;

use crate::telemetry::foreign::is_treacherous;

/// Most processes and files that are looked at: a machine with more is not worth the wait.
const MOST_LOOKS: usize = 200_000;

/// The state of a socket that listens.
const LISTENS: &str = "0A";

/// A process that holds a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) pid: u32,
    pub(super) program: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.program, self.pid)
    }
}

/// Who listens at the port of `address`.
pub(super) fn of(address: SocketAddr) -> Option<Holder> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .find_map(|table| inode(&fs::read_to_string(table).ok()?, address.port()))?;
    let target = format!("socket:[{inode}]");
    let mut looks = 0..MOST_LOOKS;
    for process in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = process
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let files = fs::read_dir(process.path().join("fd"));
        for file in files.into_iter().flatten().flatten() {
            looks.next()?;
            if fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == &*target) {
                let program = fs::read_to_string(process.path().join("comm")).unwrap_or_default();
                let program = program.trim().replace(is_treacherous, " ");
                return Some(Holder { pid, program });
            }
        }
    }
    None
}

/// The socket that listens at `port`: in the table a line each of `sl local remote st … inode …`.
fn inode(table: &str, port: u16) -> Option<u64> {
    let end = format!(":{port:04X}");
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_it = columns.get(1)?.ends_with(&end) && *columns.get(3)? == LISTENS;
        is_it.then(|| columns.get(9)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_found_by_its_port_and_state() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F40 0100007F:9999 01 00000000:00000000 00:00000000 00000000 0 0 11 1\n\
            1: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 42 1\n";
        assert_eq!(inode(table, 8000), Some(42));
        assert_eq!(inode(table, 8001), None);
        assert_eq!(inode("head\nodd line", 8000), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found_by_its_own_listener() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let holder = of(listener.local_addr().expect("an address")).expect("a holder");
        assert_eq!(holder.pid, std::process::id());
    }
}
