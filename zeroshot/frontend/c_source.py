"""A front end as C99: the steps of `zeroshot.frontend.features` with its tables."""

from importlib.resources import files
from string import Template

import numpy as np

from zeroshot.frontend.c_names import check_prefix
from zeroshot.frontend.c_text import c_array, stamped
from zeroshot.frontend.features import MIDDLE
from zeroshot.frontend.options import FrontEnd
from zeroshot.frontend.tables import TOP, Tables, tables_of
from zeroshot.types import Int64Array


def frontend_c(front_end: FrontEnd, name: str = "frontend") -> dict[str, str]:
    """Source files of a front end, file name -> text.

    Args:
        front_end: What is computed.
        name: C identifier that functions and files begin with.

    Raises:
        UsageError: It is no such identifier, or as `zeroshot.frontend.tables.tables_of`.
    """
    check_prefix(name)
    return stamped(frontend_sources(front_end, name, dsp_block()))


def frontend_sources(front_end: FrontEnd, name: str, dsp: str) -> dict[str, str]:
    """As `frontend_c`, under a name that was made from a checked one.

    Args:
        front_end: What is computed.
        name: What functions and files begin with.
        dsp: What makes ZS_DSP known: `dsp_block`, or the line that includes a header with it.
    """
    values = _values(front_end, tables_of(front_end), name) | {"dsp": dsp, "speed": speed_block()}
    return {f"{name}.{end}": Template(template(f"frontend.{end}")).substitute(values) for end in ("h", "c")}


def dsp_block() -> str:
    """What decides between DSP instructions and plain C, for front ends and for the kernels of nets."""
    return template("dsp.h")


def speed_block() -> str:
    """What makes a compiler build a file for speed where the rest is built for size; of front ends and kernels."""
    return template("speed.h")


def template(name: str) -> str:
    """A file of the package's c folder."""
    return files("zeroshot.frontend").joinpath("c", name).read_text(encoding="utf-8")


def _values(front_end: FrontEnd, tables: Tables, name: str) -> dict[str, object]:
    half = front_end.fft // 2
    steps = half.bit_length() - 1  # of radix 2
    kind = f"{front_end.output}_t"
    what = f"{front_end.bands} log-mel bands"
    if front_end.coefficients:
        what = f"{front_end.coefficients} mel-frequency cepstral coefficients of {front_end.bands} bands"
    return {
        "name": name, "NAME": name.upper(), "type": kind, "what": what, "half": half, "shift": steps // 2,
        "sample_rate": front_end.sample_rate, "frame": front_end.frame, "hop": front_end.hop,
        "frames": front_end.frames, "width": front_end.width, "fft": front_end.fft, "bands": front_end.bands,
        "padded": int(front_end.frame < front_end.fft), "radix": 2 if steps % 2 else 4, "top": TOP,
        "lowest_hz": f"{front_end.lowest_hz:g}", "highest_hz": f"{front_end.top_hz:g}",
        "lowest_db": f"{front_end.lowest_db:g}", "highest_db": f"{front_end.top_db:g}",
        "smallest": front_end.smallest, "largest": front_end.smallest + 255, "first_bin": tables.first_bin,
        "log_zero": tables.log_zero, "log_gain": tables.log_gain,
        "coefficients_comment": " (of the first coefficient)" if front_end.coefficients else "",
        "tables": _tables(tables),
        **_relative(front_end, kind, name),
        **(_cepstrum(tables, kind) if front_end.coefficients else _bands(kind)),
    }  # fmt: skip


def _relative(front_end: FrontEnd, kind: str, name: str) -> dict[str, str]:
    """What is there for relative levels alone."""
    if not front_end.relative:
        return {"map_comment": ", is what a net takes as its picture", "relative": "", "loudest": ""}
    smallest, span = front_end.smallest, front_end.span
    values = {"name": name, "type": kind, "smallest": smallest, "span": span, "loudest": smallest + span}
    values["to_output"] = f" - {-smallest}" if smallest else ""
    values |= {"NAME": name.upper(), "span_db": f"{front_end.span * front_end.step_db:.4g}"}
    header, source = (Template(template(f"relative.{end}")).substitute(values) for end in ("h", "c"))
    return {"map_comment": f", holds levels as they are; {name}_relative makes a net's picture of it",
            "relative": "\n" + header, "loudest": "\n" + source}  # fmt: skip


def _tables(tables: Tables) -> str:
    parts = [
        c_array("int16_t", "window", tables.window.tolist()),
        c_array("uint32_t", "twiddles", _words(tables.twiddles)),
        c_array("uint32_t", "turns", _words(tables.turns)),
        c_array("uint16_t", "ends", tables.ends.tolist()),
        c_array("uint16_t", "weights", tables.weights.tolist()),
        c_array("uint16_t", "logarithms", tables.logarithms.tolist()),
    ]
    if tables.dct.size:
        parts.append(c_array("int16_t", "dct", tables.dct.ravel().tolist()))
    return "\n".join(parts)


def _words(pairs: Int64Array) -> list[int]:
    """Two numbers of 16 bits in a word, the first one in the lower half."""
    halves = pairs.reshape(-1, 2).astype(np.uint16).astype(np.int64)
    return [int(word) for word in halves[:, 0] + (halves[:, 1] << 16)]


def _bands(kind: str) -> dict[str, str]:
    return {
        "finish": "",
        "keep": f"*out++ = ({kind})(((level(falling) + 64) >> 7) + SMALLEST);",
        "finished": "",
    }


def _cepstrum(tables: Tables, kind: str) -> dict[str, str]:
    coefficients = len(tables.dct)
    return {
        "finish": f"""/* DCT-II of levels: a coefficient is 128 steps, and what it is above or below 0. */
static void cepstrum(const int32_t *levels, {kind} *out)
{{
    const int16_t *row = dct;
    uint32_t k, band;
    for (k = 0; k < {coefficients}; k++) {{
        int64_t sum = 1 << 14;
        int32_t steps;
        for (band = 0; band < BANDS; band++) {{
            sum += (levels[band] - {MIDDLE}) * row[band];
        }}
        row += BANDS;
        steps = 128 + (((int32_t)(sum >> 15) * {tables.dct_gain} + ((int32_t)1 << 18)) >> 19);
        steps = steps < 0 ? 0 : steps > 255 ? 255 : steps;
        out[k] = ({kind})(steps + SMALLEST);
    }}
}}
""",
        # Bins were read up to here, at least one for two bands, two words each: their place is free.
        "keep": "scratch[interval - 1] = level(falling);",
        "finished": "\n    cepstrum(scratch, out);",
    }
