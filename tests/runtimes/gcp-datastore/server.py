"""A small Datastore in memory: server.py DATABASE LOG

It speaks gRPC (google.datastore.v1) on a free loopback port, which it prints, as both of Google's client
libraries do with DATASTORE_EMULATOR_HOST. Each request is a JSON line of LOG. It refuses what the real service
refuses: another database, an indexed text of more than 1500 bytes, an array in an array, a transaction that
it does not know. Queries answer two entities at a time.
"""

import base64
import json
import sys
import threading
import uuid
from concurrent import futures

import grpc
from google.cloud.datastore_v1 import types
from google.protobuf.json_format import MessageToDict

PAGE = 2
INDEXED = 1500


class Refused(Exception):
    """The request is wrong."""


class Datastore:
    def __init__(self, database, log):
        self._database = database
        self._log = log
        self._lock = threading.Lock()
        self._entities = {}
        self._transactions = set()

    def handlers(self):
        def handler(name, answer):
            request_type = getattr(types, f"{name}Request")
            response_type = getattr(types, f"{name}Response")

            def call(request, context):
                with self._lock:
                    line = {"method": name, "request": MessageToDict(request)}
                    print(json.dumps(line), file=self._log, flush=True)
                    try:
                        if request.database_id != self._database:
                            raise Refused(f"the database is {self._database}, not {request.database_id!r}")
                        return response_type.pb(answer(request))
                    except Refused as error:
                        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

            return grpc.unary_unary_rpc_method_handler(
                call,
                request_deserializer=request_type.pb().FromString,
                response_serializer=response_type.pb().SerializeToString,
            )

        names = {
            "Lookup": self.lookup, "RunQuery": self.run_query, "BeginTransaction": self.begin,
            "Commit": self.commit, "Rollback": self.rollback,
        }
        return {name: handler(name, answer) for name, answer in names.items()}

    def lookup(self, request):
        if request.read_options.transaction:
            self._known(request.read_options.transaction)
        found, missing = [], []
        for key in request.keys:
            entity = self._entities.get(path(key))
            (found if entity else missing).append({"entity": entity or {"key": key}, "version": 1})
        return types.LookupResponse(found=found, missing=missing)

    def run_query(self, request):
        query = request.query
        [kind] = [kind.name for kind in query.kind]
        # One condition, by itself or as all of a conjunction.
        condition = query.filter.property_filter
        if query.filter.composite_filter.filters:
            [only] = query.filter.composite_filter.filters
            condition = only.property_filter
        if condition.op != types.PropertyFilter.Operator.HAS_ANCESTOR or condition.property.name != "__key__":
            raise Refused("only queries of one ancestor's entities are known")
        ancestor = path(condition.value.key_value)
        entities = [
            entity for key, entity in sorted(self._entities.items())
            if key[: len(ancestor)] == ancestor and key[-1][0] == kind
        ]
        start = int(query.start_cursor or b"0")
        page = entities[start : start + PAGE]
        end = start + len(page)
        states = types.QueryResultBatch.MoreResultsType
        results = [{"entity": entity, "version": 1, "cursor": str(start + i + 1).encode()} for i, entity in enumerate(page)]
        return types.RunQueryResponse(batch={
            "entity_result_type": types.EntityResult.ResultType.FULL,
            "entity_results": results,
            "end_cursor": str(end).encode(),
            "more_results": states.NOT_FINISHED if end < len(entities) else states.NO_MORE_RESULTS,
        })

    def begin(self, request):
        transaction = uuid.uuid4().bytes
        self._transactions.add(transaction)
        return types.BeginTransactionResponse(transaction=transaction)

    def commit(self, request):
        if request.mode == types.CommitRequest.Mode.TRANSACTIONAL:
            self._known(request.transaction)
            self._transactions.discard(request.transaction)
        results = []
        for mutation in request.mutations:
            operation = mutation.WhichOneof("operation")
            if operation == "delete":
                self._entities.pop(path(mutation.delete), None)
            elif operation == "upsert":
                for name, value in mutation.upsert.properties.items():
                    check(name, value)
                self._entities[path(mutation.upsert.key)] = mutation.upsert
            else:
                raise Refused(f"{operation} is not known")
            results.append({"version": 2})
        return types.CommitResponse(mutation_results=results, index_updates=0)

    def rollback(self, request):
        self._known(request.transaction)
        self._transactions.discard(request.transaction)
        return types.RollbackResponse()

    def _known(self, transaction):
        if transaction not in self._transactions:
            raise Refused(f"there is no transaction {base64.b64encode(transaction).decode()}")


def path(key):
    """A key as what can be compared: kind and name, or kind and number, from the ancestor on."""
    steps = []
    for step in key.path:
        if step.WhichOneof("id_type") is None:
            raise Refused(f"the key of kind {step.kind} is incomplete")
        steps.append((step.kind, step.name, step.id))
    return tuple(steps)


def check(name, value):
    kind = value.WhichOneof("value_type")
    if kind == "string_value" and not value.exclude_from_indexes and len(value.string_value.encode()) > INDEXED:
        raise Refused(f"the property {name} is indexed and longer than {INDEXED} bytes")
    if kind == "array_value":
        for member in value.array_value.values:
            if member.WhichOneof("value_type") == "array_value":
                raise Refused(f"the property {name} is an array in an array")
            check(name, member)
    if kind == "entity_value" and not value.exclude_from_indexes:
        for inner, member in value.entity_value.properties.items():
            check(f"{name}.{inner}", member)


def main():
    database, log = sys.argv[1:]
    server = grpc.server(futures.ThreadPoolExecutor(4))
    service = Datastore(database, open(log, "a"))
    generic = grpc.method_handlers_generic_handler("google.datastore.v1.Datastore", service.handlers())
    server.add_generic_rpc_handlers((generic,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
