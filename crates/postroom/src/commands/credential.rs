//! What an application proves itself with: the options that give a credential, and
//! `postroom connection credential`.

use crate::client::ApiClient;
use crate::table::{Table, cell};
use crate::trouble::usage;
use crate::{output, pick, when};
use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use postroom_engine::shell_word;
use postroom_model::Timestamp;
use serde_json::{Map, Value, json};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The longest file that is read as a certificate, in bytes.
const LONGEST_FILE: u64 = 64 * 1024;

/// How the application proves itself.
#[derive(Args)]
#[group(skip)]
pub(crate) struct CredentialOptions {
    /// The file with the client secret's value (not its id); `-` reads standard input
    #[arg(long, value_name = "FILE", group = "credential")]
    client_secret_file: Option<PathBuf>,
    /// When the secret ends at Microsoft
    #[arg(long, value_name = "DATE", value_parser = when::parse, requires = "client_secret_file")]
    secret_expires: Option<Timestamp>,
    /// A certificate: PEM, or PKCS#12 (.pfx, .p12) with its key
    #[arg(long, value_name = "FILE", group = "credential")]
    certificate: Option<PathBuf>,
    /// The certificate's private key in PEM, where it is in a file of its own
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_key: Option<PathBuf>,
    /// The file with the password of the key or the .pfx file; `-` reads standard input
    #[arg(long, value_name = "FILE", requires = "certificate")]
    certificate_password_file: Option<PathBuf>,
    /// Make a certificate, whose public half is then uploaded to the app registration
    #[arg(long, group = "credential")]
    make_certificate: bool,
    /// For how many days it is made; 730 unless given
    #[arg(long, value_name = "N", requires = "make_certificate")]
    valid_days: Option<u32>,
    /// A file on the server that another issuer keeps an assertion in (workload identity)
    #[arg(long, value_name = "FILE", group = "credential")]
    federated_file: Option<String>,
    /// An address that answers with such an assertion
    #[arg(long, value_name = "URL", group = "credential")]
    federated_url: Option<String>,
    /// A header to send there, like "Metadata: true"; "NAME: @FILE" reads its value from a file
    #[arg(long, value_name = "HEADER", requires = "federated_url")]
    federated_header: Vec<String>,
}

impl CredentialOptions {
    /// The API's body; `None` when nothing is given.
    pub(crate) fn body(&self) -> anyhow::Result<Option<Value>> {
        if let Some(path) = &self.client_secret_file {
            let mut body = json!({"secret": read_secret(path)?});
            if let Some(at) = self.secret_expires {
                body["expiresAt"] = at.to_string().into();
            }
            return Ok(Some(body));
        }
        if let Some(path) = &self.certificate {
            return self.certificate_body(path).map(Some);
        }
        if self.make_certificate {
            let mut body = json!({"generate": true});
            if let Some(days) = self.valid_days {
                body["validDays"] = days.into();
            }
            return Ok(Some(body));
        }
        if let Some(file) = &self.federated_file {
            return Ok(Some(json!({"federated": {"file": file}})));
        }
        if let Some(url) = &self.federated_url {
            let mut headers = Map::new();
            for header in &self.federated_header {
                let (name, value) = read_header(header)?;
                headers.insert(name, value.into());
            }
            return Ok(Some(json!({"federated": {"url": url, "headers": headers}})));
        }
        Ok(None)
    }

    fn certificate_body(&self, path: &Path) -> anyhow::Result<Value> {
        let bytes = read_bytes(path)?;
        let mut body = Map::new();
        // DER begins with a sequence; PEM is text.
        if bytes.first() == Some(&0x30) {
            if self.certificate_key.is_some() {
                return Err(usage(
                    "--certificate-key is for PEM: a .pfx or .p12 file has its key in it",
                ));
            }
            body.insert("pkcs12".into(), STANDARD.encode(&bytes).into());
        } else {
            body.insert("certificate".into(), text(path, bytes)?.into());
            if let Some(path) = &self.certificate_key {
                body.insert("privateKey".into(), text(path, read_bytes(path)?)?.into());
            }
        }
        if let Some(path) = &self.certificate_password_file {
            body.insert("password".into(), read_secret(path)?.into());
        }
        Ok(body.into())
    }
}

fn read_bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let unread = || format!("the file {} cannot be read", path.display());
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .with_context(unread)?
        .take(LONGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .with_context(unread)?;
    anyhow::ensure!(
        bytes.len() as u64 <= LONGEST_FILE,
        "{} is longer than any certificate",
        path.display()
    );
    Ok(bytes)
}

fn text(path: &Path, bytes: Vec<u8>) -> anyhow::Result<String> {
    String::from_utf8(bytes)
        .map_err(|_| anyhow::anyhow!("{} is neither PEM nor PKCS#12 (.pfx, .p12)", path.display()))
}

fn read_secret(path: &Path) -> anyhow::Result<String> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("reading the secret from standard input")?;
        text
    } else {
        std::fs::read_to_string(path)
            .with_context(|| format!("the secret's file {} cannot be read", path.display()))?
    };
    let secret = text.trim();
    anyhow::ensure!(!secret.is_empty(), "the secret's file is empty");
    Ok(secret.to_owned())
}

fn read_header(header: &str) -> anyhow::Result<(String, String)> {
    let Some((name, value)) = header.split_once(':') else {
        return Err(usage(format!(
            "--federated-header {header:?}: write it as \"NAME: VALUE\""
        )));
    };
    let value = value.trim();
    let value = match value.strip_prefix('@') {
        Some(file) => read_secret(Path::new(file))?,
        None => value.to_owned(),
    };
    Ok((name.trim().to_owned(), value))
}

/// Credentials beside each other, so that one can replace the other without a gap
#[derive(Subcommand)]
pub(crate) enum CredentialVerb {
    /// List a connection's credentials, the newest first: the order in which they are tried
    List {
        /// The connection's name or id; the only one unless given
        connection: Option<String>,
        /// Print the API's JSON
        #[arg(long)]
        json: bool,
    },
    /// Add a credential beside those that are there
    Add(Box<Add>),
    /// Print the public half of a certificate, for upload to the app registration
    Certificate {
        /// The connection's name or id
        connection: String,
        /// The credential's id; the newest certificate unless given
        credential: Option<String>,
        /// Save it to this new file instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Remove a credential
    Remove {
        /// The connection's name or id
        connection: String,
        /// The credential's id
        credential: String,
    },
}

/// A credential to be added.
#[derive(Args)]
pub(crate) struct Add {
    /// The connection's name or id
    connection: String,
    #[command(flatten)]
    options: CredentialOptions,
    /// Print the API's JSON
    #[arg(long)]
    json: bool,
}

impl CredentialVerb {
    pub(crate) async fn run(self, client: &ApiClient) -> anyhow::Result<()> {
        match self {
            Self::List { connection, json } => list(client, connection.as_deref(), json).await,
            Self::Add(add) => add.run(client).await,
            Self::Certificate {
                connection,
                credential,
                out,
            } => certificate(client, &connection, credential, out.as_deref()).await,
            Self::Remove {
                connection,
                credential,
            } => {
                let connection = pick::connection(client, Some(&connection)).await?;
                let id = pick::id(&connection);
                client
                    .delete(&["connections", &id, "credentials", &credential])
                    .await?;
                output::say(format_args!(
                    "Removed the credential {} of the connection {}.",
                    output::tame(&credential),
                    cell(&connection["name"])
                ));
                Ok(())
            }
        }
    }
}

impl Add {
    async fn run(self, client: &ApiClient) -> anyhow::Result<()> {
        let Some(body) = self.options.body()? else {
            return Err(usage(
                "no credential was given; `postroom connection credential add --help` says what \
                 can be",
            ));
        };
        let connection = pick::connection(client, Some(&self.connection)).await?;
        let id = pick::id(&connection);
        let added = client
            .post(&["connections", &id, "credentials"], &body)
            .await?;
        if self.json {
            output::json(&added)?;
        } else {
            output::line(pick::id(&added))?;
        }
        say_where_to_upload(&connection, &added);
        Ok(())
    }
}

/// Says what is still to be done for a certificate: Microsoft has to know it.
pub(crate) fn say_where_to_upload(connection: &Value, credential: &Value) {
    if credential["kind"] != "certificate" {
        return;
    }
    output::hint(format_args!(
        "Upload its public half to the app registration {} (Entra admin center → App registrations \
         → Certificates & secrets → Certificates), unless it is there already: `postroom connection \
         credential certificate {} --out FILE.pem` saves it. Thumbprint: {}.",
        cell(&connection["clientId"]),
        shell_word(&cell(&connection["name"])),
        cell(&credential["certificate"]["thumbprint"]),
    ));
}

async fn list(client: &ApiClient, named: Option<&str>, json: bool) -> anyhow::Result<()> {
    let connection = pick::connection(client, named).await?;
    let path = ["connections", &pick::id(&connection), "credentials"];
    let answer = client.get(&path, &[]).await?;
    if json {
        return Ok(output::json(&answer)?);
    }
    let mut table = Table::new(["ID", "KIND", "EXPIRES", "DAYS LEFT", "WHAT"]);
    for credential in pick::entries(&answer) {
        table.row([
            pick::id(credential),
            cell(&credential["kind"]),
            cell(&credential["expiresAt"]),
            cell(&credential["daysLeft"]),
            what(credential),
        ]);
    }
    Ok(table.print()?)
}

/// What tells a credential from others of its kind.
fn what(credential: &Value) -> String {
    let federated = &credential["federated"];
    [
        &credential["certificate"]["thumbprint"],
        &federated["file"],
        &federated["url"],
    ]
    .into_iter()
    .find(|value| value.is_string())
    .map_or_else(String::new, cell)
}

async fn certificate(
    client: &ApiClient,
    named: &str,
    credential: Option<String>,
    out: Option<&Path>,
) -> anyhow::Result<()> {
    let connection = pick::connection(client, Some(named)).await?;
    let newest = || {
        connection["credentials"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|credential| credential["kind"] == "certificate")
            .map(pick::id)
    };
    let credential = credential.or_else(newest).with_context(|| {
        format!(
            "the connection {} has no certificate: `postroom connection credential add {} \
             --make-certificate` makes one",
            cell(&connection["name"]),
            shell_word(&cell(&connection["name"]))
        )
    })?;
    let id = pick::id(&connection);
    let path = [
        "connections",
        &id,
        "credentials",
        &credential,
        "certificate",
    ];
    let file = client.download(&path, &[]).await?;
    match out {
        Some(path) => {
            file.save_new(path).await?;
            output::say(format_args!("Saved the certificate to {}.", path.display()));
        }
        None => output::line(file.text(LONGEST_FILE).await?.trim_end())?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Sample {
        #[command(flatten)]
        options: CredentialOptions,
    }

    fn body(arguments: &[&str]) -> anyhow::Result<Option<Value>> {
        let arguments = std::iter::once("sample").chain(arguments.iter().copied());
        Sample::try_parse_from(arguments)?.options.body()
    }

    #[test]
    fn files_are_told_apart_by_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path.to_string_lossy().into_owned()
        };
        let pem = write("a.pfx", b"-----BEGIN CERTIFICATE-----");
        let pfx = write("b.pem", &[0x30, 0x82, 0x01]);
        let key = write("key", b"a key");
        let password = write("password", b"hush\n");
        let given = body(&["--certificate", &pem, "--certificate-key", &key]).unwrap();
        assert_eq!(
            given,
            Some(json!({"certificate": "-----BEGIN CERTIFICATE-----", "privateKey": "a key"}))
        );
        let with_password = [
            "--certificate",
            &pfx,
            "--certificate-password-file",
            &password,
        ];
        assert_eq!(
            body(&with_password).unwrap(),
            Some(json!({"pkcs12": "MIIB", "password": "hush"}))
        );
        assert!(body(&["--certificate", &pfx, "--certificate-key", &key]).is_err());
        let binary = write("c", &[0xff, 0xfe]);
        assert!(body(&["--certificate", &binary]).is_err());
        let long = write("d", &vec![b'x'; 70_000]);
        assert!(body(&["--certificate", &long]).is_err());
        assert!(body(&["--certificate", "/nowhere"]).is_err());
    }

    #[test]
    fn one_credential_at_a_time() {
        assert_eq!(body(&[]).unwrap(), None);
        assert_eq!(
            body(&["--make-certificate", "--valid-days", "90"]).unwrap(),
            Some(json!({"generate": true, "validDays": 90}))
        );
        assert_eq!(
            body(&["--federated-file", "/token"]).unwrap(),
            Some(json!({"federated": {"file": "/token"}}))
        );
        assert_eq!(
            body(&[
                "--federated-url",
                "https://x/",
                "--federated-header",
                "Metadata: true"
            ])
            .unwrap(),
            Some(json!({"federated": {"url": "https://x/", "headers": {"Metadata": "true"}}}))
        );
        for wrong in [
            &["--make-certificate", "--federated-file", "/token"][..],
            &["--valid-days", "90"],
            &["--certificate-key", "x"],
            &["--secret-expires", "2027-01-31"],
            &[
                "--federated-url",
                "https://x/",
                "--federated-header",
                "Metadata",
            ],
        ] {
            assert!(body(wrong).is_err(), "{wrong:?}");
        }
    }
}
