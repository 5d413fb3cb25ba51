//! Networks: where callers may come from, and which proxies are believed.

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// An IPv4 or IPv6 network in CIDR notation (RFC 4632, section 3.1; RFC 4291, section 2.3). A
/// single address is the network of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address is of it. An IPv4 address that came mapped into IPv6 (RFC 4291, section
    /// 2.5.5.2) counts as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether everything of `other` is of it, too.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.contains(&other.0)
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(IpNet::from(address.to_canonical())));
        }
        let network: IpNet = text.parse().map_err(|_| {
            format!(
                "{text:?} is no network: write it like 10.1.0.0/16 or 2001:db8::/32, or a single \
                 address"
            )
        })?;
        if let IpNet::V6(v6) = &network
            && v6.addr().to_ipv4_mapped().is_some()
        {
            return Err(format!(
                "{text:?} is an IPv4 network in IPv6's clothes: write it as IPv4"
            ));
        }
        let whole = network.trunc();
        if whole != network {
            return Err(format!(
                "{text:?} has bits set behind its prefix: {whole} is the network that it is of"
            ));
        }
        Ok(Self(network))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect("a network")
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn addresses_are_of_their_networks_only() {
        for (net, inside, outside) in [
            ("10.1.0.0/16", "10.1.255.255", "10.2.0.0"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("::/0", "::1", "10.0.0.1"),
            ("10.1.0.0/16", "::ffff:10.1.0.1", "::ffff:10.2.0.1"),
        ] {
            assert!(network(net).contains(address(inside)), "{net} {inside}");
            assert!(!network(net).contains(address(outside)), "{net} {outside}");
        }
        assert!(network("10.0.0.0/8").covers(&network("10.1.0.0/16")));
        assert!(!network("10.1.0.0/16").covers(&network("10.0.0.0/8")));
        assert!(!network("0.0.0.0/0").covers(&network("::/0")));
    }

    #[test]
    fn what_is_no_network_is_refused_with_what_would_do() {
        for text in [
            "",
            "ten",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/8/8",
        ] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
        let host_bits = "10.1.2.3/16".parse::<Network>().expect_err("refused");
        assert!(host_bits.contains("10.1.0.0/16"), "{host_bits}");
        assert!("::ffff:10.0.0.0/104".parse::<Network>().is_err());
        assert_eq!(network("10.1.2.3").to_string(), "10.1.2.3/32");
        assert_eq!(network("::ffff:10.1.2.3").to_string(), "10.1.2.3/32");
    }
}
