//! Which addresses a call may go to.

use super::error::DoorError;
use url::{Host, Url};

/// A root without the slashes and blanks that people type at its end.
pub(crate) fn normal_root(root: &str) -> &str {
    root.trim().trim_end_matches('/')
}

/// An address that secrets may be sent to as far as its form goes: `https`, or `http` to this
/// machine, without a user name or password in it.
pub(crate) fn web_address(text: &str) -> Result<Url, DoorError> {
    let refuse = |why: &str| {
        // The address may hold a password, so only what is before the query is shown, and only
        // when there is none.
        let shown = text.split(['?', '#']).next().unwrap_or_default();
        let shown = if shown.contains('@') {
            "the address"
        } else {
            shown
        };
        Err(DoorError::Address(format!("{shown}: {why}")))
    };
    let Ok(url) = Url::parse(text) else {
        return refuse("this is no web address");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("an address with a user name in it is not used");
    }
    match url.scheme() {
        "https" if url.host().is_some() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => refuse("plain http is used for this machine only: take https"),
        _ => refuse("only https addresses are used"),
    }
}

/// Where Azure's and Google's machines ask who they are. It is link-local: what is sent there stays
/// on the machine's own network link, and nothing but plain `http` is spoken.
const INSTANCE_METADATA: std::net::Ipv4Addr = std::net::Ipv4Addr::new(169, 254, 169, 254);

/// Whether an address is the machine's own metadata service.
pub(crate) fn is_instance_metadata(url: &Url) -> bool {
    url.host() == Some(Host::Ipv4(INSTANCE_METADATA))
}

/// A root: an address with nothing behind its path.
pub(crate) fn is_plain_root(root: &str) -> Result<(), DoorError> {
    let url = web_address(root)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(DoorError::Address(format!(
            "{}: a root has no query",
            url.origin().ascii_serialization()
        )));
    }
    Ok(())
}

/// Whether two addresses have scheme, host and port in common.
pub(crate) fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Whether an address is this machine's own.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.eq_ignore_ascii_case("localhost") || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_travel_over_tls_or_not_at_all() {
        for good in [
            "https://graph.microsoft.com",
            "http://127.0.0.1:8080",
            "http://localhost",
            "http://[::1]:1",
        ] {
            assert!(web_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://graph.microsoft.com",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "https://user:pw@graph.microsoft.com",
            "ftp://localhost",
            "file:///etc/passwd",
            "graph.microsoft.com",
            "",
        ] {
            assert!(web_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_repeated() {
        let error = web_address("https://user:hunter2@host/").expect_err("refused");
        assert!(!error.to_string().contains("hunter2"));
    }
}
