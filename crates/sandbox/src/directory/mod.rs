//! The directory of the pretend tenant: its organization, its people, their photos and licences.

mod filter;
mod group;
mod jpeg;
pub mod people;
mod photo;
mod query;
mod routes;
mod seed;
mod user;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

pub use self::group::Group;
use self::people::{People, Person};
pub(crate) use self::routes::no_resource;
pub use self::seed::{COMPANY, DOMAIN, INITIAL_DOMAIN, PASSWORD};
use self::seed::{Kind, SEED_DELEGATIONS, SEED_USERS};
pub use self::user::User;
use crate::ids::Ids;

/// What was changed at a user since the start.
#[derive(Clone, Debug, Default)]
struct Change {
    enabled: Option<bool>,
    deleted: bool,
    password: Option<String>,
}

/// The directory. People beyond the seed company are made by formula when asked for, so that a
/// hundred thousand of them cost nothing at the start.
#[derive(Debug)]
pub struct Directory {
    tenant_id: String,
    ids: Arc<Ids>,
    /// Where the scattered numbers begin.
    offset: u64,
    count: usize,
    changes: RwLock<HashMap<usize, Change>>,
    delegations: RwLock<HashSet<(usize, usize)>>,
}

/// So many mailboxes are filled at the start, however many users there are.
const MAILBOXES_AT_START: usize = 200;

/// An odd number; multiplied by it, places in the directory become the scattered ends of GUIDs.
const SCATTER: u64 = 0x5DEE_CE66_D015;
const LOW_48: u64 = (1 << 48) - 1;

/// The inverse of [`SCATTER`] modulo 2^48, by Newton's iteration.
const GATHER: u64 = {
    let mut inverse = SCATTER;
    let mut round = 0;
    while round < 6 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(SCATTER.wrapping_mul(inverse)));
        round += 1;
    }
    inverse & LOW_48
};

impl Directory {
    /// A directory of at least the seed company.
    pub(crate) fn new(ids: Arc<Ids>, users: usize) -> Self {
        Self {
            tenant_id: ids.guid("tenant").to_string(),
            offset: ids.number("users"),
            ids,
            count: users.max(SEED_USERS.len()),
            changes: RwLock::default(),
            delegations: RwLock::new(SEED_DELEGATIONS.iter().copied().collect()),
        }
    }

    /// The tenant's id.
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// How many users there are, deleted ones counted.
    pub fn size(&self) -> usize {
        self.count
    }

    fn id_at(&self, index: usize) -> String {
        let place = (index as u64).wrapping_add(self.offset);
        let scattered = place.wrapping_mul(SCATTER) & LOW_48;
        let head = u128::from(self.ids.number(&format!("user {index}")));
        let middle = head << 48 & !u128::from(LOW_48) & u128::from(u64::MAX);
        uuid::Builder::from_random_bytes(
            (head << 64 | middle | u128::from(scattered)).to_be_bytes(),
        )
        .into_uuid()
        .to_string()
    }

    fn index_of_id(&self, id: &str) -> Option<usize> {
        let number = uuid::Uuid::try_parse(id).ok()?.as_u128();
        let scattered = u64::try_from(number & u128::from(LOW_48)).ok()?;
        let index = scattered.wrapping_mul(GATHER).wrapping_sub(self.offset) & LOW_48;
        let index = usize::try_from(index).ok()?;
        (index < self.count && self.id_at(index).eq_ignore_ascii_case(id)).then_some(index)
    }

    fn index_of_address(&self, address: &str) -> Option<usize> {
        let address = address.to_lowercase();
        for (index, seed) in SEED_USERS.iter().enumerate() {
            if seed.kind == Kind::Guest {
                let guest = guest_name(seed.alias);
                if address == guest.to_lowercase()
                    || address == format!("{}@partner.example", seed.alias)
                {
                    return Some(index);
                }
            }
        }
        let (alias, domain) = address.split_once('@')?;
        if domain != DOMAIN && domain != INITIAL_DOMAIN {
            return None;
        }
        SEED_USERS
            .iter()
            .position(|seed| seed.alias == alias && seed.kind != Kind::Guest)
            .or_else(|| {
                seed::index_of_alias(alias)
                    .filter(|index| (SEED_USERS.len()..self.count).contains(index))
            })
    }

    fn change(&self, index: usize) -> Change {
        self.changes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&index)
            .cloned()
            .unwrap_or_default()
    }

    fn alter(&self, user: &str, alter: impl FnOnce(&mut Change)) -> bool {
        let Some(user) = self.find(user) else {
            return false;
        };
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        alter(changes.entry(user.index).or_default());
        true
    }

    /// The user at a place in the directory, unless deleted.
    pub fn at(&self, index: usize) -> Option<User> {
        if index >= self.count {
            return None;
        }
        let change = self.change(index);
        if change.deleted {
            return None;
        }
        let mut user = match SEED_USERS.get(index) {
            Some(seed) => self.seed_user(index, seed),
            None => self.formula_user(index),
        };
        if let Some(enabled) = change.enabled {
            user.enabled = enabled;
        }
        Some(user)
    }

    fn seed_user(&self, index: usize, seed: &seed::SeedUser) -> User {
        let guest = seed.kind == Kind::Guest;
        let address = format!("{}@{DOMAIN}", seed.alias);
        User {
            index,
            id: self.id_at(index),
            user_principal_name: if guest {
                guest_name(seed.alias)
            } else {
                address.clone()
            },
            display_name: seed.display_name.to_owned(),
            given_name: seed.given_name.to_owned(),
            surname: seed.surname.to_owned(),
            mail: match seed.kind {
                Kind::Guest => Some(format!("{}@partner.example", seed.alias)),
                Kind::WithoutMailbox => None,
                _ => Some(address),
            },
            job_title: seed.job_title.to_owned(),
            department: seed.department.to_owned(),
            office: seed.office.to_owned(),
            language: seed.language.to_owned(),
            country: seed.country.to_owned(),
            phone: seed.phone.to_owned(),
            manager: seed.manager,
            guest,
            enabled: !matches!(seed.kind, Kind::Disabled | Kind::Shared),
            has_mailbox: !matches!(seed.kind, Kind::Guest | Kind::WithoutMailbox),
            shared: seed.kind == Kind::Shared,
            administrator: seed.kind == Kind::Administrator,
            photo: seed.photo,
        }
    }

    fn formula_user(&self, index: usize) -> User {
        let made = seed::by_formula(index);
        let address = format!("{}@{DOMAIN}", made.alias);
        User {
            index,
            id: self.id_at(index),
            user_principal_name: address.clone(),
            display_name: format!("{} {}", made.given_name, made.surname),
            given_name: made.given_name.to_owned(),
            surname: made.surname.to_owned(),
            mail: Some(address),
            job_title: made.job_title.to_owned(),
            department: made.department.to_owned(),
            office: made.office.to_owned(),
            language: made.language.to_owned(),
            country: made.country.to_owned(),
            phone: format!("+49 40 555{:06}", index % 1_000_000),
            manager: Some(made.manager),
            guest: false,
            enabled: true,
            has_mailbox: true,
            shared: false,
            administrator: false,
            photo: !index.is_multiple_of(3),
        }
    }

    /// A user by object id, user principal name or mail address.
    pub fn find(&self, user: &str) -> Option<User> {
        self.index_of_id(user)
            .or_else(|| self.index_of_address(user))
            .and_then(|index| self.at(index))
    }

    /// A user by what Graph takes in a path: object id or user principal name.
    pub fn find_in_path(&self, user: &str) -> Option<User> {
        self.find(user).filter(|found| {
            found.id.eq_ignore_ascii_case(user)
                || found.user_principal_name.eq_ignore_ascii_case(user)
        })
    }

    /// Everyone, in the directory's order.
    pub fn users(&self) -> impl Iterator<Item = User> + '_ {
        (0..self.count).filter_map(|index| self.at(index))
    }

    /// Whether this is the user's password.
    pub(crate) fn password_fits(&self, user: &User, password: &str) -> bool {
        match self.change(user.index).password {
            Some(changed) => changed == password,
            None => password == PASSWORD,
        }
    }

    /// Lets a user sign in or not; false for an unknown user.
    pub fn set_account_enabled(&self, user: &str, enabled: bool) -> bool {
        self.alter(user, |change| change.enabled = Some(enabled))
    }

    /// Gives a user another password; false for an unknown user.
    pub fn set_password(&self, user: &str, password: &str) -> bool {
        self.alter(user, |change| change.password = Some(password.to_owned()))
    }

    /// Deletes a user; false for an unknown user.
    pub fn delete(&self, user: &str) -> bool {
        self.alter(user, |change| change.deleted = true)
    }

    /// Lets one user open another's mailbox, as "Full access" in Exchange does.
    pub fn delegate_mailbox(&self, owner: &str, delegate: &str) -> bool {
        match (self.find(owner), self.find(delegate)) {
            (Some(owner), Some(delegate)) => {
                self.delegations
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert((owner.index, delegate.index));
                true
            }
            _ => false,
        }
    }

    /// Whether one user may open another's mailbox.
    pub(crate) fn may_open(&self, owner: &User, delegate: &User) -> bool {
        self.delegations
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&(owner.index, delegate.index))
    }

    /// All groups.
    pub fn groups(&self) -> Vec<Group> {
        group::GROUPS
            .iter()
            .map(|(name, alias, department)| Group {
                id: self.ids.guid(&format!("group {name}")).to_string(),
                display_name: (*name).to_owned(),
                alias: *alias,
                department: *department,
            })
            .collect()
    }

    fn is_member(user: &User, group: &Group) -> bool {
        !user.guest
            && !user.shared
            && group
                .department
                .is_none_or(|department| user.department == department)
    }

    fn person(user: User) -> Person {
        Person {
            id: user.id,
            user_principal_name: user.user_principal_name,
            display_name: user.display_name,
            mail: user.mail.unwrap_or_default(),
            preferred_language: user.language,
            has_mailbox: user.has_mailbox,
        }
    }
}

fn guest_name(alias: &str) -> String {
    format!("{alias}_partner.example#EXT#@{INITIAL_DOMAIN}")
}

impl People for Directory {
    fn by_address(&self, address: &str) -> Option<Person> {
        self.find(address)
            .filter(|_| address.contains('@'))
            .map(Self::person)
    }

    fn by_id(&self, id: &str) -> Option<Person> {
        self.index_of_id(id)
            .and_then(|index| self.at(index))
            .map(Self::person)
    }

    fn mailboxes(&self) -> Vec<Person> {
        // The others get their mailbox when somebody asks for it.
        self.users()
            .filter(|user| user.has_mailbox)
            .take(MAILBOXES_AT_START)
            .map(Self::person)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(users: usize) -> Directory {
        Directory::new(Arc::new(Ids::new(7)), users)
    }

    #[test]
    fn finds_everyone_by_id_and_address() {
        let directory = directory(1_000);
        for user in directory.users() {
            assert_eq!(
                directory.find_in_path(&user.id).map(|found| found.index),
                Some(user.index)
            );
            assert_eq!(
                directory
                    .find_in_path(&user.user_principal_name.to_uppercase())
                    .map(|found| found.index),
                Some(user.index)
            );
        }
        assert_eq!(directory.users().count(), 1_000);
    }

    #[test]
    fn knows_nobody_else() {
        let directory = directory(20);
        assert!(directory.find("nobody@lindner.example").is_none());
        assert!(directory.find("lena.mueller.20@lindner.example").is_none());
        assert!(
            directory
                .find("00000000-0000-0000-0000-000000000000")
                .is_none()
        );
    }

    #[test]
    fn a_deleted_user_is_gone() {
        let directory = directory(0);
        assert!(directory.delete("noor.haddad@lindner.example"));
        assert!(directory.find("noor.haddad@lindner.example").is_none());
        assert_eq!(directory.users().count(), SEED_USERS.len() - 1);
    }
}
