//! Which one is meant: things named by id, name or address, or not at all where there is one only.

use crate::client::ApiClient;
use crate::table::{cell, first_of};
use crate::trouble::usage;
use serde_json::Value;

/// The entries of a list's answer.
pub(crate) fn entries(answer: &Value) -> &[Value] {
    answer["value"].as_array().map_or(&[], Vec::as_slice)
}

/// A whole list, page by page.
pub(crate) async fn all(client: &ApiClient, path: &[&str]) -> anyhow::Result<Vec<Value>> {
    let mut whole = Vec::new();
    let mut cursor = String::new();
    loop {
        let mut page = client.get(path, &[("cursor", &cursor)]).await?;
        if let Value::Array(entries) = page["value"].take() {
            whole.extend(entries);
        }
        match page["nextCursor"].as_str() {
            Some(next) if !next.is_empty() => cursor = next.to_owned(),
            _ => return Ok(whole),
        }
    }
}

fn choose(
    what: &str,
    list: Vec<Value>,
    named: Option<&str>,
    names: &[&str],
) -> anyhow::Result<Value> {
    let Some(named) = named else {
        let mut list = list;
        return match (list.len(), list.pop()) {
            (1, Some(only)) => Ok(only),
            (0, _) => anyhow::bail!("there is no {what} yet: add one with `postroom {what} add`"),
            (count, _) => Err(usage(format!("there are {count} {what}s: say which one"))),
        };
    };
    let mut fitting: Vec<Value> = list
        .into_iter()
        .filter(|entry| {
            names
                .iter()
                .any(|name| cell(&entry[*name]).to_lowercase() == named.to_lowercase())
        })
        .collect();
    match (fitting.len(), fitting.pop()) {
        (1, Some(one)) => Ok(one),
        (0, _) => anyhow::bail!("there is no {what} {named:?}; `postroom {what} list` shows them"),
        _ => Err(usage(format!(
            "{named:?} names several {what}s: give an id, as `postroom {what} list` shows it"
        ))),
    }
}

/// A connection, by id or name; the only one where none is named.
pub(crate) async fn connection(client: &ApiClient, named: Option<&str>) -> anyhow::Result<Value> {
    let list = all(client, &["connections"]).await?;
    choose("connection", list, named, &["id", "name"])
}

/// An account, by id or sign-in name.
pub(crate) async fn account(client: &ApiClient, named: &str) -> anyhow::Result<Value> {
    let list = all(client, &["accounts"]).await?;
    choose("account", list, Some(named), &["id", "userPrincipalName"])
}

/// A mailbox, by id or address; the only one where none is named.
pub(crate) async fn mailbox(client: &ApiClient, named: Option<&str>) -> anyhow::Result<Value> {
    let list = all(client, &["mailboxes"]).await?;
    choose("mailbox", list, named, &["id", "address"])
}

/// A mailbox's id as a path takes it: a name goes through as it is, and the API judges it.
pub(crate) async fn mailbox_id(client: &ApiClient, named: Option<&str>) -> anyhow::Result<String> {
    match named {
        Some(named) => Ok(named.to_owned()),
        None => Ok(id(&mailbox(client, None).await?)),
    }
}

/// Its id.
pub(crate) fn id(value: &Value) -> String {
    cell(&value["id"])
}

/// Who an account is, for people.
pub(crate) fn account_name(account: &Value) -> String {
    if account["kind"] == "application" {
        return "(the application)".to_owned();
    }
    first_of(account, &["userPrincipalName", "displayName", "id"])
}
