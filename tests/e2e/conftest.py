# SPDX-License-Identifier: Apache-2.0
"""Fixtures: certificates and accounts once, daemons as they are asked for."""
import faulthandler
import resource
import signal
import shutil
import subprocess
import warnings

import pytest

import harness

# the tests speak old versions of TLS on purpose
warnings.filterwarnings("ignore", category=DeprecationWarning)
# a test that hangs in spite of all time-outs says where, and ends
HANG_SECONDS = 170


def pytest_configure(config):
    config.addinivalue_line("filterwarnings", "ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def no_hang():
    faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session", autouse=True)
def many_descriptors():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@pytest.fixture(scope="session", autouse=True)
def keys_of_a_terminal():
    """Started in the background, a shell lets us ignore them; what we start
    must not."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    return harness.Certs(tmp_path_factory.mktemp("certs"))


def add_user(users, name, password, send_as=()):
    """As an administrator does it: by `ehlo user add`."""
    secret = users.parent / "password"
    secret.write_text(password + "\n")
    args = [str(harness.EHLO), "user", "add", "--users", str(users),
            "--password-file", str(secret)]
    if send_as:
        args += ["--send-as", ",".join(send_as)]
    got = subprocess.run(args + [name], text=True, capture_output=True,
                         timeout=harness.SECONDS)
    secret.unlink()
    assert got.returncode == 0, got.stdout + got.stderr


@pytest.fixture(scope="session")
def users(tmp_path_factory):
    path = tmp_path_factory.mktemp("users") / "users"
    for name, password, send_as in harness.ACCOUNTS:
        add_user(path, name, password, send_as)
    return path


class Factory:
    """Makes daemons and ends them all."""

    def __init__(self, tmp_path_factory, certs, users):
        self.tmp, self.certs, self.users = tmp_path_factory, certs, users
        self.daemons = []

    def __call__(self, start=True, **options):
        daemon = harness.Daemon(self.tmp.mktemp("ehlod"), self.certs,
                                self.users, **options)
        self.daemons.append(daemon)
        return daemon.start() if start else daemon

    def clean_up(self):
        problems = []
        for daemon in self.daemons:
            try:
                daemon.clean_up()
            except AssertionError as problem:
                problems.append(str(problem))
            finally:
                if daemon.process and daemon.process.poll() is None:
                    daemon.process.kill()
                    daemon.process.wait(harness.SECONDS)
            # its segments are large, and there are many tests
            shutil.rmtree(daemon.options["spool"], ignore_errors=True)
        assert not problems, "\n".join(problems)


@pytest.fixture
def ehlod(tmp_path_factory, certs, users):
    """ehlod(listeners=…, options=…) starts one for this test."""
    factory = Factory(tmp_path_factory, certs, users)
    yield factory
    factory.clean_up()


@pytest.fixture(scope="module")
def shared_ehlod(tmp_path_factory, certs, users):
    """The same, for daemons that serve a whole module."""
    factory = Factory(tmp_path_factory, certs, users)
    yield factory
    factory.clean_up()
