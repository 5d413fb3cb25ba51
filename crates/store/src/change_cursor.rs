//! The text of a cursor of the change feed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// A cursor's text: which store it is of, and a position in its feed.
pub(crate) struct CursorText<'s> {
    /// The store's id.
    pub(crate) store: &'s str,
}

/// So many bytes of the store's id, hashed, are enough to know it by.
const MARK: usize = 6;

impl CursorText<'_> {
    fn mark(&self) -> [u8; MARK] {
        let mut mark = [0; MARK];
        mark.copy_from_slice(&blake3::hash(self.store.as_bytes()).as_bytes()[..MARK]);
        mark
    }

    /// The cursor behind a position.
    pub(crate) fn write(&self, position: i64) -> String {
        let mut bytes = self.mark().to_vec();
        bytes.extend_from_slice(&position.to_be_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The position of a cursor. `None` when it is none of this store's.
    pub(crate) fn read(&self, cursor: &str) -> Option<i64> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (mark, position) = bytes.split_at_checked(MARK)?;
        let position = i64::from_be_bytes(position.try_into().ok()?);
        (mark == self.mark()).then_some(position)
    }
}
