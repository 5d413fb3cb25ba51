//! What an access token says of itself. A client treats it as opaque: this is a hint for people,
//! and nothing is decided by it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_model::Secret;
use serde::Deserialize;
use uuid::Uuid;

/// What was granted, as far as the token tells.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Claims {
    roles: Vec<String>,
    scp: Option<String>,
    oid: Option<String>,
}

/// The permissions that a token was given for; `None` when it cannot be read.
pub(crate) fn granted(token: &Secret) -> Option<Vec<String>> {
    let claims = read(token)?;
    let mut granted = claims.roles;
    if let Some(scopes) = claims.scp {
        granted.extend(scopes.split_whitespace().map(str::to_owned));
    }
    Some(granted)
}

/// The object id of whom a token is for: of an application's token, that of its service principal
/// (entra-docs, `access-token-claims-reference.md`).
pub(crate) fn object_id(token: &Secret) -> Option<String> {
    let id = Uuid::try_parse(read(token)?.oid.as_deref()?).ok()?;
    Some(id.hyphenated().to_string())
}

fn read(token: &Secret) -> Option<Claims> {
    let mut parts = token.reveal().split('.');
    let (payload, signature) = (parts.nth(1)?, parts.next());
    signature?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(payload: &str) -> Secret {
        Secret::new(format!("h.{}.s", URL_SAFE_NO_PAD.encode(payload)))
    }

    #[test]
    fn roles_and_scopes_are_read() {
        let roles = token(r#"{"roles":["Mail.Send","Mail.Read"],"aud":"g"}"#);
        assert_eq!(granted(&roles).map(|list| list.len()), Some(2));
        let scopes = token(r#"{"scp":"Mail.Send User.Read"}"#);
        assert_eq!(
            granted(&scopes),
            Some(vec!["Mail.Send".to_owned(), "User.Read".to_owned()])
        );
        assert_eq!(granted(&token("{}")), Some(Vec::new()));
    }

    #[test]
    fn an_object_id_is_a_guid_or_none() {
        let id = "6233fba6-0198-4277-892f-9275bf728bcc";
        let of = |oid: &str| object_id(&token(&format!(r#"{{"oid":"{oid}"}}"#)));
        assert_eq!(of(id).as_deref(), Some(id));
        assert_eq!(of("'; Remove-Mailbox"), None);
        assert_eq!(object_id(&token("{}")), None);
    }

    #[test]
    fn what_is_no_jwt_tells_nothing() {
        for opaque in ["", "opaque", "a.b", "a.!.c", "..", "h.e30"] {
            assert_eq!(granted(&Secret::new(opaque)), None, "{opaque:?}");
        }
    }
}
