//! `mailFolder` (Graph reference).

use crate::ids::FolderId;
use serde::{Deserialize, Serialize};

/// A mail folder as the mirror keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct MailFolder {
    /// Microsoft's id.
    pub id: FolderId,
    /// The folder it lies in. The root of the tree is not a folder of ours.
    #[serde(default)]
    pub parent_folder_id: Option<FolderId>,
    /// Its name in the mailbox's language.
    #[serde(default)]
    pub display_name: String,
    /// `inbox`, `sentitems`, …, where it is one of those. Found out by us: Microsoft's answer has
    /// it only when asked by that name.
    #[serde(default)]
    pub well_known_name: Option<String>,
    /// How many folders lie in it.
    #[serde(default)]
    pub child_folder_count: i64,
    /// How many items Microsoft says are in it.
    #[serde(default)]
    pub total_item_count: i64,
    /// How many of them are unread.
    #[serde(default)]
    pub unread_item_count: i64,
    /// Whether clients hide it.
    #[serde(default)]
    pub is_hidden: bool,
}

/// The names that work in place of a folder's id, whatever the mailbox's language
/// (Graph reference, `mailFolder`).
pub const WELL_KNOWN_NAMES: &[&str] = &[
    "archive",
    "clutter",
    "conflicts",
    "conversationhistory",
    "deleteditems",
    "drafts",
    "inbox",
    "junkemail",
    "localfailures",
    "msgfolderroot",
    "outbox",
    "recoverableitemsdeletions",
    "scheduled",
    "searchfolders",
    "sentitems",
    "serverfailures",
    "syncissues",
];
