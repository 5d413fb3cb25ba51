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

/// Whether this root is one of a known cloud's sign-in or Graph addresses. A stored secret may be
/// sent there; to any other place only what was typed in for that place.
pub fn is_known_root(url: &str) -> bool {
    let url = url.trim_end_matches('/');
    Cloud::ALL
        .iter()
        .any(|cloud| cloud.authority_url() == url || cloud.graph_url() == url)
        || url == "https://login.chinacloudapi.cn"
}
