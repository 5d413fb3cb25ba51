//! People: the tenant's directory, asked live, in Microsoft's own JSON without `@odata`. For those
//! who read by SQL there is a mirror of it (`people/directory.rs`).

use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use bytes::Bytes;
use postroom_microsoft::graph::{Page, page_after, users};
use postroom_microsoft::{DoorError, GraphPath, GraphRequest, Identity};
use postroom_model::{AccountId, ConnectionId};
use serde_json::Value;

mod cursor;
pub(crate) mod directory;
mod fields;
mod owners;
mod plain;

use cursor::Cursor;
use plain::without_odata;

/// Through whom the directory is asked.
#[derive(Clone, Debug)]
pub struct PeopleVia {
    /// The connection.
    pub connection: ConnectionId,
    /// A user's account instead of the application's.
    pub account: Option<AccountId>,
}

/// A page of people.
#[derive(Clone, Debug)]
pub struct PeoplePage {
    /// Users in Microsoft's JSON.
    pub value: Vec<Value>,
    /// Asks for more; opaque.
    pub next_cursor: Option<String>,
}

/// What a list of people asks for.
#[derive(Clone, Debug, Default)]
pub struct PeopleQuery {
    /// Part of name or address.
    pub search: Option<String>,
    /// Properties to bring; Microsoft's default set unless given.
    pub fields: Option<Vec<String>>,
    /// At most so many.
    pub limit: u32,
    /// From an earlier page.
    pub cursor: Option<String>,
}

/// The longest picture: Microsoft takes none above 4 MB.
const LONGEST_PHOTO: usize = 4 * 1024 * 1024;

/// The most people of one page.
const MOST: u32 = 500;

/// Where a list without a cursor of its own (licences, groups) ends at the latest.
const MOST_GROUPS: usize = 10_000;

/// Sizes that Microsoft keeps pictures in (Graph, *Get profilePhoto*).
const SIZES: [&str; 9] = [
    "48x48", "64x64", "96x96", "120x120", "240x240", "360x360", "432x432", "504x504", "648x648",
];

impl Engine {
    /// Users. A key with a mailbox list sees the owners of its mailboxes.
    pub async fn people(
        &self,
        caller: &Caller,
        via: &PeopleVia,
        query: PeopleQuery,
    ) -> Result<PeoplePage> {
        let who = self.directory(caller, via).await?;
        let select = fields::select(query.fields.as_deref())?;
        if caller.mailboxes().is_some() {
            return self.owners(caller, &who, &query, select.as_deref()).await;
        }
        let search = query
            .search
            .as_deref()
            .map(str::trim)
            .filter(|search| !search.is_empty());
        let first = users::request(users::ListUsers {
            select: select.as_deref(),
            search,
            filter: None,
            top: u16::try_from(query.limit.clamp(1, MOST)).ok(),
        });
        let (request, is_search) = match &query.cursor {
            None => (first, search.is_some()),
            Some(cursor) => {
                let Cursor { link, is_search } = Cursor::read(cursor, &who.connection)?;
                // Links do not carry headers: a search needs its own on every page.
                let like = users::request(users::ListUsers {
                    search: is_search.then_some(""),
                    ..users::ListUsers::default()
                });
                (page_after(&like, link), is_search)
            }
        };
        let page: Page<Value> = self
            .door()
            .send(&who, request)
            .await
            .and_then(|answer| answer.json())
            .map_err(asked_wrongly)?;
        Ok(PeoplePage {
            value: page.value.into_iter().map(without_odata).collect(),
            next_cursor: page
                .next_link
                .map(|link| Cursor { link, is_search }.write(&who.connection)),
        })
    }

    /// One, by id or sign-in name.
    pub async fn person(&self, caller: &Caller, via: &PeopleVia, user: &str) -> Result<Value> {
        let who = self.directory(caller, via).await?;
        let user = self.seen_user(caller, &who, user).await?;
        let found: Value = users::get(self.door(), &who, &user, None).await?;
        Ok(without_odata(found))
    }

    /// The picture: media type and bytes; `notFound` when there is none.
    pub async fn person_photo(
        &self,
        caller: &Caller,
        via: &PeopleVia,
        user: &str,
        size: Option<&str>,
    ) -> Result<(String, Bytes)> {
        if let Some(size) = size
            && !SIZES.contains(&size)
        {
            return Err(Problem::invalid(format!(
                "Microsoft keeps no pictures of the size {size:?}: ask for one of {}.",
                SIZES.join(", ")
            )));
        }
        let who = self.directory(caller, via).await?;
        let user = self.seen_user(caller, &who, user).await?;
        let path = match size {
            Some(size) => GraphPath::user(&user).lit("photos").id(size).lit("$value"),
            None => GraphPath::user(&user).lit("photo").lit("$value"),
        };
        let mut request = GraphRequest::get(path).max_answer_bytes(LONGEST_PHOTO);
        if let Ok(anything) = "*/*".parse() {
            request.headers.insert("accept", anything);
        }
        let photo = match self.door().send(&who, request).await {
            Ok(photo) => photo,
            Err(error) if error.is_not_found() => {
                return Err(Problem::not_found("picture of", &user));
            }
            Err(error) => return Err(error.into()),
        };
        // Whatever else an answer says it is, nobody's browser should run it.
        let media_type = photo
            .header("content-type")
            .filter(|media_type| plain::is_picture(media_type))
            .unwrap_or("application/octet-stream")
            .to_owned();
        Ok((media_type, photo.body))
    }

    /// Licences.
    pub async fn person_licenses(
        &self,
        caller: &Caller,
        via: &PeopleVia,
        user: &str,
    ) -> Result<Vec<Value>> {
        let who = self.directory(caller, via).await?;
        let user = self.seen_user(caller, &who, user).await?;
        let first = users::license_details(self.door(), &who, &user).await?;
        self.whole_list(&who, first).await
    }

    /// Groups (and roles) that the user is a member of.
    pub async fn person_groups(
        &self,
        caller: &Caller,
        via: &PeopleVia,
        user: &str,
    ) -> Result<Vec<Value>> {
        let who = self.directory(caller, via).await?;
        let user = self.seen_user(caller, &who, user).await?;
        let first = users::member_of(self.door(), &who, &user).await?;
        self.whole_list(&who, first).await
    }

    /// The manager; `notFound` when there is none.
    pub async fn person_manager(
        &self,
        caller: &Caller,
        via: &PeopleVia,
        user: &str,
    ) -> Result<Value> {
        let who = self.directory(caller, via).await?;
        let user = self.seen_user(caller, &who, user).await?;
        let manager: Option<Value> = users::manager(self.door(), &who, &user).await?;
        let manager = manager.ok_or_else(|| Problem::not_found("manager of", &user))?;
        if caller.mailboxes().is_some() {
            // The manager is somebody else, whom this key may not see either.
            let id = manager
                .get("id")
                .and_then(Value::as_str)
                .unwrap_or_default();
            self.seen_user(caller, &who, id)
                .await
                .map_err(|_| Problem::not_found("manager of", &user))?;
        }
        Ok(without_odata(manager))
    }

    /// As whom the directory is asked.
    async fn directory(&self, caller: &Caller, via: &PeopleVia) -> Result<Identity> {
        let connection = self
            .store()
            .connection(&via.connection)
            .await?
            .ok_or_else(|| Problem::not_found("connection", via.connection.as_str()))?;
        if caller.mailboxes().is_some() {
            // A connection of which it has no mailbox does not exist for this caller.
            let own = self.mailboxes(caller).await?;
            if own
                .iter()
                .all(|mailbox| mailbox.connection != connection.id)
            {
                return Err(Problem::not_found("connection", via.connection.as_str()));
            }
        }
        let account = match &via.account {
            Some(named) => {
                let seen = self.accounts(caller).await?;
                seen.into_iter()
                    .find(|account| account.id == *named && account.connection == connection.id)
                    .ok_or_else(|| Problem::not_found("account", named.as_str()))?
            }
            None => self
                .store()
                .account_of(&connection.id, None)
                .await?
                .ok_or_else(|| {
                    Problem::invalid(format!(
                        "Connection {:?} has no application account, so a user has to ask: name \
                         one of its accounts with `account`.",
                        connection.name
                    ))
                })?,
        };
        self.identity(&account.id, caller.name()).await
    }

    /// The rest of a list that callers get whole.
    async fn whole_list(&self, who: &Identity, mut page: Page<Value>) -> Result<Vec<Value>> {
        let mut all = Vec::new();
        loop {
            all.extend(page.value.into_iter().map(without_odata));
            match page.next_link {
                Some(link) if all.len() < MOST_GROUPS => {
                    let answer = self.door().send(who, GraphRequest::follow(link)).await?;
                    page = answer.json()?;
                }
                _ => return Ok(all),
            }
        }
    }
}

/// Microsoft's 400 is about what the caller asked for: fields, search, cursor.
fn asked_wrongly(error: DoorError) -> Problem {
    let status = error.status();
    let mut problem = Problem::from(error);
    if status == Some(400) {
        problem.code = Code::InvalidRequest;
    }
    problem
}
