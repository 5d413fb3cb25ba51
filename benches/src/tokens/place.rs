//! An installation with so many accounts: a connection each, of the same application, so that the
//! sandbox gives each its own token.

use crate::postroom::Place;
use crate::tenant::Address;
use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use postroom_engine::grants::StoreVault;
use postroom_microsoft::{Door, DoorParts, DoorSettings, Identity};
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::call::CallRecord;
use postroom_model::cloud::Cloud;
use postroom_model::connection::{
    Connection, Credential, CredentialInfo, CredentialKind, Endpoints,
};
use postroom_model::ports::CallLog;
use postroom_model::{
    AccountId, Clock as _, ConnectionId, CredentialId, Dice as _, Secret, SystemClock, SystemDice,
};
use postroom_store::{MasterKey, SqliteOptions, SqliteStore, Store};
use std::sync::Arc;
use tempfile::TempDir;

/// So many are made at once: units of work that wait share a sync to disk.
const AT_ONCE: usize = 128;

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
        stream::iter(0..count)
            .map(|number| put(store.as_ref(), address, number))
            .buffer_unordered(AT_ONCE)
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

/// One, straight into the store: through the engine each would be held against all names and cost
/// several syncs to disk.
async fn put(store: &dyn Store, address: &Address, number: usize) -> Result<()> {
    let now = SystemClock.now();
    let id = || SystemDice.timed_guid(now).to_string();
    let endpoint = |name: &str| {
        let (root, tenant) = (&address.root, &address.tenant_id);
        Some(format!("{root}/{tenant}/oauth2/v2.0/{name}"))
    };
    let connection = Connection {
        id: ConnectionId::new(id()),
        name: format!("Bench {number}"),
        tenant_id: address.tenant_id.clone(),
        client_id: address.client_id.clone(),
        cloud: Cloud::default(),
        authority_url: address.root.clone(),
        graph_url: address.root.clone(),
        // So that ten thousand times the same document need not be read first.
        endpoints: Endpoints {
            authorization: endpoint("authorize"),
            token: endpoint("token"),
            ..Endpoints::default()
        },
        redirect_uri: None,
        scopes: Vec::new(),
        credentials: Vec::new(),
        created_at: now,
    };
    let credential = Credential {
        info: CredentialInfo {
            id: CredentialId::new(id()),
            kind: CredentialKind::Secret,
            expires_at: None,
            created_at: now,
            taken_at: None,
            certificate: None,
            federated: None,
        },
        secret: Secret::new(address.client_secret.as_str()),
    };
    store
        .insert_connection(&connection, Some(&credential))
        .await?;
    let account = Account {
        id: AccountId::new(id()),
        connection: connection.id,
        kind: AccountKind::Application,
        user_id: None,
        user_principal_name: None,
        display_name: Some(connection.name),
        state: AccountState::Active,
        reason: None,
        since: now,
        expires_at: None,
    };
    store.put_account(&account).await?;
    Ok(())
}
