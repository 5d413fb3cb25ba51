//! Finding a message by a property of ours (Graph, *singleValueLegacyExtendedProperty resource
//! type*, *Extended properties overview*).

use crate::door::{Door, DoorError, Identity, odata_literal};
use crate::graph::messages::list::{ListMessages, list};
use crate::graph::page::Page;
use postroom_model::MailboxId;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A named property on a message by which it is found again after a doubtful answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// The property's id in Microsoft's form: `String {GUID} Name n`.
    pub property: &'a str,
    /// The value.
    pub value: &'a str,
}

impl Stamp<'_> {
    /// What a new draft carries in `singleValueExtendedProperties`.
    pub fn as_property(&self) -> Value {
        json!([{ "id": self.property, "value": self.value }])
    }

    /// The filter that finds it.
    pub fn filter(&self) -> String {
        format!(
            "singleValueExtendedProperties/Any(ep: ep/id eq {} and ep/value eq {})",
            odata_literal(self.property),
            odata_literal(self.value)
        )
    }
}

/// The messages that carry the stamp, in all folders of the mailbox or in one (id or well-known
/// name); at most ten, one is usual.
///
/// # Errors
///
/// As [`Door::send`].
pub async fn find_by_stamp<T: DeserializeOwned>(
    door: &Door,
    who: &Identity,
    mailbox: &MailboxId,
    folder: Option<&str>,
    stamp: Stamp<'_>,
    select: &str,
) -> Result<Vec<T>, DoorError> {
    let filter = stamp.filter();
    let ask = ListMessages {
        folder,
        select: Some(select),
        filter: Some(&filter),
        ..ListMessages::default()
    };
    let page: Page<T> = list(door, who, mailbox, ask).await?;
    Ok(page.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_in_a_value_stay_in_the_literal() {
        let stamp = Stamp {
            property: "String {0} Name x",
            value: "a'b",
        };
        assert!(stamp.filter().ends_with("ep/value eq 'a''b')"));
    }
}
