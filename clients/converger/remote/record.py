"""What the converger manages, kept so that a later manifest's omissions are noticed."""

RECORD = "record.json"
EMPTY = {"files": {}, "units": {}, "holds": []}


def wanted_record(manifest):
    """What there is to remember of a manifest."""
    files, units, holds = {}, {}, []
    for role in manifest["roles"]:
        for file in role["files"]:
            files[file["path"]] = {
                "role": role["name"],
                "seed": bool(file.get("seed")),
                "onChange": file.get("onChange") or [],
            }
        for unit in role["units"]:
            units[unit["name"]] = {"role": role["name"], "stateful": unit["stateful"]}
        holds += role["hold"]
    return {"files": files, "units": units, "holds": sorted(set(holds))}


def merged(old, new):
    """Both together: saved before anything is done, so that a killed run forgets nothing."""
    return {
        "files": {**old["files"], **new["files"]},
        "units": {**old["units"], **new["units"]},
        "holds": sorted({*old["holds"], *new["holds"]}),
    }


def dropped(old, new):
    """What the new manifest leaves out: {units, files, holds} to remove and the {roles} that are kept.

    A role with a stateful unit that is left out is kept whole, with its files and helpers: only an operation
    removes it. Seed files belong to the program that rewrites them, and stay.
    """
    gone = {name: unit for name, unit in old["units"].items() if name not in new["units"]}
    kept_roles = sorted({unit["role"] for unit in gone.values() if unit["stateful"]})
    files = {path: file for path, file in old["files"].items() if path not in new["files"] and not file["seed"]}
    return {
        "units": sorted(name for name, unit in gone.items() if unit["role"] not in kept_roles),
        "files": {path: file for path, file in sorted(files.items()) if file["role"] not in kept_roles},
        "holds": [] if kept_roles else sorted(set(old["holds"]) - set(new["holds"])),
        "roles": kept_roles,
    }


def after(old, new):
    """The record when the manifest is in place: the new one and what was kept of the old."""
    kept = dropped(old, new)["roles"]
    return {
        "files": {**{path: file for path, file in old["files"].items() if file["role"] in kept}, **new["files"]},
        "units": {**{name: unit for name, unit in old["units"].items() if unit["role"] in kept}, **new["units"]},
        "holds": sorted({*(old["holds"] if kept else []), *new["holds"]}),
    }
