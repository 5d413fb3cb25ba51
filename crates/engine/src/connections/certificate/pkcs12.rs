//! PKCS#12 (RFC 7292).

use super::{Found, is_short_enough};
use crate::{Problem, Result};
use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error;
use postroom_model::Secret;
use zeroize::Zeroizing;

/// Takes the certificates and keys out of a file.
pub(super) fn read(file: &[u8], password: Option<&Secret>) -> Result<Found> {
    is_short_enough(file.len())?;
    let password = password.map_or("", Secret::reveal);
    let archive =
        Pkcs12Archive::from_pkcs12(file, password).map_err(|error| refused(&error, password))?;
    Ok(Found {
        certificates: archive
            .certs
            .iter()
            .map(|bag| bag.cert.as_der().to_vec())
            .collect(),
        keys: archive
            .keys
            .iter()
            .map(|bag| Zeroizing::new(bag.key.as_der().to_vec()))
            .collect(),
    })
}

fn refused(error: &Error, password: &str) -> Problem {
    match error {
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) if password.is_empty() => {
            Problem::invalid("The PKCS#12 file has a password: give it as well.")
        }
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => {
            Problem::invalid("The PKCS#12 file does not open with that password.")
        }
        Error::UnsupportedEncryptionScheme
        | Error::UnsupportedMacAlgorithm
        | Error::UnsupportedCertificateType
        | Error::InvalidParameters => Problem::invalid(
            "The PKCS#12 file is encrypted in a way that is not read here. Export it anew with \
             AES-256, or convert it to PEM with `openssl pkcs12 -in FILE -out FILE.pem` and give \
             that.",
        ),
        _ => Problem::invalid(
            "What was given is no PKCS#12 file (.pfx, .p12), or it is damaged. If other programs \
             read it, convert it to PEM with `openssl pkcs12 -in FILE -out FILE.pem` and give \
             that.",
        ),
    }
}
