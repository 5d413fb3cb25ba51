//! Connections: added, changed, removed.

use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use postroom_model::cloud::Cloud;
use postroom_model::connection::{Connection, Endpoints};
use postroom_model::{ConnectionId, CredentialId};

mod addresses;
mod application;
mod certificate;
mod credentials;
mod federated;
pub(crate) mod validate;

pub(crate) use addresses::moved_setting;
pub use credentials::{MADE_FOR_DAYS, NewCredential};
pub use federated::NewFederated;

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
        let fit = match new.credential.filter(|new| !new.is_empty()) {
            Some(credential) => Some(self.fit(caller, &connection.name, credential).await?),
            None => None,
        };
        self.store().insert_connection(&connection).await?;
        if let Some(fit) = fit
            && let Err(problem) = self.keep_credential(&connection.id, fit).await
        {
            // All or nothing: half a connection would only be in the way of the next try.
            self.store().remove_connection(&connection.id).await?;
            return Err(problem);
        }
        self.connection_now(&connection.id).await
    }

    /// Changes what is given. A change of an address or endpoint to one outside the known clouds
    /// ends the connection's grants, and its credential unless that is given again in the same
    /// call: nobody can point a stored secret at a host of his own.
    pub async fn change_connection(
        &self,
        caller: &Caller,
        id: &ConnectionId,
        change: ConnectionChange,
    ) -> Result<Connection> {
        let was = self.connection_now(id).await?;
        let connection = changed(&was, &change)?;
        fits_together(&connection)?;
        let outside = addresses::outside(&connection, Some(&was));
        addresses::may_lead_outside(caller, &outside)?;
        if connection.name != was.name {
            self.name_is_free(&connection).await?;
        }
        let credential = change.credential.filter(|new| !new.is_empty());
        let replaced: Vec<_> = match &credential {
            Some(_) => was.credentials.iter().map(|old| old.id.clone()).collect(),
            None => Vec::new(),
        };
        let kept: Vec<CredentialId> = match credential {
            Some(credential) => {
                let fit = self.fit(caller, &connection.name, credential).await?;
                vec![self.insert_credential(id, fit).await?.id]
            }
            None => Vec::new(),
        };
        if !outside.is_empty() {
            // Before the address is written, so that no crash leaves a secret with a stranger.
            self.end_grants_of(id, &kept).await?;
        }
        if !self.store().update_connection(&connection).await? {
            return Err(Problem::not_found("connection", id.as_str()));
        }
        for old in replaced {
            self.store().remove_credential(id, &old).await?;
        }
        if !outside.is_empty() {
            // And after it, for what came in between.
            self.end_grants_of(id, &kept).await?;
        }
        self.door().forget_connection(id);
        self.settle_application(id, !kept.is_empty()).await?;
        self.connection_now(id).await
    }

    /// Removes one with all that hangs on it.
    pub async fn remove_connection(&self, id: &ConnectionId) -> Result<()> {
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
