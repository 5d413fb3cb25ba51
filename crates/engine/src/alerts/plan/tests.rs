use super::super::watched::{Facts, watched};
use super::*;
use postroom_model::account::{Account, AccountKind, AccountState};
use postroom_model::alert::{AlertSeverity, AlertType};
use postroom_model::cloud::Cloud;
use postroom_model::connection::{Connection, CredentialInfo, CredentialKind, Endpoints};
use postroom_model::key::{Key, Scope};
use proptest::prelude::*;

const DAY: i64 = 86_400;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
}

fn credential(id: &str, end: Option<i64>, made: i64) -> CredentialInfo {
    CredentialInfo {
        id: id.into(),
        kind: CredentialKind::Secret,
        expires_at: end.map(at),
        created_at: at(made),
        taken_at: None,
        certificate: None,
        federated: None,
    }
}

fn connection(credentials: Vec<CredentialInfo>) -> Connection {
    Connection {
        id: "c".into(),
        name: "Contoso".to_owned(),
        tenant_id: String::new(),
        client_id: "the client".to_owned(),
        cloud: Cloud::Global,
        authority_url: String::new(),
        graph_url: String::new(),
        endpoints: Endpoints::default(),
        redirect_uri: None,
        scopes: Vec::new(),
        credentials,
        created_at: at(0),
    }
}

fn account(id: &str, state: AccountState, end: Option<i64>) -> Account {
    Account {
        id: id.into(),
        connection: "c".into(),
        kind: AccountKind::User,
        user_id: Some(id.to_owned()),
        user_principal_name: Some(format!("{id}@contoso.example")),
        display_name: None,
        state,
        reason: Some("because".to_owned()),
        since: at(0),
        expires_at: end.map(at),
    }
}

fn key(end: Option<i64>, made: i64) -> Key {
    Key {
        id: "k".into(),
        name: "scanner".to_owned(),
        scopes: vec![Scope::MailSend],
        mailboxes: None,
        networks: None,
        expires_at: end.map(at),
        revoked_at: None,
        created_at: at(made),
        last_used_at: None,
    }
}

/// A watch without a store: what it says, round by round.
#[derive(Default)]
struct Watch {
    open: Vec<Alert>,
    raised: usize,
}

impl Watch {
    fn look(&mut self, now: Timestamp, facts: &Facts) -> Vec<(AlertChange, AlertType, u16)> {
        let mut said = Vec::new();
        for mut step in plan(now, &watched(facts, now), &self.open) {
            match step.was {
                None => {
                    self.raised += 1;
                    step.alert.id = self.raised.to_string().into();
                    assert!(
                        self.open.iter().all(|it| it.subject != step.alert.subject),
                        "two are open for {:?}",
                        step.alert.subject
                    );
                    self.open.push(step.alert.clone());
                }
                Some(level) => {
                    let place = self.open.iter().position(|it| it.id == step.alert.id);
                    let place = place.expect("an open alert");
                    assert_eq!(self.open[place].level, level);
                    if step.alert.resolved_at.is_some() {
                        self.open.remove(place);
                    } else {
                        self.open[place] = step.alert.clone();
                    }
                }
            }
            if let Some(change) = step.change {
                said.push((change, step.alert.kind, step.alert.level));
            }
        }
        said
    }
}

fn secrets(credentials: Vec<CredentialInfo>) -> Facts {
    Facts {
        connections: vec![connection(credentials)],
        ..Facts::default()
    }
}

#[test]
fn each_level_is_said_once_and_a_new_credential_resolves_it() {
    use AlertChange::{Escalated, Raised, Resolved};
    use AlertType::{CredentialExpired as Over, CredentialExpiring as Soon};
    let mut facts = secrets(vec![credential("s", Some(62 * DAY), 0)]);
    let mut watch = Watch::default();
    let mut said = Vec::new();
    for hour in 0..24 * 64 {
        let news = watch.look(at(hour * 3600), &facts);
        said.extend(news.into_iter().map(|it| (hour / 24, it)));
    }
    assert_eq!(
        said,
        [
            (1, (Raised, Soon, 60)),
            (31, (Escalated, Soon, 30)),
            (54, (Escalated, Soon, 7)),
            (60, (Escalated, Soon, 1)),
            (62, (Escalated, Over, 0)),
        ]
    );
    assert_eq!(watch.open[0].severity, AlertSeverity::Error);
    facts.connections[0]
        .credentials
        .push(credential("t", Some(400 * DAY), 63 * DAY));
    let now = at(64 * DAY);
    assert_eq!(watch.look(now, &facts), [(Resolved, Over, 0)]);
    assert_eq!(watch.look(now, &facts), []);
}

#[test]
fn a_server_that_was_off_says_the_nearest_level_only() {
    let facts = secrets(vec![credential("s", Some(62 * DAY), 0)]);
    let mut watch = Watch::default();
    let said = watch.look(at(57 * DAY), &facts);
    assert_eq!(
        said,
        [(AlertChange::Raised, AlertType::CredentialExpiring, 7)]
    );
}

#[test]
fn a_later_date_resolves_and_a_nearer_level_is_said_anew() {
    let mut facts = secrets(vec![credential("s", Some(5 * DAY), 0)]);
    let mut watch = Watch::default();
    assert_eq!(watch.look(at(0), &facts).len(), 1);
    facts.connections[0].credentials[0].expires_at = Some(at(20 * DAY));
    let soon = AlertType::CredentialExpiring;
    assert_eq!(
        watch.look(at(0), &facts),
        [
            (AlertChange::Resolved, soon, 7),
            (AlertChange::Raised, soon, 30)
        ]
    );
    // Within the same level nothing is said, but the end is the new one.
    facts.connections[0].credentials[0].expires_at = Some(at(25 * DAY));
    assert_eq!(watch.look(at(0), &facts), []);
    assert_eq!(watch.open[0].expires_at, Some(at(25 * DAY)));
    facts.connections[0].credentials[0].expires_at = Some(at(300 * DAY));
    assert_eq!(
        watch.look(at(0), &facts),
        [(AlertChange::Resolved, soon, 30)]
    );
}

#[test]
fn the_credential_that_lasts_longest_counts() {
    let now = at(0);
    let mut watch = Watch::default();
    let both = |first, second| {
        let mut both = vec![credential("old", first, 0), credential("new", second, 1)];
        for one in &mut both {
            one.taken_at = Some(at(2));
        }
        secrets(both)
    };
    assert_eq!(watch.look(now, &both(Some(5 * DAY), Some(100 * DAY))), []);
    assert_eq!(watch.look(now, &both(Some(100 * DAY), Some(5 * DAY))), []);
    // A newer one whose end nobody told: nobody can be warned.
    assert_eq!(watch.look(now, &both(Some(5 * DAY), None)), []);
    // An older one whose end nobody told does not help.
    assert_eq!(watch.look(now, &both(None, Some(5 * DAY))).len(), 1);
    assert_eq!(watch.open[0].subject.id, "new");
    assert_eq!(watch.look(now, &Facts::default()).len(), 1);
    assert!(watch.open.is_empty());
}

/// A certificate that was made and not uploaded, or a federated credential that is not registered,
/// keeps nothing going: the secret in use is what is watched, until the other one is taken.
#[test]
fn a_credential_that_microsoft_never_took_keeps_nothing_quiet() {
    use AlertChange::{Escalated, Raised, Resolved};
    use AlertType::{CredentialExpired as Over, CredentialExpiring as Soon};
    let in_use = credential("s", Some(5 * DAY), 0);
    let made = CredentialInfo {
        kind: CredentialKind::Certificate,
        ..credential("made", Some(700 * DAY), 1)
    };
    let federated = CredentialInfo {
        kind: CredentialKind::Federated,
        ..credential("federated", None, 1)
    };
    for other in [made, federated] {
        let mut watch = Watch::default();
        let mut facts = secrets(vec![in_use.clone(), other]);
        // Nobody knows yet which one is taken: rather a word too much than none.
        assert_eq!(watch.look(at(0), &facts), [(Raised, Soon, 7)]);
        assert_eq!(watch.open[0].subject.id, "s");
        let taken = |facts: &mut Facts, place: usize, is: bool| {
            facts.connections[0].credentials[place].taken_at = is.then(|| at(2));
        };
        taken(&mut facts, 0, true);
        assert_eq!(watch.look(at(0), &facts), []);
        assert_eq!(watch.look(at(5 * DAY), &facts), [(Escalated, Over, 0)]);
        taken(&mut facts, 1, true);
        assert_eq!(watch.look(at(5 * DAY), &facts), [(Resolved, Over, 0)]);
        // Removed at Microsoft, it keeps nothing going any more.
        taken(&mut facts, 1, false);
        assert_eq!(watch.look(at(5 * DAY), &facts), [(Raised, Over, 0)]);
    }
    // One that is over is not what is in use while there is another one.
    let mut watch = Watch::default();
    let facts = secrets(vec![
        credential("over", Some(-DAY), 0),
        credential("new", Some(400 * DAY), 1),
    ]);
    assert_eq!(watch.look(at(0), &facts), []);
}

/// A clock that was far ahead said what was not so: that falls back when it is set right. One that
/// was a little ahead takes back nothing.
#[test]
fn what_a_wrong_clock_said_is_taken_back() {
    use AlertChange::{Raised, Resolved};
    use AlertType::{CredentialExpired as Over, CredentialExpiring as Soon};
    let facts = secrets(vec![credential("s", Some(100 * DAY), 0)]);
    let mut watch = Watch::default();
    assert_eq!(watch.look(at(300 * DAY), &facts), [(Raised, Over, 0)]);
    assert_eq!(watch.look(at(0), &facts), [(Resolved, Over, 0)]);
    assert_eq!(watch.look(at(300 * DAY), &facts), [(Raised, Over, 0)]);
    let back = [(Resolved, Over, 0), (Raised, Soon, 30)];
    assert_eq!(watch.look(at(80 * DAY), &facts), back);
    assert_eq!(watch.open[0].severity, AlertSeverity::Warning);
    assert_eq!(watch.look(at(80 * DAY), &facts), []);
    // 30 days were said at their beginning.
    assert_eq!(watch.look(at(69 * DAY + 3600), &facts), []);
    let back = [(Resolved, Soon, 30), (Raised, Soon, 60)];
    assert_eq!(watch.look(at(68 * DAY), &facts), back);
}

#[test]
fn a_credential_that_is_over_is_not_refused_besides() {
    let mut watch = Watch::default();
    let mut facts = secrets(vec![credential("s", Some(-DAY), -9)]);
    facts.accounts = vec![
        account("ada", AccountState::CredentialExpired, None),
        account("bob", AccountState::CredentialExpired, None),
    ];
    let raised = |kind| (AlertChange::Raised, kind, 0);
    assert_eq!(
        watch.look(at(0), &facts),
        [raised(AlertType::CredentialExpired)]
    );
    // One that is wrong is refused, once for all who act through it.
    facts.connections[0].credentials[0].expires_at = Some(at(300 * DAY));
    assert_eq!(
        watch.look(at(0), &facts),
        [
            (AlertChange::Resolved, AlertType::CredentialExpired, 0),
            raised(AlertType::CredentialRefused),
        ]
    );
    assert_eq!(watch.open[0].subject.id, "c");
}

#[test]
fn accounts_that_ended_are_said_until_they_act_again() {
    let mut watch = Watch::default();
    let mut facts = secrets(Vec::new());
    facts.accounts = vec![account("ada", AccountState::Active, Some(40 * DAY))];
    assert_eq!(watch.look(at(0), &facts), []);
    assert_eq!(
        watch.look(at(34 * DAY), &facts),
        [(AlertChange::Raised, AlertType::GrantExpiring, 7)]
    );
    facts.accounts[0].state = AccountState::Revoked;
    assert_eq!(
        watch.look(at(34 * DAY), &facts),
        [(AlertChange::Escalated, AlertType::AccountRevoked, 0)]
    );
    assert!(watch.open[0].hint.contains("postroom login"));
    // Another state of the same kind of end is written, and not said again.
    facts.accounts[0].state = AccountState::NeedsSignIn;
    assert_eq!(watch.look(at(34 * DAY), &facts), []);
    assert_eq!(watch.open[0].kind, AlertType::AccountNeedsSignIn);
    facts.accounts[0].state = AccountState::Active;
    facts.accounts[0].expires_at = Some(at(120 * DAY));
    assert_eq!(
        watch.look(at(35 * DAY), &facts),
        [(AlertChange::Resolved, AlertType::AccountNeedsSignIn, 0)]
    );
}

#[test]
fn keys_are_watched_in_the_second_half_of_their_lives() {
    let said = |life: i64| {
        let facts = Facts {
            keys: vec![key(Some(life), 0)],
            ..Facts::default()
        };
        let mut watch = Watch::default();
        let mut levels = Vec::new();
        for hour in 0..=life / 3600 {
            let news = watch.look(at(hour * 3600), &facts);
            levels.extend(news.into_iter().map(|(_, _, level)| level));
        }
        levels
    };
    assert_eq!(said(365 * DAY), [60, 30, 7, 1, 0]);
    assert_eq!(said(90 * DAY), [30, 7, 1, 0]);
    assert_eq!(said(14 * DAY), [7, 1, 0]);
    assert_eq!(said(2 * DAY), [1, 0]);
    assert_eq!(said(DAY), [0_u16; 0]);
    assert_eq!(said(3600), [0_u16; 0]);
}

proptest! {
    /// However the clock goes, as long as it is never set back by more than a day: no level is said
    /// twice for the same end, and none that is farther than one that was said.
    #[test]
    fn no_level_is_said_twice(
        end in 1_i64..100,
        looks in proptest::collection::vec((0_i64..48 * 3600, 0..DAY), 1..60),
    ) {
        let facts = secrets(vec![credential("s", Some(end * DAY), 0)]);
        let mut watch = Watch::default();
        let mut last = u16::MAX;
        let mut latest = 0;
        for (on, back) in looks {
            latest += on;
            let look = latest.max(back) - back;
            for (change, _, level) in watch.look(at(look), &facts) {
                prop_assert!(change != AlertChange::Resolved);
                prop_assert!(level < last, "{level} after {last}");
                last = level;
            }
        }
    }

    /// Whatever facts follow each other, at most one is open for a subject, and with nothing left
    /// to watch nothing is open.
    #[test]
    fn whatever_happens_it_comes_level(
        rounds in proptest::collection::vec(
            (0_i64..200, proptest::option::of(-10_i64..90), proptest::option::of(-10_i64..90), 0..6_u8),
            1..40,
        ),
    ) {
        let mut watch = Watch::default();
        for (now, first, second, state) in rounds {
            let mut facts = secrets(vec![
                credential("a", first.map(|end| (now + end) * DAY), 0),
                credential("b", second.map(|end| (now + end) * DAY), 1),
            ]);
            let state = match state {
                0 => AccountState::Active,
                1 => AccountState::Refreshing,
                2 => AccountState::NeedsSignIn,
                3 => AccountState::Revoked,
                4 => AccountState::CredentialExpired,
                _ => AccountState::ConsentMissing,
            };
            facts.accounts = vec![account("ada", state, second.map(|end| (now + end) * DAY))];
            watch.look(at(now * DAY), &facts);
            // The same again is nothing new.
            prop_assert_eq!(watch.look(at(now * DAY), &facts), []);
        }
        watch.look(at(0), &Facts::default());
        prop_assert!(watch.open.is_empty());
    }
}
