from __future__ import annotations

from pathlib import Path

import pytest

from s2m.compare.login import api_key


@pytest.fixture
def netrc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(path))
    return path


def test_nobody_is_logged_in_without_a_key(netrc: Path) -> None:
    assert api_key() is None
    netrc.write_text("machine example.org login a password b\n")
    assert api_key() is None
    netrc.write_text("this is no netrc file")
    assert api_key() is None


@pytest.mark.parametrize("host", ["api.wandb.ai", "api.forge.coreweave.com"])
def test_the_login_of_old_and_new_versions_is_found(netrc: Path, host: str) -> None:
    netrc.write_text(f"machine {host}\n  login user\n  password secret\n")
    assert api_key() == "secret"


def test_what_wandb_itself_writes_is_found(netrc: Path) -> None:
    from wandb import Settings
    from wandb.sdk.lib.wbauth.wbnetrc import write_netrc_auth

    write_netrc_auth(host=Settings().base_url, api_key="k" * 40)
    assert api_key() == "k" * 40


def test_a_server_of_ones_own_has_its_own_key(netrc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc.write_text("machine api.wandb.ai login user password public\n")
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.lab.org:8080")
    assert api_key() is None
    netrc.write_text("machine wandb.lab.org:8080 login user password own\n")
    assert api_key() == "own"


@pytest.mark.parametrize(("mode", "expected"), [("offline", None), ("disabled", None), ("online", "key"), ("", "key")])
def test_who_chose_offline_stays_offline(monkeypatch: pytest.MonkeyPatch, mode: str, expected: str | None) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "key")
    monkeypatch.setenv("WANDB_MODE", mode)
    assert api_key() == expected
