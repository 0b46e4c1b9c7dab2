"""
Looks for texts in all that can be read here, and prints what was found as JSON: `search.py EXTENT PATTERNS STANDINS`.

Both lists are hexadecimal, turned over bit by bit, so that this program's own arguments do not hold what it looks for. EXTENT `files`
is the environment and command line of each process and every file but those of the machine's programs; `memory` is these and the
memory of each process; `whole` is all of it.
"""
import json
import os
import stat
import sys


def patterns(text):
    return [bytes(each ^ 0xFF for each in bytes.fromhex(one)) for one in text.split(",")]


extent = sys.argv[1]
looked_for, controls = (patterns(text) for text in sys.argv[2:4])
found = {"files": 0, "bytes": 0, "processes": 0, "memory": 0, "unreadable": 0, "controls": 0, "hits": []}
overlap = 200


def look(data, place):
    found["controls"] += sum(data.count(each) for each in controls)
    for each in looked_for:
        if each in data:
            found["hits"].append(f"{place} at {data.index(each)}")


def look_at(place, file, size=None):
    carry = b""
    while size is None or size > 0:
        piece = file.read(1 << 20 if size is None else min(size, 1 << 20))
        if not piece:
            break
        look(carry + piece, place)
        carry = piece[-overlap:]
        found["bytes"] += len(piece)
        if size is not None:
            size -= len(piece)


def files(left_out):
    for folder, folders, names in os.walk("/"):
        folders[:] = [each for each in folders if os.path.join(folder, each) not in left_out]
        for name in names:
            path = os.path.join(folder, name)
            try:
                if not stat.S_ISREG(os.lstat(path).st_mode):
                    continue
                with open(path, "rb") as file:
                    look_at(path, file)
                found["files"] += 1
            except OSError:
                found["unreadable"] += 1


def memory(process):
    with open(f"/proc/{process}/maps") as maps, open(f"/proc/{process}/mem", "rb", 0) as file:
        for line in maps:
            span, mode, _, _, inode, *_ = line.split()
            # What a file holds unchanged is looked at as a file.
            if "r" not in mode or (inode != "0" and "w" not in mode) or "[v" in line:
                continue
            begin, end = (int(each, 16) for each in span.split("-"))
            try:
                file.seek(begin)
                before = found["bytes"]
                look_at(f"memory of {process}", file, end - begin)
                found["memory"] += found["bytes"] - before
            except (OSError, ValueError, OverflowError):
                continue


def is_search(process):
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            return __file__.encode() in file.read().split(b"\0")
    except OSError:
        return False


def processes():
    for process in filter(str.isdigit, os.listdir("/proc")):
        if int(process) == os.getpid():
            continue
        for name in ("environ", "cmdline"):
            try:
                with open(f"/proc/{process}/{name}", "rb") as file:
                    look_at(f"/proc/{process}/{name}", file)
                found["files"] += 1
            except OSError:
                found["unreadable"] += 1
        # Another search has in its memory what it looks for.
        if extent == "files" or is_search(process):
            continue
        try:
            memory(process)
            found["processes"] += 1
        except OSError:
            found["unreadable"] += 1


processes()
files(["/proc", "/sys"] if extent == "whole" else ["/proc", "/sys", "/usr", os.environ["MODULES"]])
print(json.dumps(found))
