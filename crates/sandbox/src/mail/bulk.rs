//! Mail in bulk: thousands of messages that take a few bytes each, because everything about one
//! follows from a seed and an index. They become real messages when they are changed.

use super::html;
use super::ids::{hash64, mix};
use super::item::{
    Address, Attachment, AttachmentKind, Content, Flag, FlagStatus, Importance, Item, MessageBody,
};
use super::made::{Made, Sort};
use super::phrases::{self, Language};
use super::stamp::Seconds;
use crate::directory::people::Person;

/// The recipe of a mailbox's bulk.
#[derive(Clone, Debug)]
pub(crate) struct Bulk {
    seed: u64,
    count: u32,
    newest: Seconds,
    owner: Address,
    language: Language,
    colleagues: Vec<Address>,
}

impl Bulk {
    /// `count` messages for the owner, the newest received just before `now`.
    pub(crate) fn new(
        seed: u64,
        count: usize,
        now: Seconds,
        owner: &Person,
        people: &[Person],
    ) -> Self {
        Self {
            seed: mix(seed ^ hash64(owner.id.as_bytes())),
            count: u32::try_from(count).unwrap_or(u32::MAX),
            newest: now - 60,
            owner: Address::new(&owner.display_name, &owner.mail),
            language: Language::of(&owner.preferred_language),
            colleagues: people
                .iter()
                .map(|person| Address::new(&person.display_name, &person.mail))
                .collect(),
        }
    }

    /// How many messages there are.
    pub(crate) fn count(&self) -> usize {
        self.count as usize
    }

    /// The index within an internet message id that this made.
    pub(crate) fn index_of(message_id: &str) -> Option<u32> {
        let (local, _) = message_id.split_once('@')?;
        let (_, index) = local.split_once('.')?;
        u32::from_str_radix(index, 16).ok()
    }

    /// The place of a message's folder among `folders`.
    pub(crate) fn folder(&self, index: u32, folders: usize) -> usize {
        index as usize % folders.max(1)
    }

    /// Received times fall with the index: about one message every seven minutes.
    pub(crate) fn received(&self, index: u32) -> Seconds {
        let jitter = self.dice(index, 1) % 400;
        self.newest - i64::from(index) * 420 - i64::try_from(jitter).unwrap_or(0)
    }

    /// Old mail is mostly read.
    pub(crate) fn is_read(&self, index: u32) -> bool {
        let dice = self.dice(index, 2) % 100;
        if index < self.count / 10 {
            dice < 50
        } else {
            dice < 93
        }
    }

    /// The message.
    pub(crate) fn item(&self, index: u32, body: bool) -> Item {
        let dice = self.dice(index, 3);
        let received = self.received(index);
        let thread = index / 4;
        let language = match dice % 10 {
            0 => Language::English,
            1 => Language::German,
            2 => Language::French,
            _ => self.language,
        };
        let from = self.sender(dice);
        let mut subject = String::with_capacity(48);
        if index % 4 != 3 && (dice >> 8).is_multiple_of(2) {
            subject.push_str("RE: ");
        }
        phrases::subject(&mut subject, self.language, self.dice(thread, 4));
        let id = self.dice(index, 5);
        let host = from.address.rsplit('@').next().unwrap_or("example.com");
        let mut item = Item {
            subject,
            internet_message_id: format!("<{id:016x}.{index:x}@{host}>"),
            sender: Some(from.clone()),
            from: Some(from),
            to: vec![self.owner.clone()],
            created: received + 1,
            modified: received + 2,
            received,
            sent: received - 3,
            is_read: self.is_read(index),
            importance: match dice >> 12 & 31 {
                0 => Importance::High,
                1 => Importance::Low,
                _ => Importance::Normal,
            },
            other_inbox: (dice >> 17).is_multiple_of(5),
            conversation: self.conversation(thread),
            conversation_index: self.conversation_index(thread, received),
            ..Item::default()
        };
        if (dice >> 20).is_multiple_of(3) {
            item.cc.push(self.colleague(dice >> 24));
        }
        if (dice >> 28).is_multiple_of(17) {
            item.categories.push("Blue category".to_owned());
        }
        if (dice >> 33).is_multiple_of(29) {
            item.flag = Flag {
                status: FlagStatus::Flagged,
                ..Flag::default()
            };
        }
        self.attach(&mut item, index);
        if body {
            let inline = item
                .attachments
                .iter()
                .find(|attachment| attachment.inline)
                .and_then(|attachment| attachment.content_id.as_deref());
            let (preview, content) = write_body(self.dice(index, 6), language, inline);
            item.body = MessageBody::new(true, content);
            item.body.harmless = true;
            item.preview = preview;
        }
        item
    }

    /// 1 in 5 with files, 1 in 10 with nothing but a picture in the body.
    fn attach(&self, item: &mut Item, index: u32) {
        let dice = self.dice(index, 7);
        match dice % 10 {
            0 | 1 => {
                for number in 0..1 + (dice >> 8) % 2 {
                    let seed = self.dice(index, 8 + number);
                    let wanted = 1_000 + usize::try_from(seed % 59_000).unwrap_or(0);
                    let (sort, kind, end) = if (seed >> 20).is_multiple_of(3) {
                        (Sort::Text, "text/csv", "csv")
                    } else {
                        (Sort::Pdf, "application/pdf", "pdf")
                    };
                    let name = format!(
                        "{}-{}.{end}",
                        phrases::FILES[(seed >> 24) as usize % phrases::FILES.len()],
                        seed % 10_000
                    );
                    let content = Content::Made(Made::new(sort, seed, wanted));
                    item.attach(Attachment::file(&name, kind, content, item.received));
                }
            }
            2 => {
                let wanted = 1_000 + usize::try_from(dice >> 8 & 0xfff).unwrap_or(0);
                item.attach(Attachment {
                    number: 0,
                    name: "image001.png".to_owned(),
                    content_type: "image/png".to_owned(),
                    inline: true,
                    content_id: Some(format!("image001.png@{:016x}", dice)),
                    modified: item.received,
                    kind: AttachmentKind::File(Content::Made(Made::new(Sort::Png, dice, wanted))),
                });
            }
            _ => {}
        }
    }

    fn sender(&self, dice: u64) -> Address {
        if (dice >> 40).is_multiple_of(2) && !self.colleagues.is_empty() {
            return self.colleague(dice >> 44);
        }
        let (name, address) = phrases::PARTNERS[(dice >> 44) as usize % phrases::PARTNERS.len()];
        Address::new(name, address)
    }

    fn colleague(&self, dice: u64) -> Address {
        let place = dice as usize % self.colleagues.len().max(1);
        self.colleagues.get(place).unwrap_or(&self.owner).clone()
    }

    fn conversation(&self, thread: u32) -> String {
        conversation_id(self.dice(thread, 12))
    }

    fn conversation_index(&self, thread: u32, at: Seconds) -> Vec<u8> {
        conversation_index(self.dice(thread, 12), at)
    }

    fn dice(&self, index: u32, what: u64) -> u64 {
        mix(self.seed ^ (u64::from(index) << 8) ^ what.wrapping_mul(0x5851_f42d_4c95_7f2d))
    }
}

/// A conversation's id from its dice.
pub(crate) fn conversation_id(dice: u64) -> String {
    use base64::Engine as _;
    let mut bytes = [0_u8; 61];
    bytes[..4].copy_from_slice(&[0x00, 0x01, 0x24, 0x00]);
    for (place, chunk) in bytes[4..60].chunks_mut(8).enumerate() {
        let value = mix(dice ^ place as u64).to_be_bytes();
        chunk.copy_from_slice(&value[..chunk.len()]);
    }
    base64::engine::general_purpose::URL_SAFE.encode(bytes)
}

/// The 22 bytes that begin a conversation: 1, the high five bytes of the time, a GUID. Source:
/// Microsoft's protocol document MS-OXOMSG, PidTagConversationIndex.
pub(crate) fn conversation_index(dice: u64, at: Seconds) -> Vec<u8> {
    let ticks = (u64::try_from(at).unwrap_or(0) + 11_644_473_600) * 10_000_000;
    let mut index = Vec::with_capacity(22);
    index.push(1);
    index.extend_from_slice(&ticks.to_be_bytes()[..5]);
    index.extend_from_slice(&mix(dice).to_be_bytes());
    index.extend_from_slice(&mix(dice ^ 1).to_be_bytes());
    index
}

/// Preview and HTML of 1 to 6 KB.
fn write_body(seed: u64, language: Language, inline: Option<&str>) -> (String, String) {
    let wanted = 900 + usize::try_from(seed % 4_900).unwrap_or(0);
    let mut text = String::with_capacity(wanted + 400);
    phrases::greeting(&mut text, language, seed);
    let mut state = seed;
    let mut first = String::new();
    let mut paragraph = 0_u64;
    while text.len() < wanted {
        state = mix(state ^ paragraph);
        paragraph += 1;
        text.push_str("<p class=\"MsoNormal\">");
        let start = text.len();
        for sentence in 0..2 + state % 4 {
            phrases::sentence(&mut text, language, mix(state ^ (sentence + 77)));
            text.push(' ');
        }
        if first.is_empty() {
            first.push_str(&text[start..]);
        }
        text.push_str("</p>\r\n");
    }
    if let Some(content_id) = inline {
        text.push_str("<p><img src=\"cid:");
        text.push_str(content_id);
        text.push_str("\" width=\"32\" height=\"32\"></p>\r\n");
    }
    phrases::closing(&mut text, language);
    let mut lead = String::with_capacity(300);
    phrases::greeting(&mut lead, language, seed);
    lead.push_str(&first);
    (html::preview(&html::to_text(&lead)), html::document(&text))
}
