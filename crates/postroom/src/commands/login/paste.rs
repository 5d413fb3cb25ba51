//! The address that a browser ended at, typed or pasted by a person.

use super::finished;
use crate::client::{ApiClient, ApiProblem};
use crate::output;
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Lines of standard input. A thread of its own reads them, which the program's end does not wait
/// for.
pub(super) fn lines() -> mpsc::Receiver<String> {
    let (tell, told) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    told
}

/// Takes addresses until one ends the sign-in, or it ends without.
pub(super) async fn pasted_or_over(
    client: &ApiClient,
    id: &str,
    mut lines: mpsc::Receiver<String>,
    over: impl Future<Output = anyhow::Result<Value>>,
) -> anyhow::Result<Value> {
    output::say(
        "When the browser has ended at an address that begins with the redirect URI, whatever it \
         shows there, paste that whole address here:",
    );
    tokio::pin!(over);
    loop {
        let line = tokio::select! {
            over = &mut over => return over,
            line = lines.recv() => line,
        };
        let Some(line) = line else {
            // Nothing more will be typed: what is left is that the browser comes back by itself.
            output::hint("No address came on standard input; waiting for the sign-in to end …");
            return over.await;
        };
        if line.trim().is_empty() {
            continue;
        }
        let body = json!({"url": line.trim()});
        match client.post(&["logins", id, "redirect"], &body).await {
            Ok(login) if login["status"] == "pending" => {}
            Ok(login) => return Ok(login),
            Err(error) => match error.downcast_ref::<ApiProblem>() {
                // It has ended meanwhile.
                Some(problem) if problem.code == "conflict" => return finished(client, id).await,
                Some(problem) if problem.code != "notFound" => {
                    output::warning(problem);
                    output::say("Paste another address:");
                }
                _ => return Err(error),
            },
        }
    }
}
