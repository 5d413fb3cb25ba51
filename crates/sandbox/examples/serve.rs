//! Serves a sandbox until interrupted and prints how to reach it as one JSON object:
//! `cargo run -p postroom-sandbox --example serve -- [--tls]`.
#![allow(clippy::print_stdout, reason = "that is what it is for")]

use postroom_sandbox::{Options, Sandbox};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let running = Sandbox::start(Options {
        tls: std::env::args().any(|argument| argument == "--tls"),
        ..Options::default()
    })
    .await?;
    let facts = serde_json::json!({
        "authorityUrl": running.authority_url,
        "graphUrl": running.graph_url,
        "tenantId": running.tenant_id,
        "clientId": running.client_id,
        "clientSecret": running.client_secret,
        "users": running.users,
        "caPem": running.ca_pem,
    });
    println!("{facts}");
    tokio::signal::ctrl_c().await?;
    running.shutdown().await;
    Ok(())
}
