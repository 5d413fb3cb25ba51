//! Identifiers, one type each, so that a message's id is never taken for a folder's.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = String))]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is: ids are compared with regard to case.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The id's text, owned.
            pub fn into_string(self) -> String {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(
    /// A connection: one app registration in one tenant.
    ConnectionId
);
id!(
    /// A credential (secret or certificate) of a connection.
    CredentialId
);
id!(
    /// An identity that Postroom can act as through a connection.
    AccountId
);
id!(
    /// A mailbox: Microsoft's user id (a GUID).
    MailboxId
);
id!(
    /// A mail folder: Microsoft's id, constant for its life.
    FolderId
);
id!(
    /// A message: Microsoft's immutable id.
    MessageId
);
id!(
    /// An attachment: Microsoft's immutable id, unique within its message.
    AttachmentId
);
id!(
    /// A key that a caller shows.
    KeyId
);
id!(
    /// An item of the outbox.
    OutboxId
);
id!(
    /// A sign-in under way.
    LoginId
);
id!(
    /// An entry of the call log.
    CallId
);
id!(
    /// An alert.
    AlertId
);
id!(
    /// Somebody who opens the console.
    PersonId
);
id!(
    /// A person's session.
    SessionId
);
id!(
    /// An entry of the audit log.
    AuditId
);
