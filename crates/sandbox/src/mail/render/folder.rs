//! A folder as JSON (microsoft.graph.mailFolder).

use crate::call::GraphError;
use crate::mail::folder::Folder;
use crate::mail::json::Object;
use crate::mail::mailbox::Mailbox;
use crate::mail::select::bad_query;

/// The properties of a folder.
pub(crate) const PROPERTIES: &[&str] = &[
    "id",
    "displayName",
    "parentFolderId",
    "childFolderCount",
    "unreadItemCount",
    "totalItemCount",
    "sizeInBytes",
    "isHidden",
];

/// Reads `$select` of a folder.
pub(crate) fn selection(text: Option<&str>) -> Result<Option<Vec<String>>, GraphError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let mut names = Vec::new();
    for name in text.split(',').map(str::trim) {
        if !PROPERTIES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
        {
            return Err(bad_query(format!(
                "Could not find a property named '{name}' on type 'Microsoft.OutlookServices.MailFolder'."
            )));
        }
        names.push(name.to_ascii_lowercase());
    }
    Ok(Some(names))
}

/// Reads `$expand` of a folder: whether the folders right below are shown.
pub(crate) fn expansion(text: Option<&str>) -> Result<bool, GraphError> {
    let Some(text) = text else {
        return Ok(false);
    };
    let name = text.split('(').next().unwrap_or(text).trim();
    if name.eq_ignore_ascii_case("childFolders") {
        return Ok(true);
    }
    Err(bad_query(format!(
        "The property '{text}' of 'Microsoft.OutlookServices.MailFolder' cannot be expanded."
    )))
}

/// Writes a folder: of its properties those selected, with its children if they are expanded.
pub(crate) fn write_folder(
    out: &mut Vec<u8>,
    mailbox: &Mailbox,
    folder: &Folder,
    (select, children): (Option<&[String]>, bool),
    context: Option<&str>,
    typed: bool,
) {
    let wants = |name: &str| {
        select.is_none_or(|select| select.iter().any(|known| known.eq_ignore_ascii_case(name)))
    };
    let mut object = Object::open(out);
    if let Some(context) = context {
        object.text("@odata.context", context);
    }
    if typed {
        object.text("@odata.type", "#microsoft.graph.mailFolder");
    }
    object.text("id", &mailbox.ids.folder(folder.number));
    if wants("displayName") {
        object.text("displayName", &folder.name);
    }
    if wants("parentFolderId") {
        // The folder above the root is never shown, yet it has an id.
        object.text("parentFolderId", &mailbox.ids.folder(folder.parent));
    }
    if wants("childFolderCount") {
        let count = mailbox
            .children(folder.number)
            .filter(|child| !child.hidden)
            .count();
        object.number("childFolderCount", count);
    }
    if wants("unreadItemCount") {
        object.number("unreadItemCount", folder.unread);
    }
    if wants("totalItemCount") {
        object.number("totalItemCount", folder.order.len());
    }
    if wants("sizeInBytes") && select.is_some() {
        object.number("sizeInBytes", folder.order.len() * 20_000);
    }
    if wants("isHidden") {
        object.flag("isHidden", folder.hidden);
    }
    if children {
        let list = object.name("childFolders");
        list.push(b'[');
        let below = mailbox
            .children(folder.number)
            .filter(|child| !child.hidden);
        for (place, child) in below.enumerate() {
            if place > 0 {
                list.push(b',');
            }
            write_folder(list, mailbox, child, (None, false), None, false);
        }
        list.push(b']');
    }
    object.close();
}

/// A folder that is gone.
pub(crate) fn write_removed(out: &mut Vec<u8>, mailbox: &Mailbox, number: u32) {
    let mut object = Object::open(out);
    object.text("@odata.type", "#microsoft.graph.mailFolder");
    object.text("id", &mailbox.ids.folder(number));
    object
        .name("@removed")
        .extend_from_slice(b"{\"reason\":\"deleted\"}");
    object.close();
}
