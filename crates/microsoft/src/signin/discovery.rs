//! Where the endpoints are (OpenID Connect Discovery 1.0, section 4; entra-docs,
//! `v2-protocols-oidc.md`).

use crate::door::{
    Door, DoorError, Outgoing, Subject, held, is_plain_root, normal_root, same_origin, web_address,
};
use http::Method;
use postroom_model::ConnectionId;
use postroom_model::Timestamp;
use postroom_model::clock::later;
use postroom_model::cloud::{is_known_authority, is_known_root};
use postroom_model::connection::Connection;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use url::Url;

/// How long a document is believed; Microsoft's own libraries take 24 hours.
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Where the sign-in service's endpoints are. What the connection sets by hand wins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discovery {
    /// Where a user signs in.
    pub authorization: String,
    /// Where tokens are given.
    pub token: String,
    /// Where a device code is given.
    pub device_authorization: Option<String>,
    /// Where the signing keys are.
    pub jwks: Option<String>,
    /// Who issues ID tokens; `None` when no document was read.
    pub issuer: Option<String>,
    /// The tenant's id, where the document says it. Asked by a domain, it answers with the id.
    pub tenant_id: Option<String>,
}

#[derive(Deserialize)]
struct Document {
    authorization_endpoint: String,
    token_endpoint: String,
    #[serde(default)]
    device_authorization_endpoint: Option<String>,
    #[serde(default)]
    jwks_uri: Option<String>,
    issuer: String,
}

/// The documents that were read. One entry, and one request at a time, per connection.
#[derive(Default)]
pub(crate) struct DiscoveryCache {
    entries: Mutex<HashMap<ConnectionId, Arc<Entry>>>,
}

#[derive(Default)]
struct Entry {
    /// Held while the document is fetched, so that others wait for it instead of asking too.
    fetching: tokio::sync::Mutex<()>,
    known: Mutex<Option<Known>>,
}

struct Known {
    address: String,
    until: Timestamp,
    document: Discovery,
}

impl DiscoveryCache {
    fn entry(&self, connection: &ConnectionId) -> Arc<Entry> {
        Arc::clone(held(&self.entries).entry(connection.clone()).or_default())
    }

    pub(crate) fn forget(&self, connection: &ConnectionId) {
        held(&self.entries).remove(connection);
    }
}

impl Entry {
    /// The document, if it was read at this address, and whether it is still fresh.
    fn known(&self, address: &str, now: Timestamp) -> Option<(Discovery, bool)> {
        held(&self.known)
            .as_ref()
            .filter(|known| known.address == address)
            .map(|known| (known.document.clone(), now < known.until))
    }
}

impl Door {
    /// Where the connection's endpoints are. Read once in 24 hours; a document that is older is
    /// used on where no new one can be had. With both main endpoints set by hand nothing is read.
    ///
    /// # Errors
    ///
    /// [`DoorError::Address`] when the authority's address, or one that it names, is not one that
    /// a secret may be sent to; [`DoorError::SignIn`] when the tenant is not known there;
    /// [`DoorError::Network`] and [`DoorError::Malformed`] as they say.
    pub async fn discover(&self, connection: &Connection) -> Result<Discovery, DoorError> {
        let by_hand = &connection.endpoints;
        if let (Some(authorization), Some(token)) = (&by_hand.authorization, &by_hand.token) {
            return one_authority(
                Discovery {
                    authorization: authorization.clone(),
                    token: token.clone(),
                    device_authorization: by_hand.device_authorization.clone(),
                    jwks: by_hand.jwks.clone(),
                    issuer: None,
                    tenant_id: None,
                },
                connection,
            );
        }
        let address = document_address(connection)?;
        let entry = self.house.discovery.entry(&connection.id);
        let found = match entry.known(&address, self.house.clock.now()) {
            Some((document, true)) => document,
            _ => self.read_document(connection, &entry, &address).await?,
        };
        overridden(found, connection)
    }

    async fn read_document(
        &self,
        connection: &Connection,
        entry: &Entry,
        address: &str,
    ) -> Result<Discovery, DoorError> {
        let _one_at_a_time = entry.fetching.lock().await;
        let old = match entry.known(address, self.house.clock.now()) {
            Some((document, true)) => return Ok(document),
            old => old,
        };
        let outgoing = Outgoing {
            method: Method::GET,
            url: web_address(address)?,
            headers: http::HeaderMap::new(),
            body: bytes::Bytes::new(),
            tokens: false,
        };
        let subject = Subject::connection(connection, "sign-in");
        let fetched = super::fetch(self, &subject, outgoing, super::fetch::Trying::Freely).await;
        let document = match fetched
            .and_then(|fetched| read(&fetched, connection, self.house.clock.now()))
        {
            Ok(document) => document,
            Err(error) => match old {
                Some((document, _)) if error.again() != crate::door::Again::Never => {
                    tracing::warn!(connection = %connection.name, %error, "discovery failed; the last document is used on");
                    return Ok(document);
                }
                _ => return Err(error),
            },
        };
        *held(&entry.known) = Some(Known {
            address: address.to_owned(),
            until: later(self.house.clock.now(), LIFETIME),
            document: document.clone(),
        });
        Ok(document)
    }
}

/// `{authority}/{tenant}/v2.0/.well-known/openid-configuration`.
fn document_address(connection: &Connection) -> Result<String, DoorError> {
    let root = normal_root(&connection.authority_url);
    is_plain_root(root)?;
    let tenant = &connection.tenant_id;
    let sound = !tenant.is_empty()
        && tenant
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
        && !tenant.starts_with('.');
    if !sound {
        return Err(DoorError::Address(format!(
            "connection {}: {tenant:?} is no tenant: give its id (a GUID) or a domain of it",
            connection.name
        )));
    }
    Ok(format!(
        "{root}/{tenant}/v2.0/.well-known/openid-configuration"
    ))
}

fn read(
    fetched: &super::Fetched,
    connection: &Connection,
    now: Timestamp,
) -> Result<Discovery, DoorError> {
    if fetched.status >= 400 {
        return Err(super::token_endpoint::refused(connection, fetched, now));
    }
    let document: Document =
        serde_json::from_slice(&fetched.body).map_err(|_| DoorError::Malformed {
            connection: connection.name.clone(),
            what: format!(
                "at {} there is no OpenID Connect discovery document; check the authority address",
                connection.authority_url
            ),
            doubtful: false,
        })?;
    let token = trusted(&document.token_endpoint, connection)?;
    let tenant_id = token
        .path_segments()
        .and_then(|mut segments| segments.next())
        .filter(|segment| uuid::Uuid::try_parse(segment).is_ok())
        .map(str::to_owned);
    trusted(&document.authorization_endpoint, connection)?;
    Ok(Discovery {
        authorization: document.authorization_endpoint,
        token: document.token_endpoint,
        // It may get the credential, too. One that lies elsewhere is none.
        device_authorization: document
            .device_authorization_endpoint
            .filter(|endpoint| trusted(endpoint, connection).is_ok()),
        jwks: document.jwks_uri,
        issuer: Some(document.issuer),
        tenant_id,
    })
}

/// An endpoint that the document names has to lie at the authority itself or at one of Microsoft's
/// known ones (an alias of the cloud): the client secret is sent there.
fn trusted(endpoint: &str, connection: &Connection) -> Result<Url, DoorError> {
    let url = web_address(endpoint)?;
    let authority = web_address(normal_root(&connection.authority_url))?;
    let origin = url.origin().ascii_serialization();
    if same_origin(&url, &authority) || is_known_root(&origin) {
        Ok(url)
    } else {
        Err(DoorError::Address(format!(
            "connection {}: the discovery document of {} names an endpoint at {origin}; if that is right, set the connection's endpoints by hand",
            connection.name, connection.authority_url
        )))
    }
}

fn overridden(found: Discovery, connection: &Connection) -> Result<Discovery, DoorError> {
    let by_hand = &connection.endpoints;
    one_authority(
        Discovery {
            authorization: by_hand.authorization.clone().unwrap_or(found.authorization),
            token: by_hand.token.clone().unwrap_or(found.token),
            device_authorization: by_hand
                .device_authorization
                .clone()
                .or(found.device_authorization),
            jwks: by_hand.jwks.clone().or(found.jwks),
            ..found
        },
        connection,
    )
}

/// Where a user signs in and where the code is redeemed has to be one sign-in service: a code of one
/// that was shown to another, with its verifier, would sign the user in there (RFC 9700, section
/// 4.4).
fn one_authority(found: Discovery, connection: &Connection) -> Result<Discovery, DoorError> {
    let token = web_address(&found.token)?;
    let others = [
        Some(&found.authorization),
        found.device_authorization.as_ref(),
    ];
    for other in others.into_iter().flatten() {
        let other = web_address(other)?;
        let known = |url: &Url| is_known_authority(&url.origin().ascii_serialization());
        let may_share = same_origin(&token, &other) || (known(&token) && known(&other));
        if !may_share {
            return Err(DoorError::Address(format!(
                "connection {}: users would sign in at {} and tokens be fetched from {}; set the connection's authority address and endpoints to one sign-in service",
                connection.name,
                other.origin().ascii_serialization(),
                token.origin().ascii_serialization()
            )));
        }
    }
    Ok(found)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use postroom_model::cloud::Cloud;

    pub(crate) fn connection() -> Connection {
        Connection {
            id: ConnectionId::new("c"),
            name: "contoso".to_owned(),
            tenant_id: "contoso.example".to_owned(),
            client_id: "app".to_owned(),
            cloud: Cloud::Global,
            authority_url: Cloud::Global.authority_url().to_owned(),
            graph_url: Cloud::Global.graph_url().to_owned(),
            endpoints: Default::default(),
            redirect_uri: None,
            scopes: vec!["Mail.Read".to_owned()],
            credentials: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_tenant_cannot_lead_elsewhere() {
        for tenant in ["", "..", "a/b", "a?b", "a#b", "@evil", "a\\b"] {
            let mut there = connection();
            there.tenant_id = tenant.to_owned();
            assert!(document_address(&there).is_err(), "{tenant}");
        }
        assert!(document_address(&connection()).is_ok());
    }

    #[test]
    fn a_code_is_redeemed_where_it_is_from() {
        let with = |authorization: &str, token: &str, device: Option<&str>| {
            one_authority(
                Discovery {
                    authorization: authorization.to_owned(),
                    token: token.to_owned(),
                    device_authorization: device.map(str::to_owned),
                    jwks: None,
                    issuer: None,
                    tenant_id: None,
                },
                &connection(),
            )
            .is_ok()
        };
        let (real, alias) = (
            "https://login.microsoftonline.com/a",
            "https://login.windows.net/t",
        );
        let evil = "https://evil.example/x";
        assert!(with(real, alias, Some(real)));
        assert!(with(evil, evil, None));
        assert!(!with(real, evil, None));
        assert!(!with(evil, real, None));
        assert!(!with(evil, evil, Some(real)));
        assert!(!with("http://127.0.0.1:1/a", "http://127.0.0.1:2/t", None));
    }

    #[test]
    fn a_document_cannot_send_the_secret_elsewhere() {
        let there = connection();
        assert!(
            trusted(
                "https://login.microsoftonline.com/t/oauth2/v2.0/token",
                &there
            )
            .is_ok()
        );
        assert!(trusted("https://evil.example/t/oauth2/v2.0/token", &there).is_err());
        assert!(trusted("http://login.microsoftonline.com/token", &there).is_err());
    }
}
