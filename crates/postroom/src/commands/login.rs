//! `postroom login`: on behalf of a user, in a browser.

use super::with;
use crate::client::{ApiClient, Target};
use crate::progress::spinner;
use crate::table::cell;
use crate::{output, pick};
use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use url::Url;

/// The longest request line that a browser's return has: codes are some kilobytes.
const LONGEST_RETURN: usize = 64 * 1024;

/// Sign a user in, in a browser
///
/// With a server, the browser comes back to the server. With a data folder, it comes back to this
/// program, on a free port of http://localhost: Microsoft disregards the port there, so the app
/// registration needs the redirect URI `http://localhost/`, or whatever loopback address the
/// connection has.
#[derive(Args)]
pub(crate) struct Login {
    #[command(flatten)]
    target: Target,
    /// The connection's name or id; the only one unless given
    connection: Option<String>,
    /// The user's sign-in name, to spare typing it
    #[arg(long, value_name = "ADDRESS")]
    login_hint: Option<String>,
    /// Print the address to open, and open no browser
    #[arg(long)]
    no_browser: bool,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

impl Login {
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let client = self.target.open_running().await?;
        with(client, async |client| self.sign_in(client).await).await
    }

    async fn sign_in(&self, client: &ApiClient) -> anyhow::Result<()> {
        let connection = pick::connection(client, self.connection.as_deref()).await?;
        let mut body = json!({"method": "browser"});
        if let Some(hint) = &self.login_hint {
            body["loginHint"] = hint.as_str().into();
        }
        let listener = if client.is_local() {
            let listener = TcpListener::bind(("127.0.0.1", 0))
                .await
                .context("listening for the browser's return")?;
            let port = listener.local_addr()?.port();
            let path = loopback_path(&connection);
            body["redirectUri"] = format!("http://localhost:{port}{path}").into();
            Some(listener)
        } else {
            None
        };
        let login = client
            .post(&["connections", &pick::id(&connection), "logins"], &body)
            .await?;
        self.show(&cell(&login["authorizeUrl"]));
        let id = pick::id(&login);
        let wait = spinner("waiting for the browser …");
        let ended = match listener {
            Some(listener) => caught_or_over(client, &listener, &id).await,
            None => finished(client, &id).await,
        };
        wait.finish_and_clear();
        self.tell(client, ended?).await
    }

    fn show(&self, address: &str) {
        output::say("Sign in at this address:");
        output::say(format_args!("\n  {address}\n"));
        if !self.no_browser && webbrowser::open(address).is_err() {
            output::hint("No browser could be opened here: open the address yourself.");
        }
    }

    async fn tell(&self, client: &ApiClient, login: Value) -> anyhow::Result<()> {
        match login["status"].as_str() {
            Some("completed") => {}
            Some("expired") => anyhow::bail!("nobody signed in in time: run the command again"),
            _ => {
                let error = output::tame(&cell(&login["error"]));
                anyhow::bail!("the sign-in failed: {error}");
            }
        }
        if self.json {
            return Ok(output::json(&login)?);
        }
        // `account` is the account itself or its id.
        let account = if login["account"].is_object() {
            login["account"].clone()
        } else {
            pick::account(client, &cell(&login["account"])).await?
        };
        output::say(format_args!("Signed in: {}", pick::account_name(&account)));
        Ok(output::line(pick::id(&account))?)
    }
}

/// The path of the connection's own redirect URI, if that is on loopback: all but the port has to
/// be as registered.
fn loopback_path(connection: &Value) -> String {
    connection["redirectUri"]
        .as_str()
        .and_then(|uri| Url::parse(uri).ok())
        .filter(|uri| uri.scheme() == "http" && uri.host_str() == Some("localhost"))
        .map_or_else(|| "/".to_owned(), |uri| uri.path().to_owned())
}

async fn finished(client: &ApiClient, id: &str) -> anyhow::Result<Value> {
    loop {
        let login = client.get(&["logins", id], &[("wait", "60")]).await?;
        if login["status"] != "pending" {
            return Ok(login);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Waits for the browser's return, or for the sign-in to end without one.
async fn caught_or_over(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_follows_the_registered_loopback_address() {
        let path = |uri: &str| loopback_path(&json!({"redirectUri": uri}));
        assert_eq!(
            path("http://localhost:8025/auth/callback"),
            "/auth/callback"
        );
        assert_eq!(path("https://mail.example.com/auth/callback"), "/");
        assert_eq!(loopback_path(&json!({"redirectUri": null})), "/");
    }
}
