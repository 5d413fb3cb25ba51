//! The script that limits an application to chosen mailboxes by RBAC for Applications (Exchange
//! Online, *Role Based Access Control for Applications*; parameters as in the cmdlets' reference,
//! 2026).

use super::Limit;
use super::limit::LimitScript;
use super::powershell::{list, quoted};
use postroom_model::cloud::Cloud;
use postroom_model::connection::Connection;

/// The longest name of a group, a scope or an assignment.
const LONGEST_NAME: usize = 64;

/// Writes the script. What comes from outside stands in it as quoted text only.
pub(super) fn write(
    connection: &Connection,
    limit: &Limit,
    object_id: Option<&str>,
) -> LimitScript {
    let short: String = connection
        .client_id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(8)
        .collect();
    let text = filled(&[
        ("object id", quoted(object_id.unwrap_or_default())),
        ("app id", quoted(&connection.client_id)),
        ("alias", quoted(&format!("postroom-{short}"))),
        ("short", quoted(&format!("Postroom {short}"))),
        ("environment", environment(connection.cloud).to_owned()),
        ("roles", list(&limit.roles, "")),
        ("remove", quoted(&limit.permissions_to_remove.join(", "))),
        ("name", quoted(&name(&connection.name, &short))),
        ("mailboxes", list(&limit.mailboxes, "    ")),
        ("connection", quoted(connection.id.as_str())),
    ]);
    LimitScript {
        name: format!("limit-{}.ps1", slug(&connection.name)),
        text,
    }
}

/// The name of group and scope. It has the application's id in it: two connections never share one.
fn name(connection: &str, short: &str) -> String {
    // Exchange rejects some characters in names.
    let plain: String = connection
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_.".contains(*c))
        .take(LONGEST_NAME - "Postroom  12345678".len())
        .collect();
    let words: Vec<_> = ["Postroom", plain.as_str(), short]
        .iter()
        .flat_map(|part| part.split_whitespace())
        .collect();
    words.join(" ")
}

/// The template with its places filled, each looked for in the template alone: what is filled in
/// is not looked through.
fn filled(values: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(TEMPLATE.len() * 2);
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("{{") {
        text.push_str(before);
        let Some((place, after)) = after.split_once("}}") else {
            text.push_str("{{");
            rest = after;
            continue;
        };
        let value = values.iter().find(|(name, _)| *name == place);
        text.push_str(value.map_or("''", |(_, value)| value));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// How Exchange Online PowerShell names the cloud (reference of `Connect-ExchangeOnline`).
fn environment(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Global => "",
        Cloud::UsGov => " -ExchangeEnvironmentName O365USGovGCCHigh",
        Cloud::UsGovDod => " -ExchangeEnvironmentName O365USGovDoD",
        Cloud::China => " -ExchangeEnvironmentName O365China",
    }
}

fn slug(name: &str) -> String {
    let slug: String = name
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let slug: Vec<_> = slug.split('-').filter(|part| !part.is_empty()).collect();
    match slug.join("-") {
        empty if empty.is_empty() => "application".to_owned(),
        slug => slug,
    }
}

const TEMPLATE: &str = include_str!("limit.ps1");

#[cfg(test)]
mod tests;
