//! Which of Microsoft's permissions a feature takes, from Microsoft's own table.

use super::features::Feature;
use postroom_model::account::AccountKind;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Microsoft's permissions for each operation (`data/graph/README.md` names the source).
const TABLE: &str = include_str!("../../../../data/graph/scopes.json");

/// The operations that ask for most of a feature. A message is made as a draft and then sent, so
/// sending takes two permissions.
fn operations(feature: Feature) -> &'static [&'static str] {
    match feature {
        Feature::Profile => &["users.me"],
        Feature::MailRead => &["mail.attachments.get"],
        Feature::MailWrite => &["mail.messages.update"],
        Feature::MailSend => &["mail.messages.createDraft", "mail.messages.send"],
        Feature::PeopleRead => &["users.list"],
        Feature::PeoplePhotos => &["users.photo.get"],
        Feature::PeopleLicenses => &["users.licenseDetails"],
        Feature::PeopleGroups => &["users.memberOf"],
        Feature::PeopleManager => &["users.manager"],
        Feature::CredentialDates => &[],
    }
}

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
    fn of(&self, kind: AccountKind) -> &[String] {
        match kind {
            AccountKind::User => &self.delegated_work,
            AccountKind::Application => &self.application,
        }
    }
}

static OPERATIONS: LazyLock<HashMap<String, Operation>> = LazyLock::new(|| {
    let table: Table = match serde_json::from_str(TABLE) {
        Ok(table) => table,
        Err(error) => {
            tracing::error!(%error, "the table of permissions cannot be read");
            return HashMap::new();
        }
    };
    table
        .operations
        .into_iter()
        .map(|operation| (operation.operation.clone(), operation))
        .collect()
});

/// One permission that is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Need {
    /// The smallest one that will do.
    pub(crate) least: String,
    /// All that will do, the smallest among them.
    pub(crate) accepted: Vec<String>,
}

impl Need {
    /// Whether one of these permissions will do.
    pub(crate) fn is_met(&self, granted: &[String]) -> bool {
        self.accepted.iter().any(|accepted| {
            granted
                .iter()
                .any(|held| held.eq_ignore_ascii_case(accepted))
        })
    }
}

/// What a feature needs of an account of this kind, each to be met; nothing where the kind cannot
/// have it. `shared`: for mailboxes of others too, which takes permissions of their own from a user
/// (Graph, *Share or delegate message folders*).
pub(crate) fn of(feature: Feature, kind: AccountKind, shared: bool) -> Vec<Need> {
    if feature == Feature::CredentialDates {
        return match kind {
            AccountKind::Application => vec![application_object()],
            AccountKind::User => Vec::new(),
        };
    }
    let mut needs = Vec::new();
    for name in operations(feature) {
        let Some(operation) = OPERATIONS.get(*name) else {
            continue;
        };
        let least = operation.least_privileged.of(kind);
        let Some(first) = least.first() else {
            return Vec::new();
        };
        let accepted: Vec<String> = least
            .iter()
            .chain(operation.also_accepted.of(kind))
            .cloned()
            .collect();
        if shared && kind == AccountKind::User && feature.is_of_exchange() {
            needs.push(Need {
                least: format!("{first}.Shared"),
                accepted: accepted
                    .iter()
                    .map(|name| format!("{name}.Shared"))
                    .collect(),
            });
        }
        needs.push(Need {
            least: first.clone(),
            accepted,
        });
    }
    needs
}

/// The application object is not in the table (Graph, *Get application*).
fn application_object() -> Need {
    let accepted = [
        "Application.Read.All",
        "Application.ReadWrite.OwnedBy",
        "Application.ReadWrite.All",
    ];
    Need {
        least: accepted[0].to_owned(),
        accepted: accepted.map(str::to_owned).to_vec(),
    }
}

/// The needs that are not met.
pub(crate) fn missing(needs: &[Need], granted: &[String]) -> Vec<String> {
    needs
        .iter()
        .filter(|need| !need.is_met(granted))
        .map(|need| need.least.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use AccountKind::{Application, User};

    fn lacks(feature: Feature, kind: AccountKind, granted: &[&str]) -> Vec<String> {
        let granted: Vec<_> = granted.iter().map(|&held| held.to_owned()).collect();
        missing(&of(feature, kind, false), &granted)
    }

    #[test]
    fn every_operation_is_in_the_table() {
        for feature in Feature::ALL {
            for name in operations(feature) {
                assert!(OPERATIONS.contains_key(*name), "{name}");
            }
            assert_eq!(feature.is_for(User), feature != Feature::CredentialDates);
            assert_eq!(feature.is_for(Application), feature != Feature::Profile);
        }
    }

    #[test]
    fn larger_permissions_will_do_and_unlike_ones_will_not() {
        assert!(lacks(Feature::MailRead, Application, &["Mail.ReadWrite"]).is_empty());
        assert!(lacks(Feature::MailRead, User, &["mail.read"]).is_empty());
        assert_eq!(
            lacks(Feature::MailRead, Application, &["Mail.ReadBasic.All"]),
            ["Mail.Read"]
        );
        assert_eq!(
            lacks(Feature::MailSend, Application, &["Mail.Read"]),
            ["Mail.ReadWrite", "Mail.Send"]
        );
        assert_eq!(
            lacks(Feature::PeopleRead, Application, &[]),
            ["User.ReadBasic.All"]
        );
    }

    #[test]
    fn mailboxes_of_others_take_permissions_of_their_own() {
        let needs = of(Feature::MailRead, User, true);
        let least: Vec<_> = needs.iter().map(|need| need.least.as_str()).collect();
        assert_eq!(least, ["Mail.Read.Shared", "Mail.Read"]);
        assert!(needs[0].is_met(&["Mail.ReadWrite.Shared".to_owned()]));
        assert_eq!(of(Feature::MailRead, Application, true).len(), 1);
    }
}
