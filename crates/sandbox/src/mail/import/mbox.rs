//! mbox files (RFC 4155): messages parted by lines that begin with `From `.

/// Whether a file is an mbox.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    bytes.starts_with(b"From ")
}

/// The messages, with quoted `>From ` lines restored and the blank line before the next
/// separator removed.
pub(super) fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = Vec::new();
    let mut blank_before = true;
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        if blank_before && line.starts_with(b"From ") {
            if let Some(last) = messages.last_mut() {
                trim_blank_line(last);
            }
            messages.push(Vec::new());
            blank_before = false;
            continue;
        }
        blank_before = line == b"\n" || line == b"\r\n";
        if let Some(last) = messages.last_mut() {
            let quotes = line.iter().take_while(|&&byte| byte == b'>').count();
            let quoted = quotes > 0 && line[quotes..].starts_with(b"From ");
            last.extend_from_slice(if quoted { &line[1..] } else { line });
        }
    }
    if let Some(last) = messages.last_mut() {
        trim_blank_line(last);
    }
    messages
}

fn trim_blank_line(message: &mut Vec<u8>) {
    for end in [b"\r\n\r\n".as_slice(), b"\n\n".as_slice()] {
        if message.ends_with(end) {
            message.truncate(message.len() - end.len() / 2);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_and_unquotes() {
        let file = b"From a@b Mon\nSubject: 1\n\n>From here\n\nFrom c@d Tue\nSubject: 2\n\nx\n";
        let messages = split(file);
        assert_eq!(messages.len(), 2);
        assert_eq!(messages[0], b"Subject: 1\n\nFrom here\n");
        assert_eq!(messages[1], b"Subject: 2\n\nx\n");
    }
}
