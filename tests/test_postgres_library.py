"""What the tests of the library and of its rebuilding say of SQLite, said again of a real PostgreSQL."""

import pytest

from tests.test_forgetting import (
    test_a_change_whose_answer_is_forgotten_is_dropped_and_the_next_compared_with_what_was_told,
    test_an_answer_that_is_stored_after_its_article_was_forgotten_says_so,
    test_forgetting_and_storing_at_the_same_moment_leave_no_quote,
)
from tests.test_library import (
    test_a_changed_article_replaces_its_chunks,
    test_a_ledger_from_before_sources_were_followed_keeps_its_articles,
    test_an_article_lies_on_the_day_of_its_own_zone,
    test_another_embedding_model_is_refused_until_a_rebuild,
    test_copies_share_a_group_and_other_reports_do_not,
    test_forgetting_an_article_leaves_nothing_of_it,
    test_ingesting_twice_changes_nothing,
    test_prune_takes_what_is_gone_from_these_paths_only,
    test_rebuild_makes_the_same_library_again,
    test_scope_is_kept_by_both_searches,
    test_text_is_stored_repaired_and_its_chunks_are_exact,
    test_what_an_article_said_before_is_kept_up_to_a_bound_and_goes_with_it,
)
from tests.test_origins import test_every_field_is_stored_with_where_it_came_from
from tests.test_postgres import postgres, settings
from tests.test_rebuilding import (
    opened,
    test_a_rebuild_for_another_model_begins_anew,
    test_a_rebuild_that_was_killed_goes_on_where_it_was,
    test_a_running_process_follows_a_rebuild_with_other_chunks,
    test_the_old_library_answers_until_the_new_one_is_whole,
    test_what_changed_while_a_rebuild_was_stopped_is_made_as_it_is,
)

pytestmark = pytest.mark.slow
