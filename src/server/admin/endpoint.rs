//! The table of endpoints. The router is made of it, and so is the `OpenAPI` document: what answers is described,
//! and what is described answers.

use http::Method;

/// One endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Page {
    /// Everything, as of now.
    Snapshot,
    /// What changes, as a stream.
    Events,
    /// The last requests and those under way.
    Requests,
    /// One of them.
    Request,
    /// A provider.
    Provider,
    /// The effective configuration.
    Config,
    /// What would become of a request.
    Decide,
    /// Has the gateway do something.
    Acts,
    /// Has it read its configuration anew.
    Reload,
    /// The end of the log.
    Logs,
    /// The description of all this.
    Document,
}

/// What a request body holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// Nothing: there is none.
    Nothing,
    /// JSON.
    Json,
}

impl Page {
    /// All of them.
    pub const ALL: [Page; 11] = [
        Page::Snapshot,
        Page::Events,
        Page::Requests,
        Page::Request,
        Page::Provider,
        Page::Config,
        Page::Decide,
        Page::Acts,
        Page::Reload,
        Page::Logs,
        Page::Document,
    ];

    /// Where it is.
    pub fn path(self) -> &'static str {
        match self {
            Page::Snapshot => "/v1/snapshot",
            Page::Events => "/v1/events",
            Page::Requests => "/v1/requests",
            Page::Request => "/v1/requests/{id}",
            Page::Provider => "/v1/providers/{name}",
            Page::Config => "/v1/config",
            Page::Decide => "/v1/decide",
            Page::Acts => "/v1/acts",
            Page::Reload => "/v1/reload",
            Page::Logs => "/v1/logs",
            Page::Document => "/openapi.json",
        }
    }

    /// How it is asked. A GET changes nothing.
    pub fn method(self) -> Method {
        match self {
            Page::Decide | Page::Acts | Page::Reload => Method::POST,
            Page::Snapshot
            | Page::Events
            | Page::Requests
            | Page::Request
            | Page::Provider
            | Page::Config
            | Page::Logs
            | Page::Document => Method::GET,
        }
    }

    /// What stands in the body of a question.
    pub fn takes(self) -> Takes {
        match self {
            Page::Decide | Page::Acts => Takes::Json,
            _ => Takes::Nothing,
        }
    }

    /// The parameters of its query.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Page::Events => &["only"],
            Page::Requests => &["limit", "state", "provider", "model", "client"],
            Page::Logs => &["limit", "level", "after"],
            _ => &[],
        }
    }
}
