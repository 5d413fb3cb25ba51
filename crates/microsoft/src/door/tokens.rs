//! Access tokens: one per account in memory, one refresh per account under way.

use super::chosen::Chosen;
use super::error::DoorError;
use super::guard::held;
use super::identity::Identity;
use super::token_scopes::TokenScopes;
use super::{Door, SignInError};
use crate::signin;
use crate::signin::refresh_token::Renewed;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use postroom_model::account::{AccountKind, AccountState};
use postroom_model::clock::later;
use postroom_model::connection::Connection;
use postroom_model::grant::{AccessToken, Grant};
use postroom_model::{AccountId, ConnectionId, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::oneshot;

/// For how long a failed refresh ahead of time is left alone while the old token is good.
pub(super) const CALM: Duration = Duration::from_secs(10);

type Fetched = Result<AccessToken, DoorError>;

/// What all who wait for the same refresh wait for; `None` when it was broken off.
type Flight = Shared<BoxFuture<'static, Option<Fetched>>>;

/// The accounts' tokens.
#[derive(Default)]
pub(crate) struct TokenDesk {
    slots: RwLock<HashMap<AccountId, Arc<Slot>>>,
}

/// One account's.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) state: Mutex<State>,
    /// Tokens for other scopes. Never locked together with `state` but after it.
    pub(super) chosen: Mutex<Chosen>,
    /// Held while the grant is used: one refresh of it is under way, for whichever scopes.
    turn: tokio::sync::Mutex<()>,
}

impl Slot {
    pub(super) fn generation(&self) -> u64 {
        held(&self.state).generation
    }
}

#[derive(Default)]
pub(super) struct State {
    /// Goes up whenever everything known is dropped; a refresh that began before no longer counts.
    generation: u64,
    /// What the token was got with and for.
    basis: Option<Basis>,
    token: Option<AccessToken>,
    flight: Option<Flight>,
    /// The last final refusal, repeated until that time.
    refusal: Option<(Timestamp, DoorError)>,
    calm_until: Option<Timestamp>,
    /// What Graph asked for when it refused the last token (JSON): it goes along with the next
    /// request.
    claims: Option<String>,
    /// Since when the refresh is under way.
    flying_since: Option<Timestamp>,
    /// What Microsoft gave and the vault could not take. It is given to the vault before anything
    /// else is asked of Microsoft: the refresh token that it replaces may be used up. The vault
    /// knows whether it still counts, so it stays when all else is dropped.
    unsaved: Option<Unsaved>,
    /// When a token was fetched last, so that asking for one that lasts longer than Microsoft makes
    /// them does not fetch one after the other.
    fetched_at: Option<Timestamp>,
}

/// A refresh that the vault does not have yet.
#[derive(Clone)]
struct Unsaved {
    /// The grant that it was fetched with, and that it replaces.
    used: Grant,
    renewed: Renewed,
    /// The generation that its access token is of.
    generation: u64,
    /// What its access token is for; `None`: the connection's Graph.
    scopes: Option<TokenScopes>,
}

/// A token is given out only for the connection that it was got with: changed addresses must not
/// receive the old one.
struct Basis(Arc<Connection>);

impl Basis {
    fn is_of(&self, connection: &Connection) -> bool {
        let got_with = &self.0;
        got_with.id == connection.id
            && got_with.tenant_id == connection.tenant_id
            && got_with.client_id == connection.client_id
            && got_with.authority_url == connection.authority_url
            && got_with.graph_url == connection.graph_url
            && got_with.endpoints.token == connection.endpoints.token
    }
}

impl State {
    fn is_of(&self, connection: &ConnectionId) -> bool {
        let basis = self.basis.as_ref();
        basis.is_some_and(|basis| basis.0.id == *connection)
    }

    /// Whether a final refusal is repeated for now.
    fn is_refused(&self, now: Timestamp) -> bool {
        self.refusal.as_ref().is_some_and(|(until, _)| now < *until)
    }

    fn clear(&mut self) {
        *self = Self {
            generation: self.generation + 1,
            unsaved: self.unsaved.take(),
            ..Self::default()
        };
    }
}

/// What a call's tokens were refused for so far.
#[derive(Default)]
pub(super) struct Renewals {
    once: bool,
    for_claims: bool,
}

impl Renewals {
    /// Whether another token may help: once in any case, and once more where Graph asks for claims
    /// only then. A second refusal in a row is not the token's fault.
    pub(super) fn may_help(&mut self, claims: Option<&str>) -> bool {
        let helps = !self.once || (claims.is_some() && !self.for_claims);
        self.once = true;
        self.for_claims |= claims.is_some();
        helps
    }
}

impl TokenDesk {
    pub(super) fn slot(&self, account: &AccountId) -> Arc<Slot> {
        let known = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = known.get(account) {
            return Arc::clone(slot);
        }
        drop(known);
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(account.clone()).or_default())
    }

    pub(crate) fn adopt(&self, connection: &Connection, account: &AccountId, token: AccessToken) {
        let slot = self.slot(account);
        let mut state = held(&slot.state);
        state.clear();
        state.basis = Some(Basis(Arc::new(connection.clone())));
        state.token = Some(token);
    }

    pub(crate) fn forget(&self, account: &AccountId) {
        held(&self.slot(account).state).clear();
    }

    pub(crate) fn forget_connection(&self, connection: &ConnectionId) {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        for slot in slots.values() {
            let mut state = held(&slot.state);
            if state.is_of(connection) {
                state.clear();
            }
        }
    }

    /// Asks Microsoft anew for the tokens of a connection's accounts. Nothing else is forgotten.
    pub(crate) fn ask_anew(&self, connection: &ConnectionId) {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        for slot in slots.values() {
            let mut state = held(&slot.state);
            if state.is_of(connection) {
                state.token = None;
                state.refusal = None;
                state.calm_until = None;
                held(&slot.chosen).clear();
            }
        }
    }

    pub(crate) fn refreshing_since(&self, account: &AccountId) -> Option<Timestamp> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let state = held(&slots.get(account)?.state);
        state.flight.as_ref().and(state.flying_since)
    }

    /// Drops a token that Graph did not take, unless another has come in its place already. With
    /// the claims that Graph asked for, the next one is asked for with them; also where another call
    /// dropped it already, which was told of none.
    pub(crate) fn drop_refused(
        &self,
        account: &AccountId,
        refused: &AccessToken,
        claims: Option<String>,
    ) {
        let slot = self.slot(account);
        let mut state = held(&slot.state);
        match &state.token {
            Some(token) if token.token != refused.token => {}
            _ => {
                state.token = None;
                state.claims = claims.or(state.claims.take());
            }
        }
    }
}

pub(super) async fn access_token(door: &Door, who: &Identity) -> Fetched {
    access_token_for(door, who, Duration::ZERO).await
}

/// One that is good for at least so long, where Microsoft gives such.
pub(super) async fn access_token_for(door: &Door, who: &Identity, valid_for: Duration) -> Fetched {
    let slot = door.house.tokens.slot(&who.account.id);
    // A second time when the refresh that was waited for was broken off or overtaken by a sign-in.
    for _ in 0..2 {
        let (flight, generation) = match look(door, who, &slot, valid_for) {
            Looked::Have(token) => return Ok(token),
            Looked::Refused(error) => return Err(error),
            Looked::Wait(flight, generation) => (flight, generation),
        };
        let fetched = flight.await;
        let overtaken = held(&slot.state).generation != generation;
        match fetched {
            Some(Ok(token)) if !overtaken => return Ok(token),
            Some(Err(error)) if !overtaken => {
                // The one before is good for a while: whoever asks for more gets what there is.
                let now = door.house.clock.now();
                let before = held(&slot.state).token.clone();
                let before = before.filter(|token| now < token.expires_at);
                return before.ok_or(error);
            }
            _ => {}
        }
    }
    Err(DoorError::Network {
        connection: who.connection.name.clone(),
        what: "fetching a token was broken off; try again".to_owned(),
        doubtful: false,
    })
}

enum Looked {
    Have(AccessToken),
    Refused(DoorError),
    Wait(Flight, u64),
}

/// Drops what was got with another basis; the generation that counts from here on.
pub(super) fn current(state: &mut State, connection: &Arc<Connection>) -> u64 {
    match &state.basis {
        // Mostly it is the very same, as it was read once.
        Some(Basis(known)) if Arc::ptr_eq(known, connection) => return state.generation,
        Some(basis) if !basis.is_of(connection) => state.clear(),
        _ => {}
    }
    state.basis = Some(Basis(Arc::clone(connection)));
    state.generation
}

/// A refresh that is to be begun, once nothing is locked any more: where the runtime ends, a task
/// that is begun is dropped at once, and says so to what is locked.
pub(super) type Departing = Option<BoxFuture<'static, ()>>;

fn look(door: &Door, who: &Identity, slot: &Arc<Slot>, valid_for: Duration) -> Looked {
    let mut departing = None;
    let looked = look_and_lock(door, who, slot, valid_for, &mut departing);
    if let Some(departing) = departing {
        door.house.refreshes.spawn(departing);
    }
    looked
}

fn look_and_lock(
    door: &Door,
    who: &Identity,
    slot: &Arc<Slot>,
    valid_for: Duration,
    departing: &mut Departing,
) -> Looked {
    let now = door.house.clock.now();
    let mut state = held(&slot.state);
    current(&mut state, &who.connection);
    let lasts = |token: &AccessToken| {
        let just_fetched = state.fetched_at.is_some_and(|at| now < later(at, CALM));
        let calm = state.calm_until.is_some_and(|until| now < until);
        // A refusal ends what there is no sooner than it is over.
        let refused = state.is_refused(now);
        let lasts = later(now, valid_for) < token.expires_at;
        valid_for.is_zero() || just_fetched || calm || refused || lasts
    };
    if let Some(token) = &state.token
        && now < token.expires_at
        && lasts(token)
    {
        let token = token.clone();
        let calm = state.calm_until.is_some_and(|until| now < until);
        if now >= token.refresh_at && state.flight.is_none() && !calm {
            // Nobody waits for this one: the task itself stores what it gets.
            drop(take_off(door, who, slot, &mut state, departing));
        }
        return Looked::Have(token);
    }
    if let Some((until, error)) = &state.refusal
        && now < *until
    {
        return Looked::Refused(error.clone());
    }
    let flight = match &state.flight {
        Some(flight) => flight.clone(),
        None => take_off(door, who, slot, &mut state, departing),
    };
    Looked::Wait(flight, state.generation)
}

/// Begins a refresh, in a task of its own: a caller that goes away takes nobody's token with it, and
/// a rotated grant is always stored.
fn take_off(
    door: &Door,
    who: &Identity,
    slot: &Arc<Slot>,
    state: &mut State,
    departing: &mut Departing,
) -> Flight {
    let (sender, receiver) = oneshot::channel();
    let flight = receiver.map(Result::ok).boxed().shared();
    state.flight = Some(flight.clone());
    state.flying_since = Some(door.house.clock.now());
    let landing = Landing {
        slot: Arc::clone(slot),
        generation: state.generation,
        used: Used::default(),
    };
    let (door, who) = (door.clone(), who.clone());
    let task = async move {
        let fetched = fetch(&door, &who, &landing).await;
        report(&door, &who, &landing, &fetched).await;
        landing.settle(&door, &fetched);
        drop(landing);
        // Nobody may be waiting any more.
        let _ = sender.send(fetched);
    };
    *departing = Some(task.boxed());
    flight
}

async fn fetch(door: &Door, who: &Identity, landing: &Landing) -> Fetched {
    let fetched = match who.account.kind {
        AccountKind::Application => {
            let claims = held(&landing.slot.state).claims.clone();
            held(&landing.used.claims).clone_from(&claims);
            signin::client_credentials::fetch(door, who, claims.as_deref()).await
        }
        AccountKind::User => fetch_for_user(door, who, landing).await,
    };
    match fetched {
        Ok(token) => Ok(token),
        Err(error) => Err(about_account(door, who, error).await),
    }
}

async fn fetch_for_user(door: &Door, who: &Identity, landing: &Landing) -> Fetched {
    let renewing = Renewing {
        slot: &landing.slot,
        generation: landing.generation,
        scopes: None,
        used: &landing.used,
    };
    Ok(renew(door, who, renewing).await?.access_token)
}

/// A use of a user's grant.
#[derive(Clone, Copy)]
pub(super) struct Renewing<'a> {
    pub(super) slot: &'a Slot,
    pub(super) generation: u64,
    /// `None`: the connection's Graph.
    pub(super) scopes: Option<&'a TokenScopes>,
    pub(super) used: &'a Used,
}

/// What a refresh goes by.
#[derive(Default)]
pub(super) struct Used {
    /// The account's grant as this refresh knows it: what it says of the account, it says of that.
    pub(super) grant: Mutex<Option<Grant>>,
    /// The claims that it asks to be met.
    claims: Mutex<Option<String>>,
}

/// Uses the grant, alone. The rotated refresh token is durable before the access token is given
/// out. It is kept whatever becomes of the access token: the former one may be used up.
pub(super) async fn renew(
    door: &Door,
    who: &Identity,
    renewing: Renewing<'_>,
) -> Result<Renewed, DoorError> {
    let _turn = renewing.slot.turn.lock().await;
    let unsaved = held(&renewing.slot.state).unsaved.clone();
    if let Some(unsaved) = unsaved {
        let fits =
            unsaved.generation == renewing.generation && unsaved.scopes.as_ref() == renewing.scopes;
        if save(door, who, renewing, &unsaved).await? && fits {
            return Ok(unsaved.renewed);
        }
    }
    let grant = signin::refresh_token::grant(door, who).await?;
    *held(&renewing.used.grant) = Some(grant.clone());
    let scopes = renewing.scopes.map(TokenScopes::asked);
    // What Graph asked for is for Graph's tokens.
    let claims = match scopes {
        None => asked_for(door, who, renewing.slot).await?,
        Some(_) => None,
    };
    held(&renewing.used.claims).clone_from(&claims);
    let (used, claims) = (grant.clone(), claims.as_deref());
    let renewed = signin::refresh_token::fetch_for(door, who, grant, scopes, claims).await?;
    let unsaved = Unsaved {
        used,
        renewed,
        generation: renewing.generation,
        scopes: renewing.scopes.cloned(),
    };
    if save(door, who, renewing, &unsaved).await? {
        return Ok(unsaved.renewed);
    }
    Err(DoorError::Network {
        connection: who.connection.name.clone(),
        what: "the account was signed in anew or removed while its token was fetched; try again"
            .to_owned(),
        doubtful: false,
    })
}

/// The claims that Graph's next token has to meet: of the last refusal, or of one that waits for the
/// user. Without those a refresh would succeed, and its token be refused again.
async fn asked_for(door: &Door, who: &Identity, slot: &Slot) -> Result<Option<String>, DoorError> {
    let claims = held(&slot.state).claims.clone();
    if claims.is_some() || who.account.kind == AccountKind::Application {
        return Ok(claims);
    }
    let vault = &door.house.vault;
    let kept = vault.kept_claims(&who.account.id).await;
    kept.map_err(|error| DoorError::Vault(error.into()))
}

/// Gives a rotated grant to the vault. `false` when the account has another one by now, or none.
async fn save(
    door: &Door,
    who: &Identity,
    renewing: Renewing<'_>,
    unsaved: &Unsaved,
) -> Result<bool, DoorError> {
    let rotated = &unsaved.renewed.grant;
    let vault = &door.house.vault;
    let saved = vault
        .rotate_grant(&who.account.id, &unsaved.used, rotated)
        .await;
    held(&renewing.slot.state).unsaved = saved.is_err().then(|| unsaved.clone());
    *held(&renewing.used.grant) = Some(rotated.clone());
    saved.map_err(|error| DoorError::Vault(error.into()))
}

/// A wrong secret is the application's trouble and ends no user's grant; what only a user can mend
/// ends nothing of the application's.
pub(super) async fn about_account(door: &Door, who: &Identity, error: DoorError) -> DoorError {
    let DoorError::SignIn(error) = error else {
        return error;
    };
    let kind = who.account.kind;
    if kind == AccountKind::User && error.ends_grant == Some(AccountState::CredentialExpired) {
        let (vault, connection) = (&door.house.vault, &who.connection);
        let told = vault
            .credential_refused(&connection.id, &error.to_string())
            .await;
        if let Err(error) = told {
            tracing::warn!(connection = %connection.name, %error, "that the credential was refused was not stored");
        }
    }
    let ends_grant = error.ends_grant.filter(|state| match kind {
        AccountKind::User => *state != AccountState::CredentialExpired,
        AccountKind::Application => matches!(
            state,
            AccountState::CredentialExpired | AccountState::ConsentMissing
        ),
    });
    DoorError::SignIn(Box::new(SignInError {
        ends_grant,
        ..*error
    }))
}

/// Tells the vault what became of the account.
async fn report(door: &Door, who: &Identity, landing: &Landing, fetched: &Fetched) {
    let (state, reason) = match fetched {
        Ok(_) => (AccountState::Active, None),
        Err(error) => match error.ends_grant() {
            Some(state) => (state, Some(error.to_string())),
            None => return,
        },
    };
    if !landing.counts() {
        return;
    }
    if let Some(claims) = demanded(landing, fetched)
        && let Err(error) = door.house.vault.keep_claims(&who.account.id, &claims).await
    {
        tracing::warn!(account = %who.account.id, %error, "a claims challenge was not stored");
    }
    tell(door, who, &landing.used, state, reason.as_deref()).await;
}

/// Tells the vault how an account stands, as a refresh found it.
pub(super) async fn tell(
    door: &Door,
    who: &Identity,
    used: &Used,
    state: AccountState,
    reason: Option<&str>,
) {
    let by = held(&used.grant).clone();
    let vault = &door.house.vault;
    let told = vault
        .set_state(&who.account.id, state, reason, by.as_ref())
        .await;
    if let Err(error) = told {
        tracing::warn!(account = %who.account.id, state = state.name(), %error, "the account's state was not stored");
    }
}

/// What the user has to meet at the next sign-in: Entra's own challenge, or the one that Graph made.
fn demanded(landing: &Landing, fetched: &Fetched) -> Option<String> {
    match fetched {
        Err(DoorError::SignIn(error)) if error.ends_grant == Some(AccountState::NeedsSignIn) => {
            let graphs = held(&landing.slot.state).claims.clone();
            error.claims.clone().or(graphs)
        }
        _ => None,
    }
}

/// Whatever becomes of a refresh, its place is free afterwards.
struct Landing {
    slot: Arc<Slot>,
    generation: u64,
    used: Used,
}

impl Landing {
    /// Whether the account is still the one that this refresh began for.
    fn counts(&self) -> bool {
        held(&self.slot.state).generation == self.generation
    }

    fn settle(&self, door: &Door, fetched: &Fetched) {
        let now = door.house.clock.now();
        let mut state = held(&self.slot.state);
        if state.generation != self.generation {
            return;
        }
        match fetched {
            Ok(token) => {
                state.token = Some(token.clone());
                state.fetched_at = Some(now);
                state.refusal = None;
                state.calm_until = None;
                // Others may have come meanwhile: they are for the next one.
                if state.claims == *held(&self.used.claims) {
                    state.claims = None;
                }
            }
            Err(error) => {
                state.calm_until = Some(later(now, CALM));
                if error.ends_grant().is_some() {
                    state.token = None;
                }
                let is_final = match error {
                    DoorError::SignIn(error) => !error.transient,
                    DoorError::NoGrant { .. } | DoorError::Malformed { .. } => true,
                    _ => false,
                };
                if is_final {
                    let until = later(now, door.house.settings.refusal_memory);
                    state.refusal = Some((until, error.clone()));
                }
            }
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut state = held(&self.slot.state);
        if state.generation == self.generation {
            state.flight = None;
            state.flying_since = None;
        }
    }
}
