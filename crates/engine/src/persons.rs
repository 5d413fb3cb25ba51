//! People who open the console: who they are and what they may do.
//!
//! `sessions`: their stays; `tokens`: addresses that sign in once; `microsoft`: signing in
//! with Microsoft.

use crate::access::Caller;
use crate::connections::validate;
use crate::{Code, Engine, Problem, Result};
use postroom_model::person::{Person, Role};
use postroom_model::{PersonId, Secret, Timestamp};

mod microsoft;
mod sessions;
mod tokens;

pub use microsoft::MicrosoftSignIn;
pub use sessions::{CsrfToken, NewSession};

/// What is remembered of people between calls.
#[derive(Debug, Default)]
pub(crate) struct PersonsState {
    pub(crate) pending: microsoft::Pending,
    /// Who may still do everything is asked and changed by one at a time.
    changing: tokio::sync::Mutex<()>,
}

/// Somebody to be let in.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// For people; the address unless given.
    pub name: Option<String>,
    /// The Microsoft sign-in name that is let in; without one, only the sign-in address does.
    pub address: Option<String>,
    /// What the person may do.
    pub role: Role,
}

/// What is to be changed; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct PersonChange {
    /// See [`NewPerson`].
    pub name: Option<String>,
    /// See [`NewPerson`]; `Some(None)` takes it away.
    pub address: Option<Option<String>>,
    /// See [`NewPerson`].
    pub role: Option<Role>,
}

/// An address that signs somebody in, once.
#[derive(Clone, Debug)]
pub struct SignInLink {
    /// The address. Whoever has it can sign in.
    pub url: Secret,
    /// When it is over if nobody uses it.
    pub expires_at: Timestamp,
}

impl Engine {
    /// All people, in the order in which they were made.
    pub async fn persons(&self) -> Result<Vec<Person>> {
        Ok(self.store().persons().await?)
    }

    /// One.
    ///
    /// # Errors
    /// `notFound`.
    pub async fn console_person(&self, id: &PersonId) -> Result<Person> {
        self.store()
            .person(id)
            .await?
            .ok_or_else(|| Problem::not_found("person", id.as_str()))
    }

    /// Lets somebody in: makes an address that signs in once, and lets the Microsoft account with
    /// that sign-in name in.
    ///
    /// # Errors
    /// `invalidRequest` without a name and an address, or for one that is none; `conflict` when
    /// somebody has that address; `forbidden` for a key that has an end or networks.
    pub async fn invite_person(
        &self,
        caller: &Caller,
        new: NewPerson,
    ) -> Result<(Person, SignInLink)> {
        may_let_in(caller)?;
        let address = new.address.as_deref().map(address).transpose()?;
        let name = new.name.as_deref().or(address.as_deref()).ok_or_else(|| {
            Problem::invalid("Whom? Give a `name`, or the `address` that the person signs in with.")
        })?;
        let now = self.now();
        let person = Person {
            id: self.new_person_id(now),
            name: validate::name("person", name)?,
            address,
            role: new.role,
            identity: None,
            created_at: now,
            signed_in_at: None,
        };
        self.store().insert_person(&person).await?;
        let link = self.new_sign_in_link(Some(&person.id)).await?;
        Ok((person, link))
    }

    /// Makes a new sign-in address for somebody; one that was made before is void.
    ///
    /// # Errors
    /// `notFound`; `forbidden` for a key that has an end or networks.
    pub async fn invite_person_again(
        &self,
        caller: &Caller,
        id: &PersonId,
    ) -> Result<(Person, SignInLink)> {
        may_let_in(caller)?;
        let person = self.console_person(id).await?;
        let link = self.new_sign_in_link(Some(&person.id)).await?;
        Ok((person, link))
    }

    /// Changes somebody; a role counts from the next call on. With another address it is the account
    /// with that one that is let in: whoever came in with the former is signed out.
    ///
    /// # Errors
    /// `notFound`; `conflict` for an address that another one has, and when nobody would be left
    /// who may do everything; `forbidden` for a key that has an end or networks.
    pub async fn change_person(
        &self,
        caller: &Caller,
        id: &PersonId,
        change: PersonChange,
    ) -> Result<Person> {
        may_let_in(caller)?;
        let _turn = self.shared.persons.changing.lock().await;
        let mut person = self.console_person(id).await?;
        if let Some(name) = &change.name {
            person.name = validate::name("person", name)?;
        }
        match change.address {
            None => {}
            Some(given) => person.address = given.as_deref().map(address).transpose()?,
        }
        if let Some(role) = change.role {
            if role != Role::Administrator {
                self.not_the_last(caller, &person).await?;
            }
            person.role = role;
        }
        if !self.store().update_person(&person).await? {
            return Err(Problem::not_found("person", id.as_str()));
        }
        self.console_person(id).await
    }

    /// Lets somebody in no more; sessions end at once.
    ///
    /// # Errors
    /// `notFound`; `conflict` when nobody would be left who may do everything.
    pub async fn remove_person(&self, caller: &Caller, id: &PersonId) -> Result<()> {
        let _turn = self.shared.persons.changing.lock().await;
        let person = self.console_person(id).await?;
        self.not_the_last(caller, &person).await?;
        if self.store().remove_person(id).await? {
            Ok(())
        } else {
            Err(Problem::not_found("person", id.as_str()))
        }
    }

    /// Refuses to take away the only administrator. The command line may: whoever has the data can
    /// always make another one.
    async fn not_the_last(&self, caller: &Caller, person: &Person) -> Result<()> {
        if person.role != Role::Administrator || matches!(caller, Caller::Local) {
            return Ok(());
        }
        let others = self.persons().await?;
        let left = others
            .iter()
            .any(|other| other.role == Role::Administrator && other.id != person.id);
        if left {
            return Ok(());
        }
        Err(Problem::new(
            Code::Conflict,
            format!(
                "{} is the only administrator: make somebody else one first, or use `postroom \
                 person` on the server's machine.",
                person.name
            ),
        ))
    }

    fn new_person_id(&self, now: Timestamp) -> PersonId {
        PersonId::new(self.shared.dice.timed_guid(now).to_string())
    }
}

/// A person's access has no end and no networks: a key that has either would give away more than
/// its own.
fn may_let_in(caller: &Caller) -> Result<()> {
    let is_bounded = caller
        .key()
        .is_some_and(|key| key.expires_at.is_some() || key.networks.is_some());
    if !is_bounded {
        return Ok(());
    }
    Err(Problem::new(
        Code::Forbidden,
        "This key ends, or is held to networks, and a person's access does neither: let people in \
         with a key that has no such bound, signed in as an administrator, or with `postroom person` \
         on the server's machine.",
    ))
}

/// The longest sign-in name (Graph, `user` resource: `userPrincipalName`).
const LONGEST: usize = 320;

/// A sign-in name in the form in which it is compared.
fn address(text: &str) -> Result<String> {
    let address = text.trim().to_lowercase();
    let fits = address.len() <= LONGEST
        && address
            .split_once('@')
            .is_some_and(|(user, domain)| !user.is_empty() && !domain.is_empty())
        && !address.chars().any(|c| c.is_control() || c.is_whitespace());
    if fits {
        return Ok(address);
    }
    Err(Problem::invalid(
        "`address` is the name that the person signs in to Microsoft with, like ann@contoso.com.",
    ))
}
