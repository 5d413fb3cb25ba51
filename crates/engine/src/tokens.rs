//! Access tokens for other programs. What is done with one cannot be seen here any more, so each
//! hand-out is noted: who has it, whose it is, for what and until when.

use crate::access::Caller;
use crate::calls::HandOut;
use crate::{Engine, Problem, Result};
use postroom_microsoft::{HandedOn, TokenScopes};
use postroom_model::AccountId;
use postroom_model::grant::AccessToken;
use postroom_model::key::Scope;
use std::time::Duration;

/// The most that a token can be asked to be good for: Microsoft's live 60 to 90 minutes where nobody
/// says otherwise (entra-docs, `configurable-token-lifetimes.md`).
const LONGEST_VALIDITY: Duration = Duration::from_secs(60 * 60);

/// What a token is asked for.
#[derive(Clone, Debug, Default)]
pub struct TokenAsk {
    /// Scopes of one resource; empty: the connection's Graph.
    pub scopes: Vec<String>,
    /// How long it is to be good for at least, where Microsoft gives such.
    pub min_validity: Duration,
}

impl Engine {
    /// A valid access token for the connection's Graph, for another program's own use.
    ///
    /// # Errors
    /// As [`Engine::token_to_hand_on`].
    pub async fn account_token(&self, caller: &Caller, id: &AccountId) -> Result<AccessToken> {
        let ask = TokenAsk::default();
        Ok(self.token_to_hand_on(caller, id, &ask).await?.token)
    }

    /// A valid access token for another program's own use, as it is cached or fetched anew.
    ///
    /// # Errors
    /// `scopeMissing`, also for every caller with a list of mailboxes: a token knows no such list;
    /// `notFound`; `invalidRequest` for scopes that one token cannot have; Microsoft's refusals.
    pub async fn token_to_hand_on(
        &self,
        caller: &Caller,
        id: &AccountId,
        ask: &TokenAsk,
    ) -> Result<HandedOn> {
        caller.require(Scope::Tokens)?;
        if caller.mailboxes().is_some() {
            return Err(Problem::new(
                crate::Code::Forbidden,
                "A key with a list of mailboxes gets no tokens: a token would reach beyond them.",
            ));
        }
        if ask.min_validity > LONGEST_VALIDITY {
            return Err(Problem::invalid(format!(
                "`minValidity` is at most {} seconds: Microsoft decides how long tokens live, and \
                 `expiresAt` says it.",
                LONGEST_VALIDITY.as_secs()
            )));
        }
        let who = self.identity(id, caller.name()).await?;
        let scopes = TokenScopes::of(&who.connection, who.account.kind, &ask.scopes)
            .map_err(|why| Problem::invalid(format!("No token can be had for this: {why}.")))?;
        let handed = self
            .door()
            .token_to_hand_on(&who, scopes.as_ref(), ask.min_validity)
            .await;
        let asked = scopes.as_ref().map(TokenScopes::asked).unwrap_or_default();
        match &handed {
            Ok(handed) => self.note_hand_out(&HandOut {
                who: &who,
                scopes: asked,
                until: handed.token.expires_at,
            }),
            Err(error) => self.note_no_token(&who, asked, error.to_string()),
        }
        Ok(handed?)
    }
}
