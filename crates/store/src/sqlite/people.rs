//! The mirrored directory.

use super::SqliteStore;
use super::errors::Answer;
use super::values::{micros, named, time};
use crate::contract::Result;
use crate::contract::people::{People, StoredPerson};
use crate::text::clean_person;
use crate::version::TAKING_IN_PEOPLE;
use async_trait::async_trait;
use postroom_model::resource::person::PersonRecord;
use postroom_model::{ConnectionId, Timestamp};
use rusqlite::{Row, params};

const IS_THERE: &str = "SELECT EXISTS (SELECT 1 FROM connections WHERE id = $1)";
// Only what differs is an update; being seen again is none.
const PUT: &str = "INSERT INTO people (connection, id, user_principal_name, display_name,
        given_name, surname, mail, job_title, department, office_location, company_name,
        mobile_phone, business_phones, account_enabled, source, json, seen_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
    ON CONFLICT (connection, id) DO UPDATE SET seen_at = excluded.seen_at,
        updated_at = CASE WHEN (people.user_principal_name, people.display_name,
                people.given_name, people.surname, people.mail, people.job_title,
                people.department, people.office_location, people.company_name,
                people.mobile_phone, people.business_phones, people.account_enabled,
                people.source, people.json)
            IS (excluded.user_principal_name, excluded.display_name,
                excluded.given_name, excluded.surname, excluded.mail, excluded.job_title,
                excluded.department, excluded.office_location, excluded.company_name,
                excluded.mobile_phone, excluded.business_phones, excluded.account_enabled,
                excluded.source, excluded.json)
            THEN people.updated_at ELSE excluded.updated_at END,
        user_principal_name = excluded.user_principal_name,
        display_name = excluded.display_name, given_name = excluded.given_name,
        surname = excluded.surname, mail = excluded.mail, job_title = excluded.job_title,
        department = excluded.department, office_location = excluded.office_location,
        company_name = excluded.company_name, mobile_phone = excluded.mobile_phone,
        business_phones = excluded.business_phones, account_enabled = excluded.account_enabled,
        source = excluded.source, json = excluded.json";
const REMOVE_UNSEEN: &str = "DELETE FROM people WHERE connection = $1 AND seen_at < $2";
const ALL: &str = "SELECT id, user_principal_name, display_name, given_name, surname, mail,
        job_title, department, office_location, company_name, mobile_phone, business_phones,
        account_enabled, source, json, seen_at, updated_at
    FROM people WHERE connection = $1 ORDER BY id";

fn person(row: &Row<'_>) -> Answer<StoredPerson> {
    Ok(StoredPerson {
        record: PersonRecord {
            id: row.get(0)?,
            user_principal_name: row.get(1)?,
            display_name: row.get(2)?,
            given_name: row.get(3)?,
            surname: row.get(4)?,
            mail: row.get(5)?,
            job_title: row.get(6)?,
            department: row.get(7)?,
            office_location: row.get(8)?,
            company_name: row.get(9)?,
            mobile_phone: row.get(10)?,
            business_phones: row.get(11)?,
            account_enabled: row.get(12)?,
            source: named(row.get(13)?)?,
            json: row.get(14)?,
        },
        seen_at: time(row.get(15)?)?,
        updated_at: time(row.get(16)?)?,
    })
}

#[async_trait]
impl People for SqliteStore {
    async fn apply_people(
        &self,
        connection: &ConnectionId,
        people: &[PersonRecord],
        whole: bool,
        at: Timestamp,
    ) -> Result<()> {
        let connection = connection.clone();
        let people: Vec<_> = people.iter().map(clean_person).collect();
        self.write(TAKING_IN_PEOPLE, move |tx| {
            let connection = connection.as_str();
            let is_there: bool = tx
                .prepare_cached(IS_THERE)?
                .query_row([connection], |row| row.get(0))?;
            if !is_there {
                return Ok(());
            }
            let mut put = tx.prepare_cached(PUT)?;
            for person in &people {
                put.execute(params![
                    connection,
                    person.id,
                    person.user_principal_name,
                    person.display_name,
                    person.given_name,
                    person.surname,
                    person.mail,
                    person.job_title,
                    person.department,
                    person.office_location,
                    person.company_name,
                    person.mobile_phone,
                    person.business_phones,
                    person.account_enabled,
                    person.source.name(),
                    person.json,
                    micros(at),
                ])?;
            }
            if whole {
                tx.prepare_cached(REMOVE_UNSEEN)?
                    .execute(params![connection, micros(at)])?;
            }
            Ok(())
        })
        .await
    }

    async fn people(&self, connection: &ConnectionId) -> Result<Vec<StoredPerson>> {
        self.read("listing people", |database| {
            let mut statement = database.prepare_cached(ALL)?;
            statement
                .query_and_then([connection.as_str()], person)?
                .collect()
        })
    }
}
