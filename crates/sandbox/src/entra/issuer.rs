//! Another issuer, as a cluster or a build service has one: its word is what a federated credential
//! of an application takes. It shares nothing with the tenant but the process.

use serde_json::{Value, json};

use super::Entra;

/// Where it lies below the sandbox's root.
pub(crate) const ISSUER_PATH: &str = "/sandbox/issuer";

impl Entra {
    /// Its discovery document.
    pub(crate) fn foreign_configuration(&self, root: &str) -> Value {
        let issuer = format!("{root}{ISSUER_PATH}");
        json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/keys"),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        })
    }

    /// Its key set.
    pub(crate) fn foreign_key_set(&self) -> Value {
        self.keys.foreign_set()
    }

    /// An assertion of it; `None` when it cannot be signed.
    pub(crate) fn foreign_assertion(
        &self,
        root: &str,
        subject: &str,
        audience: &str,
        lifetime_seconds: i64,
    ) -> Option<String> {
        let now = self.clock.now().as_second();
        let claims = json!({
            "iss": format!("{root}{ISSUER_PATH}"),
            "sub": subject,
            "aud": audience,
            "iat": now,
            "nbf": now,
            "exp": now.saturating_add(lifetime_seconds),
            "jti": self.ids.next_guid().to_string(),
        });
        self.keys.sign_foreign(&claims).ok()
    }
}
