//! The application's own token (RFC 6749, section 4.4; entra-docs,
//! `v2-oauth2-client-creds-grant-flow.md`).

use super::fetch::Trying;
use super::token_endpoint::Tokens;
use super::{claims, scopes, token_endpoint};
use crate::door::{Door, DoorError, Granted, Identity, Subject};
use postroom_model::grant::AccessToken;

/// For the connection's Graph, with the claims that it asked for.
pub(crate) async fn fetch(
    door: &Door,
    who: &Identity,
    challenge: Option<&str>,
) -> Result<AccessToken, DoorError> {
    let scope = scopes::application(&who.connection);
    Ok(ask(door, who, &scope, challenge).await?.access_token)
}

/// For another resource: its `.default`.
pub(crate) async fn fetch_for(
    door: &Door,
    who: &Identity,
    chosen: &[String],
) -> Result<Granted, DoorError> {
    let tokens = ask(door, who, &chosen.join(" "), None).await?;
    Ok(Granted {
        token: tokens.access_token,
        scopes: tokens.scopes,
    })
}

async fn ask(
    door: &Door,
    who: &Identity,
    scope: &str,
    challenge: Option<&str>,
) -> Result<Tokens, DoorError> {
    let connection = &who.connection;
    if connection.is_for_consumers() {
        return Err(DoorError::NoGrant {
            connection: connection.name.clone(),
            account: who.account.id.clone(),
            what: "it is for personal Microsoft accounts, where an application acts for signed-in users only: sign a user in, or set the connection's tenant".to_owned(),
        });
    }
    if token_endpoint::credentials(door, connection)
        .await?
        .is_empty()
    {
        return Err(DoorError::NoGrant {
            connection: connection.name.clone(),
            account: who.account.id.clone(),
            what: "there is no credential, so nobody can act as the application: add a client secret or a certificate to the connection".to_owned(),
        });
    }
    let claims = claims::request(challenge);
    let form = [
        ("grant_type", "client_credentials"),
        ("scope", scope),
        ("claims", claims.as_str()),
    ];
    let subject = Subject::identity(who, None);
    token_endpoint::ask(door, connection, &subject, &form, Trying::Freely).await
}
