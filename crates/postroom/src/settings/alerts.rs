//! Whom alerts are mailed to.

use crate::trouble::usage;
use clap::Args;
use serde::Deserialize;

/// Whom alerts are mailed to, and from where: both or none.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct AlertsLayer {
    /// Alerts (what is about to end, what ended) are mailed to these addresses, comma-separated
    #[arg(
        id = "alerts_mail_to",
        long = "alerts-mail-to",
        value_name = "ADDRESSES",
        env = "POSTROOM_ALERTS_MAIL_TO"
    )]
    pub mail_to: Option<String>,
    /// The mailbox that alerts are mailed from: one that this server serves
    #[arg(
        id = "alerts_mail_from",
        long = "alerts-mail-from",
        value_name = "MAILBOX",
        env = "POSTROOM_ALERTS_MAIL_FROM"
    )]
    pub mail_from: Option<String>,
}

impl AlertsLayer {
    /// Addresses and mailbox for alerts; an empty text is none.
    pub(super) fn resolve(self) -> anyhow::Result<(Vec<String>, Option<String>)> {
        let given = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        let (to, from) = match (given(self.mail_to), given(self.mail_from)) {
            (None, None) => return Ok((Vec::new(), None)),
            (Some(to), Some(from)) => (to, from),
            (Some(_), None) => {
                return Err(usage(
                    "alerts.mail_to is set without alerts.mail_from: name the mailbox that they leave \
                     from, one that this server serves",
                ));
            }
            (None, Some(_)) => {
                return Err(usage(
                    "alerts.mail_from is set without alerts.mail_to: name who gets the mail",
                ));
            }
        };
        let to: Vec<_> = to
            .split(',')
            .map(|address| address.trim().to_owned())
            .filter(|address| !address.is_empty())
            .collect();
        let plain = |c: char| !c.is_control() && !c.is_whitespace() && !"<>();:\"[]\\".contains(c);
        for address in &to {
            let parts = address.rsplit_once('@');
            let is_address = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
            if !is_address || !address.chars().all(plain) {
                return Err(usage(format!(
                    "alerts.mail_to: {address:?} is no address; write addresses like \
                     admin@example.com, comma-separated"
                )));
            }
        }
        Ok((to, Some(from.trim().to_owned())))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn resolved(
        to: Option<&str>,
        from: Option<&str>,
    ) -> Result<(Vec<String>, Option<String>), String> {
        let layer = AlertsLayer {
            mail_to: to.map(str::to_owned),
            mail_from: from.map(str::to_owned),
        };
        layer.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn both_or_none() {
        assert_eq!(resolved(None, Some(" ")).unwrap(), (Vec::new(), None));
        let (to, from) = resolved(Some("a@x.example, b@x.example,"), Some("c@x.example ")).unwrap();
        assert_eq!(to, ["a@x.example", "b@x.example"]);
        assert_eq!(from.as_deref(), Some("c@x.example"));
        assert!(
            resolved(Some("a@x"), None)
                .unwrap_err()
                .contains("mail_from")
        );
        assert!(resolved(None, Some("a@x")).unwrap_err().contains("mail_to"));
        for wrong in ["a", "@x", "a@", "a b@x", "a@x; b@x", "A <a@x>"] {
            let refused = resolved(Some(wrong), Some("c@x")).unwrap_err();
            assert!(refused.contains("no address"), "{wrong}: {refused}");
        }
    }
}
