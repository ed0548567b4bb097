"""The packages of the wheel: `harness`, and the folders at the root as `harness.suites` and the like.

They are looked up in the tree, so that a new suite is a new folder and no line elsewhere. All other settings are in
pyproject.toml.
"""

from __future__ import annotations

from setuptools import find_packages, setup

ROOT_FOLDERS = ("suites", "scenarios", "reports")

packages = find_packages(include=["harness", "harness.*"])
package_dir = {"harness": "harness"}
for folder in ROOT_FOLDERS:
    for package in find_packages(include=[folder, f"{folder}.*"]):
        packages.append(f"harness.{package}")
        package_dir[f"harness.{package}"] = package.replace(".", "/")

setup(packages=packages, package_dir=package_dir)
