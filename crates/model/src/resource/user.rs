//! `user` (Graph reference), as far as Postroom itself reads it; callers get Microsoft's JSON.

use serde::{Deserialize, Serialize};

/// A user of the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct User {
    /// The object id, which is also the mailbox's id.
    pub id: String,
    /// For people.
    pub display_name: Option<String>,
    /// The sign-in name.
    pub user_principal_name: Option<String>,
    /// The primary SMTP address.
    pub mail: Option<String>,
}
