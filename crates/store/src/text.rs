//! The rules for texts that hold on every store: what is one part of another, and what is not kept.

use postroom_model::account::Account;
use postroom_model::alert::Alert;
use postroom_model::audit::AuditEntry;
use postroom_model::call::CallRecord;
use postroom_model::connection::Connection;
use postroom_model::key::Key;
use postroom_model::login::Login;
use postroom_model::mailbox::Mailbox;
use postroom_model::outbox::OutboxItem;
use postroom_model::person::Person;
use postroom_model::resource::attachment::AttachmentRecord;
use postroom_model::resource::folder::MailFolder;
use postroom_model::resource::message::MessageRecord;
use postroom_model::resource::person::PersonRecord;
use std::borrow::Cow;

/// A text as searches compare it: in small letters, by Unicode's own rules, with one sigma for the
/// two that there are.
pub(crate) fn folded(text: &str) -> String {
    text.to_lowercase().replace('ς', "σ")
}

/// U+0000 in JSON, as it is written there.
const ESCAPED: &[u8] = b"\\u0000";

/// A text without U+0000, which PostgreSQL cannot hold: U+FFFD stands in its place.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    match memchr::memchr(0, text.as_bytes()) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.replace('\0', "\u{fffd}")),
    }
}

/// JSON whose texts have no U+0000.
pub(crate) fn clean_json(json: &str) -> Cow<'_, str> {
    if memchr::memmem::find(json.as_bytes(), ESCAPED).is_none() {
        return clean(json);
    }
    let mut cleaned = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = memchr::memmem::find(rest.as_bytes(), ESCAPED) {
        let before = &rest[..at];
        // A backslash that is escaped itself begins nothing.
        let backslashes = before.bytes().rev().take_while(|it| *it == b'\\').count();
        cleaned.push_str(before);
        cleaned.push_str(if backslashes % 2 == 0 {
            "\\ufffd"
        } else {
            "\\u0000"
        });
        rest = &rest[at + ESCAPED.len()..];
    }
    cleaned.push_str(rest);
    match clean(&cleaned) {
        Cow::Borrowed(_) => Cow::Owned(cleaned),
        Cow::Owned(text) => Cow::Owned(text),
    }
}

fn clean_in(text: &mut String) {
    if let Cow::Owned(cleaned) = clean(text) {
        *text = cleaned;
    }
}

fn clean_json_in(json: &mut String) {
    if let Cow::Owned(cleaned) = clean_json(json) {
        *json = cleaned;
    }
}

fn has_nul(message: &MessageRecord) -> bool {
    let one = |text: &String| memchr::memchr(0, text.as_bytes()).is_some();
    let any = |text: &Option<String>| text.as_ref().is_some_and(one);
    let json =
        |json: &String| one(json) || memchr::memmem::find(json.as_bytes(), ESCAPED).is_some();
    one(&message.subject)
        || one(&message.from_name)
        || one(&message.from_address)
        || one(&message.body)
        || any(&message.change_key)
        || any(&message.conversation_id)
        || any(&message.internet_message_id)
        || json(&message.json)
        || message.attachments.iter().flatten().any(|it| {
            one(&it.name) || any(&it.content_type) || any(&it.content_id) || json(&it.json)
        })
}

fn clean_attachment(attachment: &mut AttachmentRecord) {
    clean_in(&mut attachment.name);
    attachment.content_type.as_mut().map(clean_in);
    attachment.content_id.as_mut().map(clean_in);
    clean_json_in(&mut attachment.json);
}

/// A message as it is kept. Ids stay as they are: one with U+0000 is none of Microsoft's.
pub(crate) fn clean_message(message: &MessageRecord) -> Cow<'_, MessageRecord> {
    if !has_nul(message) {
        return Cow::Borrowed(message);
    }
    let mut message = message.clone();
    for text in [
        &mut message.subject,
        &mut message.from_name,
        &mut message.from_address,
        &mut message.body,
    ] {
        clean_in(text);
    }
    for text in [
        &mut message.change_key,
        &mut message.conversation_id,
        &mut message.internet_message_id,
    ] {
        text.as_mut().map(clean_in);
    }
    clean_json_in(&mut message.json);
    message
        .attachments
        .iter_mut()
        .flatten()
        .for_each(clean_attachment);
    Cow::Owned(message)
}

/// A folder as it is kept.
pub(crate) fn clean_folder(folder: &MailFolder) -> Cow<'_, MailFolder> {
    match clean(&folder.display_name) {
        Cow::Borrowed(_) => Cow::Borrowed(folder),
        Cow::Owned(display_name) => Cow::Owned(MailFolder {
            display_name,
            ..folder.clone()
        }),
    }
}

/// A person as kept. An id with U+0000 is none of Microsoft's.
pub(crate) fn clean_person(person: &PersonRecord) -> PersonRecord {
    let mut person = person.clone();
    for text in [
        &mut person.user_principal_name,
        &mut person.display_name,
        &mut person.given_name,
        &mut person.surname,
        &mut person.mail,
        &mut person.job_title,
        &mut person.department,
        &mut person.office_location,
        &mut person.company_name,
        &mut person.mobile_phone,
        &mut person.business_phones,
    ] {
        text.as_mut().map(clean_in);
    }
    person.json.as_mut().map(clean_json_in);
    person
}

/// Something that is kept with texts of others in it: of callers, of people, of Microsoft. Ids are
/// no such texts: one with U+0000 is nobody's. What is kept as JSON is not either: U+0000 is
/// escaped there.
pub(crate) trait Texts: Clone {
    /// Calls this with each of them.
    fn each(&mut self, text: impl FnMut(&mut String));

    /// As it is kept.
    fn cleaned(&self) -> Self {
        let mut cleaned = self.clone();
        cleaned.each(clean_in);
        cleaned
    }
}

impl Texts for Account {
    fn each(&mut self, text: impl FnMut(&mut String)) {
        [
            &mut self.user_principal_name,
            &mut self.display_name,
            &mut self.reason,
        ]
        .into_iter()
        .flatten()
        .for_each(text);
    }
}

impl Texts for Alert {
    fn each(&mut self, text: impl FnMut(&mut String)) {
        [
            &mut self.subject.name,
            &mut self.title,
            &mut self.detail,
            &mut self.hint,
        ]
        .into_iter()
        .chain(&mut self.acknowledged_by)
        .for_each(text);
    }
}

impl Texts for AuditEntry {
    fn each(&mut self, text: impl FnMut(&mut String)) {
        let subject = self
            .subject
            .iter_mut()
            .flat_map(|it| [&mut it.id, &mut it.name]);
        subject
            .chain([&mut self.actor.id, &mut self.request_id])
            .flatten()
            .chain([&mut self.actor.name, &mut self.action])
            .for_each(text);
    }
}

impl Texts for CallRecord {
    fn each(&mut self, text: impl FnMut(&mut String)) {
        [&mut self.caller, &mut self.path]
            .into_iter()
            .chain(&mut self.error)
            .for_each(text);
    }
}

impl Texts for Connection {
    fn each(&mut self, text: impl FnMut(&mut String)) {
        [
            &mut self.name,
            &mut self.tenant_id,
            &mut self.client_id,
            &mut self.authority_url,
            &mut self.graph_url,
        ]
        .into_iter()
        .chain(&mut self.redirect_uri)
        .for_each(text);
    }
}

impl Texts for Key {
    fn each(&mut self, text: impl FnMut(&mut String)) {
        [&mut self.name].into_iter().for_each(text);
    }
}

impl Texts for Login {
    fn each(&mut self, text: impl FnMut(&mut String)) {
        let device = self.device.iter_mut().flat_map(|it| {
            [&mut it.user_code, &mut it.verification_uri]
                .into_iter()
                .chain(&mut it.message)
        });
        device
            .chain([&mut self.redirect_uri])
            .chain(&mut self.error)
            .for_each(text);
    }
}

impl Texts for Mailbox {
    fn each(&mut self, text: impl FnMut(&mut String)) {
        [&mut self.display_name, &mut self.sync.error]
            .into_iter()
            .flatten()
            .chain([&mut self.address])
            .for_each(text);
    }
}

impl Texts for OutboxItem {
    fn each(&mut self, text: impl FnMut(&mut String)) {
        [
            &mut self.internet_message_id,
            &mut self.conversation_id,
            &mut self.reason,
        ]
        .into_iter()
        .flatten()
        .for_each(text);
    }
}

impl Texts for Person {
    fn each(&mut self, text: impl FnMut(&mut String)) {
        [&mut self.name]
            .into_iter()
            .chain(&mut self.address)
            .for_each(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_nul_is_left_and_nothing_else_is_touched() {
        for (json, wanted) in [
            (r#"{"a":"b"}"#, r#"{"a":"b"}"#),
            (r#"{"a":"b\u0000c"}"#, r#"{"a":"b\ufffdc"}"#),
            (r#"{"a":"\\u0000"}"#, r#"{"a":"\\u0000"}"#),
            (r#"{"a":"\\\u0000\u0000"}"#, r#"{"a":"\\\ufffd\ufffd"}"#),
            ("a\0b", "a\u{fffd}b"),
        ] {
            assert_eq!(clean_json(json), wanted);
        }
        assert_eq!(clean("a\0"), "a\u{fffd}");
    }

    #[test]
    fn both_sigmas_are_one() {
        assert_eq!(folded("ΟΔΟΣ"), folded("οδος"));
        assert!(folded("ΟΔΟΣ ΕΡΜΟΥ").contains(&folded("οδοσ")));
    }
}
