//! An installation with so many accounts: a connection each, of the same application, so that the
//! sandbox gives each its own token.

use crate::postroom::Place;
use crate::tenant::Address;
use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postroom_engine::access::Caller;
use postroom_engine::connections::{NewConnection, NewCredential};
use postroom_engine::grants::StoreVault;
use postroom_engine::{Engine, EngineParts, EngineSettings};
use postroom_microsoft::{Door, DoorParts, DoorSettings, Identity};
use postroom_model::call::CallRecord;
use postroom_model::connection::Endpoints;
use postroom_model::ports::CallLog;
use postroom_model::{Secret, SystemClock, SystemDice};
use postroom_store::{MasterKey, SqliteOptions, SqliteStore, Store};
use std::sync::Arc;
use tempfile::TempDir;

/// The accounts, in an open store.
pub(super) struct Accounts {
    pub(super) door: Door,
    pub(super) identities: Vec<Identity>,
    store: Arc<dyn Store>,
    folder: TempDir,
}

/// The same, closed.
pub(super) struct Closed {
    pub(super) place: Place,
    pub(super) accounts: Vec<String>,
    _folder: TempDir,
}

/// The log of calls is measured with the server; here is the door alone.
struct NoLog;

impl CallLog for NoLog {
    fn record(&self, _: CallRecord) {}
}

impl Accounts {
    /// Makes so many.
    pub(super) async fn make(address: &Address, count: usize) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let master_key = MasterKey::from_bytes([0x5f; 32]);
        let options = SqliteOptions::new(folder.path().join("data"), master_key);
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(options).await?);
        let engine = Engine::new(EngineParts {
            store: Arc::clone(&store),
            clock: Arc::new(SystemClock),
            dice: Arc::new(SystemDice),
            door: DoorSettings::default(),
            settings: EngineSettings::default(),
        })?;
        let endpoint = |name: &str| {
            let (root, tenant) = (&address.root, &address.tenant_id);
            Some(format!("{root}/{tenant}/oauth2/v2.0/{name}"))
        };
        stream::iter(0..count)
            .map(|number| {
                let connection = NewConnection {
                    name: format!("Bench {number}"),
                    tenant_id: address.tenant_id.clone(),
                    client_id: address.client_id.clone(),
                    credential: Some(NewCredential::secret(
                        Secret::new(address.client_secret.as_str()),
                        None,
                    )),
                    authority_url: Some(address.root.clone()),
                    graph_url: Some(address.root.clone()),
                    // So that ten thousand times the same document need not be read first.
                    endpoints: Endpoints {
                        authorization: endpoint("authorize"),
                        token: endpoint("token"),
                        ..Endpoints::default()
                    },
                    ..NewConnection::default()
                };
                engine.add_connection(&Caller::Local, connection)
            })
            .buffer_unordered(32)
            .try_collect::<Vec<_>>()
            .await?;
        let mut identities = Vec::with_capacity(count);
        for account in store.accounts().await? {
            let connection = store.connection(&account.connection).await?;
            identities.push(Identity {
                connection: Arc::new(connection.context("a connection")?),
                account: Arc::new(account),
                caller: "bench".into(),
            });
        }
        let door = Door::new(DoorParts {
            clock: Arc::new(SystemClock),
            dice: Arc::new(SystemDice),
            vault: Arc::new(StoreVault::new(Arc::clone(&store), Arc::new(SystemClock))),
            log: Arc::new(NoLog),
            settings: DoorSettings::default(),
        })?;
        Ok(Self {
            door,
            identities,
            store,
            folder,
        })
    }

    /// Closes the store, for a server to open it.
    pub(super) async fn close(self) -> Result<Closed> {
        self.store.close().await?;
        Ok(Closed {
            place: Place {
                folder: self.folder.path().to_owned(),
                database: None,
            },
            accounts: self
                .identities
                .iter()
                .map(|who| who.account.id.to_string())
                .collect(),
            _folder: self.folder,
        })
    }
}
