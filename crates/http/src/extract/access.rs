//! Who calls, and whether that caller may. These extractors come first in every handler's
//! signature: what else was sent is not looked at before.

use super::scope::Needs;
use crate::app::App;
use crate::problem::Refusal;
use axum::extract::{FromRequestParts, RawPathParams};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, header};
use postroom_engine::access::Caller;
use postroom_engine::{Code, Problem};
use postroom_model::Secret;
use postroom_model::key::Scope;
use postroom_model::mailbox::Mailbox;
use std::marker::PhantomData;

/// A caller that holds the scope `S`.
pub(crate) struct May<S: Needs> {
    /// Who calls.
    pub(crate) caller: Caller,
    /// The key's text, to look again later whether it still opens something.
    pub(crate) key: Option<Secret>,
    _scope: PhantomData<S>,
}

impl<S: Needs> FromRequestParts<App> for May<S> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let (caller, key) = caller(parts, app).await?;
        if let Some(scope) = S::SCOPE {
            caller.require(scope)?;
        }
        Ok(Self {
            caller,
            key,
            _scope: PhantomData,
        })
    }
}

/// A caller that holds the scope `S` and reaches the mailbox that the path names as `{id}`.
pub(crate) struct InMailbox<S: Needs> {
    /// Who calls.
    pub(crate) caller: Caller,
    /// The mailbox.
    pub(crate) mailbox: Mailbox,
    _scope: PhantomData<S>,
}

impl<S: Needs> FromRequestParts<App> for InMailbox<S> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let (caller, _) = caller(parts, app).await?;
        // A mailbox is never open to just any key.
        let scope = S::SCOPE.unwrap_or(Scope::Admin);
        caller.require(scope)?;
        let named = RawPathParams::from_request_parts(parts, app)
            .await
            .ok()
            .and_then(|params| {
                let (_, value) = params.iter().find(|(name, _)| *name == "id")?;
                Some(value.to_owned())
            })
            .ok_or_else(|| Problem::invalid("The mailbox in the path is not UTF-8."))?;
        let mailbox = app.engine.mailbox_for(&caller, scope, &named).await?;
        Ok(Self {
            caller,
            mailbox,
            _scope: PhantomData,
        })
    }
}

/// Whoever runs the router within the own process (the command line on its own data folder) says
/// who calls; no request from outside can.
async fn caller(parts: &Parts, app: &App) -> Result<(Caller, Option<Secret>), Problem> {
    if let Some(caller) = parts.extensions.get::<Caller>() {
        return Ok((caller.clone(), None));
    }
    let key = shown_key(&parts.headers)?;
    let caller = app.engine.authenticate(key.reveal()).await?;
    Ok((caller, Some(key)))
}

/// The key in `Authorization`: a bearer token (RFC 6750, section 2.1), or the password of Basic
/// (RFC 7617) with whatever user name.
pub(crate) fn shown_key(headers: &HeaderMap) -> Result<Secret, Problem> {
    let refuse = |detail: &str| Problem::new(Code::Unauthorized, detail);
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().unwrap_or_default().trim(),
        (None, _) => {
            return Err(refuse(
                "No key was sent: send `Authorization: Bearer KEY`, or HTTP Basic with the key as \
                 the password. `postroom key create` makes one.",
            ));
        }
        _ => return Err(refuse("Several Authorization headers were sent: send one.")),
    };
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    let rest = rest.trim();
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        Some(rest.to_owned())
    } else if scheme.eq_ignore_ascii_case("basic") {
        STANDARD
            .decode(rest)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|pair| pair.split_once(':').map(|(_, key)| key.trim().to_owned()))
    } else {
        None
    };
    match key {
        Some(key) if !key.is_empty() => Ok(Secret::new(key)),
        _ => Err(refuse(
            "The Authorization header cannot be understood: send `Authorization: Bearer KEY`, or \
             HTTP Basic with the key as the password.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn shown(values: &[&str]) -> Result<String, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                header::AUTHORIZATION,
                HeaderValue::from_str(value).expect("a header"),
            );
        }
        shown_key(&headers)
            .map(|key| key.reveal().to_owned())
            .map_err(|problem| problem.code)
    }

    #[test]
    fn bearer_and_basic_show_a_key() {
        assert_eq!(shown(&["Bearer prk_1"]).as_deref(), Ok("prk_1"));
        assert_eq!(shown(&["bearer  prk_1 "]).as_deref(), Ok("prk_1"));
        let basic = format!("Basic {}", STANDARD.encode("anybody:prk_1"));
        assert_eq!(shown(&[&basic]).as_deref(), Ok("prk_1"));
    }

    #[test]
    fn everything_else_shows_none() {
        let nameless = format!("Basic {}", STANDARD.encode("prk_1"));
        for values in [
            &[][..],
            &["Bearer"],
            &["Bearer "],
            &["Digest prk_1"],
            &["Basic !"],
            &[&nameless],
            &["Bearer a", "Bearer b"],
        ] {
            assert_eq!(shown(values), Err(Code::Unauthorized), "{values:?}");
        }
    }
}
