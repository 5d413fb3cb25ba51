//! Credentials: kept beside each other, so that one can replace the other without a gap.

use super::NewCredential;
use crate::{Engine, Problem, Result};
use postroom_model::connection::{Credential, CredentialInfo, CredentialKind};
use postroom_model::{ConnectionId, CredentialId, Secret};

impl NewCredential {
    /// An empty credential is none.
    pub(super) fn is_empty(&self) -> bool {
        self.secret.reveal().trim().is_empty()
    }
}

impl Engine {
    /// Adds a credential beside those that are there, for rotation.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` for an empty one.
    pub async fn add_credential(
        &self,
        id: &ConnectionId,
        credential: NewCredential,
    ) -> Result<CredentialInfo> {
        if credential.is_empty() {
            return Err(Problem::invalid(
                "The credential is empty: give the client secret's value as Microsoft showed it \
                 when it was made.",
            ));
        }
        self.connection_now(id).await?;
        self.keep_credential(id, credential).await
    }

    /// Removes a credential.
    pub async fn remove_credential(
        &self,
        id: &ConnectionId,
        credential: &CredentialId,
    ) -> Result<()> {
        self.connection_now(id).await?;
        if !self.store().remove_credential(id, credential).await? {
            return Err(Problem::not_found("credential", credential.as_str()));
        }
        self.door().forget_connection(id);
        self.settle_application(id, false).await
    }

    /// Writes a credential and has the application act by it.
    pub(super) async fn keep_credential(
        &self,
        id: &ConnectionId,
        credential: NewCredential,
    ) -> Result<CredentialInfo> {
        let info = self.insert_credential(id, credential).await?;
        self.door().forget_connection(id);
        self.settle_application(id, true).await?;
        Ok(info)
    }

    pub(super) async fn insert_credential(
        &self,
        id: &ConnectionId,
        credential: NewCredential,
    ) -> Result<CredentialInfo> {
        let now = self.now();
        let info = CredentialInfo {
            id: CredentialId::new(self.shared.dice.timed_guid(now).to_string()),
            kind: CredentialKind::Secret,
            expires_at: credential.expires_at,
            created_at: now,
        };
        let credential = Credential {
            info: info.clone(),
            // A file that a secret was kept in ends with a line break; no secret does.
            secret: Secret::new(credential.secret.reveal().trim()),
        };
        self.store().insert_credential(id, &credential).await?;
        Ok(info)
    }
}
