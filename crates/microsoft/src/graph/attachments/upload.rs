//! `POST …/attachments/createUploadSession` and the session itself (Graph, *attachment:
//! createUploadSession*, *Attach large files to Outlook messages or events*).

use super::attachments_path;
use crate::door::{Door, DoorError, GraphRequest, Identity, Repeat, Target};
use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_RANGE, HeaderValue};
use postroom_model::{AttachmentId, MailboxId, MessageId, Secret};
use serde::Deserialize;
use serde_json::json;

/// From this size on an attachment goes through a session; below it Microsoft refuses one
/// (`ErrorAttachmentSizeShouldNotBeLessThanMinimumSize`).
pub const LARGE_FROM_BYTES: u64 = 3 * 1024 * 1024;

/// A good length of one range: Microsoft takes less than 4 MB, in order. Mail has no rule of
/// multiples of 320 KiB; this is one all the same.
pub const CHUNK_BYTES: usize = 10 * 320 * 1024;

/// What is to be uploaded.
#[derive(Clone, Copy, Debug)]
pub struct NewUpload<'a> {
    /// The file's name.
    pub name: &'a str,
    /// Its media type.
    pub content_type: Option<&'a str>,
    /// Its length in bytes.
    pub size: u64,
    /// Whether the body shows it.
    pub is_inline: bool,
    /// What `cid:` in the body names it by.
    pub content_id: Option<&'a str>,
}

/// A session under way. Its address carries its own permission: whoever has it can write.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// Where ranges go.
    pub upload_url: Secret,
    /// When the session ends, as Microsoft wrote it.
    #[serde(default)]
    pub expiration_date_time: Option<String>,
}

/// What became of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Uploaded {
    /// It was taken; Microsoft goes on at this byte.
    Next(u64),
    /// It was the last: the attachment is on the draft, under this id where Microsoft said it.
    Complete(Option<AttachmentId>),
}

/// Opens a session. A second one does no harm, so this is repeated.
///
/// # Errors
///
/// As [`Door::send`]; 403 with delegated rights on somebody else's mailbox.
pub async fn begin_upload(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    message: &MessageId,
    file: NewUpload<'_>,
) -> Result<Upload, DoorError> {
    let mut item = json!({ "attachmentType": "file", "name": file.name, "size": file.size });
    if let Some(content_type) = file.content_type {
        item["contentType"] = content_type.into();
    }
    if file.is_inline {
        item["isInline"] = true.into();
    }
    if let Some(content_id) = file.content_id {
        item["contentId"] = content_id.into();
    }
    let path = attachments_path(mailbox, message).lit("createUploadSession");
    let request = GraphRequest::post(path)
        .mailbox(mailbox)
        .json(&json!({ "AttachmentItem": item }))
        .repeat(Repeat::Safe);
    door.send(who, request).await?.json()
}

/// Sends the bytes that begin at `offset` of `total`. Ranges go in order.
///
/// # Errors
///
/// As [`Door::send`]. After any failure the session may be gone (404): begin anew.
pub async fn put_range(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    upload: &Upload,
    offset: u64,
    total: u64,
    bytes: Bytes,
) -> Result<Uploaded, DoorError> {
    let sent = offset + bytes.len() as u64;
    let range = format!("bytes {offset}-{}/{total}", sent.saturating_sub(1));
    let mut request = GraphRequest::new(
        Method::PUT,
        Target::PreAuthenticated(upload.upload_url.reveal().to_owned()),
    )
    .mailbox(mailbox)
    .raw("application/octet-stream", bytes)
    // The last range makes the attachment: a repetition could meet a session that is over.
    .repeat(Repeat::IfNotReached);
    if let Ok(range) = HeaderValue::from_str(&range) {
        request.headers.insert(CONTENT_RANGE, range);
    }
    let answer = door.send(who, request).await?;
    if answer.status == 201 || sent >= total {
        return Ok(Uploaded::Complete(
            answer.header("location").and_then(id_of_location),
        ));
    }
    Ok(Uploaded::Next(next_byte(&answer.body).unwrap_or(sent)))
}

/// Gives a session up. One that is over already counts as given up.
///
/// # Errors
///
/// As [`Door::send`], except that 404 is success.
pub async fn cancel_upload(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    upload: &Upload,
) -> Result<(), DoorError> {
    let request = GraphRequest::new(
        Method::DELETE,
        Target::PreAuthenticated(upload.upload_url.reveal().to_owned()),
    )
    .mailbox(mailbox);
    match door.send(who, request).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

/// `Location` ends in `/Attachments('id')`.
fn id_of_location(location: &str) -> Option<AttachmentId> {
    let (_, rest) = location.rsplit_once("('")?;
    let (id, _) = rest.split_once("')")?;
    let id = percent_encoding::percent_decode_str(id)
        .decode_utf8()
        .ok()?;
    Some(AttachmentId::new(id))
}

/// `{"NextExpectedRanges": ["2097152"]}` from mail, `{"nextExpectedRanges": ["2097152-"]}` as
/// documented elsewhere: both occur.
fn next_byte(body: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Ranges {
        #[serde(alias = "nextExpectedRanges", rename = "NextExpectedRanges")]
        next: Vec<String>,
    }
    let ranges: Ranges = serde_json::from_slice(body).ok()?;
    let first = ranges.next.first()?;
    first.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_the_next_range() {
        assert_eq!(
            next_byte(br#"{"NextExpectedRanges":["2097152"]}"#),
            Some(2_097_152)
        );
        assert_eq!(next_byte(br#"{"nextExpectedRanges":["26-"]}"#), Some(26));
        assert_eq!(next_byte(b"{}"), None);
    }

    #[test]
    fn the_id_is_read_from_the_location() {
        let location =
            "https://outlook.office.com/api/v2.0/Users('u')/Messages('m')/Attachments('AAk%3D')";
        assert_eq!(id_of_location(location), Some(AttachmentId::new("AAk=")));
    }
}
