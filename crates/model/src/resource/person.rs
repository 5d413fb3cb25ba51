//! `user` (Graph reference), as the mirrored directory keeps it.

use serde::{Deserialize, Serialize};

/// A person as the mirrored directory keeps one: the properties that are searched and listed, and
/// Microsoft's JSON as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonRecord {
    /// The object id, which is also the id of the person's mailbox.
    pub id: String,
    /// The sign-in name.
    pub user_principal_name: Option<String>,
    /// For people.
    pub display_name: Option<String>,
    /// The first name.
    pub given_name: Option<String>,
    /// The last name.
    pub surname: Option<String>,
    /// The primary SMTP address.
    pub mail: Option<String>,
    /// What the person does.
    pub job_title: Option<String>,
    /// Where in the company.
    pub department: Option<String>,
    /// Where in the building.
    pub office_location: Option<String>,
    /// The company.
    pub company_name: Option<String>,
    /// The mobile number.
    pub mobile_phone: Option<String>,
    /// The numbers at work, joined by `, `; the list itself is in the JSON.
    pub business_phones: Option<String>,
    /// Whether the account is on; `None` where that may not be read.
    pub account_enabled: Option<bool>,
    /// Whence we know of the person.
    pub source: PersonSource,
    /// Microsoft's JSON object as it came, without `@odata`; `None` when it is not from there.
    pub json: Option<String>,
}

impl PersonRecord {
    /// Somebody of whom nothing else is known yet.
    pub fn new(id: impl Into<String>, source: PersonSource) -> Self {
        Self {
            id: id.into(),
            user_principal_name: None,
            display_name: None,
            given_name: None,
            surname: None,
            mail: None,
            job_title: None,
            department: None,
            office_location: None,
            company_name: None,
            mobile_phone: None,
            business_phones: None,
            account_enabled: None,
            source,
            json: None,
        }
    }
}

/// Whence we know of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PersonSource {
    /// The tenant's directory.
    Directory,
    /// A mailbox that is served, where the directory may not be read.
    Mailbox,
    /// A sign-in, where the directory may not be read.
    Account,
}

impl PersonSource {
    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Directory => "directory",
            Self::Mailbox => "mailbox",
            Self::Account => "account",
        }
    }
}
