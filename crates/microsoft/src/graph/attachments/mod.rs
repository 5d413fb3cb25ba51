//! `/users/{id}/messages/{message}/attachments` (Graph, *attachment resource type*).

mod add;
mod content;
mod delete;
mod get;
mod list;
mod upload;

pub use add::add;
pub use content::{content, content_stream};
pub use delete::delete;
pub use get::get;
pub use list::list;
pub use upload::{
    CHUNK_BYTES, LARGE_FROM_BYTES, NewUpload, Upload, Uploaded, begin_upload, cancel_upload,
    put_range,
};

use crate::door::GraphPath;
use crate::graph::message_path;
use postroom_model::{MailboxId, MessageId};

/// What is asked of attachments: everything but the content.
pub const SELECT: &str = "id,name,contentType,size,isInline,lastModifiedDateTime,\
    microsoft.graph.fileAttachment/contentId,microsoft.graph.fileAttachment/contentLocation";

fn attachments_path(mailbox: &MailboxId, message: &MessageId) -> GraphPath {
    message_path(mailbox, message.as_str()).lit("attachments")
}
