//! Claims that a client asks for, and claims that Graph asks for ("Claims challenges, claims
//! requests, and client capabilities"; "Continuous access evaluation").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::error::EntraError;

/// What a `claims` parameter asks of the access token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClaimsRequest {
    /// The client says that it handles challenges (`xms_cc` with `cp1`).
    pub(crate) cp1: bool,
    /// Authentication contexts.
    pub(crate) acrs: Vec<String>,
    /// The token must not be from before this time, in seconds.
    pub(crate) nbf: Option<i64>,
}

impl ClaimsRequest {
    /// Reads the parameter.
    pub(super) fn read(text: Option<&str>) -> Result<Self, EntraError> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Self::default());
        };
        let malformed = || {
            EntraError::new(
                "invalid_request",
                90_023,
                "The 'claims' parameter is not valid JSON.",
            )
        };
        let all: Value = serde_json::from_str(text).map_err(|_| malformed())?;
        let asked = all.as_object().ok_or_else(malformed)?.get("access_token");
        let values = |name: &str| -> Vec<String> {
            let claim = asked.and_then(|asked| asked.get(name));
            let one = claim.and_then(|claim| claim.get("value"));
            let several = claim.and_then(|claim| claim.get("values"));
            one.into_iter()
                .chain(several.and_then(Value::as_array).into_iter().flatten())
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        Ok(Self {
            cp1: values("xms_cc").iter().any(|value| value == "cp1"),
            acrs: values("acrs"),
            nbf: values("nbf").iter().find_map(|value| value.parse().ok()),
        })
    }
}

/// What Graph asks for before it takes an identity's tokens again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// A token from now on: what was issued before is over, as after a revocation.
    NewToken,
    /// A token with this authentication context (`acrs`), which takes a sign-in.
    StepUp(String),
}

/// A challenge in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Demand {
    challenge: Challenge,
    /// Since when, in seconds.
    since: i64,
}

impl Demand {
    pub(crate) fn new(challenge: Challenge, since: i64) -> Self {
        Self { challenge, since }
    }

    /// Whether a token's claims are enough.
    pub(crate) fn is_met(&self, token: &Value) -> bool {
        match &self.challenge {
            Challenge::NewToken => token["xms_nbf"]
                .as_i64()
                .is_some_and(|nbf| nbf >= self.since),
            Challenge::StepUp(context) => token["acrs"]
                .as_array()
                .is_some_and(|have| have.iter().any(|one| one == context.as_str())),
        }
    }

    /// Whether clients that do not handle challenges are kept out, too. A revocation reaches them
    /// when their token is over.
    pub(crate) fn blocks_others(&self) -> bool {
        matches!(self.challenge, Challenge::StepUp(_))
    }

    /// The claims to ask for, as JSON.
    pub(crate) fn claims(&self) -> String {
        match &self.challenge {
            Challenge::NewToken => json!({"access_token": {
                "nbf": {"essential": true, "value": self.since.to_string()}}}),
            Challenge::StepUp(context) => json!({"access_token": {
                "acrs": {"essential": true, "value": context}}}),
        }
        .to_string()
    }
}

/// Claims as a `WWW-Authenticate` header carries them.
pub(crate) fn for_header(claims: &str) -> String {
    STANDARD.encode(claims)
}

/// The refusal of a token whose claims take a sign-in.
pub(super) fn needs_step_up(missing: &str) -> EntraError {
    EntraError::new(
        "interaction_required",
        50_076,
        "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor authentication to access '00000003-0000-0000-c000-000000000000'.",
    )
    .suberror("basic_action")
    .claims(
        json!({"access_token": {"acrs": {"essential": true, "value": missing}}}).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_libraries_send() {
        let read = ClaimsRequest::read(Some(
            r#"{"access_token":{"nbf":{"essential":true,"value":"12"},"xms_cc":{"values":["cp1"]},"acrs":{"value":"c1"}}}"#,
        ))
        .expect("read");
        assert!(read.cp1);
        assert_eq!(read.nbf, Some(12));
        assert_eq!(read.acrs, ["c1"]);
        assert!(ClaimsRequest::read(Some("no JSON")).is_err());
        assert_eq!(
            ClaimsRequest::read(None).expect("none"),
            ClaimsRequest::default()
        );
    }
}
