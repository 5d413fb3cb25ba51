//! Keys, made and taken back.

use crate::access::{Caller, KEY};
use crate::connections::validate;
use crate::{Engine, Problem, Result};
use postroom_model::key::{Key, Scope};
use postroom_model::{KeyId, MailboxId, Network, Secret, Timestamp};

/// A key to be made.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// For people.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Mailboxes by id or address; `None`: all.
    pub mailboxes: Option<Vec<String>>,
    /// From where it opens anything; `None`: from anywhere.
    pub networks: Option<Vec<Network>>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// What is to be changed; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct KeyChange {
    /// See [`NewKey`].
    pub name: Option<String>,
    /// See [`NewKey`].
    pub scopes: Option<Vec<Scope>>,
    /// See [`NewKey`]; `Some(None)`: all mailboxes.
    pub mailboxes: Option<Option<Vec<String>>>,
    /// See [`NewKey`]; `Some(None)`: from anywhere.
    pub networks: Option<Option<Vec<Network>>>,
    /// See [`NewKey`].
    pub expires_at: Option<Option<Timestamp>>,
}

impl Engine {
    /// Makes a key and gives its text, once. `prk_` and 256 random bits.
    ///
    /// # Errors
    /// `forbidden` for a key that may do more than the caller's own; `invalidRequest` for a
    /// mailbox list together with `admin`, `connections` or `tokens`, for unknown mailboxes, for
    /// no scope.
    pub async fn create_key(&self, caller: &Caller, new: NewKey) -> Result<(Key, Secret)> {
        let now = self.now();
        let mailboxes = match &new.mailboxes {
            Some(named) => Some(self.mailboxes_named(caller, named).await?),
            None => None,
        };
        let key = Key {
            id: KeyId::new(self.shared.dice.timed_guid(now).to_string()),
            name: validate::name("key", &new.name)?,
            scopes: rules::scopes(new.scopes)?,
            mailboxes,
            networks: rules::networks(new.networks)?,
            expires_at: new.expires_at,
            revoked_at: None,
            created_at: now,
            last_used_at: None,
        };
        rules::coherent(&key)?;
        rules::not_over(key.expires_at, now)?;
        rules::within(caller, &key)?;
        let (secret, hash) = KEY.make(&*self.shared.dice);
        self.store().insert_key(&key, &hash).await?;
        self.shared.alerts.wake();
        Ok((key, secret))
    }

    /// All keys that were not revoked.
    pub async fn keys(&self) -> Result<Vec<Key>> {
        let mut keys = self.store().keys().await?;
        keys.retain(|key| key.revoked_at.is_none());
        Ok(keys)
    }

    /// Changes one, within the same limits as making it.
    pub async fn change_key(&self, caller: &Caller, id: &KeyId, change: KeyChange) -> Result<Key> {
        // What one change takes away, another that began before it does not bring back.
        let _turn = self.shared.access.changing_keys.lock().await;
        let mut key = self.unrevoked_key(id).await?;
        rules::within(caller, &key)?;
        if let Some(name) = &change.name {
            key.name = validate::name("key", name)?;
        }
        if let Some(scopes) = change.scopes {
            key.scopes = rules::scopes(scopes)?;
        }
        if let Some(mailboxes) = &change.mailboxes {
            key.mailboxes = match mailboxes {
                Some(named) => Some(self.mailboxes_named(caller, named).await?),
                None => None,
            };
        }
        if let Some(networks) = change.networks {
            key.networks = rules::networks(networks)?;
        }
        if let Some(expires_at) = change.expires_at {
            rules::not_over(expires_at, self.now())?;
            key.expires_at = expires_at;
        }
        rules::coherent(&key)?;
        rules::within(caller, &key)?;
        self.write_key(key).await
    }

    /// Revokes one, at once.
    pub async fn revoke_key(&self, caller: &Caller, id: &KeyId) -> Result<()> {
        let mut key = self.unrevoked_key(id).await?;
        // Any key may give itself back.
        if caller.owner().is_none_or(|own| own != key.id) {
            rules::within(caller, &key)?;
        }
        key.revoked_at = Some(self.now());
        self.write_key(key).await?;
        Ok(())
    }

    async fn unrevoked_key(&self, id: &KeyId) -> Result<Key> {
        self.store()
            .key(id)
            .await?
            .filter(|key| key.revoked_at.is_none())
            .ok_or_else(|| Problem::not_found("key", id.as_str()))
    }

    async fn write_key(&self, key: Key) -> Result<Key> {
        if self.store().update_key(&key).await? {
            self.shared.alerts.wake();
            Ok(key)
        } else {
            Err(Problem::not_found("key", key.id.as_str()))
        }
    }

    /// Mailboxes by id or address, each once.
    async fn mailboxes_named(&self, caller: &Caller, named: &[String]) -> Result<Vec<MailboxId>> {
        let mut found: Vec<MailboxId> = Vec::with_capacity(named.len());
        for name in named {
            let mailbox = self.mailbox_named(caller, name).await?.ok_or_else(|| {
                Problem::invalid(format!(
                    "There is no mailbox {name:?}: add it first, or name one that is there by its \
                     id or address."
                ))
            })?;
            if !found.contains(&mailbox.id) {
                found.push(mailbox.id);
            }
        }
        Ok(found)
    }
}

mod rules;
