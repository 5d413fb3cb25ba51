//! What the browser brought back (RFC 6749, section 4.1.2).

use postroom_microsoft::signin::refusals;
use postroom_model::Secret;
use url::{Url, form_urlencoded};

/// What the browser brought back.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Returned {
    /// Which sign-in it is.
    pub(super) state: Option<Secret>,
    /// What a grant is got for.
    pub(super) code: Option<Secret>,
    /// Why there is no code, in words for the user.
    pub(super) refused: Option<String>,
}

impl Returned {
    /// From the query's pairs. Of a name that comes twice the first one counts.
    pub(super) fn read(query: &[(String, String)]) -> Self {
        let value = |wanted: &str| {
            query
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
                .filter(|value| !value.is_empty())
        };
        Self {
            state: value("state").map(Secret::new),
            code: value("code").map(Secret::new),
            refused: value("error")
                .map(|error| explain(error, value("error_description"), value("error_subcode"))),
        }
    }

    /// From a whole address, or only its query, as somebody copied it.
    pub(super) fn from_address(address: &str) -> Option<Self> {
        let address = address.trim();
        let (query, fragment) = match Url::parse(address) {
            Ok(url) => (
                url.query().map(str::to_owned),
                url.fragment().map(str::to_owned),
            ),
            Err(_) if address.contains("state=") => (
                Some(address.trim_start_matches(['?', '#']).to_owned()),
                None,
            ),
            Err(_) => return None,
        };
        let pairs: Vec<(String, String)> = [query, fragment]
            .iter()
            .flatten()
            .flat_map(|part| form_urlencoded::parse(part.as_bytes()).into_owned())
            .collect();
        Some(Self::read(&pairs))
    }
}

/// Why there is no code, in plain words. What stands in the address is not repeated: anybody can
/// write an address.
fn explain(error: &str, description: Option<&str>, subcode: Option<&str>) -> String {
    let code = description.and_then(aadsts);
    // Seen in Microsoft's own libraries' tests: `access_denied` with the subcode `cancel` when the
    // user leaves the page. 65004: the user said no when asked for consent.
    let cancelled = subcode == Some("cancel")
        || (error == "access_denied" && matches!(code, None | Some(65004)));
    if cancelled {
        return "The sign-in was cancelled at Microsoft's page. Begin it again when you are ready."
            .to_owned();
    }
    let known = code.and_then(refusals::explain);
    let said = known.unwrap_or_else(|| refusals::explain_error(error, None));
    let number = code.map_or_else(String::new, |code| format!(" (AADSTS{code})"));
    // What is tried again by itself elsewhere is, here, for the user to try.
    let remedy = match said.transient {
        true => "begin the sign-in again in a minute",
        false => said.remedy,
    };
    format!(
        "Microsoft did not sign you in: {}{number}. What to do: {remedy}.",
        said.cause
    )
}

/// The number in a description that begins with `AADSTSnnnn:`.
fn aadsts(description: &str) -> Option<u32> {
    let digits = description.split_once("AADSTS")?.1;
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Returned {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Returned::read(&pairs)
    }

    #[test]
    fn a_code_comes_with_its_state() {
        let returned = of(&[("code", "c"), ("state", "s"), ("session_state", "x")]);
        assert_eq!(returned.code, Some(Secret::new("c")));
        assert_eq!(returned.state, Some(Secret::new("s")));
        assert_eq!(returned.refused, None);
        assert_eq!(of(&[("code", ""), ("state", "")]), Returned::default());
        assert_eq!(
            of(&[("state", "a"), ("state", "b")]).state,
            Some(Secret::new("a"))
        );
    }

    #[test]
    fn leaving_the_page_is_a_cancelled_sign_in() {
        for pairs in [
            &[("error", "access_denied"), ("error_subcode", "cancel")][..],
            &[("error", "access_denied")],
            &[
                ("error", "access_denied"),
                (
                    "error_description",
                    "AADSTS65004: User declined to consent.",
                ),
            ],
        ] {
            let why = of(pairs).refused.unwrap_or_default();
            assert!(why.contains("cancelled"), "{why}");
        }
    }

    #[test]
    fn a_number_is_explained_and_the_address_not_repeated() {
        let why = of(&[
            ("error", "access_denied"),
            (
                "error_description",
                "AADSTS50105: <b>The</b> user is not assigned.",
            ),
        ])
        .refused
        .unwrap_or_default();
        assert!(
            why.contains("AADSTS50105") && why.contains("What to do"),
            "{why}"
        );
        assert!(!why.contains('<'), "{why}");
        let unknown = of(&[
            ("error", "<script>"),
            ("error_description", "AADSTS99999999999: x"),
        ]);
        let why = unknown.refused.unwrap_or_default();
        assert!(
            why.contains("What to do") && !why.contains("<script"),
            "{why}"
        );
    }

    #[test]
    fn addresses_are_read_however_they_are_copied() {
        for address in [
            "http://localhost/cb?code=a%2Bb&state=s",
            "  https://app.example/cb#code=a%2Bb&state=s ",
            "?code=a%2Bb&state=s",
            "code=a%2Bb&state=s",
            "myapp://cb?state=s&code=a%2Bb",
        ] {
            let returned = Returned::from_address(address).unwrap_or_default();
            assert_eq!(returned.code, Some(Secret::new("a+b")), "{address}");
            assert_eq!(returned.state, Some(Secret::new("s")), "{address}");
        }
        assert_eq!(Returned::from_address("nothing"), None);
    }
}
