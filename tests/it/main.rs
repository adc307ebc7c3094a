//! The integration tests: one binary, a module per capability.
//!
//! Every test starts a gateway of its own in front of scripted upstreams on loopback and asks it
//! over HTTP; nothing below the wire is touched.

mod blame;
mod config;
mod connections;
mod cuts;
mod discipline;
mod disconnect;
mod doors;
mod edge;
mod exhausted;
mod failover;
mod fault_table;
mod gate;
mod harness;
mod hedge;
mod help;
mod hostile;
mod house;
mod idempotency;
mod keys;
mod limits;
mod matching;
mod native;
mod native_errors;
mod native_requests;
mod native_streams;
mod patience;
mod probes;
mod readme;
mod route_fallbacks;
mod secrets;
mod sessions;
mod shutdown;
mod start;
mod state;
mod streams;
mod support;
mod tls;
mod traces;
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
