//! Scopes as types, so that a handler's signature says which one it needs.

use postroom_model::key::Scope;

/// What a handler needs of its caller.
pub(crate) trait Needs: Send + Sync + 'static {
    /// The scope; `None`: any valid key will do.
    const SCOPE: Option<Scope>;
}

macro_rules! needs {
    ($($name:ident = $scope:expr;)*) => {
        $(
            #[derive(Clone, Copy, Debug)]
            pub(crate) struct $name;

            impl Needs for $name {
                const SCOPE: Option<Scope> = $scope;
            }
        )*
    };
}

needs! {
    AnyKey = None;
    Admin = Some(Scope::Admin);
    Connections = Some(Scope::Connections);
    Logins = Some(Scope::Logins);
    Tokens = Some(Scope::Tokens);
    PeopleRead = Some(Scope::PeopleRead);
    MailRead = Some(Scope::MailRead);
    MailWrite = Some(Scope::MailWrite);
    MailSend = Some(Scope::MailSend);
    Graph = Some(Scope::Graph);
    CallsRead = Some(Scope::CallsRead);
}
