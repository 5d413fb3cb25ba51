//! As whom a call is made.

use postroom_model::account::Account;
use postroom_model::connection::Connection;
use std::sync::Arc;

/// As whom, through which connection, and on whose account in the call log a call is made.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The connection, as it is now.
    pub connection: Arc<Connection>,
    /// The account, as it is now.
    pub account: Arc<Account>,
    /// Who causes the call: `mirror`, `outbox`, a key's name.
    pub caller: Arc<str>,
}

impl Identity {
    /// The same identity, with another cause in the call log.
    pub fn for_caller(&self, caller: impl Into<Arc<str>>) -> Self {
        Self {
            caller: caller.into(),
            ..self.clone()
        }
    }
}
