//! The OpenAPI document: made from the handlers, then completed with what holds for all of them.

use crate::problem::{MicrosoftBody, ProblemBody};
use crate::routes;
use postroom_engine::Code;
use postroom_model::key::Scope;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::str::FromStr as _;
use utoipa::OpenApi as _;
use utoipa::openapi::OpenApi;

/// What stands above the routes.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Postroom",
        description = "A gateway to Microsoft 365.\n\nEvery call under `/api/v1` takes a key: `Authorization: Bearer KEY`, or HTTP Basic with the key as the password and any user name. Every answer that is not a file is a JSON object. Errors are `application/problem+json` and always have `code`; other answers never do. Every answer has `X-Request-Id`.\n\nLists answer `{\"value\": [...], \"nextCursor\": \"...\"}`. What is Microsoft's keeps Microsoft's names and shapes. A mailbox is named by Microsoft's user id or its address, a folder by its id or Microsoft's well-known name, a connection by its id or name.\n\nPoints in time are RFC 3339; where one is sent, a plain date means its beginning in UTC.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    components(schemas(ProblemBody, MicrosoftBody)),
    tags(
        (name = "connections", description = "App registrations in tenants, with their credentials"),
        (name = "logins", description = "Sign-ins of users"),
        (name = "accounts", description = "Signed-in users and the application itself"),
        (name = "people", description = "The tenant's directory, asked live"),
        (name = "mailboxes", description = "Which mailboxes are served, and how their mirrors stand"),
        (name = "folders", description = "Mail folders"),
        (name = "messages", description = "Messages and their attachments"),
        (name = "sending", description = "New messages, replies, forwards, and the outbox"),
        (name = "changes", description = "What changed"),
        (name = "alerts", description = "What is about to end, and what ended"),
        (name = "graph", description = "Any call to Microsoft Graph, passed through"),
        (name = "calls", description = "Every call to Microsoft"),
        (name = "keys", description = "Keys for callers"),
        (name = "persons", description = "People who open the console"),
        (name = "audit", description = "What was changed, by whom"),
        (name = "server", description = "The server itself"),
    )
)]
struct Head;

/// What stands above the routes.
pub(crate) fn head() -> OpenApi {
    Head::openapi()
}

/// The OpenAPI document of this version.
pub fn openapi() -> OpenApi {
    let (_, document) = routes::all().split_for_parts();
    let mut json = serde_json::to_value(&document).unwrap_or_default();
    complete(&mut json);
    // What was made from the document fits it: the test below would fail otherwise.
    serde_json::from_value(json).unwrap_or(document)
}

/// One route with what it needs of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteScope {
    /// The HTTP method, in capital letters.
    pub method: String,
    /// The path with its parameters in braces.
    pub path: String,
    /// What it needs.
    pub access: RouteAccess,
}

/// What a route needs of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteAccess {
    /// No key.
    Open,
    /// Any valid key.
    AnyKey,
    /// A key with this scope.
    Scope(Scope),
}

/// Every route of the document with what it needs: the table that tests of strangers walk.
pub fn route_table() -> Vec<RouteScope> {
    let json = serde_json::to_value(openapi()).unwrap_or_default();
    let mut table = Vec::new();
    for (path, method, operation) in operations(&json) {
        let scopes = operation["security"][0]["bearer"].as_array();
        let access = match scopes.map(|scopes| scopes.first().and_then(Value::as_str)) {
            None => RouteAccess::Open,
            Some(None) => RouteAccess::AnyKey,
            // A name that is no scope would open nothing but to `admin`; a test finds it.
            Some(Some(name)) => RouteAccess::Scope(Scope::from_str(name).unwrap_or(Scope::Admin)),
        };
        table.push(RouteScope {
            method: method.to_uppercase(),
            path: path.to_owned(),
            access,
        });
    }
    table
}

/// The error codes as an HTML table, for `/docs`.
pub fn error_table() -> String {
    let mut table = String::from(
        "<table><thead><tr><th>code</th><th>status</th><th>means</th></tr></thead><tbody>",
    );
    for code in Code::ALL {
        let (text, status, title) = (code.text(), code.status(), code.title());
        let _ = write!(
            table,
            "<tr id=\"{text}\"><td><code>{text}</code></td><td>{status}</td><td>{title}</td></tr>"
        );
    }
    table.push_str("</tbody></table>");
    table
}

/// Every operation of a document: path, method, operation.
pub(crate) fn operations(json: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = json["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flatten();
        methods
            .filter(|(method, _)| METHODS.contains(&method.as_str()))
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// What holds for all operations, said once.
fn complete(json: &mut Value) {
    json["components"]["securitySchemes"] = json!({
        "bearer": {"type": "http", "scheme": "bearer", "description": "The key"},
        "basic": {
            "type": "http", "scheme": "basic",
            "description": "Any user name, the key as the password",
        },
        "session": {
            "type": "apiKey", "in": "cookie", "name": "__Host-postroom",
            "description": "The session of somebody who signed in at /signin (over plain HTTP the \
                            cookie is called `postroom`). Every call that changes something needs \
                            the header `X-CSRF-Token`, as `GET /api/v1/session` gives it.",
        },
    });
    let Some(paths) = json["paths"].as_object_mut() else {
        return;
    };
    // The router's `{*path}` is everything that follows; the document knows plain names only.
    *paths = std::mem::take(paths)
        .into_iter()
        .map(|(path, item)| (path.replace("{*", "{"), item))
        .collect();
    for (path, item) in paths {
        let Some(item) = item.as_object_mut() else {
            continue;
        };
        for (method, operation) in item {
            if let (true, Some(operation)) = (
                METHODS.contains(&method.as_str()),
                operation.as_object_mut(),
            ) {
                complete_operation(path, method, operation);
            }
        }
    }
}

fn complete_operation(path: &str, method: &str, operation: &mut Map<String, Value>) {
    if let Some(id) = operation.get("operationId").and_then(Value::as_str) {
        let id = camel_case(id);
        operation.insert("operationId".into(), id.into());
    }
    let scopes = operation
        .get("security")
        .and_then(|security| security[0].get("key"))
        .cloned();
    let is_secured = scopes.is_some();
    if let Some(scopes) = scopes {
        let security = json!([
            {"bearer": scopes.clone()}, {"basic": scopes.clone()}, {"session": scopes},
        ]);
        operation.insert("security".into(), security);
    } else {
        operation.insert("security".into(), json!([]));
    }
    parameters(path, method, is_secured, operation);
    responses(path, is_secured, operation);
}

fn parameters(path: &str, method: &str, is_secured: bool, operation: &mut Map<String, Value>) {
    let given = operation
        .remove("parameters")
        .and_then(|given| given.as_array().cloned())
        .unwrap_or_default();
    let mut all: Vec<Value> = path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            json!({
                "name": name, "in": "path", "required": true,
                "description": path_parameter(path, name),
                "schema": {"type": "string"},
            })
        })
        .collect();
    all.extend(given.into_iter().filter(|given| given["in"] != "path"));
    if is_secured && method != "get" && keeps_answer(path, method) {
        all.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Makes the call safe to repeat: for 7 days the same again gives the \
                            same answer, and another body with it is refused.",
            "schema": {"type": "string", "maxLength": 255},
        }));
    }
    if !all.is_empty() {
        operation.insert("parameters".into(), all.into());
    }
}

/// Whether a call's answer is kept for its `Idempotency-Key`: not one with a secret, and not that
/// of a call that writes nothing.
fn keeps_answer(path: &str, method: &str) -> bool {
    let without = ["/token", "/check", "/sync"];
    let gives_secret = ["/keys", "/persons", "/invitation"];
    let makes_key = method == "post" && gives_secret.iter().any(|end| path.ends_with(end));
    // Any call to Graph is outside of the promise: Microsoft does what it says, once or twice.
    let passed_on = path.contains("/graph/");
    !(makes_key || passed_on || without.iter().any(|end| path.ends_with(end)))
}

fn path_parameter(path: &str, name: &str) -> &'static str {
    match name {
        "id" if path.contains("/mailboxes/") => "The mailbox: Microsoft's user id or the address",
        "id" if path.contains("/connections/") => "The connection: its id or its name",
        "account" => "The account's id",
        "path" => "Path below Graph's version, with as many segments as it has",
        "fid" => "The folder: its id or Microsoft's well-known name",
        "mid" => "The message",
        "aid" => "The attachment",
        "cid" => "The credential",
        "uid" => "The user: id or sign-in name",
        _ => "Its id",
    }
}

fn responses(path: &str, is_secured: bool, operation: &mut Map<String, Value>) {
    let request_id = json!({
        "description": "The call's id, in the server's log too",
        "schema": {"type": "string"},
    });
    let problem = |description: &str| {
        json!({
            "description": description,
            "headers": {"X-Request-Id": request_id},
            "content": {"application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
            }},
        })
    };
    let Some(responses) = operation
        .entry("responses")
        .or_insert_with(|| json!({}))
        .as_object_mut()
    else {
        return;
    };
    for response in responses.values_mut() {
        response["headers"]["X-Request-Id"] = request_id.clone();
    }
    if is_secured {
        responses.insert("401".into(), problem("No key, or one that opens nothing"));
        responses.insert(
            "403".into(),
            problem("The key lacks the scope, or does not reach the mailbox"),
        );
    }
    if path != "/healthz" {
        responses.insert(
            "default".into(),
            problem("Anything else: `code` says what, `detail` what to do"),
        );
    }
}

fn camel_case(name: &str) -> String {
    let mut text = String::new();
    let mut raise = false;
    for c in name.chars() {
        if c == '_' {
            raise = true;
        } else if std::mem::take(&mut raise) {
            text.extend(c.to_uppercase());
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn document() -> Value {
        serde_json::to_value(openapi()).expect("JSON")
    }

    #[test]
    fn every_operation_is_described_whole() {
        let json = document();
        let mut ids = HashSet::new();
        for (path, method, operation) in operations(&json) {
            let at = format!("{method} {path}");
            let id = operation["operationId"].as_str().unwrap_or_default();
            assert!(ids.insert(id.to_owned()) && !id.contains('_'), "{at}: {id}");
            assert!(operation["summary"].is_string(), "{at}: summary");
            assert!(operation["tags"][0].is_string(), "{at}: tag");
            let is_api = path.starts_with("/api/v1/");
            let security = operation["security"].as_array().map_or(0, Vec::len);
            assert_eq!(security, if is_api { 3 } else { 0 }, "{at}: security");
            let responses = operation["responses"].as_object().expect("responses");
            assert!(
                responses.keys().any(|status| status.starts_with('2')),
                "{at}"
            );
            if is_api {
                for status in ["401", "403", "default"] {
                    assert!(responses.contains_key(status), "{at}: {status}");
                }
            }
            let parameters = operation["parameters"].as_array();
            let named: HashSet<_> = parameters
                .into_iter()
                .flatten()
                .map(|one| (one["in"].as_str(), one["name"].as_str()))
                .collect();
            assert_eq!(
                named.len(),
                parameters.map_or(0, Vec::len),
                "{at}: parameters"
            );
        }
        assert!(ids.len() > 40, "{}", ids.len());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        fn walk(value: &Value, whole: &Value) {
            match value {
                Value::Object(map) => {
                    if let Some(Value::String(target)) = map.get("$ref") {
                        let pointer = target.trim_start_matches('#');
                        assert!(whole.pointer(pointer).is_some(), "{target}");
                    }
                    map.values().for_each(|inner| walk(inner, whole));
                }
                Value::Array(list) => list.iter().for_each(|inner| walk(inner, whole)),
                _ => {}
            }
        }
        let json = document();
        walk(&json, &json);
        assert!(json.pointer("/components/schemas/Problem").is_some());
    }

    #[test]
    fn the_promise_is_kept_route_by_route() {
        use Scope::{
            Admin, AlertsRead, CallsRead, Connections, Logins, MailRead, MailSend, MailWrite,
        };
        let promised: &[(&str, &str, Scope)] = &[
            ("GET", "/connections", Scope::ConnectionsRead),
            ("POST", "/connections", Connections),
            ("GET", "/connections/{id}", Scope::ConnectionsRead),
            ("PATCH", "/connections/{id}", Connections),
            ("DELETE", "/connections/{id}", Connections),
            (
                "GET",
                "/connections/{id}/credentials",
                Scope::ConnectionsRead,
            ),
            ("POST", "/connections/{id}/credentials", Connections),
            (
                "GET",
                "/connections/{id}/credentials/{cid}/certificate",
                Connections,
            ),
            ("DELETE", "/connections/{id}/credentials/{cid}", Connections),
            ("POST", "/connections/{id}/check", Connections),
            ("GET", "/connections/{id}/setup", Connections),
            ("GET", "/connections/{id}/setup/script", Connections),
            ("POST", "/connections/{id}/logins", Logins),
            ("GET", "/logins/{id}", Logins),
            ("POST", "/logins/{id}/redirect", Logins),
            ("GET", "/accounts", Logins),
            ("DELETE", "/accounts/{id}", Connections),
            ("POST", "/accounts/{id}/token", Scope::Tokens),
            ("GET", "/connections/{id}/users", Scope::PeopleRead),
            ("GET", "/connections/{id}/users/{uid}", Scope::PeopleRead),
            (
                "GET",
                "/connections/{id}/users/{uid}/photo",
                Scope::PeopleRead,
            ),
            (
                "GET",
                "/connections/{id}/users/{uid}/licenses",
                Scope::PeopleRead,
            ),
            (
                "GET",
                "/connections/{id}/users/{uid}/groups",
                Scope::PeopleRead,
            ),
            (
                "GET",
                "/connections/{id}/users/{uid}/manager",
                Scope::PeopleRead,
            ),
            ("GET", "/mailboxes", MailRead),
            ("POST", "/mailboxes", Connections),
            ("GET", "/mailboxes/{id}", MailRead),
            ("PATCH", "/mailboxes/{id}", Connections),
            ("DELETE", "/mailboxes/{id}", Connections),
            ("POST", "/mailboxes/{id}/sync", MailRead),
            ("GET", "/mailboxes/{id}/folders", MailRead),
            ("POST", "/mailboxes/{id}/folders", MailWrite),
            ("GET", "/mailboxes/{id}/folders/{fid}", MailRead),
            ("PATCH", "/mailboxes/{id}/folders/{fid}", MailWrite),
            ("DELETE", "/mailboxes/{id}/folders/{fid}", MailWrite),
            ("GET", "/mailboxes/{id}/messages", MailRead),
            ("GET", "/mailboxes/{id}/messages/{mid}", MailRead),
            ("PATCH", "/mailboxes/{id}/messages/{mid}", MailWrite),
            ("DELETE", "/mailboxes/{id}/messages/{mid}", MailWrite),
            ("GET", "/mailboxes/{id}/messages/{mid}/mime", MailRead),
            (
                "GET",
                "/mailboxes/{id}/messages/{mid}/attachments",
                MailRead,
            ),
            (
                "GET",
                "/mailboxes/{id}/messages/{mid}/attachments/{aid}/content",
                MailRead,
            ),
            ("POST", "/mailboxes/{id}/send", MailSend),
            ("POST", "/mailboxes/{id}/messages/{mid}/reply", MailSend),
            ("POST", "/mailboxes/{id}/messages/{mid}/replyAll", MailSend),
            ("POST", "/mailboxes/{id}/messages/{mid}/forward", MailSend),
            ("GET", "/outbox", MailSend),
            ("GET", "/outbox/{id}", MailSend),
            ("POST", "/outbox/{id}/retry", MailSend),
            ("POST", "/outbox/{id}/cancel", MailSend),
            ("GET", "/changes", MailRead),
            ("GET", "/changes/stream", MailRead),
            ("GET", "/alerts", AlertsRead),
            ("GET", "/alerts/events", AlertsRead),
            ("GET", "/alerts/{id}", AlertsRead),
            ("POST", "/alerts/{id}/acknowledge", Connections),
            ("GET", "/graph/{account}/v1.0/{path}", Scope::Graph),
            ("POST", "/graph/{account}/v1.0/{path}", Scope::Graph),
            ("PUT", "/graph/{account}/v1.0/{path}", Scope::Graph),
            ("PATCH", "/graph/{account}/v1.0/{path}", Scope::Graph),
            ("DELETE", "/graph/{account}/v1.0/{path}", Scope::Graph),
            ("GET", "/calls", CallsRead),
            ("GET", "/calls/{id}", CallsRead),
            ("GET", "/keys", Admin),
            ("POST", "/keys", Admin),
            ("PATCH", "/keys/{id}", Admin),
            ("DELETE", "/keys/{id}", Admin),
            ("GET", "/persons", Admin),
            ("POST", "/persons", Admin),
            ("GET", "/persons/{id}", Admin),
            ("PATCH", "/persons/{id}", Admin),
            ("DELETE", "/persons/{id}", Admin),
            ("POST", "/persons/{id}/invitation", Admin),
            ("GET", "/audit", Scope::AuditRead),
        ];
        let built: HashSet<_> = route_table()
            .into_iter()
            .filter_map(|route| match route.access {
                RouteAccess::Scope(scope) => {
                    let path = route.path.strip_prefix("/api/v1")?.to_owned();
                    Some((route.method, path, scope.name()))
                }
                _ => None,
            })
            .collect();
        let promised: HashSet<_> = promised
            .iter()
            .map(|(method, path, scope)| ((*method).to_owned(), (*path).to_owned(), scope.name()))
            .collect();
        let missing: Vec<_> = promised.difference(&built).collect();
        let more: Vec<_> = built.difference(&promised).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "{missing:?} {more:?}"
        );
    }

    /// A route that is not in the table of actions is nobody's, and one that changes something and
    /// leaves no trace has a reason.
    #[test]
    fn every_operation_is_an_action_of_its_scope() {
        use postroom_engine::access::{Action, Needs, Trail};
        let json = document();
        let mut met = HashSet::new();
        for (path, method, operation) in operations(&json) {
            let id = operation["operationId"].as_str().unwrap_or_default();
            if operation["security"] == json!([]) {
                continue;
            }
            let action = Action::ALL
                .iter()
                .find(|action| action.operation() == id)
                .unwrap_or_else(|| panic!("{method} {path}: no action {id}"));
            met.insert(*action);
            let scope = operation["security"][0]["bearer"][0].as_str();
            let needs = match action.needs() {
                Needs::AnyCaller => None,
                Needs::Scope(scope) => Some(scope.name()),
            };
            assert_eq!(scope, needs, "{id}");
            assert_eq!(
                method == "get",
                action.trail() == Trail::Reads,
                "{id}: audited, or why not?"
            );
        }
        for action in Action::ALL {
            assert!(
                met.contains(action),
                "{} is done by no route",
                action.name()
            );
        }
    }

    #[test]
    fn what_needs_no_scope_is_listed() {
        let open: Vec<_> = route_table()
            .into_iter()
            .filter(|route| !matches!(route.access, RouteAccess::Scope(_)))
            .map(|route| format!("{} {}", route.method, route.path))
            .collect();
        assert_eq!(
            open.iter().map(String::as_str).collect::<HashSet<_>>(),
            HashSet::from([
                "GET /api/v1/keys/self",
                "GET /api/v1/session",
                "GET /auth/callback",
                "POST /auth/callback",
                "GET /healthz",
                "GET /readyz",
                "GET /metrics",
            ])
        );
    }

    #[test]
    fn the_error_table_has_every_code() {
        let table = error_table();
        for code in Code::ALL {
            assert!(table.contains(&format!("id=\"{}\"", code.text())));
        }
    }
}
