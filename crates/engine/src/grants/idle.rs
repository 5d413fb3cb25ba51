//! Accounts that nobody uses: their grants are refreshed long before Microsoft ends them (90 days
//! without use; entra-docs, `refresh-tokens.md`), and an application's credential is tried now and
//! then, so that one that was taken away is noticed before it is needed.

use super::REFRESH_TOKEN_LIFETIME;
use crate::logins::earlier;
use crate::{Engine, Result};
use futures::{StreamExt as _, stream};
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::clock::later;
use postroom_model::{AccountId, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(60 * 60);
/// How many accounts are refreshed side by side.
const AT_ONCE: usize = 4;

/// When accounts are looked at next, where their grant does not say it.
#[derive(Debug, Default)]
pub(crate) struct IdleState(Mutex<HashMap<AccountId, Timestamp>>);

impl IdleState {
    fn with<T>(&self, work: impl FnOnce(&mut HashMap<AccountId, Timestamp>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Looks after them until the engine stops.
pub(crate) async fn run(engine: Engine) {
    loop {
        tokio::select! {
            () = engine.stopping() => return,
            looked = engine.look_after_grants() => {
                if let Err(error) = looked {
                    tracing::warn!(%error, "looking after idle grants; it is tried again");
                }
            }
        }
        tokio::select! {
            () = engine.stopping() => return,
            () = engine.clock().sleep(LOOK) => {}
        }
    }
}

impl Engine {
    /// One look: refreshes what was not used for long. Says how many accounts were tried.
    pub async fn look_after_grants(&self) -> Result<usize> {
        let accounts = self.store().accounts().await?;
        let idle = &self.shared.idle;
        idle.with(|known| known.retain(|id, _| accounts.iter().any(|one| one.id == *id)));
        let now = self.now();
        let due: Vec<Account> = accounts
            .into_iter()
            .filter(|account| self.due_at(account).is_some_and(|due| due <= now))
            .collect();
        let tried = due.len();
        stream::iter(due)
            .for_each_concurrent(AT_ONCE, |account| async move {
                if !self.is_stopping() {
                    self.refresh_idle(&account).await;
                }
            })
            .await;
        Ok(tried)
    }

    /// When an account is to be looked at; `None` when only a person can help it.
    fn due_at(&self, account: &Account) -> Option<Timestamp> {
        let settings = self.settings();
        let by_itself = match account.kind {
            AccountKind::Application => {
                // The first look is some time after the start: not all at once.
                let spread = spread(&account.id, settings.credential_look);
                let first = later(self.now(), spread);
                let idle = &self.shared.idle;
                Some(idle.with(|known| *known.entry(account.id.clone()).or_insert(first)))
            }
            AccountKind::User if can_be_refreshed(account.state) => {
                let used = earlier(account.expires_at?, REFRESH_TOKEN_LIFETIME);
                let after = settings.idle_after;
                // Those of one day are spread over the days before.
                Some(later(used, after - spread(&account.id, after / 7)))
            }
            AccountKind::User => None,
        }?;
        let again = self
            .shared
            .idle
            .with(|known| known.get(&account.id).copied());
        Some(again.map_or(by_itself, |again| by_itself.max(again)))
    }

    async fn refresh_idle(&self, account: &Account) {
        let settings = self.settings();
        let refreshed = match self.identity(&account.id, "grants").await {
            Ok(who) => self.door().access_token(&who).await.map(|_| ()),
            // Removed meanwhile.
            Err(_) => return,
        };
        let next = match refreshed {
            Ok(()) if account.kind == AccountKind::User => None,
            Ok(()) => Some(settings.credential_look),
            // A refusal is in the account's state, said there once; a network that is lost ends
            // nothing, and is tried again.
            Err(error) => {
                tracing::debug!(account = %account.id, %error, "refreshing an idle grant; it is tried again");
                match error.again() {
                    postroom_microsoft::Again::Never => Some(settings.credential_look),
                    _ => Some(LOOK),
                }
            }
        };
        self.shared.idle.with(|known| match next {
            Some(pause) => known.insert(account.id.clone(), later(self.now(), pause)),
            None => known.remove(&account.id),
        });
    }
}

/// Whether a refresh may succeed without the user.
fn can_be_refreshed(state: AccountState) -> bool {
    match state {
        AccountState::Active
        | AccountState::Refreshing
        | AccountState::CredentialExpired
        | AccountState::ConsentMissing => true,
        AccountState::NeedsSignIn | AccountState::Revoked => false,
    }
}

/// A part of a time, always the same for an account (FNV-1a of its id).
fn spread(account: &AccountId, over: Duration) -> Duration {
    let hash = account
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
    over.mul_f64(f64::from(hash) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_accounts_do_not_go_at_once() {
        let over = Duration::from_secs(48 * 60 * 60);
        let mut hours = [0_u32; 49];
        for number in 0..10_000 {
            let id = AccountId::new(format!("0198c0de-0000-7000-8000-{number:012}"));
            let at = spread(&id, over);
            assert!(at <= over);
            assert_eq!(at, spread(&id, over));
            hours[(at.as_secs() / 3600) as usize] += 1;
        }
        assert!(hours.iter().all(|count| *count < 600), "{hours:?}");
    }
}
