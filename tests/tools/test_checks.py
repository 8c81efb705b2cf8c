# SPDX-License-Identifier: Apache-2.0
"""The checks can fail: each is shown a small tree with one mistake."""
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
SECONDS = 120

GOOD = {
    "src/LAYERS": "base:\n*pure: base\ntop: base pure\n",
    "src/base/a.h": SPDX + "/* a: for a test. */\n#include <stddef.h>\n"
                    "size_t text_len(const char *s);\n",
    "src/pure/p.h": SPDX + "/* p: for a test. */\n#include \"base/a.h\"\n"
                    "int pure_f(const char *s);\n",
    "src/pure/p.c": SPDX + "#include \"pure/p.h\"\n\nint\n"
                    "pure_f(const char *s)\n{\n"
                    "\tstatic const char *const names[] = { \"a\" };\n\n"
                    "\treturn text_len(s) > 1 && names[0][0] == s[0];\n}\n",
    "src/top/t.h": SPDX + "/* t: for a test. */\n#include \"pure/p.h\"\n"
                   "int top_f(void);\n",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in GOOD.items():
        write(tmp_path, name, text)
    (tmp_path / "tools").mkdir()
    for path in (ROOT / "tools").glob("*.py"):
        shutil.copy(path, tmp_path / "tools")
    return tmp_path


def write(tree, name, text):
    (tree / name).parent.mkdir(parents=True, exist_ok=True)
    (tree / name).write_text(text)


def check(tree, tool, *args):
    got = subprocess.run(["/usr/bin/python3", f"tools/{tool}.py", *args],
                         cwd=tree, text=True, capture_output=True,
                         timeout=SECONDS)
    assert not got.stderr, got.stderr
    return got.returncode, got.stdout


def archive(tree):
    """Builds libpure.a the way Meson lays it out."""
    folder = tree / "build" / "src" / "pure"
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cc", "-std=c11", "-O1", "-fPIE", "-D_GNU_SOURCE",
                    "-Isrc", "-c", "src/pure/p.c", "-o", f"{folder}/p.o"],
                   cwd=tree, check=True, timeout=SECONDS)
    subprocess.run(["ar", "rcs", f"{folder}/libpure.a", f"{folder}/p.o"],
                   check=True, timeout=SECONDS)


def test_a_good_tree_passes(tree):
    archive(tree)
    for tool, args in (("check-layers", ()), ("check-pure", ("build",)),
                       ("check-style", ())):
        code, text = check(tree, tool, *args)
        assert code == 0, text


@pytest.mark.parametrize("name,text,told", [
    ("src/base/a.h", '#include "pure/p.h"\n', "base may not use pure"),
    ("src/pure/p.h", '#include "top/t.h"\n', "pure may not use top"),
    ("src/top/t.h", '#include "top/t.h"\n', "includes itself"),
    ("src/top/t.h", '#include "top/none.h"\n', "does not exist"),
    ("src/top/t.h", '#include "../base/a.h"\n', "is not \"folder/file\""),
    ("src/base/a.h", "uint32_t needs_stdint;\n", "does not compile alone"),
    ("src/new/n.h", SPDX, "no row in src/LAYERS"),
    ("src/LAYERS", "low: high\nhigh:\n", "does not stand above it"),
])
def test_layers(tree, name, text, told):
    path = tree / name
    old = path.read_text() if path.exists() else ""
    write(tree, name, old + text)
    code, said = check(tree, "check-layers")
    assert code == 1 and told in said, said


def test_a_long_way_round_is_a_circle(tree):
    for here, there in (("x", "y"), ("y", "z"), ("z", "x")):
        write(tree, f"src/top/{here}.h", SPDX + f"#ifndef {here}\n"
              f"#define {here}\n#include \"top/{there}.h\"\n#endif\n")
    code, said = check(tree, "check-layers")
    assert code == 1 and "includes itself: top/x.h → top/y.h" in said


@pytest.mark.parametrize("body,told", [
    ("\treturn (int)s[0] + getpid();\n", "uses getpid"),
    ("\treturn *(char *)malloc(1) + s[0];\n", "uses malloc"),
    ("\tstatic int count;\n\n\treturn count++ + s[0];\n", "written to"),
    ("\tstatic int count = 5;\n\n\treturn count++ + s[0];\n", "written to"),
    ("\tstatic _Thread_local int n;\n\n\treturn n++ + s[0];\n", "written to"),
])
def test_purity(tree, body, told):
    write(tree, "src/pure/p.c", SPDX + "#include <stdlib.h>\n"
          "#include <unistd.h>\n#include \"pure/p.h\"\n\nint\n"
          "pure_f(const char *s)\n{\n" + body + "}\n")
    archive(tree)
    code, said = check(tree, "check-pure", "build")
    assert code == 1 and told in said, said


def test_purity_of_what_is_not_built(tree):
    code, said = check(tree, "check-pure", "build")
    assert code == 1 and "not built" in said


@pytest.mark.parametrize("text,told", [
    ("int x;\n", "SPDX"),
    (SPDX + "int x;\n", "what this file is"),
    (SPDX + "/* x */\nint x = 1;" + " " * 80 + "\n", "columns"),
    (SPDX + "/* x */\nint x; \n", "white space"),
    (SPDX + "/* x */\n        int x;\n", "spaces, not tabs"),
    (SPDX + "/* x */\n/* TO" + "DO: later */\n", "open end"),
    (SPDX + "/* x */\nint f(void) { strcpy(a, b); }\n", "strcpy"),
    (SPDX + "/* x */\nint f(void) { return atoi (b); }\n", "atoi"),
    (SPDX + "/* x */\ntypedef struct x x;\n", "typedef"),
    (SPDX + "/* x */\n" + "int x;\n" * 700, "second idea"),
    (SPDX + "/* x */\nint\nf(void)\n{\n" + "\tx();\n" * 90 + "}\n",
     "f has 90 lines"),
    (SPDX + "/* x */\nint x;\n\n", "line end"),
])
def test_style(tree, text, told):
    write(tree, "src/top/x.c", text)
    code, said = check(tree, "check-style")
    assert code == 1 and told in said, said


def test_style_reads_code_not_words(tree):
    write(tree, "src/top/x.c", SPDX + "/* x: strcpy(a, b) is bad */\n"
          "const char *x = \"sprintf(a)\"; /* TODO(#12) */\n"
          "int y = my_strcpy(1) + z->gets(2);\n")
    code, said = check(tree, "check-style")
    assert code == 0, said


# --- seeded faults

MESON = """
project('x', 'c', default_options: ['c_std=c11'])
option = get_option('buildtype')
test('adds', executable('adds', 'src/adds.c'))
test('nothing', executable('nothing', 'src/nothing.c'))
"""
ADDS = "int add(int a, int b);\nint\nadd(int a, int b)\n{\n\treturn a + b;\n" \
       "}\nint\nmain(void)\n{\n\treturn add(1, 2) != 3;\n}\n"
FAULT = """diff --git a/src/adds.c b/src/adds.c
--- a/src/adds.c
+++ b/src/adds.c
@@ -2,5 +2,5 @@
 int
 add(int a, int b)
 {
-\treturn a + b;
+\treturn %s;
 }
"""


def faults(tree, patch):
    # inside a repository, git apply would skip what is not its own
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True,
                   timeout=SECONDS)
    write(tree, "meson.build", MESON)
    write(tree, "src/adds.c", ADDS)
    write(tree, "src/nothing.c", "int\nmain(void)\n{\n\treturn 0;\n}\n")
    write(tree, "tests/faults/f.patch", patch)
    got = check(tree, "seeded-faults")
    assert (tree / "src/adds.c").read_text() == ADDS
    # the scratch copy is as it was, too
    copy = tree / "build-faults" / "0" / "tree" / "src" / "adds.c"
    assert copy.read_text() == ADDS
    return got


@pytest.mark.parametrize("head,body,code,told", [
    ("# caught-by: adds\n", "a - b", 0, "1 caught, 0 not"),
    ("# caught-by: nothing\n", "a - b", 1, "SURVIVED"),
    ("# caught-by: adds\n", "b + a", 1, "SURVIVED"),
    ("# caught-by: adds\n", "a -", 1, "does not compile"),
    ("# caught-by: unknown\n", "a - b", 1, "no test called unknown"),
    ("", "a - b", 1, "first line"),
])
def test_seeded_faults(tree, head, body, code, told):
    got, said = faults(tree, head + FAULT % body)
    assert got == code and told in said, said


def test_seeded_fault_that_does_not_apply(tree):
    code, said = faults(tree, "# caught-by: adds\n"
                        + (FAULT % "1").replace("a + b", "a * b"))
    assert code == 1 and "does not apply" in said, said


def test_no_seeded_fault_is_a_mistake(tree):
    write(tree, "meson.build", MESON)
    code, said = check(tree, "seeded-faults")
    assert code == 1, said
