//! The pages people see while signing in.

/// Text made safe for HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

const STYLE: &str = "\
:root{color-scheme:light dark}\
*{box-sizing:border-box}\
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;\
font:15px/1.5 system-ui,'Segoe UI',sans-serif;color:#1b1b1f;\
background:linear-gradient(160deg,#eef3f8,#dbe6ee 60%,#e9e4f0)}\
main{width:min(27rem,100%);padding:2.25rem 2.5rem;background:#fff;border-radius:10px;\
box-shadow:0 2px 6px #0001,0 12px 32px #0f2a4a1f}\
.org{display:flex;align-items:center;gap:.6rem;font-weight:600;color:#36506b}\
.org i{width:1.5rem;height:1.5rem;border-radius:6px;background:linear-gradient(135deg,#2d7f8c,#5b5fb0)}\
.org small{margin-left:auto;font-weight:500;font-size:.72rem;letter-spacing:.04em;\
text-transform:uppercase;color:#8a5a00;background:#fff3d6;padding:.1rem .5rem;border-radius:99px}\
h1{font-size:1.4rem;line-height:1.3;margin:1.4rem 0 .4rem}\
p{margin:.4rem 0}.quiet{color:#5d6673;font-size:.9rem}\
label{display:block;margin-top:1rem;font-size:.85rem;color:#414a56}\
input[type=text],input[type=password]{width:100%;margin-top:.25rem;padding:.6rem .7rem;font:inherit;\
color:inherit;background:#fff;border:1px solid #b9c2cd;border-radius:6px}\
input:focus,button:focus-visible{outline:2px solid #2d7f8c;outline-offset:1px}\
.row{display:flex;justify-content:flex-end;gap:.6rem;margin-top:1.6rem}\
button{font:inherit;padding:.5rem 1.3rem;border-radius:6px;border:1px solid #b9c2cd;\
background:#f4f6f8;color:#1b1b1f;cursor:pointer}\
button.main{background:#22687a;border-color:#22687a;color:#fff}\
.error{margin-top:1rem;padding:.6rem .8rem;border-radius:6px;background:#fdecea;color:#8c1d18;\
font-size:.9rem;overflow-wrap:anywhere}\
ul{margin:.6rem 0;padding:0;list-style:none}\
li{padding:.45rem 0;border-bottom:1px solid #e6eaee}li small{display:block;color:#5d6673}\
code{font-size:.85rem;overflow-wrap:anywhere}\
table{border-collapse:collapse;width:100%;font-size:.9rem}\
td,th{text-align:left;padding:.3rem .6rem .3rem 0;vertical-align:top;border-bottom:1px solid #e6eaee}\
main.wide{width:min(52rem,100%)}\
@media(prefers-color-scheme:dark){body{color:#e7eaee;background:#14181d}\
main{background:#1f252c}.quiet,li small,label{color:#a9b3bf}.org{color:#b9cbe0}\
input[type=text],input[type=password]{background:#161b21;border-color:#46515e}\
button{background:#2b333c;color:#e7eaee;border-color:#46515e}li,td,th{border-color:#333c46}\
.error{background:#442120;color:#ffc9c5}}";

/// A whole page around its content, which has to be safe already.
pub(crate) fn layout(title: &str, wide: bool, content: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
<title>{title}</title><style>{STYLE}</style></head><body><main{class}>\
<div class=\"org\"><i></i>{company}<small>Sandbox</small></div>{content}</main></body></html>",
        title = escape(title),
        class = if wide { " class=\"wide\"" } else { "" },
        company = escape(crate::directory::COMPANY),
    )
}

pub(super) fn hidden(name: &str, value: &str) -> String {
    format!(
        "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
        escape(value)
    )
}

/// The sign-in page. `request` is the query of the authorization request.
pub(super) fn sign_in(
    app: &str,
    tenant: &str,
    request: &str,
    user: &str,
    error: Option<&str>,
) -> String {
    let error = error
        .map(|error| {
            format!(
                "<div class=\"error\" role=\"alert\">{}</div>",
                escape(error)
            )
        })
        .unwrap_or_default();
    let (focus_user, focus_password) = if user.is_empty() {
        (" autofocus", "")
    } else {
        ("", " autofocus")
    };
    layout(
        "Sign in to your account",
        false,
        &format!(
            "<h1>Sign in</h1><p class=\"quiet\">to continue to {app}</p>{error}\
<form method=\"post\" action=\"/{tenant}/login\">{request}\
<label>User name<input type=\"text\" name=\"login\" value=\"{user}\" autocomplete=\"username\" \
spellcheck=\"false\" placeholder=\"someone@{domain}\"{focus_user}></label>\
<label>Password<input type=\"password\" name=\"passwd\" autocomplete=\"current-password\"{focus_password}></label>\
<div class=\"row\"><button name=\"action\" value=\"cancel\">Cancel</button>\
<button class=\"main\" name=\"action\" value=\"signin\">Sign in</button></div></form>",
            app = escape(app),
            tenant = escape(tenant),
            request = hidden("request", request),
            user = escape(user),
            domain = crate::directory::DOMAIN,
        ),
    )
}

/// The consent page.
pub(super) fn consent(
    app: &str,
    tenant: &str,
    user: &str,
    permissions: &[String],
    request: &str,
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
<ul>{list}</ul><p class=\"quiet\">Accepting these permissions means that you allow this app to use \
your data. You can change these permissions at any time.</p>\
<form method=\"post\" action=\"/{tenant}/consent\">{request}{ticket}<div class=\"row\">\
<button name=\"action\" value=\"cancel\">Cancel</button>\
<button class=\"main\" name=\"action\" value=\"accept\">Accept</button></div></form>",
            app = escape(app),
            user = escape(user),
            request = hidden("request", request),
            tenant = escape(tenant),
            ticket = hidden("ticket", ticket),
        ),
    )
}

pub(super) fn describe(permission: &str) -> &'static str {
    match permission {
        "Mail.Read" | "Mail.ReadBasic" => "Read your mail",
        "Mail.ReadWrite" => "Read and write access to your mail",
        "Mail.Send" => "Send mail as you",
        "Mail.Read.Shared" | "Mail.ReadBasic.Shared" => "Read mail you can access",
        "Mail.ReadWrite.Shared" => "Read and write mail you can access",
        "Mail.Send.Shared" => "Send mail on behalf of others or yourself",
        "User.Read" => "View your basic profile",
        "User.ReadBasic.All" => "Read all users' basic profiles",
        "User.Read.All" => "Read all users' full profiles",
        "MailboxSettings.Read" => "Read your mailbox settings",
        "MailboxSettings.ReadWrite" => "Read and write your mailbox settings",
        "offline_access" => "Maintain access to data you have given it access to",
        _ => "Access data in your organization",
    }
}

/// A page that says why there is no going on.
pub(super) fn error(message: &str, correlation_id: &str, time: &str) -> String {
    layout(
        "Sign in to your account",
        false,
        &format!(
            "<h1>Sorry, but we’re having trouble signing you in.</h1>\
<div class=\"error\" role=\"alert\">{}</div>\
<p class=\"quiet\">Correlation ID: <code>{}</code><br>Timestamp: {}</p>",
            escape(message),
            escape(correlation_id),
            escape(time),
        ),
    )
}

/// The page after signing out.
pub(super) fn signed_out() -> String {
    layout(
        "Signed out",
        false,
        "<h1>You signed out of your account</h1><p class=\"quiet\">It’s a good idea to close all browser windows.</p>",
    )
}

/// `response_mode=form_post`: a form that goes to the application by itself.
pub(super) fn form_post(target: &str, fields: &[(&str, String)]) -> String {
    let inputs: String = fields
        .iter()
        .map(|(name, value)| hidden(name, value))
        .collect();
    format!(
        "<!doctype html><html><head><title>Working...</title></head><body>\
<form method=\"POST\" name=\"hiddenform\" action=\"{}\">{inputs}\
<noscript><p>Script is disabled. Click Submit to continue.</p>\
<input type=\"submit\" value=\"Submit\"></noscript></form>\
<script>document.forms[0].submit();</script></body></html>",
        escape(target)
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn nothing_breaks_out_of_a_page() {
        let page = super::sign_in("<App>", "common", "a=\"b", "'><script>", Some("<b>"));
        assert!(!page.contains("<script>") && !page.contains("<App>") && !page.contains("<b>"));
    }
}
