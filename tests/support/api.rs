//! A caller of the API.

use anyhow::{Context, Result, ensure};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

/// The API as a caller with a key sees it.
#[derive(Clone, Debug)]
pub struct Api {
    http: reqwest::Client,
    base: String,
    key: String,
}

/// An answer: status and body.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; `null` where it is not JSON.
    pub body: Value,
}

impl Api {
    /// At this address, with this key.
    pub fn new(url: &str, key: &str) -> Self {
        Self {
            http: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .unwrap_or_default(),
            base: url.trim_end_matches('/').to_owned(),
            key: key.to_owned(),
        }
    }

    /// The same with another key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            ..self.clone()
        }
    }

    /// The same key and connections at another server.
    #[must_use]
    pub fn at(&self, url: &str) -> Self {
        Self {
            base: url.trim_end_matches('/').to_owned(),
            ..self.clone()
        }
    }

    /// The server's address.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// A request below `/api/v1`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http
            .request(method, format!("{}/api/v1{path}", self.base))
            .bearer_auth(&self.key)
    }

    /// Any request's answer.
    pub async fn answer(&self, request: RequestBuilder) -> Result<Answer> {
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok(Answer {
            status,
            body: serde_json::from_str(&text).unwrap_or(Value::Null),
        })
    }

    /// A call that has to succeed.
    pub async fn ok(&self, request: RequestBuilder) -> Result<Value> {
        let answer = self.answer(request).await?;
        ensure!(answer.status < 300, "{} {}", answer.status, answer.body);
        Ok(answer.body)
    }

    /// `GET` that has to succeed.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.ok(self.request(Method::GET, path))
            .await
            .with_context(|| format!("GET {path}"))
    }

    /// `POST` of JSON that has to succeed.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ok(self.request(Method::POST, path).json(body))
            .await
            .with_context(|| format!("POST {path}"))
    }

    /// A call that has to be refused, with this status and code.
    pub async fn refused(&self, request: RequestBuilder, status: u16, code: &str) -> Result<Value> {
        let answer = self.answer(request).await?;
        ensure!(
            answer.status == status && answer.body["code"] == code,
            "expected {status} {code}, got {} {}",
            answer.status,
            answer.body
        );
        ensure!(
            answer.body["detail"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "an error without words: {}",
            answer.body
        );
        Ok(answer.body)
    }
}
