"""`LayersPlugin`: what TensorBoard loads, the routes of the tab Layers."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tensorboard.plugins import base_plugin
from werkzeug import Request, Response

from ..writer import PLUGIN
from .trainings import Training, Trainings, changes, suggestion

PAGE = Path(__file__).parent / "page"
TYPES = {".js": "text/javascript", ".css": "text/css"}


class LayersPlugin(base_plugin.TBPlugin):
    """The tab Layers. It reads event files below the log directory, and serves nothing else but its own page.

    The charts are drawn by Plotly, which is served from the installed Python package; where that is missing the page
    says how to install it.

    Args:
        context: `base_plugin.TBContext`, given by TensorBoard.
    """

    plugin_name = PLUGIN

    def __init__(self, context: base_plugin.TBContext) -> None:
        self._trainings = Trainings(log_dirs(context))

    def get_plugin_apps(self) -> dict[str, Callable]:
        """The routes, below `data/plugin/layers`."""
        pages = {f"/{path.name}": _file(path) for path in PAGE.iterdir() if path.suffix in TYPES}
        return pages | {
            "/plotly.min.js": _file(_plotly()),
            "/trainings": Request.application(self._serve_trainings),
            "/training": Request.application(self._serve_training),
            "/values": Request.application(self._serve_values),
            "/histograms": Request.application(self._serve_histograms),
            "/changes": Request.application(self._serve_changes),
        }

    def is_active(self) -> bool:
        """Whether there is an event file; TensorBoard asks while its page opens, so nothing is read for it."""
        return self._trainings.has_event_files()

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """What TensorBoard needs to open the tab."""
        return base_plugin.FrontendMetadata(es_module_path="/index.js", tab_name="Layers")

    def _serve_trainings(self, request: Request) -> Response:
        self._trainings.look()
        found = self._trainings.enough()
        return _json(
            {
                "trainings": [training.summary() for training in found],
                "suggestion": suggestion(found),
                "is_complete": self._trainings.is_complete,
            }
        )

    def _serve_training(self, request: Request) -> Response:
        training = self._asked_for(request, "run")
        return _json(training.details()) if training else _unknown()

    def _serve_values(self, request: Request) -> Response:
        training = self._asked_for(request, "run")
        if training is None:
            return _unknown()
        values = training.values(request.args.get("quantity", ""))  # None where another training has that quantity
        return _response(b"" if values is None else values.tobytes(), "application/octet-stream")

    def _serve_histograms(self, request: Request) -> Response:
        training = self._asked_for(request, "run")
        epoch = request.args.get("epoch", type=int)
        if training is None or epoch is None:
            return _unknown()
        return _json(training.histograms(request.args.get("layer", ""), epoch))

    def _serve_changes(self, request: Request) -> Response:
        before, after = self._asked_for(request, "before"), self._asked_for(request, "after")
        return _json(changes(before, after)) if before and after else _unknown()

    def _asked_for(self, request: Request, argument: str) -> Training | None:
        """The training that an argument names, which must be one of those found; never a path."""
        return self._trainings.get(request.args.get(argument, ""))


def log_dirs(context: base_plugin.TBContext) -> dict[str, Path]:
    """The log directories that TensorBoard was started with, as `Trainings` takes them."""
    spec = getattr(context.flags, "logdir_spec", "") if context.flags else ""
    if not spec:
        return {"": Path(context.logdir).expanduser()} if context.logdir else {}
    found = {}
    for number, one in enumerate(spec.split(",")):
        name, colon, directory = one.partition(":")
        found[name if colon else str(number)] = Path(directory if colon else one).expanduser()
    return found


def _plotly() -> Path | None:
    """Plotly's JavaScript in the installed Python package, which is not imported for it."""
    spec = importlib.util.find_spec("plotly")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js" if spec and spec.origin else None


def _file(path: Path | None) -> Callable:
    """A route that serves one file."""

    @Request.application
    def serve(request: Request) -> Response:
        if path is None or not path.exists():
            return _unknown()
        return _response(path.read_bytes(), TYPES[path.suffix], "max-age=60" if path.parent != PAGE else "no-cache")

    return serve


def _json(content: Any) -> Response:
    return _response(json.dumps(content, allow_nan=False).encode(), "application/json")


def _unknown() -> Response:
    return Response("There is no such thing here.", 404, {"X-Content-Type-Options": "nosniff"}, mimetype="text/plain")


def _response(content: bytes, mimetype: str, cached: str = "no-store") -> Response:
    headers = {"X-Content-Type-Options": "nosniff", "Cache-Control": cached}
    return Response(content, headers=headers, mimetype=mimetype)
