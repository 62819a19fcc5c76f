"""The key-value database: Azure Cosmos DB for NoSQL."""

import base64
import os
from decimal import Decimal

# The service takes no more in one patch.
PATCH = 10
# JSON has no binary values: {BINARY: their base64}.
BINARY = "$binary"


class nosql:
    """What benchmarks call; keys are pairs (name, value). The SDK is imported when it is first needed.

    A table is a container. An item's id is its secondary value, its partition key is its primary value.
    """

    _instance = None

    def __init__(self):
        self._database = None

    @staticmethod
    def get_instance():
        """The one instance."""
        if nosql._instance is None:
            nosql._instance = nosql()
        return nosql._instance

    def insert(self, table, primary, secondary, data):
        """Writes an item, in place of one that has the same keys."""
        self._container(table).upsert_item(_document(primary, secondary, data))

    def get(self, table, primary, secondary):
        """The item with these keys; KeyError when there is none."""
        container = self._container(table)
        try:
            found = container.read_item(_id(secondary), partition_key=primary[1])
        except _not_found() as error:
            keys = f"{primary[0]} {primary[1]!r}, {secondary[0]} {secondary[1]!r}"
            raise KeyError(f"table {table} has no item with {keys}") from error
        return _item(found, primary, secondary)

    def update(self, table, primary, secondary, updates):
        """Sets fields of an item and leaves its others; an item that is not there is made."""
        container = self._container(table)
        fields = _document(primary, secondary, updates)
        if not _patch(container, primary, fields):
            _create(container, primary, fields)

    def query(self, table, primary, secondary_key_name):
        """All items with this primary key."""
        items = self._container(table).query_items("SELECT * FROM c", partition_key=primary[1])
        name = secondary_key_name
        return [_item(found, primary, (name, found.get(name, found["id"]))) for found in items]

    def delete(self, table, primary, secondary):
        """Removes an item; nothing happens when there is none."""
        container = self._container(table)
        try:
            container.delete_item(_id(secondary), partition_key=primary[1])
        except _not_found():
            pass

    def _container(self, table):
        if self._database is None:
            try:
                from azure.cosmos import CosmosClient
            except ModuleNotFoundError as error:
                raise RuntimeError(
                    "this function uses nosql, but its config.json does not declare it: "
                    f'add "nosql" to "modules" ({error})'
                ) from error
            client = CosmosClient(_setting("URL"), credential=_setting("CREDS"))
            self._database = client.get_database_client(_setting("DATABASE"))
        return self._database.get_container_client(table)


def _patch(container, primary, fields):
    """Sets fields of an item; whether there is one."""
    # Neither key of the service's can be set.
    changes = [(name, value) for name, value in fields.items() if name not in ("id", primary[0])]
    operations = [{"op": "set", "path": f"/{_pointer(name)}", "value": value} for name, value in changes]
    try:
        for start in range(0, len(operations), PATCH):
            container.patch_item(fields["id"], primary[1], operations[start : start + PATCH])
    except _not_found():
        return False
    return True


def _create(container, primary, fields):
    from azure.cosmos.exceptions import CosmosResourceExistsError

    try:
        container.create_item(fields)
    except CosmosResourceExistsError:
        # Somebody else was faster; what that wrote stays.
        _patch(container, primary, fields)


def _not_found():
    from azure.cosmos.exceptions import CosmosResourceNotFoundError

    return CosmosResourceNotFoundError


def _setting(name):
    variable = f"NOSQL_STORAGE_{name}"
    if not os.environ.get(variable):
        raise RuntimeError(
            "this function uses nosql, but its config.json does not declare it: "
            f'add "nosql" to "modules" (or, if it is there, set {variable}: NOSQL_STORAGE_DATABASE, _URL and _CREDS '
            "are the database's name, the account's URL and its key)"
        )
    return os.environ[variable]


def _id(secondary):
    """The service's own key, which is text."""
    return str(secondary[1])


def _document(primary, secondary, data):
    fields = {_to_name(name): _to_service(value) for name, value in data.items()}
    return fields | {primary[0]: primary[1], secondary[0]: secondary[1], "id": _id(secondary)}


def _item(found, primary, secondary):
    """The fields of the benchmark's, the two keys among them."""
    fields = {_from_name(name): _from_service(value) for name, value in found.items() if not _is_reserved(name)}
    return fields | dict([primary, secondary])


def _is_reserved(name):
    """Whether the service has a field of this name for itself."""
    return name in ("id", "_rid", "_self", "_etag", "_attachments", "_ts")


def _to_name(name):
    """A field of the benchmark's is kept under another name where the service wants that one."""
    return f"data.{name}" if _is_reserved(name) else name


def _from_name(name):
    return name[5:] if name.startswith("data.") and _is_reserved(name[5:]) else name


def _pointer(name):
    """A name as a part of a JSON pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _to_service(value):
    """JSON has no Decimal and no bytes."""
    if isinstance(value, (bytes, bytearray)):
        return {BINARY: base64.b64encode(value).decode()}
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _to_service(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_service(member) for member in value]
    return value


def _from_service(value):
    """Whole numbers as int, whichever way they were written."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict) and list(value) == [BINARY]:
        return base64.b64decode(value[BINARY])
    if isinstance(value, dict):
        return {name: _from_service(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_from_service(member) for member in value]
    return value
