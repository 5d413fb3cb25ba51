//! Settings: flags over `POSTROOM_*` variables over `postroom.toml` over defaults.
//!
//! [`Layer`] is the one declaration that the command line, the environment and the file are read
//! by; [`Settings`] is what comes out.

mod alerts;

pub use alerts::AlertsLayer;

use crate::place::StorePlace;
use crate::platform;
use crate::trouble::usage;
use clap::{Args, Parser, ValueEnum};
use postroom_model::person::Role;
use postroom_model::{Network, Secret};
use postroom_store::{BlobPlace, DatabaseUrl};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One layer of settings: what is not given is left to the layer below.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Layer {
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:8025]
    #[arg(long, value_name = "ADDRESS:PORT", env = "POSTROOM_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// The data folder: database, attachments [default: ~/.local/share/postroom]
    #[arg(long, value_name = "DIR", env = "POSTROOM_DATA")]
    pub data: Option<PathBuf>,
    /// A PostgreSQL database of Postroom's own instead of a data folder:
    /// postgres://USER:PASSWORD@HOST/DATABASE; better given as the variable, for others on the
    /// machine see what is on a command line
    #[arg(
        long,
        value_name = "URL",
        env = "POSTROOM_DATABASE_URL",
        hide_env_values = true,
        value_parser = secret
    )]
    pub database_url: Option<Secret>,
    /// With a PostgreSQL database: large contents as files in this folder [default: in the
    /// database]
    #[arg(long, value_name = "DIR", env = "POSTROOM_BLOB_FOLDER")]
    pub blob_folder: Option<PathBuf>,
    /// Where callers and browsers reach this server, for example behind a proxy [default: the
    /// address that it listens on]
    #[arg(long, value_name = "URL", env = "POSTROOM_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// HTTPS with this certificate
    #[command(flatten)]
    pub tls: TlsLayer,
    /// Whom alerts are mailed to
    #[command(flatten)]
    pub alerts: AlertsLayer,
    /// Certificate authorities to trust besides the system's, in PEM: of a proxy, or of `postroom
    /// sandbox --tls`
    #[arg(long, value_name = "FILE", env = "POSTROOM_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// Seconds between two rounds of a mailbox's mirror [default: 60]
    #[arg(long, value_name = "SECONDS", env = "POSTROOM_SYNC_INTERVAL_SECONDS")]
    pub sync_interval_seconds: Option<u64>,
    /// Hours between two comparisons of every folder, id by id [default: 24]
    #[arg(long, value_name = "HOURS", env = "POSTROOM_PROVE_INTERVAL_HOURS")]
    pub prove_interval_hours: Option<u64>,
    /// Hours between two readings of each tenant's directory, 0 for none [default: 6]
    #[arg(long, value_name = "HOURS", env = "POSTROOM_PEOPLE_INTERVAL_HOURS")]
    pub people_interval_hours: Option<u64>,
    /// How many mailboxes are mirrored side by side [default: 8]
    #[arg(long, value_name = "N", env = "POSTROOM_MAILBOXES_AT_ONCE")]
    pub mailboxes_at_once: Option<usize>,
    /// For how many days the log of calls to Microsoft is kept [default: 90]
    #[arg(long, value_name = "DAYS", env = "POSTROOM_KEEP_CALLS_DAYS")]
    pub keep_calls_days: Option<u64>,
    /// For how many days headers and bodies of those calls are kept [default: 7]
    #[arg(long, value_name = "DAYS", env = "POSTROOM_KEEP_CALL_DETAILS_DAYS")]
    pub keep_call_details_days: Option<u64>,
    /// What is logged: a level, or levels by part like `info,postroom_engine=debug` [default:
    /// info]
    #[arg(long, value_name = "FILTER", env = "POSTROOM_LOG")]
    pub log: Option<String>,
    /// How it is logged; `auto` is text on a terminal and JSON elsewhere [default: auto]
    #[arg(long, value_name = "FORMAT", env = "POSTROOM_LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Whether headers and the beginnings of bodies go into the log of calls, without their
    /// secrets [default: true]
    #[arg(long, value_name = "BOOL", env = "POSTROOM_LOG_CALL_DETAILS")]
    pub log_call_details: Option<bool>,
    /// The file with the key that secrets in the data folder are encrypted with
    #[arg(long, value_name = "FILE", env = "POSTROOM_MASTER_KEY_FILE")]
    pub master_key_file: Option<PathBuf>,
    /// A command that prints that key, instead of a file. It is run without a shell: words are
    /// split at white space, with quotes as in sh
    #[arg(long, value_name = "COMMAND", env = "POSTROOM_MASTER_KEY_COMMAND")]
    pub master_key_command: Option<String>,
    /// The largest upload with attachments, in megabytes [default: 150]
    #[arg(long, value_name = "MB", env = "POSTROOM_MAX_UPLOAD_MB")]
    pub max_upload_mb: Option<u64>,
    /// The proxies (networks or addresses, separated by commas) that are believed when they say
    /// whom they were called by [default: none]
    #[arg(
        long,
        value_name = "CIDR",
        value_delimiter = ',',
        env = "POSTROOM_TRUSTED_PROXIES"
    )]
    pub trusted_proxies: Option<Vec<Network>>,
    /// For how many days the audit log is kept [default: 400]
    #[arg(long, value_name = "DAYS", env = "POSTROOM_KEEP_AUDIT_DAYS")]
    pub keep_audit_days: Option<u64>,
    /// The connection that people sign in to Postroom with Microsoft through [default: the only
    /// one there is]
    #[arg(long, value_name = "NAME", env = "POSTROOM_SIGN_IN_CONNECTION")]
    pub sign_in_connection: Option<String>,
    /// The tenant (its GUID) whose users are let in without an invitation, with --sign-in-role
    /// [default: none]
    #[arg(long, value_name = "GUID", env = "POSTROOM_SIGN_IN_TENANT")]
    pub sign_in_tenant: Option<String>,
    /// What they may do: reader or operator
    #[arg(long, value_name = "ROLE", env = "POSTROOM_SIGN_IN_ROLE")]
    pub sign_in_role: Option<Role>,
}

/// Certificate and key of the server, both or none.
#[derive(Args, Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct TlsLayer {
    /// HTTPS: the server's certificate chain, in PEM
    #[arg(
        id = "tls_cert",
        long = "tls-cert",
        value_name = "FILE",
        env = "POSTROOM_TLS_CERT"
    )]
    pub cert: Option<PathBuf>,
    /// HTTPS: the private key that belongs to it, in PEM
    #[arg(
        id = "tls_key",
        long = "tls-key",
        value_name = "FILE",
        env = "POSTROOM_TLS_KEY"
    )]
    pub key: Option<PathBuf>,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// Text.
    Text,
    /// JSON.
    Json,
}

/// What is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The file that was read.
    pub config_file: Option<PathBuf>,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The data folder; `None` where neither settings nor environment name one.
    pub data: Option<PathBuf>,
    /// A PostgreSQL database instead.
    pub database_url: Option<Secret>,
    /// Where its large contents lie, if not in it.
    pub blob_folder: Option<PathBuf>,
    /// Where this server is reached; `None`: where it listens.
    pub public_url: Option<String>,
    /// Certificate and key.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whom alerts are mailed to.
    pub alerts_mail_to: Vec<String>,
    /// The mailbox that they are mailed from.
    pub alerts_mail_from: Option<String>,
    /// Authorities to trust.
    pub ca_file: Option<PathBuf>,
    /// Between two rounds of a mirror.
    pub sync_interval: Duration,
    /// Between two proofs.
    pub prove_interval: Duration,
    /// Between two readings of a directory.
    pub people_interval: Duration,
    /// Mailboxes side by side.
    pub mailboxes_at_once: usize,
    /// How long calls are kept.
    pub keep_calls: Duration,
    /// How long their details are kept.
    pub keep_call_details: Duration,
    /// The log's filter.
    pub log: String,
    /// The log's form.
    pub log_format: LogFormat,
    /// Whether calls are logged with details.
    pub log_call_details: bool,
    /// The master key's file.
    pub master_key_file: Option<PathBuf>,
    /// The command that prints it.
    pub master_key_command: Option<String>,
    /// The largest upload, in bytes.
    pub max_upload_bytes: u64,
    /// Proxies that are believed.
    pub trusted_proxies: Vec<Network>,
    /// How long the audit log is kept.
    pub keep_audit: Duration,
    /// The connection that people sign in through.
    pub sign_in_connection: Option<String>,
    /// The tenant whose users are let in uninvited, and what they may do.
    pub sign_in_uninvited: Option<(String, Role)>,
}

impl Layer {
    /// What the environment says.
    ///
    /// # Errors
    /// For a variable that cannot be understood.
    pub fn from_environment() -> anyhow::Result<Self> {
        #[derive(Parser)]
        struct Environment {
            #[command(flatten)]
            layer: Layer,
        }
        Environment::try_parse_from(["postroom"])
            .map(|environment| environment.layer)
            .map_err(|error| {
                let text = error.to_string();
                let text = text.trim_start_matches("error: ");
                usage(format!(
                    "the environment: {}",
                    text.lines().next().unwrap_or(text)
                ))
            })
    }

    /// Reads settings from the text of a `postroom.toml`.
    ///
    /// # Errors
    /// For what is no TOML, for unknown settings and for values of another kind, by name and line.
    pub fn from_toml(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// This layer above another one.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        // A folder that is named here is meant, whatever database is named below, and the other
        // way round.
        let own_url = self.database_url;
        let (data, database_url, blob_folder) = if self.data.is_some() && own_url.is_none() {
            (self.data, None, self.blob_folder)
        } else if self.data.is_some() || own_url.is_some() {
            (self.data, own_url, self.blob_folder.or(below.blob_folder))
        } else {
            (
                below.data,
                below.database_url,
                self.blob_folder.or(below.blob_folder),
            )
        };
        // Of the two ways to name a master key, too, the closer one is meant.
        let key = if self.master_key_file.is_some() || self.master_key_command.is_some() {
            (self.master_key_file, self.master_key_command)
        } else {
            (below.master_key_file, below.master_key_command)
        };
        Self {
            listen: self.listen.or(below.listen),
            data,
            database_url,
            blob_folder,
            public_url: self.public_url.or(below.public_url),
            tls: TlsLayer {
                cert: self.tls.cert.or(below.tls.cert),
                key: self.tls.key.or(below.tls.key),
            },
            alerts: AlertsLayer {
                mail_to: self.alerts.mail_to.or(below.alerts.mail_to),
                mail_from: self.alerts.mail_from.or(below.alerts.mail_from),
            },
            ca_file: self.ca_file.or(below.ca_file),
            sync_interval_seconds: self.sync_interval_seconds.or(below.sync_interval_seconds),
            prove_interval_hours: self.prove_interval_hours.or(below.prove_interval_hours),
            people_interval_hours: self.people_interval_hours.or(below.people_interval_hours),
            mailboxes_at_once: self.mailboxes_at_once.or(below.mailboxes_at_once),
            keep_calls_days: self.keep_calls_days.or(below.keep_calls_days),
            keep_call_details_days: self.keep_call_details_days.or(below.keep_call_details_days),
            log: self.log.or(below.log),
            log_format: self.log_format.or(below.log_format),
            log_call_details: self.log_call_details.or(below.log_call_details),
            master_key_file: key.0,
            master_key_command: key.1,
            max_upload_mb: self.max_upload_mb.or(below.max_upload_mb),
            trusted_proxies: self.trusted_proxies.or(below.trusted_proxies),
            keep_audit_days: self.keep_audit_days.or(below.keep_audit_days),
            sign_in_connection: self.sign_in_connection.or(below.sign_in_connection),
            sign_in_tenant: self.sign_in_tenant.or(below.sign_in_tenant),
            sign_in_role: self.sign_in_role.or(below.sign_in_role),
        }
    }

    /// Fills in the defaults and looks whether the values can be.
    ///
    /// # Errors
    /// For a value that cannot be, with its name and what would do.
    pub fn resolve(self) -> anyhow::Result<Settings> {
        const DAY: u64 = 24 * 60 * 60;
        let database_url = self.database_url;
        if database_url.as_ref().is_some_and(Secret::is_empty) {
            return Err(usage(
                "the setting database_url (--database-url, POSTROOM_DATABASE_URL) is empty: give an \
                 address, or leave it out for a data folder",
            ));
        }
        if database_url.is_some() && self.data.is_some() {
            return Err(usage(
                "both a data folder (data, --data, POSTROOM_DATA) and a PostgreSQL database \
                 (database_url, --database-url, POSTROOM_DATABASE_URL) are named: leave one out",
            ));
        }
        if self.master_key_file.is_some() && self.master_key_command.is_some() {
            return Err(usage(
                "both master_key_file and master_key_command are set: leave one out",
            ));
        }
        let tls = match (self.tls.cert, self.tls.key) {
            (None, None) => None,
            (Some(cert), Some(key)) => Some((cert, key)),
            (Some(_), None) => return Err(usage("tls.cert is set without tls.key: give both")),
            (None, Some(_)) => return Err(usage("tls.key is set without tls.cert: give both")),
        };
        let public_url = self.public_url.map(|url| checked_url(&url)).transpose()?;
        let (alerts_mail_to, alerts_mail_from) = self.alerts.resolve()?;
        let sign_in_uninvited = uninvited(self.sign_in_tenant, self.sign_in_role)?;
        Ok(Settings {
            config_file: None,
            listen: self
                .listen
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8025))),
            data: self.data.or_else(default_data_folder),
            database_url,
            blob_folder: self.blob_folder,
            public_url,
            tls,
            alerts_mail_to,
            alerts_mail_from,
            ca_file: self.ca_file,
            sync_interval: Duration::from_secs(within(
                "sync_interval_seconds",
                self.sync_interval_seconds.unwrap_or(60),
                5,
                DAY,
            )?),
            prove_interval: Duration::from_secs(
                within(
                    "prove_interval_hours",
                    self.prove_interval_hours.unwrap_or(24),
                    1,
                    24 * 365,
                )? * 3600,
            ),
            people_interval: Duration::from_secs(
                within(
                    "people_interval_hours",
                    self.people_interval_hours.unwrap_or(6),
                    0,
                    24 * 365,
                )? * 3600,
            ),
            mailboxes_at_once: usize::try_from(within(
                "mailboxes_at_once",
                self.mailboxes_at_once.unwrap_or(8) as u64,
                1,
                1000,
            )?)?,
            keep_calls: Duration::from_secs(
                within(
                    "keep_calls_days",
                    self.keep_calls_days.unwrap_or(90),
                    1,
                    36_500,
                )? * DAY,
            ),
            keep_call_details: Duration::from_secs(
                within(
                    "keep_call_details_days",
                    self.keep_call_details_days.unwrap_or(7),
                    0,
                    36_500,
                )? * DAY,
            ),
            log: self.log.unwrap_or_else(|| "info".to_owned()),
            log_format: self.log_format.unwrap_or_default(),
            log_call_details: self.log_call_details.unwrap_or(true),
            master_key_file: self.master_key_file,
            master_key_command: self.master_key_command,
            max_upload_bytes: within("max_upload_mb", self.max_upload_mb.unwrap_or(150), 1, 4096)?
                * 1024
                * 1024,
            trusted_proxies: self.trusted_proxies.unwrap_or_default(),
            keep_audit: Duration::from_secs(
                within(
                    "keep_audit_days",
                    self.keep_audit_days.unwrap_or(400),
                    1,
                    36_500,
                )? * DAY,
            ),
            sign_in_connection: self.sign_in_connection,
            sign_in_uninvited,
        })
    }
}

/// A secret on the command line or in the environment.
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}

impl Settings {
    /// Flags over the environment (clap has put that into `flags` already) over the file.
    ///
    /// # Errors
    /// For a file that cannot be read or understood, and for values that cannot be.
    pub fn load(config: Option<&Path>, mut flags: Layer) -> anyhow::Result<Self> {
        // Clap has put flags and variables together: a flag wins over a variable here, too.
        if flags.data.is_some() && flags.database_url.is_some() {
            let environment = Layer::from_environment()?;
            let data_is_flag = flags.data != environment.data;
            let database_is_flag = flags.database_url != environment.database_url;
            if data_is_flag && !database_is_flag {
                flags.database_url = None;
                flags.blob_folder = None;
            } else if database_is_flag && !data_is_flag {
                flags.data = None;
            }
        }
        Self::load_layers(config, flags, |file| file)
    }

    fn load_layers(
        config: Option<&Path>,
        flags: Layer,
        of_file: impl FnOnce(Layer) -> Layer,
    ) -> anyhow::Result<Self> {
        let (file, below) = match find_file(config) {
            None => (None, Layer::default()),
            Some(path) => {
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    usage(format!(
                        "the settings file {} cannot be read: {error}",
                        path.display()
                    ))
                })?;
                let layer = Layer::from_toml(&text).map_err(|error| {
                    usage(format!(
                        "the settings file {} cannot be understood: {}{}",
                        path.display(),
                        error.message(),
                        line_of(&text, &error)
                    ))
                })?;
                (Some(path), layer)
            }
        };
        let mut settings = flags.over(of_file(below)).resolve()?;
        settings.config_file = file;
        Ok(settings)
    }

    /// Everything but where the store is, for work on places that are named otherwise.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn without_place(config: Option<&Path>) -> anyhow::Result<Self> {
        let environment = Layer {
            data: None,
            database_url: None,
            blob_folder: None,
            ..Layer::from_environment()?
        };
        let mut settings = Self::load_layers(config, environment, |layer| Layer {
            data: None,
            database_url: None,
            blob_folder: None,
            ..layer
        })?;
        settings.data = None;
        Ok(settings)
    }

    /// Where the store is.
    ///
    /// # Errors
    /// Where nothing names a place, and for an address that is none.
    pub fn place(&self) -> anyhow::Result<StorePlace> {
        if let Some(url) = &self.database_url {
            let url = DatabaseUrl::parse(url.reveal())
                .map(Box::new)
                .map_err(|error| usage(format!("the setting database_url: {error}")))?;
            let blobs = match &self.blob_folder {
                Some(folder) => BlobPlace::Folder(folder.clone()),
                None => BlobPlace::Database,
            };
            return Ok(StorePlace::Database { url, blobs });
        }
        if self.blob_folder.is_some() {
            return Err(usage(
                "blob_folder is for a PostgreSQL database: a data folder keeps its contents itself",
            ));
        }
        self.data.clone().map(StorePlace::Folder).ok_or_else(|| {
            usage("there is no home folder to keep data in: name a data folder with --data DIR")
        })
    }
}

/// Where in the text the error is. The line itself is not shown: there may be a password in it.
fn line_of(text: &str, error: &toml::de::Error) -> String {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return String::new();
    };
    format!(" (line {})", before.lines().count().max(1))
}

/// The settings file to read: the one that is named, else this user's, else the machine's.
fn find_file(named: Option<&Path>) -> Option<PathBuf> {
    if let Some(path) = named {
        return Some(path.to_owned());
    }
    let own = platform::config_home().map(|folder| folder.join("postroom").join("postroom.toml"));
    [own, platform::machine_config()]
        .into_iter()
        .flatten()
        .find(|path| path.exists())
}

fn default_data_folder() -> Option<PathBuf> {
    platform::state_directory().or_else(|| Some(platform::data_home()?.join("postroom")))
}

fn within(name: &str, value: u64, least: u64, most: u64) -> anyhow::Result<u64> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(usage(format!(
        "the setting {name} is {value}: it can be from {least} to {most}"
    )))
}

/// Whose users are let in uninvited. A whole tenant is never made administrators: an administrator
/// gives others access, and ought to be somebody who was named.
fn uninvited(tenant: Option<String>, role: Option<Role>) -> anyhow::Result<Option<(String, Role)>> {
    match (tenant, role) {
        (None, None) => Ok(None),
        (Some(tenant), Some(role)) => {
            if uuid::Uuid::try_parse(&tenant).is_err() {
                return Err(usage(
                    "the setting sign_in_tenant has to be the tenant's id, a GUID: its domains can \
                     change hands",
                ));
            }
            if role == Role::Administrator {
                return Err(usage(
                    "the setting sign_in_role is administrator: invite administrators by name, and \
                     let a tenant in as reader or operator",
                ));
            }
            Ok(Some((tenant, role)))
        }
        (Some(_), None) => Err(usage(
            "sign_in_tenant is set without sign_in_role: say what its users may do",
        )),
        (None, Some(_)) => Err(usage(
            "sign_in_role is set without sign_in_tenant: say which tenant's users it is for",
        )),
    }
}

fn checked_url(text: &str) -> anyhow::Result<String> {
    let url = url::Url::parse(text)
        .map_err(|error| usage(format!("the setting public_url is no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || !url.has_host() {
        return Err(usage(
            "the setting public_url has to be like https://mail.example.com",
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const EXAMPLE: &str = include_str!("../../../postroom.example.toml");

    #[test]
    fn the_example_says_the_defaults() {
        let example = Layer::from_toml(EXAMPLE).unwrap();
        assert_eq!(
            example.resolve().unwrap(),
            Layer::default().resolve().unwrap()
        );
    }

    #[test]
    fn the_example_names_every_setting() {
        let all: String = EXAMPLE
            .lines()
            .map(|line| {
                let bare = line.strip_prefix('#').unwrap_or(line);
                let code =
                    !bare.starts_with(' ') && (bare.contains(" = ") || bare.starts_with('['));
                format!("{}\n", if code { bare } else { line })
            })
            .collect();
        let layer = Layer::from_toml(&all).unwrap();
        let shown = format!("{layer:?}");
        assert!(!shown.contains("None"), "{shown}");
    }

    #[test]
    fn unknown_settings_are_refused_by_name() {
        let error = Layer::from_toml("lisen = \"127.0.0.1:1\"").unwrap_err();
        assert!(error.to_string().contains("lisen"), "{error}");
    }

    #[test]
    fn flags_win_over_the_file() {
        let flags = Layer {
            mailboxes_at_once: Some(3),
            ..Layer::default()
        };
        let file = Layer::from_toml("mailboxes_at_once = 5\nkeep_calls_days = 2").unwrap();
        let settings = flags.over(file).resolve().unwrap();
        assert_eq!(settings.mailboxes_at_once, 3);
        assert_eq!(settings.keep_calls.as_secs(), 2 * 24 * 60 * 60);
    }

    #[test]
    fn the_place_that_is_named_closer_is_meant() {
        let database = || Some(Secret::new("postgres://h/d"));
        let file = || Layer {
            database_url: database(),
            blob_folder: Some("blobs".into()),
            ..Layer::default()
        };
        let folder = Layer {
            data: Some("here".into()),
            ..Layer::default()
        };
        let settings = folder.clone().over(file()).resolve().unwrap();
        assert!(matches!(settings.place().unwrap(), StorePlace::Folder(_)));
        let other = Layer {
            database_url: database(),
            ..Layer::default()
        };
        let settings = other.over(folder).resolve().unwrap();
        assert!(matches!(
            settings.place().unwrap(),
            StorePlace::Database { .. }
        ));
        let settings = Layer::default().over(file()).resolve().unwrap();
        let StorePlace::Database { blobs, .. } = settings.place().unwrap() else {
            panic!("the file's database");
        };
        assert_eq!(blobs, BlobPlace::Folder("blobs".into()));
    }

    #[test]
    fn the_master_key_that_is_named_closer_is_meant() {
        let file = Layer::from_toml("master_key_file = \"/x\"").unwrap();
        let flags = Layer {
            master_key_command: Some("pass postroom".into()),
            ..Layer::default()
        };
        let settings = flags.over(file).resolve().unwrap();
        assert_eq!(settings.master_key_file, None);
        assert_eq!(
            settings.master_key_command.as_deref(),
            Some("pass postroom")
        );
    }

    #[test]
    fn an_empty_address_is_no_data_folder() {
        let empty = Layer {
            database_url: Some(Secret::new("")),
            ..Layer::default()
        };
        assert!(empty.over(Layer::default()).resolve().is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for text in [
            "sync_interval_seconds = 0",
            "mailboxes_at_once = 0",
            "public_url = \"ftp://x\"",
            "master_key_file = \"/x\"\nmaster_key_command = \"y\"",
            "data = \"/x\"\ndatabase_url = \"postgres://x/y\"",
            "[tls]\ncert = \"a.pem\"",
            "sign_in_role = \"reader\"",
            "sign_in_tenant = \"contoso.com\"\nsign_in_role = \"reader\"",
            "sign_in_tenant = \"3f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f\"\nsign_in_role = \"administrator\"",
        ] {
            let layer = Layer::from_toml(text).unwrap();
            assert!(layer.resolve().is_err(), "{text}");
        }
    }
}
