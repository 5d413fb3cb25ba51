//! Ids of messages, folders and attachments.
//!
//! A message has two: the default id changes with every move, copy and send; the immutable one
//! (asked for with `Prefer: IdType="ImmutableId"`) stays while the message stays in the mailbox.
//! Containers have one that never changes. Source: Microsoft's page "Obtain immutable
//! identifiers for Outlook resources".
//!
//! The look is Exchange's (152 characters of URL-safe base64, begin `AAMk` or `AAkA`); inside are
//! a number and a check sum, so that an id finds its message without a table and a damaged id is
//! told from an unknown one.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

const DEFAULT: [u8; 4] = [0x00, 0x03, 0x24, 0x00];
const IMMUTABLE: [u8; 4] = [0x00, 0x09, 0x00, 0x2e];
const FOLDER: [u8; 4] = [0x01, 0x03, 0x24, 0x00];
const MESSAGE_BYTES: usize = 113;
const FOLDER_BYTES: usize = 86;
const ATTACHMENT_BYTES: usize = 131;
const OWNER: std::ops::Range<usize> = 4..40;
const NUMBERS: usize = 53;

/// A message by its number in the mailbox; `generation` counts its moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    /// The number that stays.
    pub(crate) number: u64,
    /// How often the message moved.
    pub(crate) generation: u32,
}

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Id {
    /// A message by its default id.
    Message(Key),
    /// A message by its immutable id.
    Immutable(u64),
    /// A folder.
    Folder(u32),
    /// An attachment: its message and its number there.
    Attachment(u64, Option<u32>, u32),
    /// A well-formed id of another mailbox.
    Foreign,
}

/// Writes and reads the ids of one mailbox.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    owner: [u8; 36],
}

impl Ids {
    /// The ids of a mailbox.
    pub(crate) fn new(mailbox: &str) -> Self {
        let mut owner = [b'0'; 36];
        let mut state = hash64(mailbox.as_bytes());
        for byte in &mut owner {
            state = mix(state);
            *byte = b"0123456789abcdef"[(state >> 60) as usize];
        }
        for dash in [8, 13, 18, 23] {
            owner[dash] = b'-';
        }
        Self { owner }
    }

    /// Appends a message's id.
    pub(crate) fn write_message(&self, out: &mut Vec<u8>, key: Key, immutable: bool) {
        encode(out, &self.message_bytes::<MESSAGE_BYTES>(key, immutable, 0));
    }

    /// Appends an attachment's id.
    pub(crate) fn write_attachment(
        &self,
        out: &mut Vec<u8>,
        key: Key,
        attachment: u32,
        immutable: bool,
    ) {
        encode(
            out,
            &self.message_bytes::<ATTACHMENT_BYTES>(key, immutable, attachment),
        );
    }

    /// A message's id.
    pub(crate) fn message(&self, key: Key, immutable: bool) -> String {
        let mut out = Vec::with_capacity(152);
        self.write_message(&mut out, key, immutable);
        String::from_utf8(out).unwrap_or_default()
    }

    /// A folder's id.
    pub(crate) fn folder(&self, number: u32) -> String {
        let mut out = Vec::with_capacity(120);
        self.write_folder(&mut out, number);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Appends a folder's id.
    pub(crate) fn write_folder(&self, out: &mut Vec<u8>, number: u32) {
        let mut bytes = [0_u8; FOLDER_BYTES];
        bytes[..4].copy_from_slice(&FOLDER);
        bytes[OWNER].copy_from_slice(&self.owner);
        bytes[NUMBERS..NUMBERS + 4].copy_from_slice(&number.to_be_bytes());
        seal(&mut bytes);
        encode(out, &bytes);
    }

    /// A change key: changes with every write; `@odata.etag` is `W/"{change key}"`.
    pub(crate) fn write_change_key(&self, out: &mut Vec<u8>, number: u64, change: u64) {
        let mut bytes = [0_u8; 30];
        bytes[..8].copy_from_slice(&[0x09, 0, 0, 0, 0x16, 0, 0, 0]);
        bytes[8..14].copy_from_slice(&self.owner[..6]);
        bytes[14..22].copy_from_slice(&number.to_be_bytes());
        bytes[22..].copy_from_slice(&change.to_be_bytes());
        let start = out.len();
        out.resize(start + 40, 0);
        let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
        out.truncate(start + written);
    }

    /// The change key as text.
    pub(crate) fn change_key(&self, number: u64, change: u64) -> String {
        let mut out = Vec::with_capacity(40);
        self.write_change_key(&mut out, number, change);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Reads an id; `None` when it is damaged. Comparison is case-sensitive, as Microsoft says.
    pub(crate) fn read(&self, text: &str) -> Option<Id> {
        if text.len() > 200 {
            return None;
        }
        let bytes = URL_SAFE
            .decode(text)
            .or_else(|_| STANDARD.decode(text))
            .ok()?;
        if !matches!(bytes.len(), MESSAGE_BYTES | FOLDER_BYTES | ATTACHMENT_BYTES) {
            return None;
        }
        let (content, sum) = bytes.split_at(bytes.len() - 4);
        if check(content).to_be_bytes() != sum {
            return None;
        }
        if bytes[OWNER] != self.owner {
            return Some(Id::Foreign);
        }
        let number = u64::from_be_bytes(bytes[NUMBERS..NUMBERS + 8].try_into().ok()?);
        let generation = u32::from_be_bytes(bytes[NUMBERS + 8..NUMBERS + 12].try_into().ok()?);
        let head: [u8; 4] = bytes[..4].try_into().ok()?;
        match (bytes.len(), head) {
            (FOLDER_BYTES, FOLDER) => Some(Id::Folder(u32::from_be_bytes(
                bytes[NUMBERS..NUMBERS + 4].try_into().ok()?,
            ))),
            (MESSAGE_BYTES, DEFAULT) => Some(Id::Message(Key { number, generation })),
            (MESSAGE_BYTES, IMMUTABLE) => Some(Id::Immutable(number)),
            (ATTACHMENT_BYTES, DEFAULT | IMMUTABLE) => {
                let attachment =
                    u32::from_be_bytes(bytes[NUMBERS + 12..NUMBERS + 16].try_into().ok()?);
                let generation = (head == DEFAULT).then_some(generation);
                Some(Id::Attachment(number, generation, attachment))
            }
            _ => None,
        }
    }

    fn message_bytes<const N: usize>(&self, key: Key, immutable: bool, attachment: u32) -> [u8; N] {
        let mut bytes = [0_u8; N];
        bytes[..4].copy_from_slice(if immutable { &IMMUTABLE } else { &DEFAULT });
        bytes[OWNER].copy_from_slice(&self.owner);
        bytes[NUMBERS..NUMBERS + 8].copy_from_slice(&key.number.to_be_bytes());
        if !immutable {
            bytes[NUMBERS + 8..NUMBERS + 12].copy_from_slice(&key.generation.to_be_bytes());
        }
        bytes[NUMBERS + 12..NUMBERS + 16].copy_from_slice(&attachment.to_be_bytes());
        seal(&mut bytes);
        bytes
    }
}

fn encode(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let written = URL_SAFE.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
}

fn seal(bytes: &mut [u8]) {
    let end = bytes.len() - 4;
    let sum = check(&bytes[..end]);
    bytes[end..].copy_from_slice(&sum.to_be_bytes());
}

/// FNV-1a folded to 32 bits: tells a damaged text from a real one, no more.
pub(crate) fn check(bytes: &[u8]) -> u32 {
    let hash = hash64(bytes);
    (hash >> 32) as u32 ^ hash as u32
}

/// FNV-1a.
pub(crate) fn hash64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// SplitMix64: the dice of everything that is invented from a seed.
pub(crate) fn mix(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back() {
        let ids = Ids::new("someone");
        let key = Key {
            number: 77,
            generation: 3,
        };
        let text = ids.message(key, false);
        assert_eq!(text.len(), 152);
        assert!(text.starts_with("AAMkA"), "{text}");
        assert_eq!(ids.read(&text), Some(Id::Message(key)));
        let immutable = ids.message(key, true);
        assert!(immutable.starts_with("AAkAL"), "{immutable}");
        assert_eq!(ids.read(&immutable), Some(Id::Immutable(77)));
        assert_eq!(ids.read(&ids.folder(9)), Some(Id::Folder(9)));
        assert_eq!(Ids::new("other").read(&text), Some(Id::Foreign));
        assert_eq!(ids.read(&text.to_lowercase()), None);
        assert_eq!(ids.read("inbox"), None);
    }
}
