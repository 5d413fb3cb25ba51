//! A user signs in in a browser (RFC 6749, section 4.1, with RFC 7636; entra-docs,
//! `v2-oauth2-auth-code-flow.md`).

use super::discovery::Discovery;
use super::fetch::Trying;
use super::id_token;
use super::token_endpoint::Tokens;
use super::{claims, scopes, token_endpoint};
use crate::door::{Door, DoorError, Subject, web_address};
use postroom_model::Secret;
use postroom_model::connection::Connection;
use postroom_model::grant::{AccessToken, Grant};
use url::Url;

/// What a sign-in asks for.
#[derive(Clone, Debug)]
pub struct AuthorizeAsk {
    /// Where the browser comes back to.
    pub redirect_uri: String,
    /// Ties the redirect to this sign-in.
    pub state: Secret,
    /// Ties the ID token to it.
    pub nonce: Secret,
    /// The `S256` challenge of the verifier.
    pub code_challenge: String,
    /// Scopes besides the OpenID Connect ones.
    pub scopes: Vec<String>,
    /// The sign-in name to begin with. Not together with the prompt `select_account`, so that
    /// prompt is left out where both are given.
    pub login_hint: Option<String>,
    /// `login`, `none`, `consent`, `select_account`.
    pub prompt: Option<String>,
    /// What Microsoft asked for when it last refused (a claims challenge, JSON), for the user to
    /// meet it now.
    pub claims: Option<String>,
}

/// Who signed in, and with what.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The user's object id (`oid`).
    pub user_id: String,
    /// The tenant's id (`tid`).
    pub tenant_id: String,
    /// The sign-in name. It can change: never a key.
    pub user_principal_name: Option<String>,
    /// For people.
    pub display_name: Option<String>,
    /// To be stored.
    pub grant: Grant,
    /// To be handed to [`Door::adopt_token`] once the grant is stored.
    pub access_token: AccessToken,
}

/// What every request for a code says.
pub(super) struct CodeAsk<'a> {
    pub(super) redirect_uri: &'a str,
    pub(super) scope: &'a str,
    pub(super) state: &'a Secret,
    pub(super) nonce: &'a Secret,
    pub(super) code_challenge: &'a str,
}

/// The authorize address with it (RFC 6749, section 4.1.1; RFC 7636, section 4.3).
pub(super) async fn authorize_address(
    door: &Door,
    connection: &Connection,
    ask: &CodeAsk<'_>,
) -> Result<Url, DoorError> {
    let endpoint = match &connection.endpoints.authorization {
        Some(by_hand) => by_hand.clone(),
        None => door.discover(connection).await?.authorization,
    };
    let mut url = web_address(&endpoint)?;
    url.query_pairs_mut()
        .append_pair("client_id", &connection.client_id)
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", ask.redirect_uri)
        .append_pair("response_mode", "query")
        .append_pair("scope", ask.scope)
        .append_pair("state", ask.state.reveal())
        .append_pair("nonce", ask.nonce.reveal())
        .append_pair("code_challenge", ask.code_challenge)
        .append_pair("code_challenge_method", "S256");
    Ok(url)
}

impl Door {
    /// The page at which a user signs in.
    ///
    /// # Errors
    ///
    /// As [`Door::discover`].
    pub async fn authorize_url(
        &self,
        connection: &Connection,
        ask: &AuthorizeAsk,
    ) -> Result<Url, DoorError> {
        let prompt = ask
            .prompt
            .as_deref()
            .filter(|prompt| ask.login_hint.is_none() || *prompt != "select_account");
        let mut url = authorize_address(
            self,
            connection,
            &CodeAsk {
                redirect_uri: &ask.redirect_uri,
                scope: &scopes::user(connection, &ask.scopes),
                state: &ask.state,
                nonce: &ask.nonce,
                code_challenge: &ask.code_challenge,
            },
        )
        .await?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("claims", &claims::request(ask.claims.as_deref()));
            if let Some(hint) = &ask.login_hint {
                query.append_pair("login_hint", hint);
            }
            if let Some(prompt) = prompt {
                query.append_pair("prompt", prompt);
            }
        }
        Ok(url)
    }

    /// Redeems the code that the browser brought back. A code works once, so this is repeated only
    /// where Microsoft was not reached. The ID token's signature, audience, nonce, times, tenant
    /// and issuer are checked, as [`Door::verify_id_token`] does.
    ///
    /// # Errors
    ///
    /// [`DoorError::SignIn`] when Microsoft refuses or the ID token does not fit,
    /// [`DoorError::Malformed`] when tokens are missing, and as [`Door::discover`].
    pub async fn redeem_code(
        &self,
        connection: &Connection,
        code: &Secret,
        redirect_uri: &str,
        verifier: &Secret,
        nonce: &Secret,
        scopes: &[String],
    ) -> Result<SignedIn, DoorError> {
        let scope = scopes::user(connection, scopes);
        let claims = claims::request(None);
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code.reveal()),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier.reveal()),
            ("scope", scope.as_str()),
            ("claims", claims.as_str()),
        ];
        let discovery = self.discover(connection).await?;
        // A code works once: the keys that its ID token is checked with are there before it is used.
        self.signing_keys(connection, &discovery, None).await?;
        let subject = Subject::connection(connection, "sign-in");
        let tokens =
            token_endpoint::ask(self, connection, &subject, &form, Trying::IfNotReached).await?;
        signed_in(self, connection, &discovery, tokens, Some(nonce)).await
    }
}

/// Who signed in, by the tokens that came of it.
pub(super) async fn signed_in(
    door: &Door,
    connection: &Connection,
    discovery: &Discovery,
    tokens: Tokens,
    nonce: Option<&Secret>,
) -> Result<SignedIn, DoorError> {
    let missing = |what: &str| DoorError::Malformed {
        connection: connection.name.clone(),
        what: format!("it has no {what}, which was asked for"),
        doubtful: false,
    };
    let id_token = tokens.id_token.ok_or_else(|| missing("ID token"))?;
    let user = id_token::verified(door, connection, discovery, &id_token, nonce).await?;
    Ok(SignedIn {
        user_id: user.user_id,
        tenant_id: user.tenant_id,
        user_principal_name: user.preferred_username,
        display_name: user.name,
        grant: Grant {
            refresh_token: tokens
                .refresh_token
                .ok_or_else(|| missing("refresh token"))?,
            scopes: tokens.scopes,
            received_at: tokens.received_at,
        },
        access_token: tokens.access_token,
    })
}
