//! A user's new access token (RFC 6749, section 6; entra-docs, `refresh-tokens.md`).

use super::fetch::Trying;
use super::{claims, scopes, token_endpoint};
use crate::door::{Door, DoorError, Identity, Subject};
use postroom_model::grant::{AccessToken, Grant};

/// What a refresh gives.
#[derive(Clone)]
pub(crate) struct Renewed {
    /// What replaces the grant: it has to be stored before the access token is used.
    pub(crate) grant: Grant,
    /// The access token.
    pub(crate) access_token: AccessToken,
    /// What Microsoft says that the access token is for.
    pub(crate) granted: Vec<String>,
}

/// The grant that a user's token is fetched with.
pub(crate) async fn grant(door: &Door, who: &Identity) -> Result<Grant, DoorError> {
    let (connection, account) = (&who.connection, &who.account);
    let vault = &door.house.vault;
    vault
        .grant(&account.id, connection)
        .await
        .map_err(|error| DoorError::Vault(error.into()))?
        .ok_or_else(|| DoorError::NoGrant {
            connection: connection.name.clone(),
            account: account.id.clone(),
            what: format!(
                "{} is not signed in: sign in again",
                account
                    .user_principal_name
                    .as_deref()
                    .unwrap_or("the account")
            ),
        })
}

/// Fetches one for these scopes of one resource, else for what a sign-in asks for: a refresh token is
/// of a user and an application, not of a resource. `challenge` is what Graph asked for when it refused
/// the last token. Every use gives a new refresh token without revoking the old one, so a repetition
/// does no harm.
pub(crate) async fn fetch_for(
    door: &Door,
    who: &Identity,
    grant: Grant,
    chosen: Option<&[String]>,
    challenge: Option<&str>,
) -> Result<Renewed, DoorError> {
    let connection = &who.connection;
    let scope = scopes::user(connection, chosen.unwrap_or(&connection.scopes));
    let claims = claims::request(challenge);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", grant.refresh_token.reveal()),
        ("scope", scope.as_str()),
        ("claims", claims.as_str()),
    ];
    let subject = Subject::identity(who, None);
    let asked = token_endpoint::ask(door, connection, &subject, &form, Trying::Freely).await;
    let tokens = match asked {
        // No scope means what was granted, and one that was not granted must not be asked for
        // (RFC 6749, section 6). Entra ID overlooks it; others do not give `offline_access`, say.
        Err(DoorError::SignIn(error)) if error.error == "invalid_scope" && chosen.is_none() => {
            let form: Vec<_> = form.into_iter().filter(|(it, _)| *it != "scope").collect();
            token_endpoint::ask(door, connection, &subject, &form, Trying::Freely).await?
        }
        asked => asked?,
    };
    let renewed = Grant {
        refresh_token: tokens.refresh_token.unwrap_or(grant.refresh_token),
        // What other scopes were asked for says nothing about what a sign-in was granted.
        scopes: if tokens.scopes.is_empty() || chosen.is_some() {
            grant.scopes
        } else {
            tokens.scopes.clone()
        },
        received_at: tokens.received_at,
    };
    Ok(Renewed {
        grant: renewed,
        access_token: tokens.access_token,
        granted: tokens.scopes,
    })
}
