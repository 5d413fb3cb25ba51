//! Scopes as clients write them ("Scopes and permissions in the Microsoft identity platform").

use super::error::EntraError;
use crate::graph::permissions;

/// Graph's application id, which also names it as a resource.
pub(crate) const GRAPH_APP_ID: &str = "00000003-0000-0000-c000-000000000000";
/// Graph as a resource.
pub(crate) const GRAPH_RESOURCE: &str = "https://graph.microsoft.com";

/// Exchange as a resource of its own, for IMAP, POP and SMTP ("Authenticate an IMAP, POP or SMTP
/// connection using OAuth").
const OUTLOOK_RESOURCES: [&str; 2] = [
    "https://outlook.office.com",
    "https://outlook.office365.com",
];

const OIDC: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// What a client asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes {
    /// OpenID scopes.
    pub(crate) oidc: Vec<String>,
    /// Graph permissions by short name.
    pub(crate) permissions: Vec<String>,
    /// `.default` was asked for.
    pub(crate) default: bool,
    /// The resource as the client wrote it, absent when only short names were used.
    pub(crate) resource: Option<String>,
}

fn bad_scope(scope: &str) -> EntraError {
    EntraError::new(
        "invalid_scope",
        70_011,
        format!(
            "The provided value for the input parameter 'scope' is not valid. The scope {scope} is not valid."
        ),
    )
}

impl Scopes {
    /// Reads a scope parameter; `graph_root` is where this sandbox's Graph is.
    pub(crate) fn parse(text: &str, graph_root: &str) -> Result<Self, EntraError> {
        let mut scopes = Self::default();
        for scope in text.split_whitespace() {
            let lower = scope.to_ascii_lowercase();
            if OIDC.contains(&lower.as_str()) {
                scopes.oidc.push(lower);
                continue;
            }
            let (resource, name) = match scope.rsplit_once('/') {
                None => (None, scope),
                Some((resource, name)) => (Some(resource), name),
            };
            if let Some(resource) = resource {
                let bare = resource.trim_end_matches('/');
                let known = [GRAPH_RESOURCE, GRAPH_APP_ID, graph_root].contains(&bare)
                    || OUTLOOK_RESOURCES.contains(&bare);
                if !known {
                    return Err(EntraError::new(
                        "invalid_resource",
                        500_011,
                        format!(
                            "The resource principal named {resource} was not found in the tenant. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant."
                        ),
                    ));
                }
                scopes.resource.get_or_insert_with(|| bare.to_owned());
            }
            if name == ".default" {
                scopes.default = true;
                continue;
            }
            let known = permissions::known(name).ok_or_else(|| bad_scope(scope))?;
            if !scopes.permissions.iter().any(|have| have == known) {
                scopes.permissions.push(known.to_owned());
            }
        }
        if scopes.default && !scopes.permissions.is_empty() {
            return Err(EntraError::new(
                "invalid_scope",
                70_011,
                "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. .default scope can't be combined with resource-specific scopes.",
            ));
        }
        Ok(scopes)
    }

    /// Whether a permission is one of the resource that is asked.
    pub(crate) fn is_of_resource(&self, permission: &str) -> bool {
        let of_outlook = ["IMAP.", "POP.", "SMTP."]
            .iter()
            .any(|start| permission.starts_with(start));
        let asks_outlook = self
            .resource
            .as_deref()
            .is_some_and(|resource| OUTLOOK_RESOURCES.contains(&resource));
        of_outlook == asks_outlook
    }

    pub(crate) fn has(&self, oidc: &str) -> bool {
        self.oidc.iter().any(|have| have == oidc)
    }

    /// The `scope` of an answer: Graph permissions written the way the client writes them.
    pub(crate) fn answer(&self, granted: &[String]) -> String {
        let prefix = self
            .resource
            .as_ref()
            .map(|resource| format!("{resource}/"))
            .unwrap_or_default();
        let mut parts: Vec<String> = self
            .oidc
            .iter()
            .filter(|scope| *scope != "offline_access")
            .cloned()
            .collect();
        parts.extend(granted.iter().map(|name| format!("{prefix}{name}")));
        if self.default {
            parts.push(format!("{prefix}.default"));
        }
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_short_and_full_names() {
        let scopes = Scopes::parse(
            "openid offline_access mail.read https://graph.microsoft.com/Mail.Send",
            "http://127.0.0.1:1",
        )
        .expect("valid");
        assert_eq!(scopes.permissions, ["Mail.Read", "Mail.Send"]);
        assert!(scopes.has("offline_access"));
        let number = |text| Scopes::parse(text, "http://x").map_err(|error| error.number);
        assert_eq!(number("Mail.Raed"), Err(70_011));
        assert_eq!(
            number("https://graph.microsoft.com/.default Mail.Read"),
            Err(70_011)
        );
        assert_eq!(number("https://other.example/.default"), Err(500_011));
        assert!(number("http://x/.default").is_ok());
    }
}
