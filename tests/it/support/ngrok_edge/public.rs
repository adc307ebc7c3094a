//! The public side: whoever connects to the URL is brought to the agent that has the endpoint.

use std::sync::Arc;

use tokio::io::{AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Shared, lock};

/// What ngrok answers where no agent is.
const OFFLINE: &str = "HTTP/1.1 404 Not Found\r\nngrok-error-code: ERR_NGROK_3200\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut visits = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        visits.spawn(bring(client, shared.clone()));
        while visits.try_join_next().is_some() {}
    }
}

async fn bring(mut client: TcpStream, shared: Arc<Shared>) {
    // Without it small writes would wait for acknowledgements.
    client.set_nodelay(true).expect("an accepted socket");
    let agent = shared.bound.borrow().clone();
    let Some(agent) = agent else {
        // A client that has left needs no answer.
        let _ = client.write_all(OFFLINE.as_bytes()).await;
        return;
    };
    let address = lock(&shared.rules).client.clone();
    let mut stream = agent.visit(&address).await;
    // An error means that one of the two has left, which the other learns by its end.
    let _ = copy_bidirectional(&mut client, &mut *stream).await;
}
