use super::*;
use proptest::prelude::*;

const ANN: Own<'static> = Own {
    id: "48d31887-5fad-4d73-a9f5-3c356e68a038",
    address: "ann@contoso.example",
};
const BOB: &str = "bob@contoso.example";
const BOB_ID: &str = "b0b00000-5fad-4d73-a9f5-3c356e68a038";

fn get(target: &str) -> Result<Judged, Refusal> {
    judge("GET", target, Some(&[ANN]))
}

fn ann(rest: &str) -> String {
    format!("/users/{}/{rest}", ANN.id)
}

#[test]
fn an_own_mailbox_is_reached_by_every_name() {
    for target in [
        "/users/48d31887-5fad-4d73-a9f5-3c356e68a038/messages",
        "/users/48D31887-5FAD-4D73-A9F5-3C356E68A038/messages",
        "/users/ann@contoso.example/messages",
        "/users/ann%40contoso.example/messages",
        "/Users/Ann@Contoso.example/Messages",
        "/users('ann@contoso.example')/messages",
        "/users(%27ann%40contoso.example%27)/messages",
        "/%75sers/ann@contoso.example/%6dessages",
    ] {
        let judged = get(target).expect(target);
        assert_eq!(judged.path, ann("messages"), "{target}");
        assert_eq!(judged.owner, Owner::User(ANN.id.to_owned()));
    }
}

#[test]
fn what_follows_is_put_together_again() {
    for (sent, goes) in [
        ("messages('AAk=')/$value", "messages/AAk=/$value"),
        (
            "mailFolders('inbox')/messages/delta?$deltatoken=a%20b",
            "mailFolders/inbox/messages/delta?$deltatoken=a%20b",
        ),
        (
            "messages/microsoft.graph.delta()",
            "messages/microsoft.graph.delta()",
        ),
        (
            "calendarView?startDateTime=2026-01-01&endDateTime=2027-01-01",
            "calendarView?startDateTime=2026-01-01&endDateTime=2027-01-01",
        ),
        (
            "contacts/A%2BB%3D/photo/$value",
            "contacts/A%2BB=/photo/$value",
        ),
        (
            "messages/$count?$filter=isRead%20eq%20false",
            "messages/$count?$filter=isRead%20eq%20false",
        ),
        ("mailboxSettings/timeZone", "mailboxSettings/timeZone"),
        ("photo/$value", "photo/$value"),
    ] {
        assert_eq!(get(&ann(sent)).expect(sent).path, ann(goes), "{sent}");
    }
}

/// Every form that could be read as another mailbox, or as something that is no mailbox's.
pub(super) fn hostile() -> Vec<String> {
    let ann = ANN.address;
    let mut forms = vec![
        format!("/users/{BOB}/messages"),
        format!("/users/{BOB_ID}/messages"),
        format!("/users('{BOB}')/messages"),
        format!("/users(%27{BOB}%27)/messages"),
        format!("/users(userPrincipalName='{BOB}')/messages"),
        format!("/users(@u)/messages?@u='{BOB}'"),
        format!("/users/{ann}/../{BOB}/messages"),
        format!("/users/{ann}/%2e%2e/{BOB}/messages"),
        format!("/users/{ann}/%2E%2e/{BOB}/messages"),
        format!("/users/{ann}/%252e%252e/{BOB}/messages"),
        format!("/users/{ann}/..%2f{BOB}/messages"),
        format!("/users/{ann}%2f..%2f{BOB}/messages"),
        format!("/users/{ann}%252f..%252f{BOB}/messages"),
        format!("/users/{ann}/messages/../../{BOB}/messages"),
        format!("/users/{ann}/messages/..%5c..%5c{BOB}%5cmessages"),
        format!("/users/{ann}/messages/..\\..\\{BOB}\\messages"),
        format!("/users/{ann}\\..\\{BOB}/messages"),
        format!("/users/{ann}//users/{BOB}/messages"),
        format!("//users/{BOB}/messages"),
        format!("/users//{BOB}/messages"),
        format!("/./users/{BOB}/messages"),
        format!("/users/{ann};/../{BOB}/messages"),
        format!("/users/{ann};x={BOB}/messages"),
        format!("/users/{ann}%3b/messages"),
        format!("/users/{ann}./messages"),
        format!("/users/{ann}%20/messages"),
        format!("/users/{ann}%00/messages"),
        format!("/users/{ann}%0a/messages"),
        format!("/users/{ann}%23/messages"),
        format!("/users/{ann}#/messages"),
        format!("/users/{ann}?/messages"),
        format!("/users/{ann}%3f/messages"),
        format!("/users('{ann}')('{BOB}')/messages"),
        format!("/users('{ann}'or'{BOB}')/messages"),
        format!("/users('{ann}')"),
        format!("/users/{ann}"),
        format!("/users/{ann}/"),
        format!("/users/{ann}/messages/"),
        format!("/users/{ann}/messages//x"),
        format!("/users/{ann}/manager/messages"),
        format!("/users/{ann}/drive/root"),
        format!("/users/{ann}/sendMail"),
        format!("/users/{ann}/people"),
        format!("/users/{ann}/memberOf"),
        format!("/users/{ann}/messages./x"),
        format!("/users/{ann}/message\u{17f}"),
        format!("/users/{ann}/messages%c5%bf"),
        format!("/users/{ann}/messages/$ref"),
        format!("/users/{ann}/messages('$ref')"),
        format!("/users/{ann}/messages('..')/{BOB}/messages"),
        format!("/users/{ann}/messages('')/users/{BOB}/messages"),
        format!("/users/{ann}/calendars('getSchedule')"),
        format!("/users/{ann}/messages/$batch"),
        format!("/users/{ann}/messages/$root/users/{BOB}"),
        format!("/users/{ann}/messages?$filter=id%20eq%20$root/users('{BOB}')/id"),
        format!("/users/{ann}/messages?$filter=id%20eq%20%24root/users('{BOB}')/id"),
        format!("/users/{ann}/calendar/getSchedule"),
        format!("/users/{ann}/calendar/microsoft.graph.getSchedule"),
        format!("/users/{ann}/calendar/graph.getSchedule"),
        format!("/users/{ann}/calendar/GetSchedule()"),
        format!("/users/{ann}/calendars/x/getSchedule"),
        format!("/v1.0/users/{ann}/messages"),
        format!("/beta/users/{ann}/messages"),
        format!("/../beta/users/{ann}/messages"),
        format!("/\u{ff55}sers/{ann}/messages"),
        format!("/users/\u{ff41}nn@contoso.example/messages"),
        "/users/ann%EF%BC%A0contoso.example/messages".to_owned(),
        "/users".to_owned(),
        "/users/".to_owned(),
        "/users?$filter=mail%20eq%20'x'".to_owned(),
        "/users/$count".to_owned(),
        "/users/delta".to_owned(),
        "/me/messages".to_owned(),
        "/Me/messages".to_owned(),
        "/groups/x/threads".to_owned(),
        "/subscriptions".to_owned(),
        "/search/query".to_owned(),
        "/directoryObjects/x".to_owned(),
        "/$metadata".to_owned(),
        "/$crossjoin(users,groups)".to_owned(),
        "/$entity?$id=users/x".to_owned(),
        "/".to_owned(),
        String::new(),
        "users/x/messages".to_owned(),
        "/users/%ff/messages".to_owned(),
        "/users/%/messages".to_owned(),
        "/users/%2/messages".to_owned(),
    ];
    forms.extend(
        forms
            .clone()
            .iter()
            .map(|form| form.replacen("/users", "/%55sers", 1)),
    );
    forms
}

#[test]
fn no_form_leads_to_another_mailbox() {
    for form in hostile() {
        for method in ["GET", "PATCH", "DELETE", "PUT", "POST"] {
            let judged = judge(method, &form, Some(&[ANN]));
            assert!(judged.is_err(), "{method} {form}: {judged:?}");
        }
    }
}

#[test]
fn another_mailbox_is_told_from_everything_else() {
    assert_eq!(
        get(&format!("/users/{BOB}/messages")),
        Err(Refusal::OtherMailbox(BOB.to_owned()))
    );
    assert_eq!(get("/me/messages"), Err(Refusal::Elsewhere));
    assert_eq!(
        judge("GET", "/users/x/messages", Some(&[])),
        Err(Refusal::OtherMailbox("x".into()))
    );
}

#[test]
fn what_sends_is_found_in_every_spelling() {
    for target in [
        "/me/sendMail",
        "/users/x/sendmail",
        "/users/x/microsoft.graph.sendMail",
        "/users/x/microsoft.graph.sendMail()",
        "/users/x/graph.sendMail",
        "/me/messages/1/graph.send",
        "/me/messages/1/Graph.Forward()",
        "/groups/x/threads",
        "/groups/x/conversations/1/threads",
        "/invitations",
        "/me/drive/items/1/invite",
        "/users/x/messages/1/send",
        "/users/x/messages/1/send/",
        "/users/x/messages/1/SEND",
        "/users/x/messages/1/%73end",
        "/users/x/messages/1/%2573end",
        "/users/x/messages/1%2Fsend",
        "/users/x/messages/1\u{2f}send?x=1",
        "/users/x/messages/1/send;v=1",
        "/users/x/messages/1/send.",
        "/users/x/messages/1/reply",
        "/users/x/messages/1/replyAll",
        "/users/x/messages/1/Microsoft.Graph.forward",
        "/users/x/events/1/forward",
        "/groups/x/threads/1/reply",
        "/users/x/mailFolders/inbox/messageRules",
    ] {
        let judged = judge("POST", target, None).expect(target);
        assert!(judged.sends, "{target}");
        assert!(!judge("GET", target, None).expect(target).sends, "{target}");
    }
    for (method, target) in [
        ("POST", "/users/x/events"),
        ("POST", "/me/calendar/events"),
        ("POST", "/users/x/calendars('1')/microsoft.graph.events"),
        ("POST", "/groups/x/events"),
        ("PATCH", "/users/x/events/1"),
        ("PATCH", "/users/x/%65vents/1"),
        ("DELETE", "/users/x/calendarView/1"),
        ("POST", "/users/x/events/1/cancel"),
        ("POST", "/users/x/events/1/graph.accept"),
        ("POST", "/users/x/events('1')/tentativelyAccept"),
        ("POST", "/users/x/events/1/decline"),
        ("POST", "/users/x/calendar/calendarPermissions"),
    ] {
        assert!(judge(method, target, None).expect(target).sends, "{target}");
        assert!(!judge("GET", target, None).expect(target).sends, "{target}");
    }
    for (method, target) in [
        ("POST", "/me/events/1/dismissReminder"),
        ("POST", "/me/events/1/microsoft.graph.snoozeReminder"),
        ("DELETE", "/me/calendar/calendarPermissions/1"),
        ("POST", "/me/calendars"),
        ("PATCH", "/me/calendar"),
    ] {
        assert!(
            !judge(method, target, None).expect(target).sends,
            "{target}"
        );
    }
    let rule = "/users/x/mailFolders('inbox')/messageRules/1";
    assert!(judge("PATCH", rule, None).expect(rule).sends);
    assert!(!judge("DELETE", rule, None).expect(rule).sends);
    for target in [
        "/users/x/messages/1/createReply",
        "/users/x/messages/1/createForward",
        "/users/x/messages/1/move",
        "/users/x/messages",
        "/me/drive/root:/send:/children",
    ] {
        assert!(
            !judge("POST", target, None).expect(target).sends,
            "{target}"
        );
    }
}

#[test]
fn others_reach_what_the_account_reaches() {
    for (target, owner) in [
        ("/me/messages", Owner::Me),
        ("/users/x%40y/messages", Owner::User("x@y".into())),
        ("/users('x@y')/messages", Owner::User("x@y".into())),
        ("/groups/1", Owner::Nobody),
        ("/me/drive/root:/100%25%20Ü:/content", Owner::Me),
    ] {
        let judged = judge("GET", target, None).expect(target);
        assert_eq!((judged.path.as_str(), judged.owner), (target, owner));
    }
    for bad in [
        "/users/x/../y",
        "/users/%252e%252e/y",
        "/users/a\\b",
        "/a#b",
        "/a b",
        "/a/..%2f",
    ] {
        assert!(
            matches!(judge("GET", bad, None), Err(Refusal::Unclear(_))),
            "{bad}"
        );
    }
}

#[test]
fn a_batch_is_one_address() {
    for target in ["/$batch", "/%24batch", "/%2524batch", "/$BATCH", "/$batch/"] {
        let judged = judge("POST", target, None).expect(target);
        assert!(judged.is_batch && judged.path == "/$batch", "{target}");
    }
    assert!(judge("GET", "/$batch", None).is_err());
    assert!(judge("POST", "/$batch/x", None).is_err());
}

fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("/".to_owned()),
        2 => prop::sample::select(vec![
            "users", "Users", "me", "messages", "mailFolders", "calendar", "photo", "..", ".",
            "%2e%2e", "%2f", "%252f", "%5c", "\\", ";", "//", "('", "')", "()", "$value", "$batch",
            "$ref", "getSchedule", "sendMail", "?", "&", "#", "%00", "%", "@", "microsoft.graph.", "graph.",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec![ANN.id, ANN.address, BOB, BOB_ID]).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
    ]
}

proptest! {
    /// Whatever is sent: what goes out is below the own mailbox, however often it is decoded, and
    /// judging it again changes nothing.
    #[test]
    fn what_goes_out_is_below_the_own_mailbox(
        head in prop::sample::select(vec!["", "/users/", "/users/ann@contoso.example/", "/users/ann@contoso.example/messages/"]),
        rest in prop::collection::vec(fragment(), 0..8),
        method in prop::sample::select(vec!["GET", "POST", "PATCH"]),
    ) {
        let target = format!("{head}{}", rest.concat());
        if let Ok(judged) = judge(method, &target, Some(&[ANN]))
            && !judged.is_batch
        {
            let path = judged.path.split('?').next().unwrap_or_default();
            // A percent sign may only be of a character that is written so once.
            let readings = [(path.to_owned(), &['\\', ';'][..]), (bare(path).into_owned(), &['\\', ';', '%'][..])];
            for (reading, forbidden) in readings {
                let mut segments = reading.split('/').skip(1);
                prop_assert_eq!(segments.next(), Some("users"));
                prop_assert_eq!(segments.next(), Some(ANN.id));
                let area = segments.next().unwrap_or_default();
                prop_assert!(BELOW_A_MAILBOX.contains(&area), "{}", area);
                for segment in segments {
                    prop_assert!(!segment.is_empty() && segment != "." && segment != "..");
                    prop_assert!(!segment.contains(forbidden), "{}", segment);
                }
            }
            prop_assert!(path.is_ascii());
            let again = judge(method, &judged.path, Some(&[ANN]));
            prop_assert_eq!(again, Ok(judged));
        }
    }
}
