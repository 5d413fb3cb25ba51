//! What Microsoft asked for when it last refused a user: the next sign-in carries it.

use crate::{Engine, Result};
use postroom_model::ConnectionId;
use postroom_model::account::{AccountKind, AccountState};

impl Engine {
    /// The claims challenge that a sign-in is to meet: of the user whom it is for, or, where that is
    /// not said, of the one user of the connection who has to sign in again.
    pub(super) async fn challenge_for(
        &self,
        connection: &ConnectionId,
        login_hint: Option<&str>,
    ) -> Result<Option<String>> {
        let mut waiting = self.store().accounts().await?;
        waiting.retain(|account| {
            let meant = login_hint.is_none_or(|hint| {
                let name = account.user_principal_name.as_deref();
                name.is_some_and(|name| name.to_lowercase() == hint.to_lowercase())
            });
            account.connection == *connection
                && account.kind == AccountKind::User
                && account.state == AccountState::NeedsSignIn
                && meant
        });
        match waiting.as_slice() {
            [one] => Ok(self.store().claims_challenge(&one.id).await?),
            // Of several nobody knows who will come: what Entra asks of that one it says itself.
            _ => Ok(None),
        }
    }
}
