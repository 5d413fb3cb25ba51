//! A proxy between a store and its server that breaks a connection at a commit.

use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// What happens to the next commit.
pub(crate) enum Break {
    /// It reaches the server, its answer does not come back.
    After,
    /// It does not reach the server.
    Before,
    /// As before, and the server learns that its client is gone only when this is told (or
    /// dropped): until then the transaction is under way.
    BeforeAndHold(oneshot::Receiver<()>),
}

/// The next break.
#[derive(Clone, Default)]
pub(crate) struct Proxy(Arc<Mutex<Option<Break>>>);

impl Proxy {
    /// Listens on a free port, which it gives, and hands on to `server` (`host:port`).
    pub(crate) async fn start(server: String) -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let port = listener.local_addr().expect("bound").port();
        let proxy = Self::default();
        let breaks = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if let Ok(server) = TcpStream::connect(&server).await {
                    tokio::spawn(hand_on(client, server, breaks.clone()));
                }
            }
        });
        (proxy, port)
    }

    /// Breaks the next commit.
    pub(crate) fn break_next(&self, how: Break) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
    }

    fn take(&self) -> Option<Break> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether a break still waits for its commit.
    pub(crate) fn is_waiting(&self) -> bool {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }
}

async fn hand_on(mut client: TcpStream, mut server: TcpStream, breaks: Proxy) {
    let (mut from_client, mut from_server) = ([0; 65536], [0; 65536]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let Ok(length @ 1..) = read else { return };
                let bytes = &from_client[..length];
                let is_commit = bytes.windows(7).any(|part| part == b"COMMIT\0");
                match is_commit.then(|| breaks.take()).flatten() {
                    None => {
                        if server.write_all(bytes).await.is_err() {
                            return;
                        }
                    }
                    Some(Break::After) => {
                        let _ = server.write_all(bytes).await;
                        // The answer comes when it is done; nobody is told.
                        let _ = server.read(&mut from_server).await;
                        return;
                    }
                    Some(Break::Before) => return,
                    Some(Break::BeforeAndHold(until)) => {
                        drop(client);
                        let _ = until.await;
                        return;
                    }
                }
            }
            read = server.read(&mut from_server) => {
                let Ok(length @ 1..) = read else { return };
                if client.write_all(&from_server[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
