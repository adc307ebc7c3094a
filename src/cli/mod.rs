//! The command line: one file per verb, and what they share.

pub mod ask;
pub mod check;
pub mod completions;
pub mod console;
pub mod exit;
pub mod init;
pub mod live;
pub mod local;
pub mod save_global;
pub mod source;
pub mod template;
