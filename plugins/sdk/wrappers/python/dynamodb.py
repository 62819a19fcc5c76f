# What benchmarks call, by the API of DynamoDB. Before this there is `_service()`, which gives a resource of boto3, and
# NAMING, how a variable gets the name of a table.
import os  # noqa: E402
from decimal import Decimal  # noqa: E402


class nosql:
    """What benchmarks call; keys are pairs (name, value). The SDK is imported when it is first needed."""

    _instance = None

    def __init__(self):
        self._service = None
        self._tables = {}

    @staticmethod
    def get_instance():
        """The one instance."""
        if nosql._instance is None:
            nosql._instance = nosql()
        return nosql._instance

    def insert(self, table, primary, secondary, data):
        """Writes an item, in place of one that has the same keys."""
        self._table(table).put_item(Item=_to_service({**data, **dict([primary, secondary])}))

    def get(self, table, primary, secondary):
        """The item with these keys; KeyError when there is none."""
        answer = self._table(table).get_item(Key=_key(primary, secondary), ConsistentRead=True)
        if "Item" not in answer:
            raise KeyError(f"table {table} has no item with {primary[0]} {primary[1]!r}, {secondary[0]} {secondary[1]!r}")
        return _from_service(answer["Item"])

    def update(self, table, primary, secondary, updates):
        """Sets fields of an item and leaves its others."""
        arguments = {}
        # Keys are told apart, and cannot be set.
        fields = [(name, value) for name, value in updates.items() if name not in (primary[0], secondary[0])]
        if fields:
            arguments = {
                "UpdateExpression": "SET " + ", ".join(f"#n{i} = :v{i}" for i in range(len(fields))),
                "ExpressionAttributeNames": {f"#n{i}": name for i, (name, _) in enumerate(fields)},
                "ExpressionAttributeValues": {f":v{i}": _to_service(value) for i, (_, value) in enumerate(fields)},
            }
        self._table(table).update_item(Key=_key(primary, secondary), **arguments)

    def query(self, table, primary, secondary_key_name):
        """All items with this primary key."""
        name, value = primary
        arguments = {
            "KeyConditionExpression": "#primary = :primary",
            "ExpressionAttributeNames": {"#primary": name},
            "ExpressionAttributeValues": {":primary": _to_service(value)},
            "ConsistentRead": True,
        }
        items = []
        while True:
            page = self._table(table).query(**arguments)
            items += map(_from_service, page["Items"])
            if "LastEvaluatedKey" not in page:
                return items
            arguments["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def delete(self, table, primary, secondary):
        """Removes an item; nothing happens when there is none."""
        self._table(table).delete_item(Key=_key(primary, secondary))

    def _table(self, name):
        # The name first: that the module is not declared is what its lack most likely means.
        real_name = _real_name(name)
        service = _service()
        if self._service is not service:
            self._service, self._tables = service, {}
        if real_name not in self._tables:
            self._tables[real_name] = service.Table(real_name)
        return self._tables[real_name]


def _sdk():
    try:
        import boto3
    except ModuleNotFoundError as error:
        raise RuntimeError(
            "this function uses nosql, but its config.json does not declare it: "
            f'add "nosql" to "modules" ({error})'
        ) from error
    return boto3


def _key(primary, secondary):
    return _to_service(dict([primary, secondary]))


def _real_name(table):
    variable = f"NOSQL_STORAGE_TABLE_{table}"
    if variable not in os.environ:
        raise RuntimeError(
            "this function uses nosql, but its config.json does not declare it: "
            f'add "nosql" to "modules" (or, if it is there, {NAMING.format(variable)})'
        )
    return os.environ[variable]


def _to_service(value):
    """DynamoDB takes no float."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, dict):
        return {name: _to_service(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_service(member) for member in value]
    if isinstance(value, (set, frozenset)):
        return {_to_service(member) for member in value}
    return value


def _from_service(value):
    """Numbers as int or float, binary values as bytes."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {name: _from_service(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_from_service(member) for member in value]
    if isinstance(value, set):
        return {_from_service(member) for member in value}
    # boto3.dynamodb.types.Binary
    return bytes(value.value) if hasattr(value, "value") else value
