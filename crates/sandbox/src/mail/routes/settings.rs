//! `GET /mailboxSettings`, read only.

use serde_json::json;

use super::{Context, no_route};
use crate::call::{Answer, GraphError};

/// The settings, or one of them by a further segment.
pub(super) fn get(context: &Context<'_>, rest: &[&str]) -> Result<Answer, GraphError> {
    let language = context.read().owner.preferred_language.clone();
    let language = if language.is_empty() {
        "en-US".to_owned()
    } else {
        language
    };
    let settings = json!({
        "automaticRepliesSetting": {
            "status": "disabled",
            "externalAudience": "all",
            "internalReplyMessage": "",
            "externalReplyMessage": "",
            "scheduledStartDateTime": {"dateTime": "2026-01-01T00:00:00.0000000", "timeZone": "UTC"},
            "scheduledEndDateTime": {"dateTime": "2026-01-02T00:00:00.0000000", "timeZone": "UTC"},
        },
        "timeZone": "W. Europe Standard Time",
        "language": {"locale": language, "displayName": language},
        "dateFormat": "yyyy-MM-dd",
        "timeFormat": "HH:mm",
        "delegateMeetingMessageDeliveryOptions": "sendToDelegateOnly",
        "workingHours": {
            "daysOfWeek": ["monday", "tuesday", "wednesday", "thursday", "friday"],
            "startTime": "08:00:00.0000000",
            "endTime": "17:00:00.0000000",
            "timeZone": {"name": "W. Europe Standard Time"},
        },
        "userPurpose": "user",
    });
    let context_url = |end: &str| {
        format!(
            "{}/$metadata#users('{}')/mailboxSettings{end}",
            context.call.base_url, context.mailbox
        )
    };
    match rest {
        [] => {
            let mut whole = settings;
            if let Some(object) = whole.as_object_mut() {
                object.insert("@odata.context".to_owned(), json!(context_url("")));
            }
            Ok(Answer::json(200, &whole))
        }
        [name] => {
            let (known, value) = settings
                .as_object()
                .and_then(|object| {
                    object
                        .iter()
                        .find(|(known, _)| known.eq_ignore_ascii_case(name))
                })
                .ok_or_else(no_route)?;
            let path = context_url(&format!("/{known}"));
            let mut answer = match value {
                serde_json::Value::Object(object) => object.clone(),
                other => serde_json::Map::from_iter([("value".to_owned(), other.clone())]),
            };
            answer.insert("@odata.context".to_owned(), json!(path));
            Ok(Answer::json(200, &serde_json::Value::Object(answer)))
        }
        _ => Err(no_route()),
    }
}
