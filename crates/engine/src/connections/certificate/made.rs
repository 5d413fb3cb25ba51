//! A certificate that is made here: its key never leaves.

use super::{Certificate, from_pem};
use crate::{Code, Problem, Result};
use jiff::Span;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use postroom_model::{Secret, Timestamp};
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};

/// The longest common name (RFC 5280, appendix A.1: `ub-common-name`), in characters.
const LONGEST_NAME: usize = 64;

/// Makes a self-signed certificate with an RSA key of 2048 bits, good from yesterday on (this
/// machine's clock may be ahead of Microsoft's) for so many days.
///
/// # Errors
/// `invalidRequest` when the days lead beyond the calendar; `internal` when no key can be made.
pub(in crate::connections) fn make(name: &str, days: u32, now: Timestamp) -> Result<Certificate> {
    let failed = |error: rcgen::Error| {
        Problem::new(Code::Internal, "A certificate could not be made.").because(error)
    };
    let today = TimeZone::UTC.to_datetime(now).date();
    let moved = |days: i64| {
        Span::new()
            .try_days(days)
            .and_then(|days| today.checked_add(days))
            .map_err(|_| {
                Problem::invalid(
                    "validDays: the certificate would be good beyond the calendar's end.",
                )
            })
    };
    // A civil date has months from 1 to 12 and the days that its month has.
    let midnight = |date: Date| {
        date_time_ymd(
            i32::from(date.year()),
            date.month().unsigned_abs(),
            date.day().unsigned_abs(),
        )
    };
    let mut parameters = CertificateParams::default();
    parameters.not_before = midnight(moved(-1)?);
    parameters.not_after = midnight(moved(i64::from(days) + 1)?);
    parameters.distinguished_name = DistinguishedName::new();
    let name: String = format!("Postroom {name}")
        .chars()
        .take(LONGEST_NAME)
        .collect();
    parameters
        .distinguished_name
        .push(DnType::CommonName, name.trim_end());
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(failed)?;
    let certificate = parameters.self_signed(&key).map_err(failed)?;
    // What is made passes the same gate as what is brought along.
    from_pem(
        &Secret::new(certificate.pem()),
        Some(&Secret::new(key.serialize_pem())),
        None,
        now,
    )
}
