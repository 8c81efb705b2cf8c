#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rules of STYLE.md that a machine can see cheaply.

Mistakes end in exit code 1; remarks are printed with --remarks only.
"""
import re
import sys
from pathlib import Path

LINE_MAX = 80
FILE_MAX = {"src": 600, "tests": 1000}
FUNCTION_REMARK = 50    # "fit on a screen"
FUNCTION_MAX = 80       # a long switch over a table
FORBIDDEN = re.compile(
    r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|strtok|strtok_r|atoi|atol|"
    r"atoll|alloca|gets|stpcpy)\s*\(")
OPEN_ENDED = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\(#\d+\))")
C_TOKEN = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


class Report:
    def __init__(self):
        self.errors, self.remarks = [], []

    def error(self, path, line, text):
        self.errors.append(f"{path}:{line}: {text}")

    def remark(self, path, line, text):
        self.remarks.append(f"{path}:{line}: {text}")


def code_only(text):
    """The text with comments and literals blanked, lines kept."""
    return C_TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def check_lines(path, lines, report, is_c):
    for number, line in enumerate(lines, 1):
        if len(line.expandtabs(8)) > LINE_MAX:
            report.error(path, number,
                         f"{len(line.expandtabs(8))} columns, at most"
                         f" {LINE_MAX}")
        if line != line.rstrip():
            report.error(path, number, "white space at the end")
        if OPEN_ENDED.search(line) and path.name != "check-style.py":
            report.error(path, number, "an open end without an issue")
        if is_c and re.match(r"\t* {8}", line):
            report.error(path, number, "indented with spaces, not tabs")


def check_head(path, lines, report, is_c):
    if is_c:
        if lines[0] != "/* SPDX-License-Identifier: Apache-2.0 */":
            report.error(path, 1, "the first line is not the SPDX comment")
        elif not (lines + [""])[1].startswith("/*") and not (
                path.suffix == ".c" and path.with_suffix(".h").exists()):
            # a module's header speaks for its .c file too
            report.error(path, 2, "no comment says what this file is")
        return
    at = 1 if lines[0].startswith("#!") else 0
    if lines[at:at + 1] != ["# SPDX-License-Identifier: Apache-2.0"]:
        report.error(path, at + 1, "the SPDX line is missing")


def check_c(path, text, report):
    code = code_only(text)
    for number, line in enumerate(code.splitlines(), 1):
        match = FORBIDDEN.search(line)
        if match:
            report.error(path, number, f"{match.group(1)} is not used here")
        if re.search(r"\btypedef\s+(struct|union|enum)\b", line):
            report.error(path, number, "typedef hides a struct")
        if path.parts[0] == "src" and re.search(
                r'#\s*include\s*"\.', text.splitlines()[number - 1]):
            report.error(path, number, "include by \"folder/file.h\"")
    check_functions(path, code.splitlines(), report)


def check_functions(path, lines, report):
    """A body stands between a { and a } in the first column."""
    start, name = None, ""
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif re.match(r"[A-Za-z_]\w*\(", line):
            name = line.split("(")[0]
        elif line.startswith("}") and start is not None:
            length = number - start - 1
            if length > FUNCTION_MAX:
                report.error(path, start, f"{name} has {length} lines, at"
                             f" most {FUNCTION_MAX}")
            elif length > FUNCTION_REMARK:
                report.remark(path, start, f"{name} has {length} lines")
            start = None


def check(path, report):
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text:
        report.error(path, 1, "empty")
        return
    lines = text.splitlines()
    is_c = path.suffix in (".c", ".h", ".def")
    if not text.endswith("\n") or text.endswith("\n\n"):
        report.error(path, len(lines), "does not end in one line end")
    check_head(path, lines, report, is_c)
    check_lines(path, lines, report, is_c)
    if path.suffix in (".c", ".h"):
        check_c(path, text, report)
        limit = FILE_MAX.get(path.parts[0], FILE_MAX["tests"])
        if len(lines) > limit:
            report.error(path, limit, f"{len(lines)} lines, at most {limit}:"
                         " what is its second idea?")


def files():
    for pattern in ("src/**/*.[ch]", "src/**/*.def", "src/**/meson.build",
                    "tests/**/*.[ch]", "tests/**/*.py", "tests/**/*.sh",
                    "tests/**/meson.build", "tools/*.py", "tools/*.sh",
                    "bench/*.[ch]", "bench/*.py", "bench/*.sh",
                    "meson.build"):
        for path in sorted(Path(".").glob(pattern)):
            # the style of build files is Meson's own
            if path.name != "meson.build" or path.parts[0] != "tests":
                yield path


def main():
    report, n = Report(), 0
    for path in files():
        if path.name == "meson.build":
            check_head(path, path.read_text().splitlines(), report, False)
        else:
            check(path, report)
        n += 1
    if "--remarks" in sys.argv[1:]:
        print("\n".join(report.remarks))
    if report.errors:
        print("\n".join(report.errors))
    print(f"style: {n} files, {len(report.errors)} mistakes,"
          f" {len(report.remarks)} remarks")
    return 1 if report.errors or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
