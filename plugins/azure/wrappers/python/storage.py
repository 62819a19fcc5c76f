"""Object storage: Azure Blob Storage. A bucket is a container of blobs."""

import os
import uuid


class storage:
    """What benchmarks call; the SDK is imported when it is first needed."""

    _instance = None

    def __init__(self, connection_string=None):
        self._connection_string = connection_string
        self._client = None

    @staticmethod
    def get_instance(connection_string=None):
        """The one instance; the first call may tell the storage account, else the environment does."""
        if storage._instance is None:
            storage._instance = storage(connection_string)
        return storage._instance

    @staticmethod
    def unique_name(name):
        """`stem.<8 hexadecimal digits>.extension`, so that no two uploads meet."""
        stem, extension = os.path.splitext(name)
        return f"{stem}.{uuid.uuid4().hex[:8]}{extension}"

    def upload(self, bucket, file, filepath):
        """Uploads a file; the unique key that it has got."""
        with open(filepath, "rb") as data:
            return self.upload_stream(bucket, file, data)

    def download(self, bucket, file, filepath):
        """Downloads an object to a file."""
        stream = self._blob(bucket, file).download_blob()
        with open(filepath, "wb") as target:
            stream.readinto(target)

    def download_directory(self, bucket, prefix, path):
        """Downloads all objects whose key begins with `prefix`, as files at `path`/key."""
        for key in self._service().get_container_client(bucket).list_blob_names(name_starts_with=prefix):
            target = _below(path, key)
            if key.endswith("/"):
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            self.download(bucket, key, target)

    def upload_stream(self, bucket, file, data):
        """Uploads what a binary file object holds; the unique key that it has got."""
        key = self.unique_name(file)
        self._blob(bucket, key).upload_blob(data, overwrite=True)
        return key

    def download_stream(self, bucket, file):
        """An object's bytes."""
        return self._blob(bucket, file).download_blob().readall()

    def _blob(self, bucket, key):
        return self._service().get_blob_client(bucket, key)

    def _service(self):
        if self._client is None:
            try:
                from azure.storage.blob import BlobServiceClient
            except ModuleNotFoundError as error:
                raise RuntimeError(
                    "this function uses storage, but its config.json does not declare it: "
                    f'add "storage" to "modules" ({error})'
                ) from error
            self._client = BlobServiceClient.from_connection_string(self._connection_string or _connection_string())
        return self._client


def _connection_string():
    variable = "STORAGE_CONNECTION_STRING"
    if not os.environ.get(variable):
        raise RuntimeError(
            f"the storage account is not known: set {variable} to its connection string, "
            "or hand that to the first call of get_instance()"
        )
    return os.environ[variable]


def _below(folder, key):
    """The file's path of a key, which must not lead out of the folder."""
    root = os.path.realpath(folder)
    target = os.path.realpath(f"{root}/{key}")
    if os.path.commonpath([root, target]) != root:
        raise ValueError(f"the object `{key}` would be written outside of {folder}")
    return target
