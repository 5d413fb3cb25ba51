//! How steps and findings are put into words.

use super::{CheckStep, Finding, Severity};
use crate::setup::Place;
use crate::setup::portal::place_for;
use postroom_microsoft::{Again, DoorError, GraphRefusal, SignInError};
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

/// What says nothing of what was tried, because it passes by itself or nobody was reached: why, and
/// what to do. `None`: Microsoft looked at it, or it is wrong here.
pub(super) fn passing(error: &DoorError) -> Option<(String, &'static str)> {
    const LATER: &str = "Try the check again in some minutes.";
    Some(match error {
        DoorError::SignIn(refusal) if refusal.transient => {
            (format!("{} ({})", refusal.cause, code_of(refusal)), LATER)
        }
        DoorError::Refused(refusal) if refusal.again() != Again::Never => {
            (answered(refusal), LATER)
        }
        DoorError::Throttled { until, .. } => (
            format!("Microsoft takes no more calls until {until}"),
            "Try the check again then.",
        ),
        DoorError::Network { what, .. } => (
            what.clone(),
            "Check that this machine reaches Microsoft, and the connection's addresses; then try \
             again.",
        ),
        DoorError::Malformed { what, .. } => {
            (format!("Microsoft's answer cannot be read: {what}"), LATER)
        }
        DoorError::Vault(_) => (
            error.to_string(),
            "The server's log and `postroom doctor` say why; then try again.",
        ),
        _ => return None,
    })
}

fn answered(refusal: &GraphRefusal) -> String {
    format!(
        "Microsoft answered {} {}: {}",
        refusal.status, refusal.code, refusal.message
    )
}

/// What Microsoft said no with. What passes by itself is no failure.
pub(super) fn refused(
    name: impl Into<String>,
    connection: &Connection,
    error: &DoorError,
) -> CheckStep {
    if let Some((why, hint)) = passing(error) {
        let step = untried(name, sentence(&format!("could not be tried: {why}"))).hint(hint);
        return match error {
            DoorError::SignIn(refusal) => step.code(code_of(refusal)),
            DoorError::Refused(refusal) => step.code(&refusal.code),
            _ => step,
        };
    }
    match error {
        DoorError::SignIn(refusal) => signed_in_not(name, connection, refusal),
        DoorError::Refused(refusal) => bad(
            name,
            sentence(&answered(refusal)),
            sentence(refusal.remedy()),
        )
        .code(&refusal.code),
        other => bad(
            name,
            sentence(&other.to_string()),
            "Correct that in the connection (`postroom connection set`).",
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
