//! Whether Microsoft sends a browser back to the redirect URI. If not, the user ends at a page of
//! Microsoft's and nobody hears of it: whoever waits for the sign-in is told here.

use crate::Engine;
use crate::checks::how_to_register;
use postroom_microsoft::AuthorizeProbe;
use postroom_model::LoginId;
use postroom_model::connection::Connection;
use postroom_model::login::LoginStatus;

/// Ends a sign-in whose redirect URI Microsoft does not know.
pub(super) async fn fail_if_unknown(
    engine: Engine,
    connection: Connection,
    login: LoginId,
    uri: String,
) {
    let probed = tokio::select! {
        () = engine.stopping() => return,
        probed = engine.door().probe_authorize(&connection, &uri) => probed,
    };
    // Of anything else the user learns in the browser, and may be able to mend it there.
    let Ok(AuthorizeProbe::Refused {
        code: 50011, cause, ..
    }) = probed
    else {
        return;
    };
    let why = format!(
        "Microsoft does not sign anybody in: {cause} (AADSTS50011): {uri}. What to do: {} Then \
         begin the sign-in again.",
        how_to_register(&connection, &uri)
    );
    if let Err(error) = engine.end_login(&login, LoginStatus::Failed, &why).await {
        tracing::warn!(%login, %error, "a sign-in that cannot come back could not be ended");
    }
}
