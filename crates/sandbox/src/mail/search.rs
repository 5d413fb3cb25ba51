//! `$search` on messages: KQL in double quotes. Without a key, a word is looked for in sender,
//! subject and body; answers come by sent date, newest first. Source: Microsoft's page "Use the
//! $search query parameter".

use super::item::{Address, Importance, Item};
use super::select::bad_query;
use super::stamp;
use crate::call::GraphError;

/// The most that a search finds. 250 on the page of 2021; newer ones say 1,000 (unconfirmed).
pub(crate) const MOST: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Anywhere,
    From,
    To,
    Cc,
    Bcc,
    Participants,
    Recipients,
    Subject,
    Body,
    Attachment,
    HasAttachments,
    Importance,
    Received,
    Sent,
    Size,
    Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    key: Key,
    text: String,
    not: bool,
}

/// A search: alternatives of terms that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    alternatives: Vec<Vec<Term>>,
}

impl Search {
    /// Reads the option's value with its quotes.
    pub(crate) fn parse(text: &str) -> Result<Self, GraphError> {
        let inner = text
            .trim()
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'))
            .ok_or_else(|| {
                bad_query(format!(
                    "Syntax error: character ':' is not valid or the quotes are missing in '{text}'."
                ))
            })?;
        let inner = inner.replace("\\\"", "\"");
        let mut alternatives = vec![Vec::new()];
        let mut not = false;
        for word in words(&inner) {
            match word.as_str() {
                "AND" => continue,
                "OR" => {
                    alternatives.push(Vec::new());
                    continue;
                }
                "NOT" => {
                    not = true;
                    continue;
                }
                _ => {}
            }
            let (word, minus) = match word.strip_prefix('-') {
                Some(rest) if !rest.is_empty() => (rest.to_owned(), true),
                _ => (word, false),
            };
            let (key, text) = match word.split_once(':') {
                Some((key, text)) => match key_of(key) {
                    Some(key) => (key, text),
                    None => (Key::Anywhere, word.as_str()),
                },
                None => (Key::Anywhere, word.as_str()),
            };
            let term = Term {
                key,
                text: text.trim_matches('"').to_lowercase(),
                not: not || minus,
            };
            not = false;
            if let Some(last) = alternatives.last_mut() {
                last.push(term);
            }
        }
        alternatives.retain(|terms| !terms.is_empty());
        if alternatives.is_empty() {
            return Err(bad_query("The value of $search is empty."));
        }
        Ok(Self { alternatives })
    }

    /// Whether a message is found.
    pub(crate) fn finds(&self, item: &Item) -> bool {
        let mut text: Option<String> = None;
        self.alternatives.iter().any(|terms| {
            terms
                .iter()
                .all(|term| holds(term, item, &mut text) != term.not)
        })
    }
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quoted = false;
    for character in text.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.push(character);
            }
            '(' | ')' if !quoted => {}
            c if c.is_whitespace() && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn key_of(name: &str) -> Option<Key> {
    Some(match name.to_ascii_lowercase().as_str() {
        "from" => Key::From,
        "to" => Key::To,
        "cc" => Key::Cc,
        "bcc" => Key::Bcc,
        "participants" => Key::Participants,
        "recipients" => Key::Recipients,
        "subject" => Key::Subject,
        "body" => Key::Body,
        "attachment" => Key::Attachment,
        "hasattachments" | "hasattachment" => Key::HasAttachments,
        "importance" => Key::Importance,
        "received" => Key::Received,
        "sent" => Key::Sent,
        "size" => Key::Size,
        "kind" => Key::Kind,
        _ => return None,
    })
}

fn holds(term: &Term, item: &Item, text: &mut Option<String>) -> bool {
    let wanted = term.text.trim_end_matches('*');
    let has = |value: &str| value.to_lowercase().contains(wanted);
    let who = |list: &[Address]| {
        list.iter()
            .any(|address| has(&address.name) || has(&address.address))
    };
    let from = || {
        item.from
            .as_ref()
            .is_some_and(|address| has(&address.name) || has(&address.address))
    };
    let mut body = || {
        text.get_or_insert_with(|| item.body.text().to_lowercase())
            .contains(wanted)
    };
    match term.key {
        Key::Anywhere => has(&item.subject) || from() || body(),
        Key::From => from(),
        Key::To => who(&item.to),
        Key::Cc => who(&item.cc),
        Key::Bcc => who(&item.bcc),
        Key::Recipients => who(&item.to) || who(&item.cc) || who(&item.bcc),
        Key::Participants => from() || who(&item.to) || who(&item.cc) || who(&item.bcc),
        Key::Subject => has(&item.subject),
        Key::Body => body(),
        Key::Attachment => item.attachments.iter().any(|file| has(&file.name)),
        Key::HasAttachments => item.has_attachments() == matches!(wanted, "true" | "yes" | "1"),
        Key::Importance => match wanted {
            "high" => item.importance == Importance::High,
            "low" => item.importance == Importance::Low,
            _ => item.importance == Importance::Normal,
        },
        Key::Received => on(wanted, item.received),
        Key::Sent => on(wanted, item.sent),
        Key::Size => size(wanted, item.size()),
        Key::Kind => matches!(wanted, "email" | "mail" | "messages"),
    }
}

/// `2024-05-01`, `>=2024-05-01`, `2024-05-01..2024-05-31`, `5/1/2024`.
fn on(wanted: &str, time: i64) -> bool {
    let day = |text: &str| {
        stamp::parse(text).or_else(|| {
            let mut parts = text.split('/');
            let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
            stamp::parse(&format!("{year:0>4}-{month:0>2}-{day:0>2}"))
        })
    };
    if let Some((from, to)) = wanted.split_once("..") {
        return day(from).is_some_and(|from| time >= from)
            && day(to).is_some_and(|to| time < to + 86_400);
    }
    if let Some(rest) = wanted.strip_prefix(">=") {
        return day(rest).is_some_and(|at| time >= at);
    }
    if let Some(rest) = wanted.strip_prefix("<=") {
        return day(rest).is_some_and(|at| time < at + 86_400);
    }
    if let Some(rest) = wanted.strip_prefix('>') {
        return day(rest).is_some_and(|at| time >= at + 86_400);
    }
    if let Some(rest) = wanted.strip_prefix('<') {
        return day(rest).is_some_and(|at| time < at);
    }
    day(wanted).is_some_and(|at| (at..at + 86_400).contains(&time))
}

fn size(wanted: &str, size: usize) -> bool {
    if let Some((from, to)) = wanted.split_once("..") {
        return from.parse::<usize>().is_ok_and(|from| size >= from)
            && to.parse::<usize>().is_ok_and(|to| size <= to);
    }
    if let Some(rest) = wanted.strip_prefix('>') {
        return rest
            .trim_start_matches('=')
            .parse::<usize>()
            .is_ok_and(|at| size >= at);
    }
    if let Some(rest) = wanted.strip_prefix('<') {
        return rest
            .trim_start_matches('=')
            .parse::<usize>()
            .is_ok_and(|at| size <= at);
    }
    wanted.parse::<usize>().is_ok_and(|at| size == at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn finds_by_key_and_word() {
        let item = Item {
            subject: "Quarterly Report".into(),
            from: Some(Address::new("Ann", "ann@contoso.com")),
            received: 1_714_550_400,
            ..Item::default()
        };
        for (search, found) in [
            ("\"report\"", true),
            ("\"subject:quarterly from:ann\"", true),
            ("\"subject:quarterly from:bob\"", false),
            ("\"from:bob OR report\"", true),
            ("\"report NOT quarterly\"", false),
            ("\"received:2024-05-01\"", true),
            ("\"\\\"quarterly report\\\"\"", true),
        ] {
            assert_eq!(
                Search::parse(search).expect(search).finds(&item),
                found,
                "{search}"
            );
        }
        assert!(Search::parse("report").is_err());
    }

    proptest! {
        #[test]
        fn never_panics(text in "\"?\\PC{0,60}\"?") {
            if let Ok(search) = Search::parse(&text) {
                search.finds(&Item::default());
            }
        }
    }
}
