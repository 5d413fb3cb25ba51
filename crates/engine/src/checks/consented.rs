//! An administrator comes back from consenting for the tenant (entra-docs, `v2-admin-consent.md`).

use super::{CheckAsk, CheckReport};
use crate::setup::consent_state;
use crate::{Engine, Problem, Result};
use postroom_microsoft::signin::refusals;

/// How an administrator's return ended, for the page that says so.
#[derive(Clone, Debug)]
pub enum ConsentEnd {
    /// Consent was given, says the address; what a check made of it is true.
    Given {
        /// The connection's name.
        connection: String,
        /// What the check found; `None`: it was checked a moment ago.
        report: Option<CheckReport>,
    },
    /// It was not given, or nobody asked for it; why, in words.
    Refused(String),
}

impl Engine {
    /// The browser came back with these query pairs. `None`: it does not come from an admin
    /// consent. What the address says is not believed: the connection is checked, and accounts that
    /// lacked consent can act again when Microsoft gives them tokens.
    pub async fn admin_consent_returned(&self, query: &[(String, String)]) -> Option<ConsentEnd> {
        let value = |wanted: &str| {
            query
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.as_str())
                .filter(|value| !value.is_empty())
        };
        let flag = value("admin_consent").is_some();
        let error = value("error");
        // The older form says only so much, without the state.
        let declined_plainly = error == Some("permission_denied") && value("state").is_none();
        let found = match value("state") {
            Some(state) => consent_state::connection_of(self, state).await,
            None => Ok(None),
        };
        let connection = match found {
            Ok(Some(connection)) => connection,
            Ok(None) if declined_plainly => return Some(ConsentEnd::Refused(declined())),
            Ok(None) if flag => {
                return Some(ConsentEnd::Refused(
                    "Nobody here asked for this consent (any more). If you gave it, it counts at \
                     Microsoft all the same: `postroom connection check` shows it."
                        .to_owned(),
                ));
            }
            Ok(None) => return None,
            Err(problem) => {
                tracing::error!(error = %problem, "finding an admin consent by its state");
                return Some(ConsentEnd::Refused(problem.detail));
            }
        };
        // The flag says True even where consent was refused: the error counts.
        if let Some(error) = error {
            return Some(ConsentEnd::Refused(explain(
                error,
                value("error_description"),
            )));
        }
        if !flag {
            return Some(ConsentEnd::Refused(
                "The address is not whole: it says neither that consent was given nor why not."
                    .to_owned(),
            ));
        }
        tracing::info!(connection = %connection.name, "an administrator came back from consenting");
        let report = match self.check_once(&connection.id).await {
            Ok(report) => report,
            Err(problem) => {
                tracing::warn!(error = %problem, "checking a connection after consent");
                None
            }
        };
        Some(ConsentEnd::Given {
            connection: connection.name,
            report,
        })
    }

    async fn check_once(
        &self,
        connection: &postroom_model::ConnectionId,
    ) -> Result<Option<CheckReport>> {
        if !consent_state::may_check(self, connection).await? {
            return Ok(None);
        }
        let report = self
            .check_connection(connection, &CheckAsk::default())
            .await?;
        Ok::<_, Problem>(Some(report))
    }
}

fn declined() -> String {
    "Consent was declined at Microsoft's page. Nothing has changed. Open the address again when you \
     are ready."
        .to_owned()
}

/// Why consent was not given. What stands in the address is not repeated: anybody can write one.
fn explain(error: &str, description: Option<&str>) -> String {
    let code = description.and_then(number);
    if error == "permission_denied" || code == Some(65_004) {
        return declined();
    }
    let said = code
        .and_then(refusals::explain)
        .unwrap_or_else(|| refusals::explain_error(error, None));
    let number = code.map_or_else(String::new, |code| format!(" (AADSTS{code})"));
    format!(
        "Microsoft did not take the consent: {}{number}. What to do: {}.",
        said.cause, said.remedy
    )
}

fn number(description: &str) -> Option<u32> {
    let digits = description.split_once("AADSTS")?.1;
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    digits[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_explained_and_the_address_not_repeated() {
        let why = explain("consent_required", Some("AADSTS65004: <b>declined</b>"));
        assert!(why.contains("declined") && !why.contains('<'), "{why}");
        assert_eq!(explain("permission_denied", None), declined());
        let why = explain("<script>", Some("AADSTS90094: x"));
        assert!(
            why.contains("AADSTS90094") && !why.contains("<script"),
            "{why}"
        );
        assert!(explain("x", Some("AADSTS999999999999: y")).contains("What to do"));
    }
}
