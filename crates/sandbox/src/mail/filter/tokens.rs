//! The words of a filter.

/// A word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name with its path: `from/emailAddress/address`.
    Word(String),
    /// A quoted text.
    Text(String),
    /// A number or a time.
    Number(String),
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `:`
    Colon,
}

/// Cuts a filter into words.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    if text.len() > 8_192 {
        return Err("the filter is too long".to_owned());
    }
    let characters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        match character {
            c if c.is_whitespace() => at += 1,
            '(' => {
                found.push(Token::Open);
                at += 1;
            }
            ')' => {
                found.push(Token::Close);
                at += 1;
            }
            ',' => {
                found.push(Token::Comma);
                at += 1;
            }
            ':' => {
                found.push(Token::Colon);
                at += 1;
            }
            '\'' => {
                let mut value = String::new();
                at += 1;
                loop {
                    match (characters.get(at), characters.get(at + 1)) {
                        (Some('\''), Some('\'')) => {
                            value.push('\'');
                            at += 2;
                        }
                        (Some('\''), _) => {
                            at += 1;
                            break;
                        }
                        (Some(&other), _) => {
                            value.push(other);
                            at += 1;
                        }
                        (None, _) => {
                            return Err("there is an unterminated string literal".to_owned());
                        }
                    }
                }
                found.push(Token::Text(value));
            }
            c if c.is_ascii_digit() || c == '-' => {
                let start = at;
                while characters.get(at).is_some_and(|c| {
                    c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | ':' | '.')
                }) {
                    at += 1;
                }
                found.push(Token::Number(characters[start..at].iter().collect()));
            }
            c if c.is_alphabetic() || c == '_' || c == '$' || c == '@' => {
                let start = at;
                while characters.get(at).is_some_and(|c| {
                    c.is_alphanumeric() || matches!(c, '_' | '/' | '.' | '$' | '@')
                }) {
                    at += 1;
                }
                found.push(Token::Word(characters[start..at].iter().collect()));
            }
            other => return Err(format!("syntax error at '{other}' (position {at})")),
        }
    }
    Ok(found)
}
