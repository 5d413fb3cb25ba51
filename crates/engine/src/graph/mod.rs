//! Any call to Graph on a caller's behalf, through the one door: its tokens, budgets, repeating and
//! log. What Microsoft answers goes back as it is.

pub mod allowed;
mod batch;
mod body;
mod headers;

pub use body::Incoming;
pub use postroom_microsoft::PassedAnswer;

use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use allowed::{Judged, Own, Owner, Refusal};
use batch::BatchRefusal;
use body::Sent;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use postroom_microsoft::{GraphPath, Identity, PassedBody, PassedRequest};
use postroom_model::account::AccountKind;
use postroom_model::key::Scope;
use postroom_model::mailbox::Mailbox;
use postroom_model::{AccountId, MailboxId};
use std::collections::BTreeMap;

/// The longest batch, in bytes: Microsoft's own limit for a request.
const MOST_OF_A_BATCH: usize = 4 * 1024 * 1024;

/// A caller's call.
pub struct GraphCall {
    /// As whom.
    pub account: AccountId,
    /// The method.
    pub method: Method,
    /// Path and query below `/v1.0`, as sent, beginning with `/`.
    pub target: String,
    /// The caller's headers: those that are known go on.
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Incoming>,
}

impl Engine {
    /// Makes a call to Graph as an account.
    ///
    /// A caller with a list of mailboxes reaches what [`allowed`] says, and only as an account that
    /// serves one of them; any other one reaches what the account does.
    ///
    /// # Errors
    /// `scopeMissing` without `graph`, or without `mail.send` for what makes mail leave;
    /// `notFound` for an account that the caller does not see; `mailboxForbidden`, `forbidden` or
    /// `invalidRequest` for what is not allowed or unclear; as the door where Microsoft did not
    /// answer. Microsoft's refusals are answers.
    pub async fn graph_call(&self, caller: &Caller, call: GraphCall) -> Result<PassedAnswer> {
        caller.require(Scope::Graph)?;
        let who = self.identity(&call.account, caller.name()).await?;
        let own = self.listed_mailboxes(caller, &who).await?;
        let own: Option<Vec<Own<'_>>> = own.as_ref().map(|own| own.iter().map(Own::of).collect());
        let own = own.as_deref();
        let judged = allowed::judge(call.method.as_str(), &call.target, own)
            .map_err(|refusal| refused(caller, None, refusal))?;
        self.may(caller, &who, &judged)?;
        let mut headers = headers::asked(&call.headers);
        headers
            .entry(ACCEPT)
            .or_insert(HeaderValue::from_static("*/*"));
        let path = GraphPath::encoded(&judged.path);
        let (body, parts) = if judged.is_batch {
            let bytes = match call.body {
                Some(body) => body.whole(MOST_OF_A_BATCH).await?,
                None => bytes::Bytes::new(),
            };
            let batch = batch::judge(&bytes, &who.connection.graph_url, own)
                .map_err(|refusal| refused_batch(caller, refusal))?;
            for part in &batch.parts {
                self.may(caller, &who, part)?;
            }
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            (Sent::whole(batch.body), batch.parts)
        } else {
            (Sent::of(call.body).await?, vec![judged])
        };
        let (mailbox, budgets) = self.budgets_of(&who, &parts).await?;
        let request = PassedRequest {
            method: call.method,
            path,
            headers,
            body: match &body {
                Sent::None => PassedBody::None,
                Sent::Whole(bytes) => PassedBody::Whole(bytes.clone()),
                Sent::Upload(upload, _) => PassedBody::Upload(upload.clone()),
            },
            mailbox,
            budgets,
        };
        let passed = self.door().pass(&who, request).await;
        let mut answer = passed.map_err(|error| body.failed().unwrap_or_else(|| error.into()))?;
        answer.headers = headers::answered(&answer.headers);
        Ok(answer)
    }

    /// The mailboxes that a caller with a list may reach as this account; `None` for one without a
    /// list.
    async fn listed_mailboxes(
        &self,
        caller: &Caller,
        who: &Identity,
    ) -> Result<Option<Vec<Mailbox>>> {
        if caller.mailboxes().is_none() {
            return Ok(None);
        }
        let mut own = self.mailboxes(caller).await?;
        if !own.iter().any(|mailbox| mailbox.account == who.account.id) {
            return Err(Problem::not_found("account", who.account.id.as_str()));
        }
        // An id or address of another tenant is another mailbox.
        own.retain(|mailbox| mailbox.connection == who.connection.id);
        Ok(Some(own))
    }

    fn may(&self, caller: &Caller, who: &Identity, judged: &Judged) -> Result<()> {
        if judged.sends {
            caller.require(Scope::MailSend)?;
        }
        if judged.owner == Owner::Me && who.account.kind == AccountKind::Application {
            return Err(Problem::invalid(
                "The account is an application, which is nobody: there is no `me`. Name whose it \
                 is, like /users/ann@contoso.example/messages.",
            ));
        }
        Ok(())
    }

    /// Whose budgets these calls use: those of mailboxes that are served here. Microsoft counts a
    /// batch's parts each.
    async fn budgets_of(
        &self,
        who: &Identity,
        parts: &[Judged],
    ) -> Result<(Option<MailboxId>, Vec<(MailboxId, u32)>)> {
        let mut counted: BTreeMap<&Owner, u32> = BTreeMap::new();
        for part in parts {
            *counted.entry(&part.owner).or_default() += 1;
        }
        let mut budgets: BTreeMap<MailboxId, u32> = BTreeMap::new();
        let mut others = false;
        for (owner, calls) in counted {
            match self.served(who, owner).await? {
                Some(mailbox) => *budgets.entry(mailbox).or_default() += calls,
                None => others = true,
            }
        }
        let budgets: Vec<_> = budgets.into_iter().collect();
        // An entry of the log is shown to whoever reaches its mailbox, so all of it has to be that
        // mailbox's.
        let mailbox = match budgets.as_slice() {
            [(one, _)] if !others => Some(one.clone()),
            _ => None,
        };
        Ok((mailbox, budgets))
    }

    async fn served(&self, who: &Identity, owner: &Owner) -> Result<Option<MailboxId>> {
        let account = &who.account;
        let named = match owner {
            // A user's own sign-in name need not be the mailbox's address.
            Owner::User(named) if is_same(account.user_principal_name.as_deref(), named) => {
                account.user_id.as_deref().unwrap_or(named)
            }
            Owner::User(named) => named,
            Owner::Me => match &account.user_id {
                Some(id) => id,
                None => return Ok(None),
            },
            Owner::Nobody => return Ok(None),
        };
        let store = self.store();
        let mut found = store.mailbox(&MailboxId::new(named)).await?;
        if found.is_none() {
            // Microsoft writes ids in small letters and takes them in any.
            let small = named.to_ascii_lowercase();
            if small != named {
                found = store.mailbox(&MailboxId::new(&small)).await?;
            }
        }
        if found.is_none() {
            found = store.mailbox_by_address(named).await?;
        }
        Ok(found
            .filter(|mailbox| mailbox.connection == who.connection.id)
            .map(|mailbox| mailbox.id))
    }
}

fn is_same(name: Option<&str>, named: &str) -> bool {
    name.is_some_and(|name| name.eq_ignore_ascii_case(named))
}

impl<'a> Own<'a> {
    fn of(mailbox: &'a Mailbox) -> Self {
        Self {
            id: mailbox.id.as_str(),
            address: &mailbox.address,
        }
    }
}

fn refused(caller: &Caller, part: Option<&str>, refusal: Refusal) -> Problem {
    let what = match part {
        Some(id) => format!("Part {id:?} of the batch"),
        None => "The call".to_owned(),
    };
    let name = caller.name();
    match refusal {
        Refusal::Unclear(why) => Problem::invalid(format!(
            "{what} is not made, because its path can be read in more than one way: {why}."
        )),
        Refusal::OtherMailbox(named) => Problem::new(
            Code::MailboxForbidden,
            format!(
                "{what} is not made: the key {name:?} does not reach the mailbox {named:?}; ask for \
                 a key that has it on its list."
            ),
        ),
        Refusal::Elsewhere => Problem::new(
            Code::Forbidden,
            format!(
                "{what} is not made: the key {name:?} has a list of mailboxes, and reaches only \
                 /users/{{one of them}}/ followed by messages, mailFolders, events, calendar, \
                 calendars, calendarView, contacts, contactFolders, photo or mailboxSettings."
            ),
        ),
    }
}

fn refused_batch(caller: &Caller, refusal: BatchRefusal) -> Problem {
    match refusal {
        BatchRefusal::Malformed(why) => Problem::invalid(why),
        BatchRefusal::Part(id, refusal) => refused(caller, Some(&id), refusal),
    }
}
