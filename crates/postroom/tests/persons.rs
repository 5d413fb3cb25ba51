//! `postroom person`, `postroom audit` and keys with networks, on a data folder.

mod support;

use support::{home, run, stderr, stdout};

#[test]
fn somebody_is_invited_changed_and_removed() {
    let home = home();
    let ok = |arguments: &[&str]| {
        let done = run(home.path(), arguments);
        assert_eq!(
            done.status.code(),
            Some(0),
            "{arguments:?}: {}",
            stderr(&done)
        );
        stdout(&done)
    };
    let invite = [
        "person",
        "invite",
        "--name",
        "Ann",
        "--address",
        "Ann@Contoso.com",
        "--role",
        "operator",
    ];
    let first = ok(&invite);
    assert_eq!(first.lines().count(), 1, "{first}");
    assert!(first.contains("/signin?token=pri_"), "{first}");
    let again = ok(&["person", "invite", "ann@contoso.com"]);
    assert_ne!(first, again);
    ok(&["person", "role", "Ann", "reader"]);
    let list = ok(&["person", "list", "--json"]);
    assert!(
        list.contains("ann@contoso.com") && list.contains("reader"),
        "{list}"
    );
    let shown = ok(&["person", "list"]);
    ok(&["person", "remove", "ann@contoso.com"]);
    let audit = ok(&["audit", "--json", "--action", "person"]);
    for action in [
        "person.invite",
        "person.inviteAgain",
        "person.change",
        "person.remove",
    ] {
        assert!(audit.contains(&format!("\"{action}\"")), "{audit}");
    }
    assert!(audit.contains("\"commandLine\""), "{audit}");
    let table = ok(&["audit", "--limit", "2"]);
    assert!(table.contains("person.remove"), "{table}");
    for text in [&first, &again] {
        let token = text.trim().split_once("token=").expect("a token").1;
        for told in [&list, &shown, &audit, &table] {
            assert!(!told.contains(token), "{told}");
        }
    }
    let gone = run(home.path(), &["person", "remove", "Ann"]);
    assert_eq!(gone.status.code(), Some(1));
}

#[test]
fn what_does_not_fit_is_refused_with_what_would() {
    let home = home();
    let bad: [(&[&str], &str); 5] = [
        (&["person", "invite"], "PERSON"),
        (&["person", "invite", "--name", "Ann"], "--role"),
        (
            &["person", "invite", "--name", "Ann", "--role", "king"],
            "administrator",
        ),
        (
            &["key", "create", "--name", "k", "--network", "10.1.2.3/8"],
            "10.0.0.0/8",
        ),
        (
            &["key", "create", "--name", "k", "--scope", "mail.eat"],
            "mail.read",
        ),
    ];
    for (arguments, hint) in bad {
        let refused = run(home.path(), arguments);
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&refused).contains(hint),
            "{arguments:?}: {}",
            stderr(&refused)
        );
    }
    let create = [
        "key",
        "create",
        "--name",
        "k",
        "--network",
        "10.0.0.0/8,::1",
    ];
    assert_eq!(run(home.path(), &create).status.code(), Some(0));
    let list = stdout(&run(home.path(), &["key", "list"]));
    assert!(list.contains("10.0.0.0/8,::1/128"), "{list}");
}
