//! Things to keep, made for the cases.

use crate::contract::Store;
use crate::contract::alerts::AlertStep;
use crate::contract::changes::ChangeQuery;
use crate::contract::cursors::Cursor;
use crate::contract::messages::MessagePage;
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::alert::{
    Alert, AlertChange, AlertEvent, AlertSeverity, AlertSubject, AlertSubjectKind, AlertType,
};
use postroom_model::audit::{Actor, ActorKind, AuditEntry, Outcome, Subject};
use postroom_model::change::Change;
use postroom_model::cloud::Cloud;
use postroom_model::connection::{
    CertificateInfo, Connection, Credential, CredentialInfo, CredentialKind, FederatedSource,
};
use postroom_model::grant::Grant;
use postroom_model::key::{Key, Scope};
use postroom_model::login::{DeviceCode, Login, LoginStatus};
use postroom_model::mailbox::{Mailbox, SyncState};
use postroom_model::outbox::{
    BodyType, OutboxItem, OutboxKind, OutboxStatus, OutboxStep, OutgoingMessage,
};
use postroom_model::person::{Person, Role, Session, SignInToken};
use postroom_model::resource::attachment::{AttachmentKind, AttachmentRecord, BlobRef};
use postroom_model::resource::folder::MailFolder;
use postroom_model::resource::message::MessageRecord;
use postroom_model::{MailboxId, Secret, Timestamp};

/// So many seconds after the beginning of the cases' time.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_microsecond(1_790_000_000_000_000 + seconds * 1_000_000 + 7)
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A comparison that begins at this time.
pub fn comparison(seconds: i64) -> i64 {
    at(seconds).as_microsecond()
}

/// A connection.
pub fn connection(id: &str) -> Connection {
    Connection {
        id: id.into(),
        name: format!("Connection {id}"),
        tenant_id: "contoso.example".into(),
        client_id: "client".into(),
        cloud: Cloud::UsGovDod,
        authority_url: "https://login.example".into(),
        graph_url: "https://graph.example".into(),
        endpoints: Default::default(),
        redirect_uri: Some("https://here.example/auth/callback".into()),
        scopes: vec!["User.Read".into(), "Mail.Send".into()],
        credentials: Vec::new(),
        created_at: at(0),
    }
}

/// A credential.
pub fn credential(id: &str, secret: &str, seconds: i64) -> Credential {
    Credential {
        info: CredentialInfo {
            id: id.into(),
            kind: CredentialKind::Secret,
            expires_at: Some(at(1_000_000)),
            created_at: at(seconds),
            taken_at: None,
            certificate: None,
            federated: None,
        },
        secret: Secret::new(secret),
    }
}

/// A certificate with its key.
pub fn certificate(id: &str, key: &str, seconds: i64) -> Credential {
    let mut made = credential(id, key, seconds);
    made.info.kind = CredentialKind::Certificate;
    made.info.certificate = Some(CertificateInfo {
        pem: "-----BEGIN CERTIFICATE-----".into(),
        thumbprint: "A1B2".into(),
        x5t_s256: "x-5_t".into(),
        subject: "CN=Postroom Übung".into(),
        not_before: at(0),
    });
    made
}

/// A federated credential; its headers are secret.
pub fn federated(id: &str, headers: &str, source: FederatedSource, seconds: i64) -> Credential {
    let mut made = credential(id, headers, seconds);
    made.info.kind = CredentialKind::Federated;
    made.info.expires_at = None;
    made.info.federated = Some(source);
    made
}

/// An account: of a user, or of the application.
pub fn account(id: &str, connection: &str, user: Option<&str>) -> Account {
    Account {
        id: id.into(),
        connection: connection.into(),
        kind: match user {
            Some(_) => AccountKind::User,
            None => AccountKind::Application,
        },
        user_id: user.map(str::to_owned),
        user_principal_name: user.map(|user| format!("{user}@contoso.example")),
        display_name: None,
        state: AccountState::Active,
        reason: None,
        since: at(0),
        expires_at: Some(at(100)),
    }
}

/// A grant.
pub fn grant(token: &str) -> Grant {
    Grant {
        refresh_token: Secret::new(token),
        scopes: vec!["Mail.Read".into()],
        received_at: at(3),
    }
}

/// A pending sign-in.
pub fn login(id: &str, connection: &str) -> Login {
    Login {
        id: id.into(),
        connection: connection.into(),
        key: Some("key".into()),
        status: LoginStatus::Pending,
        authorize_url: format!("https://login.example/authorize?state=state-{id}"),
        redirect_uri: "https://here.example/auth/callback".into(),
        state: Secret::new(format!("state-{id}")),
        nonce: Secret::new(format!("nonce-{id}")),
        verifier: Secret::new(format!("verifier-{id}")),
        device: None,
        account: None,
        error: None,
        created_at: at(0),
        expires_at: at(600),
    }
}

/// A sign-in with a code on another device.
pub fn device_login(id: &str, connection: &str) -> Login {
    Login {
        authorize_url: String::new(),
        redirect_uri: String::new(),
        device: Some(DeviceCode {
            device_code: Secret::new(format!("device-{id}")),
            user_code: format!("CODE-{id}"),
            verification_uri: "https://login.example/device".into(),
            message: Some(format!("Type CODE-{id}.")),
            interval: std::time::Duration::from_secs(5),
        }),
        ..login(id, connection)
    }
}

/// A key.
pub fn key(id: &str) -> Key {
    Key {
        id: id.into(),
        name: format!("Key {id}"),
        scopes: vec![Scope::MailRead, Scope::MailSend],
        mailboxes: Some(vec!["one".into()]),
        networks: Some(vec!["10.1.0.0/16".parse().expect("a network")]),
        expires_at: None,
        revoked_at: None,
        created_at: at(0),
        last_used_at: None,
    }
}

/// An alert about a credential, 60 days ahead.
pub fn alert(id: &str, subject: &str, seconds: i64) -> Alert {
    Alert {
        id: id.into(),
        kind: AlertType::CredentialExpiring,
        severity: AlertSeverity::Warning,
        level: 60,
        subject: AlertSubject {
            kind: AlertSubjectKind::Credential,
            id: subject.into(),
            name: format!("Secret {subject}"),
        },
        connection: Some("c".into()),
        title: "It ends".into(),
        detail: "It ends soon.".into(),
        hint: "Make another one.".into(),
        days_left: None,
        expires_at: Some(at(5_000_000)),
        created_at: at(seconds),
        updated_at: at(seconds),
        resolved_at: None,
        acknowledged_at: None,
        acknowledged_by: None,
        mail: None,
    }
}

/// A step of an alert with its event.
pub fn alert_step(alert: &Alert, was: Option<u16>, change: AlertChange) -> AlertStep {
    let event = format!("{} {}", alert.id, alert.updated_at);
    AlertStep {
        alert: alert.clone(),
        was,
        event: Some(AlertEvent::of(event, "http://here", change, alert)),
    }
}

/// Somebody who opens the console.
pub fn person(id: &str) -> Person {
    Person {
        id: id.into(),
        name: format!("Person {id}"),
        address: Some(format!("{id}@contoso.example")),
        role: Role::Operator,
        identity: None,
        created_at: at(0),
        signed_in_at: None,
    }
}

/// A session that began then.
pub fn session(id: &str, person: &str, began: i64) -> Session {
    Session {
        id: id.into(),
        person: person.into(),
        created_at: at(began),
        seen_at: at(began),
        expires_at: at(began + 1000),
    }
}

/// A token that signs somebody in until then.
pub fn token(person: Option<&str>, until: i64) -> SignInToken {
    SignInToken {
        person: person.map(Into::into),
        created_at: at(0),
        expires_at: at(until),
    }
}

/// An entry of the audit log.
pub fn audit_entry(id: &str, seconds: i64) -> AuditEntry {
    AuditEntry {
        id: id.into(),
        at: at(seconds),
        actor: Actor {
            kind: ActorKind::Key,
            id: Some("k".into()),
            name: "Key k".into(),
        },
        address: Some(std::net::Ipv6Addr::LOCALHOST.into()),
        action: "key.create".into(),
        subject: Some(Subject {
            kind: "key".into(),
            id: None,
            name: Some(format!("of {id}")),
        }),
        outcome: Outcome::Done,
        details: serde_json::Map::from_iter([("scopes".to_owned(), vec!["mail.read"].into())]),
        request_id: Some("request".into()),
    }
}

/// A mailbox.
pub fn mailbox(id: &str, connection: &str, account: &str) -> Mailbox {
    Mailbox {
        id: id.into(),
        connection: connection.into(),
        account: account.into(),
        address: format!("{id}@contoso.example"),
        display_name: Some(format!("Mailbox {id}")),
        sync: SyncState::default(),
        created_at: at(0),
    }
}

/// A store with a connection `c`, its application account `a` and these mailboxes.
pub async fn with_mailboxes(store: &dyn Store, ids: &[&str]) {
    ok!(store.insert_connection(&connection("c"), None));
    ok!(store.put_account(&account("a", "c", None)));
    for id in ids {
        ok!(store.insert_mailbox(&mailbox(id, "c", "a")));
    }
}

/// A folder.
pub fn folder(id: &str, parent: Option<&str>) -> MailFolder {
    MailFolder {
        id: id.into(),
        parent_folder_id: parent.map(Into::into),
        display_name: format!("Folder {id}"),
        well_known_name: None,
        child_folder_count: 0,
        total_item_count: 0,
        unread_item_count: 0,
        is_hidden: false,
    }
}

/// A message in a folder, with a change key.
pub fn message(id: &str, folder: &str, change_key: &str) -> MessageRecord {
    MessageRecord {
        id: id.into(),
        change_key: Some(change_key.into()),
        folder: folder.into(),
        received_at: Some(at(10)),
        sent_at: Some(at(9)),
        subject: format!("Subject of {id}"),
        from_name: "Ada".into(),
        from_address: "ada@contoso.example".into(),
        is_read: false,
        is_draft: false,
        has_attachments: false,
        conversation_id: Some("conversation".into()),
        internet_message_id: Some(format!("<{id}@contoso.example>")),
        body_type: BodyType::Html,
        body: format!("<p>Body of {id}, {change_key}</p>"),
        json: format!(r#"{{"id":"{id}","changeKey":"{change_key}"}}"#),
        attachments: None,
    }
}

/// An attachment.
pub fn attachment(id: &str, blob: Option<BlobRef>) -> AttachmentRecord {
    AttachmentRecord {
        id: id.into(),
        kind: AttachmentKind::File,
        name: format!("{id}.txt"),
        content_type: Some("text/plain".into()),
        size: 12,
        is_inline: false,
        content_id: None,
        blob,
        json: format!(r#"{{"id":"{id}"}}"#),
    }
}

/// A cursor of a round that is complete.
pub fn cursor(link: &str) -> Cursor {
    Cursor {
        link: link.into(),
        complete: true,
        comparison: None,
    }
}

/// A page of a folder.
pub fn page(folder: &str, messages: Vec<MessageRecord>, removed: &[&str]) -> MessagePage {
    MessagePage {
        folder: folder.into(),
        messages,
        removed: removed.iter().map(|id| (*id).into()).collect(),
        contents: Vec::new(),
        cursor: cursor("link"),
    }
}

/// A queued item.
pub fn outbox_item(id: &str, mailbox: &str, seconds: i64) -> OutboxItem {
    OutboxItem {
        id: id.into(),
        mailbox: mailbox.into(),
        key: Some("key".into()),
        kind: OutboxKind::Send,
        original: None,
        message: OutgoingMessage {
            subject: Some("Hello".into()),
            ..OutgoingMessage::default()
        },
        status: OutboxStatus::Queued,
        step: OutboxStep::New,
        message_id: None,
        internet_message_id: None,
        conversation_id: None,
        reason: None,
        attempts: 0,
        created_at: at(seconds),
        due_at: at(seconds),
        sent_at: None,
        doubtful_since: None,
    }
}

/// Every change that is kept.
pub async fn all_changes(store: &dyn Store) -> Vec<Change> {
    changes_since(store, None).await.0
}

/// Every change behind a cursor, and the cursor behind them.
pub async fn changes_since(store: &dyn Store, since: Option<String>) -> (Vec<Change>, String) {
    let query = ChangeQuery {
        since,
        limit: 1_000_000,
        ..ChangeQuery::default()
    };
    let page = ok!(store.changes(&query));
    (page.changes, page.cursor)
}

/// Changes as short words: `message a created`.
pub fn words(changes: &[Change]) -> Vec<String> {
    changes
        .iter()
        .map(|it| format!("{} {} {}", it.resource.name(), it.id, it.change.name()))
        .collect()
}

/// The cases' mailbox.
pub fn here() -> MailboxId {
    "one".into()
}
