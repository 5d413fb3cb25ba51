//! The opaque text in a nextLink or deltaLink.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::mail::ids::check;
use crate::mail::stamp::Seconds;

/// How far a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Reading all there is, newest first.
    First {
        /// The last item seen: received, number.
        after: Option<(Seconds, u64)>,
        /// The state that the first page saw; the first deltaLink begins there.
        base: u64,
        /// How many were shown.
        shown: u64,
    },
    /// Reading what changed.
    Later {
        /// The state that the reader was level with when the round began.
        since: u64,
        /// The last happening seen.
        at: u64,
    },
}

/// A reader's place with the options of the first call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Tokens of an earlier epoch have expired.
    pub(crate) epoch: u32,
    /// When it was written.
    pub(crate) issued: Seconds,
    /// Whose mailbox, as a check sum.
    pub(crate) owner: u32,
    /// The folder; 0 for the folder hierarchy.
    pub(crate) folder: u32,
    /// The place.
    pub(crate) stage: Stage,
    /// `$filter=receivedDateTime ge`.
    pub(crate) received_from: Option<Seconds>,
    /// `changeType`, empty for all.
    pub(crate) change_type: String,
    /// `$select`.
    pub(crate) select: Option<String>,
    /// `$expand`.
    pub(crate) expand: Option<String>,
    /// `$top`, 0 for none.
    pub(crate) top: u64,
    /// Whether hidden folders are in (folder hierarchy only).
    pub(crate) hidden: bool,
}

impl Token {
    /// The text.
    pub(crate) fn write(&self) -> String {
        let mut bytes = vec![1];
        bytes.extend_from_slice(&self.epoch.to_be_bytes());
        bytes.extend_from_slice(&self.issued.to_be_bytes());
        bytes.extend_from_slice(&self.owner.to_be_bytes());
        bytes.extend_from_slice(&self.folder.to_be_bytes());
        let (kind, numbers) = match self.stage {
            Stage::First {
                after: None,
                base,
                shown,
            } => (0_u8, [0, 0, base, shown]),
            Stage::First {
                after: Some((received, number)),
                base,
                shown,
            } => (1, [received.cast_unsigned(), number, base, shown]),
            Stage::Later { since, at } => (2, [since, at, 0, 0]),
        };
        bytes.push(kind);
        for number in numbers {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        let from = self.received_from.map_or(i64::MIN, |from| from);
        bytes.extend_from_slice(&from.to_be_bytes());
        bytes.extend_from_slice(&self.top.to_be_bytes());
        bytes.push(u8::from(self.hidden));
        for text in [
            Some(self.change_type.as_str()),
            self.select.as_deref(),
            self.expand.as_deref(),
        ] {
            bytes.push(u8::from(text.is_some()));
            let text = text.unwrap_or_default();
            let length = u32::try_from(text.len()).unwrap_or(0);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        let sum = check(&bytes);
        bytes.extend_from_slice(&sum.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a text; `None` when it is not one of ours.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(4)?)?;
        if check(content).to_be_bytes() != sum {
            return None;
        }
        let mut reader = Reader(content);
        if reader.byte()? != 1 {
            return None;
        }
        let epoch = reader.small()?;
        let issued = reader.number()?.cast_signed();
        let owner = reader.small()?;
        let folder = reader.small()?;
        let kind = reader.byte()?;
        let numbers = [
            reader.number()?,
            reader.number()?,
            reader.number()?,
            reader.number()?,
        ];
        let stage = match kind {
            0 | 1 => Stage::First {
                after: (kind == 1).then_some((numbers[0].cast_signed(), numbers[1])),
                base: numbers[2],
                shown: numbers[3],
            },
            2 => Stage::Later {
                since: numbers[0],
                at: numbers[1],
            },
            _ => return None,
        };
        let from = reader.number()?.cast_signed();
        let top = reader.number()?;
        let hidden = reader.byte()? == 1;
        let change_type = reader.text()?.unwrap_or_default();
        let select = reader.text()?;
        let expand = reader.text()?;
        Some(Self {
            epoch,
            issued,
            owner,
            folder,
            stage,
            received_from: (from != i64::MIN).then_some(from),
            change_type,
            select,
            expand,
            top,
            hidden,
        })
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn small(&mut self) -> Option<u32> {
        Some(u32::from_be_bytes(self.take(4)?.try_into().ok()?))
    }

    fn number(&mut self) -> Option<u64> {
        Some(u64::from_be_bytes(self.take(8)?.try_into().ok()?))
    }

    fn text(&mut self) -> Option<Option<String>> {
        let is_some = self.byte()? == 1;
        let length = self.small()? as usize;
        let text = String::from_utf8(self.take(length)?.to_vec()).ok()?;
        Some(is_some.then_some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reads_back(
            numbers in any::<(u32, i64, u32, u32, u64, u64, u64)>(),
            select in proptest::option::of("[a-zA-Z,]{0,40}"),
            later in any::<bool>(),
        ) {
            let (epoch, issued, owner, folder, one, two, three) = numbers;
            let token = Token {
                epoch, issued, owner, folder,
                stage: if later {
                    Stage::Later { since: one, at: two }
                } else {
                    Stage::First { after: Some((issued, one)), base: two, shown: three }
                },
                received_from: later.then_some(5),
                change_type: String::new(),
                select,
                expand: None,
                top: three,
                hidden: later,
            };
            prop_assert_eq!(Token::read(&token.write()), Some(token));
        }

        #[test]
        fn never_panics(text in "\\PC{0,80}|[A-Za-z0-9_-]{0,200}") {
            prop_assert_eq!(Token::read(&text), None);
        }
    }
}
