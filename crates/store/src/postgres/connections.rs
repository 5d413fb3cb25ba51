//! Connections and their credentials.

use super::PostgresStore;
use super::errors::{Answer, Fault};
use super::server::{Session, Tx};
use super::values::{at, at_of, from_json, has_nul, named, texts, time, time_of, to_json};
use super::{accounts, logins, mailboxes, settings};
use crate::contract::connections::{ConnectionWrite, ConnectionWritten, Connections};
use crate::contract::{Result, StoreError};
use crate::credential_detail::CredentialDetail;
use crate::seal::{Place, Vault};
use crate::text::Texts as _;
use async_trait::async_trait;
use futures::FutureExt as _;
use postgres_types::ToSql;
use postroom_model::account::{AccountKind, AccountState};
use postroom_model::connection::{Connection, Credential, CredentialInfo};
use postroom_model::{ConnectionId, CredentialId, Timestamp};
use std::collections::HashMap;
use tokio_postgres::Row;

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
// Names are written by one at a time: seldom, and by people.
const LOCK_NAMES: &str = "LOCK TABLE connections IN SHARE ROW EXCLUSIVE MODE";
const INFOS: &str = "SELECT id, kind, expires_at, created_at, detail, taken_at, connection
    FROM credentials
    WHERE connection = ANY ($1) ORDER BY created_at DESC, id DESC";
const INSERT_CREDENTIAL: &str = "INSERT INTO credentials (connection, id, kind, expires_at,
        created_at, secret, detail)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const CREDENTIALS: &str = "SELECT id, kind, expires_at, created_at, detail, taken_at, secret
    FROM credentials
    WHERE connection = $1 ORDER BY created_at DESC, id DESC";
const REMOVE_CREDENTIAL: &str = "DELETE FROM credentials WHERE connection = $1 AND id = $2";
const REMOVE_CREDENTIALS: &str = "DELETE FROM credentials WHERE connection = $1";
const TAKEN: &str = "UPDATE credentials SET taken_at = $1
    WHERE connection = $2 AND id = $3 AND taken_at IS NULL";
const REFUSED: &str = "UPDATE credentials SET taken_at = NULL
    WHERE connection = $1 AND id = ANY ($2) AND taken_at IS NOT NULL";
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

fn info(row: &Row) -> Answer<CredentialInfo> {
    let detail: CredentialDetail = row
        .try_get::<_, Option<&str>>(4)?
        .map(from_json)
        .transpose()?
        .unwrap_or_default();
    Ok(CredentialInfo {
        id: CredentialId::new(row.try_get::<_, String>(0)?),
        kind: named(row.try_get(1)?)?,
        expires_at: time_of(row.try_get(2)?)?,
        created_at: time(row.try_get(3)?)?,
        taken_at: time_of(row.try_get(5)?)?,
        certificate: detail.certificate,
        federated: detail.federated,
    })
}

async fn select(
    session: &Session<'_>,
    sql: &str,
    by: &[&(dyn ToSql + Sync)],
) -> Answer<Vec<Connection>> {
    let mut found = Vec::new();
    for row in session.rows(sql, by).await? {
        found.push(Connection {
            id: ConnectionId::new(row.try_get::<_, String>(0)?),
            name: row.try_get(1)?,
            tenant_id: row.try_get(2)?,
            client_id: row.try_get(3)?,
            cloud: named(row.try_get(4)?)?,
            authority_url: row.try_get(5)?,
            graph_url: row.try_get(6)?,
            endpoints: from_json(row.try_get(7)?)?,
            redirect_uri: row.try_get(8)?,
            scopes: from_json(row.try_get(9)?)?,
            credentials: Vec::new(),
            created_at: time(row.try_get(10)?)?,
        });
    }
    let ids: Vec<&str> = found.iter().map(|it| it.id.as_str()).collect();
    let mut infos: HashMap<String, Vec<CredentialInfo>> = HashMap::new();
    for row in session.rows(INFOS, &[&ids]).await? {
        infos.entry(row.try_get(6)?).or_default().push(info(&row)?);
    }
    for connection in &mut found {
        connection.credentials = infos.remove(connection.id.as_str()).unwrap_or_default();
    }
    Ok(found)
}

async fn taken(tx: &Tx<'_>, sql: &str, connection: &Connection) -> Answer<()> {
    tx.execute(LOCK_NAMES, &[]).await?;
    let name = connection.name.to_lowercase();
    match tx.row_opt(sql, &[&name, &connection.id.as_str()]).await? {
        None => Ok(()),
        Some(row) => Err(Fault::Store(StoreError::Conflict {
            what: format!("the connection {:?}", connection.name),
            existing: row.try_get(0)?,
        })),
    }
}

fn credential(vault: &Vault, row: &Row) -> Answer<Credential> {
    let info = info(row)?;
    let secret = vault.open_or_empty(place(info.id.as_str()), row.try_get(6)?)?;
    Ok(Credential { info, secret })
}

async fn insert_credential(
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
    tx.execute(
        INSERT_CREDENTIAL,
        &[
            &connection.as_str(),
            &info.id.as_str(),
            &info.kind.name(),
            &at_of(info.expires_at),
            &at(info.created_at),
            &secret,
            &detail,
        ],
    )
    .await?;
    Ok(())
}

async fn update(
    tx: &Tx<'_>,
    vault: &Vault,
    write: ConnectionWrite<'_>,
) -> Answer<ConnectionWritten> {
    let (now, id) = (write.now, write.now.id.as_str());
    // From here on nobody else changes a connection, or adds one.
    taken(tx, SAME_NAME_AS_OTHER, now).await?;
    let Some(stands) = select(tx, select!("WHERE id = $1"), &[&id]).await?.pop() else {
        return Ok(ConnectionWritten::Gone);
    };
    if stands != *write.was {
        return Ok(ConnectionWritten::Stale);
    }
    let mut failed = Vec::new();
    if let Some((why, since)) = write.ends {
        // First, as whoever finishes a sign-in locks it first.
        failed = logins::fail_of_connection(tx, id, why).await?;
        tx.execute(END_GRANTS, &[&id]).await?;
        tx.execute(
            NEED_SIGN_IN,
            &[
                &AccountState::NeedsSignIn.name(),
                &why,
                &at(since),
                &id,
                &accounts::kind_name(AccountKind::User),
            ],
        )
        .await?;
    }
    if write.ends.is_some() || write.credential.is_some() {
        tx.execute(REMOVE_CREDENTIALS, &[&id]).await?;
    }
    if let Some(credential) = write.credential {
        insert_credential(tx, vault, &now.id, credential).await?;
    }
    tx.execute(
        UPDATE,
        &[
            &now.name,
            &now.name.to_lowercase(),
            &now.tenant_id,
            &now.client_id,
            &now.cloud.name(),
            &now.authority_url,
            &now.graph_url,
            &to_json(&now.endpoints)?,
            &now.redirect_uri,
            &to_json(&now.scopes)?,
            &id,
        ],
    )
    .await?;
    Ok(ConnectionWritten::Done(failed))
}

#[async_trait]
impl Connections for PostgresStore {
    async fn insert_connection(
        &self,
        connection: &Connection,
        credential: Option<&Credential>,
    ) -> Result<()> {
        let vault = &self.0.vault;
        let connection = &connection.cleaned();
        self.server()
            .write("adding a connection", move |tx| {
                async move {
                    taken(tx, SAME_NAME, connection).await?;
                    tx.execute(
                        INSERT,
                        &[
                            &connection.id.as_str(),
                            &connection.name,
                            &connection.name.to_lowercase(),
                            &connection.tenant_id,
                            &connection.client_id,
                            &connection.cloud.name(),
                            &connection.authority_url,
                            &connection.graph_url,
                            &to_json(&connection.endpoints)?,
                            &connection.redirect_uri,
                            &to_json(&connection.scopes)?,
                            &at(connection.created_at),
                        ],
                    )
                    .await?;
                    match credential {
                        Some(credential) => {
                            insert_credential(tx, vault, &connection.id, credential).await
                        }
                        None => Ok(()),
                    }
                }
                .boxed()
            })
            .await
    }

    async fn update_connection(&self, write: ConnectionWrite<'_>) -> Result<ConnectionWritten> {
        let vault = &self.0.vault;
        let now = &write.now.cleaned();
        let write = ConnectionWrite { now, ..write };
        self.server()
            .write("writing a connection", move |tx| {
                update(tx, vault, write).boxed()
            })
            .await
    }

    async fn connection(&self, id: &ConnectionId) -> Result<Option<Connection>> {
        self.server()
            .read("reading a connection", move |session| {
                async move {
                    let sql = select!("WHERE id = $1");
                    Ok(select(session, sql, &[&id.as_str()]).await?.pop())
                }
                .boxed()
            })
            .await
    }

    async fn connections(&self) -> Result<Vec<Connection>> {
        self.server()
            .read("listing connections", |session| {
                async move { select(session, select!("ORDER BY made"), &[]).await }.boxed()
            })
            .await
    }

    async fn remove_connection(&self, id: &ConnectionId) -> Result<bool> {
        self.server()
            .write("removing a connection", move |tx| {
                async move {
                    mailboxes::remove_of_connection(tx, id.as_str()).await?;
                    settings::remove_of_connection(tx, id).await?;
                    Ok(tx.execute(REMOVE, &[&id.as_str()]).await? > 0)
                }
                .boxed()
            })
            .await
    }

    async fn insert_credential(
        &self,
        connection: &ConnectionId,
        credential: &Credential,
    ) -> Result<()> {
        let vault = &self.0.vault;
        self.server()
            .write("adding a credential", move |tx| {
                insert_credential(tx, vault, connection, credential).boxed()
            })
            .await
    }

    async fn credentials(&self, connection: &ConnectionId) -> Result<Vec<Credential>> {
        let vault = &self.0.vault;
        self.server()
            .read("reading credentials", move |session| {
                async move {
                    let rows = session.rows(CREDENTIALS, &[&connection.as_str()]).await?;
                    rows.iter().map(|row| credential(vault, row)).collect()
                }
                .boxed()
            })
            .await
    }

    async fn remove_credential(
        &self,
        connection: &ConnectionId,
        credential: &CredentialId,
    ) -> Result<bool> {
        if has_nul(credential.as_str()) {
            return Ok(false);
        }
        self.server()
            .write("removing a credential", move |tx| {
                async move {
                    let values = (connection.as_str(), credential.as_str());
                    Ok(tx
                        .execute(REMOVE_CREDENTIAL, &[&values.0, &values.1])
                        .await?
                        > 0)
                }
                .boxed()
            })
            .await
    }

    async fn note_credential_taken(
        &self,
        connection: &ConnectionId,
        taken: &CredentialId,
        refused: &[CredentialId],
        time: Timestamp,
    ) -> Result<bool> {
        self.server()
            .write("noting which credential was taken", move |tx| {
                async move {
                    let values = (connection.as_str(), taken.as_str());
                    let taken = tx
                        .execute(TAKEN, &[&at(time), &values.0, &values.1])
                        .await?;
                    let refused = tx.execute(REFUSED, &[&values.0, &texts(refused)]).await?;
                    Ok(taken + refused > 0)
                }
                .boxed()
            })
            .await
    }
}
