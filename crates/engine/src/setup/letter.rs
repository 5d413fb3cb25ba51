//! A letter to an administrator: plain words, everything that is needed to do it.

use super::permissions::Permission;
use super::{Letter, Setup};
use crate::setup::portal::{Page, place};
use postroom_model::account::AccountKind;
use std::fmt::Write as _;

/// Writes the letter.
pub(super) fn write(setup: &Setup) -> Letter {
    let connection = &setup.connection;
    let permissions = &setup.permissions;
    let mut text = format!(
        "Hello,\n\n\
         the program Postroom connects our software with Microsoft 365. To do so it uses an app \
         registration in our tenant. Please set it up as follows; each step says where.\n\n\
         Tenant:             {}\n\
         Application (client) id: {}\n",
        connection.tenant_id, connection.client_id
    );
    let mut step = 0;
    let mut heading = |text: &mut String, title: &str| {
        step += 1;
        let _ = write!(text, "\n{step}. {title}\n\n");
    };
    if !permissions.application.is_empty() {
        heading(&mut text, "Application permissions");
        let _ = writeln!(
            text,
            "   {}\n   Add these:",
            place(connection, Page::Permissions(AccountKind::Application)).path
        );
        list(&mut text, &permissions.application);
        text.push_str(
            "   They let the program itself act, without a user. Those for mail reach every \
             mailbox of the tenant unless they are limited: see below.\n",
        );
    }
    if !permissions.delegated.is_empty() {
        heading(&mut text, "Delegated permissions");
        let _ = writeln!(
            text,
            "   {}\n   Add these:",
            place(connection, Page::Permissions(AccountKind::User)).path
        );
        list(&mut text, &permissions.delegated);
        text.push_str(
            "   They let the program act for a user who signed in, and reach what that user may.\n",
        );
    }
    heading(&mut text, "Redirect URI");
    let _ = writeln!(
        text,
        "   {}",
        place(connection, Page::RedirectUri(&setup.redirect_uri)).path
    );
    heading(&mut text, "Consent");
    let _ = writeln!(text, "   {}", place(connection, Page::Consent).path);
    if let Some(url) = &setup.admin_consent.registered_url {
        let _ = writeln!(
            text,
            "   Or open this address and sign in as an administrator; it asks for all that the app \
             registration lists:\n   {url}"
        );
    }
    if let Some(url) = setup
        .admin_consent
        .delegated_url
        .as_ref()
        .filter(|_| permissions.application.is_empty())
    {
        let _ = writeln!(
            text,
            "   This one asks for the delegated permissions above only, listed or not:\n   {url}"
        );
    }
    if let Some(limit) = &setup.limit {
        heading(&mut text, "Limit to chosen mailboxes (recommended)");
        text.push_str("   The program needs to reach these mailboxes only:\n");
        if limit.mailboxes.is_empty() {
            text.push_str("     (to be named)\n");
        }
        for mailbox in &limit.mailboxes {
            let _ = writeln!(text, "     {mailbox}");
        }
        let _ = writeln!(
            text,
            "   A PowerShell script for Exchange Online comes with this letter (`postroom \
             connection setup --script` makes it). It gives the application the roles {} for these \
             mailboxes (RBAC for Applications). Afterwards take these application permissions away \
             again in Entra ID, or leave them out from the start: {}. What Entra ID grants and \
             what Exchange grants is added up. Exchange can take up to two hours to notice.",
            limit.roles.join(", "),
            limit.permissions_to_remove.join(", ")
        );
    }
    let optional: Vec<_> = permissions
        .optional_application
        .iter()
        .map(|one| (one, "application"))
        .chain(
            permissions
                .optional_delegated
                .iter()
                .map(|one| (one, "delegated")),
        )
        .collect();
    if !optional.is_empty() {
        text.push_str("\nNot needed now; only where it is wanted:\n");
        for (permission, kind) in optional {
            let _ = writeln!(
                text,
                "     {} ({kind}): {}",
                permission.name,
                permission.why.join(", ")
            );
        }
    }
    text.push_str("\nThank you!\n");
    Letter {
        subject: format!(
            "Microsoft 365: permissions for the app registration {}",
            connection.client_id
        ),
        text,
    }
}

fn list(text: &mut String, permissions: &[Permission]) {
    for permission in permissions {
        let _ = writeln!(
            text,
            "     {} (for {})",
            permission.name,
            permission.why.join(", ")
        );
    }
}
