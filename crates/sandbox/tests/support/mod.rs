//! A sandbox and a client for the tests.
#![allow(dead_code, clippy::unwrap_used, missing_docs, reason = "test support")]

use postroom_sandbox::{Options, Running, Sandbox, SignedIn};
use reqwest::{Client, Response};
use serde_json::Value;

pub(crate) const REDIRECT: &str = "http://localhost:8400/done";

pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) client: Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        let options = Options {
            messages: options.messages.min(200),
            ..options
        };
        Self {
            running: Sandbox::start(options).await.expect("started"),
            client: Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .build()
                .expect("client"),
        }
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        self.running.sandbox()
    }

    pub(crate) fn user(&self, number: usize) -> String {
        self.running.users[number].user_principal_name.clone()
    }

    pub(crate) fn entra(&self, path: &str) -> String {
        format!(
            "{}/{}/{path}",
            self.running.authority_url, self.running.tenant_id
        )
    }

    pub(crate) fn authorize_url(&self, more: &[(&str, &str)]) -> String {
        let mut url = url::Url::parse(&self.entra("oauth2/v2.0/authorize")).expect("valid address");
        {
            let mut query = url.query_pairs_mut();
            for (name, value) in [
                ("client_id", self.running.client_id.as_str()),
                ("response_type", "code"),
                ("redirect_uri", REDIRECT),
                (
                    "scope",
                    "openid profile offline_access Mail.ReadWrite Mail.Send User.Read",
                ),
                ("state", "a state"),
            ] {
                let replaced = more.iter().find(|(other, _)| *other == name);
                query.append_pair(name, replaced.map_or(value, |(_, value)| value));
            }
            for (name, value) in more {
                if ![
                    "client_id",
                    "response_type",
                    "redirect_uri",
                    "scope",
                    "state",
                ]
                .contains(name)
                {
                    query.append_pair(name, value);
                }
            }
        }
        url.to_string()
    }

    pub(crate) fn code(&self, user: &str, more: &[(&str, &str)]) -> String {
        let signed_in = self
            .sandbox()
            .sign_in(&self.authorize_url(more), user, "Sandbox-1234");
        match signed_in {
            SignedIn::Redirect(to) => {
                parameter(&to, "code").unwrap_or_else(|| panic!("no code in {to}"))
            }
            SignedIn::Page(html) => panic!("a page: {html}"),
        }
    }

    pub(crate) async fn token(&self, fields: &[(&str, &str)]) -> (u16, Value) {
        let mut all = vec![
            ("client_id", self.running.client_id.as_str()),
            ("client_secret", self.running.client_secret.as_str()),
        ];
        all.retain(|(name, _)| !fields.iter().any(|(other, _)| other == name));
        all.extend(fields);
        let response = self
            .client
            .post(self.entra("oauth2/v2.0/token"))
            .form(&all)
            .send()
            .await
            .expect("answered");
        (
            response.status().as_u16(),
            response.json().await.expect("JSON"),
        )
    }

    pub(crate) async fn redeem(&self, code: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
        ];
        fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        fields.extend(more);
        self.token(&fields).await
    }

    pub(crate) async fn user_token(&self, user: &str, scope: &str) -> String {
        let code = self.code(user, &[("scope", scope)]);
        let (status, body) = self.redeem(&code, &[]).await;
        assert_eq!(status, 200, "{body}");
        text(&body, "access_token")
    }

    pub(crate) async fn app_token(&self) -> String {
        let (status, body) = self
            .token(&[
                ("grant_type", "client_credentials"),
                ("scope", "https://graph.microsoft.com/.default"),
            ])
            .await;
        assert_eq!(status, 200, "{body}");
        text(&body, "access_token")
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Response {
        self.client
            .get(format!("{}/v1.0{path}", self.running.graph_url))
            .bearer_auth(token)
            .send()
            .await
            .expect("answered")
    }

    /// Status and JSON of a GET, after comparing them with Microsoft's document.
    pub(crate) async fn conforming(&self, token: &str, path: &str) -> (u16, Value) {
        let response = self.get(token, path).await;
        let status = response.status().as_u16();
        let body: Value = response.json().await.expect("JSON");
        let path = path.replace("users('", "users/").replace("')", "");
        if let Err(why) =
            postroom_sandbox::conformance::check_answer("GET", &path, status, Some(&body))
        {
            panic!("GET {path}: {why}\n{body:#}");
        }
        (status, body)
    }
}

pub(crate) fn text(body: &Value, name: &str) -> String {
    body[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {body}"))
        .to_owned()
}

pub(crate) fn parameter(address: &str, name: &str) -> Option<String> {
    url::Url::parse(address)
        .ok()?
        .query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

pub(crate) fn number(body: &Value) -> u64 {
    body["error_codes"][0].as_u64().unwrap_or_default()
}
