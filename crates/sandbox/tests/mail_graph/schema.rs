//! Answers against Microsoft's schemas, if an OpenAPI document is named by
//! `POSTROOM_GRAPH_OPENAPI`.

use postroom_sandbox::mail::MailOptions;
use serde_json::{Value, json};

use crate::support::{ANNA, World, id};

/// OpenAPI 3.0's `nullable` as JSON Schema.
fn convert(value: &mut Value) {
    match value {
        Value::Object(object) => {
            if object.remove("nullable") == Some(json!(true))
                && let Some(Value::String(kind)) = object.get("type").cloned()
            {
                object.insert("type".into(), json!([kind, "null"]));
            }
            object.values_mut().for_each(convert);
        }
        Value::Array(list) => list.iter_mut().for_each(convert),
        _ => {}
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test data is outside of the project, its place comes from the environment"
)]
fn answers_fit() {
    let Ok(path) = std::env::var("POSTROOM_GRAPH_OPENAPI") else {
        eprintln!("POSTROOM_GRAPH_OPENAPI is not set: nothing to compare with");
        return;
    };
    let mut document: Value =
        serde_json::from_slice(&std::fs::read(path).expect("the file")).expect("JSON");
    convert(&mut document);
    let components = document["components"].clone();
    let check = |name: &str, value: &Value| {
        let schema = json!({"$ref": format!("#/components/schemas/microsoft.graph.{name}"), "components": components});
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        let errors: Vec<String> = validator
            .iter_errors(value)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{name}: {errors:?}\n{value}");
        // Beyond the schema: no property that Microsoft does not have.
        let known = properties(&components, name);
        for key in value.as_object().expect("an object").keys() {
            assert!(key.contains('@') || known.contains(key), "{name}.{key}");
        }
    };
    let world = World::with(MailOptions {
        messages: 60,
        ..MailOptions::default()
    });
    let all = world.get(ANNA, "messages?$top=200&$expand=attachments");
    let mut kinds = std::collections::BTreeSet::new();
    for message in all["value"].as_array().expect("array") {
        let kind = message["@odata.type"].as_str().map_or("message", |kind| {
            kind.trim_start_matches("#microsoft.graph.")
        });
        kinds.insert(kind.to_owned());
        check(kind, message);
        for attachment in message["attachments"].as_array().expect("array") {
            check("fileAttachment", attachment);
        }
        check(
            "message",
            &world.get(
                ANNA,
                &format!(
                    "messages/{}?$select=internetMessageHeaders,uniqueBody,flag",
                    id(message)
                ),
            ),
        );
    }
    assert!(kinds.contains("eventMessageRequest"), "{kinds:?}");
    let folders = world.get(ANNA, "mailFolders?includeHiddenFolders=true&$top=100");
    for folder in folders["value"].as_array().expect("array") {
        check("mailFolder", folder);
    }
    check("message", &world.post(ANNA, "messages", json!({})));
    check("mailboxSettings", &world.get(ANNA, "mailboxSettings"));
}

fn properties(components: &Value, name: &str) -> Vec<String> {
    let schema = &components["schemas"][format!("microsoft.graph.{name}")];
    let mut found = Vec::new();
    let mut parts = vec![schema];
    parts.extend(schema["allOf"].as_array().into_iter().flatten());
    for part in parts {
        if let Some(object) = part["properties"].as_object() {
            found.extend(object.keys().cloned());
        }
        if let Some(base) = part["$ref"]
            .as_str()
            .and_then(|path| path.rsplit_once("microsoft.graph."))
        {
            found.extend(properties(components, base.1));
        }
    }
    found
}
