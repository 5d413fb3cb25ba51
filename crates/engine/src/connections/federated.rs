//! Another issuer's assertion as the application's credential (workload identity federation).

use crate::access::Caller;
use crate::{Code, Problem, Result};
use postroom_microsoft::federated_address;
use postroom_model::Secret;
use postroom_model::connection::FederatedSource;
use postroom_model::key::Scope;
use std::path::Path;

/// How many headers go along, and how long name and value are, in bytes.
const MOST_HEADERS: usize = 8;
const LONGEST_HEADER: usize = 4_096;
/// The longest path or address, in bytes.
const LONGEST_SOURCE: usize = 2_048;
/// Headers that say how a request is made, and are not the caller's to say.
const OURS: [&str; 6] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
];

/// Where an assertion comes from.
#[derive(Clone, Debug)]
pub enum NewFederated {
    /// A file on the server.
    File(String),
    /// An address that answers with it.
    Url {
        /// `https`, or `http` on this machine.
        url: String,
        /// Headers to send along, like `Metadata: true`.
        headers: Vec<(String, Secret)>,
    },
}

impl NewFederated {
    /// What is to be told of it, and what is to be kept secret.
    pub(super) fn taken(self, caller: &Caller) -> Result<(FederatedSource, Secret)> {
        if !caller.has(Scope::Admin) {
            return Err(Problem::new(
                Code::Forbidden,
                "A federated credential reads a file or an address from this server: only a key \
                 with admin may set one.",
            ));
        }
        match self {
            Self::File(file) => Ok((
                FederatedSource::File { file: path(&file)? },
                headers_text(&[]),
            )),
            Self::Url { url, headers } => {
                let url = url.trim();
                is_short(url)?;
                let address = federated_address(url)
                    .map_err(|error| Problem::invalid(format!("federated.url: {error}.")))?;
                if headers.len() > MOST_HEADERS {
                    return Err(Problem::invalid(format!(
                        "federated.headers: at most {MOST_HEADERS} headers are sent along."
                    )));
                }
                for (name, value) in &headers {
                    is_header(name, value.reveal())?;
                }
                let secret = headers_text(&headers);
                Ok((
                    FederatedSource::Url {
                        url: address.into(),
                        headers: headers.into_iter().map(|(name, _)| name).collect(),
                    },
                    secret,
                ))
            }
        }
    }
}

/// The headers as they are kept: a JSON object of texts.
fn headers_text(headers: &[(String, Secret)]) -> Secret {
    let object: serde_json::Map<_, _> = headers
        .iter()
        .map(|(name, value)| (name.clone(), value.reveal().into()))
        .collect();
    Secret::new(serde_json::Value::Object(object).to_string())
}

fn path(given: &str) -> Result<String> {
    let given = given.trim();
    is_short(given)?;
    if !Path::new(given).is_absolute() || given.chars().any(char::is_control) {
        return Err(Problem::invalid(
            "federated.file: give the file's whole path on the server, from its root on.",
        ));
    }
    Ok(given.to_owned())
}

fn is_short(source: &str) -> Result<()> {
    if source.len() <= LONGEST_SOURCE {
        return Ok(());
    }
    Err(Problem::invalid(format!(
        "federated: a path or address has at most {LONGEST_SOURCE} bytes."
    )))
}

/// A header's name is a token and its value visible ASCII (RFC 9110, sections 5.1 and 5.5).
fn is_header(name: &str, value: &str) -> Result<()> {
    let token = !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte));
    let visible = value.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let short = name.len() <= LONGEST_HEADER && value.len() <= LONGEST_HEADER;
    if !token || !visible || !short || OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        return Err(Problem::invalid(
            "federated.headers: one of them cannot be sent: give names like Metadata and values of \
             visible ASCII characters.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_url(url: &str, name: &str, value: &str) -> Result<(FederatedSource, Secret)> {
        NewFederated::Url {
            url: url.to_owned(),
            headers: vec![(name.to_owned(), Secret::new(value))],
        }
        .taken(&Caller::Local)
    }

    #[test]
    fn headers_are_secret_and_their_names_are_not() {
        let (source, secret) = from_url(
            "http://127.0.0.1:9/token?resource=x",
            "X-IDENTITY-HEADER",
            "hush",
        )
        .expect("fit");
        assert_eq!(
            source,
            FederatedSource::Url {
                url: "http://127.0.0.1:9/token?resource=x".to_owned(),
                headers: vec!["X-IDENTITY-HEADER".to_owned()],
            }
        );
        assert_eq!(secret.reveal(), r#"{"X-IDENTITY-HEADER":"hush"}"#);
    }

    #[test]
    fn what_cannot_be_read_or_sent_is_refused() {
        for url in [
            "",
            "http://issuer.example/token",
            "http://10.0.0.1/token",
            "http://169.254.169.253/",
            "file:///etc/passwd",
            "https://user:word@issuer.example/",
            "gopher://127.0.0.1/",
            &format!("https://issuer.example/{}", "x".repeat(2_048)),
        ] {
            assert!(from_url(url, "Metadata", "true").is_err(), "{url}");
        }
        for (name, value) in [
            ("", "x"),
            ("a b", "x"),
            ("Host", "elsewhere"),
            ("a", "b\r\nc: d"),
            ("a", "ü"),
        ] {
            assert!(
                from_url("https://issuer.example/", name, value).is_err(),
                "{name}: {value}"
            );
        }
        for file in ["", "token", "../token", "/a\nb"] {
            let new = NewFederated::File(file.to_owned());
            assert!(new.taken(&Caller::Local).is_err(), "{file:?}");
        }
    }
}
