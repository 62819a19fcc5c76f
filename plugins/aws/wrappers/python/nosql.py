"""The key-value database: Amazon DynamoDB."""

NAMING = "set {} to the name of the table"
_resource = None


def _service():
    """Made when it is first needed."""
    global _resource
    if _resource is None:
        _resource = _sdk().resource("dynamodb")
    return _resource
