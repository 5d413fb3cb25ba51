//! Hand-outs of tokens on their way into the call log. A program that asks for its token before each
//! of its own calls would fill the log with one line over and over: what one caller got of one token
//! within a moment is one entry, with how often and from when to when.

use crate::Engine;
use postroom_microsoft::Identity;
use postroom_model::call::CallRecord;
use postroom_model::ports::CallLog as _;
use postroom_model::{AccountId, CallId, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The moment.
const MOMENT: Duration = Duration::from_secs(5);
/// So many accounts wait for their entry at most; a hand-out beside them has one of its own.
const MOST: usize = 10_000;
/// The same for callers and scopes of one account.
const MOST_OF_ONE: usize = 16;

/// A hand-out. The token itself is not in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandOut<'a> {
    /// Whose token, and who has it.
    pub(crate) who: &'a Identity,
    /// For which scopes; empty: the connection's Graph.
    pub(crate) scopes: &'a [String],
    /// Until when it is good.
    pub(crate) until: Timestamp,
}

/// Hand-outs that wait for their entries.
#[derive(Debug, Default)]
pub(crate) struct HandOuts(Mutex<HashMap<AccountId, Vec<Together>>>);

/// What one caller got of one token.
#[derive(Debug)]
struct Together {
    who: Identity,
    scopes: Vec<String>,
    until: Timestamp,
    first: Timestamp,
    last: Timestamp,
    times: u64,
}

/// What became of a hand-out.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    /// It is counted, and others wait already.
    Counted,
    /// It is the first that waits.
    First,
    /// There is no room for it.
    Full,
}

impl HandOuts {
    fn take_in(&self, hand_out: &HandOut<'_>, at: Timestamp) -> Taken {
        let mut waiting = self.lock();
        let account = &hand_out.who.account.id;
        if let Some(of_account) = waiting.get_mut(account) {
            if let Some(same) = of_account.iter_mut().find(|one| one.is_like(hand_out)) {
                same.last = at;
                same.times += 1;
                return Taken::Counted;
            }
            if of_account.len() >= MOST_OF_ONE {
                return Taken::Full;
            }
            of_account.push(Together::of(hand_out, at));
            return Taken::Counted;
        }
        if waiting.len() >= MOST {
            return Taken::Full;
        }
        let first = waiting.is_empty();
        waiting.insert(account.clone(), vec![Together::of(hand_out, at)]);
        if first { Taken::First } else { Taken::Counted }
    }

    fn take_all(&self) -> impl Iterator<Item = Together> + use<> {
        std::mem::take(&mut *self.lock()).into_values().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Vec<Together>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Together {
    fn of(hand_out: &HandOut<'_>, at: Timestamp) -> Self {
        Self {
            who: hand_out.who.clone(),
            scopes: hand_out.scopes.to_vec(),
            until: hand_out.until,
            first: at,
            last: at,
            times: 1,
        }
    }

    /// Whether a hand-out is of the same token to the same caller.
    fn is_like(&self, hand_out: &HandOut<'_>) -> bool {
        self.until == hand_out.until
            && self.who.caller == hand_out.who.caller
            && self.who.connection.id == hand_out.who.connection.id
            && self.scopes == hand_out.scopes
    }
}

impl Engine {
    /// Notes a hand-out in the call log, though it is no call to Microsoft.
    pub(crate) fn note_hand_out(&self, hand_out: &HandOut<'_>) {
        let at = self.now();
        match self.shared.hand_outs.take_in(hand_out, at) {
            Taken::Counted => {}
            Taken::First => {
                let engine = self.clone();
                self.spawn(async move {
                    // The machine's time, not the engine's clock: nobody's work waits for this.
                    let _ = tokio::time::timeout(MOMENT, engine.stopping()).await;
                    engine.write_hand_outs();
                });
            }
            Taken::Full => self.write_together(&Together::of(hand_out, at)),
        }
    }

    /// Gives what waits to the call log.
    pub(crate) fn write_hand_outs(&self) {
        for together in self.shared.hand_outs.take_all() {
            self.write_together(&together);
        }
    }

    fn write_together(&self, together: &Together) {
        let scopes = said(&together.scopes);
        let mut path = format!("token handed out for {scopes} until {}", together.until);
        if together.times > 1 {
            path.push_str(&format!(", {} times", together.times));
        }
        let took = together.last.duration_since(together.first);
        self.shared.call_log.record(CallRecord {
            status: Some(200),
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(0),
            ..self.entry(&together.who, together.first, path)
        });
    }

    /// Notes that a token was asked for and not to be had.
    pub(crate) fn note_no_token(&self, who: &Identity, scopes: &[String], error: String) {
        let path = format!("token asked for, for {}", said(scopes));
        self.shared.call_log.record(CallRecord {
            error: Some(error),
            ..self.entry(who, self.now(), path)
        });
    }

    /// An entry of the call log. One without a status counts as failed.
    fn entry(&self, who: &Identity, at: Timestamp, path: String) -> CallRecord {
        let id = self.shared.dice.timed_guid(at).to_string();
        CallRecord {
            id: CallId::new(id.clone()),
            at,
            connection: who.connection.id.clone(),
            account: Some(who.account.id.clone()),
            mailbox: None,
            caller: who.caller.to_string(),
            method: "TOKEN".to_owned(),
            path,
            status: None,
            duration_ms: 0,
            request_bytes: 0,
            response_bytes: 0,
            attempt: 1,
            request_id: None,
            client_request_id: id,
            error: None,
            detail: None,
        }
    }
}

fn said(scopes: &[String]) -> String {
    match scopes {
        [] => "Graph".to_owned(),
        scopes => scopes.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::account::{Account, AccountKind, AccountState};
    use postroom_model::cloud::Cloud;
    use postroom_model::connection::{Connection, Endpoints};
    use std::sync::Arc;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    fn who(account: &str, caller: &str) -> Identity {
        Identity {
            connection: Arc::new(Connection {
                id: "c".into(),
                name: "c".to_owned(),
                tenant_id: "t".to_owned(),
                client_id: "a".to_owned(),
                cloud: Cloud::default(),
                authority_url: String::new(),
                graph_url: String::new(),
                endpoints: Endpoints::default(),
                redirect_uri: None,
                scopes: Vec::new(),
                credentials: Vec::new(),
                created_at: at(0),
            }),
            account: Arc::new(Account {
                id: account.into(),
                connection: "c".into(),
                kind: AccountKind::Application,
                user_id: None,
                user_principal_name: None,
                display_name: None,
                state: AccountState::Active,
                reason: None,
                since: at(0),
                expires_at: None,
            }),
            caller: caller.into(),
        }
    }

    fn take_in(hand_outs: &HandOuts, who: &Identity, until: i64, second: i64) -> Taken {
        let until = at(until);
        let hand_out = HandOut {
            who,
            scopes: &[],
            until,
        };
        hand_outs.take_in(&hand_out, at(second))
    }

    #[test]
    fn only_what_says_the_same_is_told_together() {
        let hand_outs = HandOuts::default();
        let (ours, theirs) = (who("a", "ours"), who("a", "theirs"));
        assert_eq!(take_in(&hand_outs, &ours, 100, 1), Taken::First);
        for (who, until, second) in [(&ours, 100, 2), (&theirs, 100, 2), (&ours, 200, 3)] {
            assert_eq!(take_in(&hand_outs, who, until, second), Taken::Counted);
        }
        assert_eq!(take_in(&hand_outs, &ours, 100, 4), Taken::Counted);
        let told: Vec<_> = hand_outs
            .take_all()
            .map(|one| {
                (
                    one.who.caller.to_string(),
                    one.until,
                    one.times,
                    one.first,
                    one.last,
                )
            })
            .collect();
        assert_eq!(
            told,
            [
                ("ours".to_owned(), at(100), 3, at(1), at(4)),
                ("theirs".to_owned(), at(100), 1, at(2), at(2)),
                ("ours".to_owned(), at(200), 1, at(3), at(3)),
            ]
        );
        assert_eq!(take_in(&hand_outs, &ours, 100, 5), Taken::First);
    }

    #[test]
    fn memory_is_bounded() {
        let hand_outs = HandOuts::default();
        for number in 0..MOST {
            let who = who(&number.to_string(), "k");
            assert_ne!(take_in(&hand_outs, &who, 1, 0), Taken::Full);
        }
        assert_eq!(take_in(&hand_outs, &who("more", "k"), 1, 0), Taken::Full);
        assert_eq!(take_in(&hand_outs, &who("0", "k"), 1, 0), Taken::Counted);
        for number in 1..MOST_OF_ONE {
            let who = who("0", &format!("k{number}"));
            assert_eq!(take_in(&hand_outs, &who, 1, 0), Taken::Counted);
        }
        assert_eq!(take_in(&hand_outs, &who("0", "more"), 1, 0), Taken::Full);
    }
}
