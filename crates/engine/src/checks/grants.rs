//! What was granted, against what the features in use need.
//!
//! A token tells what Entra ID granted. What Exchange granted for some mailboxes (RBAC for
//! Applications) stands in no token: there the call decides that was made.

use super::CheckStep;
use super::feature_calls::Called;
use super::steps::{bad, untried, well};
use crate::setup::portal::{Page, place};
use crate::setup::{Feature, FeatureUse, claims, needs};
use crate::shell_word;
use postroom_model::account::AccountKind;
use postroom_model::connection::Connection;
use postroom_model::grant::AccessToken;

const NAME: &str = "permissions";

/// The step, for whoever's token this is.
pub(super) fn permissions(
    connection: &Connection,
    kind: AccountKind,
    token: &AccessToken,
    uses: &[FeatureUse],
    called: &[Called],
) -> CheckStep {
    let Some(granted) = claims::granted(&token.token) else {
        return untried(NAME, "The token does not say what was granted.");
    };
    let found = compare(kind, &granted, uses, called);
    let not_asked = unasked(connection, kind, &granted);
    let mut lines = Vec::new();
    let mut missing = found.missing.clone();
    missing.extend(not_asked.iter().map(|scope| format!("the scope {scope}")));
    if !missing.is_empty() {
        lines.push(format!("Not granted: {}.", missing.join(", ")));
    }
    if !found.by_exchange.is_empty() {
        lines.push(format!(
            "Granted by Exchange for some mailboxes, as the call shows: {}.",
            found.by_exchange.join(", ")
        ));
    }
    if !found.undecided.is_empty() {
        lines.push(format!(
            "Not in the token, and Exchange may grant it: {}.",
            found.undecided.join(", ")
        ));
    }
    if lines.is_empty() && found.optional.is_empty() {
        return well(NAME, "Everything that Postroom can do is granted.");
    }
    if lines.is_empty() || (missing.is_empty() && found.undecided.is_empty()) {
        lines.push("Everything that is in use is granted.".to_owned());
    }
    if !found.optional.is_empty() && missing.is_empty() {
        lines.push(format!(
            "Not granted, and not in use: {}.",
            found.optional.join(", ")
        ));
    }
    let detail = lines.join(" ");
    let how = how_to_grant(connection, kind);
    let place = place(connection, Page::Permissions(kind));
    if !missing.is_empty() {
        let step = bad(NAME, detail, how);
        return CheckStep {
            link: place.link,
            ..step
        };
    }
    well(NAME, detail).hint(format!("Where that is wanted: {how}"))
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    /// In use, and missing.
    missing: Vec<String>,
    /// In use, missing in the token, and working.
    by_exchange: Vec<String>,
    /// In use, missing in the token, and not to be tried.
    undecided: Vec<String>,
    /// Not in use, and missing.
    optional: Vec<String>,
}

fn compare(kind: AccountKind, granted: &[String], uses: &[FeatureUse], called: &[Called]) -> Found {
    let worked = |feature: Feature| {
        called
            .iter()
            .any(|call| call.feature == feature && call.kind == kind && call.worked == Some(true))
    };
    let lacks = |one: &FeatureUse| -> Vec<String> {
        needs::missing(&needs::of(one.feature, kind, one.shared), granted)
    };
    // What works although no token tells it was granted by Exchange; then more can be.
    let exchange_grants = kind == AccountKind::Application
        && uses.iter().any(|one| {
            one.kind == kind
                && one.feature.is_of_exchange()
                && worked(one.feature)
                && !lacks(one).is_empty()
        });
    let mut found = Found::default();
    for one in uses.iter().filter(|one| one.kind == kind) {
        let lacks = lacks(one);
        if lacks.is_empty() {
            continue;
        }
        let line = format!("{} ({})", one.feature.title(), lacks.join(", "));
        let list = if !one.in_use {
            &mut found.optional
        } else if exchange_grants && worked(one.feature) {
            &mut found.by_exchange
        } else if exchange_grants && one.feature.is_of_exchange() {
            &mut found.undecided
        } else {
            &mut found.missing
        };
        list.push(line);
    }
    found
}

/// Scopes of the connection that a user's token does not have.
fn unasked(connection: &Connection, kind: AccountKind, granted: &[String]) -> Vec<String> {
    if kind == AccountKind::Application {
        return Vec::new();
    }
    connection
        .scopes
        .iter()
        // A scope can be written with its resource in front; the token has the bare name.
        .map(|scope| scope.rsplit('/').next().unwrap_or(scope))
        .filter(|scope| {
            *scope != ".default" && !granted.iter().any(|held| held.eq_ignore_ascii_case(scope))
        })
        .map(str::to_owned)
        .collect()
}

/// How permissions are granted.
pub(super) fn how_to_grant(connection: &Connection, kind: AccountKind) -> String {
    let (permissions, after) = match kind {
        AccountKind::Application => (
            "application",
            " Mail permissions can be missing on purpose, where Exchange grants them for some \
             mailboxes (RBAC for Applications): adding a mailbox shows whether it is in reach.",
        ),
        AccountKind::User => ("delegated", " Then the user signs in again."),
    };
    format!(
        "Entra admin center → App registrations → the one with the client id {} → API permissions: \
         add them as {permissions} permissions of Microsoft Graph, then Grant admin consent. \
         `postroom connection setup {}` has the list and a letter to an administrator.{after}",
        connection.client_id,
        shell_word(&connection.name)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::portal::tests::connection;
    use postroom_model::cloud::Cloud;

    fn uses(in_use: &[Feature]) -> Vec<FeatureUse> {
        Feature::ALL
            .into_iter()
            .filter(|feature| feature.is_for(AccountKind::Application))
            .map(|feature| FeatureUse {
                feature,
                kind: AccountKind::Application,
                shared: false,
                in_use: in_use.contains(&feature),
                why: String::new(),
            })
            .collect()
    }

    fn found(granted: &[&str], in_use: &[Feature], reads: Option<bool>) -> Found {
        let granted: Vec<_> = granted.iter().map(|&one| one.to_owned()).collect();
        let called = [Called {
            feature: Feature::MailRead,
            kind: AccountKind::Application,
            worked: reads,
        }];
        compare(AccountKind::Application, &granted, &uses(in_use), &called)
    }

    const MAIL: [Feature; 2] = [Feature::MailRead, Feature::MailSend];

    #[test]
    fn what_is_in_use_is_needed_and_the_rest_is_not() {
        let all = found(&["Mail.ReadWrite", "Mail.Send"], &MAIL, Some(true));
        assert!(all.missing.is_empty());
        assert!(all.optional.iter().any(|line| line.starts_with("groups")));
        let reading = found(&["Mail.Read"], &MAIL, Some(true));
        assert_eq!(
            reading.missing,
            ["sending mail (Mail.ReadWrite, Mail.Send)"]
        );
        assert!(
            found(&["Mail.Read"], &[Feature::MailRead], Some(true))
                .missing
                .is_empty()
        );
    }

    #[test]
    fn what_works_was_granted_whatever_the_token_says() {
        let by_role = found(&["User.Read.All"], &MAIL, Some(true));
        assert_eq!(by_role.missing, Vec::<String>::new());
        assert_eq!(by_role.by_exchange, ["reading mail (Mail.Read)"]);
        assert_eq!(by_role.undecided.len(), 1);
        for reads in [Some(false), None] {
            let refused = found(&["User.Read.All"], &MAIL, reads);
            assert_eq!(refused.missing.len(), 2, "{reads:?}");
        }
        // Directory permissions are Entra ID's alone.
        let people = found(&[], &[Feature::MailRead, Feature::PeopleRead], Some(true));
        assert_eq!(people.missing, ["looking up people (User.ReadBasic.All)"]);
    }

    #[test]
    fn scopes_that_a_user_was_not_given_are_named() {
        let mut connection = connection(Cloud::Global);
        connection.scopes = [
            "https://graph.microsoft.com/Mail.Send",
            "Mail.Read",
            "User.Read",
        ]
        .map(str::to_owned)
        .to_vec();
        let granted = ["mail.read".to_owned(), "User.Read".to_owned()];
        assert_eq!(
            unasked(&connection, AccountKind::User, &granted),
            ["Mail.Send"]
        );
        assert!(unasked(&connection, AccountKind::Application, &granted).is_empty());
    }
}
