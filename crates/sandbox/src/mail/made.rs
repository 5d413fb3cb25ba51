//! Attachments invented from a seed: the same seed gives the same bytes, so that nothing need be
//! kept for a hundred thousand messages.

use super::ids::mix;

/// What kind of file is invented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    /// One page, padded with a stream.
    Pdf,
    /// A small picture of noise.
    Png,
    /// Lines of text.
    Text,
}

/// A recipe for a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made {
    /// The kind.
    pub(crate) sort: Sort,
    /// The dice.
    pub(crate) seed: u64,
    /// Exactly how many bytes come out.
    pub(crate) length: usize,
}

impl Made {
    /// A file of about this length.
    pub(crate) fn new(sort: Sort, seed: u64, wanted: usize) -> Self {
        let length = match sort {
            Sort::Pdf => wanted.max(600),
            Sort::Text => wanted.max(1),
            Sort::Png => png_length(png_side(wanted)),
        };
        Self { sort, seed, length }
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self.sort {
            Sort::Pdf => pdf(self.seed, self.length),
            Sort::Png => png(self.seed, png_side_of(self.length)),
            Sort::Text => text(self.seed, self.length),
        }
    }
}

/// How many bytes are thrown before they repeat: a file should cost about what copying it does.
const REPEATS_AFTER: usize = 2_048;

fn noise(out: &mut Vec<u8>, seed: u64, count: usize) {
    let mut block = [0_u8; REPEATS_AFTER];
    let used = count.min(REPEATS_AFTER).div_ceil(8) * 8;
    let mut state = mix(seed) | 1;
    for part in block[..used].chunks_exact_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        part.copy_from_slice(&state.to_le_bytes());
    }
    repeat(out, &block[..used], count);
}

fn repeat(out: &mut Vec<u8>, block: &[u8], count: usize) {
    let mut left = count;
    while left > 0 && !block.is_empty() {
        let part = left.min(block.len());
        out.extend_from_slice(&block[..part]);
        left -= part;
    }
}

fn text(seed: u64, length: usize) -> Vec<u8> {
    let mut block = Vec::with_capacity(REPEATS_AFTER + 64);
    let mut line = 0_u64;
    while block.len() < REPEATS_AFTER.min(length) {
        line += 1;
        let dice = mix(seed ^ line);
        let row = format!(
            "{:04};{}.{:02};EUR\r\n",
            dice % 10_000,
            dice >> 20 & 0xffff,
            dice % 100
        );
        block.extend_from_slice(row.as_bytes());
    }
    let mut out = Vec::with_capacity(length);
    repeat(&mut out, &block, length);
    out
}

fn pdf(seed: u64, length: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(length);
    let mut offsets = Vec::new();
    out.extend_from_slice(b"%PDF-1.4\n");
    for object in [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>",
    ] {
        offsets.push(out.len());
        out.extend_from_slice(format!("{} 0 obj{object}endobj\n", offsets.len()).as_bytes());
    }
    offsets.push(out.len());
    // The rest has a fixed length but for the stream, whose size is written with leading zeros.
    let tail_length = 11 + 18 + 7 + 5 * 20 + 29 + 10 + 10 + 6;
    let room = length.saturating_sub(out.len() + 39 + tail_length);
    out.extend_from_slice(format!("4 0 obj<</Length {room:010}>>stream\n").as_bytes());
    noise(&mut out, seed, room);
    out.extend_from_slice(b"\nendstream\nendobj\n");
    let start = out.len();
    out.extend_from_slice(b"xref\n0 5\n0000000000 65535 f \n");
    for offset in &offsets {
        out.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    out.extend_from_slice(
        format!("trailer<</Size 5/Root 1 0 R>>\nstartxref\n{start:010}\n%%EOF\n").as_bytes(),
    );
    // Comment lines after the end are allowed and make the length exact.
    while out.len() < length {
        out.push(b'\n');
    }
    out.truncate(length.max(start));
    out
}

fn png_side(wanted: usize) -> usize {
    (1..=140)
        .take_while(|side| png_length(*side) <= wanted.max(png_length(1)))
        .last()
        .unwrap_or(1)
}

fn png_side_of(length: usize) -> usize {
    (1..=140)
        .find(|side| png_length(*side) == length)
        .unwrap_or(1)
}

/// Signature, IHDR, IDAT with one stored block, IEND; at most 58,940 bytes of rows, so that one
/// block (65,535) is enough.
fn png_length(side: usize) -> usize {
    8 + 25 + (12 + 2 + 5 + side * (side * 3 + 1) + 4) + 12
}

fn png(seed: u64, side: usize) -> Vec<u8> {
    let mut rows = Vec::with_capacity(side * (side * 3 + 1));
    for row in 0..side {
        rows.push(0);
        noise(&mut rows, seed ^ row as u64, side * 3);
    }
    let mut out = Vec::with_capacity(png_length(side));
    out.extend_from_slice(b"\x89PNG\r\n\x1a\n");
    let size = u32::try_from(side).unwrap_or(1).to_be_bytes();
    let mut header = Vec::from(size);
    header.extend_from_slice(&size);
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    chunk(&mut out, b"IHDR", &header);
    let length = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    let mut data = vec![0x78, 0x01, 0x01];
    data.extend_from_slice(&length.to_le_bytes());
    data.extend_from_slice(&(!length).to_le_bytes());
    data.extend_from_slice(&rows);
    data.extend_from_slice(&adler(&rows).to_be_bytes());
    chunk(&mut out, b"IDAT", &data);
    chunk(&mut out, b"IEND", &[]);
    out
}

fn chunk(out: &mut Vec<u8>, name: &[u8; 4], data: &[u8]) {
    let length = u32::try_from(data.len()).unwrap_or(0);
    out.extend_from_slice(&length.to_be_bytes());
    let start = out.len();
    out.extend_from_slice(name);
    out.extend_from_slice(data);
    let sum = crc(&out[start..]);
    out.extend_from_slice(&sum.to_be_bytes());
}

fn adler(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for &byte in bytes {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0_u32; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                0xedb8_8320 ^ (value >> 1)
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |value, &byte| {
        CRC_TABLE[((value ^ u32::from(byte)) & 0xff) as usize] ^ (value >> 8)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_exact_and_bytes_repeat() {
        for sort in [Sort::Pdf, Sort::Png, Sort::Text] {
            for wanted in [100, 1000, 5_000, 60_000] {
                let made = Made::new(sort, 7, wanted);
                let bytes = made.bytes();
                assert_eq!(bytes.len(), made.length, "{sort:?} {wanted}");
                assert_eq!(bytes, made.bytes());
            }
        }
        assert!(Made::new(Sort::Pdf, 1, 2000).bytes().starts_with(b"%PDF-"));
        assert_eq!(crc(b"123456789"), 0xcbf4_3926);
    }
}
