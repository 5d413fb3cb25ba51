//! The mail that a mailbox begins with: a small company's, the same for the same seed.

use super::MailOptions;
use super::bulk::{Bulk, conversation_id, conversation_index};
use super::folder::{ROOT, well_known};
use super::html;
use super::ids::{hash64, mix};
use super::item::{
    Address, Attachment, AttachmentKind, Content, Flag, FlagStatus, Importance, Item, Meeting,
    MessageBody,
};
use super::made::{Made, Sort};
use super::mailbox::Mailbox;
use super::phrases::{self, Language, PARTNERS};
use super::reply;
use crate::directory::people::Person;

/// Names of folders that people make.
const OWN_FOLDERS: [[&str; 5]; 3] = [
    ["Customers", "Orders", "Projects", "Service", "Newsletters"],
    [
        "Kunden",
        "Bestellungen",
        "Projekte",
        "Service",
        "Rundschreiben",
    ],
    ["Clients", "Commandes", "Projets", "Service", "Lettres"],
];

/// Threads, folders, drafts: about forty messages.
pub(crate) fn company_mail(mailbox: &mut Mailbox, people: &[Person], seed: u64, now: i64) {
    let language = Language::of(&mailbox.owner.preferred_language);
    let names = OWN_FOLDERS[language as usize];
    let customers = mailbox.folder_named(ROOT, names[0]);
    let nested = mailbox.folder_named(customers, "Fabrikam");
    let deeper = mailbox.folder_named(nested, "2026");
    let projects = mailbox.folder_named(ROOT, names[2]);
    let known = |name| well_known(name).unwrap_or(ROOT);
    let dice = mix(seed ^ hash64(mailbox.owner.id.as_bytes()));
    let owner = Address::new(&mailbox.owner.display_name, &mailbox.owner.mail);
    let places = [
        known("inbox"),
        known("inbox"),
        projects,
        nested,
        deeper,
        known("archive"),
    ];
    for thread in 0..12_u64 {
        let dice = mix(dice ^ thread.wrapping_mul(0x9e37));
        let from = partner(people, dice, &owner);
        let in_language = match thread % 4 {
            0 => Language::English,
            1 => Language::German,
            2 => Language::French,
            _ => language,
        };
        let start = now - i64::try_from(thread).unwrap_or(0) * 86_400 - 7_200;
        let mut first = letter(&from, &owner, in_language, dice, start);
        decorate(&mut first, thread, dice);
        let place = places[usize::try_from(thread).unwrap_or(0) % places.len()];
        first.is_read = thread % 3 != 0;
        let answered = thread % 2 == 0;
        if answered {
            let answer = answer(mailbox, &first, &owner, in_language, dice, start + 1_800);
            if thread % 4 == 0 {
                let mut thanks = answer.clone();
                back(
                    &mut thanks,
                    &answer,
                    &from,
                    &owner,
                    mix(dice ^ 99),
                    start + 3_600,
                );
                mailbox.add(place, thanks);
            }
            mailbox.add(known("sentitems"), answer);
        }
        mailbox.add(place, first);
    }
    let mut draft = letter(
        &owner,
        &partner(people, dice, &owner),
        language,
        mix(dice),
        now - 600,
    );
    draft.is_draft = true;
    draft.is_read = true;
    mailbox.add(known("drafts"), draft);
    let mut invitation = letter(
        &partner(people, mix(dice ^ 7), &owner),
        &owner,
        language,
        mix(dice ^ 8),
        now - 5_000,
    );
    let start = (now / 3_600 + 24) * 3_600;
    invitation.set_body(words(language, mix(dice ^ 8) / 5 * 5 + 1));
    invitation.meeting = Some(Meeting {
        start,
        end: start + 3_600,
    });
    mailbox.add(known("inbox"), invitation);
    let junk = Address::new("Prize Office", "winner@lottery.invalid");
    let mut spam = letter(
        &junk,
        &owner,
        Language::English,
        mix(dice ^ 5),
        now - 40_000,
    );
    spam.other_inbox = true;
    mailbox.add(known("junkemail"), spam);
    let mut old = letter(
        &partner(people, mix(dice), &owner),
        &owner,
        language,
        mix(dice ^ 6),
        now - 900_000,
    );
    old.is_read = true;
    mailbox.add(known("deleteditems"), old);
}

/// The bulk, over the Inbox and folders of the owner's.
pub(crate) fn bulk_mail(
    mailbox: &mut Mailbox,
    people: &[Person],
    options: &MailOptions,
    count: usize,
    now: i64,
) {
    let language = Language::of(&mailbox.owner.preferred_language);
    let names = OWN_FOLDERS[language as usize];
    let mut folders = vec![
        well_known("inbox").unwrap_or(ROOT),
        well_known("archive").unwrap_or(ROOT),
    ];
    let wanted = options.bulk_folders.max(1);
    for number in 0..wanted {
        if folders.len() >= wanted {
            break;
        }
        let name = names[number % names.len()];
        let name = if number < names.len() {
            name.to_owned()
        } else {
            format!("{name} {}", number / names.len() + 1)
        };
        let folder = mailbox.folder_named(ROOT, &name);
        folders.push(folder);
    }
    folders.truncate(wanted);
    let bulk = Bulk::new(options.seed, count, now, &mailbox.owner, people);
    mailbox.take_bulk(bulk, &folders);
}

fn partner(people: &[Person], dice: u64, owner: &Address) -> Address {
    let colleagues: Vec<&Person> = people
        .iter()
        .filter(|person| !person.mail.eq_ignore_ascii_case(&owner.address))
        .collect();
    if dice.is_multiple_of(2)
        && let Some(person) = colleagues.get((dice >> 8) as usize % colleagues.len().max(1))
    {
        return Address::new(&person.display_name, &person.mail);
    }
    let (name, address) = PARTNERS[(dice >> 8) as usize % PARTNERS.len()];
    Address::new(name, address)
}

fn letter(from: &Address, to: &Address, language: Language, dice: u64, at: i64) -> Item {
    let mut subject = String::new();
    phrases::subject(&mut subject, language, dice);
    let host = from.address.rsplit('@').next().unwrap_or("invalid");
    let id = format!("{:016x}@{host}", mix(dice ^ 0x1d));
    let conversation = hash64(id.as_bytes());
    let mut item = Item {
        subject,
        from: Some(from.clone()),
        sender: Some(from.clone()),
        to: vec![to.clone()],
        created: at,
        modified: at,
        received: at,
        sent: at - 4,
        conversation: conversation_id(conversation),
        conversation_index: conversation_index(conversation, at),
        internet_message_id: format!("<{id}>"),
        ..Item::default()
    };
    item.set_body(words(language, dice));
    item
}

fn words(language: Language, dice: u64) -> MessageBody {
    let mut text = String::new();
    phrases::greeting(&mut text, language, dice);
    for paragraph in 0..2 + dice % 2 {
        text.push_str("<p class=\"MsoNormal\">");
        for sentence in 0..3 {
            phrases::sentence(&mut text, language, mix(dice ^ (paragraph * 7 + sentence)));
            text.push(' ');
        }
        text.push_str("</p>\r\n");
    }
    phrases::closing(&mut text, language);
    if dice.is_multiple_of(5) {
        return MessageBody::new(false, html::to_text(&text));
    }
    let mut body = MessageBody::new(true, html::document(&text));
    body.harmless = true;
    body
}

fn answer(
    mailbox: &Mailbox,
    original: &Item,
    owner: &Address,
    language: Language,
    dice: u64,
    at: i64,
) -> Item {
    let mut item = reply::make(mailbox, original, reply::Kind::Reply, at);
    let mut comment = String::new();
    phrases::sentence(&mut comment, language, mix(dice ^ 0xa));
    reply::with_comment(&mut item, original, &comment);
    let host = owner.address.rsplit('@').next().unwrap_or("invalid");
    item.internet_message_id = format!("<{:016x}@{host}>", mix(dice ^ 0x2d));
    item.from = Some(owner.clone());
    item.sender = Some(owner.clone());
    item.is_draft = false;
    item
}

fn back(item: &mut Item, parent: &Item, from: &Address, owner: &Address, dice: u64, at: i64) {
    let host = from.address.rsplit('@').next().unwrap_or("invalid");
    item.internet_message_id = format!("<{:016x}@{host}>", mix(dice));
    item.references = reply::references(parent);
    item.in_reply_to = item.references.last().cloned();
    item.conversation_index = reply::next_index(&parent.conversation_index, at);
    item.from = Some(from.clone());
    item.sender = Some(from.clone());
    item.to = vec![owner.clone()];
    item.is_read = false;
    (item.created, item.modified, item.received, item.sent) = (at, at, at, at - 4);
}

fn decorate(item: &mut Item, thread: u64, dice: u64) {
    match thread % 6 {
        0 => {
            let content = Content::Made(Made::new(Sort::Pdf, dice, 4_000));
            item.attach(Attachment::file(
                "Angebot.pdf",
                "application/pdf",
                content,
                item.received,
            ));
            item.categories = vec!["Red category".to_owned()];
        }
        1 => {
            let id = format!("logo@{:08x}", dice & 0xffff_ffff);
            item.attach(Attachment {
                number: 0,
                name: "logo.png".to_owned(),
                content_type: "image/png".to_owned(),
                inline: true,
                content_id: Some(id.clone()),
                modified: item.received,
                kind: AttachmentKind::File(Content::Made(Made::new(Sort::Png, dice, 900))),
            });
            let content = format!(
                "<p>{}</p><p><img src=\"cid:{id}\"></p>",
                html::inner(item.body.safe_html())
            );
            item.set_body(MessageBody::new(true, html::document(&content)));
        }
        2 => {
            let content = Content::Made(Made::new(Sort::Text, dice, 700));
            item.attach(Attachment::file(
                "positions.csv",
                "text/csv",
                content,
                item.received,
            ));
            item.flag = Flag {
                status: FlagStatus::Flagged,
                ..Flag::default()
            };
        }
        3 => item.importance = Importance::High,
        4 => item.other_inbox = true,
        _ => {}
    }
}
