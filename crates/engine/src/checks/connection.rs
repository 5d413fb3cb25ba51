//! A connection, tried step by step.

use super::steps::{bad, sentence, untried, well};
use super::{CheckStep, claims, permissions, users};
use crate::{Engine, Result};
use postroom_microsoft::{
    AuthorizeProbe, DoorError, GraphPath, GraphRequest, GraphResponse, Identity,
};
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::connection::Connection;
use postroom_model::grant::AccessToken;
use std::sync::Arc;
use url::{Host, Url};

/// How far the clocks may differ: Microsoft's own tolerance.
const SKEW_SECONDS: i64 = 300;

/// All steps, in order.
pub(super) async fn steps(engine: &Engine, connection: Connection) -> Result<Vec<CheckStep>> {
    engine.door().ask_anew(&connection.id);
    let connection = Arc::new(connection);
    let [authority, tenant] = discovery(engine, &connection).await;
    let reachable = authority.ok != Some(false) && tenant.ok != Some(false);
    let who = actor(engine, &connection).await?;
    let (credential, token) = match &who {
        _ if !reachable => (
            untried(
                "credential",
                "The sign-in service was not reached, or does not know the tenant.",
            ),
            None,
        ),
        None => (
            untried(
                "credential",
                "The connection has no credential, and no user has signed in through it.",
            ),
            None,
        ),
        Some(who) => credential(engine, who).await,
    };
    let (permissions, graph, clock) = match (&who, &token) {
        (Some(who), Some(token)) => {
            let (graph, answer) = graph(engine, who).await;
            (
                permissions(who, token),
                graph,
                clock(engine, &connection, answer.as_ref()),
            )
        }
        _ => {
            let why = "There is no token to try it with.";
            (
                untried("permissions", why),
                untried("graph", why),
                untried("clock", why),
            )
        }
    };
    let redirect = if reachable {
        redirect_uri(engine, &connection).await
    } else {
        untried("redirectUri", "The sign-in service was not reached.")
    };
    let users = if reachable {
        users::users(engine, &connection).await?
    } else {
        untried(users::NAME, "The sign-in service was not reached.")
    };
    Ok(vec![
        authority,
        tenant,
        credential,
        clock,
        permissions,
        graph,
        redirect,
        users,
    ])
}

/// Whoever can act: the application, else a user.
async fn actor(engine: &Engine, connection: &Arc<Connection>) -> Result<Option<Identity>> {
    let accounts: Vec<Account> = engine
        .store()
        .accounts()
        .await?
        .into_iter()
        .filter(|account| account.connection == connection.id)
        .collect();
    let application = accounts.iter().find(|account| {
        account.kind == AccountKind::Application && !connection.credentials.is_empty()
    });
    let user = accounts
        .iter()
        .find(|account| account.kind == AccountKind::User && account.state == AccountState::Active);
    Ok(application.or(user).map(|account| Identity {
        connection: Arc::clone(connection),
        account: Arc::new(account.clone()),
        caller: "check".into(),
    }))
}

/// Whether the sign-in service is there and knows the tenant.
async fn discovery(engine: &Engine, connection: &Connection) -> [CheckStep; 2] {
    let address = &connection.authority_url;
    let tenant = &connection.tenant_id;
    match engine.door().discover(connection).await {
        Ok(found) if found.issuer.is_some() => [
            well("authority", format!("{address} answers.")),
            well("tenant", format!("The tenant {tenant} is known there.")),
        ],
        Ok(_) => {
            let why = "The endpoints are set by hand: nothing is read that would say.";
            [untried("authority", why), untried("tenant", why)]
        }
        Err(DoorError::SignIn(refusal)) if !refusal.transient => {
            let code = refusal
                .code
                .map_or_else(String::new, |code| format!(" (AADSTS{code})"));
            [
                well("authority", format!("{address} answers.")),
                bad(
                    "tenant",
                    sentence(&format!("{}{code}", refusal.cause)),
                    sentence(&format!("{}; now it is {tenant:?}", refusal.remedy)),
                ),
            ]
        }
        Err(error) => [
            bad(
                "authority",
                sentence(&error.to_string()),
                "Check the authority address, and that this machine reaches it (firewall, proxy, \
                 name resolution, the certificates that it trusts).",
            ),
            untried("tenant", "The sign-in service was not reached."),
        ],
    }
}

/// Whether a token is given.
async fn credential(engine: &Engine, who: &Identity) -> (CheckStep, Option<AccessToken>) {
    let name = "credential";
    match engine.door().access_token(who).await {
        Ok(token) => {
            let detail = match who.account.kind {
                AccountKind::Application => taken(&who.connection),
                AccountKind::User => format!(
                    "The connection has no credential; the sign-in of {} is good.",
                    who.account
                        .user_principal_name
                        .as_deref()
                        .unwrap_or("a user")
                ),
            };
            (well(name, detail), Some(token))
        }
        Err(error) => (refused(name, &error), None),
    }
}

/// What Microsoft took.
fn taken(connection: &Connection) -> String {
    match connection.credentials.as_slice() {
        [only] => format!("Microsoft takes the {}.", only.kind.words()),
        several => format!(
            "Microsoft takes one of the connection's {} credentials.",
            several.len()
        ),
    }
}

/// What Microsoft or the network said no with.
fn refused(name: &str, error: &DoorError) -> CheckStep {
    match error {
        DoorError::SignIn(refusal) => {
            let code = match refusal.code {
                Some(code) => format!("AADSTS{code}"),
                None => refusal.error.clone(),
            };
            bad(
                name,
                sentence(&format!("{} ({code})", refusal.cause)),
                sentence(&refusal.remedy),
            )
        }
        DoorError::Refused(refusal) => bad(
            name,
            sentence(&format!(
                "Microsoft answered {} {}: {}",
                refusal.status, refusal.code, refusal.message
            )),
            sentence(refusal.remedy()),
        ),
        DoorError::Credential { .. } => bad(
            name,
            sentence(&error.to_string()),
            "See that the file or address of a federated credential gives a signed assertion for \
             the sign-in service; a certificate that cannot be used is removed and added anew.",
        ),
        other => bad(
            name,
            sentence(&other.to_string()),
            "Check that this machine reaches Microsoft, and the connection's addresses.",
        ),
    }
}

/// One harmless call.
async fn graph(engine: &Engine, who: &Identity) -> (CheckStep, Option<GraphResponse>) {
    let name = "graph";
    let address = &who.connection.graph_url;
    let path = match &who.account.user_id {
        Some(user) => GraphPath::user(user).query("$select", "id"),
        None => GraphPath::new("users")
            .query("$top", "1")
            .query("$select", "id"),
    };
    match engine.door().send(who, GraphRequest::get(path)).await {
        Ok(answer) => (
            well(name, format!("{address} answers and takes the token.")),
            Some(answer),
        ),
        // The token was taken; what is missing stands under the permissions.
        Err(error) if error.status() == Some(403) => (
            well(
                name,
                format!(
                    "{address} answers and takes the token, but does not let it look up users: see \
                     the permissions."
                ),
            ),
            None,
        ),
        Err(error) => (refused(name, &error), None),
    }
}

/// Whether this machine's clock is right, by Graph's `Date` (RFC 9110, section 6.6.1).
fn clock(engine: &Engine, connection: &Connection, answer: Option<&GraphResponse>) -> CheckStep {
    let name = "clock";
    let date = answer
        .and_then(|answer| answer.header("date"))
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    let Some(date) = date else {
        return untried(name, "No answer told Microsoft's time.");
    };
    let ahead = engine.now().duration_since(date.timestamp()).as_secs();
    if ahead.abs() <= SKEW_SECONDS {
        return well(name, "This machine's clock agrees with Microsoft's.");
    }
    if is_this_machine(&connection.graph_url) {
        return untried(
            name,
            "Graph is on this machine and says another time: one of the clocks is held.",
        );
    }
    let how = if ahead > 0 { "ahead of" } else { "behind" };
    bad(
        name,
        format!(
            "This machine's clock is {} seconds {how} Microsoft's.",
            ahead.abs()
        ),
        "Set the clock, and keep it right with a time service (NTP): tokens are taken for over or \
         not yet good otherwise.",
    )
}

/// A sandbox on loopback shares this machine's clock.
fn is_this_machine(address: &str) -> bool {
    match Url::parse(address).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// What was granted, against what is needed.
fn permissions(who: &Identity, token: &AccessToken) -> CheckStep {
    let name = "permissions";
    let Some(granted) = claims::granted(&token.token) else {
        return untried(name, "The token does not say what was granted.");
    };
    let kind = who.account.kind;
    let missing = permissions::missing(&granted, kind);
    let not_granted = unasked(&who.connection, kind, &granted);
    if missing.is_empty() && not_granted.is_empty() {
        return well(name, "Everything that Postroom can do is granted.");
    }
    let mut lines: Vec<String> = missing
        .iter()
        .map(|missing| format!("{} ({})", missing.feature, missing.permission))
        .collect();
    lines.extend(not_granted.iter().map(|scope| format!("the scope {scope}")));
    let detail = format!("Not granted: {}.", lines.join(", "));
    // A user's sign-in asks for what the connection says, and that may be little on purpose.
    let failed = match kind {
        AccountKind::Application => missing.iter().any(|missing| missing.essential),
        AccountKind::User => !not_granted.is_empty(),
    };
    if failed {
        bad(name, detail, how_to_grant(&who.connection, kind))
    } else {
        CheckStep {
            hint: Some(format!(
                "Where that is wanted: {}",
                how_to_grant(&who.connection, kind)
            )),
            ..well(name, detail)
        }
    }
}

/// Scopes of the connection that a user's token does not have.
fn unasked(connection: &Connection, kind: AccountKind, granted: &[String]) -> Vec<String> {
    if kind == AccountKind::Application {
        return Vec::new();
    }
    connection
        .scopes
        .iter()
        // A scope can be written with its resource in front; the token has the bare name.
        .map(|scope| scope.rsplit('/').next().unwrap_or(scope))
        .filter(|scope| {
            *scope != ".default" && !granted.iter().any(|held| held.eq_ignore_ascii_case(scope))
        })
        .map(str::to_owned)
        .collect()
}

pub(super) fn how_to_grant(connection: &Connection, kind: AccountKind) -> String {
    let (permissions, after) = match kind {
        AccountKind::Application => (
            "application",
            " Mail permissions can be missing on purpose, where Exchange grants them for some \
             mailboxes (RBAC for Applications): adding a mailbox shows whether it is in reach.",
        ),
        AccountKind::User => ("delegated", " Then the user signs in again."),
    };
    format!(
        "Entra admin center → App registrations → the one with the client id {} → API permissions: \
         add them as {permissions} permissions of Microsoft Graph, then Grant admin consent.{after}",
        connection.client_id
    )
}

/// Where a redirect URI is registered.
pub(crate) fn how_to_register(connection: &Connection, uri: &str) -> String {
    format!(
        "Entra admin center → App registrations → the one with the client id {} → Authentication → \
         Add a platform → Web: add {uri} exactly so.",
        connection.client_id
    )
}

/// Whether a sign-in can come back.
async fn redirect_uri(engine: &Engine, connection: &Connection) -> CheckStep {
    let name = "redirectUri";
    let uri = connection
        .redirect_uri
        .clone()
        .unwrap_or_else(|| format!("{}/auth/callback", engine.settings().public_url));
    match engine.door().probe_authorize(connection, &uri).await {
        Ok(AuthorizeProbe::Accepted) => well(name, format!("Microsoft knows {uri}.")),
        Ok(AuthorizeProbe::Refused {
            code: 50011, cause, ..
        }) => bad(
            name,
            sentence(&format!("{cause} (AADSTS50011): {uri}")),
            format!(
                "{} Only sign-ins of users need it.",
                how_to_register(connection, &uri)
            ),
        ),
        Ok(AuthorizeProbe::Refused {
            code,
            cause,
            remedy,
        }) => bad(
            name,
            sentence(&format!("{cause} (AADSTS{code})")),
            sentence(&remedy),
        ),
        Ok(AuthorizeProbe::NotChecked { why }) => untried(
            name,
            format!("Not checked: {why}. A sign-in shows whether Microsoft knows {uri}."),
        ),
        Err(error) => untried(name, format!("Not checked: {error}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::cloud::Cloud;
    use postroom_model::connection::Endpoints;
    use postroom_model::{ConnectionId, Timestamp};

    #[test]
    fn scopes_that_a_user_was_not_given_are_named() {
        let connection = Connection {
            id: ConnectionId::new("c"),
            name: "Contoso".to_owned(),
            tenant_id: String::new(),
            client_id: String::new(),
            cloud: Cloud::Global,
            authority_url: String::new(),
            graph_url: String::new(),
            endpoints: Endpoints::default(),
            redirect_uri: None,
            scopes: [
                "https://graph.microsoft.com/Mail.Send",
                "Mail.Read",
                "User.Read",
            ]
            .map(str::to_owned)
            .to_vec(),
            credentials: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
        };
        let granted = ["mail.read".to_owned(), "User.Read".to_owned()];
        assert_eq!(
            unasked(&connection, AccountKind::User, &granted),
            ["Mail.Send"]
        );
        assert!(unasked(&connection, AccountKind::Application, &granted).is_empty());
    }
}
