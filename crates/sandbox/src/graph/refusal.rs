//! Graph's refusals in front of directory and mail ("Microsoft Graph error responses and resource
//! types").

use crate::call::GraphError;

/// 401; the header names where to get a token.
pub(super) fn unauthorized(message: &str, root: &str) -> GraphError {
    GraphError::new(401, "InvalidAuthenticationToken", message).header(
        "www-authenticate",
        format!(
            "Bearer realm=\"\", authorization_uri=\"{root}/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\""
        ),
    )
}

/// 401 with a claims challenge ("Claims challenges, claims requests, and client capabilities").
pub(super) fn challenged(message: &str, claims: &str, root: &str) -> GraphError {
    GraphError::new(401, "InvalidAuthenticationToken", message).header(
        "www-authenticate",
        format!(
            "Bearer realm=\"\", authorization_uri=\"{root}/common/oauth2/authorize\", client_id=\"00000003-0000-0000-c000-000000000000\", error=\"insufficient_claims\", claims=\"{}\"",
            crate::entra::for_header(claims)
        ),
    )
}

/// 403 of a policy, for a client that does not handle challenges.
pub(super) fn blocked_by_claims(message: &str) -> GraphError {
    GraphError::new(403, "AccessDenied", message)
}

/// 403 of the directory.
pub(super) fn directory_denied() -> GraphError {
    GraphError::new(
        403,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
    )
}

/// 403 of Exchange.
pub(super) fn mailbox_denied() -> GraphError {
    GraphError::new(
        403,
        "ErrorAccessDenied",
        "Access is denied. Check credentials and try again.",
    )
}

/// 403 of Exchange for an application that an access policy limits to other mailboxes ("Limiting
/// application permissions to specific Exchange Online mailboxes"). Out of the scope of a role it
/// is [`mailbox_denied`].
pub(super) fn blocked_by_policy() -> GraphError {
    GraphError::new(
        403,
        "ErrorAccessDenied",
        "Access to OData is disabled: [RAOP] : Blocked by tenant configured AppOnly AccessPolicy settings.",
    )
}

/// 400 for `/me` without a user.
pub(super) fn me_without_user() -> GraphError {
    GraphError::new(
        400,
        "BadRequest",
        "/me request is only valid with delegated authentication flow.",
    )
}

/// 404 of Exchange for an unknown user.
pub(super) fn invalid_user(user: &str) -> GraphError {
    GraphError::new(
        404,
        "ErrorInvalidUser",
        format!("The requested user '{user}' is invalid."),
    )
}

/// 404 for a user Exchange has no mailbox of.
pub(super) fn no_mailbox() -> GraphError {
    GraphError::new(
        404,
        "MailboxNotEnabledForRESTAPI",
        "The mailbox is either inactive, soft-deleted, or is hosted on-premise.",
    )
}

/// 400 for a path Graph does not know.
pub(super) fn unknown_segment(segment: &str) -> GraphError {
    GraphError::new(
        400,
        "BadRequest",
        format!("Resource not found for the segment '{segment}'."),
    )
}

/// 405.
pub(super) fn other_method() -> GraphError {
    GraphError::new(
        405,
        "Request_BadRequest",
        "Specified HTTP method is not allowed for the request target.",
    )
}

/// 413.
pub(super) fn too_large() -> GraphError {
    GraphError::new(
        413,
        "RequestEntityTooLarge",
        "The maximum request length supported is 4MB.",
    )
}

/// 501 for what Graph has and the sandbox has not.
pub(super) fn not_here(what: &str) -> GraphError {
    GraphError::new(
        501,
        "NotImplemented",
        format!("The sandbox has no '{what}'."),
    )
}
