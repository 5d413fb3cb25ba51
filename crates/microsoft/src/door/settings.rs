//! Times, sizes and budgets.

use std::time::Duration;

/// How the door behaves.
#[derive(Clone, Debug)]
pub struct DoorSettings {
    /// `User-Agent` of every call. Microsoft asks for `NONISV|Company|App/Version`
    /// (sp-dev-docs, *Avoid getting throttled or blocked in SharePoint Online*).
    pub user_agent: String,
    /// Certificate authorities to trust besides the system's, as PEM.
    pub extra_ca_pem: Option<Vec<u8>>,
    /// How long a connection may take to stand.
    pub connect_timeout: Duration,
    /// How long an answer's headers may take from the moment of sending.
    pub answer_timeout: Duration,
    /// How long an answer may pause between two pieces of its body.
    pub idle_timeout: Duration,
    /// Whether headers and the beginnings of bodies go into the call log, without their secrets.
    pub log_detail: bool,
    /// The longest answer, in bytes after decompression, that is held in memory.
    pub max_answer_bytes: usize,
    /// How often one call is tried, the first time included.
    pub max_attempts: u32,
    /// The first pause before a repetition where Microsoft names none; it doubles each time.
    pub backoff_base: Duration,
    /// The longest such pause.
    pub backoff_limit: Duration,
    /// The longest that a call waits for a gate that Microsoft closed (`Retry-After`) or for its
    /// budget; beyond it the caller gets [`Throttled`](crate::DoorError::Throttled) and comes back.
    pub longest_wait: Duration,
    /// For how long a final refusal of a sign-in is repeated from memory instead of asking again.
    pub refusal_memory: Duration,
    /// Budgets per mailbox and for everything else.
    pub budgets: BudgetSettings,
}

impl Default for DoorSettings {
    fn default() -> Self {
        Self {
            user_agent: concat!("NONISV|Postroom|Postroom/", env!("CARGO_PKG_VERSION")).to_owned(),
            extra_ca_pem: None,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
            log_detail: true,
            max_answer_bytes: 64 * 1024 * 1024,
            max_attempts: 5,
            backoff_base: Duration::from_millis(500),
            backoff_limit: Duration::from_secs(30),
            longest_wait: Duration::from_secs(60),
            refusal_memory: Duration::from_secs(10),
            budgets: BudgetSettings::default(),
        }
    }
}

/// What Microsoft allows one app registration (Graph, *Throttling limits*, Outlook service limits).
#[derive(Clone, Debug)]
pub struct BudgetSettings {
    /// Calls at once per mailbox.
    pub per_mailbox_concurrent: usize,
    /// Calls per mailbox within the window.
    pub per_mailbox_requests: u32,
    /// The window.
    pub per_mailbox_window: Duration,
    /// Calls at once, per app registration, that are about no mailbox.
    pub directory_concurrent: usize,
}

impl Default for BudgetSettings {
    fn default() -> Self {
        Self {
            per_mailbox_concurrent: 4,
            per_mailbox_requests: 10_000,
            per_mailbox_window: Duration::from_secs(600),
            directory_concurrent: 16,
        }
    }
}
