//! Which scopes a token that is handed on is asked for (entra-docs, `scopes-oidc.md`).

use super::address::normal_root;
use postroom_model::account::AccountKind;
use postroom_model::cloud::Cloud;
use postroom_model::connection::Connection;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The most scopes of one token.
const MOST: usize = 64;
/// The longest scope, in bytes.
const LONGEST: usize = 256;
/// Graph's application id, which names it as a resource in every cloud.
const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";
/// What is of a sign-in and of no resource.
const OPENID: [&str; 6] = [
    "openid",
    "profile",
    "email",
    "offline_access",
    "address",
    "phone",
];
const DEFAULT: &str = ".default";

/// Scopes of one resource, in one order: two sets with the same scopes are equal, however they were
/// written.
#[derive(Clone, Debug)]
pub struct TokenScopes {
    /// Small letters, sorted, each once: Entra compares scopes without regard to case.
    key: Arc<str>,
    /// As they are sent.
    asked: Arc<[String]>,
}

impl PartialEq for TokenScopes {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for TokenScopes {}

impl Hash for TokenScopes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

impl TokenScopes {
    /// What an account's token is asked for; `None` is the connection's own Graph with what a
    /// sign-in asks for, the token that the door itself uses.
    ///
    /// A name without a resource is one of the connection's Graph. A user's token takes any scopes
    /// of one resource, or that resource's `.default`; the application's only `.default`.
    ///
    /// # Errors
    /// In words, what is wrong with the scopes and how to write them.
    pub fn of(
        connection: &Connection,
        kind: AccountKind,
        scopes: &[String],
    ) -> Result<Option<Self>, String> {
        let mut asked: Vec<(String, String)> = Vec::new();
        let mut resource: Option<String> = None;
        for scope in scopes.iter().flat_map(|text| text.split_whitespace()) {
            let scope = Named::read(connection, scope)?;
            match &resource {
                None => resource = Some(scope.resource),
                Some(one) if one.eq_ignore_ascii_case(&scope.resource) => {}
                Some(one) => {
                    return Err(format!(
                        "the scopes are of several resources, {one} and {}: a token is for one; \
                         ask for one token each",
                        scope.resource
                    ));
                }
            }
            if !asked.iter().any(|(key, _)| *key == scope.key) {
                asked.push((scope.key, scope.written));
            }
            if asked.len() > MOST {
                return Err(format!("these are more than {MOST} scopes"));
            }
        }
        let Some(resource) = resource else {
            return Ok(None);
        };
        asked.sort();
        let is_default = |key: &str| key.ends_with("/.default");
        let defaults = asked.iter().filter(|(key, _)| is_default(key)).count();
        if defaults > 0 && asked.len() > 1 {
            return Err(format!(
                "{resource}/.default is everything that was granted there and goes with no other \
                 scope"
            ));
        }
        let of_graph = resource.eq_ignore_ascii_case(normal_root(&connection.graph_url));
        match kind {
            AccountKind::Application if defaults == 0 => {
                return Err(format!(
                    "an application has permissions, not scopes: ask for {resource}/.default, its \
                     token has all that it was granted there"
                ));
            }
            AccountKind::Application if of_graph => return Ok(None),
            _ => {}
        }
        let set = Self::sorted(asked);
        if kind == AccountKind::User && of_graph && set.is_what_a_sign_in_asks_for(connection) {
            return Ok(None);
        }
        Ok(Some(set))
    }

    fn sorted(asked: Vec<(String, String)>) -> Self {
        let (keys, written): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        Self {
            key: keys.join(" ").into(),
            asked: written.into(),
        }
    }

    fn is_what_a_sign_in_asks_for(&self, connection: &Connection) -> bool {
        let mut own = Vec::new();
        for scope in connection
            .scopes
            .iter()
            .flat_map(|one| one.split_whitespace())
        {
            match Named::read(connection, scope) {
                Ok(scope) if !own.contains(&scope.key) => own.push(scope.key),
                _ => {}
            }
        }
        own.sort();
        *self.key == own.join(" ")
    }

    /// The scopes as Microsoft is asked for them.
    pub fn asked(&self) -> &[String] {
        &self.asked
    }
}

/// One scope taken apart.
struct Named {
    /// Without a slash at its end.
    resource: String,
    key: String,
    written: String,
}

impl Named {
    fn read(connection: &Connection, scope: &str) -> Result<Self, String> {
        // RFC 6749, section 3.3.
        let fits = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if scope.len() > LONGEST || !scope.bytes().all(fits) {
            return Err(format!(
                "{:?} is no scope: one has at most {LONGEST} characters of ASCII, without quotes \
                 and backslashes",
                scope.chars().take(40).collect::<String>()
            ));
        }
        if OPENID.iter().any(|one| scope.eq_ignore_ascii_case(one)) {
            return Err(format!(
                "{scope} is of a sign-in, not of a token for a resource: leave it out"
            ));
        }
        let graph = normal_root(&connection.graph_url);
        let (resource, name) = match scope.rsplit_once('/') {
            None => (graph, scope),
            Some((resource, name)) => (resource.trim_end_matches('/'), name),
        };
        if resource.is_empty() || name.is_empty() {
            return Err(format!(
                "{scope:?} is no scope: write the resource and the scope's name, like \
                 https://outlook.office.com/IMAP.AccessAsUser.All"
            ));
        }
        let worldwide = Cloud::Global.graph_url();
        let is_graph = resource.eq_ignore_ascii_case(graph)
            || resource.eq_ignore_ascii_case(GRAPH_APP_ID)
            // Plain names mean the worldwide Graph for Entra, whichever Graph is the connection's.
            || (graph == worldwide && resource.eq_ignore_ascii_case(worldwide));
        let name = match name.eq_ignore_ascii_case(DEFAULT) {
            true => DEFAULT,
            false => name,
        };
        Ok(match is_graph {
            true => Self {
                resource: graph.to_owned(),
                key: format!("{graph}/{name}").to_ascii_lowercase(),
                written: match name == DEFAULT {
                    true => format!("{graph}/{name}"),
                    false => name.to_owned(),
                },
            },
            false => Self {
                resource: resource.to_owned(),
                key: format!("{resource}/{name}").to_ascii_lowercase(),
                written: scope.to_owned(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signin::discovery::tests::connection;

    fn of(kind: AccountKind, scopes: &[&str]) -> Result<Option<TokenScopes>, String> {
        let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        TokenScopes::of(&connection(), kind, &scopes)
    }

    fn user(scopes: &[&str]) -> Result<Option<TokenScopes>, String> {
        of(AccountKind::User, scopes)
    }

    #[test]
    fn the_same_scopes_are_one_set() {
        let one = user(&["Calendars.Read", "Contacts.Read"]);
        for other in [
            user(&["contacts.read calendars.read"]),
            user(&["Contacts.Read", "Calendars.Read", "Contacts.Read"]),
            user(&[
                "https://graph.microsoft.com/Contacts.Read",
                "00000003-0000-0000-c000-000000000000/Calendars.Read",
            ]),
        ] {
            assert_eq!(one, other);
        }
        assert_ne!(one, user(&["Calendars.Read"]));
    }

    #[test]
    fn what_the_door_has_anyway_is_no_set_of_its_own() {
        assert_eq!(user(&[]), Ok(None));
        assert_eq!(user(&[" "]), Ok(None));
        let own: Vec<String> = connection().scopes;
        let own: Vec<&str> = own.iter().map(String::as_str).rev().collect();
        assert_eq!(user(&own), Ok(None));
        let application = AccountKind::Application;
        for scope in [".default", "https://graph.microsoft.com/.default"] {
            assert_eq!(of(application, &[scope]), Ok(None), "{scope}");
            assert!(matches!(user(&[scope]), Ok(Some(_))), "{scope}");
        }
    }

    #[test]
    fn a_token_is_for_one_resource() {
        let imap = "https://outlook.office.com/IMAP.AccessAsUser.All";
        let smtp = "https://outlook.office.com/SMTP.Send";
        let set = user(&[smtp, imap]).expect("one resource").expect("a set");
        assert_eq!(set.asked(), [imap, smtp]);
        let several = user(&[imap, "Mail.Read"]).expect_err("two resources");
        assert!(several.contains("one token each"), "{several}");
    }

    #[test]
    fn what_cannot_be_asked_for_is_said() {
        let long = "x".repeat(300);
        let many: Vec<String> = (0..70).map(|number| format!("Scope.{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        for bad in [
            &["offline_access"][..],
            &["Mail.Read OpenId"],
            &["/Mail.Read"],
            &["https://graph.microsoft.com/"],
            &["Mail.\u{212a}ead"],
            &["Mail\"Read"],
            &[&long],
            &many,
            &[".default", "Mail.Read"],
        ] {
            assert!(user(bad).is_err(), "{bad:?}");
        }
        for bad in [
            "Mail.Read",
            "https://outlook.office365.com/IMAP.AccessAsApp",
        ] {
            let why = of(AccountKind::Application, &[bad]).expect_err(bad);
            assert!(why.contains("/.default"), "{why}");
        }
        let outlook = "https://outlook.office365.com/.default";
        assert!(matches!(
            of(AccountKind::Application, &[outlook]),
            Ok(Some(_))
        ));
    }
}
