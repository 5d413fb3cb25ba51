//! What is damaged is named, and what is whole is not.

use crate::fill;
use crate::place::{Place, database, folder, with_files};
use crate::there_and_back::close;
use postroom_store::transfer;

/// A damage, by SQL, and what is to be said of it.
type Damage = (&'static str, &'static str);

/// Damages in words that both kinds take. Those of one list do not hide each other.
const DAMAGES: &[&[Damage]] = &[
    &[
        (
            "DELETE FROM message_texts WHERE message =
                (SELECT number FROM messages WHERE id = 'm1')",
            "the message m1 has no text",
        ),
        (
            "UPDATE messages SET folder = 999 WHERE id = 'm2'",
            "the message m2 lies in a folder that its mailbox does not have",
        ),
        (
            "DELETE FROM blobs WHERE hash =
                (SELECT blob_hash FROM attachments WHERE id = 'large')",
            "the content of the attachment large is missing",
        ),
        (
            "UPDATE mailboxes SET messages_done = 5 WHERE id = 'one'",
            "the mailbox one@contoso.example has 4 messages and says 5",
        ),
        (
            "UPDATE folder_numbers SET last_message = 2 WHERE folder = 'a'",
            "the folder a has given the number 2 last and holds a higher one",
        ),
        (
            "DELETE FROM changes WHERE id = 'm4'",
            "the changes of the mailbox one have gaps, or reach beyond",
        ),
        (
            "UPDATE cursors SET owner = 'nobody' WHERE kind = 'mailFolders'",
            "a cursor (mailFolders) belongs to no mailbox",
        ),
        (
            "UPDATE mailboxes SET account = 'nobody' WHERE id = 'two'",
            "the mailbox two@contoso.example is reached by no account",
        ),
    ],
    &[
        (
            "DELETE FROM messages WHERE id = 'm1'",
            "a text belongs to no message",
        ),
        ("", "the attachment small belongs to no message"),
        (
            "DELETE FROM blobs WHERE hash = (SELECT hash FROM outbox_blobs)",
            "a content of the outbox item o2 is missing",
        ),
        (
            "UPDATE mailbox_numbers SET last_change = last_change - 1 WHERE mailbox = 'one'",
            "the changes of the mailbox one have gaps, or reach beyond",
        ),
        (
            "UPDATE cursors SET scope = 'nowhere' WHERE kind = 'messages' AND scope = 'b'",
            "a cursor belongs to a folder that is not there: nowhere",
        ),
    ],
    &[
        (
            "DELETE FROM blobs WHERE hash = (SELECT mime_hash FROM messages WHERE id = 'm1')",
            "the MIME form of the message m1 is missing",
        ),
        (
            "UPDATE mailbox_numbers SET last_change = last_change + 1 WHERE mailbox = 'one'",
            "the changes of the mailbox one have gaps, or reach beyond",
        ),
    ],
];

/// What only SQLite allows, or keeps.
const OF_SQLITE: &[&[Damage]] = &[&[
    (
        "UPDATE messages SET id = 'm1' WHERE id = 'm2'",
        "the message m1 is there 2 times",
    ),
    (
        "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'changes'",
        "the change feed reaches beyond its last position 1",
    ),
    (
        "UPDATE mailboxes SET account = 'nobody' WHERE id = 'two'",
        "a row of mailboxes refers to a row of accounts that is not there",
    ),
    (
        "UPDATE messages SET id_hash = id_hash + 1 WHERE id = 'm4'",
        "the message m4 is not found by its id",
    ),
    (
        "UPDATE messages SET conversation_hash = NULL WHERE id = 'm4'",
        "the message m4 is not found by its conversation_id",
    ),
    (
        "UPDATE messages SET message_id_hash = 1 WHERE id = 'm4'",
        "the message m4 is not found by its internet_message_id",
    ),
    (
        "UPDATE blobs SET content = x'6f7468657273' WHERE size = 5",
        "is not what it was: 6 bytes instead of 5",
    ),
    // An index that does not hold what it says.
    (
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, 'received_order)', 'place)')
            WHERE name = 'messages_by_time'",
        "messages_by_time",
    ),
]];

/// What PostgreSQL does not allow either, unless it is made to; and its contents.
const OF_POSTGRES: &[&[Damage]] = &[
    &[
        (
            "ALTER TABLE messages DROP CONSTRAINT messages_mailbox_id_key;
             UPDATE messages SET id = 'm1' WHERE id = 'm2'",
            "the message m1 is there 2 times",
        ),
        (
            "UPDATE feed SET last_position = 1",
            "the change feed reaches beyond its last position 1",
        ),
        (
            "UPDATE blobs SET content = 'others' WHERE size = 5",
            "is not what it was: 6 bytes instead of 5",
        ),
        (
            "UPDATE blob_pieces SET piece = overlay(piece placing 'x' from 1 for 1)
                WHERE octet_length(piece) = 131073",
            "is not what it was: 131073 bytes instead of 131073, or others",
        ),
        (
            "DELETE FROM blob_pieces WHERE ordinal = 4",
            "cannot be read",
        ),
    ],
    &[(
        "UPDATE blob_pieces SET piece = 'others' WHERE ordinal = 1",
        "cannot be read",
    )],
];

async fn filled(place: Place) -> Place {
    let store = place.open().await;
    fill::everything(&*store).await;
    close(store).await;
    place
}

async fn found(place: &Place) -> Vec<String> {
    let store = place.open().await;
    let faults = transfer::check(&*store, &|_| {}).await.expect("looked at");
    close(store).await;
    faults
}

#[tokio::test(flavor = "multi_thread")]
async fn none_in_a_whole_store() {
    for place in [folder(), database(), with_files()] {
        assert_eq!(found(&place).await, Vec::<String>::new());
        assert_eq!(found(&filled(place).await).await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_damage_is_named() {
    for make in [folder as fn() -> Place, database] {
        let own = if make().is_postgres() {
            OF_POSTGRES
        } else {
            OF_SQLITE
        };
        for damages in DAMAGES.iter().chain(own) {
            let place = filled(make()).await;
            for (damage, _) in *damages {
                place.sql(damage);
            }
            let faults = found(&place).await;
            for (damage, words) in *damages {
                assert!(
                    faults.iter().any(|fault| fault.contains(words)),
                    "{damage}: {faults:#?}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_files_are_named() {
    for place in [folder(), with_files()] {
        let place = filled(place).await;
        let files = place.files();
        assert_eq!(files.len(), 2);
        let hash = |file: &std::path::Path| -> String {
            let name =
                |it: Option<&std::ffi::OsStr>| it.expect("named").to_string_lossy().into_owned();
            name(file.parent().and_then(std::path::Path::file_name)) + &name(file.file_name())
        };
        for file in files {
            let whole = std::fs::read(&file).expect("read");
            let mut changed = whole.clone();
            changed[70_000] ^= 1;
            for damaged in [
                Some(&whole[..whole.len() - 1]),
                Some(&changed[..]),
                Some(&[]),
                None,
            ] {
                match damaged {
                    Some(damaged) => std::fs::write(&file, damaged).expect("written"),
                    None => std::fs::remove_file(&file).expect("removed"),
                }
                let faults = found(&place).await;
                assert_eq!(faults.len(), 1, "{faults:?}");
                assert!(faults[0].contains(&hash(&file)), "{faults:?}");
            }
            std::fs::write(&file, &whole).expect("written");
            assert_eq!(found(&place).await, Vec::<String>::new());
        }
    }
}

/// A row of the data key that belongs to another store: nothing opens, and all of it is named.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_under_another_data_key_are_named() {
    for (place, other) in [(folder(), folder()), (database(), database())] {
        let place = filled(place).await;
        close(other.open().await).await;
        let wrapped = crate::place::dump(&other)["vault_keys"][0][1].clone();
        let wrapped = wrapped.expect("a key");
        place.sql(&if place.is_postgres() {
            format!("UPDATE vault_keys SET wrapped = decode('{wrapped}', 'hex')")
        } else {
            format!("UPDATE vault_keys SET wrapped = x'{wrapped}'")
        });
        let faults = found(&place).await;
        for words in [
            "credentials s3",
            "grants u",
            "grants v",
            "logins l1",
            "logins l2",
            "logins l3",
            "device_codes l4",
        ] {
            assert!(
                faults.iter().any(|fault| fault.contains(words)),
                "{words}: {faults:?}"
            );
        }
    }
}
