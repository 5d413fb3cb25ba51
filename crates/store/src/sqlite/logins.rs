//! Sign-ins under way.

use super::SqliteStore;
use super::accounts;
use super::errors::{Answer, Fault};
use super::values::{affected, count, kept, micros, named, time};
use super::writer::Tx;
use crate::contract::logins::Logins;
use crate::contract::{Result, StoreError};
use crate::seal::{Place, Vault};
use crate::text::{Texts as _, clean};
use async_trait::async_trait;
use postroom_model::account::{Account, AccountState};
use postroom_model::grant::Grant;
use postroom_model::login::{DeviceCode, Login, LoginStatus};
use postroom_model::{AccountId, ConnectionId, KeyId, LoginId, Secret, Timestamp};
use rusqlite::{Connection, Params, Row, params};
use std::time::Duration;

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
const IS_PENDING: &str =
    "SELECT EXISTS (SELECT 1 FROM logins WHERE id = $1 AND status = 'pending')";
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

fn login(row: &Row<'_>, vault: &Vault) -> Answer<Login> {
    let id: String = row.get(0)?;
    let open = |index: usize, column| -> Answer<Secret> {
        let sealed: Vec<u8> = row.get(index)?;
        Ok(vault.open_secret(place(&id, column), &sealed)?)
    };
    let device = match row.get::<_, Option<Vec<u8>>>(13)? {
        None => None,
        Some(sealed) => Some(DeviceCode {
            device_code: vault.open_secret(code_place(&id), &sealed)?,
            user_code: row.get(14)?,
            verification_uri: row.get(15)?,
            message: row.get(16)?,
            interval: Duration::from_secs(count(row.get(17)?)),
        }),
    };
    Ok(Login {
        connection: ConnectionId::new(row.get::<_, String>(1)?),
        key: row.get::<_, Option<String>>(2)?.map(KeyId::new),
        status: named(row.get(3)?)?,
        authorize_url: open(4, "authorize_url")?.reveal().to_owned(),
        redirect_uri: row.get(5)?,
        state: open(6, "state")?,
        nonce: open(7, "nonce")?,
        verifier: open(8, "verifier")?,
        account: row.get::<_, Option<String>>(9)?.map(AccountId::new),
        error: row.get(10)?,
        created_at: time(row.get(11)?)?,
        expires_at: time(row.get(12)?)?,
        device,
        id: LoginId::new(id),
    })
}

fn find(
    connection: &Connection,
    vault: &Vault,
    sql: &str,
    by: impl Params,
) -> Answer<Option<Login>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(by)?;
    rows.next()?.map(|row| login(row, vault)).transpose()
}

/// Ends a connection's sign-ins under way; gives which.
pub(super) fn fail_of_connection(tx: &Tx<'_>, connection: &str, why: &str) -> Answer<Vec<LoginId>> {
    tx.prepare_cached(FAIL_OF_CONNECTION)?
        .query_and_then([why, connection], |row| {
            Ok(LoginId::new(row.get::<_, String>(0)?))
        })?
        .collect()
}

#[async_trait]
impl Logins for SqliteStore {
    async fn insert_login(&self, login: &Login) -> Result<()> {
        let (login, vault) = (login.cleaned(), self.vault());
        self.write("adding a sign-in", move |tx| {
            let id = login.id.as_str();
            tx.prepare_cached(INSERT)?.execute(params![
                id,
                login.connection.as_str(),
                login.key.as_ref().map(KeyId::as_str),
                login.status.name(),
                vault.seal(place(id, "authorize_url"), &login.authorize_url)?,
                login.redirect_uri,
                hash(&login.state),
                vault.seal(place(id, "state"), login.state.reveal())?,
                vault.seal(place(id, "nonce"), login.nonce.reveal())?,
                vault.seal(place(id, "verifier"), login.verifier.reveal())?,
                login.account.as_ref().map(AccountId::as_str),
                login.error,
                micros(login.created_at),
                micros(login.expires_at),
            ])?;
            if let Some(device) = &login.device {
                tx.prepare_cached(INSERT_CODE)?.execute(params![
                    id,
                    vault.seal(code_place(id), device.device_code.reveal())?,
                    device.user_code,
                    device.verification_uri,
                    device.message,
                    kept(device.interval.as_secs()),
                ])?;
            }
            Ok(())
        })
        .await
    }

    async fn login(&self, id: &LoginId) -> Result<Option<Login>> {
        self.read("reading a sign-in", |connection| {
            find(
                connection,
                &self.0.vault,
                select!("WHERE id = $1"),
                [id.as_str()],
            )
        })
    }

    async fn login_by_state(&self, state: &Secret) -> Result<Option<Login>> {
        let found = self.read("looking up a sign-in", |connection| {
            find(
                connection,
                &self.0.vault,
                select!("WHERE state_hash = $1"),
                [hash(state)],
            )
        })?;
        Ok(found.filter(|login| login.state == *state))
    }

    async fn device_logins(&self) -> Result<Vec<Login>> {
        self.read("listing sign-ins", |connection| {
            let mut statement = connection.prepare_cached(select!(
                "WHERE status = 'pending' AND device_code IS NOT NULL ORDER BY created_at, id"
            ))?;
            let mut found = Vec::new();
            for one in statement.query_and_then([], |row| login(row, &self.0.vault))? {
                match one {
                    Err(Fault::Store(error @ StoreError::Sealed { .. })) => {
                        tracing::warn!(%error, "a sign-in under way is left out");
                    }
                    one => found.push(one?),
                }
            }
            Ok(found)
        })
    }

    async fn fail_login(&self, id: &LoginId, status: LoginStatus, error: &str) -> Result<bool> {
        let (id, error) = (id.clone(), clean(error).into_owned());
        self.write("ending a sign-in", move |tx| {
            let rows =
                tx.prepare_cached(FAIL)?
                    .execute(params![status.name(), error, id.as_str()])?;
            Ok(rows > 0)
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
        let (id, account, grant) = (id.clone(), account.clone(), grant.clone());
        let vault = self.vault();
        self.write("completing a sign-in", move |tx| {
            let pending: bool = tx
                .prepare_cached(IS_PENDING)?
                .query_row([id.as_str()], |row| row.get(0))?;
            if !pending {
                return Ok(None);
            }
            let there =
                accounts::of_user(tx, account.connection.as_str(), account.user_id.as_deref())?;
            let now = Account {
                id: there.map_or(account.id, |there| there.id),
                state: AccountState::Active,
                reason: None,
                expires_at: Some(expires_at),
                ..account
            };
            accounts::put(tx, &now)?;
            accounts::put_grant(tx, &vault, &now.id, &grant, expires_at)?;
            tx.prepare_cached(MET)?.execute([now.id.as_str()])?;
            tx.prepare_cached(COMPLETE)?
                .execute(params![now.id.as_str(), id.as_str()])?;
            Ok(Some(now))
        })
        .await
    }

    async fn overdue_logins(&self, now: Timestamp) -> Result<Vec<LoginId>> {
        self.read("listing overdue sign-ins", |connection| {
            let mut statement = connection.prepare_cached(OVERDUE)?;
            statement
                .query_and_then([micros(now)], |row| {
                    Ok(LoginId::new(row.get::<_, String>(0)?))
                })?
                .collect()
        })
    }

    async fn prune_logins(&self, before: Timestamp) -> Result<u64> {
        self.write("forgetting sign-ins", move |tx| {
            Ok(affected(
                tx.prepare_cached(PRUNE)?.execute([micros(before)])?,
            ))
        })
        .await
    }
}
