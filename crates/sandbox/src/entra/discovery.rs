//! Discovery documents ("OpenID Connect on the Microsoft identity platform").

use serde_json::{Value, json};

use super::{Entra, TenantPath};
use crate::call::GraphError;

impl Entra {
    /// The issuer of id tokens.
    pub(super) fn issuer(&self, root: &str) -> String {
        format!("{root}/{}/v2.0", self.directory.tenant_id())
    }

    /// The OpenID configuration. Asked with a domain name it answers with the tenant's id; the
    /// issuer of `common` carries a placeholder ("Access tokens").
    pub(super) fn configuration(&self, root: &str, name: &str, tenant: TenantPath) -> Value {
        let (segment, issuer) = match tenant {
            TenantPath::Own => (self.directory.tenant_id().to_owned(), self.issuer(root)),
            TenantPath::Consumers => (
                name.to_ascii_lowercase(),
                format!("{root}/{}/v2.0", super::personal::TENANT_ID),
            ),
            TenantPath::Any => (
                name.to_ascii_lowercase(),
                format!("{root}/{{tenantid}}/v2.0"),
            ),
        };
        let base = format!("{root}/{segment}");
        json!({
            "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
            "token_endpoint": format!("{base}/oauth2/v2.0/token"),
            "token_endpoint_auth_methods_supported":
                ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "jwks_uri": format!("{base}/discovery/v2.0/keys"),
            "response_modes_supported": ["query", "fragment", "form_post"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
            "issuer": issuer,
            "request_uri_parameter_supported": false,
            "userinfo_endpoint": format!("{root}/oidc/userinfo"),
            "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
            "http_logout_supported": true,
            "frontchannel_logout_supported": true,
            "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
            "claims_supported": ["sub", "iss", "cloud_instance_name",
                "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host", "aud",
                "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid",
                "ver", "at_hash", "c_hash", "email"],
            "tenant_region_scope": if tenant == TenantPath::Own { json!("EU") } else { Value::Null },
            "cloud_instance_name": "microsoftonline.com",
            "cloud_graph_host_name": "graph.windows.net",
            "msgraph_host": host(root),
            "rbac_url": "https://pas.windows.net",
        })
    }

    /// The key set. Its keys sign for every tenant, which the placeholder says ("Access tokens").
    pub(super) fn key_set(&self, root: &str) -> Value {
        self.keys.set(&format!("{root}/{{tenantid}}/v2.0"))
    }

    /// The answer to the libraries' check whether an authority can be trusted.
    pub(super) fn instance(&self, root: &str, endpoint: Option<&str>) -> Result<Value, GraphError> {
        let endpoint = endpoint.ok_or_else(|| {
            GraphError::new(400, "invalid_request", "authorization_endpoint is missing")
        })?;
        let url = url::Url::parse(endpoint).map_err(|_| {
            GraphError::new(
                400,
                "invalid_instance",
                "AADSTS50049: Unknown or invalid instance.",
            )
        })?;
        let tenant = url
            .path_segments()
            .and_then(|mut segments| segments.next())
            .unwrap_or("common");
        let host = host(root);
        Ok(json!({
            "tenant_discovery_endpoint": format!("{root}/{tenant}/v2.0/.well-known/openid-configuration"),
            "api-version": "1.1",
            "metadata": [{
                "preferred_network": host,
                "preferred_cache": host,
                "aliases": [host],
            }],
        }))
    }
}

fn host(root: &str) -> &str {
    root.split_once("://").map_or(root, |(_, host)| host)
}
