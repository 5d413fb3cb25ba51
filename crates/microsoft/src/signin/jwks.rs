//! The keys that ID tokens are signed with (RFC 7517; entra-docs, `access-tokens.md`,
//! `signing-key-rollover.md`).

use super::discovery::Discovery;
use super::fetch::{Trying, fetch};
use crate::door::{Again, Door, DoorError, Outgoing, Subject, held, web_address};
use http::Method;
use jsonwebtoken::DecodingKey;
use postroom_model::clock::later;
use postroom_model::connection::Connection;
use postroom_model::{ConnectionId, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a set is believed (entra-docs, `signing-key-rollover.md`).
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a key that is not known may make us ask again, at most (the same).
const ASK_AGAIN: Duration = Duration::from_secs(5 * 60);
/// More keys than this are no set of Microsoft's.
const MOST_KEYS: usize = 100;

/// A key.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    /// Whose tokens it signs: an issuer, which can have the placeholder `{tenantid}`; `None` for
    /// any.
    pub(super) issuer: Option<String>,
    pub(super) key: DecodingKey,
}

/// A set.
pub(super) type Keys = Arc<Vec<Key>>;

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// As much of a key as is read. Microsoft's have no `alg`.
#[derive(Deserialize)]
struct Written {
    kty: String,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    n: String,
    e: String,
    #[serde(default)]
    issuer: Option<String>,
}

/// The sets that were read. One entry, and one request at a time, per connection.
#[derive(Default)]
pub(crate) struct KeyCache {
    entries: Mutex<HashMap<ConnectionId, Arc<Entry>>>,
}

#[derive(Default)]
struct Entry {
    fetching: tokio::sync::Mutex<()>,
    known: Mutex<Option<Known>>,
}

#[derive(Clone)]
struct Known {
    address: String,
    keys: Keys,
    /// Until when the set is believed.
    until: Timestamp,
    /// From when on an unknown key may make us ask again.
    ask_from: Timestamp,
}

impl KeyCache {
    fn entry(&self, connection: &ConnectionId) -> Arc<Entry> {
        Arc::clone(held(&self.entries).entry(connection.clone()).or_default())
    }

    pub(crate) fn forget(&self, connection: &ConnectionId) {
        held(&self.entries).remove(connection);
    }
}

impl Entry {
    fn known(&self, address: &str) -> Option<Known> {
        held(&self.known)
            .as_ref()
            .filter(|known| known.address == address)
            .cloned()
    }
}

impl Known {
    /// Whether there is no reason to ask.
    fn is_enough(&self, kid: Option<&str>, now: Timestamp) -> bool {
        let has = kid.is_none_or(|kid| self.keys.iter().any(|key| key.id.as_deref() == Some(kid)));
        now < self.until && (has || now < self.ask_from)
    }
}

impl Door {
    /// The keys of the connection's sign-in service, with the one named if it has it. `None` where
    /// no address of keys is known: the endpoints are set by hand.
    ///
    /// The set is read once in 24 hours, and again for a key that is not in it, at most every 5
    /// minutes. Where no new one can be had, the last good one is used on.
    pub(super) async fn signing_keys(
        &self,
        connection: &Connection,
        discovery: &Discovery,
        kid: Option<&str>,
    ) -> Result<Option<Keys>, DoorError> {
        let Some(address) = &discovery.jwks else {
            return Ok(None);
        };
        let entry = self.house.keys.entry(&connection.id);
        let enough = |known: &Known| known.is_enough(kid, self.house.clock.now());
        if let Some(known) = entry.known(address).filter(enough) {
            return Ok(Some(known.keys));
        }
        let _one_at_a_time = entry.fetching.lock().await;
        let old = match entry.known(address) {
            Some(known) if enough(&known) => return Ok(Some(known.keys)),
            old => old,
        };
        let read = self.read_keys(connection, address).await;
        let now = self.house.clock.now();
        let known = match (read, old) {
            (Ok(keys), _) => Known {
                address: address.clone(),
                keys,
                until: later(now, LIFETIME),
                ask_from: later(now, ASK_AGAIN),
            },
            (Err(error), Some(old)) => {
                tracing::warn!(connection = %connection.name, %error, "reading the signing keys failed; the last ones are used on");
                let again = later(now, ASK_AGAIN);
                Known {
                    until: old.until.max(again),
                    ask_from: again,
                    ..old
                }
            }
            (Err(error), None) => return Err(error),
        };
        let keys = Arc::clone(&known.keys);
        *held(&entry.known) = Some(known);
        Ok(Some(keys))
    }

    async fn read_keys(&self, connection: &Connection, address: &str) -> Result<Keys, DoorError> {
        let outgoing = Outgoing {
            method: Method::GET,
            url: web_address(address)?,
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
            tokens: false,
        };
        let subject = Subject::connection(connection, "sign-in");
        let fetched = fetch(self, &subject, outgoing, Trying::Freely).await?;
        if !(200..300).contains(&fetched.status) {
            let now = self.house.clock.now();
            let error = super::token_endpoint::refused(connection, &fetched, now);
            if matches!(error.again(), Again::Later(_)) {
                return Err(error);
            }
        }
        read(&fetched.body).map_err(|what| DoorError::Malformed {
            connection: connection.name.clone(),
            what: format!("at {address} there are {what}; check the connection's addresses"),
            doubtful: false,
        })
    }
}

/// Keys of other kinds and uses are passed over.
fn read(body: &[u8]) -> Result<Keys, &'static str> {
    let document: Document =
        serde_json::from_slice(body).map_err(|_| "no signing keys (no JSON Web Key Set)")?;
    let keys: Vec<Key> = document
        .keys
        .into_iter()
        .take(MOST_KEYS)
        .filter_map(|key| serde_json::from_value::<Written>(key).ok())
        .filter(|key| key.kty == "RSA")
        .filter(|key| key.usage.as_deref().is_none_or(|usage| usage == "sig"))
        .filter(|key| key.alg.as_deref().is_none_or(|alg| alg == "RS256"))
        .filter_map(|key| {
            Some(Key {
                key: DecodingKey::from_rsa_components(&key.n, &key.e).ok()?,
                id: key.kid,
                issuer: key.issuer,
            })
        })
        .collect();
    if keys.is_empty() {
        return Err("no RSA keys for signatures");
    }
    Ok(Arc::new(keys))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rsa_keys_for_signatures_count() {
        let set = r#"{"keys":[
            {"kty":"EC","crv":"P-256","x":"a","y":"b"},
            {"kty":"RSA","use":"enc","kid":"e","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","alg":"RS512","kid":"o","n":"AQAB","e":"AQAB"},
            {"kty":"RSA","use":"sig","kid":"s","n":"AQAB","e":"AQAB","issuer":"https://i/{tenantid}/v2.0"},
            {"kty":"RSA","kid":"broken","n":"!!","e":"AQAB"}, 7
        ]}"#;
        let keys = read(set.as_bytes()).expect("a set");
        assert_eq!(keys.len(), 1);
        assert_eq!(keys[0].id.as_deref(), Some("s"));
        for bad in ["", "{}", "<html>", r#"{"keys":[]}"#, r#"{"keys":{}}"#] {
            assert!(read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
