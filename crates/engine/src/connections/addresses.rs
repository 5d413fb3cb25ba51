//! Where a connection sends its secrets and tokens.

use super::validate;
use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use postroom_model::cloud::{is_known_authority, is_known_root};
use postroom_model::connection::{Connection, Endpoints};
use postroom_model::key::Scope;
use url::Url;

/// A root as given, or the cloud's.
pub(super) fn root(what: &str, given: Option<&str>, clouds: &str) -> Result<String> {
    match given.map(str::trim) {
        None | Some("") => Ok(clouds.to_owned()),
        Some(given) => validate::root(what, given),
    }
}

/// Endpoints set by hand; an empty one is none.
pub(super) fn endpoints(given: Endpoints) -> Result<Endpoints> {
    let one = |what: &str, given: Option<String>| match given.as_deref().map(str::trim) {
        None | Some("") => Ok(None),
        Some(given) => validate::endpoint(what, given).map(Some),
    };
    Ok(Endpoints {
        authorization: one("endpoints.authorization", given.authorization)?,
        token: one("endpoints.token", given.token)?,
        device_authorization: one("endpoints.deviceAuthorization", given.device_authorization)?,
        jwks: one("endpoints.jwks", given.jwks)?,
    })
}

/// Addresses outside the known clouds that the connection did not have before.
pub(super) fn outside(now: &Connection, was: Option<&Connection>) -> Vec<String> {
    let before = was.map(addresses_of);
    addresses_of(now)
        .into_iter()
        .enumerate()
        .filter_map(|(place, address)| {
            let same = before.as_ref().is_some_and(|was| was[place] == address);
            address.filter(|address| !same && !is_known(address))
        })
        .map(str::to_owned)
        .collect()
}

fn addresses_of(connection: &Connection) -> [Option<&str>; 6] {
    let Endpoints {
        authorization,
        token,
        device_authorization,
        jwks,
    } = &connection.endpoints;
    [
        Some(&connection.authority_url),
        Some(&connection.graph_url),
        authorization.as_deref(),
        token.as_deref(),
        device_authorization.as_deref(),
        jwks.as_deref(),
    ]
}

fn is_known(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| is_known_root(&url.origin().ascii_serialization()))
}

/// Refuses addresses outside the known clouds from a caller without `admin`.
pub(super) fn may_lead_outside(caller: &Caller, outside: &[String]) -> Result<()> {
    if outside.is_empty() || caller.has(Scope::Admin) {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        format!(
            "Secrets and tokens would be sent to {}, which is in none of Microsoft's clouds: only \
             a key with admin may say so.",
            outside.join(", ")
        ),
    ))
}

/// Refuses endpoints that lie at several hosts. A code that one of them gave is shown to another:
/// whoever has the token endpoint could redeem a user's code at the one that it is from (RFC 9700,
/// section 4.4).
pub(super) fn is_one_authority(connection: &Connection) -> Result<()> {
    let Endpoints {
        authorization,
        token,
        device_authorization,
        jwks,
    } = &connection.endpoints;
    // With both of these set by hand, nothing is read from the authority.
    let root = (authorization.is_none() || token.is_none()).then_some(&connection.authority_url);
    let origins: Vec<String> = [root]
        .into_iter()
        .chain([
            authorization.as_ref(),
            token.as_ref(),
            device_authorization.as_ref(),
            jwks.as_ref(),
        ])
        .flatten()
        .filter_map(|address| Url::parse(address).ok())
        .map(|url| url.origin().ascii_serialization())
        .collect();
    let one = origins.windows(2).all(|pair| pair[0] == pair[1]);
    if one || origins.iter().all(|origin| is_known_authority(origin)) {
        return Ok(());
    }
    Err(Problem::invalid(format!(
        "The endpoints of one sign-in service lie at one host, but these are at {}: give authorityUrl \
         and all endpoints at the same one.",
        origins.join(", ")
    )))
}

/// Refuses scopes of another resource than the connection's Graph where that is outside the known
/// clouds: a token for Microsoft's Graph would be shown to somebody else's.
pub(super) fn scopes_are_at_home(connection: &Connection) -> Result<()> {
    if is_known(&connection.graph_url) {
        return Ok(());
    }
    let home = format!("{}/", connection.graph_url.trim_end_matches('/'));
    let astray = connection
        .scopes
        .iter()
        .find(|scope| scope.contains(':') && !scope.starts_with(&home));
    match astray {
        None => Ok(()),
        Some(scope) => Err(Problem::invalid(format!(
            "The scope {scope:?} is of another resource than the connection's Graph at {home}: its \
             token would be shown to the wrong one. Give permissions by their names, like Mail.Read."
        ))),
    }
}

impl Engine {
    /// Refuses a change after which people sign in to Postroom somewhere else from a caller without
    /// `admin`: whoever says who somebody is may be whoever he likes.
    pub(super) async fn may_move_sign_in(
        &self,
        caller: &Caller,
        before: Vec<Connection>,
        after: Vec<Connection>,
    ) -> Result<()> {
        let (before, after) = (self.signs_in_through(before), self.signs_in_through(after));
        let stays = match (&before, &after) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(before), Some(after)) => after.goes_where(before),
        };
        if stays || caller.has(Scope::Admin) || self.store().persons().await?.is_empty() {
            return Ok(());
        }
        Err(Problem::new(
            Code::Forbidden,
            "People sign in to Postroom through this connection, or would from now on: only a key \
             with admin may say where they do.",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connections::{ConnectionChange, changed};
    use postroom_model::ConnectionId;
    use postroom_model::Timestamp;
    use postroom_model::cloud::Cloud;

    fn connection() -> Connection {
        Connection {
            id: ConnectionId::new("c"),
            name: "Contoso".to_owned(),
            tenant_id: "contoso.example".to_owned(),
            client_id: "00000000-0000-0000-0000-000000000001".to_owned(),
            cloud: Cloud::Global,
            authority_url: Cloud::Global.authority_url().to_owned(),
            graph_url: Cloud::Global.graph_url().to_owned(),
            endpoints: Endpoints::default(),
            redirect_uri: None,
            scopes: Vec::new(),
            credentials: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn leads_outside(was: &Connection, change: &ConnectionChange) -> bool {
        let now = changed(was, change).expect("a fit change");
        !outside(&now, Some(was)).is_empty()
    }

    #[test]
    fn known_clouds_are_not_outside() {
        let was = connection();
        for cloud in Cloud::ALL {
            let change = ConnectionChange {
                cloud: Some(cloud),
                ..ConnectionChange::default()
            };
            assert!(!leads_outside(&was, &change));
        }
        let change = ConnectionChange {
            endpoints: Some(Endpoints {
                token: Some("https://login.microsoftonline.com/t/oauth2/v2.0/token".to_owned()),
                ..Endpoints::default()
            }),
            ..ConnectionChange::default()
        };
        assert!(!leads_outside(&was, &change));
    }

    #[test]
    fn every_address_is_looked_at_and_only_changes_count() {
        let evil = || Some("https://login.microsoftonline.com.evil.example".to_owned());
        let endpoints = [
            Endpoints {
                authorization: evil(),
                ..Endpoints::default()
            },
            Endpoints {
                token: evil(),
                ..Endpoints::default()
            },
            Endpoints {
                device_authorization: evil(),
                ..Endpoints::default()
            },
            Endpoints {
                jwks: evil(),
                ..Endpoints::default()
            },
        ];
        let mut changes: Vec<_> = endpoints
            .into_iter()
            .map(|endpoints| ConnectionChange {
                endpoints: Some(endpoints),
                ..ConnectionChange::default()
            })
            .collect();
        changes.push(ConnectionChange {
            authority_url: evil(),
            ..ConnectionChange::default()
        });
        changes.push(ConnectionChange {
            graph_url: evil(),
            ..ConnectionChange::default()
        });
        for change in &changes {
            let was = connection();
            assert!(leads_outside(&was, change), "{change:?}");
            let moved = changed(&was, change).expect("a fit change");
            assert!(!leads_outside(&moved, change), "{change:?} again");
            assert!(!leads_outside(&moved, &ConnectionChange::default()));
        }
    }

    #[test]
    fn endpoints_of_one_sign_in_service_lie_at_one_host() {
        let with = |endpoints: Endpoints, authority: &str| {
            is_one_authority(&Connection {
                endpoints,
                authority_url: authority.to_owned(),
                ..connection()
            })
        };
        let at = |host: &str| Some(format!("{host}/x"));
        let (own, evil) = ("http://127.0.0.1:1", "http://127.0.0.1:2");
        let global = Cloud::Global.authority_url();
        assert!(with(Endpoints::default(), own).is_ok());
        let token_elsewhere = Endpoints {
            token: at(evil),
            ..Endpoints::default()
        };
        assert!(with(token_elsewhere.clone(), own).is_err());
        assert!(with(token_elsewhere, evil).is_ok());
        let both = Endpoints {
            authorization: at(evil),
            token: at(evil),
            ..Endpoints::default()
        };
        assert!(with(both.clone(), global).is_ok());
        for split in [
            Endpoints {
                authorization: at(global),
                ..both.clone()
            },
            Endpoints {
                device_authorization: at(global),
                ..both.clone()
            },
            Endpoints {
                jwks: at(own),
                ..both
            },
        ] {
            assert!(with(split.clone(), global).is_err(), "{split:?}");
        }
        let aliases = Endpoints {
            token: at("https://login.windows.net"),
            ..Endpoints::default()
        };
        assert!(with(aliases, global).is_ok());
    }

    #[test]
    fn scopes_of_another_resource_stay_at_home() {
        let with = |graph: &str, scope: &str| {
            scopes_are_at_home(&Connection {
                graph_url: graph.to_owned(),
                scopes: vec!["Mail.Read".to_owned(), scope.to_owned()],
                ..connection()
            })
        };
        let (global, evil) = (Cloud::Global.graph_url(), "https://graph.evil.example");
        assert!(with(global, "https://graph.microsoft.com/Mail.Send").is_ok());
        assert!(with(evil, "Mail.Send").is_ok());
        assert!(with(evil, "https://graph.evil.example/Mail.Send").is_ok());
        assert!(with(evil, "https://graph.microsoft.com/Mail.Send").is_err());
        assert!(with(evil, "https://graph.evil.example.com/Mail.Send").is_err());
        assert!(with(evil, "api:some/Mail.Send").is_err());
    }

    #[test]
    fn a_cloud_brings_its_addresses_unless_others_are_given() {
        let mut was = connection();
        was.graph_url = "https://graph.example".to_owned();
        let change = ConnectionChange {
            cloud: Some(Cloud::China),
            authority_url: Some("http://127.0.0.1:99/".to_owned()),
            ..ConnectionChange::default()
        };
        let now = changed(&was, &change).expect("a fit change");
        assert_eq!(now.authority_url, "http://127.0.0.1:99");
        assert_eq!(now.graph_url, Cloud::China.graph_url());
    }
}
