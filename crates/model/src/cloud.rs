//! Microsoft's clouds and their addresses.

use serde::{Deserialize, Serialize};

/// A Microsoft cloud. Tokens and app registrations of one mean nothing in another
/// (entra-docs, `authentication-national-cloud.md`; Graph's `deployments.md`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Cloud {
    /// Worldwide, and US GCC.
    #[default]
    Global,
    /// US Government GCC High (L4).
    UsGov,
    /// US Government DoD (L5): GCC High's sign-in, a Graph of its own.
    UsGovDod,
    /// China, operated by 21Vianet.
    China,
}

impl Cloud {
    /// Every cloud.
    pub const ALL: [Self; 4] = [Self::Global, Self::UsGov, Self::UsGovDod, Self::China];

    /// The root of its sign-in service.
    pub fn authority_url(self) -> &'static str {
        match self {
            Self::Global => "https://login.microsoftonline.com",
            Self::UsGov | Self::UsGovDod => "https://login.microsoftonline.us",
            Self::China => "https://login.partner.microsoftonline.cn",
        }
    }

    /// The root of its Graph.
    pub fn graph_url(self) -> &'static str {
        match self {
            Self::Global => "https://graph.microsoft.com",
            Self::UsGov => "https://graph.microsoft.us",
            Self::UsGovDod => "https://dod-graph.microsoft.us",
            Self::China => "https://microsoftgraph.chinacloudapi.cn",
        }
    }

    /// The name that the command line and the API take.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::UsGov => "usgov",
            Self::UsGovDod => "usgovdod",
            Self::China => "china",
        }
    }
}

impl std::str::FromStr for Cloud {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|cloud| cloud.name() == name)
            .ok_or_else(|| format!("there is no cloud {name:?}: global, usgov, usgovdod or china"))
    }
}

/// Hosts of sign-in services by cloud, the one to take in front. All of a line are the same service
/// (microsoft-authentication-library-for-go, `known_metadata.go`).
const AUTHORITIES: &[&[&str]] = &[
    &[
        "login.microsoftonline.com",
        "login.windows.net",
        "login.microsoft.com",
        "sts.windows.net",
    ],
    &["login.microsoftonline.us", "login.usgovcloudapi.net"],
    &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
];

/// Whether two hosts are the same cloud's sign-in service under one name or another. An ID token's
/// issuer may name an alias.
pub fn same_authority(one: &str, other: &str) -> bool {
    AUTHORITIES
        .iter()
        .any(|cloud| cloud.contains(&one) && cloud.contains(&other))
}

/// Whether this root is one of a known cloud's sign-in addresses.
pub fn is_known_authority(url: &str) -> bool {
    url.trim_end_matches('/')
        .strip_prefix("https://")
        .is_some_and(|host| AUTHORITIES.iter().any(|cloud| cloud.contains(&host)))
}

/// Whether this root is one of a known cloud's sign-in or Graph addresses. A stored secret may be
/// sent there; to any other place only what was typed in for that place.
pub fn is_known_root(url: &str) -> bool {
    let url = url.trim_end_matches('/');
    is_known_authority(url) || Cloud::ALL.iter().any(|cloud| cloud.graph_url() == url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_clouds_addresses_are_known_and_nobody_elses() {
        for cloud in Cloud::ALL {
            assert!(is_known_authority(cloud.authority_url()));
            assert!(is_known_root(cloud.authority_url()));
            assert!(is_known_root(cloud.graph_url()));
            assert!(!is_known_authority(cloud.graph_url()));
        }
        for alias in [
            "https://login.windows.net/",
            "https://login.usgovcloudapi.net",
        ] {
            assert!(is_known_root(alias), "{alias}");
        }
        for other in [
            "http://login.microsoftonline.com",
            "https://login.microsoftonline.com.evil.example",
            "https://login.microsoftonline.com:8443",
            "https://login.microsoftonline.de",
            "",
        ] {
            assert!(!is_known_root(other), "{other}");
        }
        assert!(same_authority("sts.windows.net", "login.microsoft.com"));
        assert!(!same_authority(
            "login.microsoftonline.com",
            "login.microsoftonline.us"
        ));
        assert!(!same_authority("a.example", "a.example"));
    }
}
