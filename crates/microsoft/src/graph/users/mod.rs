//! `/users` (Graph, *user resource type*).

mod get;
mod license_details;
mod list;
mod manager;
mod member_of;
mod photo;

pub use get::get;
pub use license_details::license_details;
pub use list::{ListUsers, list, request};
pub use manager::manager;
pub use member_of::member_of;
pub use photo::photo;

/// What is asked of a user where nothing else is said: the properties that Microsoft gives by
/// itself, spelled out, and whether the account is on.
pub const DEFAULT_SELECT: &str = "id,displayName,givenName,surname,userPrincipalName,mail,jobTitle,\
    department,officeLocation,companyName,mobilePhone,businessPhones,preferredLanguage,\
    accountEnabled,userType";
