//! The application's own token (RFC 6749, section 4.4; entra-docs,
//! `v2-oauth2-client-creds-grant-flow.md`).

use super::fetch::Trying;
use super::{claims, scopes, token_endpoint};
use crate::door::{Door, DoorError, Identity, Subject};
use postroom_model::grant::AccessToken;

/// Fetches it, with the claims that Graph asked for.
pub(crate) async fn fetch(
    door: &Door,
    who: &Identity,
    challenge: Option<&str>,
) -> Result<AccessToken, DoorError> {
    let connection = &who.connection;
    if token_endpoint::credentials(door, connection)
        .await?
        .is_empty()
    {
        return Err(DoorError::NoGrant {
            connection: connection.name.clone(),
            account: who.account.id.clone(),
            what: "there is no credential, so nobody can act as the application: add a client secret to the connection".to_owned(),
        });
    }
    let scope = scopes::application(connection);
    let claims = claims::request(challenge);
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", scope.as_str()),
        ("claims", claims.as_str()),
    ];
    let subject = Subject::identity(who, None);
    let tokens = token_endpoint::ask(door, connection, &subject, &form, Trying::Freely).await?;
    Ok(tokens.access_token)
}
