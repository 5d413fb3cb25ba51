//! A caller over HTTP/1.1 that costs little: one thread has many of them, writes each call with one
//! write and takes its answer with one read, where it came whole.

use anyhow::{Context as _, Result, ensure};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// Room for an answer with a token of several kilobytes.
const ROOM: usize = 32 * 1024;

/// A connection that is kept.
pub(super) struct Caller {
    stream: TcpStream,
    request: Vec<u8>,
    /// What follows the account in a request.
    rest: String,
    buffer: Box<[u8]>,
}

impl Caller {
    pub(super) fn connect(host: &str, key: &str) -> Result<Self> {
        let stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            request: Vec::new(),
            rest: format!(
                "/token HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\
                 Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
            ),
            buffer: vec![0; ROOM].into_boxed_slice(),
        })
    }

    /// Asks for a token.
    pub(super) fn ask(&mut self, account: &str) -> Result<()> {
        self.request.clear();
        self.request.extend_from_slice(b"POST /api/v1/accounts/");
        self.request.extend_from_slice(account.as_bytes());
        self.request.extend_from_slice(self.rest.as_bytes());
        Ok(self.stream.write_all(&self.request)?)
    }

    /// Reads the answer whole. Gives its body.
    pub(super) fn answer(&mut self) -> Result<&[u8]> {
        let mut filled = 0;
        let body = loop {
            let read = self.stream.read(&mut self.buffer[filled..])?;
            ensure!(read > 0, "an answer broke off");
            filled += read;
            if let Some(body) = whole(&self.buffer[..filled])? {
                break body;
            }
        };
        let good = self.buffer.starts_with(b"HTTP/1.1 200 ");
        let body = &self.buffer[body..filled];
        ensure!(
            good && !body.is_empty(),
            "refused: {}",
            String::from_utf8_lossy(body)
        );
        Ok(body)
    }
}

/// Where the body of an answer begins, if all of it is there.
fn whole(answer: &[u8]) -> Result<Option<usize>> {
    let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head_end = head + 4;
    let length: usize = std::str::from_utf8(&answer[..head])?
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length")
                .then_some(value.trim())
        })
        .context("an answer without a length")?
        .parse()?;
    ensure!(answer.len() <= head_end + length, "more than an answer");
    Ok((answer.len() == head_end + length).then_some(head_end))
}
