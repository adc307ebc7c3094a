//! `POST /v1/chat/completions`: read the request, decide what to say, write it whole or as a stream.

mod answer;
mod render;
mod request;
mod tools;

use super::Simulation;
use super::draws::Draws;
use super::refusal::Refusal;
use super::reply::Reply;
use super::wire::Delivery;

use render::Turn;
use request::ChatRequest;

/// Answers the request in `body`.
pub(super) fn reply(simulation: &Simulation, draws: &Draws, body: &[u8]) -> Result<Reply, Refusal> {
    let request = ChatRequest::parse(body)?;
    simulation.check_model(&request.model)?;
    request.check()?;
    let delivery = request.delivery()?;
    let answer = answer::decide(&request, simulation)?.limited_to(request.limit()?);
    let turn = Turn {
        draws,
        model: &request.model,
        prompt_tokens: request.prompt_tokens(),
        answer,
    };
    Ok(match delivery {
        Delivery::Whole => turn.whole(),
        Delivery::Stream | Delivery::StreamWithUsage => Reply::Stream(turn.stream(delivery)),
    })
}
