//! One request to Graph, alone or a part of a batch: user, permission, limits, then the answer.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::applications;
use super::limits;
use super::path;
use super::permissions::{self, Lookup, Operation};
use super::refusal;
use crate::Sandbox;
use crate::call::{Answer, Call, Caller, GraphError};
use crate::directory::{User, no_resource};
use crate::exchange::Decision;
use crate::faults::FaultAction;
use crate::mail::Mail;

/// A request as it came.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) caller: Caller,
    pub(super) method: Method,
    /// Below the version.
    pub(super) path_and_query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) base_url: String,
    /// A part of a batch, for which faults have to be looked up here.
    pub(super) in_batch: bool,
}

/// First segments below a user that Exchange answers.
const EXCHANGE: &[&str] = &[
    "mailFolders",
    "messages",
    "sendMail",
    "mailboxSettings",
    "inferenceClassification",
    "outlook",
    "getMailTips",
    "calendar",
    "calendars",
    "calendarView",
    "calendarGroups",
    "events",
    "findMeetingTimes",
    "contacts",
    "contactFolders",
];

/// Carries a request out and counts it.
pub(super) async fn carry_out(
    sandbox: &Arc<Sandbox>,
    incoming: Incoming,
) -> Result<Answer, GraphError> {
    let fault = incoming
        .in_batch
        .then(|| {
            sandbox.faults.meet(
                incoming.method.as_str(),
                &format!("/v1.0/{}", incoming.path_and_query.trim_start_matches('/')),
                true,
            )
        })
        .flatten();
    if let Some(delay) = fault.as_ref().and_then(crate::faults::Met::delay) {
        tokio::time::sleep(delay).await;
    }
    // A request of its own is looked at whole, at the front.
    #[cfg(feature = "conformance")]
    let asked = (incoming.in_batch && fault.is_none())
        .then(|| {
            sandbox.watch.asked(
                &incoming.method,
                &incoming.path_and_query,
                &incoming.headers,
                &incoming.body,
            )
        })
        .flatten();
    let mut route = format!("{} (unknown)", incoming.method);
    let result = match &fault {
        Some(met) if !met.carries_out() => fault_error(&met.action),
        _ => {
            let done = answer(sandbox, incoming, &mut route).await;
            match &fault {
                Some(met) if met.perform => fault_error(&met.action),
                _ => done,
            }
        }
    };
    let status = match &result {
        Ok(answer) => answer.status.as_u16(),
        Err(error) => error.status,
    };
    #[cfg(feature = "conformance")]
    if let Some(asked) = asked {
        match &result {
            Ok(answer) => sandbox.watch.answered(asked, answer),
            Err(error) => {
                let answer = Answer::json(error.status, &error.body("", "", ""));
                sandbox.watch.answered(asked, &answer);
            }
        }
    }
    sandbox.counters.graph(route, status);
    result
}

fn fault_error(action: &FaultAction) -> Result<Answer, GraphError> {
    match action {
        FaultAction::Status {
            status,
            retry_after,
            code,
            ..
        } => {
            let code = code
                .as_deref()
                .unwrap_or_else(|| FaultAction::code_for(*status));
            let error = GraphError::new(*status, code, "A fault of the sandbox.");
            Err(match retry_after {
                Some(seconds) => error.header("retry-after", seconds.to_string()),
                None => error,
            })
        }
        _ => Ok(Answer::empty(204)),
    }
}

async fn answer(
    sandbox: &Arc<Sandbox>,
    incoming: Incoming,
    route: &mut String,
) -> Result<Answer, GraphError> {
    let Incoming {
        caller,
        method,
        path_and_query,
        headers,
        body,
        base_url,
        ..
    } = incoming;
    let (mut segments, query) = path::split(&path_and_query);
    permissions::normalize(&mut segments);
    if segments
        .first()
        .is_some_and(|first| first.eq_ignore_ascii_case("me"))
    {
        let user = caller
            .user_id
            .clone()
            .ok_or_else(refusal::me_without_user)?;
        segments.splice(0..1, ["users".to_owned(), user]);
    }
    let operation = match permissions::find(method.as_str(), &segments) {
        Lookup::Found(operation) => operation,
        Lookup::OtherMethod => return Err(refusal::other_method()),
        Lookup::Unknown => {
            let last = segments.last().map_or("", String::as_str);
            return Err(refusal::unknown_segment(last));
        }
    };
    *route = format!("{method} {}", operation.path);
    let exchange = segments.first().is_some_and(|first| first == "users")
        && segments
            .get(2)
            .is_some_and(|segment| EXCHANGE.contains(&segment.as_str()));

    let mut target = None;
    if segments.len() > 1 && segments[0] == "users" && segments[1] != "$count" {
        let user = sandbox.directory.find_in_path(&segments[1]).ok_or_else(|| {
            if exchange {
                refusal::invalid_user(&segments[1])
            } else {
                no_resource(&segments[1])
            }
        });
        // Whoever may not look gets 403, not knowledge of who exists.
        let user = match user {
            Ok(user) => user,
            Err(error) => {
                permitted(sandbox, operation, &caller, None, exchange)?;
                return Err(error);
            }
        };
        segments[1].clone_from(&user.id);
        target = Some(user);
    }
    permitted(sandbox, operation, &caller, target.as_ref(), exchange)?;

    let now = sandbox.clock.now();
    let _running = match &target {
        Some(user) if exchange => {
            let sent = match method {
                Method::POST | Method::PATCH | Method::PUT => body.len() as u64,
                _ => 0,
            };
            let running = sandbox.limits.enter(
                &caller.client_id,
                &user.id,
                sent,
                now,
                sandbox.options.limits,
            )?;
            sandbox.counters.concurrency(running.count);
            Some(running)
        }
        _ => {
            if sandbox.options.limits {
                sandbox.limits.spend(
                    &caller.client_id,
                    limits::cost(&segments, &query),
                    sandbox.directory.size(),
                    now,
                )?;
            }
            None
        }
    };
    if !sandbox.options.latency.is_zero() {
        tokio::time::sleep(sandbox.options.latency).await;
    }
    if exchange && target.as_ref().is_some_and(|user| !user.has_mailbox) {
        return Err(refusal::no_mailbox());
    }
    let call = Call {
        caller,
        method,
        segments,
        query,
        headers,
        body,
        base_url,
    };
    match &target {
        Some(user) if Mail::owns(&call.segments[2..]) => sandbox.mail.handle(&user.id, &call),
        Some(user) if call.segments[2..] == ["revokeSignInSessions"] => {
            sandbox.entra.revoke(&user.id);
            Ok(Answer::json(
                200,
                &serde_json::json!({
                    "@odata.context": format!("{}/$metadata#Edm.Boolean", call.base_url),
                    "value": true,
                }),
            ))
        }
        _ if exchange => Err(refusal::not_here(&call.segments[2])),
        _ if call.segments[0] == "applications" => applications::get(sandbox, &call),
        _ => sandbox.directory.handle(&call),
    }
}

/// Whether the caller may do this.
fn permitted(
    sandbox: &Sandbox,
    operation: &Operation,
    caller: &Caller,
    target: Option<&User>,
    exchange: bool,
) -> Result<(), GraphError> {
    let denied = || {
        if exchange {
            refusal::mailbox_denied()
        } else {
            refusal::directory_denied()
        }
    };
    let has = |permission: &str| {
        caller
            .permissions
            .iter()
            .any(|have| have.eq_ignore_ascii_case(permission))
    };
    let Some(caller_id) = &caller.user_id else {
        let granted = operation.application.iter().any(|name| has(name));
        if !exchange {
            return if granted { Ok(()) } else { Err(denied()) };
        }
        let user = target.map(|user| user.id.as_str());
        return match sandbox.mailbox_decision(
            &caller.client_id,
            user,
            granted,
            &operation.application,
        ) {
            Decision::Allowed => Ok(()),
            Decision::Denied => Err(denied()),
            Decision::BlockedByPolicy => Err(refusal::blocked_by_policy()),
        };
    };
    let own = target.is_none_or(|user| user.id == *caller_id);
    let allowed = if exchange && !own {
        operation
            .delegated
            .iter()
            .any(|name| has(&format!("{name}.Shared")))
    } else {
        operation.delegated.iter().any(|name| {
            // These two reach the signed-in user alone.
            let only_own = matches!(name.as_str(), "User.Read" | "User.ReadWrite");
            has(name) && (own || !only_own)
        })
    };
    if !allowed {
        return Err(denied());
    }
    if exchange && !own {
        let delegate = sandbox.directory.find(caller_id);
        let open = match (target, delegate) {
            (Some(owner), Some(delegate)) => sandbox.directory.may_open(owner, &delegate),
            _ => false,
        };
        if !open {
            return Err(denied());
        }
    }
    Ok(())
}
