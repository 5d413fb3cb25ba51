//! Lists of addresses as people type them: `a@b.example, Name <c@d.example>, "Last, First" <e@f>`.

use postroom_model::resource::recipient::{EmailAddress, Recipient};

/// Reads a list. Between addresses stand commas, or semicolons as in Outlook; a name in quotes may
/// have either.
pub(super) fn parse(list: &str) -> Result<Vec<Recipient>, String> {
    split(list)?
        .into_iter()
        .filter(|entry| !entry.trim().is_empty())
        .map(|entry| one(&entry))
        .collect()
}

fn split(list: &str) -> Result<Vec<String>, String> {
    let mut entries = vec![String::new()];
    let mut quoted = false;
    let mut escaped = false;
    for c in list.chars() {
        let separates = !quoted && (c == ',' || c == ';');
        if separates {
            entries.push(String::new());
            continue;
        }
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped && quoted;
        if let Some(entry) = entries.last_mut() {
            entry.push(c);
        }
    }
    if quoted {
        return Err(format!("a quotation mark in {list:?} is not closed"));
    }
    Ok(entries)
}

fn one(entry: &str) -> Result<Recipient, String> {
    let entry = entry.trim();
    let (name, address) = match entry.strip_suffix('>').and_then(|e| e.rsplit_once('<')) {
        Some((name, address)) => (unquote(name.trim()), address.trim()),
        None => (None, entry),
    };
    if !looks_like_address(address) {
        return Err(format!("{entry:?} is no address"));
    }
    Ok(Recipient {
        email_address: EmailAddress {
            name,
            address: Some(address.to_owned()),
        },
    })
}

fn unquote(name: &str) -> Option<String> {
    let inner = name
        .strip_prefix('"')
        .and_then(|name| name.strip_suffix('"'));
    let name = match inner {
        None => name.to_owned(),
        Some(inner) => {
            let mut plain = String::new();
            let mut chars = inner.chars();
            while let Some(c) = chars.next() {
                plain.push(if c == '\\' {
                    chars.next().unwrap_or(c)
                } else {
                    c
                });
            }
            plain
        }
    };
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

/// Something on both sides of the last `@`, and nothing in it that ends an address. Whether it
/// exists is Microsoft's to say.
fn looks_like_address(text: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "<>,;\"".contains(c);
    text.rsplit_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !text.contains(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Vec<(Option<String>, String)> {
        parse(list)
            .expect("a list")
            .into_iter()
            .map(|one| (one.email_address.name.clone(), one.address().to_owned()))
            .collect()
    }

    #[test]
    fn lists_as_people_type_them() {
        let name = |text: &str| Some(text.to_owned());
        assert_eq!(
            read(r#"a@x.example, Ann B. <b@x.example>; "Cee, \"C\"" <c@x.example>,"#),
            [
                (None, "a@x.example".to_owned()),
                (name("Ann B."), "b@x.example".to_owned()),
                (name("Cee, \"C\""), "c@x.example".to_owned()),
            ]
        );
        assert_eq!(read("<a@x>"), [(None, "a@x".to_owned())]);
        assert_eq!(read(" , "), []);
    }

    #[test]
    fn what_is_no_address_is_named() {
        for list in [
            "a",
            "a@",
            "@b",
            "Ann <a>",
            "a b@c",
            "\"a <b@c>",
            "a@b\r\nBcc: c@d",
        ] {
            let refused = parse(list);
            assert!(refused.is_err(), "{list:?}: {refused:?}");
        }
        let why = parse("a@b, nobody").expect_err("refused");
        assert!(why.contains("nobody"));
    }
}
