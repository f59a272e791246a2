"""Whether W&B's server may be asked: only when somebody is logged in, and did not choose to stay offline."""

from __future__ import annotations

import netrc
import os
from pathlib import Path
from urllib.parse import urlparse

# `wandb login` of W&B 0.31 stores the key under the first, earlier ones under the second; both are one service.
_SERVERS = ("https://api.forge.coreweave.com", "https://api.wandb.ai")


def api_key() -> str | None:
    """The key from the environment or from netrc, or None. Reads files only: no network, no prompt."""
    if os.environ.get("WANDB_MODE", "online") not in ("", "online", "shared"):
        return None
    if key := os.environ.get("WANDB_API_KEY"):
        return key
    own = os.environ.get("WANDB_BASE_URL")
    path = Path(os.environ.get("NETRC") or Path("~/.netrc").expanduser())
    try:
        known = netrc.netrc(path)
    except (OSError, netrc.NetrcParseError):
        return None
    for server in (own,) if own else _SERVERS:
        entry = known.authenticators(urlparse(server).netloc)
        if entry and entry[2]:
            return entry[2]
    return None
