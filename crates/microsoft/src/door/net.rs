//! The HTTP clients.

use super::address::{is_instance_metadata, is_loopback};
use super::error::DoorError;
use super::settings::DoorSettings;
use reqwest::{Certificate, Client, redirect};
use std::sync::OnceLock;
use std::time::Duration;
use url::Url;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(60);

/// The clients: for this machine without the system's proxy, for all else with it, and each once
/// more without kept connections. Redirects are never followed: a token goes nowhere else.
pub(crate) struct Net {
    settings: DoorSettings,
    certificates: Vec<Certificate>,
    clients: [OnceLock<Client>; 4],
}

impl Net {
    pub(crate) fn new(settings: &DoorSettings) -> Result<Self, DoorError> {
        let certificates = match &settings.extra_ca_pem {
            Some(pem) => Certificate::from_pem_bundle(pem).map_err(|error| {
                DoorError::Address(format!(
                    "the extra certificate authority cannot be read ({error}): give a PEM file"
                ))
            })?,
            None => Vec::new(),
        };
        let net = Self {
            settings: settings.clone(),
            certificates,
            clients: Default::default(),
        };
        net.build(false, false)?;
        Ok(net)
    }

    /// The client for an address; `fresh`: on a connection of its own, as Graph asks for after 503
    /// (Graph, *Best practices*).
    pub(crate) fn client(&self, url: &Url, fresh: bool) -> Result<&Client, DoorError> {
        let local = is_loopback(url) || is_instance_metadata(url);
        let slot = &self.clients[usize::from(local) + 2 * usize::from(fresh)];
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = self.build(local, fresh)?;
        Ok(slot.get_or_init(|| client))
    }

    fn build(&self, local: bool, fresh: bool) -> Result<Client, DoorError> {
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .referer(false)
            .user_agent(&self.settings.user_agent)
            .connect_timeout(self.settings.connect_timeout)
            .pool_idle_timeout(IDLE)
            .tls_certs_merge(self.certificates.iter().cloned());
        if local {
            builder = builder.no_proxy();
        }
        if fresh {
            builder = builder.pool_max_idle_per_host(0);
        }
        builder.build().map_err(|error| {
            DoorError::Address(format!("the HTTP client cannot be built: {error}"))
        })
    }
}
