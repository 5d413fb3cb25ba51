//! How a stored message looks to a caller: Microsoft's JSON without `@odata`.

use postroom_store::contract::messages::StoredMessage;
use serde_json::{Map, Value};

/// A message as callers see it: Microsoft's names and shapes.
pub type MessageView = Map<String, Value>;

/// Which properties a caller wants; `None`: all but the body.
pub type Fields = Option<Vec<String>>;

/// Whether this choice needs the body.
pub fn wants_body(fields: &Fields) -> bool {
    fields
        .as_ref()
        .is_some_and(|names| names.iter().any(|name| name == "body"))
}

/// Makes the view. `id` is always there.
pub fn view(message: StoredMessage, with_body: bool, fields: &Fields) -> MessageView {
    let record = message.record;
    let mut json: MessageView = serde_json::from_str(&record.json).unwrap_or_default();
    json.retain(|name, _| !name.starts_with("@odata"));
    json.insert("id".into(), record.id.into_string().into());
    json.insert("parentFolderId".into(), record.folder.into_string().into());
    if with_body {
        let content_type = serde_json::to_value(record.body_type).unwrap_or(Value::Null);
        json.insert(
            "body".into(),
            serde_json::json!({"contentType": content_type, "content": record.body}),
        );
    }
    if let Some(names) = fields {
        json.retain(|name, _| name == "id" || names.iter().any(|wanted| wanted == name));
    }
    json
}
