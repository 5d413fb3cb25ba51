//! The floor of handing out tokens over HTTP: a server on the same libraries that knows nobody,
//! looks nothing up, notes nothing and gives everybody the same answer. What it has a second is what
//! HTTP itself costs on this machine, with the caller on it.

use anyhow::{Context as _, Result};
use clap::Args;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};

/// The server, as a role of this program.
#[derive(Args)]
pub(crate) struct Floor {
    /// What everybody is answered
    answer: String,
}

impl Floor {
    /// Serves until its standard input ends.
    pub(crate) async fn run(self) -> Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        println!("{}", listener.local_addr()?);
        let answer = Bytes::from(self.answer);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone()));
            }
        });
        // Ends with whoever started it.
        tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
        Ok(())
    }
}

async fn serve(stream: TcpStream, answer: Bytes) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| one(request, answer.clone()));
    // A caller that went away is no failure of a floor.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// Reads the call whole and answers with the headers that Postroom answers with.
async fn one(request: Request<Incoming>, answer: Bytes) -> Result<Response<Full<Bytes>>> {
    request.into_body().collect().await?;
    let mut response = Response::new(Full::new(answer));
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE.as_str(), "application/json"),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS.as_str(), "nosniff"),
        ("x-request-id", "00000000-0000-4000-8000-000000000000"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Such a server in a process of its own; ended when dropped.
pub(super) struct Answering {
    process: Child,
    pub(super) host: String,
}

impl Answering {
    /// Starts one that gives this answer.
    pub(super) fn start(answer: &str) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["floor", answer])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().context("its output")?;
        let mut host = String::new();
        BufReader::new(stdout).read_line(&mut host)?;
        Ok(Self {
            process,
            host: host.trim().to_owned(),
        })
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
