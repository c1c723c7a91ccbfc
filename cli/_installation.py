"""What of this installation is missing, outdated or broken, and the command that mends it."""

import importlib
import os
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, metadata, version
from typing import TYPE_CHECKING, Any

from zeroshot._quiet import quiet
from zeroshot.errors import ZeroshotError, pip_install

if TYPE_CHECKING:
    from importlib.metadata import PackageMetadata

    from packaging.requirements import Requirement

DISTRIBUTION = "zeroshot-mcu"
# Modules that are not called as their distribution.
MODULES = {"scikit-learn": "sklearn", "pillow": "PIL"}
# What works without: everything but the named data sets that are downloaded.
OPTIONAL = ("torchvision",)


def examine() -> dict[str, Any]:
    """Everything that `zeroshot doctor --json` prints."""
    required, extras = requirements()
    packages = {name: package(wanted) for name, wanted in required.items()}
    broken = [name for name, state in packages.items() if not state["ok"] and name not in OPTIONAL]
    return {
        "zeroshot": version(DISTRIBUTION),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        **({} if broken else machine()),
        "packages": packages,
        "extras": {name: extra(name, wanted) for name, wanted in extras.items()},
        "plugins": plugins() if not broken else [],
        "usable": not broken,
    }


def requirements() -> tuple[dict[str, "Requirement"], dict[str, list["Requirement"]]]:
    """Required distributions by name, and the distributions of each extra: those that this machine needs.

    Raises:
        ZeroshotError: The library that reads version ranges is missing itself.
    """
    try:
        from packaging.requirements import Requirement
    except ImportError as error:
        raise ZeroshotError(
            "The package packaging, which reads versions, is missing.", "pip install packaging"
        ) from error

    declared = metadata(DISTRIBUTION)
    lines = [Requirement(line) for line in declared.get_all("Requires-Dist") or []]

    def needed(extra: str) -> list[Requirement]:
        return [line for line in lines if line.marker is None or line.marker.evaluate({"extra": extra})]

    always = needed("")
    names = declared.get_all("Provides-Extra") or []
    return {line.name: line for line in always}, {name: [x for x in needed(name) if x not in always] for name in names}


def plugins() -> list[dict[str, Any]]:
    """The plug-ins that packages of others provide, without importing one."""
    from zeroshot.scoring.plugins import listed_plugins

    return [{**asdict(each.provider), "on": each.on} for each in listed_plugins()]


def licences() -> list[dict[str, str]]:
    """Name, version and licence of this package and of all that it needs here, however far down, extras included."""
    found: dict[str, dict[str, str]] = {}
    waiting, seen = [(DISTRIBUTION, "")], set()
    waiting += [(DISTRIBUTION, extra) for extra in metadata(DISTRIBUTION).get_all("Provides-Extra") or []]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            about = metadata(name)
        except PackageNotFoundError:
            continue  # of an extra that is not installed
        found[name] = {"package": about["Name"], "version": about["Version"], "licence": licence(about)}
        waiting += _needs(about, extra)
    return sorted(found.values(), key=lambda each: each["package"].lower())


def licence(about: "PackageMetadata") -> str:
    """The licence of a distribution by its metadata: an SPDX expression, classifiers, or the first line of a text."""
    classified = [line.split(" :: ")[-1] for line in about.get_all("Classifier") or [] if line.startswith("License ::")]
    texts = (about.get_all("License-Expression") or []) + classified[:1] + (about.get_all("License") or [])
    lines = [line for text in texts for line in text.strip().splitlines()[:1] if line not in ("", "OSI Approved")]
    return lines[0] if lines else "not stated"


def _needs(about: "PackageMetadata", extra: str) -> list[tuple[str, str]]:
    """What a distribution needs on this machine: names as indices spell them, each with its extras and without."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = map(Requirement, about.get_all("Requires-Dist") or [])
    needed = [line for line in lines if line.marker is None or line.marker.evaluate({"extra": extra})]
    return [(canonicalize_name(line.name), wanted) for line in needed for wanted in ("", *line.extras)]


def package(wanted: "Requirement") -> dict[str, Any]:
    """Version of a distribution and whether it is wanted and imports; otherwise why not, and the command that helps."""
    name, text = wanted.name, _range(wanted)
    try:
        installed = version(name)
        if not wanted.specifier.contains(installed, prereleases=True):
            return {"version": installed, "ok": False, "problem": f"{text} is needed", "fix": f'pip install "{text}"'}
        if name == "torchvision":
            from zeroshot.data.torchvision import import_torchvision

            import_torchvision()
        else:
            with quiet():
                importlib.import_module(MODULES.get(name, name.replace("-", "_")))
    except PackageNotFoundError:
        return {"version": None, "ok": False, "problem": "not installed", "fix": f'pip install "{text}"'}
    except (ZeroshotError, ImportError, OSError, RuntimeError) as error:
        fix = f'pip install --force-reinstall "{text}"'
        return {"version": installed, "ok": False, "problem": " ".join(str(error).split()), "fix": fix}
    return {"version": installed, "ok": True, "problem": None, "fix": None}


def extra(name: str, wanted: list["Requirement"]) -> dict[str, Any]:
    """Which distributions of an extra are missing or outdated, and the command that installs it."""
    missing, outdated = [], []
    for each in wanted:
        try:
            installed = version(each.name)
        except PackageNotFoundError:
            missing.append(each.name)
        else:
            if not each.specifier.contains(installed, prereleases=True):
                outdated.append(f"{each.name} {installed} ({_range(each)} is needed)")
    return {"missing": missing, "outdated": outdated, "fix": pip_install(name) if missing or outdated else None}


def _range(wanted: "Requirement") -> str:
    return f"{wanted.name}{wanted.specifier}"


def machine() -> dict[str, Any]:
    """Processor, cores, threads, and where compiled kernels are kept."""
    import torch

    from zeroshot.runs.folder import processor
    from zeroshot.scoring.population import default_jobs

    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "cores_usable": default_jobs(),
        "torch_threads": torch.get_num_threads(),
        "kernel_cache": kernel_cache(),
    }


def kernel_cache() -> dict[str, Any]:
    """Folder of numba's cache; where it cannot be written, every start compiles again (20 s)."""
    try:
        from zeroshot.cascade.copula import bivariate_normal_cdf
    except RuntimeError as error:  # numba: no locator available
        return {"path": None, "writable": False, "problem": str(error)}
    path = bivariate_normal_cdf.stats.cache_path
    return {"path": path, "writable": path is not None and os.access(path, os.W_OK), "problem": None}
