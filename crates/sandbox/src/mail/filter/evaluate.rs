//! Whether a message passes a filter. Exchange compares texts without case.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Comparison, Expression, Function, Literal};
use crate::mail::ids::{Ids, Key};
use crate::mail::item::{Address, Item};
use crate::mail::render::message::same_property;

/// A message looked at by a filter.
pub(crate) struct Candidate<'a> {
    pub(crate) ids: &'a Ids,
    pub(crate) key: Key,
    pub(crate) folder: u32,
    pub(crate) change: u64,
    pub(crate) item: &'a Item,
}

/// A property's value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found<'a> {
    Text(Cow<'a, str>),
    Boolean(bool),
    Time(i64),
    Nothing,
}

impl Found<'_> {
    /// Order for `$orderby`.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Found::Text(one), Found::Text(two)) => one.to_lowercase().cmp(&two.to_lowercase()),
            (Found::Boolean(one), Found::Boolean(two)) => one.cmp(two),
            (Found::Time(one), Found::Time(two)) => one.cmp(two),
            (Found::Nothing, Found::Nothing) => Ordering::Equal,
            (Found::Nothing, _) => Ordering::Less,
            (_, Found::Nothing) => Ordering::Greater,
            _ => Ordering::Equal,
        }
    }

    fn into_owned(self) -> Found<'static> {
        match self {
            Found::Text(text) => Found::Text(Cow::Owned(text.into_owned())),
            Found::Boolean(value) => Found::Boolean(value),
            Found::Time(time) => Found::Time(time),
            Found::Nothing => Found::Nothing,
        }
    }
}

/// The value that a message is ordered by.
pub(crate) fn sort_value(candidate: &Candidate<'_>, path: &str) -> Found<'static> {
    value(candidate, path).into_owned()
}

/// Whether the message passes.
pub(super) fn passes(expression: &Expression, candidate: &Candidate<'_>) -> bool {
    match expression {
        Expression::And(one, two) => passes(one, candidate) && passes(two, candidate),
        Expression::Or(one, two) => passes(one, candidate) || passes(two, candidate),
        Expression::Not(inner) => !passes(inner, candidate),
        Expression::Compare(path, comparison, literal) => {
            compares(&value(candidate, path), *comparison, literal)
        }
        Expression::Call(function, path, text) => calls(*function, &value(candidate, path), text),
        Expression::Is(path) => value(candidate, path) == Found::Boolean(true),
        Expression::Any(collection, inner) => any(candidate.item, collection, inner.as_deref()),
    }
}

fn any(item: &Item, collection: &str, inner: Option<&Expression>) -> bool {
    let addresses = |list: &[Address]| {
        list.iter().any(|address| {
            inner.is_none_or(|inner| {
                element(inner, &|path| match path {
                    "emailaddress/address" => address.address.as_str().into(),
                    _ => address.name.as_str().into(),
                })
            })
        })
    };
    match collection {
        "torecipients" => addresses(&item.to),
        "ccrecipients" => addresses(&item.cc),
        "bccrecipients" => addresses(&item.bcc),
        "replyto" => addresses(&item.reply_to),
        "categories" => item.categories.iter().any(|category| {
            inner.is_none_or(|inner| element(inner, &|_| category.as_str().into()))
        }),
        "singlevalueextendedproperties" => item.properties.iter().any(|(id, value)| {
            inner.is_none_or(|inner| {
                element(inner, &|path| match path {
                    "id" => id.as_str().into(),
                    _ => value.as_str().into(),
                })
            })
        }),
        _ => false,
    }
}

/// An expression about one element of a collection.
fn element<'a>(expression: &Expression, of: &dyn Fn(&str) -> Cow<'a, str>) -> bool {
    match expression {
        Expression::And(one, two) => element(one, of) && element(two, of),
        Expression::Or(one, two) => element(one, of) || element(two, of),
        Expression::Not(inner) => !element(inner, of),
        Expression::Compare(path, Comparison::Equal, Literal::Text(text)) if path == "id" => {
            same_property(&of(path), text)
        }
        Expression::Compare(path, comparison, literal) => {
            compares(&Found::Text(of(path)), *comparison, literal)
        }
        Expression::Call(function, path, text) => calls(*function, &Found::Text(of(path)), text),
        Expression::Is(_) | Expression::Any(..) => false,
    }
}

fn compares(found: &Found<'_>, comparison: Comparison, literal: &Literal) -> bool {
    let order = match (found, literal) {
        (Found::Text(one), Literal::Text(two)) => Some(one.to_lowercase().cmp(&two.to_lowercase())),
        (Found::Boolean(one), Literal::Boolean(two)) => Some(one.cmp(two)),
        (Found::Time(one), Literal::Time(two)) => Some(one.cmp(two)),
        (Found::Nothing, Literal::Null) => Some(Ordering::Equal),
        _ => None,
    };
    match (comparison, order) {
        (Comparison::Equal, order) => order == Some(Ordering::Equal),
        (Comparison::NotEqual, order) => order != Some(Ordering::Equal),
        (Comparison::Greater, Some(order)) => order.is_gt(),
        (Comparison::GreaterOrEqual, Some(order)) => order.is_ge(),
        (Comparison::Less, Some(order)) => order.is_lt(),
        (Comparison::LessOrEqual, Some(order)) => order.is_le(),
        (_, None) => false,
    }
}

fn calls(function: Function, found: &Found<'_>, text: &str) -> bool {
    let Found::Text(value) = found else {
        return false;
    };
    let (value, text) = (value.to_lowercase(), text.to_lowercase());
    match function {
        Function::StartsWith => value.starts_with(&text),
        Function::EndsWith => value.ends_with(&text),
        Function::Contains => value.contains(&text),
    }
}

fn value<'a>(candidate: &Candidate<'a>, path: &str) -> Found<'a> {
    let item = candidate.item;
    let text = |text: &'a str| Found::Text(Cow::Borrowed(text));
    let address = |address: &'a Option<Address>, name: bool| match address {
        Some(address) if name => text(&address.name),
        Some(address) => text(&address.address),
        None => Found::Nothing,
    };
    match path {
        "id" => Found::Text(candidate.ids.message(candidate.key, false).into()),
        "subject" => text(&item.subject),
        "bodypreview" => text(&item.preview),
        "body/content" => text(&item.body.content),
        "body/contenttype" => text(if item.body.html { "html" } else { "text" }),
        "importance" => text(item.importance.word()),
        "inferenceclassification" => text(if item.other_inbox { "other" } else { "focused" }),
        "isread" => Found::Boolean(item.is_read),
        "isdraft" => Found::Boolean(item.is_draft),
        "hasattachments" => Found::Boolean(item.has_attachments()),
        "isreadreceiptrequested" => Found::Boolean(item.read_receipt),
        "isdeliveryreceiptrequested" => Found::Boolean(item.delivery_receipt),
        "receiveddatetime" => Found::Time(item.received),
        "sentdatetime" => Found::Time(item.sent),
        "createddatetime" => Found::Time(item.created),
        "lastmodifieddatetime" => Found::Time(item.modified),
        "from/emailaddress/address" => address(&item.from, false),
        "from/emailaddress/name" => address(&item.from, true),
        "sender/emailaddress/address" => address(&item.sender, false),
        "sender/emailaddress/name" => address(&item.sender, true),
        "conversationid" => text(&item.conversation),
        "internetmessageid" => text(&item.internet_message_id),
        "parentfolderid" => Found::Text(candidate.ids.folder(candidate.folder).into()),
        "flag/flagstatus" => text(item.flag.status.word()),
        "changekey" => Found::Text(
            candidate
                .ids
                .change_key(candidate.key.number, candidate.change)
                .into(),
        ),
        _ => Found::Nothing,
    }
}
