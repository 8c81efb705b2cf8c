#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Proves that the pure folders are pure: tools/check-pure.py BUILD-DIR

Looks at what the static libraries of the starred rows of src/LAYERS need from
outside, and at what they keep.

1. Undefined names come from a short list of pure functions, or from another
   pure folder: no system call, no clock, no log, no malloc. (OpenSSL takes
   memory inside of its digests, and gives it back before they return.)
2. No object can be written to: no state outlives a call.
"""
import re
import subprocess
import sys
from pathlib import Path

# From the C library and the compiler: they look at their arguments only.
PURE_C = {
    "memchr", "memcmp", "memcpy", "memmem", "memmove", "memrchr", "memset",
    "strlen", "explicit_bzero", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_",
    # what _FORTIFY_SOURCE makes of them
    "__memcpy_chk", "__memmove_chk", "__memset_chk", "__explicit_bzero_chk",
}
# From base: bytes in, bytes out. The arena and buf take memory, but only
# where the caller handed one in, with its limit.
PURE_BASE = re.compile(
    r"(span|text|put|base64|stamp|arena)_\w+|buf_append|mem_wipe|crc32c|die_at")
# From OpenSSL, for one folder each: in one shot, a result of its arguments.
PURE_OPENSSL = {
    "sasl": {"CRYPTO_memcmp", "EVP_Digest", "EVP_md5", "EVP_sha1",
             "EVP_sha256", "HMAC", "PKCS5_PBKDF2_HMAC"},
}
READ_ONLY = (".text", ".rodata", ".data.rel.ro", "*UND*", "*ABS*")


def pure_folders(layers):
    for line in layers.read_text().splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("*"):
            yield line[1:].partition(":")[0].strip()


def symbols(library):
    """(member, name, class, section) of every symbol."""
    text = subprocess.run(["nm", "--format=sysv", str(library)], text=True,
                          capture_output=True, check=True, timeout=60).stdout
    member = ""
    for line in text.splitlines():
        match = re.match(r"(?:Symbols|Undefined symbols) from .*\[(.*)\]:",
                         line)
        if match:
            member = match.group(1)
            continue
        column = [part.strip() for part in line.split("|")]
        if len(column) == 7 and column[0] != "Name":
            yield member, column[0], column[2], column[6]


def main():
    if len(sys.argv) != 2:
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    build = Path(sys.argv[1])
    root = Path(__file__).resolve().parent.parent
    folders = list(pure_folders(root / "src" / "LAYERS"))
    defined, needed, errors = set(), [], []
    for folder in folders:
        library = build / "src" / folder / f"lib{folder}.a"
        if not library.is_file():
            errors.append(f"{library}: not built")
            continue
        for member, name, kind, section in symbols(library):
            if kind in "Uw":
                needed.append((folder, member, name))
                continue
            defined.add(name)
            if section and not section.startswith(READ_ONLY) \
                    and kind in "bBdDsSgGC":
                errors.append(f"src/{folder}: {member}: {name} can be"
                              f" written to ({section})")
    for folder, member, name in sorted(set(needed)):
        if name not in PURE_C and name not in defined \
                and name not in PURE_OPENSSL.get(folder, ()) \
                and not PURE_BASE.fullmatch(name):
            errors.append(f"src/{folder}: {member}: uses {name}")
    for error in errors:
        print(error)
    print(f"purity: {' '.join(folders)}: {len(defined)} symbols,"
          f" {len(errors)} mistakes")
    return 1 if errors or not defined else 0


if __name__ == "__main__":
    sys.exit(main())
