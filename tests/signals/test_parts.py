"""Parts: no group in two of them, shares kept as well as groups allow, refusals with a hint."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeroshot.errors import DataError, UsageError
from zeroshot.signals.parts import draw
from zeroshot.signals.recordings import read_recordings
from zeroshot.signals.windows import PARTS

from .files import int16, recordings, refused_by, tone, wav

refused = refused_by(read_recordings)


def speakers(root, names=("ann", "bob", "cy", "di", "eve"), takes=4):
    """Each says both words; tones differ everywhere."""
    for number, word in enumerate(("no", "yes")):
        (root / word).mkdir(parents=True)
        for i, name in enumerate(names):
            for take in range(takes):
                x = int16(tone(800, 1000 * number + 50 * i + take))
                (root / word / f"{word}_{name}_{take}.wav").write_bytes(wav(x))
    return root


PATTERN = r"_(?P<speaker>[a-z]+)_\d+"


def test_groups_are_found_in_names_and_kept_together(tmp_path):
    signals = read_recordings(speakers(tmp_path), groups=PATTERN, validation=0.2)
    assert sorted(signals.group_names) == ["ann", "bob", "cy", "di", "eve"]
    for number in range(5):
        assert len(set(signals.part[signals.groups == number])) == 1
    assert [len(signals.rows(part)) for part in PARTS] == [24, 8, 8]
    assert any(
        "Drawn by speaker, never by window: train 3 speakers with 24 windows" in each for each in signals.remarks
    )


@pytest.mark.parametrize(
    ("pattern", "kind", "words"),
    [
        ("(", UsageError, "no regular expression"),
        ("[a-z]+", UsageError, "0 named groups"),
        ("(?P<a>.)(?P<b>.)", UsageError, "2 named groups"),
        (r"(?P<speaker>[A-Z]+)", DataError, "no/no_ann_0.wav does not say which speaker"),
        (r"(?P<speaker>x*)", DataError, "no/no_ann_0.wav does not say which speaker"),
        (r"(?P<word>[a-z]+)_", DataError, "Class 'no' is of 1 word only"),
        (r"_(?P<speaker>[a-z])[a-z]*_\d|(?P<rest>.)", UsageError, "2 named groups"),
    ],
)
def test_patterns_that_tell_nothing_are_refused(pattern, kind, words, tmp_path):
    refused(speakers(tmp_path), words, kind=kind, groups=pattern)


def test_parts_as_a_list_has_them(tmp_path):
    root, path = speakers(tmp_path / "words"), tmp_path / "list.csv"
    part_of = {"ann": "train", "bob": "train", "cy": "train", "di": "validation", "eve": "test"}
    names = sorted(str(each.relative_to(root)) for each in root.glob("*/*.wav"))
    lines = [f"{name},{part_of[name.split('_')[1]]}" for name in names]
    path.write_text("\ufefffile,part\n" + "\n".join(reversed(lines)) + "\n\n", encoding="utf-8")
    signals = read_recordings(root, parts=path, groups=PATTERN)
    assert [part_of[signals.group_names[each]] for each in signals.groups] == [PARTS[each] for each in signals.part]
    assert any("As list.csv has them: train 3 speakers" in remark for remark in signals.remarks)

    def refused_list(*words, text=None, add="", kind=DataError):
        path.write_text((text or "\n".join(lines)) + "\n" + add)
        refused(root, *words, kind=kind, parts=path, groups=PATTERN)

    refused_list("lacks 39 files, the first is 'no/no_ann_1.wav'", text=lines[0])
    refused_list("line 41", "'no/other.wav'", "like no/no_ann_0.wav", add="no/other.wav,test")
    refused_list("line 41", "the part 'dev'", "train, validation, test", add=f"{names[0]},dev")
    refused_list("line 41", "second part", add=f"{names[0]},test")
    refused_list("line 41 has 3 cells", add="a,b,c")
    refused_list("line 41 has 1 cell;", add="a")
    moved = "\n".join(lines).replace("no_ann_1.wav,train", "no_ann_1.wav,test")
    refused_list("Speaker 'ann' is in train and, with no/no_ann_1.wav, in test", text=moved)
    refused_list("Class 'no' has no window in test", text="\n".join(lines).replace(",test", ",validation"))
    path.unlink()
    refused(root, "cannot be read", kind=UsageError, parts=path)


def test_a_list_and_folders_are_too_much(tmp_path):
    recordings(tmp_path / "train")
    recordings(tmp_path / "test")
    refused(tmp_path, "train and test folders, and a list", kind=UsageError, parts="x.csv")


def test_two_groups_of_a_class_are_one_for_training_and_one_for_testing():
    """Also where 5 windows times a share divided by it are not 5: found by fresh examples."""
    counts = np.array([[1, 0], [1, 0], [0, 3], [0, 5]])
    part = draw(counts, ["a", "b"], "file", (0.1, 0.5), 0)
    assert [set(part[:2]), set(part[2:])] == [{0, 2}, {0, 2}]


@given(st.data())
def test_no_class_is_without_training_or_test_and_shares_are_kept(data):
    """Groups of one class each: every part gets its share to within one group, training takes what is left."""
    sizes = [
        data.draw(st.lists(st.integers(1, 9), min_size=2, max_size=30)) for _ in range(data.draw(st.integers(2, 4)))
    ]
    counts = np.zeros((sum(map(len, sizes)), len(sizes)), np.int64)
    row = 0
    for label, each in enumerate(sizes):
        for size in each:
            counts[row, label] = size
            row += 1
    validation, test = data.draw(st.sampled_from([0.0, 0.1, 0.3])), data.draw(st.sampled_from([0.1, 0.2, 0.5]))
    part = draw(counts, [str(k) for k in range(len(sizes))], "file", (validation, test), data.draw(st.integers(0, 99)))
    for label, each in enumerate(sizes):
        held = [int(counts[part == number, label].sum()) for number in range(3)]
        assert held[0] > 0
        assert held[2] > 0
        assert held[1] == 0 or validation > 0
        for number, share in ((1, validation), (2, test)):
            assert abs(held[number] - share * sum(each)) <= 2 * max(each)


@given(st.integers(2, 12), st.integers(2, 6), st.integers(0, 99))
def test_speakers_of_all_classes_fill_every_part(groups, classes, seed):
    counts = np.random.default_rng(seed).integers(1, 20, (groups, classes))
    part = draw(counts, [str(k) for k in range(classes)], "speaker", (0.1, 0.2), seed)
    assert set(part.tolist()) == ({0, 1, 2} if groups > 2 else {0, 2})
    assert (part == draw(counts, [str(k) for k in range(classes)], "speaker", (0.1, 0.2), seed)).all()


def test_of_two_groups_training_gets_the_larger():
    counts = np.array([[1, 1], [9, 9]])
    for validation in (0.0, 0.1):
        assert draw(counts, "ab", "speaker", (validation, 0.2), 0).tolist() == [2, 0]


def test_what_no_division_can_do_is_refused():
    """Three classes of two groups each, in a triangle: whichever are tested, one class has both there or none."""
    triangle = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1]])
    with pytest.raises(DataError, match=r"No division of 3 groups \(speaker\)"):
        draw(triangle, "abc", "speaker", (0.0, 0.2), 0)
    with pytest.raises(DataError, match="Class 'b' is of 1 speaker only"):
        draw(np.array([[1, 1], [1, 0]]), "ab", "speaker", (0.0, 0.2), 0)


def test_classes_that_share_groups_crosswise_are_divided_where_that_is_possible():
    chain = np.array([[9, 0, 0], [1, 5, 0], [0, 4, 2], [0, 0, 1]])
    for seed in range(20):
        part = draw(chain, "abc", "speaker", (0.0, 0.5), seed)
        assert all((chain[part == each].sum(axis=0) > 0).all() for each in (0, 2))
