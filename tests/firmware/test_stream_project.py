"""An exported folder that takes samples: self-checking, its examples compile, what it says of itself is measured."""

import subprocess
import sys
from dataclasses import replace

import pytest

from zeroshot.cost.boards import load_board
from zeroshot.errors import InfeasibleError, VerifyError
from zeroshot.firmware import device as device_module
from zeroshot.firmware.c_model import model_bytes
from zeroshot.firmware.decisions import decisions
from zeroshot.firmware.fit import check_firmware, check_models
from zeroshot.firmware.folder import write_project
from zeroshot.firmware.pack import pack
from zeroshot.firmware.project import project_files
from zeroshot.firmware.stream import Stream
from zeroshot.firmware.verify import verify
from zeroshot.frontend.cost import front_end_cost
from zeroshot.frontend.sensor import sensor_of
from zeroshot.frontend.tables import tables_of

from ..arduino import ARDUINO
from ..firmware_pairs import images
from ..streams import FRONT_ENDS, fed, samples_of

pytest.importorskip("ai_edge_litert", reason="needs ai-edge-litert")
SLOW = ("gaps", "axis")
FLAGS = ("-Wall", "-Wextra", "-Werror")
STRICT = ("-std=c99", "-O1", *FLAGS, "-Wconversion", "-Wshadow", "-pedantic", "-fsanitize=address,undefined")


@pytest.fixture(scope="module")
def exported():
    """Name of a front end -> cascade and files."""
    made = {}

    def export(name):
        if name not in made:
            smoothing = "majority" if name == "motion" else "mean"
            cascade = fed(name, smooth=3, smoothing=smoothing, limit=2)
            made[name] = cascade, project_files(cascade, images(cascade, 1), "eye")
        return made[name]

    return export


def run(folder, *command):
    done = subprocess.run([*command], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "name", ["sound", "relative", "motion", *(pytest.param(n, marks=pytest.mark.slow) for n in SLOW)]
)
def test_main_checks_the_stream(name, exported, tmp_path):
    _, files = exported(name)
    folder = tmp_path / "out"
    write_project(files, folder)
    assert "equal to the test vector" in run(folder, "make", "check", f"CFLAGS={' '.join(STRICT)}")
    run(folder, "gcc", "-c", *(str(each) for each in (folder / "src").glob("*.c")))
    objects = [str(each) for each in folder.glob("*.o")]
    main = (folder / "main.c").read_text()
    for column in ("hop", "margin", "label", "escalated"):
        start = main.index("{", main.index(f"decision_{column}[8]"))
        digit = next(i for i in range(start, len(main)) if main[i].isdigit())
        (folder / "main.c").write_text(main[:digit] + str((int(main[digit]) + 1) % 10) + main[digit + 1 :])
        run(folder, "gcc", "-Isrc", "-o", "changed", "main.c", *objects)
        assert subprocess.run([folder / "changed"], timeout=60, check=False).returncode == 4, column


def test_one_dsp_block_and_each_part_alone(exported, tmp_path):
    """The front end of an export has that of the kernels."""
    _, files = exported("sound")
    assert [path for path in files if path.startswith("src/") and b"#define ZS_DSP 1" in files[path]] == [
        "src/eye_kernels.h"
    ]
    assert b"ZS_DSP" in files["src/eye_sound.c"]
    for path in files:
        if path.startswith("src/"):
            (tmp_path / path.removeprefix("src/")).write_bytes(files[path])
    for source in sorted(tmp_path.glob("*.c")):
        run(tmp_path, "gcc", "-std=c99", *FLAGS, "-c", source.name)


def test_what_is_written(exported):
    for name, kind in (("sound", "sound"), ("motion", "motion")):
        _, files = exported(name)
        assert {"zephyr/sample/CMakeLists.txt", "zephyr/sample/prj.conf", "zephyr/sample/src/main.c"} < set(files)
        assert f"../src/eye_{kind}.c\n" in files["zephyr/CMakeLists.txt"].decode()
        assert f"src/eye_{kind}.c" in files["CMakeLists.txt"].decode()
        texts = (raw.decode() for path, raw in files.items() if not path.endswith((".zip", ".tflite")))
        assert ("; 1 is 0.25 of `x[mg]`, 0.25 of `y[mg]`" in files["README.md"].decode()) == (kind == "motion")
        assert not any("${eye" in text or "${name" in text or "${NAME" in text for text in texts)


PDM = """
#pragma once
struct Microphone {
    void (*callback)();
    void onReceive(void (*given)()) { callback = given; }
    int begin(int channels, int rate) { return channels == 1 && rate == 4000; }
    int available() { return 600; }
    int read(void *to, int bytes) { memset(to, 3, bytes); return bytes; }
} PDM;
"""
IMU = """
#pragma once
struct Sensor {
    int begin() { return 1; }
    int readAcceleration(float &x, float &y, float &z) { x = 0.1f; y = -1; z = 2; return 1; }
} IMU;
"""
LOOPS = {
    "sound": "for (int i = 0; i < 40; i++) { PDM.callback(); loop(); loop(); } return decision.hop == 512 ? 0 : 1;",
    "motion": "for (int i = 0; i < 100; i++) { loop(); now += PERIOD; } return decision.hop == 20 ? 0 : 1;",
}


@pytest.mark.parametrize("name", ["sound", "motion"])
def test_the_arduino_sketch_feeds_its_sensor(name, exported, tmp_path):
    """As the IDE builds it, with stand-ins for the board's core and for the sensor's library."""
    pytest.importorskip("ziglang", reason="needs the mcu extra")
    _, files = exported(name)
    for path in files:
        if path.startswith("src/"):
            (tmp_path / path.removeprefix("src/")).write_bytes(files[path])
    (tmp_path / "PDM.h").write_text(PDM)
    (tmp_path / "Arduino_LSM9DS1.h").write_text(IMU)
    sketch = files["examples/eye/eye.ino"].decode()
    (tmp_path / "sketch.cpp").write_text(f"{ARDUINO}{sketch}int main() {{ setup(); {LOOPS[name]} }}\n")
    zig = [sys.executable, "-m", "ziglang", "cc"]
    run(tmp_path, *zig, "-std=c99", *FLAGS, "-c", *(each.name for each in sorted(tmp_path.glob("*.c"))))
    run(tmp_path, *zig, "-x", "c++", "-fno-exceptions", *FLAGS, "-I.", "-c", "sketch.cpp")
    run(tmp_path, *zig, *(each.name for each in tmp_path.glob("*.o")), "-o", "sketch")
    run(tmp_path, tmp_path / "sketch")


ZEPHYR = {
    "zephyr/kernel.h": """
        #include <stdint.h>
        #include <stdio.h>
        #include <stdlib.h>
        #define printk printf
        struct device { int there; };
        struct k_mem_slab { int blocks; };
        struct k_timer { int ticks; };
        static const struct device board = {1};
        #define DT_NODELABEL(name) name
        #define DT_ALIAS(name) name
        #define DEVICE_DT_GET(node) (&board)
        #define K_MEM_SLAB_DEFINE_STATIC(name, size, count, align) static struct k_mem_slab name = {count}
        #define K_TIMER_DEFINE(name, expiry, stop) static struct k_timer name
        #define K_USEC(n) (int)(n)
        static inline int device_is_ready(const struct device *d) { return d->there; }
        static inline void k_mem_slab_free(struct k_mem_slab *slab, void *block) { (void)slab; (void)block; }
        static inline void k_timer_start(struct k_timer *t, int first, int then) { t->ticks = first - then; }
        static inline uint32_t k_timer_status_sync(struct k_timer *t) { return (uint32_t)t->ticks; }
    """,
    "zephyr/audio/dmic.h": """
        #include <zephyr/kernel.h>
        enum { PDM_CHAN_LEFT }; enum { DMIC_TRIGGER_START };
        struct pcm_stream_cfg {
            uint32_t pcm_rate; uint8_t pcm_width; uint16_t block_size; struct k_mem_slab *mem_slab;
        };
        struct dmic_cfg {
            struct { uint32_t min_pdm_clk_freq, max_pdm_clk_freq; uint8_t min_pdm_clk_dc, max_pdm_clk_dc; } io;
            struct pcm_stream_cfg *streams;
            struct { uint32_t req_chan_map_lo, req_chan_map_hi; uint8_t req_num_chan, req_num_streams; } channel;
        };
        static inline uint32_t dmic_build_channel_map(uint8_t c, uint8_t pdm, int lr) { return c + pdm + lr; }
        static inline int dmic_configure(const struct device *d, struct dmic_cfg *c)
        {
            return d->there && c->streams->pcm_rate == 4000 ? 0 : -1;
        }
        static inline int dmic_trigger(const struct device *d, int t) { (void)d; (void)t; return 0; }
        static inline int dmic_read(const struct device *d, uint8_t s, void **to, uint32_t *bytes, int32_t wait)
        {
            static int16_t block[20];
            static int reads;
            (void)d; (void)s; (void)wait;
            *to = block; *bytes = sizeof block;
            return reads++ < 14 ? 0 : -1;
        }
    """,
    "zephyr/drivers/sensor.h": """
        #include <zephyr/kernel.h>
        enum sensor_channel { SENSOR_CHAN_ACCEL_XYZ = 3 };
        struct sensor_value { int32_t val1, val2; };
        static int fetched;
        static inline int sensor_sample_fetch(const struct device *d) { (void)d; return fetched++ < 16 ? 0 : -1; }
        static inline int sensor_channel_get(const struct device *d, enum sensor_channel c, struct sensor_value *v)
        {
            (void)d; v[0].val1 = v[1].val1 = v[2].val1 = fetched; v[0].val2 = v[1].val2 = v[2].val2 = 0;
            return c == SENSOR_CHAN_ACCEL_XYZ ? 0 : -1;
        }
        static inline int32_t sensor_ms2_to_ug(const struct sensor_value *v) { return v->val1 * 101971; }
    """,
}


@pytest.mark.parametrize(("name", "hops", "last"), [("sound", 14, "sound was lost"), ("motion", 3, "no sample")])
def test_the_zephyr_program_feeds_its_sensor(name, hops, last, exported, tmp_path):
    """With stand-ins for the kernel and the drivers, whose sensor stops after some samples."""
    _, files = exported(name)
    for path, text in ZEPHYR.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"#pragma once\n{text}")
    write_project(files, tmp_path / "out")
    sources = sorted(str(each) for each in (tmp_path / "out" / "src").glob("*.c"))
    run(
        tmp_path, "gcc", "-std=gnu11", *FLAGS, "-I.", "-Iout/src", "-o", "program",
        "out/zephyr/sample/src/main.c", *sources,
    )  # fmt: skip
    said = run(tmp_path, tmp_path / "program").splitlines()
    first = sensor_of(FRONT_ENDS[name]).first
    assert [line.split()[0] for line in said[:-1]] == [str(hop) for hop in range(first, hops + 1)]
    assert said[-1] == last


def test_the_proof_and_the_readme(exported):
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    cascade, files = exported("sound")
    assert "exported without verification" in files["README.md"].decode()
    samples = samples_of("sound", 900)
    proof = verify(cascade, images(cascade, 2), samples=samples, cores=("cortex-m4", "cortex-m0plus"))
    said = decisions(cascade, samples)
    stream = proof.stream
    assert stream.source == "test windows in a row"
    assert (stream.samples, stream.decisions, stream.escalated) == (900, len(said), sum(d.escalated for d in said))
    front_end = FRONT_ENDS["sound"]
    assert (stream.kept, stream.scratch) == (11 * 8 + 2 * front_end.frame, 4 * front_end.fft)
    assert stream.tables == tables_of(front_end).bytes
    assert stream.smoothing == 4 * 5 + 3 * (5 + 1)
    assert stream.hop["cortex-m0plus"] > stream.hop["cortex-m4"] > 1000
    assert proof.summary()["stream"]["kept"] == stream.kept
    (needs, _) = proof.needs
    assert stream.kept + stream.scratch <= needs.arena == cascade.plan().bytes + 4
    # Beside the arena there are past decisions, thresholds, and less than 100 bytes of counts.
    assert needs.arena + stream.smoothing < needs.static < needs.arena + stream.smoothing + 100
    weights = sum(model_bytes(pack(net)) for net in (cascade.little, cascade.big))
    assert weights + stream.tables < needs.constants < weights + stream.tables + 1024
    text = project_files(cascade, images(cascade, 1), "eye", proof)["README.md"].decode()
    assert "eye_feed(samples, count, &decision)" in text
    assert f"Of the arena {stream.kept} bytes are kept" in text
    assert f"{len(said)} decisions, {stream.escalated} of them by the big net" in text
    assert f"{stream.hop['cortex-m4']:,} on a cortex-m4" in text


def test_relative_levels_are_told_with_all_they_take():
    """The picture beside the nets' input, and the instructions of a hop that decides."""
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    front_end = FRONT_ENDS["relative"]
    cascade = fed("relative", smooth=2)
    absolute = replace(cascade, stream=Stream(sensor_of(replace(front_end, relative=False, span_db=60.0))))
    proof, other = (verify(each, images(each, 1), host=False) for each in (cascade, absolute))
    values = front_end.frames * front_end.width
    more = proof.stream.hop["cortex-m4"] - other.stream.hop["cortex-m4"]
    assert more == pytest.approx(front_end_cost(front_end).decision, rel=0.15)
    assert proof.stream.kept == other.stream.kept == -(-values // 4) * 4 + 2 * front_end.frame
    assert cascade.plan().nets[0].tensors[0] >= proof.stream.kept
    assert 0 <= cascade.plan().bytes - absolute.plan().bytes <= values + 8
    text = project_files(cascade, images(cascade, 1), "eye", proof)["README.md"].decode()
    assert "of which the nets' input is made at each decision, levels below the loudest" in text
    assert "puts its image where that picture lies" not in text
    assert f"{proof.stream.hop['cortex-m4']:,} on a cortex-m4" in text


def test_noise_is_fed_where_there_are_no_samples():
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    cascade = fed("axis", every=2)
    proof = verify(cascade, images(cascade, 1), host=False)
    assert (proof.stream.source, proof.stream.decisions, proof.stream.samples) == ("noise", 30, (1 + 2 * 29) * 8)


def test_another_front_end_in_the_firmware_is_found(monkeypatch):
    """Images alone would not tell."""
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    cascade = fed("sound")
    other = replace(FRONT_ENDS["sound"], lowest_db=-90)
    wrong = replace(cascade, stream=Stream(sensor_of(other)))
    real = device_module.cascade_sources
    monkeypatch.setattr(device_module, "cascade_sources", lambda _, name: real(wrong, name))
    with pytest.raises(VerifyError, match=r"emulated cortex-m4, zig differs .* call \d+ of a stream"):
        verify(cascade, images(cascade, 1), host=False)


def test_what_does_not_fit_a_board():
    cascade = fed("sound")
    long = replace(FRONT_ENDS["sound"], frame_ms=400, hop_ms=5, window_ms=450)
    board = load_board("nucleo-f446re")
    hungry = replace(cascade, stream=Stream(sensor_of(long)))
    with pytest.raises(InfeasibleError, match="the front end needs the most of it"):
        check_models(hungry, replace(board, sram_bytes=8000))
    weights = sum(model_bytes(pack(net)) for net in (cascade.little, cascade.big))
    check_models(replace(cascade, stream=None), replace(board, flash_bytes=weights))
    with pytest.raises(InfeasibleError, match="Weights and tables"):
        check_models(cascade, replace(board, flash_bytes=weights))
    pytest.importorskip("unicorn", reason="needs the mcu extra")
    proof = verify(cascade, images(cascade, 1), host=False)
    check_firmware(proof, board)
