# SPDX-License-Identifier: Apache-2.0
"""A Kerberos realm in a temporary folder: a key server on a loopback port of
the kernel's choice, a user with tickets, a keytab for smtp/localhost."""
import os
import re
import subprocess
import threading

from harness import SECONDS

REALM = "TEST.EXAMPLE"


class Realm:
    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.keytab = folder / "smtp.keytab"
        self.environment = {
            "KRB5_CONFIG": str(folder / "krb5.conf"),
            "KRB5_KDC_PROFILE": str(folder / "kdc.conf"),
            "KRB5CCNAME": f"FILE:{folder}/tickets",
            "KRB5RCACHENAME": "dfl:",
            "KRB5RCACHEDIR": str(folder),
        }
        self.process = None

    def run(self, *args, text=None):
        got = subprocess.run(args, input=text, text=True, timeout=SECONDS,
                             capture_output=True,
                             env={**os.environ, **self.environment})
        assert got.returncode == 0, got.stdout + got.stderr
        return got.stdout

    def _write(self, port):
        (self.folder / "krb5.conf").write_text(
            f"[libdefaults]\n default_realm = {REALM}\n"
            " dns_lookup_kdc = false\n dns_lookup_realm = false\n"
            " dns_canonicalize_hostname = false\n rdns = false\n"
            f"[realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n"
            f"[domain_realm]\n localhost = {REALM}\n")
        (self.folder / "kdc.conf").write_text(
            f"[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n"
            f" kdc_tcp_listen = 127.0.0.1:{port}\n"
            f"[realms]\n {REALM} = {{\n"
            f"  database_name = {self.folder}/principal\n"
            f"  key_stash_file = {self.folder}/stash\n"
            f"  acl_file = {self.folder}/acl\n }}\n"
            "[logging]\n kdc = STDERR\n")

    def admin(self, query):
        return self.run("kadmin.local", "-q", query)

    def start(self, port, users):
        """`users`: names and passwords."""
        self._write(port)
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        for name, password in users:
            self.admin(f"addprinc -pw {password} {name}")
        self.admin("addprinc -randkey smtp/localhost")
        self.admin(f"ktadd -k {self.keytab} smtp/localhost")
        ready = threading.Event()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "krb5kdc", "-n"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            env={**os.environ, **self.environment})

        def read():
            for line in self.process.stdout:
                if re.search("commencing operation", line):
                    ready.set()
        threading.Thread(target=read, daemon=True).start()
        assert ready.wait(SECONDS), "the key server does not start"
        return self

    def login(self, user, password):
        self.run("kinit", user, text=password + "\n")

    def logout(self):
        self.run("kdestroy")

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait(SECONDS)
