//! What is taken for a name, a tenant, an address.

use crate::{Problem, Result};
use postroom_model::cloud::{Cloud, is_known_authority};
use postroom_model::connection::{CONSUMERS, Connection, DEFAULT_SCOPES};
use url::{Host, Url};
use uuid::Uuid;

/// The longest name, in characters.
const LONGEST_NAME: usize = 100;
/// The longest redirect URI that Microsoft takes.
const LONGEST_REDIRECT_URI: usize = 256;
/// Scopes that every sign-in asks for anyway.
const ALWAYS_ASKED: [&str; 3] = ["openid", "profile", "offline_access"];

/// A name for people: one line without blanks around it.
pub(crate) fn name(what: &str, given: &str) -> Result<String> {
    let name = given.trim();
    if name.is_empty() {
        return Err(Problem::invalid(format!("The {what} needs a name.")));
    }
    // A name stands in logs and tables: nothing in it may move what stands around it.
    if name.chars().any(is_unfit) || name.chars().count() > LONGEST_NAME {
        return Err(Problem::invalid(format!(
            "The {what}'s name is one line of at most {LONGEST_NAME} characters."
        )));
    }
    Ok(name.to_owned())
}

/// Control characters, line and paragraph separators, and those that turn the direction of text.
fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A tenant: a GUID or a domain, or `consumers` for personal Microsoft accounts.
pub(super) fn tenant(given: &str) -> Result<String> {
    let tenant = given.trim().to_ascii_lowercase();
    if let Ok(guid) = Uuid::try_parse(&tenant) {
        return Ok(guid.hyphenated().to_string());
    }
    if tenant == CONSUMERS {
        return Ok(tenant);
    }
    if matches!(tenant.as_str(), "common" | "organizations") {
        return Err(Problem::invalid(format!(
            "{given:?} stands for any tenant, and a connection is for one: give its id (a GUID, on \
             the overview page of the Entra admin center) or a domain of it."
        )));
    }
    let is_domain = tenant.len() <= 253
        && tenant.contains('.')
        && tenant.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        });
    if is_domain {
        return Ok(tenant);
    }
    Err(Problem::invalid(format!(
        "{given:?} is no tenant: give its id (a GUID, on the overview page of the Entra admin \
         center) or a domain of it, like contoso.onmicrosoft.com."
    )))
}

/// Personal accounts are in the global cloud only (entra-docs, `authentication-national-cloud.md`).
pub(super) fn consumers(connection: &Connection) -> Result<()> {
    let elsewhere = connection.cloud != Cloud::Global
        || (is_known_authority(&connection.authority_url)
            && connection.authority_url != Cloud::Global.authority_url());
    if connection.is_for_consumers() && elsewhere {
        return Err(Problem::invalid(format!(
            "Personal Microsoft accounts are in the global cloud only: give a tenant of the cloud \
             {:?}, or set the cloud to \"global\".",
            connection.cloud.name()
        )));
    }
    Ok(())
}

/// An application (client) id: a GUID.
pub(super) fn client_id(given: &str) -> Result<String> {
    Uuid::try_parse(given.trim())
        .map(|guid| guid.hyphenated().to_string())
        .map_err(|_| {
            Problem::invalid(format!(
                "{given:?} is no client id: it is the GUID that the app registration's overview \
                 page calls Application (client) ID."
            ))
        })
}

/// The root of a service: scheme, host and port, without a trailing slash.
pub(super) fn root(what: &str, given: &str) -> Result<String> {
    let url = web_address(what, given)?;
    if url.path() != "/" || url.query().is_some() {
        return Err(Problem::invalid(format!(
            "{what} is a root, like https://login.microsoftonline.com: {given:?} has a path or \
             query. Leave that out."
        )));
    }
    Ok(url.origin().ascii_serialization())
}

/// An endpoint: a whole address.
pub(super) fn endpoint(what: &str, given: &str) -> Result<String> {
    web_address(what, given).map(String::from)
}

/// An address that secrets may travel to.
fn web_address(what: &str, given: &str) -> Result<Url> {
    let url = Url::parse(given.trim())
        .map_err(|error| Problem::invalid(format!("{what}: {given:?} is no address: {error}.")))?;
    if !is_safe(&url) {
        return Err(Problem::invalid(format!(
            "{what}: {given:?} is not taken: addresses begin with https://; plain http:// is taken \
             for loopback (localhost, 127.0.0.1) only."
        )));
    }
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err(Problem::invalid(format!(
            "{what}: an address has no user name, password or #fragment."
        )));
    }
    Ok(url)
}

/// Whether nobody on the way can read what is sent there.
fn is_safe(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        },
        _ => false,
    }
}

/// A redirect URI, as it stands: Microsoft compares it with the registered one letter by letter.
pub(crate) fn redirect_uri(given: &str) -> Result<String> {
    let given = given.trim();
    web_address("redirectUri", given)?;
    if given.len() > LONGEST_REDIRECT_URI {
        return Err(Problem::invalid(format!(
            "redirectUri: Microsoft takes at most {LONGEST_REDIRECT_URI} characters."
        )));
    }
    Ok(given.to_owned())
}

/// Scopes of a sign-in, each once; the usual ones when there is none.
pub(super) fn scopes(given: Vec<String>) -> Result<Vec<String>> {
    let mut scopes: Vec<String> = Vec::with_capacity(given.len());
    for scope in given {
        let scope = scope.trim();
        // RFC 6749, section 3.3: printable ASCII but blank, quote and backslash.
        let fits = !scope.is_empty()
            && scope.len() <= 256
            && scope
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        if !fits {
            return Err(Problem::invalid(format!(
                "{scope:?} is no scope: give permissions one by one, like Mail.ReadWrite."
            )));
        }
        let known = |known: &&str| known.eq_ignore_ascii_case(scope);
        if ALWAYS_ASKED.iter().any(known) {
            continue;
        }
        if !scopes.iter().any(|had| had.eq_ignore_ascii_case(scope)) {
            scopes.push(scope.to_owned());
        }
    }
    if scopes.len() > 1 && scopes.iter().any(|scope| scope.ends_with(".default")) {
        return Err(Problem::invalid(
            "The scope .default stands for all that was agreed to, and Microsoft takes no other \
             beside it: give either that or single permissions.",
        ));
    }
    if scopes.is_empty() {
        scopes = DEFAULT_SCOPES
            .iter()
            .map(|&scope| scope.to_owned())
            .collect();
    }
    Ok(scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_line() {
        assert_eq!(name("key", "  Kiosk 4 ").ok(), Some("Kiosk 4".to_owned()));
        for bad in [
            "",
            "  ",
            "a\nb",
            "a\u{1b}[2J",
            "a\u{202e}b",
            &"x".repeat(101),
        ] {
            assert!(name("key", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn tenants() {
        for (given, kept) in [
            ("contoso.onmicrosoft.com", "contoso.onmicrosoft.com"),
            (" Contoso.Example ", "contoso.example"),
            ("Consumers", "consumers"),
            (
                "72F988BF-86F1-41AF-91AB-2D7CD011DB47",
                "72f988bf-86f1-41af-91ab-2d7cd011db47",
            ),
        ] {
            assert_eq!(tenant(given).ok().as_deref(), Some(kept));
        }
        for bad in [
            "",
            "common",
            "organizations",
            "contoso",
            "a..b",
            "a/b.c",
            "-a.b",
            "a.b?x",
            "tenänt.example",
        ] {
            assert!(tenant(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn client_ids_are_guids() {
        assert!(client_id("72f988bf-86f1-41af-91ab-2d7cd011db47").is_ok());
        for bad in ["", "my-app", "72f988bf-86f1-41af-91ab-2d7cd011db4"] {
            assert!(client_id(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn roots() {
        for (given, kept) in [
            (
                "https://login.microsoftonline.com/",
                "https://login.microsoftonline.com",
            ),
            ("HTTPS://Login.Example:443", "https://login.example"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1:1/", "http://127.0.0.1:1"),
            ("http://[::1]:1", "http://[::1]:1"),
        ] {
            assert_eq!(root("u", given).ok().as_deref(), Some(kept));
        }
        for bad in [
            "",
            "login.example",
            "ftp://login.example",
            "http://login.example",
            "http://localhost.example",
            "http://10.0.0.1",
            "https://login.example/tenant",
            "https://login.example/?a=b",
            "https://login.example/#x",
            "https://user:word@login.example",
            "file:///etc/passwd",
        ] {
            assert!(root("u", bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn redirect_uris_stay_as_they_are() {
        for good in [
            "http://localhost:8025/auth/callback",
            "https://App.Example/Auth?x=1",
        ] {
            assert_eq!(redirect_uri(good).ok().as_deref(), Some(good));
        }
        for bad in [
            "http://app.example/cb",
            "javascript:alert(1)",
            "https://a.example/#x",
        ] {
            assert!(redirect_uri(bad).is_err(), "{bad:?}");
        }
        assert!(redirect_uri(&format!("https://a.example/{}", "x".repeat(256))).is_err());
    }

    #[test]
    fn scopes_are_kept_once_without_those_always_asked() {
        let given = |list: &[&str]| scopes(list.iter().map(|&scope| scope.to_owned()).collect());
        assert_eq!(
            given(&["Mail.Read", "openid", "mail.read", "offline_access"]).ok(),
            Some(vec!["Mail.Read".to_owned()])
        );
        assert_eq!(
            given(&[]).ok().map(|scopes| scopes.len()),
            Some(DEFAULT_SCOPES.len())
        );
        assert!(given(&["https://graph.microsoft.com/.default"]).is_ok());
        for bad in [
            &["Mail.Read Mail.Send"][..],
            &["a\"b"],
            &[""],
            &[".default", "Mail.Read"],
        ] {
            assert!(given(bad).is_err(), "{bad:?}");
        }
    }
}
