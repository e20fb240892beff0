"""What the scanner says of a path: a wheel, a plugin's project, any folder or file."""

from __future__ import annotations

from pathlib import Path

from heimnetz_git.scan.engine import Report, scan, scan_archive, scan_tree, scan_wheel

__all__ = ["scan_path", "scan_project"]

MANIFEST = "plugin.yaml"
_ARCHIVES = (".zip", ".egg", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")


def scan_project(path: Path) -> Report:
    """What the scanner says of the code that would be installed, and of its permissions.

    ``path`` is a project's folder or a wheel. Raises ProjectInvalid or FileMissing.
    """
    from heimnetz_git.sdk.project import package_files, read_project

    if path.is_file():
        return scan_wheel(path)
    project = read_project(path)
    return scan(package_files(project), project.manifest.permissions)


def scan_path(path: Path) -> Report:
    """What the scanner says of a wheel, an archive, a plugin project, any other folder or file.

    Raises ProjectInvalid or FileMissing.
    """
    if path.suffix == ".whl" and path.is_file():
        return scan_wheel(path)
    if path.is_file():
        data = path.read_bytes()
        is_archive = path.name.endswith(_ARCHIVES)
        return scan_archive(path.name, data) if is_archive else scan({path.name: data})
    return scan_project(path) if (path / MANIFEST).is_file() else scan_tree(path)
