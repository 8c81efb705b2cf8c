# SPDX-License-Identifier: Apache-2.0
"""tools/unpacked.py fetches once, whoever asks; waits for another apt-get; and
says what apt said. With an apt-get of our own: nothing is really fetched."""
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import unpacked  # noqa: E402

# Knows the package once its lists are up to date, and for `locks` attempts
# somebody else has these.
APT = """#!/bin/sh
cd_here=$PWD; cd "${0%/*}"
for word in "$@"; do case $word in download|update) what=$word; esac; done
echo $what >>calls
case $what in
update)
  if [ -s locks ]; then
    sed -i 1d locks
    echo "E: Could not get lock /var/lib/apt/lists/lock." >&2; exit 100
  fi
  touch updated ;;
download)
  if [ ! -e updated ] || [ ! -e hello.deb ]; then
    echo "E: Unable to locate package hello"; exit 100
  fi
  cp hello.deb "$cd_here/hello_1_all.deb"
esac
"""
CONTROL = """Package: hello
Version: 1
Architecture: all
Maintainer: nobody <nobody@example.org>
Description: for a test
"""


@pytest.fixture
def apt(tmp_path, monkeypatch):
    folder, tree = tmp_path / "apt", tmp_path / "tree"
    for path in (folder, tree / "DEBIAN", tree / "usr" / "bin"):
        path.mkdir(parents=True)
    (folder / "apt-get").write_text(APT)
    (folder / "apt-get").chmod(0o755)
    (tree / "DEBIAN" / "control").write_text(CONTROL)
    (tree / "usr" / "bin" / "hello").write_text("hello")
    subprocess.run(["dpkg-deb", "-b", tree, folder / "hello.deb"], check=True,
                   capture_output=True)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(unpacked, "PAUSE", 0)
    return folder


def calls(apt):
    return (apt / "calls").read_text().split()


def test_fetched_once_by_many_at_a_time(apt, tmp_path):
    (apt / "updated").touch()
    cache, seen = tmp_path / "cache", []

    def unpack(root):
        unpacked.unpack(("hello",), cache, root)
        seen.append((root / "usr" / "bin" / "hello").read_text())

    threads = [threading.Thread(target=unpack, args=(tmp_path / root,))
               for root in ("a", "a", "a", "b", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == ["hello"] * 5
    assert calls(apt) == ["download"]
    assert sorted(os.listdir(cache)) == ["hello_1_all.deb"]


def test_lists_that_are_old_or_held(apt, tmp_path):
    (apt / "locks").write_text("1\n2\n")
    unpacked.unpack(("hello",), tmp_path / "cache", tmp_path / "root")
    assert calls(apt) == ["download", *["update"] * 3, "download"]


def test_what_apt_says_is_told(apt, tmp_path):
    (apt / "hello.deb").unlink()
    with pytest.raises(unpacked.NotHere, match="Unable to locate package"):
        unpacked.unpack(("hello",), tmp_path / "cache", tmp_path / "root")
    assert not (tmp_path / "root").exists()
    assert os.listdir(tmp_path / "cache") == []


def test_an_unpacking_that_was_cut_off_is_begun_anew(apt, tmp_path):
    (apt / "updated").touch()
    (tmp_path / "root.unfinished" / "usr" / "old").mkdir(parents=True)
    unpacked.unpack(("hello",), tmp_path / "cache", tmp_path / "root")
    assert os.listdir(tmp_path / "root" / "usr") == ["bin"]
