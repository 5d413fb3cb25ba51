//! The server, a vault, a log, and a door between them.

use async_trait::async_trait;
use aws_lc_rs::encoding::AsDer as _;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use postroom_microsoft::{Door, DoorParts, DoorSettings, Identity};
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::call::CallRecord;
use postroom_model::cloud::Cloud;
use postroom_model::connection::{
    CertificateInfo, Connection, Credential, CredentialInfo, CredentialKind,
};
use postroom_model::grant::Grant;
use postroom_model::ports::{CallLog, PortError, TokenVault};
use postroom_model::{
    AccountId, ConnectionId, CredentialId, HeldClock, Secret, SeededDice, Timestamp,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What the server saw.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn is_token(&self) -> bool {
        self.path.ends_with("/oauth2/v2.0/token")
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    }
}

/// A vault in memory that notes what happens to it.
#[derive(Default)]
pub(crate) struct Vault {
    pub(crate) secrets: Mutex<Vec<String>>,
    /// Goes in front of the secrets.
    pub(crate) certificate: Mutex<Option<Credential>>,
    pub(crate) grant: Mutex<Option<Grant>>,
    pub(crate) states: Mutex<Vec<AccountState>>,
    pub(crate) events: Arc<Mutex<Vec<String>>>,
    pub(crate) broken: Mutex<bool>,
    pub(crate) claims: Mutex<Option<String>>,
    /// Each credential that was told to be taken, and those that were refused before it.
    pub(crate) taken: Mutex<Vec<(String, Vec<String>)>>,
}

impl Vault {
    fn is_taken(&self, id: &str) -> bool {
        let taken = self.taken.lock().expect("taken");
        let last = taken.iter().rev().find_map(|(taken, refused)| {
            (taken == id || refused.iter().any(|it| it == id)).then_some(taken == id)
        });
        last.unwrap_or_default()
    }
}

#[async_trait]
impl TokenVault for Vault {
    async fn credentials(&self, _: &Connection) -> Result<Vec<Credential>, PortError> {
        let secrets = self.secrets.lock().expect("secrets");
        let certificate = self.certificate.lock().expect("certificate").clone();
        let secrets = secrets.iter().map(|secret| Credential {
            info: CredentialInfo {
                id: CredentialId::new(secret.as_str()),
                kind: CredentialKind::Secret,
                expires_at: None,
                created_at: Timestamp::UNIX_EPOCH,
                taken_at: self.is_taken(secret).then_some(Timestamp::UNIX_EPOCH),
                certificate: None,
                federated: None,
            },
            secret: Secret::new(secret.as_str()),
        });
        Ok(certificate.into_iter().chain(secrets).collect())
    }

    async fn grant(&self, _: &AccountId, _: &Connection) -> Result<Option<Grant>, PortError> {
        Ok(self.grant.lock().expect("grant").clone())
    }

    async fn rotate_grant(
        &self,
        _: &AccountId,
        used: &Grant,
        grant: &Grant,
    ) -> Result<bool, PortError> {
        if *self.broken.lock().expect("broken") {
            return Err(PortError::new("the disk is full"));
        }
        // Long enough for anybody who does not wait to be seen.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut stored = self.grant.lock().expect("grant");
        let is_there = stored
            .as_ref()
            .is_some_and(|stored| stored.refresh_token == used.refresh_token);
        if is_there {
            *stored = Some(grant.clone());
            self.events.lock().expect("events").push("saved".to_owned());
        }
        Ok(is_there)
    }

    async fn set_state(
        &self,
        _: &AccountId,
        state: AccountState,
        _: Option<&str>,
        _: Option<&Grant>,
    ) -> Result<(), PortError> {
        let mut states = self.states.lock().expect("states");
        let stands = states.last().copied().unwrap_or(AccountState::Active);
        if stands != state {
            states.push(state);
        }
        Ok(())
    }

    async fn credential_refused(&self, _: &ConnectionId, _: &str) -> Result<(), PortError> {
        self.events
            .lock()
            .expect("events")
            .push("credential refused".to_owned());
        Ok(())
    }

    async fn credential_taken(
        &self,
        _: &ConnectionId,
        taken: &CredentialId,
        refused: &[CredentialId],
    ) -> Result<(), PortError> {
        let refused = refused.iter().map(ToString::to_string).collect();
        let told = (taken.to_string(), refused);
        self.taken.lock().expect("taken").push(told);
        Ok(())
    }

    async fn kept_claims(&self, _: &AccountId) -> Result<Option<String>, PortError> {
        Ok(self.claims.lock().expect("claims").clone())
    }

    async fn keep_claims(&self, _: &AccountId, claims: &str) -> Result<(), PortError> {
        *self.claims.lock().expect("claims") = Some(claims.to_owned());
        Ok(())
    }
}

/// A certificate's credential with a new key.
pub(crate) fn certificate() -> Credential {
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
    let der = key.as_der().expect("PKCS#8");
    Credential {
        info: CredentialInfo {
            id: CredentialId::new("certificate"),
            kind: CredentialKind::Certificate,
            expires_at: None,
            created_at: Timestamp::UNIX_EPOCH,
            taken_at: None,
            certificate: Some(CertificateInfo {
                pem: String::new(),
                thumbprint: "00".to_owned(),
                x5t_s256: "hash".to_owned(),
                subject: "CN=x".to_owned(),
                not_before: Timestamp::UNIX_EPOCH,
            }),
            federated: None,
        },
        secret: Secret::new(pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()))),
    }
}

/// A log in memory.
#[derive(Default)]
pub(crate) struct Log(pub(crate) Mutex<Vec<CallRecord>>);

impl CallLog for Log {
    fn record(&self, call: CallRecord) {
        self.0.lock().expect("log").push(call);
    }
}

/// Everything that a test holds.
pub(crate) struct World {
    pub(crate) clock: HeldClock,
    pub(crate) vault: Arc<Vault>,
    pub(crate) log: Arc<Log>,
    pub(crate) door: Door,
    pub(crate) root: String,
    pub(crate) seen: Arc<Mutex<Vec<Seen>>>,
}

type Handler = Arc<dyn Fn(Seen) -> BoxFuture<'static, Response> + Send + Sync>;

impl World {
    /// A server that answers so, and a door.
    pub(crate) async fn new<F, R>(handler: F) -> Self
    where
        F: Fn(Seen) -> R + Send + Sync + 'static,
        R: Future<Output = Response> + Send + 'static,
    {
        Self::with(DoorSettings::default(), handler).await
    }

    pub(crate) async fn with<F, R>(settings: DoorSettings, handler: F) -> Self
    where
        F: Fn(Seen) -> R + Send + Sync + 'static,
        R: Future<Output = Response> + Send + 'static,
    {
        let handler: Handler = Arc::new(move |seen| handler(seen).boxed());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let root = listen(handler, Arc::clone(&seen)).await;
        let clock = HeldClock::at(Timestamp::from_second(1_800_000_000).expect("a time"));
        let vault = Arc::new(Vault::default());
        vault
            .secrets
            .lock()
            .expect("secrets")
            .push("CLIENTSECRET".to_owned());
        *vault.grant.lock().expect("grant") = Some(Grant {
            refresh_token: Secret::new("REFRESH0"),
            scopes: Vec::new(),
            received_at: Timestamp::UNIX_EPOCH,
        });
        let log = Arc::new(Log::default());
        let door = Door::new(DoorParts {
            clock: Arc::new(clock.clone()),
            dice: Arc::new(SeededDice::new(7)),
            vault: Arc::clone(&vault) as Arc<dyn TokenVault>,
            log: Arc::clone(&log) as Arc<dyn CallLog>,
            settings,
        })
        .expect("a door");
        Self {
            clock,
            vault,
            log,
            door,
            root,
            seen,
        }
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection {
            id: ConnectionId::new("c"),
            name: "contoso".to_owned(),
            tenant_id: "contoso.example".to_owned(),
            client_id: "app".to_owned(),
            cloud: Cloud::Global,
            authority_url: self.root.clone(),
            graph_url: self.root.clone(),
            endpoints: postroom_model::connection::Endpoints {
                token: Some(format!("{}/t/oauth2/v2.0/token", self.root)),
                authorization: Some(format!("{}/t/oauth2/v2.0/authorize", self.root)),
                ..Default::default()
            },
            redirect_uri: None,
            scopes: vec!["Mail.Read".to_owned()],
            credentials: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    pub(crate) fn identity(&self, kind: AccountKind) -> Identity {
        Identity {
            connection: Arc::new(self.connection()),
            account: Arc::new(Account {
                id: AccountId::new("a"),
                connection: ConnectionId::new("c"),
                kind,
                user_id: None,
                user_principal_name: Some("ann@contoso.example".to_owned()),
                display_name: None,
                state: AccountState::Active,
                reason: None,
                since: Timestamp::UNIX_EPOCH,
                expires_at: None,
            }),
            caller: "test".into(),
        }
    }

    pub(crate) fn user(&self) -> Identity {
        self.identity(AccountKind::User)
    }

    pub(crate) fn application(&self) -> Identity {
        self.identity(AccountKind::Application)
    }

    /// How many requests of that kind the server saw.
    pub(crate) fn count(&self, which: impl Fn(&Seen) -> bool) -> usize {
        let seen = self.seen.lock().expect("seen");
        seen.iter().filter(|seen| which(seen)).count()
    }

    pub(crate) fn graph_calls(&self) -> usize {
        self.count(|seen| !seen.is_token())
    }

    pub(crate) fn token_calls(&self) -> usize {
        self.count(Seen::is_token)
    }

    /// Runs it, moving the clock on by a second whenever it stands for some milliseconds.
    pub(crate) async fn ticking<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = Box::pin(future);
        loop {
            tokio::select! {
                done = &mut future => return done,
                () = tokio::time::sleep(Duration::from_millis(25)) => {
                    self.clock.advance(Duration::from_secs(1));
                }
            }
        }
    }
}

async fn listen(handler: Handler, seen: Arc<Mutex<Vec<Seen>>>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let root = format!("http://{}", listener.local_addr().expect("an address"));
    let app = Router::new().fallback(move |request: Request| {
        let (handler, seen) = (Arc::clone(&handler), Arc::clone(&seen));
        async move {
            let (parts, body) = request.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
            let call = Seen {
                method: parts.method.to_string(),
                path: parts
                    .uri
                    .path_and_query()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                headers: parts.headers,
                body: String::from_utf8_lossy(&body).into_owned(),
            };
            seen.lock().expect("seen").push(call.clone());
            handler(call).await
        }
    });
    tokio::spawn(async move { axum::serve(listener, app).await });
    root
}

/// JSON with a status.
pub(crate) fn reply(status: u16, body: Value) -> Response {
    let status = http::StatusCode::from_u16(status).expect("a status");
    (status, axum::Json(body)).into_response()
}

/// JSON with a status and `Retry-After`.
pub(crate) fn reply_later(status: u16, seconds: u32) -> Response {
    let mut response = refusal(status, "TooManyRequests");
    let seconds = seconds.to_string().parse().expect("a header");
    response.headers_mut().insert("retry-after", seconds);
    response
}

/// Graph's error.
pub(crate) fn refusal(status: u16, code: &str) -> Response {
    reply(
        status,
        json!({ "error": { "code": code, "message": "no." } }),
    )
}

/// Entra's error.
pub(crate) fn sign_in_refusal(status: u16, error: &str, code: u32) -> Response {
    reply(
        status,
        json!({
            "error": error,
            "error_description": format!("AADSTS{code}: No.\r\nTrace ID: 1"),
            "error_codes": [code],
        }),
    )
}

/// A token that lives an hour.
pub(crate) fn token(name: &str) -> Response {
    reply(
        200,
        json!({
            "token_type": "Bearer",
            "expires_in": 3600,
            "access_token": name,
            "refresh_token": format!("REFRESH-{name}"),
            "scope": "Mail.Read",
        }),
    )
}

/// The beginning of a body, and then the connection is cut.
pub(crate) fn cut(beginning: &'static str) -> Response {
    let pieces = futures::stream::unfold(0, move |piece| async move {
        let bytes = Bytes::from_static(beginning.as_bytes());
        match piece {
            0 => Some((Ok(bytes), 1)),
            _ => {
                // Long enough for what is written already to leave.
                tokio::time::sleep(Duration::from_millis(50)).await;
                Some((Err(std::io::Error::other("cut")), 2))
            }
        }
    });
    let mut response = Response::new(Body::from_stream(pieces));
    response.headers_mut().insert(
        "content-type",
        http::HeaderValue::from_static("application/json"),
    );
    response
}
