//! What a call leaves in the audit log. It follows from the call's action
//! ([`postroom_engine::access::Trail`]): the extractor that lets a caller in begins the entry, and
//! whatever knows the end first finishes it: the work itself, which goes on when the caller hangs
//! up, or else the answer on its way out.

use crate::app::App;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;
use postroom_engine::access::{self, Action, Caller, Origin};
use postroom_engine::audit::told_id;
use postroom_engine::{Code, Engine, Problem};
use postroom_model::audit::{AuditEntry, Outcome, Subject};
use serde_json::{Map, Value};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

/// What may be told of what an action made: names, ids and rights, never a secret.
const TOLD: [&str; 14] = [
    "account",
    "address",
    "authorityUrl",
    "clientId",
    "connection",
    "expiresAt",
    "graphUrl",
    "kind",
    "mailboxes",
    "networks",
    "role",
    "scopes",
    "status",
    "tenantId",
];

/// The longest list that is kept of it.
const LONGEST: usize = 100;

/// The entry of one call.
#[derive(Clone)]
pub(crate) struct Trail(Arc<Inner>);

struct Inner {
    engine: Engine,
    open: Mutex<Option<Open>>,
}

/// An entry without an end.
struct Open {
    entry: AuditEntry,
    /// Whether it is written as begun already.
    is_written: bool,
}

/// Begins with nothing, and finishes what is left when the answer is there.
pub(crate) async fn follow(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let trail = Trail(Arc::new(Inner {
        engine: app.engine.clone(),
        open: Mutex::default(),
    }));
    request.extensions_mut().insert(trail.clone());
    let response = next.run(request).await;
    let code = response.extensions().get::<Code>().copied();
    trail.answered(response.status(), code).await;
    response
}

impl Trail {
    /// Begins the entry of an action, if it has one.
    pub(crate) async fn begin(
        &self,
        caller: &Caller,
        origin: &Origin,
        action: Action,
        route: Option<&str>,
        parameters: &[(String, String)],
    ) -> Result<(), Problem> {
        let engine = &self.0.engine;
        let open = match action.trail() {
            access::Trail::Reads | access::Trail::NotAudited(_) => return Ok(()),
            access::Trail::Audited(kind) => {
                let (named, details) = named(kind, route.unwrap_or_default(), parameters);
                let subject = match named {
                    Some(named) => engine.audit_subject(kind, &named).await?,
                    None => of_kind(kind, None),
                };
                let mut entry = engine
                    .begin_audit(caller, origin, action, Some(subject))
                    .await?;
                entry.details.extend(details);
                Open {
                    entry,
                    is_written: true,
                }
            }
            access::Trail::Counted(kind) => {
                let (named, _) = named(kind, route.unwrap_or_default(), parameters);
                let mut entry = engine.audit_entry(
                    caller.actor(),
                    action.name(),
                    origin.address,
                    Outcome::Done,
                );
                entry.subject = Some(of_kind(kind, named.as_deref().and_then(told_id)));
                entry.request_id.clone_from(&origin.request_id);
                Open {
                    entry,
                    is_written: false,
                }
            }
        };
        *self.0.lock() = Some(open);
        Ok(())
    }

    /// Notes which fields of a body were sent: their names, not what is in them.
    pub(crate) fn sent(&self, body: &[u8]) {
        let mut open = self.0.lock();
        let Some(open) = open.as_mut().filter(|open| open.is_written) else {
            return;
        };
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return;
        };
        if !fields.is_empty() {
            let names: Vec<Value> = fields.into_iter().map(|(name, _)| name.into()).collect();
            open.entry.details.insert("fields".to_owned(), names.into());
        }
    }

    /// Notes what an action made, as it is shown to the caller.
    pub(crate) fn made(&self, made: &Value) {
        if let Some(open) = self.0.lock().as_mut() {
            describe(&mut open.entry, made);
        }
    }

    /// It happened before, and is answered as it was then.
    pub(crate) fn replayed(&self) {
        if let Some(open) = self.0.lock().as_mut() {
            open.entry
                .details
                .insert("replayed".to_owned(), true.into());
        }
    }

    /// It happened, and this came of it.
    pub(crate) async fn done(&self, made: &Value) {
        self.made(made);
        self.end(Outcome::Done, None).await;
    }

    /// It did not happen, or not whole.
    pub(crate) async fn failed(&self, problem: &Problem) {
        self.end(outcome(problem.code.status()), Some(problem.code))
            .await;
    }

    async fn answered(&self, status: StatusCode, code: Option<Code>) {
        self.end(outcome(status.as_u16()), code).await;
    }

    async fn end(&self, outcome: Outcome, code: Option<Code>) {
        let Some(open) = self.0.lock().take() else {
            return;
        };
        let mut entry = open.entry;
        entry.outcome = outcome;
        if let Some(code) = code {
            entry.details.insert("code".to_owned(), code.text().into());
        }
        if open.is_written {
            self.0.engine.finish_audit(&entry).await;
        } else {
            self.0.engine.count_audit(entry);
        }
    }
}

impl Inner {
    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody saw the end: the caller hung up before the work began, or in the midst of it.
impl Drop for Inner {
    fn drop(&mut self) {
        let open = self.lock().take();
        if let Some(Open {
            mut entry,
            is_written: true,
        }) = open
        {
            entry.outcome = Outcome::Failed;
            entry.details.insert("code".to_owned(), "hungUp".into());
            self.engine.finish_audit_later(entry);
        }
    }
}

/// For handlers that say themselves what they made.
impl FromRequestParts<App> for Trail {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_else(|| {
            Self(Arc::new(Inner {
                engine: app.engine.clone(),
                open: Mutex::default(),
            }))
        }))
    }
}

fn outcome(status: u16) -> Outcome {
    match status {
        ..400 => Outcome::Done,
        400..500 => Outcome::Refused,
        _ => Outcome::Failed,
    }
}

fn of_kind(kind: &str, id: Option<String>) -> Subject {
    Subject {
        kind: kind.to_owned(),
        id,
        name: None,
    }
}

/// What a path names: the thing itself, where the path leads to one of its kind, and what it
/// belongs to.
fn named(
    kind: &str,
    route: &str,
    parameters: &[(String, String)],
) -> (Option<String>, Map<String, Value>) {
    let (mut own, mut others) = (None, Map::new());
    let parts: Vec<&str> = route.split('/').collect();
    for (noun, parameter) in parts.iter().zip(parts.iter().skip(1)) {
        let name = parameter
            .strip_prefix('{')
            .and_then(|it| it.strip_suffix('}'));
        let value = name.and_then(|name| parameters.iter().find(|(known, _)| known == name));
        let Some((_, value)) = value else { continue };
        let singular = singular(noun);
        if singular == kind {
            own = Some(value.clone());
        } else {
            if let Some(value) = told_id(value) {
                others.insert(singular, value.into());
            }
        }
    }
    (own, others)
}

fn singular(noun: &str) -> String {
    match noun.strip_suffix("es").filter(|stem| stem.ends_with('x')) {
        Some(stem) => stem.to_owned(),
        None => noun.strip_suffix('s').unwrap_or(noun).to_owned(),
    }
}

fn describe(entry: &mut AuditEntry, made: &Value) {
    let text = |name: &str| made[name].as_str().map(str::to_owned);
    if let Some(subject) = &mut entry.subject {
        if let Some(id) = text("id") {
            subject.id = Some(id);
        }
        let name = ["name", "address", "userPrincipalName"]
            .iter()
            .find_map(|name| text(name));
        if name.is_some() {
            subject.name = name;
        }
    }
    for name in TOLD {
        match &made[name] {
            Value::Null => {}
            Value::Array(list) if list.len() > LONGEST => {
                entry.details.insert(name.to_owned(), list.len().into());
            }
            told => {
                entry.details.insert(name.to_owned(), told.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parameters(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_path_names_the_thing_or_what_it_belongs_to() {
        let id = parameters(&[("id", "x")]);
        let (own, others) = named("connection", "/api/v1/connections/{id}", &id);
        assert_eq!((own.as_deref(), others.len()), (Some("x"), 0));
        let (own, others) = named("login", "/api/v1/connections/{id}/logins", &id);
        assert_eq!((own, &others["connection"]), (None, &json!("x")));
        let both = parameters(&[("id", "x"), ("cid", "y")]);
        let route = "/api/v1/connections/{id}/credentials/{cid}";
        let (own, others) = named("credential", route, &both);
        assert_eq!(own.as_deref(), Some("y"));
        assert_eq!(others["connection"], json!("x"));
        let (own, _) = named("mailbox", "/api/v1/mailboxes/{id}", &id);
        assert_eq!(own.as_deref(), Some("x"));
    }
}
