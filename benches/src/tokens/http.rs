//! Over HTTP: the server as it is, asked by callers that do next to nothing themselves.

use super::place::Closed;
use super::{TIMES, WHILE, median};
use crate::measure;
use crate::postroom;
use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

/// Connections of the run with several.
const SEVERAL: usize = 16;

/// Tokens a second.
pub(super) struct Measured {
    pub(super) one: f64,
    pub(super) sixteen: f64,
    pub(super) anew: f64,
}

/// Whom to ask for what.
struct Asked {
    host: String,
    key: String,
    accounts: Vec<String>,
}

/// Starts a server on the accounts and asks it.
pub(super) fn measure(closed: Closed) -> Result<Measured> {
    let mut key = closed.place.command()?;
    key.args(["key", "create", "--name", "bench", "--scope", "tokens"]);
    let (_, key) = measure::run(&mut key)?;
    let _server = postroom::Server::start(&closed.place)?;
    let asked = Arc::new(Asked {
        host: postroom::Server::HOST.to_owned(),
        key: key.trim().to_owned(),
        accounts: closed.accounts.clone(),
    });
    // The first time nothing is there: every account's token is fetched.
    let count = asked.accounts.len();
    let began = Instant::now();
    let fetched = ask(&asked, SEVERAL.min(count), |from| {
        (from..count).step_by(SEVERAL.min(count)).collect()
    })?;
    let anew = fetched as f64 / began.elapsed().as_secs_f64();
    let mut measured = Measured {
        one: 0.0,
        sixteen: 0.0,
        anew,
    };
    for (connections, into) in [(1, &mut measured.one), (SEVERAL, &mut measured.sixteen)] {
        let mut all = Vec::new();
        for _ in 0..TIMES {
            all.push(cached(&asked, connections)?);
        }
        *into = median(all);
    }
    Ok(measured)
}

/// So many connections, each asking for what is to be asked there. Gives how many were answered.
fn ask(
    asked: &Arc<Asked>,
    connections: usize,
    what: impl Fn(usize) -> Vec<usize>,
) -> Result<usize> {
    let threads: Vec<_> = (0..connections)
        .map(|from| {
            let (asked, what) = (Arc::clone(asked), what(from));
            thread::spawn(move || -> Result<usize> {
                let mut caller = Caller::connect(&asked)?;
                for at in &what {
                    caller.token(&asked.accounts[*at])?;
                }
                Ok(what.len())
            })
        })
        .collect();
    total(threads)
}

/// Tokens a second over so many connections.
fn cached(asked: &Arc<Asked>, connections: usize) -> Result<f64> {
    let began = Instant::now();
    let threads: Vec<_> = (0..connections)
        .map(|from| {
            let asked = Arc::clone(asked);
            thread::spawn(move || -> Result<usize> {
                let mut caller = Caller::connect(&asked)?;
                let (mut done, mut at) = (0, from);
                while began.elapsed() < WHILE {
                    at = (at + 7_919) % asked.accounts.len();
                    caller.token(&asked.accounts[at])?;
                    done += 1;
                }
                Ok(done)
            })
        })
        .collect();
    Ok(total(threads)? as f64 / began.elapsed().as_secs_f64())
}

fn total(threads: Vec<thread::JoinHandle<Result<usize>>>) -> Result<usize> {
    let mut all = 0;
    for thread in threads {
        match thread.join() {
            Ok(done) => all += done?,
            Err(_) => bail!("a caller broke"),
        }
    }
    Ok(all)
}

/// A connection that is kept.
struct Caller {
    stream: BufReader<TcpStream>,
    head: String,
    line: String,
    body: Vec<u8>,
}

impl Caller {
    fn connect(asked: &Asked) -> Result<Self> {
        let stream = TcpStream::connect(&asked.host)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            head: format!(
                "/token HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\
                 Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}",
                asked.host, asked.key
            ),
            line: String::new(),
            body: Vec::new(),
        })
    }

    /// Asks for a token and reads the answer whole.
    fn token(&mut self, account: &str) -> Result<()> {
        let request = format!("POST /api/v1/accounts/{account}{}", self.head);
        self.stream.get_mut().write_all(request.as_bytes())?;
        let (mut length, mut is_first, mut good) = (0, true, false);
        loop {
            self.line.clear();
            self.stream.read_line(&mut self.line)?;
            let line = self.line.trim_end();
            if line.is_empty() {
                break;
            }
            if is_first {
                good = line.contains(" 200 ");
                is_first = false;
            } else if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().context("a length")?;
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body)?;
        ensure!(
            good && length > 0,
            "refused: {}",
            String::from_utf8_lossy(&self.body)
        );
        Ok(())
    }
}
