# SPDX-License-Identifier: Apache-2.0
"""doc/swaks.md: no option of the installed swaks is forgotten, none is made
up, and what is called the same is known here by that name."""
import re
import shutil
import subprocess

from harness import EHLO, ROOT, SECONDS

TABLE = ROOT / "doc" / "swaks.md"
OPTION = re.compile(r"-{1,2}[A-Za-z0-9][\w-]*(?:<header>)?")


def of_swaks():
    """The groups of names that its manual defines: lines that stand a step or
    two in and begin with a dash, cut where the argument begins."""
    text = subprocess.run(["pod2text", shutil.which("swaks")], text=True,
                          capture_output=True, timeout=SECONDS,
                          check=True).stdout
    groups = []
    for line in text.splitlines():
        match = re.match(r" {4}(?: {4})?(-{1,2}[A-Za-z0-9].*)$", line)
        if not match:
            continue
        names = [word for word in re.findall(
            r"(?:^|, |> )(-{1,2}[A-Za-z0-9][\w-]*(?:<header>)?)", match[1])]
        if names:
            groups.append(tuple(names))
    return groups


def of_the_table():
    """{names: verdict}"""
    rows = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if not line.startswith("| `-") or line.count("|") < 4:
            continue
        names, verdict = [cell.strip() for cell in line.split("|")[1:3]]
        key = tuple(re.findall(r"`([^`]+)`", names))
        if not all(OPTION.fullmatch(name) for name in key):
            continue
        if verdict in ("same", "other name", "not taken"):
            assert key not in rows, key
            rows[key] = verdict
    return rows


def flat(groups):
    # its text names some again, at the beginning of a line
    return sorted({name for group in groups for name in group})


def test_every_option_is_in_the_table():
    swaks = of_swaks()
    # the parser works: these are known, and so is about how many there are
    assert ("-s", "--server") in swaks and ("-4", "-6") in swaks
    assert ("--header", "--h-<header>") in swaks and len(swaks) > 95
    assert flat(of_the_table()) == flat(swaks)


def of_the_source():
    """The names in the tables of options, and those that are refused."""
    known, refused = set(), set()
    for name in ("send_options", "target", "login", "proxy", "xclient"):
        text = (ROOT / "src" / "ehlo" / f"{name}.c").read_text()
        for row in re.findall(r'\{ "-.*?\}', text, re.S):
            words = re.match(r'\{ "(\S+)"', row)[1].split()
            also = re.search(r'\.also = ((?:\s*"[^"]*")+)', row)
            if also:
                words += "".join(re.findall(r'"([^"]*)"', also[1])).split()
            # one dash or two are the same
            (refused if ".refusal" in row else known).update(
                word.lstrip("-") for word in words)
    return known, refused


def takes(name):
    """Does `ehlo send` know the name? It says so before it does anything."""
    got = subprocess.run(
        [str(EHLO), "send", "--config=", name], capture_output=True,
        text=True, timeout=SECONDS, stdin=subprocess.DEVNULL, check=False,
        env={"HOME": "/nonexistent", "ASAN_OPTIONS": "detect_leaks=0"})
    return "unknown option" not in got.stderr


def bare(name):
    return name.replace("<header>", "").lstrip("-")


def test_what_is_said_is_so():
    known, refused = of_the_source()
    for group, verdict in of_the_table().items():
        for name in map(bare, group):
            assert (name in known) == (verdict == "same"), (group, name)
            assert (name in refused) == (verdict == "not taken"), group
    # the source is read rightly
    for name in ("-stl", "--proxy-dest", "--xclient-helo", "-tlsos", "-au",
                 "--h-Subject", "--prdr", "-raw", "-4"):
        assert takes(name), name
    for name in ("-g", "--tls-sny", "--h-", "--no-from"):
        assert not takes(name), name


def test_our_own_words_are_known():
    known, refused = of_the_source()
    text = TABLE.read_text(encoding="utf-8")
    own = {name for name in re.findall(r"`(--[\w-]+)[^`]*`", text)
           if not name.endswith(("-NAME", "-"))}
    help_ = subprocess.run([str(EHLO), "send", "--help"], text=True,
                           capture_output=True, timeout=SECONDS,
                           check=True).stdout
    assert "--bdat" in own and "--json" in own
    for name in own:
        assert bare(name) in known | refused, name
    listed = {bare(name) for name in
              re.findall(r"(?<![\w-])(--[a-z0-9][\w-]*)", help_)}
    for name in listed:
        assert name in known | refused or name == "h-Name", name
    # and the manual page has every name that is taken
    page = (ROOT / "man" / "ehlo-send.1").read_text()
    words = {word.lstrip("-") for word in re.findall(r"[\w-]+", page)}
    for name in ("-notify", "-mx", "-transfer", "-tls-optional", "-stl"):
        assert name.lstrip("-") in words
