# SPDX-License-Identifier: Apache-2.0
"""Every dialogue of tests/dlg over TCP, as the unit tests play it in memory.
One daemon, a listener for each."""
import pytest

from dlg_runner import Dialogue, Player
from harness import DOMAINS, ROOT

ALL = [Dialogue(path) for path in sorted((ROOT / "tests/dlg").glob("*.dlg"))]
DIALOGUES = [dialogue for dialogue in ALL if dialogue.is_for_tcp()]


@pytest.fixture(scope="module")
def server(shared_ehlod):
    daemon = shared_ehlod(
        start=False, listeners=[each.listener() for each in DIALOGUES])
    daemon.domains = [
        f'domain "{name}" {{ deliver maildir {daemon.folder}/mail/%d/%u;'
        ' catch-all test@myrocode.com; }' for name in DOMAINS]
    daemon.write_config()
    return daemon.start()


@pytest.mark.parametrize("dialogue", DIALOGUES,
                         ids=lambda dialogue: dialogue.path.stem)
def test_dialogue(server, dialogue):
    Player(server, dialogue).play()


def test_there_are_some():
    assert len(DIALOGUES) > 20 and len(ALL) > len(DIALOGUES)
