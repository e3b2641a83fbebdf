"""Finds texts by their words: the ranking of skills for a query, and of a contender's documents for a task."""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.retrieval.context import Context, ContextPrompt, unread, with_context
    from harness.retrieval.documents import WORDING, Collection, Cut, Passage, as_text, read_documents
    from harness.retrieval.ranking import REVISION, Ranking, rank, words_of
else:
    __getattr__, __dir__ = lazy_door(__name__)
