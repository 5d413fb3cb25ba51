//! Every call there is, in one table: its name, what it needs, and what the audit log keeps of it.
//!
//! The name of an action is the operation's in the OpenAPI document with a capital letter; a test
//! there finds an operation without an action, and an action without an operation. A new call
//! therefore starts here.

use postroom_model::key::Scope;

/// What an action needs of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Any caller that is known.
    AnyCaller,
    /// A caller with this scope.
    Scope(Scope),
}

/// What the audit log keeps of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trail {
    /// Nothing, for it changes nothing.
    Reads,
    /// An entry about a thing of this kind. It is begun before the action and finished with what
    /// became of it, so that no crash leaves a change without a trace.
    Audited(&'static str),
    /// An entry for each caller, thing and minute, with how often: it comes too often for more,
    /// and is logged one by one elsewhere.
    Counted(&'static str),
    /// Nothing, though it changes something: why.
    NotAudited(&'static str),
}

/// A type that names an action, so that a handler's signature says which one it does.
pub trait Act: Send + Sync + 'static {
    /// The action.
    const ACTION: Action;
}

macro_rules! actions {
    ($($name:ident $text:literal $needs:expr, $trail:expr;)*) => {
        /// What a caller can do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action {
            $(#[doc = concat!("`", $text, "`.")] $name,)*
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Noun and verb.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// What it needs.
            pub fn needs(self) -> Needs {
                match self { $(Self::$name => $needs,)* }
            }

            /// What the audit log keeps of it.
            pub fn trail(self) -> Trail {
                match self { $(Self::$name => $trail,)* }
            }

            /// The `operationId` of the call that does it.
            pub fn operation(self) -> String {
                let name = match self { $(Self::$name => stringify!($name),)* };
                let (first, rest) = name.split_at(1);
                format!("{}{rest}", first.to_ascii_lowercase())
            }
        }

        /// Every action as a type.
        pub mod act {
            use super::{Act, Action};
            $(
                #[doc = concat!("`", $text, "`.")]
                #[derive(Clone, Copy, Debug)]
                pub struct $name;

                impl Act for $name {
                    const ACTION: Action = Action::$name;
                }
            )*
        }
    };
}

const fn scope(scope: Scope) -> Needs {
    Needs::Scope(scope)
}

use Needs::AnyCaller;
use Trail::{Audited, Counted, NotAudited, Reads};

/// Why changes of mail are not in the audit log.
const MAIL: Trail = NotAudited("mail itself: the change feed and the call log have it");
/// Why sending is not.
const SENDING: Trail = NotAudited("mail itself: the outbox and the call log have it");
/// Why calls to Graph are not.
const PASSED: Trail = NotAudited("any call to Graph: the call log has each with its caller");

actions! {
    ListConnections "connection.list" scope(Scope::ConnectionsRead), Reads;
    GetConnection "connection.read" scope(Scope::ConnectionsRead), Reads;
    AddConnection "connection.add" scope(Scope::Connections), Audited("connection");
    ChangeConnection "connection.change" scope(Scope::Connections), Audited("connection");
    RemoveConnection "connection.remove" scope(Scope::Connections), Audited("connection");
    CheckConnection "connection.check" scope(Scope::Connections),
        NotAudited("it only looks; the call log has its calls");
    GetSetup "connection.readSetup" scope(Scope::Connections), Reads;
    GetSetupScript "connection.readSetupScript" scope(Scope::Connections), Reads;
    ListCredentials "credential.list" scope(Scope::ConnectionsRead), Reads;
    GetCertificate "credential.readCertificate" scope(Scope::Connections), Reads;
    AddCredential "credential.add" scope(Scope::Connections), Audited("credential");
    RemoveCredential "credential.remove" scope(Scope::Connections), Audited("credential");
    BeginLogin "login.begin" scope(Scope::Logins), Audited("login");
    GetLogin "login.read" scope(Scope::Logins), Reads;
    RedirectLogin "login.redirect" scope(Scope::Logins), Audited("login");
    ListAccounts "account.list" scope(Scope::Logins), Reads;
    RemoveAccount "account.remove" scope(Scope::Connections), Audited("account");
    AccountToken "account.token" scope(Scope::Tokens), Counted("account");
    ListUsers "people.list" scope(Scope::PeopleRead), Reads;
    GetUser "people.read" scope(Scope::PeopleRead), Reads;
    GetUserPhoto "people.readPhoto" scope(Scope::PeopleRead), Reads;
    ListUserLicenses "people.listLicenses" scope(Scope::PeopleRead), Reads;
    ListUserGroups "people.listGroups" scope(Scope::PeopleRead), Reads;
    GetUserManager "people.readManager" scope(Scope::PeopleRead), Reads;
    ListMailboxes "mailbox.list" scope(Scope::MailRead), Reads;
    GetMailbox "mailbox.read" scope(Scope::MailRead), Reads;
    AddMailbox "mailbox.add" scope(Scope::Connections), Audited("mailbox");
    ChangeMailbox "mailbox.change" scope(Scope::Connections), Audited("mailbox");
    RemoveMailbox "mailbox.remove" scope(Scope::Connections), Audited("mailbox");
    SyncMailbox "mailbox.sync" scope(Scope::MailRead),
        NotAudited("a round of the mirror, as it comes by itself");
    ListFolders "folder.list" scope(Scope::MailRead), Reads;
    GetFolder "folder.read" scope(Scope::MailRead), Reads;
    CreateFolder "folder.create" scope(Scope::MailWrite), MAIL;
    RenameFolder "folder.rename" scope(Scope::MailWrite), MAIL;
    DeleteFolder "folder.delete" scope(Scope::MailWrite), MAIL;
    ListMessages "message.list" scope(Scope::MailRead), Reads;
    GetMessage "message.read" scope(Scope::MailRead), Reads;
    GetMessageMime "message.readMime" scope(Scope::MailRead), Reads;
    ChangeMessage "message.change" scope(Scope::MailWrite), MAIL;
    DeleteMessage "message.delete" scope(Scope::MailWrite), MAIL;
    ListAttachments "attachment.list" scope(Scope::MailRead), Reads;
    GetAttachmentContent "attachment.read" scope(Scope::MailRead), Reads;
    SendMessage "message.send" scope(Scope::MailSend), SENDING;
    ReplyToMessage "message.reply" scope(Scope::MailSend), SENDING;
    ReplyAllToMessage "message.replyAll" scope(Scope::MailSend), SENDING;
    ForwardMessage "message.forward" scope(Scope::MailSend), SENDING;
    ListOutbox "outbox.list" scope(Scope::MailSend), Reads;
    GetOutboxItem "outbox.read" scope(Scope::MailSend), Reads;
    RetryOutboxItem "outbox.retry" scope(Scope::MailSend), SENDING;
    CancelOutboxItem "outbox.cancel" scope(Scope::MailSend), SENDING;
    ListChanges "change.list" scope(Scope::MailRead), Reads;
    StreamChanges "change.stream" scope(Scope::MailRead), Reads;
    GetGraph "graph.get" scope(Scope::Graph), Reads;
    PostGraph "graph.post" scope(Scope::Graph), PASSED;
    PutGraph "graph.put" scope(Scope::Graph), PASSED;
    PatchGraph "graph.patch" scope(Scope::Graph), PASSED;
    DeleteGraph "graph.delete" scope(Scope::Graph), PASSED;
    ListCalls "call.list" scope(Scope::CallsRead), Reads;
    GetCall "call.read" scope(Scope::CallsRead), Reads;
    ListKeys "key.list" scope(Scope::Admin), Reads;
    CreateKey "key.create" scope(Scope::Admin), Audited("key");
    ChangeKey "key.change" scope(Scope::Admin), Audited("key");
    RevokeKey "key.revoke" scope(Scope::Admin), Audited("key");
    GetOwnKey "key.readOwn" AnyCaller, Reads;
    ListPersons "person.list" scope(Scope::Admin), Reads;
    GetPerson "person.read" scope(Scope::Admin), Reads;
    InvitePerson "person.invite" scope(Scope::Admin), Audited("person");
    InvitePersonAgain "person.inviteAgain" scope(Scope::Admin), Audited("person");
    ChangePerson "person.change" scope(Scope::Admin), Audited("person");
    RemovePerson "person.remove" scope(Scope::Admin), Audited("person");
    GetSession "session.read" AnyCaller, Reads;
    ListAlerts "alert.list" scope(Scope::AlertsRead), Reads;
    GetAlert "alert.read" scope(Scope::AlertsRead), Reads;
    AcknowledgeAlert "alert.acknowledge" scope(Scope::Connections), Audited("alert");
    ListAlertEvents "alert.listEvents" scope(Scope::AlertsRead), Reads;
    ListAudit "audit.list" scope(Scope::AuditRead), Reads;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_nouns_with_verbs_and_are_there_once() {
        let mut names = HashSet::new();
        for action in Action::ALL {
            let name = action.name();
            let (noun, verb) = name.split_once('.').expect("a noun and a verb");
            assert!(!noun.is_empty() && !verb.contains('.'), "{name}");
            assert!(names.insert(name), "{name}");
        }
        assert_eq!(Action::AddConnection.operation(), "addConnection");
    }

    #[test]
    fn what_is_not_audited_has_a_reason() {
        for action in Action::ALL {
            if let Trail::NotAudited(why) = action.trail() {
                assert!(why.len() > 10, "{}", action.name());
            }
        }
    }
}
