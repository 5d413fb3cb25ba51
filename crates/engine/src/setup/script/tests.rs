//! No PowerShell is at hand where this is built, so the script is held against what its language
//! and the reference of its cmdlets say: brackets and quotes that close, cmdlets and parameters
//! that exist, and no text from outside where something runs.

use super::super::portal::tests::connection;
use super::*;

/// The cmdlets that are used, with those of their parameters that are (reference pages, 2026).
const CMDLETS: &[(&str, &[&str])] = &[
    (
        "Connect-ExchangeOnline",
        &["ShowBanner", "ExchangeEnvironmentName"],
    ),
    ("Disconnect-ExchangeOnline", &["Confirm"]),
    ("Get-OrganizationConfig", &[]),
    ("Enable-OrganizationCustomization", &[]),
    ("Get-ServicePrincipal", &[]),
    (
        "New-ServicePrincipal",
        &["AppId", "ObjectId", "DisplayName"],
    ),
    ("Get-DistributionGroup", &["Identity"]),
    (
        "New-DistributionGroup",
        &["Name", "Alias", "Type", "Members"],
    ),
    (
        "Set-DistributionGroup",
        &["Identity", "HiddenFromAddressListsEnabled"],
    ),
    ("Get-DistributionGroupMember", &["Identity", "ResultSize"]),
    (
        "Add-DistributionGroupMember",
        &["Identity", "Member", "BypassSecurityGroupManagerCheck"],
    ),
    ("Get-ManagementScope", &["Identity"]),
    (
        "New-ManagementScope",
        &["Name", "RecipientRestrictionFilter"],
    ),
    (
        "Set-ManagementScope",
        &["Identity", "RecipientRestrictionFilter"],
    ),
    ("Get-ManagementRoleAssignment", &["Identity"]),
    (
        "New-ManagementRoleAssignment",
        &["Name", "App", "Role", "CustomResourceScope"],
    ),
    (
        "Set-ManagementRoleAssignment",
        &["Identity", "CustomResourceScope"],
    ),
    (
        "Test-ServicePrincipalAuthorization",
        &["Identity", "Resource"],
    ),
    (
        "Get-Mailbox",
        &["Identity", "RecipientTypeDetails", "ResultSize"],
    ),
    ("Set-StrictMode", &["Version"]),
    ("Where-Object", &[]),
    ("ForEach-Object", &[]),
    ("Select-Object", &["First"]),
    ("Format-Table", &["Property"]),
    ("Write-Warning", &[]),
    ("Write-Host", &[]),
    ("Out-Null", &[]),
];
/// Parameters that every cmdlet has.
const COMMON: [&str; 2] = ["ErrorAction", "WarningAction"];
const OPERATORS: [&str; 5] = ["-eq", "-not", "-and", "-notcontains", "-ne"];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Word(String),
    Sign(char),
}

/// Takes a script apart as PowerShell's tokenizer does, as far as it is used here. Double quotes,
/// in which things run, are not.
fn tokens(script: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = script;
    while let Some(c) = rest.chars().next() {
        if let Some(comment) = rest.strip_prefix("<#") {
            rest = comment.split_once("#>").ok_or("an open comment")?.1;
        } else if c == '#' {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if c == '\'' {
            let mut text = String::new();
            let mut inside = &rest[1..];
            loop {
                let (part, after) = inside.split_once('\'').ok_or("an open text")?;
                text.push_str(part);
                match after.strip_prefix('\'') {
                    Some(more) => {
                        text.push('\'');
                        inside = more;
                    }
                    None => {
                        rest = after;
                        break;
                    }
                }
            }
            tokens.push(Token::Text(text));
        } else if c == '"' || c == '`' {
            return Err(format!("{c} outside of a text"));
        } else if c.is_whitespace() {
            rest = &rest[c.len_utf8()..];
        } else if c.is_alphanumeric() || "$-_.:".contains(c) {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || "$-_.:".contains(c)))
                .unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        } else {
            tokens.push(Token::Sign(c));
            rest = &rest[c.len_utf8()..];
        }
    }
    Ok(tokens)
}

fn balanced(tokens: &[Token]) -> bool {
    let mut open = Vec::new();
    for token in tokens {
        match token {
            Token::Sign(c @ ('(' | '{' | '[')) => open.push(*c),
            Token::Sign(c @ (')' | '}' | ']')) => {
                let fits = matches!(
                    (open.pop(), c),
                    (Some('('), ')') | (Some('{'), '}') | (Some('['), ']')
                );
                if !fits {
                    return false;
                }
            }
            _ => {}
        }
    }
    open.is_empty()
}

fn is_cmdlet(word: &str) -> bool {
    word.split_once('-').is_some_and(|(verb, noun)| {
        [verb, noun]
            .iter()
            .all(|part| part.starts_with(|c: char| c.is_ascii_uppercase()))
    })
}

/// Every parameter belongs to the cmdlet before it, and every cmdlet is known.
fn check_parameters(tokens: &[Token]) {
    let mut cmdlets: Vec<&str> = vec!["(none)"];
    for token in tokens {
        match token {
            Token::Sign('(' | '{') => cmdlets.push("(none)"),
            Token::Sign(')' | '}') => {
                cmdlets.pop();
            }
            Token::Sign('|' | ';') => {
                if let Some(last) = cmdlets.last_mut() {
                    *last = "(none)";
                }
            }
            Token::Word(word) if is_cmdlet(word) => {
                assert!(
                    CMDLETS.iter().any(|(known, _)| known == word),
                    "{word} is not known"
                );
                if let Some(last) = cmdlets.last_mut() {
                    *last = word;
                }
            }
            Token::Word(word) if word.starts_with('-') && word.len() > 1 => {
                if OPERATORS.contains(&word.as_str()) {
                    continue;
                }
                let parameter = word.trim_start_matches('-').split(':').next();
                let parameter = parameter.unwrap_or_default();
                let cmdlet = cmdlets.last().copied().unwrap_or_default();
                if cmdlet == "(none)" {
                    // `#Requires` is a comment here; nothing else has parameters.
                    panic!("{word} belongs to nothing");
                }
                let known = CMDLETS
                    .iter()
                    .find(|(name, _)| *name == cmdlet)
                    .is_some_and(|(_, known)| known.contains(&parameter));
                assert!(
                    known || COMMON.contains(&parameter),
                    "{cmdlet} has no -{parameter}"
                );
            }
            _ => {}
        }
    }
}

fn script(connection: &Connection, mailboxes: &[&str]) -> LimitScript {
    let limit = Limit {
        mailboxes: mailboxes.iter().map(|&one| one.to_owned()).collect(),
        roles: vec![
            "Application Mail.ReadWrite".to_owned(),
            "Application Mail.Send".to_owned(),
        ],
        permissions_to_remove: vec!["Mail.ReadWrite".to_owned(), "Mail.Send".to_owned()],
    };
    let object_id = "6233fba6-0198-4277-892f-9275bf728bcc";
    write(connection, &limit, Some(object_id))
}

#[test]
fn the_script_is_whole_in_every_cloud() {
    for (cloud, environment) in [
        (Cloud::Global, None),
        (Cloud::UsGov, Some("O365USGovGCCHigh")),
        (Cloud::UsGovDod, Some("O365USGovDoD")),
        (Cloud::China, Some("O365China")),
    ] {
        let script = script(
            &connection(cloud),
            &["a@contoso.example", "o'b@contoso.example"],
        );
        assert_eq!(script.name, "limit-contoso.ps1");
        assert!(script.text.is_ascii() && !script.text.contains("{{"));
        let tokens = tokens(&script.text).expect("tokens");
        assert!(balanced(&tokens), "{}", script.text);
        check_parameters(&tokens);
        let named = tokens
            .iter()
            .any(|token| matches!(token, Token::Word(word) if Some(word.as_str()) == environment));
        assert_eq!(named, environment.is_some(), "{cloud:?}");
        for text in [
            "a@contoso.example",
            "o'b@contoso.example",
            "71487acd-ec93-476d-bd0e-6c8b31831053",
            "6233fba6-0198-4277-892f-9275bf728bcc",
            "Application Mail.Send",
            "Mail.ReadWrite, Mail.Send",
            "Postroom Contoso 71487acd",
        ] {
            assert!(tokens.contains(&Token::Text(text.to_owned())), "{text}");
        }
    }
}

/// Names that would run if they could: the script has the same words and signs as with a harmless
/// name, and differs in texts and numbers of characters only.
#[test]
fn hostile_names_run_nothing() {
    let bones = |script: &str| -> Vec<Token> {
        let tokens = tokens(script).expect("tokens");
        assert!(balanced(&tokens), "{script}");
        check_parameters(&tokens);
        let mut bones: Vec<Token> = Vec::new();
        for token in tokens {
            let is_char =
                matches!(&token, Token::Word(word) if word == "char" || word.starts_with("0x"));
            let is_glue = matches!(
                token,
                Token::Text(_) | Token::Sign('(' | ')' | '[' | ']' | '+')
            );
            if !is_char && !is_glue {
                bones.push(token);
            }
        }
        bones
    };
    let harmless = script(&connection(Cloud::Global), &["a@contoso.example"]);
    let harmless = bones(&harmless.text);
    for hostile in [
        "'; Remove-Mailbox *; '",
        "$(Remove-Mailbox *)",
        "\u{2019}; Remove-Mailbox *; \u{2018}",
        "\u{201b}\u{201a}",
        "#> Remove-Mailbox * <#",
        "\"; Remove-Mailbox",
        "{{mailboxes}} {{name}} {{",
        "a\u{492}; Remove-Mailbox",
        "`n; Remove-Mailbox",
        "@'\n'@; Remove-Mailbox",
    ] {
        let mut named = connection(Cloud::Global);
        named.name = hostile.to_owned();
        let mailbox = format!("{hostile}@contoso.example");
        let script = script(&named, &[&mailbox]);
        assert!(script.text.is_ascii(), "{hostile:?}");
        assert_eq!(bones(&script.text), harmless, "{hostile:?}");
        assert!(script.name.ends_with(".ps1") && script.name.is_ascii());
        assert!(
            !script.name.contains(['/', '\\', '"', '\'', ' ']),
            "{}",
            script.name
        );
    }
}

/// The command that is shown at the end is copied into a shell: there is no name of a connection in
/// it, and mailboxes are quoted.
#[test]
fn what_is_shown_to_be_copied_runs_nothing() {
    let mut named = connection(Cloud::Global);
    named.name = "$(touch x)".to_owned();
    let text = script(&named, &["a@contoso.example"]).text;
    let shown: Vec<_> = text
        .lines()
        .filter(|line| line.contains("postroom connection check"))
        .collect();
    assert_eq!(shown.len(), 1, "{shown:?}");
    assert!(shown[0].contains("(Quote $Reached[0]") && !shown[0].contains('"'));
    let id = format!("$Connection = '{}'", named.id);
    assert!(text.contains(&id), "{text}");
}

/// A mailbox's alias or second address is not its first one: whether it is a member goes by GUIDs.
#[test]
fn mailboxes_are_compared_by_what_is_unique() {
    let compared: Vec<_> = TEMPLATE
        .lines()
        .filter(|line| line.contains("-notcontains"))
        .collect();
    assert!(!compared.is_empty());
    for line in compared {
        assert!(line.contains("Guid"), "{line}");
    }
    for parameter in ["-Member $", "-Resource ", "-Members "] {
        for (_, after) in TEMPLATE
            .match_indices(parameter)
            .map(|(at, found)| TEMPLATE.split_at(at + found.len()))
        {
            let value = after.lines().next().unwrap_or_default();
            assert!(value.contains("Guid"), "{parameter}{value}");
        }
    }
}

#[test]
fn names_fit_into_exchange() {
    let long = "x".repeat(100);
    assert!(name(&long, "71487acd").chars().count() <= LONGEST_NAME);
    assert_eq!(name("A/B: \"C\"", "71487acd"), "Postroom AB C 71487acd");
    assert_eq!(name("***", "71487acd"), "Postroom 71487acd");
    for role in ["MailboxSettings.ReadWrite", "MailboxItem.ImportExport"] {
        assert!(format!("Postroom 71487acd Application {role}").len() <= LONGEST_NAME);
    }
    assert_eq!(slug("Größe & Co"), "gr-e-co");
    assert_eq!(slug("***"), "application");
}

/// The test of the test: what is wrong is seen.
#[test]
fn wrong_scripts_are_found() {
    assert!(tokens("'open").is_err());
    assert!(tokens("\"$x\"").is_err());
    assert!(!balanced(&tokens("@('a'").expect("tokens")));
    for wrong in ["Get-Mailbox -Nothing 'a'", "Remove-Mailbox 'a'"] {
        let tokens = tokens(wrong).expect("tokens");
        let caught = std::panic::catch_unwind(|| check_parameters(&tokens));
        assert!(caught.is_err(), "{wrong}");
    }
}
