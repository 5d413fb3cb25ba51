//! The view of the directory that the mailboxes need: who has an address, who has a mailbox.

/// A user as the mailboxes see one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The object id.
    pub id: String,
    /// `userPrincipalName`.
    pub user_principal_name: String,
    /// `displayName`.
    pub display_name: String,
    /// The mail address; a user without one has an empty text.
    pub mail: String,
    /// A language tag such as `de-DE`; folder names and invented mail follow it.
    pub preferred_language: String,
    /// Whether Exchange has a mailbox for the user.
    pub has_mailbox: bool,
}

/// Looks people up. Lookups compare without case, as the directory does.
pub trait People: Send + Sync {
    /// The user with this mail address or user principal name.
    fn by_address(&self, address: &str) -> Option<Person>;
    /// The user with this object id.
    fn by_id(&self, id: &str) -> Option<Person>;
    /// The people whose mailboxes exist from the start, in the directory's order; in a large
    /// tenant only the first ones.
    fn mailboxes(&self) -> Vec<Person>;
}
