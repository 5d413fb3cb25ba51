//! Keys that another process works on beside a running server, on the same store: what it does to
//! one counts at the server's very next call, however often the server has seen that key before.

use anyhow::{Result, ensure};
use postroom_tests::process::Program;
use postroom_tests::{Api, Ground};

/// Calls with a key, until the server knows it well.
const OFTEN: usize = 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_another_process_revoked_opens_nothing_from_then_on() -> Result<()> {
    let ground = Ground::new()?;
    let program = Program::on(&ground)?;
    let made = |name: &str| program.run(&["key", "create", "--name", name, "--scope", "admin"]);
    let kept = made("kept")?;
    let server = program.serve()?;
    server.ready().await?;
    let kept = Api::new(&server.url, kept.trim());
    for round in 0..5 {
        let name = format!("round {round}");
        let key = Api::new(&server.url, made(&name)?.trim());
        for _ in 0..OFTEN {
            key.get("/keys/self").await?;
            kept.get("/keys/self").await?;
        }
        program.run(&["key", "revoke", &name])?;
        let request = key.request(reqwest::Method::GET, "/keys/self");
        key.refused(request, 401, "unauthorized").await?;
        ensure!(kept.get("/keys/self").await?["name"] == "kept");
    }
    ensure!(server.terminate()?);
    Ok(())
}
