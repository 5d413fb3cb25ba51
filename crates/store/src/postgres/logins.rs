//! Sign-ins under way.

use super::PostgresStore;
use super::accounts;
use super::errors::{Answer, Fault};
use super::server::Session;
use super::values::{at, count, has_nul, kept, named, time};
use crate::contract::logins::Logins;
use crate::contract::{Result, StoreError};
use crate::seal::{Place, Vault};
use crate::text::{Texts as _, clean};
use async_trait::async_trait;
use futures::FutureExt as _;
use postgres_types::ToSql;
use postroom_model::account::{Account, AccountState};
use postroom_model::grant::Grant;
use postroom_model::login::{DeviceCode, Login, LoginStatus};
use postroom_model::{AccountId, ConnectionId, KeyId, LoginId, Secret, Timestamp};
use std::time::Duration;
use tokio_postgres::Row;

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, connection, key, status, authorize_url, redirect_uri, state, nonce,
                verifier, account, error, created_at, expires_at, device_code, user_code,
                verification_uri, message, interval_seconds
             FROM logins LEFT JOIN device_codes ON login = id ",
            $end
        )
    };
}

const BY_ID: &str = select!("WHERE id = $1");
const PENDING_CODES: &str =
    select!("WHERE status = 'pending' AND device_code IS NOT NULL ORDER BY created_at, id");
const BY_STATE: &str = select!("WHERE state_hash = $1");
const INSERT: &str = "INSERT INTO logins (id, connection, key, status, authorize_url, redirect_uri,
        state_hash, state, nonce, verifier, account, error, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const INSERT_CODE: &str =
    "INSERT INTO device_codes (login, device_code, user_code, verification_uri,
        message, interval_seconds)
    VALUES ($1, $2, $3, $4, $5, $6)";
const FAIL: &str = "UPDATE logins SET status = $1, error = $2 WHERE id = $3 AND status = 'pending'";
const FAIL_OF_CONNECTION: &str = "UPDATE logins SET status = 'failed', error = $1
    WHERE connection = $2 AND status = 'pending' RETURNING id";
const COMPLETE: &str = "UPDATE logins SET status = 'completed', account = $1, error = NULL
    WHERE id = $2 AND status = 'pending'";
// Of two that complete it, the second waits here, and then it is pending no more.
const LOCK_PENDING: &str = "SELECT 1 FROM logins WHERE id = $1 AND status = 'pending' FOR UPDATE";
const OVERDUE: &str = "SELECT id FROM logins WHERE status = 'pending' AND expires_at <= $1
    ORDER BY expires_at, id";
const MET: &str = "DELETE FROM claims_challenges WHERE account = $1";
const PRUNE: &str = "DELETE FROM logins WHERE status <> 'pending' AND created_at < $1";

fn place<'a>(login: &'a str, column: &'static str) -> Place<'a> {
    Place {
        table: "logins",
        row: login,
        column,
    }
}

fn code_place(login: &str) -> Place<'_> {
    Place {
        table: "device_codes",
        row: login,
        column: "device_code",
    }
}

/// A state is random: its hash tells nothing of it.
fn hash(state: &Secret) -> [u8; 32] {
    *blake3::hash(state.reveal().as_bytes()).as_bytes()
}

fn login(row: &Row, vault: &Vault) -> Answer<Login> {
    let id: String = row.try_get(0)?;
    let open = |index: usize, column| -> Answer<Secret> {
        Ok(vault.open_secret(place(&id, column), row.try_get(index)?)?)
    };
    let device = match row.try_get::<_, Option<&[u8]>>(13)? {
        None => None,
        Some(sealed) => Some(DeviceCode {
            device_code: vault.open_secret(code_place(&id), sealed)?,
            user_code: row.try_get(14)?,
            verification_uri: row.try_get(15)?,
            message: row.try_get(16)?,
            interval: Duration::from_secs(count(row.try_get(17)?)),
        }),
    };
    Ok(Login {
        connection: ConnectionId::new(row.try_get::<_, String>(1)?),
        key: row.try_get::<_, Option<String>>(2)?.map(KeyId::new),
        status: named(row.try_get(3)?)?,
        authorize_url: open(4, "authorize_url")?.reveal().to_owned(),
        redirect_uri: row.try_get(5)?,
        state: open(6, "state")?,
        nonce: open(7, "nonce")?,
        verifier: open(8, "verifier")?,
        account: row.try_get::<_, Option<String>>(9)?.map(AccountId::new),
        error: row.try_get(10)?,
        created_at: time(row.try_get(11)?)?,
        expires_at: time(row.try_get(12)?)?,
        device,
        id: LoginId::new(id),
    })
}

async fn find(
    session: &Session<'_>,
    vault: &Vault,
    sql: &str,
    by: &[&(dyn ToSql + Sync)],
) -> Answer<Option<Login>> {
    let row = session.row_opt(sql, by).await?;
    row.map(|row| login(&row, vault)).transpose()
}

/// Ends a connection's sign-ins under way; gives which.
pub(super) async fn fail_of_connection(
    session: &Session<'_>,
    connection: &str,
    why: &str,
) -> Answer<Vec<LoginId>> {
    let rows = session
        .rows(FAIL_OF_CONNECTION, &[&why, &connection])
        .await?;
    rows.iter()
        .map(|row| Ok(LoginId::new(row.try_get::<_, String>(0)?)))
        .collect()
}

#[async_trait]
impl Logins for PostgresStore {
    async fn insert_login(&self, login: &Login) -> Result<()> {
        let login = &login.cleaned();
        let vault = &self.0.vault;
        self.server()
            .write("adding a sign-in", move |tx| {
                async move {
                    let id = login.id.as_str();
                    tx.execute(
                        INSERT,
                        &[
                            &id,
                            &login.connection.as_str(),
                            &login.key.as_ref().map(KeyId::as_str),
                            &login.status.name(),
                            &vault.seal(place(id, "authorize_url"), &login.authorize_url)?,
                            &login.redirect_uri,
                            &hash(&login.state).as_slice(),
                            &vault.seal(place(id, "state"), login.state.reveal())?,
                            &vault.seal(place(id, "nonce"), login.nonce.reveal())?,
                            &vault.seal(place(id, "verifier"), login.verifier.reveal())?,
                            &login.account.as_ref().map(AccountId::as_str),
                            &login.error,
                            &at(login.created_at),
                            &at(login.expires_at),
                        ],
                    )
                    .await?;
                    if let Some(device) = &login.device {
                        let code = vault.seal(code_place(id), device.device_code.reveal())?;
                        tx.execute(
                            INSERT_CODE,
                            &[
                                &id,
                                &code,
                                &device.user_code,
                                &device.verification_uri,
                                &device.message,
                                &kept(device.interval.as_secs()),
                            ],
                        )
                        .await?;
                    }
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn login(&self, id: &LoginId) -> Result<Option<Login>> {
        let vault = &self.0.vault;
        self.server()
            .read("reading a sign-in", move |session| {
                async move { find(session, vault, BY_ID, &[&id.as_str()]).await }.boxed()
            })
            .await
    }

    async fn login_by_state(&self, state: &Secret) -> Result<Option<Login>> {
        let vault = &self.0.vault;
        let hash = &hash(state);
        let found = self
            .server()
            .read("looking up a sign-in", move |session| {
                async move { find(session, vault, BY_STATE, &[&hash.as_slice()]).await }.boxed()
            })
            .await?;
        Ok(found.filter(|login| login.state == *state))
    }

    async fn device_logins(&self) -> Result<Vec<Login>> {
        let vault = &self.0.vault;
        self.server()
            .read("listing sign-ins", move |session| {
                async move {
                    let rows = session.rows(PENDING_CODES, &[]).await?;
                    let mut found = Vec::with_capacity(rows.len());
                    for row in &rows {
                        match login(row, vault) {
                            Err(Fault::Store(error @ StoreError::Sealed { .. })) => {
                                tracing::warn!(%error, "a sign-in under way is left out");
                            }
                            one => found.push(one?),
                        }
                    }
                    Ok(found)
                }
                .boxed()
            })
            .await
    }

    async fn fail_login(&self, id: &LoginId, status: LoginStatus, error: &str) -> Result<bool> {
        if has_nul(id.as_str()) {
            return Ok(false);
        }
        let error = &*clean(error);
        self.server()
            .write("ending a sign-in", move |tx| {
                async move {
                    let values = (status.name(), id.as_str());
                    Ok(tx.execute(FAIL, &[&values.0, &error, &values.1]).await? > 0)
                }
                .boxed()
            })
            .await
    }

    async fn complete_login(
        &self,
        id: &LoginId,
        account: &Account,
        grant: &Grant,
        expires_at: Timestamp,
    ) -> Result<Option<Account>> {
        let vault = &self.0.vault;
        self.server()
            .write("completing a sign-in", move |tx| {
                async move {
                    if tx.row_opt(LOCK_PENDING, &[&id.as_str()]).await?.is_none() {
                        return Ok(None);
                    }
                    let of = account.connection.as_str();
                    let there = accounts::lock_of_user(tx, of, account.user_id.as_deref()).await?;
                    let now = Account {
                        id: there.map_or_else(|| account.id.clone(), |there| there.id),
                        state: AccountState::Active,
                        reason: None,
                        expires_at: Some(expires_at),
                        ..account.clone()
                    };
                    accounts::put(tx, &now).await?;
                    accounts::put_grant(tx, vault, &now.id, grant, expires_at).await?;
                    tx.execute(MET, &[&now.id.as_str()]).await?;
                    tx.execute(COMPLETE, &[&now.id.as_str(), &id.as_str()])
                        .await?;
                    Ok(Some(now))
                }
                .boxed()
            })
            .await
    }

    async fn overdue_logins(&self, now: Timestamp) -> Result<Vec<LoginId>> {
        self.server()
            .read("listing overdue sign-ins", move |session| {
                async move {
                    let rows = session.rows(OVERDUE, &[&at(now)]).await?;
                    rows.iter()
                        .map(|row| Ok(LoginId::new(row.try_get::<_, String>(0)?)))
                        .collect()
                }
                .boxed()
            })
            .await
    }

    async fn prune_logins(&self, before: Timestamp) -> Result<u64> {
        self.server()
            .write("forgetting sign-ins", move |tx| {
                async move { tx.execute(PRUNE, &[&at(before)]).await }.boxed()
            })
            .await
    }
}
