//! What scopes are asked for (entra-docs, `scopes-oidc.md`).

use crate::door::normal_root;
use postroom_model::cloud::Cloud;
use postroom_model::connection::Connection;

/// The OpenID Connect scopes that are always asked for: an ID token with who it is, and a refresh
/// token.
const ALWAYS: [&str; 3] = ["openid", "profile", "offline_access"];

/// The one scope of client credentials: what the application was granted at the connection's Graph
/// (entra-docs, `v2-oauth2-client-creds-grant-flow.md`).
pub(super) fn application(connection: &Connection) -> String {
    format!("{}/.default", normal_root(&connection.graph_url))
}

/// The scopes of a user: `asked`, each as a name of the connection's Graph, and the OpenID Connect
/// ones. A scope without a resource means the worldwide Graph, so for any other it is spelled out.
pub(super) fn user(connection: &Connection, asked: &[String]) -> String {
    let root = normal_root(&connection.graph_url);
    let worldwide = root == Cloud::Global.graph_url();
    let mut scopes: Vec<String> = Vec::with_capacity(asked.len() + ALWAYS.len());
    let named = asked.iter().flat_map(|scope| scope.split_whitespace());
    for scope in named.chain(ALWAYS) {
        let is_openid = ALWAYS.contains(&scope) || scope == "email";
        let full = if worldwide || is_openid || scope.contains("://") {
            scope.to_owned()
        } else {
            format!("{root}/{scope}")
        };
        if !scopes.contains(&full) {
            scopes.push(full);
        }
    }
    scopes.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signin::discovery::tests::connection;

    #[test]
    fn scopes_of_another_graph_carry_its_address() {
        let mut there = connection();
        there.graph_url = "https://graph.microsoft.us/".to_owned();
        assert_eq!(
            user(&there, &["Mail.Read".to_owned(), "email".to_owned()]),
            "https://graph.microsoft.us/Mail.Read email openid profile offline_access"
        );
        assert_eq!(application(&there), "https://graph.microsoft.us/.default");
    }

    #[test]
    fn worldwide_scopes_are_plain_names() {
        assert_eq!(
            user(&connection(), &["Mail.Read".to_owned()]),
            "Mail.Read openid profile offline_access"
        );
    }
}
