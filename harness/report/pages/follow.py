"""Choices that nobody has made follow their defaults when what these come from has changed."""

from collections.abc import Mapping
from typing import Any

import streamlit as st


def follow(name: str, of: object, defaults: Mapping[str, Any]) -> None:
    """To be called before the widgets with these keys are drawn.

    Streamlit keeps a widget's value by its key: without this, the default of one report would stand as somebody's
    choice in the next. What stands in the address was chosen, and stays.

    Args:
        name: of the group of choices.
        of: what the defaults follow from.
        defaults: by key.
    """
    kept = f"follow-{name}"
    before = st.session_state.get(kept)
    st.session_state[kept] = of
    if before is None or before == of:
        return
    for key, value in defaults.items():
        if key not in st.query_params:
            st.session_state[key] = value
