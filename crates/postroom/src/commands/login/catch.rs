//! The browser's return on loopback.

use super::finished;
use crate::client::ApiClient;
use crate::table::cell;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// The longest request line that a browser's return has: codes are some kilobytes.
const LONGEST_RETURN: usize = 64 * 1024;

/// Waits for the browser's return, or for the sign-in to end without one.
pub(super) async fn caught_or_over(
    client: &ApiClient,
    listener: &TcpListener,
    id: &str,
) -> anyhow::Result<Value> {
    let caught = catch(client, listener, id);
    tokio::pin!(caught);
    tokio::select! {
        caught = &mut caught => caught,
        over = finished(client, id) => {
            let over = over?;
            if over["status"] == "expired" {
                return Ok(over);
            }
            // It ended because the browser came back: that browser is still to be answered.
            let answered = tokio::time::timeout(Duration::from_secs(5), caught).await;
            answered.unwrap_or(Ok(over))
        }
    }
}

/// Takes the browser's return on loopback. Other requests (a favicon, a stray page) are answered
/// and waited past.
async fn catch(client: &ApiClient, listener: &TcpListener, id: &str) -> anyhow::Result<Value> {
    let port = listener.local_addr()?.port();
    loop {
        let (mut stream, _) = listener.accept().await?;
        let read = tokio::time::timeout(Duration::from_secs(10), target(&mut stream)).await;
        let Ok(Some(target)) = read else { continue };
        let is_return = Url::parse(&format!("http://localhost:{port}{target}"))
            .is_ok_and(|url| url.query_pairs().any(|(name, _)| name == "state"));
        if !is_return {
            answer(&mut stream, "404 Not Found", "There is nothing here.").await;
            continue;
        }
        let body = json!({"url": format!("http://localhost:{port}{target}")});
        let login = client.post(&["logins", id, "redirect"], &body).await;
        let (status, text) = match &login {
            Ok(login) if login["status"] == "completed" => (
                "200 OK",
                "You are signed in. This window can be closed.".to_owned(),
            ),
            Ok(login) => (
                "200 OK",
                format!("Not signed in: {}", cell(&login["error"])),
            ),
            Err(error) => ("400 Bad Request", format!("Not signed in: {error}")),
        };
        answer(&mut stream, status, &text).await;
        return login;
    }
}

/// The target of a GET request (RFC 9112, section 3).
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < LONGEST_RETURN {
        match stream.read(&mut piece).await {
            Ok(0) | Err(_) => break,
            Ok(count) => head.extend_from_slice(&piece[..count]),
        }
    }
    let text = String::from_utf8_lossy(&head);
    let mut words = text.lines().next()?.split(' ');
    let is_get = words.next() == Some("GET");
    words
        .next()
        .filter(|target| is_get && target.starts_with('/'))
        .map(str::to_owned)
}

async fn answer(stream: &mut TcpStream, status: &str, text: &str) {
    let response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: \
         nosniff\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    );
    let _ = stream.write_all(response.as_bytes()).await;
    let _ = stream.shutdown().await;
}
