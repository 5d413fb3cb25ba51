//! Accounts and their grants.

use super::SqliteStore;
use super::errors::{Answer, Fault};
use super::mailboxes;
use super::values::{from_json, micros, micros_of, named, time, time_of, to_json};
use super::writer::Tx;
use crate::contract::accounts::Accounts;
use crate::contract::{Result, StoreError};
use crate::seal::{Place, Vault};
use crate::text::{Texts as _, clean};
use async_trait::async_trait;
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::grant::Grant;
use postroom_model::{AccountId, ConnectionId, Secret, Timestamp};
use rusqlite::{Connection, Params, Row, params};

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, connection, kind, user_id, user_principal_name, display_name, state,
                reason, since, expires_at FROM accounts ",
            $end
        )
    };
}

const BY_ID: &str = select!("WHERE id = $1");
const BY_USER: &str = select!("WHERE connection = $1 AND COALESCE(user_id, '') = $2");
const PUT: &str = "INSERT INTO accounts (id, connection, kind, user_id, user_principal_name,
        display_name, state, reason, since, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (id) DO UPDATE SET connection = excluded.connection, kind = excluded.kind,
        user_id = excluded.user_id, user_principal_name = excluded.user_principal_name,
        display_name = excluded.display_name, state = excluded.state, reason = excluded.reason,
        since = excluded.since, expires_at = excluded.expires_at";
const SET_STATE: &str = "UPDATE accounts SET state = $1, reason = $2, since = $3
    WHERE id = $4 AND (state <> $1 OR COALESCE(reason, '') <> COALESCE($2, ''))";
const REMOVE: &str = "DELETE FROM accounts WHERE id = $1";
const GRANT: &str = "SELECT refresh_token, scopes, received_at FROM grants WHERE account = $1";
const PUT_GRANT: &str = "INSERT INTO grants (account, refresh_token, scopes, received_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (account) DO UPDATE SET refresh_token = excluded.refresh_token,
        scopes = excluded.scopes, received_at = excluded.received_at";
const CHALLENGE: &str = "SELECT claims FROM claims_challenges WHERE account = $1";
const PUT_CHALLENGE: &str = "INSERT INTO claims_challenges (claims, account)
    SELECT $1, id FROM accounts WHERE id = $2
    ON CONFLICT (account) DO UPDATE SET claims = excluded.claims";
const SET_END: &str = "UPDATE accounts SET expires_at = $1 WHERE id = $2";

/// The kind's name in the store, which is the one in JSON.
pub(super) fn kind_name(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::User => "user",
        AccountKind::Application => "application",
    }
}

fn place(account: &str) -> Place<'_> {
    Place {
        table: "grants",
        row: account,
        column: "refresh_token",
    }
}

fn account(row: &Row<'_>) -> Answer<Account> {
    Ok(Account {
        id: AccountId::new(row.get::<_, String>(0)?),
        connection: ConnectionId::new(row.get::<_, String>(1)?),
        kind: named(row.get(2)?)?,
        user_id: row.get(3)?,
        user_principal_name: row.get(4)?,
        display_name: row.get(5)?,
        state: named(row.get(6)?)?,
        reason: row.get(7)?,
        since: time(row.get(8)?)?,
        expires_at: time_of(row.get(9)?)?,
    })
}

fn find(connection: &Connection, sql: &str, by: impl Params) -> Answer<Option<Account>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(by)?;
    rows.next()?.map(account).transpose()
}

/// The account of a user, or of the application.
pub(super) fn of_user(
    connection: &Connection,
    of: &str,
    user_id: Option<&str>,
) -> Answer<Option<Account>> {
    find(
        connection,
        BY_USER,
        params![of, user_id.unwrap_or_default()],
    )
}

/// Adds an account or writes it anew.
pub(super) fn put(tx: &Tx<'_>, account: &Account) -> Answer<()> {
    let there = of_user(tx, account.connection.as_str(), account.user_id.as_deref())?;
    if let Some(there) = there.filter(|there| there.id != account.id) {
        return Err(Fault::Store(StoreError::Conflict {
            what: match account.kind {
                AccountKind::User => "an account of this user".into(),
                AccountKind::Application => "an account of the application".into(),
            },
            existing: there.id.into_string(),
        }));
    }
    let account = account.cleaned();
    tx.prepare_cached(PUT)?.execute(params![
        account.id.as_str(),
        account.connection.as_str(),
        kind_name(account.kind),
        account.user_id,
        account.user_principal_name,
        account.display_name,
        account.state.name(),
        account.reason,
        micros(account.since),
        micros_of(account.expires_at),
    ])?;
    Ok(())
}

/// Writes a grant and how long the account lives by it.
pub(super) fn put_grant(
    tx: &Tx<'_>,
    vault: &Vault,
    account: &AccountId,
    grant: &Grant,
    expires_at: Timestamp,
) -> Answer<()> {
    let id = account.as_str();
    tx.prepare_cached(PUT_GRANT)?.execute(params![
        id,
        vault.seal(place(id), grant.refresh_token.reveal())?,
        to_json(&grant.scopes)?,
        micros(grant.received_at),
    ])?;
    tx.prepare_cached(SET_END)?
        .execute(params![micros(expires_at), id])?;
    Ok(())
}

/// An account's grant.
fn grant_of(connection: &Connection, vault: &Vault, account: &AccountId) -> Answer<Option<Grant>> {
    let mut statement = connection.prepare_cached(GRANT)?;
    let mut rows = statement.query([account.as_str()])?;
    let Some(row) = rows.next()? else {
        return Ok(None);
    };
    let sealed: Vec<u8> = row.get(0)?;
    Ok(Some(Grant {
        refresh_token: vault.open_secret(place(account.as_str()), &sealed)?,
        scopes: from_json(&row.get::<_, String>(1)?)?,
        received_at: time(row.get(2)?)?,
    }))
}

/// Whether that is the refresh token of an account's grant.
fn has_grant(tx: &Tx<'_>, vault: &Vault, account: &AccountId, token: &Secret) -> Answer<bool> {
    let grant = grant_of(tx, vault, account)?;
    Ok(grant.is_some_and(|grant| grant.refresh_token == *token))
}

#[async_trait]
impl Accounts for SqliteStore {
    async fn put_account(&self, account: &Account) -> Result<()> {
        let account = account.clone();
        self.write("writing an account", move |tx| put(tx, &account))
            .await
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>> {
        self.read("reading an account", |connection| {
            find(connection, BY_ID, [id.as_str()])
        })
    }

    async fn accounts(&self) -> Result<Vec<Account>> {
        self.read("listing accounts", |connection| {
            let mut statement = connection.prepare_cached(select!("ORDER BY made"))?;
            statement.query_and_then([], account)?.collect()
        })
    }

    async fn account_of(
        &self,
        connection: &ConnectionId,
        user_id: Option<&str>,
    ) -> Result<Option<Account>> {
        self.read("looking up an account", |database| {
            of_user(database, connection.as_str(), user_id)
        })
    }

    async fn set_account_state(
        &self,
        id: &AccountId,
        state: AccountState,
        reason: Option<&str>,
        at: Timestamp,
        by: Option<&Secret>,
    ) -> Result<bool> {
        let (id, reason, by) = (
            id.clone(),
            reason.map(|it| clean(it).into_owned()),
            by.cloned(),
        );
        let vault = self.vault();
        self.write("writing an account's state", move |tx| {
            if let Some(by) = by
                && !has_grant(tx, &vault, &id, &by)?
            {
                return Ok(false);
            }
            tx.prepare_cached(SET_STATE)?.execute(params![
                state.name(),
                reason,
                micros(at),
                id.as_str()
            ])?;
            Ok(true)
        })
        .await
    }

    async fn remove_account(&self, id: &AccountId) -> Result<bool> {
        let id = id.clone();
        self.write("removing an account", move |tx| {
            mailboxes::remove_of_account(tx, id.as_str())?;
            Ok(tx.prepare_cached(REMOVE)?.execute([id.as_str()])? > 0)
        })
        .await
    }

    async fn grant(&self, account: &AccountId) -> Result<Option<Grant>> {
        self.read("reading a grant", |connection| {
            grant_of(connection, &self.0.vault, account)
        })
    }

    async fn save_grant(
        &self,
        account: &AccountId,
        grant: &Grant,
        expires_at: Timestamp,
    ) -> Result<()> {
        let (account, grant, vault) = (account.clone(), grant.clone(), self.vault());
        self.write("writing a grant", move |tx| {
            put_grant(tx, &vault, &account, &grant, expires_at)
        })
        .await
    }

    async fn rotate_grant(
        &self,
        account: &AccountId,
        used: &Secret,
        grant: &Grant,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let (account, used, grant) = (account.clone(), used.clone(), grant.clone());
        let vault = self.vault();
        self.write("writing a grant", move |tx| {
            let is_there = has_grant(tx, &vault, &account, &used)?;
            if is_there {
                put_grant(tx, &vault, &account, &grant, expires_at)?;
            }
            Ok(is_there)
        })
        .await
    }

    async fn claims_challenge(&self, account: &AccountId) -> Result<Option<String>> {
        self.read("reading a claims challenge", |connection| {
            let mut statement = connection.prepare_cached(CHALLENGE)?;
            let mut rows = statement.query([account.as_str()])?;
            Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
        })
    }

    async fn put_claims_challenge(&self, account: &AccountId, claims: &str) -> Result<()> {
        let (account, claims) = (account.clone(), claims.to_owned());
        self.write("writing a claims challenge", move |tx| {
            tx.prepare_cached(PUT_CHALLENGE)?
                .execute(params![claims, account.as_str()])?;
            Ok(())
        })
        .await
    }
}
