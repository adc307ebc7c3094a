//! The settings as the rest of the program sees them: resolved, with defaults, one file per part.

mod health;
mod parts;
mod route;
mod router;
mod server;
mod tunnel;

pub use health::{Backoff, Backoffs, Circuit};
pub use parts::{
    Affinity, Bandit, Capture, Conversations, Fidelity, Gate, HealthCheck, Hedge, Limits, Profile,
    SmallModels, Weighted,
};
pub use route::{ConflictResolution, Fallback, FallbackOn, Route, Step};
pub use router::{OnUnknownModel, Router, Strategy, Timeouts};
pub use server::{Admin, AdminSocket, Listen, Server, Tls};
pub use tunnel::{Authtoken, Cloudflared, Ngrok, PublicDoor, Tunnel, Tunnels};
