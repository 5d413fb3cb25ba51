//! `postroom login`: on behalf of a user, in a browser or with a code on another device.

mod catch;
mod paste;

use super::with;
use crate::client::{ApiClient, Target};
use crate::progress::spinner;
use crate::table::cell;
use crate::{output, pick};
use clap::Args;
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::net::TcpListener;
use url::Url;

/// Sign a user in, in a browser or with a code on another device
///
/// With a server, the browser comes back to the server. With a data folder, it comes back to this
/// program, on a free port of http://localhost: Microsoft disregards the port there, so the app
/// registration needs the redirect URI `http://localhost/`, or whatever loopback address the
/// connection has.
///
/// Where neither can be reached, the browser ends at an address that shows nothing: paste it here
/// (--paste). Where there is no browser at all, --device-code gives a code to type anywhere else.
#[derive(Args)]
pub(crate) struct Login {
    #[command(flatten)]
    target: Target,
    /// The connection's name or id; the only one unless given
    connection: Option<String>,
    /// The user's sign-in name, to spare typing it
    #[arg(long, value_name = "ADDRESS")]
    login_hint: Option<String>,
    /// Sign in with a code that is typed on any other device
    #[arg(long, conflicts_with_all = ["login_hint", "no_browser", "paste", "redirect_uri"])]
    device_code: bool,
    /// Read the address that the browser ended at from standard input
    #[arg(long)]
    paste: bool,
    /// Where the browser is sent; any address that the app registration has will do, to paste what
    /// it ended at
    #[arg(long, value_name = "URL")]
    redirect_uri: Option<String>,
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
        with(client, async |client| {
            let connection = pick::connection(client, self.connection.as_deref()).await?;
            let ended = if self.device_code {
                with_code(client, &connection).await?
            } else {
                self.in_browser(client, &connection).await?
            };
            self.tell(client, ended).await
        })
        .await
    }

    async fn in_browser(&self, client: &ApiClient, connection: &Value) -> anyhow::Result<Value> {
        let mut body = json!({"method": "browser"});
        if let Some(hint) = &self.login_hint {
            body["loginHint"] = hint.as_str().into();
        }
        let mut paste = self.paste || self.redirect_uri.is_some();
        let mut listener = None;
        if let Some(uri) = &self.redirect_uri {
            body["redirectUri"] = uri.as_str().into();
        } else if client.is_local() {
            let path = loopback_path(connection);
            match TcpListener::bind(("127.0.0.1", 0)).await {
                Ok(bound) if !self.paste => {
                    let port = bound.local_addr()?.port();
                    body["redirectUri"] = format!("http://localhost:{port}{path}").into();
                    listener = Some(bound);
                }
                bound => {
                    if let Err(error) = bound {
                        output::warning(format_args!(
                            "the browser cannot come back to this program ({error})"
                        ));
                        paste = true;
                    }
                    if connection["redirectUri"].is_null() {
                        body["redirectUri"] = format!("http://localhost{path}").into();
                    }
                }
            }
        }
        let login = client
            .post(&["connections", &pick::id(connection), "logins"], &body)
            .await?;
        let opened = self.show(&cell(&login["authorizeUrl"]));
        // The browser may be on another machine, from where nothing here is reached.
        paste |= !opened && std::io::stdin().is_terminal();
        let id = pick::id(&login);
        let over = async {
            match &listener {
                Some(listener) => catch::caught_or_over(client, listener, &id).await,
                None => finished(client, &id).await,
            }
        };
        if paste {
            return paste::pasted_or_over(client, &id, paste::lines(), over).await;
        }
        let wait = spinner("waiting for the browser …");
        let ended = over.await;
        wait.finish_and_clear();
        ended
    }

    /// Shows the address, and says whether a browser was opened at it.
    fn show(&self, address: &str) -> bool {
        output::say("Sign in at this address:");
        output::say(format_args!("\n  {address}\n"));
        if self.no_browser {
            return false;
        }
        let opened = webbrowser::open(address).is_ok();
        if !opened {
            output::hint("No browser could be opened here: open the address yourself.");
        }
        opened
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

/// A code is shown, and typed somewhere else.
async fn with_code(client: &ApiClient, connection: &Value) -> anyhow::Result<Value> {
    let body = json!({"method": "deviceCode"});
    let login = client
        .post(&["connections", &pick::id(connection), "logins"], &body)
        .await?;
    let (page, code) = (cell(&login["verificationUri"]), cell(&login["userCode"]));
    output::say(format_args!(
        "On any device, open {} and type the code:\n\n  {}\n",
        output::tame(&page),
        output::tame(&code)
    ));
    let wait = spinner("waiting for the sign-in …");
    let ended = finished(client, &pick::id(&login)).await;
    wait.finish_and_clear();
    ended
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

/// Asks until it has ended.
async fn finished(client: &ApiClient, id: &str) -> anyhow::Result<Value> {
    loop {
        let login = client.get(&["logins", id], &[("wait", "60")]).await?;
        if login["status"] != "pending" {
            return Ok(login);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
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
