"""Runs the functions of a script whose names begin with check_, in order, and prints one line of JSON for each."""

import json
import sys
import traceback


def run(module):
    for name, check in list(vars(module).items()):
        if not name.startswith("check_"):
            continue
        line = {"name": (check.__doc__ or name[6:].replace("_", " ")).strip(), "ok": True}
        try:
            check()
        except Exception:
            line |= {"ok": False, "error": traceback.format_exc()}
        print(json.dumps(line), flush=True)
    # The lines tell what failed; the exit code says only whether all of it ran.
    sys.exit(0)
