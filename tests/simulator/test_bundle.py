"""What a physical board's bundle must not contain, looked for in its bytes, with the emulated one as counter-test."""

import ast
from pathlib import Path

import pytest

from simulator.devices import bundle

# Each is found in the emulated bundle, or the search would prove nothing.
FORBIDDEN = {
    "the writer of irregular records": b'"kind":"irregular"',
    "the test token's magic": b"GLT1",
    "the plant's socket": b"127.0.0.1",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    return {site_class: bundle.build(site_class, folder / site_class) for site_class in ("emulated", "physical")}


def everything(folder: Path) -> bytes:
    return b"\0".join(file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file())


@pytest.mark.parametrize("what", FORBIDDEN)
def test_a_physical_bundle_does_not_have(what: str, built: dict[str, Path]) -> None:
    assert FORBIDDEN[what] in everything(built["emulated"]), "the emulated bundle must have it"
    assert FORBIDDEN[what] not in everything(built["physical"])


def test_a_physical_bundle_lacks_those_files_and_no_others(built: dict[str, Path]) -> None:
    names = {
        site_class: {file.relative_to(folder).with_suffix(".py").as_posix() for file in folder.rglob("*.mpy")}
        for site_class, folder in built.items()
    }
    assert names["emulated"] - names["physical"] == set(bundle.EMULATED_ONLY)
    assert names["physical"] < names["emulated"]


def test_a_bundle_holds_compiled_files_only(built: dict[str, Path]) -> None:
    for folder in built.values():
        for file in folder.rglob("*"):
            assert file.is_dir() or (file.suffix == ".mpy" and file.read_bytes()[:1] == b"M"), file


def test_a_bundle_names_no_path_of_this_machine(built: dict[str, Path]) -> None:
    for folder in built.values():
        assert str(Path(bundle.__file__).parents[2]).encode() not in everything(folder)


def imported(file: Path, present: set[str]) -> set[str]:
    """The firmware's modules that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        found |= {path for name in names if (path := name.replace(".", "/") + ".py") in present}
    return found


def test_a_bundle_has_all_that_its_modules_import(built: dict[str, Path]) -> None:
    root = Path(bundle.__file__).parents[2]
    present = {file.relative_to(root).as_posix() for file in (root / "firmware").rglob("*.py")}
    for site_class, folder in built.items():
        held = {path for _, path in bundle.sources(site_class)}
        needed = set().union(*(imported(root / path, present) for path in held if path.startswith("firmware/")))
        missing = needed - held - (set(bundle.EMULATED_ONLY) if site_class == "physical" else set())
        assert "firmware/fare/rsa.py" in needed and not missing
        for path in held:
            assert (folder / path).with_suffix(".mpy").stat().st_size > 0


def test_a_gates_bundle_has_no_room_of_a_kiosk(built: dict[str, Path]) -> None:
    for folder in built.values():
        assert not [file for file in folder.rglob("*.mpy") if "kiosk" in file.as_posix() or file.stem == "blind"]


def test_an_unknown_class_is_refused() -> None:
    with pytest.raises(ValueError, match="emulated or physical sites, not 'both'"):
        bundle.sources("both")


def test_only_a_studys_bundle_has_a_witness(built: dict[str, Path], tmp_path: Path) -> None:
    name = f"{bundle.WITNESS}.mpy"
    assert not [file for folder in built.values() for file in folder.rglob("*") if file.name == name]
    study = bundle.build("emulated", tmp_path / "study", witness=True)
    files = {file.relative_to(study) for file in study.rglob("*.mpy")}
    emulated = {file.relative_to(built["emulated"]) for file in built["emulated"].rglob("*.mpy")}
    assert files - emulated == {Path(name)} and emulated <= files
    with pytest.raises(ValueError, match="only an emulated gate has a witness"):
        bundle.build("physical", tmp_path / "physical", witness=True)
