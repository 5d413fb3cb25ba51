//! Real and broken mail, if a folder of it is named by `POSTROOM_MAIL_CORPUS`.

use std::path::{Path, PathBuf};

use http::Method;
use postroom_sandbox::mail::MailOptions;

use crate::support::{ANNA, World, id};

fn files(path: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(path).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "eml") {
            found.push(path);
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the test data is outside of the project, its place comes from the environment"
)]
fn every_message_loads_or_is_named() {
    let Ok(corpus) = std::env::var("POSTROOM_MAIL_CORPUS") else {
        eprintln!("POSTROOM_MAIL_CORPUS is not set: no mail to load");
        return;
    };
    let mut all = Vec::new();
    files(Path::new(&corpus), &mut all);
    let (mut loaded, mut rejected) = (0, Vec::new());
    for file in &all {
        let world = World::empty();
        let report = world.mail.import(ANNA, file);
        assert_eq!(
            report.loaded + report.rejected.len(),
            1,
            "{}",
            file.display()
        );
        loaded += report.loaded;
        rejected.extend(report.rejected);
        if report.loaded == 0 {
            continue;
        }
        let list = world.get(
            ANNA,
            "messages?$expand=attachments($expand=microsoft.graph.itemattachment/item)&$select=id,subject,body,internetMessageHeaders,hasAttachments",
        );
        let message = &list["value"][0];
        let raw = world
            .call(
                Method::GET,
                ANNA,
                &format!("messages/{}/$value", id(message)),
            )
            .bytes();
        assert_eq!(
            &raw[..],
            std::fs::read(file).expect("the file"),
            "{}",
            file.display()
        );
        for attachment in message["attachments"].as_array().expect("array") {
            let path = format!(
                "messages/{}/attachments/{}/$value",
                id(message),
                id(attachment)
            );
            world.call(Method::GET, ANNA, &path).bytes();
        }
        // A copy that was changed is composed anew, and readable.
        let draft = world
            .call(
                Method::POST,
                ANNA,
                &format!("messages/{}/createForward", id(message)),
            )
            .json();
        let path = format!("messages/{}/$value", id(&draft));
        let mime = world.call(Method::GET, ANNA, &path).bytes();
        // mail-parser 0.11 asserts in debug builds that a message in a message in a multipart
        // cannot be; such input is left out here.
        let read = std::panic::catch_unwind(|| {
            mail_parser::MessageParser::default()
                .parse(&mime[..])
                .is_some()
        });
        assert!(read.unwrap_or(true), "{}", file.display());
    }
    eprintln!("{loaded} of {} loaded; refused: {rejected:?}", all.len());
    assert!(loaded * 100 >= all.len() * 95);
}

#[test]
fn boxes_of_three_kinds() {
    let folder = tempfile::tempdir().expect("a folder");
    let mail = |subject: &str| {
        format!(
            "From: a@b.example\nSubject: {subject}\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n\nx\n"
        )
    };
    std::fs::write(
        folder.path().join("box"),
        format!("From a Mon\n{}\nFrom b Tue\n{}", mail("one"), mail("two")),
    )
    .expect("written");
    let maildir = folder.path().join("Maildir");
    for part in ["cur", "new", "tmp", ".Work.Old/cur"] {
        std::fs::create_dir_all(maildir.join(part)).expect("made");
    }
    std::fs::write(maildir.join("cur/1:2,S"), mail("three")).expect("written");
    std::fs::write(maildir.join("new/2"), mail("four")).expect("written");
    std::fs::write(maildir.join(".Work.Old/cur/3:2,FS"), mail("five")).expect("written");
    std::fs::write(folder.path().join("six.eml"), mail("six")).expect("written");
    std::fs::write(folder.path().join("empty.eml"), "").expect("written");
    let world = World::with(MailOptions {
        sample_mail: false,
        ..MailOptions::default()
    });
    let report = world.mail.import(ANNA, folder.path());
    assert_eq!(report.loaded, 6, "{report:?}");
    assert_eq!(report.rejected.len(), 1);
    let missing = world.mail.import(ANNA, &folder.path().join("nowhere"));
    assert_eq!((missing.loaded, missing.rejected.len()), (0, 1));
    let snapshot = world.mail.snapshot(ANNA).expect("a snapshot");
    let old = snapshot
        .folders
        .iter()
        .find(|one| one.name == "Old")
        .expect("the folder");
    let five = snapshot
        .messages
        .iter()
        .find(|one| one.subject == "five")
        .expect("the message");
    assert_eq!(five.folder_id, old.id);
    assert!(five.is_read);
}
