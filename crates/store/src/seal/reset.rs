//! Taking a store into use whose master key is lost.
//!
//! Nothing opens what was encrypted with it: those rows go, and the accounts that lived by them say
//! what has to be done. Everything else stays.

use super::sealed::SEALED;
use postroom_model::Timestamp;
use postroom_model::account::AccountState;

/// When a vault is reset, if the master key that is given does not open it.
#[derive(Clone, Copy, Debug)]
pub struct VaultReset {
    /// The time, since when accounts need a sign-in or a credential.
    pub at: Timestamp,
}

/// Why a user's account has to sign in.
pub const SIGN_IN_AGAIN: &str =
    "the master key was lost and with it the sign-in: sign in again (`postroom login CONNECTION`)";
/// Why an application's account cannot act.
pub const NEW_CREDENTIAL: &str = "the master key was lost and with it the connection's credential: \
     enter it anew (`postroom connection set`), or make a new one in Entra";

/// What removes a table's rows that nothing opens any more.
pub(crate) fn removals() -> impl Iterator<Item = String> {
    SEALED
        .iter()
        .map(|sealed| format!("DELETE FROM {}", sealed.name()))
}

/// Parameters: state, reason, since, kind.
pub(crate) const MARK_ACCOUNTS: &str = "UPDATE accounts SET state = $1, reason = $2, since = $3,
        expires_at = NULL
    WHERE kind = $4";

/// What [`MARK_ACCOUNTS`] is told: state, reason, kind.
pub(crate) const MARKS: [(AccountState, &str, &str); 2] = [
    (AccountState::NeedsSignIn, SIGN_IN_AGAIN, "user"),
    (
        AccountState::CredentialExpired,
        NEW_CREDENTIAL,
        "application",
    ),
];

/// Why a vault is not reset.
pub(crate) fn not_needed(place: &str) -> crate::StoreError {
    crate::StoreError::Unusable {
        place: place.into(),
        reason: "its secrets open with the master key that was given, and would be lost: nothing \
                 was changed. `postroom vault rotate` changes keys and keeps them"
            .into(),
    }
}
