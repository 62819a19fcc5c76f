"""The key-value database: Google Cloud Datastore (Firestore in Datastore mode)."""

import os
from decimal import Decimal

# Datastore has no array in an array: the inner one is the only member of an entity, by this name.
ARRAY = "[]"


class nosql:
    """What benchmarks call; keys are pairs (name, value). The SDK is imported when it is first needed.

    A table is a kind. An item's key is its secondary value, below the ancestor that its primary
    key makes; neither is a property.
    """

    _instance = None

    def __init__(self):
        self._client = None

    @staticmethod
    def get_instance():
        """The one instance."""
        if nosql._instance is None:
            nosql._instance = nosql()
        return nosql._instance

    def insert(self, table, primary, secondary, data):
        """Writes an item, in place of one that has the same keys."""
        self._service().put(self._entity(table, primary, secondary, data))

    def get(self, table, primary, secondary):
        """The item with these keys; KeyError when there is none."""
        entity = self._service().get(self._key(table, primary, secondary))
        if entity is None:
            raise KeyError(f"table {table} has no item with {primary[0]} {primary[1]!r}, {secondary[0]} {secondary[1]!r}")
        return _item(entity, primary, secondary)

    def update(self, table, primary, secondary, updates):
        """Sets fields of an item and leaves its others."""
        client = self._service()
        from google.api_core import exceptions, retry

        def change():
            with client.transaction() as transaction:
                found = client.get(self._key(table, primary, secondary), transaction=transaction)
                transaction.put(self._entity(table, primary, secondary, {**_from_service(found or {}), **updates}))

        # Datastore gives up a transaction when another changes the same item.
        retry.Retry(retry.if_exception_type(exceptions.Aborted), initial=0.1, timeout=60)(change)()

    def query(self, table, primary, secondary_key_name):
        """All items with this primary key."""
        client = self._service()
        entities = client.query(kind=table, ancestor=client.key(*primary)).fetch()
        return [_item(entity, primary, (secondary_key_name, entity.key.id_or_name)) for entity in entities]

    def delete(self, table, primary, secondary):
        """Removes an item; nothing happens when there is none."""
        self._service().delete(self._key(table, primary, secondary))

    def _key(self, table, primary, secondary):
        return self._service().key(*primary, table, secondary[1])

    def _entity(self, table, primary, secondary, data):
        from google.cloud.datastore import Entity

        fields = {name: _to_service(value) for name, value in data.items() if name not in (primary[0], secondary[0])}
        # What is not indexed may be longer than 1500 bytes.
        entity = Entity(self._key(table, primary, secondary), exclude_from_indexes=tuple(fields))
        entity.update(fields)
        return entity

    def _service(self):
        if self._client is None:
            try:
                import google.cloud.datastore as sdk
            except ModuleNotFoundError as error:
                raise RuntimeError(
                    "this function uses nosql, but its config.json does not declare it: "
                    f'add "nosql" to "modules" ({error})'
                ) from error
            self._client = sdk.Client(database=_database())
        return self._client


def _database():
    variable = "NOSQL_STORAGE_DATABASE"
    if variable not in os.environ:
        raise RuntimeError(
            "this function uses nosql, but its config.json does not declare it: "
            f'add "nosql" to "modules" (or, if it is there, set {variable} to the name of the database)'
        )
    return os.environ[variable]


def _item(entity, primary, secondary):
    """An entity's fields, the two keys among them."""
    return {**_from_service(entity), **dict([primary, secondary])}


def _to_service(value):
    """Datastore takes neither Decimal nor tuple nor bytearray, and no array in an array."""
    if isinstance(value, bytearray):
        return bytes(value)
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return float(value)
    if isinstance(value, Decimal):
        return _to_service(int(value) if value == value.to_integral_value() else float(value))
    if isinstance(value, dict):
        return {name: _to_service(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        members = map(_to_service, value)
        return [{ARRAY: member} if isinstance(member, list) else member for member in members]
    return value


def _from_service(value):
    """Whole numbers as int, whichever way they were written, and embedded entities as dict."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict) and list(value) == [ARRAY]:
        return _from_service(value[ARRAY])
    if isinstance(value, dict):
        return {name: _from_service(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_from_service(member) for member in value]
    return value
