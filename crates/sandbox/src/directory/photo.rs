//! Profile photos: a pattern in the person's colours, the same in every run.

use serde_json::{Value, json};

use super::jpeg;
use crate::call::{Answer, GraphError};

/// The sizes Exchange keeps ("Get profilePhoto").
const SIZES: [u16; 9] = [48, 64, 96, 120, 240, 360, 432, 504, 648];

/// The answer for someone without a photo ("Get profilePhoto").
pub(super) fn not_found() -> GraphError {
    GraphError::new(
        404,
        "ImageNotFound",
        "Exception of type 'Microsoft.Fast.Profile.Core.Exception.ImageNotFoundException' was thrown.",
    )
}

fn etag(number: u64) -> String {
    format!("W/\"{number:016x}\"")
}

/// The metadata of one size.
pub(super) fn metadata(number: u64, size: u16) -> Value {
    json!({
        "@odata.mediaContentType": "image/jpeg",
        "@odata.mediaEtag": etag(number),
        "id": format!("{size}x{size}"),
        "height": size,
        "width": size,
    })
}

/// The metadata of all sizes.
pub(super) fn all(number: u64) -> Vec<Value> {
    SIZES.iter().map(|size| metadata(number, *size)).collect()
}

/// The number in a size such as `48x48`, if it is one that exists.
pub(super) fn size(name: &str) -> Option<u16> {
    SIZES
        .into_iter()
        .find(|size| name.eq_ignore_ascii_case(&format!("{size}x{size}")))
}

/// The largest size.
pub(super) const LARGEST: u16 = 648;

/// The picture.
pub(super) fn picture(number: u64, size: u16) -> Answer {
    let [_, first, second, third, ..] = number.to_be_bytes();
    let ink = [first / 2 + 30, second / 2 + 40, third / 2 + 60];
    let paper = ink.map(|part| 255 - (255 - part) / 4);
    let blocks = size.div_ceil(8);
    let mut answer = Answer::raw(
        200,
        "image/jpeg",
        jpeg::encode(size, |column, row| {
            // Seven cells across, mirrored at the middle, with a margin of one cell.
            let cell = |place: u16| u32::from(place) * 7 / u32::from(blocks);
            let (x, y) = (cell(column), cell(row));
            let inside = (1..6).contains(&x) && (1..6).contains(&y);
            let mirrored = x.min(6 - x);
            if inside && number >> ((mirrored * 5 + y) % 64) & 1 == 1 {
                ink
            } else {
                paper
            }
        }),
    );
    if let Ok(value) = http::HeaderValue::try_from(etag(number)) {
        answer.headers.insert(http::header::ETAG, value);
    }
    answer
}
