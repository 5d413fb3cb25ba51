//! Microsoft's JSON without what is OData's.

use serde_json::Value;

/// Takes out every `@odata…` member, at any depth.
pub(super) fn without_odata(mut value: Value) -> Value {
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !name.contains("@odata."));
            members.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Whether a media type is a picture's that a browser only shows. SVG can run scripts.
pub(super) fn is_picture(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    [
        "image/jpeg",
        "image/png",
        "image/gif",
        "image/webp",
        "image/bmp",
    ]
    .iter()
    .any(|known| essence.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn odata_goes_at_any_depth() {
        let plain = without_odata(json!({
            "@odata.context": "x", "id": "1", "manager@odata.bind": "y",
            "list": [{"@odata.type": "z", "a@b": 1}]
        }));
        assert_eq!(plain, json!({"id": "1", "list": [{"a@b": 1}]}));
    }

    #[test]
    fn only_pictures_are_pictures() {
        assert!(is_picture("image/JPEG"));
        assert!(is_picture("image/png; q=1"));
        for not in ["text/html", "image/svg+xml", "", "image/"] {
            assert!(!is_picture(not), "{not:?}");
        }
    }
}
