//! Writes calls into the store behind the calls' back.

use postroom_model::call::CallRecord;
use postroom_model::ports::CallLog;
use postroom_store::{Store, StoreError};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// The most entries of one write.
const BATCH: usize = 500;
/// How long an entry waits for others to be written with it.
const GATHER: Duration = Duration::from_millis(200);
/// So many of the newest waiting entries keep their details: each can have 128 KiB.
const WITH_DETAILS: usize = 256;
/// So many entries wait at most.
const WAITING: usize = 20_000;
/// How often a write is tried before its entries are given up.
const TRIES: u32 = 3;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(500);

/// Writes calls into the store in batches, behind the calls' back. Bounded: under a flood the
/// oldest waiting entries' details go first.
///
/// Its task lives only while something waits: an idle log holds no store open.
pub struct StoreCallLog {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn Store>,
    queue: Mutex<Queue>,
    /// Ends the gathering early.
    hurry: Notify,
    /// How many entries were written or given up.
    settled: watch::Sender<u64>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<CallRecord>,
    /// How many entries were ever taken in.
    taken: u64,
    /// Whether a task is writing.
    writing: bool,
}

impl StoreCallLog {
    /// A log into this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                queue: Mutex::default(),
                hurry: Notify::new(),
                settled: watch::Sender::new(0),
            }),
        }
    }

    /// Returns when everything recorded so far is written.
    pub async fn flush(&self) {
        let mut settled = self.inner.settled.subscribe();
        let target = self.inner.queue().taken;
        self.inner.write_soon();
        self.inner.hurry.notify_one();
        // The sender lives as long as this log.
        let _ = settled.wait_for(|settled| *settled >= target).await;
    }
}

impl CallLog for StoreCallLog {
    fn record(&self, call: CallRecord) {
        let lost = {
            let mut queue = self.inner.queue();
            let lost = queue.take_in(call);
            if queue.waiting.len() >= BATCH {
                self.inner.hurry.notify_one();
            }
            lost
        };
        self.inner.write_soon();
        if lost {
            self.inner.settle(1);
            tracing::warn!("the call log cannot be written as fast as calls are made: one is lost");
        }
    }
}

impl Queue {
    /// Takes an entry in; whether the oldest had to go for it.
    fn take_in(&mut self, call: CallRecord) -> bool {
        self.taken += 1;
        self.waiting.push_back(call);
        if let Some(older) = self.waiting.len().checked_sub(WITH_DETAILS + 1)
            && let Some(older) = self.waiting.get_mut(older)
        {
            older.detail = None;
        }
        self.waiting.len() > WAITING && self.waiting.pop_front().is_some()
    }
}

impl Inner {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, entries: u64) {
        self.settled.send_modify(|settled| *settled += entries);
    }

    /// Sees to it that a task writes. Outside of a runtime nothing is written until somebody
    /// within one records or flushes.
    fn write_soon(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        {
            let mut queue = self.queue();
            if queue.writing || queue.waiting.is_empty() {
                return;
            }
            queue.writing = true;
        }
        let task = Writing {
            log: Arc::clone(self),
            ended: false,
        };
        // With the queue unlocked: where the runtime ends, the task is dropped at once, and its end
        // is noted there.
        runtime.spawn(task.run());
    }
}

/// The task that writes. However it ends, the log knows that it is gone.
struct Writing {
    log: Arc<Inner>,
    /// Whether it said so already: another task may be writing by now.
    ended: bool,
}

impl Drop for Writing {
    fn drop(&mut self) {
        if !self.ended {
            self.log.queue().writing = false;
        }
    }
}

impl Writing {
    async fn run(mut self) {
        loop {
            let hurried = self.log.hurry.notified();
            let _ = tokio::time::timeout(GATHER, hurried).await;
            let batch = self.next_batch();
            if batch.is_empty() {
                return;
            }
            self.write(&batch).await;
            self.log.settle(batch.len() as u64);
            if !self.log.queue().waiting.is_empty() {
                // What came in meanwhile has waited long enough, and somebody may be flushing.
                self.log.hurry.notify_one();
            }
        }
    }

    /// What is to be written next. When it is nothing, this task has ended: who records from here
    /// on starts another one.
    fn next_batch(&mut self) -> Vec<CallRecord> {
        let mut queue = self.log.queue();
        let many = queue.waiting.len().min(BATCH);
        if many == 0 {
            queue.writing = false;
            drop(queue);
            self.ended = true;
            return Vec::new();
        }
        queue.waiting.drain(..many).collect()
    }

    async fn write(&self, batch: &[CallRecord]) {
        for attempt in 1..=TRIES {
            match self.log.store.record_calls(batch).await {
                Ok(()) => return,
                Err(error) if attempt == TRIES || matches!(error, StoreError::Closed) => {
                    tracing::error!(%error, lost = batch.len(), "writing the call log");
                    return;
                }
                Err(error) => {
                    tracing::warn!(%error, "writing the call log; it is tried again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::call::CallDetail;
    use postroom_model::{CallId, ConnectionId, Timestamp};

    fn call(number: usize) -> CallRecord {
        CallRecord {
            id: CallId::new(number.to_string()),
            at: Timestamp::UNIX_EPOCH,
            connection: ConnectionId::new("c"),
            account: None,
            mailbox: None,
            caller: "test".to_owned(),
            method: "GET".to_owned(),
            path: "graph/v1.0/users".to_owned(),
            status: Some(200),
            duration_ms: 1,
            request_bytes: 0,
            response_bytes: 0,
            attempt: 1,
            request_id: None,
            client_request_id: String::new(),
            error: None,
            detail: Some(CallDetail::default()),
        }
    }

    /// Records a call when it is dropped.
    struct Last(StoreCallLog);

    impl Drop for Last {
        fn drop(&mut self) {
            self.0.record(call(1));
        }
    }

    #[test]
    fn a_call_that_is_recorded_while_the_runtime_ends_holds_up_nobody() {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let key = postroom_store::MasterKey::from_bytes([7; 32]);
        let options = postroom_store::SqliteOptions::new(folder.path(), key);
        let (begun, begins) = std::sync::mpsc::channel();
        runtime.spawn(async move {
            let store = postroom_store::SqliteStore::open(options).await;
            let last = Last(StoreCallLog::new(Arc::new(store.expect("opened"))));
            begun.send(()).expect("awaited");
            std::future::pending::<()>().await;
            drop(last);
        });
        begins.recv().expect("begun");
        drop(runtime);
    }

    #[test]
    fn a_flood_costs_details_first_and_then_the_oldest() {
        let mut queue = Queue::default();
        for number in 0..WITH_DETAILS {
            assert!(!queue.take_in(call(number)));
        }
        assert!(queue.waiting.iter().all(|call| call.detail.is_some()));
        for number in WITH_DETAILS..WAITING {
            assert!(!queue.take_in(call(number)));
        }
        let detailed = queue.waiting.iter().filter(|call| call.detail.is_some());
        assert_eq!(detailed.count(), WITH_DETAILS);
        assert!(queue.take_in(call(WAITING)));
        assert_eq!(queue.waiting.len(), WAITING);
        assert_eq!(queue.waiting[0].id, CallId::new("1"));
    }
}
