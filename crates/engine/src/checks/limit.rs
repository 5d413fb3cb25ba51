//! Proves that an application is limited to chosen mailboxes: one inside answers, one outside is
//! refused. No token tells it; only the answers do.

use super::connection::Actor;
use super::feature_calls::read_one;
use super::steps::{bad, sentence, untried, well};
use super::{CheckAsk, CheckStep};
use crate::setup::claims;
use crate::setup::portal::{Page, place};
use crate::{Engine, Problem, Result};
use postroom_microsoft::graph::{Page as GraphPage, users};
use postroom_microsoft::{DoorError, Identity};
use postroom_model::MailboxId;
use postroom_model::connection::Connection;
use postroom_model::resource::user::User;
use serde::Serialize;

const NAME: &str = "limit";
const ENTRA: &str = "limit:entra";
/// How many mailboxes of the directory are tried where none is named as outside.
const PICKED: usize = 3;
/// How many users of the directory are looked at to pick them.
const LOOKED_AT: u16 = 100;
const SELECT: &str = "id,displayName,userPrincipalName,mail";

/// What proving came to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitReport {
    /// The result.
    pub result: LimitResult,
    /// The mailbox that has to answer.
    pub inside: Option<LimitAnswer>,
    /// The mailbox that has to be refused.
    pub outside: Option<LimitAnswer>,
}

/// Whether the application is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LimitResult {
    /// Inside answers, outside is refused.
    Proven,
    /// Outside is read.
    NotLimited,
    /// Inside answers and outside is refused, but the token carries a permission for mail from
    /// Entra ID besides, which reaches every mailbox: sending, for instance.
    ReadingOnly,
    /// Outside is refused, but so is inside: the limit is too narrow, or nothing is granted.
    InsideRefused,
    /// Another answer came, which says nothing: no such mailbox, too many calls, no network.
    Undecided,
}

/// How a mailbox answered.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimitAnswer {
    /// The mailbox.
    pub mailbox: String,
    /// The HTTP status; `None` when there was no answer.
    pub status: Option<u16>,
    /// Microsoft's code, where it refused.
    pub code: Option<String>,
}

/// A limit is the application's.
pub(super) fn no_application(connection: &Connection) -> Problem {
    Problem::invalid(format!(
        "Connection {:?} has no credential, so no application acts that could be limited: each user \
         reaches what is the user's own.",
        connection.name
    ))
}

/// The step where there is no token.
pub(super) fn not_tried(ask: &CheckAsk) -> (Option<CheckStep>, Option<LimitReport>) {
    if !ask.asks_for_limit() {
        return (None, None);
    }
    let step = untried(NAME, "There is no token to try it with.");
    let report = LimitReport {
        result: LimitResult::Undecided,
        inside: None,
        outside: None,
    };
    (Some(step), Some(report))
}

/// A mailbox that is tried.
struct Candidate {
    id: MailboxId,
    address: String,
    /// Whether it is known to be a user's of the tenant.
    exists: bool,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Reads,
    /// Refused as by an application access policy.
    RefusedByPolicy,
    Refused,
    Nothing(String),
}

/// The steps and the report.
pub(super) async fn prove(
    engine: &Engine,
    actor: &Actor,
    ask: &CheckAsk,
) -> Result<(Vec<CheckStep>, LimitReport)> {
    let who = &actor.who;
    let served = served(engine, who).await?;
    let inside = match &ask.inside_mailbox {
        Some(named) => named_mailbox(engine, who, named).await?,
        None => served.into_iter().next().ok_or_else(|| {
            Problem::invalid(
                "No mailbox is served through the application: name one that it has to reach, with \
                 `insideMailbox`.",
            )
        })?,
    };
    let (said_inside, inside_answer) = answer(engine, who, &inside).await;
    let outside = match &ask.outside_mailbox {
        Some(named) => vec![named_mailbox(engine, who, named).await?],
        None => picked(engine, who, &inside).await?,
    };
    if outside
        .iter()
        .any(|one| one.id == inside.id || one.address.eq_ignore_ascii_case(&inside.address))
    {
        return Err(Problem::invalid(
            "The mailbox inside and the one outside are the same: name two.",
        ));
    }
    let mut said_outside = Said::Nothing("there is no mailbox to try it with".to_owned());
    let mut outside_answer = None;
    for candidate in &outside {
        let (said, answered) = answer(engine, who, candidate).await;
        let decided = matches!(said, Said::Reads);
        // A refusal stands unless another one is read.
        if decided || outside_answer.is_none() || matches!(said_outside, Said::Nothing(_)) {
            said_outside = said;
            outside_answer = Some(answered);
        }
        if decided {
            break;
        }
    }
    let entra = entra(actor, judge(&said_inside, &said_outside), &said_outside);
    let report = LimitReport {
        result: match entra {
            Some(Entra::Reaching(_)) => LimitResult::ReadingOnly,
            _ => judge(&said_inside, &said_outside),
        },
        inside: Some(inside_answer),
        outside: outside_answer,
    };
    let picked = ask.outside_mailbox.is_none();
    let mut steps = vec![step(
        &who.connection,
        &report,
        [&said_inside, &said_outside],
        picked,
    )];
    steps.extend(entra.map(|found| found.step(&who.connection)));
    Ok((steps, report))
}

fn judge(inside: &Said, outside: &Said) -> LimitResult {
    let is_refused = |said: &Said| matches!(said, Said::Refused | Said::RefusedByPolicy);
    match (inside, outside) {
        (_, Said::Reads) => LimitResult::NotLimited,
        (Said::Reads, outside) if is_refused(outside) => LimitResult::Proven,
        (inside, outside) if is_refused(inside) && is_refused(outside) => {
            LimitResult::InsideRefused
        }
        _ => LimitResult::Undecided,
    }
}

fn step(
    connection: &Connection,
    report: &LimitReport,
    [inside_said, outside_said]: [&Said; 2],
    picked: bool,
) -> CheckStep {
    let name_of = |answer: &Option<LimitAnswer>| {
        answer
            .as_ref()
            .map_or_else(|| "no mailbox".to_owned(), |one| one.mailbox.clone())
    };
    let (inside, outside) = (name_of(&report.inside), name_of(&report.outside));
    match report.result {
        LimitResult::Proven => well(
            NAME,
            format!("Limited: proven. {inside} answers, {outside} is refused (403)."),
        ),
        LimitResult::NotLimited => {
            let picked = if picked {
                " It was picked from the directory: if it is meant to be within reach, name another \
                 one that is not."
            } else {
                ""
            };
            bad(
                NAME,
                format!("NOT limited: the application reads {outside}.{picked}"),
                "Take the application permissions for mail away in Entra ID, where they reach every \
                 mailbox, and limit the application in Exchange (`postroom connection setup \
                 --script` makes the script). If that was done, wait: Exchange can take up to two \
                 hours to notice.",
            )
            .at(&place(connection, Page::PermissionsGiven))
        }
        LimitResult::ReadingOnly => bad(
            NAME,
            format!(
                "Only reading is limited: {inside} answers and {outside} is refused (403), but \
                 another permission reaches every mailbox."
            ),
            format!("The step `{ENTRA}` says which one. Take it away, wait, and try again."),
        ),
        LimitResult::InsideRefused => bad(
            NAME,
            format!("{outside} is refused, but so is {inside}, which has to answer."),
            "Add it to the group of the application's scope in Exchange, or grant the roles there \
             (`postroom connection setup --script`). If that was done, wait: Exchange can take up \
             to two hours to notice.",
        )
        .code("ErrorAccessDenied"),
        LimitResult::Undecided => {
            let why: Vec<String> = [(&inside, inside_said), (&outside, outside_said)]
                .into_iter()
                .filter_map(|(mailbox, said)| match said {
                    Said::Nothing(why) => Some(sentence(&format!("{mailbox}: {why}"))),
                    _ => None,
                })
                .collect();
            untried(NAME, format!("Undecided. {}", why.join(" "))).hint(
                "Name a mailbox that is there, inside with `--inside`, outside with `--outside`, \
                 and try again.",
            )
        }
    }
}

/// What Entra ID grants besides, where reading is limited. Reading was tried; of the rest only the
/// token can tell.
#[derive(Debug, PartialEq, Eq)]
enum Entra {
    /// Nothing for mail.
    Nothing,
    /// Permissions that the access policy limits which refused.
    Limited(Vec<String>),
    /// Permissions that reach every mailbox, whatever Exchange grants for some.
    Reaching(Vec<String>),
}

fn entra(actor: &Actor, judged: LimitResult, outside: &Said) -> Option<Entra> {
    if judged != LimitResult::Proven {
        return None;
    }
    let granted = claims::granted(&actor.token.token)?;
    let reaching = crate::setup::reaching_mailboxes(&granted);
    Some(match (reaching.is_empty(), outside) {
        (true, _) => Entra::Nothing,
        (false, Said::RefusedByPolicy) => Entra::Limited(reaching),
        (false, _) => Entra::Reaching(reaching),
    })
}

impl Entra {
    fn step(&self, connection: &Connection) -> CheckStep {
        match self {
            Self::Nothing => well(
                ENTRA,
                "The token carries no permission for mail from Entra ID: what Exchange grants is \
                 all.",
            ),
            Self::Limited(list) => well(
                ENTRA,
                format!(
                    "The token carries {}; the application access policy that refused limits these \
                     as well.",
                    list.join(", ")
                ),
            ),
            Self::Reaching(list) => bad(
                ENTRA,
                format!(
                    "Reading is limited, but the token carries {} from Entra ID, and what Entra ID \
                     grants reaches every mailbox.",
                    list.join(", ")
                ),
                "Take these application permissions away in Entra ID; Exchange grants them for the \
                 chosen mailboxes (`postroom connection setup --script`).",
            )
            .at(&place(connection, Page::PermissionsGiven)),
        }
    }
}

async fn answer(engine: &Engine, who: &Identity, one: &Candidate) -> (Said, LimitAnswer) {
    let asked = read_one(engine, who, &one.id).await;
    let said = match &asked {
        Ok(()) => Said::Reads,
        Err(error) => read(error, one.exists),
    };
    let refusal = asked.as_ref().err().and_then(DoorError::refusal);
    let answer = LimitAnswer {
        mailbox: one.address.clone(),
        status: match &asked {
            Ok(()) => Some(200),
            Err(_) => refusal.map(|refusal| refusal.status),
        },
        code: refusal.map(|refusal| refusal.code.clone()),
    };
    (said, answer)
}

fn read(error: &DoorError, exists: bool) -> Said {
    match error.refusal() {
        // Whoever may not look is refused whether the mailbox is there or not.
        Some(refusal) if refusal.status == 403 && !exists => Said::Nothing(
            "it was refused, but whether there is such a mailbox could not be told: the application \
             may not look it up (User.ReadBasic.All), or the directory does not have it"
                .to_owned(),
        ),
        Some(refusal) if refusal.status == 403 && refusal.message.contains("[RAOP]") => {
            Said::RefusedByPolicy
        }
        Some(refusal) if refusal.status == 403 && refusal.has_code("ErrorAccessDenied") => {
            Said::Refused
        }
        Some(refusal) if refusal.is_no_mailbox() => {
            Said::Nothing("it has no mailbox in Exchange Online".to_owned())
        }
        Some(refusal) if refusal.status == 404 => {
            Said::Nothing("there is no such mailbox".to_owned())
        }
        Some(refusal) => Said::Nothing(format!(
            "Microsoft answered {} {}",
            refusal.status, refusal.code
        )),
        None => Said::Nothing(error.to_string()),
    }
}

/// Mailboxes that are served through the application, the oldest first.
async fn served(engine: &Engine, who: &Identity) -> Result<Vec<Candidate>> {
    let mut mailboxes = engine.store().mailboxes().await?;
    mailboxes.sort_by_key(|mailbox| mailbox.created_at);
    Ok(mailboxes
        .into_iter()
        .filter(|mailbox| mailbox.account == who.account.id)
        .map(|mailbox| Candidate {
            id: mailbox.id,
            address: mailbox.address,
            exists: true,
        })
        .collect())
}

/// A mailbox by its address or id, looked up where the application may.
async fn named_mailbox(engine: &Engine, who: &Identity, named: &str) -> Result<Candidate> {
    let named = named.trim();
    if named.is_empty() || named.len() > 320 || named.chars().any(char::is_control) {
        return Err(Problem::invalid(format!(
            "{named:?} is no mailbox: give its address."
        )));
    }
    let known = engine.store().mailboxes().await?.into_iter().find(|one| {
        one.connection == who.connection.id
            && (one.address.eq_ignore_ascii_case(named)
                || one.id.as_str().eq_ignore_ascii_case(named))
    });
    if let Some(known) = known {
        return Ok(Candidate {
            id: known.id,
            address: known.address,
            exists: true,
        });
    }
    let found = crate::mailboxes::find_owner(engine.door(), who, named).await;
    Ok(match found {
        Some(user) => Candidate {
            id: MailboxId::new(&user.id),
            address: crate::mailboxes::address_of(&user),
            exists: true,
        },
        None => Candidate {
            id: MailboxId::new(named),
            address: named.to_owned(),
            exists: false,
        },
    })
}

/// Mailboxes of the directory that nobody serves.
async fn picked(engine: &Engine, who: &Identity, inside: &Candidate) -> Result<Vec<Candidate>> {
    let served: Vec<MailboxId> = engine
        .store()
        .mailboxes()
        .await?
        .into_iter()
        .map(|mailbox| mailbox.id)
        .collect();
    let ask = users::ListUsers {
        select: Some(SELECT),
        top: Some(LOOKED_AT),
        ..users::ListUsers::default()
    };
    let page: std::result::Result<GraphPage<User>, DoorError> =
        users::list(engine.door(), who, ask).await;
    let page = page.map_err(|error| {
        Problem::invalid(
            "The application may not look into the directory to pick a mailbox: name one that it \
             must not reach, with `outsideMailbox`.",
        )
        .because(error)
    })?;
    let picked: Vec<Candidate> = page
        .value
        .into_iter()
        .filter(|user| {
            let is_guest = user
                .user_principal_name
                .as_deref()
                .is_some_and(|name| name.contains("#EXT#"));
            let has_address = user.mail.as_deref().is_some_and(|mail| !mail.is_empty());
            let id = MailboxId::new(&user.id);
            has_address && !is_guest && id != inside.id && !served.contains(&id)
        })
        .take(PICKED)
        .map(|user| Candidate {
            id: MailboxId::new(&user.id),
            address: crate::mailboxes::address_of(&user),
            exists: true,
        })
        .collect();
    if picked.is_empty() {
        return Err(Problem::invalid(
            "The directory has no other mailbox: name one that the application must not reach, with \
             `outsideMailbox`.",
        ));
    }
    Ok(picked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_microsoft::GraphRefusal;

    fn refusal(status: u16, code: &str, message: &str) -> DoorError {
        DoorError::Refused(Box::new(GraphRefusal {
            connection: "Contoso".to_owned(),
            status,
            code: code.to_owned(),
            message: message.to_owned(),
            request_id: None,
            retry_after: None,
            location: None,
            inner_codes: Vec::new(),
            doubtful: false,
        }))
    }

    #[test]
    fn only_a_refusal_of_a_mailbox_that_is_there_says_anything() {
        let denied = refusal(403, "ErrorAccessDenied", "Access is denied.");
        assert_eq!(read(&denied, true), Said::Refused);
        assert!(matches!(read(&denied, false), Said::Nothing(_)));
        let policy = refusal(
            403,
            "ErrorAccessDenied",
            "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly \
             AccessPolicy settings.",
        );
        assert_eq!(read(&policy, true), Said::RefusedByPolicy);
        for (status, code) in [
            (404, "ErrorInvalidUser"),
            (404, "MailboxNotEnabledForRESTAPI"),
            (429, "TooManyRequests"),
            (403, "Authorization_RequestDenied"),
            (503, ""),
        ] {
            let said = read(&refusal(status, code, ""), true);
            assert!(matches!(said, Said::Nothing(_)), "{status} {code}");
        }
    }

    #[test]
    fn the_table_of_results() {
        use LimitResult::{InsideRefused, NotLimited, Proven, Undecided};
        let nothing = Said::Nothing(String::new());
        for (inside, outside, result) in [
            (Said::Reads, Said::Refused, Proven),
            (Said::Reads, Said::RefusedByPolicy, Proven),
            (Said::Reads, Said::Reads, NotLimited),
            (Said::Refused, Said::Reads, NotLimited),
            (nothing.clone(), Said::Reads, NotLimited),
            (Said::Refused, Said::Refused, InsideRefused),
            (Said::Refused, nothing.clone(), Undecided),
            (nothing.clone(), Said::Refused, Undecided),
            (Said::Reads, nothing, Undecided),
        ] {
            assert_eq!(judge(&inside, &outside), result, "{inside:?} {outside:?}");
        }
    }
}
