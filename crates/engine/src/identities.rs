//! Accounts with their connections, remembered between calls: whoever hands out a cached token, or
//! passes a call on, does not read them from the store each time.

use postroom_model::AccountId;
use postroom_model::account::Account;
use postroom_model::connection::Connection;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// So many are remembered at most.
const MOST: usize = 50_000;

/// What is remembered.
#[derive(Default)]
pub(crate) struct Identities {
    known: RwLock<HashMap<AccountId, Known>>,
}

struct Known {
    account: Arc<Account>,
    connection: Arc<Connection>,
    /// The store's version from before they were read.
    version: u64,
}

impl Identities {
    /// Both, unless something was written since they were read.
    pub(crate) fn get(
        &self,
        id: &AccountId,
        version: u64,
    ) -> Option<(Arc<Account>, Arc<Connection>)> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let found = known.get(id).filter(|known| known.version == version)?;
        Some((Arc::clone(&found.account), Arc::clone(&found.connection)))
    }

    /// Remembers what was read after the store had that version.
    pub(crate) fn put(&self, account: &Arc<Account>, connection: &Arc<Connection>, version: u64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(
            account.id.clone(),
            Known {
                account: Arc::clone(account),
                connection: Arc::clone(connection),
                version,
            },
        );
    }
}
