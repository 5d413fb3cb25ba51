//! The people whom a key with a mailbox list sees: the owners of its mailboxes.

use super::{MOST, PeoplePage, PeopleQuery, without_odata};
use crate::access::Caller;
use crate::{Engine, Problem, Result};
use postroom_microsoft::Identity;
use postroom_microsoft::graph::users;
use postroom_model::MailboxId;
use postroom_model::resource::user::User;
use serde_json::Value;

impl Engine {
    /// A user as Microsoft is to be asked for, if the caller may see that user.
    ///
    /// # Errors
    /// `notFound` for everybody else, whether there or not.
    pub(super) async fn seen_user(
        &self,
        caller: &Caller,
        who: &Identity,
        user: &str,
    ) -> Result<String> {
        let nobody = || Problem::not_found("user", user);
        if user.is_empty() {
            return Err(nobody());
        }
        if caller.mailboxes().is_none() {
            return Ok(user.to_owned());
        }
        let own = self.own_mailboxes(caller, who).await?;
        let address = user.to_lowercase();
        if let Some(mailbox) = own
            .iter()
            .find(|mailbox| mailbox.id.as_str() == user || mailbox.address == address)
        {
            return Ok(mailbox.id.as_str().to_owned());
        }
        // A sign-in name need not be the address: only Microsoft knows whose it is.
        let found: User = match users::get(self.door(), who, user, Some("id")).await {
            Ok(found) => found,
            Err(error) if error.refusal().is_some() => return Err(nobody()),
            Err(error) => return Err(error.into()),
        };
        let id = MailboxId::new(found.id);
        if own.iter().any(|mailbox| mailbox.id == id) {
            Ok(id.into_string())
        } else {
            Err(nobody())
        }
    }

    /// The owners as a list, in the order of their addresses. Searching is done here: Microsoft
    /// would search everybody.
    pub(super) async fn owners(
        &self,
        caller: &Caller,
        who: &Identity,
        query: &PeopleQuery,
        select: Option<&str>,
    ) -> Result<PeoplePage> {
        let own = self.own_mailboxes(caller, who).await?;
        let search = query
            .search
            .as_deref()
            .unwrap_or_default()
            .trim()
            .to_lowercase();
        let found: Vec<_> = own
            .into_iter()
            .filter(|mailbox| {
                let name = mailbox.display_name.as_deref().unwrap_or_default();
                mailbox.address.contains(&search) || name.to_lowercase().contains(&search)
            })
            .collect();
        let begin = match &query.cursor {
            None => 0,
            Some(cursor) => found
                .iter()
                .position(|mailbox| mailbox.id.as_str() == cursor)
                .ok_or_else(|| {
                    Problem::invalid(
                        "The cursor is none of this list (any more): begin without one.",
                    )
                })?,
        };
        let limit = query.limit.clamp(1, MOST) as usize;
        let mut value = Vec::new();
        for mailbox in found.iter().skip(begin).take(limit) {
            match users::get::<Value>(self.door(), who, mailbox.id.as_str(), select).await {
                Ok(user) => value.push(without_odata(user)),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(super::asked_wrongly(error)),
            }
        }
        Ok(PeoplePage {
            value,
            next_cursor: found
                .get(begin + limit)
                .map(|mailbox| mailbox.id.as_str().to_owned()),
        })
    }

    /// The caller's mailboxes in the connection's tenant.
    async fn own_mailboxes(
        &self,
        caller: &Caller,
        who: &Identity,
    ) -> Result<Vec<postroom_model::mailbox::Mailbox>> {
        let mut own = self.mailboxes(caller).await?;
        own.retain(|mailbox| mailbox.connection == who.connection.id);
        Ok(own)
    }
}
