//! People who open the console.

use super::SqliteStore;
use super::errors::{Answer, Fault, is_duplicate};
use super::values::{micros, micros_of, named, time, time_of};
use super::writer::Tx;
use crate::contract::keys::KeyHash;
use crate::contract::persons::Persons;
use crate::contract::{Result, StoreError};
use crate::text::Texts as _;
use async_trait::async_trait;
use postroom_model::PersonId;
use postroom_model::person::{MicrosoftIdentity, Person, SignInToken};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

macro_rules! select {
    ($end:literal) => {
        concat!(
            "SELECT id, name, address, role, tenant_id, object_id, created_at, signed_in_at
             FROM persons ",
            $end
        )
    };
}

const INSERT: &str = "INSERT INTO persons (id, name, address, role, tenant_id, object_id,
        created_at, signed_in_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const END_SESSIONS: &str = "DELETE FROM sessions WHERE person = $1 AND EXISTS (
    SELECT 1 FROM persons WHERE id = $1 AND tenant_id IS NOT NULL AND address IS NOT $2)";
const UPDATE: &str = "UPDATE persons SET name = $1, address = $2, role = $3,
    tenant_id = CASE WHEN address IS $2 THEN tenant_id END,
    object_id = CASE WHEN address IS $2 THEN object_id END
    WHERE id = $4";
const BIND: &str = "UPDATE persons SET tenant_id = $1, object_id = $2
    WHERE id = $3 AND address = $4 AND tenant_id IS NULL";
const SAME: &str = "SELECT id FROM persons
    WHERE id <> $1 AND (address = $2 OR (tenant_id = $3 AND object_id = $4)) LIMIT 1";
const REMOVE: &str = "DELETE FROM persons WHERE id = $1";
const REPLACE_TOKEN: &str = "DELETE FROM sign_in_tokens WHERE person IS $1";
const INSERT_TOKEN: &str = "INSERT INTO sign_in_tokens (hash, person, created_at, expires_at)
    VALUES ($1, $2, $3, $4)";
const TOKEN: &str = "SELECT person, created_at, expires_at FROM sign_in_tokens WHERE hash = $1";

/// A person whose columns begin at `first`.
pub(super) fn person(row: &Row<'_>, first: usize) -> Answer<Person> {
    let tenant: Option<String> = row.get(first + 4)?;
    let object: Option<String> = row.get(first + 5)?;
    Ok(Person {
        id: PersonId::new(row.get::<_, String>(first)?),
        name: row.get(first + 1)?,
        address: row.get(first + 2)?,
        role: named(row.get(first + 3)?)?,
        identity: tenant
            .zip(object)
            .map(|(tenant_id, object_id)| MicrosoftIdentity {
                tenant_id,
                object_id,
            }),
        created_at: time(row.get(first + 6)?)?,
        signed_in_at: time_of(row.get(first + 7)?)?,
    })
}

pub(super) fn by_id(connection: &Connection, id: &str) -> Answer<Option<Person>> {
    find(connection, select!("WHERE id = $1"), [id])
}

fn find(connection: &Connection, sql: &str, by: impl Params) -> Answer<Option<Person>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(by)?;
    rows.next()?.map(|row| person(row, 0)).transpose()
}

pub(super) fn token(row: &Row<'_>) -> Answer<SignInToken> {
    Ok(SignInToken {
        person: row.get::<_, Option<String>>(0)?.map(PersonId::new),
        created_at: time(row.get(1)?)?,
        expires_at: time(row.get(2)?)?,
    })
}

pub(super) fn insert(tx: &Tx<'_>, person: &Person) -> Answer<()> {
    let person = &person.cleaned();
    let identity = person.identity.as_ref();
    let inserted = tx.prepare_cached(INSERT)?.execute(params![
        person.id.as_str(),
        person.name,
        person.address,
        person.role.name(),
        identity.map(|it| it.tenant_id.as_str()),
        identity.map(|it| it.object_id.as_str()),
        micros(person.created_at),
        micros_of(person.signed_in_at),
    ]);
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if is_duplicate(&error) => Err(conflict(tx, person)?),
        Err(error) => Err(error.into()),
    }
}

fn conflict(tx: &Tx<'_>, person: &Person) -> Answer<Fault> {
    let identity = person.identity.as_ref();
    let existing: Option<String> = tx
        .prepare_cached(SAME)?
        .query_row(
            params![
                person.id.as_str(),
                person.address,
                identity.map(|it| it.tenant_id.as_str()),
                identity.map(|it| it.object_id.as_str()),
            ],
            |row| row.get(0),
        )
        .optional()?;
    Ok(Fault::Store(StoreError::Conflict {
        what: "a person with that address or identity".to_owned(),
        existing: existing.unwrap_or_else(|| person.id.as_str().to_owned()),
    }))
}

#[async_trait]
impl Persons for SqliteStore {
    async fn insert_person(&self, person: &Person) -> Result<()> {
        let person = person.clone();
        self.write("adding a person", move |tx| insert(tx, &person))
            .await
    }

    async fn person(&self, id: &PersonId) -> Result<Option<Person>> {
        self.read("reading a person", |connection| {
            by_id(connection, id.as_str())
        })
    }

    async fn persons(&self) -> Result<Vec<Person>> {
        self.read("listing people", |connection| {
            let mut statement = connection.prepare_cached(select!("ORDER BY created_at, id"))?;
            statement
                .query_and_then([], |row| person(row, 0))?
                .collect()
        })
    }

    async fn person_by_identity(&self, identity: &MicrosoftIdentity) -> Result<Option<Person>> {
        self.read("looking up a person", |connection| {
            find(
                connection,
                select!("WHERE tenant_id = $1 AND object_id = $2"),
                [&identity.tenant_id, &identity.object_id],
            )
        })
    }

    async fn person_by_address(&self, address: &str) -> Result<Option<Person>> {
        self.read("looking up a person", |connection| {
            find(connection, select!("WHERE address = $1"), [address])
        })
    }

    async fn update_person(&self, person: &Person) -> Result<bool> {
        let person = person.cleaned();
        self.write("writing a person", move |tx| {
            tx.prepare_cached(END_SESSIONS)?
                .execute(params![person.id.as_str(), person.address])?;
            let updated = tx.prepare_cached(UPDATE)?.execute(params![
                person.name,
                person.address,
                person.role.name(),
                person.id.as_str(),
            ]);
            match updated {
                Ok(rows) => Ok(rows > 0),
                Err(error) if is_duplicate(&error) => Err(conflict(tx, &person)?),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn bind_person(
        &self,
        id: &PersonId,
        address: &str,
        identity: &MicrosoftIdentity,
    ) -> Result<Option<Person>> {
        let (id, address, identity) = (id.clone(), address.to_owned(), identity.clone());
        self.write("noting who a person is", move |tx| {
            let bound = tx.prepare_cached(BIND)?.execute(params![
                identity.tenant_id,
                identity.object_id,
                id.as_str(),
                address,
            ]);
            match bound {
                Ok(0) => Ok(None),
                Ok(_) => by_id(tx, id.as_str()),
                Err(error) if is_duplicate(&error) => {
                    let other = find(
                        tx,
                        select!("WHERE tenant_id = $1 AND object_id = $2"),
                        [&identity.tenant_id, &identity.object_id],
                    )?;
                    Err(Fault::Store(StoreError::Conflict {
                        what: "a person with that identity".to_owned(),
                        existing: other.map_or_else(String::new, |other| other.id.to_string()),
                    }))
                }
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn remove_person(&self, id: &PersonId) -> Result<bool> {
        let id = id.clone();
        self.write("removing a person", move |tx| {
            Ok(tx.prepare_cached(REMOVE)?.execute([id.as_str()])? > 0)
        })
        .await
    }

    async fn put_sign_in_token(&self, hash: &KeyHash, token: &SignInToken) -> Result<()> {
        let (hash, token) = (*hash, token.clone());
        self.write("keeping a sign-in token", move |tx| {
            let person = token.person.as_ref().map(PersonId::as_str);
            tx.prepare_cached(REPLACE_TOKEN)?.execute([person])?;
            tx.prepare_cached(INSERT_TOKEN)?.execute(params![
                hash,
                person,
                micros(token.created_at),
                micros(token.expires_at),
            ])?;
            Ok(())
        })
        .await
    }

    async fn sign_in_token(&self, hash: &KeyHash) -> Result<Option<SignInToken>> {
        self.read("looking up a sign-in token", |connection| {
            let mut statement = connection.prepare_cached(TOKEN)?;
            let mut rows = statement.query([hash])?;
            rows.next()?.map(token).transpose()
        })
    }
}
