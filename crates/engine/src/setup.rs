//! What somebody has to do at Microsoft for a connection, to be handed to an administrator: which
//! permissions and why, where to consent, and a script that limits the application to chosen
//! mailboxes.

use crate::{Engine, Problem, Result};
use postroom_microsoft::{AdminConsentAsk, Identity};
use postroom_model::ConnectionId;
use postroom_model::account::AccountKind;
use postroom_model::connection::Connection;
use serde::Serialize;
use serde_json::Value;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

pub(crate) mod claims;
pub(crate) mod consent_state;
pub(crate) mod features;
mod letter;
mod limit;
mod manifest;
pub(crate) mod needs;
mod permissions;
pub(crate) mod portal;
mod powershell;
mod script;

pub(crate) use limit::reaching_mailboxes;

pub use features::{Feature, FeatureUse};
pub use limit::LimitScript;
pub use permissions::{Permission, Permissions};
pub use portal::Place;

/// What a setup is asked for.
#[derive(Clone, Debug, Default)]
pub struct SetupAsk {
    /// The features to set up, in place of those in use.
    pub features: Option<Vec<String>>,
    /// The mailboxes that the application is to be limited to, in place of those served.
    pub mailboxes: Option<Vec<String>>,
}

/// What an administrator does.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setup {
    /// The connection.
    pub connection: Connection,
    /// Where a sign-in and a consent come back to; it has to be registered.
    pub redirect_uri: String,
    /// What is in use, or was asked for.
    pub features: Vec<FeatureUse>,
    /// What they need, and what could be granted besides.
    pub permissions: Permissions,
    /// Where an administrator consents.
    pub admin_consent: AdminConsent,
    /// `requiredResourceAccess` for the app registration's manifest; `None` where the ids of
    /// permissions are not known for the cloud.
    pub manifest: Option<Value>,
    /// The pages of the admin center, in the order in which they are needed.
    pub places: Vec<Place>,
    /// How to limit the application to mailboxes; `None` where it reaches none.
    pub limit: Option<Limit>,
    /// A letter to an administrator with all of it.
    pub letter: Letter,
}

/// Where an administrator consents for the tenant.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdminConsent {
    /// To all that the app registration lists: application permissions have no other way.
    pub registered_url: Option<String>,
    /// To the delegated permissions in use, by name.
    pub delegated_url: Option<String>,
}

/// The limit of an application to mailboxes.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Limit {
    /// Those that are meant.
    pub mailboxes: Vec<String>,
    /// The roles of Exchange in place of permissions of Entra ID.
    pub roles: Vec<String>,
    /// The permissions that have to go from Entra ID, for both are added up.
    pub permissions_to_remove: Vec<String>,
}

/// A letter.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Letter {
    /// Its subject.
    pub subject: String,
    /// Plain text.
    pub text: String,
}

/// The longest list of mailboxes for one script: more belong into the group by other means.
const MOST_MAILBOXES: usize = 500;
/// For how long a token is waited for that only tells more.
const TOKEN_PATIENCE: Duration = Duration::from_secs(10);

impl Engine {
    /// What an administrator does for a connection.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` for a feature or mailbox that is none.
    pub async fn setup(&self, id: &ConnectionId, ask: &SetupAsk) -> Result<Setup> {
        let connection = self.connection_by_id(id).await?;
        let features = self.wanted_features(&connection, ask).await?;
        let permissions = permissions::of(&features, &connection.scopes);
        let redirect_uri = self.redirect_uri_of(&connection);
        let state = consent_state::current(self, &connection.id).await?;
        let url = |ask: AdminConsentAsk<'_>| -> Result<Option<String>> {
            let url = self
                .door()
                .admin_consent_url(&connection, ask, &redirect_uri, &state)?;
            Ok(url.map(String::from))
        };
        let delegated = permissions.names(AccountKind::User);
        let admin_consent = AdminConsent {
            registered_url: url(AdminConsentAsk::Registered)?,
            delegated_url: if delegated.is_empty() {
                None
            } else {
                url(AdminConsentAsk::Delegated(&delegated))?
            },
        };
        let mailboxes = self.limited_mailboxes(&connection, ask).await?;
        let limit = limit::limit(&features, mailboxes);
        let places = portal::places(&connection, &permissions, &redirect_uri);
        let mut setup = Setup {
            manifest: manifest::of(&connection, &permissions),
            letter: Letter {
                subject: String::new(),
                text: String::new(),
            },
            connection,
            redirect_uri,
            features,
            permissions,
            admin_consent,
            places,
            limit,
        };
        setup.letter = letter::write(&setup);
        Ok(setup)
    }

    /// The script that limits a connection's application to mailboxes.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` for a feature or mailbox that is none, for no mailbox at all,
    /// and where the application reaches no mailbox.
    pub async fn limit_script(&self, id: &ConnectionId, ask: &SetupAsk) -> Result<LimitScript> {
        let connection = self.connection_by_id(id).await?;
        let features = self.wanted_features(&connection, ask).await?;
        let mailboxes = self.limited_mailboxes(&connection, ask).await?;
        let Some(limit) = limit::limit(&features, mailboxes) else {
            return Err(Problem::invalid(format!(
                "The application of connection {:?} is not used for mailboxes, so there is nothing \
                 to limit: users sign in, and each reaches what is the user's own. Name `features` \
                 (mail.read, …) to have the script all the same.",
                connection.name
            )));
        };
        if limit.mailboxes.is_empty() {
            return Err(Problem::invalid(
                "Which mailboxes? None is served through the application yet: name some with \
                 `mailboxes`.",
            ));
        }
        let object_id = self.object_id_hint(&connection).await?;
        Ok(script::write(&connection, &limit, object_id.as_deref()))
    }

    pub(crate) async fn connection_by_id(&self, id: &ConnectionId) -> Result<Connection> {
        self.store()
            .connection(id)
            .await?
            .ok_or_else(|| Problem::not_found("connection", id.as_str()))
    }

    /// Where a browser comes back to.
    pub(crate) fn redirect_uri_of(&self, connection: &Connection) -> String {
        connection
            .redirect_uri
            .clone()
            .unwrap_or_else(|| format!("{}/auth/callback", self.settings().public_url))
    }

    async fn wanted_features(
        &self,
        connection: &Connection,
        ask: &SetupAsk,
    ) -> Result<Vec<FeatureUse>> {
        let mut uses = features::uses(self, connection).await?;
        let Some(names) = &ask.features else {
            return Ok(uses);
        };
        let mut wanted = Vec::new();
        for name in names {
            wanted.push(Feature::from_str(name)?);
        }
        // By whom: as now, else by the application where it has a credential.
        let kind = if uses
            .iter()
            .any(|one| one.in_use && one.kind == AccountKind::User)
            && !uses
                .iter()
                .any(|one| one.in_use && one.kind == AccountKind::Application)
        {
            AccountKind::User
        } else {
            AccountKind::Application
        };
        for one in &mut uses {
            let asked =
                wanted.contains(&one.feature) && (one.kind == kind || !one.feature.is_for(kind));
            one.in_use = asked || one.feature == Feature::Profile && one.in_use;
            one.why = if asked {
                "it was asked for".to_owned()
            } else if one.in_use {
                one.why.clone()
            } else {
                "it was not asked for".to_owned()
            };
        }
        Ok(uses)
    }

    /// The addresses that were named, or those served through the application.
    async fn limited_mailboxes(
        &self,
        connection: &Connection,
        ask: &SetupAsk,
    ) -> Result<Vec<String>> {
        if let Some(named) = &ask.mailboxes {
            let mut mailboxes: Vec<String> = Vec::new();
            for address in named {
                let address = limit::address(address)?;
                if !mailboxes
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(&address))
                {
                    mailboxes.push(address);
                }
            }
            if mailboxes.len() > MOST_MAILBOXES {
                return Err(Problem::invalid(format!(
                    "A script takes at most {MOST_MAILBOXES} mailboxes: make it with a few, and \
                     add the others to the group that it makes."
                )));
            }
            return Ok(mailboxes);
        }
        let application = self.store().account_of(&connection.id, None).await?;
        let mut mailboxes: Vec<String> = self
            .store()
            .mailboxes()
            .await?
            .into_iter()
            .filter(|mailbox| {
                application
                    .as_ref()
                    .is_some_and(|account| account.id == mailbox.account)
            })
            .map(|mailbox| mailbox.address)
            .collect();
        mailboxes.sort();
        mailboxes.truncate(MOST_MAILBOXES);
        Ok(mailboxes)
    }

    /// The object id of the application's service principal, where a token tells it: to spare an
    /// administrator looking it up.
    async fn object_id_hint(&self, connection: &Connection) -> Result<Option<String>> {
        if connection.credentials.is_empty() {
            return Ok(None);
        }
        let Some(account) = self.store().account_of(&connection.id, None).await? else {
            return Ok(None);
        };
        let who = Identity {
            connection: Arc::new(connection.clone()),
            account: Arc::new(account),
            caller: "setup".into(),
        };
        let token = tokio::select! {
            token = self.door().access_token(&who) => token.ok(),
            () = self.clock().sleep(TOKEN_PATIENCE) => None,
        };
        Ok(token.and_then(|token| claims::object_id(&token.token)))
    }
}
