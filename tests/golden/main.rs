//! The matrix: everything a client of one dialect can say, for upstreams of every other, and every answer
//! on its way back. No socket, no clock: the codecs and the state machines around them, and nothing else.
//!
//! Snapshots show what becomes of each fixture (`tests/fixtures/<dialect>`), one page for each pair of
//! dialects; laws hold for all of them at once. What a page leaves out as ever the same is checked by
//! [`grammar`].

mod answers;
mod bodies;
mod breaks;
mod corpus;
mod crossing;
mod cuts;
mod folds;
mod grammar;
mod hostile;
mod identity;
mod invented;
mod layout;
mod place;
mod recorded;
mod requests;
mod tree;
mod vanishing;
