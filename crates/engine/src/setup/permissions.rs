//! The list of permissions to be granted, each with why.

use super::features::FeatureUse;
use super::needs::{self, Need};
use postroom_model::account::AccountKind;
use serde::Serialize;

/// A permission of Microsoft Graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Permission {
    /// Its name, as the admin center shows it.
    pub name: String,
    /// For what, in words.
    pub why: Vec<String>,
    /// Where to find it in the admin center's list.
    pub place: String,
}

/// Permissions of both kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    /// Application permissions that what is in use needs.
    pub application: Vec<Permission>,
    /// Delegated permissions that what is in use needs.
    pub delegated: Vec<Permission>,
    /// Application permissions for what could be used besides.
    pub optional_application: Vec<Permission>,
    /// Delegated permissions for what could be used besides.
    pub optional_delegated: Vec<Permission>,
}

impl Permissions {
    /// The needed ones of a kind.
    pub fn needed(&self, kind: AccountKind) -> &[Permission] {
        match kind {
            AccountKind::Application => &self.application,
            AccountKind::User => &self.delegated,
        }
    }

    /// Their names.
    pub(crate) fn names(&self, kind: AccountKind) -> Vec<String> {
        self.needed(kind)
            .iter()
            .map(|permission| permission.name.clone())
            .collect()
    }
}

/// Scopes of OpenID Connect, which nobody has to grant for an application (entra-docs,
/// `scopes-oidc.md`).
const OPENID: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// What sign-ins ask for: the names of a connection's scopes at its Graph. A scope can be written
/// with its resource in front.
fn asked(scopes: &[String]) -> Vec<(Need, &'static str)> {
    scopes
        .iter()
        .map(|scope| scope.rsplit('/').next().unwrap_or(scope))
        .filter(|name| {
            *name != ".default"
                && !OPENID
                    .iter()
                    .any(|openid| openid.eq_ignore_ascii_case(name))
        })
        .map(|name| {
            let need = Need {
                least: name.to_owned(),
                accepted: vec![name.to_owned()],
            };
            (need, "sign-ins of users, which ask for it")
        })
        .collect()
}

/// What features take, and what sign-ins ask for (`scopes` of the connection) where users sign in:
/// a sign-in fails for what nobody consented to, whether or not it is used.
pub(super) fn of(features: &[FeatureUse], scopes: &[String]) -> Permissions {
    let users_sign_in = features
        .iter()
        .any(|one| one.kind == AccountKind::User && one.in_use);
    let list = |kind: AccountKind, in_use: bool, beside: &[Permission]| {
        let asked = match (kind, in_use && users_sign_in) {
            (AccountKind::User, true) => asked(scopes),
            _ => Vec::new(),
        };
        let wanted: Vec<(Need, &'static str)> = features
            .iter()
            .filter(|one| one.kind == kind && one.in_use == in_use)
            .flat_map(|one| {
                needs::of(one.feature, kind, one.shared)
                    .into_iter()
                    .map(|need| (need, one.feature.title()))
            })
            .chain(asked)
            .filter(|(need, _)| {
                let beside: Vec<_> = beside.iter().map(|one| one.name.clone()).collect();
                !need.is_met(&beside)
            })
            .collect();
        merged(&wanted, kind, in_use)
    };
    let application = list(AccountKind::Application, true, &[]);
    let delegated = list(AccountKind::User, true, &[]);
    Permissions {
        optional_application: list(AccountKind::Application, false, &application),
        optional_delegated: list(AccountKind::User, false, &delegated),
        application,
        delegated,
    }
}

/// As few permissions as will do, where all are `needed`: one that is needed anyway and does for another need, too, stands
/// for both. What is not needed is chosen one by one, so there each feature has its own smallest.
fn merged(wanted: &[(Need, &'static str)], kind: AccountKind, needed: bool) -> Vec<Permission> {
    let larger = |at: usize| -> Option<usize> {
        let need = &wanted[at].0;
        if !needed {
            return None;
        }
        wanted.iter().enumerate().position(|(other, (larger, _))| {
            larger.least != need.least
                && need.accepted.contains(&larger.least)
                // Where each does for the other, the first one stays.
                && !(larger.accepted.contains(&need.least) && at < other)
        })
    };
    let stands_for = |mut at: usize| {
        for _ in 0..wanted.len() {
            match larger(at) {
                Some(other) => at = other,
                None => break,
            }
        }
        at
    };
    let mut list: Vec<Permission> = Vec::new();
    for (at, (_, title)) in wanted.iter().enumerate() {
        let name = &wanted[stands_for(at)].0.least;
        let why = (*title).to_owned();
        match list
            .iter_mut()
            .find(|known| known.name.eq_ignore_ascii_case(name))
        {
            Some(known) if known.why.contains(&why) => {}
            Some(known) => known.why.push(why),
            None => list.push(Permission {
                place: place(name, kind),
                name: name.clone(),
                why: vec![why],
            }),
        }
    }
    list
}

/// The admin center groups permissions by the word before the first dot.
fn place(name: &str, kind: AccountKind) -> String {
    let group = name.split('.').next().unwrap_or(name);
    let kind = match kind {
        AccountKind::Application => "Application permissions",
        AccountKind::User => "Delegated permissions",
    };
    format!("Microsoft Graph → {kind} → {group} → {name}")
}

#[cfg(test)]
mod tests {
    use super::super::features::Feature;
    use super::*;

    fn uses(kind: AccountKind, in_use: &[Feature]) -> Vec<FeatureUse> {
        Feature::ALL
            .into_iter()
            .filter(|feature| feature.is_for(kind))
            .map(|feature| FeatureUse {
                feature,
                kind,
                shared: false,
                in_use: in_use.contains(&feature),
                why: String::new(),
            })
            .collect()
    }

    fn names(list: &[Permission]) -> Vec<&str> {
        list.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn as_few_as_will_do() {
        use Feature::{MailRead, MailSend, MailWrite, PeopleRead};
        let read = of(
            &uses(AccountKind::Application, &[MailRead, PeopleRead]),
            &["Mail.Send".to_owned()],
        );
        assert_eq!(
            names(&read.application),
            ["Mail.Read", "User.ReadBasic.All"]
        );
        assert!(read.delegated.is_empty());
        let all = of(
            &uses(
                AccountKind::Application,
                &[MailRead, MailWrite, MailSend, PeopleRead],
            ),
            &[],
        );
        assert_eq!(
            names(&all.application),
            ["Mail.ReadWrite", "Mail.Send", "User.ReadBasic.All"]
        );
        assert_eq!(
            all.application[0].why,
            ["reading mail", "changing mail", "sending mail"]
        );
        assert_eq!(
            all.application[0].place,
            "Microsoft Graph → Application permissions → Mail → Mail.ReadWrite"
        );
        // Pictures come with the people that are looked up anyway.
        assert!(!names(&all.optional_application).contains(&"ProfilePhoto.Read.All"));
        assert!(names(&all.optional_application).contains(&"LicenseAssignment.Read.All"));
    }

    #[test]
    fn users_take_their_own() {
        let users = uses(AccountKind::User, &[Feature::Profile, Feature::MailRead]);
        let list = of(&users, &[]);
        assert_eq!(names(&list.delegated), ["User.Read", "Mail.Read"]);
        assert!(names(&list.optional_delegated).contains(&"Mail.Send"));
    }

    /// A consent link without what sign-ins ask for leaves users at a page that says no.
    #[test]
    fn what_sign_ins_ask_for_is_needed() {
        let users = uses(AccountKind::User, &[Feature::Profile, Feature::MailRead]);
        let scopes = [
            "openid",
            "offline_access",
            "https://graph.microsoft.com/Calendars.Read",
            "Mail.ReadWrite",
            "user.read",
            "https://graph.microsoft.com/.default",
        ];
        let list = of(&users, &scopes.map(str::to_owned));
        assert_eq!(
            names(&list.delegated),
            ["User.Read", "Mail.ReadWrite", "Calendars.Read"]
        );
        assert!(!names(&list.optional_delegated).contains(&"Mail.ReadWrite"));
    }
}
