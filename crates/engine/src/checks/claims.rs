//! What an access token says of itself. A client treats it as opaque: this is a hint for people,
//! and nothing is decided by it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_model::Secret;
use serde::Deserialize;

/// What was granted, as far as the token tells.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct Claims {
    roles: Vec<String>,
    scp: Option<String>,
}

/// The permissions that a token was given for; `None` when it cannot be read.
pub(super) fn granted(token: &Secret) -> Option<Vec<String>> {
    let mut parts = token.reveal().split('.');
    let (payload, signature) = (parts.nth(1)?, parts.next());
    signature?;
    let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    let mut granted = claims.roles;
    if let Some(scopes) = claims.scp {
        granted.extend(scopes.split_whitespace().map(str::to_owned));
    }
    Some(granted)
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
    fn what_is_no_jwt_tells_nothing() {
        for opaque in ["", "opaque", "a.b", "a.!.c", "..", "h.e30"] {
            assert_eq!(granted(&Secret::new(opaque)), None, "{opaque:?}");
        }
    }
}
