"""The C of a decision bias; without one the cascade's C is as if there were none such."""

from zeroshot.int8.decision import LARGEST_GAP, Bias

GAP = """    second = logits[label] + bias[label] - second;
    return second < {most} ? second : {most};"""
# What stands in the templates of cascade.c and cascade.h.
NONE = {
    "bias_tables": "", "bias_parameter": "", "little_bias": "", "big_bias": "", "bias_lowest": "-128", "bias_plus": "",
    "bias_label": "", "bias_gap": "    return logits[label] - second;", "bias_words": "", "bias_gap_words": "",
}  # fmt: skip
# In those of a stream: what the scores of a decision are made of.
SCORE, PAST = "result->logits[i]", "past[i]"


def bias_values(little: Bias, big: Bias, classes: int) -> dict[str, str]:
    """Texts for the templates of a cascade.

    Args:
        little: Of the little net; empty, or a number a class.
        big: Of the big net.
        classes: Number of classes.
    """
    if not any((*little, *big)):
        return NONE
    rows = (("little", little), ("big", big))
    tables = "".join(
        f"\nstatic const int8_t {size}_bias[{classes}] = {{{', '.join(map(str, bias or (0,) * classes))}}};"
        for size, bias in rows
    )
    return {
        "bias_tables": tables, "bias_parameter": ", const int8_t *bias", "little_bias": ", little_bias",
        "big_bias": ", big_bias", "bias_lowest": "INT16_MIN", "bias_plus": " + bias[i]", "bias_label": " + bias[label]",
        "bias_gap": GAP.format(most=LARGEST_GAP),
        "bias_words": ", each with its class's bias", "bias_gap_words": f", up to {LARGEST_GAP}",
    }  # fmt: skip


def score_values(biased: bool) -> dict[str, str]:
    """Texts for the templates of a stream."""
    if not biased:
        return {"score": SCORE, "past_score": PAST}
    return {
        "score": f"{SCORE} + (result->escalated ? big_bias : little_bias)[i]",
        "past_score": f"({PAST} + (context->past_escalated[context->place] ? big_bias : little_bias)[i])",
    }
