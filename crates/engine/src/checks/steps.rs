//! How steps and findings are put into words.

use super::{CheckStep, Finding, Severity};

/// A step that went well.
pub(super) fn well(name: &str, detail: impl Into<String>) -> CheckStep {
    step(name, Some(true), detail.into(), None)
}

/// A step that failed, and what to do.
pub(super) fn bad(name: &str, detail: impl Into<String>, hint: impl Into<String>) -> CheckStep {
    step(name, Some(false), detail.into(), Some(hint.into()))
}

/// A step that could not be tried, and why.
pub(super) fn untried(name: &str, why: impl Into<String>) -> CheckStep {
    step(name, None, why.into(), None)
}

fn step(name: &str, ok: Option<bool>, detail: String, hint: Option<String>) -> CheckStep {
    CheckStep {
        name: name.to_owned(),
        ok,
        detail,
        hint,
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
