//! The directory as Graph shows it, each answer compared with Microsoft's document.

mod support;

use postroom_sandbox::Options;
use postroom_sandbox::conformance::check_answer;
use serde_json::Value;
use support::{World, text};

fn names(body: &Value) -> Vec<String> {
    body["value"]
        .as_array()
        .expect("a collection")
        .iter()
        .map(|user| text(user, "displayName"))
        .collect()
}

#[tokio::test]
async fn every_answer_has_the_promised_shape() {
    let world = World::new().await;
    let token = world.app_token().await;
    let anna = world.user(0);
    for path in [
        "/organization".to_owned(),
        "/subscribedSkus".to_owned(),
        "/domains".to_owned(),
        "/users".to_owned(),
        "/users?$select=id,displayName,accountEnabled,assignedLicenses,assignedPlans,identities,proxyAddresses,userType,usageLocation,createdDateTime,employeeId,externalUserState".to_owned(),
        "/users?$expand=manager($select=id,displayName)".to_owned(),
        format!("/users/{anna}"),
        format!("/users('{anna}')"),
        format!("/users/{anna}/photo"),
        format!("/users/{anna}/photos"),
        format!("/users/{anna}/photos/48x48"),
        format!("/users/{anna}/licenseDetails"),
        format!("/users/{anna}/memberOf"),
        format!("/users/{anna}/memberOf/microsoft.graph.group"),
        format!("/users/{anna}/directReports"),
        format!("/users/{}/manager", world.user(1)),
        "/groups".to_owned(),
    ] {
        let (status, _) = world.conforming(&token, &path).await;
        assert_eq!(status, 200, "{path}");
    }
    let (_, groups) = world.conforming(&token, "/groups").await;
    let group = text(&groups["value"][0], "id");
    world.conforming(&token, &format!("/groups/{group}")).await;
    let (_, members) = world
        .conforming(&token, &format!("/groups/{group}/members"))
        .await;
    assert_eq!(members["value"][0]["@odata.type"], "#microsoft.graph.user");
}

#[tokio::test]
async fn users_come_with_the_default_properties() {
    let world = World::new().await;
    let token = world.app_token().await;
    let (_, body) = world.conforming(&token, "/users").await;
    let first = body["value"][0].as_object().expect("a user");
    assert_eq!(first.len(), 11);
    assert!(first.contains_key("businessPhones") && !first.contains_key("accountEnabled"));
    let (status, body) = world.conforming(&token, "/users?$select=nonsense").await;
    assert_eq!(status, 400);
    assert!(text(&body["error"], "message").contains("Could not find a property named 'nonsense'"));
}

#[tokio::test]
async fn filters_searches_and_orders() {
    let world = World::new().await;
    let token = world.app_token().await;
    for (query, expected) in [
        (
            "$filter=startswith(displayName,'ann')",
            vec!["Anna Lindner"],
        ),
        ("$filter=surname eq 'O''Connor'", vec!["Maeve O'Connor"]),
        (
            "$filter=department eq 'IT' and startswith(givenName,'Ł')",
            vec!["Łukasz Żak"],
        ),
        (
            "$filter=userType eq 'Guest' or accountEnabled eq false",
            vec![
                "Dieter Kranz",
                "Priya Raman (Partner)",
                "Info Lindner & Söhne",
            ],
        ),
        ("$filter=id in ('x')", vec![]),
        (
            "$filter=proxyAddresses/any(p:p eq 'SMTP:jose.munoz@lindner.example')",
            vec!["José Muñoz"],
        ),
    ] {
        let (status, body) = world.conforming(&token, &format!("/users?{query}")).await;
        assert_eq!(status, 200, "{query}: {body}");
        assert_eq!(names(&body), expected, "{query}");
    }
    // What needs advanced queries is refused without them.
    for query in [
        "$filter=endswith(mail,'a')",
        "$filter=department ne 'IT'",
        "$search=\"displayName:anna\"",
        "$orderby=department",
    ] {
        let (status, body) = world.conforming(&token, &format!("/users?{query}")).await;
        assert_eq!(status, 400, "{query}");
        assert_eq!(body["error"]["code"], "Request_UnsupportedQuery", "{query}");
    }
    let advanced = async |query: &str| -> Value {
        world
            .client
            .get(format!("{}/v1.0/users?{query}", world.running.graph_url))
            .bearer_auth(&token)
            .header("ConsistencyLevel", "eventual")
            .send()
            .await
            .expect("answered")
            .json()
            .await
            .expect("JSON")
    };
    let body = advanced("$search=\"displayName:lind\"&$count=true").await;
    assert_eq!(names(&body), ["Anna Lindner", "Info Lindner & Söhne"]);
    assert_eq!(body["@odata.count"], 2);
    let body = advanced("$filter=endswith(mail,'partner.example')&$count=true").await;
    assert_eq!(names(&body), ["Priya Raman (Partner)"]);
    let body = advanced("$orderby=displayName desc&$top=2").await;
    assert_eq!(names(&body).len(), 2);
}

#[tokio::test]
async fn pages_are_chained_by_links() {
    let world = World::with(Options {
        users: 1_000,
        ..Options::default()
    })
    .await;
    let token = world.app_token().await;
    let mut path = "/users?$top=300&$select=id".to_owned();
    let mut seen = std::collections::HashSet::new();
    let mut pages = 0;
    loop {
        let (status, body) = world.conforming(&token, &path).await;
        assert_eq!(status, 200);
        pages += 1;
        for user in body["value"].as_array().expect("a collection") {
            assert!(seen.insert(text(user, "id")));
        }
        match body["@odata.nextLink"].as_str() {
            Some(link) => {
                path = link
                    .strip_prefix(&format!("{}/v1.0", world.running.graph_url))
                    .expect("a link to here")
                    .to_owned();
            }
            None => break,
        }
    }
    assert_eq!((pages, seen.len()), (4, 1_000));
    assert_eq!(world.get(&token, "/users?$top=1000").await.status(), 400);
    assert_eq!(world.get(&token, "/users/$count").await.status(), 400);
}

#[tokio::test]
async fn photos_are_pictures_or_missing() {
    let world = World::new().await;
    let token = world.app_token().await;
    let response = world
        .get(
            &token,
            &format!("/users/{}/photos/64x64/$value", world.user(0)),
        )
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "image/jpeg");
    assert!(
        response
            .bytes()
            .await
            .expect("bytes")
            .starts_with(&[0xFF, 0xD8, 0xFF])
    );
    let missing = format!("/users/{}/photo", world.user(11));
    let (status, body) = world.conforming(&token, &missing).await;
    assert_eq!(
        (status, body["error"]["code"].as_str()),
        (404, Some("ImageNotFound"))
    );
}

#[tokio::test]
async fn a_user_sees_others_only_as_far_as_permitted() {
    let world = World::new().await;
    let own = world.user_token(&world.user(4), "openid User.Read").await;
    let (status, me) = world.conforming(&own, "/me").await;
    assert_eq!(
        (status, text(&me, "displayName")),
        (200, "佐藤 陽翔".to_owned())
    );
    assert_eq!(text(&me, "jobTitle"), "開発エンジニア");
    let (status, body) = world
        .conforming(&own, &format!("/users/{}", world.user(0)))
        .await;
    assert_eq!(status, 403);
    assert_eq!(body["error"]["code"], "Authorization_RequestDenied");
    // With another permission consented to, the basic properties show.
    let basic = world
        .user_token(&world.user(4), "openid User.ReadBasic.All")
        .await;
    let (status, anna) = world
        .conforming(&basic, &format!("/users/{}", world.user(0)))
        .await;
    assert_eq!(status, 200);
    assert_eq!(text(&anna, "displayName"), "Anna Lindner");
    assert_eq!(anna["jobTitle"], Value::Null);
}

#[tokio::test]
async fn the_unknown_is_refused_in_graphs_words() {
    let world = World::new().await;
    let token = world.app_token().await;
    for (path, status, code) in [
        (
            "/users/nobody@lindner.example",
            404,
            "Request_ResourceNotFound",
        ),
        (
            "/users/nobody@lindner.example/messages",
            404,
            "ErrorInvalidUser",
        ),
        (
            "/users/werkstatt@lindner.example/messages",
            404,
            "MailboxNotEnabledForRESTAPI",
        ),
        ("/me", 400, "BadRequest"),
        ("/nothing", 400, "BadRequest"),
    ] {
        let response = world.get(&token, path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        let body: Value = response.json().await.expect("JSON");
        assert_eq!(body["error"]["code"], code, "{path}");
        assert!(check_answer("GET", "/users/x", status, Some(&body)).is_ok());
    }
}
