"""Every error code that we send or act on, and what a client may do about it. Codes are open strings.

Source: subc-protocol 0.1.0; the codes of later versions that a client has to know are marked.
"""

from __future__ import annotations

INVALID_HELLO = "invalid_hello"
INVALID_MANIFEST = "invalid_manifest"
VERSION_UNSUPPORTED = "version_unsupported"
DUPLICATE_MODULE_ID = "duplicate_module_id"
REGISTRY_ERROR = "registry_error"
UNSUPPORTED_CONTROL_FRAME = "unsupported_control_frame"
INVALID_ATTACH_REQUEST = "invalid_attach_request"
INVALID_PROJECT_ROOT = "invalid_project_root"
MODULE_UNAVAILABLE = "module_unavailable"
FORWARDING_ERROR = "forwarding_error"
CONFIG_DIVERGENCE = "config_divergence"
INVALID_RELAY_RESPONSE = "invalid_attach_relay_response"
INVALID_RELAY_ERROR = "invalid_attach_relay_error"
INVALID_STATUS_UPDATE = "invalid_status_update"
STATUS_UNAVAILABLE = "status_unavailable"
UNKNOWN_CHANNEL = "unknown_channel"
BACKEND_ERROR = "backend_error"

MODULE_TIMEOUT = "module_timeout"
"""Of later versions: the module did not answer an attach in time."""
CANCELLED = "cancelled"
"""Ours: the request was cancelled; the answer that is owed for it."""
HANDLER_FAILED = "handler_failed"
"""Ours: the module broke in a way that nobody foresaw."""

BEFORE_SENDING = frozenset((UNKNOWN_CHANNEL, "stale_route_epoch", "module_reloading"))
"""The module never saw the request: attach again, ask once more."""

TRY_AGAIN = frozenset(
    (MODULE_UNAVAILABLE, MODULE_TIMEOUT, "module_reloading", "module_warming", "target_unavailable")
)  # fmt: skip
"""An attach that was refused so may work a little later; any other refusal is final."""
