//! `recipient` and `emailAddress` (Graph reference, resources of those names).

use serde::{Deserialize, Serialize};

/// Somebody that a message is from or for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Recipient {
    /// The address with its name.
    #[serde(default)]
    pub email_address: EmailAddress,
}

/// An address with its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct EmailAddress {
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `somebody@example.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

impl Recipient {
    /// A recipient of an address without a name.
    pub fn of(address: impl Into<String>) -> Self {
        Self {
            email_address: EmailAddress {
                name: None,
                address: Some(address.into()),
            },
        }
    }

    /// The address, or nothing.
    pub fn address(&self) -> &str {
        self.email_address.address.as_deref().unwrap_or_default()
    }
}
