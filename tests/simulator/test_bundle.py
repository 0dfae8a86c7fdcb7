"""What a physical board's bundle must not contain, looked for in its bytes, with the emulated one as counter-test."""

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


def test_every_firmware_file_but_the_kiosks_is_in_the_emulated_bundle(built: dict[str, Path]) -> None:
    firmware = Path(bundle.__file__).parents[2] / "firmware"
    sources = {"firmware/" + file.relative_to(firmware).as_posix() for file in firmware.rglob("*.py")}
    assert sources
    for source in sources:
        compiled = (built["emulated"] / source).with_suffix(".mpy")
        if source.startswith("firmware/kiosk/"):
            assert not compiled.exists(), "a kiosk runs under CPython"
        else:
            assert compiled.stat().st_size > 0


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
