//! Claims that are asked for: what this client can do, and Microsoft's challenges (entra-docs,
//! `claims-challenge.md`, `app-resilience-continuous-access-evaluation.md`).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;
use serde_json::{Map, Value, json};

/// The longest challenge that is read, in bytes; Microsoft's are some hundred.
const LONGEST: usize = 16 * 1024;

/// Standard base64, with its padding or without.
const STANDARD: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// The same for URLs: proxies and gateways write it.
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The `claims` parameter of a request: that this client handles challenges (`cp1`), and what
/// Microsoft asked for, if it did. A challenge that is no JSON object is left out.
pub(crate) fn request(challenge: Option<&str>) -> String {
    let mut all = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    if let Some(challenge) = challenge.and_then(object)
        && let Some(all) = all.as_object_mut()
    {
        merge(all, challenge);
    }
    all.to_string()
}

fn object(text: &str) -> Option<Map<String, Value>> {
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => Some(members),
        _ => None,
    }
}

/// Writes `from` into `into`, member by member. What the challenge says of the client's
/// capabilities changes nothing: they are what they are.
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(into)), Value::Object(from)) if name != "xms_cc" => {
                merge(into, from);
            }
            (Some(_), _) if name == "xms_cc" => {}
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

/// The claims that a resource asks for with a 401, as JSON. They stand in one challenge of the
/// scheme `Bearer`; there can be several challenges and several headers, their parameters in any
/// order (RFC 9110, section 11.6.1).
pub(crate) fn challenge(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter(|value| value.len() <= LONGEST)
        .flat_map(challenges)
        .find_map(|challenge| {
            let asks = challenge.scheme.eq_ignore_ascii_case("bearer")
                && challenge.parameter("error") == Some("insufficient_claims");
            asks.then(|| challenge.parameter("claims").and_then(decoded))
                .flatten()
        })
}

fn decoded(claims: &str) -> Option<String> {
    let claims = claims.trim();
    let bytes = STANDARD
        .decode(claims)
        .or_else(|_| URL_SAFE.decode(claims))
        .ok()?;
    let text = String::from_utf8(bytes).ok()?;
    object(&text).map(|_| text)
}

/// One challenge of a header.
#[derive(Debug, Default, PartialEq, Eq)]
struct Challenge {
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn parameter(&self, wanted: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.as_str())
    }
}

/// The challenges of one header value. What does not fit the grammar is passed over.
fn challenges(value: &str) -> Vec<Challenge> {
    let mut all: Vec<Challenge> = Vec::new();
    let mut rest = value;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find(|c: char| !is_token(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            // Something that begins no word: the character is passed over.
            let mut letters = rest.chars();
            if letters.next().is_none() {
                return all;
            }
            rest = letters.as_str();
            continue;
        }
        let spaced = after.trim_start_matches([' ', '\t']);
        match spaced.strip_prefix('=') {
            Some(given) => {
                let (text, left) = parameter_value(given.trim_start_matches([' ', '\t']));
                if let Some(challenge) = all.last_mut() {
                    challenge.parameters.push((word.to_owned(), text));
                }
                rest = left;
            }
            None => {
                all.push(Challenge {
                    scheme: word.to_owned(),
                    parameters: Vec::new(),
                });
                rest = spaced;
            }
        }
    }
}

/// A token or a quoted string (RFC 9110, sections 5.6.2 and 5.6.4), and what follows it.
fn parameter_value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
        let (token, rest) = text.split_at(end);
        return (token.to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => value.extend(letters.next()),
            letter => value.push(letter),
        }
    }
    (value, letters.as_str())
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

    fn of(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                WWW_AUTHENTICATE,
                HeaderValue::from_str(value).expect("a header"),
            );
        }
        challenge(&headers)
    }

    fn encoded() -> String {
        STANDARD.encode(CLAIMS)
    }

    #[test]
    fn the_challenge_is_found_among_others() {
        let claims = encoded();
        let ours = format!(
            "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", error=\"insufficient_claims\", claims=\"{claims}\""
        );
        for values in [
            vec![ours.as_str()],
            vec!["Basic realm=\"a, b\", charset=\"UTF-8\"", &ours],
            vec!["Negotiate", "NTLM dGVzdA==", &ours],
            vec![&format!("Basic realm=\"x\", {ours}")],
            vec![&format!(
                "bearer claims={claims}, realm=\"\\\"quoted\\\"\", error=insufficient_claims"
            )],
            vec![&format!(
                "Bearer error = \"insufficient_claims\" ,claims =\"{}\"",
                claims.trim_end_matches('=')
            )],
        ] {
            assert_eq!(of(&values).as_deref(), Some(CLAIMS), "{values:?}");
        }
    }

    #[test]
    fn what_asks_for_no_claims_is_none() {
        let claims = encoded();
        for value in [
            String::new(),
            "Bearer".to_owned(),
            format!("Bearer error=\"invalid_token\", claims=\"{claims}\""),
            format!("Basic error=\"insufficient_claims\", claims=\"{claims}\""),
            "Bearer error=\"insufficient_claims\"".to_owned(),
            "Bearer error=\"insufficient_claims\", claims=\"!!\"".to_owned(),
            format!(
                "Bearer error=\"insufficient_claims\", claims=\"{}\"",
                STANDARD.encode("[1]")
            ),
            "Bearer error=\"insufficient_claims".to_owned(),
        ] {
            assert_eq!(of(&[&value]), None, "{value}");
        }
    }

    #[test]
    fn capabilities_and_challenge_are_one_request() {
        let only: Value = serde_json::from_str(&request(None)).expect("JSON");
        assert_eq!(
            only,
            json!({"access_token": {"xms_cc": {"values": ["cp1"]}}})
        );
        let both: Value = serde_json::from_str(&request(Some(CLAIMS))).expect("JSON");
        assert_eq!(both["access_token"]["xms_cc"]["values"][0], "cp1");
        assert_eq!(both["access_token"]["acrs"]["value"], "c1");
        assert_eq!(request(Some("no JSON")), request(None));
        assert_eq!(request(Some("[]")), request(None));
        let foreign = request(Some(
            r#"{"access_token":{"xms_cc":{"values":["x"]}},"id_token":{}}"#,
        ));
        let foreign: Value = serde_json::from_str(&foreign).expect("JSON");
        assert_eq!(foreign["access_token"]["xms_cc"]["values"], json!(["cp1"]));
        assert_eq!(foreign["id_token"], json!({}));
    }

    proptest! {
        #[test]
        fn no_header_breaks_the_parser(value in "[ -~\t]{0,200}") {
            let _ = challenges(&value);
            let _ = of(&[&value]);
        }

        #[test]
        fn parameters_come_in_any_order(
            order in Just(vec![0_usize, 1, 2, 3]).prop_shuffle(),
            before in "[a-z ]{0,20}",
            space in "[ \t]{0,3}",
        ) {
            let claims = encoded();
            let all = [
                format!("realm=\"{before}\""),
                format!("error{space}={space}\"insufficient_claims\""),
                format!("claims{space}=\"{claims}\""),
                "authorization_uri=\"https://a.example/?a=b,c\"".to_owned(),
            ];
            let ordered: Vec<&str> = order.iter().map(|at| all[*at].as_str()).collect();
            let value = format!("Bearer {}", ordered.join(", "));
            let found = of(&["Basic realm=\"a\"", &value]);
            prop_assert_eq!(found.as_deref(), Some(CLAIMS));
        }
    }
}
