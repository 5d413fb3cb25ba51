//! A store with a little of everything, made through the contract, so that each query of the page
//! finds something.

use bytes::Bytes;
use postroom_model::call::CallRecord;
use postroom_model::mailbox::SyncPhase;
use postroom_model::outbox::{OutboxStatus, OutgoingAttachment, OutgoingMessage};
use postroom_model::resource::attachment::{AttachmentRecord, BlobRef};
use postroom_model::resource::folder::MailFolder;
use postroom_model::resource::message::MessageRecord;
use postroom_model::resource::person::{PersonRecord, PersonSource};
use postroom_model::resource::recipient::Recipient;
use postroom_model::{Timestamp, mailbox::SyncState};
use postroom_store::Store;
use postroom_store::contract::blobs::blob_ref;
use postroom_store::contract::folders::FolderPage;
use postroom_store::suite::made;

/// What no view may show.
pub(crate) const SECRETS: [&str; 6] = [
    "secret-of-a-credential",
    "secret-of-a-grant",
    "secret-of-a-delta-link",
    "secret-of-a-query",
    "secret-of-a-body",
    "2a2a2a2a2a2a2a2a",
];

/// A content that is too large to lie in a row.
pub(crate) fn large() -> Bytes {
    (0..300_000_u32).map(|it| (it % 251) as u8).collect()
}

/// A small one, with bytes that are no text.
pub(crate) fn small() -> Bytes {
    Bytes::from_static(b"%PDF \x00\xff")
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the page's queries ask for the last day on the database's clock"
)]
fn now() -> Timestamp {
    Timestamp::from_microsecond(Timestamp::now().as_microsecond() / 1_000_000 * 1_000_000)
        .expect("a time")
}

/// The same times on both stores, so that these can be compared.
pub(crate) struct Sample {
    now: Timestamp,
}

impl Sample {
    pub(crate) fn new() -> Self {
        Self { now: now() }
    }

    /// Fills an empty store.
    pub(crate) async fn fill(&self, store: &dyn Store) {
        self.connections(store).await;
        self.mail(store).await;
        self.outbox(store).await;
        self.calls(store).await;
        people(store).await;
    }

    async fn connections(&self, store: &dyn Store) {
        let credential = made::credential("credential", SECRETS[0], 1);
        let connection = "c".into();
        store
            .insert_connection(&made::connection("c"), None)
            .await
            .expect("kept");
        store
            .insert_credential(&connection, &credential)
            .await
            .expect("kept");
        store
            .put_account(&made::account("a", "c", None))
            .await
            .expect("kept");
        let user = made::account("u", "c", Some("ann"));
        store.put_account(&user).await.expect("kept");
        let grant = made::grant(SECRETS[1]);
        store
            .save_grant(&user.id, &grant, made::at(9))
            .await
            .expect("kept");
        store
            .insert_key(&made::key("key"), &[0x2a; 32])
            .await
            .expect("kept");
        for (id, account) in [("support", "a"), ("sales", "u")] {
            let mailbox = made::mailbox(id, "c", account);
            store.insert_mailbox(&mailbox).await.expect("kept");
        }
        let level = SyncState {
            state: SyncPhase::UpToDate,
            last_synced_at: Some(self.now),
            ..SyncState::default()
        };
        store
            .set_sync_state(&"support".into(), &level)
            .await
            .expect("kept");
        let failed = SyncState {
            state: SyncPhase::Failed,
            error: Some("the network".into()),
            ..SyncState::default()
        };
        store
            .set_sync_state(&"sales".into(), &failed)
            .await
            .expect("kept");
    }

    async fn mail(&self, store: &dyn Store) {
        for mailbox in ["support", "sales"] {
            let page = FolderPage {
                folders: folders(mailbox),
                removed: Vec::new(),
                whole: true,
                cursor: Some(made::cursor(SECRETS[2])),
            };
            store
                .apply_folders(&mailbox.into(), &page, self.now)
                .await
                .expect("kept");
        }
        let contents = [(blob_ref(&large()), large()), (blob_ref(&small()), small())];
        let order = MessageRecord {
            subject: "Order INV-2026-0815".into(),
            internet_message_id: Some("<order-1@fabrikam.example>".into()),
            has_attachments: true,
            attachments: Some(vec![
                attachment("plan.bin", 2_500_000, Some(&contents[0].0)),
                attachment("order.pdf", 10, Some(&contents[1].0)),
                AttachmentRecord {
                    is_inline: true,
                    ..attachment("logo.png", 10, None)
                },
            ]),
            json: JSON.into(),
            ..from_ann("m1", "support-inbox", "2026-11-03T08:00:00.000001Z")
        };
        let reply = MessageRecord {
            from_name: "Support".into(),
            from_address: "Support@contoso.example".into(),
            is_read: true,
            ..from_ann("m2", "support-sent", "2026-11-03T10:30:00Z")
        };
        let thanks = MessageRecord {
            attachments: Some(vec![attachment("again.PDF", 10, Some(&contents[1].0))]),
            ..from_ann("m3", "support-orders", "2026-11-04T08:00:00.5Z")
        };
        let from_outside_time = MessageRecord {
            from_address: "nobody".into(),
            sent_at: Some(time("1601-01-01T00:00:00.25Z")),
            received_at: None,
            conversation_id: None,
            internet_message_id: None,
            ..from_ann("m4", "support-orders", "2026-11-04T08:00:00Z")
        };
        let copy = MessageRecord {
            attachments: None,
            ..MessageRecord {
                id: "m5".into(),
                folder: "sales-inbox".into(),
                ..order.clone()
            }
        };
        for (mailbox, folder, messages) in [
            ("support", "support-inbox", [vec![order], odd()].concat()),
            ("support", "support-sent", vec![reply]),
            ("support", "support-orders", vec![thanks, from_outside_time]),
            ("sales", "sales-inbox", vec![copy]),
        ] {
            let mut page = made::page(folder, messages, &[]);
            page.contents = contents.to_vec();
            page.cursor = made::cursor(SECRETS[2]);
            store
                .apply_messages(&mailbox.into(), &page, self.now)
                .await
                .expect("kept");
        }
        // Leaving, and still to be seen.
        let page = made::page("support-orders", Vec::new(), &["m4"]);
        store
            .apply_messages(&"support".into(), &page, self.now)
            .await
            .expect("kept");
    }

    async fn outbox(&self, store: &dyn Store) {
        let mut item = made::outbox_item("o1", "support", 5);
        let file = store.put_blob(small(), self.now).await.expect("kept");
        item.message = OutgoingMessage {
            subject: Some("Your \u{1f600} order".into()),
            body: Some(postroom_model::outbox::OutgoingBody {
                content_type: postroom_model::outbox::BodyType::Text,
                content: SECRETS[4].into(),
            }),
            to_recipients: vec![
                Recipient::of("ann@fabrikam.example"),
                Recipient::of("bob@fabrikam.example"),
            ],
            cc_recipients: vec![Recipient::of("sales@contoso.example")],
            attachments: vec![OutgoingAttachment {
                name: "order.pdf".into(),
                content_type: "application/pdf".into(),
                is_inline: false,
                content_id: None,
                blob: file.hash,
                size: file.size,
            }],
            ..OutgoingMessage::default()
        };
        store.accept_outbox(&item, None).await.expect("kept");
        let mut gone = made::outbox_item("o2", "gone", 6);
        gone.key = None;
        gone.status = OutboxStatus::Uncertain;
        store.accept_outbox(&gone, None).await.expect("kept");
    }

    async fn calls(&self, store: &dyn Store) {
        let call = |id: &str, status: Option<u16>| CallRecord {
            id: id.into(),
            at: self.now,
            connection: "c".into(),
            account: Some("a".into()),
            mailbox: Some("support".into()),
            caller: "mirror".into(),
            method: "GET".into(),
            path: format!("graph.example/v1.0/users/delta?$deltatoken={}", SECRETS[3]),
            status,
            duration_ms: 12,
            request_bytes: 0,
            response_bytes: 4_000_000_000,
            attempt: 1,
            request_id: None,
            client_request_id: id.into(),
            error: status.is_none().then(|| "the network".into()),
            detail: Some(Default::default()),
        };
        let calls = [
            call("l1", Some(200)),
            call("l2", Some(429)),
            call("l3", None),
        ];
        store.record_calls(&calls).await.expect("kept");
    }
}

async fn people(store: &dyn Store) {
    let person = |id: &str, mail: &str| PersonRecord {
        display_name: Some(id.into()),
        mail: Some(mail.into()),
        department: Some("Service".into()),
        account_enabled: Some(true),
        json: Some("{}".into()),
        ..PersonRecord::new(id, PersonSource::Directory)
    };
    let people = [
        person("support", "support@contoso.example"),
        person("chief", "chief@contoso.example"),
    ];
    store
        .apply_people(&"c".into(), &people, true, made::at(3))
        .await
        .expect("kept");
}

fn folders(mailbox: &str) -> Vec<MailFolder> {
    let folder = |name: &str, below: Option<&str>, known: Option<&str>| MailFolder {
        display_name: name.into(),
        well_known_name: known.map(Into::into),
        ..made::folder(
            &format!("{mailbox}-{}", name.to_lowercase()),
            below.map(|it| format!("{mailbox}-{it}")).as_deref(),
        )
    };
    vec![
        folder("Inbox", None, Some("inbox")),
        folder("Orders", Some("inbox"), None),
        folder("Open", Some("orders"), None),
        folder("Sent", None, Some("sentitems")),
    ]
}

fn from_ann(id: &str, folder: &str, received: &str) -> MessageRecord {
    MessageRecord {
        received_at: Some(time(received)),
        from_address: "Ann@Fabrikam.example".into(),
        ..made::message(id, folder, "1")
    }
}

fn attachment(name: &str, size: i64, blob: Option<&BlobRef>) -> AttachmentRecord {
    AttachmentRecord {
        name: name.into(),
        size,
        ..made::attachment(name, blob.cloned())
    }
}

const JSON: &str = r#"{"importance":"high","categories":["Red","Blue"],"bodyPreview":"Hello \ud83d\ude00",
    "flag":{"flagStatus":"flagged"},"webLink":"https://outlook.example/1",
    "from":{"emailAddress":{"name":"Ann","address":"ann@fabrikam.example"}},
    "sender":{"emailAddress":{"name":"Ann","address":"ann@fabrikam.example"}},
    "toRecipients":[{"emailAddress":{"name":"Support","address":"support@Contoso.example"}},
        {"emailAddress":{"address":"bob@contoso.example"}}],
    "ccRecipients":[{"emailAddress":{"name":"Sales","address":"sales@contoso.example"}}],
    "bccRecipients":[],"replyTo":[{"emailAddress":{"name":"Orders","address":"orders"}}]}"#;

/// What is no recipient, in every way that there is.
const ODD: [&str; 9] = [
    r#"[]"#,
    r#""text""#,
    r#"{"toRecipients":null,"ccRecipients":"x","bccRecipients":5,"from":[],"categories":"Red"}"#,
    r#"{"toRecipients":["x",1,null,[],{},{"emailAddress":"x"},{"emailAddress":null}]}"#,
    r#"{"toRecipients":{"emailAddress":{"address":"x"}},"categories":[1,null,{}],"flag":"x"}"#,
    r#"{"from":"x","sender":null,"importance":5}"#,
    r#"{"subject":"half a pair \ud83d, \\\ude00\ud83d and \\\\ud83d","toRecipients":[]}"#,
    r#"{"":{"toRecipients":[]},"toRecipients":[],"toRecipients":[]}"#,
    r#"{"toRecipients":[{"emailAddress":{"name":"\\ud83d\ude00","address":"odd@contoso.example"}}]}"#,
];

/// Messages whose JSON is not what Microsoft's reference says.
fn odd() -> Vec<MessageRecord> {
    let message = |(number, json): (usize, &&str)| MessageRecord {
        json: (*json).into(),
        conversation_id: Some("odd".into()),
        ..from_ann(
            &format!("odd{number}"),
            "support-inbox",
            "2026-10-01T00:00:00Z",
        )
    };
    ODD.iter().enumerate().map(message).collect()
}
