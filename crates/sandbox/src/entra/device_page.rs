//! The pages behind a device code.

use super::page::{describe, escape, hidden, layout};

fn alert(error: Option<&str>) -> String {
    error
        .map(|error| {
            format!(
                "<div class=\"error\" role=\"alert\">{}</div>",
                escape(error)
            )
        })
        .unwrap_or_default()
}

const BUTTONS: &str = "<div class=\"row\"><button name=\"action\" value=\"cancel\">Cancel</button>";

/// Where the code is typed.
pub(super) fn code(error: Option<&str>) -> String {
    layout(
        "Sign in to your account",
        false,
        &format!(
            "<h1>Enter code to allow access</h1><p class=\"quiet\">Once you enter the code \
displayed on your app or device, it will have access to your account.</p>{}\
<form method=\"post\" action=\"/devicelogin\">\
<label>Code<input type=\"text\" name=\"user_code\" autocomplete=\"off\" spellcheck=\"false\" autofocus></label>\
<div class=\"row\"><button class=\"main\" name=\"action\" value=\"next\">Next</button></div></form>",
            alert(error)
        ),
    )
}

/// Who it is for.
pub(super) fn sign_in(app: &str, user_code: &str, error: Option<&str>) -> String {
    layout(
        "Sign in to your account",
        false,
        &format!(
            "<h1>Sign in</h1><p class=\"quiet\">You're signing in to <b>{app}</b> on another \
device. Make sure that you trust it.</p>{error}\
<form method=\"post\" action=\"/devicelogin\">{code}\
<label>User name<input type=\"text\" name=\"login\" autocomplete=\"username\" spellcheck=\"false\" autofocus></label>\
<label>Password<input type=\"password\" name=\"passwd\" autocomplete=\"current-password\"></label>\
{BUTTONS}<button class=\"main\" name=\"action\" value=\"signin\">Sign in</button></div></form>",
            app = escape(app),
            error = alert(error),
            code = hidden("user_code", user_code),
        ),
    )
}

/// What it may do.
pub(super) fn consent(
    app: &str,
    user: &str,
    permissions: &[String],
    user_code: &str,
    ticket: &str,
) -> String {
    let list: String = permissions
        .iter()
        .map(|name| format!("<li>{}<small>{}</small></li>", describe(name), escape(name)))
        .collect();
    layout(
        "Permissions requested",
        false,
        &format!(
            "<p class=\"quiet\">{user}</p><h1>Permissions requested</h1><p><b>{app}</b> would like to:</p>\
<ul>{list}</ul><form method=\"post\" action=\"/devicelogin\">{code}{ticket}\
{BUTTONS}<button class=\"main\" name=\"action\" value=\"accept\">Accept</button></div></form>",
            app = escape(app),
            user = escape(user),
            code = hidden("user_code", user_code),
            ticket = hidden("ticket", ticket),
        ),
    )
}

/// The end.
pub(super) fn accepted(app: &str) -> String {
    layout(
        "Signed in",
        false,
        &format!(
            "<h1>{}</h1><p>You have signed in to the application on your device. You may now \
close this window.</p>",
            escape(app)
        ),
    )
}

/// The other end.
pub(super) fn declined(app: &str) -> String {
    layout(
        "Sign in to your account",
        false,
        &format!(
            "<h1>{}</h1><p>You cancelled the sign-in on your device. You may now close this \
window.</p>",
            escape(app)
        ),
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_breaks_out_of_a_page() {
        let page = super::sign_in("<App>", "\"><script>", Some("<i>x"));
        assert!(!page.contains("<script>") && !page.contains("<App>") && !page.contains("<i>x"));
    }
}
