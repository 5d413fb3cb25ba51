//! The limit of an application to chosen mailboxes.

use super::Limit;
use super::features::FeatureUse;
use super::permissions;
use crate::{Problem, Result};
use postroom_model::account::AccountKind;

/// A script, ready to be saved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitScript {
    /// A file's name.
    pub name: String,
    /// PowerShell, in ASCII.
    pub text: String,
}

/// The longest address (RFC 5321, section 4.5.3.1, with the sign between).
const LONGEST_ADDRESS: usize = 320;

/// An address of a mailbox, as it was named.
pub(super) fn address(given: &str) -> Result<String> {
    let address = given.trim();
    let fits = address.len() <= LONGEST_ADDRESS
        && address
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && domain.contains('.'))
        && !address.chars().any(|c| c.is_control() || c.is_whitespace());
    if fits {
        return Ok(address.to_owned());
    }
    Err(Problem::invalid(format!(
        "{given:?} is no mailbox's address: `mailboxes` takes addresses, with commas between them."
    )))
}

/// What the limit is made of; `None` where the application reaches no mailbox.
pub(super) fn limit(features: &[FeatureUse], mailboxes: Vec<String>) -> Option<Limit> {
    let of_exchange: Vec<FeatureUse> = features
        .iter()
        .filter(|one| one.kind == AccountKind::Application && one.feature.is_of_exchange())
        .cloned()
        .collect();
    let needed = permissions::of(&of_exchange, &[]).application;
    if needed.is_empty() {
        return None;
    }
    Some(Limit {
        mailboxes,
        // Each role has the name of its permission (*Supported Application Roles*).
        roles: needed
            .iter()
            .map(|permission| format!("Application {}", permission.name))
            .collect(),
        permissions_to_remove: needed
            .into_iter()
            .map(|permission| permission.name)
            .collect(),
    })
}

/// Permissions in a token that reach mailboxes: granted in Entra ID, they reach all of them.
pub(crate) fn reaching_mailboxes(granted: &[String]) -> Vec<String> {
    const AREAS: [&str; 5] = [
        "Mail.",
        "MailboxSettings.",
        "Calendars.",
        "Contacts.",
        "MailboxItem.",
    ];
    granted
        .iter()
        .filter(|name| AREAS.iter().any(|area| name.starts_with(area)))
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::features::Feature;
    use super::*;

    #[test]
    fn addresses_are_addresses() {
        for good in ["a@b.example", " o'brien@contoso.com ", "ü@contoso.com"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "a",
            "@b.c",
            "a@b",
            "a b@c.d",
            "a@b.c\n'; x",
            "a\u{0}@b.c",
        ] {
            assert!(address(bad).is_err(), "{bad:?}");
        }
        assert!(address(&format!("{}@b.example", "a".repeat(320))).is_err());
    }

    #[test]
    fn roles_are_those_in_use() {
        let one = |feature| FeatureUse {
            feature,
            kind: AccountKind::Application,
            shared: false,
            in_use: true,
            why: String::new(),
        };
        let reading = limit(&[one(Feature::MailRead)], Vec::new()).expect("a limit");
        assert_eq!(reading.roles, ["Application Mail.Read"]);
        let sending = [one(Feature::MailRead), one(Feature::MailSend)];
        let sending = limit(&sending, Vec::new()).expect("a limit");
        assert_eq!(
            sending.roles,
            ["Application Mail.ReadWrite", "Application Mail.Send"]
        );
        assert_eq!(
            sending.permissions_to_remove,
            ["Mail.ReadWrite", "Mail.Send"]
        );
        assert!(limit(&[one(Feature::PeopleRead)], Vec::new()).is_none());
    }
}
