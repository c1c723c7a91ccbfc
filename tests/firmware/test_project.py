"""The exported folder: complete, buildable, self-checking, never half written."""

import io
import shutil
import subprocess
import sys
import zipfile

import pytest

from zeroshot.errors import RunError, UsageError
from zeroshot.firmware.folder import MARKER, write_project
from zeroshot.firmware.project import project_files
from zeroshot.firmware.tflite import to_tflite
from zeroshot.firmware.verify import verify
from zeroshot.frontend.c_names import check_prefix

from ..arduino import ARDUINO
from ..firmware_pairs import images, pair

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
SMALL = ("r8-s4-c3w6x1/2", "r8-s6-d3w8x1/2-b3w8x1")


@pytest.fixture(scope="module")
def one_input():
    cascade = pair(*SMALL, thresholds=(30,) * 10)
    return cascade, project_files(cascade, images(cascade, 2), "eye")


@pytest.fixture(scope="module")
def two_inputs():
    cascade = pair("r6-s4-c3w6x1", "r8-s6-c3w8x1/2", shared=False)
    return cascade, project_files(cascade, images(cascade, 2))


def test_what_is_written(one_input, tmp_path):
    cascade, files = one_input
    write_project(files, tmp_path / "deep" / "out")
    found = {
        str(p.relative_to(tmp_path / "deep" / "out")) for p in (tmp_path / "deep" / "out").rglob("*") if p.is_file()
    }
    assert found - {MARKER} == set(files) == {
        "README.md", "main.c", "Makefile", "CMakeLists.txt", "library.properties", "eye-arduino.zip",
        "examples/eye/eye.ino", "zephyr/module.yml", "zephyr/CMakeLists.txt", "zephyr/Kconfig",
        "models/little.tflite", "models/big.tflite", "src/eye_kernels_config.h", "src/eye_one.c", "src/eye_names.c",
        *(f"src/eye{part}.{end}" for part in ("", "_little", "_big", "_kernels") for end in "ch"),
    }  # fmt: skip
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["out"]
    assert files["models/big.tflite"] == to_tflite(cascade.big)
    assert not any(b"${" in raw for path, raw in files.items() if not path.endswith((".zip", ".tflite")))


def build(folder, *command):
    done = subprocess.run([*command], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not (shutil.which("make") and shutil.which("cc")), reason="needs make and a C compiler")
@pytest.mark.parametrize("which", ["one_input", pytest.param("two_inputs", marks=pytest.mark.slow)])
def test_the_test_vector_passes_and_fails(which, request, tmp_path):
    cascade, files = request.getfixturevalue(which)
    folder = tmp_path / "out"
    write_project(files, folder)
    assert "equal to the test vector" in build(folder, "make", "check", "CFLAGS=-std=c99 -Wall -Wextra -Werror -O1")
    main = (folder / "main.c").read_text()
    start = main.index("little_logits[10]")
    digit = next(i for i in range(main.index("{", start), len(main)) if main[i].isdigit())
    (folder / "main.c").write_text(main[:digit] + str((int(main[digit]) + 1) % 10) + main[digit + 1 :])
    done = subprocess.run(["make", "check"], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode != 0


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("cmake"), reason="needs cmake")
def test_cmake_builds_and_tests(two_inputs, tmp_path):
    write_project(two_inputs[1], tmp_path / "out")
    build(tmp_path / "out", "cmake", "-S", ".", "-B", "build")
    build(tmp_path / "out", "cmake", "--build", "build")
    assert "100% tests passed" in build(tmp_path / "out" / "build", "ctest")


def test_the_arduino_library(one_input, tmp_path):
    _, files = one_input
    path = tmp_path / "eye.zip"
    path.write_bytes(files["eye-arduino.zip"])
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert archive.read("eye/src/eye.c") == files["src/eye.c"]
    assert {name.split("/")[1] for name in names} == {"src", "examples", "library.properties"}
    assert f"eye/{'library.properties'}" in names
    # Keys that the Arduino specification asks for.
    keys = {line.split("=")[0] for line in files["library.properties"].decode().splitlines()}
    assert {
        "name",
        "version",
        "author",
        "maintainer",
        "sentence",
        "paragraph",
        "category",
        "url",
        "architectures",
    } <= keys


def test_the_arduino_sketch_builds_with_the_library(one_input, two_inputs, tmp_path):
    """As the IDE does it: the library's C as C, the sketch as C++; with a stand-in for the board's core."""
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    for place, (_, files) in (("one", one_input), ("two", two_inputs)):
        (name,) = (path.removesuffix("-arduino.zip") for path in files if path.endswith("-arduino.zip"))
        folder = tmp_path / place
        with zipfile.ZipFile(io.BytesIO(files[f"{name}-arduino.zip"])) as archive:
            archive.extractall(folder)
        (sketch,) = folder.rglob("*.ino")
        (folder / "sketch.cpp").write_text(
            ARDUINO + sketch.read_text() + "int main() { setup(); loop(); return result.label >= 0 ? 0 : 1; }\n"
        )
        sources = folder / name / "src"
        zig, flags = [sys.executable, "-m", "ziglang", "cc"], ["-Wall", "-Wextra", "-Werror", "-I", str(sources)]
        build(folder, *zig, "-std=c99", *flags, "-c", *map(str, sorted(sources.glob("*.c"))))
        build(folder, *zig, "-x", "c++", "-fno-exceptions", *flags, "-c", "sketch.cpp")
        build(folder, *zig, *(path.name for path in folder.glob("*.o")), "-o", "sketch")
        subprocess.run([folder / "sketch"], check=True, timeout=60)


ZEPHYR = """
cmake_minimum_required(VERSION 3.13)
project(stand_in C)
set(CONFIG_EYE y)
macro(zephyr_include_directories)
  include_directories(${ARGN})
endmacro()
macro(zephyr_library)
  add_library(module STATIC)
endmacro()
macro(zephyr_library_sources)
  target_sources(module PRIVATE ${ARGN})
endmacro()
add_subdirectory(zephyr)
"""


@pytest.mark.skipif(shutil.which("cmake") is None, reason="needs cmake")
def test_the_zephyr_module_builds(one_input, tmp_path):
    """With stand-ins for the three functions of Zephyr's build that it calls."""
    write_project(one_input[1], tmp_path / "out")
    (tmp_path / "out" / "CMakeLists.txt").write_text(ZEPHYR)
    build(tmp_path / "out", "cmake", "-S", ".", "-B", "build")
    build(tmp_path / "out", "cmake", "--build", "build")
    assert (tmp_path / "out" / "build" / "zephyr" / "libmodule.a").stat().st_size > 1000


def test_the_zephyr_module_names_every_source(one_input):
    files = one_input[1]
    text = files["zephyr/CMakeLists.txt"].decode()
    for path in files:
        if path.startswith("src/") and path.endswith(".c"):
            assert f"../{path}\n" in text
    assert "CONFIG_EYE" in text
    assert "config EYE" in files["zephyr/Kconfig"].decode()


def test_the_same_pair_gives_the_same_bytes(one_input):
    cascade, files = one_input
    assert project_files(cascade, images(cascade, 2), "eye") == files


def test_the_readme_tells_what_was_verified(one_input):
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    cascade, files = one_input
    assert "exported without verification" in files["README.md"].decode()
    proof = verify(cascade, images(cascade, 3), host=False)
    text = project_files(cascade, images(cascade, 2), "eye", proof)["README.md"].decode()
    assert "without verification" not in text
    (needs,) = proof.needs
    assert f"| {sum(needs.little):,} | {sum(needs.big):,} |" in text
    assert f"| big | all | {sum(needs.big):,} |" in text
    assert "3 test images" in text
    assert "eye_quantise(pixels, eye_input());" in text


def test_folders_in_use_are_left_alone(one_input, tmp_path):
    files = one_input[1]
    folder = tmp_path / "out"
    folder.mkdir()
    write_project(files, folder)  # an empty one is used
    (folder / "mine.txt").write_text("x")
    with pytest.raises(RunError, match="is not empty") as caught:
        write_project(files, folder)
    assert "`force=True`" in caught.value.hint
    with pytest.raises(RunError, match="mine.txt"):
        write_project(files, folder, force=True)
    assert (folder / "mine.txt").read_text() == "x"
    (folder / "mine.txt").unlink()
    write_project(files, folder, force=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="is not a folder"):
        write_project(files, tmp_path / "file", force=True)
    with pytest.raises(RunError, match="Cannot write"):
        write_project(files, tmp_path / "file" / "below")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "out"]


@pytest.mark.parametrize("name", ["", "1eye", "my-eye", "int", "zs_eye", "Eye", "a" * 32, "eye.c", "../eye", "é"])
def test_names_that_are_no_c_identifiers(name):
    with pytest.raises(UsageError, match="cannot be the prefix of C functions"):
        check_prefix(name)


def test_names_that_are():
    for name in ("cascade", "eye_2", "a" * 31):
        check_prefix(name)
