"""What is answered to which request: the endpoints of the platform below /2, the simulator's own below /simulator."""
from __future__ import annotations

from deploy.errors import BadUse
from deploy.local.simulator import compliance, script, search
from deploy.local.simulator.compliance import Compliance
from deploy.local.simulator.faults.answers import too_many
from deploy.local.simulator.stream import Stream
from deploy.local.simulator.wire import ALL_CONNECTIONS, RULES, SEARCH, STREAM, USAGE, Answer, Request, invalid, problem

BACKFILL_MINUTES = ("1", "2", "3", "4", "5")


class Api:
    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.jobs = Compliance(stream.deleted, stream.settings.time_scale)

    def answer(self, request: Request) -> Answer | None:
        """None where it is the stream that was asked for, and is given."""
        where, stream = (request.method, request.path), self.stream
        if where == ("GET", "/health"):
            return Answer(200, stream.health())
        if request.path.startswith(compliance.FILES + "/"):
            return self.jobs.file(request, stream.now_ms)
        if not request.bearer or request.bearer != (stream.settings.token or request.bearer):
            return problem(401, "Unauthorized", "Unauthorized")
        if request.path.startswith("/simulator/"):
            return self._own(request)
        if (instead := stream.faults.answer(request)) is not None:
            return instead
        return self._refusal(request) if where == ("GET", STREAM) else self._other(request)

    def _other(self, request: Request) -> Answer:
        where, stream = (request.method, request.path), self.stream
        if where == ("GET", RULES):
            return Answer(200, stream.rules.listing())
        if where == ("POST", RULES):
            return Answer(*stream.rules.change(request.json(), request.one("dry_run").lower() == "true"))
        if where == ("DELETE", ALL_CONNECTIONS):
            killed = stream.hang_up() + stream.faults.killed()
            return Answer(200, {"data": {"successful_kills": killed, "failed_kills": 0, "results": []}})
        if where == ("GET", SEARCH):
            return search.recent(request, stream.history, stream.now_ms, stream.deleted, stream.settings.time_scale)
        if where == ("GET", USAGE):
            return stream.usage.answer(request, stream.now_ms)
        return self.jobs.api(request, stream.now_ms) or problem(404, "Not Found", " ".join(where))

    def _own(self, request: Request) -> Answer:
        """What is the simulator's alone."""
        where, stream = (request.method, request.path), self.stream
        if where == ("GET", "/simulator/state"):
            return Answer(200, {**stream.health(), "faults": stream.faults.state(), "unsent": stream.unsent_count,
                                "elapsed_s": round(stream.elapsed_s, 3)})
        if where == ("POST", "/simulator/faults"):
            try:
                begun = script.entry(request.json())
                if begun.at_s or begun.at_record:
                    raise BadUse("at_s and at_record are for scripts; what is posted begins at once")
                stream.faults.begin(begun)
            except BadUse as error:
                return problem(400, "Invalid Request", str(error))
            return Answer(201, {"faults": stream.faults.state()})
        return problem(404, "Not Found", " ".join(where))

    def _refusal(self, request: Request) -> Answer | None:
        """Of a connection to the stream; None where there is none."""
        stream, minutes = self.stream, request.one("backfill_minutes")
        if minutes and minutes not in BACKFILL_MINUTES:
            return invalid("backfill_minutes", minutes, "must be a number from 1 to 5")
        if not stream.budget.spend():
            return stream.budget.refusal(stream.now_ms)
        return too_many() if len(stream.connections) >= stream.most_connections else None
