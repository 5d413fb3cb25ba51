//! Entra's refusals ("Microsoft Entra authentication and authorization error codes").

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::ids::Ids;

/// A refusal with its AADSTS number.
#[derive(Clone, Debug)]
pub(crate) struct EntraError {
    pub(crate) status: u16,
    pub(crate) error: Cow<'static, str>,
    pub(crate) number: u32,
    pub(crate) text: String,
    pub(crate) suberror: Option<Cow<'static, str>>,
    /// A claims challenge, as JSON.
    pub(crate) claims: Option<String>,
}

impl EntraError {
    pub(crate) fn new(
        error: impl Into<Cow<'static, str>>,
        number: u32,
        text: impl Into<String>,
    ) -> Self {
        let error = error.into();
        Self {
            status: if error == "invalid_client" { 401 } else { 400 },
            error,
            number,
            text: text.into(),
            suberror: None,
            claims: None,
        }
    }

    pub(crate) fn suberror(mut self, suberror: impl Into<Cow<'static, str>>) -> Self {
        self.suberror = Some(suberror.into());
        self
    }

    pub(crate) fn claims(mut self, claims: String) -> Self {
        self.claims = Some(claims);
        self
    }

    /// The same with another status.
    pub(crate) fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::new(
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{parameter}'."),
        )
    }

    pub(crate) fn tenant_not_found(tenant: &str) -> Self {
        Self::new(
            "invalid_request",
            90_002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
            ),
        )
    }

    pub(crate) fn unknown_application(client_id: &str, tenant: &str) -> Self {
        Self::new(
            "unauthorized_client",
            700_016,
            format!(
                "Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."
            ),
        )
    }

    /// `AADSTSn: text`.
    pub(crate) fn message(&self) -> String {
        format!("AADSTS{}: {}", self.number, self.text)
    }

    /// The token endpoint's body.
    pub(crate) fn body(&self, ids: &Ids, correlation_id: &str, now: Timestamp) -> Value {
        let trace_id = ids.next_guid().to_string();
        let time = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let mut body = json!({
            "error": self.error,
            "error_description": format!(
                "{} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {time}",
                self.message()
            ),
            "error_codes": [self.number],
            "timestamp": time,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.number),
        });
        if let Some(suberror) = &self.suberror {
            body["suberror"] = Value::from(suberror.as_ref());
        }
        if let Some(claims) = &self.claims {
            body["claims"] = Value::from(claims.as_str());
        }
        body
    }
}
