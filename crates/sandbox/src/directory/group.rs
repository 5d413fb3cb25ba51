//! Groups: everyone, and one per department.

use serde_json::{Value, json};

use super::query::Entity;
use super::seed::DOMAIN;

/// A group of the directory.
#[derive(Clone, Debug)]
pub struct Group {
    /// The object id.
    pub id: String,
    /// `displayName`.
    pub display_name: String,
    /// The alias of the group's address; a security group has none.
    pub alias: Option<&'static str>,
    /// The department whose people are members; everyone when absent.
    pub department: Option<&'static str>,
}

/// Names, aliases and departments of the groups.
pub(super) const GROUPS: &[(&str, Option<&str>, Option<&str>)] = &[
    ("Alle Mitarbeitenden", Some("alle"), None),
    ("Vertrieb", Some("vertrieb"), Some("Vertrieb")),
    ("Ventes", Some("ventes"), Some("Ventes")),
    ("IT", Some("it"), Some("IT")),
    ("Support", Some("support"), Some("Support")),
    ("VPN-Zugang", None, Some("IT")),
];

const PROPERTIES: &[&str] = &[
    "id",
    "deletedDateTime",
    "classification",
    "createdDateTime",
    "description",
    "displayName",
    "expirationDateTime",
    "groupTypes",
    "isAssignableToRole",
    "mail",
    "mailEnabled",
    "mailNickname",
    "membershipRule",
    "membershipRuleProcessingState",
    "onPremisesDomainName",
    "onPremisesLastSyncDateTime",
    "onPremisesNetBiosName",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "preferredDataLocation",
    "preferredLanguage",
    "proxyAddresses",
    "renewedDateTime",
    "securityEnabled",
    "securityIdentifier",
    "theme",
    "visibility",
];

impl Entity for Group {
    const TYPE: &'static str = "microsoft.graph.group";
    const SET: &'static str = "groups";

    fn default_properties() -> &'static [&'static str] {
        PROPERTIES
    }

    fn properties() -> &'static [&'static str] {
        PROPERTIES
    }

    fn property(&self, name: &str) -> Value {
        let mail = self.alias.map(|alias| format!("{alias}@{DOMAIN}"));
        match name {
            "id" => Value::from(self.id.as_str()),
            "displayName" | "description" => Value::from(self.display_name.as_str()),
            "mail" => Value::from(mail),
            "mailEnabled" => Value::from(self.alias.is_some()),
            "mailNickname" => Value::from(self.alias.unwrap_or("vpn")),
            "securityEnabled" => Value::from(self.alias.is_none()),
            "groupTypes" if self.alias.is_some() => json!(["Unified"]),
            "proxyAddresses" => mail.map_or(json!([]), |mail| json!([format!("SMTP:{mail}")])),
            "groupTypes" => json!([]),
            "createdDateTime" | "renewedDateTime" => Value::from("2024-02-05T08:00:00Z"),
            "visibility" if self.alias.is_some() => Value::from("Private"),
            _ => Value::Null,
        }
    }
}
