//! A host that takes whatever is sent to it, answers as if it were what it is taken for, and keeps
//! every byte.

use anyhow::Result;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The most of a request that is kept, in bytes.
const LONGEST: usize = 1024 * 1024;

/// A listening host. Dropped, it stops.
pub struct Listener {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Vec<u8>>>>,
    elsewhere: Arc<Mutex<Option<String>>>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Listens on a free port of this machine.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let arrived: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let elsewhere: Arc<Mutex<Option<String>>> = Arc::default();
        let (keep, other) = (Arc::clone(&arrived), Arc::clone(&elsewhere));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (keep, other) = (Arc::clone(&keep), Arc::clone(&other));
                tokio::spawn(async move { serve(stream, address, &keep, &other).await });
            }
        });
        Ok(Self {
            address,
            arrived,
            elsewhere,
            task,
        })
    }

    /// Its root.
    pub fn root(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has its discovery document send users to sign in at this root and keep the rest for itself.
    pub fn sends_users_to(&self, root: Option<&str>) {
        *self
            .elsewhere
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = root.map(str::to_owned);
    }

    /// What arrived so far, request by request; it is forgotten then.
    pub fn take(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.arrived.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    address: SocketAddr,
    arrived: &Mutex<Vec<Vec<u8>>>,
    elsewhere: &Mutex<Option<String>>,
) {
    let Ok(request) = read(&mut stream).await else {
        return;
    };
    let head = String::from_utf8_lossy(&request).into_owned();
    let target = head.split_whitespace().nth(1).unwrap_or_default();
    let sign_in = elsewhere
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let body = answer(target, &format!("http://{address}"), sign_in.as_deref()).to_string();
    arrived
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request);
    let text = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A whole request: its head, and as much body as the head says.
async fn read(stream: &mut TcpStream) -> Result<Vec<u8>> {
    let mut request = Vec::new();
    let mut piece = vec![0; 16 * 1024];
    loop {
        let count = stream.read(&mut piece).await?;
        request.extend_from_slice(&piece[..count]);
        let head = request.windows(4).position(|four| four == b"\r\n\r\n");
        let wanted = head.map(|end| {
            let head = String::from_utf8_lossy(&request[..end]).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .and_then(|length| length.trim().parse::<usize>().ok())
                .unwrap_or(0);
            end + 4 + length
        });
        if count == 0 || request.len() >= LONGEST || wanted.is_some_and(|end| request.len() >= end)
        {
            return Ok(request);
        }
    }
}

/// Whatever fits: a discovery document, a token, a list.
fn answer(target: &str, root: &str, sign_in: Option<&str>) -> Value {
    if target.contains("openid-configuration") {
        let tenant = target.split('/').nth(1).unwrap_or_default();
        let authorization = sign_in.unwrap_or(root);
        return json!({
            "authorization_endpoint": format!("{authorization}/{tenant}/oauth2/v2.0/authorize"),
            "token_endpoint": format!("{root}/{tenant}/oauth2/v2.0/token"),
            "device_authorization_endpoint": format!("{root}/{tenant}/oauth2/v2.0/devicecode"),
            "jwks_uri": format!("{root}/{tenant}/discovery/v2.0/keys"),
            "issuer": format!("{root}/{tenant}/v2.0"),
        });
    }
    json!({
        "access_token": "a-token-of-a-stranger",
        "refresh_token": "a-refresh-token-of-a-stranger",
        "token_type": "Bearer",
        "expires_in": 3600,
        "value": [],
    })
}
