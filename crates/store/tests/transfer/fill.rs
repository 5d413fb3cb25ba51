//! A store with something of everything.

use bytes::Bytes;
use postroom_model::account::AccountKind;
use postroom_model::alert::{Alert, AlertChange, ApplicationReading, ReadingOutcome};
use postroom_model::call::{CallDetail, CallRecord};
use postroom_model::login::LoginStatus;
use postroom_model::mailbox::{SyncPhase, SyncState};
use postroom_model::outbox::{OutboxItem, OutboxStatus, OutboxStep, OutgoingAttachment};
use postroom_model::person::MicrosoftIdentity;
use postroom_model::resource::attachment::{AttachmentKind, BlobRef};
use postroom_model::resource::person::{PersonRecord, PersonSource};
use postroom_store::Store;
use postroom_store::contract::alerts::{AlertMail, AlertRound};
use postroom_store::contract::blobs::blob_ref;
use postroom_store::contract::cursors::Cursor;
use postroom_store::contract::folders::FolderPage;
use postroom_store::contract::idempotency::IdempotencyClaim;
use postroom_store::suite::made::{person as operator, *};

/// The contents that [`everything`] puts: small ones, large ones, an empty one.
pub(crate) fn contents() -> Vec<Bytes> {
    let long = |seed: u32, length: u32| -> Bytes {
        (0..length)
            .map(|at| (at.wrapping_mul(seed) >> 7) as u8)
            .collect()
    };
    vec![
        Bytes::from_static(b"small"),
        Bytes::new(),
        long(31, 131_072),
        long(33, 131_073),
        long(35, 1_300_000),
        Bytes::from_static(b"From: a\r\n\r\nMIME"),
    ]
}

fn person(id: &str) -> PersonRecord {
    let text = |word: &str| Some(format!("{word} of {id}"));
    PersonRecord {
        user_principal_name: text("name"),
        display_name: text("display"),
        given_name: text("given"),
        surname: text("surname"),
        mail: text("mail"),
        job_title: text("title"),
        department: text("department"),
        office_location: text("office"),
        company_name: text("company"),
        mobile_phone: text("mobile"),
        business_phones: text("phones"),
        account_enabled: Some(true),
        json: Some("{ \"id\" : 1 }".into()),
        ..PersonRecord::new(id, PersonSource::Directory)
    }
}

async fn people(store: &dyn Store) {
    let mut other = connection("d");
    other.redirect_uri = None;
    other.name = "ÄÖ \u{1f600} 'quoted' \"twice\" \\ {,}".into();
    store
        .insert_connection(&other, None)
        .await
        .expect("written");
    let c = "c".into();
    let mut for_ever = credential("s2", "second secret", 2);
    for_ever.info.expires_at = None;
    for it in [
        credential("s1", "first secret", 1),
        for_ever,
        certificate("s3", "a private key", 3),
    ] {
        store.insert_credential(&c, &it).await.expect("written");
    }
    store
        .note_credential_taken(&c, &"s3".into(), &[], at(4))
        .await
        .expect("written");
    let mut user = account("u", "c", Some("user"));
    user.display_name = Some("Ada".into());
    user.reason = Some("a reason".into());
    store.put_account(&user).await.expect("written");
    let mut application = account("d-a", "d", None);
    application.expires_at = None;
    store.put_account(&application).await.expect("written");
    assert_eq!(application.kind, AccountKind::Application);
    store
        .save_grant(&"u".into(), &grant("refresh token"), at(50))
        .await
        .expect("written");
    let mut nobodys = login("l1", "c");
    nobodys.key = None;
    let mut bare_code = device_login("l5", "c");
    if let Some(code) = &mut bare_code.device {
        code.message = None;
    }
    for it in [
        nobodys,
        login("l2", "c"),
        login("l3", "c"),
        device_login("l4", "c"),
        bare_code,
    ] {
        store.insert_login(&it).await.expect("written");
    }
    store
        .put_claims_challenge(&"u".into(), "{\"access_token\":{}}")
        .await
        .expect("written");
    let l2 = "l2".into();
    let failed = store.fail_login(&l2, LoginStatus::Failed, "no").await;
    assert!(failed.expect("written"));
    let signed_in = account("v", "c", Some("other"));
    store
        .complete_login(&"l3".into(), &signed_in, &grant("another token"), at(70))
        .await
        .expect("written")
        .expect("signed in");
    let (ada, bare) = (
        person("p1"),
        PersonRecord::new("p2", PersonSource::Directory),
    );
    store
        .apply_people(&c, &[ada, bare], true, at(9))
        .await
        .expect("written");
    let mut all = key("k2");
    all.mailboxes = None;
    all.networks = None;
    all.expires_at = Some(at(1000));
    all.revoked_at = Some(at(900));
    store
        .insert_key(&key("k1"), &[1; 32])
        .await
        .expect("written");
    store.insert_key(&all, &[2; 32]).await.expect("written");
    let used = [("k2".into(), at(44))];
    store.touch_keys(&used).await.expect("written");
    console(store).await;
}

async fn console(store: &dyn Store) {
    let mut ann = operator("ann");
    ann.identity = Some(MicrosoftIdentity {
        tenant_id: "t".into(),
        object_id: "o".into(),
    });
    let mut bare = operator("bare");
    bare.address = None;
    for it in [ann, bare] {
        store.insert_person(&it).await.expect("written");
    }
    let began = session("s", "ann", 30);
    assert!(
        store
            .insert_session(&began, &[3; 32])
            .await
            .expect("written")
    );
    for (number, whose) in [(4, Some("bare")), (5, None)] {
        store
            .put_sign_in_token(&[number; 32], &token(whose, 100))
            .await
            .expect("written");
    }
    let mut whole = audit_entry("e1", 40);
    if let Some(subject) = &mut whole.subject {
        subject.id = Some("k1".into());
    }
    let mut bare = audit_entry("e2", 41);
    bare.actor.id = None;
    bare.address = None;
    bare.subject = None;
    bare.request_id = None;
    store.insert_audit(&[whole, bare]).await.expect("written");
}

async fn folders(store: &dyn Store) {
    let mut inbox = folder("a", None);
    inbox.well_known_name = Some("inbox".into());
    let page = FolderPage {
        folders: vec![inbox, folder("b", Some("a"))],
        removed: Vec::new(),
        whole: true,
        cursor: Some(cursor("folders")),
    };
    store
        .apply_folders(&here(), &page, at(2))
        .await
        .expect("written");
}

async fn messages(store: &dyn Store, contents: &[(BlobRef, Bytes)]) {
    let mut first = message("m1", "a", "1");
    let mut attachments = vec![
        attachment("small", Some(contents[0].0.clone())),
        attachment("none", Some(contents[1].0.clone())),
        attachment("at the limit", Some(contents[2].0.clone())),
        attachment("large", Some(contents[3].0.clone())),
        attachment("largest", Some(contents[4].0.clone())),
        attachment("not here yet", None),
        attachment("elsewhere", None),
    ];
    attachments[0].content_id = Some("cid".into());
    attachments[6].kind = AttachmentKind::Reference;
    attachments[6].content_type = None;
    first.attachments = Some(attachments);
    first.json = "{ \"id\" : \"m1\",  \"z\":1, \"a\":\"\\ud83d\\ude00 \u{e4}\", \"z\":2 }".into();
    let mut bare = message("m2", "a", "1");
    bare.change_key = None;
    bare.received_at = None;
    bare.sent_at = None;
    bare.conversation_id = None;
    bare.internet_message_id = None;
    bare.body = String::new();
    let mut page_a = page("a", vec![first, bare, message("m3", "a", "1")], &[]);
    page_a.contents = contents[..5].to_vec();
    let one = here();
    store
        .apply_messages(&one, &page_a, at(3))
        .await
        .expect("written");
    let mut long = message("m4", "b", "1");
    long.body = "Ä long bödy, with ' and \\ and \t and \n. ".repeat(5000);
    let mut page_b = page("b", vec![long, message("m5", "b", "1")], &[]);
    page_b.cursor = Cursor {
        link: "next".into(),
        complete: false,
        comparison: Some(comparison(3)),
    };
    store
        .apply_messages(&one, &page_b, at(4))
        .await
        .expect("written");
    store
        .apply_messages(&one, &page("a", vec![], &["m3"]), at(5))
        .await
        .expect("written");
    assert!(
        store
            .delete_message(&one, &"m5".into(), at(6))
            .await
            .expect("deleted")
    );
    store
        .put_blob(contents[5].1.clone(), at(6))
        .await
        .expect("written");
    assert!(
        store
            .set_message_mime(&one, &"m1".into(), &contents[5].0)
            .await
            .expect("written")
    );
    // Numbers that outlive their mailbox, and one mailbox with a number behind it.
    let gone = "gone".into();
    store
        .apply_messages(&gone, &page("a", vec![message("x", "a", "1")], &[]), at(7))
        .await
        .expect("written");
    assert!(store.remove_mailbox(&gone).await.expect("removed"));
    store
        .insert_mailbox(&mailbox("three", "c", "u"))
        .await
        .expect("written");
    store
        .put_message(&"three".into(), &message("y", "a", "1"), &[], None, at(8))
        .await
        .expect("written");
}

fn sent(id: &str, content: &BlobRef) -> OutboxItem {
    let mut item = outbox_item(id, "one", 20);
    item.key = None;
    item.original = Some("m1".into());
    item.status = OutboxStatus::Uncertain;
    item.step = OutboxStep::Sending;
    item.message_id = Some("sent".into());
    item.internet_message_id = Some("<sent@contoso.example>".into());
    item.conversation_id = Some("conversation".into());
    item.reason = Some("nobody knows".into());
    item.attempts = 3;
    item.sent_at = Some(at(30));
    item.doubtful_since = Some(at(29));
    item.message.attachments.push(OutgoingAttachment {
        name: "a.bin".into(),
        content_type: "application/octet-stream".into(),
        is_inline: false,
        content_id: None,
        blob: content.hash.clone(),
        size: content.size,
    });
    item
}

/// An entry of the call log, whole or bare.
pub(crate) fn call(id: &str, whole: bool) -> CallRecord {
    CallRecord {
        id: id.into(),
        at: at(40),
        connection: "c".into(),
        account: whole.then(|| "u".into()),
        mailbox: whole.then(|| "one".into()),
        caller: "mirror".into(),
        method: "GET".into(),
        path: "graph.example/v1.0/users".into(),
        status: whole.then_some(404),
        duration_ms: 12,
        request_bytes: 0,
        response_bytes: 4_000_000_000,
        attempt: 1,
        request_id: whole.then(|| "request".into()),
        client_request_id: "ours".into(),
        error: whole.then(|| "ErrorItemNotFound".into()),
        detail: whole.then(CallDetail::default),
    }
}

async fn work(store: &dyn Store, content: &BlobRef) {
    let claim = |name: &str| IdempotencyClaim {
        key: Some("k1".into()),
        idempotency_key: name.into(),
        request_hash: "hash".into(),
        status: 202,
        body: "{}".into(),
    };
    for name in ["under way", "answered"] {
        store
            .claim_idempotency(&claim(name), at(20), at(0))
            .await
            .expect("written");
    }
    let answered = Some(claim("answered"));
    store
        .accept_outbox(&outbox_item("o1", "one", 21), answered.as_ref())
        .await
        .expect("written");
    store
        .accept_outbox(&sent("o2", content), None)
        .await
        .expect("written");
    store
        .record_calls(&[call("call1", true), call("call2", false)])
        .await
        .expect("written");
    store
        .put_setting("learned", "something")
        .await
        .expect("written");
}

/// An open alert and a mended one, with as much and as little as there can be.
async fn alerts(store: &dyn Store) {
    let (one, mut other) = (alert("one", "s", 1), alert("other", "t", 2));
    other.connection = None;
    other.expires_at = None;
    let round = AlertRound {
        steps: [&one, &other]
            .map(|it| alert_step(it, None, AlertChange::Raised))
            .to_vec(),
        mail: Some(AlertMail {
            item: outbox_item("alerts", "one", 1),
            alerts: vec![(one.id.clone(), one.level)],
        }),
    };
    store.apply_alerts(&round).await.expect("written");
    let known = store.acknowledge_alert(&one.id, "Ada", at(3)).await;
    assert!(known.expect("written"));
    let mended = Alert {
        resolved_at: Some(at(4)),
        acknowledged_at: Some(at(3)),
        acknowledged_by: Some("Ada".into()),
        ..one
    };
    let round = AlertRound {
        steps: vec![alert_step(&mended, Some(60), AlertChange::Resolved)],
        mail: None,
    };
    store.apply_alerts(&round).await.expect("written");
    let reading = ApplicationReading {
        connection: "c".into(),
        read_at: at(5),
        outcome: ReadingOutcome::NotPermitted,
        credentials: Vec::new(),
    };
    let kept = store.save_application_reading(&reading).await;
    kept.expect("written");
}

/// Fills an empty store. Changes up to the folders' are forgotten.
pub(crate) async fn everything(store: &dyn Store) {
    let contents: Vec<_> = contents()
        .into_iter()
        .map(|content| (blob_ref(&content), content))
        .collect();
    with_mailboxes(store, &["one", "gone"]).await;
    let mut two = mailbox("two", "c", "a");
    two.display_name = None;
    store.insert_mailbox(&two).await.expect("written");
    let sync = SyncState {
        state: SyncPhase::Failed,
        messages_done: 0,
        messages_total: Some(10),
        last_synced_at: Some(at(11)),
        last_proven_at: Some(at(12)),
        error: Some("an error".into()),
    };
    store.set_sync_state(&here(), &sync).await.expect("written");
    people(store).await;
    folders(store).await;
    messages(store, &contents).await;
    work(store, &contents[4].0).await;
    alerts(store).await;
    assert!(store.prune_changes(at(3)).await.expect("forgotten") > 0);
}
