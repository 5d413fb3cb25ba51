//! Pages and buttons of Microsoft's admin center.
//!
//! The hosts are those that Microsoft's list of addresses to be allowed names (Entra FAQ:
//! `entra.microsoft.com`, `entra.microsoft.us`, `entra.microsoftonline.cn`); the DoD shares the US
//! Government's. Names of pages are those of 2026.

use super::permissions::Permissions;
use postroom_model::account::AccountKind;
use postroom_model::cloud::Cloud;
use postroom_model::connection::Connection;
use serde::Serialize;

/// A page of the admin center.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The way to it, ending with the button.
    pub path: String,
    /// Its address. `None` where the connection's cloud has no known admin center (addresses given
    /// by hand), or the page no address of its own.
    pub link: Option<String>,
}

/// Pages that are spoken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page<'a> {
    /// The tenant's id.
    Tenant,
    /// All app registrations.
    Registrations,
    /// A new client secret.
    Secrets,
    /// A certificate to be uploaded.
    Certificates,
    /// A federated credential.
    Federated,
    /// Permissions of this kind.
    Permissions(AccountKind),
    /// Consent for the tenant.
    Consent,
    /// This redirect URI.
    RedirectUri(&'a str),
    /// Whether the application is a public client.
    PublicClient,
    /// The enterprise application's switch.
    Enabled,
    /// Who may use the application.
    Assignments,
    /// Conditional access.
    ConditionalAccess,
}

const REGISTRATION: &str = "#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~";

/// Where a page is for this connection.
pub(crate) fn place(connection: &Connection, page: Page<'_>) -> Place {
    let client = &connection.client_id;
    let of_registration = |rest: &str| {
        format!(
            "Entra admin center → App registrations → the one with the client id {client} → {rest}"
        )
    };
    let of_enterprise = |rest: &str| {
        format!(
            "Entra admin center → Enterprise applications → the one with the application id \
             {client} → {rest}"
        )
    };
    let blade = |name: &str| Some(format!("{REGISTRATION}/{name}/appId/{client}"));
    let (path, fragment) = match page {
        Page::Tenant => (
            "Entra admin center → Overview → Tenant ID".to_owned(),
            Some("#view/Microsoft_AAD_IAM/TenantOverview.ReactView".to_owned()),
        ),
        Page::Registrations => (
            "Entra admin center → App registrations → All applications".to_owned(),
            Some("#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade".to_owned()),
        ),
        Page::Secrets => (
            of_registration("Certificates & secrets → Client secrets → New client secret"),
            blade("Credentials"),
        ),
        Page::Certificates => (
            of_registration("Certificates & secrets → Certificates → Upload certificate"),
            blade("Credentials"),
        ),
        Page::Federated => (
            of_registration("Certificates & secrets → Federated credentials → Add credential"),
            blade("Credentials"),
        ),
        Page::Permissions(kind) => {
            let kind = match kind {
                AccountKind::Application => "Application permissions",
                AccountKind::User => "Delegated permissions",
            };
            (
                of_registration(&format!(
                    "API permissions → Add a permission → Microsoft Graph → {kind}"
                )),
                blade("CallAnAPI"),
            )
        }
        Page::Consent => (
            of_registration("API permissions → Grant admin consent"),
            blade("CallAnAPI"),
        ),
        Page::RedirectUri(uri) => (
            of_registration(&format!(
                "Authentication → Add a platform → Web: add {uri} exactly so"
            )),
            blade("Authentication"),
        ),
        Page::PublicClient => (
            of_registration("Authentication → Advanced settings → Allow public client flows"),
            blade("Authentication"),
        ),
        Page::Enabled => (
            of_enterprise("Properties → Enabled for users to sign-in? → Yes → Save"),
            Some(
                "#view/Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview"
                    .to_owned(),
            ),
        ),
        Page::Assignments => (
            of_enterprise("Users and groups → Add user/group"),
            Some(
                "#view/Microsoft_AAD_IAM/StartboardApplicationsMenuBlade/~/AppAppsPreview"
                    .to_owned(),
            ),
        ),
        Page::ConditionalAccess => (
            "Entra admin center → Conditional Access → Policies".to_owned(),
            None,
        ),
    };
    Place {
        path,
        link: fragment
            .and_then(|fragment| Some(format!("{}/{fragment}", admin_center(connection)?))),
    }
}

/// Where what an AADSTS number means is mended; `None` where no page does it.
pub(crate) fn place_for(connection: &Connection, code: u32) -> Option<Place> {
    let page = match code {
        90_002 | 50_194 | 90_124 | 90_130 | 700_005 => Page::Tenant,
        700_016 | 700_011 | 70_001 => Page::Registrations,
        7_000_112 => Page::Enabled,
        7_000_215 | 7_000_222 | 7_000_218 | 70_002 => Page::Secrets,
        700_027 | 700_030 | 50_012 => Page::Certificates,
        // 70021 and its kin: no federated credential fits the assertion.
        700_229 | 70_021 | 700_211 | 700_212 | 700_213 => Page::Federated,
        700_025 => Page::PublicClient,
        65_001 | 65_004 | 90_094 | 90_095 | 650_056 => Page::Consent,
        650_052 | 650_057 => Page::Permissions(AccountKind::User),
        50_105 => Page::Assignments,
        53_000..=53_004 | 530_032 | 530_035 | 700_003 => Page::ConditionalAccess,
        _ => return None,
    };
    Some(place(connection, page))
}

/// The pages that a setup needs, in order.
pub(super) fn places(
    connection: &Connection,
    permissions: &Permissions,
    redirect_uri: &str,
) -> Vec<Place> {
    let mut places = Vec::new();
    for kind in [AccountKind::Application, AccountKind::User] {
        if !permissions.needed(kind).is_empty() {
            places.push(place(connection, Page::Permissions(kind)));
        }
    }
    places.push(place(connection, Page::Consent));
    places.push(place(connection, Page::RedirectUri(redirect_uri)));
    places
}

/// The admin center of the connection's cloud.
fn admin_center(connection: &Connection) -> Option<&'static str> {
    let cloud = connection.cloud;
    let authority = connection.authority_url.trim_end_matches('/');
    // With another authority the tenant is not in that admin center.
    if authority != cloud.authority_url() && authority != "https://login.chinacloudapi.cn" {
        return None;
    }
    Some(match cloud {
        Cloud::Global => "https://entra.microsoft.com",
        Cloud::UsGov | Cloud::UsGovDod => "https://entra.microsoft.us",
        Cloud::China => "https://entra.microsoftonline.cn",
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use postroom_model::connection::Endpoints;
    use postroom_model::{ConnectionId, Timestamp};

    /// A connection in a cloud.
    pub(crate) fn connection(cloud: Cloud) -> Connection {
        Connection {
            id: ConnectionId::new("c"),
            name: "Contoso".to_owned(),
            tenant_id: "contoso.example".to_owned(),
            client_id: "71487acd-ec93-476d-bd0e-6c8b31831053".to_owned(),
            cloud,
            authority_url: cloud.authority_url().to_owned(),
            graph_url: cloud.graph_url().to_owned(),
            endpoints: Endpoints::default(),
            redirect_uri: None,
            scopes: Vec::new(),
            credentials: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn each_cloud_has_its_admin_center() {
        for (cloud, host) in [
            (Cloud::Global, "https://entra.microsoft.com/#view/"),
            (Cloud::UsGov, "https://entra.microsoft.us/#view/"),
            (Cloud::UsGovDod, "https://entra.microsoft.us/#view/"),
            (Cloud::China, "https://entra.microsoftonline.cn/#view/"),
        ] {
            let connection = connection(cloud);
            let secrets = place(&connection, Page::Secrets);
            let link = secrets.link.unwrap_or_default();
            assert!(link.starts_with(host), "{link}");
            assert!(link.ends_with(&connection.client_id), "{link}");
            assert!(secrets.path.ends_with("New client secret"));
        }
        let mut elsewhere = connection(Cloud::Global);
        elsewhere.authority_url = "http://127.0.0.1:1".to_owned();
        assert_eq!(place(&elsewhere, Page::Secrets).link, None);
    }

    #[test]
    fn what_an_administrator_mends_has_a_page() {
        let connection = connection(Cloud::Global);
        for code in [
            90_002, 700_016, 700_011, 7_000_112, 7_000_215, 7_000_222, 7_000_218, 700_027, 700_229,
            700_025, 65_001, 65_004, 90_094, 90_095, 650_052, 650_056, 650_057, 50_105, 53_000,
            53_001, 53_003, 530_032, 530_035, 700_003,
        ] {
            assert!(place_for(&connection, code).is_some(), "{code}");
        }
        assert_eq!(place_for(&connection, 90_033), None);
    }
}
