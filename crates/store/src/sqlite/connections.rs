//! Connections and their credentials.

use super::SqliteStore;
use super::errors::{Answer, Fault};
use super::values::{from_json, micros, micros_of, named, time, time_of, to_json};
use super::writer::Tx;
use super::{logins, mailboxes, settings};
use crate::contract::connections::{ConnectionWrite, ConnectionWritten, Connections};
use crate::contract::{Result, StoreError};
use crate::credential_detail::CredentialDetail;
use crate::seal::{Place, Vault};
use crate::text::Texts as _;
use async_trait::async_trait;
use postroom_model::account::{AccountKind, AccountState};
use postroom_model::connection::{Connection, Credential, CredentialInfo};
use postroom_model::{ConnectionId, CredentialId, Timestamp};
use rusqlite::{OptionalExtension as _, Params, Row, params};

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, name, tenant_id, client_id, cloud, authority_url, graph_url, endpoints,
                redirect_uri, scopes, created_at FROM connections ",
            $end
        )
    };
}

const INSERT: &str = "INSERT INTO connections (id, name, name_folded, tenant_id, client_id, cloud,
        authority_url, graph_url, endpoints, redirect_uri, scopes, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const UPDATE: &str = "UPDATE connections SET name = $1, name_folded = $2, tenant_id = $3,
        client_id = $4, cloud = $5, authority_url = $6, graph_url = $7, endpoints = $8,
        redirect_uri = $9, scopes = $10
    WHERE id = $11";
const REMOVE: &str = "DELETE FROM connections WHERE id = $1";
const SAME_NAME: &str = "SELECT id FROM connections WHERE name_folded = $1 OR id = $2 LIMIT 1";
const SAME_NAME_AS_OTHER: &str = "SELECT id FROM connections WHERE name_folded = $1 AND id <> $2";
const INFOS: &str = "SELECT id, kind, expires_at, created_at, detail, taken_at FROM credentials
    WHERE connection = $1 ORDER BY created_at DESC, id DESC";
const INSERT_CREDENTIAL: &str = "INSERT INTO credentials (connection, id, kind, expires_at,
        created_at, secret, detail)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const CREDENTIALS: &str = "SELECT id, kind, expires_at, created_at, detail, taken_at, secret
    FROM credentials
    WHERE connection = $1 ORDER BY created_at DESC, id DESC";
const REMOVE_CREDENTIALS: &str = "DELETE FROM credentials WHERE connection = $1";
const REMOVE_CREDENTIAL: &str = "DELETE FROM credentials WHERE connection = $1 AND id = $2";
const TAKEN: &str = "UPDATE credentials SET taken_at = $1
    WHERE connection = $2 AND id = $3 AND taken_at IS NULL";
const REFUSED: &str = "UPDATE credentials SET taken_at = NULL
    WHERE connection = $1 AND id = $2 AND taken_at IS NOT NULL";
const END_GRANTS: &str = "DELETE FROM grants
    WHERE account IN (SELECT id FROM accounts WHERE connection = $1)";
const NEED_SIGN_IN: &str = "UPDATE accounts SET state = $1, reason = $2, since = $3,
        expires_at = NULL
    WHERE connection = $4 AND kind = $5";

fn place(credential: &str) -> Place<'_> {
    Place {
        table: "credentials",
        row: credential,
        column: "secret",
    }
}

fn kind_of_account(kind: AccountKind) -> &'static str {
    super::accounts::kind_name(kind)
}

fn info(row: &Row<'_>) -> Answer<CredentialInfo> {
    let detail: CredentialDetail = row
        .get::<_, Option<String>>(4)?
        .map(|text| from_json(&text))
        .transpose()?
        .unwrap_or_default();
    Ok(CredentialInfo {
        id: CredentialId::new(row.get::<_, String>(0)?),
        kind: named(row.get(1)?)?,
        expires_at: time_of(row.get(2)?)?,
        created_at: time(row.get(3)?)?,
        taken_at: time_of(row.get(5)?)?,
        certificate: detail.certificate,
        federated: detail.federated,
    })
}

fn select(database: &rusqlite::Connection, sql: &str, by: impl Params) -> Answer<Vec<Connection>> {
    let mut statement = database.prepare_cached(sql)?;
    let mut infos = database.prepare_cached(INFOS)?;
    let mut rows = statement.query(by)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let credentials = infos
            .query_and_then([&id], info)?
            .collect::<Answer<Vec<_>>>()?;
        found.push(Connection {
            id: ConnectionId::new(id),
            name: row.get(1)?,
            tenant_id: row.get(2)?,
            client_id: row.get(3)?,
            cloud: named(row.get(4)?)?,
            authority_url: row.get(5)?,
            graph_url: row.get(6)?,
            endpoints: from_json(&row.get::<_, String>(7)?)?,
            redirect_uri: row.get(8)?,
            scopes: from_json(&row.get::<_, String>(9)?)?,
            credentials,
            created_at: time(row.get(10)?)?,
        });
    }
    Ok(found)
}

fn taken(tx: &Tx<'_>, sql: &str, connection: &Connection) -> Answer<()> {
    let existing: Option<String> = tx
        .prepare_cached(sql)?
        .query_row(
            params![connection.name.to_lowercase(), connection.id.as_str()],
            |row| row.get(0),
        )
        .optional()?;
    match existing {
        None => Ok(()),
        Some(existing) => Err(Fault::Store(StoreError::Conflict {
            what: format!("the connection {:?}", connection.name),
            existing,
        })),
    }
}

fn credential(vault: &Vault, row: &Row<'_>) -> Answer<Credential> {
    let info = info(row)?;
    let secret = vault.open_or_empty(
        place(info.id.as_str()),
        row.get_ref(6)?
            .as_blob()
            .map_err(|_| Fault::Broken("a secret is no blob"))?,
    )?;
    Ok(Credential { info, secret })
}

fn insert_credential(
    tx: &Tx<'_>,
    vault: &Vault,
    connection: &ConnectionId,
    credential: &Credential,
) -> Answer<()> {
    let info = &credential.info;
    let secret = vault.seal(place(info.id.as_str()), credential.secret.reveal())?;
    let detail = CredentialDetail::of(info)
        .map(|detail| to_json(&detail))
        .transpose()?;
    tx.prepare_cached(INSERT_CREDENTIAL)?.execute(params![
        connection.as_str(),
        info.id.as_str(),
        info.kind.name(),
        micros_of(info.expires_at),
        micros(info.created_at),
        secret,
        detail,
    ])?;
    Ok(())
}

#[async_trait]
impl Connections for SqliteStore {
    async fn insert_connection(
        &self,
        connection: &Connection,
        credential: Option<&Credential>,
    ) -> Result<()> {
        let (connection, credential) = (connection.cleaned(), credential.cloned());
        let vault = self.vault();
        self.write("adding a connection", move |tx| {
            taken(tx, SAME_NAME, &connection)?;
            tx.prepare_cached(INSERT)?.execute(params![
                connection.id.as_str(),
                connection.name,
                connection.name.to_lowercase(),
                connection.tenant_id,
                connection.client_id,
                connection.cloud.name(),
                connection.authority_url,
                connection.graph_url,
                to_json(&connection.endpoints)?,
                connection.redirect_uri,
                to_json(&connection.scopes)?,
                micros(connection.created_at),
            ])?;
            match credential {
                Some(credential) => insert_credential(tx, &vault, &connection.id, &credential),
                None => Ok(()),
            }
        })
        .await
    }

    async fn update_connection(&self, write: ConnectionWrite<'_>) -> Result<ConnectionWritten> {
        let (was, now) = (write.was.clone(), write.now.cleaned());
        let credential = write.credential.cloned();
        let ends = write.ends.map(|(why, at)| (why.to_owned(), at));
        let vault = self.vault();
        self.write("writing a connection", move |tx| {
            let id = now.id.as_str();
            let Some(stands) = select(tx, select!("WHERE id = $1"), [id])?.pop() else {
                return Ok(ConnectionWritten::Gone);
            };
            if stands != was {
                return Ok(ConnectionWritten::Stale);
            }
            taken(tx, SAME_NAME_AS_OTHER, &now)?;
            let mut failed = Vec::new();
            if let Some((why, at)) = &ends {
                failed = logins::fail_of_connection(tx, id, why)?;
                tx.prepare_cached(END_GRANTS)?.execute([id])?;
                tx.prepare_cached(NEED_SIGN_IN)?.execute(params![
                    AccountState::NeedsSignIn.name(),
                    why,
                    micros(*at),
                    id,
                    kind_of_account(AccountKind::User),
                ])?;
            }
            if ends.is_some() || credential.is_some() {
                tx.prepare_cached(REMOVE_CREDENTIALS)?.execute([id])?;
            }
            if let Some(credential) = credential {
                insert_credential(tx, &vault, &now.id, &credential)?;
            }
            tx.prepare_cached(UPDATE)?.execute(params![
                now.name,
                now.name.to_lowercase(),
                now.tenant_id,
                now.client_id,
                now.cloud.name(),
                now.authority_url,
                now.graph_url,
                to_json(&now.endpoints)?,
                now.redirect_uri,
                to_json(&now.scopes)?,
                id,
            ])?;
            Ok(ConnectionWritten::Done(failed))
        })
        .await
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>> {
        self.read("reading a connection", |database| {
            Ok(select(database, select!("WHERE id = $1"), [id.as_str()])?.pop())
        })
    }

    async fn connections(&self) -> Result<Vec<Connection>> {
        self.read("listing connections", |database| {
            select(database, select!("ORDER BY made"), [])
        })
    }

    async fn remove_connection(&self, id: &ConnectionId) -> Result<bool> {
        let id = id.clone();
        self.write("removing a connection", move |tx| {
            mailboxes::remove_of_connection(tx, id.as_str())?;
            settings::remove_of_connection(tx, &id)?;
            Ok(tx.prepare_cached(REMOVE)?.execute([id.as_str()])? > 0)
        })
        .await
    }

    async fn insert_credential(
        &self,
        connection: &ConnectionId,
        credential: &Credential,
    ) -> Result<()> {
        let (connection, credential) = (connection.clone(), credential.clone());
        let vault = self.vault();
        self.write("adding a credential", move |tx| {
            insert_credential(tx, &vault, &connection, &credential)
        })
        .await
    }

    async fn credentials(&self, connection: &ConnectionId) -> Result<Vec<Credential>> {
        self.read("reading credentials", |database| {
            let mut statement = database.prepare_cached(CREDENTIALS)?;
            statement
                .query_and_then([connection.as_str()], |row| credential(&self.0.vault, row))?
                .collect()
        })
    }

    async fn remove_credential(
        &self,
        connection: &ConnectionId,
        credential: &CredentialId,
    ) -> Result<bool> {
        let (connection, credential) = (connection.clone(), credential.clone());
        self.write("removing a credential", move |tx| {
            let rows = tx
                .prepare_cached(REMOVE_CREDENTIAL)?
                .execute(params![connection.as_str(), credential.as_str()])?;
            Ok(rows > 0)
        })
        .await
    }

    async fn note_credential_taken(
        &self,
        connection: &ConnectionId,
        taken: &CredentialId,
        refused: &[CredentialId],
        at: Timestamp,
    ) -> Result<bool> {
        let (connection, taken, refused) = (connection.clone(), taken.clone(), refused.to_vec());
        self.write("noting which credential was taken", move |tx| {
            let connection = connection.as_str();
            let mut rows = tx.prepare_cached(TAKEN)?.execute(params![
                micros(at),
                connection,
                taken.as_str()
            ])?;
            for refused in &refused {
                rows += tx
                    .prepare_cached(REFUSED)?
                    .execute([connection, refused.as_str()])?;
            }
            Ok(rows > 0)
        })
        .await
    }
}
