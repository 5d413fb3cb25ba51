//! Which calls to Graph a caller may have made, judged by method and path alone.
//!
//! A caller with a list of mailboxes reaches what lies below `/users/{one of them}/` and is its mail,
//! calendar, contacts, photo or settings. What it sent is taken apart once, every part has to be
//! understood, and Microsoft gets what is put together again from the parts: there is no second
//! reading of the caller's text that could come to another result. What is unclear is refused.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;

/// What may follow a mailbox, as Microsoft writes it.
const BELOW_A_MAILBOX: &[&str] = &[
    "messages",
    "mailFolders",
    "events",
    "calendar",
    "calendars",
    "calendarView",
    "contacts",
    "contactFolders",
    "photo",
    "mailboxSettings",
];

/// Actions that make mail leave; `createReply` and the like only make drafts.
const SENDING: &[&str] = &[
    "sendMail",
    "send",
    "reply",
    "replyAll",
    "forward",
    "invite",
    "invitations",
    "sendVirtualAppointmentReminderMail",
];

/// What is made in a group goes to its members by mail.
const OF_GROUPS: &[&str] = &["threads", "conversations"];

/// Where meetings are. Whoever makes, changes or cancels one, or answers it, writes to its attendees
/// (Graph, *Create event*, *Update event*, *event: cancel*, *event: accept*).
const MEETINGS: &[&str] = &["events", "calendarView"];

/// Of what is done to a meeting, what stays with its own user.
const OWN_MEETINGS: &[&str] = &["dismissReminder", "snoozeReminder", "permanentDelete"];

/// Whoever is given a calendar is told so by mail (Graph, *Create calendarPermission*).
const SHARES: &str = "calendarPermissions";

/// Rules that Exchange carries out for a mailbox: they can forward and redirect.
const RULES: &str = "messageRules";

/// Below an own calendar, and yet about other people's.
const ABOUT_OTHERS: &[&str] = &["getSchedule"];

/// Of the segments that begin with a dollar sign, those that lead nowhere else.
const OWN_WORDS: &[&str] = &["$value", "$count"];

const BATCH: &str = "$batch";

/// So often a text is decoded to see what somebody could take it for.
const LAYERS: usize = 6;

/// What a segment keeps as it is: RFC 3986's unreserved characters, and those of OData's keys and
/// functions.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'$')
    .remove(b'(')
    .remove(b')')
    .remove(b'\'')
    .remove(b',')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'!');

/// A mailbox that a caller reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own<'a> {
    /// Microsoft's id.
    pub id: &'a str,
    /// Its address.
    pub address: &'a str,
}

/// A call that may be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// What is sent: path and query below the version.
    pub path: String,
    /// Whose it is.
    pub owner: Owner,
    /// Whether it makes mail leave.
    pub sends: bool,
    /// Whether it is a batch, whose parts are still to be judged.
    pub is_batch: bool,
}

/// Whose a path is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The signed-in user's.
    Me,
    /// That of the user with this id or name.
    User(String),
    /// No user's.
    Nobody,
}

/// Why a call is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It can be read in more than one way, or in none.
    Unclear(&'static str),
    /// A mailbox that is not on the list.
    OtherMailbox(String),
    /// Something that a list of mailboxes does not open.
    Elsewhere,
}

/// Judges a call. `target` is path and query below the version, as sent, beginning with `/`; `own`
/// are the mailboxes of a caller with a list, `None` one without.
///
/// # Errors
/// [`Refusal`].
pub fn judge(method: &str, target: &str, own: Option<&[Own<'_>]>) -> Result<Judged, Refusal> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    if target.contains(|c: char| c.is_control() || c == '#' || c == ' ') {
        return Err(Refusal::Unclear(
            "blanks, control characters and # have to be percent-encoded",
        ));
    }
    let pieces = pieces(path);
    if pieces.iter().any(|piece| piece.chars().all(|c| c == '.')) {
        return Err(Refusal::Unclear("segments of dots lead elsewhere"));
    }
    if path.contains('\\') {
        return Err(Refusal::Unclear("a backslash has to be percent-encoded"));
    }
    let sends = sends(method, &pieces);
    let first = pieces.first().map(String::as_str).unwrap_or_default();
    if first.eq_ignore_ascii_case(BATCH) {
        if pieces.len() > 1 || !method.eq_ignore_ascii_case("POST") {
            return Err(Refusal::Unclear(
                "a batch is POST /$batch, and nothing below it",
            ));
        }
        return Ok(Judged {
            path: with_query(format!("/{BATCH}"), query),
            owner: Owner::Nobody,
            sends: false,
            is_batch: true,
        });
    }
    let (path, owner) = match own {
        None => (path.to_owned(), owner(&pieces)),
        Some(own) => within(own, path, query)?,
    };
    Ok(Judged {
        path: with_query(path, query),
        owner,
        sends,
        is_batch: false,
    })
}

fn with_query(path: String, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path,
    }
}

/// The path as those read it who decode most: every layer of encoding off, both kinds of slash, no
/// empty segments. `name('key')` is two pieces, as it is two segments.
fn pieces(path: &str) -> Vec<String> {
    let bare = bare(path);
    let mut pieces = Vec::new();
    for segment in bare
        .split(['/', '\\'])
        .filter(|segment| !segment.is_empty())
    {
        match keyed(segment) {
            Some((name, key)) => pieces.extend([name.to_owned(), key]),
            None => pieces.push(segment.to_owned()),
        }
    }
    pieces
}

fn bare(text: &str) -> Cow<'_, str> {
    let mut bare = Cow::Borrowed(text);
    for _ in 0..LAYERS {
        let decoded = percent_decode_str(&bare).decode_utf8_lossy().into_owned();
        if decoded == bare {
            break;
        }
        bare = Cow::Owned(decoded);
    }
    bare
}

/// `name('key')`, with the key's doubled quotes made one.
fn keyed(segment: &str) -> Option<(&str, String)> {
    let (name, rest) = segment.split_once('(')?;
    let key = rest
        .strip_suffix(')')?
        .strip_prefix('\'')?
        .strip_suffix('\'')?;
    let single = key.replace("''", "");
    (!single.contains('\'')).then(|| (name, key.replace("''", "'")))
}

/// A word of Graph's without what may be written around it: its namespace or that one's alias
/// (`microsoft.graph.`, `graph.`), parentheses, what follows a semicolon, dots and blanks at its end.
fn word(piece: &str) -> &str {
    let word = piece.split([';', '(']).next().unwrap_or_default();
    let word = word.trim_matches(|c: char| c == '.' || c.is_whitespace());
    word.rsplit('.').next().unwrap_or_default()
}

fn is_one_of(word: &str, list: &[&str]) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(word))
}

fn sends(method: &str, pieces: &[String]) -> bool {
    let reads = ["GET", "HEAD"]
        .iter()
        .any(|read| method.eq_ignore_ascii_case(read));
    if reads {
        return false;
    }
    let acts = method.eq_ignore_ascii_case("POST")
        && pieces.last().is_some_and(|last| {
            is_one_of(word(last), SENDING)
                || (is_one_of(word(last), OF_GROUPS)
                    && pieces
                        .iter()
                        .any(|piece| is_one_of(word(piece), &["groups"])))
        });
    let rules = !method.eq_ignore_ascii_case("DELETE")
        && pieces
            .iter()
            .any(|piece| word(piece).eq_ignore_ascii_case(RULES));
    acts || rules || meets(pieces) || shares(method, pieces)
}

/// Whether it is about a meeting. Who attends stands in a body, which is not looked at, and in what
/// is there already: so every event counts.
fn meets(pieces: &[String]) -> bool {
    let last = pieces.last().map(|last| word(last)).unwrap_or_default();
    pieces.iter().any(|piece| is_one_of(word(piece), MEETINGS)) && !is_one_of(last, OWN_MEETINGS)
}

fn shares(method: &str, pieces: &[String]) -> bool {
    !method.eq_ignore_ascii_case("DELETE")
        && pieces
            .iter()
            .any(|piece| word(piece).eq_ignore_ascii_case(SHARES))
}

fn owner(pieces: &[String]) -> Owner {
    let first = pieces.first().map(String::as_str).unwrap_or_default();
    if first.eq_ignore_ascii_case("me") {
        return Owner::Me;
    }
    match pieces.get(1) {
        Some(user) if first.eq_ignore_ascii_case("users") => Owner::User(user.clone()),
        _ => Owner::Nobody,
    }
}

/// The path below one of these mailboxes, put together from its parts.
fn within(own: &[Own<'_>], path: &str, query: Option<&str>) -> Result<(String, Owner), Refusal> {
    // `$root` in an expression begins at the service, not at the mailbox (OData URL conventions).
    if query.is_some_and(|query| bare(query).to_ascii_lowercase().contains("$root")) {
        return Err(Refusal::Elsewhere);
    }
    let mut segments = path.strip_prefix('/').ok_or(Refusal::Elsewhere)?.split('/');
    let first = decoded(segments.next().unwrap_or_default())?;
    let named = match keyed(&first) {
        Some((users, key)) if users.eq_ignore_ascii_case("users") => key,
        None if first.eq_ignore_ascii_case("users") => {
            decoded(segments.next().ok_or(Refusal::Elsewhere)?)?
        }
        _ => return Err(Refusal::Elsewhere),
    };
    let mailbox = own
        .iter()
        .find(|own| own.id.eq_ignore_ascii_case(&named))
        .or_else(|| {
            own.iter()
                .find(|own| own.address.eq_ignore_ascii_case(&named))
        })
        .ok_or(Refusal::OtherMailbox(named))?;
    let area = decoded(segments.next().ok_or(Refusal::Elsewhere)?)?;
    let (name, key) = match keyed(&area) {
        Some((name, key)) => (name.to_owned(), Some(key)),
        None => (area, None),
    };
    let name = BELOW_A_MAILBOX
        .iter()
        .find(|one| one.eq_ignore_ascii_case(&name))
        .ok_or(Refusal::Elsewhere)?;
    // By its id: an address can be given to somebody else.
    let mut path = format!("/users/{}/{name}", utf8_percent_encode(mailbox.id, SEGMENT));
    let key = key.map(|key| match is_clear(&key) {
        true => Ok(key),
        false => Err(UNCLEAR),
    });
    for segment in key.into_iter().chain(segments.map(decoded)) {
        push(&mut path, &segment?)?;
    }
    Ok((path, Owner::User(mailbox.id.to_owned())))
}

fn push(path: &mut String, segment: &str) -> Result<(), Refusal> {
    let word = word(segment);
    let leaves = segment.starts_with('$') && !is_one_of(segment, OWN_WORDS);
    if leaves || is_one_of(word, ABOUT_OTHERS) {
        return Err(Refusal::Elsewhere);
    }
    path.push('/');
    path.extend(utf8_percent_encode(segment, SEGMENT));
    Ok(())
}

const UNCLEAR: Refusal = Refusal::Unclear(
    "for a key with a list of mailboxes, a segment is not empty, is encoded once, and has none of \
     / \\ % ; ? # in it, no characters outside of ASCII, and no dot or blank at its end",
);

/// A segment without its one layer of encoding.
fn decoded(segment: &str) -> Result<String, Refusal> {
    match percent_decode_str(segment).decode_utf8() {
        Ok(text) if is_clear(&text) => Ok(text.into_owned()),
        _ => Err(UNCLEAR),
    }
}

fn is_clear(text: &str) -> bool {
    let strange =
        |c: char| !c.is_ascii_graphic() || matches!(c, '/' | '\\' | '%' | ';' | '?' | '#');
    !text.is_empty() && !text.contains(strange) && !text.ends_with('.')
}

#[cfg(test)]
mod tests;
