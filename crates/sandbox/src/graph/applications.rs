//! `/applications/{id}`: an app registration as Graph shows it, with what may be told of its
//! credentials ("application resource type", "passwordCredential resource type", "keyCredential
//! resource type").

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde_json::{Map, Value, json};

use super::refusal;
use crate::Sandbox;
use crate::call::{Answer, Call, GraphError};
use crate::directory::no_resource;
use crate::entra::AppRegistration;

/// Permissions that reach every application of the tenant.
const ALL: &[&str] = &["Application.Read.All", "Application.ReadWrite.All"];
/// A secret that says nothing else lives two years ("addPassword").
const LIFE: SignedDuration = SignedDuration::from_hours(24 * 730);

/// `GET /applications/{id}` and `/applications(appId='{id}')`.
pub(super) fn get(sandbox: &Sandbox, call: &Call) -> Result<Answer, GraphError> {
    let asked = call.segments.get(1).map_or("", String::as_str);
    let app = match asked.split_once('=') {
        Some((key, value)) if key.eq_ignore_ascii_case("appId") => sandbox.app(value),
        _ => sandbox.entra.app_of_object(asked),
    };
    let app = app.ok_or_else(|| no_resource(asked));
    let reaches_all = call.caller.permissions.iter().any(|have| {
        ALL.iter()
            .any(|permission| permission.eq_ignore_ascii_case(have))
    });
    if !reaches_all {
        // What the application owns; whoever may not look is not told what there is.
        let own = app.as_ref().is_ok_and(|app| {
            app.owns_itself && app.client_id.eq_ignore_ascii_case(&call.caller.client_id)
        });
        if !own {
            return Err(refusal::directory_denied());
        }
    }
    let whole = object(sandbox, &app?);
    let shown = selected(call, whole)?;
    let mut answer = Map::new();
    answer.insert(
        "@odata.context".to_owned(),
        format!("{}/$metadata#applications/$entity", call.base_url).into(),
    );
    answer.extend(shown);
    Ok(Answer::json(200, &Value::Object(answer)))
}

fn selected(call: &Call, mut whole: Map<String, Value>) -> Result<Map<String, Value>, GraphError> {
    let Some(select) = call.option("$select") else {
        return Ok(whole);
    };
    let mut shown = Map::new();
    for name in select.split(',').map(str::trim) {
        let known = whole
            .keys()
            .find(|known| known.eq_ignore_ascii_case(name))
            .cloned()
            .ok_or_else(|| {
                GraphError::new(
                    400,
                    "BadRequest",
                    format!(
                        "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.application'."
                    ),
                )
            })?;
        if let Some(value) = whole.remove(&known) {
            shown.insert(known, value);
        }
    }
    Ok(shown)
}

fn object(sandbox: &Sandbox, app: &AppRegistration) -> Map<String, Value> {
    let passwords: Vec<Value> = app
        .secrets
        .iter()
        .enumerate()
        .map(|(place, secret)| {
            json!({
                "customKeyIdentifier": null,
                "displayName": format!("Secret {}", place + 1),
                "endDateTime": seven_digits(secret.expires),
                "hint": secret.value.chars().take(3).collect::<String>(),
                "keyId": sandbox.ids.guid(&format!("secret {}", secret.value)),
                // The value is in the answer that made it, and nowhere else.
                "secretText": null,
                "startDateTime": begun(secret.expires),
            })
        })
        .collect();
    let keys: Vec<Value> = app
        .certificates
        .iter()
        .filter_map(|certificate| {
            let der = CertificateDer::from_pem_slice(certificate.pem.as_bytes()).ok()?;
            let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &der);
            Some(json!({
                "customKeyIdentifier": STANDARD.encode(thumbprint),
                "displayName": "CN=Postroom",
                "endDateTime": seven_digits(certificate.expires),
                "key": null,
                "keyId": sandbox.ids.guid(&format!("certificate {}", certificate.pem)),
                "startDateTime": begun(certificate.expires),
                "type": "AsymmetricX509Cert",
                "usage": "Verify",
            }))
        })
        .collect();
    let mut object = Map::new();
    for (name, value) in [
        ("id", json!(sandbox.entra.object_of(app))),
        ("appId", json!(app.client_id)),
        ("displayName", json!(app.display_name)),
        (
            "signInAudience",
            json!(if app.multi_tenant {
                "AzureADMultipleOrgs"
            } else {
                "AzureADMyOrg"
            }),
        ),
        ("passwordCredentials", passwords.into()),
        ("keyCredentials", keys.into()),
    ] {
        object.insert(name.to_owned(), value);
    }
    object
}

fn begun(end: Timestamp) -> Timestamp {
    end.checked_sub(LIFE).unwrap_or(Timestamp::MIN)
}

/// A time as the directory writes it: down to the ten millionth of a second.
fn seven_digits(time: Timestamp) -> String {
    let tick = time.as_microsecond().rem_euclid(9) + 1;
    format!("{}{tick}Z", time.strftime("%Y-%m-%dT%H:%M:%S%.6f"))
}
