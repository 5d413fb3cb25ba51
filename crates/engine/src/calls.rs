//! The call log, filled and read.

use crate::access::{Action, Caller, Target};
use crate::{Engine, Problem, Result};
use postroom_model::CallId;
use postroom_model::call::CallRecord;
use postroom_model::key::Scope;
use postroom_store::contract::calls::CallQuery;
use std::time::Duration;

mod hand_outs;
mod hide;
mod log;

pub(crate) use hand_outs::{HandOut, HandOuts};
pub use log::StoreCallLog;

/// The most entries of one list.
const MOST: u32 = 500;

/// How long a reader waits for entries that are on their way into the store.
const PATIENCE: Duration = Duration::from_secs(1);

impl Engine {
    /// A list without details, newest first: what this caller may see of what `query` asks for.
    /// Query values are hidden unless the caller has `admin`.
    pub async fn calls(&self, caller: &Caller, mut query: CallQuery) -> Result<Vec<CallRecord>> {
        query.limit = query.limit.clamp(1, MOST);
        if let Some(own) = caller.mailboxes() {
            let mut mailboxes = own.to_vec();
            if let Some(asked) = &query.mailboxes {
                mailboxes.retain(|mailbox| asked.contains(mailbox));
            }
            if mailboxes.is_empty() {
                return Ok(Vec::new());
            }
            query.mailboxes = Some(mailboxes);
        }
        self.written_calls().await;
        let mut calls = self.store().list_calls(&query).await?;
        calls.iter_mut().for_each(|call| show_to(caller, call));
        Ok(calls)
    }

    /// One with its detail.
    pub async fn call(&self, caller: &Caller, id: &CallId) -> Result<CallRecord> {
        self.written_calls().await;
        let mut call = self
            .store()
            .call(id)
            .await?
            .ok_or_else(|| Problem::not_found("call", id.as_str()))?;
        let target = Target::Item {
            what: "call",
            id: id.as_str(),
            mailbox: call.mailbox.as_ref(),
        };
        self.authorize(caller, Action::GetCall, target).await?;
        show_to(caller, &mut call);
        Ok(call)
    }

    /// Whoever made a call wants to see it in the log: entries on their way are waited for.
    async fn written_calls(&self) {
        self.write_hand_outs();
        // Too late is no failure: the entries come with the next list.
        let _ = tokio::time::timeout(PATIENCE, self.shared.call_log.flush()).await;
    }
}

fn show_to(caller: &Caller, call: &mut CallRecord) {
    if !caller.has(Scope::Admin) {
        hide::query_values(call);
    }
}
