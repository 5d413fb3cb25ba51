//! Where a call comes from. A proxy is believed only if the settings name it.

use crate::app::App;
use crate::observe::REQUEST_ID;
use crate::serve::Peer;
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use postroom_engine::access::Origin;
use postroom_model::Network;
use std::net::IpAddr;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Where a call comes from.
pub(crate) fn origin(parts: &Parts, app: &App) -> Origin {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0.ip());
    Origin {
        address: peer.and_then(|peer| address(peer, &parts.headers, &app.options.trusted_proxies)),
        request_id: parts
            .headers
            .get(REQUEST_ID)
            .and_then(|id| id.to_str().ok())
            .map(str::to_owned),
    }
}

/// The address of whoever called. Behind proxies that are trusted it is what the last of them that
/// is not trusted any more was called from.
///
/// A proxy adds to one of two headers and lets the other one through as a caller wrote it: where
/// both are there and say different things, nobody is believed, and the address is not known.
fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> Option<IpAddr> {
    let peer = peer.to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|one| one.contains(address));
    if !is_trusted(peer) {
        return Some(peer);
    }
    let of = |hops: Option<Vec<Option<IpAddr>>>| {
        hops.map(|hops| {
            // Each proxy adds whom it was called by at the end.
            hops.into_iter()
                .rev()
                .find(|hop| hop.is_none_or(|hop| !is_trusted(hop)))
                .unwrap_or(Some(peer))
        })
    };
    match (of(forwarded(headers)), of(forwarded_for(headers))) {
        (None, None) => Some(peer),
        (Some(one), None) | (None, Some(one)) => one,
        (Some(one), Some(other)) => one.filter(|_| one == other),
    }
}

/// The addresses of `X-Forwarded-For`, the nearest last; `None` for one that is none.
fn forwarded_for(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    list(headers, &FORWARDED_FOR, ',', |hop| node(hop.trim()))
}

/// The addresses of `Forwarded` (RFC 7239, section 4), likewise.
fn forwarded(headers: &HeaderMap) -> Option<Vec<Option<IpAddr>>> {
    list(headers, &header::FORWARDED, ',', |element| {
        element.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let is_for = name.trim().eq_ignore_ascii_case("for");
            is_for.then(|| node(value.trim().trim_matches('"')))?
        })
    })
}

fn list(
    headers: &HeaderMap,
    name: &HeaderName,
    separator: char,
    hop: impl Fn(&str) -> Option<IpAddr>,
) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    for value in headers.get_all(name) {
        match value.to_str() {
            Ok(text) => hops.extend(text.split(separator).map(&hop)),
            Err(_) => hops.push(None),
        }
    }
    (!hops.is_empty()).then_some(hops)
}

/// A node (RFC 7239, section 6): an address, perhaps with a port. `unknown` and made-up names are
/// none.
fn node(text: &str) -> Option<IpAddr> {
    let bare = if let Some(rest) = text.strip_prefix('[') {
        rest.split_once(']')?.0
    } else if text.matches(':').count() == 1 {
        text.split_once(':')?.0
    } else {
        text
    };
    bare.parse::<IpAddr>().ok().map(|one| one.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn seen(peer: &str, lines: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let trusted = ["10.0.0.0/8", "::1", "fd00::/8"].map(|one| one.parse().expect("a network"));
        address(peer.parse().expect("an address"), &headers, &trusted)
            .map_or_else(|| "unknown".to_owned(), |address| address.to_string())
    }

    const XFF: &str = "x-forwarded-for";

    #[test]
    fn who_is_no_trusted_proxy_speaks_for_itself() {
        assert_eq!(seen("203.0.113.9", &[(XFF, "10.0.0.1")]), "203.0.113.9");
        assert_eq!(
            seen("203.0.113.9", &[("forwarded", "for=1.1.1.1")]),
            "203.0.113.9"
        );
        assert_eq!(seen("::ffff:203.0.113.9", &[]), "203.0.113.9");
    }

    #[test]
    fn a_trusted_proxy_says_whom_it_was_called_by() {
        for (lines, expected) in [
            (&[][..], "10.0.0.1"),
            (&[(XFF, "203.0.113.9")], "203.0.113.9"),
            // Whatever the caller wrote stands before what the proxies added.
            (&[(XFF, "1.1.1.1, 203.0.113.9, 10.2.3.4")], "203.0.113.9"),
            (&[(XFF, "1.1.1.1"), (XFF, "203.0.113.9")], "203.0.113.9"),
            (&[(XFF, "203.0.113.9:4711")], "203.0.113.9"),
            (&[(XFF, "[2001:db8::1]:80")], "2001:db8::1"),
            (&[(XFF, "10.1.1.1, 10.2.2.2")], "10.0.0.1"),
            (
                &[("forwarded", "for=203.0.113.9;proto=https")],
                "203.0.113.9",
            ),
            (
                &[("forwarded", "For=\"[2001:db8::1]:4711\"")],
                "2001:db8::1",
            ),
            (
                &[("forwarded", "for=1.1.1.1, by=10.0.0.1;for=203.0.113.9")],
                "203.0.113.9",
            ),
        ] {
            assert_eq!(seen("10.0.0.1", lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_believed_is_unknown() {
        for lines in [
            &[(XFF, "nonsense")][..],
            &[(XFF, "203.0.113.9, unknown")],
            &[(XFF, "")],
            &[("forwarded", "for=_hidden")],
            &[("forwarded", "proto=https")],
            // One of the two was written by the caller.
            &[(XFF, "203.0.113.9"), ("forwarded", "for=1.1.1.1")],
        ] {
            assert_eq!(seen("10.0.0.1", lines), "unknown", "{lines:?}");
        }
        let both = [(XFF, "203.0.113.9"), ("forwarded", "for=203.0.113.9")];
        assert_eq!(seen("10.0.0.1", &both), "203.0.113.9");
    }
}
