//! Each credential of a connection, tried on its own: which of them Microsoft takes.

use super::fetch::Trying;
use super::{scopes, token_endpoint};
use crate::door::{Door, DoorError, Identity, Subject};
use postroom_model::connection::CredentialInfo;

/// What became of one credential.
#[derive(Clone, Debug)]
pub struct CredentialTrial {
    /// Which one.
    pub info: CredentialInfo,
    /// Whether Microsoft gave a token for it. The token itself is dropped.
    pub outcome: Result<(), DoorError>,
}

impl Door {
    /// Asks for a token of the application with each credential of the connection alone, in the
    /// order in which they are tried otherwise. Nothing is remembered of it: no token is kept, and
    /// no account changes its state.
    ///
    /// # Errors
    ///
    /// [`DoorError::Vault`] when the credentials cannot be read.
    pub async fn try_credentials(&self, who: &Identity) -> Result<Vec<CredentialTrial>, DoorError> {
        let connection = &who.connection;
        let scope = scopes::application(connection);
        let form = [
            ("grant_type", "client_credentials"),
            ("scope", scope.as_str()),
        ];
        let subject = Subject::identity(who, None);
        let mut trials = Vec::new();
        for credential in token_endpoint::credentials(self, connection).await? {
            let asked = token_endpoint::ask_with(
                self,
                connection,
                &subject,
                &form,
                Some(&credential),
                Trying::Freely,
            )
            .await;
            trials.push(CredentialTrial {
                info: credential.info,
                outcome: asked.map(|_| ()),
            });
        }
        Ok(trials)
    }
}
