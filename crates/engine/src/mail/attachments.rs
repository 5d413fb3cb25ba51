//! Attachments.

use crate::access::Caller;
use crate::mirror::contents;
use crate::{Engine, Problem, Result};
use postroom_microsoft::Priority;
use postroom_model::mailbox::Mailbox;
use postroom_model::resource::attachment::{AttachmentKind, AttachmentRecord};
use postroom_model::{AttachmentId, MessageId};
use postroom_store::contract::blobs::BlobReader;
use serde_json::{Value, json};

/// An attachment's bytes with what a caller names them by.
pub struct AttachmentContent {
    /// The file's name.
    pub name: String,
    /// The media type.
    pub content_type: String,
    /// The bytes.
    pub reader: BlobReader,
}

/// An attachment as callers see it. `size` is the content's length once that is known; Microsoft's
/// own figure is larger.
pub fn attachment_view(attachment: &AttachmentRecord) -> Value {
    json!({
        "id": attachment.id,
        "kind": attachment.kind,
        "name": attachment.name,
        "contentType": attachment.content_type,
        "size": attachment.blob.as_ref().map_or(attachment.size, |blob| {
            i64::try_from(blob.size).unwrap_or(i64::MAX)
        }),
        "isInline": attachment.is_inline,
        "contentId": attachment.content_id,
    })
}

impl Engine {
    /// A message's attachments, without contents.
    ///
    /// # Errors
    /// `notFound` when the mirror does not have the message.
    pub async fn attachments(
        &self,
        mailbox: &Mailbox,
        message: &MessageId,
    ) -> Result<Vec<AttachmentRecord>> {
        self.stored_message(mailbox, message).await?;
        Ok(self.store().attachments(&mailbox.id, message).await?)
    }

    /// An attachment's bytes: from here, or fetched now if they are not here yet. A message as an
    /// attachment comes as MIME. A reference has none: `invalidRequest` says where it points.
    ///
    /// # Errors
    /// `notFound`; Microsoft's refusals and failures.
    pub async fn attachment_content(
        &self,
        caller: &Caller,
        mailbox: &Mailbox,
        message: &MessageId,
        attachment: &AttachmentId,
    ) -> Result<AttachmentContent> {
        let found = self
            .attachments(mailbox, message)
            .await?
            .into_iter()
            .find(|one| one.id == *attachment)
            .ok_or_else(|| Problem::not_found("attachment", attachment.as_str()))?;
        if found.kind == AttachmentKind::Reference {
            let at = serde_json::from_str::<Value>(&found.json)
                .ok()
                .and_then(|json| json.get("sourceUrl")?.as_str().map(str::to_owned))
                .unwrap_or_else(|| "an address that Microsoft does not tell".to_owned());
            return Err(Problem::invalid(format!(
                "{:?} is a link, not a file: it points to {at}.",
                found.name
            )));
        }
        let here = match &found.blob {
            Some(blob) => self.store().read_blob(&blob.hash).await?,
            None => None,
        };
        let reader = match here {
            Some(reader) => reader,
            None => {
                let who = self.identity_for(mailbox, caller.name()).await?;
                let blob = contents::fetch(
                    self,
                    &who,
                    &mailbox.id,
                    message,
                    attachment,
                    Priority::Interactive,
                )
                .await?;
                self.store()
                    .read_blob(&blob.hash)
                    .await?
                    .ok_or_else(|| Problem::not_found("content", &blob.hash))?
            }
        };
        let (suffix, default_type) = match found.kind {
            AttachmentKind::Item => (".eml", "message/rfc822"),
            _ => ("", "application/octet-stream"),
        };
        let name = if found.name.is_empty() {
            "attachment"
        } else {
            &found.name
        };
        let name = if name.ends_with(suffix) {
            name.to_owned()
        } else {
            format!("{name}{suffix}")
        };
        Ok(AttachmentContent {
            name,
            content_type: found
                .content_type
                .filter(|_| found.kind == AttachmentKind::File)
                .unwrap_or_else(|| default_type.to_owned()),
            reader,
        })
    }
}
