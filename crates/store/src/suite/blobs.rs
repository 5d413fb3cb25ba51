//! Contents.

use super::Ground;
use super::made::*;
use crate::contract::Store;
use crate::contract::blobs::blob_ref;
use bytes::Bytes;
use futures::TryStreamExt as _;

/// Sizes on both sides of every border that a store may have.
const SIZES: [usize; 6] = [0, 1, 128 * 1024, 128 * 1024 + 1, 1 << 20, (3 << 20) + 5];

fn content(size: usize) -> Bytes {
    (0..size)
        .map(|at| u8::try_from(at % 251).unwrap_or(0))
        .collect::<Vec<_>>()
        .into()
}

async fn read(store: &dyn Store, hash: &str) -> Option<Vec<u8>> {
    let reader = ok!(store.read_blob(hash))?;
    let pieces: Vec<Bytes> = ok!(reader.pieces.try_collect());
    let whole = pieces.concat();
    assert_eq!(reader.size, whole.len() as u64);
    Some(whole)
}

/// Contents of any size are kept, by their hash.
pub async fn equal_contents_are_kept_once(ground: &dyn Ground) {
    let store = ground.open().await;
    for size in SIZES {
        let one = ok!(store.put_blob(content(size), at(1)));
        let two = ok!(store.put_blob(content(size), at(2)));
        assert_eq!(one, two);
        assert_eq!(one, blob_ref(&content(size)));
    }
    drop(store);
    let store = ground.open().await;
    for size in SIZES {
        let kept = read(store.as_ref(), &blob_ref(&content(size)).hash).await;
        assert!(kept.expect("there") == content(size), "{size}");
    }
    assert_eq!(ok!(store.collect_blobs(at(100))), SIZES.len() as u64);
    for hash in ["", "../../postroom.db", &blob_ref(b"unknown").hash] {
        assert_eq!(read(store.as_ref(), hash).await, None);
    }
}

/// A writer makes the same as a content at hand.
pub async fn pieces_make_the_same_content(ground: &dyn Ground) {
    let store = ground.open().await;
    for size in SIZES {
        let mut writer = ok!(store.write_blob());
        for piece in content(size).chunks(50_000) {
            ok!(writer.write(piece));
        }
        let blob = ok!(writer.finish(at(1)));
        assert_eq!(blob, blob_ref(&content(size)));
        let kept = read(store.as_ref(), &blob.hash).await;
        assert!(kept.expect("there") == content(size), "{size}");
    }
}

/// Half of a content is none.
pub async fn a_dropped_writer_keeps_nothing(ground: &dyn Ground) {
    let store = ground.open().await;
    let whole = content(1 << 20);
    let mut writer = ok!(store.write_blob());
    ok!(writer.write(&whole));
    assert_eq!(read(store.as_ref(), &blob_ref(&whole).hash).await, None);
    drop(writer);
    drop(store);
    let found = ground
        .files()
        .iter()
        .any(|file| file.windows(1000).any(|part| part == &whole[5000..6000]));
    assert!(!found);
    let store = ground.open().await;
    assert_eq!(read(store.as_ref(), &blob_ref(&whole).hash).await, None);
}

/// References of every kind keep a content; without one it goes when its time is over.
pub async fn collects_what_nothing_points_to(ground: &dyn Ground) {
    let store = ground.open().await;
    with_mailboxes(store.as_ref(), &["one"]).await;
    let mut blobs = Vec::new();
    for size in [10, 20, 300_000, 400_000, 500_000, 30] {
        blobs.push(ok!(store.put_blob(content(size), at(1))));
    }
    let mut one = message("m", "a", "1");
    one.attachments = Some(vec![
        attachment("x", Some(blobs[0].clone())),
        attachment("y", Some(blobs[2].clone())),
    ]);
    ok!(store.put_message(&here(), &one, &[], None, at(1)));
    ok!(store.set_message_mime(&here(), &"m".into(), &blobs[3]));
    let young = ok!(store.put_blob(content(600_000), at(50)));
    assert_eq!(ok!(store.collect_blobs(at(50))), 3);
    for (index, kept) in [true, false, true, true, false, false]
        .into_iter()
        .enumerate()
    {
        let found = read(store.as_ref(), &blobs[index].hash).await;
        assert_eq!(found.is_some(), kept, "{index}");
    }
    assert!(read(store.as_ref(), &young.hash).await.is_some());
    ok!(store.delete_message(&here(), &"m".into(), at(60)));
    assert_eq!(ok!(store.collect_blobs(at(50))), 3);
    assert_eq!(ok!(store.collect_blobs(at(51))), 1);
    assert_eq!(read(store.as_ref(), &young.hash).await, None);
}

/// Whoever puts a content that is there has time to point to it, too; and many who put and collect
/// at once leave no row without its content.
pub async fn put_again_is_new_again(ground: &dyn Ground) {
    let store = ground.open().await;
    let blob = ok!(store.put_blob(content(200_000), at(1)));
    ok!(store.put_blob(content(200_000), at(60)));
    assert_eq!(ok!(store.collect_blobs(at(50))), 0);
    let collector = {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..20 {
                ok!(store.collect_blobs(at(70)));
            }
        })
    };
    for _ in 0..20 {
        ok!(store.put_blob(content(200_000), at(80)));
        assert!(read(store.as_ref(), &blob.hash).await.is_some());
    }
    collector.await.expect("ran");
}
