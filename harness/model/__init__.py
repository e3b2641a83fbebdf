"""Calls models: one protocol, one file a backend, and one layer that waits, tries again and keeps to limits.

Importing this room imports no backend's package.
"""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.model.answering_names import is_alike, is_related
    from harness.model.backend import BACKENDS, Model, Probing, backend_of, identified, missing_key, open_model
    from harness.model.calling import Caller, machines
    from harness.model.endpoint import Endpoints, Limits, Party
    from harness.model.entry import (
        ADAPTERS,
        ANSWER_LIMITS,
        LOGPROBS,
        REASONING,
        RESPONSE_FORMAT,
        TOOL_ROLE,
        TOOLS,
        ModelEntry,
        check_form,
    )
    from harness.model.local_engine import fit_of, prompts_of, put_on
    from harness.model.local_folder import Prompts, local_digests, quiet
    from harness.model.local_weights import ends_of, find_device, load_weights
    from harness.model.pace import Pace, Taken
    from harness.model.reasoning import separated
    from harness.model.served_tuned import ALONE, probe_alone, probe_tuned
    from harness.model.vllm_options import longest_of
    from harness.model.vllm_served import SERVE, VLLM_VERSION, Serving, serving_of
    from harness.model.wire import assistant_message, read_reply, tool_message
else:
    __getattr__, __dir__ = lazy_door(__name__)
