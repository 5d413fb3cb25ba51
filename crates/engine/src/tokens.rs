//! Access tokens for other programs. What is done with one cannot be seen here any more, so each
//! hand-out is noted: who has it, whose it is, for what and until when.

use crate::access::Caller;
use crate::{Engine, Problem, Result};
use postroom_microsoft::{HandedOn, Identity, TokenScopes};
use postroom_model::call::CallRecord;
use postroom_model::grant::AccessToken;
use postroom_model::key::Scope;
use postroom_model::ports::CallLog;
use postroom_model::{AccountId, CallId, Timestamp};
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

/// A hand-out, as it is noted. The token itself is not in it.
#[derive(Clone, Copy, Debug)]
pub struct HandOut<'a> {
    /// Whose token, and who has it.
    pub who: &'a Identity,
    /// For which scopes; empty: the connection's Graph.
    pub scopes: &'a [String],
    /// Until when, or why there is none.
    pub outcome: std::result::Result<Timestamp, &'a str>,
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
        let error = handed.as_ref().err().map(ToString::to_string);
        self.note_hand_out(&HandOut {
            who: &who,
            scopes: scopes.as_ref().map(TokenScopes::asked).unwrap_or_default(),
            outcome: match (&handed, &error) {
                (Ok(handed), _) => Ok(handed.token.expires_at),
                (Err(_), error) => Err(error.as_deref().unwrap_or_default()),
            },
        });
        Ok(handed?)
    }

    /// Notes a hand-out: an entry of the call log, though it is no call to Microsoft.
    fn note_hand_out(&self, hand_out: &HandOut<'_>) {
        let at = self.now();
        let id = self.shared.dice.timed_guid(at).to_string();
        let scopes = match hand_out.scopes {
            [] => "Graph".to_owned(),
            scopes => scopes.join(" "),
        };
        self.shared.call_log.record(CallRecord {
            id: CallId::new(id.clone()),
            at,
            connection: hand_out.who.connection.id.clone(),
            account: Some(hand_out.who.account.id.clone()),
            mailbox: None,
            caller: hand_out.who.caller.to_string(),
            method: "TOKEN".to_owned(),
            path: match hand_out.outcome {
                Ok(until) => format!("token handed out for {scopes} until {until}"),
                Err(_) => format!("token asked for, for {scopes}"),
            },
            // An entry without a status counts as failed.
            status: hand_out.outcome.is_ok().then_some(200),
            duration_ms: 0,
            request_bytes: 0,
            response_bytes: 0,
            attempt: 1,
            request_id: None,
            client_request_id: id,
            error: hand_out.outcome.err().map(str::to_owned),
            detail: None,
        });
    }
}
