"""The key-value database: ScyllaDB, by its DynamoDB API."""

NAMING = "call the action with {}, the name of the table"
_resource = _address = None


def _service():
    """Made when it is first needed, and when the action's settings have changed."""
    global _resource, _address
    address = _endpoint()
    if _resource is None or _address != address:
        # The service asks for no region and no key, but the SDK does.
        _resource = _sdk().resource(
            "dynamodb",
            endpoint_url=address,
            region_name="us-east-1",
            aws_access_key_id="none",
            aws_secret_access_key="none",
        )
        _address = address
    return _resource


def _endpoint():
    """The URL of the setting, which is a host and a port."""
    kind = os.environ.get("NOSQL_STORAGE_TYPE", "scylladb")
    if kind != "scylladb":
        raise RuntimeError(f'NOSQL_STORAGE_TYPE is "{kind}", but this function was built for "scylladb"')
    endpoint = os.environ.get("NOSQL_STORAGE_ENDPOINT")
    if not endpoint:
        raise RuntimeError("nosql has no address: call the action with NOSQL_STORAGE_ENDPOINT, HOST:PORT")
    return endpoint if "://" in endpoint else f"http://{endpoint}"
