"""The exported folder: C sources, models, builds for make and CMake, Arduino and Zephyr layouts, and a README."""

import io
import zipfile
from string import Template

from zeroshot.firmware.answers import Images, check_images, reference_answers
from zeroshot.firmware.c_cascade import Cascade, cascade_sources
from zeroshot.firmware.c_files import template
from zeroshot.firmware.facts import Facts
from zeroshot.firmware.readme import readme
from zeroshot.firmware.stream_files import stream_check, stream_examples
from zeroshot.firmware.tflite import to_tflite
from zeroshot.firmware.verify import Verification
from zeroshot.frontend.c_names import check_prefix
from zeroshot.frontend.c_text import c_array, stamped
from zeroshot.int8.decision import biased


def project_files(
    cascade: Cascade,
    images: Images,
    name: str = "cascade",
    verification: Verification | None = None,
    facts: Facts | None = None,
) -> dict[str, bytes]:
    """Everything of the exported folder, path -> bytes.

    Args:
        cascade: The pair.
        images: The first one becomes the test vector of main.c.
        name: Prefix of functions and files.
        verification: For the README's tables.
        facts: For the README.

    Raises:
        UsageError: The name is no C identifier, or the images do not fit.
    """
    check_prefix(name)
    check_images(cascade, images)
    sources = cascade_sources(cascade, name)
    values = _values(cascade, images, name, sources)
    texts = {f"src/{path}": text for path, text in sources.items()}
    for path, origin in (
        ("main.c", "main.c"), ("Makefile", "Makefile"), ("CMakeLists.txt", "CMakeLists.txt"),
        ("library.properties", "library.properties"), (f"examples/{name}/{name}.ino", "example.ino"),
        ("zephyr/module.yml", "module.yml"), ("zephyr/CMakeLists.txt", "zephyr.cmake"), ("zephyr/Kconfig", "Kconfig"),
    ):  # fmt: skip
        texts[path] = Template(template(origin)).substitute(values)
    if cascade.stream is not None:
        texts |= stream_examples(cascade.stream, name)
    texts["README.md"] = readme(cascade, name, verification, facts)
    out = {path: text.encode() for path, text in stamped(texts).items()}
    out |= {"models/little.tflite": to_tflite(cascade.little), "models/big.tflite": to_tflite(cascade.big)}
    out[f"{name}-arduino.zip"] = _arduino(out, name)
    return out


def _values(cascade: Cascade, images: Images, name: str, sources: dict[str, str]) -> dict[str, object]:
    first = Images(images.little[:1], images.big[:1])
    answer = reference_answers(cascade, first)
    little = c_array("int8_t", "little_logits", answer.little[0])
    big = c_array("int8_t", "big_logits", answer.big[0])
    inputs = {"little_image": first.little, "big_image": first.big}
    if cascade.shares_input:
        inputs = {"image": first.little}
    names = [f"{name}_input()"] if cascade.shares_input else [f"{name}_little_input()", f"{name}_big_input()"]
    compiled = [path for path in sources if path.endswith(".c")]
    return {
        "name": name,
        "NAME": name.upper(),
        "vectors": "\n".join([*(c_array("int8_t", key, value.ravel()) for key, value in inputs.items()), little, big]),
        "stream_check": stream_check(cascade, cascade.stream, name) if cascade.stream else "",
        "after": "check_stream()" if cascade.stream else "0",
        "vector_arguments": ", ".join(inputs),
        "little_label": int(answer.little_label[0]),
        "big_label": int(biased(answer.big, cascade.big_bias)[0].argmax()),
        "escalated": int(answer.escalated[0]),
        "label": int(answer.label[0]),
        "cmake_sources": "\n".join(f"    src/{path}" for path in compiled),
        "zephyr_sources": "".join(f"    ../src/{path}\n" for path in compiled),
        "example_inputs": " and ".join(names),
        "example_arguments": ", ".join(names),
    }


def _arduino(files: dict[str, bytes], name: str) -> bytes:
    """The Arduino library as a zip whose bytes depend on nothing but the files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            if path.startswith(("src/", "examples/")) or path == "library.properties":
                archive.writestr(zipfile.ZipInfo(f"{name}/{path}"), files[path], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
