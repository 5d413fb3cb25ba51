//! How a call to Microsoft is made.

mod address;
mod answer;
mod attempt;
mod backoff;
mod budget;
mod chosen;
mod error;
mod guard;
mod identity;
mod net;
mod pass;
mod path;
mod record;
mod redact;
mod refusal;
mod request;
mod response;
mod send;
mod settings;
mod stream;
mod token_scopes;
mod tokens;
mod upload;

pub use error::{Again, DoorError};
pub use identity::Identity;
pub use pass::{PassedAnswer, PassedBody, PassedRequest};
pub use path::GraphPath;
pub use refusal::{GraphRefusal, SignInError};
pub use request::{GraphRequest, Priority, Repeat, RequestBody, Target};
pub use response::{GraphResponse, GraphStream};
pub use settings::{BudgetSettings, DoorSettings};
pub use token_scopes::TokenScopes;
pub use upload::{Upload, UploadFailure};

pub(crate) use address::{
    is_instance_metadata, is_plain_root, normal_root, same_origin, web_address,
};
pub(crate) use answer::Answer;
pub(crate) use attempt::Outgoing;
pub(crate) use backoff::retry_after;
pub(crate) use chosen::Granted;
pub(crate) use guard::held;
pub(crate) use path::odata_literal;
pub(crate) use record::Subject;
pub(crate) use send::IMMUTABLE_IDS;
pub use send::immutable_ids_with;

use crate::signin::discovery::DiscoveryCache;
use crate::signin::jwks::KeyCache;
use crate::signin::rotation::Rotation;
use budget::Budgets;
use net::Net;
use postroom_model::clock::SharedClock;
use postroom_model::connection::Connection;
use postroom_model::dice::SharedDice;
use postroom_model::grant::AccessToken;
use postroom_model::ports::{CallLog, TokenVault};
use postroom_model::{AccountId, ConnectionId, Timestamp};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokens::TokenDesk;
use tokio_util::task::TaskTracker;

/// The one door to Microsoft. Cheap to clone; all clones share tokens and budgets.
#[derive(Clone)]
pub struct Door {
    pub(crate) house: Arc<House>,
}

/// What a door needs from outside.
pub struct DoorParts {
    /// Tells the time and waits.
    pub clock: SharedClock,
    /// Gives GUIDs, verifiers, jitter.
    pub dice: SharedDice,
    /// Where credentials and grants lie.
    pub vault: Arc<dyn TokenVault>,
    /// Where every attempt is noted.
    pub log: Arc<dyn CallLog>,
    /// Times, sizes, budgets.
    pub settings: DoorSettings,
}

/// What all clones of a door share.
pub(crate) struct House {
    pub(crate) clock: SharedClock,
    pub(crate) dice: SharedDice,
    pub(crate) vault: Arc<dyn TokenVault>,
    pub(crate) log: Arc<dyn CallLog>,
    pub(crate) settings: DoorSettings,
    pub(crate) net: Net,
    pub(crate) budgets: Budgets,
    pub(crate) tokens: TokenDesk,
    /// Refreshes under way.
    pub(crate) refreshes: TaskTracker,
    pub(crate) discovery: DiscoveryCache,
    pub(crate) keys: KeyCache,
    pub(crate) rotation: Rotation,
}

impl Door {
    /// Builds a door. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`DoorError::Address`] when the extra certificates or the user agent cannot be read.
    pub fn new(parts: DoorParts) -> Result<Self, DoorError> {
        let net = Net::new(&parts.settings)?;
        Ok(Self {
            house: Arc::new(House {
                budgets: Budgets::new(
                    Arc::clone(&parts.clock),
                    parts.settings.budgets.clone(),
                    parts.settings.longest_wait,
                ),
                tokens: TokenDesk::default(),
                refreshes: TaskTracker::new(),
                discovery: DiscoveryCache::default(),
                keys: KeyCache::default(),
                rotation: Rotation::default(),
                clock: parts.clock,
                dice: parts.dice,
                vault: parts.vault,
                log: parts.log,
                settings: parts.settings,
                net,
            }),
        })
    }

    /// An access token that Microsoft still takes. However many ask at once, one refresh per
    /// account is under way; a token that is still good is given out while its successor is
    /// fetched.
    ///
    /// # Errors
    ///
    /// [`DoorError::SignIn`] when Microsoft refuses, [`DoorError::NoGrant`] when the account has
    /// nothing to show, [`DoorError::Vault`] when the vault does not answer,
    /// [`DoorError::Network`] when Microsoft cannot be reached.
    pub async fn access_token(&self, who: &Identity) -> Result<AccessToken, DoorError> {
        tokens::access_token(self, who).await
    }

    /// A token to hand on: for these scopes, or for the connection's Graph, and good for at least
    /// so long, where Microsoft gives such: a token that ends sooner is fetched anew, not more often
    /// than every ten seconds. Cached like the door's own, a bounded number of sets for an account,
    /// and with them one refresh of a grant at a time.
    ///
    /// # Errors
    ///
    /// As [`Door::access_token`]. A refusal of chosen scopes ends no grant unless Microsoft says
    /// that it was revoked.
    pub async fn token_to_hand_on(
        &self,
        who: &Identity,
        scopes: Option<&TokenScopes>,
        valid_for: Duration,
    ) -> Result<HandedOn, DoorError> {
        Ok(match scopes {
            None => HandedOn {
                token: tokens::access_token_for(self, who, valid_for).await?,
                scopes: None,
            },
            Some(scopes) => {
                let Granted { token, scopes } =
                    chosen::granted(self, who, scopes, valid_for).await?;
                HandedOn {
                    token,
                    scopes: Some(scopes),
                }
            }
        })
    }

    /// Takes a token that came with a sign-in through this connection, so that the first call needs
    /// no refresh.
    pub fn adopt_token(&self, connection: &Connection, account: &AccountId, token: AccessToken) {
        self.house.tokens.adopt(connection, account, token);
    }

    /// Returns when no refresh is under way: what Microsoft rotated is stored. Before the vault is
    /// closed, and when nobody asks for tokens any more.
    pub async fn settled(&self) {
        self.house.refreshes.close();
        self.house.refreshes.wait().await;
    }

    /// Forgets an account's access token and its last refusal: the account was removed, signed in
    /// anew or revoked. A refresh under way no longer leaves its token behind.
    pub fn forget_token(&self, account: &AccountId) {
        self.house.tokens.forget(account);
    }

    /// Since when a token is being fetched for an account; `None` when none is.
    pub fn refreshing_since(&self, account: &AccountId) -> Option<Timestamp> {
        self.house.tokens.refreshing_since(account)
    }

    /// Asks anew what is remembered of a connection, to see how it stands now: its discovery
    /// document, its signing keys and the access tokens of its accounts.
    pub fn ask_anew(&self, connection: &ConnectionId) {
        self.house.discovery.forget(connection);
        self.house.keys.forget(connection);
        self.house.rotation.forget(connection);
        self.house.tokens.ask_anew(connection);
    }

    /// Forgets what is remembered of a connection: its addresses or credentials changed. Cached
    /// discovery and the tokens of its accounts go.
    pub fn forget_connection(&self, connection: &ConnectionId) {
        self.house.discovery.forget(connection);
        self.house.keys.forget(connection);
        self.house.rotation.forget(connection);
        self.house.tokens.forget_connection(connection);
    }
}

/// A token that another program gets.
#[derive(Clone, Debug)]
pub struct HandedOn {
    /// The token.
    pub token: AccessToken,
    /// What Microsoft says that it is for, where scopes were chosen. Empty when it does not say.
    pub scopes: Option<Vec<String>>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").finish_non_exhaustive()
    }
}
