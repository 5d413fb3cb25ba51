//! The log of a server: on standard error, text on a terminal, JSON elsewhere.

use crate::settings::{LogFormat, Settings};
use crate::trouble;
use crate::{environment, output};
use tracing_subscriber::EnvFilter;

/// Starts logging as the settings say.
pub(crate) fn start(settings: &Settings) -> anyhow::Result<()> {
    let terminal = output::messages_to_terminal();
    let json = match settings.log_format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    };
    let filter = EnvFilter::try_new(&settings.log).map(without_values).map_err(|error| {
        trouble::usage(format!(
            "the setting log is no filter: {error}; try \"info\" or \"info,postroom_engine=debug\""
        ))
    })?;
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Whoever reads the log may go away; that is no reason to panic, as it would be here.
        .log_internal_errors(false)
        .with_ansi(terminal && environment::raw("NO_COLOR").is_none());
    let started = if json {
        logger.json().flatten_event(true).try_init()
    } else {
        logger.try_init()
    };
    started.map_err(|error| anyhow::anyhow!("the log cannot be started: {error}"))
}

/// The database client tells the parameters of every statement at `debug`: somebody's mail among
/// them.
fn without_values(filter: EnvFilter) -> EnvFilter {
    // The pool warns of each connection that a lost database took along; the store tells that once.
    ["tokio_postgres=info", "deadpool=error"]
        .iter()
        .filter_map(|quieter| quieter.parse().ok())
        .fold(filter, EnvFilter::add_directive)
}

/// For commands that are no servers: only what is wrong, as text; `POSTROOM_LOG` asks for more.
pub(crate) fn start_quiet() {
    let filter = environment::text("POSTROOM_LOG")
        .and_then(|filter| EnvFilter::try_new(filter).ok())
        .map_or_else(|| EnvFilter::new("error"), without_values);
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .with_ansi(output::messages_to_terminal() && environment::raw("NO_COLOR").is_none())
        .try_init();
}
