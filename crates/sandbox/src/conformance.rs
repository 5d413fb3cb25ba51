//! Compares requests and answers with Microsoft's published OpenAPI document
//! (`data/graph/graph-v1.0-trimmed.json`): does the path exist, may it answer with this status,
//! has the body the shape it promises?

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

const DOCUMENT: &str = include_str!("../../../data/graph/graph-v1.0-trimmed.json");

/// What makes something new and answers 201, as the reference's text says; the document has the
/// 200 of the pages' examples.
const CREATED: [&str; 5] = ["/childFolders", "/messages", "/contacts", "/copy", "/move"];

struct Api {
    document: Value,
    /// The document's schemas as a JSON Schema's `$defs` may hold them.
    components: Value,
    templates: Vec<(String, Vec<String>)>,
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
}

static API: LazyLock<Api> = LazyLock::new(|| {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap_or(Value::Null);
    let templates = document["paths"]
        .as_object()
        .map(|paths| {
            paths
                .keys()
                .map(|path| (path.clone(), split(path)))
                .collect()
        })
        .unwrap_or_default();
    let mut components = json!({"schemas": document["components"]["schemas"]});
    translate(&mut components);
    Api {
        components,
        templates,
        compiled: Mutex::default(),
        document,
    }
});

fn split(path: &str) -> Vec<String> {
    path.trim_matches('/')
        .split('/')
        .map(str::to_owned)
        .collect()
}

/// `/applications(appId='x')` as the path by id, which it is another way to write.
fn by_id(path: &str) -> String {
    match path.split_once("(appId='") {
        Some((before, key)) => format!("{before}/{}", key.replacen("')", "", 1)),
        None => path.to_owned(),
    }
}

/// OpenAPI 3.0 to JSON Schema: `nullable` becomes a type, an enumeration takes null as well.
fn translate(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(translate),
        Value::Object(object) => {
            for value in object.values_mut() {
                translate(value);
            }
            // Graph sends standard base64 where the metadata says base64url, and durations and
            // times without the strictness of the formats.
            object.remove("format");
            object.remove("discriminator");
            if object.remove("nullable") == Some(Value::Bool(true)) {
                nullable(object);
            }
        }
        _ => {}
    }
}

fn nullable(object: &mut Map<String, Value>) {
    if let Some(Value::String(kind)) = object.get("type") {
        let kinds = json!([kind, "null"]);
        object.insert("type".to_owned(), kinds);
        if let Some(Value::Array(values)) = object.get_mut("enum")
            && !values.contains(&Value::Null)
        {
            values.push(Value::Null);
        }
    } else if !object.is_empty() {
        let inner = Value::Object(std::mem::take(object));
        object.insert("anyOf".to_owned(), json!([inner, {"type": "null"}]));
    }
}

impl Api {
    fn resolve<'a>(&'a self, mut value: &'a Value) -> &'a Value {
        while let Some(pointer) = value["$ref"]
            .as_str()
            .and_then(|link| link.strip_prefix('#'))
        {
            match self.document.pointer(pointer) {
                Some(target) => value = target,
                None => return &Value::Null,
            }
        }
        value
    }

    /// The template a concrete path belongs to, the one with the most literal segments.
    fn template(&self, path: &str, method: &str) -> Result<&str, String> {
        let path = path.split('?').next().unwrap_or_default();
        let path = path.strip_prefix("/v1.0").unwrap_or(path);
        let asked = split(&by_id(path));
        let fits = |template: &[String]| {
            template.len() == asked.len()
                && template.iter().zip(&asked).all(|(template, segment)| {
                    template.contains('{') || template.eq_ignore_ascii_case(segment)
                })
        };
        let literal = |template: &[String]| {
            template
                .iter()
                .filter(|segment| !segment.contains('{'))
                .count()
        };
        let matching: Vec<&(String, Vec<String>)> = self
            .templates
            .iter()
            .filter(|(_, template)| fits(template))
            .collect();
        matching
            .iter()
            .filter(|(name, _)| self.document["paths"][name].get(method).is_some())
            .max_by_key(|(_, template)| literal(template))
            .map(|(name, _)| name.as_str())
            .ok_or_else(|| {
                if matching.is_empty() {
                    format!("no path {path} in the document")
                } else {
                    format!("{path} has no method {method} in the document")
                }
            })
    }

    fn validator(&self, key: &str, schema: &Value) -> Result<Arc<Validator>, String> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(key) {
            return Ok(Arc::clone(validator));
        }
        let mut schema = schema.clone();
        translate(&mut schema);
        let mut components = self.components.clone();
        if let (Value::Object(root), Value::Object(schemas)) =
            (&mut schema, components["schemas"].take())
        {
            let used = reachable(&Value::Object(root.clone()), &schemas);
            root.insert("components".to_owned(), json!({"schemas": used}));
        }
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft4)
            .build(&schema)
            .map_err(|error| format!("{key}: the schema is unusable: {error}"))?;
        let validator = Arc::new(validator);
        compiled.insert(key.to_owned(), Arc::clone(&validator));
        Ok(validator)
    }

    /// The properties an object of this schema may have, inherited ones included; `None` when
    /// the schema leaves them open.
    fn properties<'a>(&'a self, schema: &'a Value) -> Option<HashMap<&'a str, &'a Value>> {
        let schema = self.resolve(schema);
        let mut found = HashMap::new();
        for key in ["allOf", "anyOf", "oneOf"] {
            for part in schema[key].as_array().into_iter().flatten() {
                found.extend(self.properties(part).unwrap_or_default());
            }
        }
        if let Some(own) = schema["properties"].as_object() {
            found.extend(own.iter().map(|(name, value)| (name.as_str(), value)));
        }
        (!found.is_empty()).then_some(found)
    }

    /// Properties of a body that the document does not know, which validation lets pass.
    /// Annotations (`@odata.…`) are left out.
    fn unknown(&self, schema: &Value, body: &Value, at: &str, found: &mut Vec<String>) {
        let schema = self.resolve(schema);
        match body {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.unknown(&schema["items"], item, &format!("{at}/{index}"), found);
                }
            }
            Value::Object(object) => {
                let derived = object
                    .get("@odata.type")
                    .and_then(Value::as_str)
                    .map(|kind| {
                        &self.document["components"]["schemas"][kind.trim_start_matches('#')]
                    })
                    .filter(|schema| schema.is_object());
                let Some(known) = self.properties(derived.unwrap_or(schema)) else {
                    return;
                };
                for (name, value) in object {
                    let place = format!("{at}/{name}");
                    match known.get(name.as_str()) {
                        Some(schema) => self.unknown(schema, value, &place, found),
                        None if name.contains('@') => {}
                        None => found.push(place),
                    }
                }
            }
            _ => {}
        }
    }

    fn validate(&self, key: &str, schema: &Value, body: &Value) -> Result<(), String> {
        let validator = self.validator(key, schema)?;
        let mut problems: Vec<String> = validator
            .iter_errors(body)
            .take(5)
            .map(|error| format!("{} at {}", error, error.instance_path()))
            .collect();
        let mut unknown = Vec::new();
        self.unknown(schema, body, "", &mut unknown);
        problems.extend(
            unknown
                .into_iter()
                .take(5)
                .map(|place| format!("no such property: {place}")),
        );
        if problems.is_empty() {
            Ok(())
        } else {
            Err(format!("{key}: {}", problems.join("; ")))
        }
    }
}

/// The schemas a schema refers to, directly or through others.
fn reachable(schema: &Value, all: &Map<String, Value>) -> Map<String, Value> {
    fn links(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| links(item, found)),
            Value::Object(object) => {
                for (name, value) in object {
                    match value {
                        Value::String(link) if name == "$ref" => {
                            found.extend(
                                link.strip_prefix("#/components/schemas/")
                                    .map(str::to_owned),
                            );
                        }
                        value => links(value, found),
                    }
                }
            }
            _ => {}
        }
    }
    let mut open = Vec::new();
    links(schema, &mut open);
    let mut used = Map::new();
    while let Some(name) = open.pop() {
        if used.contains_key(&name) {
            continue;
        }
        if let Some(schema) = all.get(&name) {
            links(schema, &mut open);
            used.insert(name, schema.clone());
        }
    }
    used
}

fn json_schema(content: &Value) -> Option<&Value> {
    content.as_object()?.iter().find_map(|(kind, media)| {
        kind.starts_with("application/json")
            .then(|| media.get("schema"))
            .flatten()
    })
}

/// The operation that a concrete path belongs to, as the document writes it:
/// `GET /users/{user-id}`.
pub fn operation(method: &str, path: &str) -> Option<String> {
    let template = API.template(path, &method.to_ascii_lowercase()).ok()?;
    Some(format!("{method} {template}"))
}

/// Checks an answer: the path (concrete, with or without `/v1.0` and query), the method, the
/// status and the JSON body, `None` for an empty or a binary one.
///
/// # Errors
///
/// Says what the document does not allow.
pub fn check_answer(
    method: &str,
    path: &str,
    status: u16,
    body: Option<&Value>,
) -> Result<(), String> {
    let api = &*API;
    let method = method.to_ascii_lowercase();
    let template = api.template(path, &method)?;
    let responses = &api.document["paths"][template][&method]["responses"];
    let family = format!("{}XX", status / 100);
    let makes = method == "post" && CREATED.iter().any(|end| template.ends_with(end));
    let (name, response) = [status.to_string(), family]
        .into_iter()
        .chain((makes && status == 201).then(|| "200".to_owned()))
        .chain((status >= 400).then(|| "default".to_owned()))
        .find_map(|name| Some((name.clone(), responses.get(&name)?)))
        .ok_or_else(|| format!("{method} {template} does not answer {status}"))?;
    let content = &api.resolve(response)["content"];
    let key = format!("{method} {template} {name}");
    match (json_schema(content), body) {
        (Some(schema), Some(body)) => api.validate(&key, schema, body),
        (Some(_), None) => Err(format!("{key}: there has to be a JSON body")),
        // Where an example names a status without a body nothing is said about one.
        (None, _) => Ok(()),
    }
}

/// Checks a request's JSON body. Action parameters are compared without regard to case, since the
/// metadata writes them in PascalCase and clients in camelCase.
///
/// # Errors
///
/// Says what the document does not allow.
pub fn check_request(method: &str, path: &str, body: &Value) -> Result<(), String> {
    let api = &*API;
    let method = method.to_ascii_lowercase();
    let template = api.template(path, &method)?;
    let request = api.resolve(&api.document["paths"][template][&method]["requestBody"]);
    let key = format!("{method} {template} request");
    let Some(schema) = json_schema(&request["content"]) else {
        return Err(format!("{key}: takes no JSON body"));
    };
    let names: Vec<&String> = api
        .resolve(schema)
        .get("properties")
        .and_then(Value::as_object)
        .map(|properties| properties.keys().collect())
        .unwrap_or_default();
    let mut body = body.clone();
    if let Value::Object(object) = &mut body {
        *object = std::mem::take(object)
            .into_iter()
            .map(|(name, value)| {
                let written = names
                    .iter()
                    .find(|known| known.eq_ignore_ascii_case(&name))
                    .map_or(name, |known| (*known).clone());
                (written, value)
            })
            .collect();
    }
    api.validate(&key, schema, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_paths_methods_and_statuses() {
        let user = json!({"id": "1", "displayName": null, "businessPhones": []});
        assert_eq!(
            check_answer("GET", "/v1.0/me?$select=id", 200, Some(&user)),
            Ok(())
        );
        assert!(check_answer("GET", "/nothing", 200, None).is_err());
        assert!(check_answer("PUT", "/users", 200, None).is_err());
        let wrong = json!({"id": 1});
        assert!(check_answer("GET", "/users/a", 200, Some(&wrong)).is_err());
        let invented = json!({"id": "1", "displayNaem": "x"});
        assert!(check_answer("GET", "/users/a", 200, Some(&invented)).is_err());
        let error = json!({"error": {"code": "a", "message": "b"}});
        assert_eq!(check_answer("GET", "/users/a", 404, Some(&error)), Ok(()));
        let folder = json!({"id": "1"});
        let path = "/users/a/mailFolders/b/childFolders";
        assert_eq!(check_answer("POST", path, 201, Some(&folder)), Ok(()));
        assert!(check_answer("GET", path, 201, Some(&folder)).is_err());
        assert!(check_answer("POST", path, 202, Some(&folder)).is_err());
    }

    #[test]
    fn takes_action_parameters_in_either_case() {
        let body = json!({"message": {"subject": "a"}, "saveToSentItems": true});
        assert_eq!(check_request("POST", "/me/sendMail", &body), Ok(()));
        let wrong = json!({"message": {"subject": 1}});
        assert!(check_request("POST", "/me/sendMail", &wrong).is_err());
    }
}
