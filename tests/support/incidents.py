"""What went wrong with the reference core, what was pinned there, and the tests by which ours is known to be right.

Numbers are those of the contract's lists. A test is named `file below tests/::function`.
Source: the reference core's list of incidents, and its list of behaviours to be tested first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Proved:
    """`what`: one line of it. `tests`: those that prove that it is not so here, or that it cannot be."""

    what: str
    tests: tuple[str, ...]


def proved(what: str, *tests: str) -> Proved:
    """A row."""
    return Proved(what, tests)


PASSES = "memoryd/test_passes.py"
INCIDENTS_OF_THE_DAEMON = "memoryd/test_incidents.py"
ENDURING = "memoryd/test_enduring.py"
TENDING = "memoryd/test_tending.py"
TICKING = "memoryd/test_ticking.py"
MODELS = "memoryd/test_remote.py"
REMOTE = "search/test_remote.py"
RANKING = "search/test_ranking.py"
LINKS = "index/contract/test_links.py"
STAMP = "vault/test_stamp.py"
SAFE = "vault/test_safe_yaml.py::test_safe"
FIELDS = "vault/test_fields.py::test_one_edit_touches_its_own_lines"
LIFE = "memoryd/test_life.py"
DETECT = "curation/test_detect.py"
CONTEXTS = "stories/test_memory_context.py::test_with_a_core_each_peer_gets_its_fragment_and_its_indexes"

INCIDENTS: Mapping[int, Proved] = {
    # Index and files.
    1: proved(
        "an append to a long note was not noticed, since only its beginning was hashed",
        f"{INCIDENTS_OF_THE_DAEMON}::test_an_append_to_a_long_note_is_seen",
        f"{PASSES}::test_content_decides_not_time",
    ),
    2: proved(
        "links to notes that had not changed vanished with a restart",
        f"{INCIDENTS_OF_THE_DAEMON}::test_links_lead_to_notes_that_did_not_change_since_the_start",
    ),
    3: proved(
        "one bad note ended the scan, and the daemon with it, again and again",
        f"{PASSES}::test_a_bad_note_stops_nothing_and_stays_as_it_was",
        f"{PASSES}::test_a_note_that_trips_the_code_up_stops_nothing",
        "memoryd/test_bad_notes.py::test_what_can_be_read_is_found",
    ),
    4: proved(
        "a note that is only out of reach was taken for deleted",
        f"{PASSES}::test_a_note_held_back_by_a_cloud_drive_is_kept",
        f"{PASSES}::test_a_vault_that_went_keeps_its_notes",
        f"{PASSES}::test_a_bad_note_stops_nothing_and_stays_as_it_was",
        "memoryd/test_vault.py::test_a_vault_that_is_emptied_at_once_is_not_believed",
    ),
    5: proved(
        "many deletions at once are held back until the owner says so; a few are not",
        f"{PASSES}::test_fuse",
        f"{PASSES}::test_the_fuse_holds_on_partial_passes",
    ),
    6: proved(
        "a changed locale or passage size left an index made of two kinds",
        f"{INCIDENTS_OF_THE_DAEMON}::test_another_locale_makes_the_whole_index_anew",
        "index/contract/test_words.py::test_another_fingerprint_empties_the_store",
    ),
    7: proved(
        "vectors of another length ended the writer again and again",
        "index/contract/test_vectors.py::test_another_model_starts_anew_and_none_changes_nothing",
    ),
    8: proved(
        "another model of the same length left the vectors of the former one",
        f"{MODELS}::test_another_model_makes_all_vectors_anew",
    ),
    9: proved(
        "a passage that changed while its vector was made left a vector of nothing",
        f"{REMOTE}::test_a_vector_of_a_passage_that_changed_meanwhile_is_dropped",
        "index/contract/test_vectors.py::test_a_changed_note_keeps_the_vectors_of_what_it_still_says",
    ),
    10: proved(
        "passages were numbered anew and took over the vectors of others",
        "index/contract/test_anew.py::test_a_store_that_starts_anew_has_no_vectors_of_the_old_one",
    ),
    11: proved(
        "links to a deleted note did not come back with it",
        f"{INCIDENTS_OF_THE_DAEMON}::test_links_to_a_deleted_note_wait_for_its_return",
        f"{LINKS}::test_links_heal_and_break_with_their_targets",
    ),
    12: proved(
        "a note that went to the archive lost the links to it",
        "memoryd/test_archive.py::test_what_was_stale_before_the_start_is_archived_with_its_owner_its_links_and_its_words",
        f"{LINKS}::test_links_follow_a_note_that_moves",
    ),
    13: proved(
        "what looks like a link in code was one",
        "vault/test_links.py::test_what_is_no_link",
        f"{PASSES}::test_links_are_resolved_and_private_words_are_not_indexed",
    ),
    14: proved(
        "the end of a Russian heading was not recognised",
        "vault/test_links_heading.py::test_russian",
    ),
    15: proved(
        "a batch for the index had only the few seconds of a question",
        "search/test_patience.py::test_a_batch_has_more_time_than_a_question",
    ),
    16: proved(
        "the making of vectors said that it was done when it had failed, and ended",
        f"{REMOTE}::test_a_stalled_backfill_waits_longer_each_time",
        f"{INCIDENTS_OF_THE_DAEMON}::test_vectors_that_could_not_be_made_are_still_due",
    ),
    17: proved(
        "vectors were made twice, once of them in the way of the passes",
        f"{MODELS}::test_every_passage_gets_its_vector_in_batches_and_changed_ones_a_new_one",
    ),
    18: proved(
        "a model server's answer was believed whatever its count, length and order",
        f"{REMOTE}::test_an_answer_of_another_shape_is_no_vector",
        f"{REMOTE}::test_vectors_come_in_the_order_of_the_texts",
        f"{MODELS}::test_a_server_that_answers_nonsense_is_told_and_the_words_still_find",
    ),
    19: proved(
        "other users could read the index, which holds the notes' words",
        "index/test_sqlite.py::test_nobody_else_may_read_it_or_what_lies_beside_it",
    ),
    # Daemon.
    20: proved(
        "restarts put the curators' tick off for days",
        f"{TICKING}::test_a_restart_goes_on_with_the_period_that_was_running",
        f"{TICKING}::test_the_first_anchor_is_kept_at_once",
        "curation/test_queue_and_tick.py::test_restarts_do_not_starve_the_tick",
    ),
    21: proved(
        "restarts put the look at everything off as well",
        "memoryd/test_archive.py::test_what_was_stale_before_the_start_is_archived_with_its_owner_its_links_and_its_words",
        f"{ENDURING}::test_after_a_kill_everything_comes_to_what_the_vault_says",
    ),
    22: proved(
        "a watch that had ended left everything as it was, behind a good heartbeat",
        f"{ENDURING}::test_without_a_watch_the_vault_is_polled_and_everything_else_goes_on",
        "memoryd/test_vault.py::test_a_vault_that_goes_and_comes_back",
    ),
    23: proved(
        "a fault of the watch ended the process",
        f"{ENDURING}::test_without_a_watch_the_vault_is_polled_and_everything_else_goes_on",
    ),
    24: proved(
        "somebody who went on writing kept everybody's changes out of the index",
        f"{ENDURING}::test_a_storm_of_writes_does_not_put_off_what_it_is_about",
        "memoryd/test_parts.py::test_changes_wait_for_quiet_but_not_for_ever",
    ),
    25: proved(
        "a vault that went while changes waited cost these changes",
        f"{ENDURING}::test_a_vault_that_comes_back_is_judged_as_if_it_had_never_been_away",
    ),
    26: proved(
        "a stop within the quiet time cost the changes of that time",
        f"{ENDURING}::test_what_was_seen_is_kept_within_the_time_that_a_stop_has",
    ),
    27: proved(
        "two daemons wrote one index",
        f"{LIFE}::test_a_second_one_is_refused_and_the_first_lives_on",
        f"{LIFE}::test_after_a_kill_the_next_one_takes_over",
        f"{LIFE}::test_a_lock_of_the_reference_is_respected_while_its_owner_lives",
        "race/test_race.py::test_sixteen_starts_of_memoryd_leave_one",
    ),
    28: proved(
        "the heartbeat was read half-written",
        f"{INCIDENTS_OF_THE_DAEMON}::test_who_reads_the_heartbeat_reads_a_whole_one",
    ),
    29: proved(
        "connections that stay open kept the daemon from ending",
        f"{LIFE}::test_it_ends_in_time_whatever_is_open",
        "memoryd/mcp/test_client.py::test_it_ends_with_a_connection_still_open",
    ),
    30: proved(
        "a proxy of the environment got calls to this host",
        f"{INCIDENTS_OF_THE_DAEMON}::test_a_proxy_of_the_environment_is_not_asked_for_what_is_on_this_host",
        "egress/test_net.py::test_loopback_never_goes_through_a_proxy",
    ),
    31: proved(
        "a note went to the archive while its agent was writing it, and became two",
        "memoryd/test_archive.py::test_a_stale_note_stays_a_while_and_an_append_is_not_lost",
    ),
    32: proved("fragments were written again though nothing in them had changed", CONTEXTS),
    33: proved("the folder of a removed peer came back", CONTEXTS),
    # Attribution.
    34: proved(
        "an edit around the hook soon after a stamp was taken for the stamp's own",
        f"{TENDING}::test_an_edit_around_the_hook_is_marked_once_and_only_where_the_stamp_is_fresh",
    ),
    35: proved(
        "an edit around the hook was given to somebody, though nobody can know whose it is",
        f"{TENDING}::test_an_edit_around_the_hook_is_marked_once_and_only_where_the_stamp_is_fresh",
        f"{DETECT}::test_a_silent_edit_is_marked_by_the_age_of_the_stamp",
    ),
    36: proved(
        "a mark changed more than its own lines, and so called for the next mark",
        "vault/test_stamp_properties.py::test_a_splice_moves_no_smart_hash",
        f"{DETECT}::test_a_note_that_is_marked_is_not_marked_again_while_somebody_goes_on",
    ),
    37: proved(
        "a start stamped notes that nobody had touched",
        f"{TENDING}::test_the_first_start_judges_nothing_however_it_ends",
        f"{DETECT}::test_settled_notes_are_not_judged_when_first_seen",
    ),
    38: proved(
        "a bare note of the human is signed when it is first seen",
        f"{TENDING}::test_what_the_human_writes_is_signed_once_and_stays_the_humans",
        f"{DETECT}::test_a_bare_note_is_filled_at_once_in_the_name_of_the_human",
    ),
    39: proved(
        "the human cleared a checkbox, and it was set again",
        f"{DETECT}::test_a_checkbox_that_the_human_cleared_stays_cleared",
        f"{TENDING}::test_what_the_human_writes_is_signed_once_and_stays_the_humans",
    ),
    40: proved(
        "what agents wrote while the daemon was down was given to the human",
        f"{TENDING}::test_what_agents_wrote_while_the_daemon_was_down_is_not_given_to_the_human",
        f"{DETECT}::test_a_late_event_of_an_agents_own_write_is_not_the_humans",
    ),
    41: proved(
        "stamps without seconds cost most of a minute of the window",
        "curation/test_moment.py::test_the_three_forms_are_local_time",
        f"{TENDING}::test_an_edit_around_the_hook_is_marked_once_and_only_where_the_stamp_is_fresh",
    ),
    42: proved(
        "a note was told to the curators once, heard or not, and then never again",
        f"{TICKING}::test_the_queue_is_told_at_each_tick_until_it_is_empty",
        f"{TICKING}::test_a_lean_host_hears_nothing_and_the_clock_of_the_ticks_goes_on",
    ),
    43: proved(
        "the flag is cleared by nothing but an edit of the text by the index curator",
        f"{TENDING}::test_the_index_curator_ends_a_review_by_what_it_writes",
        f"{DETECT}::test_only_an_edit_of_the_text_by_the_index_curator_clears",
    ),
    44: proved(
        "the flag's key is there whatever it says, since an editor shows no box without it",
        f"{STAMP}::test_without_review_the_flag_is_never_raised_but_always_there",
    ),
    45: proved(
        "colons in descriptions made notes unreadable",
        SAFE,
        f"{STAMP}::test_lines",
        "vault/test_note.py::test_any_block_is_read",
    ),
    46: proved(
        "items of a list that is not indented lost the key above them",
        f"{STAMP}::test_somebody_else_becomes_a_coauthor_once",
        FIELDS,
    ),
    47: proved("lists in brackets were quoted, and links were not", SAFE),
    48: proved("an edit of one key destroyed texts and maps of others", FIELDS, f"{STAMP}::test_lines"),
    49: proved(
        "a curator who wrote into an agent's memory became its author",
        f"{STAMP}::test_a_curator_in_memory_is_no_author_and_nobody_is_a_coauthor_there",
        "hooks/test_stamping.py::test_the_owner_of_a_memory_is_its_author_whoever_writes",
    ),
    50: proved(
        "a note of an agent's memory with a wrong author was not shown to its owner",
        "context/test_notes.py::test_own_notes",
    ),
    # Search and surface.
    51: proved(
        "that a memory is somebody else's was lost in the reranking",
        f"{REMOTE}::test_the_foreign_factor_survives_reranking",
    ),
    52: proved(
        "what was not reranked came first, since its scores were of another scale",
        f"{REMOTE}::test_those_that_were_not_reranked_stay_below",
        f"{RANKING}::test_what_was_not_reranked_stays_on_the_same_scale",
    ),
    53: proved(
        "the reranker was shown titles instead of what the notes say",
        f"{REMOTE}::test_every_reranker_is_asked_in_its_own_way_and_scores_alike",
    ),
    54: proved(
        "scores were shown as nought",
        f"{INCIDENTS_OF_THE_DAEMON}::test_a_word_that_every_note_has_still_gives_scores",
        f"{RANKING}::test_halves_are_rounded_up",
    ),
    55: proved(
        "an archived note came first because its status still said that it is current",
        f"{RANKING}::test_status_and_place_move_the_score",
    ),
    56: proved(
        "a dash in a question made it find nothing",
        "search/test_query.py::test_what_is_sought",
        "index/contract/test_words.py::test_no_word_is_syntax",
    ),
    57: proved(
        "what was shown of a note was its title once more",
        "search/test_snippet.py::test_without_a_match_it_shows_prose",
        "search/test_snippet.py::test_it_shows_the_densest_place",
    ),
    58: proved(
        "a note that waits for its review counted for less",
        f"{INCIDENTS_OF_THE_DAEMON}::test_a_note_that_waits_for_its_review_is_worth_as_much_as_any",
    ),
    59: proved(
        "the neighbours of a hub made answers of ten kilobytes",
        f"{RANKING}::test_a_result_names_three_neighbours_each_once",
    ),
    60: proved(
        "another letter case of a folder's name got round its exclusion",
        "vault/test_walk.py::test_admits",
        "vault/test_walk.py::test_only_notes",
    ),
    61: proved(
        "a whole note was too much for the model server, and searches paid for it",
        f"{REMOTE}::test_only_the_head_of_a_text_is_compared",
    ),
    62: proved(
        "archived notes were proposed as duplicates and for links",
        f"{MODELS}::test_hints_name_duplicates_then_links_and_only_living_shared_notes",
        f"{REMOTE}::test_duplicates_come_first_then_what_is_worth_a_link",
    ),
    63: proved(
        "a cluster changed its name with the order of a note's tags",
        "search/test_named_alike.py::test_a_cluster_has_the_name_of_its_most_frequent_tag",
    ),
    64: proved(
        "a bridge between two sides of one name was left out",
        "search/test_named_alike.py::test_a_bridge_between_two_of_one_name_is_a_bridge",
    ),
    65: proved(
        "an empty dictionary of tags emptied the copy that agents are given",
        "context/test_session.py::test_a_mirror_is_never_emptied",
        CONTEXTS,
    ),
    66: proved("guillemets that are no pair were taken off as one", SAFE),
    67: proved(
        "tests wrote into the files of the host that they ran on",
        "egress/test_sandbox.py::test_every_write_verb_is_belted",
        "egress/test_sandbox.py::test_gated_files_read_as_absent",
        f"{LIFE}::test_the_sandbox_refuses_a_real_vault",
    ),
}

GROUPS: Mapping[int, Proved] = {
    1: proved(
        "filling a bare note, in both locales, once",
        f"{STAMP}::test_a_bare_note",
        f"{STAMP}::test_a_bare_note_in_russian",
        "vault/test_stamp_properties.py::test_a_stamp",
    ),
    2: proved(
        "curators and coauthors",
        f"{STAMP}::test_a_curator_neither_signs_nor_clears",
        f"{STAMP}::test_somebody_else_becomes_a_coauthor_once",
    ),
    3: proved(
        "an agent's memory belongs to its folder",
        f"{STAMP}::test_memory_belongs_to_its_folder",
        f"{STAMP}::test_elsewhere_nobody_stamps",
    ),
    4: proved("values that YAML would misread", SAFE, f"{STAMP}::test_lines"),
    5: proved(
        "the heading of links",
        "vault/test_links_heading.py::test_english",
        "vault/test_links_heading.py::test_russian",
    ),
    6: proved(
        "the hash that service keys do not move",
        "vault/test_smart.py::test_vectors",
        "vault/test_smart.py::test_only_service_lines_do_not_count",
    ),
    7: proved(
        "edits around the hook",
        f"{DETECT}::test_a_silent_edit_is_marked_by_the_age_of_the_stamp",
        f"{TENDING}::test_an_edit_around_the_hook_is_marked_once_and_only_where_the_stamp_is_fresh",
    ),
    8: proved(
        "edits of the human",
        f"{DETECT}::test_settled_notes_are_not_judged_when_first_seen",
        f"{DETECT}::test_a_bare_note_is_filled_at_once_in_the_name_of_the_human",
        f"{DETECT}::test_the_human_goes_on_typing",
        f"{DETECT}::test_a_checkbox_that_the_human_cleared_stays_cleared",
    ),
    9: proved(
        "the curators' queue",
        f"{TICKING}::test_the_queue_is_told_at_each_tick_until_it_is_empty",
        "curation/test_queue_and_tick.py::test_a_note_is_told_again_until_its_flag_is_cleared",
        "curation/test_queue_and_tick.py::test_who_is_in_the_queue",
        f"{TENDING}::test_the_index_curator_ends_a_review_by_what_it_writes",
    ),
    10: proved(
        "the anchor of the tick",
        "curation/test_queue_and_tick.py::test_when_the_next_tick_is",
        f"{TICKING}::test_a_restart_goes_on_with_the_period_that_was_running",
        f"{TICKING}::test_a_tick_that_is_overdue_comes_after_the_floor_not_after_a_period",
        f"{TICKING}::test_a_state_that_cannot_be_read_counts_as_none",
    ),
    11: proved(
        "the archive",
        "memoryd/test_archive.py::test_a_stale_note_stays_a_while_and_an_append_is_not_lost",
        "memoryd/test_archive.py::test_a_note_that_becomes_current_again_stays",
        "memoryd/test_archive.py::test_what_was_stale_before_the_start_is_archived_with_its_owner_its_links_and_its_words",
    ),
    12: proved(
        "links, notes that are out of reach, and the fuse",
        f"{INCIDENTS_OF_THE_DAEMON}::test_links_lead_to_notes_that_did_not_change_since_the_start",
        f"{LINKS}::test_what_could_mean_two_notes_is_not_guessed",
        f"{LINKS}::test_a_link_is_a_path_a_file_name_a_title_or_an_alias",
        f"{LINKS}::test_links_heal_and_break_with_their_targets",
        f"{PASSES}::test_a_note_held_back_by_a_cloud_drive_is_kept",
        f"{PASSES}::test_a_vault_that_went_keeps_its_notes",
        f"{PASSES}::test_a_bad_note_stops_nothing_and_stays_as_it_was",
        f"{PASSES}::test_fuse",
        "memoryd/test_vault.py::test_a_vault_that_is_emptied_at_once_is_not_believed",
        "vault/test_walk.py::test_what_cannot_be_listed_is_unknown",
    ),
    13: proved(
        "the order of what is found",
        f"{RANKING}::test_status_and_place_move_the_score",
        f"{RANKING}::test_my_own_memory_counts_for_more",
        f"{REMOTE}::test_the_foreign_factor_survives_reranking",
        f"{REMOTE}::test_those_that_were_not_reranked_stay_below",
        f"{RANKING}::test_a_hub_counts_for_more_and_operative_backlinks_make_one",
        "memoryd/test_mcp.py::test_blank_queries_limits_and_filters",
    ),
    14: proved(
        "what a search says of its own parts",
        f"{REMOTE}::test_a_bad_server_is_said_once_and_the_words_still_find",
        f"{REMOTE}::test_a_query_never_waits_beyond_its_bound",
        f"{REMOTE}::test_after_two_failures_nothing_is_asked_for_a_minute",
        f"{REMOTE}::test_one_candidate_is_not_worth_a_call",
    ),
    15: proved(
        "hints to an author",
        f"{MODELS}::test_hints_name_duplicates_then_links_and_only_living_shared_notes",
        f"{MODELS}::test_without_embeddings_hints_are_off",
        f"{REMOTE}::test_nothing_to_compare_and_no_answer_are_no_matches",
        f"{REMOTE}::test_only_the_head_of_a_text_is_compared",
        "memoryd/test_mcp.py::test_routes",
    ),
    16: proved(
        "the tools and what they answer",
        "memoryd/test_mcp.py::test_the_official_client",
        "memoryd/test_mcp.py::test_the_answer_keeps_to_its_schema",
        "memoryd/test_mcp.py::test_identity",
        "memoryd/mcp/test_tools.py::test_the_list_stays_small",
        "memoryd/mcp/test_tools.py::test_the_instructions_name_what_matters",
        "search/test_related.py::test_no_note_and_two_notes_are_said_with_a_hint",
        "search/test_related.py::test_only_what_was_asked_for_in_order",
        "search/test_related.py::test_twenty_hubs_and_how_many_more",
    ),
    17: proved(
        "the life of the daemon",
        f"{LIFE}::test_a_second_one_is_refused_and_the_first_lives_on",
        f"{LIFE}::test_a_lock_of_the_reference_is_respected_while_its_owner_lives",
        f"{ENDURING}::test_what_was_seen_is_kept_within_the_time_that_a_stop_has",
        f"{ENDURING}::test_a_storm_of_writes_does_not_put_off_what_it_is_about",
        f"{ENDURING}::test_a_vault_that_comes_back_is_judged_as_if_it_had_never_been_away",
        f"{ENDURING}::test_without_a_watch_the_vault_is_polled_and_everything_else_goes_on",
    ),
    18: proved(
        "fragments and indexes of the peers",
        CONTEXTS,
        "stories/test_memory_context.py::test_a_fleet_map_that_is_missing_or_broken_changes_nothing",
    ),
    19: proved(
        "the making of vectors",
        f"{MODELS}::test_every_passage_gets_its_vector_in_batches_and_changed_ones_a_new_one",
        f"{REMOTE}::test_an_answer_of_another_shape_is_no_vector",
        f"{REMOTE}::test_vectors_come_in_the_order_of_the_texts",
    ),
    20: proved(
        "tags: the mirror, the projection and what an author is told",
        "context/test_session.py::test_a_mirror_is_never_emptied",
        "context/test_session.py::test_mirror_and_projection",
        "vault/test_tags.py::test_projection",
        "hooks/test_told.py::test_tags_of_canon_notes_are_held_against_the_dictionary",
    ),
}
