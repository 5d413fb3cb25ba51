use super::*;
use jiff::ToSpan as _;
use proptest::prelude::*;

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("fixtures/", $name))
    };
}

const CERTIFICATE: &str = fixture!("rsa.cert.pem");
const KEY: &str = fixture!("rsa.key.pem");
const PFX: &[u8] = include_bytes!("fixtures/rsa.p12");

/// `openssl x509 -fingerprint -sha1` of the fixture.
const THUMBPRINT: &str = "3C71F32D2AFE7D8745349455D995D44C2B3AD1C6";

fn now() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().expect("a time")
}

fn read(certificate: &str, key: Option<&str>, password: Option<&str>) -> Result<Certificate> {
    from_pem(
        &Secret::new(certificate),
        key.map(Secret::new).as_ref(),
        password.map(Secret::new).as_ref(),
        now(),
    )
}

fn pfx(file: &[u8], password: Option<&str>) -> Result<Certificate> {
    let file = Secret::new(STANDARD.encode(file));
    from_pkcs12(&file, password.map(Secret::new).as_ref(), now())
}

fn refusal(read: Result<Certificate>) -> String {
    read.expect_err("refused").detail
}

#[test]
fn every_form_gives_the_same_certificate() {
    let both = format!("{CERTIFICATE}\n{KEY}");
    let key_first = format!("Bag Attributes\n  localKeyID: 01\n{KEY}{CERTIFICATE}");
    let chain = format!("{}{CERTIFICATE}", fixture!("other.cert.pem"));
    let for_filemaker = both.replace('\n', "\r");
    let password = Some("fixture");
    let forms = [
        read(CERTIFICATE, Some(KEY), None),
        read(&both, None, None),
        read(&key_first, None, None),
        read(&chain, Some(KEY), None),
        read(&for_filemaker, None, None),
        // The same key twice is one key.
        read(&both, Some(KEY), None),
        read(CERTIFICATE, Some(fixture!("rsa.pkcs1.key.pem")), None),
        read(
            CERTIFICATE,
            Some(fixture!("rsa.encrypted.key.pem")),
            password,
        ),
        pfx(PFX, password),
        pfx(include_bytes!("fixtures/rsa.legacy.pfx"), password),
    ];
    let first = read(CERTIFICATE, Some(KEY), None).expect("read");
    assert_eq!(first.info.thumbprint, THUMBPRINT);
    assert_eq!(first.info.x5t_s256.len(), 43);
    assert!(first.info.subject.contains("Postroom fixture"));
    assert!(first.info.pem.starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(!first.info.pem.contains("PRIVATE"));
    assert!(first.not_after > now());
    for form in forms {
        let form = form.expect("read");
        assert_eq!(form.info, first.info);
        assert_eq!(form.key, first.key);
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let other = fixture!("other.key.pem");
    for (read, says) in [
        (read(CERTIFICATE, None, None), "without its private key"),
        (read(KEY, None, None), "no certificate"),
        (read(CERTIFICATE, Some(other), None), "another certificate"),
        (
            read(CERTIFICATE, Some(&format!("{KEY}{other}")), None),
            "several private keys",
        ),
        (read("rubbish", None, None), "no PEM text"),
        (read("", Some(KEY), None), "no PEM text"),
        (
            read("-----BEGIN CERTIFICATE-----\nAAAA", Some(KEY), None),
            "no PEM text",
        ),
        (
            read(
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
                Some(KEY),
                None,
            ),
            "damaged",
        ),
        (
            read(
                CERTIFICATE,
                Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"),
                None,
            ),
            "cannot be read",
        ),
        (
            read(fixture!("ec.cert.pem"), Some(fixture!("ec.key.pem")), None),
            "no RSA key",
        ),
        (
            read(CERTIFICATE, Some(fixture!("small.key.pem")), None),
            "too short",
        ),
        (
            read(CERTIFICATE, Some(fixture!("rsa.encrypted.key.pem")), None),
            "give its password",
        ),
        (
            read(
                CERTIFICATE,
                Some(fixture!("rsa.encrypted.key.pem")),
                Some("wrong"),
            ),
            "does not open",
        ),
        (
            read(
                CERTIFICATE,
                Some(fixture!("rsa.old.key.pem")),
                Some("fixture"),
            ),
            "old way",
        ),
        (pfx(PFX, Some("wrong")), "does not open"),
        (pfx(PFX, None), "has a password"),
        (
            pfx(include_bytes!("fixtures/keyless.p12"), Some("fixture")),
            "without its private key",
        ),
        (pfx(b"rubbish", None), "no PKCS#12 file"),
        (pfx(b"", None), "no PKCS#12 file"),
        (pfx(CERTIFICATE.as_bytes(), None), "no PKCS#12 file"),
        (pfx(&vec![0; LONGEST_INPUT + 1], None), "longer than"),
        (
            read(&"x".repeat(LONGEST_INPUT + 1), None, None),
            "longer than",
        ),
    ] {
        let refusal = refusal(read);
        assert!(refusal.contains(says), "{says:?} is not in {refusal:?}");
        assert!(!refusal.contains("BEGIN PRIVATE"), "{refusal}");
    }
}

#[test]
fn dates_are_read_from_the_certificate() {
    let at = |now: Timestamp| {
        from_pem(
            &Secret::new(CERTIFICATE),
            Some(&Secret::new(KEY)),
            None,
            now,
        )
    };
    let whole = at(now()).expect("read");
    let refused = at(whole.not_after).expect_err("over").detail;
    assert!(refused.contains("is over since"), "{refused}");
    assert!(at(whole.not_after - 1.second()).is_ok());
    let refused = at(whole.info.not_before - 301.seconds())
        .expect_err("early")
        .detail;
    assert!(refused.contains("not good before"), "{refused}");
    // A machine whose clock is a little behind that of whoever made it.
    assert!(at(whole.info.not_before - 300.seconds()).is_ok());
}

#[test]
fn a_made_one_is_good_at_once_and_for_as_long_as_it_should() {
    let made = make(
        "Übung \u{1f600} and a very long name of a connection that goes on",
        730,
        now(),
    )
    .expect("made");
    assert!(
        made.info.subject.contains("Postroom Übung"),
        "{}",
        made.info.subject
    );
    assert!(made.info.not_before < now());
    let good_for = made.not_after.duration_since(now());
    assert_eq!(good_for.as_hours(), 731 * 24);
    let again = read(&made.info.pem, Some(made.key.reveal()), None).expect("read");
    assert_eq!(again.info, made.info);
    assert!(make("x", u32::MAX, now()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn hostile_input_is_refused_and_no_more(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = pfx(&bytes, Some("x"));
        let _ = read(&String::from_utf8_lossy(&bytes), None, None);
        let wrapped = pem::write("ENCRYPTED PRIVATE KEY", &bytes);
        prop_assert!(read(CERTIFICATE, Some(&wrapped), Some("x")).is_err());
        let wrapped = pem::write("CERTIFICATE", &bytes);
        prop_assert!(read(&wrapped, Some(KEY), None).is_err());
    }

    #[test]
    fn a_spoiled_file_is_refused_and_no_more(at in 0..PFX.len(), to in any::<u8>()) {
        let mut spoiled = PFX.to_vec();
        let was = std::mem::replace(&mut spoiled[at], to);
        // Its checksum is over everything that matters; what is around it may be read another way.
        if was != to && let Ok(read) = pfx(&spoiled, Some("fixture")) {
            prop_assert_eq!(read.info.thumbprint, THUMBPRINT);
        }
    }
}
