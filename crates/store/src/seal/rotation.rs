//! Changing keys.
//!
//! A rotation is transactions that each leave a store that can be used: the new data key is put
//! beside the old one, ciphertexts are written anew some rows at a time, and the old key goes when
//! a whole look at every ciphertext found none that needs it. Cut off anywhere it is begun again
//! and goes on; an engine that runs in between opens with both keys and seals with the newer one.

use super::sealed::SEALED;
use super::vault::{Again, DataKey, Vault};
use super::{MasterKey, sealed::Sealed};
use crate::contract::data_keys::{Resealed, WrappedKey};
use crate::contract::tables::Table;
use crate::contract::{Result, Store, StoreError};
use crate::transfer::{Progress, Watcher};

/// Rows that are written anew in one transaction, unless somebody says otherwise.
pub const ROWS_AT_ONCE: u32 = 200;

/// What a rotation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Ciphertexts that were written anew.
    pub resealed: u64,
    /// Ciphertexts that no key opens: they stay as they are.
    pub unopened: u64,
    /// Whether this went on with one that was cut off.
    pub resumed: bool,
}

/// How a store's secrets stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VaultStatus {
    /// Ciphertexts.
    pub sealed: u64,
    /// Those of them that no key opens.
    pub unopened: u64,
    /// Whether a rotation was begun and is not finished: it is under way, or was cut off.
    pub unfinished: bool,
}

/// Gives the store a new data key and encrypts every secret with it. The store must be an engine's
/// (nobody else seals meanwhile), and has to be opened anew after that.
///
/// # Errors
///
/// `MasterKey` when the store was made with another one; what a store fails with otherwise, after
/// which it can be called again and goes on.
pub async fn rotate(
    store: &dyn Store,
    master: &MasterKey,
    rows_at_once: u32,
    watcher: Watcher<'_>,
) -> Result<Rotated> {
    let there = store.data_keys().await?;
    let mut rotated = Rotated {
        resumed: there.len() > 1,
        ..Rotated::default()
    };
    let keys = if rotated.resumed {
        there
    } else {
        let number = there.last().map_or(Vault::ONLY, |key| key.number + 1);
        let mut keys = there.clone();
        keys.push(DataKey::generate()?.wrap(master, number)?);
        // Before anything is written: the master key has to be the right one.
        Vault::open(master, &keys)?;
        replace(store, &there, &keys).await?;
        keys
    };
    let vault = Vault::open(master, &keys)?;
    watcher(progress(0));
    loop {
        let mut pass = Pass::default();
        for sealed in SEALED {
            pass.table(store, &vault, sealed, rows_at_once, &|done| {
                watcher(progress(rotated.resealed + done));
            })
            .await?;
        }
        rotated.resealed += pass.resealed;
        rotated.unopened = pass.unopened;
        if !pass.has_more {
            break;
        }
    }
    let newest = keys
        .last()
        .map(|kept| DataKey::unwrap(master, kept))
        .transpose()?;
    if let Some(newest) = newest {
        let only = newest.wrap(master, Vault::ONLY)?;
        replace(store, &keys, &[only]).await?;
    }
    Ok(rotated)
}

/// Encrypts the data keys with another master key, all at once. The store has to be opened anew,
/// with that one.
///
/// # Errors
///
/// `MasterKey` when the store was made with another one than `old`.
pub async fn change_master_key(store: &dyn Store, old: &MasterKey, new: &MasterKey) -> Result<()> {
    let there = store.data_keys().await?;
    let by = there
        .iter()
        .map(|kept| DataKey::unwrap(old, kept)?.wrap(new, kept.number))
        .collect::<Result<Vec<_>>>()?;
    replace(store, &there, &by).await
}

/// Looks at every ciphertext. Where the keys are changed meanwhile, it looks again: with the ones of
/// before, what is under the new one does not open.
///
/// # Errors
///
/// `MasterKey` when the store was made with another one.
pub async fn vault_status(store: &dyn Store, master: &MasterKey) -> Result<VaultStatus> {
    let mut keys = store.data_keys().await?;
    loop {
        let status = look(store, master, &keys).await?;
        let now = store.data_keys().await?;
        if now == keys {
            return Ok(status);
        }
        keys = now;
    }
}

async fn look(store: &dyn Store, master: &MasterKey, keys: &[WrappedKey]) -> Result<VaultStatus> {
    let vault = Vault::open(master, keys)?;
    let mut status = VaultStatus {
        unfinished: keys.len() > 1,
        ..VaultStatus::default()
    };
    for sealed in SEALED {
        each_page(store, sealed, ROWS_AT_ONCE, async |table, rows| {
            for row in &rows {
                for lying in sealed.of(table, row) {
                    status.sealed += 1;
                    if vault.open_secret(lying.place, lying.sealed).is_err() {
                        status.unopened += 1;
                    }
                }
            }
            Ok(())
        })
        .await?;
    }
    Ok(status)
}

fn progress(done: u64) -> Progress {
    Progress {
        doing: "secrets",
        done,
        of: 0,
    }
}

async fn replace(store: &dyn Store, there: &[WrappedKey], by: &[WrappedKey]) -> Result<()> {
    if store.replace_data_keys(there, by).await? {
        return Ok(());
    }
    Err(StoreError::Database {
        doing: "changing the data key".into(),
        reason: "somebody else is changing it: try again when that has ended".into(),
    })
}

/// One look at every ciphertext.
#[derive(Default)]
struct Pass {
    resealed: u64,
    unopened: u64,
    /// Whether something was found that has to be looked at again.
    has_more: bool,
}

impl Pass {
    async fn table(
        &mut self,
        store: &dyn Store,
        vault: &Vault,
        sealed: &'static Sealed,
        rows_at_once: u32,
        told: &(dyn Fn(u64) + Sync),
    ) -> Result<()> {
        each_page(store, sealed, rows_at_once, async |table, rows| {
            let mut changes = Vec::new();
            for row in &rows {
                for lying in sealed.of(table, row) {
                    match vault.reseal(lying.place, lying.sealed)? {
                        Again::Newest => {}
                        Again::Unopened => self.unopened += 1,
                        Again::Resealed(to) => changes.push(Resealed {
                            key: table.key_of(row).to_vec(),
                            column: lying.place.column,
                            from: lying.sealed.to_vec(),
                            to,
                        }),
                    }
                }
            }
            if !changes.is_empty() {
                self.has_more = true;
                self.resealed += store.reseal(table, changes).await?;
                told(self.resealed);
            }
            Ok(())
        })
        .await
    }
}

/// All rows of a table, some at a time.
async fn each_page(
    store: &dyn Store,
    sealed: &Sealed,
    rows_at_once: u32,
    mut work: impl AsyncFnMut(&'static Table, Vec<crate::contract::tables::Row>) -> Result<()>,
) -> Result<()> {
    let Some(table) = sealed.table() else {
        return Ok(());
    };
    let mut after = None;
    loop {
        let rows = store
            .read_rows(table, after.as_deref(), rows_at_once.max(1))
            .await?;
        let Some(last) = rows.last() else {
            return Ok(());
        };
        after = Some(table.key_of(last).to_vec());
        work(table, rows).await?;
    }
}
