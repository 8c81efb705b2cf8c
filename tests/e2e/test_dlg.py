# SPDX-License-Identifier: Apache-2.0
"""Every dialogue of tests/dlg over TCP, as the unit tests play it in memory."""
import pytest

from dlg_runner import run_dlg
from harness import ROOT

DIALOGUES = sorted((ROOT / "tests" / "dlg").glob("*.dlg"))


@pytest.mark.parametrize("path", DIALOGUES, ids=lambda path: path.stem)
def test_dialogue(ehlod, path):
    run_dlg(ehlod, path)


def test_there_are_some():
    assert DIALOGUES
