//! Connections: added, changed, removed.

use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::cloud::Cloud;
use postroom_model::connection::{Connection, Endpoints};
use postroom_model::login::LoginStatus;
use postroom_model::{ConnectionId, LoginId};
use postroom_store::contract::connections::{ConnectionWrite, ConnectionWritten};

mod addresses;
mod application;
mod certificate;
mod credentials;
mod federated;
pub(crate) mod validate;

pub use credentials::{MADE_FOR_DAYS, NewCredential};
pub use federated::NewFederated;

/// So often a change is begun again where somebody else changed the connection meanwhile.
const ATTEMPTS: u32 = 5;

/// Why what was granted through a connection is over.
const MOVED: &str = "The connection's addresses were changed: sign in again.";

/// A connection to be added.
#[derive(Clone, Debug, Default)]
pub struct NewConnection {
    /// Unique.
    pub name: String,
    /// GUID or domain.
    pub tenant_id: String,
    /// The application (client) id.
    pub client_id: String,
    /// How the application proves itself; an empty secret is none.
    pub credential: Option<NewCredential>,
    /// Where the addresses come from.
    pub cloud: Cloud,
    /// In place of the cloud's.
    pub authority_url: Option<String>,
    /// In place of the cloud's.
    pub graph_url: Option<String>,
    /// In place of the discovery document's.
    pub endpoints: Endpoints,
    /// In place of this server's callback.
    pub redirect_uri: Option<String>,
    /// In place of the usual ones.
    pub scopes: Option<Vec<String>>,
}

/// What is to be changed; `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ConnectionChange {
    /// See [`NewConnection`].
    pub name: Option<String>,
    /// See [`NewConnection`].
    pub tenant_id: Option<String>,
    /// See [`NewConnection`].
    pub client_id: Option<String>,
    /// Replaces every credential that is there.
    pub credential: Option<NewCredential>,
    /// See [`NewConnection`].
    pub cloud: Option<Cloud>,
    /// See [`NewConnection`].
    pub authority_url: Option<String>,
    /// See [`NewConnection`].
    pub graph_url: Option<String>,
    /// Replaces all four.
    pub endpoints: Option<Endpoints>,
    /// `Some(None)` goes back to this server's callback.
    pub redirect_uri: Option<Option<String>>,
    /// See [`NewConnection`].
    pub scopes: Option<Vec<String>>,
}

impl Engine {
    /// All connections, in the order in which they were made.
    pub async fn connections(&self) -> Result<Vec<Connection>> {
        Ok(self.store().connections().await?)
    }

    /// One, by id or by name.
    pub async fn connection(&self, named: &str) -> Result<Connection> {
        if let Some(found) = self.store().connection(&ConnectionId::new(named)).await? {
            return Ok(found);
        }
        let name = named.to_lowercase();
        self.connections()
            .await?
            .into_iter()
            .find(|connection| connection.name.to_lowercase() == name)
            .ok_or_else(|| Problem::not_found("connection", named))
    }

    /// Adds one; with a credential it has an application account from the start.
    ///
    /// # Errors
    /// `invalidRequest` for an address that is none or is plain `http` off loopback, a tenant or
    /// client id that is none, a certificate that cannot be used; `forbidden` for an address
    /// outside the known clouds or a federated credential from a caller without `admin`;
    /// `conflict` for a name that is there.
    pub async fn add_connection(&self, caller: &Caller, new: NewConnection) -> Result<Connection> {
        let now = self.now();
        let connection = Connection {
            id: ConnectionId::new(self.shared.dice.timed_guid(now).to_string()),
            name: validate::name("connection", &new.name)?,
            tenant_id: validate::tenant(&new.tenant_id)?,
            client_id: validate::client_id(&new.client_id)?,
            cloud: new.cloud,
            authority_url: addresses::root(
                "authorityUrl",
                new.authority_url.as_deref(),
                new.cloud.authority_url(),
            )?,
            graph_url: addresses::root(
                "graphUrl",
                new.graph_url.as_deref(),
                new.cloud.graph_url(),
            )?,
            endpoints: addresses::endpoints(new.endpoints)?,
            redirect_uri: match new.redirect_uri.as_deref() {
                Some("") | None => None,
                Some(uri) => Some(validate::redirect_uri(uri)?),
            },
            scopes: validate::scopes(new.scopes.unwrap_or_default())?,
            credentials: Vec::new(),
            created_at: now,
        };
        fits_together(&connection)?;
        let outside = addresses::outside(&connection, None);
        addresses::may_lead_outside(caller, &outside)?;
        self.name_is_free(&connection).await?;
        let before = self.connections().await?;
        let after = before.iter().chain([&connection]).cloned().collect();
        self.may_move_sign_in(caller, before, after).await?;
        let credential = match new.credential.filter(|new| !new.is_empty()) {
            Some(credential) => {
                let fit = self.fit(caller, &connection.name, credential).await?;
                Some(self.credential_of(fit))
            }
            None => None,
        };
        self.store()
            .insert_connection(&connection, credential.as_ref())
            .await?;
        let settled = self.settle_application(&connection.id, credential.is_some());
        if let Err(problem) = settled.await {
            // All or nothing: half a connection would only be in the way of the next try.
            self.store().remove_connection(&connection.id).await?;
            return Err(problem);
        }
        self.connection_now(&connection.id).await
    }

    /// Changes what is given. A change of an address or endpoint to one outside the known clouds
    /// ends the connection's grants and sign-ins under way, and its credentials unless one is given
    /// in the same call: nobody can point a stored secret at a host of his own.
    ///
    /// # Errors
    /// As [`Engine::add_connection`]; `conflict` also where others change the connection all the
    /// time; `forbidden` where it is the one that people sign in to Postroom through, and the
    /// caller is without `admin`.
    pub async fn change_connection(
        &self,
        caller: &Caller,
        id: &ConnectionId,
        mut change: ConnectionChange,
    ) -> Result<Connection> {
        let mut given = change.credential.take().filter(|new| !new.is_empty());
        let mut credential = None;
        for _ in 0..ATTEMPTS {
            let was = self.connection_now(id).await?;
            let connection = changed(&was, &change)?;
            fits_together(&connection)?;
            let outside = addresses::outside(&connection, Some(&was));
            addresses::may_lead_outside(caller, &outside)?;
            if connection.name != was.name {
                self.name_is_free(&connection).await?;
            }
            let before = self.connections().await?;
            let after = before
                .iter()
                .map(|one| if one.id == *id { &connection } else { one });
            let after = after.cloned().collect();
            self.may_move_sign_in(caller, before, after).await?;
            if let Some(new) = given.take() {
                let fit = self.fit(caller, &connection.name, new).await?;
                credential = Some(self.credential_of(fit));
            }
            let accounts = self.store().accounts().await?;
            let written = self
                .store()
                .update_connection(ConnectionWrite {
                    was: &was,
                    now: &connection,
                    credential: credential.as_ref(),
                    ends: (!outside.is_empty()).then(|| (MOVED, self.now())),
                })
                .await?;
            match written {
                ConnectionWritten::Stale => {}
                ConnectionWritten::Gone => {
                    return Err(Problem::not_found("connection", id.as_str()));
                }
                ConnectionWritten::Done(failed) => {
                    self.door().forget_connection(id);
                    let settled = self.settle_application(id, credential.is_some()).await;
                    if !outside.is_empty()
                        && let Err(error) = self.say_ended(id, &failed, &accounts).await
                    {
                        // It has ended all the same.
                        tracing::warn!(connection = %connection.name, %error, "what ended with a change of addresses was not said");
                    }
                    settled?;
                    return self.connection_now(id).await;
                }
            }
        }
        Err(Problem::new(
            Code::Conflict,
            "Others are changing this connection at this moment: look at how it is now, and change \
             it again.",
        ))
    }

    /// Says what ended with a change of a connection: sign-ins under way, and what the users'
    /// accounts were before.
    async fn say_ended(
        &self,
        id: &ConnectionId,
        failed: &[LoginId],
        before: &[Account],
    ) -> Result<()> {
        for login in failed {
            if let Some(login) = self.store().login(login).await? {
                self.note_login_end(&login, Err(LoginStatus::Failed)).await;
            }
        }
        self.login_ended();
        for now in self.store().accounts().await? {
            let was = before.iter().find(|was| was.id == now.id);
            let ended = now.state != AccountState::Active && now.kind == AccountKind::User;
            if ended && was.is_some_and(|was| was.connection == *id && was.state != now.state) {
                self.shared.account_changes.tell(was, &now);
            }
        }
        Ok(())
    }

    /// Removes one with all that hangs on it.
    ///
    /// # Errors
    /// `notFound`; `forbidden` where people would sign in to Postroom through another one then, and
    /// the caller is without `admin`.
    pub async fn remove_connection(&self, caller: &Caller, id: &ConnectionId) -> Result<()> {
        let before = self.connections().await?;
        let after = before.iter().filter(|one| one.id != *id).cloned().collect();
        self.may_move_sign_in(caller, before, after).await?;
        let removed = self.store().remove_connection(id).await?;
        self.door().forget_connection(id);
        self.shared.alerts.wake();
        if removed {
            Ok(())
        } else {
            Err(Problem::not_found("connection", id.as_str()))
        }
    }

    async fn connection_now(&self, id: &ConnectionId) -> Result<Connection> {
        self.store()
            .connection(id)
            .await?
            .ok_or_else(|| Problem::not_found("connection", id.as_str()))
    }

    /// The store refuses a name that is taken, too; asked ahead, nothing has happened yet.
    async fn name_is_free(&self, connection: &Connection) -> Result<()> {
        let name = connection.name.to_lowercase();
        let taken = self
            .connections()
            .await?
            .into_iter()
            .find(|other| other.id != connection.id && other.name.to_lowercase() == name);
        let Some(taken) = taken else {
            return Ok(());
        };
        let mut problem = Problem::new(
            Code::Conflict,
            format!(
                "There is a connection {:?} already: change that one, or give this one another \
                 name.",
                taken.name
            ),
        );
        problem.existing = Some(taken.id.into_string());
        Err(problem)
    }
}

/// Whether tenant, cloud, addresses and scopes go together.
fn fits_together(connection: &Connection) -> Result<()> {
    addresses::is_one_authority(connection)?;
    addresses::scopes_are_at_home(connection)?;
    validate::consumers(connection)
}

/// A connection with what is given written over it.
fn changed(was: &Connection, change: &ConnectionChange) -> Result<Connection> {
    let mut now = was.clone();
    if let Some(name) = &change.name {
        now.name = validate::name("connection", name)?;
    }
    if let Some(tenant) = &change.tenant_id {
        now.tenant_id = validate::tenant(tenant)?;
    }
    if let Some(client) = &change.client_id {
        now.client_id = validate::client_id(client)?;
    }
    if let Some(cloud) = change.cloud {
        // A cloud brings its addresses; those given beside it win below.
        now.cloud = cloud;
        now.authority_url = cloud.authority_url().to_owned();
        now.graph_url = cloud.graph_url().to_owned();
    }
    if let Some(url) = change.authority_url.as_deref() {
        now.authority_url = addresses::root("authorityUrl", Some(url), now.cloud.authority_url())?;
    }
    if let Some(url) = change.graph_url.as_deref() {
        now.graph_url = addresses::root("graphUrl", Some(url), now.cloud.graph_url())?;
    }
    if let Some(endpoints) = &change.endpoints {
        now.endpoints = addresses::endpoints(endpoints.clone())?;
    }
    match &change.redirect_uri {
        None => {}
        Some(Some(uri)) if !uri.is_empty() => {
            now.redirect_uri = Some(validate::redirect_uri(uri)?);
        }
        Some(_) => now.redirect_uri = None,
    }
    if let Some(scopes) = &change.scopes {
        now.scopes = validate::scopes(scopes.clone())?;
    }
    Ok(now)
}
