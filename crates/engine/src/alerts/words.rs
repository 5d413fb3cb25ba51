//! What alerts say, and what to do about each: the same in the log, in mail and in `doctor`.

use super::watched::{EndSource, Matter, Watched};
use crate::shell_word;
use postroom_model::Timestamp;
use postroom_model::account::{Account, AccountKind, AccountState};

/// What is said of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// In a few words.
    pub(crate) title: String,
    /// What was seen.
    pub(crate) detail: String,
    /// What to do.
    pub(crate) hint: String,
}

/// Who an account is, for people.
pub(crate) fn account(account: &Account, connection: &str) -> String {
    let who = match account.kind {
        AccountKind::Application => "the application",
        AccountKind::User => account
            .user_principal_name
            .as_deref()
            .or(account.display_name.as_deref())
            .unwrap_or(account.id.as_str()),
    };
    format!("{who} of {connection}")
}

/// What brings a credential back.
pub(crate) fn renew(word: &str, client_id: &str, connection: &str) -> String {
    let connection = shell_word(connection);
    let page = format!(
        "Entra admin center → App registrations → the one with the client id {client_id} → \
         Certificates & secrets"
    );
    if word == "client secret" {
        return format!(
            "{page} → New client secret, and copy its value (not its id). Then give it to \
             Postroom: `postroom connection set {connection} --client-secret-file FILE \
             --secret-expires DATE`."
        );
    }
    format!(
        "Add another certificate beside it: `postroom connection credential add {connection} \
         --make-certificate` (or --certificate FILE for one that you have). Save its public half \
         with `postroom connection credential certificate {connection} --out FILE.pem`, and \
         upload that: {page} → Certificates → Upload certificate."
    )
}

/// What lets an account act again.
pub(crate) fn mend(state: AccountState, connection: &str) -> String {
    let connection = shell_word(connection);
    match state {
        AccountState::ConsentMissing => format!(
            "An administrator grants consent (Entra admin center → App registrations → API \
             permissions → Grant admin consent); then `postroom connection check {connection}`."
        ),
        AccountState::CredentialExpired => format!(
            "Give the connection a new credential: `postroom connection set {connection} \
             --client-secret-file FILE --secret-expires DATE`."
        ),
        _ => format!("The user signs in again: `postroom login {connection}`."),
    }
}

/// A time for people, who may be anywhere.
fn when(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// What to say of something that ends (`is_over`: that ended). Without the days that are left:
/// they change, and a text that was written once does not.
pub(super) fn of(it: &Watched, is_over: bool) -> Words {
    let connection = it.connection.as_ref().map_or("", |(_, name)| name.as_str());
    let name = &it.subject.name;
    match &it.matter {
        Matter::Credential {
            word,
            end,
            source,
            client_id,
        } => {
            let (title, verb) = if is_over {
                (format!("The {word} of {connection} is over"), "ended")
            } else {
                (format!("The {word} of {connection} ends soon"), "ends")
            };
            let source = match source {
                EndSource::Typed => "",
                EndSource::Read => " Microsoft's application object says so.",
                EndSource::Guessed => {
                    " The application has several credentials, and which of them Postroom uses \
                     cannot be told: this is the earliest end of those that it may be."
                }
            };
            let since = if is_over {
                "Since then"
            } else {
                "From then on"
            };
            Words {
                title,
                detail: format!(
                    "The {word} of the connection {connection:?} {verb} at {}, and the connection \
                     has none that is good for longer.{source} {since} nothing goes through this \
                     connection: no mail is fetched and none is sent.",
                    when(*end)
                ),
                hint: renew(word, client_id, connection),
            }
        }
        Matter::Refused {
            word,
            reason,
            client_id,
        } => Words {
            title: format!("{connection} has no {word} that Microsoft accepts"),
            detail: format!(
                "Nothing goes through the connection {connection:?}: {}.",
                reason.trim_end_matches('.')
            ),
            hint: renew(word, client_id, connection),
        },
        Matter::Grant { end } => {
            let (title, verb) = if is_over {
                (format!("The sign-in of {name} is over"), "ended")
            } else {
                (format!("The sign-in of {name} ends soon"), "ends")
            };
            Words {
                title,
                detail: format!(
                    "The sign-in of {name} was not used for long and {verb} at {}.",
                    when(*end)
                ),
                hint: format!(
                    "If it is still needed, the user signs in again: `postroom login {}`. If not, \
                     remove the account: `postroom account remove`.",
                    shell_word(connection)
                ),
            }
        }
        Matter::Ended { state, reason } => Words {
            title: match state {
                AccountState::ConsentMissing => format!("Consent is missing for {name}"),
                AccountState::Revoked => format!("The sign-in of {name} was revoked"),
                _ => format!("{name} has to sign in again"),
            },
            detail: format!(
                "Postroom cannot act as {name} any more: {}.",
                reason.trim_end_matches('.')
            ),
            hint: mend(*state, connection),
        },
        Matter::Key { end, .. } => {
            let (title, verb) = if is_over {
                (format!("The key {name} is over"), "ended")
            } else {
                (format!("The key {name} ends soon"), "ends")
            };
            Words {
                title,
                detail: format!(
                    "The key {name} {verb} at {}; whatever uses it is refused from then on.",
                    when(*end)
                ),
                hint: "If it is still needed, give it a later end (PATCH /keys/{id} with \
                       `expiresAt`), or make another one: `postroom key create`. If not, revoke \
                       it: `postroom key revoke`."
                    .to_owned(),
            }
        }
    }
}
