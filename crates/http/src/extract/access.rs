//! Who calls, and whether that caller may. These extractors come first in every handler's
//! signature: what else was sent is not looked at before.

use super::origin::origin;
use crate::app::App;
use crate::cookies::{self, Kept};
use crate::csrf;
use crate::problem::Refusal;
use crate::trail::Trail;
use axum::extract::{FromRequestParts, MatchedPath, RawPathParams};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, header};
use postroom_engine::access::{Act, Caller, Origin, Target};
use postroom_engine::persons::CsrfToken;
use postroom_engine::{Code, Problem};
use postroom_model::Secret;
use postroom_model::mailbox::Mailbox;
use std::marker::PhantomData;

/// What a caller showed.
#[derive(Clone, Debug)]
pub(crate) enum Shown {
    /// A key.
    Key(Secret),
    /// A session.
    Session(Secret),
    /// Nothing: the caller is within the own process.
    Nothing,
}

/// Somebody who calls.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    /// Who.
    pub(crate) caller: Caller,
    /// What was shown for it, to look again later whether it still opens something.
    pub(crate) shown: Shown,
    /// From where.
    pub(crate) origin: Origin,
}

impl Known {
    /// Looks again: what was revoked, ran out or was changed meanwhile counts.
    pub(crate) async fn again(&self, app: &App) -> Result<Caller, Problem> {
        match &self.shown {
            Shown::Key(key) => {
                app.engine
                    .authenticate(key.reveal(), self.origin.address)
                    .await
            }
            Shown::Session(session) => app.engine.session(session).await,
            Shown::Nothing => Ok(self.caller.clone()),
        }
    }
}

/// A caller that may do the action `A`.
pub(crate) struct May<A: Act> {
    /// Who calls.
    pub(crate) caller: Caller,
    /// The same, with what was shown.
    pub(crate) known: Known,
    _action: PhantomData<A>,
}

impl<A: Act> FromRequestParts<App> for May<A> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let known = known(parts, app).await?;
        app.engine
            .authorize(&known.caller, A::ACTION, Target::Anything)
            .await?;
        begin_trail::<A>(parts, app, &known).await?;
        Ok(Self {
            caller: known.caller.clone(),
            known,
            _action: PhantomData,
        })
    }
}

/// A caller that may do the action `A` to the mailbox that the path names as `{id}`.
pub(crate) struct InMailbox<A: Act> {
    /// Who calls.
    pub(crate) caller: Caller,
    /// The mailbox.
    pub(crate) mailbox: Mailbox,
    _action: PhantomData<A>,
}

impl<A: Act> FromRequestParts<App> for InMailbox<A> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let known = known(parts, app).await?;
        // The scope is judged before the path is looked at.
        app.engine
            .authorize(&known.caller, A::ACTION, Target::Anything)
            .await?;
        let named = parameters(parts, app)
            .await
            .into_iter()
            .find(|(name, _)| name == "id")
            .map(|(_, value)| value)
            .ok_or_else(|| Problem::invalid("The mailbox in the path is not UTF-8."))?;
        let mailbox = app
            .engine
            .mailbox_for(&known.caller, A::ACTION, &named)
            .await?;
        begin_trail::<A>(parts, app, &known).await?;
        Ok(Self {
            caller: known.caller,
            mailbox,
            _action: PhantomData,
        })
    }
}

async fn begin_trail<A: Act>(parts: &mut Parts, app: &App, known: &Known) -> Result<(), Problem> {
    let Some(trail) = parts.extensions.get::<Trail>().cloned() else {
        return Ok(());
    };
    let parameters = parameters(parts, app).await;
    let route = parts.extensions.get::<MatchedPath>();
    let route = route.map(MatchedPath::as_str);
    trail
        .begin(&known.caller, &known.origin, A::ACTION, route, &parameters)
        .await
}

async fn parameters(parts: &mut Parts, app: &App) -> Vec<(String, String)> {
    match RawPathParams::from_request_parts(parts, app).await {
        Ok(all) => all
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        // What is not UTF-8 is refused by whoever needs it.
        Err(_) => Vec::new(),
    }
}

/// Whoever runs the router within the own process (the command line on its own data folder) says
/// who calls; no request from outside can. A key counts more than a session that is sent beside
/// it: whoever sends one means it, and a browser sends the cookie by itself.
pub(crate) async fn known(parts: &Parts, app: &App) -> Result<Known, Problem> {
    if let Some(caller) = parts.extensions.get::<Caller>() {
        return Ok(Known {
            caller: caller.clone(),
            shown: Shown::Nothing,
            origin: Origin::default(),
        });
    }
    let origin = origin(parts, app);
    if !parts.headers.contains_key(header::AUTHORIZATION)
        && let Some(session) = cookies::shown(&parts.headers, Kept::Session, app.is_https())
    {
        let caller = app.engine.session(&session).await?;
        let token = CsrfToken::of(&session);
        csrf::check(parts, &token, app.here())?;
        return Ok(Known {
            caller,
            shown: Shown::Session(session),
            origin,
        });
    }
    let key = shown_key(&parts.headers)?;
    if is_basic(&parts.headers) {
        // A browser keeps such a password and sends it by itself, for other sites' pages, too.
        csrf::check_origin(parts, app.here())?;
    }
    let caller = app
        .engine
        .authenticate(key.reveal(), origin.address)
        .await?;
    Ok(Known {
        caller,
        shown: Shown::Key(key),
        origin,
    })
}

/// Whether the key came as a password.
fn is_basic(headers: &HeaderMap) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.trim().split_once(' '))
        .is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
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
