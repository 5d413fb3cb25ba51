//! The mirrored directory.

use super::PostgresStore;
use super::errors::Answer;
use super::server::Tx;
use super::values::{Time, at as kept_at, has_nul, named, time};
use crate::contract::Result;
use crate::contract::people::{People, StoredPerson};
use crate::text::clean_person;
use crate::version::TAKING_IN_PEOPLE;
use async_trait::async_trait;
use futures::FutureExt as _;
use postroom_model::resource::person::PersonRecord;
use postroom_model::{ConnectionId, Timestamp};
use std::collections::BTreeMap;
use tokio_postgres::Row;

const IS_THERE: &str = "SELECT 1 FROM connections WHERE id = $1 FOR KEY SHARE";
// Only what differs is an update; being seen again is none.
const PUT: &str = "INSERT INTO people (connection, id, user_principal_name, display_name, given_name, surname, mail, job_title,
        department, office_location, company_name, mobile_phone, business_phones,
        account_enabled, source, json, seen_at, updated_at)
    SELECT $1, it.id, it.user_principal_name, it.display_name, it.given_name, it.surname, it.mail,
        it.job_title, it.department, it.office_location, it.company_name, it.mobile_phone,
        it.business_phones, it.account_enabled, it.source, it.json::json, $2, $2
    FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
        $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::boolean[],
        $16::text[], $17::text[])
        AS it (id, user_principal_name, display_name, given_name, surname, mail, job_title,
            department, office_location, company_name, mobile_phone, business_phones,
            account_enabled, source, json)
    ON CONFLICT (connection, id) DO UPDATE SET seen_at = excluded.seen_at,
        updated_at = CASE WHEN (people.user_principal_name, people.display_name, people.given_name,
                people.surname, people.mail, people.job_title, people.department,
                people.office_location, people.company_name, people.mobile_phone,
                people.business_phones, people.account_enabled, people.source, people.json::text)
            IS NOT DISTINCT FROM (excluded.user_principal_name, excluded.display_name, excluded.given_name,
                excluded.surname, excluded.mail, excluded.job_title, excluded.department,
                excluded.office_location, excluded.company_name, excluded.mobile_phone,
                excluded.business_phones, excluded.account_enabled, excluded.source,
                excluded.json::text)
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
        account_enabled, source, json::text, seen_at, updated_at
    FROM people WHERE connection = $1 ORDER BY id";

fn person(row: &Row) -> Answer<StoredPerson> {
    Ok(StoredPerson {
        record: PersonRecord {
            id: row.try_get(0)?,
            user_principal_name: row.try_get(1)?,
            display_name: row.try_get(2)?,
            given_name: row.try_get(3)?,
            surname: row.try_get(4)?,
            mail: row.try_get(5)?,
            job_title: row.try_get(6)?,
            department: row.try_get(7)?,
            office_location: row.try_get(8)?,
            company_name: row.try_get(9)?,
            mobile_phone: row.try_get(10)?,
            business_phones: row.try_get(11)?,
            account_enabled: row.try_get(12)?,
            source: named(row.try_get(13)?)?,
            json: row.try_get(14)?,
        },
        seen_at: time(row.try_get::<_, Time>(15)?)?,
        updated_at: time(row.try_get::<_, Time>(16)?)?,
    })
}

async fn put(
    tx: &Tx<'_>,
    connection: &str,
    people: &BTreeMap<&str, &PersonRecord>,
    at: Timestamp,
) -> Answer<()> {
    let texts = |of: fn(&PersonRecord) -> Option<&str>| -> Vec<Option<&str>> {
        people.values().map(|it| of(it)).collect()
    };
    let ids: Vec<_> = people.keys().copied().collect();
    let enabled: Vec<_> = people.values().map(|it| it.account_enabled).collect();
    let sources: Vec<_> = people.values().map(|it| it.source.name()).collect();
    tx.execute(
        PUT,
        &[
            &connection,
            &kept_at(at),
            &ids,
            &texts(|it| it.user_principal_name.as_deref()),
            &texts(|it| it.display_name.as_deref()),
            &texts(|it| it.given_name.as_deref()),
            &texts(|it| it.surname.as_deref()),
            &texts(|it| it.mail.as_deref()),
            &texts(|it| it.job_title.as_deref()),
            &texts(|it| it.department.as_deref()),
            &texts(|it| it.office_location.as_deref()),
            &texts(|it| it.company_name.as_deref()),
            &texts(|it| it.mobile_phone.as_deref()),
            &texts(|it| it.business_phones.as_deref()),
            &enabled,
            &sources,
            &texts(|it| it.json.as_deref()),
        ],
    )
    .await?;
    Ok(())
}

#[async_trait]
impl People for PostgresStore {
    async fn apply_people(
        &self,
        connection: &ConnectionId,
        people: &[PersonRecord],
        whole: bool,
        at: Timestamp,
    ) -> Result<()> {
        let people: Vec<_> = people.iter().map(clean_person).collect();
        // Each once, as it was last: a statement writes no row twice.
        let people: BTreeMap<_, _> = people
            .iter()
            .filter(|it| !has_nul(&it.id))
            .map(|it| (it.id.as_str(), it))
            .collect();
        let people = &people;
        self.server()
            .write(TAKING_IN_PEOPLE, move |tx| {
                async move {
                    let connection = connection.as_str();
                    if tx.row_opt(IS_THERE, &[&connection]).await?.is_none() {
                        return Ok(());
                    }
                    if !people.is_empty() {
                        put(tx, connection, people, at).await?;
                    }
                    if whole {
                        tx.execute(REMOVE_UNSEEN, &[&connection, &kept_at(at)])
                            .await?;
                    }
                    Ok(())
                }
                .boxed()
            })
            .await
    }

    async fn people(&self, connection: &ConnectionId) -> Result<Vec<StoredPerson>> {
        self.server()
            .read("listing people", move |session| {
                async move {
                    let rows = session.rows(ALL, &[&connection.as_str()]).await?;
                    rows.iter().map(person).collect()
                }
                .boxed()
            })
            .await
    }
}
