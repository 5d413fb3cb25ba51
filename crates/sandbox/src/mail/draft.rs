//! What a client may say about a message, in Graph's JSON.
//!
//! Always: categories, flag, importance, inferenceClassification, isRead, extended properties.
//! On drafts only: subject, body, recipients, replyTo, internetMessageId. At creation only:
//! custom headers, whose names begin with `x-`. Source: Microsoft's pages "Update message" and
//! of the message resource. Names and enum values are read in any case.

use serde_json::Value;

use super::item::{Address, Flag, FlagStatus, Importance, Item, MessageBody};
use super::json::member;
use super::mime_out::bare;
use super::render::message::same_property;
use super::stamp::Seconds;
use crate::call::GraphError;

mod attachment;

pub(crate) use attachment::attachment;

/// What is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// A message being made.
    New,
    /// A draft.
    Draft,
    /// A message that was sent or received.
    Final,
}

/// Writes properties into an item. Answers whether nothing but the read state was written.
pub(crate) fn apply(
    item: &mut Item,
    value: &Value,
    target: Target,
    now: Seconds,
) -> Result<bool, GraphError> {
    let Some(object) = value.as_object() else {
        return Err(unreadable("The request body must be a JSON object."));
    };
    let mut read_state_only = true;
    for (name, value) in object {
        let lower = name.to_ascii_lowercase();
        if lower.starts_with('@') || lower.contains('@') {
            continue;
        }
        if lower == "isread" {
            item.is_read = boolean(name, value)?;
            continue;
        }
        read_state_only = false;
        if always(item, &lower, name, value)? {
            continue;
        }
        match lower.as_str() {
            "subject"
            | "body"
            | "torecipients"
            | "ccrecipients"
            | "bccrecipients"
            | "replyto"
            | "from"
            | "sender"
            | "internetmessageid"
            | "isreadreceiptrequested"
            | "isdeliveryreceiptrequested" => {
                if target == Target::Final {
                    return Err(GraphError::new(
                        400,
                        "ErrorInvalidPropertySet",
                        format!("The property '{name}' can be set on drafts only."),
                    ));
                }
                item.mime = None;
                on_drafts(item, &lower, name, value)?;
            }
            "internetmessageheaders" | "attachments" => {
                if target != Target::New {
                    return Err(GraphError::new(
                        400,
                        "ErrorInvalidPropertySet",
                        format!("The property '{name}' can be set at creation only."),
                    ));
                }
                if lower == "attachments" {
                    for one in array(name, value)? {
                        item.attach(attachment(one, now)?);
                    }
                } else {
                    headers(item, value)?;
                }
            }
            // Read-only: Outlook ignores what clients send back of them.
            "id"
            | "changekey"
            | "createddatetime"
            | "lastmodifieddatetime"
            | "receiveddatetime"
            | "sentdatetime"
            | "hasattachments"
            | "bodypreview"
            | "uniquebody"
            | "parentfolderid"
            | "conversationid"
            | "conversationindex"
            | "isdraft"
            | "weblink"
            | "extensions"
            | "multivalueextendedproperties" => {}
            _ => {
                return Err(unreadable(format!(
                    "The property '{name}' does not exist on type 'Microsoft.OutlookServices.Message'. Make sure to only use property names that are defined by the type."
                )));
            }
        }
    }
    Ok(read_state_only && !object.is_empty())
}

fn always(item: &mut Item, lower: &str, name: &str, value: &Value) -> Result<bool, GraphError> {
    match lower {
        "categories" => {
            item.categories = array(name, value)?
                .iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
        }
        "flag" => item.flag = flag(value)?,
        "importance" => {
            item.importance = match word(name, value)?.as_str() {
                "low" => Importance::Low,
                "normal" => Importance::Normal,
                "high" => Importance::High,
                other => return Err(no_member(name, other)),
            };
        }
        "inferenceclassification" => {
            item.other_inbox = match word(name, value)?.as_str() {
                "focused" => false,
                "other" => true,
                other => return Err(no_member(name, other)),
            };
        }
        "singlevalueextendedproperties" => {
            for one in array(name, value)? {
                let id = member(one, "id")
                    .and_then(Value::as_str)
                    .unwrap_or_default();
                let text = match member(one, "value") {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Null) | None => String::new(),
                    Some(other) => other.to_string(),
                };
                if !is_property_id(id) {
                    return Err(GraphError::new(
                        400,
                        "ErrorInvalidProperty",
                        format!(
                            "PropertyId values may only be in one of the following formats: 'MapiPropertyType namespaceGuid Name propertyName', 'MapiPropertyType namespaceGuid Id propertyId' or 'MapiPropertyType propertyTag'. Given: '{id}'."
                        ),
                    ));
                }
                item.properties
                    .retain(|(known, _)| !same_property(known, id));
                item.properties.push((id.to_owned(), text));
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn on_drafts(item: &mut Item, lower: &str, name: &str, value: &Value) -> Result<(), GraphError> {
    match lower {
        "subject" => item.subject = value.as_str().unwrap_or_default().to_owned(),
        "body" => item.set_body(body(value)?),
        "torecipients" => item.to = recipients(name, value)?,
        "ccrecipients" => item.cc = recipients(name, value)?,
        "bccrecipients" => item.bcc = recipients(name, value)?,
        "replyto" => item.reply_to = recipients(name, value)?,
        "from" => item.from = Some(recipient(value)?).filter(|one| !one.address.is_empty()),
        "sender" => item.sender = Some(recipient(value)?).filter(|one| !one.address.is_empty()),
        "internetmessageid" => {
            let id = bare(value.as_str().unwrap_or_default());
            if !id.is_empty() {
                item.internet_message_id = format!("<{id}>");
            }
        }
        "isreadreceiptrequested" => item.read_receipt = boolean(name, value)?,
        _ => item.delivery_receipt = boolean(name, value)?,
    }
    Ok(())
}

/// `{contentType, content}`.
pub(crate) fn body(value: &Value) -> Result<MessageBody, GraphError> {
    if value.is_null() {
        return Ok(MessageBody::default());
    }
    let kind = match member(value, "contentType").and_then(Value::as_str) {
        None => "text".to_owned(),
        Some(kind) => kind.to_ascii_lowercase(),
    };
    let html = match kind.as_str() {
        "html" => true,
        "text" => false,
        other => return Err(no_member("contentType", other)),
    };
    let content = member(value, "content")
        .and_then(Value::as_str)
        .unwrap_or_default();
    Ok(MessageBody::new(html, content.to_owned()))
}

/// An array of recipients.
pub(crate) fn recipients(name: &str, value: &Value) -> Result<Vec<Address>, GraphError> {
    array(name, value)?.iter().map(recipient).collect()
}

fn recipient(value: &Value) -> Result<Address, GraphError> {
    let inner = member(value, "emailAddress")
        .ok_or_else(|| unreadable("A recipient must have the property 'emailAddress'."))?;
    let text = |name: &str| {
        member(inner, name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    Ok(Address::new(text("name"), text("address")))
}

fn headers(item: &mut Item, value: &Value) -> Result<(), GraphError> {
    for one in array("internetMessageHeaders", value)? {
        let text = |name: &str| {
            member(one, name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let (name, value) = (text("name"), text("value"));
        let is_custom = name
            .get(..2)
            .is_some_and(|start| start.eq_ignore_ascii_case("x-"));
        if !is_custom {
            return Err(GraphError::new(
                400,
                "InvalidInternetMessageHeader",
                format!(
                    "The internet message header name '{name}' should start with 'x-' or 'X-'."
                ),
            ));
        }
        let clean = name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b':')
            && !value.contains(['\r', '\n']);
        if !clean {
            return Err(GraphError::new(
                400,
                "InvalidInternetMessageHeader",
                format!("The internet message header '{name}' is not valid."),
            ));
        }
        item.headers.push((name, value));
    }
    Ok(())
}

fn flag(value: &Value) -> Result<Flag, GraphError> {
    let status = match member(value, "flagStatus") {
        None | Some(Value::Null) => FlagStatus::NotFlagged,
        Some(given) => match word("flagStatus", given)?.as_str() {
            "notflagged" => FlagStatus::NotFlagged,
            "complete" => FlagStatus::Complete,
            "flagged" => FlagStatus::Flagged,
            other => return Err(no_member("flagStatus", other)),
        },
    };
    let time = |name: &str| {
        let inner = member(value, name)?;
        let local = member(inner, "dateTime")?.as_str()?.to_owned();
        let zone = member(inner, "timeZone")
            .and_then(Value::as_str)
            .unwrap_or("UTC")
            .to_owned();
        Some((local, zone))
    };
    let flag = Flag {
        status,
        start: time("startDateTime"),
        due: time("dueDateTime"),
        completed: time("completedDateTime"),
    };
    if flag.due.is_some() && flag.start.is_none() {
        return Err(GraphError::new(
            400,
            "ErrorInvalidArgument",
            "A due date cannot be set without a start date.",
        ));
    }
    Ok(flag)
}

/// `{type} {guid} Name {n}`, `{type} {guid} Id 0x…` or `{type} 0x{tag}`.
fn is_property_id(id: &str) -> bool {
    let mut words = id.splitn(4, ' ');
    let kind = words.next().unwrap_or_default();
    let known = [
        "ApplicationTime",
        "Binary",
        "Boolean",
        "CLSID",
        "Currency",
        "Double",
        "Float",
        "Integer",
        "Long",
        "Null",
        "Object",
        "Short",
        "String",
        "SystemTime",
    ];
    if !known.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        return false;
    }
    match (words.next(), words.next(), words.next()) {
        (Some(tag), None, None) => tag.starts_with("0x") || tag.starts_with("0X"),
        (Some(guid), Some(how), Some(name)) => {
            let guid = guid.trim_start_matches('{').trim_end_matches('}');
            uuid::Uuid::parse_str(guid).is_ok()
                && !name.is_empty()
                && (how.eq_ignore_ascii_case("name") || how.eq_ignore_ascii_case("id"))
        }
        _ => false,
    }
}

fn array<'a>(name: &str, value: &'a Value) -> Result<&'a [Value], GraphError> {
    match value {
        Value::Array(list) => Ok(list),
        Value::Null => Ok(&[]),
        _ => Err(unreadable(format!(
            "The property '{name}' must be an array."
        ))),
    }
}

fn boolean(name: &str, value: &Value) -> Result<bool, GraphError> {
    value.as_bool().ok_or_else(|| {
        unreadable(format!(
            "Cannot convert the value of '{name}' to the expected type 'Edm.Boolean'."
        ))
    })
}

fn word(name: &str, value: &Value) -> Result<String, GraphError> {
    value
        .as_str()
        .map(str::to_ascii_lowercase)
        .ok_or_else(|| unreadable(format!("The property '{name}' must be a text.")))
}

fn no_member(name: &str, value: &str) -> GraphError {
    unreadable(format!(
        "Requested value '{value}' was not found for the property '{name}'."
    ))
}

/// 400 for a body that cannot be read.
pub(crate) fn unreadable(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "RequestBodyRead", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn property_ids_have_three_forms() {
        assert!(is_property_id(
            "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Color of it"
        ));
        assert!(is_property_id("Integer 0x0E07"));
        assert!(is_property_id(
            "string {66f5a359-4659-4830-9070-00047ec6ac6e} Id 0x8001"
        ));
        assert!(!is_property_id("Color"));
        assert!(!is_property_id("String Name x"));
    }
}
