//! What Exchange lets applications do with mailboxes: application access policies, and Role Based
//! Access Control for Applications ("Role Based Access Control for Applications in Exchange
//! Online").
//!
//! A policy limits only what was granted in Entra ID. A role assignment grants by itself, within
//! its scope. The two are a union: who has the permission in Entra ID reaches every mailbox that
//! no policy keeps from it, whatever the assignments say.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// What a policy does with its mailboxes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccessRight {
    /// Only these mailboxes.
    RestrictAccess,
    /// All but these mailboxes; wins over the other.
    DenyAccess,
}

/// An application access policy (`New-ApplicationAccessPolicy`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessPolicy {
    /// What it does.
    pub access_right: AccessRight,
    /// Users by id or name: the members of its group.
    pub mailboxes: Vec<String>,
}

/// An application role assigned to an application (`New-ManagementRoleAssignment -App`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleAssignment {
    /// The role, like `Application Mail.Read`.
    pub role: String,
    /// Users by id or name that are in its scope; none named: the whole organization.
    pub mailboxes: Option<Vec<String>>,
    /// Seconds until the service notices; Microsoft's takes from half an hour to two hours.
    #[serde(default)]
    pub after_seconds: u64,
}

/// An application's access as Exchange has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct ExchangeAccess {
    /// Application access policies.
    pub policies: Vec<AccessPolicy>,
    /// Role assignments.
    pub role_assignments: Vec<RoleAssignment>,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    /// Nobody granted it.
    Denied,
    /// Granted in Entra ID, but a policy keeps the application from this mailbox.
    BlockedByPolicy,
}

struct Entry {
    access: ExchangeAccess,
    since: Timestamp,
}

/// The access of every application.
#[derive(Default)]
pub(crate) struct Exchange {
    entries: RwLock<HashMap<String, Entry>>,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

impl Exchange {
    /// Sets an application's access. `access` names users by their ids.
    pub(crate) fn set(&self, client_id: &str, access: ExchangeAccess, now: Timestamp) {
        self.entries
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(client_id.to_owned(), Entry { access, since: now });
    }

    pub(crate) fn get(&self, client_id: &str) -> ExchangeAccess {
        self.entries
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(client_id)
            .map(|entry| entry.access.clone())
            .unwrap_or_default()
    }

    /// Whether an application may do on a mailbox what takes one of `accepted`. `user_id` is none
    /// for a user that there is not.
    pub(crate) fn decide(
        &self,
        client_id: &str,
        user_id: Option<&str>,
        granted_in_entra: bool,
        accepted: &[String],
        now: Timestamp,
    ) -> Decision {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = entries.get(client_id) else {
            return if granted_in_entra {
                Decision::Allowed
            } else {
                Decision::Denied
            };
        };
        let blocked = user_id.is_some_and(|user| blocked(&entry.access.policies, user));
        if granted_in_entra && !blocked {
            return Decision::Allowed;
        }
        let by_role = entry.access.role_assignments.iter().any(|assignment| {
            noticed(entry.since, assignment.after_seconds, now)
                && in_scope(assignment, user_id)
                && permissions(&assignment.role).iter().any(|permission| {
                    accepted
                        .iter()
                        .any(|name| name.eq_ignore_ascii_case(permission))
                })
        });
        match (by_role, granted_in_entra) {
            (true, _) => Decision::Allowed,
            (false, true) => Decision::BlockedByPolicy,
            (false, false) => Decision::Denied,
        }
    }
}

fn blocked(policies: &[AccessPolicy], user: &str) -> bool {
    let has = |policy: &AccessPolicy| policy.mailboxes.iter().any(|one| one == user);
    let of = |right: AccessRight| {
        policies
            .iter()
            .filter(move |policy| policy.access_right == right)
    };
    of(AccessRight::DenyAccess).any(has)
        || (of(AccessRight::RestrictAccess).next().is_some()
            && !of(AccessRight::RestrictAccess).any(has))
}

fn in_scope(assignment: &RoleAssignment, user: Option<&str>) -> bool {
    match (&assignment.mailboxes, user) {
        (None, _) => true,
        (Some(mailboxes), Some(user)) => mailboxes.iter().any(|one| one == user),
        (Some(_), None) => false,
    }
}

fn noticed(since: Timestamp, after_seconds: u64, now: Timestamp) -> bool {
    SignedDuration::try_from(Duration::from_secs(after_seconds))
        .is_ok_and(|after| now.duration_since(since) >= after)
}

/// What a role permits (the page's table "Supported Application Roles").
fn permissions(role: &str) -> Vec<String> {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match role {
        "Application Mail Full Access" => owned(&["Mail.ReadWrite", "Mail.Send"]),
        "Application Exchange Full Access" => owned(&[
            "Mail.ReadWrite",
            "Mail.Send",
            "MailboxSettings.ReadWrite",
            "Calendars.ReadWrite",
            "Contacts.ReadWrite",
        ]),
        _ => match role.strip_prefix("Application ") {
            Some(permission)
                if ["MailboxFolder.", "MailboxItem."]
                    .iter()
                    .any(|head| permission.starts_with(head)) =>
            {
                vec![format!("{permission}.All")]
            }
            Some(permission) => vec![permission.to_owned()],
            None => Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn policy(access_right: AccessRight, mailboxes: &[&str]) -> AccessPolicy {
        AccessPolicy {
            access_right,
            mailboxes: names(mailboxes),
        }
    }

    fn role(role: &str, mailboxes: Option<&[&str]>, after_seconds: u64) -> RoleAssignment {
        RoleAssignment {
            role: role.to_owned(),
            mailboxes: mailboxes.map(names),
            after_seconds,
        }
    }

    fn decide(access: ExchangeAccess, user: &str, in_entra: bool, seconds: i64) -> Decision {
        let exchange = Exchange::default();
        exchange.set("app", access, NOW);
        let accepted = names(&["Mail.Read", "Mail.ReadWrite"]);
        let now = NOW + SignedDuration::from_secs(seconds);
        exchange.decide("app", Some(user), in_entra, &accepted, now)
    }

    #[test]
    fn policies_limit_what_entra_grants_and_deny_wins() {
        let access = ExchangeAccess {
            policies: vec![
                policy(AccessRight::RestrictAccess, &["a", "b"]),
                policy(AccessRight::DenyAccess, &["b"]),
            ],
            ..ExchangeAccess::default()
        };
        for (user, expected) in [
            ("a", Decision::Allowed),
            ("b", Decision::BlockedByPolicy),
            ("c", Decision::BlockedByPolicy),
        ] {
            assert_eq!(decide(access.clone(), user, true, 0), expected, "{user}");
            assert_eq!(decide(access.clone(), user, false, 0), Decision::Denied);
        }
    }

    #[test]
    fn grants_of_both_sides_are_a_union() {
        let access = ExchangeAccess {
            role_assignments: vec![role("Application Mail.Read", Some(&["a"]), 0)],
            ..ExchangeAccess::default()
        };
        assert_eq!(decide(access.clone(), "a", false, 0), Decision::Allowed);
        assert_eq!(decide(access.clone(), "b", false, 0), Decision::Denied);
        // Left in Entra ID, the permission reaches everybody.
        assert_eq!(decide(access, "b", true, 0), Decision::Allowed);
        // A policy does not touch what a role grants.
        let both = ExchangeAccess {
            policies: vec![policy(AccessRight::RestrictAccess, &["a"])],
            role_assignments: vec![role("Application Mail Full Access", Some(&["b"]), 0)],
        };
        assert_eq!(decide(both.clone(), "b", true, 0), Decision::Allowed);
        assert_eq!(decide(both, "c", true, 0), Decision::BlockedByPolicy);
    }

    #[test]
    fn roles_take_time_and_permit_their_own() {
        let slow = ExchangeAccess {
            role_assignments: vec![role("Application Mail.Read", None, 1800)],
            ..ExchangeAccess::default()
        };
        assert_eq!(decide(slow.clone(), "a", false, 1799), Decision::Denied);
        assert_eq!(decide(slow, "a", false, 1800), Decision::Allowed);
        let other = ExchangeAccess {
            role_assignments: vec![role("Application Mail.Send", None, 0)],
            ..ExchangeAccess::default()
        };
        assert_eq!(decide(other, "a", false, 0), Decision::Denied);
        assert_eq!(
            permissions("Application MailboxItem.Read"),
            ["MailboxItem.Read.All"]
        );
    }
}
