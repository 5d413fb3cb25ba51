//! Changes of accounts' states: each is said once.

use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::{AccountId, ConnectionId, Timestamp};
use tokio::sync::broadcast;

/// How many changes a listener may be behind.
const KEPT: usize = 1024;

/// An account's state is another one, or has another reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChange {
    /// The account.
    pub account: AccountId,
    /// Its connection.
    pub connection: ConnectionId,
    /// Who it is.
    pub kind: AccountKind,
    /// The user's sign-in name; `None` for the application.
    pub user_principal_name: Option<String>,
    /// The state before; `None` for a new account.
    pub was: Option<AccountState>,
    /// The state now.
    pub now: AccountState,
    /// Why, in words for people.
    pub reason: Option<String>,
    /// Since when.
    pub at: Timestamp,
}

/// Where changes are told.
#[derive(Debug)]
pub(crate) struct AccountChanges(broadcast::Sender<AccountChange>);

impl Default for AccountChanges {
    fn default() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }
}

impl AccountChanges {
    /// Those from now on.
    pub(crate) fn listen(&self) -> broadcast::Receiver<AccountChange> {
        self.0.subscribe()
    }

    /// Says that an account is as `now` says, where that is news: one line in the log, one event.
    /// Every writer of a state comes by here.
    pub(crate) fn tell(&self, was: Option<&Account>, now: &Account) {
        let same = was.is_some_and(|was| (was.state, &was.reason) == (now.state, &now.reason));
        if same {
            return;
        }
        let change = AccountChange {
            account: now.id.clone(),
            connection: now.connection.clone(),
            kind: now.kind,
            user_principal_name: now.user_principal_name.clone(),
            was: was.map(|was| was.state),
            now: now.state,
            reason: now.reason.clone(),
            at: now.since,
        };
        log(&change);
        // Nobody may be listening.
        let _ = self.0.send(change);
    }
}

fn log(change: &AccountChange) {
    let name = match change.kind {
        AccountKind::Application => "the application",
        AccountKind::User => change.user_principal_name.as_deref().unwrap_or("a user"),
    };
    let (account, state) = (&change.account, change.now.name());
    if change.now == AccountState::Active {
        tracing::info!(%account, name, state, "the account can act");
    } else {
        let reason = change.reason.as_deref().unwrap_or_default();
        tracing::warn!(%account, name, state, reason, "the account can no longer act");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(state: AccountState, reason: Option<&str>) -> Account {
        Account {
            id: AccountId::new("a"),
            connection: ConnectionId::new("c"),
            kind: AccountKind::User,
            user_id: Some("o".to_owned()),
            user_principal_name: None,
            display_name: None,
            state,
            reason: reason.map(str::to_owned),
            since: Timestamp::UNIX_EPOCH,
            expires_at: None,
        }
    }

    #[test]
    fn only_what_is_news_is_told() {
        let changes = AccountChanges::default();
        let mut heard = changes.listen();
        let active = account(AccountState::Active, None);
        let revoked = account(AccountState::Revoked, Some("r"));
        changes.tell(Some(&active), &active);
        changes.tell(Some(&active), &revoked);
        changes.tell(Some(&revoked), &revoked);
        changes.tell(None, &active);
        assert_eq!(
            heard.try_recv().expect("one").was,
            Some(AccountState::Active)
        );
        assert_eq!(heard.try_recv().expect("another").was, None);
        assert!(heard.try_recv().is_err());
    }
}
