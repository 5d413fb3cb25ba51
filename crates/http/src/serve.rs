//! The server: accepts connections, bounded in number and patience, until it is told to stop.

use crate::app::App;
use crate::options::HttpOptions;
use crate::tls::{TlsError, acceptor};
use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use postroom_engine::Engine;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// How long a request's headers may take, and a TLS handshake.
const HEADER_PATIENCE: Duration = Duration::from_secs(20);
/// How long calls under way have to end.
const GRACE: Duration = Duration::from_secs(5);

/// Why the server cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {listen}: another program may have the port, or the address is none of \
         this machine's"
    )]
    Listen {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// HTTPS.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A server that runs. Dropped, it goes on running until the runtime ends.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub local_addr: SocketAddr,
    /// The same as the root of an address, without a trailing slash. A server that listens on
    /// every address is called by its loopback one.
    pub url: String,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Ends it: no new connections, waiting calls are answered, others have seconds to end.
    pub async fn shutdown(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the HTTP server did not end well");
        }
    }

    /// Returns when it has ended, for whatever reason.
    pub async fn ended(&mut self) {
        let _ = (&mut self.task).await;
    }
}

/// Where a connection came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Serves the API.
///
/// # Errors
/// When the address cannot be listened on, or the TLS files cannot be used.
pub async fn serve(engine: Engine, options: HttpOptions) -> Result<Running, ServeError> {
    let tls = options.tls.as_ref().map(acceptor).transpose()?;
    let listen = options.listen;
    let listening = async {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, local_addr) = listening
        .await
        .map_err(|source| ServeError::Listen { listen, source })?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let app = App::new(engine, options.router);
    let stop = app.closing.clone();
    let server = Server {
        router: crate::router::of(app),
        tls,
        stop: stop.clone(),
        permits: Arc::new(Semaphore::new(options.max_connections.max(1))),
    };
    let task = tokio::spawn(server.run(listener));
    Ok(Running {
        local_addr,
        url: format!("{scheme}://{}", reachable(local_addr)),
        stop,
        task,
    })
}

fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        let loopback: std::net::IpAddr = if address.is_ipv4() {
            std::net::Ipv4Addr::LOCALHOST.into()
        } else {
            std::net::Ipv6Addr::LOCALHOST.into()
        };
        address.set_ip(loopback);
    }
    address
}

struct Server {
    router: Router,
    tls: Option<TlsAcceptor>,
    stop: CancellationToken,
    permits: Arc<Semaphore>,
}

impl Server {
    async fn run(self, listener: TcpListener) {
        let graceful = GracefulShutdown::new();
        let abandon = CancellationToken::new();
        loop {
            let permits = Arc::clone(&self.permits);
            let next = async {
                let permit = permits.acquire_owned().await.ok();
                (permit, listener.accept().await)
            };
            let (permit, accepted) = tokio::select! {
                () = self.stop.cancelled() => break,
                next = next => next,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.connection(stream, peer, permit, &graceful, abandon.clone());
                }
                Err(error) => {
                    // Out of file descriptors, for example: others must end first.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
        drop(listener);
        if tokio::time::timeout(GRACE, graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("some calls did not end in time and were cut off");
        }
        abandon.cancel();
    }

    fn connection(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        permit: Option<OwnedSemaphorePermit>,
        graceful: &GracefulShutdown,
        abandon: CancellationToken,
    ) {
        // Answers are small and waited for.
        let _ = stream.set_nodelay(true);
        let router = self.router.clone();
        let tls = self.tls.clone();
        let watcher = graceful.watcher();
        tokio::spawn(async move {
            let _permit = permit;
            let served = async {
                match tls {
                    None => speak(TokioIo::new(stream), peer, router, watcher).await,
                    Some(tls) => {
                        let shaken = tokio::time::timeout(HEADER_PATIENCE, tls.accept(stream));
                        match shaken.await {
                            Ok(Ok(stream)) => {
                                speak(TokioIo::new(stream), peer, router, watcher).await;
                            }
                            Ok(Err(error)) => tracing::debug!(%error, "no TLS handshake"),
                            Err(_) => tracing::debug!("a TLS handshake took too long"),
                        }
                    }
                }
            };
            tokio::select! {
                () = abandon.cancelled() => {}
                () = served => {}
            }
        });
    }
}

async fn speak<I>(
    io: I,
    peer: SocketAddr,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_PATIENCE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .max_concurrent_streams(100);
    let connection = builder.serve_connection(io, service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_means_all_is_called_by_loopback() {
        for (listens, called) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            let listens: SocketAddr = listens.parse().expect("an address");
            assert_eq!(reachable(listens).to_string(), called);
        }
    }
}
