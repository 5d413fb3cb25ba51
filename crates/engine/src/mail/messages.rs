//! Messages.

use super::cursor;
use super::view::{Fields, MessageView, view, wants_body};
use crate::access::Caller;
use crate::mirror::{contents, item};
use crate::{Code, Engine, Problem, Result};
use postroom_microsoft::Identity;
use postroom_microsoft::graph::messages::{self, mime_stream};
use postroom_model::MessageId;
use postroom_model::mailbox::Mailbox;
use postroom_store::contract::blobs::BlobReader;
use postroom_store::contract::messages::{MessageQuery, StoredMessage};
use serde_json::{Map, Value, json};

/// A page of messages.
#[derive(Clone, Debug)]
pub struct MessageList {
    /// The messages, newest first.
    pub value: Vec<MessageView>,
    /// Asks for more; opaque.
    pub next_cursor: Option<String>,
}

/// What a list asks for beyond [`MessageQuery`], whose `folder` may be a well-known name.
#[derive(Clone, Debug, Default)]
pub struct ListMessages {
    /// The conditions; `after`, `with_body` are set from the fields below.
    pub query: MessageQuery,
    /// Which properties.
    pub fields: Fields,
    /// From an earlier page.
    pub cursor: Option<String>,
}

/// A change of a message; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct MessageChange {
    /// Read or unread.
    pub is_read: Option<bool>,
    /// Microsoft's `followupFlag`.
    pub flag: Option<serde_json::Value>,
    /// Category names.
    pub categories: Option<Vec<String>>,
    /// Moves it: an id or a well-known name.
    pub folder: Option<String>,
}

impl MessageChange {
    fn properties(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        if let Some(is_read) = self.is_read {
            properties.insert("isRead".into(), is_read.into());
        }
        if let Some(flag) = &self.flag {
            properties.insert("flag".into(), flag.clone());
        }
        if let Some(categories) = &self.categories {
            properties.insert("categories".into(), json!(categories));
        }
        properties
    }
}

impl Engine {
    /// A list from the mirror.
    ///
    /// # Errors
    /// `notFound` for an unknown folder, `invalidRequest` for a cursor that is none.
    pub async fn messages(&self, mailbox: &Mailbox, list: ListMessages) -> Result<MessageList> {
        let mut query = list.query;
        let limit = query.limit.clamp(1, 500);
        if let Some(named) = &query.folder {
            query.folder = Some(self.folder_id(mailbox, named.as_str()).await?);
        }
        query.after = list.cursor.as_deref().map(cursor::read).transpose()?;
        query.with_body = wants_body(&list.fields);
        // One more than asked for tells whether there is a next page.
        query.limit = limit + 1;
        let with_body = query.with_body;
        let mut found = self.store().list_messages(&mailbox.id, &query).await?;
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next_cursor = found.last().filter(|_| more).map(cursor::behind);
        let value = found
            .into_iter()
            .map(|message| view(message, with_body, &list.fields))
            .collect();
        Ok(MessageList { value, next_cursor })
    }

    /// One message with its body and its attachments without contents
    /// (`attachments: [{id, name, contentType, size, isInline, contentId}]`).
    ///
    /// # Errors
    /// `notFound` when the mirror does not have it.
    pub async fn message(&self, mailbox: &Mailbox, id: &MessageId) -> Result<MessageView> {
        let message = self.stored_message(mailbox, id).await?;
        let attachments: Vec<Value> = self
            .store()
            .attachments(&mailbox.id, id)
            .await?
            .iter()
            .map(super::attachments::attachment_view)
            .collect();
        let mut view = view(message, true, &None);
        view.insert("attachments".into(), attachments.into());
        Ok(view)
    }

    /// Its MIME form, fetched from Microsoft when first asked for.
    ///
    /// # Errors
    /// `notFound`; Microsoft's refusals and failures.
    pub async fn message_mime(
        &self,
        caller: &Caller,
        mailbox: &Mailbox,
        id: &MessageId,
    ) -> Result<BlobReader> {
        self.stored_message(mailbox, id).await?;
        let store = self.store();
        if let Some(blob) = store.message_mime(&mailbox.id, id).await?
            && let Some(reader) = store.read_blob(&blob.hash).await?
        {
            return Ok(reader);
        }
        let who = self.identity_for(mailbox, caller.name()).await?;
        let stream = mime_stream(self.door(), &who, &mailbox.id, id).await?;
        let blob = contents::store(self, stream.body).await?;
        store.set_message_mime(&mailbox.id, id, &blob).await?;
        store
            .read_blob(&blob.hash)
            .await?
            .ok_or_else(|| Problem::not_found("content", &blob.hash))
    }

    /// Changes it at Microsoft and in the mirror.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` for an empty change; Microsoft's refusals and failures.
    pub async fn change_message(
        &self,
        caller: &Caller,
        mailbox: &Mailbox,
        id: &MessageId,
        change: MessageChange,
    ) -> Result<MessageView> {
        self.stored_message(mailbox, id).await?;
        let properties = change.properties();
        if properties.is_empty() && change.folder.is_none() {
            return Err(Problem::invalid(
                "Nothing to change: give isRead, flag, categories or folder.",
            ));
        }
        let destination = match &change.folder {
            Some(named) => Some(self.folder_id(mailbox, named).await?),
            None => None,
        };
        let who = self.identity_for(mailbox, caller.name()).await?;
        if !properties.is_empty() {
            let changed: item::Object =
                messages::update(self.door(), &who, &mailbox.id, id, &properties).await?;
            self.take_answer(mailbox, id, changed).await?;
        }
        if let Some(destination) = destination {
            let moved: item::Object =
                messages::move_to(self.door(), &who, &mailbox.id, id, destination.as_str()).await?;
            self.take_answer(mailbox, id, moved).await?;
        }
        self.message(mailbox, id).await
    }

    /// Deletes it as Microsoft does: into Deleted Items, from there for good.
    ///
    /// # Errors
    /// `notFound`; Microsoft's refusals and failures.
    pub async fn delete_message(
        &self,
        caller: &Caller,
        mailbox: &Mailbox,
        id: &MessageId,
    ) -> Result<()> {
        self.stored_message(mailbox, id).await?;
        let who = self.identity_for(mailbox, caller.name()).await?;
        messages::delete(self.door(), &who, &mailbox.id, id).await?;
        match self.fetch_message(&who, mailbox, id).await {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.store()
                    .delete_message(&mailbox.id, id, self.now())
                    .await?;
                Ok(())
            }
            // It is deleted; where to, the next round says.
            Err(error) => {
                tracing::debug!(mailbox = %mailbox.address, %error, "looking for a deleted message");
                Ok(())
            }
        }
    }

    pub(crate) async fn stored_message(
        &self,
        mailbox: &Mailbox,
        id: &MessageId,
    ) -> Result<StoredMessage> {
        self.store()
            .message(&mailbox.id, id)
            .await?
            .ok_or_else(|| Problem::not_found("message", id.as_str()))
    }

    /// Lays what Microsoft answered over what is kept.
    async fn take_answer(
        &self,
        mailbox: &Mailbox,
        id: &MessageId,
        answer: item::Object,
    ) -> Result<()> {
        let kept = self.stored_message(mailbox, id).await?;
        let taken = item::merge(kept.record, answer).map_err(unfit)?;
        self.store()
            .put_message(
                &mailbox.id,
                &taken.record,
                &taken.contents,
                None,
                self.now(),
            )
            .await?;
        Ok(())
    }

    /// Brings one message level. `false`: it is gone, or lies outside of the folder tree, in
    /// Recoverable Items.
    async fn fetch_message(
        &self,
        who: &Identity,
        mailbox: &Mailbox,
        id: &MessageId,
    ) -> Result<bool> {
        let answer: std::result::Result<item::Object, _> = messages::get(
            self.door(),
            who,
            &mailbox.id,
            id,
            None,
            None,
            postroom_microsoft::Priority::Interactive,
        )
        .await;
        let object = match answer {
            Ok(object) => object,
            Err(error) if error.is_not_found() => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let folder = object
            .get("parentFolderId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        if self.store().folder(&mailbox.id, folder).await?.is_none() {
            return Ok(false);
        }
        self.take_answer(mailbox, id, object).await?;
        Ok(true)
    }
}

fn unfit(error: item::Unfit) -> Problem {
    Problem::new(
        Code::MicrosoftUnreachable,
        format!(
            "Microsoft's answer cannot be used: {error}. Try again; the call log has the answer."
        ),
    )
    .because(error)
}
