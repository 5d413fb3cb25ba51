//! Personal Microsoft accounts, which are in a tenant of their own ("OpenID Connect on the Microsoft
//! identity platform"). They sign in and get tokens; Graph's side of them is not here.

use std::sync::{PoisonError, RwLock};

use super::{Entra, TenantPath};
use crate::directory::{PASSWORD, User};

/// The tenant of all personal accounts.
pub(crate) const TENANT_ID: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// Those that were made.
#[derive(Debug, Default)]
pub(super) struct PersonalAccounts(RwLock<Vec<User>>);

impl PersonalAccounts {
    fn find(&self, fits: impl Fn(&User) -> bool) -> Option<User> {
        self.0
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .find(|user| fits(user))
            .cloned()
    }
}

impl Entra {
    /// Makes one; its password is that of everybody.
    pub(crate) fn add_personal_account(&self, login: &str) {
        let user = User {
            index: usize::MAX,
            id: self.ids.guid(&format!("personal {login}")).to_string(),
            user_principal_name: login.to_owned(),
            display_name: login.split('@').next().unwrap_or_default().to_owned(),
            given_name: String::new(),
            surname: String::new(),
            mail: Some(login.to_owned()),
            job_title: String::new(),
            department: String::new(),
            office: String::new(),
            language: "en-US".to_owned(),
            country: "DE".to_owned(),
            phone: String::new(),
            manager: None,
            guest: false,
            enabled: true,
            has_mailbox: false,
            shared: false,
            administrator: false,
            photo: false,
        };
        let mut all = self
            .personal
            .0
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.id != user.id);
        all.push(user);
    }

    /// Whoever a grant or session is of, in either tenant.
    pub(super) fn user_by_id(&self, id: &str) -> Option<User> {
        self.personal
            .find(|user| user.id == id)
            .or_else(|| self.directory.find(id))
    }

    /// Whether a user signs in at a tenant's address.
    pub(super) fn is_at(&self, user: &User, tenant: TenantPath) -> bool {
        (tenant == TenantPath::Consumers) == (self.tenant_of(user) == TENANT_ID)
    }

    /// Whoever signs in at a tenant's address by that name and password.
    pub(super) fn personal_account(&self, login: &str, password: &str) -> Option<Option<User>> {
        let user = self
            .personal
            .find(|user| user.user_principal_name.eq_ignore_ascii_case(login))?;
        Some((password == PASSWORD).then_some(user))
    }

    /// The tenant that a user is in.
    pub(super) fn tenant_of(&self, user: &User) -> &str {
        if self.personal.find(|known| known.id == user.id).is_some() {
            TENANT_ID
        } else {
            self.directory.tenant_id()
        }
    }
}
