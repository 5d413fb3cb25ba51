//! Certificates that an application proves itself with: read from what people have, or made.
//!
//! Whatever they come in (PEM, PKCS#12), they are kept the same way: the certificate in PEM, its
//! key as PKCS#8. Entra takes RSA keys of 2048 bits and more ("Microsoft identity platform
//! application authentication certificate credentials").

mod key;
mod made;
mod pem;
mod pkcs12;

pub(super) use made::make;

use crate::{Problem, Result};
use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use postroom_model::connection::CertificateInfo;
use postroom_model::{Secret, Timestamp};
use std::fmt::Write as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use zeroize::Zeroizing;

/// The longest input, in bytes. A certificate with its chain and key takes some ten thousand.
const LONGEST_INPUT: usize = 64 * 1024;
/// How far the clocks of this machine and of whoever made a certificate may differ, in seconds.
const SKEW_SECONDS: i64 = 300;
/// The longest subject that is kept, in characters.
const LONGEST_SUBJECT: usize = 256;

/// A certificate and its key as they are kept.
#[derive(Debug)]
pub(super) struct Certificate {
    /// The public half.
    pub(super) info: CertificateInfo,
    /// Until when it is good.
    pub(super) not_after: Timestamp,
    /// Its key: PKCS#8 in PEM.
    pub(super) key: Secret,
}

/// What was found in an input, in DER.
#[derive(Default)]
struct Found {
    certificates: Vec<Vec<u8>>,
    keys: Vec<Zeroizing<Vec<u8>>>,
}

fn several_keys() -> Problem {
    Problem::invalid(
        "There are several private keys in what was given: give the certificate with its own key \
         only.",
    )
}

/// Reads PEM: the certificate and its key, in one text or two.
///
/// # Errors
/// `invalidRequest` for what is no certificate with its own key, for keys that Entra does not take,
/// for one that is over or not yet good, and for a wrong password.
pub(super) fn from_pem(
    certificate: &Secret,
    private_key: Option<&Secret>,
    password: Option<&Secret>,
    now: Timestamp,
) -> Result<Certificate> {
    let mut found = Found::default();
    for text in [Some(certificate), private_key].into_iter().flatten() {
        pem::read(text, password, &mut found)?;
    }
    together(found, now)
}

/// Reads PKCS#12 (`.pfx`, `.p12`), the file in base64.
///
/// # Errors
/// As [`from_pem`].
pub(super) fn from_pkcs12(
    file: &Secret,
    password: Option<&Secret>,
    now: Timestamp,
) -> Result<Certificate> {
    // Four characters for three bytes, and some line breaks.
    is_short_enough(file.reveal().len() / 3 * 2)?;
    let text: Zeroizing<String> = Zeroizing::new(
        file.reveal()
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect(),
    );
    let file = STANDARD.decode(text.as_bytes()).map_err(|_| {
        Problem::invalid("The PKCS#12 file is not in base64: encode the whole file, and only it.")
    })?;
    together(pkcs12::read(&Zeroizing::new(file), password)?, now)
}

/// The one key and the certificate that it belongs to.
fn together(found: Found, now: Timestamp) -> Result<Certificate> {
    if found.certificates.is_empty() {
        return Err(Problem::invalid(
            "There is no certificate in what was given: give one in PEM (BEGIN CERTIFICATE) or as \
             PKCS#12 (.pfx, .p12).",
        ));
    }
    let mut keys: Vec<KeyPair> = Vec::with_capacity(1);
    for der in &found.keys {
        let key = key::read(der)?;
        let same = |other: &KeyPair| other.public_key().as_ref() == key.public_key().as_ref();
        if !keys.iter().any(same) {
            keys.push(key);
        }
    }
    let key = match (keys.pop(), keys.is_empty()) {
        (Some(key), true) => key,
        (Some(_), false) => {
            return Err(several_keys());
        }
        (None, _) => {
            return Err(Problem::invalid(
                "The certificate is without its private key: give the key as well, in the same PEM \
                 text or in one of its own, or take the .pfx file that has both.",
            ));
        }
    };
    for der in &found.certificates {
        let (_, parsed) = X509Certificate::from_der(der).map_err(|_| {
            Problem::invalid("A certificate in what was given is damaged: it cannot be read.")
        })?;
        if parsed.public_key().subject_public_key.data.as_ref() == key.public_key().as_ref() {
            return kept(der, &parsed, &key, now);
        }
    }
    Err(Problem::invalid(
        "The private key belongs to another certificate than the one that was given: give the two \
         that were made together.",
    ))
}

fn kept(
    der: &[u8],
    parsed: &X509Certificate<'_>,
    key: &KeyPair,
    now: Timestamp,
) -> Result<Certificate> {
    let time = |seconds: i64| {
        Timestamp::from_second(seconds)
            .map_err(|_| Problem::invalid("The certificate's dates cannot be read."))
    };
    let not_before = time(parsed.validity().not_before.timestamp())?;
    let not_after = time(parsed.validity().not_after.timestamp())?;
    if not_after <= now {
        return Err(Problem::invalid(format!(
            "The certificate is over since {not_after}: take one that is good, or have one made."
        )));
    }
    if not_before.as_second() > now.as_second().saturating_add(SKEW_SECONDS) {
        return Err(Problem::invalid(format!(
            "The certificate is not good before {not_before}, and here it is {now}: wait until \
             then, or set this machine's clock."
        )));
    }
    let subject: String = parsed
        .subject()
        .to_string()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_SUBJECT)
        .collect();
    let mut thumbprint = String::with_capacity(40);
    for byte in digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, der).as_ref() {
        let _ = write!(thumbprint, "{byte:02X}");
    }
    let pkcs8 = key
        .as_der()
        .map_err(|_| Problem::invalid("The private key cannot be used."))?;
    Ok(Certificate {
        info: CertificateInfo {
            pem: pem::write("CERTIFICATE", der),
            thumbprint,
            x5t_s256: URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, der)),
            subject,
            not_before,
        },
        not_after,
        key: Secret::new(pem::write("PRIVATE KEY", pkcs8.as_ref())),
    })
}

/// Refuses what is longer than any certificate.
fn is_short_enough(length: usize) -> Result<()> {
    if length <= LONGEST_INPUT {
        return Ok(());
    }
    Err(Problem::invalid(format!(
        "What was given as a certificate is longer than {LONGEST_INPUT} bytes: give the \
         certificate with its key and nothing else."
    )))
}

#[cfg(test)]
mod tests;
