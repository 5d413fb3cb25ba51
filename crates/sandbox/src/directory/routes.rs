//! The directory's part of Graph: organization, users, groups, photos, licences.

use serde_json::{Map, Value, json};

use super::group::Group;
use super::query::{self, Entity, Shown};
use super::seed::{COMPANY, DOMAIN, INITIAL_DOMAIN};
use super::user::{BASIC_PROPERTIES, EXCHANGE_PLAN_ID, SKU_ID, SKU_PART_NUMBER};
use super::{Directory, User, photo};
use crate::call::{Answer, Call, GraphError};

/// Permissions that show a user whole; with `User.ReadBasic.All` alone the rest is null.
const FULL: &[&str] = &[
    "User.Read.All",
    "User.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];

fn no_segment(segment: &str) -> GraphError {
    GraphError::new(
        400,
        "BadRequest",
        format!("Resource not found for the segment '{segment}'."),
    )
}

pub(crate) fn no_resource(id: &str) -> GraphError {
    GraphError::new(
        404,
        "Request_ResourceNotFound",
        format!(
            "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
        ),
    )
}

/// One object with the context link in front.
fn entity(call: &Call, context: &str, mut object: Map<String, Value>) -> Answer {
    let link = format!("{}/$metadata#{context}", call.base_url);
    object.shift_insert(0, "@odata.context".to_owned(), Value::from(link));
    Answer::json(200, &Value::Object(object))
}

fn collection(call: &Call, context: &str, values: Vec<Value>) -> Answer {
    Answer::json(
        200,
        &json!({
            "@odata.context": format!("{}/$metadata#{context}", call.base_url),
            "value": values,
        }),
    )
}

fn tag(object: &mut Map<String, Value>, kind: &str) {
    object.shift_insert(0, "@odata.type".to_owned(), Value::from(format!("#{kind}")));
}

/// `$expand=manager` or `manager($select=id,displayName)`: the selection, if asked for.
fn expanded_manager(call: &Call) -> Result<Option<Option<String>>, GraphError> {
    let Some(expand) = call.option("$expand") else {
        return Ok(None);
    };
    let (name, inside) = match expand.split_once('(') {
        Some((name, inside)) => (name, inside.trim_end_matches(')')),
        None => (expand, ""),
    };
    if !name.trim().eq_ignore_ascii_case("manager") {
        return Err(GraphError::new(
            400,
            "BadRequest",
            format!(
                "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.user'."
            ),
        ));
    }
    Ok(Some(inside.split(';').find_map(|part| {
        part.trim().strip_prefix("$select=").map(str::to_owned)
    })))
}

impl Directory {
    /// What the caller's permissions show of a user.
    fn shown_of(call: &Call, user: Option<&User>) -> Option<&'static [&'static str]> {
        let own = user.is_some_and(|user| call.caller.user_id.as_deref() == Some(&user.id));
        let full = call
            .caller
            .permissions
            .iter()
            .any(|permission| FULL.contains(&permission.as_str()));
        (!own && !full).then_some(BASIC_PROPERTIES)
    }

    /// Answers a directory request.
    pub(crate) fn handle(&self, call: &Call) -> Result<Answer, GraphError> {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        if call.method != http::Method::GET {
            return Err(GraphError::new(
                405,
                "Request_BadRequest",
                "Specified HTTP method is not allowed for the request target.",
            ));
        }
        match segments.as_slice() {
            ["organization"] => Ok(collection(call, "organization", vec![self.organization()])),
            ["organization", id] if *id == self.tenant_id() => match self.organization() {
                Value::Object(object) => Ok(entity(call, "organization/$entity", object)),
                _ => Err(no_resource(id)),
            },
            ["organization", id] => Err(no_resource(id)),
            ["subscribedSkus"] => Ok(collection(
                call,
                "subscribedSkus",
                vec![self.subscribed_sku()],
            )),
            ["domains"] => Ok(collection(call, "domains", domains())),
            ["users"] => self.list_users(call),
            ["users", "$count"] => query::count(call, self.users()),
            ["users", id, rest @ ..] => {
                let user = self.find_in_path(id).ok_or_else(|| no_resource(id))?;
                self.user(call, &user, rest)
            }
            ["groups"] => {
                let shown = Shown::of::<Group>(call, None)?;
                query::list(
                    call,
                    Group::SET,
                    self.groups().into_iter(),
                    &shown,
                    |_, _| {},
                )
            }
            ["groups", "$count"] => query::count(call, self.groups().into_iter()),
            ["groups", id, rest @ ..] => {
                let group = self
                    .groups()
                    .into_iter()
                    .find(|group| group.id.eq_ignore_ascii_case(id))
                    .ok_or_else(|| no_resource(id))?;
                self.group(call, &group, rest)
            }
            [segment, ..] => Err(no_segment(segment)),
            [] => Err(no_segment("")),
        }
    }

    fn list_users(&self, call: &Call) -> Result<Answer, GraphError> {
        let shown = Shown::of::<User>(call, Self::shown_of(call, None))?;
        let manager = expanded_manager(call)?;
        let manager = manager
            .map(|select| Shown::from_select::<User>(select.as_deref(), None))
            .transpose()?;
        query::list(call, User::SET, self.users(), &shown, |user, object| {
            if let Some(shown) = &manager {
                self.expand_manager(user, shown, object);
            }
        })
    }

    fn expand_manager(&self, user: &User, shown: &Shown, object: &mut Map<String, Value>) {
        if let Some(manager) = user.manager.and_then(|index| self.at(index)) {
            let mut inner = shown.project(&manager);
            tag(&mut inner, User::TYPE);
            object.insert("manager".to_owned(), Value::Object(inner));
        }
    }

    fn photo_number(&self, user: &User) -> u64 {
        self.ids.number(&format!("photo {}", user.index))
    }

    fn user(&self, call: &Call, user: &User, rest: &[&str]) -> Result<Answer, GraphError> {
        let allowed = Self::shown_of(call, Some(user));
        let pictured = || {
            if user.photo {
                Ok(self.photo_number(user))
            } else {
                Err(photo::not_found())
            }
        };
        let of_user = |what: &str| format!("users('{}')/{what}", user.id);
        match rest {
            [] => {
                let shown = Shown::of::<User>(call, allowed)?;
                let mut object = shown.project(user);
                if let Some(select) = expanded_manager(call)? {
                    let inner = Shown::from_select::<User>(select.as_deref(), None)?;
                    self.expand_manager(user, &inner, &mut object);
                }
                Ok(entity(
                    call,
                    &format!("users{}/$entity", shown.context()),
                    object,
                ))
            }
            ["photo"] => match photo::metadata(pictured()?, photo::LARGEST) {
                Value::Object(object) => Ok(entity(call, &of_user("photo/$entity"), object)),
                _ => Err(photo::not_found()),
            },
            ["photo", "$value"] => Ok(photo::picture(pictured()?, photo::LARGEST)),
            ["photos"] => Ok(collection(
                call,
                &of_user("photos"),
                pictured().map(photo::all).unwrap_or_default(),
            )),
            ["photos", size] => {
                let size = photo::size(size).ok_or_else(photo::not_found)?;
                match photo::metadata(pictured()?, size) {
                    Value::Object(object) => Ok(entity(call, &of_user("photos/$entity"), object)),
                    _ => Err(photo::not_found()),
                }
            }
            ["photos", size, "$value"] => {
                let size = photo::size(size).ok_or_else(photo::not_found)?;
                Ok(photo::picture(pictured()?, size))
            }
            ["licenseDetails"] => Ok(collection(
                call,
                &of_user("licenseDetails"),
                self.licences(user),
            )),
            ["manager"] => {
                let manager = user
                    .manager
                    .and_then(|index| self.at(index))
                    .ok_or_else(|| no_resource("manager"))?;
                let shown = Shown::of::<User>(call, allowed)?;
                let mut object = shown.project(&manager);
                tag(&mut object, User::TYPE);
                Ok(entity(call, "directoryObjects/$entity", object))
            }
            ["directReports"] | ["directReports", "microsoft.graph.user"] => {
                let shown = Shown::of::<User>(call, allowed)?;
                let reports = self
                    .users()
                    .filter(|other| other.manager == Some(user.index));
                query::list(call, "directoryObjects", reports, &shown, |_, object| {
                    tag(object, User::TYPE);
                })
            }
            ["directReports", "$count"] => query::count(
                call,
                self.users()
                    .filter(|other| other.manager == Some(user.index)),
            ),
            ["memberOf" | "transitiveMemberOf", "microsoft.graph.group"] => {
                let shown = Shown::of::<Group>(call, None)?;
                query::list(call, Group::SET, self.groups_of(user), &shown, |_, _| {})
            }
            ["memberOf" | "transitiveMemberOf"] => self.member_of(call, user),
            ["memberOf" | "transitiveMemberOf", "$count"]
            | [
                "memberOf" | "transitiveMemberOf",
                "microsoft.graph.group",
                "$count",
            ] => query::count(call, self.groups_of(user)),
            [segment, ..] => Err(no_segment(segment)),
        }
    }

    fn groups_of(&self, user: &User) -> std::vec::IntoIter<Group> {
        self.groups()
            .into_iter()
            .filter(|group| Self::is_member(user, group))
            .collect::<Vec<_>>()
            .into_iter()
    }

    fn member_of(&self, call: &Call, user: &User) -> Result<Answer, GraphError> {
        let shown = Shown::of::<Group>(call, None)?;
        let mut values: Vec<Value> = self
            .groups_of(user)
            .map(|group| {
                let mut object = shown.project(&group);
                tag(&mut object, Group::TYPE);
                Value::Object(object)
            })
            .collect();
        if user.administrator {
            values.push(json!({
                "@odata.type": "#microsoft.graph.directoryRole",
                "id": self.ids.guid("role administrator").to_string(),
                "deletedDateTime": null,
                "description": "Can manage all aspects of the directory.",
                "displayName": "Global Administrator",
                "roleTemplateId": "62e90394-69f5-4237-9190-012177145e10",
            }));
        }
        Ok(collection(call, "directoryObjects", values))
    }

    fn group(&self, call: &Call, group: &Group, rest: &[&str]) -> Result<Answer, GraphError> {
        let members = || self.users().filter(|user| Self::is_member(user, group));
        match rest {
            [] => {
                let shown = Shown::of::<Group>(call, None)?;
                let context = format!("groups{}/$entity", shown.context());
                Ok(entity(call, &context, shown.project(group)))
            }
            ["members" | "transitiveMembers"]
            | ["members" | "transitiveMembers", "microsoft.graph.user"] => {
                let shown = Shown::of::<User>(call, Self::shown_of(call, None))?;
                query::list(call, "directoryObjects", members(), &shown, |_, object| {
                    tag(object, User::TYPE);
                })
            }
            ["members" | "transitiveMembers", "$count"] => query::count(call, members()),
            ["owners"] => {
                let shown = Shown::of::<User>(call, Self::shown_of(call, None))?;
                let owner = self.at(0).into_iter();
                query::list(call, "directoryObjects", owner, &shown, |_, object| {
                    tag(object, User::TYPE);
                })
            }
            [segment, ..] => Err(no_segment(segment)),
        }
    }

    fn licences(&self, user: &User) -> Vec<Value> {
        if !user.licensed() {
            return Vec::new();
        }
        vec![json!({
            "id": self.ids.guid(&format!("licence {}", user.index)).to_string(),
            "skuId": SKU_ID,
            "skuPartNumber": SKU_PART_NUMBER,
            "servicePlans": service_plans(),
        })]
    }

    fn organization(&self) -> Value {
        json!({
            "id": self.tenant_id(),
            "deletedDateTime": null,
            "businessPhones": ["+49 40 5550100"],
            "city": "Hamburg",
            "country": null,
            "countryLetterCode": "DE",
            "createdDateTime": "2024-02-05T08:00:00Z",
            "displayName": COMPANY,
            "marketingNotificationEmails": [],
            "onPremisesLastSyncDateTime": null,
            "onPremisesSyncEnabled": null,
            "partnerTenantType": null,
            "postalCode": "20457",
            "preferredLanguage": "de",
            "privacyProfile": null,
            "securityComplianceNotificationMails": [],
            "securityComplianceNotificationPhones": [],
            "state": null,
            "street": "Am Sandtorkai 1",
            "technicalNotificationMails": [format!("anna.lindner@{DOMAIN}")],
            "tenantType": "AAD",
            "assignedPlans": [],
            "provisionedPlans": [],
            "verifiedDomains": [
                {"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": true,
                 "isInitial": false, "name": DOMAIN, "type": "Managed"},
                {"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": false,
                 "isInitial": true, "name": INITIAL_DOMAIN, "type": "Managed"},
            ],
        })
    }

    fn subscribed_sku(&self) -> Value {
        json!({
            "accountId": self.tenant_id(),
            "accountName": COMPANY,
            "appliesTo": "User",
            "capabilityStatus": "Enabled",
            "consumedUnits": self.size(),
            "id": format!("{}_{SKU_ID}", self.tenant_id()),
            "skuId": SKU_ID,
            "skuPartNumber": SKU_PART_NUMBER,
            "subscriptionIds": [],
            "prepaidUnits": {"enabled": self.size() + 5, "suspended": 0, "warning": 0,
                             "lockedOut": 0},
            "servicePlans": service_plans(),
        })
    }
}

fn service_plans() -> Value {
    json!([{
        "servicePlanId": EXCHANGE_PLAN_ID,
        "servicePlanName": "EXCHANGE_S_ENTERPRISE",
        "provisioningStatus": "Success",
        "appliesTo": "User",
    }])
}

fn domains() -> Vec<Value> {
    [(DOMAIN, true), (INITIAL_DOMAIN, false)]
        .into_iter()
        .map(|(name, default)| {
            json!({
                "id": name,
                "authenticationType": "Managed",
                "availabilityStatus": null,
                "isAdminManaged": true,
                "isDefault": default,
                "isInitial": !default,
                "isRoot": true,
                "isVerified": true,
                "supportedServices": ["Email", "OfficeCommunicationsOnline"],
                "passwordValidityPeriodInDays": 90,
                "passwordNotificationWindowInDays": 14,
                "state": null,
            })
        })
        .collect()
}
