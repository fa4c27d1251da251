"""Where an error arose, as a dead letter says it."""

import json
from pathlib import Path

import pytest

from corebilling.platform.bus.admission import where
from corebilling.settings import SettingsError, load_settings


def test_our_own_steps_are_told_and_no_path_of_the_machine() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({}, role="worker")
    told = where(caught.value)
    assert "corebilling/settings.py:" in told
    assert str(Path.home()) not in told
    assert not any(line.startswith("/") for line in told.splitlines())


def test_the_last_step_is_told_wherever_it_is() -> None:
    with pytest.raises(ValueError, match="Expecting") as caught:
        json.loads("{")
    assert where(caught.value).startswith("decoder.py:")
