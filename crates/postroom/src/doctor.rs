//! What `postroom doctor` looks at: its own findings about this machine, and the engine's.

use crate::client::Target;
use crate::folder::ServerNote;
use crate::master_key::Origin;
use crate::settings::Settings;
use crate::{pick, platform, stack, when};
use postroom_engine::checks::{Finding, Severity};
use postroom_model::{Clock, SystemClock};
use postroom_store::Role;
use std::path::Path;
use std::time::Duration;

/// Below this much free space the disk is nearly full.
const LITTLE_SPACE: u64 = 2 * 1024 * 1024 * 1024;
/// Below this much nothing goes on.
const NO_SPACE: u64 = 100 * 1024 * 1024;
/// How long a server may take to say that it is well.
const PATIENCE: Duration = Duration::from_secs(10);

fn finding(
    severity: Severity,
    subject: &str,
    detail: impl Into<String>,
    hint: Option<&str>,
) -> Finding {
    Finding {
        severity,
        subject: subject.to_owned(),
        detail: detail.into(),
        hint: hint.map(str::to_owned),
    }
}

fn ok(subject: &str, detail: impl Into<String>) -> Finding {
    finding(Severity::Ok, subject, detail, None)
}

/// Looks at everything. What is wrong is a finding; only wrong usage is an error.
pub(crate) async fn examine(target: &Target, online: bool) -> anyhow::Result<Vec<Finding>> {
    let settings = target.settings()?;
    let mut findings = vec![settings_file(&settings)];
    if let Some(server) = target.server() {
        findings.push(reachable("server", &server, settings.ca_file.as_deref()).await);
        findings.extend(at_server(target, online).await);
        return Ok(findings);
    }
    let place = settings.place()?;
    findings.push(clock());
    if let Some(data) = place.folder() {
        if !place.is_made() {
            findings.push(finding(
                Severity::Warning,
                "data folder",
                format!("there is nothing in {} yet", data.display()),
                Some(
                    "`postroom connection add` or `postroom serve` makes it; --data names another",
                ),
            ));
            return Ok(findings);
        }
        findings.extend(rights(data));
        findings.push(disk(data));
    }
    if place.folder().is_none() {
        match place.has_store(settings.ca_file.as_deref()).await {
            Ok(true) => {}
            Ok(false) => {
                findings.push(finding(
                    Severity::Warning,
                    "database",
                    format!("there is no store in {place} yet"),
                    Some("`postroom connection add` or `postroom serve` makes it"),
                ));
                return Ok(findings);
            }
            Err(error) => {
                findings.push(finding(
                    Severity::Error,
                    "database",
                    error.to_string(),
                    None,
                ));
                return Ok(findings);
            }
        }
    }
    let note = place.folder().and_then(ServerNote::of_running);
    if let Some(note) = &note {
        findings.push(reachable("server", &note.url, settings.ca_file.as_deref()).await);
    }
    match stack::find_key(&settings, &place).await {
        Err(error) => findings.push(finding(
            Severity::Error,
            "master key",
            format!("{error:#}"),
            None,
        )),
        Ok((_, origin)) => {
            // Whether a server has a database, only the database knows: nothing is taken from it.
            let beside = note.is_some() || place.folder().is_none();
            findings.extend(inside(&settings, origin, beside, online).await);
        }
    }
    Ok(findings)
}

/// What the store and the engine on it say. Beside a running server nothing is taken from it.
async fn inside(settings: &Settings, origin: Origin, beside: bool, online: bool) -> Vec<Finding> {
    let role = if beside { Role::Beside } else { Role::Engine };
    let failed =
        |error: anyhow::Error| finding(Severity::Error, "store", format!("{error:#}"), None);
    let store = match stack::open_store(settings, role).await {
        Ok(store) => store,
        Err(error) => return vec![failed(error)],
    };
    let mut findings = vec![key_origin(origin)];
    let engine = stack::engine(
        settings,
        store,
        stack::url_of(settings.listen, settings.tls.is_some()),
    );
    match engine {
        Err(error) => findings.push(failed(error)),
        Ok(engine) => {
            match engine.examine(online).await {
                Ok(more) => findings.extend(more),
                Err(error) => findings.push(failed(error.into())),
            }
            engine.stop().await;
        }
    }
    findings
}

fn settings_file(settings: &Settings) -> Finding {
    match &settings.config_file {
        Some(path) => ok("settings", format!("read from {}", path.display())),
        None => ok("settings", "no settings file: flags, variables, defaults"),
    }
}

/// Tokens and certificates are judged by the clock: one that is far off ends everything.
fn clock() -> Finding {
    let now = SystemClock.now();
    // This program was not made before.
    let sane = now.to_string().as_str() >= "2026-11-01";
    if sane {
        return ok("clock", format!("{now:.0}"));
    }
    finding(
        Severity::Error,
        "clock",
        format!("this machine says that it is {now:.0}"),
        Some("set the clock, and let NTP keep it"),
    )
}

fn rights(data: &Path) -> Vec<Finding> {
    let mut findings = Vec::new();
    let name = data.display();
    match platform::open_to_others(data) {
        Some(true) => findings.push(finding(
            Severity::Warning,
            "data folder",
            format!("{name} can be entered or read by other users"),
            Some("chmod 700 on it keeps mail from them"),
        )),
        _ => findings.push(ok("data folder", name.to_string())),
    }
    if let Err(error) = tempfile::tempfile_in(data) {
        findings.push(finding(
            Severity::Error,
            "data folder",
            format!("{name} cannot be written: {error}"),
            Some("give it to the user that runs postroom"),
        ));
    }
    findings
}

fn disk(data: &Path) -> Finding {
    let Some(free) = platform::free_space(data) else {
        return ok("disk", "how much is free cannot be told here");
    };
    let detail = format!("{} free", when::bytes(free));
    let hint = Some("free some space: with a full disk nothing is mirrored and nothing accepted");
    match free {
        ..NO_SPACE => finding(Severity::Error, "disk", detail, hint),
        NO_SPACE..LITTLE_SPACE => finding(Severity::Warning, "disk", detail, hint),
        _ => ok("disk", detail),
    }
}

/// Where the key comes from; whether a copy is kept, the engine's findings say.
fn key_origin(origin: Origin) -> Finding {
    let from = match origin {
        Origin::Named(path) | Origin::Credential(path) => format!("from {}", path.display()),
        Origin::Command => "from master_key_command".to_owned(),
        Origin::Environment => "from POSTROOM_MASTER_KEY".to_owned(),
        Origin::Made(path) | Origin::New(path) => {
            format!("made by postroom, in {}", path.display())
        }
    };
    ok("master key", from)
}

async fn reachable(subject: &str, url: &str, ca_file: Option<&Path>) -> Finding {
    match ready(url, ca_file).await {
        Ok(()) => ok(subject, format!("{url} is ready")),
        Err(error) => finding(
            Severity::Error,
            subject,
            format!("{url} is not ready: {error:#}"),
            Some("look into the server's log; `postroom serve` starts it"),
        ),
    }
}

async fn ready(url: &str, ca_file: Option<&Path>) -> anyhow::Result<()> {
    let mut builder = reqwest::Client::builder().timeout(PATIENCE);
    if let Some(path) = ca_file {
        for certificate in reqwest::Certificate::from_pem_bundle(&stack::read_ca_file(path)?)? {
            builder = builder.add_root_certificate(certificate);
        }
    }
    let answer = builder
        .build()?
        .get(format!("{}/readyz", url.trim_end_matches('/')))
        .send()
        .await?;
    anyhow::ensure!(
        answer.status().is_success(),
        "it answers {}",
        answer.status()
    );
    Ok(())
}

/// What a check without a failure comes to. Where nobody can act, or it was not found out whether
/// somebody can, nothing works yet.
fn works(subject: &str, steps: &serde_json::Value) -> Finding {
    let untried = steps
        .as_array()
        .into_iter()
        .flatten()
        .find(|step| step["name"] == "credential" && step["ok"] != true);
    match untried {
        Some(step) => finding(
            Severity::Warning,
            subject,
            crate::table::cell(&step["detail"]),
            step["hint"].as_str(),
        ),
        None => ok(subject, "works"),
    }
}

/// What can be seen of a server from elsewhere, with a key.
async fn at_server(target: &Target, online: bool) -> Vec<Finding> {
    match look_at_server(target, online).await {
        Ok(findings) => findings,
        Err(error) => vec![finding(
            Severity::Error,
            "server",
            format!("{error:#}"),
            Some("on the server's machine, `postroom doctor --data DIR` sees more"),
        )],
    }
}

async fn look_at_server(target: &Target, online: bool) -> anyhow::Result<Vec<Finding>> {
    let client = target.open().await?;
    let mut findings = Vec::new();
    for connection in pick::all(&client, &["connections"]).await? {
        let subject = format!("connection {}", crate::table::cell(&connection["name"]));
        if !online {
            findings.push(ok(&subject, "not tried (--offline)"));
            continue;
        }
        let path = ["connections", &pick::id(&connection), "check"];
        let report = client.act(&path, &[]).await?;
        for step in report["steps"].as_array().into_iter().flatten() {
            if step["ok"] == false {
                let severity = if step["essential"] == false {
                    Severity::Warning
                } else {
                    Severity::Error
                };
                let hint = crate::table::first_of(step, &["hint"]);
                let link = crate::table::first_of(step, &["link"]);
                findings.push(finding(
                    severity,
                    &subject,
                    format!(
                        "{}: {}",
                        crate::table::cell(&step["name"]),
                        crate::table::cell(&step["detail"])
                    ),
                    Some(format!("{hint} {link}").trim()),
                ));
            }
        }
        if report["ok"] == true {
            findings.push(works(&subject, &report["steps"]));
        }
    }
    for alert in pick::all(&client, &["alerts"]).await? {
        let severity = match alert["severity"].as_str() {
            Some("warning") => Severity::Warning,
            _ => Severity::Error,
        };
        let subject = crate::table::cell(&alert["subject"]["name"]);
        let title = crate::table::cell(&alert["title"]);
        findings.push(finding(severity, &subject, title, alert["hint"].as_str()));
    }
    for mailbox in pick::all(&client, &["mailboxes"]).await? {
        let subject = format!("mailbox {}", crate::table::cell(&mailbox["address"]));
        let sync = &mailbox["sync"];
        if sync["state"] == "failed" {
            let detail = crate::table::cell(&sync["error"]);
            findings.push(finding(Severity::Error, &subject, detail, None));
        } else {
            findings.push(ok(&subject, crate::table::cell(&sync["state"])));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A check that could not try anything has no failure, and yet nothing works.
    #[test]
    fn what_was_not_tried_does_not_work() {
        let step = |ok: Option<bool>| {
            json!([
                {"name": "authority", "ok": true, "detail": "It answers."},
                {"name": "credential", "ok": ok, "detail": "Nobody can act.", "hint": "Add one."},
            ])
        };
        let missing = works("connection Contoso", &step(None));
        assert_eq!(missing.severity, Severity::Warning);
        assert_eq!(missing.detail, "Nobody can act.");
        assert_eq!(missing.hint.as_deref(), Some("Add one."));
        let good = works("connection Contoso", &step(Some(true)));
        assert_eq!(
            (good.severity, good.detail.as_str()),
            (Severity::Ok, "works")
        );
    }
}
