//! Folders: list, get, create, rename, move, delete.

use bytes::Bytes;
use serde_json::Value;

use super::Context;
use super::answers::{json, query};
use super::change::destination;
use crate::call::{Answer, GraphError};
use crate::mail::folder::{Folder, ROOT, well_known};
use crate::mail::json::{Object, member};
use crate::mail::mailbox::Mailbox;
use crate::mail::query::{boolean, number};
use crate::mail::render::folder::{expansion, selection, write_folder};
use crate::mail::select::bad_query;

fn visible<'a>(
    context: &Context<'_>,
    mailbox: &'a Mailbox,
    id: Option<&str>,
) -> Result<Vec<&'a Folder>, GraphError> {
    let parent = match id {
        Some(id) => mailbox.folder_number(id)?,
        None => ROOT,
    };
    let hidden = boolean(context.call, "includeHiddenFolders")?;
    let mut folders: Vec<&Folder> = mailbox
        .children(parent)
        .filter(|folder| hidden || !folder.hidden)
        .collect();
    if let Some(filter) = context.call.option("$filter") {
        let name = name_filter(filter)?;
        folders.retain(|folder| folder.name.to_lowercase() == name);
    }
    folders.sort_by_key(|folder| folder.name.to_lowercase());
    Ok(folders)
}

/// `displayName eq '…'` is the filter that clients use to find a folder.
fn name_filter(filter: &str) -> Result<String, GraphError> {
    let mut words = filter.trim().splitn(3, ' ');
    let (name, operator, value) = (words.next(), words.next(), words.next());
    let fits = name.is_some_and(|name| name.eq_ignore_ascii_case("displayName"))
        && operator.is_some_and(|operator| operator.eq_ignore_ascii_case("eq"));
    value
        .map(str::trim)
        .and_then(|value| value.strip_prefix('\'')?.strip_suffix('\''))
        .filter(|_| fits)
        .map(|value| value.replace("''", "'").to_lowercase())
        .ok_or_else(|| bad_query("Invalid filter clause: only displayName eq '…' is supported."))
}

/// `GET …/mailFolders` and `…/childFolders`.
pub(super) fn list(context: &Context<'_>, id: Option<&str>) -> Result<Answer, GraphError> {
    let call = context.call;
    let select = selection(call.option("$select"))?;
    let children = expansion(call.option("$expand"))?;
    let top = number(call, "$top", 1..=1_000)?.unwrap_or(10);
    let skip = number(call, "$skip", 0..=usize::MAX)?.unwrap_or(0);
    let mailbox = context.read();
    let folders = visible(context, &mailbox, id)?;
    let mut out = Vec::new();
    let mut object = Object::open(&mut out);
    object.text(
        "@odata.context",
        &format!(
            "{}/$metadata#users('{}')/mailFolders",
            call.base_url, context.mailbox
        ),
    );
    if boolean(call, "$count")? {
        object.number("@odata.count", folders.len());
    }
    let list = object.name("value");
    list.push(b'[');
    for (place, folder) in folders.iter().skip(skip).take(top).enumerate() {
        if place > 0 {
            list.push(b',');
        }
        write_folder(
            list,
            &mailbox,
            folder,
            (select.as_deref(), children),
            None,
            false,
        );
    }
    list.push(b']');
    let end = skip.saturating_add(top);
    if folders.len() > end {
        let mut pairs: Vec<(String, String)> = call
            .query
            .iter()
            .filter(|(name, _)| !name.trim_start_matches('$').eq_ignore_ascii_case("skip"))
            .cloned()
            .collect();
        pairs.push(("$skip".to_owned(), end.to_string()));
        let path = call.segments.get(2..).unwrap_or_default().join("/");
        object.text(
            "@odata.nextLink",
            &format!("{}/{path}?{}", context.root(), query(&pairs)),
        );
    }
    object.close();
    Ok(Answer::json_bytes(200, Bytes::from(out)))
}

/// `GET …/$count`.
pub(super) fn count(context: &Context<'_>, id: Option<&str>) -> Result<Answer, GraphError> {
    let mailbox = context.read();
    let count = visible(context, &mailbox, id)?.len();
    Ok(Answer::raw(200, "text/plain", count.to_string()))
}

/// `GET …/mailFolders/{id}`.
pub(super) fn get(context: &Context<'_>, id: &str) -> Result<Answer, GraphError> {
    let select = selection(context.call.option("$select"))?;
    let mailbox = context.read();
    let number = mailbox.folder_number(id)?;
    answer(context, &mailbox, number, select.as_deref(), 200)
}

/// `POST …/mailFolders` and `…/childFolders`.
pub(super) fn create(context: &Context<'_>, id: Option<&str>) -> Result<Answer, GraphError> {
    let value = json(context)?;
    let name = member(&value, "displayName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let hidden = member(&value, "isHidden")
        .and_then(Value::as_bool)
        .unwrap_or(false);
    let mut mailbox = context.write();
    let parent = match id {
        Some(id) => mailbox.folder_number(id)?,
        None => ROOT,
    };
    let number = mailbox.create_folder(parent, name, hidden)?;
    answer(context, &mailbox, number, None, 201)
}

/// `PATCH …/mailFolders/{id}`.
pub(super) fn rename(context: &Context<'_>, id: &str) -> Result<Answer, GraphError> {
    let value = json(context)?;
    let mut mailbox = context.write();
    let number = mailbox.folder_number(id)?;
    if let Some(name) = member(&value, "displayName").and_then(Value::as_str) {
        if mailbox.folder(number)?.well_known.is_some() {
            return Err(GraphError::new(
                403,
                "ErrorAccessDenied",
                "Distinguished folders cannot be renamed.",
            ));
        }
        mailbox.rename_folder(number, name)?;
    }
    answer(context, &mailbox, number, None, 200)
}

/// `POST …/mailFolders/{id}/move`.
pub(super) fn shift(context: &Context<'_>, id: &str) -> Result<Answer, GraphError> {
    let value = json(context)?;
    let mut mailbox = context.write();
    let number = mailbox.folder_number(id)?;
    let to = destination(&mailbox, &value)?;
    mailbox.move_folder(number, to)?;
    answer(context, &mailbox, number, None, 201)
}

/// `DELETE …/mailFolders/{id}`: into Deleted Items with all that is in it; from there for good.
pub(super) fn delete(context: &Context<'_>, id: &str) -> Result<Answer, GraphError> {
    let mut mailbox = context.write();
    let number = mailbox.folder_number(id)?;
    refuse_well_known(&mailbox, number)?;
    let deleted = well_known("deleteditems").unwrap_or(ROOT);
    if mailbox.is_within(number, deleted) {
        mailbox.remove_folder(number);
        return Ok(Answer::empty(204));
    }
    // A folder of that name can be there already: Exchange then numbers the new one.
    let name = mailbox.folder(number)?.name.clone();
    let mut count = 0;
    while mailbox.move_folder(number, deleted).is_err() && count < 1_000 {
        count += 1;
        mailbox.rename_folder(number, &format!("{name}{count}"))?;
    }
    Ok(Answer::empty(204))
}

/// `POST …/mailFolders/{id}/permanentDelete`.
pub(super) fn permanent_delete(context: &Context<'_>, id: &str) -> Result<Answer, GraphError> {
    let mut mailbox = context.write();
    let number = mailbox.folder_number(id)?;
    refuse_well_known(&mailbox, number)?;
    mailbox.remove_folder(number);
    Ok(Answer::empty(204))
}

fn refuse_well_known(mailbox: &Mailbox, number: u32) -> Result<(), GraphError> {
    if mailbox.folder(number)?.well_known.is_some() {
        return Err(GraphError::new(
            400,
            "ErrorDeleteDistinguishedFolder",
            "Distinguished folders cannot be deleted.",
        ));
    }
    Ok(())
}

fn answer(
    context: &Context<'_>,
    mailbox: &Mailbox,
    number: u32,
    select: Option<&[String]>,
    status: u16,
) -> Result<Answer, GraphError> {
    let folder = mailbox.folder(number)?;
    let path = format!(
        "{}/$metadata#users('{}')/mailFolders/$entity",
        context.call.base_url, context.mailbox
    );
    let mut out = Vec::new();
    let children = expansion(context.call.option("$expand"))?;
    write_folder(
        &mut out,
        mailbox,
        folder,
        (select, children),
        Some(&path),
        false,
    );
    Ok(Answer::json_bytes(status, Bytes::from(out)))
}
