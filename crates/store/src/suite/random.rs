//! Any sequence of pages, moves, removals and comparisons against a simple mirror in memory.

use super::Ground;
use super::made::*;
use crate::contract::Store;
use crate::contract::cursors::Cursor;
use crate::contract::messages::{MessagePage, MessageQuery};
use postroom_model::change::ChangeKind;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const FOLDERS: [&str; 3] = ["a", "b", "c"];

/// One thing that happens to the mirror.
#[derive(Clone, Debug)]
pub enum Step {
    /// A page: messages (with the number of their change key) and removals, in a folder.
    Page {
        /// Which.
        folder: usize,
        /// Messages, each with its change key.
        messages: Vec<(u8, u8)>,
        /// Removals.
        removed: Vec<u8>,
        /// Whether the page is a whole comparison.
        compared: bool,
    },
    /// A call of ours writes one.
    Put {
        /// Where.
        folder: usize,
        /// The message and its change key.
        message: (u8, u8),
    },
    /// A call of ours deletes one.
    Delete(u8),
    /// A round ends; Microsoft says that all that is leaving is gone.
    Settle,
}

/// A message in the simple mirror.
#[derive(Clone, Debug, PartialEq)]
struct Simple {
    folder: usize,
    key: u8,
    number: u64,
    leaving: bool,
    seen: i64,
}

#[derive(Default)]
struct Mirror {
    messages: BTreeMap<u8, Simple>,
    numbers: [u64; 3],
    changes: Vec<(u8, ChangeKind)>,
}

impl Mirror {
    fn take(&mut self, folder: usize, (id, key): (u8, u8), now: i64) {
        let mut number = || {
            self.numbers[folder] += 1;
            self.numbers[folder]
        };
        let (kind, number) = match self.messages.get(&id) {
            None => (Some(ChangeKind::Created), number()),
            Some(it) if it.folder != folder => (Some(ChangeKind::Updated), number()),
            Some(it) if it.key != key => (Some(ChangeKind::Updated), it.number),
            Some(it) => (None, it.number),
        };
        self.changes.extend(kind.map(|kind| (id, kind)));
        let simple = Simple {
            folder,
            key,
            number,
            leaving: false,
            seen: now,
        };
        self.messages.insert(id, simple);
    }

    fn delete(&mut self, id: u8) {
        if self.messages.remove(&id).is_some() {
            self.changes.push((id, ChangeKind::Deleted));
        }
    }
}

fn name(id: u8) -> String {
    format!("m{id}")
}

/// Any sequence.
pub fn steps() -> impl Strategy<Value = Vec<Step>> {
    let message = || (0..6_u8, 0..3_u8);
    let step = prop_oneof![
        4 => (0..3_usize, prop::collection::vec(message(), 0..4),
              prop::collection::vec(0..6_u8, 0..3), prop::bool::weighted(0.3))
            .prop_map(|(folder, messages, removed, compared)| Step::Page {
                folder, messages, removed, compared,
            }),
        2 => (0..3_usize, message()).prop_map(|(folder, message)| Step::Put { folder, message }),
        1 => (0..6_u8).prop_map(Step::Delete),
        1 => Just(Step::Settle),
    ];
    prop::collection::vec(step, 1..25)
}

async fn run(store: &dyn Store, mirror: &mut Mirror, step: &Step, now: i64) {
    match step {
        Step::Page {
            folder,
            messages,
            removed,
            compared,
        } => {
            let records = messages
                .iter()
                .map(|(id, key)| message(&name(*id), FOLDERS[*folder], &key.to_string()));
            let page = MessagePage {
                folder: FOLDERS[*folder].into(),
                messages: records.collect(),
                removed: removed.iter().map(|id| name(*id).as_str().into()).collect(),
                contents: Vec::new(),
                cursor: Cursor {
                    link: format!("link{now}"),
                    complete: true,
                    comparison: compared.then(|| comparison(now)),
                },
            };
            ok!(store.apply_messages(&here(), &page, at(now)));
            for id in removed {
                if let Some(it) = mirror.messages.get_mut(id) {
                    it.leaving |= it.folder == *folder;
                }
            }
            for message in messages {
                mirror.take(*folder, *message, now);
            }
            if *compared {
                for it in mirror.messages.values_mut() {
                    it.leaving |= it.folder == *folder && it.seen < now;
                }
            }
        }
        Step::Put {
            folder,
            message: (id, key),
        } => {
            let one = message(&name(*id), FOLDERS[*folder], &key.to_string());
            ok!(store.put_message(&here(), &one, &[], None, at(now)));
            mirror.take(*folder, (*id, *key), now);
        }
        Step::Delete(id) => {
            ok!(store.delete_message(&here(), &name(*id).as_str().into(), at(now)));
            mirror.delete(*id);
        }
        Step::Settle => {
            let leaving = ok!(store.leaving(&here(), None, 100));
            let ids: Vec<_> = mirror.messages.iter().filter(|it| it.1.leaving).collect();
            let ids: Vec<u8> = ids.into_iter().map(|it| *it.0).collect();
            let names: Vec<_> = leaving.iter().map(|id| id.as_str().to_owned()).collect();
            assert_eq!(names, ids.iter().map(|id| name(*id)).collect::<Vec<_>>());
            ok!(store.settle(&here(), &leaving, at(now)));
            for id in ids {
                mirror.delete(id);
            }
        }
    }
}

/// Lets all of it happen to the mailbox `one`, which is there and empty.
pub async fn play(store: &dyn Store, steps: &[Step]) {
    let mut mirror = Mirror::default();
    for (step, now) in steps.iter().zip(10..) {
        run(store, &mut mirror, step, now).await;
    }
}

async fn compare(store: &dyn Store, mirror: &Mirror, seen: &mut HashMap<(usize, u64), u8>) {
    for (id, simple) in &mirror.messages {
        let kept = ok!(store.message(&here(), &name(*id).as_str().into())).expect("there");
        assert_eq!(kept.number, simple.number);
        let record = message(&name(*id), FOLDERS[simple.folder], &simple.key.to_string());
        assert_eq!(kept.record, record);
        // A number names one message of its folder, for ever.
        let named = *seen.entry((simple.folder, kept.number)).or_insert(*id);
        assert_eq!(named, *id);
    }
    let query = MessageQuery {
        limit: 100,
        ..MessageQuery::default()
    };
    let listed = ok!(store.list_messages(&here(), &query));
    let listed: BTreeSet<_> = listed
        .into_iter()
        .map(|it| it.record.id.into_string())
        .collect();
    assert_eq!(listed, mirror.messages.keys().map(|id| name(*id)).collect());
    let done = ok!(store.mailbox(&here()))
        .expect("there")
        .sync
        .messages_done;
    assert_eq!(done, mirror.messages.len() as u64);
}

/// After every step the store and the simple mirror hold the same; at the end they told the same.
pub async fn any_sequence_matches_the_model(ground: &dyn Ground) {
    let mut runner = TestRunner::new(Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    });
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &[]).await;
    let runtime = tokio::runtime::Handle::current();
    let sequence = |steps: Vec<Step>| {
        runtime.block_on(async {
            // A mailbox that was never there: new changes, but numbers that go on.
            let store = store.as_ref();
            ok!(store.insert_mailbox(&mailbox("one", "c", "a")));
            let since = ok!(store.latest_change());
            let mut mirror = Mirror {
                numbers: numbers(store).await,
                ..Mirror::default()
            };
            let mut seen = HashMap::new();
            for (step, now) in steps.iter().zip(10..) {
                run(store, &mut mirror, step, now).await;
                compare(store, &mirror, &mut seen).await;
            }
            let (changes, _) = changes_since(store, Some(since)).await;
            let probes = FOLDERS.len() * 2;
            let told: Vec<_> = changes[..]
                .iter()
                .skip(probes)
                .map(|it| (it.id.clone(), it.change))
                .collect();
            let wanted: Vec<_> = mirror.changes.iter().map(|it| (name(it.0), it.1)).collect();
            assert_eq!(told, wanted);
            for pair in changes.windows(2) {
                assert_eq!(pair[0].number + 1, pair[1].number);
            }
            ok!(store.remove_mailbox(&here()));
        });
        Ok(())
    };
    tokio::task::block_in_place(|| runner.run(&steps(), sequence)).expect("the same");
}

/// Up to which number each folder counted: told by a message that comes and goes.
async fn numbers(store: &dyn Store) -> [u64; 3] {
    let mut numbers = [0; 3];
    for (folder, number) in FOLDERS.iter().zip(&mut numbers) {
        ok!(store.put_message(&here(), &message("probe", folder, "1"), &[], None, at(1)));
        *number = ok!(store.message(&here(), &"probe".into()))
            .expect("there")
            .number;
        ok!(store.delete_message(&here(), &"probe".into(), at(1)));
    }
    numbers
}
