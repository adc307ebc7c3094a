//! The integration tests: one binary, a module per capability.
//!
//! Every test starts a gateway of its own in front of scripted upstreams on loopback and asks it
//! over HTTP; nothing below the wire is touched.

mod blame;
mod config;
mod connections;
mod continuation;
mod continuation_crossed;
mod cuts;
mod disconnect;
mod doors;
mod edge;
mod exhausted;
mod failover;
mod harness;
mod help;
mod hostile;
mod keys;
mod limits;
mod matching;
mod native;
mod native_errors;
mod native_requests;
mod native_streams;
mod patience;
mod readme;
mod secrets;
mod shutdown;
mod start;
mod streams;
mod support;
mod tls;
mod translate;
mod translate_choice;
mod translate_count;
mod translate_embed;
mod translate_errors;
mod translate_fidelity;
mod translate_odd;
mod translate_state;
mod translate_streams;
mod translate_thoughts;
mod translate_tools;
mod tunnel;
mod verbs;
