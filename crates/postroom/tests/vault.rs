//! Where the master key comes from, and `postroom vault`, by the real program.

#[expect(dead_code, reason = "each file takes what it needs")]
mod support;

use postroom_cluster::Cluster;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use support::{home, postroom, stderr, stdout};

const KEY: &str = "5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f";

/// One store, and the variables by which it is found.
struct Store<'h> {
    home: &'h Path,
    place: (&'static str, String),
}

impl Store<'_> {
    fn command(&self, args: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = postroom(self.home, args);
        command
            .env(self.place.0, &self.place.1)
            .env("PATH", "/usr/bin:/bin")
            .envs(variables.iter().copied());
        command
    }

    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        let output = self.command(args, variables).output();
        output.expect("the program runs")
    }

    /// It has to succeed. Gives what it printed.
    fn done(&self, args: &[&str], variables: &[(&str, &str)]) -> String {
        let output = self.run(args, variables);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
        stdout(&output)
    }

    /// It has to fail with this status. Gives what it said.
    fn refused(&self, status: i32, args: &[&str], variables: &[(&str, &str)]) -> String {
        let output = self.run(args, variables);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        said
    }

    fn status(&self, variables: &[(&str, &str)]) -> serde_json::Value {
        let text = self.done(&["vault", "status", "--json"], variables);
        serde_json::from_str(&text).expect("JSON")
    }

    /// A connection with a secret, and a key.
    fn fill(&self, variables: &[(&str, &str)]) {
        let secret = self.home.join("secret");
        std::fs::write(&secret, "hidden-secret").expect("written");
        self.done(
            &[
                "connection",
                "add",
                "--name",
                "Contoso",
                "--tenant",
                "contoso.example",
                "--client-id",
                "11111111-2222-3333-4444-555555555555",
                "--client-secret-file",
                &secret.display().to_string(),
                "--authority-url",
                "http://127.0.0.1:1",
                "--graph-url",
                "http://127.0.0.1:1",
            ],
            variables,
        );
        self.done(&["key", "create", "--name", "first"], variables);
    }
}

/// The same on either kind of store.
fn on_both(test: impl Fn(&Store<'_>)) {
    let folder = home();
    test(&Store {
        home: folder.path(),
        place: (
            "POSTROOM_DATA",
            folder.path().join("store").display().to_string(),
        ),
    });
    let database = Cluster::shared().create_database();
    let folder = home();
    test(&Store {
        home: folder.path(),
        place: ("POSTROOM_DATABASE_URL", database.url()),
    });
}

#[test]
fn the_master_key_comes_from_where_settings_say() {
    on_both(|store| {
        store.done(
            &["key", "create", "--name", "first"],
            &[("POSTROOM_MASTER_KEY", KEY)],
        );
        let list = ["key", "list"];
        let file = store.home.join("master.key");
        std::fs::write(&file, KEY).expect("written");
        let named = file.display().to_string();
        let mode = |mode: &str| {
            let changed = Command::new("chmod").args([mode, &named]).status();
            assert!(changed.expect("changed").success());
        };
        for open in ["640", "604", "620"] {
            mode(open);
            let said = store.refused(1, &list, &[("POSTROOM_MASTER_KEY_FILE", &named)]);
            assert!(said.contains("chmod 600"), "{open}: {said}");
        }
        mode("600");
        store.done(&list, &[("POSTROOM_MASTER_KEY_FILE", &named)]);

        let credentials = store.home.join("credentials");
        std::fs::create_dir(&credentials).expect("made");
        std::fs::write(credentials.join("postroom-master-key"), KEY).expect("written");
        let credentials = credentials.display().to_string();
        store.done(&list, &[("CREDENTIALS_DIRECTORY", &credentials)]);

        // Words in quotes, one of them with a space; and what it says is seen.
        let script = store.home.join("a key");
        std::fs::write(&script, format!("echo asking >&2; echo {KEY}; exit $1")).expect("written");
        let line = |end: &str| format!("sh \"{}\" {end}", script.display());
        let output = store.run(&list, &[("POSTROOM_MASTER_KEY_COMMAND", &line("0"))]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        assert!(stderr(&output).contains("asking"), "{}", stderr(&output));
        let said = store.refused(1, &list, &[("POSTROOM_MASTER_KEY_COMMAND", &line("7"))]);
        assert!(
            said.contains("asking") && said.contains("exit status: 7"),
            "{said}"
        );
        assert!(!said.contains(KEY), "{said}");

        let both = [
            ("POSTROOM_MASTER_KEY_COMMAND", line("0")),
            ("POSTROOM_MASTER_KEY_FILE", named.clone()),
        ];
        let both = both.each_ref().map(|(name, value)| (*name, value.as_str()));
        let said = store.refused(2, &list, &both);
        assert!(said.contains("leave one out"), "{said}");
    });
}

#[test]
fn keys_are_changed_and_the_old_ones_open_nothing() {
    on_both(|store| {
        let old = [("POSTROOM_MASTER_KEY", KEY)];
        store.fill(&old);
        let before = store.status(&old);
        assert_eq!(
            (&before["sealed"], &before["unopened"]),
            (&1.into(), &0.into())
        );
        assert!(before["dataKeyRotatedAt"].is_null(), "{before}");
        store.done(&["vault", "rotate"], &old);
        let after = store.status(&old);
        assert!(after["dataKeyRotatedAt"].is_string(), "{after}");
        let audit = store.done(&["audit", "--action", "vault", "--json"], &old);
        assert!(audit.contains("vault.rotate"), "{audit}");
        assert!(
            audit.contains("done") && audit.contains("commandLine"),
            "{audit}"
        );
        assert_eq!(
            (&after["sealed"], &after["unopened"]),
            (&1.into(), &0.into())
        );

        // A copy of the former key is none of the new one.
        store.done(&["doctor", "--master-key-backed-up"], &old);
        let new = store.home.join("new.key").display().to_string();
        let rotate = ["vault", "rotate", "--new-master-key-file", &new];
        store.done(&rotate, &old);
        let said = store.refused(1, &["vault", "status"], &old);
        assert!(said.contains("vault reset"), "{said}");
        let status = store.status(&[("POSTROOM_MASTER_KEY_FILE", &new)]);
        assert!(status["masterKeyBackedUpAt"].is_null(), "{status}");
        assert_eq!(status["unopened"], 0);
        // As if it had been cut off after the change of the master key.
        store.done(&rotate, &old);
        let only = [
            "vault",
            "rotate",
            "--keep-data-key",
            "--new-master-key-file",
        ];
        let next = store.home.join("next.key").display().to_string();
        store.done(
            &[only[0], only[1], only[2], only[3], &next],
            &[("POSTROOM_MASTER_KEY_FILE", &new)],
        );
        assert_eq!(
            store.status(&[("POSTROOM_MASTER_KEY_FILE", &next)])["unopened"],
            0
        );
    });
}

/// Beside a server the vault can be looked at, and nothing more.
#[test]
fn keys_are_not_changed_beside_a_server() {
    on_both(|store| {
        let key = [("POSTROOM_MASTER_KEY", KEY)];
        store.fill(&key);
        let mut server = store
            .command(
                &["serve", "--listen", "127.0.0.1:0", "--log-format", "json"],
                &key,
            )
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let mut log = BufReader::new(server.stderr.take().expect("a log")).lines();
        let is_ready = log
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("postroom is ready"));
        let said = store.refused(1, &["vault", "rotate"], &key);
        let lost = [("POSTROOM_MASTER_KEY", "ab".repeat(32))];
        let lost = lost.each_ref().map(|(name, value)| (*name, value.as_str()));
        let reset = store.refused(1, &["vault", "reset", "--drop-secrets"], &lost);
        let new = store.home.join("new.key");
        let file = new.display().to_string();
        let rotate_to = ["vault", "rotate", "--new-master-key-file", &file];
        let rotated_to = store.refused(1, &rotate_to, &key);
        let nowhere = [("POSTROOM_MASTER_KEY_FILE", file.as_str())];
        let reset_to = store.refused(1, &["vault", "reset", "--drop-secrets"], &nowhere);
        let is_left_behind = new.exists();
        let status = store.status(&key);
        server.kill().expect("ended");
        server.wait().expect("ended");
        assert!(is_ready, "it said so");
        for said in [said, reset, rotated_to, reset_to] {
            assert!(said.contains("in use"), "{said}");
            assert!(said.contains("stop the server first"), "{said}");
            assert!(!said.contains("a new master key was made"), "{said}");
        }
        // What is there is taken for the store's key by whoever looks next.
        assert!(!is_left_behind, "no key that nothing opens with");
        assert_eq!(
            (&status["sealed"], &status["unopened"]),
            (&1.into(), &0.into())
        );
    });
}

#[test]
fn a_lost_master_key_costs_secrets_and_nothing_else() {
    on_both(|store| {
        // Postroom's own key, made by itself.
        store.fill(&[]);
        let keys = store.done(&["key", "list", "--json"], &[]);
        let reset = ["vault", "reset", "--drop-secrets", "--json"];
        let said = store.refused(2, &["vault", "reset"], &[]);
        assert!(said.contains("--drop-secrets"), "{said}");
        let said = store.refused(1, &reset, &[]);
        assert!(said.contains("nothing was changed"), "{said}");

        let settings = store.home.join("config").join("postroom");
        for entry in std::fs::read_dir(&settings).expect("listed").flatten() {
            std::fs::remove_file(entry.path()).expect("lost");
        }
        let said = store.refused(1, &["key", "list"], &[]);
        assert!(said.contains("vault reset"), "{said}");
        let said = store.refused(1, &["doctor", "--offline", "--json"], &[]);
        assert!(!said.contains("panicked"), "{said}");
        let todo: serde_json::Value = serde_json::from_str(&store.done(&reset, &[])).expect("JSON");
        assert_eq!(todo["credentials"], serde_json::json!(["Contoso"]));
        assert_eq!(store.status(&[])["sealed"], 0);
        assert_eq!(store.done(&["key", "list", "--json"], &[]), keys);
        let audit = store.done(&["audit", "--action", "vault", "--json"], &[]);
        assert!(audit.contains("vault.reset"), "{audit}");
        let accounts = store.done(&["account", "list", "--json"], &[]);
        assert!(accounts.contains("credentialExpired"), "{accounts}");
        // The way out.
        let secret = store.home.join("secret").display().to_string();
        store.done(
            &[
                "connection",
                "set",
                "Contoso",
                "--client-secret-file",
                &secret,
            ],
            &[],
        );
        assert_eq!(store.status(&[])["sealed"], 1);
    });
}
