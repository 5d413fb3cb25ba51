//! `requiredResourceAccess` of an app registration's manifest, for whoever would rather paste than
//! click.

use super::permissions::Permissions;
use postroom_model::account::AccountKind;
use postroom_model::cloud::Cloud;
use postroom_model::connection::Connection;
use serde_json::{Value, json};

/// Microsoft Graph's application id, the same in every tenant.
const GRAPH: &str = "00000003-0000-0000-c000-000000000000";

/// Ids of Graph's permissions in the worldwide cloud: name, delegated, application
/// (`microsoftgraph/microsoft-graph-devx-content`, `permissions/new/provisioningInfo.json`, August
/// 2026, environment `public`).
const IDS: &[(&str, Option<&str>, Option<&str>)] = &[
    (
        "Application.Read.All",
        Some("c79f8feb-a9db-4090-85f9-90d820caa0eb"),
        Some("9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30"),
    ),
    (
        "Directory.Read.All",
        Some("06da0dbc-49e2-44d2-8312-53f166ab848a"),
        Some("7ab1d382-f21e-4acd-a863-ba3e13f7da61"),
    ),
    (
        "LicenseAssignment.Read.All",
        Some("f395577a-0960-456b-979f-7228de0c5996"),
        Some("e2f98668-2877-4f38-a2f4-8202e0717aa1"),
    ),
    (
        "Mail.Read",
        Some("570282fd-fa5c-430d-a7fd-fc8dc98a9dca"),
        Some("810c84a8-4a9e-49e6-bf7d-12d183f40d01"),
    ),
    (
        "Mail.Read.Shared",
        Some("7b9103a5-4610-446b-9670-80643382c1fa"),
        None,
    ),
    (
        "Mail.ReadWrite",
        Some("024d486e-b451-40bb-833d-3e66d98c5c73"),
        Some("e2a3a72e-5f79-4c64-b1b1-878b674786c9"),
    ),
    (
        "Mail.ReadWrite.Shared",
        Some("5df07973-7d5d-46ed-9847-1271055cbd51"),
        None,
    ),
    (
        "Mail.Send",
        Some("e383f46e-2787-4529-855e-0e479a3ffac0"),
        Some("b633e1c5-b582-4048-a93e-9f11b44c7e96"),
    ),
    (
        "Mail.Send.Shared",
        Some("a367ab51-6b49-43bf-a716-a1fb06d2a174"),
        None,
    ),
    (
        "ProfilePhoto.Read.All",
        Some("469cd065-729e-4dee-b1fa-d92e0fab6310"),
        Some("e24d31aa-e1ab-4c80-85fe-23018690335d"),
    ),
    (
        "User.Read",
        Some("e1fe6dd8-ba31-4d61-89e7-88639da4683d"),
        None,
    ),
    (
        "User.Read.All",
        Some("a154be20-db9c-4678-8ab7-66f6cc099a59"),
        Some("df021288-bdef-4463-88db-98f22de89214"),
    ),
    (
        "User.ReadBasic.All",
        Some("b340eb25-3456-403f-be2f-af7a0d370277"),
        Some("97235f07-e226-4f63-ace3-39588e11d3a1"),
    ),
];

fn id(name: &str, kind: AccountKind) -> Option<&'static str> {
    let (_, delegated, application) = IDS.iter().find(|(known, ..)| *known == name)?;
    match kind {
        AccountKind::User => *delegated,
        AccountKind::Application => *application,
    }
}

/// The needed permissions as the manifest writes them. `None` where an id is not known: the ids are
/// those of the worldwide cloud.
pub(super) fn of(connection: &Connection, permissions: &Permissions) -> Option<Value> {
    if connection.cloud != Cloud::Global {
        return None;
    }
    let mut access = Vec::new();
    for (kind, named) in [
        (AccountKind::Application, "Role"),
        (AccountKind::User, "Scope"),
    ] {
        for permission in permissions.needed(kind) {
            access.push(json!({"id": id(&permission.name, kind)?, "type": named}));
        }
    }
    Some(json!([{"resourceAppId": GRAPH, "resourceAccess": access}]))
}

#[cfg(test)]
mod tests {
    use super::super::features::Feature;
    use super::super::needs;
    use super::super::portal::tests::connection;
    use super::*;

    #[test]
    fn every_permission_that_can_be_needed_has_its_id() {
        for feature in Feature::ALL {
            for kind in [AccountKind::Application, AccountKind::User] {
                for shared in [false, true] {
                    for need in needs::of(feature, kind, shared) {
                        let id = id(&need.least, kind);
                        assert!(id.is_some(), "{} {kind:?}", need.least);
                        assert!(uuid::Uuid::try_parse(id.unwrap_or_default()).is_ok());
                    }
                }
            }
        }
    }

    #[test]
    fn only_the_worldwide_cloud_has_known_ids() {
        let permissions = Permissions::default();
        assert!(of(&connection(Cloud::Global), &permissions).is_some());
        assert!(of(&connection(Cloud::China), &permissions).is_none());
    }
}
