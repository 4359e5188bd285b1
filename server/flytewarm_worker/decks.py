"""The task's deck: written as the entrypoint writes it, and streamed."""

from __future__ import annotations

import os

from flytekit.core.context_manager import ExecutionParameters, FlyteContext
from flytekit.core.data_persistence import FileAccessProvider
from flytekit.deck.deck import DECK_FILE_NAME
from flytekit.loggers import logger

from flytewarm_api.v1 import execution_pb2
from flytewarm_worker import flytekit_private

# For the object stores that keep a content type: s3, then gcs.
_CONTENT_TYPE = {"ContentType": "text/html", "content_type": "text/html"}


def publish(context: FlyteContext, parameters: ExecutionParameters, final: bool) -> execution_pb2.DeckContent | None:
    """Renders the deck and writes it under the output prefix if there is one.

    A failure is logged and None returned, as the entrypoint does: a task does not fail for its deck.
    """
    try:
        html = flytekit_private.render_deck(parameters)
        uri = _write(context.file_access, html, parameters.output_metadata_prefix)
    except Exception as error:  # noqa: BLE001  # a deck's renderer is the user's code: it may raise anything
        logger.error(f"Failed to write flyte deck html with error {error}.")
        return None
    return execution_pb2.DeckContent(name=DECK_FILE_NAME, html=html, final=final, uri=uri)


def _write(file_access: FileAccessProvider, html: str, prefix: str | None) -> str:
    if not prefix:
        return ""
    separator = file_access.sep(file_access.get_filesystem_for_path(prefix))
    local = os.path.join(file_access.get_random_local_directory(), DECK_FILE_NAME)
    with open(local, "w", encoding="utf-8") as file:
        file.write(html)
    remote = f"{prefix}{separator}{DECK_FILE_NAME}"
    file_access.put_data(local, remote, **_CONTENT_TYPE)
    return remote
