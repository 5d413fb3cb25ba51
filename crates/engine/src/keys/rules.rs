//! What a key may be.

use crate::access::Caller;
use crate::{Code, Problem, Result};
use postroom_model::key::{Key, Scope};
use postroom_model::{Network, Timestamp};
use std::collections::HashSet;

/// The most networks of one key: all of them are looked at for each call.
const MOST_NETWORKS: usize = 100;

/// Scopes, each once and in order.
pub(super) fn scopes(mut scopes: Vec<Scope>) -> Result<Vec<Scope>> {
    scopes.sort_unstable();
    scopes.dedup();
    if scopes.is_empty() {
        return Err(Problem::invalid(
            "A key without a scope opens nothing: give it at least one.",
        ));
    }
    Ok(scopes)
}

/// Refuses a mailbox list beside scopes that reach beyond any mailbox, and an empty one.
pub(super) fn coherent(key: &Key) -> Result<()> {
    let Some(mailboxes) = &key.mailboxes else {
        return Ok(());
    };
    if mailboxes.is_empty() {
        return Err(Problem::invalid(
            "A key with an empty list of mailboxes reaches none: name at least one, or leave the \
             list out for all.",
        ));
    }
    let beyond: Vec<_> = Scope::NOT_WITH_MAILBOXES
        .iter()
        .filter(|scope| key.scopes.contains(scope))
        .map(|scope| scope.name())
        .collect();
    if beyond.is_empty() {
        return Ok(());
    }
    Err(Problem::invalid(format!(
        "A key with a list of mailboxes cannot hold {}, which reaches beyond them: leave out the \
         list or the scope.",
        beyond.join(", ")
    )))
}

/// Networks, each once; an empty list would open nothing from anywhere.
pub(super) fn networks(networks: Option<Vec<Network>>) -> Result<Option<Vec<Network>>> {
    let Some(mut networks) = networks else {
        return Ok(None);
    };
    let mut known = HashSet::new();
    networks.retain(|network| known.insert(*network));
    if networks.is_empty() {
        return Err(Problem::invalid(
            "A key with an empty list of networks opens nothing from anywhere: name at least one, \
             or leave the list out.",
        ));
    }
    if networks.len() > MOST_NETWORKS {
        return Err(Problem::invalid(format!(
            "A key has at most {MOST_NETWORKS} networks: name larger ones."
        )));
    }
    Ok(Some(networks))
}

/// Refuses an end that is over.
pub(super) fn not_over(expires_at: Option<Timestamp>, now: Timestamp) -> Result<()> {
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Problem::invalid(
            "The key would be expired from the start: `expiresAt` has to lie in the future.",
        ));
    }
    Ok(())
}

/// Refuses a key that may do more, reach more, open from more places or live longer than the
/// caller's own.
pub(super) fn within(caller: &Caller, key: &Key) -> Result<()> {
    let own = match caller {
        Caller::Local => return Ok(()),
        Caller::Key(own) => own,
        Caller::Person(_) => {
            return key
                .scopes
                .iter()
                .try_for_each(|scope| caller.require(*scope));
        }
    };
    let outlives = own
        .expires_at
        .is_some_and(|end| key.expires_at.is_none_or(|asked| asked > end));
    if own.covers(key) && !outlives {
        return Ok(());
    }
    let why = if outlives {
        "lives longer than yours"
    } else {
        "may do more than yours"
    };
    Err(Problem::new(
        Code::Forbidden,
        format!(
            "That key {why} ({:?}), and no key makes or changes such a one: ask somebody who has a \
             greater key, or use the command line beside the data.",
            own.name
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::clock::later;
    use postroom_model::{KeyId, MailboxId};
    use std::sync::Arc;
    use std::time::Duration;

    fn key(scopes: &[Scope], mailboxes: Option<&[&str]>, lives: Option<u64>) -> Key {
        Key {
            id: KeyId::new("k"),
            name: "test".to_owned(),
            scopes: scopes.to_vec(),
            mailboxes: mailboxes.map(|list| list.iter().copied().map(MailboxId::new).collect()),
            networks: None,
            expires_at: lives.map(|secs| later(Timestamp::UNIX_EPOCH, Duration::from_secs(secs))),
            revoked_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            last_used_at: None,
        }
    }

    #[test]
    fn never_more_than_the_own() {
        let read = [Scope::MailRead];
        let cases = [
            (
                key(&[Scope::Admin], None, None),
                key(&Scope::ALL, None, None),
                true,
            ),
            (
                key(&read, None, None),
                key(&[Scope::MailSend], None, None),
                false,
            ),
            (
                key(&read, None, None),
                key(&[Scope::Admin], None, None),
                false,
            ),
            (
                key(&read, Some(&["a"]), None),
                key(&read, None, None),
                false,
            ),
            (
                key(&read, Some(&["a"]), None),
                key(&read, Some(&["b"]), None),
                false,
            ),
            (
                key(&read, Some(&["a", "b"]), None),
                key(&read, Some(&["b"]), None),
                true,
            ),
            (key(&read, None, None), key(&read, Some(&["b"]), None), true),
            (key(&read, None, Some(9)), key(&read, None, None), false),
            (key(&read, None, Some(9)), key(&read, None, Some(10)), false),
            (key(&read, None, Some(9)), key(&read, None, Some(9)), true),
        ];
        for (own, asked, may) in cases {
            let caller = Caller::Key(Arc::new(own.clone()));
            assert_eq!(
                within(&caller, &asked).is_ok(),
                may,
                "{own:?} makes {asked:?}"
            );
            assert!(within(&Caller::Local, &asked).is_ok());
        }
    }

    #[test]
    fn never_from_more_places_than_the_own() {
        let from = |networks: Option<&[&str]>| Key {
            networks: networks.map(|list| {
                list.iter()
                    .map(|one| one.parse().expect("a network"))
                    .collect()
            }),
            ..key(&[Scope::MailRead], None, None)
        };
        let own = Caller::Key(Arc::new(from(Some(&["10.0.0.0/8", "2001:db8::/32"]))));
        assert!(within(&own, &from(Some(&["10.1.0.0/16"]))).is_ok());
        for more in [
            None,
            Some(&["0.0.0.0/0"][..]),
            Some(&["10.1.0.0/16", "::1"]),
        ] {
            assert!(within(&own, &from(more)).is_err(), "{more:?}");
        }
    }

    #[test]
    fn networks_are_named_once_and_are_not_none() {
        let list = |text: &[&str]| {
            let networks = text.iter().map(|one| one.parse().expect("a network"));
            super::networks(Some(networks.collect()))
        };
        assert!(list(&[]).is_err());
        let twice = list(&["10.0.0.1", "10.0.0.1/32"]).expect("fits");
        assert_eq!(twice.map(|list| list.len()), Some(1));
        assert!(super::networks(None).expect("fits").is_none());
    }

    #[test]
    fn a_list_goes_with_mailbox_scopes_only() {
        for scope in Scope::ALL {
            let with_list = coherent(&key(&[scope], Some(&["a"]), None));
            let beyond = Scope::NOT_WITH_MAILBOXES.contains(&scope);
            assert_eq!(with_list.is_err(), beyond, "{scope:?}");
            assert!(coherent(&key(&[scope], None, None)).is_ok());
        }
        assert!(coherent(&key(&[Scope::MailRead], Some(&[]), None)).is_err());
    }

    #[test]
    fn scopes_are_kept_once_and_none_is_refused() {
        assert!(scopes(vec![]).is_err());
        let kept = scopes(vec![Scope::MailSend, Scope::MailRead, Scope::MailSend]);
        assert_eq!(kept.ok(), Some(vec![Scope::MailRead, Scope::MailSend]));
    }
}
