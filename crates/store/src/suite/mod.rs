//! The conformance suite: what the contract promises, asked of a store.
//!
//! A kind of store passes when `conformance!(ground)` in a test file of its own does, with
//! `ground` a function that makes a new [`Ground`]. Every case is a test of its own, so that a
//! failure names the duty that is not kept.

use crate::MasterKey;
use crate::contract::{Result, Store};
use crate::seal::VaultReset;
use async_trait::async_trait;
use std::sync::Arc;

/// Where a store of one kind can be opened.
#[async_trait]
pub trait Ground: Send + Sync {
    /// The first time, an empty store; then the same one, after the last one was dropped.
    async fn open(&self) -> Arc<dyn Store> {
        let opened = self.open_with(MasterKey::from_bytes([7; 32]), None).await;
        opened.expect("opened")
    }
    /// The same with another master key, or to reset the vault.
    async fn open_with(
        &self,
        master: MasterKey,
        reset: Option<VaultReset>,
    ) -> Result<Arc<dyn Store>>;
    /// Every file that the store wrote, to look for what must not be readable.
    fn files(&self) -> Vec<Vec<u8>>;
}

/// What must work, or the case fails with the words of the call.
macro_rules! ok {
    ($call:expr) => {
        match $call.await {
            Ok(value) => value,
            Err(error) => panic!("{}: {error}", stringify!($call)),
        }
    };
}

pub mod accounts;
pub mod alerts;
pub mod audit;
pub mod blobs;
pub mod calls;
pub mod changes;
pub mod connections;
pub mod folders;
pub mod idempotency;
pub mod keys;
pub mod logins;
pub mod made;
pub mod mailboxes;
pub mod messages;
pub mod moves;
pub mod nul;
pub mod outbox;
pub mod people;
pub mod persons;
pub mod random;
pub mod reading;
pub mod secrets;
pub mod sessions;
pub mod settings;
pub mod vault;

/// Every case of the suite, each as a test, on the ground that a function makes; or the cases that
/// are named, by subject.
#[macro_export]
macro_rules! conformance {
    ($ground:ident) => {
        $crate::conformance! { $ground
            accounts {
                one_for_a_user_and_one_for_the_application
                state_is_written_once
                a_version_moves_with_what_is_written
                grants_are_kept_and_go_with_the_account
                a_grant_follows_the_one_it_was_got_with
                claims_challenges_end_with_a_sign_in
            }
            alerts {
                one_is_open_for_a_subject
                a_round_is_all_or_nothing
                events_are_numbered_and_followed
                old_ones_are_forgotten
                a_reading_writes_the_ends
            }
            audit { pages_newest_first_and_filters an_entry_is_finished_once }
            blobs {
                equal_contents_are_kept_once
                pieces_make_the_same_content
                a_dropped_writer_keeps_nothing
                collects_what_nothing_points_to
                put_again_is_new_again
            }
            calls { pages_newest_first_and_filters forgets_details_before_entries }
            changes {
                numbers_have_no_gaps_under_many_writers
                a_follower_sees_each_once_whoever_writes
                cursors_of_nobody_and_of_the_forgotten_are_refused
                filters_do_not_hold_up_the_cursor
                readers_are_woken
            }
            connections {
                names_are_unique_without_regard_to_case
                credentials_are_kept_newest_first
                the_credentials_that_are_taken_are_known
                kinds_of_credentials_are_kept_whole
                removal_takes_everything_along
                a_stale_change_writes_nothing
                grants_end_with_the_change
                a_credential_replaces_the_others
                a_connection_comes_with_its_credential
            }
            folders {
                changes_only_for_more_than_counts
                a_whole_tree_removes_the_rest
                a_gone_folder_takes_its_cursor_and_marks_its_messages
            }
            idempotency { of_two_one_is_new answers_are_kept_and_others_refused }
            keys { found_by_hash_whatever_their_state
                a_revoked_key_stays_so uses_only_move_on
                a_number_of_commits_moves_with_each }
            logins {
                found_by_state_and_ended_once
                completing_keeps_the_accounts_id
                overdue_ones_are_found_and_old_ones_forgotten
                device_codes_are_found_while_pending
            }
            mailboxes {
                found_by_address_without_regard_to_case
                removal_keeps_outbox_and_numbers
                sync_state_does_not_set_the_count
            }
            messages {
                a_page_and_its_cursor_are_one
                a_page_again_changes_nothing
                attachments_come_and_stay
                mime_goes_with_a_change
                a_page_for_a_gone_mailbox_does_nothing
                puts_and_deletes_one
                messages_without_change_keys_are_compared
            }
            moves {
                arriving_first
                leaving_first
                what_left_and_came_nowhere_is_settled
                numbers_are_never_given_again
                a_comparison_by_pages_finds_the_lost
                a_comparison_by_list_finds_the_lost
                what_was_put_meanwhile_counts_as_seen
            }
            nul {
                is_replaced_in_what_is_mirrored
                is_replaced_in_what_people_write
                in_an_id_is_not_there
            }
            outbox {
                accepted_is_kept_and_told
                of_two_writers_one_wins
                due_ones_in_order
                lists_newest_first_in_pages
                needs_its_contents
            }
            people {
                pages_of_a_reading_and_who_is_gone
                unchanged_ones_are_only_seen
                texts_have_no_nul
                go_with_the_connection
            }
            persons {
                found_by_identity_and_by_address
                another_address_lets_another_account_in
                a_token_signs_in_once
                the_first_token_makes_the_first_person
            }
            random { any_sequence_matches_the_model }
            reading {
                pages_in_order_even_with_equal_times
                text_without_regard_to_case_in_any_alphabet
                odd_letters_are_compared_by_the_rule
                every_condition
            }
            secrets { are_not_readable_on_disk }
            sessions {
                found_with_the_person_and_gone_with_it
                sweeping_ends_the_idle_and_the_old
            }
            settings {
                are_kept
                of_two_that_replace_one_succeeds
                check_and_describe_work
                closed_is_closed
            }
            vault {
                a_ciphertext_opens_in_its_place_only
                one_that_does_not_open_stops_no_other
                rotation_leaves_one_key_and_every_secret
                rotation_can_be_cut_off_anywhere
                the_master_key_is_changed_at_once
                a_lost_key_costs_secrets_and_nothing_else
            }
        }
    };
    ($ground:ident $($subject:ident { $($case:ident)* })*) => {
        $(mod $subject {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    $crate::suite::$subject::$case(&super::$ground()).await;
                }
            )*
        })*
    };
}
