//! Numbers for Prometheus. They name routes, statuses and our own ids, never a mailbox.

use postroom_engine::access::Caller;
use postroom_engine::{Engine, Problem};
use postroom_model::alert::AlertSeverity;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CredentialLabels {
    connection: String,
    credential: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SeverityLabel {
    severity: String,
}

/// The numbers.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram>,
    mailboxes: Family<State, Gauge>,
    accounts: Family<State, Gauge>,
    secret_days: Family<CredentialLabels, Gauge>,
    alerts: Family<SeverityLabel, Gauge>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("postroom");
        let requests = Family::default();
        let durations = Family::<Route, Histogram>::new_with_constructor(|| {
            // A long poll takes up to a minute.
            Histogram::new([0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0, 60.0, 120.0])
        });
        let mailboxes = Family::default();
        let accounts = Family::default();
        let secret_days = Family::default();
        registry.register(
            "http_requests",
            "HTTP requests that were answered",
            requests.clone(),
        );
        registry.register(
            "http_request_duration_seconds",
            "From a request's headers to its answer's headers",
            durations.clone(),
        );
        registry.register(
            "mailboxes",
            "Mailboxes by the state of their mirror",
            mailboxes.clone(),
        );
        registry.register("accounts", "Accounts by state", accounts.clone());
        registry.register(
            "credential_days_left",
            "Days until a connection's credential ends, where its end is known",
            secret_days.clone(),
        );
        let alerts = Family::default();
        registry.register(
            "alerts_open",
            "Alerts that are not mended, by severity",
            alerts.clone(),
        );
        Self {
            registry,
            requests,
            durations,
            mailboxes,
            accounts,
            secret_days,
            alerts,
        }
    }

    /// Counts one answer. `route` is the route's pattern, never the address itself.
    pub(crate) fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.requests
            .get_or_create(&Request {
                method: method.to_owned(),
                route: route.to_owned(),
                status,
            })
            .inc();
        self.durations
            .get_or_create(&Route {
                route: route.to_owned(),
            })
            .observe(took.as_secs_f64());
    }

    /// Everything as text, with the states as they are now.
    pub(crate) async fn text(&self, engine: &Engine) -> Result<String, Problem> {
        let mailboxes = engine.mailboxes(&Caller::Local).await?;
        let accounts = engine.accounts(&Caller::Local).await?;
        let connections = engine.connections().await?;
        let alerts = engine.open_alerts().await?;
        let now = engine.now();
        self.mailboxes.clear();
        for mailbox in mailboxes {
            let state = mailbox.sync.state.name().to_owned();
            self.mailboxes.get_or_create(&State { state }).inc();
        }
        self.accounts.clear();
        for account in accounts {
            let state = account.state.name().to_owned();
            self.accounts.get_or_create(&State { state }).inc();
        }
        self.secret_days.clear();
        for connection in connections {
            for credential in &connection.credentials {
                let Some(days) = credential.days_left(now) else {
                    continue;
                };
                let labels = CredentialLabels {
                    connection: connection.id.to_string(),
                    credential: credential.id.to_string(),
                };
                self.secret_days.get_or_create(&labels).set(days);
            }
        }
        // None is a number, too: who waits for it to rise has to see it before.
        for severity in AlertSeverity::ALL {
            let open = alerts.iter().filter(|it| it.severity == severity).count();
            let severity = severity.name().to_owned();
            let gauge = self.alerts.get_or_create(&SeverityLabel { severity });
            gauge.set(i64::try_from(open).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        encode(&mut text, &self.registry)
            .map_err(|error| crate::problem::internal().because(error))?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_route() {
        let metrics = Metrics::new();
        for _ in 0..2 {
            metrics.answered(
                "GET",
                "/api/v1/mailboxes/{id}",
                200,
                Duration::from_millis(3),
            );
        }
        let mut text = String::new();
        encode(&mut text, &metrics.registry).expect("text");
        assert!(
            text.contains(
                r#"postroom_http_requests_total{method="GET",route="/api/v1/mailboxes/{id}",status="200"} 2"#
            ),
            "{text}"
        );
    }
}
