//! The mirrored directory: every few hours the people of each connection's tenant are read, page by
//! page, by the application where it may. Where it may not, the owners of mailboxes and the users
//! who signed in are who is known.

use super::plain::without_odata;
use crate::{Engine, Result};
use futures::StreamExt as _;
use postroom_microsoft::graph::{Page, pages, users};
use postroom_microsoft::{DoorError, Priority};
use postroom_model::account::AccountState;
use postroom_model::clock::later;
use postroom_model::connection::Connection;
use postroom_model::resource::person::{PersonRecord, PersonSource};
use postroom_model::{ConnectionId, Timestamp};
use serde_json::Value;
use std::collections::HashMap;
use std::time::Duration;

/// New connections are learned of at least this often, whoever added them.
const LOOK: Duration = Duration::from_secs(15);
/// After a reading that came to no end (the network, Microsoft) the next one begins this soon, if
/// the interval is not shorter.
const AGAIN: Duration = Duration::from_secs(15 * 60);
/// People of one page; Microsoft's most is 999.
const PAGE: u16 = 500;

/// How a reading ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// Everybody is here.
    Whole,
    /// The directory may not be read: those who are known without it are here.
    NotPermitted,
    /// The engine stops.
    Stopping,
}

/// One connection's directory.
struct Entry {
    due: Timestamp,
    /// Whether it was said that the directory may not be read.
    told: bool,
}

/// Keeps every connection's people until the engine stops.
pub(crate) async fn run(engine: Engine) {
    let interval = engine.settings().people_interval;
    if interval.is_zero() {
        return;
    }
    let mut entries: HashMap<ConnectionId, Entry> = HashMap::new();
    loop {
        match engine.store().connections().await {
            Ok(connections) => round(&engine, interval, connections, &mut entries).await,
            Err(error) => tracing::warn!(%error, "reading the connections; it is tried again"),
        }
        tokio::select! {
            () = engine.stopping() => return,
            () = engine.clock().sleep(LOOK) => {}
        }
    }
}

/// Reads what is due, one directory after the other: nobody waits for them.
async fn round(
    engine: &Engine,
    interval: Duration,
    connections: Vec<Connection>,
    entries: &mut HashMap<ConnectionId, Entry>,
) {
    entries.retain(|id, _| connections.iter().any(|one| one.id == *id));
    for connection in connections {
        let now = engine.now();
        let entry = entries.entry(connection.id.clone()).or_insert(Entry {
            due: now,
            told: false,
        });
        if entry.due > now {
            continue;
        }
        let read = tokio::select! {
            read = read(engine, &connection) => read,
            () = engine.stopping() => return,
        };
        let name = &connection.name;
        let pause = match read {
            Ok(Read::Stopping) => return,
            Ok(Read::Whole) => {
                entry.told = false;
                interval
            }
            Ok(Read::NotPermitted) => {
                if !std::mem::replace(&mut entry.told, true) {
                    tracing::info!(
                        connection = %name,
                        "the directory may not be read by the application (permission \
                         User.Read.All or User.ReadBasic.All): people are the owners of mailboxes \
                         and the users who signed in"
                    );
                }
                interval
            }
            Err(error) => {
                tracing::warn!(connection = %name, %error, "reading the directory; it is tried again");
                interval.min(AGAIN)
            }
        };
        entry.due = later(engine.now(), pause);
    }
}

/// One reading.
async fn read(engine: &Engine, connection: &Connection) -> Result<Read> {
    let began = engine.now();
    match read_directory(engine, connection, began).await? {
        Read::NotPermitted => {
            let known = known_without(engine, connection).await?;
            let (id, store) = (&connection.id, engine.store());
            store.apply_people(id, &known, true, began).await?;
            Ok(Read::NotPermitted)
        }
        read => Ok(read),
    }
}

/// Reads the directory as the application.
async fn read_directory(
    engine: &Engine,
    connection: &Connection,
    began: Timestamp,
) -> Result<Read> {
    let store = engine.store();
    let application = store.account_of(&connection.id, None).await?;
    // A credential that is over or a call that fails takes nobody out: that is no answer about the
    // directory.
    let application = application.filter(|it| it.state != AccountState::ConsentMissing);
    let Some(application) = application else {
        return Ok(Read::NotPermitted);
    };
    let who = engine.identity(&application.id, "people").await?;
    let request = users::request(users::ListUsers {
        top: Some(PAGE),
        ..users::ListUsers::default()
    });
    let mut pages = pages(engine.door(), &who, request.priority(Priority::Background)).boxed();
    while let Some(page) = pages.next().await {
        if engine.is_stopping() {
            return Ok(Read::Stopping);
        }
        let page: Page<Value> = match page {
            Ok(page) => page,
            Err(error) if is_not_permitted(&error) => return Ok(Read::NotPermitted),
            Err(error) => return Err(error.into()),
        };
        let people: Vec<_> = page.value.into_iter().filter_map(person).collect();
        store
            .apply_people(&connection.id, &people, page.next_link.is_none(), began)
            .await?;
    }
    Ok(Read::Whole)
}

fn is_not_permitted(error: &DoorError) -> bool {
    error.status() == Some(403)
}

/// A user of Microsoft's JSON; `None` without an id.
fn person(user: Value) -> Option<PersonRecord> {
    let user = without_odata(user);
    let text = |name: &str| {
        let text = user.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let phones: Vec<_> = user
        .get("businessPhones")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    Some(PersonRecord {
        user_principal_name: text("userPrincipalName"),
        display_name: text("displayName"),
        given_name: text("givenName"),
        surname: text("surname"),
        mail: text("mail"),
        job_title: text("jobTitle"),
        department: text("department"),
        office_location: text("officeLocation"),
        company_name: text("companyName"),
        mobile_phone: text("mobilePhone"),
        business_phones: (!phones.is_empty()).then(|| phones.join(", ")),
        account_enabled: user.get("accountEnabled").and_then(Value::as_bool),
        json: Some(user.to_string()),
        ..PersonRecord::new(text("id")?, PersonSource::Directory)
    })
}

/// Who is known without the directory: signed-in users, and the owners of mailboxes.
async fn known_without(engine: &Engine, connection: &Connection) -> Result<Vec<PersonRecord>> {
    let mut known: HashMap<String, PersonRecord> = HashMap::new();
    for mailbox in engine.store().mailboxes().await? {
        if mailbox.connection == connection.id {
            let id = mailbox.id.into_string();
            let person = PersonRecord {
                display_name: mailbox.display_name,
                mail: Some(mailbox.address),
                ..PersonRecord::new(id.clone(), PersonSource::Mailbox)
            };
            known.insert(id, person);
        }
    }
    for account in engine.store().accounts().await? {
        let Some(id) = account
            .user_id
            .filter(|_| account.connection == connection.id)
        else {
            continue;
        };
        let person = known
            .entry(id.clone())
            .or_insert_with(|| PersonRecord::new(id, PersonSource::Account));
        person.user_principal_name = account.user_principal_name;
        if account.display_name.is_some() {
            person.display_name = account.display_name;
        }
    }
    Ok(known.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_user_becomes_a_person_and_nothing_odd_stops_it() {
        let person = |user| person(user).expect("a person");
        let whole = person(json!({
            "@odata.id": "x", "id": "1", "displayName": "Ada", "mail": null, "jobTitle": "",
            "businessPhones": ["1", 2, "3"], "accountEnabled": true
        }));
        assert_eq!(whole.display_name.as_deref(), Some("Ada"));
        assert_eq!(whole.business_phones.as_deref(), Some("1, 3"));
        assert_eq!((whole.mail, whole.job_title), (None, None));
        assert_eq!(whole.account_enabled, Some(true));
        assert!(!whole.json.expect("JSON").contains("odata"));
        let odd = person(json!({"id": "2", "businessPhones": "4", "accountEnabled": "yes"}));
        assert_eq!((odd.business_phones, odd.account_enabled), (None, None));
        assert_eq!(super::person(json!({"displayName": "Nobody"})), None);
    }
}
