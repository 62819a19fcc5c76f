"""The key-value database: ScyllaDB, by its DynamoDB API."""

import os
from decimal import Decimal


class nosql:
    """What benchmarks call; keys are pairs (name, value). The SDK is imported when it is first needed."""

    _instance = None

    def __init__(self):
        self._resource = None
        self._endpoint = None

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
        answer = self._table(table).get_item(Key=dict([primary, secondary]), ConsistentRead=True)
        if "Item" not in answer:
            raise KeyError(f"table {table} has no item with {primary[0]} {primary[1]!r}, {secondary[0]} {secondary[1]!r}")
        return _from_service(answer["Item"])

    def update(self, table, primary, secondary, updates):
        """Sets fields of an item and leaves its others."""
        arguments = {}
        if updates:
            fields = list(updates.items())
            arguments = {
                "UpdateExpression": "SET " + ", ".join(f"#n{i} = :v{i}" for i in range(len(fields))),
                "ExpressionAttributeNames": {f"#n{i}": name for i, (name, _) in enumerate(fields)},
                "ExpressionAttributeValues": {f":v{i}": _to_service(value) for i, (_, value) in enumerate(fields)},
            }
        self._table(table).update_item(Key=dict([primary, secondary]), **arguments)

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
        self._table(table).delete_item(Key=dict([primary, secondary]))

    def _table(self, name):
        # The name first: that the module is not declared is what its lack most likely means.
        real_name = _real_name(name)
        return self._service().Table(real_name)

    def _service(self):
        endpoint = _endpoint()
        if self._resource is None or self._endpoint != endpoint:
            try:
                import boto3
            except ModuleNotFoundError as error:
                raise RuntimeError(
                    "this function uses nosql, but its config.json does not declare it: "
                    f'add "nosql" to "modules" ({error})'
                ) from error
            # The service asks for no region and no key, but the SDK does.
            self._resource = boto3.resource(
                "dynamodb",
                endpoint_url=endpoint,
                region_name="us-east-1",
                aws_access_key_id="none",
                aws_secret_access_key="none",
            )
            self._endpoint = endpoint
        return self._resource


def _endpoint():
    """The URL of the setting, which is a host and a port."""
    kind = os.environ.get("NOSQL_STORAGE_TYPE", "scylladb")
    if kind != "scylladb":
        raise RuntimeError(f'NOSQL_STORAGE_TYPE is "{kind}", but this function was built for "scylladb"')
    endpoint = os.environ.get("NOSQL_STORAGE_ENDPOINT")
    if not endpoint:
        raise RuntimeError("nosql has no address: call the action with NOSQL_STORAGE_ENDPOINT, HOST:PORT")
    return endpoint if "://" in endpoint else f"http://{endpoint}"


def _real_name(table):
    variable = f"NOSQL_STORAGE_TABLE_{table}"
    if variable not in os.environ:
        raise RuntimeError(
            "this function uses nosql, but its config.json does not declare it: "
            f'add "nosql" to "modules" (or, if it is there, call the action with {variable}, the name of the table)'
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
