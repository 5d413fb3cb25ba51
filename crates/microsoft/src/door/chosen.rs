//! Tokens for chosen scopes, which are handed on to other programs: a few sets for each account in
//! memory. They share the account's grant, and so its one place for a refresh.

use super::Door;
use super::error::DoorError;
use super::guard::held;
use super::identity::Identity;
use super::token_scopes::TokenScopes;
use super::tokens::{CALM, Departing, Renewing, Slot, Used, about_account, current, renew, tell};
use crate::signin;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use postroom_model::Timestamp;
use postroom_model::account::{AccountKind, AccountState};
use postroom_model::clock::later;
use postroom_model::grant::AccessToken;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// So many sets of scopes are kept for one account; the one used longest ago goes first.
const MOST: usize = 16;

/// A token with what Microsoft says it is for.
#[derive(Clone, Debug)]
pub(crate) struct Granted {
    pub(crate) token: AccessToken,
    pub(crate) scopes: Vec<String>,
}

type Fetched = Result<Granted, DoorError>;
type Flight = Shared<BoxFuture<'static, Option<Fetched>>>;

/// The sets of one account.
#[derive(Default)]
pub(super) struct Chosen {
    kept: Vec<Kept>,
    /// Counts uses, to know which one was used longest ago.
    uses: u64,
}

struct Kept {
    scopes: TokenScopes,
    /// The account's generation: what is of another one counts no more.
    generation: u64,
    used: u64,
    granted: Option<Granted>,
    flight: Option<Flight>,
    /// The last final refusal, repeated until that time.
    refusal: Option<(Timestamp, DoorError)>,
    calm_until: Option<Timestamp>,
}

impl Chosen {
    pub(super) fn clear(&mut self) {
        self.kept.clear();
    }

    /// The place of a set, made if need be. `None` where every place has a token under way.
    fn place(&mut self, scopes: &TokenScopes, generation: u64) -> Option<&mut Kept> {
        self.uses += 1;
        let uses = self.uses;
        self.kept.retain(|kept| kept.generation == generation);
        let at = match self.kept.iter().position(|kept| kept.scopes == *scopes) {
            Some(at) => at,
            None => {
                self.make_room();
                if self.kept.len() >= MOST {
                    return None;
                }
                self.kept.push(Kept {
                    scopes: scopes.clone(),
                    generation,
                    used: uses,
                    granted: None,
                    flight: None,
                    refusal: None,
                    calm_until: None,
                });
                self.kept.len() - 1
            }
        };
        let kept = self.kept.get_mut(at)?;
        kept.used = uses;
        Some(kept)
    }

    fn make_room(&mut self) {
        if self.kept.len() < MOST {
            return;
        }
        // One that is being fetched stays: who waits for it would be forgotten.
        let idle = self
            .kept
            .iter()
            .enumerate()
            .filter(|(_, kept)| kept.flight.is_none());
        if let Some((oldest, _)) = idle.min_by_key(|(_, kept)| kept.used) {
            self.kept.swap_remove(oldest);
        }
    }

    fn find(&mut self, scopes: &TokenScopes, generation: u64) -> Option<&mut Kept> {
        self.kept
            .iter_mut()
            .find(|kept| kept.generation == generation && kept.scopes == *scopes)
    }
}

/// A token for these scopes that is good for at least so long, where Microsoft gives such.
pub(super) async fn granted(
    door: &Door,
    who: &Identity,
    scopes: &TokenScopes,
    valid_for: Duration,
) -> Fetched {
    let slot = door.house.tokens.slot(&who.account.id);
    for _ in 0..2 {
        let (flight, generation) = match look(door, who, &slot, scopes, valid_for) {
            Looked::Have(granted) => return Ok(granted),
            Looked::Refused(error) => return Err(error),
            Looked::Wait(flight, generation) => (flight, generation),
        };
        let fetched = flight.await;
        let overtaken = slot.generation() != generation;
        match fetched {
            Some(Ok(granted)) if !overtaken => return Ok(granted),
            Some(Err(error)) if !overtaken => {
                // The one before is good for a while: whoever asks for more gets what there is.
                let now = door.house.clock.now();
                let mut chosen = held(&slot.chosen);
                let before = chosen
                    .find(scopes, generation)
                    .and_then(|kept| kept.granted.clone())
                    .filter(|granted| now < granted.token.expires_at);
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
    Have(Granted),
    Refused(DoorError),
    Wait(Flight, u64),
}

fn look(
    door: &Door,
    who: &Identity,
    slot: &Arc<Slot>,
    scopes: &TokenScopes,
    valid_for: Duration,
) -> Looked {
    let mut departing = None;
    let looked = look_and_lock(door, who, slot, scopes, valid_for, &mut departing);
    if let Some(departing) = departing {
        door.house.refreshes.spawn(departing);
    }
    looked
}

fn look_and_lock(
    door: &Door,
    who: &Identity,
    slot: &Arc<Slot>,
    scopes: &TokenScopes,
    valid_for: Duration,
    departing: &mut Departing,
) -> Looked {
    let now = door.house.clock.now();
    let generation = current(&mut held(&slot.state), &who.connection);
    let mut chosen = held(&slot.chosen);
    let Some(kept) = chosen.place(scopes, generation) else {
        return Looked::Refused(DoorError::Network {
            connection: who.connection.name.clone(),
            what: format!(
                "tokens for {MOST} other sets of scopes are being fetched for this account; try again when they are there"
            ),
            doubtful: false,
        });
    };
    let calm = kept.calm_until.is_some_and(|until| now < until);
    let refused = kept.refusal.as_ref().is_some_and(|(until, _)| now < *until);
    if let Some(granted) = kept.granted.clone()
        && now < granted.token.expires_at
    {
        let lasts = later(now, valid_for) < granted.token.expires_at;
        if lasts || calm || refused {
            if now >= granted.token.refresh_at && kept.flight.is_none() && !calm && !refused {
                drop(take_off(door, who, slot, kept, departing));
            }
            return Looked::Have(granted);
        }
    }
    if let Some((until, error)) = &kept.refusal
        && now < *until
    {
        return Looked::Refused(error.clone());
    }
    let flight = match &kept.flight {
        Some(flight) => flight.clone(),
        None => take_off(door, who, slot, kept, departing),
    };
    Looked::Wait(flight, generation)
}

/// In a task of its own: a caller that goes away takes nobody's token with it, and a rotated grant
/// is always stored.
fn take_off(
    door: &Door,
    who: &Identity,
    slot: &Arc<Slot>,
    kept: &mut Kept,
    departing: &mut Departing,
) -> Flight {
    let (sender, receiver) = oneshot::channel();
    let flight = receiver.map(Result::ok).boxed().shared();
    kept.flight = Some(flight.clone());
    let landing = Landing {
        slot: Arc::clone(slot),
        scopes: kept.scopes.clone(),
        generation: kept.generation,
        used: Used::default(),
    };
    let (door, who) = (door.clone(), who.clone());
    let task = async move {
        let fetched = fetch(&door, &who, &landing).await;
        landing.settle(&door, &fetched);
        drop(landing);
        // Nobody may be waiting any more.
        let _ = sender.send(fetched);
    };
    *departing = Some(task.boxed());
    flight
}

async fn fetch(door: &Door, who: &Identity, landing: &Landing) -> Fetched {
    let asked = match who.account.kind {
        AccountKind::Application => {
            signin::client_credentials::fetch_for(door, who, landing.scopes.asked()).await
        }
        AccountKind::User => {
            let renewing = Renewing {
                slot: &landing.slot,
                generation: landing.generation,
                scopes: Some(&landing.scopes),
                used: &landing.used,
            };
            renew(door, who, renewing).await.map(|renewed| Granted {
                token: renewed.access_token,
                scopes: renewed.granted,
            })
        }
    };
    let error = match asked {
        Ok(granted) => return Ok(granted),
        Err(error) => about_these_scopes(about_account(door, who, error).await),
    };
    if let Some(state) = error.ends_grant()
        && landing.counts()
    {
        tell(door, who, &landing.used, state, Some(&error.to_string())).await;
    }
    Err(error)
}

/// What one set of scopes is refused for says nothing about the grant: consent can be missing for
/// another resource only, and so can a stronger sign-in. A revoked grant is revoked for all.
fn about_these_scopes(error: DoorError) -> DoorError {
    match error {
        DoorError::SignIn(mut error) => {
            error.ends_grant = error.ends_grant.filter(|state| {
                matches!(
                    state,
                    AccountState::Revoked | AccountState::CredentialExpired
                )
            });
            DoorError::SignIn(error)
        }
        other => other,
    }
}

/// Whatever becomes of it, its place is free afterwards.
struct Landing {
    slot: Arc<Slot>,
    scopes: TokenScopes,
    generation: u64,
    used: Used,
}

impl Landing {
    /// Whether the account is still the one that this was begun for.
    fn counts(&self) -> bool {
        self.slot.generation() == self.generation
    }

    fn settle(&self, door: &Door, fetched: &Fetched) {
        let now = door.house.clock.now();
        let mut chosen = held(&self.slot.chosen);
        let Some(kept) = chosen.find(&self.scopes, self.generation) else {
            return;
        };
        // Also after a success: a token that Microsoft makes shorter than somebody wants is not
        // asked for again and again.
        kept.calm_until = Some(later(now, CALM));
        match fetched {
            Ok(granted) => {
                kept.granted = Some(granted.clone());
                kept.refusal = None;
            }
            Err(error) => {
                let is_final = match error {
                    DoorError::SignIn(error) => !error.transient,
                    DoorError::NoGrant { .. } | DoorError::Malformed { .. } => true,
                    _ => false,
                };
                if error.ends_grant().is_some() {
                    kept.granted = None;
                }
                if is_final {
                    let until = later(now, door.house.settings.refusal_memory);
                    kept.refusal = Some((until, error.clone()));
                }
            }
        }
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut chosen = held(&self.slot.chosen);
        if let Some(kept) = chosen.find(&self.scopes, self.generation) {
            kept.flight = None;
        }
    }
}
