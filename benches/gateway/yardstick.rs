//! The yardstick: the least that a proxy on this stack can do, written as one would for production, and no more.
//!
//! hyper's server on one side, hyper-util's pooled client on the other, `TCP_NODELAY` on both. It collects the request
//! body, reads `model` and `stream` from it and nothing else, and pipes the answer frame by frame. No keys are checked,
//! nothing is logged, nobody watches the stream: what autogw costs beyond it is the price of being a gateway.

use std::borrow::Cow;
use std::hint::black_box;
use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, TRANSFER_ENCODING};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Deserialize;

type Upstream = Client<HttpConnector, Full<Bytes>>;
type Answer = Either<Incoming, Full<Bytes>>;

/// Forwards everything to `upstream` until stdin ends.
pub(crate) fn serve(upstream: SocketAddr) -> Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client: Upstream = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .build(connector);
    let authority = Authority::try_from(upstream.to_string())?;
    super::role::serve(move |request| {
        let (client, authority) = (client.clone(), authority.clone());
        async move {
            forward(request, &client, authority)
                .await
                .unwrap_or_else(|_| failure(StatusCode::BAD_GATEWAY))
        }
    })
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    model: Cow<'a, str>,
    stream: Option<bool>,
}

async fn forward(
    request: Request<Incoming>,
    client: &Upstream,
    authority: Authority,
) -> Result<Response<Answer>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let Ok(Head { model, stream }) = serde_json::from_slice(&body) else {
        return Ok(failure(StatusCode::BAD_REQUEST));
    };
    // A gateway would route by them; here they must only not be optimised away.
    black_box((model, stream));

    let mut onward = Request::new(Full::new(body));
    *onward.method_mut() = head.method;
    *onward.uri_mut() = at(head.uri, authority)?;
    let headers = onward.headers_mut();
    if let Some(kind) = head.headers.get(CONTENT_TYPE) {
        headers.insert(CONTENT_TYPE, kind.clone());
    }
    headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer sk-bench"));

    let mut response = client.request(onward).await?;
    response.headers_mut().remove(CONNECTION);
    response.headers_mut().remove(TRANSFER_ENCODING);
    Ok(response.map(Either::Left))
}

fn at(uri: Uri, authority: Authority) -> Result<Uri> {
    let mut parts = uri.into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority);
    Ok(Uri::from_parts(parts)?)
}

fn failure(status: StatusCode) -> Response<Answer> {
    let mut response = Response::new(Either::Right(Full::default()));
    *response.status_mut() = status;
    response
}
