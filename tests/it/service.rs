//! The gateway as a service: what systemd is told by it, and the unit that is installed.

mod notified;
mod units;
mod verb;
