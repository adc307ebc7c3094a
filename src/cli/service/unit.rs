//! The unit: what systemd is told to run, and what that may do.
//!
//! A service of the system runs as a user of its own, `autogw`, and sees little of the machine. A service of a
//! person runs as that person; a manager without privileges can only take away what needs no namespace.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::place::Scope;
use super::quote;

/// The line by which a unit is known as ours.
pub(super) const MARK: &str = "# Written by `autogw service install`";

/// The user of a service of the system, and its group.
pub const USER: &str = "autogw";

/// The first version of systemd that waits for the end of a reload by itself.
const WAITS_FOR_RELOADS: u32 = 253;

/// The first version that tries again ever more slowly.
const SLOWS_DOWN: u32 = 254;

/// What an end takes beside the drain.
const BESIDE_DRAIN: Duration = Duration::from_secs(15);

/// What a unit depends on.
#[derive(Debug, Clone)]
pub struct Unit {
    /// Whose service it is.
    pub scope: Scope,
    /// `autogw`, or `autogw-X`: the name of the unit and of its directories.
    pub name: String,
    /// This program.
    pub program: PathBuf,
    /// What it is started with, behind `start`.
    pub arguments: Vec<String>,
    /// Autogw's files.
    pub home: Option<PathBuf>,
    /// Where its variables come from.
    pub env_file: PathBuf,
    /// Whether the gateway is not to run without that file.
    pub needs_env_file: bool,
    /// Whether a wrong configuration stays wrong until somebody changes it.
    pub has_config: bool,
    /// How long it takes to drain.
    pub drain: Duration,
    /// Whether it listens on a port below 1024.
    pub has_low_port: bool,
    /// Directories that it writes to beside its own.
    pub writes_to: Vec<PathBuf>,
    /// The version of systemd, if it is known.
    pub systemd: Option<u32>,
}

/// What needs no privileges to be taken away.
const HARDENED: &str = "\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
UMask=0077
LimitNOFILE=65536
LimitCORE=0
";

/// What the manager of the system can take away beside that.
const CONFINED: &str = "\
ProtectSystem=strict
ProtectHome=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProcSubset=pid
PrivateDevices=yes
PrivateIPC=yes
PrivateTmp=yes
DevicePolicy=closed
RemoveIPC=yes
";

impl Unit {
    /// The name of its file, by which systemd knows it.
    pub fn file_name(&self) -> String {
        format!("{}.service", self.name)
    }

    /// The file.
    pub fn text(&self) -> String {
        let mut text = self.head();
        text.push_str(&self.service());
        text.push_str(HARDENED);
        if self.scope == Scope::System {
            text.push_str(CONFINED);
            text.push_str(&self.rights());
        }
        let target = match self.scope {
            Scope::System => "multi-user.target",
            Scope::User => "default.target",
        };
        _ = write!(text, "\n[Install]\nWantedBy={target}\n");
        text
    }

    fn head(&self) -> String {
        let name = &self.name;
        let user = match self.scope {
            Scope::System => format!(
                "#\n# It runs as the user `{USER}`, which has to be there. By hand:\n\
                 #   systemd-sysusers --inline 'u {USER} - \"autogw gateway\" /var/lib/autogw'\n\
                 # Its configuration must be readable for the group of that name, and for nobody else:\n\
                 #   chown root:{USER} /etc/auto-gateway/config.json; chmod 640 /etc/auto-gateway/config.json\n"
            ),
            Scope::User => String::new(),
        };
        let network = match self.scope {
            Scope::System => "Wants=network-online.target\nAfter=network-online.target\n",
            // A manager of a person knows nothing of the network.
            Scope::User => "",
        };
        format!(
            "{MARK}, which overwrites it. What you change belongs\n\
             # into a file beside it: `systemctl {}edit {name}`.\n{user}\n\
             [Unit]\nDescription=autogw, one endpoint over many AI providers\n{network}\
             # It is tried again and again: a port may become free, a network may come.\n\
             StartLimitIntervalSec=0\n",
            self.scope.option_and_space()
        )
    }

    fn service(&self) -> String {
        let stop = self.drain.saturating_add(BESIDE_DRAIN).as_secs();
        let mut text = String::from("\n[Service]\n");
        if self.waits_for_reloads() {
            text.push_str("Type=notify-reload\n");
        } else {
            text.push_str("Type=notify\nExecReload=kill -HUP $MAINPID\n");
        }
        _ = write!(
            text,
            "NotifyAccess=main\nExecStart={}\nRestart=on-failure\n{}",
            self.command(),
            self.pauses()
        );
        if self.has_config {
            text.push_str("# A wrong configuration does not get better by trying.\nRestartPreventExitStatus=2\n");
        }
        _ = write!(
            text,
            "TimeoutStartSec=90\n# Longer than server.drain: running requests are finished.\nTimeoutStopSec={stop}\nWatchdogSec=30\n\n",
        );
        text.push_str(&self.surroundings());
        text
    }

    /// What is around it: variables, directories, the user.
    fn surroundings(&self) -> String {
        let mut text = String::from("# Variables are read at the start, not by a reload.\n");
        let optional = if self.needs_env_file { "" } else { "-" };
        let env_file = quote::whole(&shown(&self.env_file));
        _ = writeln!(text, "EnvironmentFile={optional}{env_file}");
        if let Some(home) = &self.home {
            let set = format!("AUTOGW_HOME={}", shown(home));
            _ = writeln!(text, "Environment={}", quote::word(&set));
        }
        if self.scope == Scope::System {
            let name = &self.name;
            _ = write!(
                text,
                "User={USER}\nGroup={USER}\nStateDirectory={name}\nStateDirectoryMode=0700\n\
                 RuntimeDirectory={name}\nRuntimeDirectoryMode=0755\n"
            );
        }
        text.push('\n');
        text
    }

    /// What a service of the system may do after all.
    fn rights(&self) -> String {
        let mut text = String::new();
        if self.has_low_port {
            text.push_str("# For a port below 1024.\nCapabilityBoundingSet=CAP_NET_BIND_SERVICE\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n");
        } else {
            text.push_str("CapabilityBoundingSet=\nAmbientCapabilities=\nPrivateUsers=yes\n");
        }
        for directory in &self.writes_to {
            // Without it the unit would not start at all, and could not say why.
            let path = quote::word(&format!("-{}", shown(directory)));
            _ = writeln!(text, "ReadWritePaths={path}");
        }
        text
    }

    fn command(&self) -> String {
        let arguments = self.arguments.iter().map(|word| quote::argument(word));
        let words = std::iter::once(quote::program(&shown(&self.program)));
        let words = words.chain(["start".to_owned()]).chain(arguments);
        words.collect::<Vec<_>>().join(" ")
    }

    /// How long it rests between two tries.
    fn pauses(&self) -> &'static str {
        if self.systemd.is_some_and(|version| version >= SLOWS_DOWN) {
            "RestartSec=1\nRestartSteps=6\nRestartMaxDelaySec=60\n"
        } else {
            "RestartSec=5\n"
        }
    }

    fn waits_for_reloads(&self) -> bool {
        let version = self.systemd;
        version.is_some_and(|version| version >= WAITS_FOR_RELOADS)
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
