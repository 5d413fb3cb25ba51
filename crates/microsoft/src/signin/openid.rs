//! Learning who somebody is, and nothing else (OpenID Connect Core, section 3.1; entra-docs,
//! `v2-protocols-oidc.md`): no grant is asked for, and none is kept.

use super::authorization_code::{CodeAsk, authorize_address};
use super::fetch::Trying;
use super::id_token;
use super::token_endpoint;
use crate::door::{Door, DoorError, Subject};
use postroom_model::Secret;
use postroom_model::connection::Connection;
use url::Url;

/// The scopes of a sign-in that only asks who somebody is. `profile` brings `oid` and `tid`.
const SCOPES: &str = "openid profile";

/// What asks who somebody is.
#[derive(Clone, Debug)]
pub struct IdentityAsk {
    /// Where the browser comes back to.
    pub redirect_uri: String,
    /// Ties the redirect to this sign-in.
    pub state: Secret,
    /// Ties the ID token to it.
    pub nonce: Secret,
    /// The `S256` challenge of the verifier.
    pub code_challenge: String,
}

/// Who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identified {
    /// The tenant (`tid`).
    pub tenant_id: String,
    /// The user's object there (`oid`).
    pub object_id: String,
    /// The sign-in name. It can change: never a key.
    pub user_principal_name: Option<String>,
    /// For people.
    pub display_name: Option<String>,
}

impl Door {
    /// The page at which somebody says who they are. Several accounts of one browser can be chosen
    /// from.
    ///
    /// # Errors
    ///
    /// As [`Door::discover`].
    pub async fn identity_url(
        &self,
        connection: &Connection,
        ask: &IdentityAsk,
    ) -> Result<Url, DoorError> {
        let ask = CodeAsk {
            redirect_uri: &ask.redirect_uri,
            scope: SCOPES,
            state: &ask.state,
            nonce: &ask.nonce,
            code_challenge: &ask.code_challenge,
        };
        let mut url = authorize_address(self, connection, &ask).await?;
        url.query_pairs_mut()
            .append_pair("prompt", "select_account");
        Ok(url)
    }

    /// Redeems the code that the browser brought back for who it is. The ID token's signature,
    /// audience, nonce, times, tenant and issuer are checked. What else comes with it is dropped.
    ///
    /// # Errors
    ///
    /// [`DoorError::SignIn`] when Microsoft refuses or the ID token does not fit,
    /// [`DoorError::Malformed`] when it or a claim of it is missing, and as [`Door::discover`].
    pub async fn redeem_identity(
        &self,
        connection: &Connection,
        code: &Secret,
        redirect_uri: &str,
        verifier: &Secret,
        nonce: &Secret,
    ) -> Result<Identified, DoorError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.reveal()),
            ("scope", SCOPES),
        ];
        let discovery = self.discover(connection).await?;
        // A code works once: the keys that its ID token is checked with are there before it is used.
        self.signing_keys(connection, &discovery, None).await?;
        let subject = Subject::connection(connection, "console sign-in");
        let tokens =
            token_endpoint::ask(self, connection, &subject, &form, Trying::IfNotReached).await?;
        let missing = |what: &str| DoorError::Malformed {
            connection: connection.name.clone(),
            what: format!("it has no {what}, which was asked for"),
            doubtful: false,
        };
        let id_token = tokens.id_token.ok_or_else(|| missing("ID token"))?;
        let user = id_token::verified(self, connection, &discovery, &id_token, Some(nonce)).await?;
        // Nothing else of a token is a person for ever: not the subject, which is another one for
        // each app, and not a name.
        for (id, name) in [
            (&user.tenant_id, "tenant id (tid)"),
            (&user.user_id, "user id (oid)"),
        ] {
            if uuid::Uuid::try_parse(id).is_err() {
                return Err(missing(name));
            }
        }
        Ok(Identified {
            tenant_id: user.tenant_id,
            object_id: user.user_id,
            user_principal_name: user.preferred_username,
            display_name: user.name,
        })
    }
}
