//! The tables that both kinds of store keep, in an order in which rows only refer to rows before
//! them.

use crate::contract::tables::{Column, Kind, Table};

macro_rules! table {
    ($name:literal by $key:literal: $($column:ident $kind:ident),* $(,)?) => {
        Table {
            name: $name,
            columns: &[$(Column { name: stringify!($column), kind: Kind::$kind }),*],
            key: $key,
        }
    };
}

/// Contents: their names only, for what is in them is copied by itself.
pub static BLOBS: Table = table!("blobs" by 1: hash Text, size Integer, created_at Time);

/// Messages.
pub static MESSAGES: Table = table!("messages" by 2:
    mailbox Integer, number Integer, id Text, change_key Text, folder Integer, place Integer,
    leaving Boolean, seen Integer, received_at Time, received_order Time, sent_at Time,
    subject Text, from_name Text, from_address Text, is_read Boolean, is_draft Boolean,
    has_attachments Boolean, attachments_known Boolean, conversation_id Text,
    internet_message_id Text, body_type Text, mime_hash Text, mime_size Integer);

/// Messages' bodies and whole JSON.
pub static MESSAGE_TEXTS: Table = table!("message_texts" by 2:
    mailbox Integer, message Integer, json Json, body Text);

/// Attachments.
pub static ATTACHMENTS: Table = table!("attachments" by 3:
    mailbox Integer, message Integer, ordinal Integer, id Text, kind Text, name Text,
    content_type Text, size Integer, is_inline Boolean, content_id Text, blob_hash Text,
    blob_size Integer, json Json);

/// The change feed.
pub static CHANGES: Table = table!("changes" by 1:
    position Integer, mailbox Integer, number Integer, resource Text, id Text, kind Text,
    at Time);

static SETTINGS: Table = table!("settings" by 1: name Text, value Text);
static VAULT_KEYS: Table = table!("vault_keys" by 1: number Integer, wrapped Bytes);
static CONNECTIONS: Table = table!("connections" by 1:
    made Integer, id Text, name Text, name_folded Text, tenant_id Text, client_id Text,
    cloud Text, authority_url Text, graph_url Text, endpoints Text, redirect_uri Text,
    scopes Text, created_at Time);
static CREDENTIALS: Table = table!("credentials" by 2:
    connection Text, id Text, kind Text, expires_at Time, created_at Time, secret Bytes,
    detail Text, taken_at Time);
static ACCOUNTS: Table = table!("accounts" by 1:
    made Integer, id Text, connection Text, kind Text, user_id Text, user_principal_name Text,
    display_name Text, state Text, reason Text, since Time, expires_at Time);
static GRANTS: Table = table!("grants" by 1:
    account Text, refresh_token Bytes, scopes Text, received_at Time);
static PEOPLE: Table = table!("people" by 2:
    connection Text, id Text, user_principal_name Text, display_name Text, given_name Text,
    surname Text, mail Text, job_title Text, department Text, office_location Text,
    company_name Text, mobile_phone Text, business_phones Text, account_enabled Boolean,
    source Text, seen_at Time, updated_at Time, json Json);
pub(super) static LOGINS: Table = table!("logins" by 1:
    id Text, connection Text, key Text, status Text, authorize_url Bytes, redirect_uri Text,
    state_hash Bytes, state Bytes, nonce Bytes, verifier Bytes, account Text, error Text,
    created_at Time, expires_at Time);
static DEVICE_CODES: Table = table!("device_codes" by 1:
    login Text, device_code Bytes, user_code Text, verification_uri Text, message Text,
    interval_seconds Integer);
static CLAIMS_CHALLENGES: Table = table!("claims_challenges" by 1: account Text, claims Text);
static KEYS: Table = table!("keys" by 1:
    made Integer, id Text, hash Bytes, name Text, scopes Text, mailboxes Text, expires_at Time,
    revoked_at Time, created_at Time, last_used_at Time, networks Text);
static PERSONS: Table = table!("persons" by 1:
    id Text, name Text, address Text, role Text, tenant_id Text, object_id Text,
    created_at Time, signed_in_at Time);
static SIGN_IN_TOKENS: Table = table!("sign_in_tokens" by 1:
    hash Bytes, person Text, created_at Time, expires_at Time);
static SESSIONS: Table = table!("sessions" by 1:
    id Text, hash Bytes, person Text, created_at Time, seen_at Time, expires_at Time);
static AUDIT: Table = table!("audit" by 1:
    id Text, at Time, actor_kind Text, actor_id Text, actor_name Text, address Text,
    action Text, subject_kind Text, subject_id Text, subject_name Text, outcome Text,
    details Text, request_id Text);
static MAILBOX_NUMBERS: Table = table!("mailbox_numbers" by 1:
    number Integer, mailbox Text, last_change Integer);
static FOLDER_NUMBERS: Table = table!("folder_numbers" by 2:
    mailbox Integer, number Integer, folder Text, last_message Integer);
static MAILBOXES: Table = table!("mailboxes" by 1:
    number Integer, id Text, connection Text, account Text, address Text, address_folded Text,
    display_name Text, phase Text, messages_done Integer, messages_total Integer,
    last_synced_at Time, last_proven_at Time, error Text, created_at Time);
static CURSORS: Table = table!("cursors" by 3:
    owner Text, kind Text, scope Text, link Text, complete Boolean, comparison Integer);
static FOLDERS: Table = table!("folders" by 2:
    mailbox Integer, id Text, parent_folder_id Text, display_name Text, well_known_name Text,
    child_folder_count Integer, total_item_count Integer, unread_item_count Integer,
    is_hidden Boolean);
static OUTBOX: Table = table!("outbox" by 1:
    id Text, mailbox Text, key Text, kind Text, original Text, status Text, step Text,
    message_id Text, internet_message_id Text, conversation_id Text, reason Text,
    attempts Integer, created_at Time, due_at Time, sent_at Time, doubtful_since Time,
    message Text);
static OUTBOX_BLOBS: Table = table!("outbox_blobs" by 2: outbox Text, hash Text);
static IDEMPOTENCY: Table = table!("idempotency" by 2:
    key Text, idempotency_key Text, request_hash Text, claimed_at Time, status Integer,
    body Text);
static CALLS: Table = table!("calls" by 1:
    number Integer, id Text, at Time, connection Text, account Text, mailbox Text, caller Text,
    method Text, path Text, status Integer, duration_ms Integer, request_bytes Integer,
    response_bytes Integer, attempt Integer, request_id Text, client_request_id Text,
    error Text);
static CALL_DETAILS: Table = table!("call_details" by 1: call Integer, at Time, detail Text);
static ALERTS: Table = table!("alerts" by 1:
    id Text, type Text, severity Text, level Integer, subject_kind Text, subject_id Text,
    subject_name Text, connection Text, title Text, detail Text, hint Text, expires_at Time,
    created_at Time, updated_at Time, resolved_at Time, acknowledged_at Time,
    acknowledged_by Text, mail Text, mailed_level Integer);
static ALERT_FEED: Table = table!("alert_feed" by 1:
    one Integer, last_position Integer, forgotten Integer);
static ALERT_EVENTS: Table = table!("alert_events" by 1: position Integer, at Time, event Text);
static APPLICATION_READINGS: Table = table!("application_readings" by 1:
    connection Text, read_at Time, outcome Text, credentials Text);

/// All of them but the contents.
pub static TABLES: &[&Table] = &[
    &VAULT_KEYS,
    &SETTINGS,
    &CONNECTIONS,
    &CREDENTIALS,
    &ACCOUNTS,
    &GRANTS,
    &PEOPLE,
    &LOGINS,
    &DEVICE_CODES,
    &CLAIMS_CHALLENGES,
    &KEYS,
    &MAILBOX_NUMBERS,
    &FOLDER_NUMBERS,
    &MAILBOXES,
    &CURSORS,
    &FOLDERS,
    &MESSAGES,
    &MESSAGE_TEXTS,
    &ATTACHMENTS,
    &CHANGES,
    &OUTBOX,
    &OUTBOX_BLOBS,
    &IDEMPOTENCY,
    &CALLS,
    &CALL_DETAILS,
    &ALERTS,
    &ALERT_FEED,
    &ALERT_EVENTS,
    &APPLICATION_READINGS,
    &PERSONS,
    &SIGN_IN_TOKENS,
    &SESSIONS,
    &AUDIT,
];
