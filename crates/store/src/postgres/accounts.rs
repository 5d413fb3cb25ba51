//! Accounts and their grants.

use super::PostgresStore;
use super::errors::{Answer, Fault};
use super::mailboxes;
use super::server::{Session, Tx};
use super::values::{at, at_of, from_json, has_nul, named, time, time_of, to_json};
use crate::contract::accounts::Accounts;
use crate::contract::{Result, StoreError};
use crate::seal::{Place, Vault};
use crate::text::{Texts as _, clean};
use async_trait::async_trait;
use futures::FutureExt as _;
use postgres_types::ToSql;
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::grant::Grant;
use postroom_model::{AccountId, ConnectionId, Secret, Timestamp};
use tokio_postgres::Row;

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
// Of two that come at once, the second waits for the first here, and then finds it.
const LOCK_CONNECTION: &str = "SELECT 1 FROM connections WHERE id = $1 FOR NO KEY UPDATE";
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
const LOCK_GRANT: &str = "SELECT refresh_token, scopes, received_at FROM grants WHERE account = $1
    FOR UPDATE";
const PUT_GRANT: &str = "INSERT INTO grants (account, refresh_token, scopes, received_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (account) DO UPDATE SET refresh_token = excluded.refresh_token,
        scopes = excluded.scopes, received_at = excluded.received_at";
const CHALLENGE: &str = "SELECT claims FROM claims_challenges WHERE account = $1";
const PUT_CHALLENGE: &str = "INSERT INTO claims_challenges (account, claims)
    SELECT id, $2 FROM accounts WHERE id = $1
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

fn account(row: &Row) -> Answer<Account> {
    Ok(Account {
        id: AccountId::new(row.try_get::<_, String>(0)?),
        connection: ConnectionId::new(row.try_get::<_, String>(1)?),
        kind: named(row.try_get(2)?)?,
        user_id: row.try_get(3)?,
        user_principal_name: row.try_get(4)?,
        display_name: row.try_get(5)?,
        state: named(row.try_get(6)?)?,
        reason: row.try_get(7)?,
        since: time(row.try_get(8)?)?,
        expires_at: time_of(row.try_get(9)?)?,
    })
}

async fn find(
    session: &Session<'_>,
    sql: &str,
    by: &[&(dyn ToSql + Sync)],
) -> Answer<Option<Account>> {
    session
        .row_opt(sql, by)
        .await?
        .as_ref()
        .map(account)
        .transpose()
}

/// The account of a user, or of the application.
async fn of_user(
    session: &Session<'_>,
    of: &str,
    user_id: Option<&str>,
) -> Answer<Option<Account>> {
    find(session, BY_USER, &[&of, &user_id.unwrap_or_default()]).await
}

/// The account of a user, or of the application; until the transaction ends nobody else adds one.
pub(super) async fn lock_of_user(
    tx: &Tx<'_>,
    of: &str,
    user_id: Option<&str>,
) -> Answer<Option<Account>> {
    tx.rows(LOCK_CONNECTION, &[&of]).await?;
    of_user(tx, of, user_id).await
}

/// Adds an account or writes it anew.
pub(super) async fn put(tx: &Tx<'_>, account: &Account) -> Answer<()> {
    let of = account.connection.as_str();
    let there = lock_of_user(tx, of, account.user_id.as_deref()).await?;
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
    tx.execute(
        PUT,
        &[
            &account.id.as_str(),
            &of,
            &kind_name(account.kind),
            &account.user_id,
            &account.user_principal_name,
            &account.display_name,
            &account.state.name(),
            &account.reason,
            &at(account.since),
            &at_of(account.expires_at),
        ],
    )
    .await?;
    Ok(())
}

/// Writes a grant and how long the account lives by it.
pub(super) async fn put_grant(
    tx: &Tx<'_>,
    vault: &Vault,
    account: &AccountId,
    grant: &Grant,
    expires_at: Timestamp,
) -> Answer<()> {
    let id = account.as_str();
    let sealed = vault.seal(place(id), grant.refresh_token.reveal())?;
    let scopes = to_json(&grant.scopes)?;
    tx.execute(PUT_GRANT, &[&id, &sealed, &scopes, &at(grant.received_at)])
        .await?;
    tx.execute(SET_END, &[&at(expires_at), &id]).await?;
    Ok(())
}

/// An account's grant. With [`LOCK_GRANT`] it stays so until the transaction ends.
async fn grant_of(
    session: &Session<'_>,
    sql: &str,
    vault: &Vault,
    account: &AccountId,
) -> Answer<Option<Grant>> {
    let row = session.row_opt(sql, &[&account.as_str()]).await?;
    let Some(row) = row else { return Ok(None) };
    let sealed: &[u8] = row.try_get(0)?;
    Ok(Some(Grant {
        refresh_token: vault.open_secret(place(account.as_str()), sealed)?,
        scopes: from_json(row.try_get(1)?)?,
        received_at: time(row.try_get(2)?)?,
    }))
}

/// Whether that is the refresh token of an account's grant, until the transaction ends.
async fn has_grant(
    tx: &Tx<'_>,
    vault: &Vault,
    account: &AccountId,
    token: &Secret,
) -> Answer<bool> {
    let grant = grant_of(tx, LOCK_GRANT, vault, account).await?;
    Ok(grant.is_some_and(|grant| grant.refresh_token == *token))
}

#[async_trait]
impl Accounts for PostgresStore {
    async fn put_account(&self, account: &Account) -> Result<()> {
        self.server()
            .write("writing an account", move |tx| put(tx, account).boxed())
            .await
    }

    async fn account(&self, id: &AccountId) -> Result<Option<Account>> {
        self.server()
            .read("reading an account", move |session| {
                async move { find(session, BY_ID, &[&id.as_str()]).await }.boxed()
            })
            .await
    }

    async fn accounts(&self) -> Result<Vec<Account>> {
        self.server()
            .read("listing accounts", |session| {
                async move {
                    let rows = session.rows(select!("ORDER BY made"), &[]).await?;
                    rows.iter().map(account).collect()
                }
                .boxed()
            })
            .await
    }

    async fn account_of(
        &self,
        connection: &ConnectionId,
        user_id: Option<&str>,
    ) -> Result<Option<Account>> {
        self.server()
            .read("looking up an account", move |session| {
                of_user(session, connection.as_str(), user_id).boxed()
            })
            .await
    }

    async fn set_account_state(
        &self,
        id: &AccountId,
        state: AccountState,
        reason: Option<&str>,
        since: Timestamp,
        by: Option<&Secret>,
    ) -> Result<bool> {
        let vault = &self.0.vault;
        let reason = &reason.map(clean);
        self.server()
            .write("writing an account's state", move |tx| {
                async move {
                    if let Some(by) = by
                        && !has_grant(tx, vault, id, by).await?
                    {
                        return Ok(false);
                    }
                    let values = (state.name(), reason.as_deref(), at(since), id.as_str());
                    tx.execute(SET_STATE, &[&values.0, &values.1, &values.2, &values.3])
                        .await?;
                    Ok(true)
                }
                .boxed()
            })
            .await
    }

    async fn remove_account(&self, id: &AccountId) -> Result<bool> {
        if has_nul(id.as_str()) {
            return Ok(false);
        }
        self.server()
            .write("removing an account", move |tx| {
                async move {
                    mailboxes::remove_of_account(tx, id.as_str()).await?;
                    Ok(tx.execute(REMOVE, &[&id.as_str()]).await? > 0)
                }
                .boxed()
            })
            .await
    }

    async fn grant(&self, account: &AccountId) -> Result<Option<Grant>> {
        let vault = &self.0.vault;
        self.server()
            .read("reading a grant", move |session| {
                grant_of(session, GRANT, vault, account).boxed()
            })
            .await
    }

    async fn save_grant(
        &self,
        account: &AccountId,
        grant: &Grant,
        expires_at: Timestamp,
    ) -> Result<()> {
        let vault = &self.0.vault;
        self.server()
            .write("writing a grant", move |tx| {
                put_grant(tx, vault, account, grant, expires_at).boxed()
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
        let vault = &self.0.vault;
        self.server()
            .write("writing a grant", move |tx| {
                async move {
                    let is_there = has_grant(tx, vault, account, used).await?;
                    if is_there {
                        put_grant(tx, vault, account, grant, expires_at).await?;
                    }
                    Ok(is_there)
                }
                .boxed()
            })
            .await
    }

    async fn claims_challenge(&self, account: &AccountId) -> Result<Option<String>> {
        self.server()
            .read("reading a claims challenge", move |session| {
                async move {
                    let row = session.row_opt(CHALLENGE, &[&account.as_str()]).await?;
                    Ok(row.map(|row| row.try_get(0)).transpose()?)
                }
                .boxed()
            })
            .await
    }

    async fn put_claims_challenge(&self, account: &AccountId, claims: &str) -> Result<()> {
        self.server()
            .write("writing a claims challenge", move |tx| {
                async move {
                    tx.execute(PUT_CHALLENGE, &[&account.as_str(), &claims])
                        .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }
}
