"""What can come after a stage, as methods of its result: the journey in Python."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zeroshot import BatteryLife, CompressedNet, Firmware, QuantizedRun, TrainedRun


class Steps:
    """The later stages of a run, for whatever knows its folder; each is the function of that name in `zeroshot`.

    The functions are looked up in the package itself, which loads them when they are asked for: no stage knows those
    that come after it.
    """

    def run_folder(self) -> Path:
        """Where the run lies."""
        raise NotImplementedError

    def given_data(self) -> object:
        """What the search was given as its data, for stages that need them again; None where the run knows them."""
        raise NotImplementedError

    def train(self, **options: Any) -> "TrainedRun":  # noqa: ANN401 - as `zeroshot.train`
        """Train the nets of the best pairs: `zeroshot.train` of this run, with its arguments by name."""
        import zeroshot

        return zeroshot.train(self.run_folder(), **self._with_data(options))

    def quantize(self, **options: Any) -> "QuantizedRun":  # noqa: ANN401 - as `zeroshot.quantize`
        """Make int8 nets of the trained pairs: `zeroshot.quantize` of this run, with its arguments by name."""
        import zeroshot

        return zeroshot.quantize(self.run_folder(), **self._with_data(options))

    def compress(self, net: str, **options: Any) -> "CompressedNet":  # noqa: ANN401 - as `zeroshot.compress`
        """Prune a trained net, like `1:big`: `zeroshot.compress` of this run, with its arguments by name."""
        import zeroshot

        return zeroshot.compress(self.run_folder(), net, **self._with_data(options))

    def export(self, **options: Any) -> "Firmware":  # noqa: ANN401 - as `zeroshot.export`
        """Write a quantised pair as firmware: `zeroshot.export` of this run, with its arguments by name."""
        import zeroshot

        return zeroshot.export(self.run_folder(), **self._with_data(options))

    def battery(self, every: object, **options: Any) -> "BatteryLife":  # noqa: ANN401 - as `zeroshot.battery`
        """Power and battery life in daily use: `zeroshot.battery` of this run, with its arguments by name."""
        import zeroshot

        return zeroshot.battery(self.run_folder(), every, **self._with_data(options))

    def report(self, **options: Any) -> Path:  # noqa: ANN401 - as `zeroshot.report`
        """Write a page that shows the run: `zeroshot.report` of this run, with its arguments by name."""
        import zeroshot

        return zeroshot.report(self.run_folder(), **self._with_data(options))

    def _with_data(self, options: dict[str, Any]) -> dict[str, Any]:
        return {"data": self.given_data(), **options}
