//! The page at `/`: what this is and how to use it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use http::HeaderMap;

use crate::Sandbox;
use crate::directory::{COMPANY, PASSWORD};
use crate::entra::{escape, layout};
use crate::server::root_of;

/// The route.
pub(crate) fn router() -> Router<Arc<Sandbox>> {
    Router::new().route("/", get(home))
}

async fn home(State(sandbox): State<Arc<Sandbox>>, headers: HeaderMap) -> Html<String> {
    let root = root_of(&sandbox, &headers);
    let tenant = sandbox.directory.tenant_id();
    let facts: String = [
        ("Authority", format!("{root}/{tenant}")),
        ("Graph", format!("{root}/v1.0")),
        ("Tenant", tenant.to_owned()),
        ("Client id", sandbox.client_id().to_owned()),
        ("Users", sandbox.directory.size().to_string()),
        ("Password of everyone", PASSWORD.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| {
        format!(
            "<tr><th>{name}</th><td><code>{}</code></td></tr>",
            escape(&value)
        )
    })
    .collect();
    let people: String = sandbox
        .directory
        .users()
        .take(16)
        .map(|user| {
            let remark = match (user.has_mailbox, user.enabled) {
                _ if user.guest => "guest",
                _ if user.shared => "shared mailbox",
                (_, false) => "disabled",
                (false, _) => "no mailbox",
                _ if user.administrator => "administrator",
                _ => "",
            };
            format!(
                "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td class=\"quiet\">{remark}</td></tr>",
                escape(&user.display_name),
                escape(&user.user_principal_name),
                escape(&user.job_title),
            )
        })
        .collect();
    Html(layout(
        "Sandbox",
        true,
        &format!(
            "<h1>A pretend Microsoft 365 tenant</h1>\
<p class=\"quiet\">{} is made up. Nothing here is Microsoft’s, and nothing sent from here leaves \
this process.</p><table>{facts}</table><h1>People</h1><table>{people}</table>\
<h1>Behind the scenes</h1><p class=\"quiet\">From this machine: \
<code>POST /sandbox/faults</code>, <code>GET /sandbox/stats</code>, \
<code>POST /sandbox/clock</code>, <code>POST /sandbox/revoke</code>, <code>POST /sandbox/challenge</code>, \
<code>PATCH /sandbox/apps/{{client id}}</code>, \
<code>PUT /sandbox/apps/{{client id}}/exchange</code>.</p>",
            escape(COMPANY)
        ),
    ))
}
