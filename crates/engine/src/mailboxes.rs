//! Mailboxes: which ones are served.

use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use postroom_microsoft::{Door, Identity};
use postroom_model::account::{Account, AccountKind};
use postroom_model::mailbox::{Mailbox, SyncState};
use postroom_model::resource::user::User;
use postroom_model::{AccountId, MailboxId};
use std::time::Duration;

mod probe;

/// A mailbox to be served.
#[derive(Clone, Debug)]
pub enum NewMailbox {
    /// Reached by the application of a connection (id or name).
    ByApplication {
        /// The connection.
        connection: String,
        /// Its address or id.
        address: String,
    },
    /// Reached by a user: the own one, or one shared with that user.
    ByUser {
        /// The account.
        account: AccountId,
        /// Another one's address.
        address: Option<String>,
    },
}

/// Who owns a mailbox, where whoever asks may look that up.
pub(crate) async fn find_owner(door: &Door, who: &Identity, named: &str) -> Option<User> {
    probe::owner(door, who, named).await.ok()
}

/// The address of a user's mailbox.
pub(crate) fn address_of(owner: &User) -> String {
    probe::address(owner)
}

impl Engine {
    /// Adds a mailbox after asking Microsoft who it is and whether its folders can be read; its
    /// mirror begins at once.
    ///
    /// # Errors
    /// `conflict` when it is there; Microsoft's refusals.
    pub async fn add_mailbox(&self, caller: &Caller, new: NewMailbox) -> Result<Mailbox> {
        let (account, named) = match new {
            NewMailbox::ByApplication {
                connection,
                address,
            } => {
                let connection = self.connection(&connection).await?;
                let account = self.application_account(&connection).await?;
                (account, filled(Some(address)))
            }
            NewMailbox::ByUser { account, address } => {
                let account = self.account_of_id(&account).await?;
                let named = filled(address).or_else(|| account.user_id.clone());
                (account, named)
            }
        };
        let named = named.ok_or_else(|| {
            Problem::invalid(
                "Which mailbox? Give its `address`; only a user's own goes without one.",
            )
        })?;
        let who = self.identity(&account.id, caller.name()).await?;
        let owner = probe::owner(self.door(), &who, &named).await?;
        let id = MailboxId::new(owner.id.clone());
        if self.store().mailbox(&id).await?.is_some() {
            return Err(there_already(&id, &named));
        }
        probe::readable(self.door(), &who, &id, &named).await?;
        let mailbox = Mailbox {
            id: id.clone(),
            connection: account.connection,
            account: account.id,
            address: probe::address(&owner),
            display_name: owner.display_name,
            sync: SyncState::default(),
            created_at: self.now(),
        };
        self.store().insert_mailbox(&mailbox).await?;
        self.begin_round(&id).await;
        Ok(mailbox)
    }

    /// Those that the caller reaches, by address.
    pub async fn mailboxes(&self, caller: &Caller) -> Result<Vec<Mailbox>> {
        let mut mailboxes = self.store().mailboxes().await?;
        mailboxes.retain(|mailbox| caller.reaches(&mailbox.id));
        Ok(mailboxes
            .into_iter()
            .map(|mailbox| self.as_it_stands(mailbox))
            .collect())
    }

    /// Serves it through another account.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` for an account of another connection; Microsoft's refusals when
    /// that account cannot read the mailbox.
    pub async fn change_mailbox(
        &self,
        caller: &Caller,
        id: &MailboxId,
        account: &AccountId,
    ) -> Result<Mailbox> {
        let gone = || Problem::not_found("mailbox", id.as_str());
        let mailbox = self.store().mailbox(id).await?.ok_or_else(gone)?;
        let account = self.account_of_id(account).await?;
        if account.connection != mailbox.connection {
            return Err(Problem::invalid(
                "That account belongs to another connection than the mailbox: remove the mailbox \
                 and add it through that connection.",
            ));
        }
        let who = self.identity(&account.id, caller.name()).await?;
        let owner = probe::owner(self.door(), &who, id.as_str()).await?;
        probe::readable(self.door(), &who, id, &mailbox.address).await?;
        let written = self
            .store()
            .update_mailbox(
                id,
                &account.id,
                &probe::address(&owner),
                owner.display_name.as_deref(),
            )
            .await?;
        if !written {
            return Err(gone());
        }
        self.begin_round(id).await;
        self.store().mailbox(id).await?.ok_or_else(gone)
    }

    /// Serves it no more and drops its mirror. Nothing happens at Microsoft.
    pub async fn remove_mailbox(&self, id: &MailboxId) -> Result<()> {
        if self.store().remove_mailbox(id).await? {
            Ok(())
        } else {
            Err(Problem::not_found("mailbox", id.as_str()))
        }
    }

    /// An account by its id.
    pub(crate) async fn account_of_id(&self, id: &AccountId) -> Result<Account> {
        self.store()
            .account(id)
            .await?
            .ok_or_else(|| Problem::not_found("account", id.as_str()))
    }

    /// The account of a connection's application.
    pub(crate) async fn application_account(
        &self,
        connection: &postroom_model::connection::Connection,
    ) -> Result<Account> {
        self.store()
            .account_of(&connection.id, None)
            .await?
            .filter(|account| account.kind == AccountKind::Application)
            .ok_or_else(|| {
                if connection.is_for_consumers() {
                    return Problem::invalid(format!(
                        "Connection {:?} is for personal Microsoft accounts, where an application \
                         acts for signed-in users only: name the account of a user who signed in.",
                        connection.name
                    ));
                }
                Problem::invalid(format!(
                    "Connection {:?} has no credential, so its application cannot act: add a \
                     client secret to it, or name the account of a user who signed in.",
                    connection.name
                ))
            })
    }

    /// Pokes the mirror. The mailbox is served whatever comes of it: the mirror tries again.
    async fn begin_round(&self, id: &MailboxId) {
        if let Err(error) = self.sync_mailbox(id, Duration::ZERO).await {
            tracing::warn!(mailbox = %id, %error, "the first round could not begin");
        }
    }
}

fn filled(text: Option<String>) -> Option<String> {
    text.map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
}

fn there_already(id: &MailboxId, named: &str) -> Problem {
    let mut problem = Problem::new(
        Code::Conflict,
        format!("The mailbox {named:?} is there already, with the id {id}."),
    );
    problem.existing = Some(id.as_str().to_owned());
    problem
}
