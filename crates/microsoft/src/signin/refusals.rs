//! Microsoft's refusals: one table of AADSTS numbers with cause, remedy, and what it means for the
//! grant. Messages, `doctor` and the docs read it.
//!
//! Numbers and meanings are from entra-docs, `reference-error-codes.md`. Microsoft advises to build
//! logic on OAuth's `error` and to use the numbers for diagnosis; so a number that is not here is
//! judged by [`explain_error`].

use postroom_model::account::AccountState;

/// What a refusal means and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// Why, in plain words.
    pub cause: &'static str,
    /// What to do, and who.
    pub remedy: &'static str,
    /// The state that an account is in by it; `None`: it says nothing against the grant.
    pub ends_grant: Option<AccountState>,
    /// Whether it passes by itself.
    pub transient: bool,
}

/// A row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The AADSTS number.
    pub code: u32,
    /// What it means.
    pub explanation: Explanation,
}

const NEEDS_SIGN_IN: Option<AccountState> = Some(AccountState::NeedsSignIn);
const REVOKED: Option<AccountState> = Some(AccountState::Revoked);
const CREDENTIAL: Option<AccountState> = Some(AccountState::CredentialExpired);
const CONSENT: Option<AccountState> = Some(AccountState::ConsentMissing);
const KEEPS: Option<AccountState> = None;

const fn row(
    code: u32,
    ends_grant: Option<AccountState>,
    cause: &'static str,
    remedy: &'static str,
) -> Row {
    Row {
        code,
        explanation: Explanation {
            cause,
            remedy,
            ends_grant,
            transient: false,
        },
    }
}

const fn passing(code: u32, cause: &'static str) -> Row {
    Row {
        code,
        explanation: Explanation {
            cause,
            remedy: WAIT,
            ends_grant: None,
            transient: true,
        },
    }
}

const NEW_SECRET: &str = "make a new client secret in the app registration (Certificates & secrets) and set its value, not its id, on the connection";
const FEDERATION: &str = "compare issuer, subject and audience in the app registration (Certificates & secrets, Federated credentials) with the assertion's, letter by letter";
const NO_APPLICATION: &str = "set the connection's tenant to the tenant's id or domain; for personal accounts (consumers) an application cannot act by itself: sign users in";
const SIGN_IN: &str = "the user signs in again";
const SIGN_IN_MFA: &str = "the user signs in again in a browser and finishes what Microsoft asks for (a second factor, its registration, another proof)";
const APP: &str = "check the connection's client id and tenant against the app registration in the Entra admin center";
const ADMIN_CONSENT: &str =
    "an administrator of the tenant consents to the app registration's permissions";
const POLICY: &str = "an administrator of the tenant changes the conditional access policy for this app, or the user signs in from a device and place that it allows";
const REPORT: &str = "this is a fault of Postroom: report it with the correlation id";
const SCOPES: &str = "correct the connection's scopes and Graph address";
const WAIT: &str = "nothing: it is tried again by itself";

/// The table, in the order of the numbers.
pub const TABLE: &[Row] = &[
    row(
        16000,
        NEEDS_SIGN_IN,
        "several accounts are signed in in this browser, and none was chosen",
        SIGN_IN,
    ),
    row(
        28002,
        KEEPS,
        "a scope that was asked for is empty or does not exist",
        SCOPES,
    ),
    row(
        50001,
        KEEPS,
        "the tenant does not have the resource that was asked for",
        "check the connection's Graph address and cloud against the tenant's",
    ),
    row(
        50011,
        KEEPS,
        "the redirect URI is not registered for the app",
        "add the redirect URI to the app registration (Authentication), exactly as the connection has it",
    ),
    row(
        50012,
        CREDENTIAL,
        "the app could not be authenticated with its credential",
        "set a valid credential on the connection",
    ),
    row(
        50020,
        NEEDS_SIGN_IN,
        "the user belongs to another tenant and is no guest of this one",
        "sign in as a user of the connection's tenant, or have an administrator invite this user as a guest",
    ),
    row(
        50027,
        CREDENTIAL,
        "the app's signed assertion cannot be read",
        "set the certificate that is registered for the app",
    ),
    passing(50033, "Microsoft's sign-in service had a passing fault"),
    row(
        50034,
        NEEDS_SIGN_IN,
        "the user does not exist in the tenant",
        "check the user's sign-in name and the connection's tenant, then sign in again",
    ),
    row(
        50053,
        NEEDS_SIGN_IN,
        "the user is locked after too many wrong passwords, or the sign-in came from a blocked address",
        "wait or have an administrator unlock the user, then sign in again",
    ),
    row(
        50055,
        NEEDS_SIGN_IN,
        "the user's password is over",
        "the user sets a new password and signs in again",
    ),
    row(
        50057,
        NEEDS_SIGN_IN,
        "the user is disabled",
        "an administrator enables the user; then sign in again",
    ),
    row(
        50058,
        NEEDS_SIGN_IN,
        "nobody is signed in in this browser session",
        SIGN_IN,
    ),
    row(
        50059,
        KEEPS,
        "the request does not say which tenant it is for",
        "set the connection's tenant to the tenant's id or domain",
    ),
    row(
        50072,
        NEEDS_SIGN_IN,
        "the user has to register for multi-factor authentication",
        SIGN_IN_MFA,
    ),
    row(
        50074,
        NEEDS_SIGN_IN,
        "a second factor is needed",
        SIGN_IN_MFA,
    ),
    row(
        50076,
        NEEDS_SIGN_IN,
        "a second factor is needed, by a policy or a new place",
        SIGN_IN_MFA,
    ),
    row(
        50078,
        NEEDS_SIGN_IN,
        "the proof of the second factor is over",
        SIGN_IN_MFA,
    ),
    row(
        50079,
        NEEDS_SIGN_IN,
        "the user has to register for multi-factor authentication",
        SIGN_IN_MFA,
    ),
    passing(50087, "Microsoft's sign-in service had a passing fault"),
    row(
        50097,
        NEEDS_SIGN_IN,
        "the device has to prove itself",
        POLICY,
    ),
    row(
        50105,
        NEEDS_SIGN_IN,
        "the user is not assigned to the app",
        "an administrator assigns the user to the enterprise application, or switches off that assignment is required; then sign in again",
    ),
    row(
        50126,
        NEEDS_SIGN_IN,
        "user name or password is wrong",
        SIGN_IN,
    ),
    row(
        50128,
        KEEPS,
        "there is no tenant with this domain",
        "check the connection's tenant and cloud",
    ),
    row(
        50131,
        NEEDS_SIGN_IN,
        "a conditional access policy blocks this device, place or time",
        POLICY,
    ),
    row(
        50132,
        NEEDS_SIGN_IN,
        "the user's session is over: the password is over or was changed",
        SIGN_IN,
    ),
    row(
        50133,
        REVOKED,
        "the user's session was revoked: the password is over or was changed",
        SIGN_IN,
    ),
    row(
        50144,
        NEEDS_SIGN_IN,
        "the user's password in Active Directory is over",
        "the user sets a new password and signs in again",
    ),
    row(
        50148,
        NEEDS_SIGN_IN,
        "the PKCE verifier is missing",
        "begin the sign-in anew",
    ),
    row(
        50158,
        NEEDS_SIGN_IN,
        "an external proof is needed and was not given",
        SIGN_IN_MFA,
    ),
    row(
        50173,
        REVOKED,
        "the grant was revoked: the password was changed, or somebody signed the user out everywhere",
        SIGN_IN,
    ),
    row(
        50194,
        KEEPS,
        "the app registration is for one tenant only and was asked for by the common address",
        "set the connection's tenant to the tenant's id or domain",
    ),
    passing(50196, "the same request was made too often in a short time"),
    row(
        53000,
        NEEDS_SIGN_IN,
        "the device does not comply with the tenant's policy",
        POLICY,
    ),
    row(
        53001,
        NEEDS_SIGN_IN,
        "the device is not joined to the tenant's domain",
        POLICY,
    ),
    row(
        53002,
        NEEDS_SIGN_IN,
        "the app is not one that the conditional access policy allows",
        POLICY,
    ),
    row(
        53003,
        NEEDS_SIGN_IN,
        "a conditional access policy blocks this sign-in",
        POLICY,
    ),
    row(
        53004,
        NEEDS_SIGN_IN,
        "the user has to register for multi-factor authentication, and may not do so from here",
        POLICY,
    ),
    row(
        53011,
        NEEDS_SIGN_IN,
        "the user is blocked for risk by the own tenant",
        "an administrator of the user's own tenant unblocks the user; then sign in again",
    ),
    row(
        54005,
        NEEDS_SIGN_IN,
        "the sign-in's code was used already",
        "begin the sign-in anew; a code works once, within ten minutes",
    ),
    row(
        65001,
        CONSENT,
        "nobody has consented to the app's permissions",
        "the user signs in again and consents, or an administrator consents for the tenant",
    ),
    row(
        65004,
        CONSENT,
        "the user declined to consent",
        "the user signs in again and consents, or an administrator consents for the tenant",
    ),
    row(
        65005,
        CONSENT,
        "the app asks for a resource that is not among its permissions",
        "add the permissions to the app registration (API permissions) and let an administrator consent",
    ),
    row(
        70000,
        NEEDS_SIGN_IN,
        "the grant is not valid any more",
        SIGN_IN,
    ),
    row(
        70001,
        KEEPS,
        "the app is not in this tenant or is disabled",
        APP,
    ),
    row(
        70002,
        CREDENTIAL,
        "the app's credential was not accepted",
        NEW_SECRET,
    ),
    row(
        70003,
        KEEPS,
        "the app may not use this flow",
        "allow the flow in the app registration (Authentication); device codes need public client flows",
    ),
    row(
        70008,
        NEEDS_SIGN_IN,
        "the code or refresh token is over: it was not used for too long",
        SIGN_IN,
    ),
    row(
        70011,
        KEEPS,
        "a scope that was asked for is not valid",
        SCOPES,
    ),
    passing(70012, "Microsoft's sign-in service had a passing fault"),
    passing(
        70016,
        "the user has not finished at the device code's page yet",
    ),
    row(
        70018,
        NEEDS_SIGN_IN,
        "the user typed a wrong or expired code",
        "begin the sign-in anew and type the code as it is shown",
    ),
    row(
        70019,
        NEEDS_SIGN_IN,
        "the device code is over",
        "begin the sign-in anew and finish it in time",
    ),
    row(
        70021,
        CREDENTIAL,
        "no federated credential of the app fits the assertion that was shown",
        FEDERATION,
    ),
    row(
        70043,
        NEEDS_SIGN_IN,
        "the tenant's policy on sign-in frequency ended the grant",
        SIGN_IN,
    ),
    row(
        90002,
        KEEPS,
        "there is no such tenant in this cloud",
        "check the connection's tenant and cloud",
    ),
    passing(90006, "Microsoft's sign-in service had a passing fault"),
    passing(90012, "the request to the sign-in service timed out"),
    row(90014, KEEPS, "a field is missing in the request", REPORT),
    row(
        90023,
        KEEPS,
        "the request to the sign-in service was not valid",
        REPORT,
    ),
    passing(90024, "the sign-in service is busy"),
    passing(90033, "Microsoft's sign-in service had a passing fault"),
    passing(90055, "the tenant makes too many sign-in requests"),
    row(
        90072,
        NEEDS_SIGN_IN,
        "the user belongs to another tenant and is no guest of this one",
        "sign in as a user of the connection's tenant, or have an administrator invite this user as a guest",
    ),
    passing(90090, "Microsoft's sign-in service had a passing fault"),
    row(
        90094,
        CONSENT,
        "an administrator has to consent to these permissions",
        ADMIN_CONSENT,
    ),
    row(
        90095,
        CONSENT,
        "an administrator has to consent; a request was made to one",
        ADMIN_CONSENT,
    ),
    row(
        90120,
        NEEDS_SIGN_IN,
        "the device code was answered already",
        "begin the sign-in anew",
    ),
    row(
        90124,
        KEEPS,
        "the tenant address is not usable for this flow",
        NO_APPLICATION,
    ),
    row(
        90130,
        KEEPS,
        "the tenant address is not usable for this flow",
        NO_APPLICATION,
    ),
    row(
        500011,
        KEEPS,
        "the tenant does not have the resource that was asked for",
        "check the connection's Graph address and cloud against the tenant's",
    ),
    row(
        500112,
        NEEDS_SIGN_IN,
        "the code was asked for with another redirect URI",
        "begin the sign-in anew",
    ),
    row(
        500121,
        NEEDS_SIGN_IN,
        "the second factor was not given",
        SIGN_IN_MFA,
    ),
    row(
        501481,
        NEEDS_SIGN_IN,
        "the PKCE verifier does not fit the challenge",
        "begin the sign-in anew",
    ),
    row(
        530003,
        NEEDS_SIGN_IN,
        "the device is not managed by the tenant",
        POLICY,
    ),
    row(
        530032,
        NEEDS_SIGN_IN,
        "the tenant's security policy blocks this sign-in",
        POLICY,
    ),
    row(
        530035,
        NEEDS_SIGN_IN,
        "the tenant's security defaults block this sign-in",
        POLICY,
    ),
    row(
        650052,
        CONSENT,
        "the tenant has no subscription for a service that the app asks for",
        "an administrator takes the permission off the app registration or enables the service, then consents",
    ),
    row(
        650056,
        CONSENT,
        "the app registration is misconfigured, or nobody has consented to it",
        ADMIN_CONSENT,
    ),
    row(
        650057,
        CONSENT,
        "the resource asked for is not among the app registration's permissions",
        "add the permissions to the app registration (API permissions) and let an administrator consent",
    ),
    row(
        700003,
        NEEDS_SIGN_IN,
        "the device was not found in the tenant",
        POLICY,
    ),
    row(
        700005,
        NEEDS_SIGN_IN,
        "the code is for another tenant than it was redeemed at",
        "set the connection's tenant to the user's tenant and begin the sign-in anew",
    ),
    row(700011, KEEPS, "the app is not in this tenant", APP),
    row(700016, KEEPS, "the app is not in this tenant", APP),
    row(
        700020,
        NEEDS_SIGN_IN,
        "Microsoft wants the user to do something in a browser",
        SIGN_IN_MFA,
    ),
    row(
        700021,
        CREDENTIAL,
        "the assertion is for another app than it was shown for",
        "check the connection's client id, and that its certificate or federated credential is that app's",
    ),
    row(
        700022,
        KEEPS,
        "several resources were asked for at once",
        SCOPES,
    ),
    row(700023, KEEPS, "no resource was asked for", SCOPES),
    row(
        700024,
        CREDENTIAL,
        "the app's assertion is over or not yet good: this machine's clock is wrong, or what renews the assertion has stopped",
        "set this machine's clock and keep it right (NTP); for a federated credential, see that its file or address gives a fresh assertion",
    ),
    row(
        700025,
        CREDENTIAL,
        "the app is a public client and a credential was sent",
        "take the credential off the connection; or, if the app is to have one, register its redirect URI under the platform Web and set Allow public client flows to No (Authentication)",
    ),
    row(
        700027,
        CREDENTIAL,
        "the app's certificate is not registered, or the signature does not fit it",
        "upload the public half of the connection's certificate to the app registration (Certificates & secrets, Certificates), or set the certificate that is registered there",
    ),
    row(
        700030,
        CREDENTIAL,
        "the name of the app's certificate is not allowed",
        "set the certificate that is registered for the app",
    ),
    row(
        700051,
        KEEPS,
        "the app may not use this response type",
        REPORT,
    ),
    row(
        700054,
        KEEPS,
        "the app may not get ID tokens from the authorize address",
        REPORT,
    ),
    row(
        700082,
        NEEDS_SIGN_IN,
        "the refresh token is over: it was not used for 90 days",
        SIGN_IN,
    ),
    row(
        700084,
        NEEDS_SIGN_IN,
        "the refresh token of a single-page app is over after 24 hours",
        "register the redirect URI as Web or Mobile and desktop, then sign in again",
    ),
    row(
        700211,
        CREDENTIAL,
        "no federated credential of the app has the assertion's issuer",
        FEDERATION,
    ),
    row(
        700212,
        CREDENTIAL,
        "no federated credential of the app has the assertion's audience",
        FEDERATION,
    ),
    row(
        700213,
        CREDENTIAL,
        "no federated credential of the app has the assertion's subject",
        FEDERATION,
    ),
    row(
        700229,
        CREDENTIAL,
        "only an app-only token can be the app's credential",
        "set a valid credential on the connection",
    ),
    row(900144, KEEPS, "a field is missing in the request", REPORT),
    row(
        900561,
        KEEPS,
        "the sign-in service was called with the wrong method",
        "check the connection's addresses: a proxy may have turned POST into GET",
    ),
    row(
        1002012,
        KEEPS,
        "the application asks for single permissions, and gets them only as a whole",
        SCOPES,
    ),
    row(
        7000112,
        KEEPS,
        "the app is disabled",
        "an administrator enables the enterprise application in the Entra admin center",
    ),
    row(
        7000215,
        CREDENTIAL,
        "the client secret is wrong",
        NEW_SECRET,
    ),
    row(
        7000218,
        CREDENTIAL,
        "the app needs a credential and the connection has none",
        "add a client secret or a certificate to the connection, or allow public client flows in the app registration",
    ),
    row(7000222, CREDENTIAL, "the client secret is over", NEW_SECRET),
    row(
        9001023,
        KEEPS,
        "the flow cannot be used at the common address or at that of personal accounts",
        NO_APPLICATION,
    ),
    row(
        9002313,
        KEEPS,
        "the request to the sign-in service was not valid",
        REPORT,
    ),
];

/// What an AADSTS number means; `None` when it is not in the table.
pub fn explain(code: u32) -> Option<Explanation> {
    TABLE
        .binary_search_by_key(&code, |row| row.code)
        .ok()
        .and_then(|at| TABLE.get(at))
        .map(|row| row.explanation)
}

/// What OAuth's `error` means where the number says nothing (RFC 6749, sections 4.1.2.1 and 5.2;
/// OpenID Connect Core, section 3.1.2.6; `suberror` as MSAL knows it).
pub fn explain_error(error: &str, suberror: Option<&str>) -> Explanation {
    let (ends_grant, cause, remedy) = match (error, suberror) {
        (_, Some("consent_required")) | ("consent_required", _) => (
            CONSENT,
            "the app's permissions are not consented to",
            ADMIN_CONSENT,
        ),
        ("invalid_grant", _) => (NEEDS_SIGN_IN, "the grant is not valid any more", SIGN_IN),
        ("interaction_required" | "login_required", _) => (
            NEEDS_SIGN_IN,
            "Microsoft wants the user to do something in a browser",
            SIGN_IN_MFA,
        ),
        ("invalid_client", _) => (
            CREDENTIAL,
            "the app's credential was not accepted",
            NEW_SECRET,
        ),
        ("unauthorized_client", _) => (KEEPS, "the app may not do this in this tenant", APP),
        ("access_denied" | "authorization_declined", _) => (
            KEEPS,
            "the user or an administrator said no",
            "begin the sign-in anew and agree to it",
        ),
        ("invalid_scope" | "invalid_resource" | "invalid_target", _) => {
            (KEEPS, "what was asked for does not exist", SCOPES)
        }
        ("temporarily_unavailable" | "server_error", _) => {
            return Explanation {
                cause: "Microsoft's sign-in service has a passing fault",
                remedy: WAIT,
                ends_grant: None,
                transient: true,
            };
        }
        _ => (
            KEEPS,
            "the sign-in service refused the request",
            "see Microsoft's description, and check the connection's tenant, client id and addresses",
        ),
    };
    Explanation {
        cause,
        remedy,
        ends_grant,
        transient: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_says_what_to_do() {
        assert!(TABLE.windows(2).all(|pair| pair[0].code < pair[1].code));
        for row in TABLE {
            assert!(!row.explanation.cause.is_empty(), "{}", row.code);
            assert!(!row.explanation.remedy.is_empty(), "{}", row.code);
            assert!(
                !row.explanation.transient || row.explanation.ends_grant.is_none(),
                "{} passes by itself, so it ends nothing",
                row.code
            );
        }
    }

    /// The numbers that Microsoft's reference of error codes names for the flows that we use.
    #[test]
    fn every_number_of_the_reference_is_in_the_table() {
        for code in [
            7000215, 7000222, 7000218, 700027, 50012, 700030, 70002, 700025, 700016, 700011,
            7000112, 70001, 70000, 70008, 700082, 700084, 70043, 50173, 54005, 501481, 9002313,
            50055, 50057, 50126, 50034, 50053, 53003, 53000, 53001, 530032, 530035, 50076, 50079,
            50072, 50074, 50078, 50158, 65001, 65004, 90094, 90095, 650052, 650056, 650057, 70011,
            28002, 500011, 50001, 700022, 700023, 90002, 900144, 50011, 90023, 900561, 70016,
            70018, 70019, 90120, 50105, 90033, 90006, 90012, 90024, 90090, 50033, 50087, 70012,
            90055, 50196, 70021, 700021, 700024, 700211, 700212, 700213, 9001023, 90124, 90130,
            50194, 700005, 700054, 700229,
        ] {
            assert!(explain(code).is_some(), "AADSTS{code} is not in the table");
        }
    }

    /// How the page for people shows the table. It is held against the page, so that neither is
    /// changed alone.
    #[test]
    fn the_page_shows_the_table() {
        let mut shown = String::from(
            "| AADSTS | what it means | what to do | the account |\n| --- | --- | --- | --- |\n",
        );
        for row in TABLE {
            let said = row.explanation;
            let account = match (said.transient, said.ends_grant) {
                (true, _) => "tried again",
                (false, Some(state)) => state.name(),
                (false, None) => "stays as it is",
            };
            let line = format!(
                "| {} | {} | {} | {account} |\n",
                row.code, said.cause, said.remedy
            );
            shown.push_str(&line);
        }
        let page = include_str!("../../../../docs/sign-in.md");
        let (_, rest) = page
            .split_once("<!-- the table of refusals -->\n\n")
            .expect("the page has a place for the table");
        let found = rest.split("\n\n").next().unwrap_or_default();
        assert_eq!(
            found.trim_end(),
            shown.trim_end(),
            "docs/sign-in.md: the table is to be\n{shown}"
        );
    }

    #[test]
    fn what_passes_ends_no_grant_and_what_is_over_does() {
        assert_eq!(explain(700082).and_then(|e| e.ends_grant), NEEDS_SIGN_IN);
        assert_eq!(explain(50173).and_then(|e| e.ends_grant), REVOKED);
        assert_eq!(explain(7000222).and_then(|e| e.ends_grant), CREDENTIAL);
        assert!(explain(90033).is_some_and(|e| e.transient));
        assert!(explain_error("temporarily_unavailable", None).transient);
        assert_eq!(
            explain_error("invalid_grant", Some("consent_required")).ends_grant,
            CONSENT
        );
    }
}
