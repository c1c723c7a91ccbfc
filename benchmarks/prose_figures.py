"""The figures that stand in sentences: name -> what results/ says now."""

from collections.abc import Callable

from benchmarks.prose_sources import (
    ALIVE,
    ALL,
    CARRY,
    CHOSEN,
    ERROR,
    EVERY,
    FIRMWARE,
    FIXED,
    FUSION,
    LARGE,
    LATENCY,
    MACS,
    MOBILENET,
    NASBENCH,
    NEW,
    PAIR,
    PICO,
    SOUND,
    SOUND_M4,
    ST_RESNET8,
    TRUTH,
    UNSEEN,
    WHOLE,
    Cell,
    Found,
    against,
    ahead,
    alone,
    at_rate,
    bf16,
    chosen,
    counted,
    first_pair,
    frozen,
    helpful,
    mean_regret,
    minus_rival,
    mobilenet,
    n_operators,
    next_alone,
    number,
    operators,
    over_seeds,
    pair_macs,
    percent,
    proxy_speed,
    ratio,
    scores,
    vendors,
)
from benchmarks.stored import cell, record

FIGURES: dict[str, Callable[[], str]] = {
    # The search that the README shows
    "search.rate": first_pair("escalation_rate", ".1f", 100),
    "search.latency": first_pair("latency_ms", ".0f"),
    "search.worst": first_pair("worst_latency_ms", ".0f"),
    "search.accuracy": first_pair("accuracy", ".1f", 100),
    "search.single": first_pair("single_accuracy", ".1f", 100),
    "search.gain": first_pair("gain", ".1f", 100),
    "search.gain_error": first_pair("gain_error", ".1f", 100),
    # The zoo of trained nets
    "zoo.trainings": Found(TRUTH, r"(\d+) of \d+ trainings are there"),
    "zoo.calibration": Found(TRUTH, r"trainings are there: (\d+) calibration"),
    "zoo.held_out": Found(TRUTH, r"calibration and (\d+) held-out nets"),
    "zoo.pairs": Cell(TRUTH, "Pairs, single accuracies predicted", "no training", "pairs"),
    "zoo.seeds": Found(TRUTH, r"test accuracy differs by (\S+) points"),
    "ridge.calibration": Cell(TRUTH, "Single nets", "ridge over features", "Spearman (1)"),
    "ridge.held_out": Cell(TRUTH, "Single nets", "ridge over features", "Spearman"),
    "sizes.calibration": Cell(TRUTH, "Single nets", CHOSEN, "Spearman (1)"),
    "sizes.held_out": Cell(TRUTH, "Single nets", CHOSEN, "Spearman"),
    "trust": number(Found(TRUTH, r"Trust in fused ranks: (\S+)"), ".0f", 100),
    "copula.error": Cell(TRUTH, "Pairs, true single accuracies given", "fitted", ERROR),
    "copula.constant": Cell(TRUTH, "Pairs, true single accuracies given", "constant gamma and kappa", ERROR),
    "copula.independence": Cell(TRUTH, "Pairs, true single accuracies given", "independence (kappa = 0)", ERROR),
    "copula.two.kendall": Cell(TRUTH, "animals or vehicles", "fitted", "Kendall, equal p", 1),
    "copula.two.kendall.constant": Cell(
        TRUTH, "animals or vehicles", "constant gamma and kappa", "Kendall, equal p", 1
    ),
    "regret.macs": Cell(TRUTH, MACS, "no training", "mean"),
    "regret.latency": Cell(TRUTH, LATENCY, "no training", "mean"),
    "regret.macs.layers": Cell(TRUTH, MACS, "no training, layers alone", "mean"),
    "regret.latency.layers": Cell(TRUTH, LATENCY, "no training, layers alone", "mean"),
    **{
        f"regret.{cost}.{nets}": mean_regret(nets, cost.replace("macs", "MACs"))
        for nets in ("16", "32", "64", "128")
        for cost in ("macs", "latency")
    },
    "error.64": Cell(TRUTH, "How many calibration nets", "64", ERROR),
    "error.32": Cell(TRUTH, "How many calibration nets", "32", ERROR),
    "error.128": Cell(TRUTH, "How many calibration nets", "128", ERROR),
    # Other tasks and other nets
    "tasks.bars": Found(CARRY, r"Inside the 80 % bars are (\d+) % of all nets"),
    "tasks.bars.least": Found(CARRY, r"of these tasks, at least (\d+) % in each"),
    **{
        f"calibrate.{n}{end}": Cell(CARRY, "First choices, and a few trainings", row, column)
        for n, row in ((0, "no training"), (8, "8 trained, as shipped"))
        for end, column in (("", "regret"), (".error", "its error"))
    },
    "calibrate.0.bias": Cell(CARRY, "First choices, and a few trainings", "no training", "its bias"),
    **{
        f"longer.{column}": Cell(CARRY, "Longer trainings", "nets of the journey, 20 epochs", column, 1)
        for column in ("size", "macs")
    },
    "spaces.nasbench201": Cell(CARRY, "How far predictions carry", NASBENCH, "size"),
    "spaces.nasbench201.macs": Cell(CARRY, "How far predictions carry", NASBENCH, "macs"),
    "bars.nets": Cell(TRUTH, "Anchored by N trainings", "0", "net's part alone"),
    "bars.nets.task": Cell(TRUTH, "Anchored by N trainings", "0", "in 80 % bars"),
    "bars.pairs": Cell(TRUTH, "Pairs, single accuracies predicted", "no training", "nets' part alone"),
    "bars.pairs.task": Cell(TRUTH, "Pairs, single accuracies predicted", "no training", "in 80 % bars"),
    # Proxies on the zoo
    **{
        f"alone.{name}": alone(name)
        for name in ("macs", "swap", "logsynflow", "reg_swap", "zen_running", "zico", "linear_readout")
    },
    "alone.next": lambda: f"`{next_alone()}`",
    "alone.next.score": lambda: alone(next_alone())(),
    "features.error": Found(TRUTH, r"The last column compares with (\S+) of the features alone"),
    "helpful.first": lambda: f"`{helpful(0)[0]}`",
    "helpful.second": lambda: f"`{helpful(1)[0]}`",
    "helpful.first.error": lambda: helpful(0)[1],
    "helpful.second.error": lambda: helpful(1)[1],
    # Proxies on NAS-Bench-201
    "nb201.ahead.az_nas": ahead(ALL, "az_nas"),
    "nb201.equal.rows": number(
        lambda: record("proxy_bench_against.csv", nets=EVERY, task="cifar10", score="vkdnw_agg", **FIXED)["rows"],
        ",.0f",
    ),
    "nb201.equal.fusion": against(EVERY, "vkdnw_agg", "fusion"),
    "nb201.equal.vkdnw": against(EVERY, "vkdnw_agg", "spearman"),
    "nb201.ahead.vkdnw": ahead(EVERY, "vkdnw_agg"),
    "nb201.ahead.vkdnw.unseen": ahead(EVERY, "vkdnw_agg", UNSEEN),
    **{f"nb201.every.{name}": scores(EVERY, name) for name in ("ntk_cond", "gradsign", "grasp", "linear_readout")},
    "nb201.every.linear_readout.top": scores(EVERY, "linear_readout", "spearman, top 5 %"),
    "nb201.alive.fusion": chosen(ALIVE, WHOLE),
    "nb201.alive.chosen": chosen(ALIVE),
    "nb201.alive.frozen": frozen(ALIVE),
    "nb201.seeds.fusion": over_seeds(FUSION),
    "nb201.seeds.jacob_cov": over_seeds("jacob_cov"),
    # Cost model and generated C
    "cost.latency.error": Found("cost_model.md", r"not used in any fit: MAPE (\S+)%"),
    "cost.latency.nets": Found("cost_model.md", r"not used in any fit: MAPE \S+%, bias \S+, n = (\d+)"),
    "cost.latency.worst": lambda: cell("cost_model.md", "Whole nets", "CNN_1", "error").strip("-%"),
    **{
        f"cost.counted.{engine}.{net}": counted(words, engine)
        for engine in ("tflm-cmsis-nn", "c99")
        for net, words in (("small", "small ResNet, 3.24 M"), ("resnet8", "ResNet8, 12.50 M"), ("mobilenet", MOBILENET))
    },
    # The front end
    "sound.frame": Cell(SOUND, SOUND_M4, "16 kHz, 32/20 ms, 40, zig", "a frame"),
    "sound.hop": Cell(SOUND, SOUND_M4, "16 kHz, 32/20 ms, 40, zig", "a hop"),
    "sound.plain": Cell(SOUND, SOUND_M4, "16 kHz, 32/20 ms, 40, zig", "frame / plain"),
    "sound.plain.gcc": Cell(SOUND, SOUND_M4, "16 kHz, 32/20 ms, 40, gcc", "frame / plain"),
    "sound.own": Cell(SOUND, SOUND_M4, "16 kHz, 32/20 ms, 40, zig", "frame / own"),
    "sound.own.gcc": Cell(SOUND, SOUND_M4, "16 kHz, 32/20 ms, 40, gcc", "frame / own"),
    "sound.code": Cell(SOUND, SOUND_M4, "16 kHz, 32/20 ms, 40, zig", "code, bytes"),
    "sound.m0": Cell(SOUND, "Instructions of a frame", "cortex-m0plus", "zig"),
    "sound.tables": Cell(SOUND, "Memory and", "16 kHz, 32/20 ms, 40", "tables"),
    "sound.ram": Cell(SOUND, "Memory and", "16 kHz, 32/20 ms, 40", "RAM"),
    "sound.ram.98": Cell(SOUND, "Memory and", "16 kHz, 25/10 ms, 40", "RAM"),
    "sound.predicted": Cell(SOUND, "Instructions of a hop", "held out", "mean error"),
    "sound.predicted.worst": Cell(SOUND, "Instructions of a hop", "held out", "worst"),
    "sound.snr": Cell(SOUND, "Spoken digits", "8 kHz, 32/20 ms, 24", "SNR of log-mel, dB"),
    "sound.snr.8": Cell(SOUND, "Spoken digits", "8 kHz, 32/20 ms, 24", "SNR of 8 bits, dB"),
    "sound.frames": Cell(SOUND, "Spoken digits", "8 kHz, 32/20 ms, 24", "frames"),
    "cost.layers": Found("instruction_model.md", r"(\d+) layers of \d+ random nets"),
    "cost.layers.nets": Found("instruction_model.md", r"\d+ layers of (\d+) random nets"),
    "cost.layers.error": percent(Cell("instruction_model.md", "Layers", "all", "held out: MAPE")),
    "cost.layers.worst": percent(Found("instruction_model.md", r"\| all .*?% \|.*?% \|.*?% \| (\S+) \|")),
    "cost.nets.error": percent(Cell("instruction_model.md", "Whole nets", "held out", "MAPE")),
    "cost.nets.worst": percent(Cell("instruction_model.md", "Whole nets", "held out", "worst")),
    "cost.flash.error": percent(Cell("instruction_model.md", "Memory", "flash of the model", "MAPE")),
    "cost.flash.worst": percent(Cell("instruction_model.md", "Memory", "flash of the model", "worst")),
    "cost.arena.error": percent(Cell("instruction_model.md", "Memory", "arena", "MAPE")),
    **{
        f"cost.{board}.{net}": ratio(board, measured, place)
        for board, measured in (("nucleo-l4r5zi", "L4R5, microTVM"), ("stm32u575", "nRF5340"), (PICO, "G0B1"))
        for place, net in enumerate(("resnet8", "mobilenet"))
    },
    "cost.vendors.least": lambda: f"{min(vendors()):.2f}",
    "cost.vendors.most": lambda: f"{max(vendors()):.2f}",
    **{
        f"cost.{device}.{kind}": operators(device, kind)
        for device in ("NUCLEOF446RE", "NiclaSense")
        for kind in ("conv", "add", "pointwise", "first_conv")
    },
    "cost.operators.NUCLEOF446RE": lambda: f"{n_operators('NUCLEOF446RE'):,}",
    "cost.operators.NiclaSense": lambda: f"{n_operators('NiclaSense'):,}",
    "cost.mobilenet.model": number(Cell("cost_model.md", "mbv2-w0.3-r64", "cmsis_nn", "model, ms"), ".0f"),
    "cost.mobilenet.cmsis": number(Cell("cost_model.md", "mbv2-w0.3-r64", "cmsis_nn", "measured, ms"), ".0f"),
    "cost.mobilenet.tflm": number(Cell("cost_model.md", "mbv2-w0.3-r64", "tflm", "measured, ms"), ".0f"),
    "cost.mobilenet.tinyengine": number(Cell("cost_model.md", "mbv2-w0.3-r64", "tinyengine", "measured, ms"), ".0f"),
    "cost.mobilenet.m7": lambda: f"{100 * (mobilenet('model, ms') / mobilenet('measured, ms') - 1):.0f}",
    # The pair that was chosen by hand
    "pair.images": Found(FIRMWARE, r"sanitizers, \d+ s \| ([\d,]+) \|"),
    "pair.differ": Found(FIRMWARE, r"sanitizers, \d+ s \| [\d,]+ \| (\d+) \|"),
    "pair.flash": Cell(FIRMWARE, "", "code, weights and tables", "", 1),
    "pair.ram": Cell(FIRMWARE, "", "RAM, stack of 288 bytes included", "", 1),
    "pair.instructions.little": Cell(FIRMWARE, "", "instructions, little net alone", "", 1),
    "pair.instructions.both": Cell(FIRMWARE, "", "instructions, both", "", 1),
    "pair.instructions": Cell(FIRMWARE, "", "instructions, expected", "", 1),
    "pair.arena": Found(PAIR, r"little \+ rival has \S+ KiB and (\S+) KiB"),
    "pair.tie": lambda: minus_rival("one threshold"),
    "pair.class.tie": lambda: minus_rival("a threshold a class"),
    "pair.saves": lambda: f"{100 - 100 * pair_macs('one threshold') / LARGE:.0f}",
    "pair.class.saves": lambda: f"{100 - 100 * pair_macs('a threshold a class') / LARGE:.1f}",
    "pair.curve.saves": lambda: f"{100 - 100 * at_rate('48.3 %')[1] / LARGE:.0f}",
    "pair.curve.costs": lambda: f"{at_rate('100.0 %')[0] - at_rate('48.3 %')[0]:.2f}",
    "pair.curve.share": lambda: f"{100 * at_rate('18.1 %')[1] / ST_RESNET8:.0f}",
    "pair.residual": Found(PAIR, r"finetuned \| little . big \| one threshold .* -(\S+) \["),
    # Training and pruning
    "pruning.behind": Found("pruning.md", r"ahead in 0 of 8 rows, on average -(\S+) points"),
    "pruning.wins": Found("pruning.md", r"all 12 epochs pruning is ahead in (\d+ of \d+) rows"),
    "pruning.ahead.short": Found(
        "pruning.md", r"for 4 epochs pruning is ahead in \d+ of \d+ rows, on average \+(\S+) "
    ),
    "pruning.wins.short": Found("pruning.md", r"for 4 epochs pruning is ahead in (\d+ of \d+) rows"),
    # A rare class
    **{
        f"rare.{name}": Cell("rare.md", "What each is worth", row, column)
        for name, row, column in (
            ("bias.pair", "bias, pair trained as ever", "balanced"),
            ("bias.normal", "bias, pair trained as ever", "normal found"),
            ("balance.pair", "balance, pair", "balanced"),
            ("weights.pair", "weights in the loss, pair", "balanced"),
            ("both.pair", "balance and bias, pair", "balanced"),
            ("pair", "the pair instead of its little net, trained as ever", "balanced"),
        )
    },
    # Speed
    "speed.bf16.least": bf16(min),
    "speed.bf16.most": bf16(max),
    "speed.proxies.shared": lambda: proxy_speed("forward and backward, all above (26)", "shared, median"),
    "speed.proxies.alone": lambda: proxy_speed("forward and backward, all above (26)", "alone, median"),
    "speed.readout": lambda: proxy_speed("`linear_readout`", "shared, median"),
    "speed.naswot": lambda: proxy_speed("`naswot`", "shared, median"),
    "speed.zico": lambda: proxy_speed("`zico`", "shared, median"),
    "speed.one": lambda: f"{float(cell('proxy_speed.md', 'Threads', '1 thread(s), 1 process', NEW)):.0f}",
    "speed.both": lambda: f"{float(cell('proxy_speed.md', 'Threads', '1 thread, 2 processes that are up', NEW)):.0f}",
    "speed.plain.both": Found("training_speed.md", r"x1/2-c3w64x1/2` \| 1\.29 \| bf16 \| 2 \| (\S+) \|"),
    "speed.plain.one": Found("training_speed.md", r"x1/2-c3w64x1/2` \| 1\.29 \| bf16 \| 1 \| (\S+) \|"),
    "speed.depthwise": Found("training_speed.md", r"\| 1\.20 \| bf16 \| 2 \| (\S+) \|"),
    "speed.resnet8": Found("training_speed.md", r"\| 12\.50 \| bf16 \| 2 \| (\S+) \|"),
    **{
        f"search.{data}.{how}": Found("speed.md", rf"(?:search`|shortlist 64), {data}, {words} \| (\S+) s")
        for data in ("digits", "cifar10")
        for how, words in (("cold", "nothing compiled"), ("warm", "compiled before"))
    },
    "search.cifar10.jobs": Found("speed.md", r"(?:search`|shortlist 64), cifar10, `?--jobs 2`? \| (\S+) s"),
}
