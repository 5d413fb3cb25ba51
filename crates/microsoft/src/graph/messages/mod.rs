//! `/users/{id}/messages` (Graph, *message resource type*).

mod create;
mod create_reply;
mod delete;
mod delta;
mod find_by_stamp;
mod get;
mod list;
mod mime;
mod r#move;
mod send;
mod update;

pub use create::create;
pub use create_reply::{ReplyKind, create_reply};
pub use delete::delete;
pub use delta::{DeltaAsk, delta};
pub use find_by_stamp::{Stamp, find_by_stamp};
pub use get::{batch_part, get};
pub use list::{ListMessages, list, list_request};
pub use mime::{mime, mime_stream};
pub use r#move::move_to;
pub use send::send;
pub use update::update;

/// The properties that the mirror keeps: all of a message's own, without what has to be asked for
/// by name and is not needed.
pub const SELECT: &str = "id,changeKey,createdDateTime,lastModifiedDateTime,categories,subject,\
    bodyPreview,body,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,\
    receivedDateTime,sentDateTime,hasAttachments,importance,isRead,isDraft,\
    isReadReceiptRequested,isDeliveryReceiptRequested,flag,inferenceClassification,\
    conversationId,conversationIndex,internetMessageId,parentFolderId,webLink";

/// [`SELECT`], with the headers of the message as it came over the Internet.
pub const SELECT_WITH_HEADERS: &str = "id,changeKey,createdDateTime,lastModifiedDateTime,categories,subject,\
    bodyPreview,body,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,\
    receivedDateTime,sentDateTime,hasAttachments,importance,isRead,isDraft,\
    isReadReceiptRequested,isDeliveryReceiptRequested,flag,inferenceClassification,\
    conversationId,conversationIndex,internetMessageId,parentFolderId,webLink,\
    internetMessageHeaders";
