//! `GET /v1/models` and `GET /v1/models/{id}`.

use serde_json::{Value, json};

use super::Simulation;
use super::draws::EPOCH;
use super::refusal::Refusal;

/// Everything that is served.
pub(super) fn list(simulation: &Simulation) -> Value {
    let data: Vec<Value> = simulation.models.iter().map(|id| entry(id)).collect();
    json!({"object": "list", "data": data})
}

/// One model, or 404.
pub(super) fn one(simulation: &Simulation, id: &str) -> Result<Value, Refusal> {
    simulation.check_model(id)?;
    Ok(entry(id))
}

fn entry(id: &str) -> Value {
    json!({"id": id, "object": "model", "created": EPOCH, "owned_by": "autogw-demo"})
}
