//! Which permissions a request takes, read from Microsoft's published permission data
//! (`data/graph/scopes.json`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

const SCOPES: &str = include_str!("../../../../data/graph/scopes.json");

/// Permissions the data does not list although Graph has them ("Microsoft Graph permissions
/// reference").
const FURTHER: &[&str] = &[
    "Mail.Read.Shared",
    "Mail.ReadBasic.Shared",
    "Mail.ReadWrite.Shared",
    "Mail.Send.Shared",
    "Contacts.Read.Shared",
    "Contacts.ReadWrite.Shared",
    "Calendars.ReadWrite.Shared",
    "Application.Read.All",
    "Application.ReadWrite.All",
    "Application.ReadWrite.OwnedBy",
    "IMAP.AccessAsUser.All",
    "POP.AccessAsUser.All",
    "SMTP.Send",
];

/// Operations the data does not list ("Get application").
fn further() -> Vec<Listed> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let permissions = |names: &[(&str, &[&str])]| {
        names
            .iter()
            .map(|(scheme, names)| ((*scheme).to_owned(), owned(names)))
            .collect()
    };
    vec![Listed {
        method: "GET".to_owned(),
        path: "/applications/{application-id}".to_owned(),
        least_privileged: permissions(&[
            ("DelegatedWork", &["Application.Read.All"]),
            ("Application", &["Application.Read.All"]),
        ]),
        also_accepted: permissions(&[
            ("DelegatedWork", &["Application.ReadWrite.All"]),
            (
                "Application",
                &["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All"],
            ),
        ]),
        page_table: None,
    }]
}

#[derive(Deserialize)]
struct Document {
    operations: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    method: String,
    path: String,
    /// Subscriptions take the permissions of what they watch and have no table of their own.
    #[serde(default)]
    least_privileged: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    also_accepted: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    page_table: Option<BTreeMap<String, Vec<String>>>,
}

/// An operation and what it takes.
#[derive(Debug)]
pub(crate) struct Operation {
    /// The HTTP method.
    pub(crate) method: String,
    /// The path with its parameters' names.
    pub(crate) path: String,
    segments: Vec<Option<String>>,
    /// Delegated permissions for work accounts, any of which is enough.
    pub(crate) delegated: Vec<String>,
    /// Application permissions, any of which is enough; none when the operation is not for
    /// applications.
    pub(crate) application: Vec<String>,
}

fn accepted(listed: &Listed, scheme: &str) -> Vec<String> {
    let mut all: BTreeSet<String> = [
        Some(&listed.least_privileged),
        Some(&listed.also_accepted),
        listed.page_table.as_ref(),
    ]
    .into_iter()
    .flatten()
    .filter_map(|table| table.get(scheme))
    .flatten()
    .cloned()
    .collect();
    // What may write may read, though the tables do not always say so.
    for permission in all.clone() {
        for (read, write) in [(".Read", ".ReadWrite"), (".ReadBasic", ".Read")] {
            if let Some(head) = permission.strip_suffix(read) {
                all.insert(format!("{head}{write}"));
            }
            if let Some(head) = permission.strip_suffix(&format!("{read}.All"))
                && read == ".Read"
            {
                all.insert(format!("{head}{write}.All"));
            }
        }
        if permission == "Mail.ReadBasic.All" {
            all.insert("Mail.ReadBasic".to_owned());
        }
    }
    all.into_iter().collect()
}

static OPERATIONS: LazyLock<Vec<Operation>> = LazyLock::new(|| {
    let document: Document =
        serde_json::from_str(SCOPES).unwrap_or(Document { operations: vec![] });
    document
        .operations
        .into_iter()
        .chain(further())
        // `/me` is resolved before, and means the same as the user's own path.
        .filter(|listed| !listed.path.starts_with("/me") && !listed.least_privileged.is_empty())
        .map(|listed| Operation {
            delegated: accepted(&listed, "DelegatedWork"),
            application: accepted(&listed, "Application"),
            segments: listed
                .path
                .trim_start_matches('/')
                .split('/')
                .map(|segment| (!segment.contains('{')).then(|| segment.to_owned()))
                .collect(),
            method: listed.method,
            path: listed.path,
        })
        .collect()
});

static KNOWN: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    OPERATIONS
        .iter()
        .flat_map(|operation| operation.delegated.iter().chain(&operation.application))
        .cloned()
        .chain(FURTHER.iter().map(|name| (*name).to_owned()))
        .map(|name| (name.to_ascii_lowercase(), name))
        .collect()
});

/// A permission's name as Microsoft writes it, if there is such a permission.
pub(crate) fn known(name: &str) -> Option<&'static str> {
    KNOWN.get(&name.to_ascii_lowercase()).map(String::as_str)
}

static LITERALS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    OPERATIONS
        .iter()
        .flat_map(|operation| operation.segments.iter().flatten())
        .map(String::as_str)
        .chain(["childFolders", "messageRules", "photos", "$count", "$value"])
        .map(|name| (name.to_ascii_lowercase(), name.to_owned()))
        .collect()
});

/// Writes a path's known names the way the table does; Graph reads them without regard to case.
pub(crate) fn normalize(segments: &mut [String]) {
    for segment in segments {
        if let Some(known) = LITERALS.get(&segment.to_ascii_lowercase()) {
            segment.clone_from(known);
        }
    }
}

/// What looking a path up came to.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// The operation.
    Found(&'static Operation),
    /// The path exists, with other methods.
    OtherMethod,
    /// There is no such path.
    Unknown,
}

/// A path as the table writes it: through whatever folder a message is reached, it takes the
/// permissions of the message's own path; `$count` and casts take those of the collection.
fn canonical<'a>(segments: &'a [String]) -> Vec<&'a str> {
    let mut path: Vec<&'a str> = segments.iter().map(String::as_str).collect();
    if path.last() == Some(&"$count") && path.len() > 1 {
        path.pop();
    }
    path.retain(|segment| !segment.starts_with("microsoft.graph."));
    if path.first() != Some(&"users") || path.len() < 3 {
        if matches!(
            path.as_slice(),
            ["organization" | "subscribedSkus" | "domains", _]
        ) {
            path.pop();
        }
        return path;
    }
    while let ["users", _, "mailFolders", _, "childFolders", child, ..] = path.as_slice() {
        if *child == "delta" {
            break;
        }
        path.drain(3..5);
    }
    match path.as_slice() {
        ["users", _, "mailFolders", _, "messages", message, ..] if *message != "delta" => {
            path.drain(2..4);
        }
        ["users", _, "messages", "delta"] => {
            path.splice(2..2, ["mailFolders", "any"]);
        }
        ["users", _, "mailFolders", _, "childFolders", "delta"] => {
            path.drain(3..5);
        }
        ["users", _, "mailFolders", _, "messageRules", ..] => {
            path.truncate(5);
            path[3] = "inbox";
        }
        ["users", _, "photos"] | ["users", _, "photos", _] => {
            path.truncate(2);
            path.push("photo");
        }
        ["users", _, "mailboxSettings", _] => path.truncate(3),
        _ => {}
    }
    path
}

/// Looks up what a request takes.
pub(crate) fn find(method: &str, segments: &[String]) -> Lookup {
    let path = canonical(segments);
    let fits = |operation: &&Operation| {
        operation.segments.len() == path.len()
            && operation
                .segments
                .iter()
                .zip(&path)
                .all(|(template, segment)| {
                    template
                        .as_ref()
                        .is_none_or(|literal| literal.eq_ignore_ascii_case(segment))
                })
    };
    let literals = |operation: &Operation| operation.segments.iter().flatten().count();
    let matching: Vec<&Operation> = OPERATIONS.iter().filter(fits).collect();
    let best = matching.iter().map(|operation| literals(operation)).max();
    match matching
        .iter()
        .filter(|operation| operation.method == method)
        .max_by_key(|operation| literals(operation))
    {
        // `POST mailFolders/delta` is not `POST mailFolders/{id}`.
        Some(found) if Some(literals(found)) == best => Lookup::Found(found),
        _ if matching.is_empty() => Lookup::Unknown,
        _ => Lookup::OtherMethod,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path_of(method: &str, path: &str) -> String {
        let segments: Vec<String> = path.split('/').map(str::to_owned).collect();
        match find(method, &segments) {
            Lookup::Found(operation) => operation.path.clone(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn folders_on_the_way_change_nothing() {
        let expected = "/users/{user-id}/messages/{message-id}/attachments";
        for path in [
            "users/a/messages/m/attachments",
            "users/a/mailFolders/inbox/messages/m/attachments",
            "users/a/mailFolders/inbox/childFolders/b/messages/m/attachments",
            "users/a/messages/m/attachments/$count",
        ] {
            assert_eq!(path_of("GET", path), expected, "{path}");
        }
        assert_eq!(
            path_of("GET", "users/a/mailFolders/x/messages/delta"),
            "/users/{user-id}/mailFolders/{mailFolder-id}/messages/delta"
        );
        assert_eq!(
            path_of("GET", "users/a/mailFolders/x/messages"),
            "/users/{user-id}/mailFolders/{mailFolder-id}/messages"
        );
        assert_eq!(path_of("POST", "users/a/mailFolders/delta"), "OtherMethod");
        assert_eq!(path_of("GET", "users/a/nothing"), "Unknown");
        assert_eq!(
            path_of("GET", "users/a/memberOf/microsoft.graph.group"),
            "/users/{user-id}/memberOf"
        );
    }

    #[test]
    fn writing_includes_reading() {
        let segments: Vec<String> = ["users", "a", "messages", "m", "attachments"]
            .map(str::to_owned)
            .to_vec();
        let Lookup::Found(operation) = find("GET", &segments) else {
            panic!("no such operation");
        };
        assert!(
            operation
                .delegated
                .iter()
                .any(|name| name == "Mail.ReadWrite")
        );
        assert!(
            !operation
                .delegated
                .iter()
                .any(|name| name == "Mail.ReadBasic")
        );
        assert_eq!(known("mail.read"), Some("Mail.Read"));
        assert_eq!(known("Mail.Raed"), None);
    }
}
