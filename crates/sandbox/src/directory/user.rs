//! A user and the properties Graph gives of one.

use serde_json::{Value, json};

use super::query::Entity;
use super::seed::{COMPANY, DOMAIN, INITIAL_DOMAIN};

/// A user of the directory.
#[derive(Clone, Debug)]
pub struct User {
    /// The place in the directory's order.
    pub index: usize,
    /// The object id.
    pub id: String,
    /// `userPrincipalName`.
    pub user_principal_name: String,
    /// `displayName`.
    pub display_name: String,
    /// `givenName`.
    pub given_name: String,
    /// `surname`.
    pub surname: String,
    /// `mail`.
    pub mail: Option<String>,
    /// `jobTitle`.
    pub job_title: String,
    /// `department`.
    pub department: String,
    /// `officeLocation` and `city`.
    pub office: String,
    /// `preferredLanguage`.
    pub language: String,
    /// `country` and `usageLocation`, two letters.
    pub country: String,
    /// `businessPhones`, at most one.
    pub phone: String,
    /// The manager's place in the directory.
    pub manager: Option<usize>,
    /// `userType` is `Guest`.
    pub guest: bool,
    /// `accountEnabled`.
    pub enabled: bool,
    /// Exchange has a mailbox.
    pub has_mailbox: bool,
    /// A shared mailbox: nobody signs in to it.
    pub shared: bool,
    /// Administers the tenant.
    pub administrator: bool,
    /// There is a photo.
    pub photo: bool,
}

/// The properties given when nothing is selected ("List users").
pub(super) const DEFAULT_PROPERTIES: &[&str] = &[
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

/// What `User.ReadBasic.All` shows of others ("Microsoft Graph permissions reference").
pub(super) const BASIC_PROPERTIES: &[&str] = &[
    "displayName",
    "givenName",
    "id",
    "mail",
    "surname",
    "userPrincipalName",
];

const PROPERTIES: &[&str] = &[
    "id",
    "deletedDateTime",
    "aboutMe",
    "accountEnabled",
    "ageGroup",
    "assignedLicenses",
    "assignedPlans",
    "birthday",
    "businessPhones",
    "city",
    "companyName",
    "consentProvidedForMinor",
    "country",
    "createdDateTime",
    "creationType",
    "department",
    "displayName",
    "employeeHireDate",
    "employeeId",
    "employeeOrgData",
    "employeeType",
    "externalUserState",
    "externalUserStateChangeDateTime",
    "faxNumber",
    "givenName",
    "identities",
    "imAddresses",
    "isResourceAccount",
    "jobTitle",
    "lastPasswordChangeDateTime",
    "legalAgeGroupClassification",
    "mail",
    "mailNickname",
    "mobilePhone",
    "officeLocation",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesExtensionAttributes",
    "onPremisesImmutableId",
    "onPremisesLastSyncDateTime",
    "onPremisesSamAccountName",
    "onPremisesSecurityIdentifier",
    "onPremisesSyncEnabled",
    "onPremisesUserPrincipalName",
    "otherMails",
    "passwordPolicies",
    "postalCode",
    "preferredDataLocation",
    "preferredLanguage",
    "provisionedPlans",
    "proxyAddresses",
    "securityIdentifier",
    "showInAddressList",
    "signInSessionsValidFromDateTime",
    "state",
    "streetAddress",
    "surname",
    "usageLocation",
    "userPrincipalName",
    "userType",
];

const LISTS: &[&str] = &[
    "assignedLicenses",
    "assignedPlans",
    "businessPhones",
    "identities",
    "imAddresses",
    "otherMails",
    "provisionedPlans",
    "proxyAddresses",
];

/// The licence employees have: Microsoft 365 E3, as "Product names and service plan
/// identifiers for licensing" lists it.
pub(super) const SKU_ID: &str = "05e9a617-0261-4cee-bb44-138d3ef5d965";
pub(super) const SKU_PART_NUMBER: &str = "SPE_E3";
/// Exchange Online (Plan 2).
pub(super) const EXCHANGE_PLAN_ID: &str = "efb87545-963c-4e0d-99df-69c6916d9eb0";

fn text(value: &str) -> Value {
    if value.is_empty() {
        Value::Null
    } else {
        Value::from(value)
    }
}

impl User {
    /// The part of the user principal name before the `@`.
    pub fn alias(&self) -> &str {
        self.user_principal_name
            .split_once('@')
            .map_or(self.user_principal_name.as_str(), |(alias, _)| alias)
    }

    /// Whether a licence is assigned. Shared mailboxes need none.
    pub fn licensed(&self) -> bool {
        self.has_mailbox && !self.shared
    }
}

impl Entity for User {
    const TYPE: &'static str = "microsoft.graph.user";
    const SET: &'static str = "users";

    fn default_properties() -> &'static [&'static str] {
        DEFAULT_PROPERTIES
    }

    fn properties() -> &'static [&'static str] {
        PROPERTIES
    }

    fn property(&self, name: &str) -> Value {
        match name {
            "id" => Value::from(self.id.as_str()),
            "displayName" => text(&self.display_name),
            "givenName" => text(&self.given_name),
            "surname" => text(&self.surname),
            "userPrincipalName" => Value::from(self.user_principal_name.as_str()),
            "mail" => self.mail.as_deref().map_or(Value::Null, Value::from),
            "mailNickname" => Value::from(self.alias().split('#').next().unwrap_or_default()),
            "jobTitle" => text(&self.job_title),
            "department" => text(&self.department),
            "officeLocation" | "city" => text(&self.office),
            "preferredLanguage" => text(&self.language),
            "country" | "usageLocation" => text(&self.country),
            "businessPhones" if !self.phone.is_empty() => json!([self.phone]),
            "mobilePhone" => Value::Null,
            "companyName" if !self.guest => Value::from(COMPANY),
            "accountEnabled" => Value::from(self.enabled),
            "userType" => Value::from(if self.guest { "Guest" } else { "Member" }),
            "creationType" if self.guest => Value::from("Invitation"),
            "externalUserState" if self.guest => Value::from("Accepted"),
            "createdDateTime" => Value::from("2024-02-05T08:00:00Z"),
            "employeeId" if !self.guest => Value::from(format!("{:06}", 100 + self.index)),
            "isResourceAccount" => Value::Null,
            "identities" => json!([{
                "signInType": "userPrincipalName",
                "issuer": INITIAL_DOMAIN,
                "issuerAssignedId": self.user_principal_name,
            }]),
            "proxyAddresses" => match &self.mail {
                Some(mail) if self.has_mailbox => {
                    let mut addresses = vec![format!("SMTP:{mail}")];
                    if let Some(alias) = mail.strip_suffix(DOMAIN) {
                        addresses.push(format!("smtp:{alias}{INITIAL_DOMAIN}"));
                    }
                    Value::from(addresses)
                }
                _ => json!([]),
            },
            "assignedLicenses" if self.licensed() => {
                json!([{"disabledPlans": [], "skuId": SKU_ID}])
            }
            "assignedPlans" if self.licensed() => json!([{
                "assignedDateTime": "2024-02-05T08:00:00Z",
                "capabilityStatus": "Enabled",
                "service": "exchange",
                "servicePlanId": EXCHANGE_PLAN_ID,
            }]),
            other if LISTS.contains(&other) => json!([]),
            _ => Value::Null,
        }
    }
}
