"""Object storage: MinIO."""

import io
import os
import uuid

# The size of the parts in which a stream of unknown length is uploaded.
PART = 10 << 20


class storage:
    """What benchmarks call; the SDK is imported when it is first needed."""

    _instance = None

    def __init__(self):
        self._client = None
        self._settings = None

    @staticmethod
    def get_instance():
        """The one instance."""
        if storage._instance is None:
            storage._instance = storage()
        return storage._instance

    @staticmethod
    def unique_name(name):
        """`stem.<8 hexadecimal digits>.extension`, so that no two uploads meet."""
        stem, extension = os.path.splitext(name)
        return f"{stem}.{uuid.uuid4().hex[:8]}{extension}"

    def upload(self, bucket, file, filepath):
        """Uploads a file; the unique key that it has got."""
        key = self.unique_name(file)
        self._minio().fput_object(bucket, key, filepath)
        return key

    def download(self, bucket, file, filepath):
        """Downloads an object to a file."""
        self._minio().fget_object(bucket, file, filepath)

    def download_directory(self, bucket, prefix, path):
        """Downloads all objects whose key begins with `prefix`, as files at `path`/key."""
        for entry in self._minio().list_objects(bucket, prefix=prefix, recursive=True):
            key = entry.object_name
            target = _below(path, key)
            if key.endswith("/"):
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            self.download(bucket, key, target)

    def upload_stream(self, bucket, file, data):
        """Uploads what a binary file object holds; the unique key that it has got."""
        key = self.unique_name(file)
        self._put(bucket, key, data)
        return key

    def download_stream(self, bucket, file):
        """An object's bytes."""
        answer = self._minio().get_object(bucket, file)
        try:
            return answer.read()
        finally:
            answer.close()
            answer.release_conn()

    def put(self, bucket, key, data):
        """Writes bytes to exactly this key: the handler's own use."""
        self._put(bucket, key, io.BytesIO(data))

    def _put(self, bucket, key, data):
        self._minio().put_object(bucket, key, data, length=-1, part_size=PART)

    def _minio(self):
        settings = _settings()
        if self._client is None or self._settings != settings:
            try:
                from minio import Minio
            except ModuleNotFoundError as error:
                raise RuntimeError(
                    "this function uses storage, but its config.json does not declare it: "
                    f'add "storage" to "modules" ({error})'
                ) from error
            url, access_key, secret_key = settings
            if not url:
                raise RuntimeError("storage has no address: call the action with MINIO_STORAGE_CONNECTION_URL, HOST:PORT")
            scheme, _, host = url.rpartition("://")
            self._client = Minio(host, access_key=access_key, secret_key=secret_key, secure=scheme == "https")
            self._settings = settings
        return self._client


def _settings():
    names = ("CONNECTION_URL", "ACCESS_KEY", "SECRET_KEY")
    return tuple(os.environ.get(f"MINIO_STORAGE_{name}") for name in names)


def _below(folder, key):
    """The file's path of a key, which must not lead out of the folder."""
    root = os.path.realpath(folder)
    target = os.path.realpath(f"{root}/{key}")
    if os.path.commonpath([root, target]) != root:
        raise ValueError(f"the object `{key}` would be written outside of {folder}")
    return target
