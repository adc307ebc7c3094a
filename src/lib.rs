//! autogw: one endpoint over many AI providers.
//!
//! This page is the map of the house. The binary is `src/main.rs`, which is nothing but the way in.
//!
//! # Floors
//!
//! A module imports only from lower floors, and modules of one floor do not import each other; where an
//! arrow stands, the right one may import the left. `tests/tidy.rs` holds this.
//!
//! | floor | modules | knows nothing of |
//! |---|---|---|
//! | 7 | [`app`] → [`cli`] → `main` | |
//! | 6 | [`tui`]: the dashboard, which sees what [`telemetry`] tells, through [`attach`] | the gateway |
//! | 5 | [`server`]: listeners, doors, guards · [`tunnel`]: public doors opened from inside · [`attach`]: the admin API's other end | each other, terminals |
//! | 4 | [`proxy`]: the request path | axum's routes, listeners |
//! | 3 | [`route`] · [`telemetry`] · [`demo`] · [`clients`]: what programs that ask us read | HTTP clients, sockets |
//! | 2 | [`codec`] · [`health`] · [`memory`]: state machines, `now` is an argument | async |
//! | 1 | [`provider`] → [`config`] | requests |
//! | 0 | [`json`] · [`sse`] → [`chat`]: the vocabulary | vendors, time, IO |
//!
//! Lower floors return facts (`permit.failed(..) -> Toll`), higher ones tell them.
//! There is no global state; time and randomness come in as arguments below floor 3. The dashboard and the verbs that ask
//! a running gateway see it as any other process does, also where it is their own.
//!
//! # One streaming request
//!
//! ```text
//! server::accept   a connection, behind its handshake (server::tls) where that is configured, with its clock (head,
//!                  idle and write limits)
//! proxy::current   the generation in force: asked for once, and the request ends on it
//! server::edge     of the door it came to: request id · host, origin, path · client key · a place in the house, and
//!                  room there for its body (proxy::house) · body within size and pace
//! proxy::ingress   the path names dialect and operation, and in Gemini's the model and the framing
//! proxy::idempotency  a key under which this was done, or is being done, is refused
//! proxy::prepared  the head is peeked at: model, stream, control fields; nested bytes are not parsed
//! proxy::session   who served the same session last
//! route::plan      candidates by name, pin, key alias, capability and length of the prompt, and by the dialects they
//!                  can be spoken to in (proxy::tongue); those that rest are left out, who is behind an open
//!                  breaker is a last resort
//! route::choice    the others, in the order of a strategy; a session goes on where it was, if that is well
//! proxy::failover  for each target, within attempts and deadline:
//!   health::permit    leave of breaker, provider and key, in a seat (proxy::seat) that is given back when it drops
//!   proxy::attempt    the body is edited as slices (proxy::written) and sent on a pooled connection
//!   proxy::receive    held until the first meaningful event; an error or an end here → next target
//!   failover::gate    the same if that takes much longer than it usually does
//!   failover::race    or a second is asked beside it, where that is wanted and within the budget (proxy::hedges)
//!   provider::classify, health   what failed, who rests, whose breaker opens, where the request may go
//!   failover::repeat  the same target once more: at random within a growing time, and within its provider's budget
//!   failover::detour  all failed in a way for which the route names another → the plan of that one
//! proxy::live      committed: whole events are forwarded as they came, codec's observer reads beside;
//!                  a failure from here on is an error event, never a second answer, unless
//! proxy::continuation  another target may provably go on with the words that were told
//! proxy::record    dropped at the end, whatever the end was: one log line, one trace (telemetry::trace), one entry in
//!                  the counts (telemetry::metrics), its row in the table of live requests (telemetry::live) is
//!                  gone, and the seat and the idempotency key are settled
//! ```
//!
//! `POST /routing/decide` and `autogw explain` take the same way as far as the seat, as a rehearsal ([`proxy::decide`]).
//!
//! # One translated request
//!
//! Where [`proxy`]'s `tongue` has chosen another dialect than the client's, `attempt` and `receive` do more:
//!
//! ```text
//! state                Responses: the conversation that `previous_response_id` names is put before the input
//! translate::neutral   the body is read once, by the client's decoder, into a chat::Request; calls of tools
//!                      get back the thoughts that a Chat client has dropped
//! translate::outgoing  per target: what it would have to refuse → next target; seals of others are stripped;
//!                      written by the upstream's encoder as Knowledge and Quirks of the target say, and
//!                      chat::Report keeps what was dropped or changed; under `strict` a loss is a 400
//! failover             a 400 that names a parameter: once more without it, and health::unsupported remembers
//! translate::crossing  a whole answer: upstream's decoder → chat::Response → client's encoder
//! translate::translator  a stream: sse → upstream's decoder → chat::StreamEvent … → client's encoder; opaque
//!                      tokens are sealed (chat::signature) into the slot that the client's dialect has
//! memory               keeps the answer, if it is to be stored, and the thoughts behind its calls
//! ```
//!
//! Commit, deadlines, observer and errors after the commit are those of native streams.
//!
//! # Tunnels
//!
//! ```text
//! app::tunnels     opens and closes them, at start and later; one door, accept loop and supervisor each
//! server::door     the rules of a way in: local, or public with a key on every path
//! tunnel           ngrok: connections arrive in this process · cloudflared: a child connects to a socket
//! telemetry::tunnel  the board: supervisors write how it stands; banner, /health and log read it
//! ```
//!
//! # Seen from outside
//!
//! ```text
//! telemetry::books   requests write here, and nowhere else: traces, metrics, live
//! app::observer      looks at the books once a second, ten times while somebody watches; compares with what it told last
//! telemetry::bus     what has changed, in absolute values; who is too slow gets a new snapshot, and is not waited for
//! server::admin      a Unix socket of the owner's (or a loopback address with a token): snapshot, events, details, acts
//! app::steward       what the admin API asks of this house: the observer, the rehearsal, the acts
//! attach             the other end: one question, or a feed that is opened again whenever it breaks
//! tui · cli          the dashboard; status, requests, logs, reload. telemetry::snapshot is what all of them are told, and
//!                    Snapshot::apply the one place where a change is taken in
//! ```
//!
//! What the owner does goes the other way: `telemetry::act` → `server::admin` → `app::acts` → `proxy::steering` (drains,
//! pins, a strategy, faults), `health`, `app::tunnels` or `app::reload`.
//!
//! # Around a gateway
//!
//! ```text
//! clients::plan     a recipe (a row of the asset) and an endpoint: what each of the client's files becomes
//! clients::ledger   what was there is kept first, for good; then clients::carry replaces the file as a whole
//! cli::connect      finds the gateway, key and model, and asks once in the client's dialect; `--undo` goes back
//! cli::doctor       a file and a line for each check, all at once and all in time: findings, and what mends them
//! cli::service      a unit of systemd's: written, started, seen to answer, removed
//! app::notify       tells systemd of readiness, reloads, the end, and a pulse that stops when the gateway hangs
//! server::tls       files → Identity → what the next handshake shows; app::secured puts it before the listener, a
//!                   reload looks at the files again
//! ```
//!
//! # A reload
//!
//! ```text
//! app::reload       the file changes, SIGHUP, an act → read and resolved as at the start → diff → client keys
//! proxy::gateway    the next generation beside the one in force: connections and listings that are the same go over
//! proxy::shared     what survives it: health, memory, books, steering, known by names and digests and never by places
//! proxy::current    puts it in force; requests under way end on the one they began with
//! ```
//!
//! # Laws
//!
//! Each has a test.
//!
//! - L1: what is decoded and encoded again in one dialect is what it was, unknown fields included.
//!   (`golden::identity`, and the laws beside each codec)
//! - L2: every leaf of a request is in what the upstream gets, or in the report. (`golden::vanishing`)
//! - L3: a stream folds to what its document says. (`golden::folds`)
//! - L4: what an encoder writes, its own decoder understands as it was meant, and the grammar of the dialect
//!   holds. (`golden::folds`, `golden::invented`)
//! - L5: neither the stream parser nor a translated stream depends on where chunks are cut. (`sse`,
//!   `proxy::relay`, `golden::cuts`)
//! - L6: what matches its provider's dialect passes byte for byte: nested request bytes and all response
//!   bytes are equal, but for the usage chunk that only we asked for. (`native`, `native_requests`,
//!   `native_streams`, `streams`, `json::raw`)
//! - L7: a permit or a place that ends, however it ends, leaves the counts right. (`health::tests::law`,
//!   `proxy::house`, `house`, `discipline`)
//! - L8: no secret of the configuration appears in logs, errors or screens, nor in metrics, snapshots, events, spans or
//!   what was captured. (`secrets`, `directory`, `explain`, `metrics`, `admin::tells`, `capture`, `otlp`)
//! - L9: no answer is retried after a meaningful byte reached the client; where another target goes on with it, then
//!   behind its last word. (`failover`, `streams`, `continuation`)
//! - L10: a stream that did not see its terminal marker is never closed as finished. (`streams`,
//!   `golden::breaks`)
//! - L11: a client that leaves closes the upstream. (`disconnect`)
//! - What may have had effects is not done twice: not elsewhere, not beside, not under the same idempotency key.
//!   (`discipline`, `gate`, `hedge`, `idempotency`)
//! - An outage is never multiplied: repeats are a share of the requests, and a breaker that is open lets one at a
//!   time through. (`discipline`, `fault_table`, `health::tests::circuit`)
//! - The loser of a race is closed and held against nobody, and what races cost stays within its budget. (`hedge`)
//! - A rehearsal changes nothing, and says what the next request does. (`decide`, `simulation`)
//! - A gateway that is killed leaves a whole state file, and no key is in it. (`state`)
//! - What is remembered of a conversation is for the client key it came with. (`memory`, `sessions`)
//! - Every request is counted as what it became, and no label is a client's invention. (`metrics`,
//!   `telemetry::metrics::tests`)
//! - Nobody who watches is ever waited for: who is too slow is told how much was missed. (`telemetry::bus`,
//!   `server::admin::events`)
//! - What is told of a gateway is the same whoever tells it, and told twice it does no harm. (`telemetry::snapshot`,
//!   `admin::tells`)
//! - The admin API answers nowhere else than at its own doors, and there only its owner. (`admin::doors`)
//! - A bad configuration never replaces a good one, and every error of it is told. (`reload`)
//! - A renewed certificate is shown to the next connection, and no open one ends by it; one that cannot be used is told,
//!   and the good one stays. (`https::renewal`)
//! - A request ends on the generation it began with, and what was learned outlives all of them. (`reload`)
//! - While a public door is open nothing is captured. (`capture`, `tunnel`)
//! - What comes through a tunnel is never taken for local, whatever it says, and asks for a key. (`doors`)
//! - A tunnel's child ends with the gateway, however that ends. (`tunnel`)
//! - What is done to a client's files can be undone byte for byte, whenever it breaks off; what others have written since
//!   stays. (`clients::tests`, `connect::files`)
//! - An edit of a client's file changes what it is about, and no other byte. (`clients::edit::tests::laws`)
//! - `doctor` changes nothing and shows no secret. (`doctor`)
//! - systemd hears that a gateway is ready when its listener answers, and not before. (`service::notified`)

pub mod app;
pub mod attach;
pub mod chat;
pub mod cli;
pub mod clients;
pub mod codec;
pub mod config;
pub mod demo;
pub mod health;
pub mod json;
pub mod memory;
pub mod provider;
pub mod proxy;
pub mod route;
pub mod server;
pub mod sse;
pub mod telemetry;
pub mod tui;
pub mod tunnel;
