# SPDX-License-Identifier: Apache-2.0
"""Debian packages that are used without being installed: unpacked into a
folder, and what is started from them runs in a mount namespace of its own, in
which their files and users appear where they are expected (overlay mounts).
Nothing of them is left on the machine. Needs root. For bench/peers.py and the
tests in tests/e2e that need a foreign server.

    root = work / "root"
    unpacked.unpack(("postfix",), cache, root)
    words = unpacked.inside(root, work / "etc", ("postfix", "postdrop"))
    subprocess.run([*words, "postfix", "-c", conf, "check"], check=True)

 1. A package is fetched once for each `cache`, from where apt fetches; if that
    fails, apt's lists are brought up to date (as soon as no other apt-get has
    them) and it is tried once more. Several processes may share cache and
    root: they take turns.
 2. What a package depends on is not fetched: it is installed, by
    tools/setup.sh, or one of `packages` too.
 3. Whatever fails raises NotHere with apt's own words.
 4. Each `inside` is a namespace of its own; to enter that of a process that
    runs: nsenter -m -t PID."""
import contextlib
import fcntl
import glob
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

FIRST_UID = 6100
SECONDS = 120           # for a mirror that is slow, or another's apt-get
PAUSE = 1               # between two looks at a lock that another has

# The names are put over those of the machine, which may have the package
# installed and its users under other numbers.
NAMESPACE = """set -e
root=$1 etc=$2; shift 2
[ ! -d "$root/etc" ] ||
  mount -t overlay overlay -o "lowerdir=$root/etc:/etc" /etc
for f in passwd group resolv.conf; do
  mount --bind "$etc/$f" "$(readlink -f /etc/$f)"; done
[ ! -d "$root/usr" ] ||
  mount -t overlay overlay -o "lowerdir=$root/usr:/usr" /usr
exec "$@"
"""


class NotHere(Exception):
    """What is wanted cannot be had on this machine; the text says why."""


def run(*command, **kw):
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          **kw)


@contextlib.contextmanager
def _turn(path):
    """Held by one process at a time."""
    held = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _download(name, folder):
    return subprocess.run(
        ["apt-get", "-q", "download", name], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL, timeout=SECONDS)


def _update():
    # apt does not wait for the lock of its lists; setup.sh takes this one
    end = time.monotonic() + SECONDS
    with _turn("/var/lib/dpkg"):
        while True:
            got = subprocess.run(
                ["apt-get", "-qq", "update"], timeout=SECONDS, text=True,
                stdin=subprocess.DEVNULL, capture_output=True)
            if "lock" not in got.stderr or time.monotonic() > end:
                return
            time.sleep(PAUSE)


def _fetch(name, cache):
    """The file of a package."""
    found = glob.glob(f"{glob.escape(str(cache))}/{name}_*.deb")
    if found:
        return found[0]
    # it is put there by a rename: whole, or not at all
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        try:
            got = _download(name, folder)
            if got.returncode != 0:     # the lists are empty, or too old
                _update()
                got = _download(name, folder)
        except (OSError, subprocess.TimeoutExpired) as e:
            raise NotHere(f"no package {name}: {e}") from e
        if got.returncode != 0:
            raise NotHere(f"no package {name}: {got.stdout[-400:]}")
        file = os.listdir(folder)[0]
        os.replace(os.path.join(folder, file), os.path.join(cache, file))
    return os.path.join(cache, file)


def unpack(packages, cache, root):
    """The files of all packages are below `root` then."""
    if os.path.isdir(root):
        return
    os.makedirs(cache, exist_ok=True)
    with _turn(cache):
        if os.path.isdir(root):
            return
        unfinished = Path(f"{root}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        unfinished.chmod(0o755)
        for name in packages:
            try:
                run("dpkg", "-x", _fetch(name, cache), str(unfinished))
            except subprocess.CalledProcessError as e:
                raise NotHere(f"package {name}: {e.stderr[-400:]}") from e
        os.rename(unfinished, root)


def uid(users, name):
    """The user's number in the namespace, and that of his group."""
    return FIRST_UID + users.index(name)


def _without(path, users):
    with open(path) as f:
        return "".join(line for line in f if line.split(":")[0] not in users)


def inside(root, etc, users=(), resolver="127.0.0.1"):
    """The words to put before a command, so that it runs in the namespace;
    `etc` is a folder for the files of it. `users` are there beside those of
    the machine, each with a group of its own. The usual resolver refuses at
    once, unless somebody listens there."""
    if os.geteuid() != 0:
        raise NotHere("needs root for users and mounts of its own")
    os.makedirs(etc, exist_ok=True)
    passwd = _without("/etc/passwd", users)
    group = _without("/etc/group", users)
    for name in users:
        number = uid(users, name)
        passwd += f"{name}:x:{number}:{number}::/nonexistent:/bin/false\n"
        group += f"{name}:x:{number}:\n"
    for name, text in (("passwd", passwd), ("group", group),
                       ("resolv.conf", f"nameserver {resolver}\n")):
        with open(os.path.join(etc, name), "w") as f:
            f.write(text)
    return ["unshare", "-m", "bash", "-c", NAMESPACE, "x", str(root),
            str(etc)]
