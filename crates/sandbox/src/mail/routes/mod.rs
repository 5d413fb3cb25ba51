//! The calls, by path below `/users/{id}`.

mod answers;
mod attachments;
mod change;
mod create;
mod delta;
mod folders;
mod list;
mod send;
mod settings;
mod translate;

use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use http::Method;

use super::Mail;
use super::mailbox::Mailbox;
use crate::call::{Answer, Call, GraphError};

/// A call with what it touches.
pub(crate) struct Context<'a> {
    pub(crate) mail: &'a Mail,
    pub(crate) cell: &'a RwLock<Mailbox>,
    pub(crate) call: &'a Call,
    /// The mailbox's user id.
    pub(crate) mailbox: &'a str,
    pub(crate) now: i64,
}

impl Context<'_> {
    fn read(&self) -> RwLockReadGuard<'_, Mailbox> {
        super::read(self.cell)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Mailbox> {
        super::write(self.cell)
    }

    /// `{base}/users/{id}`.
    fn root(&self) -> String {
        format!("{}/users/{}", self.call.base_url, self.mailbox)
    }
}

/// Finds the route.
pub(crate) fn dispatch(context: &Context<'_>) -> Result<Answer, GraphError> {
    let segments: Vec<&str> = context
        .call
        .segments
        .iter()
        .skip(2)
        .flat_map(|segment| pieces(segment))
        .collect();
    let Some((first, rest)) = segments.split_first() else {
        return Err(no_route());
    };
    if first.eq_ignore_ascii_case("mailFolders") {
        return in_folders(context, rest);
    }
    if first.eq_ignore_ascii_case("messages") {
        return in_messages(context, None, rest);
    }
    if first.eq_ignore_ascii_case("sendMail") && rest.is_empty() {
        return only(context, &Method::POST, || send::send_mail(context));
    }
    if first.eq_ignore_ascii_case("mailboxSettings") {
        return only(context, &Method::GET, || settings::get(context, rest));
    }
    if first.eq_ignore_ascii_case("translateExchangeIds") && rest.is_empty() {
        return only(context, &Method::POST, || translate::translate(context));
    }
    Err(no_route())
}

/// `mailFolders('inbox')` is `mailFolders/inbox`, `microsoft.graph.delta()` is `delta`.
fn pieces(segment: &str) -> impl Iterator<Item = &str> {
    let name = segment.strip_prefix("microsoft.graph.").unwrap_or(segment);
    let name = name.strip_suffix("()").unwrap_or(name);
    let keyed = name
        .strip_suffix("')")
        .and_then(|name| name.split_once("('"));
    let (name, key) = match keyed {
        Some((name, key)) => (name, Some(key)),
        None => (name, None),
    };
    std::iter::once(name).chain(key)
}

fn in_folders(context: &Context<'_>, rest: &[&str]) -> Result<Answer, GraphError> {
    let method = &context.call.method;
    let lower: Vec<String> = rest.iter().map(|part| part.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    match (lower.as_slice(), rest) {
        ([], _) if method == Method::GET => folders::list(context, None),
        ([], _) if method == Method::POST => folders::create(context, None),
        (["delta"], _) => only(context, &Method::GET, || delta::folders(context)),
        (["$count"], _) => only(context, &Method::GET, || folders::count(context, None)),
        ([_], [id]) if method == Method::GET => folders::get(context, id),
        ([_], [id]) if method == Method::PATCH => folders::rename(context, id),
        ([_], [id]) if method == Method::DELETE => folders::delete(context, id),
        ([_, "childfolders"], [id, ..]) if method == Method::GET => {
            folders::list(context, Some(id))
        }
        ([_, "childfolders"], [id, ..]) if method == Method::POST => {
            folders::create(context, Some(id))
        }
        ([_, "childfolders", "$count"], [id, ..]) => {
            only(context, &Method::GET, || folders::count(context, Some(id)))
        }
        ([_, "childfolders", ..], [_, _, rest @ ..]) => in_folders(context, rest),
        ([_, "messages", ..], [id, _, rest @ ..]) => in_messages(context, Some(id), rest),
        ([_, "move"], [id, ..]) => only(context, &Method::POST, || folders::shift(context, id)),
        ([_, "permanentdelete"], [id, ..]) => only(context, &Method::POST, || {
            folders::permanent_delete(context, id)
        }),
        ([] | [_], _) => Err(no_method(context)),
        _ => Err(no_route()),
    }
}

fn in_messages(
    context: &Context<'_>,
    folder: Option<&str>,
    rest: &[&str],
) -> Result<Answer, GraphError> {
    let method = &context.call.method;
    let lower: Vec<String> = rest.iter().map(|part| part.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    match (lower.as_slice(), rest) {
        ([], _) if method == Method::GET => list::list(context, folder),
        ([], _) if method == Method::POST => create::create(context, folder),
        (["delta"], _) => only(context, &Method::GET, || delta::messages(context, folder)),
        (["$count"], _) => only(context, &Method::GET, || list::count(context, folder)),
        ([_], [id]) if method == Method::GET => list::get(context, folder, id),
        ([_], [id]) if method == Method::PATCH => change::patch(context, folder, id),
        ([_], [id]) if method == Method::DELETE => change::delete(context, folder, id),
        ([_, "$value"], [id, ..]) => {
            only(context, &Method::GET, || list::mime(context, folder, id))
        }
        ([_, "attachments", ..], [id, _, rest @ ..]) => {
            attachments::dispatch(context, folder, id, rest)
        }
        ([_, action], [id, ..]) => {
            let message =
                |run: fn(&Context<'_>, Option<&str>, &str) -> Result<Answer, GraphError>| {
                    only(context, &Method::POST, || run(context, folder, id))
                };
            match *action {
                "move" => message(change::shift),
                "copy" => message(change::copy),
                "permanentdelete" => message(change::permanent_delete),
                "send" => message(send::send_draft),
                "createreply" => message(create::reply),
                "createreplyall" => message(create::reply_all),
                "createforward" => message(create::forward),
                "reply" => message(send::reply),
                "replyall" => message(send::reply_all),
                "forward" => message(send::forward),
                _ => Err(no_route()),
            }
        }
        ([] | [_], _) => Err(no_method(context)),
        _ => Err(no_route()),
    }
}

fn only(
    context: &Context<'_>,
    method: &Method,
    run: impl FnOnce() -> Result<Answer, GraphError>,
) -> Result<Answer, GraphError> {
    if context.call.method == *method {
        return run();
    }
    Err(no_method(context))
}

fn no_route() -> GraphError {
    GraphError::new(
        400,
        "RequestBroker--ParseUri",
        "Resource not found for the segment.",
    )
}

fn no_method(context: &Context<'_>) -> GraphError {
    GraphError::new(
        405,
        "ErrorInvalidRequest",
        format!(
            "The OData request is not supported: {} is not allowed here.",
            context.call.method
        ),
    )
}
