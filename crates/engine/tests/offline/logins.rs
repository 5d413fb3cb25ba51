//! Sign-ins up to the code.

use crate::support::{code, credential, new_connection, world};
use postroom_engine::access::Caller;
use postroom_engine::connections::ConnectionChange;
use postroom_engine::logins::{LoginEnd, NewLogin};
use postroom_model::connection::Endpoints;
use postroom_model::key::Scope;
use postroom_model::login::LoginStatus;
use postroom_store::contract::audit::AuditQuery;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn why(end: LoginEnd) -> String {
    match end {
        LoginEnd::Failed(why) => why,
        LoginEnd::Completed(account) => panic!("nobody signed in, and yet: {account:?}"),
    }
}

#[tokio::test]
async fn a_sign_in_begins_with_proofs_and_belongs_to_its_key() {
    let world = world().await;
    let connection = world.connection().await;
    let engine = &world.engine;
    let caller = world.caller(&[Scope::Logins], None).await;
    let login = engine
        .begin_login(&caller, &connection, NewLogin::default())
        .await
        .unwrap();
    for part in [
        "code_challenge_method=S256",
        "state=",
        "nonce=",
        "offline_access",
        "redirect_uri=http%3A%2F%2F127.0.0.1%3A8025%2Fauth%2Fcallback",
    ] {
        assert!(
            login.authorize_url.contains(part),
            "{}",
            login.authorize_url
        );
    }
    assert!(!login.authorize_url.contains(login.verifier.reveal()));
    let now = Duration::ZERO;
    assert!(engine.login(&caller, &login.id, now).await.is_ok());
    assert!(engine.login(&Caller::Local, &login.id, now).await.is_ok());
    let other = world.caller(&[Scope::Logins], None).await;
    assert_eq!(code(engine.login(&other, &login.id, now).await), "notFound");
}

#[tokio::test]
async fn unfit_asks_are_refused() {
    let world = world().await;
    let connection = world.connection().await;
    let unfit = [
        NewLogin {
            expires_in: Some(4),
            ..NewLogin::default()
        },
        NewLogin {
            expires_in: Some(901),
            ..NewLogin::default()
        },
        NewLogin {
            redirect_uri: Some("http://app.example/cb".to_owned()),
            ..NewLogin::default()
        },
        NewLogin {
            login_hint: Some("a\nb".to_owned()),
            ..NewLogin::default()
        },
    ];
    for new in unfit {
        let begun = world.engine.begin_login(&Caller::Local, &connection, new);
        assert_eq!(code(begun.await), "invalidRequest");
    }
}

#[tokio::test]
async fn a_refusal_ends_it_wakes_its_waiter_and_counts_once() {
    let world = world().await;
    let connection = world.connection().await;
    let engine = world.engine.clone();
    let login = engine
        .begin_login(&Caller::Local, &connection, NewLogin::default())
        .await
        .unwrap();
    let (waiting, id) = (engine.clone(), login.id.clone());
    let waiter = tokio::spawn(async move {
        waiting
            .login(&Caller::Local, &id, Duration::from_secs(60))
            .await
    });
    tokio::task::yield_now().await;
    let stranger = engine
        .login_returned(&pairs(&[("error", "access_denied"), ("state", "forged")]))
        .await;
    assert!(why(stranger).contains("Nobody waits"));
    let refused = pairs(&[
        ("error", "access_denied"),
        ("error_subcode", "cancel"),
        ("state", login.state.reveal()),
    ]);
    assert!(why(engine.login_returned(&refused).await).contains("cancelled"));
    let ended = waiter.await.unwrap().unwrap();
    assert_eq!(ended.status, LoginStatus::Failed);
    assert!(ended.error.unwrap().contains("cancelled"));

    let late = pairs(&[("code", "c"), ("state", login.state.reveal())]);
    assert!(why(engine.login_returned(&late).await).contains("ended already"));
    let typed = format!("http://localhost/?code=c&state={}", login.state.reveal());
    let typed = engine
        .login_redirect(&Caller::Local, &login.id, &typed)
        .await;
    assert_eq!(code(typed), "conflict");
}

#[tokio::test]
async fn it_ends_by_the_clock() {
    let world = world().await;
    let connection = world.connection().await;
    let engine = world.engine.clone();
    let new = NewLogin {
        expires_in: Some(5),
        ..NewLogin::default()
    };
    let login = engine
        .begin_login(&Caller::Local, &connection, new)
        .await
        .unwrap();
    let (waiting, id) = (engine.clone(), login.id.clone());
    let waiter = tokio::spawn(async move {
        waiting
            .login(&Caller::Local, &id, Duration::from_secs(60))
            .await
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.pass(5);
    let ended = waiter.await.unwrap().unwrap();
    assert_eq!(ended.status, LoginStatus::Expired);
    let late = pairs(&[("code", "c"), ("state", login.state.reveal())]);
    assert!(why(engine.login_returned(&late).await).contains("ended already"));
}

#[tokio::test]
async fn a_lost_network_decides_nothing() {
    let world = world().await;
    let connection = world.connection().await;
    let engine = &world.engine;
    let login = engine
        .begin_login(&Caller::Local, &connection, NewLogin::default())
        .await
        .unwrap();
    let back = pairs(&[("code", "c"), ("state", login.state.reveal())]);
    assert!(why(engine.login_returned(&back).await).contains("Reload"));
    let still = engine
        .login(&Caller::Local, &login.id, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(still.status, LoginStatus::Pending);
    let foreign = "http://localhost/?code=c&state=other";
    let typed = engine.login_redirect(&Caller::Local, &login.id, foreign);
    assert_eq!(code(typed.await), "invalidRequest");
}

#[tokio::test]
async fn a_code_is_not_shown_to_a_new_host() {
    let world = world().await;
    let connection = world.connection().await;
    let engine = &world.engine;
    let login = engine
        .begin_login(&Caller::Local, &connection, NewLogin::default())
        .await
        .unwrap();
    let change = ConnectionChange {
        authority_url: Some("https://login.example".to_owned()),
        credential: Some(credential("again")),
        ..ConnectionChange::default()
    };
    engine
        .change_connection(&Caller::Local, &connection, change)
        .await
        .unwrap();
    let back = pairs(&[("code", "c"), ("state", login.state.reveal())]);
    assert!(why(engine.login_returned(&back).await).contains("addresses were changed"));
    let ended = engine
        .login(&Caller::Local, &login.id, Duration::ZERO)
        .await
        .unwrap();
    assert_eq!(ended.status, LoginStatus::Failed);
}

/// Takes connections until one has sent a code to redeem; that one is given back, unanswered.
async fn redeeming(listener: &TcpListener) -> TcpStream {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut sent = Vec::new();
        while stream.read_buf(&mut sent).await.unwrap() > 0 {
            let text = String::from_utf8_lossy(&sent);
            if text.contains("grant_type=authorization_code") {
                return stream;
            }
            if !text.starts_with("POST") {
                break;
            }
        }
    }
}

/// Whoever came back in time is not told that he is late, and whatever ends so is in the audit log.
#[tokio::test]
async fn overdue_ones_are_ended_but_not_one_that_is_being_finished() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("http://{}", listener.local_addr().unwrap());
    let world = world().await;
    let engine = &world.engine;
    let mut new = new_connection("Slow", None);
    new.endpoints = Endpoints {
        authorization: Some(format!("{host}/authorize")),
        token: Some(format!("{host}/token")),
        ..Endpoints::default()
    };
    let made = engine.add_connection(&Caller::Local, new).await.unwrap();
    let begin = || engine.begin_login(&Caller::Local, &made.id, NewLogin::default());
    let (in_time, overdue) = (begin().await.unwrap(), begin().await.unwrap());
    let back = pairs(&[("code", "c"), ("state", in_time.state.reveal())]);
    let returned = engine.clone();
    let finishing = tokio::spawn(async move { returned.login_returned(&back).await });
    let mut stream = redeeming(&listener).await;

    world.pass(700);
    engine.start();
    let ends = async || {
        let query = AuditQuery {
            action: Some("login.end".to_owned()),
            limit: 9,
            ..AuditQuery::default()
        };
        let found = engine.store().list_audit(&query).await.unwrap();
        let end = |it: postroom_model::audit::AuditEntry| {
            let id = it.subject.and_then(|it| it.id).unwrap();
            (id, it.details["status"].as_str().unwrap().to_owned())
        };
        found.into_iter().map(end).collect::<Vec<_>>()
    };
    let expired = (overdue.id.to_string(), "expired".to_owned());
    while ends().await.is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // A round later, too.
    world.pass(200);
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(ends().await, std::slice::from_ref(&expired));
    let status = async |id| engine.store().login(id).await.unwrap().unwrap().status;
    assert_eq!(status(&overdue.id).await, LoginStatus::Expired);
    assert_eq!(status(&in_time.id).await, LoginStatus::Pending);

    let refusal = r#"{"error":"invalid_grant","error_codes":[54005]}"#;
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{refusal}",
        refusal.len()
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    assert!(why(finishing.await.unwrap()).contains("54005"));
    let failed = (in_time.id.to_string(), "failed".to_owned());
    assert_eq!(ends().await, [failed, expired]);
    engine.stop().await;
}
