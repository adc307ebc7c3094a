//! The clients of a gateway: what each of them reads, and how it is pointed here and back again.
//!
//! ```text
//! assets/clients.json → recipe    what a client wants: files, variables, arguments, steps for a person
//! endpoint                        where the gateway is, with which key, and what may be asked for there
//! recipe + endpoint → plan        nothing is left open: paths, changes, values
//! plan → edit                     a file is changed at the places that matter, and nowhere else
//!      → ledger                   what was there before, so that it can be put back byte for byte
//! disk                            files of others are read with care, and replaced as a whole
//! carry                           a plan carried out and undone: the ledger first, then the file
//! standing                        where a client's own files lead now
//! ```
//!
//! A client is a row of the asset; code is for the formats of files, not for clients.

pub mod carry;
pub mod disk;
pub mod edit;
pub mod endpoint;
pub mod ledger;
pub mod place;
pub mod plan;
pub mod recipe;
mod revert;
pub mod standing;
pub mod template;
#[cfg(test)]
mod tests;
