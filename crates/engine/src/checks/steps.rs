//! How steps and findings are put into words.

use super::{CheckStep, Finding, Severity};
use crate::setup::Place;
use crate::setup::portal::place_for;
use postroom_microsoft::{DoorError, SignInError};
use postroom_model::connection::Connection;

/// A step that went well.
pub(super) fn well(name: impl Into<String>, detail: impl Into<String>) -> CheckStep {
    step(name, Some(true), detail.into(), None)
}

/// A step that failed, and what to do.
pub(super) fn bad(
    name: impl Into<String>,
    detail: impl Into<String>,
    hint: impl Into<String>,
) -> CheckStep {
    step(name, Some(false), detail.into(), Some(hint.into()))
}

/// A step that could not be tried, and why.
pub(super) fn untried(name: impl Into<String>, why: impl Into<String>) -> CheckStep {
    step(name, None, why.into(), None)
}

fn step(
    name: impl Into<String>,
    ok: Option<bool>,
    detail: String,
    hint: Option<String>,
) -> CheckStep {
    CheckStep {
        name: name.into(),
        ok,
        essential: true,
        code: None,
        detail,
        hint,
        link: None,
    }
}

impl CheckStep {
    /// The same, with what to do where that is wanted.
    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The same; its failing says nothing against the connection.
    pub(super) fn aside(self) -> Self {
        Self {
            essential: false,
            ..self
        }
    }

    /// The same, with Microsoft's code.
    pub(super) fn code(self, code: impl Into<String>) -> Self {
        Self {
            code: Some(code.into()),
            ..self
        }
    }

    /// The same, with the page where it is mended.
    pub(super) fn at(self, place: &Place) -> Self {
        let hint = match self.hint {
            Some(hint) if hint.contains(&place.path) => hint,
            Some(hint) => format!("{hint} Where: {}.", place.path),
            None => format!("{}.", place.path),
        };
        Self {
            hint: Some(hint),
            link: place.link.clone(),
            ..self
        }
    }
}

/// What Microsoft or the network said no with.
pub(super) fn refused(
    name: impl Into<String>,
    connection: &Connection,
    error: &DoorError,
) -> CheckStep {
    match error {
        DoorError::SignIn(refusal) if refusal.transient => untried(
            name,
            sentence(&format!("{} ({})", refusal.cause, code_of(refusal))),
        )
        .hint("Try the check again in some minutes.")
        .code(code_of(refusal)),
        DoorError::SignIn(refusal) => signed_in_not(name, connection, refusal),
        DoorError::Refused(refusal) => bad(
            name,
            sentence(&format!(
                "Microsoft answered {} {}: {}",
                refusal.status, refusal.code, refusal.message
            )),
            sentence(refusal.remedy()),
        )
        .code(&refusal.code),
        DoorError::Throttled { until, .. } => untried(
            name,
            format!("Microsoft takes no more calls until {until}."),
        )
        .hint("Try the check again then."),
        other => bad(
            name,
            sentence(&other.to_string()),
            "Check that this machine reaches Microsoft, and the connection's addresses.",
        ),
    }
}

/// A refusal of the sign-in service: its number in plain words, and the page where it is mended.
pub(super) fn signed_in_not(
    name: impl Into<String>,
    connection: &Connection,
    refusal: &SignInError,
) -> CheckStep {
    let code = code_of(refusal);
    let step = bad(
        name,
        sentence(&format!("{} ({code})", refusal.cause)),
        sentence(&refusal.remedy),
    )
    .code(code);
    match refusal
        .code
        .and_then(|number| place_for(connection, number))
    {
        Some(place) => step.at(&place),
        None => step,
    }
}

/// The number, or OAuth's word for it.
pub(super) fn code_of(refusal: &SignInError) -> String {
    match refusal.code {
        Some(code) => format!("AADSTS{code}"),
        None => refusal.error.clone(),
    }
}

/// Something is as it should be.
pub(super) fn fine(subject: impl Into<String>, detail: impl Into<String>) -> Finding {
    finding(Severity::Ok, subject.into(), detail.into(), None)
}

/// Something will be trouble.
pub(super) fn warning(
    subject: impl Into<String>,
    detail: impl Into<String>,
    hint: impl Into<String>,
) -> Finding {
    finding(
        Severity::Warning,
        subject.into(),
        detail.into(),
        Some(hint.into()),
    )
}

/// Something is trouble.
pub(super) fn trouble(
    subject: impl Into<String>,
    detail: impl Into<String>,
    hint: impl Into<String>,
) -> Finding {
    finding(
        Severity::Error,
        subject.into(),
        detail.into(),
        Some(hint.into()),
    )
}

fn finding(severity: Severity, subject: String, detail: String, hint: Option<String>) -> Finding {
    Finding {
        severity,
        subject,
        detail,
        hint,
    }
}

/// A sentence of a phrase: a capital at the beginning, one full stop at the end.
pub(super) fn sentence(phrase: &str) -> String {
    let phrase = phrase.trim().trim_end_matches('.');
    let mut letters = phrase.chars();
    letters.next().map_or_else(String::new, |first| {
        format!("{}{}.", first.to_uppercase(), letters.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_become_sentences() {
        assert_eq!(sentence("the secret is over"), "The secret is over.");
        assert_eq!(sentence(" Done. "), "Done.");
        assert_eq!(sentence(""), "");
    }
}
