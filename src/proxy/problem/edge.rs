//! What stops a request at the edge: a key, a path, a method, a host, a body.

use std::time::Duration;

use http::StatusCode;

use super::Problem;

impl Problem {
    /// 401: no key, or none of ours.
    pub fn bad_key() -> Self {
        let message = "missing or unknown client key: send one of the gateway's keys as `Authorization: Bearer …`";
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_request_error",
            Some("invalid_api_key"),
            message,
        )
    }

    /// 429: too many wrong keys from this address.
    pub fn too_many_bad_keys(wait: Duration) -> Self {
        let message = "too many wrong client keys from this address";
        let problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            Some("too_many_bad_keys"),
            message,
        );
        Self {
            retry_after: Some(wait),
            ..problem
        }
    }

    /// 429: a public door has let its share through.
    pub fn door_limit(limit: u32, wait: Duration) -> Self {
        let message = format!("this public address takes {limit} requests a minute");
        let problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_error",
            Some("tunnel_rate_limit"),
            message,
        );
        Self {
            retry_after: Some(wait),
            should_retry: Some(true),
            ..problem
        }
    }

    /// 404: no such path.
    pub fn no_such_path(path: &str) -> Self {
        let message = format!(
            "there is nothing at {path}; there are GET /v1/models, POST /v1/chat/completions, /v1/responses, \
             /v1/messages and /v1beta/models/{{model}}:generateContent"
        );
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("unknown_url"),
            message,
        )
    }

    /// 404: no `what` is called `name`; `near` are names like it.
    pub fn unheard_of(what: &str, name: &str, near: &[&str]) -> Self {
        let near: Vec<_> = near.iter().map(|near| format!("`{near}`")).collect();
        let hint = if near.is_empty() {
            String::new()
        } else {
            format!("; did you mean {}?", near.join(" or "))
        };
        Self::new(
            StatusCode::NOT_FOUND,
            "invalid_request_error",
            Some("not_found"),
            format!("there is no {what} `{name}`{hint}"),
        )
    }

    /// 426: a WebSocket, where requests are posted.
    pub fn no_upgrade() -> Self {
        let message =
            "there are no WebSockets here: post the request over HTTP, with `stream` true";
        Self::new(
            StatusCode::UPGRADE_REQUIRED,
            "invalid_request_error",
            Some("websocket_not_supported"),
            message,
        )
    }

    /// 405: the path exists, the method does not.
    pub fn bad_method(allowed: &'static str) -> Self {
        let message = format!("this endpoint takes {allowed}");
        let problem = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "invalid_request_error",
            Some("method_not_allowed"),
            message,
        );
        Self {
            allow: Some(allowed),
            ..problem
        }
    }

    /// 403: a browser page that is not allowed to call.
    pub fn foreign_origin(origin: &str) -> Self {
        let message =
            format!("the origin {origin} may not call this gateway; add it to `server.cors`");
        Self::new(
            StatusCode::FORBIDDEN,
            "permission_error",
            Some("origin_not_allowed"),
            message,
        )
    }

    /// 421: a `Host` that is not ours, as in DNS rebinding.
    pub fn foreign_host(host: &str) -> Self {
        let message =
            format!("the host `{host}` is not served here; add it to `server.allowed_hosts`");
        Self::new(
            StatusCode::MISDIRECTED_REQUEST,
            "permission_error",
            Some("host_not_allowed"),
            message,
        )
    }

    /// 413: the body is over `server.max_body`.
    pub fn too_large(limit: usize) -> Self {
        let message = format!("the request body is larger than {limit} bytes (`server.max_body`)");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            Some("request_too_large"),
            message,
        )
    }

    /// 413: the body is over what may be held of all bodies together.
    pub fn larger_than_the_house(limit: usize) -> Self {
        let message = format!(
            "the request body is larger than the {limit} bytes that all bodies together may take \
             (`router.limits.buffered_bytes`)"
        );
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "invalid_request_error",
            Some("request_too_large"),
            message,
        )
    }

    /// 503: as many requests are under way, or as many bytes of them held, as there may be.
    pub fn house_full() -> Self {
        let problem = Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server_error",
            Some("gateway_overloaded"),
            "the gateway is at its limit of requests under way; try again in a moment",
        );
        Self {
            retry_after: Some(Duration::from_secs(1)),
            ..problem
        }
    }

    /// 408: the body did not arrive in time.
    pub fn slow_body() -> Self {
        let message = "the request body did not arrive in time";
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "invalid_request_error",
            Some("request_timeout"),
            message,
        )
    }

    /// 400: the connection broke in the middle of the body.
    pub fn broken_body() -> Self {
        Self::bad_request("the request body ended early")
    }
}
