//! Doors: what decides who a request may be is the door it came through, and nothing the request says.
//!
//! Every listener is one door with an edge of its own. The *local* one answers on the configured
//! address. Each tunnel has a *public* one that nobody else can reach: it asks for a key on every path,
//! shows only what is meant for everybody, and believes its tunnel, which alone can know, where a request
//! came from. So a request of the tunnel is never taken for a local one, however it is written.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{HeaderMap, HeaderName};

use super::auth::ClientKeys;
use super::crowd::network;
use super::guard::Guard;
use super::pages;
use super::peer::Peer;
use super::probe::Probe;
use super::rate::Rate;
use crate::config::{PublicDoor, Tunnel};
use crate::proxy::ingress::Ingress;
use crate::proxy::problem::Problem;
use crate::route::Scope;

/// Cloudflare gives up on an answer that has not begun after 100 seconds (its error 524): a stream is
/// promised before that, and the search for a target goes on behind it.
const PROMISE_AFTER: Duration = Duration::from_secs(80);

/// Where Cloudflare says who the client is. It sets the header itself, over whatever the client sent.
static CLOUDFLARE_CLIENT: HeaderName = HeaderName::from_static("cf-connecting-ip");

/// Signs that somebody has passed a request on.
static PASSED_ON: [HeaderName; 4] = [
    HeaderName::from_static("cf-connecting-ip"),
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("via"),
];

/// One way in, and its rules.
#[derive(Debug)]
pub struct Door {
    pub(super) guard: Guard,
    pub(super) keys: ClientKeys,
    public: Option<Public>,
}

/// What is different for those who come from anywhere.
#[derive(Debug)]
struct Public {
    tunnel: Tunnel,
    rate: Option<Arc<Rate>>,
    scope: Arc<Scope>,
    probe: Arc<Probe>,
}

/// How near whoever asks is: health tells its neighbours more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// This machine, at the local door.
    Here,
    /// Elsewhere.
    Away,
}

impl Door {
    /// The local door.
    pub fn local(guard: Guard, keys: ClientKeys) -> Self {
        Self {
            guard,
            keys,
            public: None,
        }
    }

    /// The door of a tunnel. `origins` are the web pages that may call; `probe` is how it is seen to work.
    pub fn public(
        tunnel: Tunnel,
        origins: &[String],
        keys: ClientKeys,
        rules: &PublicDoor,
        probe: Arc<Probe>,
    ) -> Self {
        let public = Public {
            tunnel,
            rate: rules.max_rpm.map(|limit| Arc::new(Rate::per_minute(limit))),
            scope: Arc::new(Scope::new(rules.models.as_deref())),
            probe,
        };
        Self {
            guard: Guard::public(origins),
            keys,
            public: Some(public),
        }
    }

    /// The same behind `last`, the door of before: what that has let through counts, if as much may pass.
    #[must_use]
    pub fn behind(mut self, last: Option<&Self>) -> Self {
        let last = last.and_then(|last| last.public.as_ref()?.rate.as_ref());
        let own = self.public.as_mut().and_then(|public| public.rate.as_mut());
        if let (Some(last), Some(own)) = (last, own)
            && last.limit() == own.limit()
        {
            *own = last.clone();
        }
        self
    }

    /// Its name in logs; the local door has none.
    pub fn name(&self) -> Option<&'static str> {
        self.public.as_ref().map(|public| public.tunnel.name())
    }

    /// Whether anything may be at `path` here. What is not there needs no key to be told so.
    pub(super) fn shows(&self, path: &str) -> bool {
        self.public.is_none() || Ingress::at(path, None).is_some() || pages::is_public(path)
    }

    /// Whether `path` needs no key.
    pub(super) fn is_open(&self, path: &str) -> bool {
        self.public.is_none() && pages::OPEN.contains(&path)
    }

    /// The probe, if it is this request that it waits for.
    pub(super) fn probe(&self, head: &Parts) -> Option<&Arc<Probe>> {
        let public = self.public.as_ref()?;
        public.probe.expects(head).then_some(&public.probe)
    }

    /// The network a request comes from; `None` is a Unix socket, or a tunnel that did not say.
    pub(super) fn network(&self, headers: &HeaderMap, peer: &Peer) -> Option<IpAddr> {
        match &self.public {
            // ngrok's connections carry the address of their client themselves.
            Some(public) if public.tunnel == Tunnel::Cloudflared => {
                let address = headers.get(&CLOUDFLARE_CLIENT)?.to_str().ok()?;
                address.trim().parse().ok().map(network)
            }
            _ => peer.network(),
        }
    }

    /// How near whoever asks is. What somebody has passed on comes from elsewhere: a tunnel that leads to
    /// the local door by mistake, or a proxy.
    pub(super) fn reach(&self, headers: &HeaderMap, peer: &Peer) -> Reach {
        let is_here = peer
            .address
            .is_none_or(|address| address.ip().is_loopback());
        let is_passed_on = PASSED_ON.iter().any(|name| headers.contains_key(name));
        if self.public.is_none() && is_here && !is_passed_on {
            Reach::Here
        } else {
            Reach::Away
        }
    }

    /// Takes one request out of what the door lets through.
    ///
    /// # Errors
    /// 429 when there have been too many. Where keys are needed only requests with a good one get here, so
    /// strangers cannot use up what belongs to the owner.
    pub(super) fn admit(&self, now: Instant) -> Result<(), Problem> {
        let rate = self.public.as_ref().and_then(|public| public.rate.as_ref());
        rate.map_or(Ok(()), |rate| {
            rate.take(now)
                .map_err(|wait| Problem::door_limit(rate.limit(), wait))
        })
    }

    /// The models that exist here; `None` is all.
    pub(super) fn scope(&self) -> Option<Arc<Scope>> {
        self.public.as_ref().map(|public| public.scope.clone())
    }

    /// After how long a stream is promised whatever the configuration says.
    pub(super) fn promise_after(&self) -> Option<Duration> {
        self.public.as_ref().map(|_| PROMISE_AFTER)
    }

    /// Whether a client that was let in is somebody: then its connections are no stranger's, of whom only so
    /// many may come from one address. A tunnel's clients often share one.
    pub(super) fn knows_its_clients(&self) -> bool {
        self.public.is_some() && self.keys.open().is_none()
    }

    /// Whether keys are to be protected from those who try many at a time, at the price that behind the
    /// address of such a one a right key is refused as well. Long keys need no such protection.
    pub(super) fn guards_short_keys(&self) -> bool {
        self.public.is_some() && self.keys.has_short()
    }

    /// Whether something stands between client and gateway that takes silence for death.
    pub(super) fn is_public(&self) -> bool {
        self.public.is_some()
    }

    /// Checks what a request says of its host and origin.
    pub(super) fn check(&self, head: &Parts) -> Result<(), Problem> {
        self.guard.check(head)?;
        if self.shows(head.uri.path()) {
            Ok(())
        } else {
            Err(Problem::no_such_path(head.uri.path()))
        }
    }
}
