//! Which of Microsoft's permissions our features need, from Microsoft's own table.

use postroom_model::account::AccountKind;
use serde::Deserialize;
use std::collections::HashMap;

/// Microsoft's permissions for each operation (`data/graph/README.md` names the source).
const TABLE: &str = include_str!("../../../../data/graph/scopes.json");

/// A feature, and the operation that asks for most of it.
struct Feature {
    name: &'static str,
    operation: &'static str,
    /// Whether mail, which Postroom is for, does not work without it.
    essential: bool,
}

const fn feature(name: &'static str, operation: &'static str, essential: bool) -> Feature {
    Feature {
        name,
        operation,
        essential,
    }
}

const FEATURES: [Feature; 8] = [
    feature("reading mail", "mail.attachments.get", true),
    feature(
        "changing mail and preparing answers",
        "mail.messages.update",
        true,
    ),
    feature("sending mail", "mail.messages.send", true),
    feature("looking up people", "users.get", true),
    feature("pictures", "users.photo.get", false),
    feature("licences", "users.licenseDetails", false),
    feature("groups", "users.memberOf", false),
    feature("managers", "users.manager", false),
];

#[derive(Deserialize)]
struct Table {
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Operation {
    operation: String,
    // Operations of no single resource have another table, which is not read here.
    #[serde(default)]
    least_privileged: Kinds,
    #[serde(default)]
    also_accepted: Kinds,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kinds {
    delegated_work: Vec<String>,
    application: Vec<String>,
}

impl Kinds {
    fn of(self, kind: AccountKind) -> Vec<String> {
        match kind {
            AccountKind::User => self.delegated_work,
            AccountKind::Application => self.application,
        }
    }
}

/// A feature that does not work with what was granted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing {
    /// The feature.
    pub(super) feature: &'static str,
    /// The smallest permission that lets it work.
    pub(super) permission: String,
    /// Whether mail does not work without it.
    pub(super) essential: bool,
}

/// The features that lack a permission.
pub(super) fn missing(granted: &[String], kind: AccountKind) -> Vec<Missing> {
    let table: Table = match serde_json::from_str(TABLE) {
        Ok(table) => table,
        Err(error) => {
            tracing::error!(%error, "the table of permissions cannot be read");
            return Vec::new();
        }
    };
    let mut operations: HashMap<String, Operation> = table
        .operations
        .into_iter()
        .map(|operation| (operation.operation.clone(), operation))
        .collect();
    FEATURES
        .iter()
        .filter_map(|feature| {
            let operation = operations.remove(feature.operation)?;
            let least = operation.least_privileged.of(kind);
            let larger = operation.also_accepted.of(kind);
            let has = least.iter().chain(&larger).any(|accepted| {
                granted
                    .iter()
                    .any(|held| held.eq_ignore_ascii_case(accepted))
            });
            let permission = least.into_iter().next()?;
            (!has).then_some(Missing {
                feature: feature.name,
                permission,
                essential: feature.essential,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(granted: &[&str], kind: AccountKind) -> Vec<&'static str> {
        let granted: Vec<_> = granted.iter().map(|&held| held.to_owned()).collect();
        missing(&granted, kind)
            .into_iter()
            .map(|missing| missing.feature)
            .collect()
    }

    #[test]
    fn every_feature_is_in_the_table() {
        for kind in [AccountKind::User, AccountKind::Application] {
            assert_eq!(lacks(&[], kind).len(), FEATURES.len(), "{kind:?}");
        }
    }

    #[test]
    fn larger_permissions_count_and_unlike_ones_do_not() {
        let all = [
            "Mail.ReadWrite",
            "Mail.Send",
            "User.Read.All",
            "Directory.Read.All",
        ];
        assert_eq!(lacks(&all, AccountKind::Application), Vec::<&str>::new());
        let reading = lacks(&["Mail.ReadBasic.All"], AccountKind::Application);
        assert!(reading.contains(&"reading mail"));
        assert!(!lacks(&["mail.read"], AccountKind::User).contains(&"reading mail"));
        assert!(lacks(&["Mail.Read"], AccountKind::User).contains(&"sending mail"));
    }
}
