//! The API's reference as a page, rendered from the OpenAPI document.

use super::escape;
use crate::openapi::{error_table, operations};
use postroom_model::key::Scope;
use serde_json::Value;
use std::fmt::Write as _;

/// The page's body.
pub(crate) fn render(document: &Value) -> String {
    let mut html = String::from("<p><a href=\"/\">Postroom</a></p><h1>Postroom API</h1>");
    html.push_str(&prose(text(&document["info"]["description"])));
    html.push_str("<p><a href=\"/openapi.json\">The same as an OpenAPI document</a></p>");
    contents(document, &mut html);
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = text(&tag["name"]);
        let description = escape(text(&tag["description"]));
        let _ = write!(
            html,
            "<h2 id=\"tag-{name}\">{name}</h2><p>{description}</p>"
        );
        for (path, method, operation) in operations(document) {
            if operation["tags"][0] == tag["name"] {
                call(path, method, operation, &mut html);
            }
        }
    }
    scopes(&mut html);
    let _ = write!(html, "<h2 id=\"errors\">Error codes</h2>{}", error_table());
    schemas(document, &mut html);
    html
}

fn contents(document: &Value, html: &mut String) {
    html.push_str("<ul>");
    for tag in document["tags"].as_array().into_iter().flatten() {
        let name = text(&tag["name"]);
        let description = escape(text(&tag["description"]));
        let _ = write!(
            html,
            "<li><a href=\"#tag-{name}\">{name}</a>: {description}</li>"
        );
    }
    html.push_str(
        "<li><a href=\"#scopes\">Scopes</a></li><li><a href=\"#errors\">Error codes</a></li>\
         <li><a href=\"#schemas\">Schemas</a></li></ul>",
    );
}

fn call(path: &str, method: &str, operation: &Value, html: &mut String) {
    let id = text(&operation["operationId"]);
    let _ = write!(
        html,
        "<h3 id=\"{id}\"><code>{} {}</code></h3>",
        method.to_uppercase(),
        escape(path)
    );
    let about = match (&operation["summary"], &operation["description"]) {
        (summary, Value::String(more)) => format!("{}\n\n{more}", text(summary)),
        (summary, _) => text(summary).to_owned(),
    };
    html.push_str(&prose(&about));
    let scope = operation["security"][0]["bearer"].as_array();
    let needs = match scope.map(|scopes| scopes.first().and_then(Value::as_str)) {
        None => "No key.".to_owned(),
        Some(None) => "Any key.".to_owned(),
        Some(Some(scope)) => format!("Scope <a href=\"#scopes\"><code>{scope}</code></a>."),
    };
    let _ = write!(html, "<p class=\"quiet\">{needs}</p>");
    parameters(operation, html);
    if let Some(content) = operation["requestBody"]["content"].as_object() {
        html.push_str("<p>Takes ");
        media(content, html);
        html.push_str("</p>");
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        if !status.starts_with('2') {
            continue;
        }
        let description = escape(text(&response["description"]));
        let _ = write!(html, "<p>Answers <strong>{status}</strong> {description}");
        if let Some(content) = response["content"].as_object() {
            html.push_str(": ");
            media(content, html);
        }
        html.push_str("</p>");
    }
}

fn parameters(operation: &Value, html: &mut String) {
    let Some(parameters) = operation["parameters"].as_array() else {
        return;
    };
    html.push_str(
        "<table><thead><tr><th>parameter</th><th>in</th><th>type</th><th></th></tr></thead><tbody>",
    );
    for parameter in parameters {
        let _ = write!(
            html,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(text(&parameter["name"])),
            text(&parameter["in"]),
            kind(&parameter["schema"]),
            inline(text(&parameter["description"])),
        );
    }
    html.push_str("</tbody></table>");
}

fn media(content: &serde_json::Map<String, Value>, html: &mut String) {
    for (place, (media_type, described)) in content.iter().enumerate() {
        let or = if place > 0 { " or " } else { "" };
        let _ = write!(html, "{or}<code>{}</code>", escape(media_type));
        if described["schema"].is_object() {
            let _ = write!(html, " {}", kind(&described["schema"]));
        }
    }
}

fn scopes(html: &mut String) {
    html.push_str(
        "<h2 id=\"scopes\">Scopes</h2><p>What a key may do. <code>admin</code> implies all others. \
         A key can be bound to a list of mailboxes; it then holds none of <code>admin</code>, \
         <code>connections</code>, <code>tokens</code>.</p><ul>",
    );
    for scope in Scope::ALL {
        let name = scope.name();
        let _ = write!(html, "<li id=\"scope-{name}\"><code>{name}</code></li>");
    }
    html.push_str("</ul>");
}

fn schemas(document: &Value, html: &mut String) {
    html.push_str("<h2 id=\"schemas\">Schemas</h2>");
    let all = document["components"]["schemas"].as_object();
    for (name, schema) in all.into_iter().flatten() {
        let shown = escape(name);
        let _ = write!(html, "<h3 id=\"schema-{shown}\">{shown}</h3>");
        html.push_str(&prose(text(&schema["description"])));
        if let Some(parts) = schema["allOf"].as_array() {
            for part in parts {
                body(part, html);
            }
        } else {
            body(schema, html);
        }
    }
}

fn body(schema: &Value, html: &mut String) {
    let Some(properties) = schema["properties"].as_object() else {
        let _ = write!(html, "<p>{}</p>", kind(schema));
        return;
    };
    html.push_str("<table><tbody>");
    for (name, property) in properties {
        let _ = write!(
            html,
            "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escape(name),
            kind(property),
            inline(text(&property["description"])),
        );
    }
    html.push_str("</tbody></table>");
}

/// A schema in a few words.
fn kind(schema: &Value) -> String {
    if let Some(target) = schema["$ref"].as_str() {
        let name = escape(target.rsplit('/').next().unwrap_or_default());
        return format!("<a href=\"#schema-{name}\">{name}</a>");
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        if let Some(all) = schema[choice].as_array() {
            let all: Vec<_> = all.iter().map(kind).collect();
            return all.join(if choice == "allOf" { " and " } else { " or " });
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values.iter().map(text);
        let values: Vec<_> = values
            .map(|value| format!("<code>{}</code>", escape(value)))
            .collect();
        return values.join(" | ");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(all) => all.iter().map(text).collect(),
        one => vec![text(one)],
    };
    let named = types
        .into_iter()
        .map(|one| match (one, schema["items"].is_object()) {
            ("array", true) => format!("list of {}", kind(&schema["items"])),
            ("", _) => "anything".to_owned(),
            (one, _) => one.to_owned(),
        });
    named.collect::<Vec<_>>().join(" or ")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Paragraphs, and what stands in backticks as code.
fn prose(markdown: &str) -> String {
    markdown
        .split("\n\n")
        .filter(|paragraph| !paragraph.trim().is_empty())
        .map(|paragraph| format!("<p>{}</p>", inline(paragraph)))
        .collect()
}

fn inline(markdown: &str) -> String {
    let mut html = String::new();
    for (place, part) in markdown.split('`').enumerate() {
        let part = escape(part);
        if place % 2 == 1 {
            let _ = write!(html, "<code>{part}</code>");
        } else {
            html.push_str(&part);
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_every_call_and_its_links_lead_somewhere() {
        let document = serde_json::to_value(crate::openapi::openapi()).expect("JSON");
        let html = render(&document);
        for (path, method, operation) in operations(&document) {
            let id = format!("<h3 id=\"{}\">", text(&operation["operationId"]));
            assert!(html.contains(&id), "{method} {path}");
        }
        for link in html.split("href=\"#").skip(1) {
            let target = link.split('"').next().unwrap_or_default();
            assert!(html.contains(&format!("id=\"{target}\"")), "#{target}");
        }
        assert!(!html.contains("<script"));
    }

    #[test]
    fn prose_is_escaped() {
        assert_eq!(
            prose("a `<b>`\n\nc"),
            "<p>a <code>&lt;b&gt;</code></p><p>c</p>"
        );
    }
}
