//! An engine on an empty store, with a held clock and nobody at the other end.

use postroom_engine::access::Caller;
use postroom_engine::connections::{NewConnection, NewCredential};
use postroom_engine::keys::NewKey;
use postroom_engine::{Engine, EngineParts, EngineSettings, Problem};
use postroom_microsoft::DoorSettings;
use postroom_model::connection::Endpoints;
use postroom_model::key::Scope;
use postroom_model::mailbox::{Mailbox, SyncState};
use postroom_model::{
    AccountId, ConnectionId, HeldClock, MailboxId, Secret, SeededDice, Timestamp,
};
use postroom_store::{MasterKey, SqliteOptions, SqliteStore};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

pub(crate) const CLIENT: &str = "00000000-0000-0000-0000-00000000c11e";

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<HeldClock>,
    // Kept until the end: the data is in it.
    _folder: TempDir,
}

pub(crate) async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path().join("data"), MasterKey::from_bytes([7; 32]));
    let clock = Arc::new(HeldClock::at(
        Timestamp::from_second(1_790_000_000).unwrap(),
    ));
    let engine = Engine::new(EngineParts {
        store: Arc::new(SqliteStore::open(options).await.unwrap()),
        clock: Arc::clone(&clock) as _,
        dice: Arc::new(SeededDice::new(1)),
        door: DoorSettings {
            max_attempts: 1,
            ..DoorSettings::default()
        },
        settings: EngineSettings::default(),
    })
    .unwrap();
    World {
        engine,
        clock,
        _folder: folder,
    }
}

impl World {
    /// A caller with a key of its own.
    pub(crate) async fn caller(&self, scopes: &[Scope], mailboxes: Option<&[&str]>) -> Caller {
        let new = NewKey {
            name: format!("{scopes:?}"),
            scopes: scopes.to_vec(),
            mailboxes: mailboxes
                .map(|list| list.iter().map(|&mailbox| mailbox.to_owned()).collect()),
            ..NewKey::default()
        };
        let (_, secret) = self.engine.create_key(&Caller::Local, new).await.unwrap();
        self.engine
            .authenticate(secret.reveal(), None)
            .await
            .unwrap()
    }

    /// A connection with a secret whose addresses lead to nobody.
    pub(crate) async fn connection(&self) -> ConnectionId {
        let new = new_connection("Contoso", Some("s3cret"));
        let made = self.engine.add_connection(&Caller::Local, new).await;
        made.unwrap().id
    }

    /// The account of the only connection's application.
    pub(crate) async fn application(&self) -> AccountId {
        let accounts = self.engine.accounts(&Caller::Local).await.unwrap();
        accounts[0].id.clone()
    }

    /// Mailboxes that nobody asked Microsoft about.
    pub(crate) async fn mailboxes(&self, addresses: &[&str]) {
        let connection = self.connection().await;
        let account = self.application().await;
        for address in addresses {
            let mailbox = Mailbox {
                id: id_of(address),
                connection: connection.clone(),
                account: account.clone(),
                address: (*address).to_owned(),
                display_name: None,
                sync: SyncState::default(),
                created_at: self.engine.now(),
            };
            self.engine.store().insert_mailbox(&mailbox).await.unwrap();
        }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) fn id_of(address: &str) -> MailboxId {
    MailboxId::new(format!("id-of-{}", address.split('@').next().unwrap()))
}

pub(crate) fn new_connection(name: &str, secret: Option<&str>) -> NewConnection {
    NewConnection {
        name: name.to_owned(),
        tenant_id: "contoso.example".to_owned(),
        client_id: CLIENT.to_owned(),
        credential: secret.map(credential),
        endpoints: Endpoints {
            // Nobody listens there, and with both given nothing has to be discovered.
            authorization: Some("http://127.0.0.1:9/authorize".to_owned()),
            token: Some("http://127.0.0.1:9/token".to_owned()),
            ..Endpoints::default()
        },
        ..NewConnection::default()
    }
}

pub(crate) fn credential(secret: &str) -> NewCredential {
    NewCredential::secret(Secret::new(secret), None)
}

pub(crate) fn code<T: std::fmt::Debug>(result: Result<T, Problem>) -> &'static str {
    result.unwrap_err().code.text()
}
