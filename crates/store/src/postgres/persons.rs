//! People who open the console.

use super::PostgresStore;
use super::errors::{Answer, Fault, is_duplicate};
use super::server::{Session, Tx};
use super::values::{Time, at, at_of, has_nul, named, time, time_of};
use crate::contract::keys::KeyHash;
use crate::contract::persons::Persons;
use crate::contract::{Result, StoreError};
use crate::text::Texts as _;
use async_trait::async_trait;
use futures::FutureExt as _;
use postgres_types::ToSql;
use postroom_model::PersonId;
use postroom_model::person::{MicrosoftIdentity, Person, SignInToken};
use tokio_postgres::Row;

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, name, address, role, tenant_id, object_id, created_at, signed_in_at
             FROM persons ",
            $end
        )
    };
}

const BY_ID: &str = select!("WHERE id = $1");
const BY_ADDRESS: &str = select!("WHERE address = $1");
const BY_IDENTITY: &str = select!("WHERE tenant_id = $1 AND object_id = $2");
const INSERT: &str = "INSERT INTO persons (id, name, address, role, tenant_id, object_id,
        created_at, signed_in_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const END_SESSIONS: &str = "DELETE FROM sessions WHERE person = $1 AND EXISTS (
    SELECT 1 FROM persons WHERE id = $1 AND tenant_id IS NOT NULL AND address IS DISTINCT FROM $2)";
const UPDATE: &str = "UPDATE persons SET name = $1, address = $2, role = $3,
    tenant_id = CASE WHEN address IS NOT DISTINCT FROM $2 THEN tenant_id END,
    object_id = CASE WHEN address IS NOT DISTINCT FROM $2 THEN object_id END
    WHERE id = $4";
const INVITED: &str = "SELECT 1 FROM persons WHERE id = $1 AND address = $2 AND tenant_id IS NULL";
const BIND: &str = "UPDATE persons SET tenant_id = $1, object_id = $2 WHERE id = $3";
const SAME: &str = "SELECT id FROM persons
    WHERE id <> $1 AND (address = $2 OR (tenant_id = $3 AND object_id = $4)) LIMIT 1";
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtext('postroom persons'))";
const REMOVE: &str = "DELETE FROM persons WHERE id = $1";
const REPLACE_TOKEN: &str = "DELETE FROM sign_in_tokens WHERE person IS NOT DISTINCT FROM $1";
const INSERT_TOKEN: &str = "INSERT INTO sign_in_tokens (hash, person, created_at, expires_at)
    VALUES ($1, $2, $3, $4)";
const TOKEN: &str = "SELECT person, created_at, expires_at FROM sign_in_tokens WHERE hash = $1";

/// A person whose columns begin at `first`.
pub(super) fn person(row: &Row, first: usize) -> Answer<Person> {
    let tenant: Option<String> = row.try_get(first + 4)?;
    let object: Option<String> = row.try_get(first + 5)?;
    Ok(Person {
        id: PersonId::new(row.try_get::<_, String>(first)?),
        name: row.try_get(first + 1)?,
        address: row.try_get(first + 2)?,
        role: named(row.try_get(first + 3)?)?,
        identity: tenant
            .zip(object)
            .map(|(tenant_id, object_id)| MicrosoftIdentity {
                tenant_id,
                object_id,
            }),
        created_at: time(row.try_get(first + 6)?)?,
        signed_in_at: time_of(row.try_get::<_, Option<Time>>(first + 7)?)?,
    })
}

pub(super) async fn by_id(session: &Session<'_>, id: &str) -> Answer<Option<Person>> {
    find(session, BY_ID, &[&id]).await
}

async fn find(
    session: &Session<'_>,
    sql: &str,
    by: &[&(dyn ToSql + Sync)],
) -> Answer<Option<Person>> {
    session
        .row_opt(sql, by)
        .await?
        .as_ref()
        .map(|row| person(row, 0))
        .transpose()
}

pub(super) fn token(row: &Row) -> Answer<SignInToken> {
    Ok(SignInToken {
        person: row.try_get::<_, Option<String>>(0)?.map(PersonId::new),
        created_at: time(row.try_get(1)?)?,
        expires_at: time(row.try_get(2)?)?,
    })
}

/// Whoever adds or renames a person does so alone: who is there already is asked first, for a
/// refused statement would end the transaction before that could be said.
pub(super) async fn lock(tx: &Tx<'_>) -> Answer<()> {
    tx.row(LOCK, &[]).await?;
    Ok(())
}

async fn free(tx: &Tx<'_>, person: &Person) -> Answer<()> {
    lock(tx).await?;
    let identity = person.identity.as_ref();
    let same = tx
        .row_opt(
            SAME,
            &[
                &person.id.as_str(),
                &person.address,
                &identity.map(|it| it.tenant_id.as_str()),
                &identity.map(|it| it.object_id.as_str()),
            ],
        )
        .await?;
    match same {
        None => Ok(()),
        Some(row) => Err(conflict(row.try_get(0)?)),
    }
}

fn conflict(existing: String) -> Fault {
    Fault::Store(StoreError::Conflict {
        what: "a person with that address or identity".to_owned(),
        existing,
    })
}

pub(super) async fn insert(tx: &Tx<'_>, person: &Person) -> Answer<()> {
    let person = &person.cleaned();
    free(tx, person).await?;
    let identity = person.identity.as_ref();
    let inserted = tx
        .execute(
            INSERT,
            &[
                &person.id.as_str(),
                &person.name,
                &person.address,
                &person.role.name(),
                &identity.map(|it| it.tenant_id.as_str()),
                &identity.map(|it| it.object_id.as_str()),
                &at(person.created_at),
                &at_of(person.signed_in_at),
            ],
        )
        .await;
    match inserted {
        Ok(_) => Ok(()),
        Err(fault) if is_duplicate(&fault) => Err(conflict(person.id.as_str().to_owned())),
        Err(fault) => Err(fault),
    }
}

#[async_trait]
impl Persons for PostgresStore {
    async fn insert_person(&self, person: &Person) -> Result<()> {
        self.server()
            .write("adding a person", move |tx| {
                async move { insert(tx, person).await }.boxed()
            })
            .await
    }

    async fn person(&self, id: &PersonId) -> Result<Option<Person>> {
        self.server()
            .read("reading a person", move |session| {
                async move { by_id(session, id.as_str()).await }.boxed()
            })
            .await
    }

    async fn persons(&self) -> Result<Vec<Person>> {
        self.server()
            .read("listing people", |session| {
                async move {
                    let rows = session
                        .rows(select!("ORDER BY created_at, id"), &[])
                        .await?;
                    rows.iter().map(|row| person(row, 0)).collect()
                }
                .boxed()
            })
            .await
    }

    async fn person_by_identity(&self, identity: &MicrosoftIdentity) -> Result<Option<Person>> {
        self.server()
            .read("looking up a person", move |session| {
                async move {
                    let by: [&(dyn ToSql + Sync); 2] = [&identity.tenant_id, &identity.object_id];
                    find(session, BY_IDENTITY, &by).await
                }
                .boxed()
            })
            .await
    }

    async fn person_by_address(&self, address: &str) -> Result<Option<Person>> {
        self.server()
            .read("looking up a person", move |session| {
                async move { find(session, BY_ADDRESS, &[&address]).await }.boxed()
            })
            .await
    }

    async fn update_person(&self, person: &Person) -> Result<bool> {
        let person = &person.cleaned();
        self.server()
            .write("writing a person", move |tx| {
                async move {
                    free(tx, person).await?;
                    tx.execute(END_SESSIONS, &[&person.id.as_str(), &person.address])
                        .await?;
                    let rows = tx
                        .execute(
                            UPDATE,
                            &[
                                &person.name,
                                &person.address,
                                &person.role.name(),
                                &person.id.as_str(),
                            ],
                        )
                        .await?;
                    Ok(rows > 0)
                }
                .boxed()
            })
            .await
    }

    async fn bind_person(
        &self,
        id: &PersonId,
        address: &str,
        identity: &MicrosoftIdentity,
    ) -> Result<Option<Person>> {
        self.server()
            .write("noting who a person is", move |tx| {
                async move {
                    lock(tx).await?;
                    let (tenant, object) = (&identity.tenant_id, &identity.object_id);
                    let invited = tx.row_opt(INVITED, &[&id.as_str(), &address]).await?;
                    if invited.is_none() {
                        return Ok(None);
                    }
                    if let Some(other) = tx.row_opt(BY_IDENTITY, &[tenant, object]).await? {
                        return Err(conflict(person(&other, 0)?.id.into_string()));
                    }
                    tx.execute(BIND, &[tenant, object, &id.as_str()]).await?;
                    let row = tx.row_opt(BY_ID, &[&id.as_str()]).await?;
                    row.as_ref().map(|row| person(row, 0)).transpose()
                }
                .boxed()
            })
            .await
    }

    async fn remove_person(&self, id: &PersonId) -> Result<bool> {
        if has_nul(id.as_str()) {
            return Ok(false);
        }
        self.server()
            .write("removing a person", move |tx| {
                async move { Ok(tx.execute(REMOVE, &[&id.as_str()]).await? > 0) }.boxed()
            })
            .await
    }

    async fn put_sign_in_token(&self, hash: &KeyHash, token: &SignInToken) -> Result<()> {
        self.server()
            .write("keeping a sign-in token", move |tx| {
                async move {
                    lock(tx).await?;
                    let person = token.person.as_ref().map(PersonId::as_str);
                    tx.execute(REPLACE_TOKEN, &[&person]).await?;
                    tx.execute(
                        INSERT_TOKEN,
                        &[
                            &hash.as_slice(),
                            &person,
                            &at(token.created_at),
                            &at(token.expires_at),
                        ],
                    )
                    .await?;
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn sign_in_token(&self, hash: &KeyHash) -> Result<Option<SignInToken>> {
        self.server()
            .read("looking up a sign-in token", move |session| {
                async move {
                    let row = session.row_opt(TOKEN, &[&hash.as_slice()]).await?;
                    row.as_ref().map(token).transpose()
                }
                .boxed()
            })
            .await
    }
}
