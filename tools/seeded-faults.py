#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the tests can fail: tools/seeded-faults.py [-j N] [PATCH …]

Every tests/faults/*.patch breaks the code in a way that matters. Its first
line names the test that must notice:

    # caught-by: smtp-data

Each patch is applied to a scratch copy of the tree, only that test's program
is built, and the test has to fail. Then the copy is put right again.

1. A patch that does not apply, does not compile, or whose test fails without
   it as well, is a mistake, not a catch.
2. A fault that no test notices ends in exit code 1.
3. The tree it is started from is never touched.
"""
import argparse
import concurrent.futures
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOT_COPIED = re.compile(r"\..*|build|build-.*|run|__pycache__")
BUILD_SECONDS = 300
TEST_SECONDS = 300
# as build-test is, so that a cache of the compiler serves both
MESON = ["--buildtype=debug", "-Doptimization=1", "-Dwerror=false",
         "-Db_sanitize=address,undefined", "-Db_lundef=false"]

# the copies are no part of our repository: git apply must not look for one
ENV = dict(os.environ, GIT_CEILING_DIRECTORIES=os.pathsep.join(
    str(ROOT / "build-faults" / name) for name in ("", *"0123456789")))


class Broken(Exception):
    """Nothing can be said about this patch; the text says why."""


def run(args, cwd, seconds, stdin=None):
    """(exit code, output); a command out of time counts as failed."""
    try:
        got = subprocess.run(args, cwd=cwd, input=stdin, text=True, env=ENV,
                             stdout=subprocess.PIPE, timeout=seconds,
                             stderr=subprocess.STDOUT, errors="replace")
        return got.returncode, got.stdout
    except subprocess.TimeoutExpired:
        return 124, f"not done after {seconds} s"


def last_lines(text, n=12):
    return "\n".join("\t" + line for line in text.splitlines()[-n:])


class Scratch:
    """A copy of the tree with a build folder, kept between runs."""

    def __init__(self, path):
        self.tree, self.build = path / "tree", path / "build"
        self.tree.mkdir(parents=True, exist_ok=True)
        self.sound = {}     # test name: passes without any fault
        self.programs = {}  # test name: what ninja builds for it
        sync(ROOT, self.tree)
        if not (self.build / "build.ninja").exists():
            shutil.rmtree(self.build, ignore_errors=True)
            code, text = run(["meson", "setup", *MESON, str(self.build),
                              str(self.tree)], self.tree, BUILD_SECONDS)
            if code != 0:
                raise SystemExit("meson setup failed:\n" + last_lines(text))

    def introspect(self, what):
        code, text = run(["meson", "introspect", what, str(self.build)],
                         self.tree, BUILD_SECONDS)
        if code != 0:
            raise Broken(f"meson introspect {what} failed:\n"
                         + last_lines(text))
        return json.loads(text)

    def read_programs(self):
        """What each test needs to be built, as ninja calls it. Meson looks
        again first if its own files have changed."""
        run(["ninja", "-C", str(self.build), "build.ninja"], self.tree,
            BUILD_SECONDS)
        files = {target["id"]: [
                     str(Path(name).relative_to(self.build))
                     for name in target["filename"]]
                 for target in self.introspect("--targets")}
        self.programs = {
            test["name"]: [name for target in test["depends"]
                           for name in files[target]]
            for test in self.introspect("--tests")}

    def compile(self, test):
        if not self.programs:
            self.read_programs()
        if not self.programs.get(test):
            raise Broken(f"there is no test called {test}")
        code, text = run(["ninja", "-C", str(self.build),
                          *self.programs[test]], self.tree, BUILD_SECONDS)
        if code != 0:
            raise Broken("does not compile:\n" + last_lines(text))

    def passes(self, test):
        # -t 0: the only limit is ours, the same with and without the fault
        code, _ = run(["meson", "test", "-C", str(self.build), "-t", "0",
                       "--no-rebuild", test], self.tree, TEST_SECONDS)
        return code == 0

    def is_caught(self, patch, test):
        if test not in self.sound:
            self.compile(test)
            self.sound[test] = self.passes(test)
        if not self.sound[test]:
            raise Broken(f"{test} fails without any fault")
        text = patch.read_text()
        code, said = run(["git", "apply", "-p1", "-"], self.tree, 60, text)
        if code != 0:
            raise Broken("does not apply:\n" + last_lines(said))
        try:
            self.compile(test)
            return not self.passes(test)
        finally:
            code, said = run(["git", "apply", "-R", "-p1", "-"], self.tree,
                             60, text)
            if code != 0:
                raise SystemExit(f"{patch}: cannot be undone:\n{said}")


def sync(source, target):
    """Makes target like source; what is equal keeps its time stamp, so that
    ninja builds only what changed."""
    if source.is_file():
        if not target.is_file() or \
                source.read_bytes() != target.read_bytes():
            shutil.copyfile(source, target)
        return
    target.mkdir(exist_ok=True)
    wanted = {path.name for path in source.iterdir()
              if not NOT_COPIED.fullmatch(path.name)}
    for path in target.iterdir():
        if path.name not in wanted:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name in wanted:
        sync(source / name, target / name)


def caught_by(patch):
    first = patch.read_text().splitlines()[:1]
    mark = "# caught-by:"
    if not first or not first[0].startswith(mark):
        raise Broken(f"the first line does not begin with '{mark}'")
    return first[0][len(mark):].strip()


def judge(patch, scratches):
    """(verdict, test, seconds, text) of one patch."""
    began, test = time.monotonic(), "?"
    scratch = scratches.get()
    try:
        test = caught_by(patch)
        verdict = "caught" if scratch.is_caught(patch, test) else "SURVIVED"
        text = ""
    except Broken as why:
        verdict, text = "BROKEN", str(why)
    finally:
        scratches.put(scratch)
    return verdict, test, time.monotonic() - began, text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-j", type=int, default=3, help="at once")
    parser.add_argument("patch", nargs="*", type=Path)
    options = parser.parse_args()
    patches = [path.resolve() for path in options.patch] or \
        sorted((ROOT / "tests" / "faults").glob("*.patch"))
    if not patches:
        print("faults: there is no patch in tests/faults")
        return 1
    workers = max(1, min(options.j, len(patches)))
    scratches, lock, bad = queue.Queue(), threading.Lock(), 0

    def one(patch):
        row = judge(patch, scratches)
        with lock:
            print("%-9s %-36s %-28s %5.1f s" %
                  (row[0], patch.stem, row[1], row[2]), flush=True)
            if row[3]:
                print("\t" + row[3].lstrip("\t"), flush=True)
        return row[0]

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for scratch in pool.map(
                lambda n: Scratch(ROOT / "build-faults" / str(n)),
                range(workers)):
            scratches.put(scratch)
        bad = sum(verdict != "caught" for verdict in pool.map(one, patches))
    print(f"faults: {len(patches)} seeded, {len(patches) - bad} caught,"
          f" {bad} not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
