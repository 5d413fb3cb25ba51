//! Progress bars: on standard error, and only on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use postroom_store::transfer::Progress;
use serde_json::Value;
use std::time::Duration;

/// A bar for mailboxes being mirrored.
pub(crate) struct SyncBar(ProgressBar);

impl SyncBar {
    /// Shows itself at once.
    pub(crate) fn new(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(style("{spinner} {prefix}  {pos} messages  {msg}"));
        bar.set_prefix(crate::output::tame(what));
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Shows how these mailboxes stand, together.
    pub(crate) fn show(&self, mailboxes: &[Value]) {
        let sum = |field: &str| -> u64 {
            mailboxes
                .iter()
                .filter_map(|mailbox| mailbox["sync"][field].as_u64())
                .sum()
        };
        let (done, total) = (sum("messagesDone"), sum("messagesTotal"));
        if total > 0 && self.0.length().is_none() {
            self.0.set_style(style(
                "{spinner} {prefix}  {bar:30} {pos}/{len} messages  {msg}",
            ));
        }
        if total > 0 {
            self.0.set_length(total.max(done));
        }
        self.0.set_position(done);
    }

    /// Takes it away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// A bar for long work on a store.
pub(crate) struct WorkBar(ProgressBar);

impl WorkBar {
    /// Shows itself at once.
    pub(crate) fn new(what: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        bar.set_style(style("{spinner} {prefix}  {bar:30} {pos}/{len} {msg}"));
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Shows how far the work is.
    pub(crate) fn show(&self, progress: Progress) {
        self.0.set_message(progress.doing.replace('_', " "));
        self.0.set_length(progress.of.max(progress.done));
        self.0.set_position(progress.done);
    }

    /// Takes it away.
    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Something that takes a moment.
pub(crate) fn spinner(text: impl Into<String>) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style("{spinner} {msg}"));
    bar.set_message(text.into());
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}
