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
    /// Permissions of this kind, to be added.
    Permissions(AccountKind),
    /// Permissions that are there, to be taken away.
    PermissionsGiven,
    /// Consent for the tenant.
    Consent,
    /// This redirect URI.
    RedirectUri(&'a str),
    /// Which kinds of redirect URI there are.
    Platforms,
    /// Whether the application is a public client.
    PublicClient,
    /// The enterprise application's switch.
    Enabled,
    /// Who may use the application.
    Assignments,
    /// Conditional access.
    ConditionalAccess,
    /// The tenant's users and guests.
    Users,
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
        // Without its consent a permission that is removed goes on counting.
        Page::PermissionsGiven => (
            of_registration(
                "API permissions → at the permission: … → Revoke admin consent, then … → Remove \
                 permission",
            ),
            blade("CallAnAPI"),
        ),
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
        Page::Platforms => (
            of_registration("Authentication → Platform configurations"),
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
        Page::Users => (
            "Entra admin center → Users → All users".to_owned(),
            Some(
                "#view/Microsoft_AAD_UsersAndTenants/UserManagementMenuBlade/~/AllUsers".to_owned(),
            ),
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
    match mended(code)? {
        Mended::At(page) => Some(place(connection, page)),
        Mended::Elsewhere => None,
    }
}

/// Where something is mended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mended {
    /// On this page.
    At(Page<'static>),
    /// Not in the admin center: the user does something, the connection is changed, or it passes.
    Elsewhere,
}

/// Every number of the table of refusals (`postroom_microsoft::signin::refusals`); `None` for others.
fn mended(code: u32) -> Option<Mended> {
    let page = match code {
        50_001 | 50_059 | 50_128 | 50_194 | 90_002 | 90_124 | 90_130 | 500_011 | 700_005
        | 9_001_023 => Page::Tenant,
        70_001 | 700_011 | 700_016 | 700_021 => Page::Registrations,
        7_000_112 => Page::Enabled,
        70_002 | 7_000_215 | 7_000_218 | 7_000_222 => Page::Secrets,
        50_012 | 50_027 | 700_027 | 700_030 => Page::Certificates,
        // 70021 and its kin: no federated credential fits the assertion.
        70_021 | 700_211 | 700_212 | 700_213 | 700_229 => Page::Federated,
        70_003 | 700_025 => Page::PublicClient,
        50_011 | 700_084 => Page::Platforms,
        65_001 | 65_004 | 90_094 | 90_095 | 650_056 => Page::Consent,
        65_005 | 650_057 => Page::Permissions(AccountKind::User),
        650_052 => Page::PermissionsGiven,
        50_105 => Page::Assignments,
        50_097 | 50_131 | 53_000..=53_004 | 530_003 | 530_032 | 530_035 | 700_003 => {
            Page::ConditionalAccess
        }
        50_020 | 50_034 | 50_053 | 50_057 | 53_011 | 90_072 => Page::Users,
        // The user signs in again, begins anew or sets a password.
        16_000 | 50_055 | 50_058 | 50_072 | 50_074 | 50_076 | 50_078 | 50_079 | 50_126 | 50_132
        | 50_133 | 50_144 | 50_148 | 50_158 | 50_173 | 54_005 | 70_000 | 70_008 | 70_018
        | 70_019 | 70_043 | 90_120 | 500_112 | 500_121 | 501_481 | 700_020 | 700_082
        // The connection or this machine's clock is corrected, or Postroom is.
        | 28_002 | 70_011 | 90_014 | 90_023 | 700_022 | 700_023 | 700_024 | 700_051 | 700_054
        | 900_144 | 900_561 | 1_002_012 | 9_002_313
        // It passes.
        | 50_033 | 50_087 | 50_196 | 70_012 | 70_016 | 90_006 | 90_012 | 90_024 | 90_033 | 90_055
        | 90_090 => return Some(Mended::Elsewhere),
        _ => return None,
    };
    Some(Mended::At(page))
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
    use postroom_microsoft::signin::refusals;
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

    /// A number that gets into the table of refusals without a place here is found.
    #[test]
    fn every_known_number_has_a_page_or_needs_none() {
        let connection = connection(Cloud::Global);
        for row in refusals::TABLE {
            let found = mended(row.code);
            assert!(found.is_some(), "AADSTS{} has no place", row.code);
            if row.explanation.transient {
                assert_eq!(found, Some(Mended::Elsewhere), "AADSTS{}", row.code);
            }
        }
        // What only an administrator mends is on a page.
        for code in [
            50_097, 50_105, 50_131, 53_000, 53_003, 65_001, 65_005, 70_003, 90_002, 90_094,
            500_011, 530_003, 650_052, 650_057, 700_016, 700_025, 700_027, 700_084, 700_213,
            7_000_112, 7_000_215, 7_000_218,
        ] {
            assert!(place_for(&connection, code).is_some(), "AADSTS{code}");
        }
        assert_eq!(place_for(&connection, 90_033), None);
        assert_eq!(mended(1), None);
    }

    /// A public client that shows a credential, and one that may not use a flow, are mended by the
    /// same switch; what is to be taken away is not on the page for adding.
    #[test]
    fn pages_lead_to_what_is_mended_there() {
        let connection = connection(Cloud::Global);
        for (code, words) in [
            (700_025, "Allow public client flows"),
            (70_003, "Allow public client flows"),
            (700_084, "Platform configurations"),
            (650_052, "Remove permission"),
            (650_057, "Add a permission"),
            (50_057, "All users"),
        ] {
            let path = place_for(&connection, code).map(|place| place.path);
            assert!(
                path.as_ref().is_some_and(|path| path.contains(words)),
                "AADSTS{code}: {path:?}"
            );
        }
    }
}
