//! Which properties of a message a call wants.

use crate::call::GraphError;

/// The properties of a message that `$select` may name, in the order in which Exchange writes
/// them.
pub(crate) const PROPERTIES: &[&str] = &[
    "id",
    "createdDateTime",
    "lastModifiedDateTime",
    "changeKey",
    "categories",
    "receivedDateTime",
    "sentDateTime",
    "hasAttachments",
    "internetMessageId",
    "subject",
    "bodyPreview",
    "importance",
    "parentFolderId",
    "conversationId",
    "conversationIndex",
    "isDeliveryReceiptRequested",
    "isReadReceiptRequested",
    "isRead",
    "isDraft",
    "webLink",
    "inferenceClassification",
    "body",
    "sender",
    "from",
    "toRecipients",
    "ccRecipients",
    "bccRecipients",
    "replyTo",
    "flag",
    "internetMessageHeaders",
    "uniqueBody",
];

/// A set of properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Selection(u64);

impl Selection {
    /// What comes without `$select`: everything but `internetMessageHeaders` and `uniqueBody`,
    /// which come only when named. Source: Microsoft's page of the message resource.
    pub(crate) const DEFAULT: Self = Self((1 << (PROPERTIES.len() - 2)) - 1);

    /// Reads `$select`. `id` comes always.
    pub(crate) fn parse(text: &str) -> Result<Self, GraphError> {
        let mut set = 1;
        for name in text.split(',').map(str::trim) {
            if name.is_empty() {
                return Err(bad_query(
                    "Parsing OData Select and Expand failed: Syntax error.",
                ));
            }
            if name == "*" {
                set |= Self::DEFAULT.0;
                continue;
            }
            // Extended properties and attachments are navigation properties: naming them is
            // allowed and brings nothing without $expand.
            if [
                "attachments",
                "extensions",
                "singleValueExtendedProperties",
                "multiValueExtendedProperties",
            ]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
            {
                continue;
            }
            let place = PROPERTIES
                .iter()
                .position(|known| known.eq_ignore_ascii_case(name))
                .ok_or_else(|| no_property(name))?;
            set |= 1 << place;
        }
        Ok(Self(set))
    }

    /// Whether a property is wanted; `name` must be in [`PROPERTIES`].
    pub(crate) fn has(self, name: &str) -> bool {
        PROPERTIES
            .iter()
            .position(|known| *known == name)
            .is_some_and(|place| self.at(place))
    }

    /// Whether the property at a place is wanted.
    pub(crate) fn at(self, place: usize) -> bool {
        self.0 >> place & 1 == 1
    }
}

/// 400 for a property that messages do not have.
pub(crate) fn no_property(name: &str) -> GraphError {
    bad_query(format!(
        "Could not find a property named '{name}' on type 'Microsoft.OutlookServices.Message'."
    ))
}

/// 400 for a query that cannot be read.
pub(crate) fn bad_query(message: impl Into<String>) -> GraphError {
    GraphError::new(400, "RequestBroker--ParseUri", message)
}
