//! `POST /translateExchangeIds`: between default and immutable ids, at most 1,000 at once.
//! Source: Microsoft's page "user: translateExchangeIds".

use serde_json::{Value, json};

use super::Context;
use super::answers::json as body;
use crate::call::{Answer, GraphError};
use crate::mail::draft::unreadable;
use crate::mail::json::member;

const MOST: usize = 1_000;

/// Translates.
pub(super) fn translate(context: &Context<'_>) -> Result<Answer, GraphError> {
    let value = body(context)?;
    let ids = member(&value, "inputIds")
        .and_then(Value::as_array)
        .ok_or_else(|| unreadable("The parameter 'InputIds' is missing."))?;
    if ids.len() > MOST {
        return Err(unreadable(format!("At most {MOST} ids can be translated.")));
    }
    let kind = |name: &str| {
        let kind = member(&value, name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_ascii_lowercase();
        match kind.as_str() {
            "restid" => Ok(false),
            "restimmutableentryid" => Ok(true),
            // The binary forms of MAPI and EWS do not exist here.
            _ => Err(unreadable(format!(
                "The value of '{name}' is not supported."
            ))),
        }
    };
    kind("sourceIdType")?;
    let immutable = kind("targetIdType")?;
    let mailbox = context.read();
    let found: Vec<Value> = ids
        .iter()
        .filter_map(Value::as_str)
        .map(|id| match mailbox.message_number(id) {
            Ok(number) => json!({
                "sourceId": id,
                "targetId": mailbox.ids.message(mailbox.key(number), immutable),
            }),
            Err(error) => json!({
                "sourceId": id,
                "targetId": null,
                "errorDetails": {"code": error.code, "message": error.message},
            }),
        })
        .collect();
    Ok(Answer::json(
        200,
        &json!({
            "@odata.context": format!(
                "{}/$metadata#Collection(microsoft.graph.convertIdResult)",
                context.call.base_url
            ),
            "value": found,
        }),
    ))
}
