//! What an administrator does: consent for the tenant, and mailboxes that an application is
//! limited to.

mod support;

use postroom_sandbox::SignedIn;
use postroom_sandbox::exchange::{ExchangeAccess, RoleAssignment};
use serde_json::{Value, json};
use support::{REDIRECT, World, parameter, text};

fn address(world: &World, path: &str, more: &[(&str, &str)]) -> String {
    let mut url = url::Url::parse(&world.entra(path)).expect("valid address");
    url.query_pairs_mut()
        .append_pair("client_id", &world.running.client_id)
        .append_pair("redirect_uri", REDIRECT)
        .append_pair("state", "a state")
        .extend_pairs(more);
    url.to_string()
}

fn opened(world: &World, address: &str, accepts: bool) -> String {
    let admin = world.sandbox().administrator().expect("an administrator");
    match world.sandbox().consent_as_administrator(
        address,
        &admin.user_principal_name,
        &admin.password,
        accepts,
    ) {
        SignedIn::Redirect(to) => to,
        SignedIn::Page(html) => panic!("a page: {html}"),
    }
}

#[tokio::test]
async fn an_administrator_consents_for_everybody() {
    let world = World::new().await;
    let client = world.running.client_id.clone();
    world.sandbox().alter_app(&client, |app| {
        app.application_consent = false;
    });
    let scope = "https://graph.microsoft.com/.default";
    let v2 = address(&world, "v2.0/adminconsent", &[("scope", scope)]);

    // True even when declined: the error has to be looked at first.
    let declined = opened(&world, &v2, false);
    assert_eq!(
        parameter(&declined, "admin_consent").as_deref(),
        Some("True")
    );
    assert_eq!(
        parameter(&declined, "error").as_deref(),
        Some("consent_required")
    );
    assert!(
        !world
            .sandbox()
            .app(&client)
            .expect("known")
            .application_consent
    );

    let accepted = opened(&world, &v2, true);
    assert_eq!(parameter(&accepted, "error"), None);
    assert_eq!(parameter(&accepted, "state").as_deref(), Some("a state"));
    assert_eq!(
        parameter(&accepted, "tenant").as_deref(),
        Some(world.running.tenant_id.as_str())
    );
    assert!(
        world
            .sandbox()
            .app(&client)
            .expect("known")
            .application_consent
    );

    let v1 = address(&world, "adminconsent", &[]);
    let declined = opened(&world, &v1, false);
    assert_eq!(
        parameter(&declined, "error").as_deref(),
        Some("permission_denied")
    );
    assert_eq!(parameter(&declined, "state"), None);
}

#[tokio::test]
async fn consent_by_name_is_for_users_and_only_administrators_give_it() {
    let world = World::new().await;
    let (anna, other) = (world.user(0), world.user(1));
    let url = address(
        &world,
        "v2.0/adminconsent",
        &[("scope", "https://graph.microsoft.com/Mail.Read openid")],
    );
    let SignedIn::Page(page) =
        world
            .sandbox()
            .consent_as_administrator(&url, &other, "Sandbox-1234", true)
    else {
        panic!("somebody who is no administrator consented");
    };
    assert!(page.contains("Need admin approval"), "{page}");
    opened(&world, &url, true);
    // Nobody is asked any more for what the administrator consented to.
    let silent = world.authorize_url(&[("scope", "openid Mail.Read")]);
    match world.sandbox().sign_in(&silent, &anna, "Sandbox-1234") {
        SignedIn::Redirect(to) => assert!(parameter(&to, "code").is_some(), "{to}"),
        SignedIn::Page(page) => panic!("asked: {page}"),
    }
    for (path, more) in [
        ("v2.0/adminconsent", &[][..]),
        ("v2.0/adminconsent", &[("scope", "nothing.such")][..]),
    ] {
        let url = address(&world, path, more);
        let outcome = world
            .sandbox()
            .consent_as_administrator(&url, &anna, "Sandbox-1234", true);
        assert!(matches!(outcome, SignedIn::Page(page) if page.contains("AADSTS")));
    }
}

async fn code(response: reqwest::Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    if status == 200 {
        return (status, String::new(), String::new());
    }
    let error = &body["error"];
    (status, text(error, "code"), text(error, "message"))
}

/// The union of what Entra ID and Exchange grant, as `/sandbox/…` sets it.
#[tokio::test]
async fn roles_of_exchange_reach_their_scope_and_entra_reaches_everybody() {
    let world = World::new().await;
    let (inside, outside) = (world.user(0), world.user(1));
    let client = &world.running.client_id;
    let root = &world.running.authority_url;
    let app = format!("{root}/sandbox/apps/{client}");
    let access = json!({
        "roleAssignments": [{"role": "Application Mail.Read", "mailboxes": [inside]}],
    });
    let set = world.client.put(format!("{app}/exchange")).json(&access);
    let answer = set.send().await.expect("answered");
    assert_eq!(answer.status(), 200);

    // The permission is still there in Entra ID: no limit at all.
    let token = world.app_token().await;
    for user in [&inside, &outside] {
        let answer = world.get(&token, &format!("/users/{user}/messages")).await;
        assert_eq!(answer.status(), 200, "{user}");
    }

    let change = json!({"application": ["User.Read.All"]});
    let changed = world.client.patch(&app).json(&change).send().await;
    assert_eq!(changed.expect("answered").status(), 204);
    let token = world.app_token().await;
    let answer = code(
        world
            .get(&token, &format!("/users/{inside}/messages"))
            .await,
    )
    .await;
    assert_eq!(answer.0, 200, "{answer:?}");
    let (status, code_, message) = code(
        world
            .get(&token, &format!("/users/{outside}/messages"))
            .await,
    )
    .await;
    assert_eq!((status, code_.as_str()), (403, "ErrorAccessDenied"));
    assert!(!message.contains("RAOP"), "{message}");
    // A role permits its own and nothing more.
    let refused = code(
        world
            .get(&token, &format!("/users/{inside}/mailboxSettings"))
            .await,
    )
    .await;
    assert_eq!(refused.0, 403, "{refused:?}");

    // Microsoft's service notices late.
    let access = ExchangeAccess {
        role_assignments: vec![RoleAssignment {
            role: "Application Mail.Read".to_owned(),
            mailboxes: Some(vec![outside.clone()]),
            after_seconds: 1800,
        }],
        ..ExchangeAccess::default()
    };
    world.sandbox().set_exchange_access(client, access);
    let path = format!("/users/{outside}/messages");
    assert_eq!(world.get(&token, &path).await.status(), 403);
    world
        .sandbox()
        .advance(std::time::Duration::from_secs(1800));
    assert_eq!(world.get(&token, &path).await.status(), 200);
}

#[tokio::test]
async fn a_policy_refuses_in_its_own_words() {
    let world = World::new().await;
    let (inside, outside) = (world.user(0), world.user(1));
    world
        .sandbox()
        .limit_mailboxes(&world.running.client_id, &[&inside]);
    let token = world.app_token().await;
    let path = |user: &str| format!("/users/{user}/messages");
    assert_eq!(world.get(&token, &path(&inside)).await.status(), 200);
    let (status, code, message) = code(world.get(&token, &path(&outside)).await).await;
    assert_eq!((status, code.as_str()), (403, "ErrorAccessDenied"));
    assert!(message.contains("[RAOP]"), "{message}");
}
