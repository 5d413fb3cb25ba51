//! PEM (RFC 7468).

use super::{Found, is_short_enough, key, several_keys};
use crate::{Problem, Result};
use ::pem::{EncodeConfig, LineEnding, Pem, encode_config, parse_many};
use postroom_model::Secret;
use zeroize::Zeroizing;

/// Takes the certificates and keys out of a text; whatever else stands in it is not looked at.
pub(super) fn read(text: &Secret, password: Option<&Secret>, found: &mut Found) -> Result<()> {
    is_short_enough(text.reveal().len())?;
    // A field of FileMaker's ends its lines with a carriage return alone.
    let text = Zeroizing::new(text.reveal().replace("\r\n", "\n").replace('\r', "\n"));
    let sections = parse_many(text.as_bytes()).map_err(|_| unreadable())?;
    if sections.is_empty() {
        return Err(unreadable());
    }
    for section in sections {
        let legacy = section.headers().get("Proc-Type").is_some();
        let tag = section.tag().to_owned();
        let der = Zeroizing::new(section.into_contents());
        match tag.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
                found.certificates.push(der.to_vec());
            }
            "RSA PRIVATE KEY" | "PRIVATE KEY" if legacy => {
                return Err(Problem::invalid(
                    "The private key is encrypted in OpenSSL's old way, which is not read here. \
                     Convert it with `openssl pkcs8 -topk8 -v2 aes256` and give that.",
                ));
            }
            "RSA PRIVATE KEY" | "PRIVATE KEY" => found.keys.push(der),
            // Each costs a processor's time: there is one that belongs to the certificate.
            "ENCRYPTED PRIVATE KEY" if !found.keys.is_empty() => return Err(several_keys()),
            "ENCRYPTED PRIVATE KEY" => found.keys.push(key::decrypt(&der, password)?),
            "EC PRIVATE KEY" | "DSA PRIVATE KEY" => return Err(key::not_rsa()),
            "OPENSSH PRIVATE KEY" => {
                return Err(Problem::invalid(
                    "The private key is one of OpenSSH's: give the key in PKCS#8 or PKCS#1.",
                ));
            }
            // Parameters of curves, public keys, signing requests.
            _ => {}
        }
    }
    Ok(())
}

fn unreadable() -> Problem {
    Problem::invalid(
        "What was given as certificate or key is no PEM text: it has to have the lines from \
         -----BEGIN … to -----END … in it, whole. A .pfx or .p12 file is given as `pkcs12`.",
    )
}

/// Writes a section.
pub(super) fn write(tag: &str, der: &[u8]) -> String {
    encode_config(
        &Pem::new(tag, der),
        EncodeConfig::new().set_line_ending(LineEnding::LF),
    )
}
