//! The address at which an administrator consents for the tenant (entra-docs,
//! `v2-admin-consent.md`; for the older form `v2-oauth2-client-creds-grant-flow.md`).

use super::scopes;
use crate::door::{Door, DoorError, normal_root, web_address};
use postroom_model::connection::Connection;
use url::Url;

/// What an administrator is asked to consent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminConsentAsk<'a> {
    /// All that the app registration lists, application permissions among it.
    Registered,
    /// These delegated permissions, by name.
    Delegated(&'a [String]),
}

/// Tenants that stand for any.
const ANY_TENANT: [&str; 2] = ["common", "organizations"];

impl Door {
    /// The page at which an administrator consents. `None`: nobody can, for in this tenant
    /// (personal accounts) everybody consents alone.
    ///
    /// Where the connection's tenant stands for any, what is registered is asked for at the older
    /// form of the address, which takes `common`; the newer one does not.
    ///
    /// # Errors
    ///
    /// [`DoorError::Address`] when the authority's address is none.
    pub fn admin_consent_url(
        &self,
        connection: &Connection,
        ask: AdminConsentAsk<'_>,
        redirect_uri: &str,
        state: &str,
    ) -> Result<Option<Url>, DoorError> {
        let tenant = connection.tenant_id.as_str();
        if tenant == "consumers" {
            return Ok(None);
        }
        let root = normal_root(&connection.authority_url);
        let (path, scope) = match ask {
            AdminConsentAsk::Registered if ANY_TENANT.contains(&tenant) => {
                (format!("{root}/{tenant}/adminconsent"), None)
            }
            AdminConsentAsk::Registered => (
                format!("{root}/{tenant}/v2.0/adminconsent"),
                Some(scopes::application(connection)),
            ),
            AdminConsentAsk::Delegated(names) => {
                let tenant = if tenant == "common" {
                    "organizations"
                } else {
                    tenant
                };
                (
                    format!("{root}/{tenant}/v2.0/adminconsent"),
                    Some(scopes::user(connection, names)),
                )
            }
        };
        let mut url = web_address(&path)?;
        url.query_pairs_mut()
            .append_pair("client_id", &connection.client_id)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("state", state);
        if let Some(scope) = scope {
            url.query_pairs_mut().append_pair("scope", &scope);
        }
        Ok(Some(url))
    }
}
