//! The panes: each a pure function of the model, one per file; and what they draw with.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "how large a theme is, is its own business; every pane is handed the same one"
)]

pub mod acting;
pub mod config;
pub mod curl;
pub mod figures;
pub mod filter;
pub mod finder;
pub mod frame;
pub mod input;
pub mod inspector;
pub mod listed;
pub mod logs;
pub mod overview;
pub mod page;
pub mod panes;
pub mod pen;
pub mod provider;
mod qr;
pub mod requests;
pub mod routes;
pub mod scroll;
pub mod spark;
pub mod split;
pub mod standing;
pub mod table;
pub mod text;
pub mod tunnel;
