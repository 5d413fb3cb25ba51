//! HTTPS from given files, with the real program and the real curl.

use anyhow::{Context, Result};
use postroom_tests::certificates::Certificates;
use postroom_tests::curl::curl;
use postroom_tests::process::{Program, Server, Serving};
use postroom_tests::wait::until;
use std::path::Path;

/// The arguments that name certificate and key.
fn files<'a>(certificate: &'a Path, key: &'a Path) -> Result<[&'a str; 4]> {
    Ok([
        "--tls-cert",
        certificate.to_str().context("a path")?,
        "--tls-key",
        key.to_str().context("a path")?,
    ])
}

async fn logged(log: &Path, text: &str) -> Result<()> {
    until(&format!("the log has {text:?}"), || {
        std::fs::read_to_string(log).is_ok_and(|log| log.contains(text))
    })
    .await
}

/// Clients that trust the authority are served, over both versions of HTTP; whoever speaks plain
/// HTTP, or does not trust it, gets nothing.
#[tokio::test(flavor = "multi_thread")]
async fn https_is_served_from_given_files() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made = Certificates::make(folder.path())?;
    let program = Program::new(&folder.path().join("data"))?;
    let log = folder.path().join("log");
    let server = program.serve_as(&Serving {
        arguments: &files(&made.certificate, &made.key)?,
        https: true,
        log: Some(&log),
        ..Serving::default()
    })?;
    logged(&log, "postroom is ready").await?;
    let authority = made.authority.to_string_lossy();
    let url = format!("{}/healthz", server.url);
    for version in ["--http1.1", "--http2"] {
        let answer = curl(&[
            version,
            "--cacert",
            &authority,
            "--write-out",
            "%{http_code}",
            "--output",
            "/dev/null",
            &url,
        ])
        .await?;
        assert_eq!(answer.exit, 0, "{version}: {}", answer.said);
        assert_eq!(answer.body, b"200", "{version}");
    }
    let untrusting = curl(&[&url]).await?;
    assert_eq!(untrusting.exit, 60, "{}", untrusting.said);
    let plain = curl(&[&url.replace("https://", "http://")]).await?;
    assert_ne!(plain.exit, 0);
    assert!(plain.body.is_empty(), "{:?}", plain.body);
    // Neither did the server any harm.
    let again = curl(&["--fail", "--cacert", &authority, &url]).await?;
    assert_eq!(again.exit, 0, "{}", again.said);
    assert!(server.terminate()?);

    let log = std::fs::read_to_string(&log)?;
    assert!(!log.contains("WITHOUT TLS"), "{log}");
    Ok(())
}

/// Files that are missing, are none, or do not fit: the server does not start, and says which file
/// and what it takes.
#[test]
fn files_that_do_not_fit_are_named() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made = Certificates::make(folder.path())?;
    let program = Program::new(&folder.path().join("data"))?;
    let missing = folder.path().join("missing.pem");
    for (certificate, key, words) in [
        (
            &made.certificate,
            &missing,
            &["missing.pem", "private key in PEM", "No such file"][..],
        ),
        (
            &missing,
            &made.key,
            &["missing.pem", "certificate", "No such file"],
        ),
        (
            &made.certificate,
            &made.certificate,
            &["certificate.pem", "private key in PEM"],
        ),
        (&made.key, &made.key, &["key.pem", "certificate", "PEM"]),
        (
            &made.certificate,
            &made.other_key,
            &["certificate.pem", "other-key.pem", "do not belong together"],
        ),
    ] {
        let mut arguments = vec!["serve", "--listen", "127.0.0.1:0"];
        arguments.extend(files(certificate, key)?);
        let output = program.command(&arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        for word in words {
            assert!(said.contains(word), "{word:?} is not in {said:?}");
        }
        assert!(!said.contains("panicked"), "{said}");
    }
    let certificate = made.certificate.to_string_lossy();
    let output = program
        .command(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--tls-cert",
            &certificate,
        ])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(said.contains("tls.key"), "{said}");
    Ok(())
}

/// An address that others reach, without TLS: the log says so; with TLS it does not.
#[tokio::test(flavor = "multi_thread")]
async fn an_open_address_without_tls_is_warned_of() -> Result<()> {
    const WARNING: &str = "LISTENING WITHOUT TLS";
    let folder = tempfile::tempdir()?;
    let made = Certificates::make(folder.path())?;
    let program = Program::new(&folder.path().join("data"))?;
    let tls = files(&made.certificate, &made.key)?;
    let start = |name: &str, everywhere: bool, arguments: &[&str]| -> Result<_> {
        let log = folder.path().join(name);
        let server: Server = program.serve_as(&Serving {
            arguments,
            https: !arguments.is_empty(),
            everywhere,
            log: Some(&log),
            ..Serving::default()
        })?;
        Ok((server, log))
    };
    for (name, everywhere, arguments, warns) in [
        ("open", true, &[][..], true),
        ("open with TLS", true, &tls, false),
        ("loopback", false, &[], false),
    ] {
        let (server, log) = start(name, everywhere, arguments)?;
        logged(&log, "postroom is ready").await?;
        assert!(server.terminate()?, "{name}");
        let log = std::fs::read_to_string(&log)?;
        assert_eq!(log.contains(WARNING), warns, "{name}: {log}");
        assert_eq!(log.contains("--tls-cert"), warns, "{name}: {log}");
    }
    Ok(())
}
